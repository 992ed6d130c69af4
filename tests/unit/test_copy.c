/* SPDX-License-Identifier: Apache-2.0 */
/* The archive of podfs cp, and what an end makes of one that the other end made with ill will. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/remove.h"
#include "copy/copy.h"

/* --- archives in memory --- */

struct source {
	const char *data;
	size_t size, at, piece;
};

static ssize_t take(void *arg, void *data, size_t size)
{
	struct source *s = arg;
	size_t n = s->size - s->at;

	n = n < size ? n : size;
	n = s->piece && n > s->piece ? s->piece : n;
	memcpy(data, s->data + s->at, n);
	s->at += n;
	return (ssize_t)n;
}

static ssize_t give(void *arg, const void *data, size_t size)
{
	buf_append(arg, data, size);
	return (ssize_t)size;
}

static struct tar_out out;
static struct tar_in in;
static struct tar_entry entry;
static struct buf archive;

static void begin(void)
{
	buf_clear(&archive);
	out = (struct tar_out){ .write = give, .arg = &archive };
}

static void add(enum tar_type type, const char *path, const char *target, const char *data)
{
	entry = (struct tar_entry){ .type = type, .size = data ? strlen(data) : 0, .mode = 04755, .uid = 1, .gid = 2, .mtime = 3 };
	(void)snprintf(entry.path, sizeof(entry.path), "%s", path);
	(void)snprintf(entry.target, sizeof(entry.target), "%s", target ? target : "");
	assert_int_equal(tar_put(&out, &entry), 0);
	if (data) {
		assert_int_equal(tar_put_data(&out, data, strlen(data)), 0);
		assert_int_equal(tar_put_padding(&out, strlen(data)), 0);
	}
}

static void open_archive(struct source *s, size_t size, size_t piece)
{
	*s = (struct source){ archive.data, size, 0, piece };
	in = (struct tar_in){ .read = take, .arg = s };
}

/* --- the format --- */

static char *repeat(char c, size_t n)
{
	char *s = malloc(n + 1);

	assert_non_null(s);
	memset(s, c, n);
	s[n] = '\0';
	return s;
}

static void test_names(void **state)
{
	const size_t lengths[] = { 1, 99, 100, 101, 255, 999, 1000, PATH_MAX - 1 };
	struct source s;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		_cleanup_free_ char *path = repeat('p', lengths[i]), *target = repeat('t', lengths[i]);

		begin();
		add(TAR_LINK, path, target, NULL);
		add(TAR_FILE, path, NULL, "data");
		assert_int_equal(tar_put_end(&out), 0);
		open_archive(&s, archive.len, i);
		assert_int_equal(tar_read(&in, &entry), 1);
		assert_int_equal(entry.type, TAR_LINK);
		assert_string_equal(entry.path, path);
		assert_string_equal(entry.target, target);
		assert_int_equal(tar_read(&in, &entry), 1);
		assert_string_equal(entry.path, path);
		assert_int_equal(entry.size, 4);
		assert_int_equal(tar_read(&in, &entry), 0);
	}
}

static void test_numbers(void **state)
{
	static const struct {
		uint64_t size;
		uint32_t id;
		int64_t sec;
		uint32_t nsec;
	} cases[] = {
		{ 0, 0, 0, 0 },
		{ 077777777777, 07777777, 077777777777, 0 },
		{ 0100000000000, 010000000, 0100000000000, 1 },
		{ INT64_MAX, UINT32_MAX - 1, INT64_MAX, 999999999 },
		{ 1, 1, -1, 0 },
		{ 1, 1, -1, 1 },
		{ 1, 1, -2, 750000000 },
	};
	struct source s;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		begin();
		entry = (struct tar_entry){ .type = TAR_FILE, .size = cases[i].size, .uid = cases[i].id, .gid = cases[i].id,
					    .mtime = cases[i].sec, .mtime_nsec = cases[i].nsec, .path = "n", .mode = 07777 };
		assert_int_equal(tar_put(&out, &entry), 0);
		assert_int_equal(tar_put_end(&out), 0);
		memset(&entry, 0, sizeof(entry));
		open_archive(&s, archive.len, 7);
		assert_int_equal(tar_read(&in, &entry), 1);
		assert_true(entry.size == cases[i].size);
		assert_int_equal(entry.uid, cases[i].id);
		assert_int_equal(entry.gid, cases[i].id);
		assert_true(entry.mtime == cases[i].sec);
		assert_int_equal(entry.mtime_nsec, cases[i].nsec);
		assert_int_equal(entry.mode, 07777);
	}
}

static int read_all(size_t size, size_t piece)
{
	const unsigned char *data;
	struct source s;
	ssize_t n;
	int r;

	open_archive(&s, size, piece);
	while ((r = tar_read(&in, &entry)) > 0) {
		while ((n = tar_read_data(&in, &data)) > 0)
			;
		if (n < 0)
			return (int)n;
	}
	return r;
}

static void test_damage(void **state)
{
	_cleanup_free_ char *path = repeat('p', 300);

	(void)state;
	begin();
	add(TAR_DIR, "d/", NULL, NULL);
	add(TAR_FILE, path, NULL, "some bytes");
	assert_int_equal(tar_put_end(&out), 0);
	assert_int_equal(read_all(archive.len, 0), 0);
	for (size_t size = 0; size + 2 * TAR_BLOCK < archive.len; size++)
		assert_int_equal(read_all(size, 100), -ENODATA);
	for (size_t i = 0; i < TAR_BLOCK; i += i == 147 ? 9 : 1) { /* the first header, but for the sum itself */
		archive.data[i] ^= 1;
		assert_int_equal(read_all(archive.len, 0), -EBADMSG);
		archive.data[i] ^= 1;
	}
}

/* An archive with one pax header of that text. */
static int read_pax(const char *text, size_t len)
{
	begin();
	entry = (struct tar_entry){ .type = 'x', .size = len, .path = "pax" };
	(void)tar_put(&out, &entry);
	(void)tar_put_data(&out, text, len);
	(void)tar_put_padding(&out, len);
	add(TAR_FILE, "plain", NULL, NULL);
	(void)tar_put_end(&out);
	return read_all(archive.len, 0);
}

static void test_pax(void **state)
{
	static const char *const bad[] = {
		"x",	      "12",	      "5 a=b",	    "11 path=a\n", "999 path=ab\n", "6 path\n", "0 path=a\n", "4 a\n", "12 mtime=1x\n",
		"10 size=-1\n", "28 size=99999999999999999999\n", "9 uid=-1\n", "18446744073709551617 path=a\n", "8 path=\n", "3 \n",
	};
	static const char *const good[] = { "11 path=ab\n", "", "15 mtime=-1.25\n", "20 SCHILY.xattr.a=\377\n", "9 size=0\n" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (read_pax(bad[i], strlen(bad[i])) != -EBADMSG)
			fail_msg("taken: %s", bad[i]);
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		if (read_pax(good[i], strlen(good[i])) != 0)
			fail_msg("not taken: %s", good[i]);
	assert_int_equal(read_pax("12 path=a\0b\n", 12), -EBADMSG);
}

/* --- what is made of it --- */

static char top[] = "/tmp/test-copy.XXXXXX";
static size_t n_said;

static void say(void *arg, const char *path, const char *text)
{
	(void)arg;
	(void)path;
	(void)text;
	n_said++;
}

static void write_file(const char *path, const char *text)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void expect_file(const char *path, const char *want)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char text[64] = "";

	if (fd < 0)
		fail_msg("%s: %s", path, strerror(errno));
	assert_true(read(fd, text, sizeof(text) - 1) >= 0);
	assert_string_equal(text, want);
}

static void expect_none(const char *path)
{
	struct stat st;

	if (lstat(path, &st) == 0)
		fail_msg("%s is there", path);
}

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(top) || chdir(top) < 0 || mkdir("in", 0755) < 0)
		return -1;
	write_file("outside", "outside");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	buf_clear(&archive);
	return chdir("/") < 0 || remove_tree(AT_FDCWD, top) < 0 ? -1 : 0;
}

static void clean(void)
{
	assert_int_equal(remove_tree(AT_FDCWD, "in"), 0);
	assert_int_equal(mkdir("in", 0755), 0);
}

/* As a client takes what a container sends. */
static int receive(const char *path, const char *name, unsigned flags)
{
	struct copy c = { .say = say };
	struct source s;

	assert_int_equal(tar_put_end(&out), 0);
	open_archive(&s, archive.len, 0);
	n_said = 0;
	return copy_receive(&c, path, name, flags, &in);
}

static void test_names_that_leave(void **state)
{
	static const char *const names[] = { "../planted", "/planted", "/tmp/planted", "d/../../planted", "d/..", "..",
					     "./../planted", "other", "dd/x", "" };

	(void)state;
	for (size_t i = 0; names[i][0]; i++) {
		begin();
		add(TAR_FILE, names[i], NULL, "bad");
		add(TAR_DIR, names[i], NULL, NULL);
		add(TAR_LINK, names[i], "outside", NULL);
		add(TAR_DIR, "d", NULL, NULL);
		add(TAR_FILE, "d/good", NULL, "good");
		assert_int_equal(receive("in", "d", 0), 0);
		assert_int_equal(n_said, 3);
		expect_file("in/d/good", "good");
		expect_none("planted");
		expect_none("/planted");
		expect_none("/tmp/planted");
		expect_none("in/other");
		clean();
	}
}

static void test_links(void **state)
{
	(void)state;
	begin();
	add(TAR_LINK, "d/up", "..", NULL);
	add(TAR_FILE, "d/up/planted", NULL, "bad");
	add(TAR_DIR, "d/up/dir", NULL, NULL);
	add(TAR_LINK, "d/file", "../../outside", NULL);
	add(TAR_FILE, "d/file", NULL, "good");
	add(TAR_LINK, "d/abs", top, NULL);
	add(TAR_FILE, "d/abs/deep/planted", NULL, "bad");
	assert_int_equal(receive("in", "d", 0), 0);
	assert_int_equal(n_said, 3);
	expect_none("in/planted");
	expect_none("planted");
	expect_none("in/dir");
	expect_none("deep");
	expect_file("outside", "outside");
	expect_file("in/d/file", "good");

	/* what an earlier copy has left is not followed by the next one */
	begin();
	add(TAR_DIR, "d/", NULL, NULL);
	add(TAR_DIR, "d/abs/", NULL, NULL);
	add(TAR_FILE, "d/abs/planted", NULL, "bad");
	assert_int_equal(receive("in", "d", 0), 0);
	assert_int_equal(n_said, 2);
	expect_none("planted");

	/* nor is the copy itself a link: a second one to the same name would go where it points */
	begin();
	add(TAR_LINK, "f", top, NULL);
	assert_int_equal(receive("in/f", "f", 0), 0);
	assert_int_equal(n_said, 1);
	expect_none("in/f");
	assert_int_equal(symlink("../outside", "in/f"), 0);
	begin();
	add(TAR_FILE, "f", NULL, "new");
	assert_int_equal(receive("in/f", "f", 0), 0);
	expect_file("in/f", "new");
	expect_file("outside", "outside");
	clean();
}

static void test_hard_links(void **state)
{
	struct stat one, two;

	(void)state;
	write_file("in/mine", "mine");
	begin();
	add(TAR_FILE, "./a", NULL, "a");
	add(TAR_HARD, "./b", "./a", NULL);
	add(TAR_HARD, "b", "a", NULL);
	add(TAR_HARD, "theft", "mine", NULL);
	add(TAR_HARD, "up", "../outside", NULL);
	add(TAR_HARD, "abs", "/etc/passwd", NULL);
	add(TAR_HARD, "none", "not-there", NULL);
	add(TAR_LINK, "l", "../outside", NULL);
	add(TAR_HARD, "l2", "l", NULL);
	assert_int_equal(receive("in", "", COPY_CONTENTS), 0);
	assert_int_equal(n_said, 5);
	assert_int_equal(stat("in/a", &one), 0);
	assert_int_equal(stat("in/b", &two), 0);
	assert_true(one.st_ino == two.st_ino && one.st_nlink == 2);
	expect_none("in/theft");
	expect_none("in/up");
	expect_none("in/abs");
	expect_none("in/l2");
	assert_int_equal(stat("outside", &one), 0);
	assert_int_equal(one.st_nlink, 1);
	clean();
}

static void test_modes(void **state)
{
	struct stat st;

	(void)state;
	begin();
	add(TAR_DIR, "d", NULL, NULL);
	add(TAR_FILE, "d/f", NULL, "f");
	assert_int_equal(receive("in", "d", 0), 0);
	assert_int_equal(stat("in/d/f", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(st.st_mtime, 3);
	assert_int_equal(st.st_uid, getuid());
	assert_int_equal(stat("in/d", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(st.st_mtime, 3);
	/* one that is there stays as it is */
	assert_int_equal(chmod("in/d", 0700), 0);
	begin();
	add(TAR_DIR, "d", NULL, NULL);
	assert_int_equal(receive("in", "d", 0), 0);
	assert_int_equal(stat("in/d", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	clean();
}

static void test_half(void **state)
{
	struct copy c = { .say = say };
	struct source s;

	(void)state;
	write_file("in/f", "old");
	begin();
	add(TAR_FILE, "f", NULL, "new");
	assert_int_equal(tar_put_end(&out), 0);
	for (size_t size = 0; size < TAR_BLOCK + 3; size += size < TAR_BLOCK ? TAR_BLOCK : 1) {
		open_archive(&s, size, 0);
		assert_int_equal(copy_receive(&c, "in/f", "f", 0, &in), -ENODATA);
		expect_file("in/f", "old");
	}
	assert_int_equal(rmdir("in"), -1);
	assert_int_equal(unlink("in/f"), 0);
	assert_int_equal(rmdir("in"), 0); /* there was nothing else */
	assert_int_equal(mkdir("in", 0755), 0);
}

static void test_both_ends(void **state)
{
	struct copy c = { .say = say };
	_cleanup_free_ char *zeros = calloc(1, 1 << 20);
	struct stat st;
	int fd;

	(void)state;
	assert_int_equal(mkdir("in/src", 0755), 0);
	assert_int_equal(mkdir("in/src/d", 0711), 0);
	write_file("in/src/d/f", "deep");
	fd = open("in/src/hole", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0 && write(fd, zeros, 1 << 20) == 1 << 20 && write(fd, "end", 3) == 3 && close(fd) == 0);
	begin();
	assert_int_equal(copy_send(&c, "in/src/./", &out), 0);
	assert_int_equal(receive("in/copy", "", COPY_CONTENTS), 0);
	assert_int_equal(n_said, 0);
	expect_file("in/copy/d/f", "deep");
	assert_int_equal(stat("in/copy/hole", &st), 0);
	assert_int_equal(st.st_size, (1 << 20) + 3);
	assert_true(st.st_blocks * 512 < 1 << 19);
	assert_int_equal(stat("in/copy/d", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0711);
	clean();
}

static void test_name_of(void **state)
{
	static const char *const cases[][2] = { { "a", "a" },	{ "a/", "a" },	  { "/a/b//", "b" }, { "a/.", "" }, { "a/./", "" },
						{ "..", "" },	{ ".", "" },	  { "/", "" },	     { "//", "" },  { "a/..", "" },
						{ "...", "..." }, { ".a", ".a" }, { "a/..b", "..b" } };
	char name[NAME_MAX + 1];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		copy_name_of(cases[i][0], name);
		assert_string_equal(name, cases[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),	   cmocka_unit_test(test_numbers), cmocka_unit_test(test_damage),
		cmocka_unit_test(test_pax),	   cmocka_unit_test(test_name_of), cmocka_unit_test(test_names_that_leave),
		cmocka_unit_test(test_links),	   cmocka_unit_test(test_hard_links), cmocka_unit_test(test_modes),
		cmocka_unit_test(test_half),	   cmocka_unit_test(test_both_ends),
	};

	(void)umask(022);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
