/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which manifests declare which objects. An index in memory of what the records in the store say; the loop is their only
 * writer, and keeps it in step with each commit; the worker may look things up.
 */
#ifndef PODFS_FS_DECL_H
#define PODFS_FS_DECL_H

#include "fs/node.h"
#include "fs/record.h"

struct fs_decl;

/* Reads the records of the store. */
int fs_decl_new(struct fs *fs, struct error *err);
void fs_decl_free(struct fs_decl *d);

/* The record of that key declares these now, instead of what it did. Either may be NULL (made, removed). -ENOMEM leaves
 * the index short of an entry: the object is then kept longer, never removed too early. */
int fs_decl_replace(struct fs_decl *d, const char *manifest_key, const struct fs_record *was,
		    const struct fs_record *is);

/* The key of the record that declares the object and was committed last, leaving out up to two (may be NULL). False if there
 * is none. Any thread. */
bool fs_decl_latest(struct fs_decl *d, const char *object_key, const char *except, const char *except2,
		    char out[static STORE_KEY_MAX + 1]);
/* A time for a new declaration: now, or later if the clock went back. */
int64_t fs_decl_stamp(struct fs_decl *d, int64_t now);
/* How many records, and objects that they declare. */
void fs_decl_count(struct fs_decl *d, size_t *ret_manifests, size_t *ret_objects);

#endif
