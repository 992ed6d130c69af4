/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unpacks one layer into a directory that overlayfs can use as a lower one.
 *
 * Kept: modes with their set-id bits, owners, times, hard links, symbolic links, FIFOs, the xattrs
 * security.capability and user.* (but user.overlay.*). A ".wh.NAME" entry becomes a character device 0:0, a
 * ".wh..wh..opq" the xattr trusted.overlay.opaque of its directory. Left out: device nodes (a pod's /dev is podfs' own)
 * and sockets, and every other xattr, since overlayfs would take orders from trusted.overlay.*. A path with "..", a
 * hard link to what the layer does not hold, and a path through a file are errors; a symbolic link in a path is
 * followed with the layer as root, as container runtimes do. Of entries with the same name the last one counts.
 */
#ifndef PODFS_IMAGE_LAYER_H
#define PODFS_IMAGE_LAYER_H

#include <stdint.h>

#include "base/error.h"
#include "image/source.h"

struct layer_limits {
	uint64_t bytes;	  /* of the unpacked tar, and of the files in it */
	uint64_t entries;
};

/* The limits that a blob of that size gets: a bomb is known by how far it swells. */
struct layer_limits layer_limits_for(uint64_t blob_size, uint64_t max_bytes);

/*
 * Unpacks `blob` into the empty directory dirfd. `digest` (may be NULL) is what its bytes must have, `diff_id` what
 * they must have when decompressed; both are known to match only on success. *ret_size is the bytes of its regular
 * files. -EINVAL when the archive is wrong, -EFBIG when it passes a limit, -ENOSPC and the like from the file system;
 * the directory then holds part of the layer.
 */
int layer_unpack(const struct blob *blob, const char *digest, const char *diff_id, const struct layer_limits *limits,
		 int dirfd, uint64_t *ret_size, struct error *err);

#endif
