/* SPDX-License-Identifier: Apache-2.0 */
/* One entry of an autoscaler's spec.metrics: what it asks for and what it says in the status. Pure. */
#ifndef PODFS_CONTROL_AUTOSCALER_METRICS_H
#define PODFS_CONTROL_AUTOSCALER_METRICS_H

#include "control/autoscaler_decide.h"

/* Texts are in the arena. */
struct metric_result {
	int64_t replicas;    /* that it asks for */
	const char *name;    /* of what asks, for people */
	struct value *status; /* for status.currentMetrics; empty of a failed one */
	const char *reason;  /* NULL: it did not fail; else a word for the condition, */
	const char *error;   /* why, */
	const char *failure; /* and what was to be had */
};

/* -ENOMEM. */
int metric_evaluate(const struct autoscaler_view *v, const struct value *metric, int64_t current, struct arena *a,
		    struct metric_result *ret);

#endif
