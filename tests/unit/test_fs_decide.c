/* SPDX-License-Identifier: Apache-2.0 */
/* The pure decisions of the mount: names, the life of a handle, the settle time, the text of errors, records, blobs. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "fs/blob.h"
#include "fs/declared.h"
#include "fs/errors.h"
#include "fs/errorsfile.h"
#include "fs/hstate.h"
#include "fs/keyset.h"
#include "fs/names.h"
#include "fs/prune.h"
#include "fs/record.h"
#include "fs/siphash.h"

static void test_names(void **state)
{
	static const struct {
		const char *name;
		enum fs_name_class want;
	} cases[] = {
		{ "web.yaml", FS_NAME_MANIFEST },
		{ "a.b.yml", FS_NAME_MANIFEST },
		{ "x.json", FS_NAME_MANIFEST },
		{ "web.YAML", FS_NAME_OTHER },
		{ "web", FS_NAME_OTHER },
		{ "yaml", FS_NAME_OTHER },
		{ "web.txt", FS_NAME_OTHER },
		{ ".web.yaml", FS_NAME_SCRATCH },
		{ ".yaml", FS_NAME_SCRATCH },
		{ ".web.yaml.AbCdEf", FS_NAME_SCRATCH },
		{ "web.yaml~", FS_NAME_SCRATCH },
		{ ".web.yaml.swp", FS_NAME_SCRATCH },
		{ "web.yaml.swx", FS_NAME_SCRATCH },
		{ "web.yaml.tmp", FS_NAME_SCRATCH },
		{ "web.yaml.orig", FS_NAME_SCRATCH },
		{ "web.yaml.bak", FS_NAME_SCRATCH },
		{ "web.yaml.rej", FS_NAME_SCRATCH },
		{ "web.lock", FS_NAME_SCRATCH },
		{ "4913", FS_NAME_SCRATCH },
		{ "4913a", FS_NAME_OTHER },
		{ "#web.yaml#", FS_NAME_SCRATCH },
		{ "#web.yaml", FS_NAME_MANIFEST },
		{ "sedAb12Zz", FS_NAME_SCRATCH },
		{ "sedAb12Z", FS_NAME_OTHER },
		{ "XXAb12Zz", FS_NAME_SCRATCH },
		{ "XXAb12Z", FS_NAME_OTHER },
		{ "XXAb12Z-", FS_NAME_OTHER },
		{ "xxAb12Zz", FS_NAME_OTHER },
		{ "sedAb12Z.", FS_NAME_OTHER },
		{ "sed-12.yaml", FS_NAME_MANIFEST },
		{ "stra\xc3\x9f"
		  "e.yaml",
		  FS_NAME_MANIFEST },
		{ "\xff.yaml", FS_NAME_BAD },
		{ "a\nb.yaml", FS_NAME_BAD },
		{ "a\x7f.yaml", FS_NAME_BAD },
		{ "\xc2\x85.yaml", FS_NAME_BAD },
		{ "\xed\xa0\x80.yaml", FS_NAME_BAD },
		{ "\xc0\xaf.yaml", FS_NAME_BAD },
		{ "\xf4\x90\x80\x80.yaml", FS_NAME_BAD },
		{ "a\xe2\x82", FS_NAME_BAD },
		{ "", FS_NAME_BAD },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		enum fs_name_class got = fs_name_classify(cases[i].name);

		if (got != cases[i].want)
			fail_msg("\"%s\": %d, not %d", cases[i].name, (int)got, (int)cases[i].want);
	}
}

/* What each tool's sequence of calls comes to: the actions that are not FS_H_NONE. */
static void test_handle(void **state)
{
	static const struct {
		const char *what;
		enum fs_hstate from;
		int events[8]; /* ends with -1 */
		int actions[8];
		enum fs_hstate to;
	} cases[] = {
		{ "echo > f: dup2's flush, write, flush", FS_H_FRESH,
		  { FS_H_FLUSH, FS_H_WRITE, FS_H_FLUSH, FS_H_RELEASE, -1 },
		  { FS_H_NONE, FS_H_NONE, FS_H_COMMIT, FS_H_NONE }, FS_H_CLEAN },
		{ ": > f", FS_H_FRESH, { FS_H_FLUSH, FS_H_FLUSH, FS_H_RELEASE, -1 },
		  { FS_H_NONE, FS_H_NONE, FS_H_QUIET }, FS_H_CLEAN },
		{ "a group of children", FS_H_FRESH,
		  { FS_H_WRITE, FS_H_FLUSH_OTHER, FS_H_WRITE, FS_H_FLUSH_OTHER, FS_H_FLUSH, FS_H_RELEASE, -1 },
		  { FS_H_NONE, FS_H_NONE, FS_H_NONE, FS_H_NONE, FS_H_COMMIT, FS_H_NONE }, FS_H_CLEAN },
		{ "a child has the last word", FS_H_FRESH,
		  { FS_H_FLUSH, FS_H_WRITE, FS_H_FLUSH_OTHER, FS_H_RELEASE, -1 },
		  { FS_H_NONE, FS_H_NONE, FS_H_NONE, FS_H_QUIET }, FS_H_CLEAN },
		{ "vim: write, fsync, flush", FS_H_CLEAN, { FS_H_WRITE, FS_H_FSYNC, FS_H_FLUSH, FS_H_RELEASE, -1 },
		  { FS_H_NONE, FS_H_COMMIT, FS_H_NONE, FS_H_NONE }, FS_H_CLEAN },
		{ "killed", FS_H_FRESH, { FS_H_WRITE, FS_H_FLUSH_KILLED, FS_H_RELEASE, -1 },
		  { FS_H_NONE, FS_H_SAVE, FS_H_NONE }, FS_H_DEAD },
		{ "killed before it wrote", FS_H_FRESH, { FS_H_FLUSH_KILLED, FS_H_RELEASE, -1 }, { FS_H_NONE, FS_H_NONE },
		  FS_H_DEAD },
		{ "killed after a commit", FS_H_FRESH, { FS_H_WRITE, FS_H_FSYNC, FS_H_FLUSH_KILLED, FS_H_RELEASE, -1 },
		  { FS_H_NONE, FS_H_COMMIT, FS_H_NONE, FS_H_NONE }, FS_H_CLEAN },
		{ "a refusal is repeated", FS_H_REFUSED, { FS_H_FLUSH, FS_H_FSYNC, FS_H_FLUSH_OTHER, FS_H_RELEASE, -1 },
		  { FS_H_REPEAT, FS_H_REPEAT, FS_H_NONE, FS_H_NONE }, FS_H_REFUSED },
		{ "until something is written", FS_H_REFUSED, { FS_H_WRITE, FS_H_FLUSH, -1 },
		  { FS_H_NONE, FS_H_COMMIT }, FS_H_CLEAN },
		{ "a write that failed, then a close", FS_H_DIRTY,
		  { FS_H_FAIL, FS_H_WRITE, FS_H_FSYNC, FS_H_FLUSH, FS_H_RELEASE, -1 },
		  { FS_H_NONE, FS_H_NONE, FS_H_REPEAT, FS_H_REPEAT, FS_H_NONE }, FS_H_BROKEN },
		{ "begun again", FS_H_BROKEN, { FS_H_EMPTY, FS_H_WRITE, FS_H_FLUSH, FS_H_RELEASE, -1 },
		  { FS_H_NONE, FS_H_NONE, FS_H_COMMIT, FS_H_NONE }, FS_H_CLEAN },
		{ "read only", FS_H_CLEAN, { FS_H_FLUSH, FS_H_FSYNC, FS_H_RELEASE, -1 },
		  { FS_H_NONE, FS_H_NONE, FS_H_NONE }, FS_H_CLEAN },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		enum fs_hstate s = cases[i].from;

		for (size_t k = 0; cases[i].events[k] >= 0; k++) {
			enum fs_haction got = fs_hstate_next(&s, (enum fs_hevent)cases[i].events[k]);

			if ((int)got != cases[i].actions[k])
				fail_msg("%s: call %zu: action %d, not %d", cases[i].what, k, (int)got,
					 cases[i].actions[k]);
		}
		if (s != cases[i].to)
			fail_msg("%s: ends in %d, not %d", cases[i].what, (int)s, (int)cases[i].to);
	}
}

static void test_settle(void **state)
{
	const int64_t s = NSEC_PER_SEC, settle = 2 * s;

	assert_int_equal(fs_prune_due(100 * s, 100 * s, settle, 0), 102 * s);
	assert_int_equal(fs_prune_due(100 * s, 130 * s, settle, 0), 132 * s); /* each change puts it off */
	assert_int_equal(fs_prune_due(100 * s, 159 * s, settle, 0), 160 * s); /* to 60 s at most */
	assert_int_equal(fs_prune_due(100 * s, 101 * s, settle, 1), 160 * s); /* not while one is half written */
	assert_int_equal(fs_prune_due(100 * s, 101 * s, 300 * s, 0), 401 * s); /* whoever asked for more gets it */
	assert_int_equal(fs_prune_due(100 * s, 100 * s, 0, 0), 100 * s);
	assert_true(fs_prune_is_passing(-ESTALE) && fs_prune_is_passing(-ENOSPC) && fs_prune_is_passing(-EIO));
	assert_false(fs_prune_is_passing(-EINVAL) || fs_prune_is_passing(-EPERM)); /* such a one holds up no other */
}

static void check_errors(const char *text, unsigned line, unsigned column, const char *want)
{
	_cleanup_diag_list_ struct diag_list diags = DIAG_LIST_INIT;
	_cleanup_buf_ struct buf out = BUF_INIT;

	diag_add(&diags, DIAG_ERROR, -EINVAL, (struct value_mark){ line, column }, "a.b", "wrong");
	diag_add(&diags, DIAG_WARNING, 0, (struct value_mark){ 1, 1 }, "c", "odd");
	fs_errors_format_diags(&out, "d/f.yaml", &diags, text, text ? strlen(text) : 0);
	assert_string_equal(buf_str(&out), want);
}

static void test_errors(void **state)
{
	_cleanup_buf_ struct buf out = BUF_INIT, long_line = BUF_INIT, escaped = BUF_INIT;
	const struct writer who = { .uid = 7, .gid = 8, .pid = 42 };

	fs_escape(&escaped, "\xc3\xa4\x9b" "5m\xc2\x9b\x1b\xe4\xb8\xad\xe4", 12, false);
	assert_string_equal(buf_str(&escaped), "\xc3\xa4\\x9b5m\\u009b\\x1b\xe4\xb8\xad\\xe4");

	fs_errors_format_head(&out, INT64_C(1577934245) * NSEC_PER_SEC, &who, "c\np", "d/f\x1b.yaml");
	assert_string_equal(buf_str(&out), "2020-01-02T03:04:05Z uid 7 gid 8 pid 42 (c\\x0ap) d/f\\x1b.yaml\n");
	check_errors("a:\n  b: 1\n", 2, 6, "  d/f.yaml:2:6: error: a.b: wrong\n      b: 1\n         ^\n");
	/* Columns are characters, not bytes; tabs are one; the last line needs no line feed. */
	check_errors("\xc3\xa4\xc3\xb6: x", 1, 4, "  d/f.yaml:1:4: error: a.b: wrong\n    \xc3\xa4\xc3\xb6: x\n       ^\n");
	check_errors("\tx\r\n", 1, 2, "  d/f.yaml:1:2: error: a.b: wrong\n     x\n     ^\n");
	/* Bytes that are not UTF-8, such as the CSI of terminals with eight bits, are one column each and not shown. */
	check_errors("x: \x9b" "31m\xff\xe4\xb8\n", 1, 4, "  d/f.yaml:1:4: error: a.b: wrong\n    x: ?31m???\n       ^\n");
	check_errors("a: 1\n", 7, 1, "  d/f.yaml:7:1: error: a.b: wrong\n"); /* a line that is not there */
	check_errors("a: 1\n", 0, 0, "  d/f.yaml: error: a.b: wrong\n");
	check_errors(NULL, 1, 1, "  d/f.yaml:1:1: error: a.b: wrong\n");
	check_errors("ab", 1, 9, "  d/f.yaml:1:9: error: a.b: wrong\n    ab\n      ^\n"); /* beyond the end */
	for (int i = 0; i < 1000; i++)
		buf_putc(&long_line, 'x');
	buf_puts(&long_line, "!");
	{
		_cleanup_diag_list_ struct diag_list diags = DIAG_LIST_INIT;
		_cleanup_buf_ struct buf text = BUF_INIT;
		const char *caret, *quoted;

		diag_add(&diags, DIAG_ERROR, -EINVAL, (struct value_mark){ 1, 1001 }, "", "long");
		fs_errors_format_diags(&text, "f", &diags, long_line.data, long_line.len);
		quoted = strchr(buf_str(&text), '\n') + 1;
		caret = strchr(quoted, '\n') + 1;
		assert_true(strlen(quoted) < 2 * (FS_ERRORS_LINE_MAX + 8));
		assert_int_equal(quoted[strcspn(caret, "^")], '!'); /* the caret stands below it */
	}
}

static void test_record(void **state)
{
	static const char declared[] = "/objects/pods/default/a\0/objects/pods/default/b";
	_cleanup_buf_ struct buf xattrs = BUF_INIT, more = BUF_INIT, out = BUF_INIT, names = BUF_INIT;
	struct fs_record rec = { .ino = 99, .mode = 0640, .uid = 1, .gid = 2, .mtime = -5, .ctime = 6, .committed = 7,
				 .writer_uid = 11, .writer_gid = 12,
				 .n_declared = 2, .declared = declared, .declared_len = sizeof(declared), .text = "hello",
				 .text_len = 5 },
			 got;
	const char *value, *k;
	size_t len;

	fs_xattr_change(NULL, 0, "user.a", "1", 1, &xattrs);
	fs_xattr_change(xattrs.data, xattrs.len, "user.b", "", 0, &more);
	rec.xattrs = more.data;
	rec.xattrs_len = more.len;
	fs_record_encode(&rec, &out);
	assert_int_equal(fs_record_decode(out.data, out.len, &got), 0);
	assert_int_equal(got.ino, 99);
	assert_int_equal(got.mode, 0640);
	assert_int_equal(got.mtime, -5);
	assert_int_equal(got.committed, 7);
	assert_int_equal(got.writer_uid, 11);
	assert_int_equal(got.writer_gid, 12);
	assert_memory_equal(got.text, "hello", 5);
	k = fs_record_next_declared(&got, NULL);
	assert_string_equal(k, "/objects/pods/default/a");
	k = fs_record_next_declared(&got, k);
	assert_string_equal(k, "/objects/pods/default/b");
	assert_null(fs_record_next_declared(&got, k));
	assert_true(fs_record_declares(&got, "/objects/pods/default/b"));
	assert_false(fs_record_declares(&got, "/objects/pods/default/c"));
	assert_true(fs_xattr_find(got.xattrs, got.xattrs_len, "user.b", &value, &len));
	assert_int_equal(len, 0);
	fs_xattr_names(got.xattrs, got.xattrs_len, &names);
	assert_memory_equal(names.data, "user.a\0user.b", 14);
	buf_clear(&xattrs);
	fs_xattr_change(got.xattrs, got.xattrs_len, "user.a", NULL, 0, &xattrs);
	assert_false(fs_xattr_find(xattrs.data, xattrs.len, "user.a", &value, &len));
	assert_true(fs_xattr_find(xattrs.data, xattrs.len, "user.b", &value, &len));

	for (size_t cut = 0; cut < out.len; cut++) /* no prefix of it is one */
		assert_true(fs_record_decode(out.data, cut, &got) < 0);
	assert_int_equal(fs_record_size(&rec), 5);
	out.data[0] = 4;
	assert_int_equal(fs_record_decode(out.data, out.len, &got), -EPROTO);
}

/* A text that lies aside is not in the record, whose form older readers refuse; one that does not has the form they read. */
static void test_record_aside(void **state)
{
	_cleanup_buf_ struct buf out = BUF_INIT, old = BUF_INIT;
	struct fs_record rec = { .ino = 7, .committed = 8, .aside_len = 4711 }, got;

	fs_record_encode(&rec, &out);
	assert_int_equal(out.data[0], 3);
	assert_int_equal(fs_record_decode(out.data, out.len, &got), 0);
	assert_int_equal(got.aside_len, 4711);
	assert_int_equal(fs_record_size(&got), 4711);
	assert_int_equal(got.text_len, 0);
	assert_int_equal(got.committed, 8);
	for (size_t cut = 0; cut < out.len; cut++)
		assert_true(fs_record_decode(out.data, cut, &got) < 0);
	rec.aside_len = 0;
	fs_record_encode(&rec, &old);
	assert_int_equal(old.data[0], 2);
	assert_int_equal(fs_record_decode(old.data, old.len, &got), 0);
	assert_int_equal(got.aside_len, 0);
}

static void test_blob(void **state)
{
	_cleanup_blob_ struct fs_blob *b = fs_blob_new("abc", 3), *shared = NULL;

	assert_non_null(b);
	shared = fs_blob_ref(b);
	assert_int_equal(fs_blob_write(&b, "X", 1, 1), 0);
	assert_ptr_not_equal(b, shared); /* who shares it keeps what it was */
	assert_memory_equal(shared->data, "abc", 3);
	assert_memory_equal(b->data, "aXc", 3);
	assert_int_equal(fs_blob_write(&b, "Z", 1, 5), 0);
	assert_int_equal(b->len, 6);
	assert_memory_equal(b->data, "aXc\0\0Z", 6);
	assert_int_equal(fs_blob_resize(&b, 2), 0);
	assert_int_equal(fs_blob_resize(&b, 4), 0);
	assert_memory_equal(b->data, "aX\0\0", 4); /* what was cut off does not come back */
	assert_int_equal(fs_blob_write(&b, "1", 1, FS_MANIFEST_MAX), -EFBIG);
	assert_int_equal(fs_blob_write(&b, "1", 1, SIZE_MAX), -EFBIG);
	assert_int_equal(fs_blob_resize(&b, FS_MANIFEST_MAX + 1), -EFBIG);
	assert_int_equal(b->len, 4);
}

/* The reference vectors of the SipHash paper's appendix: key 00..0f, input 00..0e. */
static void test_keyset(void **state)
{
	static const uint8_t seed[16] = { 1, 2, 3 };
	static const char declared[] = "/objects/configmaps/a/x\0/objects/configmaps/a/y";
	const struct fs_record rec = { .n_declared = 2, .declared = declared, .declared_len = sizeof(declared) };
	struct fs_keyset s = { .seed = seed };
	static char keys[3000][16];

	assert_false(fs_keyset_has(&s, ""));
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		(void)snprintf(keys[i], sizeof(keys[i]), "key%zu", i);
		assert_false(fs_keyset_has(&s, keys[i]));
		assert_int_equal(fs_keyset_add(&s, keys[i]), 1);
	}
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		assert_int_equal(fs_keyset_add(&s, keys[i]), 0);
		assert_true(fs_keyset_has(&s, keys[i]));
	}
	assert_int_equal(s.n, ARRAY_SIZE(keys));
	assert_false(fs_keyset_has(&s, "key"));
	assert_false(fs_keyset_has(&s, "key3000"));
	assert_int_equal(fs_keyset_add_declared(&s, &rec), 0);
	assert_int_equal(fs_keyset_add_declared(&s, NULL), 0);
	assert_true(fs_keyset_has(&s, "/objects/configmaps/a/x"));
	assert_true(fs_keyset_has(&s, "/objects/configmaps/a/y"));
	assert_int_equal(s.n, ARRAY_SIZE(keys) + 2);
	fs_keyset_clear(&s);
	assert_false(fs_keyset_has(&s, "key1"));
}

static void count_entry(void *arg, const struct fs_errors_entry *e)
{
	struct buf *out = arg;

	buf_printf(out, "[%s %d %lld %.*s]", e->ns, (int)e->uid, (long long)e->time, (int)e->len, e->text);
}

static void check_file(struct buf *file, size_t len, const char *want)
{
	_cleanup_buf_ struct buf copy = BUF_INIT, got = BUF_INIT;

	buf_append(&copy, file->data, len);
	fs_errorsfile_parse(copy.data, copy.len, count_entry, &got);
	assert_string_equal(buf_str(&got), want);
}

static void test_errorsfile(void **state)
{
	const struct fs_errors_entry one = { .ns = "dev", .uid = 7, .time = 5, .text = "a\n b\n", .len = 5 };
	const struct fs_errors_entry two = { .ns = "", .uid = (uid_t)-1, .time = -1, .text = "1 2 3 x\n", .len = 8 };
	_cleanup_buf_ struct buf file = BUF_INIT, got = BUF_INIT;
	char dir[] = "/tmp/test_fs_decide.XXXXXX";
	size_t half;
	int fd;

	fs_errorsfile_format(&file, &one);
	half = file.len;
	fs_errorsfile_format(&file, &two);
	check_file(&file, file.len, "[dev 7 5 a\n b\n][ -1 -1 1 2 3 x\n]");
	for (size_t len = half; len < file.len; len++) /* cut off anywhere: what is whole counts */
		check_file(&file, len, "[dev 7 5 a\n b\n]");
	file.data[half] = 'x';
	check_file(&file, file.len, "[dev 7 5 a\n b\n]");
	file.data[half] = '-';

	assert_non_null(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fs_errorsfile_read(fd, count_entry, &got), 0); /* none is none */
	assert_int_equal(got.len, 0);
	assert_int_equal(fs_errorsfile_write(fd, &file, false), 0);
	assert_int_equal(fs_errorsfile_write(fd, &file, false), 0);
	assert_int_equal(fs_errorsfile_read(fd, count_entry, &got), 0);
	assert_string_equal(buf_str(&got), "[dev 7 5 a\n b\n][ -1 -1 1 2 3 x\n][dev 7 5 a\n b\n][ -1 -1 1 2 3 x\n]");
	buf_clear(&got);
	assert_int_equal(fs_errorsfile_write(fd, &file, true), 0); /* in its place */
	assert_int_equal(fs_errorsfile_read(fd, count_entry, &got), 0);
	assert_string_equal(buf_str(&got), "[dev 7 5 a\n b\n][ -1 -1 1 2 3 x\n]");
	assert_int_equal(unlinkat(fd, FS_ERRORSFILE_NAME, 0), 0);
	assert_int_equal(symlinkat("/etc/passwd", fd, FS_ERRORSFILE_NAME), 0);
	assert_int_equal(fs_errorsfile_write(fd, &file, false), -ELOOP);
	assert_int_equal(fs_errorsfile_read(fd, count_entry, &got), -ELOOP);
	assert_int_equal(unlinkat(fd, FS_ERRORSFILE_NAME, 0), 0);
	assert_int_equal(rmdir(dir), 0); /* and nothing lies beside it */
	close(fd);
}

static void test_siphash(void **state)
{
	uint8_t key[16], in[15];

	for (unsigned i = 0; i < 16; i++)
		key[i] = (uint8_t)i;
	for (unsigned i = 0; i < 15; i++)
		in[i] = (uint8_t)i;
	assert_true(fs_siphash(key, in, 15) == UINT64_C(0xa129ca6149be45e5));
	assert_true(fs_siphash(key, in, 0) == UINT64_C(0x726fdb47dd0e0e31));
}

/* The number that stands in the document which a text has of ConfigMap `name` by its parts alone; -1: none is found so. */
static int number_in_part(const char *text, const char *name)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct value *root = value_new_map(a);
	const struct fs_record rec = { .text = text, .text_len = strlen(text) };
	const struct value *doc;
	struct object *o;

	(void)value_set(a, root, "apiVersion", value_new_str(a, "v1"));
	(void)value_set(a, root, "kind", value_new_str(a, "ConfigMap"));
	(void)value_set(a, value_set_map(a, root, "metadata"), "name", value_new_str(a, name));
	(void)value_set(a, value_set_map(a, root, "metadata"), "namespace", value_new_str(a, "default"));
	o = object_for_test(root, 1);
	assert_non_null(o);
	doc = fs_declared_in_part(&rec, a, o);
	object_unref(o);
	return doc ? (int)strtol(value_str_or(value_path(doc, "data", "number"), "0"), NULL, 10) : -1;
}

#define MAP(name, n) "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " name "}\ndata: {number: '" n "'}\n"

/* The number in the document of a ConfigMap, -1: there is none. */
static int number_of(const struct fs_documents *docs, const char *name, const char *ns)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_object_ struct object *o = NULL;
	struct value *root = value_new_map(a), *meta;
	const struct value *doc;

	(void)value_set_str(a, root, "apiVersion", "v1");
	(void)value_set_str(a, root, "kind", "ConfigMap");
	meta = value_set_map(a, root, "metadata");
	(void)value_set_str(a, meta, "name", name);
	(void)value_set_str(a, meta, "namespace", ns);
	o = object_for_test(root, 1);
	assert_non_null(o);
	doc = fs_declared_find(docs, o);
	return doc ? (int)strtol(value_str_or(value_path(doc, "data", "number"), "-2"), NULL, 10) : -1;
}

static void test_declared_find(void **state)
{
	static const char text[] =
		"apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {number: '1'}\n---\n"
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: other}\ndata: {number: '2'}\n---\n"
		"apiVersion: v1\nkind: List\nitems:\n"
		"- {apiVersion: v1, kind: ConfigMap, metadata: {name: b}, data: {number: '3'}}\n"
		"- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {number: '4'}}\n---\n"
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: ns}\ndata: {number: '5'}\n---\n{}\n";
	enum { MANY = 10000 };
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_buf_ struct buf many = BUF_INIT;
	struct fs_record rec = { .text = text, .text_len = strlen(text) };
	struct fs_documents docs = { .n = 0 };
	clock_t start;
	char name[32];

	assert_int_equal(fs_declared_read(&rec, a, &docs), 0);
	assert_int_equal(number_of(&docs, "a", "other"), 2);
	assert_int_equal(number_of(&docs, "b", "ns"), 3);
	assert_int_equal(number_of(&docs, "a", "default"), 4); /* whichever states none */
	assert_int_equal(number_of(&docs, "a", "ns"), 4);	/* the first in the file */
	assert_int_equal(number_of(&docs, "c", "ns"), -1);
	assert_int_equal(number_of(&docs, "", "ns"), -1);
	for (int i = 0; i < MANY; i++)
		buf_printf(&many, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c-%d}\ndata: {number: '%d'}\n", i, i);
	rec = (struct fs_record){ .text = buf_str(&many), .text_len = many.len };
	assert_int_equal(fs_declared_read(&rec, a, &docs), 0);
	start = clock();
	for (int i = 0; i < MANY; i++) { /* a look at all for each takes a hundred times that long */
		(void)snprintf(name, sizeof(name), "c-%d", i);
		assert_int_equal(number_of(&docs, name, "default"), i);
		assert_true(clock() - start < 10 * CLOCKS_PER_SEC);
	}
}

static void test_declared_parts(void **state)
{
	static const char many[] = "# a\n---\n" MAP("a", "1") "---\n" MAP("ab", "2") "--- # the third\n" MAP("a-b", "3")
		"---\n" MAP("\"c\"", "4") "data2: |\n  x\n  ---\n  name: d\n---\n" MAP("d", "5");

	assert_int_equal(number_in_part(many, "a"), 1); /* not where it is a part of a longer name */
	assert_int_equal(number_in_part(many, "ab"), 2);
	assert_int_equal(number_in_part(many, "a-b"), 3);
	assert_int_equal(number_in_part(many, "c"), 4);
	assert_int_equal(number_in_part(many, "d"), 5); /* mentioned before, in a text with a line of its own */
	assert_int_equal(number_in_part(many, "e"), -1);
	assert_int_equal(number_in_part("", "a"), -1);
	assert_int_equal(number_in_part("---", "a"), -1);
	assert_int_equal(number_in_part("a: [\n---\n" MAP("b", "2"), "b"), 2);
	assert_int_equal(number_in_part("a: [\n---\n" MAP("b", "2"), "a"), -1); /* what cannot be read is for who reads all */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),	cmocka_unit_test(test_handle), cmocka_unit_test(test_settle),
		cmocka_unit_test(test_errors),	cmocka_unit_test(test_record), cmocka_unit_test(test_record_aside),
		cmocka_unit_test(test_blob),	cmocka_unit_test(test_siphash), cmocka_unit_test(test_keyset),
		cmocka_unit_test(test_errorsfile), cmocka_unit_test(test_declared_parts),
		cmocka_unit_test(test_declared_find),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
