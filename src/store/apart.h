/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread that keeps off a CPU. The interrupt of a disk wakes the store's thread where it arrives; when that is where
 * the mount's loop works, these two take turns on one CPU while the others are half idle: with 2 CPUs and eight writers the
 * rate was a quarter less then, as far as paired runs tell (doc/bench.md).
 */
#ifndef PODFS_STORE_APART_H
#define PODFS_STORE_APART_H

#include <sched.h>

struct apart {
	int cpu;       /* that is kept off; -1: none */
	cpu_set_t all; /* where the thread may run otherwise; valid while there is one */
};

#define APART_INIT { .cpu = -1 }

/*
 * The calling thread, always the same for an `a`, keeps off that CPU from now on, or with -1 off none. It is advice: with
 * one CPU, or where the kernel refuses, nothing changes. Cheap when the CPU is that of the last call.
 */
void apart_from(struct apart *a, int cpu);

#endif
