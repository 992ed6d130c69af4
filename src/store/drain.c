/* SPDX-License-Identifier: Apache-2.0 */
#include "store/drain.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum { SINCE_DIGITS = 10 };

static bool is_number(const char *s, size_t digits)
{
	return *s && strlen(s) <= digits && strspn(s, "0123456789") == strlen(s);
}

static bool parse_word(const char *w, struct drain_options *o)
{
	const char *grace = NULL;

	w += strncmp(w, "--", 2) == 0 ? 2 : 0;
	if (strcmp(w, "force") == 0) {
		o->force = true;
		return true;
	}
	if (strcmp(w, "delete-emptydir-data") == 0) {
		o->delete_emptydir_data = true;
		return true;
	}
	if (strncmp(w, "grace=", 6) == 0)
		grace = w + 6;
	else if (strncmp(w, "grace-period=", 13) == 0)
		grace = w + 13;
	if (strncmp(w, "since=", 6) == 0 && is_number(w + 6, SINCE_DIGITS)) {
		o->since = strtoll(w + 6, NULL, 10);
		return true;
	}
	if (!grace || !is_number(grace, 9))
		return strcmp(w, "ignore-daemonsets") == 0; /* as it does anyway */
	o->grace_seconds = strtol(grace, NULL, 10);
	return true;
}

int drain_parse(const char *text, struct drain_options *ret)
{
	struct drain_options o = { .grace_seconds = -1 };
	_cleanup_free_ char *words = strdup(text);
	char *save = NULL;

	if (!words)
		return -ENOMEM;
	for (char *w = strtok_r(words, " \t,\n", &save); w; w = strtok_r(NULL, " \t,\n", &save))
		if (!parse_word(w, &o))
			return -EINVAL;
	*ret = o;
	return 0;
}

char *drain_format(const struct drain_options *o, char out[static DRAIN_TEXT_MAX])
{
	char grace[32] = "", since[32] = "";
	const char *const words[] = { o->force ? "force" : "", o->delete_emptydir_data ? "delete-emptydir-data" : "", grace, since };
	size_t len = 0;

	if (o->grace_seconds >= 0)
		(void)snprintf(grace, sizeof(grace), "grace=%" PRId64, o->grace_seconds);
	if (o->since > 0)
		(void)snprintf(since, sizeof(since), "since=%" PRId64, o->since);
	*out = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(words) && len < DRAIN_TEXT_MAX; i++)
		if (*words[i])
			len += (size_t)snprintf(out + len, DRAIN_TEXT_MAX - len, "%s%s", len ? " " : "", words[i]);
	return out;
}

/* --- the judgement of one pod --- */

enum verdict { EVICT, SKIP, NO_SET, LOCAL, UNMANAGED };

static bool has_ended(const struct object *pod)
{
	const char *phase = object_str(pod, "status", "phase");

	return phase && (strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0);
}

static bool is_of_daemonset(const struct object *pod)
{
	const struct value *refs = object_path(pod, "metadata", "ownerReferences");

	for (size_t i = 0; i < value_len(refs); i++)
		if (value_bool(value_get(value_at(refs, i), "controller"), false))
			return strcmp(value_str_or(value_get(value_at(refs, i), "kind"), ""), "DaemonSet") == 0 &&
			       strcmp(value_str_or(value_get(value_at(refs, i), "apiVersion"), ""), "apps/v1") == 0;
	return false;
}

static bool has_local_storage(const struct object *pod)
{
	const struct value *volumes = object_path(pod, "spec", "volumes");

	for (size_t i = 0; i < value_len(volumes); i++)
		if (value_get(value_at(volumes, i), "emptyDir"))
			return true;
	return false;
}

static bool tolerates_cordon(const struct object *pod)
{
	const struct value *list = object_path(pod, "spec", "tolerations");

	for (size_t i = 0; i < value_len(list); i++) {
		const struct value *t = value_at(list, i);
		const char *key = value_str_or(value_get(t, "key"), ""), *effect = value_str_or(value_get(t, "effect"), "");
		bool exists = strcmp(value_str_or(value_get(t, "operator"), ""), "Exists") == 0;

		if (*effect && strcmp(effect, "NoSchedule") != 0)
			continue;
		if (strcmp(key, "node.kubernetes.io/unschedulable") == 0 ?
			    exists || !*value_str_or(value_get(t, "value"), "") : !*key && exists)
			return true;
	}
	return false;
}

/* Whether it has come since the drain began, and would again. */
static bool comes_again(const struct object *pod, const struct drain_options *o)
{
	const char *text = object_str(pod, "metadata", "creationTimestamp");
	int64_t made;

	return o->since && text && clock_parse_rfc3339(text, &made) == 0 && made / NSEC_PER_SEC > o->since && *object_controller_uid(pod) &&
	       tolerates_cordon(pod);
}

static enum verdict judge(const struct object *pod, const struct drain_options *o, drain_has_set_fn has_set, void *arg)
{
	if (is_of_daemonset(pod) && !has_ended(pod)) {
		if (has_set(arg, pod))
			return SKIP;
		if (!o->force)
			return NO_SET;
	}
	if (object_path(pod, "metadata", "annotations", "kubernetes.io/config.mirror"))
		return SKIP;
	if (has_ended(pod) || object_is_deleting(pod))
		return EVICT;
	if (comes_again(pod, o))
		return SKIP;
	if (has_local_storage(pod) && !o->delete_emptydir_data)
		return LOCAL;
	return *object_controller_uid(pod) || o->force ? EVICT : UNMANAGED;
}

/* kubectl's words; the option is written into the file `drain`. */
static const char *const refusals[] = {
	[NO_SET] = "DaemonSet-managed Pods whose DaemonSet is not found (write force to override)",
	[LOCAL] = "Pods with local storage (write delete-emptydir-data to override)",
	[UNMANAGED] = "Pods that declare no controller (write force to override)",
};

int drain_decide(const struct object_list *pods, const struct drain_options *opts, drain_has_set_fn has_set, void *arg,
		 struct arena *a, struct drain_plan *ret)
{
	struct drain_plan p = { .evict = arena_alloc(a, (pods->n + 1) * sizeof(*p.evict)) };
	struct buf named[ARRAY_SIZE(refusals)] = { 0 };
	_cleanup_buf_ struct buf all = BUF_INIT;

	if (!p.evict)
		return -ENOMEM;
	for (size_t i = 0; i < pods->n; i++) {
		const struct object *pod = pods->items[i];
		enum verdict v = judge(pod, opts, has_set, arg);

		if (v == EVICT && object_is_deleting(pod))
			p.n_going++;
		else if (v == EVICT)
			p.evict[p.n_evict++] = pod;
		else if (v != SKIP)
			buf_printf(&named[v], "%s%s/%s", named[v].len ? ", " : "", object_namespace(pod), object_name(pod));
	}
	for (size_t v = 0; v < ARRAY_SIZE(refusals); v++)
		if (named[v].len)
			buf_printf(&all, "%scannot delete %s: %s", all.len ? "; " : "", refusals[v], buf_str(&named[v]));
	p.refusal = arena_strdup(a, buf_str(&all));
	for (size_t v = 0; v < ARRAY_SIZE(refusals); v++)
		buf_clear(&named[v]);
	if (!p.refusal)
		return -ENOMEM;
	*ret = p;
	return 0;
}

/* --- with the cache --- */

int drain_list_pods(struct cache *c, const char *node, struct object_list *ret)
{
	_cleanup_object_list_ struct object_list all = OBJECT_LIST_INIT;
	int r = cache_list(c, schema_kind_by_plural("pods"), NULL, &all);

	for (size_t i = 0; r == 0 && i < all.n; i++) {
		const char *on = object_str(all.items[i], "spec", "nodeName");

		if (on && strcmp(on, node) == 0)
			r = object_list_add(ret, all.items[i]);
	}
	return r;
}

static bool has_set(void *arg, const struct object *pod)
{
	_cleanup_object_ struct object *set = cache_get_uid(arg, object_controller_uid(pod));

	return set != NULL;
}

int drain_review(struct cache *c, const struct object_list *pods, const struct drain_options *opts, struct arena *a,
		 struct drain_plan *ret)
{
	return drain_decide(pods, opts, has_set, c, a, ret);
}

bool drain_of(const struct object *node, struct drain_options *ret)
{
	const char *text = object_str(node, "metadata", "annotations", NODE_DRAIN);

	if (!text)
		return false;
	if (drain_parse(text, ret) < 0) /* somebody wrote it by hand: nothing is lost unasked */
		*ret = (struct drain_options){ .grace_seconds = -1 };
	return true;
}

bool drain_set_condition(struct arena *a, struct value *root, const char *value, const char *reason, const char *message,
			 int64_t now)
{
	struct value *status = value_set_map(a, root, "status"), *list = value_get(status, "conditions");
	struct value *c = value_find(list, "type", NODE_DRAINED);
	char time[CLOCK_RFC3339_SIZE];

	if (!value) {
		for (size_t i = value_len(list); c && i-- > 0;)
			if (value_at(list, i) == c)
				return value_remove_at(list, i);
		return false;
	}
	if (c && strcmp(value_str_or(value_get(c, "status"), ""), value) == 0 &&
	    strcmp(value_str_or(value_get(c, "reason"), ""), reason) == 0 &&
	    strcmp(value_str_or(value_get(c, "message"), ""), message) == 0)
		return false;
	if (!c)
		c = value_append(a, value_set_list(a, status, "conditions"), value_new_map(a));
	if (strcmp(value_str_or(value_get(c, "status"), ""), value) != 0)
		value_set_str(a, c, "lastTransitionTime", clock_format_rfc3339(now, time));
	value_set_str(a, c, "type", NODE_DRAINED);
	value_set_str(a, c, "status", value);
	value_set_str(a, c, "reason", reason);
	value_set_str(a, c, "message", message);
	return true;
}
