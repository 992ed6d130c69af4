/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file is a list of changes with their offsets, and a rule in POSIX's TZ notation for the time after the last.
 */
#include "base/zone.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	FILE_MAX = 256 * 1024, /* the largest zone of the database has 4 KiB */
	HEADER_SIZE = 44,
	TYPE_SIZE = 6,
	DAY = 86400,
	OFFSET_MAX = 26 * 3600, /* RFC 9636: offsets are within -25 to 26 hours */
};

static const char directory[] = "/usr/share/zoneinfo/";

/* The day of a year on which the rule changes the clocks, and when on it. */
struct change {
	char kind; /* 'M': week and weekday of a month, 'J': day 1 to 365 without 29 February, 0: day 0 to 365 */
	int month, week, day;
	int32_t time; /* seconds after midnight on the clocks before the change */
};

struct rule {
	bool present, has_dst;
	int32_t standard, dst; /* offsets */
	struct change begin, end;
};

struct zone {
	size_t n;
	int64_t *times;	  /* of the changes, ascending */
	int32_t *offsets; /* after each of them */
	int32_t first;	  /* before the first of them */
	struct rule rule;
};

/* --- the calendar: days since 1970 of the proleptic Gregorian calendar --- */

static int64_t days_of_year(int64_t year)
{
	int64_t y = year - 1;

	return 365 * y + y / 4 - y / 100 + y / 400 - 719162;
}

static bool is_leap(int64_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int64_t year_of(int64_t seconds)
{
	int64_t days = seconds / DAY - (seconds % DAY < 0);
	int64_t year = 1970 + days / 366; /* at or before the right one, after 1970 */

	while (days_of_year(year + 1) <= days)
		year++;
	while (days_of_year(year) > days)
		year--;
	return year;
}

static int month_start(int month, bool leap)
{
	static const int starts[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365 };

	return starts[month - 1] + (leap && month > 2);
}

/* The local second at which a change of that year happens. */
static int64_t change_time(const struct change *c, int64_t year)
{
	bool leap = is_leap(year);
	int64_t day = days_of_year(year);
	int first, length;

	if (c->kind == 'J') {
		day += c->day - 1 + (leap && c->day >= 60);
	} else if (c->kind != 'M') {
		day += c->day;
	} else {
		length = month_start(c->month + 1, leap) - month_start(c->month, leap);
		day += month_start(c->month, leap);
		first = (int)(((c->day - (day + 4)) % 7 + 7) % 7); /* 1 January 1970 was a Thursday */
		while (first + 7 * (c->week - 1) >= length)
			first -= 7;
		day += first + 7 * (c->week - 1);
	}
	return day * DAY + c->time;
}

static int32_t rule_offset(const struct rule *r, int64_t utc)
{
	int64_t year, begin, end;

	if (!r->has_dst)
		return r->standard;
	year = year_of(utc + r->standard);
	begin = change_time(&r->begin, year) - r->standard;
	end = change_time(&r->end, year) - r->dst;
	if (begin < end)
		return utc >= begin && utc < end ? r->dst : r->standard;
	return utc >= end && utc < begin ? r->standard : r->dst;
}

int32_t zone_offset(const struct zone *z, int64_t utc)
{
	size_t lo = 0, hi;

	if (!z)
		return 0;
	if (z->rule.present && (!z->n || utc >= z->times[z->n - 1]))
		return rule_offset(&z->rule, utc);
	for (hi = z->n; lo < hi;) {
		size_t mid = lo + (hi - lo) / 2;

		if (z->times[mid] <= utc)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? z->offsets[lo - 1] : z->first;
}

int64_t zone_to_utc(const struct zone *z, int64_t local)
{
	int32_t guess = zone_offset(z, local);

	return local - zone_offset(z, local - guess);
}

/* --- POSIX's TZ notation --- */

static bool skip_name(const char **p)
{
	const char *s = *p;

	if (*s == '<') {
		s += strcspn(s, ">");
		if (*s != '>')
			return false;
		*p = s + 1;
		return true;
	}
	while ((*s >= 'A' && *s <= 'Z') || (*s >= 'a' && *s <= 'z'))
		s++;
	if (s - *p < 3)
		return false;
	*p = s;
	return true;
}

static bool read_number(const char **p, int max, int *ret)
{
	const char *s = *p;
	int n = 0;

	while (*s >= '0' && *s <= '9' && s - *p < 4)
		n = n * 10 + *s++ - '0';
	if (s == *p || n > max)
		return false;
	*p = s;
	*ret = n;
	return true;
}

/* [+-]hh[:mm[:ss]] */
static bool read_time(const char **p, int32_t *ret)
{
	int h, m = 0, s = 0, sign = 1;

	if (**p == '+' || **p == '-')
		sign = *(*p)++ == '-' ? -1 : 1;
	if (!read_number(p, 167, &h))
		return false;
	if (**p == ':') {
		++*p;
		if (!read_number(p, 59, &m))
			return false;
	}
	if (**p == ':') {
		++*p;
		if (!read_number(p, 59, &s))
			return false;
	}
	*ret = sign * (h * 3600 + m * 60 + s);
	return true;
}

static bool read_change(const char **p, struct change *c)
{
	c->time = 2 * 3600;
	c->kind = 0;
	if (*(*p)++ != ',')
		return false;
	if (**p == 'M' || **p == 'J')
		c->kind = *(*p)++;
	if (c->kind == 'M') {
		if (!read_number(p, 12, &c->month) || c->month < 1 || *(*p)++ != '.')
			return false;
		if (!read_number(p, 5, &c->week) || c->week < 1 || *(*p)++ != '.' || !read_number(p, 6, &c->day))
			return false;
	} else if (!read_number(p, 365, &c->day) || (c->kind == 'J' && c->day < 1)) {
		return false;
	}
	if (**p != '/')
		return true;
	++*p;
	return read_time(p, &c->time);
}

/* "CET-1CEST,M3.5.0,M10.5.0/3"; offsets in it are west of Greenwich. An empty text: there is no rule. */
static bool read_rule(const char *s, struct rule *r)
{
	if (!*s)
		return true;
	if (!skip_name(&s) || !read_time(&s, &r->standard))
		return false;
	r->standard = -r->standard;
	r->present = true;
	if (!*s)
		return true;
	r->has_dst = true;
	r->dst = r->standard + 3600;
	if (!skip_name(&s))
		return false;
	if (*s && *s != ',') {
		if (!read_time(&s, &r->dst))
			return false;
		r->dst = -r->dst;
	}
	return read_change(&s, &r->begin) && read_change(&s, &r->end) && !*s;
}

/* --- the file --- */

static uint32_t be32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t be64(const unsigned char *p)
{
	return (int64_t)((uint64_t)be32(p) << 32 | be32(p + 4));
}

struct header {
	char version;
	size_t times, types, chars, leaps, standards, uts;
};

static bool read_header(const unsigned char *p, size_t len, struct header *h)
{
	if (len < HEADER_SIZE || memcmp(p, "TZif", 4) != 0)
		return false;
	h->version = (char)p[4];
	h->uts = be32(p + 20);
	h->standards = be32(p + 24);
	h->leaps = be32(p + 28);
	h->times = be32(p + 32);
	h->types = be32(p + 36);
	h->chars = be32(p + 40);
	return h->uts <= FILE_MAX && h->standards <= FILE_MAX && h->leaps <= FILE_MAX && h->times <= FILE_MAX &&
	       h->types && h->types <= 256 && h->chars <= FILE_MAX;
}

/* Bytes of what follows a header whose times have that many bytes. */
static size_t body_size(const struct header *h, size_t width)
{
	return h->times * width + h->times + h->types * TYPE_SIZE + h->chars + h->leaps * (width + 4) + h->standards +
	       h->uts;
}

static int read_times(struct zone *z, const struct header *h, const unsigned char *p)
{
	const unsigned char *index = p + h->times * 8, *types = index + h->times;

	z->n = h->times;
	z->times = calloc(z->n + 1, sizeof(*z->times));
	z->offsets = calloc(z->n + 1, sizeof(*z->offsets));
	if (!z->times || !z->offsets)
		return -ENOMEM;
	for (size_t i = 0; i < h->types; i++) {
		int32_t offset = (int32_t)be32(types + i * TYPE_SIZE);

		if (offset < -OFFSET_MAX || offset > OFFSET_MAX)
			return -EBADMSG;
	}
	z->first = (int32_t)be32(types);
	for (size_t i = 0; i < z->n; i++) {
		z->times[i] = be64(p + i * 8);
		if (index[i] >= h->types || (i && z->times[i] <= z->times[i - 1]))
			return -EBADMSG;
		z->offsets[i] = (int32_t)be32(types + index[i] * TYPE_SIZE);
	}
	return 0;
}

static int parse(struct zone *z, const unsigned char *p, size_t len)
{
	char footer[128] = "";
	struct header h;
	size_t skip, n;
	int r;

	if (!read_header(p, len, &h) || h.version < '2')
		return -EBADMSG;
	skip = HEADER_SIZE + body_size(&h, 4);
	if (skip > len || !read_header(p + skip, len - skip, &h))
		return -EBADMSG;
	p += skip + HEADER_SIZE;
	len -= skip + HEADER_SIZE;
	skip = body_size(&h, 8);
	if (skip + 2 > len)
		return -EBADMSG;
	r = read_times(z, &h, p);
	if (r < 0)
		return r;
	p += skip;
	len -= skip;
	n = len - 2;
	if (p[0] != '\n' || p[len - 1] != '\n' || n >= sizeof(footer) || memchr(p + 1, 0, n))
		return -EBADMSG;
	memcpy(footer, p + 1, n);
	return read_rule(footer, &z->rule) ? 0 : -EBADMSG;
}

int zone_parse(const void *data, size_t len, struct zone **ret)
{
	struct zone *z = calloc(1, sizeof(*z));
	int r = z ? parse(z, data, len) : -ENOMEM;

	if (r < 0)
		zone_free(z);
	else
		*ret = z;
	return r;
}

void zone_free(struct zone *z)
{
	if (!z)
		return;
	free(z->times);
	free(z->offsets);
	free(z);
}

static bool is_name(const char *name)
{
	if (!*name || *name == '/' || strlen(name) > 255)
		return false;
	return strcmp(name, "..") != 0 && strncmp(name, "../", 3) != 0 && !strstr(name, "/../") &&
	       !(strlen(name) > 2 && strcmp(name + strlen(name) - 3, "/..") == 0);
}

int zone_load(const char *name, struct zone **ret)
{
	_cleanup_free_ unsigned char *data = NULL;
	_cleanup_close_ int fd = -1;
	char path[sizeof(directory) + 256];
	struct stat st;
	ssize_t n;

	if (!is_name(name))
		return -EINVAL;
	if (strcmp(name, "UTC") == 0) {
		*ret = calloc(1, sizeof(**ret));
		return *ret ? 0 : -ENOMEM;
	}
	(void)stpcpy(stpcpy(path, directory), name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0)
		return errno == ENOTDIR ? -ENOENT : -errno;
	if (!S_ISREG(st.st_mode) || st.st_size < HEADER_SIZE || st.st_size > FILE_MAX)
		return -EBADMSG;
	data = malloc((size_t)st.st_size);
	if (!data)
		return -ENOMEM;
	n = read(fd, data, (size_t)st.st_size);
	if (n < 0)
		return -errno;
	return zone_parse(data, (size_t)n, ret);
}
