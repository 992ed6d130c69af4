/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry: what an API server does between a request and its storage. Every writer of objects (the mount,
 * controllers, the scheduler, the node agent) goes through it, so metadata, generations, finalizers, graceful
 * deletion and optimistic concurrency are in one place.
 *
 * A `struct txn` gathers the changes of several objects and raw keys and commits them in one store transaction, all
 * or none. Preparing reads the cache; each change carries the mod_rev it was based on, so a lost race answers
 * -ESTALE and nothing happens. A txn belongs to one thread.
 */
#ifndef PODFS_STORE_REGISTRY_H
#define PODFS_STORE_REGISTRY_H

#include "store/cache.h"

struct registry;

/* The store and the cache must outlive it. `now` is the clock (real time, ns); NULL: clock_realtime(). */
int registry_new(struct store *s, struct cache *c, int64_t (*now)(void), struct registry **ret);
void registry_free(struct registry *r);
struct store *registry_store(struct registry *r);
struct cache *registry_cache(struct registry *r);
int64_t registry_now(struct registry *r);

/* Makes the objects that must exist: the namespaces default, kube-system, kube-public, kube-node-lease; and, once in the
 * life of a cluster and if it has no StorageClass, the default one. Waits. */
int registry_bootstrap(struct registry *r, struct error *err);

/* Who asks. */
struct writer {
	uid_t uid;
	gid_t gid;
	pid_t pid;	   /* 0: none */
	const char *agent; /* "deployment-controller", "mount"; for events and messages */
};

struct txn;

/* NULL when memory is out. */
struct txn *txn_new(struct registry *r, const struct writer *who);
void txn_free(struct txn *t);
DEFINE_CLEANUP(struct txn *, txn_free);
#define _cleanup_txn_ _cleanup_(txn_freep)

/* The arena in which to build trees for this transaction. */
struct arena *txn_arena(struct txn *t);
struct registry *txn_registry(struct txn *t);

/* Makes a name of generateName, at random, and sets it; it may be taken. NULL without memory or randomness. */
const char *registry_generate_name(struct arena *a, struct value *meta);

/*
 * Creates an object from a tree in any arena that outlives the txn. The tree must have passed schema_admit(), or
 * TXN_ADMIT asks for it here. Sets uid, creationTimestamp, generation, a name from generateName, and what the kind's
 * strategy sets (a Pod's phase and QoS class), in the tree itself, so that the caller can read them. `inherit_from`
 * (may be NULL): the object whose writer the new one inherits; else it is who->uid.
 * -EEXIST: there is one (also while it terminates: EAGAIN then, -EAGAIN); -ENOENT: the namespace does not exist;
 * -EPERM: the namespace is being deleted; errors of admission. The reason is in diags (may be NULL).
 */
int txn_create(struct txn *t, struct value *root, unsigned flags, const struct object *inherit_from,
	       struct diag_list *diags);

enum txn_flags {
	TXN_ADMIT = 1 << 0,	/* create, update: run schema_admit() on the tree first */
	TXN_STATUS = 1 << 1,	/* update: only status is taken from the tree; else everything but status is */
	TXN_BOTH = 1 << 2,	/* update: status too (the system's own) */
};

/*
 * Replaces an object by a changed copy of its tree. System metadata (uid, creationTimestamp, generation,
 * deletionTimestamp) is kept from `old`; generation rises when spec changed; labels, annotations, ownerReferences and
 * finalizers are taken from the tree. Checks immutable fields unless the writer is the system (agent is not "mount").
 * An update that changes nothing adds nothing. Removing the last finalizer of a deleting object deletes it.
 */
int txn_update(struct txn *t, const struct object *old, struct value *root, unsigned flags, struct diag_list *diags);

enum propagation { PROPAGATE_BACKGROUND, PROPAGATE_FOREGROUND, PROPAGATE_ORPHAN };

/* Why a pod is ended by somebody else: its condition DisruptionTarget. */
struct disruption {
	const char *reason, *message;
};

struct delete_options {
	int64_t grace_seconds; /* -1: the object's own (a pod's terminationGracePeriodSeconds) */
	enum propagation propagation;
	const char *annotation; /* set to "yes" on what finalizers hold; NULL: none */
	const char *finalizer;	/* taken away from it by the same write; NULL: none */
	const struct disruption *disruption; /* set on a pod that stays for its grace; NULL: none */
};

/*
 * Deletes as Kubernetes does: a Pod on a node first gets deletionTimestamp and grace, and is removed by a
 * delete with grace 0 (the node agent's); an object with finalizers gets deletionTimestamp. Grace is only ever
 * shortened. opts may be NULL (own grace, background).
 */
int txn_delete(struct txn *t, const struct object *old, const struct delete_options *opts);

/* A raw operation in the same transaction (manifests, addresses); key and value are copied. */
int txn_put(struct txn *t, const char *key, const void *value, size_t len, uint64_t expect);
int txn_remove(struct txn *t, const char *key, uint64_t expect);
/* Makes the transaction depend on a key's mod_rev without changing it. */
int txn_check(struct txn *t, const char *key, uint64_t expect);

/* Whether the transaction puts that key. */
bool txn_puts(const struct txn *t, const char *key);
/* The operations so far, which are its own: for who shows what would be done. */
size_t txn_operations(const struct txn *t, const struct store_op **ret);

/* Whether there is nothing to commit. */
bool txn_empty(const struct txn *t);

/* Hands the transaction to the store: see store_submit() and store_commit() for flags, results and threads. An empty
 * one succeeds. The txn may be freed afterwards. */
int txn_submit(struct txn *t, unsigned store_flags, store_done_fn done, void *arg);
int txn_commit(struct txn *t, unsigned store_flags, uint64_t *ret_rev);

/*
 * Reads an object's newest version, lets `change` edit a copy of its tree, and commits; again on -ESTALE, at most
 * REGISTRY_RETRIES times. `change` returns 0, or a negative errno that ends it (-ECANCELED: nothing to do, which
 * makes registry_modify() return 0). flags as txn_update(); store_flags as store_commit(). -ENOENT when it is gone or its
 * uid is not `uid` (NULL: any). Waits; not from a callback.
 */
typedef int (*registry_change_fn)(void *arg, struct arena *a, struct value *root, const struct object *old);
int registry_modify(struct registry *r, const struct writer *who, const struct schema_kind *kind, const char *ns,
		    const char *name, const char *uid, unsigned flags, unsigned store_flags, registry_change_fn change,
		    void *arg);

enum { REGISTRY_RETRIES = 8 };

#endif
