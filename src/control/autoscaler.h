/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HorizontalPodAutoscaler controller: looks at each autoscaler once a period, as Kubernetes' does, and scales its target.
 * Its first look at one only takes a sample, since CPU is told by two.
 */
#ifndef PODFS_CONTROL_AUTOSCALER_H
#define PODFS_CONTROL_AUTOSCALER_H

#include "control/controller.h"
#include "control/usage.h"

enum { AUTOSCALER_SYNC_SECONDS = 15 }; /* K8S: --horizontal-pod-autoscaler-sync-period */

/* What autoscaler_controller is started with, by controller_start_with(); NULL: nothing is known of what pods use. */
struct autoscaler_config {
	struct usage_source usage;
	int64_t period; /* ns; 0: AUTOSCALER_SYNC_SECONDS */
};

#endif
