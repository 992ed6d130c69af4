/* SPDX-License-Identifier: Apache-2.0 */
/* A store seen from another process, and one built from what was seen. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/remove.h"
#include "store/snapshot.h"
#include "store/store.h"

enum { LARGE = 256 * 1024, WRITES = 300 };

static char dir[] = "/tmp/podfs-test-snapshot.XXXXXX";

static char *in_dir(const char *name)
{
	static char paths[4][256];
	static unsigned n;
	char *p = paths[n++ % ARRAY_SIZE(paths)];

	(void)snprintf(p, sizeof(paths[0]), "%s/%s", dir, name);
	return p;
}

static struct store *open_store(const char *name)
{
	struct store *s = NULL;
	char uri[300];

	(void)snprintf(uri, sizeof(uri), "lmdb:%s", in_dir(name));
	assert_int_equal(store_open(uri, &s, NULL), 0);
	return s;
}

static uint64_t put(struct store *s, const char *key, const void *value, size_t len)
{
	const struct store_op op = { .type = STORE_PUT, .key = key, .value = value, .len = len, .expect = STORE_ANY };
	uint64_t rev = 0;

	assert_int_equal(store_commit(s, &op, 1, 0, &rev), 0);
	return rev;
}

struct copy {
	struct store_builder *to;
	size_t n;
};

static int copy_record(void *arg, const void *key, size_t key_len, const void *record, size_t len, struct error *err)
{
	struct copy *c = arg;

	c->n++;
	return c->to ? store_builder_add(c->to, key, key_len, record, len, err) : 0;
}

static void test_copy(void **state)
{
	struct store *s = open_store("from");
	uint64_t first = put(s, "/a", "one", 3), last, reserved;
	struct store_snapshot *snapshot = NULL;
	struct store_entry *e = NULL;
	struct copy c = { 0 };
	size_t len = 0;

	(void)state;
	(void)put(s, "/b", "", 0);
	last = put(s, "/a", "two", 3);
	store_close(s);
	assert_int_equal(store_snapshot_open(in_dir("from"), &snapshot, NULL), 0);
	reserved = store_snapshot_reserved(snapshot);
	assert_true(reserved >= last);
	assert_int_equal(store_builder_new(in_dir("to"), reserved, reserved + 1000, &c.to, NULL), 0);
	assert_int_equal(store_snapshot_each(snapshot, copy_record, &c, NULL), 0);
	assert_int_equal(c.n, 2);
	assert_int_equal(store_builder_finish(c.to, NULL), 0);
	store_builder_free(c.to);
	store_snapshot_close(snapshot);

	s = open_store("to");
	assert_int_equal(store_get(s, "/a", &e), 0);
	assert_int_equal(store_entry_create_rev(e), first);
	assert_int_equal(store_entry_mod_rev(e), last);
	assert_memory_equal(store_entry_value(e, &len), "two", 3);
	assert_int_equal(len, 3);
	store_entry_unref(e);
	assert_true(put(s, "/c", "", 0) > reserved + 1000);
	store_close(s);
}

static void test_no_records(void **state)
{
	unsigned char record[20] = { 9, 0, 0, 0, 0, 0, 0, 0, 9 };
	struct store_builder *b = NULL;

	(void)state;
	assert_int_equal(store_builder_new(in_dir("hostile"), 9, 9, &b, NULL), 0);
	assert_int_equal(store_builder_add(b, "/k", 2, record, sizeof(record), NULL), 0);
	assert_int_equal(store_builder_add(b, "/k", 2, record, 15, NULL), -EBADMSG);
	assert_int_equal(store_builder_add(b, "", 0, record, sizeof(record), NULL), -EBADMSG);
	assert_int_equal(store_builder_add(b, "/\0k", 3, record, sizeof(record), NULL), -EBADMSG);
	record[8] = 10; /* later than the last revision there was */
	assert_int_equal(store_builder_add(b, "/k", 2, record, sizeof(record), NULL), -EBADMSG);
	store_builder_free(b);
}

static void test_absent(void **state)
{
	struct store_snapshot *s = NULL;
	int fd;

	(void)state;
	assert_int_equal(store_snapshot_open(in_dir("nowhere"), &s, NULL), -ENOENT);
	assert_int_equal(mkdir(in_dir("foreign"), 0700), 0);
	fd = open(in_dir("foreign/data.mdb"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0 && ftruncate(fd, 65536) == 0);
	(void)close(fd);
	assert_int_equal(store_snapshot_open(in_dir("foreign"), &s, NULL), -EBADMSG);
}

static void test_empty(void **state)
{
	struct store *s;

	(void)state;
	assert_int_equal(store_remove_empty(in_dir("none"), NULL), 0);
	s = open_store("empty");
	assert_int_equal(store_remove_empty(in_dir("empty"), NULL), -EBUSY);
	store_close(s);
	assert_int_equal(store_remove_empty(in_dir("empty"), NULL), 0);
	assert_int_equal(access(in_dir("empty"), F_OK), -1);
	s = open_store("full");
	(void)put(s, "/a", "", 0);
	store_close(s);
	assert_int_equal(store_remove_empty(in_dir("full"), NULL), -EEXIST);
	s = open_store("full");
	assert_int_equal(store_revision(s) > 0, 1);
	store_close(s);
}

/* In a child: opens a snapshot when told to, says what it counts when told again, and waits to be killed. */
static void read_from_outside(int in, int out)
{
	struct store_snapshot *s = NULL;
	struct copy c = { 0 };
	char byte;

	if (read(in, &byte, 1) != 1 || store_snapshot_open(in_dir("live"), &s, NULL) < 0 || write(out, "o", 1) != 1 ||
	    read(in, &byte, 1) != 1 || store_snapshot_each(s, copy_record, &c, NULL) < 0)
		_exit(1);
	byte = (char)c.n;
	(void)!write(out, &byte, 1);
	(void)!read(in, &byte, 1);
	_exit(1);
}

/* Two processes may have the store open; what a killed one read is used again. */
static void test_killed_reader(void **state)
{
	static char large[LARGE];
	int to[2], from[2], status;
	struct store *s;
	struct stat st;
	char byte = 0;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(to, O_CLOEXEC), 0);
	assert_int_equal(pipe2(from, O_CLOEXEC), 0);
	pid = fork(); /* before the store has threads */
	if (pid == 0)
		read_from_outside(to[0], from[1]);
	assert_true(pid > 0);
	s = open_store("live");
	(void)put(s, "/a", "", 0);
	(void)put(s, "/b", "", 0);
	assert_int_equal(write(to[1], "x", 1), 1);
	assert_int_equal(read(from[0], &byte, 1), 1);
	(void)put(s, "/later", "", 0);
	assert_int_equal(write(to[1], "x", 1), 1);
	assert_int_equal(read(from[0], &byte, 1), 1);
	assert_int_equal(byte, 2); /* not the later one */
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	for (int i = 0; i < WRITES; i++)
		(void)put(s, "/a", large, sizeof(large));
	assert_int_equal(stat(in_dir("live/data.mdb"), &st), 0);
	assert_true(st.st_size < WRITES * (off_t)LARGE / 4);
	store_close(s);
	for (int i = 0; i < 2; i++) {
		(void)close(to[i]);
		(void)close(from[i]);
	}
}

static int set_up(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	return remove_tree(AT_FDCWD, dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_no_records),
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_killed_reader),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
