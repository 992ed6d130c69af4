/* SPDX-License-Identifier: Apache-2.0 */
#include "value/intstr.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static int clamp(int64_t n)
{
	if (n > INT_MAX)
		return INT_MAX;
	return n < INT_MIN ? INT_MIN : (int)n;
}

bool intstr_is_percent(const struct value *v, int *ret_percent)
{
	const char *s = value_str(v);
	char *end;
	long n;

	if (!s || !(isdigit((unsigned char)*s) || ((*s == '-' || *s == '+') && isdigit((unsigned char)s[1]))))
		return false;
	errno = 0;
	n = strtol(s, &end, 10);
	if (errno || strcmp(end, "%") != 0 || value_len(v) != strlen(s))
		return false;
	*ret_percent = clamp(n);
	return true;
}

int intstr_scaled(const struct value *v, int total, bool round_up, int fallback)
{
	int percent;
	int64_t product;

	if (value_type(v) == VALUE_INT)
		return clamp(value_int(v, 0));
	if (!intstr_is_percent(v, &percent))
		return fallback;
	product = (int64_t)percent * total;
	if (round_up)
		return clamp(product / 100 + (product % 100 > 0));
	return clamp(product / 100 - (product % 100 < 0));
}
