/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log files of pods that are gone: kept in LOGS/.gone/NAMESPACE_POD_UID for GONELOGS_KEEP, where the mount's logs/gone
 * shows them. Of the cleaner's thread.
 */
#ifndef PODFS_NODE_GONELOGS_H
#define PODFS_NODE_GONELOGS_H

#include <stdint.h>

#include "base/clock.h"

#define GONELOGS_KEEP (24 * INT64_C(3600) * NSEC_PER_SEC)
enum { GONELOGS_MAX = 1000 }; /* pods; beyond them the first to go is the oldest */

struct gonelogs {
	char *dir;    /* owned: LOGS/.gone */
	int64_t next; /* real time at which the oldest is due, ns; INT64_MAX: never */
	unsigned n;
};

/* -ENOMEM. Looks at nothing yet. */
int gonelogs_init(struct gonelogs *g, const char *log_dir);
void gonelogs_clear(struct gonelogs *g);

/* Takes a pod's directory over; one without a file is removed. */
void gonelogs_add(struct gonelogs *g, const char *pod_dir, int64_t now);
/* Removes all. */
void gonelogs_drop(struct gonelogs *g);
/* Removes what is due, and finds out what will be next. */
void gonelogs_expire(struct gonelogs *g, int64_t now);

#endif
