/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/access.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>

#include "fs/dirattr.h"
#include "fs/frame.h"
#include "fs/kinddir.h"
#include "store/admission.h"

enum {
	GROUPS_MAX = 1024,	   /* of one person; NGROUPS_MAX is 65536, which nobody has */
	STATUS_MAX = 16 * 1024, /* bytes of /proc/PID/status that hold so many */
};

struct fs_access {
	atomic_uint refs;
	uid_t uid;
	gid_t gid;
	size_t n;
	gid_t groups[];
};

/* Fills in the ID of that field of a line "Uid:\treal\teffective\tsaved\tfilesystem". */
static bool read_id(const char *status, const char *line, unsigned long *ret)
{
	const char *p = strstr(status, line);

	return p && sscanf(p + strlen(line), "%*u %*u %*u %lu", ret) == 1;
}

size_t fs_access_parse_groups(const char *status, uid_t uid, gid_t gid, gid_t *groups, size_t max)
{
	const char *p = strstr(status, "\nGroups:");
	unsigned long fsuid, fsgid;
	size_t n = 0;

	if (!read_id(status, "\nUid:", &fsuid) || !read_id(status, "\nGid:", &fsgid) || fsuid != uid || fsgid != gid || !p)
		return 0;
	p += strlen("\nGroups:");
	while (n < max) {
		char *end;
		unsigned long id;

		p += strspn(p, " \t");
		if (*p < '0' || *p > '9')
			break;
		id = strtoul(p, &end, 10);
		if (*end != ' ' && *end != '\n') /* cut short */
			break;
		groups[n++] = (gid_t)id;
		p = end;
	}
	return n;
}

static size_t caller_groups(pid_t pid, uid_t uid, gid_t gid, gid_t *groups, size_t max)
{
	char path[64], status[STATUS_MAX];
	_cleanup_close_ int fd = -1;
	size_t len = 0;

	if (pid <= 0)
		return 0;
	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && len < sizeof(status) - 1) {
		ssize_t n = read(fd, status + len, sizeof(status) - 1 - len);

		if (n <= 0)
			break;
		len += (size_t)n;
	}
	status[len] = '\0';
	return fs_access_parse_groups(status, uid, gid, groups, max);
}

struct fs_access *fs_access_new(uid_t uid, gid_t gid, const gid_t *groups, size_t n)
{
	struct fs_access *a = malloc(sizeof(*a) + n * sizeof(*groups));

	if (!a)
		return NULL;
	atomic_init(&a->refs, 1);
	a->uid = uid;
	a->gid = gid;
	a->n = n;
	if (n)
		memcpy(a->groups, groups, n * sizeof(*groups));
	return a;
}

struct fs_access *fs_access_of(const struct fs_req *r)
{
	struct writer who = fs_req_writer(r);
	gid_t groups[GROUPS_MAX];
	size_t n = who.uid && !r->answered ? caller_groups(who.pid, who.uid, who.gid, groups, ARRAY_SIZE(groups)) : 0;

	return fs_access_new(who.uid, who.gid, groups, n);
}

struct fs_access *fs_access_recorded(uid_t uid, gid_t gid)
{
	return fs_access_new(uid, gid, NULL, 0);
}

size_t fs_access_groups(const struct fs_access *a, const gid_t **ret)
{
	*ret = a->groups;
	return a->n;
}

struct fs_access *fs_access_ref(struct fs_access *a)
{
	if (a)
		atomic_fetch_add_explicit(&a->refs, 1, memory_order_relaxed);
	return a;
}

void fs_access_unref(struct fs_access *a)
{
	if (a && atomic_fetch_sub_explicit(&a->refs, 1, memory_order_acq_rel) == 1)
		free(a);
}

uid_t fs_access_uid(const struct fs_access *a)
{
	return a->uid;
}

gid_t fs_access_gid(const struct fs_access *a)
{
	return a->gid;
}

static bool in_groups(const struct fs_access *a, gid_t gid)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->groups[i] == gid)
			return true;
	return false;
}

unsigned fs_access_bits(const struct fs_access *a, uid_t uid, gid_t gid, mode_t mode)
{
	if (a->uid == 0)
		return 7;
	if (a->uid == uid)
		return mode >> 6 & 7;
	if (a->gid == gid || in_groups(a, gid))
		return mode >> 3 & 7;
	return mode & 7;
}

bool fs_access_may_write(struct fs *fs, const struct fs_access *a, const struct schema_kind *kind, const char *ns,
			 gid_t *via)
{
	struct fs_owner dir;

	if (a->uid == 0)
		return true;
	if (admission_is_roots(kind))
		return false;
	fs_dirs_attr(fs, "", 0755, &dir);
	if (!(fs_access_bits(a, dir.uid, dir.gid, dir.mode) & 1))
		return false;
	if (strcmp(ns, "default") != 0) {
		fs_dirs_attr(fs, "namespaces", 0755, &dir);
		if (!(fs_access_bits(a, dir.uid, dir.gid, dir.mode) & 1))
			return false;
		fs_dirs_owner(fs, ns, NULL, &dir);
		if (!(fs_access_bits(a, dir.uid, dir.gid, dir.mode) & 1))
			return false;
	}
	fs_dirs_owner(fs, ns, kind, &dir);
	if ((fs_access_bits(a, dir.uid, dir.gid, dir.mode) & 3) != 3)
		return false;
	if (via && a->uid != dir.uid && a->gid != dir.gid && in_groups(a, dir.gid))
		*via = dir.gid;
	return true;
}

bool fs_access_place(const struct fs_node *n, const char **ret_ns, const struct schema_kind **ret_kind)
{
	const struct fs_node *below[3] = { NULL }; /* the names on the way from the root */
	size_t depth = 0;

	for (const struct fs_node *p = n; p->parent; p = p->parent)
		depth++;
	for (const struct fs_node *p = n; p->parent; p = p->parent)
		if (--depth < ARRAY_SIZE(below))
			below[depth] = p;
	*ret_ns = "default";
	*ret_kind = NULL;
	if (!below[0])
		return true;
	if (strcmp(below[0]->name, "other") == 0) { /* custom kinds: GROUP/PLURAL/ has the kind */
		*ret_kind = n->kind;
		return n->kind && !admission_is_roots(n->kind);
	}
	if (!below[0]->kind)
		return strcmp(below[0]->name, "manifests") == 0;
	if (below[0]->kind->namespaced) {
		if (admission_is_roots(below[0]->kind))
			return false;
		*ret_kind = below[0]->kind;
		return true;
	}
	if (!fs_kinddir_is_namespaces(below[0]) || !below[1] || strcmp(below[1]->ops->region, "namespace") != 0)
		return false;
	*ret_ns = below[1]->ns;
	if (!below[2])
		return true;
	if (strcmp(below[2]->name, "self") == 0) /* the Namespace object, which is in no namespace */
		return false;
	if (!n->kind || !n->kind->namespaced)
		return true;
	*ret_kind = n->kind;
	return !admission_is_roots(n->kind);
}

bool fs_kind_is_secret(const struct schema_kind *kind)
{
	return kind && strcmp(kind->plural, "secrets") == 0;
}
