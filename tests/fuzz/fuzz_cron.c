/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input: a schedule, a NUL, and a file of the zone database. Each activation is after the one before, on a whole
 * second, and on a minute that the schedule has.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "value/cron.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size ? memchr(data, 0, size) : NULL;
	size_t len = end ? (size_t)(end - data) : size;
	_cleanup_zone_ struct zone *zone = NULL;
	int64_t t = INT64_C(1700000000) * NSEC_PER_SEC, next;
	struct cron c;

	if (cron_parse((const char *)data, len, &c, NULL) < 0)
		return 0;
	if (end)
		(void)zone_parse(end + 1, size - len - 1, &zone);
	for (int i = 0; i < 8 && cron_next(&c, zone, t, &next); i++) {
		int64_t local = next / NSEC_PER_SEC + zone_offset(zone, next / NSEC_PER_SEC);

		if (next <= t || next % NSEC_PER_SEC)
			abort();
		if (!c.every && !(c.minute >> (((local / 60) % 60 + 60) % 60) & 1))
			abort();
		t = next;
	}
	return 0;
}
