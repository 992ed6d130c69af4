/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits and grammars are those of Kubernetes' apimachinery/pkg/util/validation.
 */
#include "schema/format.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>

enum { LABEL_MAX = 63, SUBDOMAIN_MAX = 253, PORT_NAME_MAX = 15, SYSCTL_MAX = 253 };

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

/* Letters and digits of lower case and '-', neither first nor last a '-'. */
static bool is_dns_part(const char *s, size_t len)
{
	if (!len || !is_lower_alnum(s[0]) || !is_lower_alnum(s[len - 1]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_lower_alnum(s[i]) && s[i] != '-')
			return false;
	return true;
}

const char *format_dns_label(const char *s, size_t len)
{
	if (len > LABEL_MAX)
		return "must be no more than 63 characters";
	if (is_dns_part(s, len))
		return NULL;
	if (memchr(s, '.', len))
		return "must not contain dots: a lowercase RFC 1123 label has lower case letters, digits and '-' only";
	return "a lowercase RFC 1123 label must consist of lower case letters, digits or '-', and begin and end with a "
	       "letter or digit (my-name, 123-abc)";
}

const char *format_dns_1035_label(const char *s, size_t len)
{
	if (len > LABEL_MAX)
		return "must be no more than 63 characters";
	if (is_dns_part(s, len) && is_lower(s[0]))
		return NULL;
	return "a DNS-1035 label must consist of lower case letters, digits or '-', begin with a letter, and end with a "
	       "letter or digit (my-name, abc-123)";
}

static bool is_subdomain(const char *s, size_t len)
{
	for (;;) {
		const char *dot = memchr(s, '.', len);
		size_t part = dot ? (size_t)(dot - s) : len;

		if (!is_dns_part(s, part))
			return false;
		if (!dot)
			return true;
		s += part + 1;
		len -= part + 1;
	}
}

const char *format_dns_subdomain(const char *s, size_t len)
{
	if (len > SUBDOMAIN_MAX)
		return "must be no more than 253 characters";
	if (is_subdomain(s, len))
		return NULL;
	return "a lowercase RFC 1123 subdomain must consist of lower case letters, digits, '-' or '.', and begin and end "
	       "with a letter or digit (example.com)";
}

/* Letters, digits, '-', '_' and '.', a letter or digit at both ends. */
static bool is_name_part(const char *s, size_t len)
{
	if (!len || !is_alnum(s[0]) || !is_alnum(s[len - 1]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_alnum(s[i]) && !strchr("-_.", s[i]))
			return false;
	return memchr(s, 0, len) == NULL;
}

static const char *qualified_name(const char *s, size_t len, bool any_case)
{
	const char *slash = memchr(s, '/', len);

	if (slash) {
		size_t prefix = (size_t)(slash - s);
		char lower[SUBDOMAIN_MAX];

		if (!prefix)
			return "prefix part must be non-empty";
		if (prefix > SUBDOMAIN_MAX)
			return "prefix part must be no more than 253 characters";
		for (size_t i = 0; i < prefix; i++)
			lower[i] = any_case && is_upper(s[i]) ? (char)(s[i] - 'A' + 'a') : s[i];
		if (!is_subdomain(lower, prefix))
			return "prefix part must be a lowercase RFC 1123 subdomain (example.com/name)";
		s += prefix + 1;
		len -= prefix + 1;
	}
	if (memchr(s, '/', len))
		return "a qualified name has one '/' at most, between a prefix and a name (example.com/MyName)";
	if (!len)
		return "name part must be non-empty";
	if (len > LABEL_MAX)
		return "name part must be no more than 63 characters";
	if (!is_name_part(s, len))
		return "name part must consist of letters, digits, '-', '_' or '.', and begin and end with a letter or digit "
		       "(MyName, my.name, 123-abc)";
	return NULL;
}

const char *format_qualified_name(const char *s, size_t len)
{
	return qualified_name(s, len, false);
}

const char *format_annotation_key(const char *s, size_t len)
{
	return qualified_name(s, len, true);
}

const char *format_label_value(const char *s, size_t len)
{
	if (len > LABEL_MAX)
		return "must be no more than 63 characters";
	if (!len || is_name_part(s, len))
		return NULL;
	return "a valid label must be empty or consist of letters, digits, '-', '_' or '.', and begin and end with a letter "
	       "or digit (MyValue, my_value, 12345)";
}

const char *format_port_name(const char *s, size_t len)
{
	bool letter = false;

	if (len > PORT_NAME_MAX)
		return "must be no more than 15 characters";
	if (!len)
		return "must be non-empty";
	for (size_t i = 0; i < len; i++) {
		letter = letter || is_lower(s[i]);
		if (!is_lower_alnum(s[i]) && s[i] != '-')
			return "must contain only lower case letters, digits and '-'";
	}
	if (!letter)
		return "must contain at least one letter (a-z)";
	if (s[0] == '-' || s[len - 1] == '-')
		return "must not begin or end with '-'";
	if (memmem(s, len, "--", 2))
		return "must not contain consecutive '-'";
	return NULL;
}

const char *format_env_name(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] < 0x20 || s[i] > 0x7e || s[i] == '=')
			return "an environment variable name must consist of printable ASCII characters other than '='";
	return NULL;
}

const char *format_config_key(const char *s, size_t len)
{
	if (len > SUBDOMAIN_MAX)
		return "must be no more than 253 characters";
	if (!len)
		return "must be non-empty";
	for (size_t i = 0; i < len; i++)
		if (!is_alnum(s[i]) && s[i] != '-' && s[i] != '_' && s[i] != '.')
			return "a config key must consist of letters, digits, '-', '_' or '.' (key.name, KEY_NAME, key-name)";
	if (len == 1 && s[0] == '.')
		return "must not be '.'";
	if (len >= 2 && s[0] == '.' && s[1] == '.')
		return len == 2 ? "must not be '..'" : "must not begin with '..'";
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
		why = "must not begin with '..'";
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
