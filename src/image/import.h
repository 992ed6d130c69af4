/* SPDX-License-Identifier: Apache-2.0 */
/* The four things that podfs-image does to a store. One thread. */
#ifndef PODFS_IMAGE_IMPORT_H
#define PODFS_IMAGE_IMPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "image/store.h"

struct import_options {
	const char *name;	  /* in place of the archive's own names, or NULL */
	const char *architecture; /* that images must be for, as manifest_architecture() gives it */
	bool pulled;		  /* the names come from a registry: nobody declared them */
	uint64_t max_bytes;	  /* that one layer, or a spooled archive, may unpack to */
};

/* Imports all images of what `fd` is. Appends one line of JSON for each to `out`: its record. The store is as before
 * when it fails, but for images that came before the one that failed. */
int import_archive(struct store *s, int fd, const struct import_options *options, struct buf *out, struct error *err);

/* Appends the record of every image, one a line, ordered by first name and digest. */
int import_list(struct store *s, struct buf *out, struct error *err);

/* Gives the image digests[0] the name of the options, and the other digests too. Appends its record to out. -ENOENT. */
int import_name(struct store *s, const char *const *digests, size_t n, const struct import_options *options, struct buf *out,
		struct error *err);

/* Removes a name, with its image when it was the last one; or by digest an image with all its names. -ENOENT. */
int import_remove(struct store *s, const char *ref, struct error *err);

#endif
