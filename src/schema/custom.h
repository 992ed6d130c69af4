/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kinds that CustomResourceDefinitions add while the daemon runs. They are found by the same functions as all others.
 * Their `plural` is PLURAL.GROUP, as their definition's name; their directory is other/GROUP/PLURAL.
 *
 * A kind that has been defined once stays in memory: pointers to it are good for ever, and a definition that returns
 * gives it its tables again. Definitions are root's, so their number is no way to fill memory for others.
 */
#ifndef PODFS_SCHEMA_CUSTOM_H
#define PODFS_SCHEMA_CUSTOM_H

#include "schema/schema.h"

/*
 * Takes an admitted CustomResourceDefinition: its kind is known from now on, or known anew. Any thread; calls are
 * serialized. -EINVAL for what is no definition, -ENOMEM (the kind is then as it was).
 */
int schema_custom_define(const struct value *definition);
/* The kind of that definition is known no more. */
void schema_custom_remove(const char *definition_name);

/* Bytes that schema_kind_directory() needs at most: "other/", a group of 253, a plural of 63. */
enum { SCHEMA_DIRECTORY_MAX = 328 };

/* Where its directory is below the root or a namespace's: "deployments", "other/stable.example.com/crontabs". */
void schema_kind_directory(const struct schema_kind *kind, char out[static SCHEMA_DIRECTORY_MAX]);

#endif
