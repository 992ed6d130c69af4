/* SPDX-License-Identifier: Apache-2.0 */
#include "value/names.h"

#include <stdbool.h>
#include <string.h>

static const char label_rule[] =
	"a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
	"with an alphanumeric character (e.g. 'my-name', or '123-abc')";
static const char label_1035_rule[] =
	"a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
	"character, and end with an alphanumeric character (e.g. 'my-name', or 'abc-123')";
static const char subdomain_rule[] =
	"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
	"and end with an alphanumeric character (e.g. 'example.com')";
static const char key_rule[] =
	"name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
	"alphanumeric character (e.g. 'MyName', or 'my.name', or '123-abc')";
static const char label_value_rule[] =
	"a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start "
	"and end with an alphanumeric character (e.g. 'MyValue', or 'my_value', or '12345')";
static const char config_key_rule[] =
	"a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name', or 'KEY_NAME', "
	"or 'key-name')";

static bool is_lower_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alnum(char c)
{
	return is_lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

/* Whether n > 0 bytes are lower-case letters, digits and inner dashes. */
static bool is_label(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!is_lower_alnum(s[i]) && s[i] != '-')
			return false;
	return n && s[0] != '-' && s[n - 1] != '-';
}

const char *name_check_label(const char *s)
{
	size_t n = strlen(s);

	if (n > NAME_LABEL_MAX)
		return "must be no more than 63 bytes";
	return is_label(s, n) ? NULL : label_rule;
}

const char *name_check_label_1035(const char *s)
{
	size_t n = strlen(s);

	if (n > NAME_LABEL_MAX)
		return "must be no more than 63 bytes";
	return is_label(s, n) && s[0] >= 'a' ? NULL : label_1035_rule;
}

/* Labels joined by dots; here a label may be longer than 63, as Kubernetes' expression lets it. */
static bool is_subdomain(const char *s, size_t n)
{
	for (;;) {
		const char *dot = memchr(s, '.', n);
		size_t part = dot ? (size_t)(dot - s) : n;

		if (!is_label(s, part))
			return false;
		if (!dot)
			return true;
		s += part + 1;
		n -= part + 1;
	}
}

const char *name_check_subdomain(const char *s)
{
	size_t n = strlen(s);

	if (n > NAME_SUBDOMAIN_MAX)
		return "must be no more than 253 bytes";
	return is_subdomain(s, n) ? NULL : subdomain_rule;
}

/* Letters, digits, and inner - _ . */
static bool is_qualified(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!is_alnum(s[i]) && s[i] != '-' && s[i] != '_' && s[i] != '.')
			return false;
	return n && is_alnum(s[0]) && is_alnum(s[n - 1]);
}

const char *name_check_key(const char *s)
{
	const char *slash = strchr(s, '/'), *name = slash ? slash + 1 : s;

	if (slash && slash - s > NAME_SUBDOMAIN_MAX)
		return "prefix part must be no more than 253 bytes";
	if (slash && !is_subdomain(s, (size_t)(slash - s)))
		return "prefix part must be a lowercase RFC 1123 subdomain (e.g. 'example.com')";
	if (!*name)
		return "name part must be non-empty";
	if (strlen(name) > NAME_LABEL_MAX)
		return "name part must be no more than 63 bytes";
	return is_qualified(name, strlen(name)) ? NULL : key_rule;
}

const char *name_check_label_value(const char *s)
{
	size_t n = strlen(s);

	if (n > NAME_LABEL_MAX)
		return "must be no more than 63 bytes";
	return !n || is_qualified(s, n) ? NULL : label_value_rule;
}

const char *name_check_port(const char *s)
{
	size_t n = strlen(s);
	bool letter = false;

	if (n > 15)
		return "must be no more than 15 characters";
	for (size_t i = 0; i < n; i++) {
		if (!is_lower_alnum(s[i]) && s[i] != '-')
			return "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)";
		letter |= s[i] >= 'a' && s[i] <= 'z';
	}
	if (!letter)
		return "must contain at least one letter (a-z)";
	if (strstr(s, "--"))
		return "must not contain consecutive hyphens";
	return s[0] == '-' || s[n - 1] == '-' ? "must not begin or end with a hyphen" : NULL;
}

const char *name_check_config_key(const char *s)
{
	size_t n = strlen(s);

	if (n > NAME_SUBDOMAIN_MAX)
		return "must be no more than 253 bytes";
	if (!strcmp(s, "."))
		return "must not be '.'";
	if (!strncmp(s, "..", 2))
		return s[2] ? "must not start with '..'" : "must not be '..'";
	for (size_t i = 0; i < n; i++)
		if (!is_alnum(s[i]) && !strchr("-_.", s[i]))
			n = 0;
	return n ? NULL : config_key_rule;
}
