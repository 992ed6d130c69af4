/* SPDX-License-Identifier: Apache-2.0 */
#include "store/node_selector.h"

#include <string.h>

static bool requirements_match(const struct value *list, const struct value *labels)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct selector *s = NULL;

	return a && selector_compile_requirements(a, list, &s, NULL) == 0 && selector_matches(s, labels);
}

/* A node's only field that may be named is its name, and only whether it is one: that needs no selector, which would be made
 * for each node anew. */
static bool fields_match(const struct value *list, const struct object *node)
{
	for (size_t i = 0; i < value_len(list); i++) {
		const struct value *r = value_at(list, i), *values = value_get(r, "values");
		const char *operator = value_str_or(value_get(r, "operator"), "");
		bool in = !strcmp(operator, "In"), named = false;

		if (strcmp(value_str_or(value_get(r, "key"), ""), "metadata.name") != 0 || (!in && strcmp(operator, "NotIn") != 0))
			return false;
		for (size_t k = 0; k < value_len(values); k++)
			named |= !strcmp(value_str_or(value_at(values, k), ""), object_name(node));
		if (named != in)
			return false;
	}
	return true;
}

bool node_selector_matches(const struct value *node_selector, const struct object *node)
{
	const struct value *terms = value_get(node_selector, "nodeSelectorTerms");

	for (size_t i = 0; i < value_len(terms); i++) {
		const struct value *labels = value_get(value_at(terms, i), "matchExpressions");
		const struct value *fields = value_get(value_at(terms, i), "matchFields");

		if (value_len(labels) + value_len(fields) && fields_match(fields, node) &&
		    (!value_len(labels) || requirements_match(labels, object_labels(node))))
			return true;
	}
	return false;
}

bool node_selector_allows(const struct value *pod_spec, const struct object *node)
{
	const struct value *want = value_get(pod_spec, "nodeSelector");
	const struct value *required = value_path(pod_spec, "affinity", "nodeAffinity",
						  "requiredDuringSchedulingIgnoredDuringExecution");

	for (size_t i = 0; i < value_len(want); i++)
		if (!value_equal(value_at(want, i), value_get(object_labels(node), value_key_at(want, i))))
			return false;
	return !required || node_selector_matches(required, node);
}
