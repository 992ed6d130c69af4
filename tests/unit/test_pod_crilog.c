/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <signal.h>

#include "base/clock.h"
#include "base/remove.h"
#include "pod/crilog.h"

static char rests[2][CRILOG_LINE_MAX];
static struct crilog_buffers buffers;
static char text[1 << 20];

static struct crilog open_log(void)
{
	struct crilog log = { .fd = memfd_create("log", MFD_CLOEXEC), .buffers = &buffers };

	assert_true(log.fd >= 0);
	assert_int_equal(fcntl(log.fd, F_SETFL, O_APPEND), 0);
	log.streams[0].rest = rests[0];
	log.streams[1].rest = rests[1];
	return log;
}

static const char *content(const struct crilog *log)
{
	ssize_t n = pread(log->fd, text, sizeof(text) - 1, 0);

	assert_true(n >= 0);
	text[n] = '\0';
	return text;
}

static void feed(struct crilog *log, enum crilog_which which, const char *s, size_t len, bool eof)
{
	crilog_feed(log, which, s, len, eof, INT64_C(1700000000123456789));
}

#define STAMP "2023-11-14T22:13:20.123456789Z"

static void test_time(void **state)
{
	static const int64_t seconds[] = { 0, 59, 86399, 86400, 951782399, 951782400, 951868800, 1709164799, 1709251199,
					   1709251200, 1735689599, 1735689600, 4102444800, 7258118400 };

	for (size_t i = 0; i < ARRAY_SIZE(seconds); i++) {
		char ours[CRILOG_TIME_SIZE], theirs[CLOCK_RFC3339NANO_SIZE];

		crilog_format_time(seconds[i] * NSEC_PER_SEC + 7, ours);
		assert_string_equal(ours, clock_format_rfc3339nano(seconds[i] * NSEC_PER_SEC + 7, theirs));
	}
	for (int64_t day = 0; day < 100000; day++) {
		char ours[CRILOG_TIME_SIZE], theirs[CLOCK_RFC3339NANO_SIZE];
		int64_t t = day * 86400 * NSEC_PER_SEC + day;

		crilog_format_time(t, ours);
		assert_string_equal(ours, clock_format_rfc3339nano(t, theirs));
	}
}

static void test_lines(void **state)
{
	struct crilog log = open_log();

	feed(&log, CRILOG_STDOUT, "one\ntw", 6, false);
	feed(&log, CRILOG_STDERR, "err\n", 4, false);
	feed(&log, CRILOG_STDOUT, "o\n\nthree", 8, false);
	feed(&log, CRILOG_STDOUT, "", 0, true);
	assert_string_equal(content(&log), STAMP " stdout F one\n" STAMP " stderr F err\n" STAMP " stdout F two\n" STAMP
						 " stdout F \n" STAMP " stdout P three\n");
	assert_int_equal(log.streams[0].fill, 0);
	assert_int_equal(log.lost, 0);
	close_fdp(&log.fd);
}

/* Around the limit: a line of exactly 16 KiB is whole, one byte more is two parts. */
static void test_long_lines(void **state)
{
	static char line[CRILOG_LINE_MAX + 2];

	for (size_t len = CRILOG_LINE_MAX - 1; len <= CRILOG_LINE_MAX + 1; len++) {
		struct crilog log = open_log();
		const char *at;

		memset(line, 'x', len);
		feed(&log, CRILOG_STDOUT, line, len, false);
		feed(&log, CRILOG_STDOUT, "\n", 1, false);
		at = content(&log);
		if (len > CRILOG_LINE_MAX) {
			assert_int_equal(strncmp(at, STAMP " stdout P x", sizeof(STAMP " stdout P x") - 1), 0);
			at = strchr(at, '\n') + 1;
			assert_string_equal(at, STAMP " stdout F x\n");
		} else {
			assert_int_equal(strncmp(at, STAMP " stdout F x", sizeof(STAMP " stdout F x") - 1), 0);
			assert_int_equal(strlen(at), sizeof(STAMP " stdout F ") - 1 + len + 1);
		}
		close_fdp(&log.fd);
	}
}

/* Whatever the sizes of the pieces, the text that comes out is the text that went in. */
static void test_pieces(void **state)
{
	static char in[100000], out[100000];

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (char)(i * i % 61 == 0 && i % 30000 < 7000 ? '\n' : 'a' + i % 26);
	in[sizeof(in) - 1] = '\n';
	for (size_t piece = 1; piece < CRILOG_IN_SIZE - CRILOG_LINE_MAX; piece = piece * 3 + 1) {
		struct crilog log = open_log();
		size_t len = 0;

		for (size_t at = 0; at < sizeof(in); at += piece)
			feed(&log, CRILOG_STDOUT, in + at, piece < sizeof(in) - at ? piece : sizeof(in) - at, false);
		for (const char *at = content(&log); *at != '\0';) {
			const char *nl = strchr(at, '\n');
			const char *from = at + sizeof(STAMP " stdout F ") - 1;
			bool full = at[sizeof(STAMP " stdout ") - 1] == 'F';

			assert_true(from <= nl && (size_t)(nl - from) <= CRILOG_LINE_MAX);
			memcpy(out + len, from, (size_t)(nl - from) + full);
			len += (size_t)(nl - from) + full;
			at = nl + 1;
		}
		assert_int_equal(len, sizeof(in));
		assert_memory_equal(in, out, sizeof(in));
		close_fdp(&log.fd);
	}
}

/* What a full disk took of a batch is cut off again: no half line is ever left, and writing resumes. */
static void test_full_disk(void **state)
{
	const struct rlimit small = { 100, RLIM_INFINITY };
	struct rlimit old;
	struct crilog log = open_log();

	(void)sigaction(SIGXFSZ, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL);
	feed(&log, CRILOG_STDOUT, "before\n", 7, false);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){ small.rlim_cur, old.rlim_max }), 0);
	feed(&log, CRILOG_STDOUT, "lost\nlost\nlost\n", 15, false);
	assert_true(log.failing);
	assert_int_equal(log.lost, 3);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	feed(&log, CRILOG_STDOUT, "after\n", 6, false);
	assert_false(log.failing);
	assert_string_equal(content(&log), STAMP " stdout F before\n" STAMP " stdout F after\n");
	close_fdp(&log.fd);
}

static void test_nowhere(void **state)
{
	struct crilog log = open_log();

	close_fdp(&log.fd);
	feed(&log, CRILOG_STDOUT, "a\nb\n", 4, false);
	assert_int_equal(log.lost, 2);
	assert_int_equal(log.streams[0].fill, 0);
}

/* --- rotation --- */

enum { MAX_SIZE = 4096, MAX_FILES = 3 };

static char dir[64], path[128];

static struct crilog open_rotating(void)
{
	struct crilog log = { .max_size = MAX_SIZE, .max_files = MAX_FILES, .path = path, .buffers = &buffers };

	(void)snprintf(dir, sizeof(dir), "/tmp/test-crilog.XXXXXX");
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/0.log", dir);
	log.fd = crilog_open(path, &log.size);
	assert_true(log.fd >= 0);
	log.streams[0].rest = rests[0];
	log.streams[1].rest = rests[1];
	return log;
}

/* The linker sends what crilog.c calls here (--wrap). */
static bool replaces; /* as a file system does that knows no RENAME_NOREPLACE */

int __real_renameat2(int olddir, const char *old, int newdir, const char *new, unsigned flags);
int __wrap_renameat2(int olddir, const char *old, int newdir, const char *new, unsigned flags);

int __wrap_renameat2(int olddir, const char *old, int newdir, const char *new, unsigned flags)
{
	if (replaces && flags) {
		errno = EINVAL;
		return -1;
	}
	return __real_renameat2(olddir, old, newdir, new, flags);
}

static ino_t inode_of(const struct crilog *log)
{
	struct stat st;

	assert_int_equal(fstat(log->fd, &st), 0);
	return st.st_ino;
}

static off_t size_of(unsigned number)
{
	char name[160];
	struct stat st;

	(void)snprintf(name, sizeof(name), number ? "%s.%u" : "%s", path, number);
	return stat(name, &st) < 0 ? -1 : st.st_size;
}

static void close_rotating(struct crilog *log)
{
	close_fdp(&log->fd);
	assert_int_equal(remove_tree(AT_FDCWD, dir), 0);
}

/* None is larger than it may be, each is as full as lines allow, and the oldest goes. */
static void test_rotation(void **state)
{
	struct crilog log = open_rotating();
	const size_t line = sizeof(STAMP " stdout F ") - 1 + 50;
	char words[50];

	memset(words, 'x', sizeof(words));
	words[49] = '\n';
	for (unsigned i = 0; i < 1000; i++) {
		feed(&log, i % 3 ? CRILOG_STDOUT : CRILOG_STDERR, words, sizeof(words), false);
		for (unsigned n = log.rotations > MAX_FILES ? log.rotations - MAX_FILES : 1; n < log.rotations; n++)
			assert_int_equal(size_of(n), n + MAX_FILES > log.rotations + 1 ? MAX_SIZE / line * line : (size_t)-1);
		assert_true(size_of(0) > 0 && size_of(0) <= MAX_SIZE && (uint64_t)size_of(0) == log.size);
	}
	assert_int_equal(log.rotations, 1000 / (MAX_SIZE / line) - (1000 % (MAX_SIZE / line) == 0));
	assert_int_equal(log.lost, 0);
	close_rotating(&log);
}

/* A line stays together, unless it is larger than any file. */
static void test_rotation_in_a_line(void **state)
{
	static char words[CRILOG_LINE_MAX];
	struct crilog log = open_rotating();

	memset(words, 'x', sizeof(words));
	log.max_size = 30000;
	feed(&log, CRILOG_STDOUT, words, 3000, false);
	feed(&log, CRILOG_STDOUT, words, CRILOG_LINE_MAX, false);
	assert_true(log.streams[0].partial);
	feed(&log, CRILOG_STDOUT, words, CRILOG_LINE_MAX, false);
	feed(&log, CRILOG_STDOUT, "\n", 1, false);
	assert_int_equal(log.rotations, 0);
	assert_false(log.streams[0].partial);
	feed(&log, CRILOG_STDERR, "next\n", 5, false);
	assert_int_equal(log.rotations, 1);
	for (unsigned i = 0; i < 100; i++)
		feed(&log, CRILOG_STDOUT, words, 4096, false);
	assert_true(log.rotations > 3);
	for (unsigned n = 0; n < log.rotations; n++)
		assert_true(size_of(n) <= 2 * 30000);
	close_rotating(&log);
}

/* What others have put there stays; what cannot be rotated is bounded all the same. */
static void test_rotation_fails(void **state)
{
	struct crilog log = open_rotating();
	char words[100], taken[160];

	memset(words, 'x', sizeof(words));
	words[99] = '\n';
	(void)snprintf(taken, sizeof(taken), "%s.1", path);
	assert_int_equal(mkdir(taken, 0700), 0);
	for (unsigned i = 0; i < MAX_SIZE / sizeof(words) + 1; i++)
		feed(&log, CRILOG_STDOUT, words, sizeof(words), false);
	assert_int_equal(log.rotations, 2);
	assert_int_equal(rmdir(taken), 0);
	assert_int_equal(remove_tree(AT_FDCWD, dir), 0);
	for (unsigned i = 0; i < 1000; i++)
		feed(&log, CRILOG_STDOUT, words, sizeof(words), false);
	assert_true(log.failing && log.lost > 800 && log.lost < 1000);
	assert_true(log.size <= 2 * MAX_SIZE);
	close_fdp(&log.fd);
}

/* Fills the log by one file more than it has. */
static void fill_one(struct crilog *log)
{
	char words[100];
	uint32_t before = log->rotations;
	ino_t file = inode_of(log);

	memset(words, 'x', sizeof(words));
	words[99] = '\n';
	for (unsigned i = 0; i < MAX_SIZE && log->rotations == before && inode_of(log) == file; i++)
		feed(log, CRILOG_STDOUT, words, sizeof(words), false);
}

/* A file system whose renames always replace: podfs-pod alone makes such names, and looks whether one is there. */
static void test_rotation_where_renames_replace(void **state)
{
	struct crilog log = open_rotating();
	char name[160];

	replaces = true;
	fill_one(&log);
	assert_int_equal(log.rotations, 1);
	assert_true(size_of(1) > MAX_SIZE / 2 && size_of(1) <= MAX_SIZE);
	(void)snprintf(name, sizeof(name), "%s.2", path);
	assert_int_equal(mkdir(name, 0700), 0);
	fill_one(&log);
	assert_int_equal(log.rotations, 3);
	assert_true(size_of(3) > MAX_SIZE / 2 && size_of(3) <= MAX_SIZE);
	replaces = false;
	assert_int_equal(log.lost, 0);
	assert_true(log.size <= MAX_SIZE && !log.failing);
	close_rotating(&log);
}

/* Somebody has removed the file: a new one is begun, and no number is used up. */
static void test_rotation_of_a_removed_file(void **state)
{
	struct crilog log = open_rotating();

	for (unsigned i = 0; i < 2; i++) {
		replaces = i;
		assert_int_equal(unlink(path), 0);
		fill_one(&log);
		assert_int_equal(log.rotations, 0);
		assert_true(size_of(0) > 0 && (uint64_t)size_of(0) == log.size);
	}
	replaces = false;
	assert_int_equal(log.lost, 0);
	fill_one(&log);
	assert_int_equal(log.rotations, 1);
	assert_true(size_of(1) > MAX_SIZE / 2);
	close_rotating(&log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_time),   cmocka_unit_test(test_lines),	 cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_pieces), cmocka_unit_test(test_full_disk), cmocka_unit_test(test_nowhere),
		cmocka_unit_test(test_rotation), cmocka_unit_test(test_rotation_in_a_line),
		cmocka_unit_test(test_rotation_fails), cmocka_unit_test(test_rotation_where_renames_replace),
		cmocka_unit_test(test_rotation_of_a_removed_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
