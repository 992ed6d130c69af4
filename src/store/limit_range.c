/* SPDX-License-Identifier: Apache-2.0 */
#include "store/limit_range.h"

#include <string.h>

#include "base/cleanup.h"
#include "store/quota.h"

#define DEFAULTED "kubernetes.io/limit-ranger" /* the annotation that tells what was given */

static bool is_type(const struct value *item, const char *type)
{
	return strcmp(value_str_or(value_get(item, "type"), ""), type) == 0;
}

/* Sets what the container lacks of `which`; appends "cpu, memory request for container NAME". */
static void give(const struct value *from, const char *which, const char *word, const char *what, struct arena *a,
		 struct value *c, struct buf *told)
{
	struct value *own = value_len(from) ? value_set_map(a, value_set_map(a, c, "resources"), which) : NULL;
	bool any = false;

	for (const char *name = NULL; own && (name = quota_next_key(from, name));) {
		if (value_get(own, name))
			continue;
		(void)value_set(a, own, name, value_copy(a, value_get(from, name)));
		buf_printf(told, "%s%s", any ? ", " : told->len ? "; " : "", name);
		any = true;
	}
	if (any)
		buf_printf(told, " %s for %s %s", word, what, value_str_or(value_get(c, "name"), ""));
}

void limit_range_default(const struct value *range, struct arena *a, struct value *pod)
{
	static const char *const lists[][2] = { { "containers", "container" }, { "initContainers", "init container" } };
	const struct value *limits = value_path(range, "spec", "limits");
	struct value *spec = value_get(pod, "spec");
	_cleanup_buf_ struct buf told = BUF_INIT;

	for (size_t i = 0; i < value_len(limits); i++) {
		const struct value *item = value_at(limits, i);

		if (!is_type(item, "Container"))
			continue;
		for (size_t l = 0; l < ARRAY_SIZE(lists); l++) {
			struct value *list = value_get(spec, lists[l][0]);

			for (size_t k = 0; k < value_len(list); k++) {
				give(value_get(item, "defaultRequest"), "requests", "request", lists[l][1], a,
				     value_at(list, k), &told);
				give(value_get(item, "default"), "limits", "limit", lists[l][1], a, value_at(list, k),
				     &told);
			}
		}
	}
	if (told.len) {
		struct value *meta = value_set_map(a, pod, "metadata");

		(void)value_set(a, value_set_map(a, meta, "annotations"), DEFAULTED,
				value_new_strf(a, "LimitRanger plugin set: %s", buf_str(&told)));
	}
}

/* One thing that is limited: what it asks for, and the most it may take. */
struct asked {
	const char *type, *name;
	struct quantity request, limit;
	bool has_request, has_limit;
};

static void blame(struct buf *out, const struct asked *x, const char *bound, const struct quantity *enforced,
		  const char *word, const struct quantity *found)
{
	char limit[QUANTITY_TEXT_MAX], is[QUANTITY_TEXT_MAX];

	quantity_format(enforced, limit);
	buf_printf(out, "%s%s %s usage per %s is %s", out->len ? ", " : "", bound, x->name, x->type, limit);
	if (!found) {
		buf_printf(out, ".  No %s is specified", word);
		return;
	}
	quantity_format(found, is);
	buf_printf(out, ", but %s is %s", word, is);
}

static void check_min(const struct asked *x, const struct quantity *min, struct buf *out)
{
	if (!x->has_request)
		blame(out, x, "minimum", min, "request", NULL);
	else if (quantity_compare(&x->request, min) < 0)
		blame(out, x, "minimum", min, "request", &x->request);
	else if (x->has_limit && quantity_compare(&x->limit, min) < 0)
		blame(out, x, "minimum", min, "limit", &x->limit);
}

static void check_max(const struct asked *x, const struct quantity *max, struct buf *out)
{
	bool claim = strcmp(x->type, "PersistentVolumeClaim") == 0; /* it has requests only */

	if (claim && !x->has_request)
		blame(out, x, "maximum", max, "request", NULL);
	else if (!claim && !x->has_limit)
		blame(out, x, "maximum", max, "limit", NULL);
	else if (!claim && quantity_compare(&x->limit, max) > 0)
		blame(out, x, "maximum", max, "limit", &x->limit);
	else if (x->has_request && quantity_compare(&x->request, max) > 0)
		blame(out, x, "maximum", max, "request", &x->request);
}

static void check_ratio(const struct asked *x, const struct quantity *ratio, struct buf *out)
{
	char text[QUANTITY_TEXT_MAX];
	bool no_request = !x->has_request || quantity_sign(&x->request) == 0;
	bool no_limit = !x->has_limit || quantity_sign(&x->limit) == 0;
	double found = no_request ? 0 : (double)x->limit.nanos / (double)x->request.nanos;

	if (!no_request && !no_limit && found <= (double)ratio->nanos / 1e9)
		return;
	quantity_format(ratio, text);
	buf_printf(out, "%s%s max limit to request ratio per %s is %s, but ", out->len ? ", " : "", x->name, x->type, text);
	if (no_request || no_limit)
		buf_printf(out, "no %s is specified or %s is 0", no_request ? "request" : "limit",
			   no_request ? "request" : "limit");
	else
		buf_printf(out, "provided ratio is %f", found);
}

/* Checks one container (or claim), or a whole pod when `container` is NULL. */
static void check_item(const struct value *item, const struct value *spec, const struct value *container,
		       struct buf *out)
{
	static const struct {
		const char *key;
		void (*check)(const struct asked *x, const struct quantity *bound, struct buf *out);
	} rules[] = { { "min", check_min }, { "max", check_max }, { "maxLimitRequestRatio", check_ratio } };

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		const struct value *bounds = value_get(item, rules[i].key);

		for (const char *name = NULL; (name = quota_next_key(bounds, name));) {
			struct asked x = { .type = value_str_or(value_get(item, "type"), ""), .name = name };
			struct quantity bound;

			if (quantity_from(value_get(bounds, name), &bound, NULL) < 0)
				continue;
			x.has_request = container ? quota_container_resource(container, "requests", name, &x.request)
						  : quota_pod_resource(spec, "requests", name, &x.request);
			x.has_limit = container ? quota_container_resource(container, "limits", name, &x.limit)
						: quota_pod_resource(spec, "limits", name, &x.limit);
			rules[i].check(&x, &bound, out);
		}
	}
}

void limit_range_check(const struct value *range, const struct schema_kind *kind, const struct value *root,
		       struct buf *out)
{
	static const char *const lists[] = { "containers", "initContainers" };
	const struct value *limits = value_path(range, "spec", "limits"), *spec = value_get(root, "spec");
	bool claim = strcmp(kind->plural, "persistentvolumeclaims") == 0, pod = strcmp(kind->plural, "pods") == 0;

	for (size_t i = 0; i < value_len(limits); i++) {
		const struct value *item = value_at(limits, i);

		if (claim && is_type(item, "PersistentVolumeClaim"))
			check_item(item, spec, spec, out);
		if (pod && is_type(item, "Pod"))
			check_item(item, spec, NULL, out);
		for (size_t l = 0; pod && is_type(item, "Container") && l < ARRAY_SIZE(lists); l++) {
			const struct value *list = value_get(spec, lists[l]);

			for (size_t k = 0; k < value_len(list); k++)
				check_item(item, spec, value_at(list, k), out);
		}
	}
}
