/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of contents of an uncompressed tar: which name lies where. For the archive that holds an image's blobs,
 * whose members are found by name and never unpacked; layers are read by libarchive. Knows ustar, GNU long names and
 * base-256 numbers, and the pax records path, linkpath and size. One thread.
 */
#ifndef PODFS_IMAGE_TARINDEX_H
#define PODFS_IMAGE_TARINDEX_H

#include <stddef.h>

#include "image/source.h"

enum { TARINDEX_ENTRIES_MAX = 100000 };

struct tarindex;

/* Reads the headers of a tar, which must end where its data does. -EINVAL when it is damaged or cut short. */
int tarindex_read(const struct blob *tar, struct tarindex **ret, struct error *err);
void tarindex_free(struct tarindex *t);

/* Whether 512 bytes are a tar's header. */
int tarindex_is_header(const unsigned char *block);

/* The last member of that name (as source_path() writes it), through links inside the tar. ret->fd is the tar's.
 * -ENOENT, -ELOOP; -EINVAL when it is no regular file. */
int tarindex_find(const struct tarindex *t, const char *path, struct blob *ret);

#endif
