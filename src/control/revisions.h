/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The history of a DaemonSet's or StatefulSet's template, as ControllerRevisions: each template that it had has a revision
 * with a number and a hash, and its pods bear the hash as a label. K8S:pkg/controller/history, pkg/controller/daemon/update.go.
 */
#ifndef PODFS_CONTROL_REVISIONS_H
#define PODFS_CONTROL_REVISIONS_H

#include "control/controller.h"

#define REVISION_HASH "controller-revision-hash" /* the label of pods; of a StatefulSet's it holds the revision's name */

struct revisions {
	struct object *current; /* that of the owner's template */
	struct object_list old; /* the others, ascending */
};

#define REVISIONS_INIT ((struct revisions){ NULL, OBJECT_LIST_INIT })
void revisions_clear(struct revisions *r);
#define _cleanup_revisions_ _cleanup_(revisions_clear)

/*
 * Finds the owner's revisions, adopting and releasing by its selector; makes the current one if there is none, and
 * gives it the highest number. Waits. -ESTALE: a name was taken by another template; the owner's status counts that, which
 * brings the next sync.
 */
int revisions_find(struct controller *c, const struct object *owner, struct revisions *ret);

/* The hash of a revision, as its pods bear it. */
const char *revision_hash(const struct object *revision);
/* Whether the revision is of that template. */
bool revision_matches(const struct object *revision, const struct value *template);

/* The template that it keeps, in `a`; NULL when memory is out. */
struct value *revision_template(struct arena *a, const struct object *revision);

/* Deletes the oldest of the old ones beyond spec.revisionHistoryLimit that none of the pods bears. Waits. */
int revisions_clean(struct controller *c, const struct object *owner, const struct revisions *r, const struct object_list *pods);

/* A revision of the owner's template. In `a`; NULL when memory is out. */
struct value *revision_new(struct arena *a, const struct object *owner, const char *hash, int64_t number);

#endif
