/* SPDX-License-Identifier: Apache-2.0 */
#include "value/cron.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"

enum { FIELDS = 5, HOUR = 3600, DAY = 86400, YEARS_AHEAD = 5 };

struct bounds {
	unsigned min, max;
	const char *const *names; /* of min and up; NULL-terminated */
};

static const char *const month_names[] = { "jan", "feb", "mar", "apr", "may", "jun",
					   "jul", "aug", "sep", "oct", "nov", "dec", NULL };
static const char *const day_names[] = { "sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL };

static const struct bounds bounds[FIELDS] = {
	{ 0, 59, NULL }, { 0, 23, NULL }, { 1, 31, NULL }, { 1, 12, month_names }, { 0, 6, day_names },
};

/* A part of the text. */
struct part {
	const char *s;
	size_t len;
};

#define PART(p) (int)((p).len > 100 ? 100 : (p).len), (p).s

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Cuts what is before the next `sep` from the front of *rest; *ret_more is false when that was the last. */
static struct part cut(struct part *rest, char sep, bool *ret_more)
{
	const char *end = memchr(rest->s, sep, rest->len);
	struct part p = { rest->s, end ? (size_t)(end - rest->s) : rest->len };

	*ret_more = end != NULL;
	rest->s += p.len + (end != NULL);
	rest->len -= p.len + (end != NULL);
	return p;
}

static int parse_int(struct part p, unsigned *ret, struct error *err)
{
	size_t i = p.len && (*p.s == '-' || *p.s == '+');
	int64_t n = 0;
	bool digits = i < p.len;

	for (size_t k = i; k < p.len; k++) {
		if (p.s[k] < '0' || p.s[k] > '9')
			digits = false;
		else if (n < INT32_MAX)
			n = n * 10 + p.s[k] - '0';
	}
	if (!digits)
		return error_set(err, -EINVAL, "failed to parse int from %.*s: strconv.Atoi: parsing \"%.*s\": invalid syntax",
				 PART(p), PART(p));
	if (*p.s == '-' && n)
		return error_set(err, -EINVAL, "negative number (-%lld) not allowed: %.*s", (long long)n, PART(p));
	*ret = n > INT32_MAX ? INT32_MAX : (unsigned)n;
	return 0;
}

static int parse_int_or_name(struct part p, const struct bounds *b, unsigned *ret, struct error *err)
{
	for (unsigned i = 0; b->names && b->names[i]; i++) {
		if (p.len != strlen(b->names[i]) || strncasecmp(p.s, b->names[i], p.len) != 0)
			continue;
		*ret = b->min + i;
		return 0;
	}
	return parse_int(p, ret, err);
}

static int check_range(struct part expr, unsigned start, unsigned end, unsigned step, const struct bounds *b,
		       struct error *err)
{
	if (start < b->min)
		return error_set(err, -EINVAL, "beginning of range (%u) below minimum (%u): %.*s", start, b->min, PART(expr));
	if (end > b->max)
		return error_set(err, -EINVAL, "end of range (%u) above maximum (%u): %.*s", end, b->max, PART(expr));
	if (start > end)
		return error_set(err, -EINVAL, "beginning of range (%u) beyond end of range (%u): %.*s", start, end,
				 PART(expr));
	if (!step)
		return error_set(err, -EINVAL, "step of range should be a positive number: %.*s", PART(expr));
	return 0;
}

/* What stands before a slash: "*", "N" or "N-M". */
static int parse_span(struct part span, struct part expr, const struct bounds *b, unsigned *ret_start, unsigned *ret_end,
		      bool *ret_star, bool *ret_single, struct error *err)
{
	bool more;
	struct part low = cut(&span, '-', &more);
	int r;

	*ret_single = !more;
	*ret_star = low.len == 1 && (*low.s == '*' || *low.s == '?');
	if (*ret_star) {
		*ret_start = b->min;
		*ret_end = b->max;
		return 0;
	}
	r = parse_int_or_name(low, b, ret_start, err);
	*ret_end = *ret_start;
	if (r < 0 || !more)
		return r;
	low = cut(&span, '-', &more);
	r = parse_int_or_name(low, b, ret_end, err);
	if (r == 0 && more)
		return error_set(err, -EINVAL, "too many hyphens: %.*s", PART(expr));
	return r;
}

static int parse_range(struct part expr, const struct bounds *b, uint64_t *bits, bool *any, struct error *err)
{
	struct part rest = expr;
	unsigned start = 0, end = 0, step = 1;
	bool more, star, single;
	struct part span = cut(&rest, '/', &more);
	int r = parse_span(span, expr, b, &start, &end, &star, &single, err);

	if (r == 0 && more) {
		struct part digits = cut(&rest, '/', &more);

		r = parse_int(digits, &step, err);
		if (r == 0 && more)
			r = error_set(err, -EINVAL, "too many slashes: %.*s", PART(expr));
		if (single)
			end = b->max;
	}
	if (r == 0)
		r = check_range(expr, start, end, step, b, err);
	if (r < 0)
		return r;
	for (uint64_t i = start; i <= end; i += step)
		*bits |= UINT64_C(1) << i;
	if (star && step == 1)
		*any = true;
	return 0;
}

static int parse_field(struct part field, const struct bounds *b, uint64_t *bits, bool *any, struct error *err)
{
	bool more = true;

	while (more) {
		struct part expr = cut(&field, ',', &more);
		int r = expr.len ? parse_range(expr, b, bits, any, err) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

/* --- @every --- */

/* The nanoseconds of a unit; 0 when it is none. */
static int64_t unit_of(struct part p)
{
	static const struct {
		const char *name;
		int64_t ns;
	} units[] = { { "ns", 1 },
		      { "us", 1000 },
		      { "\xc2\xb5s", 1000 },
		      { "\xce\xbcs", 1000 },
		      { "ms", 1000000 },
		      { "s", NSEC_PER_SEC },
		      { "m", 60 * NSEC_PER_SEC },
		      { "h", HOUR * NSEC_PER_SEC } };

	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (p.len == strlen(units[i].name) && memcmp(p.s, units[i].name, p.len) == 0)
			return units[i].ns;
	return 0;
}

/* Go's notation: "1h30m", "1.5h". Negative ones come out as 0. */
static int parse_duration(struct part p, int64_t *ret_ns, struct error *err)
{
	struct part all = p;
	double total = 0; /* a fraction of a second does not count in the end */
	bool negative = p.len && *p.s == '-';
	size_t i = p.len && (*p.s == '-' || *p.s == '+');

	if (p.len - i == 1 && p.s[i] == '0') {
		*ret_ns = 0;
		return 0;
	}
	if (i >= p.len)
		return error_set(err, -EINVAL, "failed to parse duration %.*s: time: invalid duration \"%.*s\"", PART(all),
				 PART(all));
	while (i < p.len) {
		double n = 0, scale = 1;
		bool point = false;
		size_t digits = 0, unit;
		int64_t ns;

		for (; i < p.len && ((p.s[i] >= '0' && p.s[i] <= '9') || (p.s[i] == '.' && !point)); i++) {
			if (p.s[i] == '.') {
				point = true;
				continue;
			}
			digits++;
			if (point)
				n += (p.s[i] - '0') * (scale /= 10);
			else
				n = n * 10 + (p.s[i] - '0');
		}
		for (unit = i; i < p.len && p.s[i] != '.' && !(p.s[i] >= '0' && p.s[i] <= '9');)
			i++;
		ns = unit_of((struct part){ p.s + unit, i - unit });
		if (!digits)
			return error_set(err, -EINVAL, "failed to parse duration %.*s: time: invalid duration \"%.*s\"",
					 PART(all), PART(all));
		if (unit == i)
			return error_set(err, -EINVAL, "failed to parse duration %.*s: time: missing unit in duration \"%.*s\"",
					 PART(all), PART(all));
		if (!ns)
			return error_set(err, -EINVAL,
					 "failed to parse duration %.*s: time: unknown unit \"%.*s\" in duration \"%.*s\"",
					 PART(all), (int)(i - unit > 20 ? 20 : i - unit), p.s + unit, PART(all));
		total += n * (double)ns;
		if (total >= 0x1p63)
			return error_set(err, -EINVAL, "failed to parse duration %.*s: time: invalid duration \"%.*s\"",
					 PART(all), PART(all));
	}
	*ret_ns = negative ? 0 : (int64_t)total;
	return 0;
}

static int parse_macro(struct part p, struct cron *c, struct error *err)
{
	static const struct {
		const char *name;
		const char *fields;
	} macros[] = {
		{ "@yearly", "0 0 1 1 *" }, { "@annually", "0 0 1 1 *" }, { "@monthly", "0 0 1 * *" },
		{ "@weekly", "0 0 * * 0" }, { "@daily", "0 0 * * *" },	  { "@midnight", "0 0 * * *" },
		{ "@hourly", "0 * * * *" },
	};
	static const char every[] = "@every ";
	int64_t ns = 0;
	int r;

	for (size_t i = 0; i < sizeof(macros) / sizeof(*macros); i++)
		if (p.len == strlen(macros[i].name) && memcmp(p.s, macros[i].name, p.len) == 0)
			return cron_parse(macros[i].fields, strlen(macros[i].fields), c, err);
	if (p.len < sizeof(every) - 1 || memcmp(p.s, every, sizeof(every) - 1) != 0)
		return error_set(err, -EINVAL, "unrecognized descriptor: %.*s", PART(p));
	p.s += sizeof(every) - 1;
	p.len -= sizeof(every) - 1;
	r = parse_duration(p, &ns, err);
	if (r < 0)
		return r;
	c->every = ns < NSEC_PER_SEC ? 1 : ns / NSEC_PER_SEC;
	return 0;
}

int cron_parse(const char *s, size_t len, struct cron *ret, struct error *err)
{
	struct cron c = { 0 };
	uint64_t *bits[FIELDS] = { &c.minute, &c.hour, &c.dom, &c.month, &c.dow };
	struct part fields[FIELDS];
	bool any[FIELDS] = { false };
	size_t n = 0;
	int r = 0;

	if (!len)
		return error_set(err, -EINVAL, "empty spec string");
	if (*s == '@') {
		r = parse_macro((struct part){ s, len }, &c, err);
		if (r == 0)
			*ret = c;
		return r;
	}
	for (size_t i = 0; i < len;) {
		size_t begin;

		while (i < len && is_space(s[i]))
			i++;
		for (begin = i; i < len && !is_space(s[i]);)
			i++;
		if (begin == i)
			continue;
		if (n < FIELDS)
			fields[n] = (struct part){ s + begin, i - begin };
		n++;
	}
	if (n != FIELDS)
		return error_set(err, -EINVAL, "expected exactly 5 fields, found %zu: [%.*s]", n, PART(((struct part){ s, len })));
	for (size_t i = 0; i < FIELDS && r == 0; i++)
		r = parse_field(fields[i], &bounds[i], bits[i], &any[i], err);
	if (r < 0)
		return r;
	c.dom_any = any[2];
	c.dow_any = any[4];
	*ret = c;
	return 0;
}

/* --- activation --- */

struct civil {
	int64_t year;
	unsigned month, day, weekday; /* 1 to 12, 1 to 31, 0 (Sunday) to 6 */
	int64_t days;		      /* since 1970 */
	unsigned seconds;	      /* of the day */
};

/* Howard Hinnant's public-domain algorithm: years begin on 1 March, eras have 400 years. */
static struct civil civil_of(int64_t local)
{
	struct civil c = { .days = local / DAY - (local % DAY < 0) };
	int64_t z = c.days + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
	unsigned doe = (unsigned)(z - era * 146097);
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

	c.day = doy - (153 * mp + 2) / 5 + 1;
	c.month = mp < 10 ? mp + 3 : mp - 9;
	c.year = (int64_t)yoe + era * 400 + (c.month <= 2);
	c.weekday = (unsigned)(((c.days + 4) % 7 + 7) % 7);
	c.seconds = (unsigned)(local - c.days * DAY);
	return c;
}

static struct civil civil_at(const struct zone *zone, int64_t utc)
{
	return civil_of(utc + zone_offset(zone, utc));
}

/* When a day begins: at its midnight, or at its first moment where the clocks skip midnight. */
static int64_t day_start(const struct zone *zone, int64_t days)
{
	int64_t t = zone_to_utc(zone, days * DAY);

	while (civil_at(zone, t).days < days) /* put before the gap: the change is less than a day away */
		t += HOUR / 4 - (t % (HOUR / 4));
	return t;
}

static unsigned days_in_month(const struct civil *c)
{
	static const unsigned days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	if (c->month == 2 && c->year % 4 == 0 && (c->year % 100 != 0 || c->year % 400 == 0))
		return 29;
	return days[c->month - 1];
}

static bool is_set(uint64_t bits, unsigned i)
{
	return bits >> i & 1;
}

static bool day_matches(const struct cron *c, const struct civil *t)
{
	bool dom = is_set(c->dom, t->day), dow = is_set(c->dow, t->weekday);

	return c->dom_any || c->dow_any ? dom && dow : dom || dow;
}

/* False for a time beyond what nanoseconds reach, the year 2262. */
static bool in_nanoseconds(int64_t seconds, int64_t *ret)
{
	if (seconds > INT64_MAX / NSEC_PER_SEC)
		return false;
	*ret = seconds * NSEC_PER_SEC;
	return true;
}

bool cron_next(const struct cron *c, const struct zone *zone, int64_t after, int64_t *ret)
{
	int64_t t = after / NSEC_PER_SEC - (after % NSEC_PER_SEC < 0), last_year;

	if (c->every)
		return in_nanoseconds(t + c->every, ret);
	if (!c->minute || !c->hour || !c->month || !(c->dom || c->dow))
		return false;
	t++;
	if (t % 60)
		t += 60 - t % 60; /* offsets of our days are whole minutes */
	for (last_year = civil_at(zone, t).year + YEARS_AHEAD;;) {
		struct civil now = civil_at(zone, t);
		int64_t next;

		if (now.year > last_year)
			return false;
		if (!is_set(c->month, now.month))
			next = day_start(zone, now.days + days_in_month(&now) - now.day + 1);
		else if (!day_matches(c, &now))
			next = day_start(zone, now.days + 1);
		else if (!is_set(c->hour, now.seconds / HOUR))
			next = t + HOUR - now.seconds % HOUR;
		else if (!is_set(c->minute, now.seconds / 60 % 60))
			next = t + 60 - now.seconds % 60;
		else
			break;
		t = next > t ? next : t + 60; /* on through whatever a zone's file says */
	}
	return in_nanoseconds(t, ret);
}
