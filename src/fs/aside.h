/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts that lie aside: a file with a manifest's name that turns out to be something else (values.yaml: no document of it
 * has an apiVersion or a kind) is scratch, whose bytes belong on disk and neither in the store nor in memory. Its record is
 * in the store as that of any manifest; its text is the plain file STATE/scratch/.values/STAMP, where STAMP is the record's
 * stamp of commit in hexadecimal digits. A file is written once and never changed, so who has it open reads one version.
 * Of the loop thread, but for what says otherwise.
 */
#ifndef PODFS_FS_ASIDE_H
#define PODFS_FS_ASIDE_H

#include "fs/blob.h"
#include "fs/node.h"
#include "fs/record.h"

/* Writes and syncs the file of rec->committed, which belongs to rec->writer_uid. Waits for the disk; any thread. -EEXIST
 * when that stamp has one; -ENOSPC and the like: there is none then. */
int fs_aside_write(struct fs *fs, const struct fs_record *rec, const void *text, size_t len);
/* Opens a record's text for reading; a descriptor, or a negative errno. */
int fs_aside_open(struct fs *fs, const struct fs_record *rec);
/* The text of a record, wherever it lies. */
int fs_aside_text(struct fs *fs, const struct fs_record *rec, struct fs_blob **ret);
/* Reads a descriptor of one whole. */
int fs_aside_read(int fd, struct fs_blob **ret);
/* Whether a record's text, which lies aside, is this one. Any thread. */
bool fs_aside_is(struct fs *fs, const struct fs_record *rec, const struct fs_blob *text);
/* Removes a record's file; nothing when its text does not lie aside, or rec is NULL. */
void fs_aside_drop(struct fs *fs, const struct fs_record *rec);
/* At the start: removes the files that no record of the store names, as a daemon that died may leave them. */
void fs_aside_sweep(struct fs *fs);

#endif
