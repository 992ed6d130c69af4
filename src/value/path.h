/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths of fields, printed as Kubernetes prints them in errors: spec.containers[0].image, metadata.labels[app],
 * and, for items of keyed lists, spec.containers[name=web].
 *
 * A path is built in a struct buf: push steps on the way down, and on the way up cut it back to the length it had.
 */
#ifndef PODFS_VALUE_PATH_H
#define PODFS_VALUE_PATH_H

#include "base/buf.h"
#include "value/value.h"

/* Appends ".name", or "name" at the start. A name that is no plain field name goes into brackets. */
void path_push_field(struct buf *path, const char *name);
/* Appends "[key]", for the keys of free maps. */
void path_push_key(struct buf *path, const char *key);
/* Appends "[i]". */
void path_push_index(struct buf *path, size_t i);
/* Appends "[key=value]" for each of the list's keys that the item has: "[containerPort=80,protocol=TCP]". */
void path_push_item(struct buf *path, const char *const *list_keys, const struct value *item);
/* Cuts back to an earlier length. */
void path_cut(struct buf *path, size_t len);

/*
 * The value at a path in any of the forms above, NULL if there is none or the path is malformed. In brackets, a number
 * is an index where the value is a list and a key where it is a map.
 */
struct value *path_get(const struct value *root, const char *path);

#endif
