/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of inodes and handles: fs/node.h and fs/frame.h. There is no mount. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fs/frame.h"

enum { MANY = 5000 }; /* so that the tables grow a few times */

static const struct fs_ops plain_ops = { .region = "test" };

static int set_up(void **state)
{
	struct fs *fs = calloc(1, sizeof(*fs));
	struct fs_node *root = calloc(1, sizeof(*root));

	assert_true(fs && root);
	assert_int_equal(fs_loop_new(fs, NULL), 0);
	assert_int_equal(fs_nodes_init(fs), 0);
	*root = (struct fs_node){ .ino = FUSE_ROOT_ID, .ops = &plain_ops, .fs = fs, .refs = 1, .name = strdup(""), .name_apart = true };
	fs->root = root;
	*state = fs;
	return 0;
}

static int tear_down(void **state)
{
	struct fs *fs = *state;

	fs_nodes_free(fs);
	fs_loop_free(fs);
	free(fs);
	return 0;
}

static struct fs_node *node(struct fs_node *dir, const char *name, uint64_t ino)
{
	struct fs_node *n = NULL;

	assert_int_equal(fs_node_get(dir, name, ino, &plain_ops, &n, NULL), 0);
	return n;
}

/* --- by name --- */

static void test_each_is_found_by_its_name(void **state)
{
	struct fs *fs = *state;
	static struct fs_node *nodes[MANY];
	char name[32];

	for (size_t i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof(name), "pod-%zu", i);
		nodes[i] = node(fs->root, name, 1000 + i);
	}
	for (size_t i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof(name), "pod-%zu", i);
		assert_ptr_equal(fs_node_child(fs->root, name), nodes[i]);
	}
	assert_null(fs_node_child(fs->root, "pod-none"));
	for (size_t i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof(name), "pod-%zu", i);
		fs_node_unref(nodes[i]);
		assert_null(fs_node_child(fs->root, name));
	}
}

static void test_a_name_is_its_directorys(void **state)
{
	struct fs *fs = *state;
	_cleanup_fs_node_ struct fs_node *a = node(fs->root, "a", 1001), *b = node(fs->root, "b", 1002);
	_cleanup_fs_node_ struct fs_node *in_a = node(a, "web", 1003);

	assert_ptr_equal(fs_node_child(a, "web"), in_a);
	assert_null(fs_node_child(b, "web"));
}

/* An object was removed and one of its name made, while somebody held the first: the other is meant. */
static void test_the_newest_of_a_name_is_found(void **state)
{
	struct fs *fs = *state;
	static struct fs_node *others[MANY];
	struct fs_node *oldest = node(fs->root, "web", 77), *old = node(fs->root, "web", 5), *new = node(fs->root, "web", 9);
	char name[32];

	assert_ptr_equal(fs_node_child(fs->root, "web"), new);
	for (size_t i = 0; i < MANY; i++) { /* the table grows, and whole chains move */
		(void)snprintf(name, sizeof(name), "pod-%zu", i);
		others[i] = node(fs->root, name, 1000 + i);
		assert_ptr_equal(fs_node_child(fs->root, "web"), new);
	}
	fs_node_unref(new);
	assert_ptr_equal(fs_node_child(fs->root, "web"), old);
	fs_node_unref(oldest);
	assert_ptr_equal(fs_node_child(fs->root, "web"), old);
	fs_node_unref(old);
	assert_null(fs_node_child(fs->root, "web"));
	for (size_t i = 0; i < MANY; i++)
		fs_node_unref(others[i]);
}

static void test_what_moved_is_found_at_its_place(void **state)
{
	struct fs *fs = *state;
	_cleanup_fs_node_ struct fs_node *a = node(fs->root, "a", 1001), *b = node(fs->root, "b", 1002);
	_cleanup_fs_node_ struct fs_node *n = node(a, "web.yaml", 1003), *target = node(b, "app.yaml", 1004);

	assert_int_equal(fs_node_move(n, b, "app.yaml"), 0);
	assert_null(fs_node_child(a, "web.yaml"));
	assert_ptr_equal(fs_node_child(b, "app.yaml"), n); /* which it was renamed over */
	assert_ptr_equal(n->parent, b);
	assert_string_equal(n->name, "app.yaml");
	assert_int_equal(b->refs, 3);
	assert_int_equal(a->refs, 1);
	assert_int_equal(fs_node_move(n, b, "app.yaml"), 0);
	assert_ptr_equal(fs_node_child(b, "app.yaml"), n);
}

static const struct fs_ops roomy_ops = { .region = "roomy", .room = 40 };

static void test_a_node_has_the_room_that_its_region_asks_for(void **state)
{
	static const char nuls[40];
	struct fs *fs = *state;
	_cleanup_fs_node_ struct fs_node *plain = node(fs->root, "plain", 1001), *n = NULL, *same = NULL;
	bool is_new;

	assert_null(plain->data);
	assert_int_equal(fs_node_get(fs->root, "web", 1002, &roomy_ops, &n, &is_new), 0);
	assert_true(is_new);
	assert_memory_equal(n->data, nuls, sizeof(nuls));
	memset(n->data, 'x', sizeof(nuls));
	assert_string_equal(n->name, "web");
	assert_int_equal(fs_node_move(n, plain, "another, which is longer"), 0);
	assert_int_equal(fs_node_move(n, plain, "third"), 0);
	assert_int_equal(fs_node_get(plain, "third", 1002, &roomy_ops, &same, &is_new), 0);
	assert_false(is_new);
	assert_ptr_equal(same, n);
	assert_string_equal(n->name, "third");
	assert_memory_equal(n->data, "xxxxxxxx", 8);
}

/* --- by thread --- */

static struct fs_handle *open_dir(struct fs_node *dir, pid_t thread)
{
	const struct fuse_ctx ctx = { .pid = thread };
	struct fs_handle *h = fs_handle_new(dir->fs, dir, &ctx, 0);

	assert_non_null(h);
	assert_int_equal(fs_handle_set_dir(h, thread), 0);
	return h;
}

static bool is_on(struct fs_handle *h, void *arg)
{
	return h->node == arg;
}

static bool count(struct fs_handle *h, void *arg)
{
	++*(unsigned *)arg;
	return false;
}

static void test_a_threads_directories_are_found(void **state)
{
	struct fs *fs = *state;
	_cleanup_fs_node_ struct fs_node *a = node(fs->root, "a", 1001), *b = node(fs->root, "b", 1002);
	struct fs_handle *h = open_dir(a, 10), *second = open_dir(b, 10), *others = open_dir(b, 10 + 64);
	const struct fuse_ctx ctx = { .pid = 10 };
	struct fs_handle *file = fs_handle_new(fs, a, &ctx, 0);
	unsigned n = 0;

	assert_true(fs_handles_of(fs, 10, is_on, a));
	assert_true(fs_handles_of(fs, 10, is_on, b));
	assert_false(fs_handles_of(fs, 10 + 64, is_on, a));
	assert_false(fs_handles_of(fs, 11, is_on, a));
	assert_false(fs_handles_of(fs, 10, count, &n));
	assert_int_equal(n, 2); /* neither the file nor the other thread's */
	fs_handle_unref(second);
	assert_false(fs_handles_of(fs, 10, is_on, b));
	assert_true(fs_handles_of(fs, 10 + 64, is_on, b));
	fs_handle_unref(h);
	fs_handle_unref(others);
	fs_handle_unref(file);
	assert_false(fs_handles_of(fs, 10, is_on, a));
}

/* One whose process is not seen from here is nobody's. */
static void test_a_thread_without_a_number_has_none(void **state)
{
	struct fs *fs = *state;
	struct fs_handle *h = open_dir(fs->root, 0);

	assert_false(fs_handles_of(fs, 0, is_on, fs->root));
	fs_handle_unref(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_each_is_found_by_its_name, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_name_is_its_directorys, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_the_newest_of_a_name_is_found, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_moved_is_found_at_its_place, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_node_has_the_room_that_its_region_asks_for, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_threads_directories_are_found, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_thread_without_a_number_has_none, set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
