/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of documents and of what is said of them, for the tests of kinds' rules. Include after cmocka.h. */
#ifndef PODFS_TESTS_RULES_UTIL_H
#define PODFS_TESTS_RULES_UTIL_H

#include <stddef.h>

#include "base/cleanup.h"

struct rule_case {
	const char *yaml;
	const char *said; /* part of what is said of the refused document; NULL: it is accepted */
};

/* Judges each document; prints each that is judged otherwise, and fails then. */
void assert_cases(const struct rule_case *cases, size_t n);

struct update_case {
	const char *before, *after; /* as objects that have been admitted */
	const char *said;	    /* of the refused change, which is EPERM; NULL: it is allowed */
};

void assert_updates(const struct update_case *cases, size_t n);

/* The document is accepted, and then that member of a member is this, as sorted JSON. */
void assert_becomes(const char *yaml, const char *member, const char *key, const char *json);

#endif
