/* SPDX-License-Identifier: Apache-2.0 */
/* The part of a backup that is scratch: files, directories and links of a tree on disk, with owners, modes, times and
 * extended attributes of users. What is none of these (a socket) is left out. */
#ifndef PODFS_CMD_BACKUP_SCRATCH_H
#define PODFS_CMD_BACKUP_SCRATCH_H

#include "cmd/backup_format.h"

/*
 * Writes all that is in directory `dir`, whose users may be changing it: a file is as it is while it is read, and what
 * vanishes is left out. Follows no link.
 */
int backup_scratch_write(struct backup_out *o, int dir, struct error *err);

/* Reads one part of that type and makes it below directory `dir`, which nobody else changes. -EBADMSG when it would lie
 * elsewhere. */
int backup_scratch_read(struct backup_in *in, enum backup_part type, int dir, struct error *err);

#endif
