/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lock order: the cache's dispatch lock, then a controller's `lock`. A sync runs with no lock held.
 */
#include "control/controller.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "control/pods.h"
#include "control/workqueue.h"

#define TURN (1 * NSEC_PER_MSEC)	/* works so long while writers wait, */
#define PAUSE (5 * NSEC_PER_MSEC)	/* lets them go first so long, */
#define PATIENCE (500 * NSEC_PER_MSEC) /* and does so for this long in a row */

struct watch {
	struct controller *controller;
	controller_notice_fn notice;
	struct cache_subscription *subscription;
};

struct controller {
	const struct controller_type *type;
	struct registry *registry;
	struct writer writer;
	void *data; /* the type's own */
	const void *config;
	struct watch watches[ARRAY_SIZE(((struct controller_type *)0)->watches)];
	pthread_t thread;
	bool started;
	pthread_mutex_t lock;
	pthread_cond_t changed; /* with lock; monotonic clock */
	pthread_cond_t stopped; /* the same; `stopping` has become true */
	struct workqueue *queue; /* protected by lock, as are the next two */
	bool noted;		 /* a notice has added a key, and on_settled() is to wake the thread */
	bool stopping;
	uint64_t clock_sets; /* protected by lock */
	int64_t pressed_since, turn_ends; /* the thread's; 0: writers are not waiting */
};

/* Within a notice: whoever made the change has no answer yet, and the controller's thread could take the processor that is
 * to give it. */
static _Thread_local bool noticing;

struct registry *controller_registry(struct controller *c)
{
	return c->registry;
}

struct cache *controller_cache(struct controller *c)
{
	return registry_cache(c->registry);
}

const struct writer *controller_writer(struct controller *c)
{
	return &c->writer;
}

void *controller_data(struct controller *c)
{
	return c->data;
}

const void *controller_config(struct controller *c)
{
	return c->config;
}

/* Called with the lock held, which it gives back. r: what the queue said. */
static void added(struct controller *c, const char *key, int r)
{
	if (noticing)
		c->noted = true;
	else
		pthread_cond_signal(&c->changed);
	pthread_mutex_unlock(&c->lock);
	if (r < 0)
		log_error("%s: %s: out of memory, not queued", c->type->name, key);
}

/* wait 0: at once. */
static void add(struct controller *c, const char *key, int64_t wait)
{
	pthread_mutex_lock(&c->lock);
	added(c, key, wait > 0 ? workqueue_add_at(c->queue, key, clock_monotonic() + wait) : workqueue_add(c->queue, key));
}

void controller_add(struct controller *c, const char *key)
{
	add(c, key, 0);
}

void controller_add_ranked(struct controller *c, const char *key, int64_t rank)
{
	pthread_mutex_lock(&c->lock);
	added(c, key, workqueue_add_ranked(c->queue, key, rank));
}

void controller_add_key_after(struct controller *c, const char *key, int64_t wait)
{
	add(c, key, wait);
}

void controller_add_object(struct controller *c, const struct object *o)
{
	controller_add_after(c, o, 0);
}

void controller_add_after(struct controller *c, const struct object *o, int64_t wait)
{
	char key[STORE_KEY_MAX + 1];

	(void)snprintf(key, sizeof(key), "%s/%s", object_namespace(o), object_name(o));
	add(c, key, wait);
}

void controller_add_owner(struct controller *c, const struct object *owned, const char *owner_kind)
{
	const struct value *refs = object_path(owned, "metadata", "ownerReferences");
	char key[STORE_KEY_MAX + 1];

	for (size_t i = 0; i < value_len(refs); i++) {
		const struct value *ref = value_at(refs, i);

		if (!value_bool(value_get(ref, "controller"), false) ||
		    strcmp(value_str_or(value_get(ref, "kind"), ""), owner_kind) != 0)
			continue;
		(void)snprintf(key, sizeof(key), "%s/%s", object_namespace(owned),
			       value_str_or(value_get(ref, "name"), ""));
		controller_add(c, key);
	}
}

void controller_clock_set(struct controller *c)
{
	pthread_mutex_lock(&c->lock);
	c->clock_sets++;
	workqueue_hurry(c->queue);
	pthread_cond_signal(&c->changed);
	pthread_mutex_unlock(&c->lock);
}

struct object *controller_get(struct controller *c, const struct schema_kind *kind, const char *key)
{
	_cleanup_free_ char *ns = strdup(key);
	char *slash = ns ? strchr(ns, '/') : NULL;

	if (!slash)
		return NULL;
	*slash = '\0';
	return cache_get(controller_cache(c), kind, ns, slash + 1);
}

bool controller_may_match_anew(const struct cache_event *e)
{
	if (!e->now || *object_controller_uid(e->now) || object_is_deleting(e->now))
		return false;
	return !e->old || *object_controller_uid(e->old) ||
	       !object_same(e->old, e->now, "metadata", "labels");
}

bool controller_namespace_ends(struct controller *c, const struct object *o)
{
	_cleanup_object_ struct object *ns =
		cache_get(controller_cache(c), schema_kind_by_plural("namespaces"), NULL, object_namespace(o));

	return !ns || object_is_deleting(ns);
}

/* One attempt of controller_delete(). */
static int delete_once(struct controller *c, const struct object *const *objects, size_t n, const char *finalizer,
		       struct buf *names)
{
	const struct delete_options opts = { .grace_seconds = -1, .finalizer = finalizer };
	_cleanup_txn_ struct txn *t = txn_new(c->registry, &c->writer);
	int r = t ? 0 : -ENOMEM;

	for (size_t i = 0; i < n && r == 0; i++) {
		_cleanup_object_ struct object *now = cache_get_uid(controller_cache(c), object_uid(objects[i]));

		if (!now || object_is_deleting(now) || (finalizer && !pod_is_active(now)))
			continue;
		r = txn_delete(t, now, &opts);
		buf_printf(names, "%s\n", object_name(now));
	}
	return r < 0 ? r : txn_commit(t, 0, NULL);
}

int controller_delete(struct controller *c, const struct object *const *objects, size_t n, const char *finalizer,
		      struct buf *names)
{
	int r = -ESTALE;

	for (int i = 0; i < REGISTRY_RETRIES && r == -ESTALE; i++) {
		_cleanup_buf_ struct buf gone = BUF_INIT;

		r = delete_once(c, objects, n, finalizer, &gone);
		if (r == 0 && names && gone.len)
			buf_append(names, gone.data, gone.len);
	}
	return r;
}

struct status_change {
	controller_status_fn write;
	const void *view;
	int64_t wait;
};

static int change_status(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	struct status_change *s = arg;

	(void)old;
	return s->write(s->view, a, root, &s->wait);
}

int64_t controller_write_status(struct controller *c, const struct object *o, controller_status_fn write, const void *view)
{
	struct status_change s = { .write = write, .view = view };
	int r = registry_modify(controller_registry(c), controller_writer(c), object_kind(o), object_namespace(o), object_name(o),
				object_uid(o), TXN_STATUS, STORE_LAZY, change_status, &s);

	return r == -ENOENT ? 0 : r < 0 ? r : s.wait;
}

const char *controller_refusal(const struct diag_list *diags, int r, const char **ret_path)
{
	const struct diag *error = NULL;

	for (size_t i = 0; diags && i < diags->n && !error; i++)
		if (diags->items[i].severity == DIAG_ERROR)
			error = &diags->items[i];
	if (ret_path)
		*ret_path = error ? error->path : "";
	return error ? error->message : strerrordesc_np(-r);
}

static void on_event(void *arg, const struct cache_event *e)
{
	struct watch *w = arg;

	noticing = true;
	w->notice(w->controller, e);
	noticing = false;
}

static void on_settled(void *arg)
{
	struct controller *c = ((struct watch *)arg)->controller;

	pthread_mutex_lock(&c->lock);
	if (c->noted)
		pthread_cond_signal(&c->changed);
	c->noted = false;
	pthread_mutex_unlock(&c->lock);
}

/* Waits for a key that is due; NULL when the controller is to stop. The caller frees it. */
static char *next_key(struct controller *c)
{
	char *key = NULL;
	int64_t next;

	pthread_mutex_lock(&c->lock);
	while (!c->stopping && !(key = workqueue_pop(c->queue, clock_monotonic(), &next))) {
		struct timespec until = { .tv_sec = next / NSEC_PER_SEC, .tv_nsec = next % NSEC_PER_SEC };

		if (next == INT64_MAX)
			pthread_cond_wait(&c->changed, &c->lock);
		else
			pthread_cond_timedwait(&c->changed, &c->lock, &until);
	}
	pthread_mutex_unlock(&c->lock);
	return key;
}

static uint64_t clock_sets(struct controller *c)
{
	uint64_t n;

	pthread_mutex_lock(&c->lock);
	n = c->clock_sets;
	pthread_mutex_unlock(&c->lock);
	return n;
}

static void sync_key(struct controller *c, const char *key)
{
	uint64_t sets = clock_sets(c);
	int64_t r = c->type->sync(c, key);
	int e = 0;

	if (r < 0 && r != -ESTALE)
		log_warning("%s: %s: %s, will be tried again", c->type->name, key, strerrordesc_np((int)-r));
	pthread_mutex_lock(&c->lock);
	if (r < 0) {
		e = workqueue_add_failed(c->queue, key, clock_monotonic());
	} else {
		workqueue_forget(c->queue, key);
		if (r > 0 && c->clock_sets != sets) /* it may have read the clock before */
			e = workqueue_add(c->queue, key);
		else if (r > 0)
			e = workqueue_add_at(c->queue, key, clock_monotonic() + r);
	}
	pthread_mutex_unlock(&c->lock);
	if (e < 0)
		log_error("%s: %s: out of memory, not queued", c->type->name, key);
}

bool controller_step(struct controller *c, int64_t *ret_next)
{
	_cleanup_free_ char *key = NULL;

	pthread_mutex_lock(&c->lock);
	key = workqueue_pop(c->queue, clock_monotonic(), ret_next);
	pthread_mutex_unlock(&c->lock);
	if (!key)
		return false;
	sync_key(c, key);
	return true;
}

static void pause_until(struct controller *c, int64_t at)
{
	const struct timespec until = { .tv_sec = at / NSEC_PER_SEC, .tv_nsec = at % NSEC_PER_SEC };
	int r = 0;

	pthread_mutex_lock(&c->lock);
	while (!c->stopping && r == 0)
		r = pthread_cond_timedwait(&c->stopped, &c->lock, &until);
	pthread_mutex_unlock(&c->lock);
}

/* Pauses while writers wait, unless it is our turn. */
static void give_way(struct controller *c)
{
	int64_t now;

	if (c->type->hurries || !store_is_pressed(registry_store(c->registry))) {
		c->pressed_since = 0;
		return;
	}
	now = clock_monotonic();
	if (!c->pressed_since || now - c->turn_ends > PATIENCE)
		c->pressed_since = now;
	else if (now < c->turn_ends)
		return;
	if (now - c->pressed_since > PATIENCE) {
		c->turn_ends = now;
		return;
	}
	pause_until(c, now + PAUSE);
	c->turn_ends = now + PAUSE + TURN;
}

static void *run(void *arg)
{
	struct controller *c = arg;
	char *key;

	while ((key = next_key(c))) {
		give_way(c);
		sync_key(c, key);
		free(key);
	}
	return NULL;
}

static int init(struct controller *c)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&c->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c->changed, &attr);
	pthread_cond_init(&c->stopped, &attr);
	pthread_condattr_destroy(&attr);
	c->queue = workqueue_new();
	return c->queue ? 0 : -ENOMEM;
}

static int subscribe(struct controller *c)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(c->watches) && c->type->watches[i].plural && r == 0; i++) {
		const char *plural = c->type->watches[i].plural;

		c->watches[i] = (struct watch){ .controller = c, .notice = c->type->watches[i].notice };
		r = cache_subscribe(controller_cache(c), strcmp(plural, "*") ? schema_kind_by_plural(plural) : NULL,
				    on_event, &c->watches[i], &c->watches[i].subscription);
		if (r == 0)
			cache_after(c->watches[i].subscription, on_settled);
	}
	return r;
}

static int new_with(const struct controller_type *type, const void *config, struct registry *r, struct controller **ret,
		    struct error *err)
{
	struct controller *c = calloc(1, sizeof(*c));
	int e;

	if (!c)
		return error_set(err, -ENOMEM, "%s: out of memory", type->name);
	c->type = type;
	c->config = config;
	c->registry = r;
	c->writer = (struct writer){ .agent = type->name };
	e = init(c);
	if (e == 0 && type->init)
		e = type->init(c, &c->data);
	if (e == 0)
		e = subscribe(c);
	if (e < 0) {
		controller_stop(c);
		return error_errno(err, e, "%s: start", type->name);
	}
	*ret = c;
	return 0;
}

int controller_new(const struct controller_type *type, struct registry *r, struct controller **ret, struct error *err)
{
	return new_with(type, NULL, r, ret, err);
}

int controller_start(const struct controller_type *type, struct registry *r, struct controller **ret, struct error *err)
{
	return controller_start_with(type, NULL, r, ret, err);
}

int controller_start_with(const struct controller_type *type, const void *config, struct registry *r, struct controller **ret,
			  struct error *err)
{
	struct controller *c;
	char name[16]; /* the kernel's limit; longer ones it refuses */
	int e = new_with(type, config, r, &c, err);

	if (e < 0)
		return e;
	e = -pthread_create(&c->thread, NULL, run, c);
	c->started = e == 0;
	if (e < 0) {
		controller_stop(c);
		return error_errno(err, e, "%s: start", type->name);
	}
	(void)snprintf(name, sizeof(name), "%s", type->name);
	(void)pthread_setname_np(c->thread, name); /* ignoring: only for people's eyes */
	*ret = c;
	return 0;
}

void controller_stop(struct controller *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(c->watches); i++)
		cache_unsubscribe(c->watches[i].subscription);
	pthread_mutex_lock(&c->lock);
	c->stopping = true;
	pthread_cond_signal(&c->changed);
	pthread_cond_signal(&c->stopped);
	pthread_mutex_unlock(&c->lock);
	if (c->started)
		pthread_join(c->thread, NULL);
	if (c->type->fini)
		c->type->fini(c->data);
	workqueue_free(c->queue);
	pthread_cond_destroy(&c->changed);
	pthread_cond_destroy(&c->stopped);
	pthread_mutex_destroy(&c->lock);
	free(c);
}
