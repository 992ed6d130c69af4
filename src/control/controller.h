/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A controller: a thread that brings one object after another to the state that is asked for. Each kind's
 * controller is a `sync` of one key ("NAMESPACE/NAME"); this room has what they share: the queue, the back-off, the
 * subscriptions that feed it, and the wait for its own writes.
 *
 * Expectations: the cache shows a transaction before its commit returns (store.h), so a sync that follows a commit of
 * the same process has seen it; no counts of creations and deletions are needed, and none can be lost.
 *
 * What is lazy: ReplicaSets and pods that controllers make follow from what was declared, so they are written lazily
 * (store.h). The scheduler's binding is synced, and no synced transaction is durable before the lazy ones it has seen: a
 * pod that a node starts is durable, with all that it came from, at the price of one sync. After a crash before that,
 * the controllers make the same again. Deletions are synced.
 *
 * While several writers wait for the disk at once (store_is_pressed()), those who wait go first: a controller that does
 * not hurry then works in turns with a pause, for half a second in a row at most. What a burst of manifests asks for is
 * so made mostly after the burst, which ends sooner.
 */
#ifndef PODFS_CONTROL_CONTROLLER_H
#define PODFS_CONTROL_CONTROLLER_H

#include <stdatomic.h>

#include "store/event.h"
#include "store/registry.h"

struct controller;

/*
 * Brings one object to its state. Runs on the controller's thread and may wait. Returns 0; a positive number of
 * nanoseconds after which the key is to be looked at again; or a negative errno: the key comes back with back-off
 * (-ESTALE, a lost race, without a word in the log).
 */
typedef int64_t (*controller_sync_fn)(struct controller *c, const char *key);

/* Notes which keys of this controller a change concerns (controller_add()). Runs on the store's thread. */
typedef void (*controller_notice_fn)(struct controller *c, const struct cache_event *e);

struct controller_type {
	const char *name; /* "replicaset-controller": its thread's, its events', its writes' name */
	controller_sync_fn sync;
	bool hurries; /* it does not let writers go first: see above */
	/* Optional: makes what the controller keeps for itself (controller_data()), before anything is watched; 0 or a
	 * negative errno; and frees it, after the thread has ended. */
	int (*init)(struct controller *c, void **ret_data);
	void (*fini)(void *data);
	/* What to watch: plural names and what to do with a change; ends with a NULL name. "*" watches all kinds. */
	struct {
		const char *plural;
		controller_notice_fn notice;
	} watches[8];
};

/* Starts the thread. The type and the registry must outlive it. */
int controller_start(const struct controller_type *type, struct registry *r, struct controller **ret, struct error *err);
/* As above, with what the type is to know from outside of this floor, which its own header says; it must outlive it too. */
int controller_start_with(const struct controller_type *type, const void *config, struct registry *r, struct controller **ret,
			  struct error *err);
/*
 * The same without a thread, for who has a time of his own: controller_step() brings the next key that is due to its state,
 * on the caller's thread. False when none is; then *ret_next is when the next one will be, by clock_monotonic(), or INT64_MAX.
 */
int controller_new(const struct controller_type *type, struct registry *r, struct controller **ret, struct error *err);
bool controller_step(struct controller *c, int64_t *ret_next);
/* Ends the thread after the sync that it is in, and frees it. NULL is fine. */
void controller_stop(struct controller *c);

/* The real-time clock was set, or went on while the machine slept: a wait for a time by it, which is counted by the monotonic
 * one, is wrong now. All that waits, but for what comes back after a failure, is looked at again. Any thread. */
void controller_clock_set(struct controller *c);

struct registry *controller_registry(struct controller *c);
struct cache *controller_cache(struct controller *c);
const struct writer *controller_writer(struct controller *c);
/* What the type's init() made. */
void *controller_data(struct controller *c);
/* What it was started with; NULL: nothing. */
const void *controller_config(struct controller *c);

/* Puts a key in the queue; any thread. Out of memory is logged. */
void controller_add(struct controller *c, const char *key);
/* The same before those of lower rank; others' is 0. */
void controller_add_ranked(struct controller *c, const char *key, int64_t rank);
void controller_add_object(struct controller *c, const struct object *o); /* its own "NAMESPACE/NAME" */
/* Puts it in the queue for so many ns from now, unless it is due earlier. */
void controller_add_key_after(struct controller *c, const char *key, int64_t wait);
void controller_add_after(struct controller *c, const struct object *o, int64_t wait);
/* Adds the controller of an object, if that is of the given kind: for watches of what it owns. */
void controller_add_owner(struct controller *c, const struct object *owned, const char *owner_kind);

/* The object of a key; NULL when it is gone. The caller owns the reference. */
struct object *controller_get(struct controller *c, const struct schema_kind *kind, const char *key);

/* Whether a change may let another controller's selector match: an object without a controller that is new, or whose
 * labels or controller have changed. */
bool controller_may_match_anew(const struct cache_event *e);

/* Whether the namespace of an object is being deleted, so that nothing can be made in it any more. */
bool controller_namespace_ends(struct controller *c, const struct object *o);

/*
 * Deletes objects in one transaction (at most 60: etcd's limit of operations), each with its own grace and in the
 * background; those that are gone or being deleted already are passed over. Works on their newest versions and starts
 * over when a race is lost, so that a status that changes all the time does not keep an object alive. The names of
 * those deleted are appended to `names` (may be NULL), a line each. `finalizer` (may be NULL) is taken away from them by the
 * same write; they are pods then, and one that has ended meanwhile is passed over, as its end is yet to be counted. Waits.
 */
int controller_delete(struct controller *c, const struct object *const *objects, size_t n, const char *finalizer,
		      struct buf *names);

/* Puts the status into a copy of an object as `view` has it; *ret_wait: ns until it is to be looked at again, 0: it need not. */
typedef int (*controller_status_fn)(const void *view, struct arena *a, struct value *root, int64_t *ret_wait);
/* Writes an object's status, with its newest version where a race was lost. That wait, or a negative errno; 0 when the object is
 * gone. Waits. */
int64_t controller_write_status(struct controller *c, const struct object *o, controller_status_fn write, const void *view);

/* Why an object was refused: the first error (warnings may come before it), or what errno r means. *ret_path (may be NULL) is the
 * field that it is about, or "". Both live as long as the list, which may be NULL. */
const char *controller_refusal(const struct diag_list *diags, int r, const char **ret_path);

/* Records an event under the controller's name. */
#define controller_event(c, about, type, reason, ...) \
	event_record(controller_registry(c), controller_writer(c)->agent, about, type, reason, __VA_ARGS__)

/* The controllers of this folder. */
extern const struct controller_type replicaset_controller;
extern const struct controller_type replication_controller;
extern const struct controller_type autoscaler_controller;
extern const struct controller_type cronjob_controller;
extern const struct controller_type daemonset_controller;
extern const struct controller_type deployment_controller;
extern const struct controller_type disruption_controller;
extern const struct controller_type drain_controller;
extern const struct controller_type job_controller;
extern const struct controller_type garbage_collector;
extern const struct controller_type podgc_controller;
extern const struct controller_type namespace_controller;
extern const struct controller_type quota_controller;
extern const struct controller_type statefulset_controller;
extern const struct controller_type taint_eviction_controller;
extern const struct controller_type volume_controller;
extern const struct controller_type scheduler;

#endif
