/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the agent watches in the cache. The callbacks run on whatever thread has changed something, and only fill the inbox.
 */
#include <string.h>

#include "node/agent_internal.h"

bool agent_owns(struct agent *agent, const struct object *pod)
{
	const char *node = pod ? object_str(pod, "spec", "nodeName") : NULL;

	return node && !strcmp(node, agent->node_name);
}

/* The cache's callback. A pod's own status does not concern it: the agent wrote it. */
static void on_change(void *arg, const struct cache_event *e)
{
	struct agent *agent = arg;
	const struct object *o = e->now ? e->now : e->old;

	if (!agent_owns(agent, o))
		return;
	if (e->old && e->now && agent_owns(agent, e->old) &&
	    object_same(e->old, e->now, "spec") && object_same(e->old, e->now, "metadata", "deletionTimestamp") &&
	    object_same(e->old, e->now, "metadata", "labels") && object_same(e->old, e->now, "metadata", "annotations"))
		return;
	agent_put(agent, e->now ? INBOX_POD : INBOX_GONE, o, object_uid(o));
}

/*
 * The cache's callback for ConfigMaps, Secrets and ServiceAccounts. A pod that comes to the agent meanwhile counts itself
 * among the users before it looks into the cache, which shows this change already.
 */
static void on_source(void *arg, const struct cache_event *e)
{
	struct agent *agent = arg;
	const struct object *o = e->now ? e->now : e->old;

	if (atomic_load(&agent->n_pods) && agent_source_concerns(e, atomic_load(&agent->n_source_users) > 0))
		agent_put(agent, INBOX_SOURCE, o, object_uid(o));
}

static void on_node(void *arg, const struct cache_event *e)
{
	struct agent *agent = arg;

	if (!e->now && !strcmp(object_name(e->old), agent->node_name))
		agent_put(agent, INBOX_NODE_GONE, NULL, "");
}

int agent_watch_node(struct agent *agent)
{
	return cache_subscribe(registry_cache(agent->registry), schema_kind_by_plural("nodes"), on_node, agent, &agent->nodes);
}

int agent_watch(struct agent *agent)
{
	int r = cache_subscribe(registry_cache(agent->registry), schema_kind_by_plural("pods"), on_change, agent,
				&agent->subscription);

	for (size_t i = 0; i < ARRAY_SIZE(agent->sources) && r == 0; i++) {
		static const char *const plurals[] = { "configmaps", "secrets", "serviceaccounts" };
		const struct schema_kind *kind = schema_kind_by_plural(plurals[i]);

		if (kind)
			r = cache_subscribe(registry_cache(agent->registry), kind, on_source, agent, &agent->sources[i]);
	}
	return r;
}

void agent_unwatch(struct agent *agent)
{
	cache_unsubscribe(agent->subscription);
	cache_unsubscribe(agent->nodes);
	for (size_t i = 0; i < ARRAY_SIZE(agent->sources); i++)
		cache_unsubscribe(agent->sources[i]);
}
