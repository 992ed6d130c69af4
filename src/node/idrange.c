/* SPDX-License-Identifier: Apache-2.0 */
#include "node/idrange.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/object.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct owner {
	UT_hash_handle hh; /* by uid */
	char uid[OBJECT_UID_SIZE];
	uint32_t number; /* of the range: its first ID is that many times IDRANGE_SIZE */
};

struct idrange {
	struct owner *owners;
	uint32_t last; /* given: the next is sought behind it, so that one just left rests the longest */
	unsigned char used[(IDRANGE_END - IDRANGE_FIRST) / CHAR_BIT + 1];
};

static bool is_used(const struct idrange *r, uint32_t number)
{
	uint32_t i = number - IDRANGE_FIRST;

	return r->used[i / CHAR_BIT] & (1U << i % CHAR_BIT);
}

static void set_used(struct idrange *r, uint32_t number, bool used)
{
	uint32_t i = number - IDRANGE_FIRST;
	unsigned char bit = (unsigned char)(1U << i % CHAR_BIT);

	r->used[i / CHAR_BIT] = used ? r->used[i / CHAR_BIT] | bit : r->used[i / CHAR_BIT] & (unsigned char)~bit;
}

static int add(struct idrange *r, const char *uid, uint32_t number)
{
	struct owner *o = strlen(uid) < OBJECT_UID_SIZE ? calloc(1, sizeof(*o)) : NULL;

	if (!o)
		return -ENOMEM;
	(void)snprintf(o->uid, sizeof(o->uid), "%s", uid);
	o->number = number;
	HASH_ADD_STR(r->owners, uid, o);
	if (!o->hh.tbl) {
		free(o);
		return -ENOMEM;
	}
	set_used(r, number, true);
	r->last = number;
	return 0;
}

/* The range that a pod's directory says it has; 0: none. */
static uint32_t read_range(int pods, const char *uid)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;
	char text[32], *end;
	unsigned long first;
	ssize_t n;

	if (asprintf(&path, "%s/userns", uid) < 0) {
		path = NULL;
		return 0;
	}
	fd = openat(pods, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	first = strtoul(text, &end, 10);
	if (end == text || first % IDRANGE_SIZE != 0 || first / IDRANGE_SIZE < IDRANGE_FIRST ||
	    first / IDRANGE_SIZE >= IDRANGE_END)
		return 0;
	return (uint32_t)(first / IDRANGE_SIZE);
}

int idrange_open(const char *pods, struct idrange **ret)
{
	_cleanup_closedir_ DIR *dir = opendir(pods);
	struct idrange *r = calloc(1, sizeof(*r));
	struct dirent *d;

	if (!r)
		return -ENOMEM;
	r->last = IDRANGE_END - 1;
	while (dir && (d = readdir(dir))) {
		uint32_t number = d->d_name[0] == '.' ? 0 : read_range(dirfd(dir), d->d_name);

		if (number && !is_used(r, number) && add(r, d->d_name, number) < 0) {
			idrange_close(r);
			return -ENOMEM;
		}
	}
	*ret = r;
	return 0;
}

void idrange_close(struct idrange *r)
{
	struct owner *o, *next;

	if (!r)
		return;
	HASH_ITER(hh, r->owners, o, next) {
		HASH_DEL(r->owners, o);
		free(o);
	}
	free(r);
}

static int write_range(const char *dir, uint32_t number, struct error *err)
{
	_cleanup_free_ char *path = NULL, *made = NULL;
	_cleanup_close_ int fd = -1;
	char text[32];
	int n = snprintf(text, sizeof(text), "%u %u\n", number * IDRANGE_SIZE, (unsigned int)IDRANGE_SIZE);

	if (asprintf(&path, "%s/userns", dir) < 0 || asprintf(&made, "%s/.userns", dir) < 0) {
		path = NULL;
		return error_errno(err, -ENOMEM, "userns");
	}
	/* Not synced: what it is for, running processes, does not outlive the page cache. */
	fd = open(made, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, text, (size_t)n) != n || rename(made, path) < 0)
		return error_errno(err, -errno, "%s", path);
	return 0;
}

bool idrange_has(const struct idrange *r, const char *uid)
{
	const struct owner *o;

	HASH_FIND_STR(r->owners, uid, o);
	return o != NULL;
}

int idrange_take(struct idrange *r, const char *uid, const char *dir, uint32_t *ret_first, struct error *err)
{
	uint32_t number = r->last;
	struct owner *o;
	int e;

	HASH_FIND_STR(r->owners, uid, o);
	if (o) {
		*ret_first = o->number * IDRANGE_SIZE;
		return 0;
	}
	do
		number = number + 1 < IDRANGE_END ? number + 1 : IDRANGE_FIRST;
	while (is_used(r, number) && number != r->last);
	if (is_used(r, number))
		return error_set(err, -EADDRNOTAVAIL, "all %d ranges of user IDs are in use", IDRANGE_END - IDRANGE_FIRST);
	e = write_range(dir, number, err);
	if (e < 0)
		return e;
	e = add(r, uid, number);
	if (e < 0)
		return error_errno(err, e, "userns");
	*ret_first = number * IDRANGE_SIZE;
	return 0;
}

void idrange_release(struct idrange *r, const char *uid)
{
	struct owner *o;

	HASH_FIND_STR(r->owners, uid, o);
	if (!o)
		return;
	set_used(r, o->number, false);
	HASH_DEL(r->owners, o);
	free(o);
}
