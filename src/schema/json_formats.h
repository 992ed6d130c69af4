/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The formats that a custom kind's schema may ask of a string, and the grammar of its patterns. Private to this floor.
 */
#ifndef PODFS_SCHEMA_JSON_FORMATS_H
#define PODFS_SCHEMA_JSON_FORMATS_H

#include <stdbool.h>

/* Whether a string has that format. True for formats that the API server does not look at. */
bool json_format_fits(const char *format, const char *s);
/* NULL for a pattern that Go's regexp (RE2) takes, else what it says of it, as far as is judged here. */
const char *json_pattern_error(const char *pattern);

#endif
