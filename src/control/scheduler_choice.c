/* SPDX-License-Identifier: Apache-2.0 */
#include "control/scheduler_choice.h"

#include <errno.h>

#include "store/node_selector.h"

struct pair {
	const struct sched_column *column;
	uint32_t value;
};

struct term {
	struct selector *labels;	/* NULL: it is about fields alone */
	const struct value *by_fields;	/* a NodeSelector; NULL: it is about labels alone */
};

struct sched_choice {
	struct pair *pairs;
	size_t n_pairs;
	bool has_terms;
	struct term *terms;
	size_t n_terms;
};

static int read_pairs(struct sched_world *w, const struct value *map, struct arena *a, struct sched_choice *c)
{
	c->pairs = arena_alloc(a, (value_len(map) + 1) * sizeof(*c->pairs));
	if (!c->pairs)
		return -ENOMEM;
	for (size_t i = 0; i < value_len(map); i++) {
		const struct sched_column *column = sched_column(w, value_key_at(map, i));

		if (!column)
			return -ENOMEM;
		c->pairs[c->n_pairs++] =
			(struct pair){ column, sched_column_find(column, value_str_or(value_at(map, i), "")) };
	}
	return 0;
}

/* A term without a requirement matches nothing, and is left out. */
static int read_term(const struct value *term, struct arena *a, struct sched_choice *c)
{
	const struct value *labels = value_get(term, "matchExpressions"), *fields = value_get(term, "matchFields");
	struct term *t = &c->terms[c->n_terms];
	int r = value_len(labels) ? selector_compile_requirements(a, labels, &t->labels, NULL) : 0;

	if (r == 0 && value_len(fields)) {
		struct value *selector = value_new_map(a), *one = value_new_map(a);

		value_set(a, one, "matchFields", value_copy(a, fields));
		value_append(a, value_set_list(a, selector, "nodeSelectorTerms"), one);
		t->by_fields = selector;
	}
	c->n_terms += value_len(labels) || value_len(fields);
	return r < 0 ? r : arena_failed(a) ? -ENOMEM : 0;
}

int sched_choice_read(struct sched_world *w, const struct object *pod, struct arena *a, struct sched_choice **ret)
{
	const struct value *map = object_path(pod, "spec", "nodeSelector");
	const struct value *required = object_path(pod, "spec", "affinity", "nodeAffinity",
						   "requiredDuringSchedulingIgnoredDuringExecution");
	const struct value *terms = value_get(required, "nodeSelectorTerms");
	struct sched_choice *c;
	int r;

	*ret = NULL;
	if (!value_len(map) && !required)
		return 0;
	c = arena_alloc(a, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->has_terms = required != NULL;
	c->terms = arena_alloc(a, (value_len(terms) + 1) * sizeof(*c->terms));
	r = c->terms ? read_pairs(w, map, a, c) : -ENOMEM;
	for (size_t i = 0; i < value_len(terms) && r == 0; i++)
		r = read_term(value_at(terms, i), a, c);
	if (r == 0)
		*ret = c;
	return r;
}

bool sched_choice_allows(const struct sched_choice *c, const struct sched_node *node)
{
	if (!c)
		return true;
	for (size_t i = 0; i < c->n_pairs; i++)
		if (!c->pairs[i].value || c->pairs[i].column->value[node->slot] != c->pairs[i].value)
			return false;
	for (size_t i = 0; i < c->n_terms; i++)
		if ((!c->terms[i].by_fields || node_selector_matches(c->terms[i].by_fields, node->object)) &&
		    (!c->terms[i].labels || selector_matches(c->terms[i].labels, object_labels(node->object))))
			return true;
	return !c->has_terms;
}
