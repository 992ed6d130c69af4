/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lock order: the cache's dispatch lock, then `lock`, which is never held while anything is written. Only the stepping
 * thread touches the pods.
 */
#include "fake_node.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/clock.h"
#include "control/conditions.h"
#include "control/workqueue.h"
#include "value/yaml.h"

/* A pod on a node, as its agent knows it. */
struct fake_pod {
	UT_hash_handle hh;
	struct fake_life life;
	int64_t started, ready_at, stopping; /* monotonic; 0: not yet */
	int64_t restarts;
	char uid[OBJECT_UID_SIZE];
};

struct down {
	UT_hash_handle hh;
	char node[];
};

struct fake_nodes {
	struct registry *registry;
	fake_script_fn script;
	fake_wake_fn wake;
	void *arg;
	struct cache_subscription *subscription;
	pthread_mutex_t lock;
	struct workqueue *queue; /* store keys of pods; protected by lock */
	struct fake_pod *pods;
	struct down *down;
};

static const struct writer agent = { .agent = "node" };

static const char *node_of(const struct object *pod)
{
	const char *node = object_str(pod, "spec", "nodeName");

	return node ? node : "";
}

static const char *phase_of(const struct object *pod)
{
	const char *phase = object_str(pod, "status", "phase");

	return phase ? phase : "";
}

static bool has_ended(const struct object *pod)
{
	return !strcmp(phase_of(pod), "Succeeded") || !strcmp(phase_of(pod), "Failed");
}

/* wait: ns; 0: at once. */
static void queue_pod(struct fake_nodes *f, const char *key, int64_t wait)
{
	pthread_mutex_lock(&f->lock);
	if (wait > 0)
		(void)workqueue_add_at(f->queue, key, clock_monotonic() + wait);
	else
		(void)workqueue_add(f->queue, key);
	pthread_mutex_unlock(&f->lock);
}

static void notice(void *arg, const struct cache_event *e)
{
	struct fake_nodes *f = arg;
	const char *was = e->old ? node_of(e->old) : "";

	if (e->now && (!*node_of(e->now) || (*was && object_is_deleting(e->old) == object_is_deleting(e->now))))
		return; /* our own writes, mostly */
	queue_pod(f, object_key(e->now ? e->now : e->old), 0);
	if (f->wake)
		f->wake(f->arg);
}

int fake_nodes_new(struct registry *r, fake_script_fn script, fake_wake_fn wake, void *arg, struct fake_nodes **ret)
{
	struct fake_nodes *f = calloc(1, sizeof(*f));
	int e;

	if (!f)
		return -ENOMEM;
	*f = (struct fake_nodes){ .registry = r, .script = script, .wake = wake, .arg = arg, .queue = workqueue_new() };
	pthread_mutex_init(&f->lock, NULL);
	e = f->queue ? cache_subscribe(registry_cache(r), schema_kind_by_plural("pods"), notice, f, &f->subscription)
		     : -ENOMEM;
	if (e < 0) {
		fake_nodes_free(f);
		return e;
	}
	*ret = f;
	return 0;
}

void fake_nodes_free(struct fake_nodes *f)
{
	struct fake_pod *p, *next_p;
	struct down *d, *next_d;

	if (!f)
		return;
	cache_unsubscribe(f->subscription);
	HASH_ITER(hh, f->pods, p, next_p) {
		HASH_DEL(f->pods, p);
		free(p);
	}
	HASH_ITER(hh, f->down, d, next_d) {
		HASH_DEL(f->down, d);
		free(d);
	}
	workqueue_free(f->queue);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

int fake_node_create(struct registry *r, const char *name, int64_t pods, const char *labels)
{
	_cleanup_txn_ struct txn *t = txn_new(r, &agent);
	struct yaml_document *docs;
	const char *text;
	size_t n;
	int e;

	text = t ? arena_printf(txn_arena(t),
				"apiVersion: v1\nkind: Node\nmetadata: {name: %s, labels: %s}\n"
				"status:\n  capacity: {cpu: '64', memory: 256Gi, pods: '%lld'}\n"
				"  allocatable: {cpu: '64', memory: 256Gi, pods: '%lld'}\n"
				"  conditions: [{type: Ready, status: 'True'}]\n",
				name, labels ? labels : "{}", (long long)pods, (long long)pods)
		 : NULL;
	if (!text)
		return -ENOMEM;
	e = yaml_read(text, strlen(text), NULL, txn_arena(t), &docs, &n, NULL, NULL);
	if (e == 0)
		e = txn_create(t, docs[0].root, 0, NULL, NULL);
	return e < 0 ? e : txn_commit(t, 0, NULL);
}

static bool is_down(struct fake_nodes *f, const char *node)
{
	struct down *d;

	HASH_FIND_STR(f->down, node, d);
	return d != NULL;
}

void fake_node_set_down(struct fake_nodes *f, const char *node, bool down)
{
	_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;
	struct down *d;

	HASH_FIND_STR(f->down, node, d);
	if (down && !d) {
		d = calloc(1, sizeof(*d) + strlen(node) + 1);
		if (!d)
			return;
		memcpy(d->node, node, strlen(node) + 1);
		HASH_ADD_STR(f->down, node, d);
	} else if (!down && d) {
		HASH_DEL(f->down, d);
		free(d);
	}
	if (!down && cache_list(registry_cache(f->registry), schema_kind_by_plural("pods"), NULL, &pods) == 0)
		for (size_t i = 0; i < pods.n; i++)
			if (!strcmp(node_of(pods.items[i]), node))
				queue_pod(f, object_key(pods.items[i]), 0);
}

static bool is_ready(const struct object *pod)
{
	return !strcmp(condition_status(object_path(pod, "status"), "Ready"), "True");
}

static struct fake_pod *get_pod(struct fake_nodes *f, const struct object *o)
{
	struct fake_pod *p;

	HASH_FIND_STR(f->pods, object_uid(o), p);
	if (p)
		return p;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	(void)snprintf(p->uid, sizeof(p->uid), "%s", object_uid(o));
	p->life = f->script ? f->script(f->arg, o) : (struct fake_life){ 0 };
	p->started = clock_monotonic();
	p->ready_at = p->started + (is_ready(o) ? 0 : p->life.ready_after);
	HASH_ADD_STR(f->pods, uid, p);
	return p;
}

static void drop_pod(struct fake_nodes *f, struct fake_pod *p)
{
	HASH_DEL(f->pods, p);
	free(p);
}

/* What a pod's status is to say. */
struct state {
	const char *phase;
	bool ready;
	int64_t restarts, now; /* real */
};

static void set_containers(struct arena *a, struct value *root, struct value *status, const struct state *s)
{
	const struct value *containers = value_path(root, "spec", "containers");
	struct value *list = value_set_list(a, status, "containerStatuses");
	bool ended = strcmp(s->phase, "Running") != 0;
	char time[CLOCK_RFC3339_SIZE];

	while (value_len(list))
		value_remove_at(list, 0);
	for (size_t i = 0; i < value_len(containers); i++) {
		struct value *c = value_append(a, list, value_new_map(a)), *state;

		value_set_str(a, c, "name", value_str_or(value_get(value_at(containers, i), "name"), ""));
		value_set_bool(a, c, "ready", s->ready);
		value_set_int(a, c, "restartCount", s->restarts);
		state = value_make_path(a, c, "state", ended ? "terminated" : "running");
		if (!ended)
			continue;
		value_set_int(a, state, "exitCode", !strcmp(s->phase, "Failed"));
		value_set_str(a, state, "finishedAt", clock_format_rfc3339(s->now, time));
	}
}

static int change_status(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	struct value *status = value_set_map(a, root, "status");
	const struct state *s = arg;
	char time[CLOCK_RFC3339_SIZE];

	if (has_ended(old))
		return -ECANCELED;
	value_set_str(a, status, "phase", s->phase);
	if (!value_get(status, "startTime"))
		value_set_str(a, status, "startTime", clock_format_rfc3339(s->now, time));
	condition_set(a, status, "Initialized", "True", "", "", s->now, false);
	condition_set(a, status, "ContainersReady", s->ready ? "True" : "False", s->ready ? "" : "ContainersNotReady",
		      "", s->now, false);
	condition_set(a, status, "Ready", s->ready ? "True" : "False", s->ready ? "" : "ContainersNotReady", "", s->now,
		      false);
	set_containers(a, root, status, s);
	return 0;
}

static int write_status(struct fake_nodes *f, const struct object *o, const char *phase, bool ready, int64_t restarts)
{
	struct state s = { phase, ready, restarts, registry_now(f->registry) };
	int r = registry_modify(f->registry, &agent, object_kind(o), object_namespace(o), object_name(o), object_uid(o),
				TXN_STATUS, STORE_LAZY, change_status, &s);

	return r == -ENOENT ? 0 : r;
}

/* Its containers have ended after a deletion: the last status, and then it goes, but for finalizers. */
static int remove_pod(struct fake_nodes *f, const struct object *o)
{
	static const struct delete_options now = { .grace_seconds = 0 };
	_cleanup_object_ struct object *live = NULL;
	_cleanup_txn_ struct txn *t = NULL;
	int r = has_ended(o) ? 0 : write_status(f, o, "Failed", false, 0);

	live = r == 0 ? cache_get_uid(registry_cache(f->registry), object_uid(o)) : NULL;
	if (!live)
		return r;
	t = txn_new(f->registry, &agent);
	r = t ? txn_delete(t, live, &now) : -ENOMEM;
	return r < 0 || txn_empty(t) ? r : txn_commit(t, 0, NULL);
}

/* Brings a pod to where it should be now. Returns how long until it is to be looked at again, 0 for never, or an error.
 */
static int64_t run_pod(struct fake_nodes *f, const struct object *o, struct fake_pod *p)
{
	int64_t now = clock_monotonic(), due, r;
	bool ready = now >= p->ready_at;

	if (object_is_deleting(o)) {
		if (!p->stopping)
			p->stopping = now;
		due = p->stopping + p->life.stops_after;
		return due > now ? due - now : remove_pod(f, o);
	}
	if (has_ended(o))
		return 0;
	if (p->life.ends_after && now >= p->started + p->life.ends_after)
		return write_status(f, o, p->life.fails ? "Failed" : "Succeeded", false, p->restarts);
	r = write_status(f, o, "Running", ready, p->restarts);
	due = ready ? INT64_MAX : p->ready_at;
	if (p->life.ends_after && p->started + p->life.ends_after < due)
		due = p->started + p->life.ends_after;
	return r < 0 ? r : due == INT64_MAX ? 0 : due - now;
}

static void step_pod(struct fake_nodes *f, const char *key)
{
	_cleanup_object_ struct object *o = cache_get_key(registry_cache(f->registry), key);
	struct fake_pod *p = o && *node_of(o) ? get_pod(f, o) : NULL;
	int64_t r;

	if (!p || is_down(f, node_of(o)))
		return;
	r = run_pod(f, o, p);
	if (r < 0) {
		pthread_mutex_lock(&f->lock);
		(void)workqueue_add_failed(f->queue, key, clock_monotonic());
		pthread_mutex_unlock(&f->lock);
		return;
	}
	pthread_mutex_lock(&f->lock);
	workqueue_forget(f->queue, key);
	pthread_mutex_unlock(&f->lock);
	if (r > 0)
		queue_pod(f, key, r);
	else if (object_is_deleting(o))
		drop_pod(f, p);
}

bool fake_nodes_step(struct fake_nodes *f, int64_t *ret_next)
{
	_cleanup_free_ char *key = NULL;

	pthread_mutex_lock(&f->lock);
	key = workqueue_pop(f->queue, clock_monotonic(), ret_next);
	pthread_mutex_unlock(&f->lock);
	if (!key)
		return false;
	step_pod(f, key);
	return true;
}

void fake_nodes_restart_pod(struct fake_nodes *f, const struct object *pod)
{
	struct fake_pod *p;

	HASH_FIND_STR(f->pods, object_uid(pod), p);
	if (!p || is_down(f, node_of(pod)))
		return;
	p->ready_at = clock_monotonic() + p->life.ready_after + NSEC_PER_SEC;
	p->restarts++;
	queue_pod(f, object_key(pod), 0);
}

int fake_nodes_end_pod(struct fake_nodes *f, const struct object *pod, bool fails)
{
	return write_status(f, pod, fails ? "Failed" : "Succeeded", false, 0);
}
