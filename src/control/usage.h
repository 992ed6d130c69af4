/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What pods use of CPU and memory, from counters that somebody else reads: rates are made of two samples. A sample is taken
 * only when an autoscaler asks, so that nothing is measured which nobody looks at.
 */
#ifndef PODFS_CONTROL_USAGE_H
#define PODFS_CONTROL_USAGE_H

#include "store/object.h"

/* The counters of a container that runs. */
struct usage_figures {
	int64_t cpu;	/* ns of CPU time of this run; -1: unknown */
	int64_t memory; /* bytes of its working set; -1: unknown */
	int64_t run;	/* another one for each run of the container */
};

/*
 * Where counters come from. -ENOENT: the container does not run, or runs on a node whose counters are not known here; the
 * pod's use is then unknown, never taken for none. Any thread; does not wait for other machines.
 */
struct usage_source {
	int (*container)(void *arg, const struct object *pod, const char *container, struct usage_figures *ret);
	void *arg;
};

struct container_usage {
	const char *name;
	int64_t milli_cpu; /* thousandths of a CPU, rounded up; -1: unknown */
	int64_t memory;	   /* bytes; -1: unknown */
};

/* Of the containers of one pod that run, sidecars among them. */
struct pod_usage {
	int64_t at;	/* real time of the sample, ns */
	int64_t window; /* ns over which CPU was measured */
	struct container_usage *containers;
	size_t n; /* 0: nothing is known of this pod: none of them runs here, or one has been seen only once */
};

/* The last sample of each container of some pods. */
struct usage_samples;

/* NULL when memory is out. */
struct usage_samples *usage_samples_new(void);
void usage_samples_free(struct usage_samples *s);

/*
 * Takes a sample of each of the pods, and says in ret[i] what the i-th has used since the one before. Samples of other pods
 * are forgotten. Strings are borrowed from the pods, arrays are in `a`. `now` is real time, `mono` monotonic. -ENOMEM.
 */
int usage_take(struct usage_samples *s, const struct usage_source *source, const struct object_list *pods, int64_t now,
	       int64_t mono, struct arena *a, struct pod_usage *ret);

#endif
