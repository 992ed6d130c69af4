/* SPDX-License-Identifier: Apache-2.0 */
#include "node/image_gc.h"

#include <errno.h>
#include <stdlib.h>

/* "90s", "2m", "1.5h", "7d", "0": ns. */
static bool parse_age(const char **at, int64_t *ret)
{
	static const struct {
		char letter;
		int64_t seconds;
	} UNITS[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	char *end;
	double n;

	if (**at < '0' || **at > '9')
		return false;
	n = strtod(*at, &end);
	*at = end;
	if (n > 1e6)
		return false;
	*ret = 0;
	if (n == 0 && (!*end || *end == ','))
		return true;
	for (size_t i = 0; i < sizeof(UNITS) / sizeof(UNITS[0]); i++) {
		if (*end != UNITS[i].letter)
			continue;
		*ret = (int64_t)(n * (double)(UNITS[i].seconds * NSEC_PER_SEC));
		*at = end + 1;
		return *ret >= 0;
	}
	return false;
}

int image_gc_parse_age(const char *text, int64_t *ret)
{
	int64_t age;

	if (!parse_age(&text, &age) || *text)
		return -EINVAL;
	*ret = age;
	return 0;
}

static bool parse_percent(const char **at, int *ret)
{
	char *end;
	long n;

	if (**at < '0' || **at > '9')
		return false;
	n = strtol(*at, &end, 10);
	*at = end;
	*ret = (int)n;
	return n >= 0 && n <= 100;
}

static bool comma(const char **at)
{
	return *(*at)++ == ',';
}

int image_gc_parse(const char *text, struct image_gc_policy *ret)
{
	struct image_gc_policy p = IMAGE_GC_DEFAULT;
	const char *at = text;

	/* kubelet: the low threshold must be below the high one, the greatest age above the least */
	if (!parse_percent(&at, &p.high) || !comma(&at) || !parse_percent(&at, &p.low) || p.low >= p.high)
		return -EINVAL;
	if (*at && (!comma(&at) || !parse_age(&at, &p.min_age)))
		return -EINVAL;
	if (*at && (!comma(&at) || !parse_age(&at, &p.max_age)))
		return -EINVAL;
	if (*at || (p.max_age && p.max_age < p.min_age))
		return -EINVAL;
	*ret = p;
	return 0;
}

int64_t image_gc_period(const struct image_gc_policy *p)
{
	int64_t period = IMAGE_GC_PERIOD;

	if (p->min_age < IMAGE_GC_MIN_AGE)
		period = p->min_age;
	if (p->max_age && p->max_age < period)
		period = p->max_age;
	return period < NSEC_PER_SEC ? NSEC_PER_SEC : period;
}

int image_gc_usage(const struct image_gc_disk *disk)
{
	if (!disk->capacity)
		return 0;
	if (disk->available >= disk->capacity)
		return 0;
	return 100 - (int)((double)disk->available * 100 / (double)disk->capacity);
}

static int64_t used_at(const struct image_gc_item *i)
{
	return i->last_used > i->created ? i->last_used : i->created;
}

/* The eligible image that was used, or came, longest ago. */
static size_t oldest(const struct image_gc_policy *p, const struct image_gc_item *items, size_t n, int64_t now)
{
	size_t best = n;

	for (size_t i = 0; i < n; i++) {
		if (items[i].in_use || items[i].declared || now - items[i].created < p->min_age)
			continue;
		if (best == n || items[i].last_used < items[best].last_used ||
		    (items[i].last_used == items[best].last_used && items[i].created < items[best].created))
			best = i;
	}
	return best;
}

/* The eligible image that has not been used for too long; as far as is known, it may have been used until `since`. */
static size_t outlived(const struct image_gc_policy *p, const struct image_gc_item *items, size_t n, int64_t since, int64_t now)
{
	for (size_t i = 0; i < n && p->max_age; i++) {
		int64_t used = used_at(&items[i]) > since ? used_at(&items[i]) : since;

		if (!items[i].in_use && !items[i].declared && now - used > p->max_age)
			return i;
	}
	return n;
}

void image_gc_decide(const struct image_gc_policy *p, const struct image_gc_item *items, size_t n,
		     const struct image_gc_disk *disk, bool collecting, int64_t since, int64_t now, struct image_gc_plan *ret)
{
	double enough = (double)disk->capacity * (100 - p->low) / 100;

	*ret = (struct image_gc_plan){ .victim = outlived(p, items, n, since, now), .collecting = collecting };
	ret->by_age = ret->victim < n;
	if (p->high <= 0 || p->high >= 100 || (double)disk->available >= enough)
		ret->collecting = false;
	else if (image_gc_usage(disk) >= p->high)
		ret->collecting = true;
	if (ret->by_age || !ret->collecting)
		return;
	ret->victim = oldest(p, items, n, now);
	ret->short_of = ret->victim == n;
}
