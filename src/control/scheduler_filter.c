/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filters run in the order of kube-scheduler's default plugins; the first that refuses a node gives its reason, but
 * resource fit names every resource that is short.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/scheduler_try.h"

void sched_add_reason(struct sched_reasons *why, const char *text, size_t nodes)
{
	for (size_t i = 0; i < why->n; i++)
		if (!strcmp(why->list[i].text, text)) {
			why->list[i].nodes += nodes;
			return;
		}
	if (why->n < SCHED_REASONS_MAX) {
		why->list[why->n].text = text;
		why->list[why->n++].nodes = nodes;
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

const struct value *sched_untolerated(const struct object *pod, const struct value *taints)
{
	const struct value *tolerations = object_path(pod, "spec", "tolerations");

	for (size_t i = 0; i < value_len(taints); i++) {
		const char *effect = value_str_or(value_get(value_at(taints, i), "effect"), "");

		if (strcmp(effect, "PreferNoSchedule") != 0 && !tolerates(tolerations, value_at(taints, i)))
			return value_at(taints, i);
	}
	return NULL;
}

/* --- what is read once --- */

/* Whether a taint that the system sets by condition is tolerated, be it set yet or not. */
static bool tolerates_key(const struct object *pod, const char *key, struct arena *a)
{
	struct value *taint = value_new_map(a);

	value_set_str(a, taint, "key", key);
	value_set_str(a, taint, "effect", "NoSchedule");
	return tolerates(object_path(pod, "spec", "tolerations"), taint);
}

/* Whether the fields of a term allow a name: all of those that are about it. */
static bool allows_name(const struct value *fields, const char *name)
{
	for (size_t i = 0; i < value_len(fields); i++) {
		const struct value *values = value_get(value_at(fields, i), "values");
		bool found = false;

		if (strcmp(value_str_or(value_get(value_at(fields, i), "operator"), ""), "In") != 0)
			continue;
		for (size_t k = 0; k < value_len(values); k++)
			found |= !strcmp(value_str_or(value_at(values, k), ""), name);
		if (!found)
			return false;
	}
	return true;
}

/* The requirement of a term that names nodes; NULL: none. */
static const struct value *names_of(const struct value *fields)
{
	for (size_t i = 0; i < value_len(fields); i++)
		if (!strcmp(value_str_or(value_get(value_at(fields, i), "operator"), ""), "In"))
			return value_get(value_at(fields, i), "values");
	return NULL;
}

static bool has_name(const struct sched_try *t, const char *name)
{
	for (size_t i = 0; i < t->n_names; i++)
		if (!strcmp(t->names[i], name))
			return true;
	return false;
}

/* Where each term of the required node affinity names nodes, only these are looked at: a DaemonSet's pod has one. */
static int read_names(struct sched_try *t)
{
	const struct value *terms = object_path(t->pod, "spec", "affinity", "nodeAffinity",
						"requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms");
	size_t max = 0;

	for (size_t i = 0; i < value_len(terms); i++) {
		const struct value *names = names_of(value_get(value_at(terms, i), "matchFields"));

		if (!names)
			return 0;
		max += value_len(names);
	}
	if (!value_len(terms))
		return 0;
	t->names = arena_alloc(t->arena, (max + 1) * sizeof(*t->names));
	for (size_t i = 0; t->names && i < value_len(terms); i++) {
		const struct value *fields = value_get(value_at(terms, i), "matchFields"), *names = names_of(fields);

		for (size_t k = 0; k < value_len(names); k++) {
			const char *name = value_str_or(value_at(names, k), "");

			if (allows_name(fields, name) && !has_name(t, name))
				t->names[t->n_names++] = name;
		}
	}
	return t->names ? 0 : -ENOMEM;
}

int sched_try_read(struct sched_world *w, const struct sched_request *request, struct arena *a, struct sched_try *t)
{
	const struct value *spec = object_path(request->pod, "spec");
	int r;

	*t = (struct sched_try){ .world = w, .request = request, .pod = request->pod, .arena = a };
	sched_counts_trim(w);
	t->asks = pod_requests(spec);
	t->assumed = pod_assumed_requests(spec);
	t->priority = value_int(value_get(spec, "priority"), 0);
	t->bears_unschedulable = tolerates_key(t->pod, "node.kubernetes.io/unschedulable", a);
	t->bears_not_ready = tolerates_key(t->pod, "node.kubernetes.io/not-ready", a);
	t->fit = arena_alloc(a, w->n_slots + 1);
	r = t->fit ? sched_ports_read(t->pod, &t->ports, &t->n_ports) : -ENOMEM;
	if (r == 0)
		r = read_names(t);
	if (r == 0)
		r = sched_affinity_read(w, t->pod, a, &t->affinity);
	if (r == 0)
		r = sched_choice_read(w, t->pod, a, &t->choice);
	if (r == 0)
		r = sched_spread_read(w, t->pod, t->choice, a, &t->spread);
	return r;
}

void sched_try_clear(struct sched_try *t)
{
	free(t->ports);
	t->ports = NULL;
}

/* --- the filters --- */

static const char *filter_node_state(const struct sched_try *t, const struct sched_node *node)
{
	const struct value *taint = node->taints ? sched_untolerated(t->pod, node->taints) : NULL;
	const char *text;

	if (node->unschedulable && !t->bears_unschedulable)
		return "node(s) were unschedulable";
	if (taint) {
		text = arena_printf(t->arena, "node(s) had untolerated taint {%s: %s}", value_str_or(value_get(taint, "key"), ""),
				    value_str_or(value_get(taint, "value"), ""));
		return text ? text : "node(s) had untolerated taint";
	}
	if (!node->ready && !t->bears_not_ready)
		return "node(s) had untolerated taint {node.kubernetes.io/not-ready: }";
	return NULL;
}

/* Whether it fits; adds each resource that is short. One that it never has is no other pod's fault. */
static enum sched_fit filter_resources(const struct sched_try *t, const struct sched_node *node, struct sched_reasons *why)
{
	enum sched_fit fit = SCHED_FITS;
	const struct {
		int64_t asks, has, used;
		const char *text;
	} checks[] = {
		{ t->asks.milli_cpu, node->has.milli_cpu, node->used.milli_cpu, "Insufficient cpu" },
		{ t->asks.memory, node->has.memory, node->used.memory, "Insufficient memory" },
		{ t->asks.ephemeral_storage, node->has.ephemeral_storage, node->used.ephemeral_storage,
		  "Insufficient ephemeral-storage" },
	};

	if (node->n_pods + 1 > node->has_pods) {
		sched_add_reason(why, "Too many pods", 1);
		fit = SCHED_TIGHT;
	}
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		if (checks[i].asks <= 0 || checks[i].asks <= checks[i].has - checks[i].used)
			continue;
		sched_add_reason(why, checks[i].text, 1);
		fit = checks[i].asks > checks[i].has || fit == SCHED_NEVER ? SCHED_NEVER : SCHED_TIGHT;
	}
	if (fit != SCHED_FITS)
		why->cures |= SCHED_POD_GONE;
	return fit;
}

static enum sched_fit refuse(struct sched_reasons *why, const char *reason, enum sched_fit fit, unsigned cures)
{
	sched_add_reason(why, reason, 1);
	why->cures |= cures;
	return fit;
}

/* Those that look at where other pods are. */
static enum sched_fit filter_company(const struct sched_try *t, const struct sched_node *node, struct sched_reasons *why)
{
	bool final;
	const char *reason = sched_spread_filter(t->spread, node->slot, &final);

	if (reason)
		return refuse(why, reason, final ? SCHED_NEVER : SCHED_TIGHT,
			      SCHED_POD_GONE | SCHED_POD_CAME | SCHED_POD_LABELS);
	reason = sched_affinity_filter(t->affinity, node->slot, &final);
	if (reason)
		return refuse(why, reason, final ? SCHED_NEVER : SCHED_TIGHT,
			      (final ? SCHED_POD_CAME : SCHED_POD_GONE) | SCHED_POD_LABELS);
	return SCHED_FITS;
}

static enum sched_fit filter(const struct sched_try *t, const struct sched_node *node, struct sched_reasons *why)
{
	const char *reason = filter_node_state(t, node);
	enum sched_fit fit;

	if (!reason && !sched_choice_allows(t->choice, node))
		reason = "node(s) didn't match Pod's node affinity/selector";
	if (reason)
		return refuse(why, reason, SCHED_NEVER, 0);
	if (sched_ports_clash(t->ports, t->n_ports, node))
		return refuse(why, "node(s) didn't have free ports for the requested pod ports", SCHED_TIGHT, SCHED_POD_GONE);
	fit = filter_resources(t, node, why);
	if (fit != SCHED_FITS)
		return fit;
	reason = t->request->volumes ? sched_volumes_filter(t->request->volumes, node->object) : NULL;
	if (reason)
		return refuse(why, reason, reason == t->request->volumes->conflict ? SCHED_TIGHT : SCHED_NEVER,
			      SCHED_POD_GONE | SCHED_STORAGE);
	return t->spread || t->affinity ? filter_company(t, node, why) : SCHED_FITS;
}

/* --- what would be if --- */

static void move(struct sched_try *t, const struct sched_pod *p, int sign)
{
	_cleanup_object_ struct object *pod = NULL;

	if (!t->affinity && !t->spread)
		return;
	pod = t->world->get(t->world->get_arg, p->key);
	if (!pod)
		return;
	sched_affinity_move(t->affinity, pod, p->node->slot, sign);
	if (!p->deleting)
		sched_spread_move(t->spread, pod, p->node->slot, sign);
}

void sched_try_lift(struct sched_try *t, struct sched_pod *p)
{
	sched_world_lift(p);
	move(t, p, -1);
}

void sched_try_put_back(struct sched_try *t, struct sched_pod *p)
{
	sched_world_put_back(p);
	move(t, p, 1);
}

/* Whether a pod that is nominated there counts for this one. */
static bool matters(const struct sched_try *t, const struct sched_pod *p)
{
	return p->priority >= t->priority && strcmp(p->key, object_key(t->pod)) != 0;
}

enum sched_fit sched_try_node(struct sched_try *t, struct sched_node *node, struct sched_reasons *why)
{
	enum sched_fit fit = SCHED_FITS;
	struct sched_pod *p;
	bool any = false;

	TAILQ_FOREACH(p, &node->nominated, in_node)
		if (matters(t, p)) {
			sched_try_put_back(t, p);
			any = true;
		}
	if (any) {
		fit = filter(t, node, why);
		TAILQ_FOREACH(p, &node->nominated, in_node)
			if (matters(t, p))
				sched_try_lift(t, p);
	}
	/* they may not come, so it must fit without them too: some it may have to be near to */
	return fit == SCHED_FITS ? filter(t, node, why) : fit;
}
