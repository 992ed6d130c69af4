/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which claim gets which volume, and what becomes of a volume when its claim is gone: as
 * K8S:pkg/controller/volume/persistentvolume, pvcprotection and pvprotection decide it. Pure.
 *
 * Binding is one transaction here, of the claim and the volume together; so a half of it, which Kubernetes' controller
 * finishes later, comes only from what users write.
 */
#ifndef PODFS_CONTROL_VOLUME_DECIDE_H
#define PODFS_CONTROL_VOLUME_DECIDE_H

#include "store/event.h"
#include "store/persistent.h"

/* What is said about it. */
struct volume_note {
	enum event_type type;
	const char *reason; /* NULL: nothing */
	const char *message;
};

/* What a claim is judged by. */
struct claim_view {
	const struct object *claim;
	const struct object_list *volumes, *classes, *nodes; /* all */
	const struct object_list *pods;			     /* of its namespace */
};

enum claim_action {
	CLAIM_NOTHING,
	CLAIM_PROTECT,	 /* add the finalizer that keeps it while pods use it */
	CLAIM_UNPROTECT, /* remove that: it is being deleted and no pod uses it */
	CLAIM_BIND,	 /* to `volume` */
	CLAIM_MARK,	 /* status.phase becomes `value` */
	CLAIM_SET_CLASS, /* the default class has come: spec.storageClassName becomes `value` */
	CLAIM_PROVISION, /* ask for a volume: the annotation of its provisioner becomes `value`, that of the node `node` if any */
	CLAIM_UNSELECT,	 /* the node that was selected is gone: its annotation goes */
};

struct claim_plan {
	enum claim_action action;
	const struct object *volume; /* of the view */
	const char *value, *node;
	struct volume_note note;
};

/* Texts are of the view or in `a`. -ENOMEM. */
int claim_plan(const struct claim_view *view, struct arena *a, struct claim_plan *ret);

/* What a volume is judged by. */
struct volume_view {
	const struct object *volume;
	const struct object *claim; /* of the name in its claimRef; NULL: there is none */
	int64_t now;
};

enum volume_action {
	VOLUME_NOTHING,
	VOLUME_PROTECT,
	VOLUME_UNPROTECT,  /* it is being deleted and no claim is bound to it */
	VOLUME_MARK,	   /* status.phase becomes `phase`, with status.message `message` if any */
	VOLUME_UNBIND,	   /* its claimRef goes: the claim has another volume */
	VOLUME_UNBIND_UID, /* the claimRef's uid goes: whoever wrote it meant a claim of that name */
	VOLUME_KEEP,	   /* it is Released and to be kept: PV_RETAINED_UNTIL becomes the time until when */
	VOLUME_EXPIRE,	   /* it was kept for long enough: PV_RETAINED_UNTIL goes */
};

struct volume_plan {
	enum volume_action action;
	const char *phase, *message;
	bool claim;   /* its claim is to be looked at */
	int64_t wait; /* ns until it is to be looked at again; 0: it need not */
	struct volume_note note;
};

/* What is to be done with a volume as it is seen. Pure. */
void volume_plan(const struct volume_view *view, struct volume_plan *ret);

#endif
