/* SPDX-License-Identifier: Apache-2.0 */
/* The files of NAME/ that show the object as a whole. */
#ifndef PODFS_FS_OBJFILE_H
#define PODFS_FS_OBJFILE_H

#include "fs/eventlog.h"
#include "fs/field.h"

/* data of their nodes is a struct fs_field_node; object.yaml is written as free text is (fs/fieldwrite.c). */
extern const struct fs_ops fs_object_yaml_ops, fs_object_json_ops, fs_describe_ops;
extern const struct fs_ops fs_manifest_link_ops;

/* Reads a text as the whole new object (a fs_edit_fn's work): see fs/edit.h. */
int fs_object_replace(const char *text, size_t len, struct arena *a, const struct object *live, struct value **root,
		      struct diag_list *diags);

#endif
