/* SPDX-License-Identifier: Apache-2.0 */
#include "control/taint_eviction_decide.h"

#include <string.h>

#include "base/clock.h"

static const int64_t seconds_max = INT32_MAX; /* longer is as long as anybody waits, and stays in the range of times */

static const char *str(const struct value *map, const char *key)
{
	return value_str_or(value_get(map, key), "");
}

static bool is_no_execute(const struct value *taint)
{
	return strcmp(str(taint, "effect"), "NoExecute") == 0;
}

bool taint_eviction_concerns(const struct object *node)
{
	const struct value *taints = object_path(node, "spec", "taints");

	for (size_t i = 0; i < value_len(taints); i++)
		if (is_no_execute(value_at(taints, i)))
			return true;
	return false;
}

/* K8S:api/core/v1, Toleration.ToleratesTaint. */
static bool tolerates(const struct value *t, const struct value *taint)
{
	const char *key = str(t, "key"), *effect = str(t, "effect");

	if (*effect && strcmp(effect, str(taint, "effect")) != 0)
		return false;
	if (*key && strcmp(key, str(taint, "key")) != 0)
		return false;
	if (strcmp(str(t, "operator"), "Exists") == 0)
		return true;
	return *key && strcmp(str(t, "value"), str(taint, "value")) == 0;
}

static const struct value *find_toleration(const struct object *pod, const struct value *taint)
{
	const struct value *list = object_path(pod, "spec", "tolerations");

	for (size_t i = 0; i < value_len(list); i++)
		if (tolerates(value_at(list, i), taint))
			return value_at(list, i);
	return NULL;
}

static int64_t time_or(const char *text, int64_t fallback)
{
	int64_t t;

	return clock_parse_rfc3339(text, &t) == 0 ? t : fallback;
}

static int64_t began(const struct object *pod, int64_t now)
{
	const char *started = object_str(pod, "status", "startTime"), *created = object_str(pod, "metadata", "creationTimestamp");

	return started ? time_or(started, now) : created ? time_or(created, now) : now;
}

/* As taint_eviction_after(), for one taint. */
static int64_t judge(const struct object *pod, const struct value *taint, int64_t now)
{
	const struct value *t = find_toleration(pod, taint), *seconds = value_get(t, "tolerationSeconds");
	int64_t n = value_int(seconds, 0), since = time_or(str(taint, "timeAdded"), now), from = began(pod, now);

	if (!t)
		return 0;
	if (!seconds)
		return -1;
	if (n <= 0)
		return 0;
	from = since > from ? since : from;
	if (from > now) /* a clock that was set back: nobody stays longer for it */
		from = now;
	from += (n < seconds_max ? n : seconds_max) * NSEC_PER_SEC;
	return from > now ? from - now : 0;
}

int64_t taint_eviction_after(const struct object *node, const struct object *pod, int64_t now)
{
	const struct value *taints = object_path(node, "spec", "taints");
	int64_t least = -1;

	for (size_t i = 0; i < value_len(taints); i++) {
		int64_t after = is_no_execute(value_at(taints, i)) ? judge(pod, value_at(taints, i), now) : -1;

		if (after >= 0 && (least < 0 || after < least))
			least = after;
	}
	return least;
}

bool taint_eviction_stamp(struct arena *a, struct value *root, int64_t now)
{
	struct value *taints = value_path(root, "spec", "taints");
	char time[CLOCK_RFC3339_SIZE];
	bool changed = false;

	for (size_t i = 0; i < value_len(taints); i++) {
		struct value *taint = value_at(taints, i);

		if (!is_no_execute(taint) || *str(taint, "timeAdded"))
			continue;
		value_set_str(a, taint, "timeAdded", clock_format_rfc3339(now, time));
		changed = true;
	}
	return changed;
}
