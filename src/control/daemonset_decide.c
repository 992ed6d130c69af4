/* SPDX-License-Identifier: Apache-2.0 */
#include "control/daemonset_decide.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "control/conditions.h"
#include "control/pods.h"
#include "control/revisions.h"
#include "control/scheduler_decide.h"
#include "store/node_selector.h"
#include "value/intstr.h"

/* A pod and its node. */
struct placed {
	const char *node;
	const struct object *pod;
};

/* A node, or the name of one that is gone, with the set's pods on it, oldest first. */
struct place {
	const char *name;
	const struct object *node; /* NULL: gone */
	struct daemon_fit fit;
	struct placed *pods;
	size_t n;
};

struct deciding {
	const struct daemon_view *v;
	struct arena *arena;
	struct placed *pods; /* by node, then oldest first */
	size_t n_pods;
	struct place *places;
	size_t n_places;
	int64_t desired, min_ready;
	int64_t max_surge, max_unavailable;
	bool surges; /* a node may have two pods */
	struct daemon_plan plan;
};

/* --- where pods are to be --- */

static bool is_tolerated(const struct value *tolerations, const struct value *taint, const char *effect)
{
	return strcmp(value_str_or(value_get(taint, "effect"), ""), effect) != 0 || tolerates(tolerations, taint);
}

/* The taint that Kubernetes gives a node that is not Ready; here its condition alone says so. */
static bool tolerates_state(struct arena *a, const struct object *node, const struct value *tolerations)
{
	const char *ready = condition_status(object_path(node, "status"), "Ready");
	struct value *taint = value_new_map(a);

	if (!strcmp(ready, "True"))
		return true;
	value_set_str(a, taint, "key", strcmp(ready, "Unknown") ? "node.kubernetes.io/not-ready" : "node.kubernetes.io/unreachable");
	value_set_str(a, taint, "effect", "NoSchedule");
	return tolerates(tolerations, taint);
}

static struct daemon_fit fit(struct arena *a, const struct object *set, const struct value *tolerations,
			     const struct object *node)
{
	const struct value *spec = object_path(set, "spec", "template", "spec"), *taints = object_path(node, "spec", "taints");
	const char *name = value_str_or(value_get(spec, "nodeName"), "");
	struct daemon_fit f = { true, true };

	if ((*name && strcmp(name, object_name(node)) != 0) || !node_selector_allows(spec, node))
		return (struct daemon_fit){ false, false };
	for (size_t i = 0; i < value_len(taints); i++) {
		f.goes_on &= is_tolerated(tolerations, value_at(taints, i), "NoExecute");
		f.runs &= is_tolerated(tolerations, value_at(taints, i), "NoSchedule");
	}
	f.runs &= f.goes_on && tolerates_state(a, node, tolerations);
	return f;
}

struct daemon_fit daemon_fits(const struct object *set, const struct object *node)
{
	_cleanup_arena_ struct arena *a = arena_new(0);

	return fit(a, set, daemon_tolerations(a, object_path(set, "spec", "template", "spec")), node);
}

static int compare_placed(const void *a, const void *b)
{
	const struct placed *x = a, *y = b;
	bool bound_x = value_len(object_path(x->pod, "spec", "nodeName")), bound_y = value_len(object_path(y->pod, "spec", "nodeName"));
	const char *made_x = value_str_or(object_path(x->pod, "metadata", "creationTimestamp"), "");
	const char *made_y = value_str_or(object_path(y->pod, "metadata", "creationTimestamp"), "");
	int r = strcmp(x->node, y->node);

	if (r == 0)
		r = bound_y - bound_x;
	if (r == 0)
		r = strcmp(made_x, made_y); /* all are in UTC, with seconds */
	return r ? r : strcmp(object_name(x->pod), object_name(y->pod));
}

static bool has_ended(const struct object *pod)
{
	const char *phase = value_str_or(object_path(pod, "status", "phase"), "");

	return !strcmp(phase, "Succeeded") || !strcmp(phase, "Failed");
}

static int read_pods(struct deciding *d)
{
	const struct object_list *pods = d->v->pods;

	d->pods = arena_alloc(d->arena, (pods->n + 1) * sizeof(*d->pods));
	if (!d->pods)
		return -ENOMEM;
	for (size_t i = 0; i < pods->n; i++) {
		const char *node = daemon_node_of(pods->items[i]);

		if (node && !(has_ended(pods->items[i]) && object_is_deleting(pods->items[i])))
			d->pods[d->n_pods++] = (struct placed){ node, pods->items[i] };
	}
	qsort(d->pods, d->n_pods, sizeof(*d->pods), compare_placed);
	return 0;
}

/* The pods of a node, out of the sorted ones. */
static void find_pods(const struct deciding *d, struct place *p)
{
	size_t low = 0, high = d->n_pods;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(d->pods[middle].node, p->name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	p->pods = d->pods + low;
	while (low + p->n < d->n_pods && !strcmp(d->pods[low + p->n].node, p->name))
		p->n++;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct place *)a)->name, ((const struct place *)b)->name);
}

/* Adds the nodes that are gone though the set has pods on them. The places so far are sorted by name. */
static void add_gone(struct deciding *d)
{
	size_t there = d->n_places;

	for (size_t i = 0; i < d->n_pods; i++) {
		struct place p = { .name = d->pods[i].node };

		if ((i && !strcmp(d->pods[i - 1].node, p.name)) ||
		    bsearch(&p, d->places, there, sizeof(p), compare_names))
			continue;
		find_pods(d, &p);
		d->places[d->n_places++] = p;
	}
}

static int read_places(struct deciding *d)
{
	const struct value *spec = object_path(d->v->set, "spec", "template", "spec");
	const struct object_list *nodes = d->v->nodes;
	struct value *tolerations = daemon_tolerations(d->arena, spec);
	int r = read_pods(d);

	d->places = arena_alloc(d->arena, (nodes->n + d->n_pods + 1) * sizeof(*d->places));
	if (r < 0 || !d->places || !tolerations)
		return -ENOMEM;
	for (size_t i = 0; i < nodes->n; i++) {
		struct place p = { .name = object_name(nodes->items[i]), .node = nodes->items[i] };

		p.fit = fit(d->arena, d->v->set, tolerations, nodes->items[i]);
		find_pods(d, &p);
		d->desired += p.fit.runs;
		d->places[d->n_places++] = p;
	}
	qsort(d->places, d->n_places, sizeof(*d->places), compare_names);
	add_gone(d);
	return 0;
}

static void read_strategy(struct deciding *d)
{
	const struct value *strategy = object_path(d->v->set, "spec", "updateStrategy"), *rolling = value_get(strategy, "rollingUpdate");
	int total = d->desired > INT32_MAX ? INT32_MAX : (int)d->desired;

	d->min_ready = value_int(object_path(d->v->set, "spec", "minReadySeconds"), 0);
	if (strcmp(value_str_or(value_get(strategy, "type"), "RollingUpdate"), "RollingUpdate") != 0)
		return;
	d->surges = intstr_scaled(value_get(rolling, "maxSurge"), 1, true, 0) > 0;
	d->max_surge = intstr_scaled(value_get(rolling, "maxSurge"), total, true, 0);
	d->max_unavailable = intstr_scaled(value_get(rolling, "maxUnavailable"), total, true, 1);
	if (d->desired && !d->max_surge && !d->max_unavailable)
		d->max_unavailable = 1;
}

static void wake(struct deciding *d, int64_t wait)
{
	if (wait > 0 && (!d->plan.wait || wait < d->plan.wait))
		d->plan.wait = wait;
}

/* Has the decision made anew when the pod is available by its age. */
static bool is_available(struct deciding *d, const struct object *pod)
{
	int64_t wait = 0;
	bool available = pod_is_available(pod, d->min_ready, d->v->now, &wait);

	wake(d, wait);
	return available;
}

static void drop(struct deciding *d, const struct object *pod)
{
	if (d->plan.n_remove < DAEMON_BURST)
		d->plan.remove[d->plan.n_remove++] = pod;
}

static void make(struct deciding *d, const char *node)
{
	if (d->plan.n_create < DAEMON_BURST)
		d->plan.create[d->plan.n_create++] = node;
}

/* --- one pod on each node --- */

static void note(struct deciding *d, enum event_type type, const char *reason, const char *message)
{
	d->plan.notes[d->plan.n_notes++] = (struct daemon_note){ type, reason, message ? message : "" };
}

/* A pod that has failed is removed, less and less often; what comes after it is made in the next sync. Several that have failed
 * on a node go together and count as one failure. False: it is left alone for now. */
static bool drop_failed(struct deciding *d, const struct place *p, const struct object *pod)
{
	int64_t left = d->v->backoff ? d->v->backoff(d->v->backoff_arg, p->name) : 0;

	wake(d, left);
	if (left > 0)
		return false;
	if (!d->plan.n_failed || d->plan.failed[d->plan.n_failed - 1] != p->name)
		d->plan.failed[d->plan.n_failed++] = p->name;
	note(d, EVENT_WARNING, "FailedDaemonPod",
	     arena_printf(d->arena, "Found failed daemon pod %s/%s on node %s, will try to kill it", object_namespace(pod),
			  object_name(pod), p->name));
	drop(d, pod);
	return true;
}

static bool is_newest(const struct deciding *d, const struct object *pod)
{
	return !strcmp(value_str_or(value_get(object_labels(pod), REVISION_HASH), ""), d->v->hash);
}

/*
 * Of several pods on a node, keeps the oldest of the new template, and of the old ones the oldest that is Ready, as long as that
 * serves in its place. (Kubernetes keeps the oldest of the old ones, Ready or not.)
 */
static void prune_surging(struct deciding *d, const struct placed *running, size_t n)
{
	const struct object *newest = NULL, *old = NULL;

	for (size_t i = 0; i < n && !old; i++)
		if (!is_newest(d, running[i].pod) && pod_is_ready(running[i].pod))
			old = running[i].pod;
	for (size_t i = 0; i < n; i++) {
		bool is_new = is_newest(d, running[i].pod);

		if (is_new && !newest)
			newest = running[i].pod;
		else if (!is_new && !old)
			old = running[i].pod;
		else if (running[i].pod != old)
			drop(d, running[i].pod);
	}
	if (newest && old && (!pod_is_ready(old) || is_available(d, newest)))
		drop(d, old);
}

static int manage_place(struct deciding *d, const struct place *p)
{
	struct placed *running = arena_alloc(d->arena, (p->n + 1) * sizeof(*running));
	bool left = false; /* a failed pod holds the node's place while it is left alone */
	size_t n = 0;

	if (!running)
		return -ENOMEM;
	if (p->fit.runs && !p->n)
		make(d, p->name);
	for (size_t i = 0; i < p->n; i++) {
		const struct object *pod = p->pods[i].pod;
		const char *phase = value_str_or(object_path(pod, "status", "phase"), "");

		if (object_is_deleting(pod))
			continue;
		if (!p->fit.goes_on) {
			drop(d, pod);
		} else if (!strcmp(phase, "Failed")) {
			left |= !drop_failed(d, p, pod);
		} else if (!strcmp(phase, "Succeeded")) {
			note(d, EVENT_NORMAL, "SucceededDaemonPod",
			     arena_printf(d->arena, "Found succeeded daemon pod %s/%s on node %s, will try to delete it",
					  object_namespace(pod), object_name(pod), p->name));
			drop(d, pod);
		} else {
			running[n++] = p->pods[i];
		}
	}
	if (d->surges && p->n && !n && !left && p->fit.runs)
		make(d, p->name);
	else if (d->surges && n > 1)
		prune_surging(d, running, n);
	for (size_t i = 1; !d->surges && i < n; i++)
		drop(d, running[i].pod);
	return 0;
}

static int manage(struct deciding *d)
{
	int r = 0;

	for (size_t i = 0; i < d->n_places && r == 0; i++) {
		const struct place *p = &d->places[i];

		if (p->node)
			r = manage_place(d, p);
		for (size_t k = 0; !p->node && k < p->n; k++) /* it was meant for a node that never came to have it */
			if (!value_len(object_path(p->pods[k].pod, "spec", "nodeName")) && !object_is_deleting(p->pods[k].pod))
				drop(d, p->pods[k].pod);
	}
	return r;
}

/* --- the rolling update --- */

/* The pod of the current template and that of another; false when there are several of one. */
static bool split(const struct deciding *d, const struct place *p, const struct object **ret_new, const struct object **ret_old)
{
	*ret_new = *ret_old = NULL;
	for (size_t i = 0; i < p->n; i++) {
		const struct object *pod = p->pods[i].pod;
		const struct object **to = daemon_is_updated(pod, d->v->set, d->v->hash) ? ret_new : ret_old;

		if (object_is_deleting(pod))
			continue;
		if (*to)
			return false;
		*to = pod;
	}
	return true;
}

/* Replaces old pods that do not serve, and of those that do as many as may be missing. */
static void roll_missing(struct deciding *d, const struct object **candidates)
{
	int64_t unavailable = 0;
	size_t n = 0;

	for (size_t i = 0; i < d->n_places; i++) {
		const struct object *newest, *old;

		if (!d->places[i].n && !d->places[i].fit.runs)
			continue;
		if (!split(d, &d->places[i], &newest, &old) || !newest == !old) {
			unavailable++;
		} else if (newest) {
			unavailable += !is_available(d, newest);
		} else if (!is_available(d, old)) {
			drop(d, old);
			unavailable++;
		} else {
			candidates[n++] = old;
		}
	}
	for (size_t i = 0; i < n && unavailable < d->max_unavailable; i++, unavailable++)
		drop(d, candidates[i]);
}

/* What a rolling update with a surge gathers. */
struct surge {
	const struct object **misplaced; /* old pods that serve where none is to run any more */
	const char **nodes;		 /* of old pods that serve */
	size_t n_misplaced, n_nodes;
	int64_t surging, available;
};

static void surge_place(struct deciding *d, const struct place *p, struct surge *s)
{
	const struct object *newest, *old;
	bool new_serves, old_serves;

	if (!split(d, p, &newest, &old)) {
		s->surging++;
		return;
	}
	new_serves = newest && is_available(d, newest);
	old_serves = old && is_available(d, old);
	s->available += old ? old_serves : new_serves;
	if (!old)
		return;
	if (newest && new_serves)
		drop(d, old);
	else if (newest)
		s->surging++;
	else if (!p->fit.runs && !old_serves)
		drop(d, old);
	else if (!p->fit.runs)
		s->misplaced[s->n_misplaced++] = old;
	else if (!old_serves)
		make(d, p->name);
	else
		s->nodes[s->n_nodes++] = p->name;
}

/* Makes new pods beside the old ones, at most so many at once, and removes an old one when the new one serves. */
static int roll_surging(struct deciding *d)
{
	struct surge s = { .misplaced = arena_alloc(d->arena, (d->n_places + 1) * sizeof(*s.misplaced)),
			   .nodes = arena_alloc(d->arena, (d->n_places + 1) * sizeof(*s.nodes)) };

	if (!s.misplaced || !s.nodes)
		return -ENOMEM;
	for (size_t i = 0; i < d->n_places; i++)
		surge_place(d, &d->places[i], &s);
	for (size_t i = 0; i < s.n_misplaced && s.available - (int64_t)i > d->desired; i++)
		drop(d, s.misplaced[i]);
	for (size_t i = 0; i < s.n_nodes && s.surging + (int64_t)i < d->max_surge; i++)
		make(d, s.nodes[i]);
	return 0;
}

static int roll(struct deciding *d)
{
	const char *type = value_str_or(object_path(d->v->set, "spec", "updateStrategy", "type"), "RollingUpdate");
	const struct object **candidates = arena_alloc(d->arena, (d->n_places + 1) * sizeof(*candidates));

	if (!candidates)
		return -ENOMEM;
	if (strcmp(type, "RollingUpdate") != 0)
		return 0;
	if (d->max_surge)
		return roll_surging(d);
	roll_missing(d, candidates);
	return 0;
}

int daemon_decide(const struct daemon_view *v, struct arena *a, struct daemon_plan *ret)
{
	struct deciding d = { .v = v, .arena = a };
	int r = read_places(&d);

	if (r < 0)
		return r;
	read_strategy(&d);
	d.plan.create = arena_alloc(a, DAEMON_BURST * sizeof(*d.plan.create));
	d.plan.remove = arena_alloc(a, DAEMON_BURST * sizeof(*d.plan.remove));
	d.plan.failed = arena_alloc(a, (d.n_pods + 1) * sizeof(*d.plan.failed));
	d.plan.notes = arena_alloc(a, (d.n_pods + 1) * sizeof(*d.plan.notes));
	if (arena_failed(a))
		return -ENOMEM;
	r = manage(&d);
	if (r == 0 && !d.plan.n_create && !d.plan.n_remove)
		r = roll(&d);
	if (r < 0 || arena_failed(a))
		return r < 0 ? r : -ENOMEM;
	*ret = d.plan;
	return 0;
}

/* --- status --- */

/* Sets a count that is left out when it is 0, as Kubernetes' omitempty does. */
int daemon_set_status(struct arena *a, struct value *root, const struct daemon_view *v, int64_t *ret_wait)
{
	struct deciding d = { .v = v, .arena = a };
	int64_t current = 0, misplaced = 0, ready = 0, updated = 0, available = 0;
	struct value *status;

	if (read_places(&d) < 0)
		return -ENOMEM;
	read_strategy(&d);
	for (size_t i = 0; i < d.n_places; i++) {
		const struct place *p = &d.places[i];

		if (!p->node || !p->n)
			continue;
		misplaced += !p->fit.runs;
		if (!p->fit.runs)
			continue;
		current++;
		ready += pod_is_ready(p->pods[0].pod);
		available += is_available(&d, p->pods[0].pod);
		updated += daemon_is_updated(p->pods[0].pod, v->set, v->hash);
	}
	status = value_set_map(a, root, "status");
	value_set_int(a, status, "currentNumberScheduled", current);
	value_set_int(a, status, "numberMisscheduled", misplaced);
	value_set_int(a, status, "desiredNumberScheduled", d.desired);
	value_set_int(a, status, "numberReady", ready);
	status_set_count(a, status, "observedGeneration", value_int(object_path(v->set, "metadata", "generation"), 0));
	status_set_count(a, status, "updatedNumberScheduled", updated);
	status_set_count(a, status, "numberAvailable", available);
	status_set_count(a, status, "numberUnavailable", d.desired - available);
	*ret_wait = d.plan.wait;
	return 0;
}
