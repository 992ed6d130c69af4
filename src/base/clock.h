/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time, in nanoseconds as int64_t: real time since 1970 UTC, monotonic time since boot. Controllers take `now` as a
 * parameter, so that tests can use a virtual clock; only top loops read these.
 */
#ifndef PODFS_BASE_CLOCK_H
#define PODFS_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define NSEC_PER_SEC INT64_C(1000000000)
#define NSEC_PER_MSEC INT64_C(1000000)

enum {
	CLOCK_RFC3339_SIZE = sizeof("2006-01-02T15:04:05Z") + 4, /* room for years past 9999 */
	CLOCK_RFC3339NANO_SIZE = sizeof("2006-01-02T15:04:05.000000000Z") + 4,
};

int64_t clock_realtime(void);
int64_t clock_monotonic(void);

/* Writes real time `t` as Kubernetes' metav1.Time does, RFC 3339 in UTC with whole seconds. Returns out. */
char *clock_format_rfc3339(int64_t t, char out[static CLOCK_RFC3339_SIZE]);

/* As above with nine digits of fraction, as the CRI log format and metav1.MicroTime readers expect. Returns out. */
char *clock_format_rfc3339nano(int64_t t, char out[static CLOCK_RFC3339NANO_SIZE]);

/* Parses an RFC 3339 time with any fraction and offset. -EINVAL if it is none. */
int clock_parse_rfc3339(const char *s, int64_t *ret_t);

#endif
