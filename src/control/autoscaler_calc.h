/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many replicas a metric asks for: pure functions of pods and what they use, as
 * K8S:pkg/controller/podautoscaler/replica_calculator.go decides it.
 */
#ifndef PODFS_CONTROL_AUTOSCALER_CALC_H
#define PODFS_CONTROL_AUTOSCALER_CALC_H

#include "control/usage.h"

/* K8S:pkg/controller/podautoscaler/config/v1alpha1/defaults.go, in seconds */
enum { AUTOSCALER_CPU_INITIALIZATION = 300, AUTOSCALER_READINESS_DELAY = 30 };

/* One metric of one autoscaler. */
struct calc_view {
	const struct object_list *pods;
	const struct pod_usage *usage; /* of each of them */
	const char *resource;	       /* "cpu", "memory", or another, of which nothing is known */
	const char *container;	       /* "": the whole pod */
	int64_t current;	       /* replicas that the target asks for */
	double tolerance_up, tolerance_down;
	int64_t now; /* real, ns */
};

struct calc_result {
	const char *error;   /* NULL: there is none, and the rest is set; else why, in the arena or constant */
	int64_t replicas;    /* at most INT32_MAX */
	int64_t utilization; /* percent of the requests; of calc_utilization() */
	int64_t average;     /* of a pod, in thousandths of the resource's unit */
};

/* For pods to use `target` percent of what they request. -ENOMEM. */
int calc_utilization(const struct calc_view *v, int64_t target, struct arena *a, struct calc_result *ret);
/* For pods to use `target` (> 0) thousandths of the resource's unit on average. -ENOMEM. */
int calc_average(const struct calc_view *v, int64_t target, struct arena *a, struct calc_result *ret);

#endif
