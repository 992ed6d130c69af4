/* SPDX-License-Identifier: Apache-2.0 */
/* A container's log files as a directory holds them, and what one who has one open sees while they are rotated. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/remove.h"
#include "fs/logchain.h"

#define T "2026-01-02T03:04:05.000000006Z "

enum { KEPT = 3 }; /* rotated files */

struct world {
	char path[64];
	int dir;
	unsigned rotations, lines;
	struct buf text;	 /* all that was written */
	uint64_t starts[10000]; /* in it, of each file */
};

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	(void)snprintf(w->path, sizeof(w->path), "/tmp/test-logchain.XXXXXX");
	assert_non_null(mkdtemp(w->path));
	w->dir = open(w->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(w->dir >= 0);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	(void)close(w->dir);
	(void)remove_tree(AT_FDCWD, w->path);
	buf_clear(&w->text);
	free(w);
	return 0;
}

static void make(struct world *w, const char *name)
{
	_cleanup_close_ int fd = openat(w->dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
}

static void write_line(struct world *w, bool full)
{
	_cleanup_close_ int fd = openat(w->dir, "4.log", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	char text[128];
	int n = snprintf(text, sizeof(text), T "stdout %c line %u\n", full ? 'F' : 'P', ++w->lines);

	assert_int_equal(write(fd, text, (size_t)n), n);
	buf_printf(&w->text, "line %u%s", w->lines, full ? "\n" : "");
}

/* As podfs-pod does it; `remake` false: it was just about to. */
static void rotate(struct world *w, bool remake)
{
	char name[LOGFILE_NAME_SIZE];

	(void)snprintf(name, sizeof(name), "4.log.%d", (int)w->rotations + 1 - KEPT);
	(void)unlinkat(w->dir, name, 0);
	(void)snprintf(name, sizeof(name), "4.log.%u", ++w->rotations);
	assert_int_equal(renameat(w->dir, "4.log", w->dir, name), 0);
	w->starts[w->rotations] = w->text.len;
	if (remake)
		make(w, "4.log");
}

/* The chain shows the text from `base` on; before `hole` it may be 0s. */
static void check(struct world *w, struct logchain *c, uint64_t base, uint64_t hole, uint64_t end)
{
	assert_int_equal(logchain_size(c), end - base);
	for (uint64_t off = 0; off <= end - base; off += 1 + (end - base) / 13) {
		_cleanup_buf_ struct buf out = BUF_INIT;
		size_t want = end - base - off < 1000 ? (size_t)(end - base - off) : 1000;

		assert_int_equal(logchain_read(c, w->dir, off, 1000, &out), 0);
		assert_int_equal(out.len, want);
		for (size_t i = 0; i < want; i++)
			if (base + off + i >= hole || out.data[i])
				assert_int_equal(out.data[i], w->text.data[base + off + i]);
	}
}

static void test_names(void **state)
{
	static const char *const names[] = { "3.log", "10.log.2", "10.log.11", "10.log", "2.log.7", "x.log", "3.log.x", "3.log.0",
					     "03.log", "3.logs", "-1.log", "3.log.1.gz", "99999999999.log" };
	static const struct logfile want[] = { { 10, 0 }, { 10, 11 }, { 10, 2 }, { 3, 0 }, { 2, 0 }, { 2, 7 } };
	static struct logfile files[LOGFILES_MAX];
	struct world *w = *state;
	size_t n;

	assert_int_equal(logfiles_find(-1, files), 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		make(w, names[i]);
	n = logfiles_find(openat(w->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), files);
	assert_int_equal(n, ARRAY_SIZE(want));
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(files[i].run, want[i].run);
		assert_int_equal(files[i].number, want[i].number);
	}
	assert_int_equal(logfiles_next(files, n, 10), 12);
	assert_int_equal(logfiles_next(files, n, 3), 1);
	assert_int_equal(logfiles_next(files, n, 77), 1);
}

/* Whenever it looks, who follows sees all of it once, as long as it looks before the files are gone. */
static void test_follow(void **state)
{
	struct world *w = *state;
	struct logchain c, late;

	assert_int_equal(logchain_init(&c, 4, 1, 0, true), 0);
	assert_int_equal(logchain_update(&c, w->dir), 0);
	assert_int_equal(logchain_size(&c), 0);
	srandom(7);
	for (unsigned i = 0; i < 400; i++) {
		for (long n = random() % 30; n > 0; n--)
			write_line(w, random() % 7 != 0);
		if (w->text.len > w->starts[w->rotations] && random() % 3 == 0)
			rotate(w, random() % 2);
		if (random() % 2) {
			assert_int_equal(logchain_update(&c, w->dir), 0);
			check(w, &c, 0, w->starts[w->rotations > KEPT ? w->rotations - KEPT : 0], w->text.len);
		} else if (w->rotations > c.parts[c.n - 1].number) { /* none is missed */
			assert_int_equal(logchain_update(&c, w->dir), 0);
		}
		assert_true(c.n <= KEPT + 2);
	}
	/* Who begins now has what begins now; with what an earlier daemon knew it goes on as if it had been there. */
	assert_int_equal(logchain_update(&c, w->dir), 0);
	assert_int_equal(logchain_init(&late, 4, w->rotations + 1, w->starts[w->rotations], true), 0);
	write_line(w, true);
	rotate(w, true);
	write_line(w, true);
	assert_int_equal(logchain_update(&c, w->dir), 0);
	assert_int_equal(logchain_update(&late, w->dir), 0);
	check(w, &late, 0, w->starts[w->rotations - 1], w->text.len);
	check(w, &c, 0, w->starts[w->rotations - 1], w->text.len);
	logchain_clear(&late);
	logchain_clear(&c);
}

/* One that was rotated is that file for ever. */
static void test_rotated(void **state)
{
	struct world *w = *state;
	struct logchain c;
	uint64_t end;

	write_line(w, true);
	end = w->text.len;
	rotate(w, true);
	write_line(w, true);
	assert_int_equal(logchain_init(&c, 4, 1, 0, false), 0);
	assert_int_equal(logchain_update(&c, w->dir), 0);
	check(w, &c, 0, 0, end);
	for (int i = 0; i < KEPT; i++)
		rotate(w, true);
	assert_int_equal(logchain_update(&c, w->dir), 0);
	assert_int_equal(logchain_size(&c), end);
	logchain_clear(&c);
}

/* Whoever comes too late goes on with the oldest that is left. */
static void test_too_late(void **state)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct world *w = *state;
	struct logchain c;
	uint64_t known, size;

	assert_int_equal(logchain_init(&c, 4, 1, 0, true), 0);
	write_line(w, true);
	assert_int_equal(logchain_update(&c, w->dir), 0);
	known = logchain_size(&c);
	for (int i = 0; i < 3 * KEPT; i++) {
		write_line(w, true);
		rotate(w, true);
		write_line(w, true);
	}
	assert_int_equal(logchain_update(&c, w->dir), 0);
	size = w->text.len - w->starts[w->rotations - KEPT];
	assert_int_equal(logchain_size(&c), known + size);
	assert_int_equal(logchain_read(&c, w->dir, 0, 100000, &out), 0);
	assert_int_equal(out.len, known + size);
	for (size_t i = 0; i < known; i++)
		assert_int_equal(out.data[i], 0);
	assert_memory_equal(out.data + known, w->text.data + w->starts[w->rotations - KEPT], size);
	logchain_clear(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_names, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_follow, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_rotated, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_too_late, set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
