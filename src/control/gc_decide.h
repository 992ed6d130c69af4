/* SPDX-License-Identifier: Apache-2.0 */
/* What garbage collection does with one object: K8S:pkg/controller/garbagecollector, attemptToDeleteItem. Pure. */
#ifndef PODFS_CONTROL_GC_DECIDE_H
#define PODFS_CONTROL_GC_DECIDE_H

#include <stdbool.h>
#include <stddef.h>

enum gc_verdict {
	GC_KEEP,
	GC_STRIP,		 /* some owners are gone or going, others stay: take the former out of its references */
	GC_DELETE,		 /* no owner is left */
	GC_DELETE_FOREGROUND,	 /* its owner waits for it, and it has dependents of its own */
};

/* How many of an object's owners are there and stay; are gone; are there but wait for their dependents to go. */
struct gc_owners {
	size_t solid, dangling, waiting;
};

enum gc_verdict gc_decide(struct gc_owners owners, bool is_deleting, bool has_dependents);

#endif
