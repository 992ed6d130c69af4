/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time zones of the system's database (RFC 9636, /usr/share/zoneinfo), for schedules: the C library knows one zone a
 * process, and a daemon may not change its environment. A zone is read once and then constant: any thread may use it.
 */
#ifndef PODFS_BASE_ZONE_H
#define PODFS_BASE_ZONE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"

struct zone;

/*
 * Reads a zone by its name ("Europe/Berlin"); "UTC" needs no database. -EINVAL for a name that is none (empty, "..",
 * absolute), -ENOENT when the database has none of that name, -EBADMSG for a file that is no zone, else the error of
 * reading it.
 */
int zone_load(const char *name, struct zone **ret);
/* As above from the bytes of a file. -EBADMSG, -ENOMEM. */
int zone_parse(const void *data, size_t len, struct zone **ret);
void zone_free(struct zone *z);
static inline void zone_freep(struct zone **z)
{
	zone_free(*z);
}
#define _cleanup_zone_ _cleanup_(zone_freep)

/* What is to be added to UTC at that time (seconds since 1970) for the time on the zone's clocks. NULL: UTC, 0. */
int32_t zone_offset(const struct zone *z, int64_t utc);

/*
 * The time at which the zone's clocks show `local` (as seconds since 1970, were it UTC). Of a time that they show twice
 * it gives one of the two; for one that they skip, a time as far from the change as the skipped one is.
 */
int64_t zone_to_utc(const struct zone *z, int64_t local);

#endif
