/* SPDX-License-Identifier: Apache-2.0 */
#include "pod/user.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Lines of a file, one at a time, in fixed memory. */
struct lines {
	int fd;
	size_t start;
	size_t end;
	size_t taken; /* bytes read so far */
	bool eof;
	char buf[USER_LINE_SIZE];
};

static int lines_fill(struct lines *l)
{
	ssize_t n;

	if (l->start > 0) {
		memmove(l->buf, l->buf + l->start, l->end - l->start);
		l->end -= l->start;
		l->start = 0;
	}
	do
		n = read(l->fd, l->buf + l->end, sizeof(l->buf) - l->end);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	l->end += (size_t)n;
	l->taken += (size_t)n;
	l->eof = n == 0 || l->taken > USER_FILE_MAX;
	return 0;
}

/* The next line without its newline, NUL-terminated in place. 1, 0 at the end, negative errno. */
static int lines_next(struct lines *l, char **ret_line)
{
	bool skip = false;

	for (;;) {
		char *line = l->buf + l->start;
		char *nl = memchr(line, '\n', l->end - l->start);
		int r;

		if (nl) {
			*nl = '\0';
			l->start = (size_t)(nl - l->buf) + 1;
			if (!skip && strlen(line) == (size_t)(nl - line)) {
				*ret_line = line;
				return 1;
			}
			skip = false;
			continue;
		}
		if (l->end - l->start == sizeof(l->buf)) {
			skip = true; /* a line longer than the buffer: drop what is here of it */
			l->start = l->end;
		}
		if (l->eof) {
			if (skip || l->start == l->end || l->end == sizeof(l->buf))
				return 0;
			l->buf[l->end] = '\0';
			l->start = l->end;
			*ret_line = line;
			return 1;
		}
		r = lines_fill(l);
		if (r < 0)
			return r;
	}
}

/* Splits at colons, in place, into at most n fields; the last one keeps what is left. Returns how many there are. */
static size_t split_fields(char *line, char **fields, size_t n)
{
	size_t i = 0;

	while (i < n) {
		char *colon = strchr(line, ':');

		fields[i++] = line;
		if (!colon)
			break;
		*colon = '\0';
		line = colon + 1;
	}
	return i;
}

/* A decimal id. -ENOENT if it is no number, -EINVAL if it is one out of range (2^32-1 means "unchanged"). */
static int parse_id(const char *s, size_t len, uint32_t *ret_id)
{
	uint64_t v = 0;

	if (len == 0)
		return -ENOENT;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -ENOENT;
		if (v <= UINT32_MAX)
			v = v * 10 + (uint64_t)(s[i] - '0');
	}
	if (v >= UINT32_MAX)
		return -EINVAL;
	*ret_id = (uint32_t)v;
	return 0;
}

static bool same(const char *s, const char *text, size_t len)
{
	return strlen(s) == len && memcmp(s, text, len) == 0;
}

static void set_home(struct user *u, const char *home)
{
	size_t len = strlen(home);

	if (len == 0 || len >= sizeof(u->home))
		return;
	memcpy(u->home, home, len + 1);
}

/* Finds the entry by name or number. 1: found, name copied to ret_name; 0: none. */
static int find_passwd(int fd, const char *text, size_t len, bool numeric, struct user *u, char *ret_name, size_t size)
{
	struct lines l = { .fd = fd };
	char *line, *f[7];
	int r;

	if (fd < 0)
		return 0;
	while ((r = lines_next(&l, &line)) > 0) {
		uint32_t uid, gid;
		size_t n = split_fields(line, f, ARRAY_SIZE(f));

		if (n < 4 || parse_id(f[2], strlen(f[2]), &uid) < 0 || parse_id(f[3], strlen(f[3]), &gid) < 0)
			continue;
		if (!same(f[0], text, len) && !(numeric && uid == u->uid))
			continue;
		u->uid = uid;
		u->gid = gid;
		if (n > 5)
			set_home(u, f[5]);
		if (strlen(f[0]) < size)
			memcpy(ret_name, f[0], strlen(f[0]) + 1);
		return 1;
	}
	return r;
}

static bool is_member(char *list, const char *name)
{
	while (*name != '\0' && list) {
		char *comma = strchr(list, ',');
		size_t len = comma ? (size_t)(comma - list) : strlen(list);

		if (same(name, list, len))
			return true;
		list = comma ? comma + 1 : NULL;
	}
	return false;
}

/* Gathers the groups of member `name`, and finds the group called `group` (NULL: none asked for). 1: found it. */
static int find_groups(int fd, const char *name, const char *group, struct user *u)
{
	struct lines l = { .fd = fd };
	char *line, *f[4];
	bool found = false;
	int r;

	if (fd < 0)
		return 0;
	while ((r = lines_next(&l, &line)) > 0) {
		uint32_t gid;
		size_t n = split_fields(line, f, ARRAY_SIZE(f));

		if (n < 3 || parse_id(f[2], strlen(f[2]), &gid) < 0)
			continue;
		if (group && !found && strcmp(f[0], group) == 0) {
			u->gid = gid;
			found = true;
		}
		if (n == 4 && is_member(f[3], name) && u->n_groups < USER_GROUPS_MAX)
			u->groups[u->n_groups++] = gid;
	}
	return r < 0 ? r : found;
}

int user_resolve(const char *text, int passwd_fd, int group_fd, struct user *ret_user, char *ret_bad)
{
	const char *colon = strchr(text, ':');
	const char *group = colon ? colon + 1 : NULL;
	size_t len = colon ? (size_t)(colon - text) : strlen(text);
	char name[USER_LINE_SIZE] = "";
	uint32_t gid = 0;
	bool numeric;
	int r;

	*ret_user = (struct user){ .home = "/" };
	*ret_bad = 'u';
	if (len == 0) {
		text = "0";
		len = 1;
	}
	r = parse_id(text, len, &ret_user->uid);
	if (r == -EINVAL)
		return r;
	numeric = r == 0;
	r = find_passwd(passwd_fd, text, len, numeric, ret_user, name, sizeof(name));
	if (r < 0)
		return r;
	if (r == 0 && !numeric)
		return -ENOENT;

	*ret_bad = 'g';
	if (group && *group == '\0')
		group = NULL;
	if (group) {
		r = parse_id(group, strlen(group), &gid);
		if (r == -EINVAL)
			return r;
		if (r == 0) {
			ret_user->gid = gid;
			group = NULL;
		}
	}
	r = find_groups(group_fd, name, group, ret_user);
	if (r < 0)
		return r;
	return group && r == 0 ? -ENOENT : 0;
}
