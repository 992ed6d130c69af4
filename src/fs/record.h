/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A manifest as it is stored: its bytes, its attributes as a file, and the objects that it declares. The key is
 * /manifests/kinds/NAMESPACE/PLURAL/FILE for what lies in a kind's directory (cluster-wide kinds: an empty namespace).
 * Nothing in the record depends on where the file lies.
 */
#ifndef PODFS_FS_RECORD_H
#define PODFS_FS_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"

#define FS_MANIFESTS_PREFIX "/manifests/"

struct fs_record {
	uint64_t ino;
	mode_t mode; /* with the type: S_IFREG (0 stands for it) or, in manifests/, S_IFDIR, which has no text */
	uid_t uid;
	gid_t gid;
	uid_t writer_uid; /* who committed the text, and the group by which they had the right */
	gid_t writer_gid;
	int64_t mtime, ctime; /* ns since 1970 UTC */
	int64_t committed;    /* when its declaration came into force: the last one wins */
	uint32_t n_declared;
	const char *declared; /* object keys, each with its NUL */
	size_t declared_len;
	const char *xattrs; /* name NUL, length as 4 bytes little-endian, value; repeated */
	size_t xattrs_len;
	const char *text;
	size_t text_len;
	size_t aside_len; /* not 0: the text has that many bytes and lies in a file of its own (fs/aside.h); text_len is 0 */
};

/* Appends the stored form. */
void fs_record_encode(const struct fs_record *rec, struct buf *out);
/* Reads it; what *ret points to lies in `data`. -EINVAL for damage, -EPROTO for a newer form. */
int fs_record_decode(const void *data, size_t len, struct fs_record *ret);

/* The bytes of the text, wherever it lies. */
static inline size_t fs_record_size(const struct fs_record *rec)
{
	return rec->aside_len ? rec->aside_len : rec->text_len;
}

/* The next declared key after `at` (NULL: the first), or NULL. */
const char *fs_record_next_declared(const struct fs_record *rec, const char *at);
bool fs_record_declares(const struct fs_record *rec, const char *object_key);

/* Finds an extended attribute; false if it has none of that name. */
bool fs_xattr_find(const char *xattrs, size_t len, const char *name, const char **ret_value, size_t *ret_len);
/* Appends the names, each with its NUL, as listxattr(2) does. */
void fs_xattr_names(const char *xattrs, size_t len, struct buf *out);
/* Appends the set with one attribute replaced, added or (value NULL) removed. */
void fs_xattr_change(const char *xattrs, size_t len, const char *name, const void *value, size_t value_len,
		     struct buf *out);

#endif
