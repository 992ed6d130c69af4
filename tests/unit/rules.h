/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of a schema in rows: each makes one mistake in a manifest that is accepted. */
#ifndef TESTS_UNIT_RULES_H
#define TESTS_UNIT_RULES_H

#include <stddef.h>

struct rule_row {
	const char *from, *to;	   /* of the manifest */
	const char *field, *words; /* that one line of the refusal has, in this order */
};

/* Fails the test unless the manifest is accepted and each row of it refused as the row says. */
void rules_judge(const char *manifest, const struct rule_row *rows, size_t n);

/* As above, where each row is accepted all the same, and its warnings have the words. */
void rules_judge_warnings(const char *manifest, const struct rule_row *rows, size_t n);

/* As rules_judge(), for the update from the manifest to what the row makes of it. words NULL: the update is allowed. */
void rules_judge_updates(const char *manifest, const struct rule_row *rows, size_t n);

#endif
