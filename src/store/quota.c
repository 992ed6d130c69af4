/* SPDX-License-Identifier: Apache-2.0 */
#include "store/quota.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "schema/resources.h"

static bool is_kind(const struct schema_kind *kind, const char *plural, const char *group)
{
	return strcmp(kind->plural, plural) == 0 && strcmp(kind->group, group) == 0;
}

static bool is_pod(const struct schema_kind *kind)
{
	return is_kind(kind, "pods", "");
}

static bool after(const char *s, const char *prefix, const char **ret)
{
	size_t len = strlen(prefix);

	if (strncmp(s, prefix, len) != 0)
		return false;
	*ret = s + len;
	return true;
}

/* --- pods --- */

bool quota_container_resource(const struct value *c, const char *which, const char *name, struct quantity *ret)
{
	const struct value *v = value_path(c, "resources", which, name);

	return v && quantity_from(v, ret, NULL) == 0;
}

static void add(struct quantity *sum, const struct quantity *more, bool *any)
{
	*sum = *any ? quantity_add(sum, more) : *more;
	*any = true;
}

/* K8S:component-helpers/resource, PodRequests and PodLimits: what runs together, or the heaviest init container with the
 * sidecars before it; the pod's own figures instead where it has them; and the overhead. */
bool quota_pod_resource(const struct value *spec, const char *which, const char *name, struct quantity *ret)
{
	const struct value *init = value_get(spec, "initContainers"), *main = value_get(spec, "containers");
	const struct value *own = value_path(spec, "resources", which, name), *overhead = value_path(spec, "overhead", name);
	struct quantity running = { 0 }, sidecars = { 0 }, peak = { 0 }, q;
	bool any_running = false, any_sidecar = false, any_peak = false;

	for (size_t i = 0; i < value_len(main); i++)
		if (quota_container_resource(value_at(main, i), which, name, &q))
			add(&running, &q, &any_running);
	for (size_t i = 0; i < value_len(init); i++) {
		const struct value *c = value_at(init, i);
		struct quantity with = sidecars;
		bool any_with = any_sidecar, stated = quota_container_resource(c, which, name, &q);

		if (stated)
			add(&with, &q, &any_with);
		if (any_with && (!any_peak || quantity_compare(&with, &peak) > 0)) {
			peak = with;
			any_peak = true;
		}
		if (stated && strcmp(value_str_or(value_get(c, "restartPolicy"), ""), "Always") == 0)
			add(&sidecars, &q, &any_sidecar);
	}
	if (any_sidecar)
		add(&running, &sidecars, &any_running);
	if (any_peak && (!any_running || quantity_compare(&peak, &running) > 0)) {
		running = peak;
		any_running = true;
	}
	if (own && quantity_from(own, &q, NULL) == 0) {
		running = q;
		any_running = true;
	}
	if (overhead && quantity_from(overhead, &q, NULL) == 0 && (any_running || strcmp(which, "requests") == 0))
		add(&running, &q, &any_running);
	*ret = running;
	return any_running;
}

/* Whether a pod counts: one that has ended does not, nor one whose time to end is over (a node that is lost). */
static bool pod_counts(const struct value *root, int64_t now)
{
	const char *phase = value_str_or(value_path(root, "status", "phase"), "");
	const char *deleted = value_str(value_path(root, "metadata", "deletionTimestamp"));
	int64_t ends;

	if (strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0)
		return false;
	return !(deleted && clock_parse_rfc3339(deleted, &ends) == 0 && now > ends);
}

static bool pod_amount(const struct value *root, const char *name, int64_t now, struct quantity *ret)
{
	const struct value *spec = value_get(root, "spec");
	const char *resource;

	if (!pod_counts(root, now))
		return false;
	if (strcmp(name, "pods") == 0) {
		*ret = quantity_from_int(1, QUANTITY_DECIMAL);
		return true;
	}
	if (after(name, "requests.", &resource))
		return strcmp(resource, "storage") != 0 && quota_pod_resource(spec, "requests", resource, ret);
	if (after(name, "limits.", &resource))
		return quota_pod_resource(spec, "limits", resource, ret);
	if (strcmp(name, "cpu") == 0 || strcmp(name, "memory") == 0 || strcmp(name, "ephemeral-storage") == 0 ||
	    after(name, "hugepages-", &resource))
		return quota_pod_resource(spec, "requests", name, ret);
	return false;
}

/* --- claims and services --- */

static bool claim_amount(const struct value *root, const char *name, struct quantity *ret)
{
	static const char infix[] = ".storageclass.storage.k8s.io/";
	const char *class = value_str_or(value_path(root, "spec", "storageClassName"), ""), *of = strstr(name, infix);
	const struct value *asked = value_path(root, "spec", "resources", "requests", "storage");

	if (of) {
		if (!*class || strlen(class) != (size_t)(of - name) || strncmp(name, class, strlen(class)) != 0)
			return false;
		name = of + strlen(infix);
	}
	if (strcmp(name, "persistentvolumeclaims") == 0) {
		*ret = quantity_from_int(1, QUANTITY_DECIMAL);
		return true;
	}
	return strcmp(name, "requests.storage") == 0 && asked && quantity_from(asked, ret, NULL) == 0;
}

static bool service_amount(const struct value *root, const char *name, struct quantity *ret)
{
	const struct value *spec = value_get(root, "spec"), *ports = value_get(spec, "ports");
	const char *type = value_str_or(value_get(spec, "type"), "");
	bool balancer = strcmp(type, "LoadBalancer") == 0;
	int64_t n = 0;

	if (strcmp(name, "services") == 0)
		n = 1;
	else if (strcmp(name, "services.loadbalancers") == 0)
		n = balancer;
	else if (strcmp(name, "services.nodeports") != 0)
		n = 0;
	else if (strcmp(type, "NodePort") == 0 ||
		 (balancer && value_bool(value_get(spec, "allocateLoadBalancerNodePorts"), true)))
		n = (int64_t)value_len(ports);
	else if (balancer)
		for (size_t i = 0; i < value_len(ports); i++)
			n += value_int(value_get(value_at(ports, i), "nodePort"), 0) != 0;
	*ret = quantity_from_int(n, QUANTITY_DECIMAL);
	return n > 0;
}

bool quota_amount(const struct schema_kind *kind, const struct value *root, const char *name, int64_t now,
		  struct quantity *ret)
{
	static const char *const counted[] = { "configmaps", "secrets", "replicationcontrollers", "resourcequotas" };
	const char *what;

	if (after(name, "count/", &what)) {
		size_t len = strlen(kind->plural);

		*ret = quantity_from_int(1, QUANTITY_DECIMAL);
		return strncmp(what, kind->plural, len) == 0 &&
		       (*kind->group ? what[len] == '.' && strcmp(what + len + 1, kind->group) == 0 : !what[len]);
	}
	if (is_pod(kind))
		return pod_amount(root, name, now, ret);
	if (is_kind(kind, "persistentvolumeclaims", ""))
		return claim_amount(root, name, ret);
	if (is_kind(kind, "services", ""))
		return service_amount(root, name, ret);
	for (size_t i = 0; i < ARRAY_SIZE(counted); i++)
		if (is_kind(kind, counted[i], "") && strcmp(name, counted[i]) == 0) {
			*ret = quantity_from_int(1, QUANTITY_DECIMAL);
			return true;
		}
	return false;
}

/* --- scopes --- */

static bool has_foreign_term(const struct value *terms, const char *inner)
{
	for (size_t i = 0; i < value_len(terms); i++) {
		const struct value *t = inner ? value_get(value_at(terms, i), inner) : value_at(terms, i);

		if (value_len(value_get(t, "namespaces")) || value_get(t, "namespaceSelector"))
			return true;
	}
	return false;
}

static bool crosses_namespaces(const struct value *spec)
{
	static const char *const kinds[] = { "podAffinity", "podAntiAffinity" };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const struct value *a = value_path(spec, "affinity", kinds[i]);

		if (has_foreign_term(value_get(a, "requiredDuringSchedulingIgnoredDuringExecution"), NULL) ||
		    has_foreign_term(value_get(a, "preferredDuringSchedulingIgnoredDuringExecution"), "podAffinityTerm"))
			return true;
	}
	return false;
}

static bool in_values(const struct value *values, const char *s)
{
	for (size_t i = 0; i < value_len(values); i++)
		if (strcmp(value_str_or(value_at(values, i), ""), s) == 0)
			return true;
	return false;
}

static bool in_scope(const char *scope, const char *operator, const struct value *values, const struct value *spec)
{
	const char *class = value_str_or(value_get(spec, "priorityClassName"), "");
	bool terminating = !value_is_null(value_get(spec, "activeDeadlineSeconds"));
	bool best_effort = strcmp(pod_qos_class(spec), "BestEffort") == 0;

	if (strcmp(scope, "Terminating") == 0)
		return terminating;
	if (strcmp(scope, "NotTerminating") == 0)
		return !terminating;
	if (strcmp(scope, "BestEffort") == 0)
		return best_effort;
	if (strcmp(scope, "NotBestEffort") == 0)
		return !best_effort;
	if (strcmp(scope, "CrossNamespacePodAffinity") == 0)
		return crosses_namespaces(spec);
	if (strcmp(scope, "PriorityClass") != 0)
		return false;
	if (strcmp(operator, "In") == 0)
		return *class && in_values(values, class);
	if (strcmp(operator, "NotIn") == 0)
		return !in_values(values, class);
	return strcmp(operator, "DoesNotExist") == 0 ? !*class : *class != '\0';
}

bool quota_matches(const struct value *quota, const struct schema_kind *kind, const struct value *root)
{
	const struct value *scopes = value_path(quota, "spec", "scopes"), *spec = value_get(root, "spec");
	const struct value *selector = value_path(quota, "spec", "scopeSelector", "matchExpressions");

	if (!is_pod(kind)) /* only pods have scopes */
		return !value_len(scopes) && !value_len(selector);
	for (size_t i = 0; i < value_len(scopes); i++)
		if (!in_scope(value_str_or(value_at(scopes, i), ""), "Exists", NULL, spec))
			return false;
	for (size_t i = 0; i < value_len(selector); i++) {
		const struct value *e = value_at(selector, i);

		if (!in_scope(value_str_or(value_get(e, "scopeName"), ""), value_str_or(value_get(e, "operator"), "Exists"),
			      value_get(e, "values"), spec))
			return false;
	}
	return true;
}

/* --- what must be stated --- */

/* Whether a container states what a quota's resource counts. */
static bool states(const struct value *c, const char *name)
{
	const char *resource;

	if (after(name, "limits.", &resource))
		return value_path(c, "resources", "limits", resource) != NULL;
	return value_path(c, "resources", "requests", after(name, "requests.", &resource) ? resource : name) != NULL;
}

void quota_missing(const struct value *quota, const struct schema_kind *kind, const struct value *root, struct buf *out)
{
	/* K8S:pkg/quota/v1/evaluator/core, validationSet, in the order of its message */
	static const char *const names[] = { "cpu", "limits.cpu", "limits.memory", "memory", "requests.cpu",
					     "requests.memory" };
	static const char *const lists[] = { "containers", "initContainers" };
	const struct value *hard = value_path(quota, "spec", "hard"), *spec = value_get(root, "spec");
	bool any = false;

	if (!is_pod(kind) || value_len(value_get(spec, "resources")))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		bool named = false;

		for (size_t l = 0; value_get(hard, names[i]) && l < ARRAY_SIZE(lists); l++) {
			const struct value *list = value_get(spec, lists[l]);

			for (size_t k = 0; k < value_len(list); k++) {
				if (states(value_at(list, k), names[i]))
					continue;
				if (!named)
					buf_printf(out, "%s%s for: ", any ? "; " : "must specify ", names[i]);
				buf_printf(out, "%s%s", named ? "," : "",
					   value_str_or(value_get(value_at(list, k), "name"), ""));
				named = any = true;
			}
		}
	}
}

/* --- counting --- */

static struct quantity amount_at(const struct value *map, const char *name)
{
	struct quantity q;

	return quantity_from(value_get(map, name), &q, NULL) == 0 ? q : quantity_from_int(0, QUANTITY_DECIMAL);
}

static void append(struct buf *out, const char *name, const struct quantity *q)
{
	char text[QUANTITY_TEXT_MAX];

	quantity_format(q, text);
	buf_printf(out, "%s%s=%s", out->len ? "," : "", name, text);
}

const char *quota_next_key(const struct value *map, const char *last)
{
	const char *best = NULL;

	for (size_t i = 0; i < value_len(map); i++) {
		const char *key = value_key_at(map, i);

		if ((!last || strcmp(key, last) > 0) && (!best || strcmp(key, best) < 0))
			best = key;
	}
	return best;
}

/* What an object uses beyond its old version; false when no more than before. */
static bool delta(const struct value *quota, const struct schema_kind *kind, const struct value *old,
		  const struct value *root, const char *name, int64_t now, struct quantity *ret)
{
	struct quantity was;

	if (!quota_amount(kind, root, name, now, ret))
		return false;
	if (old && quota_matches(quota, kind, old) && quota_amount(kind, old, name, now, &was))
		*ret = quantity_sub(ret, &was);
	return quantity_sign(ret) > 0;
}

static void store(struct arena *a, struct value *used, const char *name, const struct quantity *q)
{
	char text[QUANTITY_TEXT_MAX];

	quantity_format(q, text);
	(void)value_set_str(a, used, name, text); /* lack of memory shows in the arena */
}

int quota_charge(const struct value *quota, const struct schema_kind *kind, const struct value *old,
		 const struct value *root, int64_t now, struct arena *a, struct value *used, bool *ret_changed,
		 struct buf *out)
{
	_cleanup_buf_ struct buf requested = BUF_INIT, was = BUF_INIT, limited = BUF_INIT;
	const struct value *hard = value_path(quota, "spec", "hard");
	struct quantity more, sum, have, limit;

	*ret_changed = false;
	for (const char *name = NULL; (name = quota_next_key(hard, name));) {
		if (!delta(quota, kind, old, root, name, now, &more))
			continue;
		*ret_changed = true;
		have = amount_at(used, name);
		limit = amount_at(hard, name);
		sum = quantity_add(&have, &more);
		if (quantity_compare(&sum, &limit) <= 0)
			continue;
		append(&requested, name, &more);
		append(&was, name, &have);
		append(&limited, name, &limit);
	}
	if (requested.len) {
		buf_printf(out, "exceeded quota: %s, requested: %s, used: %s, limited: %s",
			   value_str_or(value_path(quota, "metadata", "name"), ""), buf_str(&requested), buf_str(&was),
			   buf_str(&limited));
		return -EDQUOT;
	}
	for (size_t i = 0; i < value_len(hard); i++) {
		const char *name = value_key_at(hard, i);

		if (!delta(quota, kind, old, root, name, now, &more))
			continue;
		have = amount_at(used, name);
		sum = quantity_add(&have, &more);
		store(a, used, name, &sum);
	}
	return 0;
}

void quota_count(const struct value *quota, const struct schema_kind *kind, const struct value *root, int64_t now,
		 struct arena *a, struct value *used)
{
	const struct value *hard = value_path(quota, "spec", "hard");

	for (size_t i = 0; i < value_len(hard); i++) {
		const char *name = value_key_at(hard, i);
		struct quantity q, sum = amount_at(used, name);

		if (quota_amount(kind, root, name, now, &q))
			sum = quantity_add(&sum, &q);
		store(a, used, name, &sum);
	}
}
