/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making and deleting the pods of an owner, as every controller of pods does it. Pods are made in batches of 1, 2, 4, …
 * so that a template that the registry refuses costs one refusal; each batch is one transaction. The owner's events say
 * what was done, and what failed.
 */
#ifndef PODFS_CONTROL_PODS_APPLY_H
#define PODFS_CONTROL_PODS_APPLY_H

#include "control/controller.h"

/* What went wrong last, for a condition: "FailedCreate" or "FailedDelete", and why. */
struct pods_failure {
	const char *reason; /* "": nothing */
	struct buf message;
};

#define PODS_FAILURE_INIT ((struct pods_failure){ .reason = "", .message = BUF_INIT })
void pods_failure_clear(struct pods_failure *f);
#define _cleanup_pods_failure_ _cleanup_(pods_failure_clear)

/* The i-th pod to make, in `a`; NULL when memory is out. */
typedef struct value *(*pods_make_fn)(void *arg, struct arena *a, size_t i);

/*
 * Makes n pods. Waits. Returns 0 also where the owner's namespace is ending, so that nothing can be made in it; -ESTALE,
 * a lost race, without a word; another negative errno with the reason in *f and in an event.
 */
int pods_create(struct controller *c, const struct object *owner, size_t n, pods_make_fn make, void *arg,
		struct pods_failure *f);

/* Deletes pods, in that order; `finalizer` as controller_delete(). Waits. Errors as above. */
int pods_delete(struct controller *c, const struct object *owner, const struct object *const *pods, size_t n,
		const char *finalizer, struct pods_failure *f);

#endif
