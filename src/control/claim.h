/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ownership by selector: which objects a controller has, adopts and releases, as Kubernetes' ControllerRefManager
 * decides it. An object has one controller at most; adoption needs a matching selector, no controller, and neither
 * side being deleted; what no longer matches is released and lives on.
 */
#ifndef PODFS_CONTROL_CLAIM_H
#define PODFS_CONTROL_CLAIM_H

#include "control/controller.h"

/*
 * Lists what `owner` has of `kind` after adoption and release, which are committed here. Only objects that match
 * spec.selector stay. Waits. A failed adoption or release is retried with the next sync; it returns the first error.
 */
int claim_objects(struct controller *c, const struct object *owner, const struct schema_kind *kind,
		  struct object_list *ret);
/* As above; what is adopted gets that finalizer too, and what is released loses it. */
int claim_tracked(struct controller *c, const struct object *owner, const struct schema_kind *kind, const char *finalizer,
		  struct object_list *ret);

/* As claim_objects(); only objects for which `is_member` holds are the owner's, whatever their labels. */
int claim_members(struct controller *c, const struct object *owner, const struct schema_kind *kind,
		  bool (*is_member)(const struct object *owner, const struct object *o), struct object_list *ret);

/* Whether the owner's spec.selector matches the object's labels. */
bool claim_matches(const struct object *owner, const struct object *o);

enum claim_verdict { CLAIM_IGNORE, CLAIM_KEEP, CLAIM_ADOPT, CLAIM_RELEASE };

/* The decision for one object. `matches`: the owner's selector matches its labels. Pure. */
enum claim_verdict claim_decide(const struct object *owner, const struct object *o, bool matches);

#endif
