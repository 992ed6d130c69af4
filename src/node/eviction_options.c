/* SPDX-License-Identifier: Apache-2.0 */
/* What the options of podfs mount say of eviction: kubelet's flags of the same names. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "node/eviction.h"
#include "value/quantity.h"

static int parse_share(const char *text, struct eviction_threshold *ret)
{
	char *end;
	double n = strtod(text, &end);

	if (strcmp(end, "%") != 0 || *text < '0' || *text > '9' || !(n >= 0 && n <= 100))
		return -EINVAL;
	ret->share = n == 100 ? 0 : n / 100;
	return 0;
}

static int parse_threshold(const char *text, struct eviction_threshold *ret)
{
	struct quantity q;
	size_t len = strlen(text);

	*ret = (struct eviction_threshold){ 0 };
	if (len && text[len - 1] == '%')
		return parse_share(text, ret);
	if (quantity_parse(text, len, &q, NULL) < 0 || quantity_sign(&q) <= 0)
		return -EINVAL;
	ret->amount = quantity_value(&q);
	return 0;
}

/* As a threshold, but 0 is nothing and all is all. */
static int parse_reclaim(const char *text, struct eviction_threshold *ret)
{
	int r = parse_threshold(text, ret);

	if (r == 0 && !ret->share && !ret->amount)
		return strncmp(text, "100", 3) ? -EINVAL : (ret->share = 1, 0);
	if (r < 0 && strspn(text, "0") == strlen(text) && *text)
		return 0;
	return r;
}

/* As Go writes durations: "90s", "1m30s", "1.5h". */
static int parse_duration(const char *text, int64_t *ret)
{
	static const struct {
		const char *name;
		double ns;
	} UNITS[] = { { "ms", 1e6 }, { "us", 1e3 }, { "ns", 1 }, { "s", 1e9 }, { "m", 60e9 }, { "h", 3600e9 } };
	double sum = 0;

	if (!strcmp(text, "0"))
		text = "0s";
	if (!*text)
		return -EINVAL;
	while (*text) {
		size_t u = 0;
		char *end;
		double n = strtod(text, &end);

		if (*text < '0' || *text > '9' || !(n >= 0))
			return -EINVAL;
		while (u < ARRAY_SIZE(UNITS) && strncmp(end, UNITS[u].name, strlen(UNITS[u].name)) != 0)
			u++;
		if (u == ARRAY_SIZE(UNITS))
			return -EINVAL;
		sum += n * UNITS[u].ns;
		text = end + strlen(UNITS[u].name);
	}
	if (!(sum < 1e18)) /* 31 years */
		return -EINVAL;
	*ret = (int64_t)sum;
	return 0;
}

/* Where what a statement says of a signal is to be written. */
struct target {
	struct eviction_threshold *amounts;
	int64_t *times; /* NULL: it says an amount */
	char sign;	/* between the signal and the value */
	bool reclaims;
};

static int parse_statement(char *text, const struct target *to)
{
	char *value = strchr(text, to->sign);

	if (!value)
		return -EINVAL;
	*value++ = '\0';
	for (int s = 0; s < EVICTION_SIGNALS; s++) {
		const char *name = eviction_signal_name((enum eviction_signal)s);

		if (name && !strcmp(name, text))
			return to->times    ? parse_duration(value, &to->times[s]) :
			       to->reclaims ? parse_reclaim(value, &to->amounts[s]) :
					      parse_threshold(value, &to->amounts[s]);
	}
	return -EINVAL;
}

static int parse_list(const char *text, const struct target *to)
{
	_cleanup_free_ char *copy = strdup(text);
	char *save = NULL;

	if (!copy)
		return -ENOMEM;
	if (*text && (text[strlen(text) - 1] == ',' || *text == ',' || strstr(text, ",,")))
		return -EINVAL;
	for (char *s = strtok_r(copy, ",", &save); s; s = strtok_r(NULL, ",", &save))
		if (parse_statement(s, to) < 0)
			return -EINVAL;
	return 0;
}

int eviction_parse(const char *text, struct eviction_policy *policy)
{
	struct eviction_policy p = *policy;
	int r;

	memset(p.hard, 0, sizeof(p.hard));
	r = parse_list(text, &(struct target){ .amounts = p.hard, .sign = '<' });
	if (r < 0)
		return r;
	p.hard[EVICTION_ALLOCATABLE] = p.hard[EVICTION_MEMORY];
	*policy = p;
	return 0;
}

int eviction_parse_soft(const char *text, struct eviction_policy *policy)
{
	struct eviction_policy p = *policy;
	int r;

	memset(p.soft, 0, sizeof(p.soft));
	r = parse_list(text, &(struct target){ .amounts = p.soft, .sign = '<' });
	if (r == 0)
		*policy = p;
	return r;
}

int eviction_parse_soft_grace(const char *text, struct eviction_policy *policy)
{
	struct eviction_policy p = *policy;
	int r;

	for (int s = 0; s < EVICTION_SIGNALS; s++)
		p.soft_grace[s] = EVICTION_NO_GRACE;
	r = parse_list(text, &(struct target){ .times = p.soft_grace, .sign = '=' });
	if (r == 0)
		*policy = p;
	return r;
}

int eviction_parse_reclaim(const char *text, struct eviction_policy *policy)
{
	struct eviction_policy p = *policy;
	int r;

	memset(p.reclaim, 0, sizeof(p.reclaim));
	r = parse_list(text, &(struct target){ .amounts = p.reclaim, .sign = '=', .reclaims = true });
	if (r < 0)
		return r;
	p.reclaim[EVICTION_ALLOCATABLE] = p.reclaim[EVICTION_MEMORY];
	*policy = p;
	return 0;
}

int eviction_parse_max_grace(const char *text, struct eviction_policy *policy)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (*end || *text < '0' || *text > '9' || n > INT32_MAX)
		return -EINVAL;
	policy->max_pod_grace = n * NSEC_PER_SEC;
	return 0;
}

const char *eviction_lacks_grace(const struct eviction_policy *policy)
{
	for (int s = 0; s < EVICTION_SIGNALS; s++)
		if ((policy->soft[s].share > 0 || policy->soft[s].amount) && policy->soft_grace[s] == EVICTION_NO_GRACE)
			return eviction_signal_name((enum eviction_signal)s);
	return NULL;
}
