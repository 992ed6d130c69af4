/* SPDX-License-Identifier: Apache-2.0 */
/* What is judged of an object beyond its schema before it is stored: who may ask for what. Of registry_txn.c. */
#ifndef PODFS_STORE_ADMISSION_H
#define PODFS_STORE_ADMISSION_H

#include "store/registry.h"

/*
 * Holds what a user other than root writes through the mount to the fields that are open to all and to the namespace's
 * Pod Security policy, and keeps what is in no namespace root's. `old`: the object before, NULL for a new one. Warnings
 * and reasons go to diags. 0 or -EPERM. Any thread.
 */
int admission_check_user(struct registry *reg, const struct writer *who, const struct schema_kind *kind, const char *ns,
			 const struct value *old, const struct value *root, struct diag_list *diags);

/*
 * Completes a new object as Kubernetes' admission does: a pod's containers get the defaults of the namespace's LimitRanges,
 * the pod its priority (of its class, the default class, or 0), the service account "default" and its account's
 * imagePullSecrets; and holds it to the ranges. -EINVAL with the reason in diags.
 */
int admission_complete(struct registry *reg, const struct schema_kind *kind, const char *ns, struct arena *a,
		       struct value *root, struct diag_list *diags);

/*
 * Has a new pod whose writer (also of what it is made of) is not root run in a user namespace of its own, unless root has
 * labelled the namespace otherwise. -EPERM, with the reason in diags, when it shares the host's namespaces.
 */
int admission_confine(struct registry *reg, const struct schema_kind *kind, const char *ns, uid_t writer, struct arena *a,
		      struct value *root, struct diag_list *diags);

enum { ADMISSION_OBJECTS_MAX = 10000 }; /* of one user other than root: what they wrote and what is made of it */

/*
 * A user is about to have one more object. What is made is summed; all objects are looked at only when the sum passes the
 * limit, and not more than ten times a second. -EDQUOT with the reason in diags.
 */
int admission_count_user(struct registry *reg, uid_t uid, struct diag_list *diags);

/* Whether the kind is root's, also in a namespace that is somebody's: what is in no namespace, and what limits its user. */
bool admission_is_roots(const struct schema_kind *kind);

#endif
