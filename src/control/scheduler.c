/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler: binds each pod that has no node to one that it fits on, those of higher priority first. Changes of nodes and
 * pods are noted as they happen (scheduler_feed.h) and told to the world (scheduler_world.h) before each decision.
 *
 * Pods that fit nowhere are remembered and tried again when what may cure that happens (scheduler_queue.h), and every five
 * minutes. One whose victims are ending is nominated to their node, which counts it until it comes.
 */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "control/conditions.h"
#include "control/scheduler_acts.h"
#include "control/scheduler_feed.h"
#include "value/json.h"

enum { TURN_PODS = SCHED_TURN_MAX }; /* that are tried again before others have their turn */

static const char turn_key[] = "*"; /* has the next pods tried again */
static const unsigned any_cure = SCHED_POD_GONE | SCHED_NODE | SCHED_STORAGE | SCHED_POD_CAME | SCHED_POD_LABELS;
static const int64_t pressed_pause = 2 * NSEC_PER_MSEC; /* between turns while writers wait for the disk */
static const int64_t retry_unschedulable = 300 * NSEC_PER_SEC; /* K8S:scheduler, podMaxInUnschedulablePodsDuration */

struct scheduler {
	struct sched_feed *feed;     /* any thread's, as is the next */
	struct sched_queue *waiting; /* pods that fit nowhere */
	struct sched_world *world;   /* the scheduler's thread's */
	struct controller *controller;
};

static struct object *get_object(void *arg, const char *key)
{
	return cache_get_key(controller_cache(((struct scheduler *)arg)->controller), key);
}

static void fini(void *data)
{
	struct scheduler *s = data;

	if (!s)
		return;
	sched_world_free(s->world);
	sched_queue_free(s->waiting);
	sched_feed_free(s->feed);
	free(s);
}

static int init(struct controller *c, void **ret_data)
{
	struct scheduler *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->controller = c;
	s->feed = sched_feed_new();
	s->waiting = sched_queue_new();
	s->world = sched_world_new(get_object, s);
	if (!s->feed || !s->waiting || !s->world) {
		fini(s);
		return -ENOMEM;
	}
	*ret_data = s;
	return 0;
}

/* --- pods that wait --- */

static void add_pod(struct controller *c, const struct object *pod)
{
	char key[STORE_KEY_MAX + 1];

	(void)snprintf(key, sizeof(key), "%s/%s", object_namespace(pod), object_name(pod));
	controller_add_ranked(c, key, value_int(object_path(pod, "spec", "priority"), 0));
}

/* Also one that has been looked at before comes in the order of its priority. */
static void add_key(void *arg, const char *key)
{
	_cleanup_object_ struct object *pod = controller_get(arg, schema_kind_by_plural("pods"), key);

	if (pod)
		add_pod(arg, pod);
	else
		controller_add(arg, key);
}

static enum sched_put note_waiting(struct controller *c, const char *key, const struct sched_finding *f)
{
	struct scheduler *s = controller_data(c);
	char next[STORE_KEY_MAX + 1];
	enum sched_put r = sched_queue_put(s->waiting, key, f, next);

	if (*next)
		add_key(c, next);
	return r;
}

static void forget_waiting(struct controller *c, const char *key)
{
	struct scheduler *s = controller_data(c);
	char next[STORE_KEY_MAX + 1];

	sched_queue_remove(s->waiting, key, next);
	if (*next)
		add_key(c, next);
}

/* Something has happened that may let pods fit: their turns begin. As this runs on the store's thread, it looks at none. */
static void retry_waiting(struct controller *c, enum sched_cure what)
{
	struct scheduler *s = controller_data(c);

	if (sched_queue_happened(s->waiting, what))
		controller_add(c, turn_key);
}

/* Tells what was noted, which is kept while nothing is to be scheduled, and has some pods tried again. Others' work, and new pods,
 * come between this turn and the next. */
static int64_t sync_turn(struct controller *c)
{
	struct scheduler *s = controller_data(c);
	int r = sched_feed_tell(s->feed, controller_cache(c), s->world);

	if (r < 0)
		return r;
	if (!sched_queue_take(s->waiting, TURN_PODS, add_key, c))
		return 0;
	if (store_is_pressed(registry_store(controller_registry(c))))
		return pressed_pause;
	controller_add(c, turn_key);
	return 0;
}

/* What pods that are judged alike have in common; one with claims is judged alone. In `a`; NULL when memory is out. */
static const char *class_of(struct arena *a, const struct object *pod, const char *key, bool has_claims)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	uint64_t hash = 0xcbf29ce484222325; /* FNV-1a; of one namespace, so that nobody's class is chosen by others */

	if (has_claims)
		return key;
	json_write(&text, object_path(pod, "spec"), JSON_SORTED);
	json_write(&text, object_labels(pod), JSON_SORTED);
	for (const char *p = buf_str(&text); *p; p++)
		hash = (hash ^ (unsigned char)*p) * 0x100000001b3;
	return buf_failed(&text) ? NULL : arena_printf(a, "%s#%016" PRIx64, object_namespace(pod), hash);
}

struct binding {
	const char *node, *reason, *message;
	const char *nominated; /* NULL: as before */
	int64_t now;
	bool changed; /* what the pod says of it has */
	bool bound;
};

static int bind_pod(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	struct binding *b = arg;

	b->bound = false;
	if (value_len(object_path(old, "spec", "nodeName")) || object_is_deleting(old))
		return -ECANCELED;
	value_set_str(a, value_set_map(a, root, "spec"), "nodeName", b->node);
	condition_set(a, value_set_map(a, root, "status"), "PodScheduled", "True", "", "", b->now, false);
	(void)value_remove(value_get(root, "status"), "nominatedNodeName");
	b->bound = true;
	return 0;
}

static int mark_unschedulable(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	struct binding *b = arg;
	struct value *status = value_set_map(a, root, "status");
	const struct value *c = condition_get(status, "PodScheduled");
	const char *nominated = value_str_or(value_get(status, "nominatedNodeName"), "");
	bool moved = b->nominated && strcmp(b->nominated, nominated) != 0;

	b->changed = !c || strcmp(value_str_or(value_get(c, "message"), ""), b->message) != 0;
	if (!b->changed && !moved)
		return -ECANCELED;
	if (moved && *b->nominated)
		value_set_str(a, status, "nominatedNodeName", b->nominated);
	else if (moved)
		(void)value_remove(status, "nominatedNodeName");
	if (!b->changed)
		return 0;
	condition_remove(status, "PodScheduled");
	condition_set(a, status, "PodScheduled", "False", b->reason, b->message, b->now, false);
	return 0;
}

static int mark(struct controller *c, const struct object *pod, struct binding *b)
{
	int r = registry_modify(controller_registry(c), controller_writer(c), object_kind(pod), object_namespace(pod),
				object_name(pod), object_uid(pod), TXN_STATUS, STORE_LAZY, mark_unschedulable, b);

	return r == -ENOENT ? 0 : r;
}

/* The gates' removal changes the spec, which brings the pod back. */
static int64_t mark_gated(struct controller *c, const struct object *pod, struct binding *b)
{
	b->reason = "SchedulingGated"; /* K8S:core/v1, PodReasonSchedulingGated */
	b->message = "Scheduling is blocked due to non-empty scheduling gates";
	return mark(c, pod, b);
}

/* That it still fits nowhere is told when something about it is new; kube-scheduler tells it each time. Thousands of pods that
 * wait would else push all other events out, and write where nothing changes. */
static int64_t refuse(struct controller *c, const struct object *pod, const char *key, struct binding *b,
		      const struct sched_finding *f)
{
	enum sched_put put = note_waiting(c, key, f);
	int r;

	if (put == SCHED_PUT_STALE) {
		add_key(c, key);
		return 0;
	}
	r = mark(c, pod, b);
	if (b->changed || put == SCHED_PUT_NEW)
		controller_event(c, pod, EVENT_WARNING, "FailedScheduling", "%s", b->message);
	return r < 0 ? r : retry_unschedulable;
}

/* --- one pod --- */

/* What a decision is made of; lives as long as what it is in. */
struct deciding {
	struct arena *arena;
	struct sched_claims claims;
	struct object_list budgets;
	struct sched_outcome outcome;
	bool has_claims; /* it is judged alone */
};

static void deciding_clear(struct deciding *d)
{
	sched_claims_clear(&d->claims);
	object_list_clear(&d->budgets);
	arena_free(d->arena);
}

static int decide(struct controller *c, const struct object *pod, struct deciding *d)
{
	struct scheduler *s = controller_data(c);
	struct sched_request q = { .pod = pod, .volumes = &d->claims.of, .budgets = &d->budgets };
	const struct schema_kind *budgets = schema_kind_by_plural("poddisruptionbudgets");
	const char *why = NULL;
	int r = sched_feed_tell(s->feed, controller_cache(c), s->world);

	if (r == 0)
		r = sched_claims_read(c, pod, d->arena, &d->claims, &why);
	d->has_claims = why || d->claims.of.n;
	if (r == 0 && why) {
		d->outcome = (struct sched_outcome){ .cures = any_cure, .gives_up = true,
						     .message = schedule_refuse(s->world, pod, why, d->arena) };
		return d->outcome.message ? 0 : -ENOMEM;
	}
	if (r == 0)
		r = sched_default_selector(c, pod, d->arena, &q.default_selector);
	if (r == 0 && cache_count(controller_cache(c), budgets, NULL))
		r = cache_list(controller_cache(c), budgets, NULL, &d->budgets);
	return r < 0 ? r : schedule_decide(s->world, &q, d->arena, &d->outcome);
}

/* Has its claims get their volumes; it is looked at again when they have. */
static int64_t bind_claims(struct controller *c, const struct deciding *d, const char *key, struct sched_finding *f)
{
	int r = sched_claims_bind(c, &d->claims.of, d->outcome.node->object);

	if (r < 0)
		return r;
	f->cures = any_cure;
	if (note_waiting(c, key, f) == SCHED_PUT_STALE)
		add_key(c, key);
	return 0;
}

static int64_t bind_to_node(struct controller *c, const struct object *pod, const char *key, struct binding *b)
{
	int r = registry_modify(controller_registry(c), controller_writer(c), object_kind(pod), object_namespace(pod),
				object_name(pod), object_uid(pod), TXN_BOTH, 0, bind_pod, b);

	if (r == 0 && !b->bound)
		forget_waiting(c, key);
	else if (r == 0)
		controller_event(c, pod, EVENT_NORMAL, "Scheduled", "Successfully assigned %s/%s to %s",
				 object_namespace(pod), object_name(pod), b->node);
	return r == -ENOENT ? 0 : r;
}

/* What is in its way is preempted, and it waits for that as a class of its own: its place is counted for it alone. */
static int64_t preempt(struct controller *c, const struct object *pod, const char *key, const struct sched_outcome *o,
		       struct binding *b, struct sched_finding *f)
{
	int r;

	b->nominated = o->nominated->name;
	r = mark(c, pod, b);
	if (r == 0)
		r = sched_evict(c, pod, o);
	if (r < 0)
		return r;
	if (b->changed)
		controller_event(c, pod, EVENT_WARNING, "FailedScheduling", "%s", b->message);
	f->cures = SCHED_POD_GONE | SCHED_NODE | SCHED_STORAGE;
	if (note_waiting(c, key, f) == SCHED_PUT_STALE)
		add_key(c, key);
	return retry_unschedulable;
}

static int64_t give_way(struct controller *c, const struct object *pod, const char *key, const struct deciding *d,
			struct binding *b, struct sched_finding *f)
{
	const struct sched_outcome *o = &d->outcome;
	bool nominated = !o->gives_up && *sched_nominated_node(pod);

	b->message = o->message;
	if (o->nominated)
		return preempt(c, pod, key, o, b, f);
	b->nominated = o->gives_up ? "" : NULL;
	f->cures = o->cures | (nominated ? SCHED_POD_GONE : 0);
	f->class = class_of(d->arena, pod, key, d->has_claims || nominated);
	return f->class ? refuse(c, pod, key, b, f) : -ENOMEM;
}

static int64_t sync_pod(struct controller *c, const char *key)
{
	_cleanup_(deciding_clear) struct deciding d = { .arena = arena_new(0) };
	_cleanup_object_ struct object *pod = controller_get(c, schema_kind_by_plural("pods"), key);
	struct binding b = { .reason = "Unschedulable", .now = registry_now(controller_registry(c)) };
	struct sched_finding f = { .class = key, .cures = any_cure,
				   .seen = sched_queue_now(((struct scheduler *)controller_data(c))->waiting) };
	int r;

	if (!strcmp(key, turn_key))
		return sync_turn(c);
	if (!pod || object_is_deleting(pod) || value_len(object_path(pod, "spec", "nodeName"))) {
		forget_waiting(c, key);
		return 0;
	}
	if (value_len(object_path(pod, "spec", "schedulingGates"))) {
		forget_waiting(c, key);
		return mark_gated(c, pod, &b);
	}
	r = decide(c, pod, &d);
	if (r < 0)
		return r;
	f.priority = value_int(object_path(pod, "spec", "priority"), 0);
	if (!d.outcome.node)
		return give_way(c, pod, key, &d, &b, &f);
	if (sched_volumes_wait(&d.claims.of))
		return bind_claims(c, &d, key, &f);
	b.node = d.outcome.node->name;
	return bind_to_node(c, pod, key, &b);
}

static bool is_ours(const struct object *pod)
{
	const char *name = object_str(pod, "spec", "schedulerName");

	return name && !strcmp(name, "default-scheduler");
}

static bool is_bound(const struct object *pod)
{
	const char *node = object_str(pod, "spec", "nodeName");

	return node && *node;
}

static void note(struct controller *c, const struct cache_event *e)
{
	if (sched_feed_note(((struct scheduler *)controller_data(c))->feed, e))
		controller_add(c, turn_key);
}

/* What of a pod that is on a node, or is to be, others are judged by. */
static bool pod_changed(const struct object *old, const struct object *now)
{
	return object_is_deleting(old) != object_is_deleting(now) || !object_same(old, now, "metadata", "labels") ||
	       !object_same(old, now, "spec") || !object_same(old, now, "status", "startTime");
}

/* Notes what has become of the place that it takes, and whom that may help. */
static void notice_place(struct controller *c, const struct cache_event *e)
{
	const char *was = sched_bound_node(e->old), *is = sched_bound_node(e->now);
	const char *was_to = sched_nominated_node(e->old), *is_to = sched_nominated_node(e->now);
	bool moved = strcmp(was, is) != 0, renamed = strcmp(was_to, is_to) != 0;

	if (moved || renamed || (e->old && e->now && *is && pod_changed(e->old, e->now)))
		note(c, e);
	if (moved && *was)
		retry_waiting(c, SCHED_POD_GONE);
	else if (renamed && *was_to && strcmp(was_to, is) != 0)
		retry_waiting(c, SCHED_POD_GONE);
	if (moved && *is)
		retry_waiting(c, SCHED_POD_CAME);
	if (!moved && *is && (!object_same(e->old, e->now, "metadata", "labels") ||
			      object_is_deleting(e->old) != object_is_deleting(e->now)))
		retry_waiting(c, SCHED_POD_LABELS);
}

static void notice_pod(struct controller *c, const struct cache_event *e)
{
	notice_place(c, e);
	if (e->old && !is_bound(e->old) && (!e->now || is_bound(e->now))) {
		char key[STORE_KEY_MAX + 1];

		(void)snprintf(key, sizeof(key), "%s/%s", object_namespace(e->old), object_name(e->old));
		forget_waiting(c, key);
	}
	if (e->now && !is_bound(e->now) && !object_is_deleting(e->now) && is_ours(e->now) &&
	    (!e->old || !object_same(e->old, e->now, "spec") || !object_same(e->old, e->now, "metadata", "labels")))
		add_pod(c, e->now);
}

/* What of a node decides where pods fit. */
static bool node_changed(const struct cache_event *e)
{
	if (!e->old || !e->now)
		return true;
	return !value_equal(object_path(e->old, "spec"), object_path(e->now, "spec")) ||
	       !value_equal(object_labels(e->old), object_labels(e->now)) ||
	       !value_equal(object_path(e->old, "status", "allocatable"), object_path(e->now, "status", "allocatable")) ||
	       strcmp(condition_status(object_path(e->old, "status"), "Ready"),
		      condition_status(object_path(e->now, "status"), "Ready")) != 0;
}

static void notice_node(struct controller *c, const struct cache_event *e)
{
	note(c, e);
	if (node_changed(e))
		retry_waiting(c, SCHED_NODE);
}

/* What of claims, volumes and classes lets pods be scheduled. */
static void notice_storage(struct controller *c, const struct cache_event *e)
{
	if (!e->old || !e->now || object_is_deleting(e->now) || !object_same(e->old, e->now, "spec") ||
	    !object_same(e->old, e->now, "metadata", "annotations") || !object_same(e->old, e->now, "status", "phase"))
		retry_waiting(c, SCHED_STORAGE);
}

static void notice_namespace(struct controller *c, const struct cache_event *e)
{
	if (e->old && e->now && object_same(e->old, e->now, "metadata", "labels"))
		return;
	note(c, e);
	retry_waiting(c, SCHED_POD_LABELS);
}

const struct controller_type scheduler = {
	.name = "default-scheduler",
	.sync = sync_pod,
	.hurries = true, /* its bindings are what nodes wait for, and synced */
	.init = init,
	.fini = fini,
	.watches = { { "namespaces", notice_namespace },
		     { "nodes", notice_node },
		     { "pods", notice_pod },
		     { "persistentvolumeclaims", notice_storage },
		     { "persistentvolumes", notice_storage },
		     { "storageclasses", notice_storage } },
};
