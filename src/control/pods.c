/* SPDX-License-Identifier: Apache-2.0 */
#include "control/pods.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

static const char *phase_of(const struct object *pod)
{
	const char *phase = object_str(pod, "status", "phase");

	return phase ? phase : "";
}

bool pod_is_active(const struct object *pod)
{
	const char *phase = phase_of(pod);

	return strcmp(phase, "Succeeded") != 0 && strcmp(phase, "Failed") != 0 && !object_is_deleting(pod);
}

static const struct value *ready_condition(const struct object *pod)
{
	const struct value *c = value_find(object_path(pod, "status", "conditions"), "type", "Ready");

	return c && !strcmp(value_str_or(value_get(c, "status"), ""), "True") ? c : NULL;
}

bool pod_is_ready(const struct object *pod)
{
	return ready_condition(pod) != NULL;
}

/* A time in the tree, or 0. */
static int64_t time_of(const struct value *v)
{
	const char *s = value_str(v);
	int64_t t;

	return s && clock_parse_rfc3339(s, &t) == 0 ? t : 0;
}

bool pod_is_available(const struct object *pod, int64_t min_ready, int64_t now, int64_t *ret_wait)
{
	const struct value *ready = ready_condition(pod);
	int64_t since;

	if (ret_wait)
		*ret_wait = 0;
	if (!ready)
		return false;
	if (!min_ready)
		return true;
	since = time_of(value_get(ready, "lastTransitionTime"));
	if (since && since + min_ready * NSEC_PER_SEC <= now)
		return true;
	if (ret_wait)
		*ret_wait = (since ? since : now) + min_ready * NSEC_PER_SEC - now;
	return false;
}

/* The facts that the order looks at, read once a pod. */
struct rank {
	const struct object *pod;
	size_t siblings;
	bool assigned, ready;
	int phase; /* Pending 0, Unknown 1, Running 2 */
	int64_t cost, ready_since, created, now; /* 0: unknown */
	int64_t restarts, init_restarts;
};

/* floor(log2) of an age in ns, -1 for none: K8S:pkg/controller, logarithmicRankDiff. */
static int age_class(int64_t since, int64_t now)
{
	return now > since ? 63 - __builtin_clzll((unsigned long long)(now - since)) : -1;
}

/* Two times that differ: an unknown one goes first, then the younger by powers of two, then the lower uid. */
static int compare_times(const struct rank *a, int64_t time_a, const struct rank *b, int64_t time_b)
{
	int class_a = age_class(time_a, a->now), class_b = age_class(time_b, b->now);

	if (!time_a || !time_b)
		return time_a ? 1 : -1;
	if (class_a != class_b)
		return class_a < class_b ? -1 : 1;
	return strcmp(object_uid(a->pod), object_uid(b->pod));
}

/* controller.kubernetes.io/pod-deletion-cost; what is no int32 in canonical form counts as 0. */
static int64_t deletion_cost(const struct object *pod)
{
	const char *s = value_str_or(object_path(pod, "metadata", "annotations",
						 "controller.kubernetes.io/pod-deletion-cost"), "");
	const char *digits = *s == '-' ? s + 1 : s;
	char *end;
	long long n;

	if (!isdigit((unsigned char)*digits) || (*digits == '0' && digits[1]))
		return 0;
	n = strtoll(s, &end, 10);
	return *end || n > INT32_MAX || n < INT32_MIN ? 0 : n;
}

static int64_t restarts_of(const struct object *pod, const char *statuses)
{
	const struct value *list = object_path(pod, "status", statuses);
	int64_t most = 0;

	for (size_t i = 0; i < value_len(list); i++) {
		int64_t n = value_int(value_get(value_at(list, i), "restartCount"), 0);

		most = n > most ? n : most;
	}
	return most;
}

static struct rank read_rank(const struct ranked_pod *p, int64_t now)
{
	const char *phase = phase_of(p->pod);
	const struct value *ready = ready_condition(p->pod);

	return (struct rank){
		.pod = p->pod,
		.siblings = p->siblings,
		.assigned = value_len(object_path(p->pod, "spec", "nodeName")) > 0,
		.ready = ready != NULL,
		.phase = !strcmp(phase, "Running") ? 2 : !strcmp(phase, "Unknown") ? 1 : 0,
		.cost = deletion_cost(p->pod),
		.ready_since = time_of(value_get(ready, "lastTransitionTime")),
		.created = time_of(object_path(p->pod, "metadata", "creationTimestamp")),
		.now = now,
		.restarts = restarts_of(p->pod, "containerStatuses"),
		.init_restarts = restarts_of(p->pod, "initContainerStatuses"),
	};
}

/* Below zero when a goes first. */
static int compare_ranks(const void *pa, const void *pb)
{
	const struct rank *a = pa, *b = pb;

	if (a->assigned != b->assigned)
		return a->assigned ? 1 : -1;
	if (a->phase != b->phase)
		return a->phase - b->phase;
	if (a->ready != b->ready)
		return a->ready ? 1 : -1;
	if (a->cost != b->cost)
		return a->cost < b->cost ? -1 : 1;
	if (a->siblings != b->siblings)
		return a->siblings > b->siblings ? -1 : 1;
	if (a->ready && a->ready_since != b->ready_since)
		return compare_times(a, a->ready_since, b, b->ready_since);
	if (a->restarts != b->restarts)
		return a->restarts > b->restarts ? -1 : 1;
	if (a->init_restarts != b->init_restarts)
		return a->init_restarts > b->init_restarts ? -1 : 1;
	if (a->created != b->created)
		return compare_times(a, a->created, b, b->created);
	return strcmp(object_uid(a->pod), object_uid(b->pod));
}

void pods_rank_for_deletion(struct ranked_pod *pods, size_t n, int64_t now)
{
	_cleanup_free_ struct rank *ranks = NULL;

	if (n < 2)
		return;
	ranks = calloc(n, sizeof(*ranks));
	if (!ranks)
		return; /* ignoring: the order is a preference; any order removes the right number */
	for (size_t i = 0; i < n; i++)
		ranks[i] = read_rank(&pods[i], now);
	qsort(ranks, n, sizeof(*ranks), compare_ranks);
	for (size_t i = 0; i < n; i++)
		pods[i] = (struct ranked_pod){ ranks[i].pod, ranks[i].siblings };
}

struct value *controller_reference(struct arena *a, const struct object *owner)
{
	struct value *ref = value_new_map(a);

	value_set_str(a, ref, "apiVersion", object_kind(owner)->api_version);
	value_set_str(a, ref, "kind", object_kind(owner)->kind);
	value_set_str(a, ref, "name", object_name(owner));
	value_set_str(a, ref, "uid", object_uid(owner));
	value_set_bool(a, ref, "controller", true);
	value_set_bool(a, ref, "blockOwnerDeletion", true);
	return ref;
}

struct value *pod_from_template(struct arena *a, const struct value *template, const struct object *owner)
{
	static const char *const copied[] = { "labels", "annotations", "finalizers" };
	struct value *root = value_new_map(a), *meta;

	value_set_str(a, root, "apiVersion", "v1");
	value_set_str(a, root, "kind", "Pod");
	meta = value_set_map(a, root, "metadata");
	value_set(a, meta, "generateName", value_new_strf(a, "%s-", object_name(owner)));
	value_set_str(a, meta, "namespace", object_namespace(owner));
	for (size_t i = 0; i < ARRAY_SIZE(copied); i++) {
		const struct value *v = value_path(template, "metadata", copied[i]);

		if (value_len(v))
			value_set(a, meta, copied[i], value_copy(a, v));
	}
	value_append(a, value_set_list(a, meta, "ownerReferences"), controller_reference(a, owner));
	value_set(a, root, "spec", value_copy(a, value_get(template, "spec")));
	return arena_failed(a) ? NULL : root;
}
