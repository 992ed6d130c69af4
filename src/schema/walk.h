/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The three walks of admission over a document and its type, in this order. Private to this floor.
 */
#ifndef PODFS_SCHEMA_WALK_H
#define PODFS_SCHEMA_WALK_H

#include "schema/report.h"
#include "schema/table.h"

/*
 * Reads: every member is a field of its struct, every value has its field's type. Brings values to the form in which
 * they are kept: nulls and zeros that mean "not set" are dropped, quantities are canonical, what only the system
 * writes is dropped. Warns of fields that nothing acts on. `root` is a map.
 */
void schema_read(struct admit *ad, const struct schema_type *t, struct value *root);

/* Fills in defaults: a struct's own function first, then its fields', then those of its members. */
void schema_default(struct admit *ad, const struct schema_type *t, struct value *v);

/* Checks values against their types, and the rules of structs. */
void schema_check(struct admit *ad, const struct schema_type *t, const struct value *v, const struct schema_path *at);

/* One scalar's enumeration, range and grammar. */
void schema_check_scalar(struct admit *ad, const struct schema_type *t, const struct value *v,
			 const struct schema_path *at);

/*
 * Brings one scalar to the form of its type in place. Reports and returns false when it cannot be. NULL `at`: the
 * value alone.
 */
bool schema_read_scalar(struct admit *ad, const struct schema_type *t, struct value *v, const struct schema_path *at);

/* Whether a value of that type is Go's zero: what Kubernetes takes for "not set". */
bool schema_is_zero(const struct schema_type *t, const struct value *v);

/* The scalar that a default's text means; an empty map for "{}". NULL when memory is out. */
struct value *schema_default_value(const struct schema_type *t, const char *text, struct arena *a);

#endif
