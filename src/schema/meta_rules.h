/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of metadata and label selectors: hooks for the tables in meta.c, and what other rules share.
 * Private to this floor.
 */
#ifndef PODFS_SCHEMA_META_RULES_H
#define PODFS_SCHEMA_META_RULES_H

#include "schema/report.h"

void labels_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void annotations_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void owner_check(struct admit *ad, const struct value *v, const struct schema_path *at);
/* Of a Namespace's own list. */
void namespace_finalizers_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void object_meta_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void requirement_check(struct admit *ad, const struct value *v, const struct schema_path *at);

/* Reports items of a list whose member `key` repeats an earlier item's, at that member. */
void unique_check(struct admit *ad, const struct value *list, const char *key, const struct schema_path *at);
/* Whether a non-empty string is in the map `seen` already; adds it. A map, since hostile lists are long. */
bool seen_before(struct admit *ad, struct value *seen, const struct value *v);
/* The number of members of a map whose key is listed. */
size_t members_among(const struct value *map, const char *const *keys);

#endif
