/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Eviction: a deletion of a pod that its PodDisruptionBudget must allow, as Kubernetes' eviction subresource does it
 * (K8S:pkg/registry/core/pod/storage/eviction.go). Used by whoever evicts: a pod's file `evict`, a drain.
 *
 * What an eviction takes off a budget and the deletion are one transaction, so that none counts without the other, and two
 * evictions at once cannot both take the last one.
 */
#ifndef PODFS_STORE_EVICT_H
#define PODFS_STORE_EVICT_H

#include "store/registry.h"

/*
 * Whether a pod may be evicted, given the budgets that match it. 0: yes; *ret_charge is then the budget that it is taken off,
 * or NULL. -EBUSY: its budget says no for now; -EINVAL: it has more than one; *ret_why says so in Kubernetes' words, in `a`.
 * Pure.
 */
int evict_decide(const struct object *pod, const struct object_list *budgets, struct arena *a,
		 const struct object **ret_charge, const char **ret_why);

/*
 * Adds the eviction of a pod to a transaction: txn_delete() with opts (NULL: its own grace), the condition DisruptionTarget, and
 * what it takes off its budget. *ret_why (may be NULL) as above, in the transaction's arena; "" for other errors.
 */
int txn_evict(struct txn *t, const struct object *pod, const struct delete_options *opts, const char **ret_why);

/* Sets a budget's condition DisruptionAllowed by its status' disruptionsAllowed and observedGeneration; `failure` (may be
 * NULL): why its status could not be told. */
void evict_set_condition(struct arena *a, struct value *status, const char *failure, int64_t now);

/* The budgets of a namespace whose selector matches the pod. Appends to *ret. -ENOMEM. */
int evict_list_budgets(struct cache *c, const struct object *pod, struct object_list *ret);

#endif
