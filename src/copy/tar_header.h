/* SPDX-License-Identifier: Apache-2.0 */
/* A header of a tar archive, as POSIX has it; for tar.c and tar_write.c. */
#ifndef PODFS_COPY_TAR_HEADER_H
#define PODFS_COPY_TAR_HEADER_H

#include "copy/tar.h"

struct tar_header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100], magic[8], user[32], group[32],
		major[8], minor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct tar_header) == TAR_BLOCK, "a block");

#endif
