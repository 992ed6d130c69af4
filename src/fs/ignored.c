/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/ignored.h"

#include <string.h>

#include "fs/folder.h"
#include "fs/scratch.h"

#define IGNORE_FILE ".podfsignore"

enum { MATCH_STEPS = 100 * 1000 }; /* of one pattern on one path: what needs more does not match */

/* --- patterns --- */

/* Whether c is in the class that begins after '['; *ret_end is what follows its ']'. A class without end is none. */
static bool in_class(const char *p, const char *end, char c, const char **ret_end)
{
	bool negated = p < end && (*p == '!' || *p == '^'), found = false;
	const char *first = p += negated;

	while (p < end && (*p != ']' || p == first)) {
		unsigned char from = (unsigned char)*p, to = from;

		if (from == '\\' && p + 1 < end)
			from = to = (unsigned char)*++p;
		if (p + 2 < end && p[1] == '-' && p[2] != ']') {
			p += 2;
			to = (unsigned char)*p;
		}
		found |= (unsigned char)c >= from && (unsigned char)c <= to;
		p++;
	}
	*ret_end = p < end ? p + 1 : NULL;
	return p < end && found != negated;
}

/* One character of the pattern against one of the path; *p moves past it. */
static bool match_one(const char **p, const char *end, char c)
{
	const char *at = *p, *after;

	if (at == end)
		return false;
	if (*at == '?' || *at == '[') {
		after = at + 1;
		if (c == '/' || (*at == '[' && !in_class(at + 1, end, c, &after)))
			return false;
		*p = after;
		return true;
	}
	if (*at == '\\' && at + 1 < end)
		at++;
	if (*at != c)
		return false;
	*p = at + 1;
	return true;
}

/* Two points to come back to: the last '*', which may take one more character but no '/', and the last '**' between
 * slashes, which may take one more folder. Earlier ones need no second look. */
bool fs_ignore_match(const char *pattern, size_t len, const char *path)
{
	const char *p = pattern, *end = pattern + len, *s = path;
	const char *star = NULL, *star_s = NULL, *folders = NULL, *folders_s = NULL;

	for (unsigned steps = 0; *s; steps++) {
		if (steps > MATCH_STEPS)
			return false;
		if (p < end && *p == '*') {
			bool between = end - p > 1 && p[1] == '*' && (p == pattern || p[-1] == '/') &&
				       (end - p == 2 || p[2] == '/');

			if (between && end - p == 2)
				return true;
			p += between ? 3 : 1;
			*(between ? &folders : &star) = p;
			*(between ? &folders_s : &star_s) = s;
			if (between)
				star = NULL;
			continue;
		}
		if (match_one(&p, end, *s)) {
			s++;
		} else if (star && *star_s != '/') {
			p = star;
			s = ++star_s;
		} else if (folders && strchr(folders_s, '/')) {
			p = folders;
			s = folders_s = strchr(folders_s, '/') + 1;
			star = NULL;
		} else {
			return false;
		}
	}
	while (p < end && *p == '*')
		p++;
	return p == end;
}

static enum fs_ignore_verdict judge_line(const char *line, size_t len, const char *path, bool is_dir)
{
	const char *slash = strrchr(path, '/');
	bool negated, anchored;

	if (len && line[len - 1] == '\r')
		len--;
	while (len && line[len - 1] == ' ' && !(len > 1 && line[len - 2] == '\\'))
		len--;
	if (!len || line[0] == '#')
		return FS_IGNORE_SILENT;
	negated = line[0] == '!';
	line += negated;
	len -= negated;
	if (len && line[len - 1] == '/') {
		if (!is_dir)
			return FS_IGNORE_SILENT;
		len--;
	}
	anchored = len && memchr(line, '/', len);
	if (len && line[0] == '/') {
		line++;
		len--;
	}
	if (!len || !fs_ignore_match(line, len, anchored || !slash ? path : slash + 1))
		return FS_IGNORE_SILENT;
	return negated ? FS_IGNORE_NO : FS_IGNORE_YES;
}

enum fs_ignore_verdict fs_ignore_judge(const char *text, size_t len, const char *path, bool is_dir)
{
	const char *end = text + len;
	enum fs_ignore_verdict verdict = FS_IGNORE_SILENT;

	while (text < end) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((nl ? nl : end) - text);
		enum fs_ignore_verdict line = judge_line(text, n, path, is_dir);

		if (line != FS_IGNORE_SILENT)
			verdict = line;
		text += n + 1;
	}
	return verdict;
}

/* --- folders --- */

/* Appends the text of a folder's file, if it has one. Most have none, which is remembered. */
static void read_file(struct fs_node *dir, struct buf *text)
{
	struct fs *fs = dir->fs;
	uint64_t number = fs_folder_number(dir);
	size_t slot = (number ^ (uintptr_t)dir->ns >> 4) % ARRAY_SIZE(fs->unignored);

	if (fs->unignored[slot].ns == dir->ns && fs->unignored[slot].number == number)
		return;
	if (fs_scratch_text(dir, IGNORE_FILE, FS_IGNORE_BYTES, text) != -ENOENT)
		return;
	fs->unignored[slot].ns = dir->ns;
	fs->unignored[slot].number = number;
}

void fs_ignored_changed(struct fs *fs, const char *name)
{
	if (strcmp(name, IGNORE_FILE) == 0)
		memset(fs->unignored, 0, sizeof(fs->unignored));
}

/* What the files of `dir` and of the folders above it say of a path below dir; the nearest that says something decides. */
static enum fs_ignore_verdict judge_up(struct fs_node *dir, const char *name, bool is_dir)
{
	_cleanup_buf_ struct buf path = BUF_INIT;

	buf_puts(&path, name);
	for (;;) {
		_cleanup_buf_ struct buf text = BUF_INIT, longer = BUF_INIT;
		enum fs_ignore_verdict v = FS_IGNORE_SILENT;

		read_file(dir, &text);
		if (text.len)
			v = fs_ignore_judge(buf_str(&text), text.len, buf_str(&path), is_dir);
		if (v != FS_IGNORE_SILENT || !fs_folder_number(dir))
			return v;
		buf_puts(&longer, dir->name);
		buf_putc(&longer, '/');
		buf_append(&longer, path.data, path.len);
		buf_clear(&path);
		path = longer;
		longer = BUF_INIT;
		dir = dir->parent;
	}
}

bool fs_ignored(struct fs_node *dir, const char *name, bool is_dir)
{
	if (judge_up(dir, name, is_dir) == FS_IGNORE_YES)
		return true;
	for (; fs_folder_number(dir); dir = dir->parent)
		if (judge_up(dir->parent, dir->name, true) == FS_IGNORE_YES)
			return true;
	return false;
}
