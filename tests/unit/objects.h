/* SPDX-License-Identifier: Apache-2.0 */
/* Objects made of short YAML, for tables of pure decisions. Include after cmocka.h. */
#ifndef TESTS_UNIT_OBJECTS_H
#define TESTS_UNIT_OBJECTS_H

#include "store/object.h"

enum { TEST_YAML_MAX = 4096 };

/* Parses one document into `a`; fails the test when it is none. */
struct value *test_tree(struct arena *a, const char *yaml);
/* An object of the text that the format gives; its revision counts up. The caller owns it. */
struct object *test_object(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* As above, at the end of a list that owns it. */
struct object *test_add(struct object_list *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* 2026-01-01T00:00:00Z plus seconds, as a time and as the text of one (in a static buffer of a few). */
int64_t test_time(int64_t seconds);
const char *test_stamp(int64_t seconds);

#endif
