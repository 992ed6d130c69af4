/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a backup: header, checksum, and scratch that comes back as it went. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/remove.h"
#include "cmd/backup_format.h"
#include "cmd/backup_scratch.h"

static char dir[] = "/tmp/podfs-test-backup.XXXXXX";
static const struct backup_header header = { .store_format = 1, .time = 1700000000, .reserved = 0x1122334455, .version = "1.2" };

static void test_header(void **state)
{
	unsigned char b[BACKUP_HEADER_SIZE];
	struct backup_header h = { 0 };

	(void)state;
	backup_header_encode(&header, b);
	assert_memory_equal(b, "podfs backup\n", 13);
	assert_int_equal(b[16], BACKUP_FORMAT);
	assert_int_equal(backup_header_decode(b, &h), 0);
	assert_int_equal(h.store_format, 1);
	assert_int_equal(h.time, 1700000000);
	assert_int_equal(h.reserved, 0x1122334455);
	assert_string_equal(h.version, "1.2");
}

static void test_long_version(void **state)
{
	struct backup_header h = header, back;
	unsigned char b[BACKUP_HEADER_SIZE];

	(void)state;
	memset(h.version, 'v', BACKUP_VERSION_MAX);
	h.version[BACKUP_VERSION_MAX] = '\0';
	backup_header_encode(&h, b);
	assert_int_equal(backup_header_decode(b, &back), 0);
	assert_string_equal(back.version, h.version);
}

static int decode_with(size_t at, unsigned char value)
{
	unsigned char b[BACKUP_HEADER_SIZE];
	struct backup_header h;

	backup_header_encode(&header, b);
	b[at] = value;
	return backup_header_decode(b, &h);
}

static void test_foreign_headers(void **state)
{
	(void)state;
	for (size_t i = 0; i < 16; i++)
		assert_int_equal(decode_with(i, 'X'), -EBADMSG);
	assert_int_equal(decode_with(16, BACKUP_FORMAT + 1), -EPROTO);
	assert_int_equal(decode_with(16, 0), -EBADMSG);
	assert_int_equal(decode_with(20, 200), -EPROTO);
	assert_int_equal(decode_with(20, 0), -EBADMSG);
	assert_int_equal(decode_with(39, 0xff), -EBADMSG); /* revisions that none may follow */
	assert_int_equal(decode_with(40, '\033'), -EBADMSG);
}

static void test_checksum(void **state)
{
	uint64_t sum;

	(void)state;
	/* The check value that is published for CRC-64/XZ. */
	assert_true(backup_checksum(0, "123456789", 9) == UINT64_C(0x995DC9BBDF1939FA));
	sum = backup_checksum(0, "1234", 4);
	assert_true(backup_checksum(sum, "56789", 5) == UINT64_C(0x995DC9BBDF1939FA));
}

static struct backup_out start(const char *name)
{
	unsigned char b[BACKUP_HEADER_SIZE];
	char path[256];
	struct backup_out o = { 0 };

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	o.file = fopen(path, "we+");
	assert_non_null(o.file);
	backup_header_encode(&header, b);
	backup_put(&o, b, sizeof(b));
	return o;
}

static int check(FILE *f, struct error *err)
{
	struct backup_in in = { .file = f };
	struct backup_header h;

	return backup_check(&in, &h, err);
}

static void test_every_byte_counts(void **state)
{
	struct backup_out o = start("file");
	unsigned char byte;
	int fd, n;

	(void)state;
	backup_put(&o, "E", 1);
	backup_put_bytes(&o, "key", 3);
	backup_put_bytes(&o, "a record", 8);
	o.records = 1;
	assert_int_equal(backup_finish(&o), 0);
	assert_int_equal(check(o.file, NULL), 0);
	fd = fileno(o.file);
	n = (int)lseek(fd, 0, SEEK_END);
	for (int i = 0; i < n; i++) {
		assert_int_equal(pread(fd, &byte, 1, i), 1);
		byte ^= 1;
		assert_int_equal(pwrite(fd, &byte, 1, i), 1);
		assert_true(check(o.file, NULL) < 0);
		byte ^= 1;
		assert_int_equal(pwrite(fd, &byte, 1, i), 1);
	}
	assert_int_equal(check(o.file, NULL), 0);
	for (int i = n - 1; i >= 0; i--) { /* shorter and shorter */
		assert_int_equal(ftruncate(fd, i), 0);
		assert_int_equal(check(o.file, NULL), -EBADMSG);
	}
	(void)fclose(o.file);
}

static void test_no_room(void **state)
{
	struct backup_out o = { .file = fopen("/dev/full", "we") };

	(void)state;
	assert_non_null(o.file);
	backup_put(&o, "x", 1);
	assert_int_equal(backup_finish(&o), -ENOSPC);
	(void)fclose(o.file);
}

static void write_file(int at, const char *name, const char *text, mode_t mode)
{
	int fd = openat(at, name, O_CREAT | O_WRONLY | O_CLOEXEC, mode);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	(void)fsetxattr(fd, "user.colour", "blue", 4, 0); /* ignoring: not every file system has them */
	(void)close(fd);
}

static int make(const char *name)
{
	int at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;

	assert_true(at >= 0);
	assert_int_equal(mkdirat(at, name, 0700), 0);
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	(void)close(at);
	return fd;
}

/* Reads what is in a backup's file of scratch into directory `to`. */
static int read_all(FILE *f, int to)
{
	struct backup_in in = { .file = f };
	struct backup_header h;
	char type = 0;
	int r = backup_check(&in, &h, NULL);

	while (r == 0 && (r = backup_get(&in, &type, 1)) == 0 && type != BACKUP_END)
		r = backup_scratch_read(&in, (enum backup_part)type, to, NULL);
	return r;
}

static void test_scratch(void **state)
{
	const struct timespec times[2] = { { 1000, 1 }, { 2000, 999999999 } };
	struct backup_out o = start("scratch");
	int from = make("from"), to = make("to"), fd;
	char target[16] = "", value[16] = "";
	struct stat st;

	(void)state;
	assert_int_equal(mkdirat(from, "d", 0700), 0);
	assert_int_equal(mkdirat(from, "d/e", 0700), 0);
	write_file(from, "d/e/f", "text", 0640);
	write_file(from, "none", "", 0400);
	assert_int_equal(symlinkat("../f", from, "d/l"), 0);
	assert_int_equal(mkfifoat(from, "d/fifo", 0600), 0);
	assert_int_equal(utimensat(from, "d/l", times, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(utimensat(from, "d/e/f", times, 0), 0);
	assert_int_equal(fchmodat(from, "d/e", 0550, 0), 0);
	assert_int_equal(utimensat(from, "d/e", times, 0), 0);
	assert_int_equal(backup_scratch_write(&o, from, NULL), 0);
	assert_int_equal(backup_finish(&o), 0);
	assert_int_equal(read_all(o.file, to), 0);

	assert_int_equal(fstatat(to, "d/e/f", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(st.st_size, 4);
	assert_int_equal(st.st_mtim.tv_sec, 2000);
	assert_int_equal(st.st_mtim.tv_nsec, 999999999);
	fd = openat(to, "d/e/f", O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, value, sizeof(value)), 4);
	assert_memory_equal(value, "text", 4);
	if (fgetxattr(fd, "user.colour", value, sizeof(value)) == 4)
		assert_memory_equal(value, "blue", 4);
	(void)close(fd);
	assert_int_equal(fstatat(to, "d/e", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0550);
	assert_int_equal(st.st_mtim.tv_sec, 2000);
	assert_int_equal(readlinkat(to, "d/l", target, sizeof(target)), 4);
	assert_memory_equal(target, "../f", 4);
	assert_int_equal(fstatat(to, "d/l", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_mtim.tv_sec, 2000);
	assert_int_equal(fstatat(to, "none", &st, 0), 0);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(fstatat(to, "d/fifo", &st, 0), -1);
	(void)fclose(o.file);
	(void)close(from);
	(void)close(to);
}

/* A file of scratch whose path is `path`, empty. */
static int read_path(const char *path, int to)
{
	struct backup_out o = start("hostile");
	int r;

	backup_put(&o, "f", 1);
	backup_put_bytes(&o, path, strlen(path));
	for (int i = 0; i < 3; i++)
		backup_put_u32(&o, 0);
	for (int i = 0; i < 2; i++) {
		backup_put_u64(&o, 0);
		backup_put_u32(&o, 0);
	}
	backup_put(&o, "", 1);
	backup_put_u32(&o, 0);
	assert_int_equal(backup_finish(&o), 0);
	r = read_all(o.file, to);
	(void)fclose(o.file);
	return r;
}

static void test_nothing_elsewhere(void **state)
{
	int to = make("hostile-to");

	(void)state;
	assert_int_equal(symlinkat("..", to, "up"), 0);
	assert_int_equal(read_path("fine", to), 0);
	assert_int_equal(read_path("fine", to), -EEXIST);
	assert_int_equal(read_path("", to), -EBADMSG);
	assert_int_equal(read_path("..", to), -EBADMSG);
	assert_int_equal(read_path("a/..", to), -EBADMSG);
	assert_int_equal(read_path("../x", to), -EXDEV);
	assert_int_equal(read_path("up/x", to), -ENOTDIR);
	assert_true(read_path("/tmp/x", to) < 0);
	(void)close(to);
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
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_long_version),
		cmocka_unit_test(test_foreign_headers),
		cmocka_unit_test(test_checksum),
		cmocka_unit_test(test_every_byte_counts),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_scratch),
		cmocka_unit_test(test_nothing_elsewhere),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
