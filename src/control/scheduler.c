/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler: binds each pod that has no node to one that it fits on. What the bound pods of each node ask for
 * is kept as sums that follow the cache, so that a decision does not look at every pod.
 *
 * Pods that fit nowhere are remembered and tried again when what may cure that happens (scheduler_queue.h), and every five
 * minutes.
 */
#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "control/conditions.h"
#include "control/controller.h"
#include "control/scheduler_decide.h"
#include "control/scheduler_queue.h"
#include "value/json.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

enum { TURN_PODS = SCHED_TURN_MAX }; /* that are tried again before others have their turn */

static const char turn_key[] = "*"; /* has the next pods tried again */
static const unsigned any_cure = SCHED_POD_GONE | SCHED_NODE | SCHED_STORAGE;
static const int64_t pressed_pause = 2 * NSEC_PER_MSEC; /* between turns while writers wait for the disk */
static const int64_t retry_unschedulable = 300 * NSEC_PER_SEC; /* K8S:scheduler, podMaxInUnschedulablePodsDuration */

struct usage {
	UT_hash_handle hh;
	struct pod_resources used;
	struct object_list bound; /* those with host ports only */
	int64_t pods;
	char node[];
};

struct scheduler {
	pthread_mutex_t lock;	     /* protects what follows; taken inside the cache's dispatch */
	struct usage *usage;	     /* by node */
	struct sched_queue *waiting; /* pods that fit nowhere; has a lock of its own */
};

static int init(struct controller *c, void **ret_data)
{
	struct scheduler *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->waiting = sched_queue_new();
	if (!s->waiting) {
		free(s);
		return -ENOMEM;
	}
	pthread_mutex_init(&s->lock, NULL);
	*ret_data = s;
	return 0;
}

static void fini(void *data)
{
	struct scheduler *s = data;
	struct usage *u, *next_u;

	if (!s)
		return;
	HASH_ITER(hh, s->usage, u, next_u) {
		HASH_DEL(s->usage, u);
		object_list_clear(&u->bound);
		free(u);
	}
	sched_queue_free(s->waiting);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static struct usage *get_usage(struct scheduler *s, const char *node)
{
	struct usage *u;

	HASH_FIND_STR(s->usage, node, u);
	if (u)
		return u;
	u = calloc(1, sizeof(*u) + strlen(node) + 1);
	if (!u)
		return NULL;
	memcpy(u->node, node, strlen(node) + 1);
	HASH_ADD_STR(s->usage, node, u);
	if (!u->hh.tbl) {
		free(u);
		return NULL;
	}
	return u;
}

/* Whether the pod holds resources of a node. */
static const char *bound_node(const struct object *pod)
{
	const char *phase, *node;

	if (!pod)
		return "";
	node = object_str(pod, "spec", "nodeName");
	phase = object_str(pod, "status", "phase");
	return !node || (phase && (!strcmp(phase, "Succeeded") || !strcmp(phase, "Failed"))) ? "" : node;
}

static void forget_usage(struct scheduler *s, struct usage *u)
{
	HASH_DEL(s->usage, u);
	object_list_clear(&u->bound);
	free(u);
}

/* Adds a pod's requests to its node (sign 1), or takes them away (-1). Called with the lock held. */
static void account(struct scheduler *s, const struct object *pod, int sign)
{
	struct usage *u = get_usage(s, bound_node(pod));
	struct pod_resources r = pod_requests(object_path(pod, "spec"));

	if (!u)
		return; /* ignoring: out of memory; the node is taken for emptier than it is, and the node agent refuses */
	u->used.milli_cpu += sign * r.milli_cpu;
	u->used.memory += sign * r.memory;
	u->used.ephemeral_storage += sign * r.ephemeral_storage;
	u->pods += sign;
	if (u->pods <= 0) {
		forget_usage(s, u); /* with what memory running out may have left in it */
		return;
	}
	if (!schedule_has_host_ports(pod))
		return;
	if (sign > 0) {
		(void)object_list_add(&u->bound, pod); /* ignoring, as above */
		return;
	}
	for (size_t i = 0; i < u->bound.n; i++)
		if (!strcmp(object_uid(u->bound.items[i]), object_uid(pod))) {
			object_unref(u->bound.items[i]);
			u->bound.items[i] = u->bound.items[--u->bound.n];
			break;
		}
}

/* --- pods that wait --- */

static enum sched_put note_waiting(struct controller *c, const char *key, const struct sched_finding *f)
{
	struct scheduler *s = controller_data(c);
	char next[STORE_KEY_MAX + 1];
	enum sched_put r = sched_queue_put(s->waiting, key, f, next);

	if (*next)
		controller_add(c, next);
	return r;
}

static void forget_waiting(struct controller *c, const char *key)
{
	struct scheduler *s = controller_data(c);
	char next[STORE_KEY_MAX + 1];

	sched_queue_remove(s->waiting, key, next);
	if (*next)
		controller_add(c, next);
}

/* Something has happened that may let pods fit: their turns begin. As this runs on the store's thread, it looks at none. */
static void retry_waiting(struct controller *c, enum sched_cure what)
{
	struct scheduler *s = controller_data(c);

	if (sched_queue_happened(s->waiting, what))
		controller_add(c, turn_key);
}

static void add_key(void *arg, const char *key)
{
	controller_add(arg, key);
}

/* Has some pods tried again. Others' work, and new pods, come between this turn and the next. */
static int64_t sync_turn(struct controller *c)
{
	struct scheduler *s = controller_data(c);

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

/* The nodes with their sums; the array lives in `a`, the nodes in `list`. */
static int view_nodes(struct controller *c, struct arena *a, struct object_list *list, struct sched_node **ret)
{
	struct scheduler *s = controller_data(c);
	struct sched_node *nodes;
	int r = cache_list(controller_cache(c), schema_kind_by_plural("nodes"), NULL, list);

	nodes = arena_alloc(a, (list->n + 1) * sizeof(*nodes));
	if (r < 0 || !nodes)
		return r < 0 ? r : -ENOMEM;
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < list->n; i++) {
		struct usage *u;

		HASH_FIND_STR(s->usage, object_name(list->items[i]), u);
		nodes[i].node = list->items[i];
		if (u) {
			struct object_list *bound = arena_alloc(a, sizeof(*bound));

			nodes[i].used = u->used;
			nodes[i].pods = u->pods;
			for (size_t k = 0; bound && k < u->bound.n; k++)
				(void)object_list_add(bound, u->bound.items[k]);
			nodes[i].bound = bound;
		}
	}
	pthread_mutex_unlock(&s->lock);
	*ret = nodes;
	return 0;
}

static void clear_nodes(struct sched_node *nodes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (nodes[i].bound)
			object_list_clear((struct object_list *)nodes[i].bound);
}

struct binding {
	const char *node, *reason, *message;
	int64_t now;
	bool changed; /* the pod's condition has */
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
	b->bound = true;
	return 0;
}

static int mark_unschedulable(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	struct binding *b = arg;
	const struct value *c = condition_get(object_path(old, "status"), "PodScheduled");

	b->changed = false;
	if (c && !strcmp(value_str_or(value_get(c, "message"), ""), b->message))
		return -ECANCELED;
	condition_remove(value_get(root, "status"), "PodScheduled");
	condition_set(a, value_set_map(a, root, "status"), "PodScheduled", "False", b->reason, b->message, b->now, false);
	b->changed = true;
	return 0;
}

/* The gates' removal changes the spec, which brings the pod back. */
static int64_t mark_gated(struct controller *c, const struct object *pod, struct binding *b)
{
	int r;

	b->reason = "SchedulingGated"; /* K8S:core/v1, PodReasonSchedulingGated */
	b->message = "Scheduling is blocked due to non-empty scheduling gates";
	r = registry_modify(controller_registry(c), controller_writer(c), object_kind(pod), object_namespace(pod),
			    object_name(pod), object_uid(pod), TXN_STATUS, STORE_LAZY, mark_unschedulable, b);
	return r == -ENOENT ? 0 : r;
}

/* That it still fits nowhere is told when something about it is new; kube-scheduler tells it each time. Thousands of pods that
 * wait would else push all other events out, and write where nothing changes. */
static int64_t refuse(struct controller *c, const struct object *pod, const char *key, struct binding *b,
		      const struct sched_finding *f)
{
	enum sched_put put = note_waiting(c, key, f);
	int r;

	if (put == SCHED_PUT_STALE) {
		controller_add(c, key);
		return 0;
	}
	r = registry_modify(controller_registry(c), controller_writer(c), object_kind(pod), object_namespace(pod),
			    object_name(pod), object_uid(pod), TXN_STATUS, STORE_LAZY, mark_unschedulable, b);
	if (b->changed || put == SCHED_PUT_NEW)
		controller_event(c, pod, EVENT_WARNING, "FailedScheduling", "%s", b->message);
	return r < 0 && r != -ENOENT ? r : retry_unschedulable;
}

/* --- claims --- */

struct claims {
	struct object_list claims, pods, volumes, classes;
	struct sched_volumes of; /* points into them */
};

static void claims_clear(struct claims *x)
{
	object_list_clear(&x->claims);
	object_list_clear(&x->pods);
	object_list_clear(&x->volumes);
	object_list_clear(&x->classes);
}

/* *ret_message (NULL: none) is why the pod can be scheduled nowhere. */
static int read_claims(struct controller *c, const struct object *pod, struct arena *a, struct claims *x,
		       const char **ret_message)
{
	const struct {
		const char *plural, *ns;
		struct object_list *list;
	} lists[] = {
		{ "persistentvolumeclaims", object_namespace(pod), &x->claims },
		{ "pods", object_namespace(pod), &x->pods },
		{ "persistentvolumes", NULL, &x->volumes },
		{ "storageclasses", NULL, &x->classes },
	};
	const struct value *volumes = object_path(pod, "spec", "volumes");
	const struct sched_volumes_view view = { &x->claims, &x->pods, &x->volumes, &x->classes };
	bool any = false;
	int r = 0;

	for (size_t i = 0; i < value_len(volumes) && !any; i++)
		any = pv_claim_name(a, pod, value_at(volumes, i));
	for (size_t i = 0; i < ARRAY_SIZE(lists) && r == 0 && any; i++)
		r = cache_list(controller_cache(c), schema_kind_by_plural(lists[i].plural), lists[i].ns, lists[i].list);
	return r < 0 || !any ? r : sched_volumes_read(pod, &view, a, &x->of, ret_message);
}

/* The volume controller binds the claim to it, and the kube-scheduler likewise leaves that to it. */
static int reserve(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	const struct object *claim = arg;
	struct value *ref;

	if (object_path(old, "spec", "claimRef"))
		return -ESTALE;
	ref = value_set_map(a, value_set_map(a, root, "spec"), "claimRef");
	value_set_str(a, ref, "apiVersion", "v1");
	value_set_str(a, ref, "kind", "PersistentVolumeClaim");
	value_set_str(a, ref, "namespace", object_namespace(claim));
	value_set_str(a, ref, "name", object_name(claim));
	value_set_str(a, ref, "uid", object_uid(claim));
	value_set_str(a, value_make_path(a, root, "metadata", "annotations"), PV_BOUND_BY_CONTROLLER, "yes");
	return 0;
}

static int select_node(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	value_set_str(a, value_make_path(a, root, "metadata", "annotations"), PV_SELECTED_NODE, arg);
	return 0;
}

/* Has the claims get their volumes on the node; the pod is looked at again when they have. */
static int64_t bind_claims(struct controller *c, const struct sched_volumes *v, const struct object *node, const char *key,
			   const struct sched_finding *f)
{
	_cleanup_object_list_ struct object_list taken = OBJECT_LIST_INIT;
	struct registry *reg = controller_registry(c);
	int r = 0;

	for (size_t i = 0; i < v->n && r == 0; i++) {
		const struct object *claim = v->claims[i].claim, *volume;
		bool make;

		r = sched_volumes_next(v, i, node, &taken, &volume, &make);
		if (r == 0 && volume)
			r = registry_modify(reg, controller_writer(c), object_kind(volume), NULL, object_name(volume),
					    object_uid(volume), 0, 0, reserve, (void *)(uintptr_t)claim);
		else if (r == 0 && make)
			r = registry_modify(reg, controller_writer(c), object_kind(claim), object_namespace(claim),
					    object_name(claim), object_uid(claim), 0, 0, select_node,
					    (void *)(uintptr_t)object_name(node));
	}
	if (r < 0)
		return r == -ENOENT ? -ESTALE : r;
	if (note_waiting(c, key, f) == SCHED_PUT_STALE)
		controller_add(c, key);
	return 0;
}

static int64_t sync_pod(struct controller *c, const char *key)
{
	_cleanup_(claims_clear) struct claims claims = { 0 };
	_cleanup_object_ struct object *pod = controller_get(c, schema_kind_by_plural("pods"), key);
	_cleanup_object_list_ struct object_list list = OBJECT_LIST_INIT;
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct binding b = { .reason = "Unschedulable", .now = registry_now(controller_registry(c)) };
	struct sched_node *nodes = NULL;
	const struct object *node = NULL;
	const char *why = NULL;
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
	r = read_claims(c, pod, a, &claims, &why);
	if (r == 0)
		r = view_nodes(c, a, &list, &nodes);
	if (r == 0) {
		if (why)
			b.message = arena_printf(a, "0/%zu nodes are available: %s.", list.n, why);
		else
			r = schedule_decide(pod, &claims.of, nodes, list.n, a, &node, &b.message, &f.cures);
		clear_nodes(nodes, list.n);
	}
	if (r < 0 || (!node && !b.message))
		return r < 0 ? r : -ENOMEM;
	f.priority = value_int(object_path(pod, "spec", "priority"), 0);
	if (!node) {
		f.class = class_of(a, pod, key, why || claims.of.n);
		return f.class ? refuse(c, pod, key, &b, &f) : -ENOMEM;
	}
	if (sched_volumes_wait(&claims.of)) {
		f.cures = any_cure;
		return bind_claims(c, &claims.of, node, key, &f);
	}
	b.node = object_name(node);
	r = registry_modify(controller_registry(c), controller_writer(c), object_kind(pod), object_namespace(pod),
			    object_name(pod), object_uid(pod), TXN_BOTH, 0, bind_pod, &b);
	if (r == 0 && !b.bound)
		forget_waiting(c, key);
	else if (r == 0)
		controller_event(c, pod, EVENT_NORMAL, "Scheduled", "Successfully assigned %s/%s to %s",
				 object_namespace(pod), object_name(pod), b.node);
	return r == -ENOENT ? 0 : r;
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

static void notice_pod(struct controller *c, const struct cache_event *e)
{
	struct scheduler *s = controller_data(c);
	const char *was = bound_node(e->old), *is = bound_node(e->now);

	if (strcmp(was, is) != 0) {
		pthread_mutex_lock(&s->lock);
		if (*was)
			account(s, e->old, -1);
		if (*is)
			account(s, e->now, 1);
		pthread_mutex_unlock(&s->lock);
		if (*was)
			retry_waiting(c, SCHED_POD_GONE);
	}
	if (e->old && !is_bound(e->old) && (!e->now || is_bound(e->now))) {
		char key[STORE_KEY_MAX + 1];

		(void)snprintf(key, sizeof(key), "%s/%s", object_namespace(e->old), object_name(e->old));
		forget_waiting(c, key);
	}
	if (e->now && !is_bound(e->now) && !object_is_deleting(e->now) && is_ours(e->now) &&
	    (!e->old || !object_same(e->old, e->now, "spec")))
		controller_add_object(c, e->now);
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

const struct controller_type scheduler = {
	.name = "default-scheduler",
	.sync = sync_pod,
	.hurries = true, /* its bindings are what nodes wait for, and synced */
	.init = init,
	.fini = fini,
	.watches = { { "nodes", notice_node },
		     { "pods", notice_pod },
		     { "persistentvolumeclaims", notice_storage },
		     { "persistentvolumes", notice_storage },
		     { "storageclasses", notice_storage } },
};
