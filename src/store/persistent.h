/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a PersistentVolume, a PersistentVolumeClaim and a StorageClass say to those who act on them: the binder and the
 * scheduler, the node agent, and the mount, which none of them may ask. Pure, any thread.
 */
#ifndef PODFS_STORE_PERSISTENT_H
#define PODFS_STORE_PERSISTENT_H

#include "store/object.h"

/* K8S:pkg/apis/core/annotation_key_constants.go, component-helpers/storage/volume/pv_helpers.go */
#define PV_BIND_COMPLETED "pv.kubernetes.io/bind-completed"
#define PV_BOUND_BY_CONTROLLER "pv.kubernetes.io/bound-by-controller"
#define PV_PROVISIONED_BY "pv.kubernetes.io/provisioned-by"
#define PV_SELECTED_NODE "volume.kubernetes.io/selected-node"
#define PV_STORAGE_PROVISIONER "volume.kubernetes.io/storage-provisioner"
#define PV_CLAIM_PROTECTION "kubernetes.io/pvc-protection"
#define PV_PROTECTION "kubernetes.io/pv-protection"
#define PV_NO_PROVISIONER "kubernetes.io/no-provisioner"

/* podfs' own. */
#define PV_PROVISIONER "podfs.io/local"		    /* makes directories on the node's disk */
#define PV_DEFAULT_CLASS "standard"		    /* the class that a new cluster has */
#define PV_DATA "podfs.io/node-data"		    /* finalizer: the node has yet to see to the volume's directory */
#define PV_RETAINED_UNTIL "podfs.io/retained-until" /* of a volume whose claim went with its declaration: until then it is
						     * kept, and bound to a claim of that name; RFC 3339, counted
						     * from when it is Released, PV_RETAINED before */
#define PV_RETAINED "once-released"
#define PV_PRUNED "podfs.io/pruned" /* of a volume that is being deleted because no manifest declares it: its data stays */

#define PV_RETAINED_WRITER "podfs.io/retained-writer" /* with it: object_writer() of that claim; another's claim does not get it */

enum { PV_RETENTION_SECONDS = 24 * 3600 };

/* An annotation, NULL if there is none. */
const char *pv_annotation(const struct object *o, const char *key);
bool pv_has_finalizer(const struct object *o, const char *name);
/* The class of a volume or a claim, "" for none. */
const char *pv_class(const struct object *o);
/* Whether the claim says nothing of its class, not even that it wants none. */
bool pv_lacks_class(const struct object *claim);
/* Of all classes the default one: of several the newest, then the first by name. NULL: there is none. */
const struct object *pv_default_class(const struct object_list *classes);
/* Whether the claim's binding is complete, as far as the claim says. */
bool pv_claim_is_bound(const struct object *claim);
/* Whether the volume is kept for that claim: by name and, where its claimRef has one, by uid. */
bool pv_is_for(const struct object *volume, const struct object *claim);
/* Whether the two are bound to each other. */
bool pv_are_bound(const struct object *volume, const struct object *claim);
/* Whether the volume was kept when its claim went with its declaration, and may be had by this claim of that name. */
bool pv_is_retained_for(const struct object *volume, const struct object *claim);
/* Why the claim cannot have that volume, in Kubernetes' words; NULL: it can. Its node is not looked at. */
const char *pv_mismatch(const struct object *volume, const struct object *claim);
/* Whether the volume can be reached from that node. */
bool pv_reaches(const struct object *volume, const struct object *node);

/*
 * The volume that suits the claim best, NULL if none does: one that is kept for it, else the smallest of those that are
 * Available, match and are not in `taken` (may be NULL). `node`: it must be reached from there (NULL: any). `kept_only`:
 * none but what is kept for it. K8S:component-helpers/storage/volume, FindMatchingVolume.
 */
const struct object *pv_best(const struct object *claim, const struct object_list *volumes, const struct object *node,
			     const struct object_list *taken, bool kept_only);

/* The name of the claim that a pod's volume is made of, in `a`; NULL: of none. */
const char *pv_claim_name(struct arena *a, const struct object *pod, const struct value *volume);
/* Whether the claim was made for an ephemeral volume of the pod: K8S:component-helpers/storage/ephemeral, VolumeIsForPod. */
bool pv_is_of_pod(const struct object *claim, const struct object *pod);
/* Whether the pod has a volume of that claim. */
bool pv_pod_uses(const struct object *pod, const struct object *claim);

#endif
