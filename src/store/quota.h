/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ResourceQuota as decisions: what an object uses of a resource, which quotas it falls under, what it would
 * exceed, and in which words Kubernetes says so. Pure: trees in, trees and text out. Any thread.
 * Facts: K8S:pkg/quota/v1, K8S:apiserver/pkg/admission/plugin/resourcequota.
 */
#ifndef PODFS_STORE_QUOTA_H
#define PODFS_STORE_QUOTA_H

#include "base/arena.h"
#include "base/buf.h"
#include "schema/schema.h"
#include "value/quantity.h"

/*
 * How much of the resource of that name ("pods", "requests.cpu", "count/deployments.apps", "services.nodeports",
 * "fast.storageclass.storage.k8s.io/requests.storage") an admitted object uses. `now`: real time in ns, for pods that are
 * stuck terminating. False: nothing, or the name does not concern the kind.
 */
bool quota_amount(const struct schema_kind *kind, const struct value *root, const char *name, int64_t now,
		  struct quantity *ret);

/* Whether an object falls under a ResourceQuota by its scopes. */
bool quota_matches(const struct value *quota, const struct schema_kind *kind, const struct value *root);

/*
 * What a pod must state under a quota and does not: "must specify cpu for: a,b; limits.memory for: a", appended; nothing when
 * all is there, or the object is no pod.
 */
void quota_missing(const struct value *quota, const struct schema_kind *kind, const struct value *root, struct buf *out);

/*
 * Adds to `used`, a map of the caller's of what the quota's resources are used at, what the object uses beyond `old` (NULL:
 * it is new). *ret_changed tells whether that is anything. Where a limit would be passed, the reason is appended to `out`
 * ("exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2"), `used` is left as it was and -EDQUOT returned.
 */
int quota_charge(const struct value *quota, const struct schema_kind *kind, const struct value *old,
		 const struct value *root, int64_t now, struct arena *a, struct value *used, bool *ret_changed,
		 struct buf *out);

/* Adds what an object uses to `used`, whatever the limits: for counting anew. */
void quota_count(const struct value *quota, const struct schema_kind *kind, const struct value *root, int64_t now,
		 struct arena *a, struct value *used);

/* What a pod, by all of its containers, asks for: which is "requests" or "limits". False: nothing of that name. */
bool quota_pod_resource(const struct value *spec, const char *which, const char *name, struct quantity *ret);

/* What one container states; false: nothing of that name. */
bool quota_container_resource(const struct value *container, const char *which, const char *name, struct quantity *ret);

/* The next key of a map after `last` (NULL: the first) in the order of the alphabet, or NULL. */
const char *quota_next_key(const struct value *map, const char *last);

#endif
