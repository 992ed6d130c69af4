/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filters run in the order of kube-scheduler's default plugins; the first that refuses a node gives its reason, but
 * resource fit names every resource that is short.
 */
#include "control/scheduler_decide.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/node_selector.h"
#include "value/quantity.h"

enum { REASONS_MAX = 32, DEFAULT_PODS = 110 /* kubelet's maxPods */ };

/* Why nodes were refused, each text with how many nodes it refused. */
struct reasons {
	struct arena *arena;
	unsigned cures;
	size_t n;
	struct {
		const char *text;
		size_t nodes;
	} list[REASONS_MAX];
};

static void add_reason(struct reasons *r, const char *text)
{
	for (size_t i = 0; i < r->n; i++)
		if (!strcmp(r->list[i].text, text)) {
			r->list[i].nodes++;
			return;
		}
	if (r->n < REASONS_MAX) {
		r->list[r->n].text = text;
		r->list[r->n++].nodes = 1;
	}
}

bool tolerates(const struct value *tolerations, const struct value *taint)
{
	const char *key = value_str_or(value_get(taint, "key"), ""), *value = value_str_or(value_get(taint, "value"), "");
	const char *effect = value_str_or(value_get(taint, "effect"), "");

	for (size_t i = 0; i < value_len(tolerations); i++) {
		const struct value *t = value_at(tolerations, i);
		const char *t_key = value_str_or(value_get(t, "key"), "");
		const char *t_effect = value_str_or(value_get(t, "effect"), "");
		bool exists = !strcmp(value_str_or(value_get(t, "operator"), "Equal"), "Exists");

		if ((*t_effect && strcmp(t_effect, effect) != 0) || (*t_key && strcmp(t_key, key) != 0))
			continue;
		if (exists || (*t_key && !strcmp(value_str_or(value_get(t, "value"), ""), value)))
			return true;
	}
	return false;
}

/* The first taint that keeps the pod off, or NULL. */
static const struct value *untolerated(const struct object *pod, const struct object *node)
{
	const struct value *taints = object_path(node, "spec", "taints");

	for (size_t i = 0; i < value_len(taints); i++) {
		const char *effect = value_str_or(value_get(value_at(taints, i), "effect"), "");

		if (strcmp(effect, "PreferNoSchedule") != 0 &&
		    !tolerates(object_path(pod, "spec", "tolerations"), value_at(taints, i)))
			return value_at(taints, i);
	}
	return NULL;
}

/* Whether a taint that the system sets by condition is tolerated, be it set yet or not. */
static bool tolerates_key(const struct object *pod, const char *key, struct arena *a)
{
	struct value *taint = value_new_map(a);

	value_set_str(a, taint, "key", key);
	value_set_str(a, taint, "effect", "NoSchedule");
	return tolerates(object_path(pod, "spec", "tolerations"), taint);
}

static bool is_ready(const struct object *node)
{
	const struct value *c = value_find(object_path(node, "status", "conditions"), "type", "Ready");

	return !strcmp(value_str_or(value_get(c, "status"), ""), "True");
}

static const char *filter_node_state(const struct object *pod, const struct object *node, struct arena *a)
{
	const struct value *taint = untolerated(pod, node);

	if (value_bool(object_path(node, "spec", "unschedulable"), false) &&
	    !tolerates_key(pod, "node.kubernetes.io/unschedulable", a))
		return "node(s) were unschedulable";
	if (taint) {
		const char *text = arena_printf(a, "node(s) had untolerated taint {%s: %s}",
						value_str_or(value_get(taint, "key"), ""),
						value_str_or(value_get(taint, "value"), ""));

		return text ? text : "node(s) had untolerated taint";
	}
	if (!is_ready(node) && !tolerates_key(pod, "node.kubernetes.io/not-ready", a))
		return "node(s) had untolerated taint {node.kubernetes.io/not-ready: }";
	return NULL;
}

static const char *filter_selector(const struct object *pod, const struct object *node)
{
	return node_selector_allows(object_path(pod, "spec"), node) ? NULL : "node(s) didn't match Pod's node affinity/selector";
}

/* Whether two containers' host ports clash: same port and protocol, and the same or any address. */
static bool ports_clash(const struct value *x, const struct value *y)
{
	const char *ip_x = value_str_or(value_get(x, "hostIP"), "0.0.0.0");
	const char *ip_y = value_str_or(value_get(y, "hostIP"), "0.0.0.0");
	bool any = !*ip_x || !*ip_y || !strcmp(ip_x, "0.0.0.0") || !strcmp(ip_y, "0.0.0.0");

	return value_int(value_get(x, "hostPort"), 0) && value_int(value_get(x, "hostPort"), 0) ==
		       value_int(value_get(y, "hostPort"), 0) &&
	       !strcmp(value_str_or(value_get(x, "protocol"), "TCP"), value_str_or(value_get(y, "protocol"), "TCP")) &&
	       (any || !strcmp(ip_x, ip_y));
}

/* The ports of the i-th of the pod's containers and sidecars; NULL of an init container, which lets go of them, and where
 * *ret_more says that it was past the last. */
static const struct value *nth_ports(const struct object *pod, size_t i, bool *ret_more)
{
	const struct value *main = object_path(pod, "spec", "containers"), *init = object_path(pod, "spec", "initContainers");
	const struct value *c = i < value_len(main) ? value_at(main, i) : value_at(init, i - value_len(main));

	*ret_more = i < value_len(main) + value_len(init);
	if (!*ret_more || (i >= value_len(main) && strcmp(value_str_or(value_get(c, "restartPolicy"), ""), "Always") != 0))
		return NULL;
	return value_get(c, "ports");
}

static bool pod_ports_clash(const struct value *port, const struct object *other)
{
	bool more = true;

	for (size_t i = 0; more; i++) {
		const struct value *ports = nth_ports(other, i, &more);

		for (size_t k = 0; k < value_len(ports); k++)
			if (ports_clash(port, value_at(ports, k)))
				return true;
	}
	return false;
}

bool schedule_has_host_ports(const struct object *pod)
{
	bool more = true;

	for (size_t i = 0; more; i++) {
		const struct value *ports = nth_ports(pod, i, &more);

		for (size_t k = 0; k < value_len(ports); k++)
			if (value_get(value_at(ports, k), "hostPort"))
				return true;
	}
	return false;
}

static const char *filter_ports(const struct object *pod, const struct sched_node *node)
{
	bool more = node->bound != NULL;

	for (size_t i = 0; more; i++) {
		const struct value *ports = nth_ports(pod, i, &more);

		for (size_t k = 0; k < value_len(ports); k++)
			for (size_t p = 0; p < node->bound->n && value_get(value_at(ports, k), "hostPort"); p++)
				if (pod_ports_clash(value_at(ports, k), node->bound->items[p]))
					return "node(s) didn't have free ports for the requested pod ports";
	}
	return NULL;
}

struct capacity {
	int64_t milli_cpu, memory, ephemeral_storage, pods;
};

/* An amount of status.allocatable; `fallback` when the node does not say. */
static int64_t allocatable(const struct object *node, const char *name, bool milli, int64_t fallback)
{
	const struct value *v = object_path(node, "status", "allocatable", name);
	struct quantity q;

	if (!v || quantity_from(v, &q, NULL) < 0)
		return fallback;
	return milli ? quantity_milli(&q) : quantity_value(&q);
}

static struct capacity read_capacity(const struct object *node)
{
	return (struct capacity){
		.milli_cpu = allocatable(node, "cpu", true, 0),
		.memory = allocatable(node, "memory", false, 0),
		.ephemeral_storage = allocatable(node, "ephemeral-storage", false, INT64_MAX),
		.pods = allocatable(node, "pods", false, DEFAULT_PODS),
	};
}

/* Whether it fits; adds each resource that is short. */
static bool filter_resources(struct pod_resources want, const struct sched_node *node, struct capacity c,
			     struct reasons *why)
{
	bool fits = true;
	const struct {
		bool is_short;
		const char *text;
	} checks[] = {
		{ node->pods + 1 > c.pods, "Too many pods" },
		{ want.milli_cpu && want.milli_cpu > c.milli_cpu - node->used.milli_cpu, "Insufficient cpu" },
		{ want.memory && want.memory > c.memory - node->used.memory, "Insufficient memory" },
		{ want.ephemeral_storage && want.ephemeral_storage > c.ephemeral_storage - node->used.ephemeral_storage,
		  "Insufficient ephemeral-storage" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
		if (checks[i].is_short) {
			add_reason(why, checks[i].text);
			why->cures |= SCHED_POD_GONE;
			fits = false;
		}
	return fits;
}

/* *ret_capacity is what the node has, when it fits. */
static bool fits(const struct object *pod, const struct sched_volumes *volumes, struct pod_resources want,
		 const struct sched_node *node, struct reasons *why, struct capacity *ret_capacity)
{
	const char *reason = filter_node_state(pod, node->node, why->arena);

	if (!reason)
		reason = filter_selector(pod, node->node);
	if (reason) {
		add_reason(why, reason);
		return false;
	}
	reason = filter_ports(pod, node);
	if (reason) {
		add_reason(why, reason);
		why->cures |= SCHED_POD_GONE;
		return false;
	}
	*ret_capacity = read_capacity(node->node);
	if (!filter_resources(want, node, *ret_capacity, why))
		return false;
	reason = volumes ? sched_volumes_filter(volumes, node->node) : NULL;
	if (reason) {
		add_reason(why, reason);
		why->cures |= SCHED_POD_GONE | SCHED_STORAGE;
	}
	return !reason;
}

/* The free share of a resource after placing the pod, in 0..100. */
static int64_t free_share(int64_t have, int64_t used, int64_t want)
{
	if (have <= 0 || used + want > have)
		return 0;
	return (have - used - want) * 100 / have;
}

/* LeastAllocated over cpu and memory, and a little for balance between them: K8S:scheduler/framework/plugins. */
static int64_t score(struct pod_resources want, const struct sched_node *node, struct capacity c)
{
	int64_t cpu = free_share(c.milli_cpu, node->used.milli_cpu, want.milli_cpu);
	int64_t memory = free_share(c.memory, node->used.memory, want.memory);
	int64_t gap = cpu > memory ? cpu - memory : memory - cpu;

	return (cpu + memory) / 2 + (100 - gap / 2);
}

static bool is_better(const struct sched_node *a, int64_t score_a, const struct sched_node *b, int64_t score_b)
{
	if (score_a != score_b)
		return score_a > score_b;
	if (a->pods != b->pods)
		return a->pods < b->pods;
	return strcmp(object_name(a->node), object_name(b->node)) < 0;
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The sentence for a pod that fits nowhere; reasons sorted as texts with their counts in front, as kube-scheduler does. */
static const char *explain(struct reasons *why, size_t n)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	const char *texts[REASONS_MAX];

	if (!n)
		return "no nodes available to schedule pods";
	for (size_t i = 0; i < why->n; i++) {
		texts[i] = arena_printf(why->arena, "%zu %s", why->list[i].nodes, why->list[i].text);
		if (!texts[i])
			return NULL;
	}
	if (why->n)
		qsort(texts, why->n, sizeof(texts[0]), compare_texts);
	buf_printf(&b, "0/%zu nodes are available: ", n);
	for (size_t i = 0; i < why->n; i++)
		buf_printf(&b, "%s%s", i ? ", " : "", texts[i]);
	buf_puts(&b, ".");
	return buf_failed(&b) ? NULL : arena_strdup(why->arena, buf_str(&b));
}

int schedule_decide(const struct object *pod, const struct sched_volumes *volumes, const struct sched_node *nodes,
		    size_t n, struct arena *a, const struct object **ret_node, const char **ret_message,
		    unsigned *ret_cures)
{
	struct pod_resources want = pod_requests(object_path(pod, "spec"));
	struct reasons why = { .arena = a, .cures = SCHED_NODE };
	const struct sched_node *best = NULL;
	int64_t best_score = 0;

	for (size_t i = 0; i < n; i++) {
		struct capacity capacity;
		int64_t s;

		if (!fits(pod, volumes, want, &nodes[i], &why, &capacity))
			continue;
		s = score(want, &nodes[i], capacity);
		if (best && !is_better(&nodes[i], s, best, best_score))
			continue;
		best = &nodes[i];
		best_score = s;
	}
	*ret_node = best ? best->node : NULL;
	*ret_message = best ? NULL : explain(&why, n);
	*ret_cures = why.cures;
	return best || *ret_message ? 0 : -ENOMEM;
}
