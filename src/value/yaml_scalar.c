/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The types of plain scalars. The facts are those of go-yaml v2's resolve.go and of Go's strconv, which it leans on:
 * integers with a base prefix (0x, 0o, 0b) or a leading zero for octal, underscores anywhere in a number that begins
 * with a digit or a sign, floats only in decimal.
 */
#include "value/yaml.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

enum { LONGEST_NUMBER = 400 }; /* more digits than any double needs to be told apart are still a number to go-yaml */

struct word {
	const char *text;
	enum value_type type;
	double d;
};

static const struct word words[] = {
	{ "", VALUE_NULL, 0 },	      { "~", VALUE_NULL, 0 },	      { "null", VALUE_NULL, 0 },
	{ "Null", VALUE_NULL, 0 },    { "NULL", VALUE_NULL, 0 },      { "y", VALUE_BOOL, 1 },
	{ "Y", VALUE_BOOL, 1 },	      { "yes", VALUE_BOOL, 1 },	      { "Yes", VALUE_BOOL, 1 },
	{ "YES", VALUE_BOOL, 1 },     { "true", VALUE_BOOL, 1 },      { "True", VALUE_BOOL, 1 },
	{ "TRUE", VALUE_BOOL, 1 },    { "on", VALUE_BOOL, 1 },	      { "On", VALUE_BOOL, 1 },
	{ "ON", VALUE_BOOL, 1 },      { "n", VALUE_BOOL, 0 },	      { "N", VALUE_BOOL, 0 },
	{ "no", VALUE_BOOL, 0 },      { "No", VALUE_BOOL, 0 },	      { "NO", VALUE_BOOL, 0 },
	{ "false", VALUE_BOOL, 0 },   { "False", VALUE_BOOL, 0 },     { "FALSE", VALUE_BOOL, 0 },
	{ "off", VALUE_BOOL, 0 },     { "Off", VALUE_BOOL, 0 },	      { "OFF", VALUE_BOOL, 0 },
	{ ".nan", VALUE_FLOAT, NAN }, { ".NaN", VALUE_FLOAT, NAN },   { ".NAN", VALUE_FLOAT, NAN },
	{ ".inf", VALUE_FLOAT, INFINITY },   { ".Inf", VALUE_FLOAT, INFINITY },	  { ".INF", VALUE_FLOAT, INFINITY },
	{ "+.inf", VALUE_FLOAT, INFINITY },  { "+.Inf", VALUE_FLOAT, INFINITY },  { "+.INF", VALUE_FLOAT, INFINITY },
	{ "-.inf", VALUE_FLOAT, -INFINITY }, { "-.Inf", VALUE_FLOAT, -INFINITY }, { "-.INF", VALUE_FLOAT, -INFINITY },
};

/* An integer as Go's ParseInt and ParseUint read it with base 0. Beyond int64 it is given in *ret_d only. */
static bool parse_integer(const char *s, bool *ret_fits, int64_t *ret_i, double *ret_d)
{
	bool negative = *s == '-';
	unsigned base = 10;
	uint64_t n = 0;

	if (*s == '-' || *s == '+')
		s++;
	if (s[0] == '0' && s[1]) {
		switch (s[1]) {
		case 'x':
		case 'X':
			base = 16;
			s += 2;
			break;
		case 'o':
		case 'O':
			base = 8;
			s += 2;
			break;
		case 'b':
		case 'B':
			base = 2;
			s += 2;
			break;
		default:
			base = 8;
			s++;
		}
	}
	if (!*s)
		return false;
	for (; *s; s++) {
		unsigned digit = isdigit((unsigned char)*s)    ? (unsigned)(*s - '0') :
				 isalpha((unsigned char)*s) ? (unsigned)(tolower((unsigned char)*s) - 'a' + 10) :
							      99;

		if (digit >= base || __builtin_mul_overflow(n, (uint64_t)base, &n) ||
		    __builtin_add_overflow(n, (uint64_t)digit, &n))
			return false;
	}
	*ret_fits = n <= (uint64_t)INT64_MAX + (negative ? 1 : 0);
	if (negative && !*ret_fits)
		return false; /* ParseUint takes no sign */
	*ret_i = negative ? (int64_t)(0 - n) : (int64_t)n;
	*ret_d = (double)n;
	return true;
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static bool is_float(const char *s)
{
	size_t whole, part = 0;

	s += *s == '-' || *s == '+';
	whole = strspn(s, "0123456789");
	s += whole;
	if (*s == '.') {
		part = strspn(s + 1, "0123456789");
		s += 1 + part;
	}
	if (!whole && !part)
		return false;
	if (*s == 'e' || *s == 'E') {
		s++;
		s += *s == '-' || *s == '+';
		if (!isdigit((unsigned char)*s))
			return false;
		s += strspn(s, "0123456789");
	}
	return !*s;
}

/* Copies a number without its underscores; after a leading dot they must stand between digits. */
static bool plain_number(const char *s, size_t len, char dst[static LONGEST_NUMBER])
{
	size_t n = 0;

	if (len >= LONGEST_NUMBER)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (s[i] != '_') {
			dst[n++] = s[i];
			continue;
		}
		if (s[0] == '.' && !(i && i + 1 < len && isdigit((unsigned char)s[i - 1]) &&
				     isdigit((unsigned char)s[i + 1])))
			return false;
	}
	dst[n] = '\0';
	return strlen(dst) == n;
}

struct yaml_scalar yaml_resolve(const char *s, size_t len)
{
	struct yaml_scalar r = { .type = VALUE_STRING };
	char plain[LONGEST_NUMBER];
	bool fits = false;

	if (len < 6 && (!len || strchr("yYnNtTfFoO~.+-", s[0])))
		for (size_t i = 0; i < ARRAY_SIZE(words); i++)
			if (strlen(words[i].text) == len && !memcmp(words[i].text, s, len))
				return (struct yaml_scalar){ words[i].type, words[i].d != 0, 0, words[i].d };
	if (!len || !strchr("+-.0123456789", s[0]) || !s[0] || !plain_number(s, len, plain))
		return r;
	if (s[0] != '.' && parse_integer(plain, &fits, &r.i, &r.d)) {
		r.type = fits ? VALUE_INT : VALUE_FLOAT;
		return r;
	}
	if (!is_float(plain))
		return r;
	r.d = strtod(plain, NULL);
	if (isinf(r.d))
		return r; /* out of range: to Go no number at all */
	r.type = VALUE_FLOAT;
	if (r.d == trunc(r.d) && r.d >= -0x1p63 && r.d < 0x1p63) {
		r.type = VALUE_INT;
		r.i = (int64_t)r.d;
	}
	return r;
}
