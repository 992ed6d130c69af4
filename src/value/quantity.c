/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A number is read as one string of digits with the place of its point, which an exponent or a decimal suffix only
 * moves; so decimals are exact at any length. A binary suffix multiplies the whole part and 18 decimals apart.
 */
#include "value/quantity.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "value/json.h"

typedef unsigned __int128 u128;

static const int64_t NANO = 1000000000;
static const u128 MOST = (u128)1 << 125; /* of nanos: keeps sums from overflowing */

struct suffix {
	const char *text;
	int exponent; /* of 10, or of 2 for the binary ones */
	enum quantity_form form;
};

static const struct suffix suffixes[] = {
	{ "", 0, QUANTITY_DECIMAL },   { "n", -9, QUANTITY_DECIMAL },  { "u", -6, QUANTITY_DECIMAL },
	{ "m", -3, QUANTITY_DECIMAL }, { "k", 3, QUANTITY_DECIMAL },   { "M", 6, QUANTITY_DECIMAL },
	{ "G", 9, QUANTITY_DECIMAL },  { "T", 12, QUANTITY_DECIMAL },  { "P", 15, QUANTITY_DECIMAL },
	{ "E", 18, QUANTITY_DECIMAL }, { "Ki", 10, QUANTITY_BINARY },  { "Mi", 20, QUANTITY_BINARY },
	{ "Gi", 30, QUANTITY_BINARY }, { "Ti", 40, QUANTITY_BINARY },  { "Pi", 50, QUANTITY_BINARY },
	{ "Ei", 60, QUANTITY_BINARY },
};

/* The parts of a quantity's text. */
struct parts {
	const char *whole, *fraction; /* digits */
	size_t n_whole, n_fraction;
};

static bool is_exponent(const char *s, size_t len, int *ret)
{
	size_t i = 1;
	int64_t n = 0;

	if (len < 2 || (s[0] != 'e' && s[0] != 'E'))
		return false;
	i += s[1] == '-' || s[1] == '+';
	if (i == len)
		return false;
	for (; i < len; i++) {
		if (!isdigit((unsigned char)s[i]))
			return false;
		if (n < 1000000)
			n = n * 10 + (s[i] - '0');
	}
	*ret = (int)(s[1] == '-' ? -n : n);
	return true;
}

static bool read_suffix(const char *s, size_t len, struct suffix *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		if (strlen(suffixes[i].text) == len && !memcmp(suffixes[i].text, s, len)) {
			*ret = suffixes[i];
			return true;
		}
	}
	ret->form = QUANTITY_EXPONENT;
	return is_exponent(s, len, &ret->exponent);
}

/* What to write instead of a suffix that does not exist. */
static const char *suffix_hint(const char *s, size_t len)
{
	static const struct {
		const char *wrong, *hint;
	} table[] = {
		{ "K", ": write k (1000) or Ki (1024)" }, { "ki", ": write Ki" }, { "mi", ": write Mi" },
		{ "gi", ": write Gi" },			  { "ti", ": write Ti" }, { "g", ": write G or Gi" },
		{ "KB", ": write k or Ki" },		  { "kb", ": write k or Ki" }, { "MB", ": write M or Mi" },
		{ "Mb", ": write M or Mi" },		  { "mb", ": write M or Mi" }, { "GB", ": write G or Gi" },
		{ "Gb", ": write G or Gi" },		  { "gb", ": write G or Gi" }, { "TB", ": write T or Ti" },
		{ "KiB", ": write Ki" },		  { "MiB", ": write Mi" },     { "GiB", ": write Gi" },
		{ "TiB", ": write Ti" },		  { "B", ": write the number alone" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (strlen(table[i].wrong) == len && !memcmp(table[i].wrong, s, len))
			return table[i].hint;
	return len && memchr(s, ' ', len) ? ": no space may stand in it" : "";
}

/* The i-th digit of whole and fraction joined; 0 beyond them. */
static unsigned digit(const struct parts *p, size_t i)
{
	if (i < p->n_whole)
		return (unsigned)(p->whole[i] - '0');
	i -= p->n_whole;
	return i < p->n_fraction ? (unsigned)(p->fraction[i] - '0') : 0;
}

/* The number before and the `n` digits after the point that lies `point` digits in; whether any digit follows. */
static void split(const struct parts *p, int64_t point, unsigned n, u128 *ret_whole, u128 *ret_rest, bool *ret_more)
{
	int64_t total = (int64_t)(p->n_whole + p->n_fraction);

	*ret_whole = 0;
	*ret_rest = 0;
	*ret_more = false;
	for (int64_t i = 0; i < point && *ret_whole < MOST / 16 && (*ret_whole || i < total); i++)
		*ret_whole = *ret_whole * 10 + digit(p, (size_t)i);
	for (unsigned i = 0; i < n; i++) {
		int64_t at = point + (int64_t)i;

		*ret_rest = *ret_rest * 10 + (at < 0 ? 0 : digit(p, (size_t)at));
	}
	for (int64_t at = point + n < 0 ? 0 : point + n; at < total && !*ret_more; at++)
		*ret_more = digit(p, (size_t)at) != 0;
}

static u128 nanos_of(const struct parts *p, const struct suffix *s)
{
	u128 whole, rest, n;
	bool more;

	if (s->form != QUANTITY_BINARY) {
		split(p, (int64_t)p->n_whole + s->exponent, 9, &whole, &rest, &more);
		if (whole >= MOST / (u128)NANO)
			return MOST;
		return whole * (u128)NANO + rest + more;
	}
	split(p, (int64_t)p->n_whole, 18, &whole, &rest, &more);
	if (whole > (u128)INT64_MAX >> s->exponent)
		return (u128)INT64_MAX * (u128)NANO;
	rest <<= s->exponent; /* < 10^18 * 2^60, in 10^-18 */
	n = (whole << s->exponent) * (u128)NANO + rest / (u128)NANO + (rest % (u128)NANO || more);
	return n > (u128)INT64_MAX * (u128)NANO ? (u128)INT64_MAX * (u128)NANO : n;
}

int quantity_parse(const char *s, size_t len, struct quantity *ret, struct error *err)
{
	size_t at = len && (s[0] == '-' || s[0] == '+');
	bool negative = at && s[0] == '-';
	struct parts p = { .whole = s + at };
	struct suffix suffix;
	u128 n;

	while (at < len && isdigit((unsigned char)s[at])) {
		at++;
		p.n_whole++;
	}
	if (at < len && s[at] == '.') {
		p.fraction = s + ++at;
		while (at < len && isdigit((unsigned char)s[at])) {
			at++;
			p.n_fraction++;
		}
	}
	if (!p.n_whole && !p.n_fraction)
		return error_set(err, -EINVAL,
				 "quantities must begin with a number, such as 500m, 1.5, 128Mi or 2G");
	if (!read_suffix(s + at, len - at, &suffix))
		return error_set(err, -EINVAL,
				 "unable to parse quantity's suffix \"%.*s\"%s; the suffixes are n, u, m, k, M, G, T, "
				 "P, E, Ki, Mi, "
				 "Gi, Ti, Pi, Ei, or an exponent such as e3",
				 (int)(len - at > 32 ? 32 : len - at), s + at, suffix_hint(s + at, len - at));
	while (p.n_whole && p.whole[0] == '0') {
		p.whole++;
		p.n_whole--;
	}
	n = nanos_of(&p, &suffix);
	if (suffix.form == QUANTITY_BINARY && n && n < (u128)NANO)
		suffix.form = QUANTITY_DECIMAL;
	*ret = (struct quantity){ .nanos = negative ? -(__int128)n : (__int128)n, .form = suffix.form };
	return 0;
}

int quantity_from(const struct value *v, struct quantity *ret, struct error *err)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	switch (value_type(v)) {
	case VALUE_STRING:
		return quantity_parse(value_str(v), value_len(v), ret, err);
	case VALUE_INT:
	case VALUE_FLOAT:
		json_write(&text, v, 0);
		return buf_failed(&text) ? error_set(err, -ENOMEM, "out of memory") :
					   quantity_parse(buf_str(&text), text.len, ret, err);
	default:
		return error_set(err, -EINVAL, "a quantity must be a string or a number, not %s",
				 value_type_name(value_type(v)));
	}
}

struct quantity quantity_from_int(int64_t n, enum quantity_form form)
{
	return (struct quantity){ .nanos = (__int128)n * NANO, .form = form };
}

struct quantity quantity_from_milli(int64_t n, enum quantity_form form)
{
	return (struct quantity){ .nanos = (__int128)n * (NANO / 1000), .form = form };
}

/* Decimal digits of n, most significant first, NUL-terminated, at the end of the buffer. */
static const char *digits(u128 n, char buf[static 44])
{
	char *p = buf + 43;

	*p = '\0';
	do {
		*--p = (char)('0' + (int)(n % 10));
		n /= 10;
	} while (n);
	return p;
}

/* Divides n by `by` as long as that is exact, at most `most` times; returns how often. */
static int factors(u128 *n, unsigned by, int most)
{
	int count = 0;

	for (; count < most && *n % by == 0; count++)
		*n /= by;
	return count;
}

void quantity_format(const struct quantity *q, char dst[static QUANTITY_TEXT_MAX])
{
	static const char *const binary[] = { "", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei" };
	static const char *const decimal[] = { "n", "u", "m", "", "k", "M", "G", "T", "P", "E" };
	bool negative = q->nanos < 0;
	u128 n = negative ? (u128)0 - (u128)q->nanos : (u128)q->nanos;
	const char *suffix = "";
	char buf[44], exponent[8];
	int k;

	if (!n) {
		(void)snprintf(dst, QUANTITY_TEXT_MAX, "0");
		return;
	}
	if (q->form == QUANTITY_BINARY && n % (u128)NANO == 0 && n >= (u128)1024 * (u128)NANO) {
		n /= (u128)NANO;
		suffix = binary[factors(&n, 1024, 6)];
	} else if (q->form == QUANTITY_EXPONENT) {
		k = factors(&n, 1000, 12) * 3 - 9;
		(void)snprintf(exponent, sizeof(exponent), "e%d", k);
		suffix = k ? exponent : "";
	} else {
		suffix = decimal[factors(&n, 1000, 9)];
	}
	(void)snprintf(dst, QUANTITY_TEXT_MAX, "%s%s%s", negative ? "-" : "", digits(n, buf), suffix);
}

int quantity_compare(const struct quantity *a, const struct quantity *b)
{
	return (a->nanos > b->nanos) - (a->nanos < b->nanos);
}

int quantity_sign(const struct quantity *q)
{
	return (q->nanos > 0) - (q->nanos < 0);
}

static __int128 saturate(__int128 n)
{
	if (n > (__int128)MOST)
		return (__int128)MOST;
	return n < -(__int128)MOST ? -(__int128)MOST : n;
}

struct quantity quantity_add(const struct quantity *a, const struct quantity *b)
{
	/* both are within 2^125 and a nano of 0 */
	return (struct quantity){ .nanos = saturate(a->nanos + b->nanos), .form = a->nanos ? a->form : b->form };
}

struct quantity quantity_sub(const struct quantity *a, const struct quantity *b)
{
	return (struct quantity){ .nanos = saturate(a->nanos - b->nanos), .form = a->nanos ? a->form : b->form };
}

/* n / by, rounded away from zero, within int64. */
static int64_t divide(__int128 n, __int128 by)
{
	__int128 quotient = n / by;

	if (n % by)
		quotient += n > 0 ? 1 : -1;
	if (quotient > INT64_MAX)
		return INT64_MAX;
	return quotient < INT64_MIN ? INT64_MIN : (int64_t)quotient;
}

int64_t quantity_value(const struct quantity *q)
{
	return divide(q->nanos, NANO);
}

int64_t quantity_milli(const struct quantity *q)
{
	return divide(q->nanos, NANO / 1000);
}

int64_t quantity_divided(const struct quantity *q, const struct quantity *divisor)
{
	return divisor->nanos > 0 ? divide(q->nanos, divisor->nanos) : 0;
}
