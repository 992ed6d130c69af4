/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who asks, and what they may write: podfs(7), "Who may do what".
 *
 * The kernel checks owner, group and mode of every name on the way (default_permissions). What it cannot see is checked
 * here: that a document names an object which its writer may write. As on any disk, what counts is who opened the file,
 * not who happens to write to or close the descriptor: a set-user-ID program that is given one is no way to more rights.
 */
#ifndef PODFS_FS_ACCESS_H
#define PODFS_FS_ACCESS_H

#include "fs/node.h"

/* Somebody's user, group and further groups at one moment. Immutable, reference-counted; any thread may read it. */
struct fs_access;

/* Of who makes the request: NULL when memory is out. The further groups are those of the calling thread, which waits for
 * the answer and so cannot be another by now; they are left out when /proc does not show the request's own user. */
struct fs_access *fs_access_of(const struct fs_req *r);
/* Of a user and one group: who is gone and only recorded. NULL when memory is out. */
struct fs_access *fs_access_recorded(uid_t uid, gid_t gid);
/* With further groups, for one that was kept; and these. */
struct fs_access *fs_access_new(uid_t uid, gid_t gid, const gid_t *groups, size_t n);
size_t fs_access_groups(const struct fs_access *a, const gid_t **ret); /* borrowed */
struct fs_access *fs_access_ref(struct fs_access *a); /* NULL is fine */
void fs_access_unref(struct fs_access *a);
DEFINE_CLEANUP(struct fs_access *, fs_access_unref);
#define _cleanup_fs_access_ _cleanup_(fs_access_unrefp)

uid_t fs_access_uid(const struct fs_access *a);
gid_t fs_access_gid(const struct fs_access *a);

/* The class of permission bits that applies, shifted down to the last three: 4 read, 2 write, 1 search. */
unsigned fs_access_bits(const struct fs_access *a, uid_t uid, gid_t gid, mode_t mode);

/*
 * Whether they may write objects of that kind there: root may, nobody else may write what is in no namespace, and others
 * need search permission on the way to the kind's directory and write permission on it, which an object's own directory
 * shares. Where that right comes from a further group, *via (may be NULL) is set to it. Any thread.
 */
bool fs_access_may_write(struct fs *fs, const struct fs_access *a, const struct schema_kind *kind, const char *ns,
			 gid_t *via);

/* Whose a node is: false for the system's (cluster-wide kinds, images/, what covers all namespaces), which is root's;
 * else the namespace and, below a kind's directory, the kind (else NULL). On the loop. */
bool fs_access_place(const struct fs_node *n, const char **ret_ns, const struct schema_kind **ret_kind);

/* Whether it is the kind of Secrets, whose files only their owner reads and whose text is told to nobody. NULL: no. */
bool fs_kind_is_secret(const struct schema_kind *kind);

/* Reads the further groups out of the text of /proc/PID/status, if that is of a thread with the given filesystem user and
 * group; at most `max`. Returns how many. */
size_t fs_access_parse_groups(const char *status, uid_t uid, gid_t gid, gid_t *groups, size_t max);

#endif
