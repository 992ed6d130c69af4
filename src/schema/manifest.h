/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of a manifest, up to the objects that it declares. What follows for each (schema_admit()) is the caller's.
 */
#ifndef PODFS_SCHEMA_MANIFEST_H
#define PODFS_SCHEMA_MANIFEST_H

#include "base/arena.h"
#include "schema/diag.h"

enum { SCHEMA_MANIFEST_MAX = 8 * 1024 * 1024 }; /* bytes of one manifest */

struct schema_manifest_object {
	struct value *root;  /* not admitted; may be of any type */
	unsigned document;   /* in the file, from 1 */
};

/*
 * Reads all documents of a manifest into `a`, and takes the items out of Lists (kind List, or a kind's own such as
 * PodList, at any depth of nesting). *ret_n may be 0: text that declares nothing. Errors go to diags: -EINVAL, -EFBIG
 * when a limit of size is passed, -ENOMEM.
 */
int schema_manifest_read(const char *text, size_t len, struct arena *a, struct diag_list *diags,
			 struct schema_manifest_object **ret, size_t *ret_n);

#endif
