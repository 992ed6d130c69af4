/* SPDX-License-Identifier: Apache-2.0 */
#include "store_util.h"

#include <time.h>

int fixture_setup(void **state)
{
	const char *kind = *state;
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	if (strcmp(kind, "lmdb:") == 0)
		make_dir(f->dir);
	fixture_open(f);
	*state = f;
	return 0;
}

int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	if (f->faulty.ops) /* a test that has failed may have left it shut */
		faulty_gate(&f->faulty, false);
	fixture_close(f);
	if (f->dir[0])
		remove_dir(f->dir);
	free(f);
	return 0;
}

void fixture_open(struct fixture *f)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	char uri[80] = "memory:";

	if (f->dir[0])
		snprintf(uri, sizeof(uri), "lmdb:%s", f->dir);
	if (store_open(uri, &f->s, &err) < 0)
		fail_msg("%s", error_text(&err));
}

void fixture_close(struct fixture *f)
{
	store_close(steal_ptr(f->s));
}

void make_dir(char out[static 64])
{
	snprintf(out, 64, "/tmp/podfs-test-store-XXXXXX");
	assert_non_null(mkdtemp(out));
}

void remove_dir(const char *dir)
{
	static const char *const files[] = { "data.mdb", "lock.mdb", "spare" };
	char path[128];

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		(void)unlink(path);
	}
	assert_int_equal(rmdir(dir), 0);
}

struct store_op put_op(const char *key, const char *value, uint64_t expect)
{
	return (struct store_op){ STORE_PUT, key, value, strlen(value), expect };
}

int put(struct store *s, const char *key, const char *value, uint64_t expect, uint64_t *ret_rev)
{
	struct store_op op = put_op(key, value, expect);

	return store_commit(s, &op, 1, 0, ret_rev);
}

int put_lazy(struct store *s, const char *key, const char *value, uint64_t *ret_rev)
{
	struct store_op op = put_op(key, value, STORE_ANY);

	return store_commit(s, &op, 1, STORE_LAZY, ret_rev);
}

int del(struct store *s, const char *key, uint64_t expect, uint64_t *ret_rev)
{
	struct store_op op = { .type = STORE_DELETE, .key = key, .expect = expect };

	return store_commit(s, &op, 1, 0, ret_rev);
}

void assert_value(struct store *s, const char *key, const char *value, uint64_t mod_rev)
{
	_cleanup_store_entry_ struct store_entry *e = NULL;
	const void *data = NULL;
	size_t len = 0;

	assert_int_equal(store_get(s, key, &e), 0);
	data = store_entry_value(e, &len);
	assert_string_equal(store_entry_key(e), key);
	assert_int_equal(len, strlen(value));
	assert_memory_equal(data, value, len);
	if (mod_rev)
		assert_int_equal(store_entry_mod_rev(e), mod_rev);
}

void assert_absent(struct store *s, const char *key)
{
	_cleanup_store_entry_ struct store_entry *e = NULL;

	assert_int_equal(store_get(s, key, &e), -ENOENT);
}

static struct timespec deadline(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_sec += DEADLINE;
	return ts;
}

void tally_add(struct tally *t)
{
	pthread_mutex_lock(&t->lock);
	t->n++;
	pthread_cond_broadcast(&t->grown);
	pthread_mutex_unlock(&t->lock);
}

void tally_wait(struct tally *t, unsigned n)
{
	struct timespec until = deadline();
	unsigned have;
	int r = 0;

	pthread_mutex_lock(&t->lock);
	while (t->n < n && r == 0)
		r = pthread_cond_timedwait(&t->grown, &t->lock, &until);
	have = t->n;
	pthread_mutex_unlock(&t->lock);
	assert_in_range(have, n, UINT32_MAX);
}

/* --- the faulty back end --- */

static int faulty_load(void *be, store_load_fn fn, void *arg, uint64_t *ret_reserved, struct error *err)
{
	struct faulty *f = be;

	return f->ops->load(f->inner, fn, arg, ret_reserved, err);
}

static int faulty_write(void *be, const struct store_write *writes, size_t n, uint64_t reserved)
{
	struct faulty *f = be;
	int r = 0;

	pthread_mutex_lock(&f->lock);
	f->at_gate++;
	pthread_cond_broadcast(&f->changed);
	while (f->closed_gate)
		pthread_cond_wait(&f->changed, &f->lock);
	f->at_gate--;
	f->writes++;
	if (f->fail_at && f->writes >= f->fail_at && f->writes < f->fail_at + f->fail_n)
		r = f->error;
	if (f->fail_above && n > f->fail_above)
		r = f->error;
	pthread_mutex_unlock(&f->lock);
	return r < 0 ? r : f->ops->write(f->inner, writes, n, reserved);
}

static void faulty_close(void *be)
{
	struct faulty *f = be;

	f->ops->close(f->inner);
}

static const struct store_backend_ops faulty_ops = {
	.load = faulty_load,
	.write = faulty_write,
	.durable = true,
	.close = faulty_close,
};

void faulty_init(struct faulty *f, const struct store_backend_ops *ops, void *inner)
{
	*f = (struct faulty){ .ops = ops, .inner = inner, .fail_n = 1, .error = -EIO };
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->changed, NULL);
}

struct store *faulty_open(struct faulty *f)
{
	struct store *s = NULL;

	assert_int_equal(store_open_backend(&faulty_ops, f, &s, NULL), 0);
	return s;
}

void faulty_gate(struct faulty *f, bool closed)
{
	pthread_mutex_lock(&f->lock);
	f->closed_gate = closed;
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
}

void faulty_wait_at_gate(struct faulty *f)
{
	struct timespec until = deadline();
	unsigned have;
	int r = 0;

	pthread_mutex_lock(&f->lock);
	while (!f->at_gate && r == 0)
		r = pthread_cond_timedwait(&f->changed, &f->lock, &until);
	have = f->at_gate;
	pthread_mutex_unlock(&f->lock);
	assert_int_equal(have, 1);
}
