/* SPDX-License-Identifier: Apache-2.0 */
/* Commits of manifests without a mount: what becomes of documents, of what is declared twice, taken back, or waits. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fs/commit.h"
#include "fs/decl.h"
#include "fs/frame.h"
#include "fs/place.h"
#include "fs/prune.h"
#include "fs/trial.h"
#include "fs/waiting.h"
#include "schema/custom.h"
#include "schema/table.h"

struct world {
	char dir[64];
	struct store *store;
	struct cache *cache;
	struct registry *registry;
	struct fs *fs;
	int code;
	char *error; /* owned */
};

static void open_fs(struct world *w)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	const struct fs_config config = { .mountpoint = "/nowhere", .state_dir = w->dir, .registry = w->registry,
					  .settle_ms = 0 };

	if (fs_session_new(&config, &w->fs, &err) < 0)
		fail_msg("%s", error_text(&err));
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	(void)snprintf(w->dir, sizeof(w->dir), "%s/podfs-fs.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	assert_non_null(mkdtemp(w->dir));
	assert_int_equal(store_open("memory:", &w->store, NULL), 0);
	assert_int_equal(cache_new(w->store, &w->cache, NULL), 0);
	assert_int_equal(registry_new(w->store, w->cache, NULL, &w->registry), 0);
	assert_int_equal(registry_bootstrap(w->registry, NULL), 0);
	open_fs(w);
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

	schema_custom_remove("foos.a.b");
	fs_session_free(w->fs);
	registry_free(w->registry);
	cache_free(w->cache);
	store_close(w->store);
	remove_tree(AT_FDCWD, w->dir);
	free(w->error);
	free(w);
	return 0;
}

static void on_done(struct fs *fs, void *arg, const struct fs_commit_result *result)
{
	struct world *w = arg;

	w->code = result->code;
	free(w->error);
	w->error = result->error ? strdup(result->error) : NULL;
	if (result->code == 0)
		assert_non_null(result->now);
}

/* Writes a manifest of that kind (NULL: of any); the outcome is in w. */
static int put_kind(struct world *w, const struct schema_kind *kind, const char *file, const char *text)
{
	_cleanup_blob_ struct fs_blob *blob = fs_blob_new(text, strlen(text));
	char key[128];
	const struct fs_commit_request q = {
		.target = { .key = key, .path = file, .ns = "default", .kind = kind },
		.text = blob,
		.attr = { .ino = 5, .mode = 0644 },
		.who = { .agent = "mount" },
		.access = NULL,
	};

	if (kind)
		(void)snprintf(key, sizeof(key), FS_KINDS_PREFIX "default/%s/%s", kind->plural, file);
	else
		(void)snprintf(key, sizeof(key), FS_TREE_PREFIX "1/%s", file);
	w->code = 1;
	fs_commit_start(w->fs, &q, on_done, w);
	fs_loop_drain(w->fs);
	assert_int_not_equal(w->code, 1);
	return w->code;
}

/* One of config maps. */
static int put(struct world *w, const char *file, const char *text)
{
	return put_kind(w, schema_kind_by_plural("configmaps"), file, text);
}

static void on_removed(struct fs *fs, void *arg, int result)
{
	*(int *)arg = result;
}

static int drop(struct world *w, const char *file)
{
	const struct writer who = { .agent = "mount" };
	char key[128];
	int result = 1;

	(void)snprintf(key, sizeof(key), FS_MANIFESTS_PREFIX "kinds/default/configmaps/%s", file);
	fs_commit_remove(w->fs, &who, key, on_removed, &result);
	fs_loop_drain(w->fs);
	return result;
}

static struct object *get(struct world *w, const char *name)
{
	return cache_get(w->cache, schema_kind_by_plural("configmaps"), "default", name);
}

static void assert_data(struct world *w, const char *name, const char *key, const char *want)
{
	_cleanup_object_ struct object *o = get(w, name);

	assert_non_null(o);
	if (want)
		assert_string_equal(value_str_or(object_path(o, "data", key), "(absent)"), want);
	else
		assert_null(object_path(o, "data", key));
}

#define CM(name, data) "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " name "}\ndata: {" data "}\n"

static void test_create_update(void **state)
{
	struct world *w = *state;
	_cleanup_object_ struct object *before = NULL, *after = NULL;

	assert_int_equal(put(w, "a.yaml", CM("a", "x: '1', z: '1'")), 0);
	assert_data(w, "a", "x", "1");
	assert_int_equal(put(w, "a.yaml", CM("a", "x: '2'")), 0);
	assert_data(w, "a", "x", "2");
	assert_data(w, "a", "z", NULL);
	before = get(w, "a");
	assert_int_equal(put(w, "a.yaml", CM("a", "x: '2'")), 0);
	assert_int_equal(put(w, "a.yaml", "# said otherwise\n" CM("a", "x: '2'")), 0);
	after = get(w, "a");
	assert_true(object_revision(before) == object_revision(after));
}

static void test_refusals(void **state)
{
	struct world *w = *state;

	assert_int_equal(put(w, "a.yaml", CM("a", "x: '1'")), 0);
	assert_int_equal(put(w, "a.yaml", CM("a", "x: 1")), -EINVAL);
	assert_non_null(w->error);
	assert_non_null(strstr(w->error, "a.yaml:4:"));
	assert_int_equal(put(w, "a.yaml", ""), -EINVAL);
	assert_int_equal(put(w, "a.yaml", "# nothing\n"), -EINVAL);
	assert_int_equal(put(w, "b.yaml", "# nothing\n"), 0);
	assert_int_equal(put(w, "b.yaml", ""), 0);
	assert_int_equal(put(w, "c.yaml", CM("c", "") "---\n" CM("c", "")), -EINVAL);
	assert_int_equal(put(w, "c.yaml", CM("c", "") "---\n" CM("d", "x: 1")), -EINVAL);
	assert_null(get(w, "c"));
	assert_int_equal(put(w, "c.yaml", "a: [\n"), -EINVAL);
	assert_int_equal(put(w, "c.yaml", "- a\n"), -EINVAL);
	assert_int_equal(put(w, "c.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n"), -EINVAL);
	assert_int_equal(put(w, "c.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"), -EINVAL);
	assert_int_equal(put(w, "c.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: b}\n"), -EINVAL);
	assert_int_equal(put(w, "c.yaml", CM("c.yaml", "")), -EEXIST);
	assert_data(w, "a", "x", "1");
}

static void test_list(void **state)
{
	struct world *w = *state;

	assert_int_equal(put(w, "l.yaml",
			     "apiVersion: v1\nkind: List\nitems:\n"
			     "- {apiVersion: v1, kind: ConfigMap, metadata: {name: l1}}\n"
			     "- {apiVersion: v1, kind: ConfigMap, metadata: {name: l2}}\n"),
			 0);
	assert_data(w, "l1", "x", NULL);
	assert_data(w, "l2", "x", NULL);
}

static void test_removal_waits(void **state)
{
	struct world *w = *state;
	static const char key[] = "/objects/configmaps/default/a";

	assert_int_equal(put(w, "a.yaml", CM("a", "x: '1', z: '1'")), 0);
	assert_int_equal(drop(w, "nothing.yaml"), -ENOENT);
	assert_int_equal(drop(w, "a.yaml"), 0);
	assert_true(fs_prune_pending(w->fs, key));
	assert_data(w, "a", "x", "1");
	fs_session_free(w->fs); /* a restart does not forget it */
	open_fs(w);
	assert_true(fs_prune_pending(w->fs, key));
	assert_int_equal(put(w, "b.yaml", CM("a", "x: '2'")), 0);
	assert_false(fs_prune_pending(w->fs, key));
	assert_data(w, "a", "x", "2");
	assert_data(w, "a", "z", NULL); /* merged with what was last said of it */
	assert_int_equal(put(w, "b.yaml", CM("other", "")), 0); /* left out of its file */
	assert_true(fs_prune_pending(w->fs, key));
}

static size_t count(struct world *w, const char *prefix)
{
	_cleanup_store_list_ struct store_list list = STORE_LIST_INIT;

	assert_int_equal(store_list(w->store, prefix, &list), 0);
	return list.n;
}

/* A file of several objects is kept once, however many of them wait, and no longer than one of them does. */
static void test_removal_of_several(void **state)
{
	struct world *w = *state;
	char key[STORE_KEY_MAX + 1], other[STORE_KEY_MAX + 1];

	assert_int_equal(put(w, "m.yaml", CM("a", "x: 'a'") "---\n" CM("b", "x: 'b'") "---\n" CM("c", "x: 'c'")), 0);
	assert_int_equal(put(w, "m.yaml", CM("b", "x: 'b', y: 'b'")), 0); /* a and c are left out */
	assert_int_equal(fs_prune_find(w->store, "/objects/configmaps/default/a", key), 0);
	assert_int_equal(fs_prune_find(w->store, "/objects/configmaps/default/c", other), 0);
	assert_int_equal(fs_prune_find(w->store, "/objects/configmaps/default/b", other), -ENOENT);
	assert_string_equal(key, other);
	assert_int_equal(strncmp(key, FS_PRUNE_TEXTS, strlen(FS_PRUNE_TEXTS)), 0);
	assert_int_equal(count(w, FS_PRUNE_TEXTS), 1);
	fs_session_free(w->fs);
	open_fs(w);
	assert_int_equal(drop(w, "m.yaml"), 0); /* b, of a file that declared only it, has its own text */
	assert_int_equal(fs_prune_find(w->store, "/objects/configmaps/default/b", key), 0);
	assert_int_equal(strncmp(key, FS_PRUNE_PREFIX "/", strlen(FS_PRUNE_PREFIX "/")), 0);
	assert_int_equal(count(w, FS_PRUNE_TEXTS), 1);
	assert_int_equal(put(w, "a.yaml", CM("a", "z: '1'")), 0);
	assert_data(w, "a", "x", NULL); /* merged with what the text said of it */
	assert_int_equal(count(w, FS_PRUNE_TEXTS), 1); /* c waits with it still */
	assert_int_equal(put(w, "c.yaml", CM("c", "z: '1'")), 0);
	assert_data(w, "c", "x", NULL);
	fs_loop_drain(w->fs);
	assert_int_equal(count(w, FS_PRUNE_TEXTS), 0);
	assert_true(fs_prune_pending(w->fs, "/objects/configmaps/default/b"));
	assert_int_equal(put(w, "b.yaml", CM("b", "")), 0);
	assert_data(w, "b", "y", NULL);
	assert_int_equal(count(w, FS_PRUNE_PREFIX "/"), 0);
}

/* A text that a crash left without anybody who waits is removed at the next start; one that is damaged harms nothing. */
static void test_texts_that_are_left(void **state)
{
	struct world *w = *state;
	const struct store_op ops[] = {
		{ .type = STORE_PUT, .key = FS_PRUNE_TEXTS "00000000000000aa", .value = "x", .len = 1, .expect = STORE_ANY },
		{ .type = STORE_PUT, .key = FS_PRUNE_PREFIX "/objects/configmaps/default/odd", .value = "\0nonsense", .len = 9,
		  .expect = STORE_ANY },
	};

	fs_session_free(w->fs);
	assert_int_equal(store_commit(w->store, ops, ARRAY_SIZE(ops), 0, NULL), 0);
	open_fs(w);
	fs_loop_drain(w->fs);
	assert_int_equal(count(w, FS_PRUNE_TEXTS), 0);
	assert_true(fs_prune_pending(w->fs, "/objects/configmaps/default/odd"));
	assert_int_equal(put(w, "odd.yaml", CM("odd", "x: '1'")), 0);
	assert_data(w, "odd", "x", "1");
	assert_int_equal(count(w, FS_PRUNE_PREFIX "/"), 0);
}

/* Each of many documents is compared with what the version before said of it, in whatever order they come. */
static void test_order_of_documents(void **state)
{
	struct world *w = *state;

	assert_int_equal(put(w, "m.yaml", CM("a", "x: 'a'") "---\n" CM("b", "x: 'b'") "---\n" CM("c", "x: 'c'")), 0);
	assert_int_equal(put(w, "m.yaml", CM("c", "z: 'c'") "---\n" CM("a", "z: 'a'") "---\n" CM("d", "z: 'd'") "---\n"
			     CM("b", "z: 'b'")), 0);
	for (const char *name = "abc"; *name; name++) {
		const char one[] = { *name, '\0' };

		assert_data(w, one, "z", one);
		assert_data(w, one, "x", NULL);
	}
	assert_int_equal(put(w, "m.yaml", CM("c", "") "---\n" CM("a", "") "---\n" CM("c", "")), -EINVAL);
	assert_non_null(strstr(w->error, "declares ConfigMap c twice"));
	assert_data(w, "c", "z", "c");
}

static void test_two_files(void **state)
{
	struct world *w = *state;
	char latest[STORE_KEY_MAX + 1];

	assert_int_equal(put(w, "a.yaml", CM("o", "x: 'a', z: 'a'")), 0);
	assert_int_equal(put(w, "b.yaml", CM("o", "x: 'b'")), 0);
	assert_data(w, "o", "x", "b");
	assert_true(fs_decl_latest(w->fs->decl, "/objects/configmaps/default/o", NULL, NULL, latest));
	assert_string_equal(strrchr(latest, '/'), "/b.yaml");
	assert_int_equal(drop(w, "b.yaml"), 0);
	assert_false(fs_prune_pending(w->fs, "/objects/configmaps/default/o"));
	assert_data(w, "o", "x", "a"); /* the one before is in force again */
	assert_data(w, "o", "z", "a");
}

static int drop_finalizers(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	return value_remove(value_get(root, "metadata"), "finalizers") ? 0 : -ECANCELED;
}

static void test_terminating(void **state)
{
	struct world *w = *state;
	const struct writer system = { .agent = "test" };
	const struct schema_kind *kind = schema_kind_by_plural("configmaps");
	_cleanup_object_ struct object *o = NULL, *now = NULL;
	_cleanup_txn_ struct txn *t = txn_new(w->registry, &system);

	assert_int_equal(put(w, "a.yaml",
			     "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, finalizers: [example.com/f]}\n"), 0);
	o = get(w, "a");
	assert_int_equal(txn_delete(t, o, NULL), 0);
	assert_int_equal(txn_commit(t, 0, NULL), 0);
	assert_int_equal(put(w, "a.yaml", CM("a", "x: 'new'")), 0); /* accepted, and waits */
	assert_true(fs_waiting_has(w->fs, object_key(o)));
	fs_session_free(w->fs);
	open_fs(w);
	assert_true(fs_waiting_has(w->fs, object_key(o)));
	assert_int_equal(registry_modify(w->registry, &system, kind, "default", "a", NULL, 0, 0, drop_finalizers, NULL), 0);
	fs_loop_drain(w->fs);
	now = get(w, "a");
	assert_non_null(now);
	assert_string_not_equal(object_uid(now), object_uid(o));
	assert_data(w, "a", "x", "new");
	assert_false(fs_waiting_has(w->fs, object_key(o)));
}

static void test_large(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf text = BUF_INIT;

	buf_puts(&text, CM("first", ""));
	for (int i = 0; i < 2000; i++)
		buf_printf(&text, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: m%d}\n", i);
	assert_true(text.len > FS_WORK_BYTES);
	assert_int_equal(put(w, "many.yaml", buf_str(&text)), 0); /* by the worker */
	assert_data(w, "m1999", "x", NULL);
	buf_puts(&text, "---\nkind: [\n");
	assert_int_equal(put(w, "many.yaml", buf_str(&text)), -EINVAL);
	assert_non_null(strstr(w->error, "many.yaml:"));
	buf_clear(&text);
	buf_puts(&text, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: big}\ndata:\n  x: ");
	for (int i = 0; i < 1600 * 1024; i++)
		buf_putc(&text, 'x');
	assert_true(put(w, "big.yaml", buf_str(&text)) < 0);
	assert_null(get(w, "big"));
}

/* --- custom kinds --- */

#define DEFINITION                                                                                                      \
	"apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: foos.a.b}\n"              \
	"spec: {group: a.b, scope: Namespaced, names: {plural: foos, kind: Foo}, versions: [{name: v1, served: true, "    \
	"storage: true, schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: "         \
	"{size: {type: integer}}}}}}}]}\n"

static const struct writer other = { .agent = "test" };

/* Where the definition has the fields of spec. */
static struct value *properties_of(struct value *definition)
{
	struct value *schema = value_path(value_at(value_path(definition, "spec", "versions"), 0), "schema", "openAPIV3Schema");

	return value_path(schema, "properties", "spec", "properties");
}

static int set_maximum(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	value_set_int(a, value_get(properties_of(root), "size"), "maximum", *(const int64_t *)arg);
	return 0;
}

static int change_definition(struct world *w, registry_change_fn fn, void *arg)
{
	return registry_modify(w->registry, &other, schema_kind_by_plural("customresourcedefinitions"), NULL, "foos.a.b", NULL, 0,
			       0, fn, arg);
}

static int64_t known_maximum(void)
{
	const struct schema_kind *kind = schema_kind_by_plural("foos.a.b");
	const struct schema_type *size = kind ? schema_member(schema_member(kind->type, "spec"), "size") : NULL;

	return size ? value_int(value_get(size->json, "maximum"), -1) : -2;
}

struct change {
	struct world *w;
	pthread_barrier_t *start;
	int64_t maximum;
	int result;
};

static void *change_main(void *arg)
{
	struct change *c = arg;

	(void)pthread_barrier_wait(c->start);
	c->result = change_definition(c->w, set_maximum, &c->maximum);
	return NULL;
}

/* A trial ends while another commit changes the same definition: the newer one is in force, whoever comes first. */
static void test_trial_and_another(void **state)
{
	struct world *w = *state;
	pthread_barrier_t start;

	assert_int_equal(put_kind(w, NULL, "all.yaml", DEFINITION), 0);
	assert_int_equal(pthread_barrier_init(&start, NULL, 2), 0);
	for (int64_t i = 1; i <= 1000; i++) {
		struct change c = { .w = w, .start = &start, .maximum = i };
		struct buf trials = BUF_INIT;
		pthread_t thread;

		buf_append(&trials, "foos.a.b", sizeof("foos.a.b"));
		assert_int_equal(pthread_create(&thread, NULL, change_main, &c), 0);
		(void)pthread_barrier_wait(&start);
		for (int64_t spin = i % 100 * 20; spin; spin--)
			__asm__ volatile("");
		fs_trial_undo(w->fs, &trials);
		assert_int_equal(pthread_join(thread, NULL), 0);
		assert_int_equal(c.result, 0);
		assert_int_equal(known_maximum(), i);
	}
	assert_int_equal(pthread_barrier_destroy(&start), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_create_update, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refusals, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_list, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_removal_waits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_removal_of_several, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_texts_that_are_left, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_order_of_documents, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_two_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_terminating, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_large, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_trial_and_another, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
