/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schedules of CronJobs: five fields, the macros (@hourly …) and @every, and when they are next due. The grammar, the
 * words of its errors and what happens when clocks change are those of the parser that Kubernetes uses
 * (K8S:vendor/github.com/robfig/cron/v3): Sunday is 0 only, "?" is "*", names are in any case, a step after a single
 * number runs to the end of the field.
 */
#ifndef PODFS_VALUE_CRON_H
#define PODFS_VALUE_CRON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/zone.h"

/* Plain data: may be copied. */
struct cron {
	uint64_t minute, hour, dom, month, dow; /* a bit a value */
	bool dom_any, dow_any;			/* written with a star: then both days must match, else either */
	int64_t every;				/* seconds of @every; 0: by the fields */
};

/* -EINVAL with the reason in err, as it goes after "Invalid value: …: ". */
int cron_parse(const char *s, size_t len, struct cron *ret, struct error *err);

/*
 * The first activation after `after` on the clocks of that zone (NULL: UTC). Times are in nanoseconds since 1970. False
 * when there is none within five years, as for 30 February.
 * A time of day that the clocks skip is left out on that day; one that they show twice is due twice.
 */
bool cron_next(const struct cron *c, const struct zone *zone, int64_t after, int64_t *ret);

#endif
