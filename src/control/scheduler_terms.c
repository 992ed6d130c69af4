/* SPDX-License-Identifier: Apache-2.0 */
#include "control/scheduler_terms.h"

#include <errno.h>
#include <string.h>

#include "value/json.h"

static const char required[] = "requiredDuringSchedulingIgnoredDuringExecution";
static const char preferred[] = "preferredDuringSchedulingIgnoredDuringExecution";

bool sched_terms_any(const struct object *pod)
{
	const struct value *affinity = object_path(pod, "spec", "affinity");

	return value_get(affinity, "podAffinity") || value_get(affinity, "podAntiAffinity");
}

/* A selector with the requirements that label keys stand for: K8S:pkg/registry/core/pod, applyLabelKeysToLabelSelector. */
static struct value *with_keys(struct arena *a, struct value *selector, const struct object *pod, const struct value *keys,
			       const char *operator)
{
	for (size_t i = 0; selector && i < value_len(keys); i++) {
		const char *key = value_str_or(value_at(keys, i), "");
		const struct value *label = value_get(object_labels(pod), key);
		struct value *r, *values;

		if (!label)
			continue;
		r = value_new_map(a);
		value_set_str(a, r, "key", key);
		value_set_str(a, r, "operator", operator);
		values = value_set_list(a, r, "values");
		value_append(a, values, value_new_str(a, value_str_or(label, "")));
		value_append(a, value_set_list(a, selector, "matchExpressions"), r);
	}
	return selector;
}

/* The text by which equal terms are known. */
static const char *describe(struct arena *a, const struct sched_term *t)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	for (size_t i = 0; i < t->n_namespaces; i++)
		buf_printf(&b, "%s ", t->namespaces[i]);
	if (t->namespace_selector)
		json_write(&b, t->namespace_selector, JSON_SORTED);
	buf_puts(&b, "|");
	if (t->pod_selector)
		json_write(&b, t->pod_selector, JSON_SORTED);
	return buf_failed(&b) ? NULL : arena_strdup(a, buf_str(&b));
}

/* Compiles what it is made of. */
static int complete(struct arena *a, struct sched_term *t)
{
	int r = selector_compile(a, t->pod_selector, &t->of_pods, NULL);

	if (r == 0 && t->namespace_selector)
		r = selector_compile(a, t->namespace_selector, &t->of_namespaces, NULL);
	t->text = describe(a, t);
	return r < 0 ? r : t->text && !arena_failed(a) ? 0 : -ENOMEM;
}

int sched_term_copy(struct arena *a, const struct sched_term *t, struct sched_term *ret)
{
	*ret = *t;
	ret->topology_key = arena_strdup(a, t->topology_key);
	ret->namespaces = arena_alloc(a, (t->n_namespaces + 1) * sizeof(*ret->namespaces));
	for (size_t i = 0; ret->namespaces && i < t->n_namespaces; i++)
		ret->namespaces[i] = arena_strdup(a, t->namespaces[i]);
	ret->of_namespaces = NULL;
	ret->namespace_selector = value_copy(a, t->namespace_selector);
	ret->pod_selector = value_copy(a, t->pod_selector);
	return complete(a, ret);
}

static int read_namespaces(struct arena *a, const struct object *pod, const struct value *term, struct sched_term *t)
{
	const struct value *list = value_get(term, "namespaces");
	bool own = !value_len(list) && value_is_null(value_get(term, "namespaceSelector"));

	t->n_namespaces = own ? 1 : value_len(list);
	t->namespaces = arena_alloc(a, (t->n_namespaces + 1) * sizeof(*t->namespaces));
	for (size_t i = 0; t->namespaces && i < t->n_namespaces; i++)
		t->namespaces[i] = arena_strdup(a, own ? object_namespace(pod) : value_str_or(value_at(list, i), ""));
	return arena_failed(a) ? -ENOMEM : 0;
}

static int read_term(struct arena *a, const struct object *pod, const struct value *term, struct sched_term *t)
{
	struct value *selector = value_copy(a, value_get(term, "labelSelector"));
	int r = read_namespaces(a, pod, term, t);

	selector = with_keys(a, selector, pod, value_get(term, "matchLabelKeys"), "In");
	selector = with_keys(a, selector, pod, value_get(term, "mismatchLabelKeys"), "NotIn");
	t->topology_key = arena_strdup(a, value_str_or(value_get(term, "topologyKey"), ""));
	t->pod_selector = selector;
	if (!value_is_null(value_get(term, "namespaceSelector")))
		t->namespace_selector = value_copy(a, value_get(term, "namespaceSelector"));
	return r < 0 ? r : complete(a, t);
}

int sched_terms_read(struct arena *a, const struct object *pod, enum sched_terms kind, struct sched_term **ret,
		     size_t *ret_n)
{
	bool near = kind == SCHED_NEAR || kind == SCHED_RATHER_NEAR, must = kind == SCHED_NEAR || kind == SCHED_FAR;
	const struct value *list = object_path(pod, "spec", "affinity", near ? "podAffinity" : "podAntiAffinity",
					       must ? required : preferred);
	size_t n = value_len(list);
	struct sched_term *terms;
	int r = 0;

	*ret = NULL;
	*ret_n = 0;
	if (!n)
		return 0;
	terms = arena_alloc(a, n * sizeof(*terms));
	if (!terms)
		return -ENOMEM;
	for (size_t i = 0; i < n && r == 0; i++) {
		const struct value *item = value_at(list, i);

		terms[i].weight = must ? 1 : value_int(value_get(item, "weight"), 0);
		r = read_term(a, pod, must ? item : value_get(item, "podAffinityTerm"), &terms[i]);
	}
	if (r < 0)
		return r;
	*ret = terms;
	*ret_n = n;
	return 0;
}

int sched_term_make(struct arena *a, const struct object *pod, const struct value *label_selector,
		    const struct value *keys, struct sched_term *ret)
{
	struct value *selector = with_keys(a, value_copy(a, label_selector), pod, keys, "In");
	struct sched_term t = { .topology_key = "" };
	int r = read_namespaces(a, pod, NULL, &t);

	t.pod_selector = selector;
	if (r == 0)
		r = complete(a, &t);
	if (r == 0)
		*ret = t;
	return r;
}
