/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits and grammars are those of Kubernetes' apimachinery/pkg/util/validation.
 */
#include "schema/format.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "value/names.h"

enum { SYSCTL_MAX = 253, KEY_MAX = 512 };

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_lower_alnum(char c)
{
	return is_lower(c) || is_digit(c);
}

static bool is_alnum(char c)
{
	return is_lower(c) || is_upper(c) || is_digit(c);
}

/* Names are checked as C strings. */
static const char *checked(const char *(*check)(const char *), const char *s, size_t len)
{
	return memchr(s, 0, len) ? "must not contain NUL" : check(s);
}

const char *format_dns_label(const char *s, size_t len)
{
	const char *why = checked(name_check_label, s, len);

	if (why && len <= NAME_LABEL_MAX && memchr(s, '.', len))
		why = "must not contain dots: a lowercase RFC 1123 label has lower case letters, digits and '-' only";
	return why;
}

const char *format_dns_1035_label(const char *s, size_t len)
{
	return checked(name_check_label_1035, s, len);
}

const char *format_dns_subdomain(const char *s, size_t len)
{
	return checked(name_check_subdomain, s, len);
}

const char *format_qualified_name(const char *s, size_t len)
{
	return checked(name_check_key, s, len);
}

const char *format_annotation_key(const char *s, size_t len)
{
	char lower[KEY_MAX];

	if (len >= sizeof(lower))
		return "must be no more than 317 bytes: a prefix of 253, a '/' and a name of 63";
	for (size_t i = 0; i < len; i++)
		lower[i] = is_upper(s[i]) ? (char)(s[i] - 'A' + 'a') : s[i];
	lower[len] = 0;
	return checked(name_check_key, lower, len);
}

const char *format_label_value(const char *s, size_t len)
{
	return checked(name_check_label_value, s, len);
}

const char *format_port_name(const char *s, size_t len)
{
	return len ? checked(name_check_port, s, len) : "must be non-empty";
}

const char *format_config_key(const char *s, size_t len)
{
	return checked(name_check_config_key, s, len);
}

const char *format_env_name(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] < 0x20 || s[i] > 0x7e || s[i] == '=')
			return "an environment variable name must consist of printable ASCII characters other than '='";
	return NULL;
}

const char *format_http_header(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!is_alnum(s[i]) && s[i] != '-')
			return "an HTTP header name must consist of letters, digits or '-' (X-Header-Name)";
	return NULL;
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

const char *format_image(const char *s, size_t len)
{
	if (len && (is_space(s[0]) || is_space(s[len - 1])))
		return "must not have leading or trailing whitespace";
	if (memchr(s, 0, len))
		return "must not contain NUL";
	return NULL;
}

const char *format_ip(const char *s, size_t len)
{
	unsigned char address[sizeof(struct in6_addr)];

	if (strlen(s) == len && (inet_pton(AF_INET, s, address) == 1 || inet_pton(AF_INET6, s, address) == 1))
		return NULL;
	return "must be a valid IP address (10.9.8.7 or 2001:db8::ffff)";
}

const char *format_cidr(const char *s, size_t len)
{
	static const char why[] = "must be a valid CIDR value (10.9.8.0/24 or 2001:db8::/64)";
	const char *slash = memchr(s, '/', len);
	char address[INET6_ADDRSTRLEN];
	size_t n = slash ? (size_t)(slash - s) : 0, digits = slash ? len - n - 1 : 0;
	long bits;

	if (!n || n >= sizeof(address) || digits < 1 || digits > 3 || strspn(slash + 1, "0123456789") != digits)
		return why;
	memcpy(address, s, n);
	address[n] = 0;
	bits = strtol(slash + 1, NULL, 10);
	return format_ip(address, n) || bits > (memchr(s, ':', n) ? 128 : 32) ? why : NULL;
}

const char *format_sysctl(const char *s, size_t len)
{
	if (len > SYSCTL_MAX)
		return "must be no more than 253 characters";
	for (size_t i = 0; i < len; i++) {
		bool edge = i == 0 || i == len - 1 || strchr("./", s[i - 1]) || strchr("./", s[i + 1]);

		if (!s[i] || (!is_lower_alnum(s[i]) && (edge || !strchr("-_./", s[i]))))
			return "must consist of lower case letters, digits, '-' or '_', in parts joined by '.' or '/'";
	}
	return NULL;
}

const char *format_no_dotdot(const char *s, size_t len)
{
	const char *end = s + len;

	if (memchr(s, 0, len))
		return "must not contain NUL";
	while (s <= end) {
		const char *slash = memchr(s, '/', (size_t)(end - s));
		const char *stop = slash ? slash : end;

		if (stop - s == 2 && s[0] == '.' && s[1] == '.')
			return "must not contain '..'";
		s = stop + 1;
	}
	return NULL;
}

const char *format_local_path(const char *s, size_t len)
{
	if (len && s[0] == '/')
		return "must be a relative path";
	return format_no_dotdot(s, len);
}

const char *format_local_nonreserved_path(const char *s, size_t len)
{
	const char *why = format_local_path(s, len);

	if (!why && len >= 2 && s[0] == '.' && s[1] == '.')
		why = "must not start with '..'";
	return why;
}

/* Two digits within bounds; -1 if not. */
static int two_digits(const char *s, int max)
{
	int n;

	if (!is_digit(s[0]) || !is_digit(s[1]))
		return -1;
	n = (s[0] - '0') * 10 + s[1] - '0';
	return n <= max ? n : -1;
}

static bool is_zone(const char *s, size_t len)
{
	if (len == 1 && s[0] == 'Z')
		return true;
	return len == 6 && (s[0] == '+' || s[0] == '-') && two_digits(s + 1, 23) >= 0 && s[3] == ':' &&
	       two_digits(s + 4, 59) >= 0;
}

static int days_in_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
		return 29;
	return days[month - 1];
}

const char *format_time(const char *s, size_t len)
{
	static const char why[] = "must be a time as of RFC 3339 (2006-01-02T15:04:05Z)";
	int century, year, month, day;
	size_t i = 19;

	if (len < 20 || s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':')
		return why;
	century = two_digits(s, 99);
	year = two_digits(s + 2, 99);
	month = two_digits(s + 5, 12);
	day = two_digits(s + 8, 31);
	if (century < 0 || year < 0 || month < 1 || day < 1 || day > days_in_month(century * 100 + year, month))
		return why;
	if (two_digits(s + 11, 23) < 0 || two_digits(s + 14, 59) < 0 || two_digits(s + 17, 59) < 0)
		return why;
	if (s[i] == '.') {
		size_t first = ++i;

		while (i < len && is_digit(s[i]))
			i++;
		if (i == first)
			return why;
	}
	return is_zone(s + i, len - i) ? NULL : why;
}

static int base64_digit(char c)
{
	if (is_upper(c))
		return c - 'A';
	if (is_lower(c))
		return c - 'a' + 26;
	if (is_digit(c))
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

const char *format_base64(const char *s, size_t len)
{
	static const char why[] = "must be base64 text (echo -n value | base64)";
	size_t digits = 0, padding = 0;

	for (size_t i = 0; i < len; i++) {
		if (s[i] == '\n' || s[i] == '\r')
			continue;
		if (s[i] == '=')
			padding++;
		else if (base64_digit(s[i]) < 0 || padding)
			return why;
		else
			digits++;
	}
	if ((digits + padding) % 4 != 0)
		return "must be base64 text: its length, padding included, must be a multiple of 4";
	return padding > 2 || (padding && digits % 4 == 1) ? why : NULL;
}

size_t format_base64_size(const char *s, size_t len)
{
	size_t digits = 0;

	for (size_t i = 0; i < len; i++)
		if (base64_digit(s[i]) >= 0)
			digits++;
	return digits * 3 / 4;
}
