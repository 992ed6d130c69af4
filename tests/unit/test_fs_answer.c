/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request that a transaction's success answers at once, from the store's thread: the contract of fs_txn_submit_for()
 * in fs/node.h. A FUSE session without a mount takes the requests and counts the answers.
 */
#include <errno.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

#include <cmocka.h>

#include "fs/commit.h"
#include "fs/frame.h"

enum { NUMBER = 4711, DEADLINE_S = 60 };

struct world {
	char dir[64];
	struct store *store;
	struct cache *cache;
	struct registry *registry;
	struct fs *fs;
	struct fuse_session *se;
	struct fs_req *req;
	pthread_mutex_t lock; /* guards the next four */
	pthread_cond_t heard;
	unsigned answers;
	int error; /* of the last answer; 0 or a negative errno */
	pthread_t by;
	unsigned ends; /* times that the transaction's end was told to the loop */
	int result;
	unsigned answers_at_end;
};

static struct world *world_of(fuse_req_t req)
{
	return ((struct fs *)fuse_req_userdata(req))->config.ready_arg;
}

/* --- the session: what the kernel would send, and who hears the answers --- */

static ssize_t io_read(int fd, void *buf, size_t len, void *userdata)
{
	errno = EAGAIN;
	return -1;
}

static ssize_t io_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	const struct fuse_out_header *out = iov[0].iov_base;
	struct world *w = ((struct fs *)userdata)->config.ready_arg;
	ssize_t n = 0;

	for (int i = 0; i < count; i++)
		n += (ssize_t)iov[i].iov_len;
	pthread_mutex_lock(&w->lock);
	if (out->unique == NUMBER) {
		w->answers++;
		w->error = out->error;
		w->by = pthread_self();
		pthread_cond_signal(&w->heard);
	}
	pthread_mutex_unlock(&w->lock);
	return n;
}

static void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct world *w = world_of(req);

	w->req = fs_req_new(req, w->fs->root, NULL);
	assert_non_null(w->req);
	fs_req_park(w->req, NULL, NULL);
}

static void send(struct world *w, uint32_t opcode, uint64_t unique, const void *body, size_t len)
{
	unsigned char bytes[256] = { 0 };
	const struct fuse_in_header in = { .len = (uint32_t)(sizeof(in) + len), .opcode = opcode, .unique = unique,
					   .nodeid = FUSE_ROOT_ID };
	const struct fuse_buf buf = { .size = in.len, .mem = bytes };

	memcpy(bytes, &in, sizeof(in));
	memcpy(bytes + sizeof(in), body, len);
	fuse_session_process_buf(w->se, &buf);
}

static void open_session(struct world *w)
{
	static const struct fuse_lowlevel_ops ops = { .flush = op_flush };
	static const struct fuse_custom_io io = { .read = io_read, .writev = io_writev };
	const struct fuse_init_in init = { .major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION,
					   .max_readahead = 131072 };
	const struct fuse_flush_in flush = { .fh = 1 };
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);

	assert_int_equal(fuse_opt_add_arg(&args, "podfs"), 0);
	w->se = fuse_session_new(&args, &ops, sizeof(ops), w->fs);
	fuse_opt_free_args(&args);
	assert_non_null(w->se);
	assert_int_equal(fuse_session_custom_io(w->se, &io, open("/dev/null", O_RDWR | O_CLOEXEC)), 0);
	send(w, FUSE_INIT, 2, &init, sizeof(init));
	send(w, FUSE_FLUSH, NUMBER, &flush, sizeof(flush));
	assert_non_null(w->req);
	assert_int_equal(w->answers, 0);
}

/* --- the world --- */

static int set_up(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct world *w = calloc(1, sizeof(*w));
	struct fs_config config = { .mountpoint = "/nowhere", .state_dir = w->dir, .ready_arg = w };
	char uri[128];

	(void)snprintf(w->dir, sizeof(w->dir), "%s/podfs-fs.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	assert_non_null(mkdtemp(w->dir));
	(void)pthread_mutex_init(&w->lock, NULL);
	(void)pthread_cond_init(&w->heard, NULL);
	(void)snprintf(uri, sizeof(uri), "lmdb:%s/store", w->dir);
	assert_int_equal(store_open(uri, &w->store, NULL), 0);
	assert_int_equal(cache_new(w->store, &w->cache, NULL), 0);
	assert_int_equal(registry_new(w->store, w->cache, NULL, &w->registry), 0);
	config.registry = w->registry;
	if (fs_session_new(&config, &w->fs, &err) < 0)
		fail_msg("%s", error_text(&err));
	open_session(w);
	*state = w;
	return 0;
}

static void remove_tree(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;

	while (d && (de = readdir(d)))
		if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0)
			remove_tree(dirfd(d), de->d_name);
	if (d)
		(void)closedir(d);
	(void)unlinkat(dir, name, d ? AT_REMOVEDIR : 0);
}

static int tear_down(void **state)
{
	struct world *w = *state;

	fuse_session_destroy(w->se);
	fs_session_free(w->fs);
	registry_free(w->registry);
	cache_free(w->cache);
	store_close(w->store);
	remove_tree(AT_FDCWD, w->dir);
	(void)pthread_cond_destroy(&w->heard);
	(void)pthread_mutex_destroy(&w->lock);
	free(w);
	return 0;
}

/* --- what is tested --- */

static unsigned answers(struct world *w)
{
	unsigned n;

	pthread_mutex_lock(&w->lock);
	n = w->answers;
	pthread_mutex_unlock(&w->lock);
	return n;
}

static void wait_for_answer(struct world *w)
{
	struct timespec until;
	int r = 0;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += DEADLINE_S;
	pthread_mutex_lock(&w->lock);
	while (!w->answers && r == 0)
		r = pthread_cond_timedwait(&w->heard, &w->lock, &until);
	pthread_mutex_unlock(&w->lock);
	assert_int_equal(r, 0);
}

static void on_end(struct fs *fs, void *arg, int result, uint64_t rev)
{
	struct world *w = arg;

	w->ends++;
	w->result = result;
	w->answers_at_end = answers(w);
	fs_reply_err(w->req, result);
}

/* A change of one key that succeeds if that has the revision `expect`. */
static void submit(struct world *w, uint64_t expect, struct fs_req *answer)
{
	const struct writer who = { .agent = "mount" };
	_cleanup_txn_ struct txn *t = txn_new(w->registry, &who);

	assert_int_equal(txn_put(t, "/test/key", "value", 5, expect), 0);
	assert_int_equal(fs_txn_submit_for(w->fs, t, 0, answer, on_end, w), 0);
}

static bool is_stored(struct world *w)
{
	_cleanup_store_entry_ struct store_entry *e = NULL;

	return store_get(w->store, "/test/key", &e) == 0;
}

/* "a success answers with 0: the store's thread does so at once", though the loop does nothing; "fn follows". */
static void test_success(void **state)
{
	struct world *w = *state;

	submit(w, STORE_ABSENT, w->req);
	wait_for_answer(w);
	assert_int_equal(w->error, 0);
	assert_false(pthread_equal(w->by, pthread_self()));
	assert_true(is_stored(w));
	assert_int_equal(w->ends, 0);
	fs_loop_drain(w->fs);
	assert_int_equal(w->ends, 1);
	assert_int_equal(w->result, 0);
	assert_int_equal(w->answers_at_end, 1);
	assert_int_equal(w->answers, 1); /* fs_reply_err() "answers only what is not answered yet" */
}

/* "A failure is left to fn." */
static void test_failure(void **state)
{
	struct world *w = *state;

	submit(w, 77, w->req);
	fs_loop_drain(w->fs);
	assert_int_equal(w->ends, 1);
	assert_int_equal(w->result, -ESTALE);
	assert_int_equal(w->answers_at_end, 0);
	assert_int_equal(w->answers, 1);
	assert_int_equal(w->error, -ESTALE);
	assert_true(pthread_equal(w->by, pthread_self()));
	assert_false(is_stored(w));
}

/* "`answer` may be NULL": then a success is fn's to answer too. */
static void test_nobody(void **state)
{
	struct world *w = *state;

	submit(w, STORE_ABSENT, NULL);
	fs_loop_drain(w->fs);
	assert_int_equal(w->ends, 1);
	assert_int_equal(w->answers_at_end, 0);
	assert_int_equal(w->answers, 1);
	assert_int_equal(w->error, 0);
	assert_true(pthread_equal(w->by, pthread_self()));
}

/* Who was answered while he waited, because he is being killed, is not answered again. */
static void test_answered(void **state)
{
	struct world *w = *state;
	fuse_req_t req = fs_req_claim(w->req);

	assert_non_null(req);
	assert_null(fs_req_claim(w->req));
	assert_int_equal(fuse_reply_err(req, EINTR), 0);
	submit(w, STORE_ABSENT, w->req);
	fs_loop_drain(w->fs);
	assert_int_equal(w->ends, 1);
	assert_int_equal(w->result, 0);
	assert_int_equal(w->answers, 1);
	assert_int_equal(w->error, -EINTR);
	assert_true(is_stored(w));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_success, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_failure, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nobody, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_answered, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
