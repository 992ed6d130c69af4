/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t read_clock(clockid_t id)
{
	struct timespec ts;

	(void)clock_gettime(id, &ts); /* cannot fail for these two clocks */
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

int64_t clock_realtime(void)
{
	return read_clock(CLOCK_REALTIME);
}

int64_t clock_monotonic(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

/* Splits t into whole seconds, rounded down, and the nanoseconds beyond them. */
static struct tm split(int64_t t, long *ret_nsec)
{
	time_t sec = t / NSEC_PER_SEC;
	long nsec = t % NSEC_PER_SEC;
	struct tm tm;

	if (nsec < 0) {
		sec--;
		nsec += NSEC_PER_SEC;
	}
	(void)gmtime_r(&sec, &tm); /* cannot fail: an int64_t of nanoseconds spans years 1677 to 2262 */
	*ret_nsec = nsec;
	return tm;
}

char *clock_format_rfc3339(int64_t t, char out[static CLOCK_RFC3339_SIZE])
{
	long nsec;
	struct tm tm = split(t, &nsec);

	(void)strftime(out, CLOCK_RFC3339_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return out;
}

char *clock_format_rfc3339nano(int64_t t, char out[static CLOCK_RFC3339NANO_SIZE])
{
	long nsec;
	struct tm tm = split(t, &nsec);
	size_t n = strftime(out, CLOCK_RFC3339NANO_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);

	(void)snprintf(out + n, CLOCK_RFC3339NANO_SIZE - n, ".%09ldZ", nsec);
	return out;
}

/* Reads ".digits" into nanoseconds; returns what follows. */
static const char *parse_fraction(const char *s, long *ret_nsec)
{
	long scale = NSEC_PER_SEC / 10;

	*ret_nsec = 0;
	if (*s != '.')
		return s;
	if (s[1] < '0' || s[1] > '9')
		return NULL;
	for (s++; *s >= '0' && *s <= '9'; s++, scale /= 10)
		*ret_nsec += (*s - '0') * scale;
	return s;
}

/* Reads "Z" or "+hh:mm" at the end into seconds east of UTC. */
static int parse_offset(const char *s, long *ret_east)
{
	int h, m, end = 0;

	*ret_east = 0;
	if ((*s == 'Z' || *s == 'z') && !s[1])
		return 0;
	if ((*s != '+' && *s != '-') || sscanf(s + 1, "%2d:%2d%n", &h, &m, &end) != 2 || end != 5 || s[6])
		return -EINVAL;
	if (h > 23 || m > 59)
		return -EINVAL;
	*ret_east = (h * 3600L + m * 60L) * (*s == '-' ? -1 : 1);
	return 0;
}

/* Days from 1970-01-01 to a date of the Gregorian calendar, counted in years that begin in March. */
static int64_t days_to(int64_t year, int month, int day)
{
	int64_t y = month > 2 ? year : year - 1, m = month > 2 ? month - 3 : month + 9;

	return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

/* The form that every object has, "2006-01-02T15:04:05Z", which whole lists are read by. */
static bool parse_plain(const char *s, int64_t *ret_t)
{
	static const char form[] = "0000-00-00T00:00:00Z";
	static const unsigned char at[] = { 0, 5, 8, 11, 14, 17, 20 }; /* where the parts begin, and the end */
	int v[6] = { 0 };

	for (size_t i = 0, part = 0; i < sizeof(form); i++) {
		part += i == at[part + 1];
		if (form[i] == '0' ? s[i] < '0' || s[i] > '9' : s[i] != form[i])
			return false;
		if (form[i] == '0')
			v[part] = 10 * v[part] + s[i] - '0';
	}
	if (v[0] < 1678 || v[0] > 2261 || v[1] < 1 || v[1] > 12 || v[2] < 1 || v[2] > 31 || v[3] > 23 || v[4] > 59 || v[5] > 59)
		return false;
	*ret_t = (days_to(v[0], v[1], v[2]) * 86400 + v[3] * 3600 + v[4] * 60 + v[5]) * NSEC_PER_SEC;
	return true;
}

int clock_parse_rfc3339(const char *s, int64_t *ret_t)
{
	struct tm tm = { 0 };
	long nsec, east;
	const char *rest;

	if (parse_plain(s, ret_t))
		return 0;
	rest = strptime(s, "%Y-%m-%d", &tm);
	if (!rest || (*rest != 'T' && *rest != 't'))
		return -EINVAL;
	rest = strptime(rest + 1, "%H:%M:%S", &tm);
	rest = rest ? parse_fraction(rest, &nsec) : NULL;
	if (!rest || parse_offset(rest, &east) < 0 || tm.tm_year < 1678 - 1900 || tm.tm_year > 2261 - 1900)
		return -EINVAL;
	*ret_t = ((int64_t)timegm(&tm) - east) * NSEC_PER_SEC + nsec;
	return 0;
}
