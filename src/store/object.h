/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An object as it is stored: an immutable, reference-counted snapshot of one Deployment, Pod, …
 *
 * In the store its key is /objects/PLURAL/NAMESPACE/NAME (/objects/PLURAL/NAME for cluster-wide kinds) and its value a
 * small header, which holds what look-ups need without decoding, and the packed tree. The tree is decoded when it
 * is first asked for. metadata.resourceVersion is not in the bytes: it is the entry's mod_rev, and object_root() shows
 * it in its place.
 */
#ifndef PODFS_STORE_OBJECT_H
#define PODFS_STORE_OBJECT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/buf.h"
#include "schema/schema.h"
#include "store/store.h"
#include "value/selector.h"
#include "value/value.h"

enum { OBJECT_UID_SIZE = 37 }; /* "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx" and NUL, RFC 9562 */

struct object;

struct object *object_ref(const struct object *o); /* any thread */
void object_unref(struct object *o);
DEFINE_CLEANUP(struct object *, object_unref);
#define _cleanup_object_ _cleanup_(object_unrefp)

const struct schema_kind *object_kind(const struct object *o);
const char *object_namespace(const struct object *o); /* "" for cluster-wide kinds */
const char *object_name(const struct object *o);
const char *object_uid(const struct object *o);
/* uid of the owner reference with controller: true; "" when it has none. */
const char *object_controller_uid(const struct object *o);
/* mod_rev, which is metadata.resourceVersion. */
uint64_t object_revision(const struct object *o);
uint64_t object_create_revision(const struct object *o);
/* The user other than root who wrote to it last, else root; inherited by what controllers make of it: podfs(7), "Who may
 * do what". */
uid_t object_writer(const struct object *o);
/* The store's key. */
const char *object_key(const struct object *o);

/*
 * The tree; lives as long as the caller holds a reference to the object, and must not be changed. Decoded at the first call
 * (any thread), and again when the cache has dropped the tree of an object that nobody held. NULL only when memory is out or
 * the stored bytes are damaged; readers of NULL find nothing, so most callers need no check.
 */
const struct value *object_root(const struct object *o);

/* Short cuts into object_root(). */
#define object_path(o, ...) value_path(object_root(o), __VA_ARGS__)
/* The string at a path of keys, object_str(o, "spec", "nodeName"), without decoding the tree for it; as long as the object lives.
 * NULL: there is none. Not for metadata.resourceVersion: object_revision(). */
#define object_str(o, ...) object_str_at(o, (const char *const[]){ __VA_ARGS__, NULL })
const char *object_str_at(const struct object *o, const char *const *path);
/* Whether two objects have the same value at a path, or none: object_same(old, now, "spec"). Nothing is decoded when their stored
 * forms say so. */
#define object_same(a, b, ...) object_same_at(a, b, (const char *const[]){ __VA_ARGS__, NULL })
bool object_same_at(const struct object *a, const struct object *b, const char *const *path);
bool object_has_owners(const struct object *o); /* ownerReferences, of whatever kind */
/* Whether a selector matches its labels; the tree is not decoded for it. */
bool object_matches(const struct object *o, const struct selector *s);
bool object_is_deleting(const struct object *o); /* metadata.deletionTimestamp is set */
const struct value *object_labels(const struct object *o);

/* --- lists --- */

struct object_list {
	struct object **items; /* owned references */
	size_t n, cap;
};

#define OBJECT_LIST_INIT ((struct object_list){ 0 })
void object_list_clear(struct object_list *l);
#define _cleanup_object_list_ _cleanup_(object_list_clear)
/* Takes a new reference. -ENOMEM. */
int object_list_add(struct object_list *l, const struct object *o);

/* --- for the cache, the registry and tests --- */

/* Decodes an entry below /objects/; takes a reference to it. -EINVAL when key or bytes are not an object's, -EPROTO
 * for a newer format. */
int object_from_entry(struct store_entry *e, struct object **ret);

/* The same of a key and bytes that are in no store (yet): of no revision. -ENOMEM too. */
int object_decode(const char *key, const void *value, size_t len, struct object **ret);

/* Encodes a tree (kind, namespace, name, uid and owner are read from it) as a store value. */
int object_encode(const struct value *root, uid_t writer, struct buf *out);

/* "/objects/pods/default/web"; ns "" or NULL for cluster-wide kinds; name NULL: the prefix of all in the namespace; ns
 * NULL and name NULL: of the kind. Returns the length, or -ENAMETOOLONG. */
int object_format_key(const struct schema_kind *kind, const char *ns, const char *name, char out[static STORE_KEY_MAX + 1]);

/* An object made of a tree without a store, for unit tests of decisions. NULL when memory is out. The tree is copied. */
struct object *object_for_test(const struct value *root, uint64_t revision);

#endif
