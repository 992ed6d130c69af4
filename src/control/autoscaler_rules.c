/* SPDX-License-Identifier: Apache-2.0 */
#include "control/autoscaler_rules.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"

/* Without spec.behavior: twice as many at most, but 4 at least. */
enum { UP_FACTOR = 2, UP_LEAST = 4 };

/* --- the history --- */

void autoscaler_history_clear(struct autoscaler_history *h)
{
	free(h->recommended.items);
	free(h->up.items);
	free(h->down.items);
	*h = (struct autoscaler_history){ .recommended = { .n = 0 } };
}

/* Puts an entry in the place of one that is not needed any more, or at the end (place -1). */
static int put(struct autoscaler_entries *l, ssize_t place, int64_t replicas, int64_t mono)
{
	if (place < 0 && l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 4;
		struct autoscaler_entry *bigger = reallocarray(l->items, cap, sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		l->items = bigger;
		l->cap = cap;
	}
	l->items[place < 0 ? l->n++ : (size_t)place] = (struct autoscaler_entry){ .replicas = replicas, .at = mono };
	return 0;
}

int autoscaler_history_begin(struct autoscaler_history *h, int64_t replicas, int64_t mono)
{
	return h->recommended.n ? 0 : put(&h->recommended, -1, replicas, mono);
}

static int64_t seconds(int64_t n)
{
	return n * NSEC_PER_SEC;
}

static int64_t longest_period(const struct value *rules)
{
	const struct value *policies = value_get(rules, "policies");
	int64_t longest = 0;

	for (size_t i = 0; i < value_len(policies); i++) {
		int64_t period = value_int(value_get(value_at(policies, i), "periodSeconds"), 0);

		longest = period > longest ? period : longest;
	}
	return longest;
}

int autoscaler_history_scaled(struct autoscaler_history *h, const struct value *behavior, int64_t from, int64_t to, int64_t mono)
{
	bool up = to > from;
	struct autoscaler_entries *l = up ? &h->up : &h->down;
	int64_t period = longest_period(value_get(behavior, up ? "scaleUp" : "scaleDown"));
	ssize_t place = -1;

	if (!behavior)
		return 0;
	for (size_t i = 0; i < l->n; i++) {
		l->items[i].outdated |= l->items[i].at < mono - seconds(period);
		if (l->items[i].outdated)
			place = (ssize_t)i;
	}
	return put(l, place, up ? to - from : from - to, mono);
}

/* --- without spec.behavior --- */

static const char FASTER[] = "the desired replica count is increasing faster than the maximum scale rate";
static const char SLOWER[] = "the desired replica count is decreasing faster than the maximum scale rate";
static const char MORE[] = "the desired replica count is more than the maximum replica count";
static const char LESS[] = "the desired replica count is less than the minimum replica count";
static const char HIGHER[] = "recent recommendations were higher than current one, applying the highest recent recommendation";
static const char LOWER[] = "recent recommendations were lower than current one, applying the lowest recent recommendation";

#define IN_RANGE ((struct autoscaler_verdict){ false, "DesiredWithinRange", "the desired count is within the acceptable range" })
#define READY ((struct autoscaler_verdict){ true, "ReadyForNewScale", "recommended size matches current size" })

/* The highest recommendation of the window. */
static int stabilize_plain(const struct autoscaler_rules *r, struct autoscaler_history *h, int64_t *ret)
{
	int64_t cutoff = r->mono - seconds(AUTOSCALER_DOWNSCALE_WINDOW), highest = r->desired;
	struct autoscaler_entries *l = &h->recommended;
	ssize_t place = -1;

	for (size_t i = 0; i < l->n; i++) {
		if (l->items[i].at < cutoff)
			place = (ssize_t)i;
		else if (l->items[i].replicas > highest)
			highest = l->items[i].replicas;
	}
	*ret = highest;
	return put(l, place, r->desired, r->mono);
}

static int64_t limit_plain(const struct autoscaler_rules *r, int64_t desired, struct autoscaler_verdict *ret)
{
	int64_t fastest = r->current * UP_FACTOR > UP_LEAST ? r->current * UP_FACTOR : UP_LEAST;
	bool by_rate = r->max > fastest;
	int64_t most = by_rate ? fastest : r->max;

	*ret = IN_RANGE;
	if (desired < r->min) {
		*ret = (struct autoscaler_verdict){ true, "TooFewReplicas", LESS };
		return r->min;
	}
	if (desired > most) {
		*ret = (struct autoscaler_verdict){ true, by_rate ? "ScaleUpLimit" : "TooManyReplicas", by_rate ? FASTER : MORE };
		return most;
	}
	return desired;
}

/* --- with it --- */

static int64_t window_of(const struct value *rules, int64_t fallback)
{
	return seconds(value_int(value_get(rules, "stabilizationWindowSeconds"), fallback));
}

/* What is there, brought between the lowest recommendation of the one window and the highest of the other. */
static int stabilize(const struct autoscaler_rules *r, struct autoscaler_history *h, int64_t *ret)
{
	int64_t up = r->mono - window_of(value_get(r->behavior, "scaleUp"), 0), lowest = r->desired;
	int64_t down = r->mono - window_of(value_get(r->behavior, "scaleDown"), AUTOSCALER_DOWNSCALE_WINDOW), highest = r->desired;
	struct autoscaler_entries *l = &h->recommended;
	int64_t n = r->current;
	ssize_t place = -1;

	for (size_t i = 0; i < l->n; i++) {
		const struct autoscaler_entry *e = &l->items[i];

		if (e->at > up && e->replicas < lowest)
			lowest = e->replicas;
		if (e->at > down && e->replicas > highest)
			highest = e->replicas;
		if (e->at < up && e->at < down)
			place = (ssize_t)i;
	}
	if (n < lowest)
		n = lowest;
	if (n > highest)
		n = highest;
	*ret = n;
	return put(l, place, r->desired, r->mono);
}

static int64_t changed_since(const struct autoscaler_entries *l, int64_t cutoff)
{
	int64_t sum = 0;

	for (size_t i = 0; i < l->n; i++)
		sum += l->items[i].at > cutoff ? l->items[i].replicas : 0;
	return sum;
}

static int64_t to_replicas(double n)
{
	return n >= INT32_MAX ? INT32_MAX : n <= INT32_MIN ? INT32_MIN : (int64_t)n;
}

/* As many, or as few, replicas as one policy allows. */
static int64_t policy_limit(const struct autoscaler_rules *r, const struct autoscaler_history *h, const struct value *policy, bool up)
{
	int64_t cutoff = r->mono - seconds(value_int(value_get(policy, "periodSeconds"), 0));
	int64_t value = value_int(value_get(policy, "value"), 0);
	int64_t start = r->current - changed_since(&h->up, cutoff) + changed_since(&h->down, cutoff);
	double share = (double)value / 100;

	if (!strcmp(value_str_or(value_get(policy, "type"), ""), "Pods"))
		return to_replicas((double)(up ? start + value : start - value));
	return up ? to_replicas(ceil((double)start * (1 + share))) : to_replicas((double)start * (1 - share));
}

/* As many, or as few, as the policies allow: the one that allows most, or with Min least. */
static int64_t rate_limit(const struct autoscaler_rules *r, const struct autoscaler_history *h, bool up)
{
	const struct value *rules = value_get(r->behavior, up ? "scaleUp" : "scaleDown"), *policies = value_get(rules, "policies");
	const char *select = value_str_or(value_get(rules, "selectPolicy"), "Max");
	bool highest = strcmp(select, "Min") != 0 ? up : !up;
	int64_t limit = r->current;

	if (!strcmp(select, "Disabled"))
		return r->current;
	for (size_t i = 0; i < value_len(policies); i++) {
		int64_t n = policy_limit(r, h, value_at(policies, i), up);

		if (i == 0 || (highest ? n > limit : n < limit))
			limit = n;
	}
	/* what was done in the period may be beyond it already */
	return up ? (limit < r->current ? r->current : limit) : (limit > r->current ? r->current : limit);
}

static int64_t limit(const struct autoscaler_rules *r, const struct autoscaler_history *h, int64_t desired,
		     struct autoscaler_verdict *ret)
{
	int64_t rate;

	*ret = IN_RANGE;
	if (desired > r->current) {
		rate = rate_limit(r, h, true);
		if (desired > (r->max > rate ? rate : r->max)) {
			*ret = r->max > rate ? (struct autoscaler_verdict){ true, "ScaleUpLimit", FASTER }
					     : (struct autoscaler_verdict){ true, "TooManyReplicas", MORE };
			return r->max > rate ? rate : r->max;
		}
	} else if (desired < r->current) {
		rate = rate_limit(r, h, false);
		if (desired < (r->min < rate ? rate : r->min)) {
			*ret = r->min < rate ? (struct autoscaler_verdict){ true, "ScaleDownLimit", SLOWER }
					     : (struct autoscaler_verdict){ true, "TooFewReplicas", LESS };
			return r->min < rate ? rate : r->min;
		}
	}
	return desired;
}

int autoscaler_normalize(const struct autoscaler_rules *r, struct autoscaler_history *h, int64_t *ret,
			 struct autoscaler_verdict *ret_able, struct autoscaler_verdict *ret_limited)
{
	int64_t stable = r->desired;
	int e = r->behavior ? stabilize(r, h, &stable) : stabilize_plain(r, h, &stable);

	if (e < 0)
		return e;
	*ret_able = READY;
	if (stable != r->desired && r->behavior && r->desired >= r->current)
		*ret_able = (struct autoscaler_verdict){ true, "ScaleUpStabilized", LOWER };
	else if (stable != r->desired)
		*ret_able = (struct autoscaler_verdict){ true, "ScaleDownStabilized", HIGHER };
	*ret = r->behavior ? limit(r, h, stable, ret_limited) : limit_plain(r, stable, ret_limited);
	return 0;
}
