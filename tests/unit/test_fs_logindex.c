/* SPDX-License-Identifier: Apache-2.0 */
/* Log files of the CRI format as plain text: the filter, and the index over a file that grows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fs/logindex.h"

#define T "2026-01-02T03:04:05.000000006Z "

static void filter(const char *raw, size_t step, struct buf *out)
{
	struct cri_filter f = { 0 };
	size_t len = strlen(raw), total = 0;

	for (size_t at = 0; at < len; at += step) {
		size_t part = len - at < step ? len - at : step;

		for (size_t used = 0, plain; used < part; total += plain)
			used += cri_line(&f, raw + at + used, part - used, &plain, out);
	}
	assert_int_equal(total, out->len);
}

static void test_filter(void **state)
{
	static const struct {
		const char *raw, *plain;
	} cases[] = {
		{ "", "" },
		{ T "stdout F hello\n", "hello\n" },
		{ T "stdout F \n", "\n" },
		{ T "stderr P one\n" T "stderr F  two\n", "one two\n" },
		{ T "stdout F:x a b  c \n", "a b  c \n" },
		{ "no header\n" T "stdout F x\n", "x\n" },
		{ "\n\n" T "stdout F y\n", "y\n" },
		{ T "stdout F cut", "cut" },
		{ T "std", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (size_t step = 1; step < 9; step++) {
			_cleanup_buf_ struct buf out = BUF_INIT;

			filter(cases[i].raw, step, &out);
			assert_string_equal(buf_str(&out), cases[i].plain);
		}
}

static void append(int fd, struct buf *plain, unsigned i)
{
	_cleanup_buf_ struct buf raw = BUF_INIT;
	const char *partial = i % 5 == 0 ? "P" : "F";

	buf_printf(&raw, T "%s %s line %u %.*s\n", i % 2 ? "stdout" : "stderr", partial, i, (int)(i % 37),
		   "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
	assert_int_equal(write(fd, raw.data, raw.len), raw.len);
	buf_printf(plain, "line %u %.*s%s", i, (int)(i % 37), "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
		   *partial == 'F' ? "\n" : "");
}

static void check_read(struct logindex *x, int fd, const struct buf *plain, uint64_t off, size_t size)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	size_t want = off >= plain->len ? 0 : plain->len - off < size ? plain->len - (size_t)off : size;

	assert_int_equal(logindex_read(x, fd, off, size, &out), 0);
	assert_int_equal(out.len, want);
	if (want)
		assert_memory_equal(out.data, plain->data + off, want);
}

static void test_index(void **state)
{
	_cleanup_close_ int fd = memfd_create("log", MFD_CLOEXEC);
	_cleanup_buf_ struct buf plain = BUF_INIT;
	struct logindex x = { 0 };

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(logindex_update(&x, fd), 0);
	assert_int_equal(x.plain, 0);
	check_read(&x, fd, &plain, 0, 100);
	for (unsigned i = 0; i < 20000; i++) {
		append(fd, &plain, i);
		if (i % 997 == 0) {
			assert_int_equal(logindex_update(&x, fd), 0);
			assert_int_equal(x.plain, plain.len);
			check_read(&x, fd, &plain, plain.len > 50 ? plain.len - 50 : 0, 1000);
		}
	}
	assert_int_equal(logindex_update(&x, fd), 0);
	assert_true(x.n > 5);
	for (uint64_t off = 0; off < plain.len + 5000; off += 7919) {
		check_read(&x, fd, &plain, off, 1);
		check_read(&x, fd, &plain, off, 4096);
		check_read(&x, fd, &plain, off, 131072);
	}
	/* What came after the update is not read before the next one. */
	append(fd, &plain, 20000);
	plain.len = (size_t)x.plain;
	check_read(&x, fd, &plain, plain.len - 10, 100);
	/* A shorter file is another one. */
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	plain.len = 0;
	append(fd, &plain, 1);
	assert_int_equal(logindex_update(&x, fd), 0);
	assert_int_equal(x.plain, plain.len);
	check_read(&x, fd, &plain, 0, 100);
	logindex_clear(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_filter), cmocka_unit_test(test_index) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
