/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of a recommendation: stabilisation over a window, how fast a target may be scaled, how far; pure functions of
 * the rules and of what was recommended and done before, as K8S:pkg/controller/podautoscaler/horizontal.go decides it.
 *
 * The history is kept in memory alone, as Kubernetes' controller has it: after a restart the replicas that are found are
 * the first recommendation, so that nothing is scaled down before the window is over, and no scaling is remembered.
 */
#ifndef PODFS_CONTROL_AUTOSCALER_RULES_H
#define PODFS_CONTROL_AUTOSCALER_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "value/value.h"

enum { AUTOSCALER_DOWNSCALE_WINDOW = 300 }; /* seconds: K8S:podautoscaler/config/v1alpha1/defaults.go */

/* What was recommended, or by how much it was scaled. */
struct autoscaler_entry {
	int64_t replicas;
	int64_t at;    /* monotonic, ns */
	bool outdated; /* of a scaling: older than any rule looks back, to be used again */
};

struct autoscaler_entries {
	struct autoscaler_entry *items;
	size_t n, cap;
};

struct autoscaler_history {
	struct autoscaler_entries recommended, up, down;
};
void autoscaler_history_clear(struct autoscaler_history *h);
#define _cleanup_autoscaler_history_ _cleanup_(autoscaler_history_clear)

/* The first time that its target is seen. -ENOMEM. */
int autoscaler_history_begin(struct autoscaler_history *h, int64_t replicas, int64_t mono);
/* The target was scaled. `behavior` is spec.behavior; without it nothing is remembered. -ENOMEM. */
int autoscaler_history_scaled(struct autoscaler_history *h, const struct value *behavior, int64_t from, int64_t to, int64_t mono);

/* A condition's status, reason and message; constants. */
struct autoscaler_verdict {
	bool is_true;
	const char *reason, *message;
};

struct autoscaler_rules {
	const struct value *behavior; /* spec.behavior, with its defaults; NULL: none */
	int64_t min, max;
	int64_t current, desired; /* what there is, and what metrics ask for */
	int64_t mono;
};

/* The number of replicas that the rules allow; the recommendation is added to the history. -ENOMEM. */
int autoscaler_normalize(const struct autoscaler_rules *r, struct autoscaler_history *h, int64_t *ret,
			 struct autoscaler_verdict *ret_able, struct autoscaler_verdict *ret_limited);

#endif
