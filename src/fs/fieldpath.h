/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields as files: what names the members of an object's tree have below NAME/, and the way back. Pure.
 *
 * A map is a directory and a scalar a file. The items of a list with keys are named by the keys' values, joined by
 * ','; an item whose keys are missing or not its own alone goes by its index, and so do the items of other lists and
 * of those longer than FIELD_KEYED_MAX. In a name, '/' is %2F, '%' is %25 and a control character %XX; "." is %2E and
 * the empty key %. The keys of labels and annotations lie in folders instead, "app.kubernetes.io/name", unless a
 * key of the folder's name is there too.
 */
#ifndef PODFS_FS_FIELDPATH_H
#define PODFS_FS_FIELDPATH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "schema/schema.h"

enum {
	FIELD_KEY_MAX = 1024,	/* bytes of a key or name; what is longer cannot be a file's name, and is not shown */
	FIELD_KEYED_MAX = 1024, /* items of a list beyond which all go by index: finding a keyed one looks at all */
};

/* A place in an object's tree. Borrows the tree. */
struct field {
	const struct schema_type *type;	   /* NULL: not known, as below what is kept unchecked */
	const struct value *value;	   /* NULL: absent */
	const struct value *in;		   /* the map or list that holds it */
	const struct schema_type *in_type; /* its type */
	size_t index;			   /* in a list */
	unsigned depth;			   /* of names: 1 for spec */
	bool item;			   /* in a list */
	bool folders;			   /* a map whose keys lie in folders */
	bool folder;			   /* such a folder: value is the map */
	bool read_only;			   /* status and the system's metadata */
	bool immutable;			   /* it, or what it lies in, may not change */
	bool raw;			   /* shown byte for byte: a member of data, or base64 decoded */
	bool data;			   /* the top-level data or binaryData */
	bool prose;			   /* an annotation, an argument and the like: may come in many writes */
	bool fixed;			   /* of a kind most of whose spec may not change */
	char key[FIELD_KEY_MAX + 1];	   /* in a map; of a folder what its keys begin with, "app.kubernetes.io/" */
};

enum field_shape { FIELD_ABSENT, FIELD_FILE, FIELD_DIR };

/* The object itself. */
void field_root(struct field *f, const struct schema_kind *kind, const struct value *root);
/*
 * The child of that name. Returns 0 when there is one to show; -ENOENT otherwise, and then f->type is that of what could
 * be made there, NULL when nothing can.
 */
int field_child(const struct field *dir, const char *name, struct field *ret);
/* Follows a path of names joined by '/'. "" is the object. */
int field_find(const struct schema_kind *kind, const struct value *root, const char *path, struct field *ret);
/* What it is shown as. Maps that may be filled by writing into them are directories also while they are absent. */
enum field_shape field_shape(const struct field *f);
/* Whether an absent field of that type could be made by writing to it. */
bool field_can_make(const struct field *f);
/* Whether its value is judged when the file is closed, not at each write. */
bool field_at_close(const struct field *f);

struct field_name {
	const char *name; /* in the arena */
	bool dir;
};

/* The names in a directory, in the tree's order. -ENOMEM. */
int field_names(const struct field *dir, struct arena *a, struct field_name **ret, size_t *ret_n);
/* Appends a file's bytes. */
void field_text(const struct field *f, struct buf *out);
/* Reads bytes that were written into a file; -EINVAL with the reason in diags. */
int field_parse(const struct field *f, const char *text, size_t len, struct arena *a, struct diag_list *diags,
		struct value **ret);
/* Sets (v NULL: removes) the field in a tree that may be changed, making the maps on the way. -ENOENT when there can be
 * none, -EPERM for an item that is to be removed. v must live in `a`. */
int field_set(struct arena *a, const struct schema_kind *kind, struct value *root, const char *path, struct value *v);

/* Names of keys, and back (false: no key has such a name). */
void field_encode(const char *key, struct buf *out);
bool field_decode(const char *name, char out[static FIELD_KEY_MAX + 1]);

#endif
