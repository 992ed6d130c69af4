/* SPDX-License-Identifier: Apache-2.0 */
#include "control/statefulset_decide.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "control/conditions.h"
#include "control/pods.h"
#include "control/revisions.h"

struct member {
	const struct object *pod;
	int64_t ordinal;
};

struct deciding {
	const struct stateful_view *v;
	const struct value *spec;
	struct member *members; /* ascending */
	size_t n;
	int64_t start, replicas, min_ready;
	bool ordered;
	struct stateful_plan plan;
};

static int64_t start_of(const struct object *set)
{
	return value_int(object_path(set, "spec", "ordinals", "start"), 0);
}

int64_t stateful_ordinal(const struct object *set, const struct object *pod)
{
	const char *name = object_name(pod);
	size_t len = strlen(object_name(set));
	int64_t n = 0;

	if (strncmp(name, object_name(set), len) != 0 || name[len] != '-' || !name[len + 1])
		return -1;
	if (name[len + 1] == '0' && name[len + 2])
		return -1;
	for (const char *p = name + len + 1; *p; p++) {
		if (*p < '0' || *p > '9')
			return -1;
		n = n * 10 + (*p - '0');
		if (n > INT32_MAX)
			return -1;
	}
	return n;
}

bool stateful_is_member(const struct object *set, const struct object *pod)
{
	return stateful_ordinal(set, pod) >= 0;
}

bool stateful_in_range(const struct object *set, int64_t ordinal)
{
	int64_t start = start_of(set);

	return ordinal >= start && ordinal < start + value_int(object_path(set, "spec", "replicas"), 1);
}

static int compare_members(const void *a, const void *b)
{
	int64_t x = ((const struct member *)a)->ordinal, y = ((const struct member *)b)->ordinal;

	return x < y ? -1 : x > y;
}

static bool is_phase(const struct object *pod, const char *phase)
{
	return !strcmp(value_str_or(object_path(pod, "status", "phase"), ""), phase);
}

static const char *revision_of(const struct object *pod)
{
	return value_str_or(value_get(object_labels(pod), REVISION_HASH), "");
}

/* Available, and not on its way out; has the decision made anew when it is so by its age. */
static bool serves(struct deciding *d, const struct object *pod)
{
	int64_t wait = 0;
	bool available = pod_is_available(pod, d->min_ready, d->v->now, &wait);

	if (wait > 0 && (!d->plan.wait || wait < d->plan.wait))
		d->plan.wait = wait;
	return available && !object_is_deleting(pod);
}

static bool runs(const struct object *pod)
{
	return is_phase(pod, "Running") && pod_is_ready(pod);
}

static void drop(struct deciding *d, const struct object *pod)
{
	if (d->plan.n_remove < STATEFUL_BURST)
		d->plan.remove[d->plan.n_remove++] = pod;
}

/* K8S:pkg/controller/statefulset/stateful_set_utils.go, newVersionedStatefulSetPod. */
static void make(struct deciding *d, int64_t ordinal)
{
	const struct value *strategy = value_get(d->spec, "updateStrategy"), *rolling = value_get(strategy, "rollingUpdate");
	bool rolls = !strcmp(value_str_or(value_get(strategy, "type"), "RollingUpdate"), "RollingUpdate");
	int64_t current = value_int(object_path(d->v->set, "status", "currentReplicas"), 0);

	if (rolling)
		current = value_int(value_get(rolling, "partition"), 0);
	else if (!rolls)
		current = 0;
	d->plan.create[d->plan.n_create++] = (struct stateful_create){ ordinal, ordinal < d->start + current };
}

/* One ordinal that the set is to have. False: nothing is done beyond it for now. */
static bool manage(struct deciding *d, int64_t ordinal, const struct object *pod)
{
	if (!pod) {
		make(d, ordinal);
		return !d->ordered && d->plan.n_create < STATEFUL_BURST;
	}
	if (is_phase(pod, "Failed") || is_phase(pod, "Succeeded")) {
		if (!object_is_deleting(pod))
			drop(d, pod);
		return !d->ordered;
	}
	return !d->ordered || (runs(pod) && serves(d, pod));
}

/* Looks at every ordinal that the set is to have, ascending. False as above. */
static bool manage_all(struct deciding *d)
{
	size_t at = 0;

	while (at < d->n && d->members[at].ordinal < d->start)
		at++;
	for (int64_t o = d->start; o < d->start + d->replicas; o++) {
		const struct object *pod = at < d->n && d->members[at].ordinal == o ? d->members[at++].pod : NULL;

		if (!manage(d, o, pod))
			return false;
	}
	return true;
}

/* Removes the pods that are too many, from the highest ordinal down. False: it is waited for something. */
static bool scale_down(struct deciding *d)
{
	const struct object *sick = NULL; /* the lowest that does not serve: it may go at once */

	for (size_t i = 0; i < d->n && !sick; i++)
		if (!stateful_in_range(d->v->set, d->members[i].ordinal) && !serves(d, d->members[i].pod))
			sick = d->members[i].pod;
	for (size_t i = d->n; i-- > 0;) {
		const struct object *pod = d->members[i].pod;

		if (stateful_in_range(d->v->set, d->members[i].ordinal))
			continue;
		if (object_is_deleting(pod)) {
			if (d->ordered)
				return false;
			continue;
		}
		if (d->ordered && pod != sick && (!runs(pod) || !serves(d, pod)))
			return false;
		drop(d, pod);
		if (d->ordered)
			return false;
	}
	return true;
}

/* Removes the highest pod of another revision, once those above it serve. */
static void update(struct deciding *d)
{
	const struct value *strategy = value_get(d->spec, "updateStrategy");
	int64_t partition = value_int(value_path(strategy, "rollingUpdate", "partition"), 0);

	if (!strcmp(value_str_or(value_get(strategy, "type"), ""), "OnDelete"))
		return;
	for (size_t i = d->n; i-- > 0;) {
		const struct member *m = &d->members[i];

		if (!stateful_in_range(d->v->set, m->ordinal) || m->ordinal - d->start < partition)
			continue;
		if (strcmp(revision_of(m->pod), d->v->update) != 0 && !object_is_deleting(m->pod)) {
			drop(d, m->pod);
			return;
		}
		if (!serves(d, m->pod))
			return;
	}
}

int stateful_decide(const struct stateful_view *v, struct arena *a, struct stateful_plan *ret)
{
	struct deciding d = { .v = v, .spec = object_path(v->set, "spec"), .start = start_of(v->set) };

	d.replicas = value_int(value_get(d.spec, "replicas"), 1);
	d.min_ready = value_int(value_get(d.spec, "minReadySeconds"), 0);
	d.ordered = strcmp(value_str_or(value_get(d.spec, "podManagementPolicy"), "OrderedReady"), "Parallel") != 0;
	d.members = arena_alloc(a, (v->pods->n + 1) * sizeof(*d.members));
	d.plan.create = arena_alloc(a, STATEFUL_BURST * sizeof(*d.plan.create));
	d.plan.remove = arena_alloc(a, STATEFUL_BURST * sizeof(*d.plan.remove));
	if (arena_failed(a))
		return -ENOMEM;
	for (size_t i = 0; i < v->pods->n; i++) {
		int64_t ordinal = stateful_ordinal(v->set, v->pods->items[i]);

		if (ordinal >= 0)
			d.members[d.n++] = (struct member){ v->pods->items[i], ordinal };
	}
	qsort(d.members, d.n, sizeof(*d.members), compare_members);
	/* What is made now is looked at again when it is there; scaling comes before updating. */
	if (!object_is_deleting(v->set) && manage_all(&d) && !d.plan.n_create && scale_down(&d) && !d.plan.n_remove)
		update(&d);
	*ret = d.plan;
	return 0;
}

/* --- status --- */

/* Sets a count that is left out when it is 0, as Kubernetes' omitempty does. */
void stateful_set_status(struct arena *a, struct value *root, const struct stateful_view *v, int64_t *ret_wait)
{
	struct deciding d = { .v = v, .min_ready = value_int(object_path(v->set, "spec", "minReadySeconds"), 0) };
	int64_t replicas = value_int(object_path(v->set, "spec", "replicas"), 1), ready = 0, available = 0, current = 0, updated = 0;
	bool rolls = strcmp(value_str_or(object_path(v->set, "spec", "updateStrategy", "type"), ""), "OnDelete") != 0;
	struct value *status = value_set_map(a, root, "status");
	const char *is = v->current;

	for (size_t i = 0; i < v->pods->n; i++) {
		const struct object *pod = v->pods->items[i];
		bool stays = !object_is_deleting(pod);

		ready += runs(pod);
		available += runs(pod) && pod_is_available(pod, d.min_ready, v->now, NULL);
		(void)serves(&d, pod); /* for when it will */
		current += stays && !strcmp(revision_of(pod), v->current);
		updated += stays && !strcmp(revision_of(pod), v->update);
	}
	if (rolls && updated == replicas && ready == replicas && (int64_t)v->pods->n == replicas) {
		current = updated; /* the update is complete */
		is = v->update;
	}
	value_set_int(a, status, "replicas", (int64_t)v->pods->n);
	status_set_count(a, status, "readyReplicas", ready);
	value_set_int(a, status, "availableReplicas", available);
	status_set_count(a, status, "currentReplicas", current);
	status_set_count(a, status, "updatedReplicas", updated);
	value_set_str(a, status, "currentRevision", is);
	value_set_str(a, status, "updateRevision", v->update);
	value_set_int(a, status, "collisionCount", value_int(value_get(status, "collisionCount"), 0));
	status_set_count(a, status, "observedGeneration", value_int(object_path(v->set, "metadata", "generation"), 0));
	*ret_wait = d.plan.wait;
}
