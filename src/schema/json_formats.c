/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts: K8S:apiextensions-apiserver/pkg/apiserver/validation/formats.go, kube-openapi/pkg/validation/strfmt; the
 * syntax of patterns is that of Go's regexp/syntax.
 */
#include "schema/json_formats.h"

#include <string.h>

#include "base/cleanup.h"
#include "schema/format.h"

/* --- characters by pattern: '0' a digit, 'x' a hexadecimal one, '-' one that may be left out, others themselves --- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static const char *digits(const char *s, unsigned n)
{
	for (; n; n--, s++)
		if (!is_digit(*s))
			return NULL;
	return s;
}

static int number(const char *s)
{
	return (s[0] - '0') * 10 + s[1] - '0';
}

/* --- numbers and addresses --- */

static bool is_uuid(const char *s, char version)
{
	static const unsigned char groups[] = { 8, 4, 4, 4, 12 };

	for (size_t g = 0; g < sizeof(groups); g++) {
		if (g && *s == '-')
			s++;
		if (version && g == 2 && *s != version)
			return false;
		if (g == 3 && (version == '4' || version == '5') && (!*s || !strchr("89abAB", *s)))
			return false;
		for (unsigned i = 0; i < groups[g]; i++, s++)
			if (!is_hex(*s))
				return false;
	}
	return !*s;
}

/* xx:xx:…, xx-xx-…, xxxx.xxxx.…: of 6, 8 or 20 bytes. */
static bool is_mac(const char *s)
{
	size_t len = strlen(s), step = len > 4 && s[4] == '.' ? 4 : 2;
	char sep = step == 4 ? '.' : len > 2 ? s[2] : 0;
	size_t bytes = (len + 1) / (step + 1) * (step / 2);

	if ((len + 1) % (step + 1) || (bytes != 6 && bytes != 8 && bytes != 20) || !sep || !strchr(":-.", sep))
		return false;
	for (size_t i = 0; i < len; i++)
		if (i % (step + 1) == step ? s[i] != sep : !is_hex(s[i]))
			return false;
	return true;
}

static bool is_ipv4(const char *s)
{
	return !format_ip(s, strlen(s)) && strchr(s, '.');
}

static bool is_ipv6(const char *s)
{
	return !format_ip(s, strlen(s)) && strchr(s, ':');
}

static bool is_cidr(const char *s)
{
	return !format_cidr(s, strlen(s));
}

/* --- times --- */

/* The end of "2006-01-02", NULL where it is none. */
static const char *date(const char *s)
{
	static const unsigned char days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	const char *end = digits(s, 4);
	int year, month, day;

	if (!end || *end != '-' || !digits(end + 1, 2) || end[3] != '-' || !digits(end + 4, 2))
		return NULL;
	year = number(s) * 100 + number(s + 2);
	month = number(end + 1);
	day = number(end + 4);
	if (month < 1 || month > 12 || day < 1 || day > days[month - 1] ||
	    (month == 2 && day == 29 && (year % 4 || (year % 100 == 0 && year % 400))))
		return NULL;
	return end + 6;
}

static bool is_date(const char *s)
{
	const char *end = date(s);

	return end && !*end;
}

static bool is_date_time(const char *s)
{
	const char *p = date(s);

	if (!p || (*p != 'T' && *p != 't') || !digits(p + 1, 2) || p[3] != ':' || !digits(p + 4, 2) || p[6] != ':' ||
	    !digits(p + 7, 2) || number(p + 1) > 23 || number(p + 4) > 59 || number(p + 7) > 59)
		return false;
	p += 9;
	if (*p == '.') {
		if (!is_digit(p[1]))
			return false;
		p += 1 + strspn(p + 1, "0123456789");
	}
	if (*p == 'Z' || *p == 'z')
		return !p[1];
	return (*p == '+' || *p == '-') && digits(p + 1, 2) && p[3] == ':' && digits(p + 4, 2) && !p[6];
}

/* "1h30m", "22 ns", "2 weeks" */
static bool is_duration(const char *s)
{
	static const char *const units[] = {
		"ns", "nano", "nanos", "nanosecond", "nanoseconds", "us", "\xc2\xb5s", "\xce\xbcs", "micro", "micros",
		"microsecond", "microseconds", "ms", "milli", "millis", "millisecond", "milliseconds", "s", "sec", "secs",
		"second", "seconds", "m", "min", "mins", "minute", "minutes", "h", "hr", "hrs", "hour", "hours", "d", "day",
		"days", "w", "wk", "wks", "week", "weeks",
	};

	s += *s == '-' || *s == '+';
	if (!strcmp(s, "0"))
		return true;
	if (!*s)
		return false;
	while (*s) {
		size_t n = strspn(s, "0123456789."), k = 0, len;

		if (!n)
			return false;
		s += n;
		s += strspn(s, " ");
		len = strcspn(s, "0123456789. -+");
		while (k < ARRAY_SIZE(units) && (strlen(units[k]) != len || strncasecmp(units[k], s, len) != 0))
			k++;
		if (k == ARRAY_SIZE(units))
			return false;
		s += len;
		s += strspn(s, " ");
	}
	return true;
}

/* --- names --- */

/* An absolute URI, or a path from the root. */
static bool is_uri(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");

	for (const char *p = s; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return false;
	if (*s == '/')
		return true;
	return n && s[n] == ':' && s[n + 1] && !strchr("0123456789+-.", *s);
}

/* [NAME <]LOCAL@DOMAIN[>] */
static bool is_email(const char *s)
{
	const char *open = strchr(s, '<'), *end = s + strlen(s), *at;

	if (open) {
		if (end == s || end[-1] != '>')
			return false;
		s = open + 1;
		end--;
	}
	at = end > s ? memrchr(s, '@', (size_t)(end - s)) : NULL;
	if (!at || at == s || at + 1 == end || end[-1] == '.' || at[1] == '.' || *s == '.')
		return false;
	for (const char *p = s; p < end; p++)
		if (strchr(*s == '"' && p < at ? "\n" : " \t\n<>(),;", *p))
			return false;
	return true;
}

static bool is_hostname(const char *s)
{
	size_t label = 0;

	if (!*s || strlen(s) > 255)
		return false;
	for (; *s; s++) {
		if (*s == '.') {
			if (!label || s[-1] == '-')
				return false;
			label = 0;
			continue;
		}
		if (!((unsigned char)*s >= 0x80 || is_digit(*s) || (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
		      (*s == '-' && label)) || ++label > 63)
			return false;
	}
	return label && s[-1] != '-';
}

static bool is_base64(const char *s)
{
	return !format_base64(s, strlen(s)) && !strpbrk(s, "\r\n ");
}

static bool is_hex_color(const char *s)
{
	size_t n = 0;

	s += *s == '#';
	while (is_hex(s[n]))
		n++;
	return !s[n] && (n == 3 || n == 6);
}

bool json_format_fits(const char *format, const char *s)
{
	static const struct {
		const char *name;
		bool (*fits)(const char *s);
	} known[] = {
		{ "byte", is_base64 }, { "cidr", is_cidr }, { "date", is_date }, { "date-time", is_date_time },
		{ "datetime", is_date_time }, { "duration", is_duration }, { "email", is_email },
		{ "hexcolor", is_hex_color }, { "hostname", is_hostname }, { "ipv4", is_ipv4 }, { "ipv6", is_ipv6 },
		{ "mac", is_mac }, { "uri", is_uri },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (!strcmp(format, known[i].name))
			return known[i].fits(s);
	if (!strncmp(format, "uuid", 4) && (!format[4] || (strchr("345", format[4]) && !format[5])))
		return is_uuid(s, format[4]);
	if (!strcmp(format, "k8s-short-name"))
		return !format_dns_label(s, strlen(s));
	if (!strcmp(format, "k8s-long-name"))
		return !format_dns_subdomain(s, strlen(s));
	return true;
}

/* --- patterns --- */

/* The end of a bracket expression that begins at p; NULL where it has none. */
static const char *bracket_end(const char *p)
{
	p += 1 + (p[1] == '^');
	p += *p == ']';
	for (; *p && *p != ']'; p++) {
		const char *close = *p == '[' && p[1] == ':' ? strstr(p + 2, ":]") : NULL;

		if (close)
			p = close + 1;
		else if (*p == '\\' && p[1])
			p++;
	}
	return *p ? p : NULL;
}

/* {n}, {n,} or {n,m}; Go takes other braces for themselves. */
static bool is_repeat(const char *p)
{
	size_t n = strspn(++p, "0123456789");

	if (!n)
		return false;
	p += n;
	if (*p == ',')
		p += 1 + strspn(p + 1, "0123456789");
	return *p == '}';
}

static const char *group_error(const char *p)
{
	if (p[1] != '?')
		return NULL;
	if (p[2] == 'P')
		return p[3] == '<' ? NULL : "error parsing regexp: invalid or unsupported Perl syntax: `(?P`";
	if (p[2] == '=' || p[2] == '!')
		return p[2] == '=' ? "error parsing regexp: invalid or unsupported Perl syntax: `(?=`" :
				     "error parsing regexp: invalid or unsupported Perl syntax: `(?!`";
	if (p[2] == '<' && (p[3] == '=' || p[3] == '!'))
		return "error parsing regexp: invalid or unsupported Perl syntax: `(?<`";
	return NULL;
}

const char *json_pattern_error(const char *pattern)
{
	bool can_repeat = false;
	unsigned depth = 0;

	for (const char *p = pattern; *p; p++) {
		if (*p == '\\') {
			if (!p[1])
				return "error parsing regexp: trailing backslash at end of expression: ``";
			if (p[1] >= '1' && p[1] <= '9')
				return "error parsing regexp: invalid escape sequence: a reference back to a group";
			if (p[1] == 'Q')
				return NULL;
			p++;
			if (strchr("xpP", *p) && p[1] == '{') /* the braces are the escape's own */
				p += strcspn(p, "}");
			if (!*p)
				return "error parsing regexp: invalid escape sequence";
			can_repeat = true;
		} else if (*p == '[') {
			p = bracket_end(p);
			if (!p)
				return "error parsing regexp: missing closing ]";
			can_repeat = true;
		} else if (*p == '(') {
			if (group_error(p))
				return group_error(p);
			can_repeat = false;
			if (p[1] == '?')
				p += 2 + strcspn(p + 2, ":>)");
			if (!*p)
				return "error parsing regexp: missing closing )";
			depth += *p != ')'; /* "(?i)" is no group */
		} else if (*p == ')') {
			if (!depth--)
				return "error parsing regexp: unexpected )";
			can_repeat = true;
		} else if (strchr("*+?", *p) || (*p == '{' && is_repeat(p))) {
			if (!can_repeat)
				return "error parsing regexp: missing argument to repetition operator";
			p += *p == '{' ? strcspn(p, "}") : 0;
			p += p[1] == '?';
			can_repeat = strchr("*+?", p[1]) == NULL || !p[1];
			if (!can_repeat)
				return "error parsing regexp: invalid nested repetition operator";
		} else {
			can_repeat = *p != '|';
		}
	}
	return depth ? "error parsing regexp: missing closing )" : NULL;
}
