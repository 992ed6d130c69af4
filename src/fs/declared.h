/* SPDX-License-Identifier: Apache-2.0 */
/* What the manifest in force says of an object. */
#ifndef PODFS_FS_DECLARED_H
#define PODFS_FS_DECLARED_H

#include "fs/node.h"
#include "fs/record.h"
#include "value/yaml.h"

/*
 * The document that declares it, as it was written (no defaults; its fields those of today), in `a`; NULL when there is
 * none.
 */
const struct value *fs_declared_document(struct fs *fs, struct arena *a, const struct object *o);

/* The same in steps, for who asks of many objects: a manifest's documents, and that of one of its objects, or NULL. */
struct fs_documents {
	struct yaml_document *docs;
	size_t n;
	struct fs_declared *sorted; /* each document, and each item of a List, by name and namespace */
	size_t n_sorted;
};
/* The document of one object, of which only the documents that have its name in them are read. NULL: look at the whole. */
const struct value *fs_declared_in_part(const struct fs_record *rec, struct arena *a, const struct object *o);
int fs_declared_read(const struct fs_record *rec, struct arena *a, struct fs_documents *ret);
const struct value *fs_declared_find(const struct fs_documents *docs, const struct object *o);

#endif
