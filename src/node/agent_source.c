/* SPDX-License-Identifier: Apache-2.0 */
/* ConfigMaps, Secrets and the downward API: what pods take from them, and what follows when they change. */
#include <string.h>

#include "base/log.h"
#include "node/agent_internal.h"
#include "node/volume.h"

static struct object *find(void *arg, const char *plural, const char *ns, const char *name)
{
	struct agent *agent = arg;

	const struct schema_kind *kind = schema_kind_by_plural(plural);

	return kind ? cache_get(registry_cache(agent->registry), kind, ns, name) : NULL;
}

struct sources agent_sources(struct agent *agent, const struct agent_pod *p, struct arena *a)
{
	return (struct sources){
		.pod = p->object,
		.find = find,
		.arg = agent,
		.pod_ip = p->run.ip,
		.host_ip = agent->host_ip,
		.hostname = agent_hostname(a, p->object),
		.allocatable = node_object_allocatable(agent),
	};
}

void agent_refresh_volumes(struct agent *agent, struct agent_pod *p)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_error_ struct error err = ERROR_INIT;
	struct sources s;

	if (!a || p->cleaning || (p->run.sandbox != SANDBOX_COMING && p->run.sandbox != SANDBOX_UP))
		return;
	s = agent_sources(agent, p, a);
	if (volumes_refresh(&s, p->dir, &err) < 0 && !object_is_deleting(p->object))
		agent_tell(agent, p, EVENT_WARNING, "FailedMount", "%s", error_text(&err));
}

/* What could not be had is tried again now. */
static void retry(struct agent_pod *p)
{
	p->run.sandbox_not_before = 0;
	for (size_t i = 0; i < p->run.n; i++) {
		struct container_run *c = &p->run.containers[i];

		if (!c->waiting_reason || c->pull_id)
			continue;
		if (!strcmp(c->waiting_reason, "CreateContainerConfigError") || strstr(c->waiting_reason, "ImagePull"))
			c->not_before = c->pull_at = 0; /* kubelet would wait for the back-off: the new secret may be what it takes */
	}
}

void agent_source_changed(struct agent *agent, const struct object *source)
{
	bool secret = !strcmp(object_kind(source)->plural, source_plural(SOURCE_SECRET));
	struct agent_pod *p, *next;

	HASH_ITER(hh, agent->pods, p, next) {
		if (!p->uses_sources || p->gone || strcmp(object_namespace(p->object), object_namespace(source)) != 0 ||
		    !source_is_used(p->object, secret ? SOURCE_SECRET : SOURCE_CONFIG_MAP, object_name(source)))
			continue;
		retry(p);
		agent_refresh_volumes(agent, p);
		agent_mark(agent, p);
	}
}
