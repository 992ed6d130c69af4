/* SPDX-License-Identifier: Apache-2.0 */
#include "control/replicaset_decide.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "control/conditions.h"

/* Whether the pod bears every label of the template. */
static bool has_labels(const struct object *pod, const struct value *want)
{
	for (size_t i = 0; i < value_len(want); i++)
		if (!value_equal(value_at(want, i), value_get(object_labels(pod), value_key_at(want, i))))
			return false;
	return true;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char *node_of(const struct object *pod)
{
	return value_str_or(object_path(pod, "spec", "nodeName"), "");
}

/* Where among n sorted names the first is that does not come before `name` (or, with `after`, that comes after it). */
static size_t bound(const char *const *names, size_t n, const char *name, bool after)
{
	size_t low = 0;

	while (n > low) {
		size_t middle = low + (n - low) / 2;

		if (strcmp(names[middle], name) < (after ? 1 : 0))
			low = middle + 1;
		else
			n = middle;
	}
	return low;
}

/* Tells each pod how many active siblings share its node. */
static int count_siblings(struct ranked_pod *ranked, size_t n, const struct object_list *siblings, struct arena *a)
{
	const char **nodes = arena_alloc(a, (siblings->n + 1) * sizeof(*nodes));
	size_t n_nodes = 0;

	if (!nodes)
		return -ENOMEM;
	for (size_t i = 0; i < siblings->n; i++)
		if (pod_is_active(siblings->items[i]))
			nodes[n_nodes++] = node_of(siblings->items[i]);
	qsort(nodes, n_nodes, sizeof(nodes[0]), compare_names);
	for (size_t i = 0; i < n; i++) {
		const char *node = node_of(ranked[i].pod);

		if (*node)
			ranked[i].siblings = bound(nodes, n_nodes, node, true) - bound(nodes, n_nodes, node, false);
	}
	return 0;
}

/* Chooses `excess` of the active pods. */
static int choose(const struct object_list *pods, const struct object_list *siblings, size_t excess, int64_t now,
		  struct arena *a, struct replicaset_plan *plan)
{
	struct ranked_pod *ranked = arena_alloc(a, pods->n * sizeof(*ranked));
	size_t n = 0;

	plan->remove = arena_alloc(a, excess * sizeof(plan->remove[0]));
	if (!ranked || !plan->remove)
		return -ENOMEM;
	for (size_t i = 0; i < pods->n; i++)
		if (pod_is_active(pods->items[i]))
			ranked[n++] = (struct ranked_pod){ .pod = pods->items[i] };
	/* When all go, their order does not matter, and neither does the work of finding it. */
	if (excess < n) {
		int r = count_siblings(ranked, n, siblings, a);

		if (r < 0)
			return r;
		pods_rank_for_deletion(ranked, n, now);
	}
	for (size_t i = 0; i < excess; i++)
		plan->remove[i] = ranked[i].pod;
	plan->n_remove = excess;
	return 0;
}

static void count_status(const struct object *rs, const struct object_list *pods, int64_t now,
			 struct replicaset_plan *plan)
{
	const struct value *want = object_path(rs, "spec", "template", "metadata", "labels");
	int64_t min_ready = value_int(object_path(rs, "spec", "minReadySeconds"), 0), wait;

	for (size_t i = 0; i < pods->n; i++) {
		const struct object *pod = pods->items[i];

		if (!pod_is_active(pod))
			continue;
		plan->replicas++;
		plan->fully_labeled += has_labels(pod, want);
		plan->ready += pod_is_ready(pod);
		plan->available += pod_is_available(pod, min_ready, now, &wait);
		if (wait > 0 && (!plan->wait || wait < plan->wait))
			plan->wait = wait;
	}
}

int replicaset_decide(const struct object *rs, const struct object_list *pods, const struct object_list *siblings,
		      int64_t now, struct arena *a, struct replicaset_plan *ret)
{
	int64_t want = value_int(object_path(rs, "spec", "replicas"), 1), excess;
	struct replicaset_plan plan = { .generation = value_int(object_path(rs, "metadata", "generation"), 0) };
	int r = 0;

	count_status(rs, pods, now, &plan);
	excess = plan.replicas - want;
	if (object_is_deleting(rs))
		excess = 0;
	if (excess < 0)
		plan.create = -excess > REPLICASET_BURST ? REPLICASET_BURST : -excess;
	else if (excess > 0)
		r = choose(pods, siblings, excess > REPLICASET_BURST ? REPLICASET_BURST : (size_t)excess, now, a, &plan);
	if (r == 0)
		*ret = plan;
	return r;
}

/* Sets a count that is left out when it is 0, as Kubernetes' omitempty does. */
static void set_failure(struct arena *a, struct value *status, const char *reason, const char *message, int64_t now)
{
	struct value *conditions = value_get(status, "conditions"), *c;
	char time[CLOCK_RFC3339_SIZE];

	for (size_t i = value_len(conditions); i-- > 0;)
		if (!strcmp(value_str_or(value_get(value_at(conditions, i), "type"), ""), "ReplicaFailure")) {
			if (*message && !strcmp(value_str_or(value_get(value_at(conditions, i), "message"), ""), message))
				return;
			value_remove_at(conditions, i);
		}
	if (!*message) {
		if (conditions && !value_len(conditions))
			value_remove(status, "conditions");
		return;
	}
	c = value_append(a, value_set_list(a, status, "conditions"), value_new_map(a));
	value_set_str(a, c, "type", "ReplicaFailure");
	value_set_str(a, c, "status", "True");
	value_set_str(a, c, "lastTransitionTime", clock_format_rfc3339(now, time));
	value_set_str(a, c, "reason", reason);
	value_set_str(a, c, "message", message);
}

void replicaset_set_status(struct arena *a, struct value *root, const struct replicaset_plan *plan,
			   const char *failure_reason, const char *failure, int64_t now)
{
	struct value *status = value_set_map(a, root, "status");

	value_set_int(a, status, "replicas", plan->replicas);
	status_set_count(a, status, "fullyLabeledReplicas", plan->fully_labeled);
	status_set_count(a, status, "readyReplicas", plan->ready);
	status_set_count(a, status, "availableReplicas", plan->available);
	value_set_int(a, status, "observedGeneration", plan->generation);
	set_failure(a, status, failure_reason, failure, now);
}
