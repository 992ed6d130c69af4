/* SPDX-License-Identifier: Apache-2.0 */
#include "control/conditions.h"

#include <string.h>

#include "base/clock.h"

struct value *condition_get(const struct value *status, const char *type)
{
	return value_find(value_get(status, "conditions"), "type", type);
}

const char *condition_status(const struct value *status, const char *type)
{
	return value_str_or(value_get(condition_get(status, type), "status"), "");
}

const char *condition_reason(const struct value *status, const char *type)
{
	return value_str_or(value_get(condition_get(status, type), "reason"), "");
}

void condition_remove(struct value *status, const char *type)
{
	struct value *list = value_get(status, "conditions");

	for (size_t i = value_len(list); i-- > 0;)
		if (!strcmp(value_str_or(value_get(value_at(list, i), "type"), ""), type))
			value_remove_at(list, i);
	if (list && !value_len(list))
		value_remove(status, "conditions");
}

/* Replaces or adds the condition. */
static void put(struct arena *a, struct value *status, const char *type, const char *value, const char *reason,
		const char *message, int64_t now, bool with_update)
{
	const struct value *old = condition_get(status, type);
	struct value *list = value_set_list(a, status, "conditions"), *c = value_new_map(a);
	char time[CLOCK_RFC3339_SIZE];
	const char *since = clock_format_rfc3339(now, time);

	if (old && !strcmp(value_str_or(value_get(old, "status"), ""), value))
		since = value_str_or(value_get(old, "lastTransitionTime"), time);
	value_set_str(a, c, "type", type);
	value_set_str(a, c, "status", value);
	if (with_update)
		value_set_str(a, c, "lastUpdateTime", time);
	value_set_str(a, c, "lastTransitionTime", since);
	if (*reason)
		value_set_str(a, c, "reason", reason);
	if (*message)
		value_set_str(a, c, "message", message);
	for (size_t i = 0; i < value_len(list); i++)
		if (value_at(list, i) == old) {
			value_replace_at(list, i, c);
			return;
		}
	value_append(a, list, c);
}

void condition_set(struct arena *a, struct value *status, const char *type, const char *value, const char *reason,
		   const char *message, int64_t now, bool with_update)
{
	if (!strcmp(condition_status(status, type), value) && !strcmp(condition_reason(status, type), reason))
		return;
	put(a, status, type, value, reason, message, now, with_update);
}

void condition_renew(struct arena *a, struct value *status, const char *type, const char *value, const char *reason,
		     const char *message, int64_t now)
{
	put(a, status, type, value, reason, message, now, true);
}

void status_set_count(struct arena *a, struct value *status, const char *key, int64_t n)
{
	if (n > 0)
		value_set_int(a, status, key, n);
	else
		value_remove(status, key);
}
