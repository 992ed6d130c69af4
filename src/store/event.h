/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events: what happened to an object, for people. Each becomes an Event object (core/v1), written lazily, so that an idle
 * disk stays idle; the newest EVENT_KEEP are kept, whatever their age. One that comes again raises the count of the first.
 */
#ifndef PODFS_STORE_EVENT_H
#define PODFS_STORE_EVENT_H

#include <stdarg.h>

#include "store/registry.h"

enum event_type { EVENT_NORMAL, EVENT_WARNING };

enum {
	EVENT_KEEP = 5000,
	EVENT_BURST = 25,	 /* of one object, then one every 5 minutes: client-go's EventSourceObjectSpamFilter */
};

/*
 * Records an event about an object. `component` is the reporter ("scheduler", "deployment-controller", "node"),
 * `reason` Kubernetes' own word ("ScalingReplicaSet"). Never waits, may be called from any thread, failure is ignored:
 * events are advice. Repeats beyond the burst are dropped.
 */
void event_record(struct registry *r, const char *component, const struct object *about, enum event_type type,
		  const char *reason, const char *fmt, ...) __attribute__((format(printf, 6, 7)));
/* The same for who has taken such arguments itself. */
void event_record_args(struct registry *r, const char *component, const struct object *about, enum event_type type,
		       const char *reason, const char *fmt, va_list ap) __attribute__((format(printf, 6, 0)));

/* One line for an Event object, as the events files show it, ended by a newline:
 *   2026-01-02T15:04:05Z Normal ScalingReplicaSet deployments/web: Scaled up replica set web-7d4b9c to 3 */
void event_format_line(const struct object *event, struct buf *out);

#endif
