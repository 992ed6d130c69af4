/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an import reads from: a tar, a compressed tar, a stream of either, or a directory; seen as names with bytes.
 *
 * A tar in a regular file is read in place, so that nothing is copied; a stream or a compressed tar is first spooled
 * into an unnamed file. Every name, number and byte is hostile. One thread.
 */
#ifndef PODFS_IMAGE_SOURCE_H
#define PODFS_IMAGE_SOURCE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/error.h"

struct source;

/* Bytes of one member: `size` bytes at `offset` of `fd`. fd belongs to whom the call that gave it says. */
struct blob {
	int fd;
	off_t offset;
	uint64_t size;
};

/* Opens what `fd` is (it stays the caller's, and open for as long as the source). Spools into a file without a name in
 * the directory `spool_dirfd`, at most `max_spool` bytes. -EINVAL when it is no tar or is damaged, -EFBIG. */
int source_open(int fd, int spool_dirfd, uint64_t max_spool, struct source **ret, struct error *err);
void source_free(struct source *s);
DEFINE_CLEANUP(struct source *, source_free);
#define _cleanup_source_ _cleanup_(source_freep)

/* The bytes of a member, found through links. The descriptor is the source's and lives until the next call of
 * source_find() or source_free(). -ENOENT when there is none. */
int source_find(struct source *s, const char *name, struct blob *ret, struct error *err);

/* Reads a whole member of at most `max` bytes into memory, NUL-terminated behind its bytes; *ret is to be freed with
 * free(). -ENOENT, -EFBIG. */
int source_read(struct source *s, const char *name, size_t max, char **ret, size_t *ret_len, struct error *err);

/* Reads up to len bytes of a blob at `pos`. Returns how many, 0 at its end; -EIO when the file became shorter. */
ssize_t blob_read(const struct blob *b, uint64_t pos, void *buf, size_t len);

/*
 * Writes `name` as a path relative to a root into out, without ".", empty parts and leading slashes: "" for the root
 * itself. -EINVAL when a part is "..", -ENAMETOOLONG when it does not fit. Pure.
 */
int source_path(const char *name, char *out, size_t size);

#endif
