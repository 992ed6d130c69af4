/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a HorizontalPodAutoscaler is to do: a function of it, its target, the target's pods, what these use and what was done
 * before, as K8S:pkg/controller/podautoscaler/horizontal.go decides it, with Kubernetes' reasons and words.
 *
 * Metrics of the types Pods, Object and External come from servers that podfs does not have: they fail as in a cluster without
 * these.
 */
#ifndef PODFS_CONTROL_AUTOSCALER_DECIDE_H
#define PODFS_CONTROL_AUTOSCALER_DECIDE_H

#include "control/autoscaler_calc.h"
#include "control/autoscaler_rules.h"
#include "store/event.h"

struct autoscaler_view {
	const struct object *hpa;
	const struct object *target; /* NULL: there is none, and `missing` says why */
	const char *missing;
	const char *selector;	     /* the text of the target's selector; "": it has none */
	const char *rivals;	     /* NULL, or other autoscalers, and it, whose targets have the same pods: "[{a ns} {b ns}]" */
	const struct object_list *pods; /* that the selector matches */
	const struct pod_usage *usage;	/* of each of them */
	int64_t now, mono;		/* real and monotonic time, ns */
};

struct autoscaler_note {
	enum event_type type;
	const char *reason, *message;
};

enum { AUTOSCALER_NOTES_MAX = 72 };

/* Texts and trees are in the arena. */
struct autoscaler_plan {
	bool rescale;		 /* the target is to have `desired` replicas */
	int64_t current, desired;
	const char *reason;	 /* of that, for an event */
	struct value *status;	 /* for the autoscaler, once that is done */
	struct autoscaler_note *notes;
	size_t n_notes;
};

/* The kind of the scaled object if spec.scaleTargetRef names one that can be scaled; else NULL, with the reason in *ret_missing. */
const struct schema_kind *autoscaler_target_kind(const struct object *hpa, struct arena *a, const char **ret_missing);
/* Compiles the target's selector and gives its text. NULL in *ret where it has none. -ENOMEM, -EINVAL. */
int autoscaler_selector(const struct object *target, struct arena *a, struct selector **ret, const char **ret_text);
/* Whether it looks at what pods use, so that samples are to be taken. */
bool autoscaler_needs_usage(const struct object *hpa);

/* The history takes the recommendation. -ENOMEM. */
int autoscaler_decide(const struct autoscaler_view *v, struct autoscaler_history *h, struct arena *a, struct autoscaler_plan *ret);
/* What the status is when the target could not be scaled, and why. */
void autoscaler_not_scaled(const struct autoscaler_view *v, struct arena *a, const char *error, struct autoscaler_plan *plan);

#endif
