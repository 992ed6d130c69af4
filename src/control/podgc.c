/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pod garbage collector: ends and removes pods that no node agent will, those of a node that is gone or out of service,
 * those that were to go before they had a node, and the oldest of those that have ended when they are too many.
 *
 * Keys: "pod:NAMESPACE/NAME"; "node:NAME"; "ended". A node that is not there is looked for again after a quarantine, since
 * it may only be on its way, and in the store itself, so that nobody's pods go because the cache lacks it.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "control/controller.h"
#include "control/podgc_decide.h"

#define POD_KEY "pod:"
#define NODE_KEY "node:"
#define ENDED_KEY "ended"

static const int64_t quarantine = 40 * NSEC_PER_SEC;   /* K8S:podgc, quarantineTime */
static const int64_t check_period = 20 * NSEC_PER_SEC; /* the same, gcCheckPeriod: how long pods that have ended gather */

/* controller_data() */
struct tally {
	_Atomic size_t ended; /* pods that have */
};

static const struct schema_kind *pods(void)
{
	return schema_kind_by_plural("pods");
}

static const struct schema_kind *nodes(void)
{
	return schema_kind_by_plural("nodes");
}

static int init_tally(struct controller *c, void **ret_data)
{
	(void)c;
	*ret_data = calloc(1, sizeof(struct tally));
	return *ret_data ? 0 : -ENOMEM;
}

/* --- one pod --- */

struct end {
	enum podgc_verdict verdict;
	int64_t now;
};

static int mark_failed(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	struct value *status = value_set_map(a, root, "status"), *list, *c;
	const struct end *end = arg;
	char time[CLOCK_RFC3339_SIZE];

	if (podgc_has_ended(old))
		return -ECANCELED;
	value_set_str(a, status, "phase", "Failed");
	if (end->verdict != PODGC_DELETE_ORPHAN)
		return 0;
	list = value_set_list(a, status, "conditions");
	c = value_find(list, "type", "DisruptionTarget");
	if (!c)
		c = value_append(a, list, value_new_map(a));
	value_set_str(a, c, "type", "DisruptionTarget");
	if (strcmp(value_str_or(value_get(c, "status"), ""), "True") != 0)
		value_set_str(a, c, "lastTransitionTime", clock_format_rfc3339(end->now, time));
	value_set_str(a, c, "status", "True");
	value_set_str(a, c, "reason", "DeletionByPodGC");
	value_set_str(a, c, "message", "PodGC: node no longer exists");
	return 0;
}

/* One attempt to remove it. */
static int remove_pod(struct controller *c, const char *uid)
{
	const struct delete_options opts = { .grace_seconds = 0 };
	_cleanup_object_ struct object *now = cache_get_uid(controller_cache(c), uid);
	_cleanup_txn_ struct txn *t = now ? txn_new(controller_registry(c), controller_writer(c)) : NULL;
	int r = t ? txn_delete(t, now, &opts) : -ENOMEM;

	if (!now)
		return 0;
	return r < 0 ? r : txn_commit(t, 0, NULL);
}

/* Ends it in the store, as nobody else will, then removes it; what finalizers hold stays with that end. */
static int end_pod(struct controller *c, const struct object *pod, enum podgc_verdict verdict)
{
	struct end end = { verdict, registry_now(controller_registry(c)) };
	int r = registry_modify(controller_registry(c), controller_writer(c), pods(), object_namespace(pod), object_name(pod),
				object_uid(pod), TXN_STATUS, STORE_LAZY, mark_failed, &end);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = -ESTALE;
	for (int i = 0; i < REGISTRY_RETRIES && r == -ESTALE; i++)
		r = remove_pod(c, object_uid(pod));
	return r;
}

static int64_t sync_pod(struct controller *c, const char *key)
{
	_cleanup_object_ struct object *pod = controller_get(c, pods(), key);
	const char *on = pod ? object_str(pod, "spec", "nodeName") : NULL;
	enum podgc_verdict v = pod && !(on && *on) ? podgc_judge(pod, PODGC_NODE_NONE) : PODGC_KEEP;

	return v == PODGC_KEEP ? 0 : end_pod(c, pod, v);
}

/* --- a node --- */

/* 0: it is in the store; -ENOENT: it is not, for certain. */
static int look_in_store(struct controller *c, const char *name)
{
	_cleanup_store_entry_ struct store_entry *e = NULL;
	char key[STORE_KEY_MAX + 1];
	int r = object_format_key(nodes(), NULL, name, key);

	return r < 0 ? -ENOENT : store_get(registry_store(controller_registry(c)), key, &e); /* no node can be so called */
}

static int64_t sync_node(struct controller *c, const char *name)
{
	_cleanup_object_ struct object *node = cache_get(controller_cache(c), nodes(), NULL, name);
	_cleanup_object_list_ struct object_list all = OBJECT_LIST_INIT;
	enum podgc_node state = PODGC_NODE_GONE;
	int r = 0, result = 0;

	if (node) {
		state = podgc_node_of(node);
	} else {
		r = look_in_store(c, name);
		if (r != -ENOENT)
			return r == 0 ? quarantine : r; /* the cache will have it soon */
	}
	if (state == PODGC_NODE_THERE)
		return 0;
	r = cache_list(controller_cache(c), pods(), NULL, &all);
	for (size_t i = 0; r == 0 && i < all.n; i++) {
		const char *on = object_str(all.items[i], "spec", "nodeName");
		enum podgc_verdict v = on && strcmp(on, name) == 0 ? podgc_judge(all.items[i], state) : PODGC_KEEP;
		int e = v == PODGC_KEEP ? 0 : end_pod(c, all.items[i], v);

		result = e < 0 ? e : result;
	}
	return r < 0 ? r : result;
}

/* --- those that have ended --- */

static int64_t sync_ended(struct controller *c)
{
	_cleanup_object_list_ struct object_list all = OBJECT_LIST_INIT, ended = OBJECT_LIST_INIT;
	int r = cache_list(controller_cache(c), pods(), NULL, &all), result = 0;
	size_t excess;

	for (size_t i = 0; r == 0 && i < all.n; i++)
		if (podgc_has_ended(all.items[i]))
			r = object_list_add(&ended, all.items[i]);
	if (r < 0)
		return r;
	excess = podgc_excess(&ended, PODGC_TERMINATED_MAX);
	for (size_t i = 0; i < excess; i++) {
		int e = end_pod(c, ended.items[i], PODGC_DELETE);

		result = e < 0 ? e : result;
	}
	return result;
}

static int64_t sync_key(struct controller *c, const char *key)
{
	if (strncmp(key, POD_KEY, strlen(POD_KEY)) == 0)
		return sync_pod(c, key + strlen(POD_KEY));
	if (strncmp(key, NODE_KEY, strlen(NODE_KEY)) == 0)
		return sync_node(c, key + strlen(NODE_KEY));
	return sync_ended(c);
}

/* --- what wakes it --- */

static void add_node(struct controller *c, const char *name, int64_t wait)
{
	char key[STORE_KEY_MAX + sizeof(NODE_KEY)];

	(void)snprintf(key, sizeof(key), NODE_KEY "%s", name);
	controller_add_key_after(c, key, wait);
}

static void tally_ended(struct controller *c, const struct cache_event *e)
{
	struct tally *t = controller_data(c);
	bool was = e->old && podgc_has_ended(e->old), is = e->now && podgc_has_ended(e->now);

	if (was && !is)
		atomic_fetch_sub(&t->ended, 1);
	if (is && !was && atomic_fetch_add(&t->ended, 1) >= PODGC_TERMINATED_MAX)
		controller_add_key_after(c, ENDED_KEY, check_period);
}

static void notice_pod(struct controller *c, const struct cache_event *e)
{
	const char *on = e->now ? object_str(e->now, "spec", "nodeName") : NULL;
	bool begins = e->now && object_is_deleting(e->now) && !(e->old && object_is_deleting(e->old));
	_cleanup_object_ struct object *node = NULL;
	char key[STORE_KEY_MAX + sizeof(POD_KEY)];

	tally_ended(c, e);
	if (!e->now)
		return;
	if (!on || !*on) {
		(void)snprintf(key, sizeof(key), POD_KEY "%s/%s", object_namespace(e->now), object_name(e->now));
		if (begins)
			controller_add(c, key);
		return;
	}
	if (!begins && e->old && object_str(e->old, "spec", "nodeName"))
		return;
	node = cache_get(controller_cache(c), nodes(), NULL, on);
	if (!node)
		add_node(c, on, quarantine);
	else if (begins && podgc_node_of(node) == PODGC_NODE_OUT_OF_SERVICE)
		add_node(c, on, 0);
}

static void notice_node(struct controller *c, const struct cache_event *e)
{
	if (!e->now)
		add_node(c, object_name(e->old), quarantine);
	else if (podgc_node_of(e->now) == PODGC_NODE_OUT_OF_SERVICE &&
		 (!e->old || podgc_node_of(e->old) != PODGC_NODE_OUT_OF_SERVICE))
		add_node(c, object_name(e->now), 0);
}

const struct controller_type podgc_controller = {
	.name = "pod-garbage-collector",
	.sync = sync_key,
	.init = init_tally,
	.fini = free,
	.watches = { { "pods", notice_pod }, { "nodes", notice_node } },
};
