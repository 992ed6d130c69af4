/* SPDX-License-Identifier: Apache-2.0 */
/* ConfigMaps, Secrets and the downward API: what pods take from them, and what follows when they change. */
#include <string.h>

#include "base/log.h"
#include "node/agent_internal.h"
#include "node/service_account.h"
#include "node/owners.h"
#include "node/volume.h"

static const int64_t token_retry = 60 * NSEC_PER_SEC; /* about as often as kubelet looks at its volumes again */

static struct object *find(void *arg, const char *plural, const char *ns, const char *name)
{
	struct agent *agent = arg;

	const struct schema_kind *kind = schema_kind_by_plural(plural);

	return kind ? cache_get(registry_cache(agent->registry), kind, ns, name) : NULL;
}

static int list(void *arg, const char *plural, const char *ns, struct object_list *ret)
{
	struct agent *agent = arg;
	const struct schema_kind *kind = schema_kind_by_plural(plural);

	return kind ? cache_list(registry_cache(agent->registry), kind, ns, ret) : 0;
}

static int own(void *arg, const char *path, gid_t group)
{
	struct agent *agent = arg;

	int r = owners_want(agent->owners, path, group);

	free(agent->owning);
	agent->owning = r == -EINPROGRESS ? strdup(path) : NULL;
	return r;
}

struct sources agent_sources(struct agent *agent, const struct agent_pod *p, struct arena *a)
{
	return (struct sources){
		.pod = p->object,
		.find = find,
		.list = list,
		.own = own,
		.arg = agent,
		.pod_ip = p->run.ip,
		.host_ip = agent->host_ip,
		.hostname = agent_hostname(a, p->object),
		.now = registry_now(agent->registry),
		.allocatable = node_object_allocatable(agent),
	};
}

static bool has_sandbox(const struct agent_pod *p)
{
	return !p->cleaning && (p->run.sandbox == SANDBOX_COMING || p->run.sandbox == SANDBOX_UP);
}

static void tell_failed(struct agent *agent, struct agent_pod *p, const struct error *err)
{
	if (!object_is_deleting(p->object))
		agent_tell(agent, p, EVENT_WARNING, "FailedMount", "%s", error_text(err));
}

void agent_refresh_volumes(struct agent *agent, struct agent_pod *p)
{
	_cleanup_arena_ struct arena *a = NULL;
	_cleanup_error_ struct error err = ERROR_INIT;
	struct sources s;

	if (!has_sandbox(p))
		return;
	a = arena_new(0);
	if (!a)
		return;
	s = agent_sources(agent, p, a);
	if (volumes_refresh(&s, p->dir, &err) < 0)
		tell_failed(agent, p, &err);
}

/* Brings the service account's files up to date, if the pod has them. */
static void refresh_account(struct agent *agent, struct agent_pod *p)
{
	_cleanup_arena_ struct arena *a = NULL;
	_cleanup_error_ struct error err = ERROR_INIT;
	const char *dir;
	struct sources s;

	if (!has_sandbox(p))
		return;
	a = arena_new(0);
	if (!a)
		return;
	s = agent_sources(agent, p, a);
	dir = agent_account_dir(a, agent, p);
	if (dir && service_account_write(&s, dir, &err) < 0)
		tell_failed(agent, p, &err);
	agent_note_tokens(agent, p);
}

void agent_renew_tokens(struct agent *agent, struct agent_pod *p)
{
	int64_t now = registry_now(agent->registry);

	p->token_at = INT64_MAX;
	agent_refresh_volumes(agent, p);
	refresh_account(agent, p);
	if (p->token_at <= now)
		p->token_at = now + token_retry;
}

void agent_source_uses(struct agent *agent, struct agent_pod *p)
{
	if (p->uses_sources || (!source_is_used(p->object, SOURCE_CONFIG_MAP, NULL) &&
				!source_is_used(p->object, SOURCE_SECRET, NULL)))
		return;
	p->uses_sources = true;
	atomic_fetch_add(&agent->n_source_users, 1);
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

static bool is_account(const struct object *o)
{
	return !strcmp(object_kind(o)->plural, "serviceaccounts");
}

static bool is_root_ca(const struct object *o)
{
	return !strcmp(object_name(o), PAYLOAD_ROOT_CA) && !strcmp(object_kind(o)->plural, "configmaps");
}

bool agent_source_concerns(const struct cache_event *e, bool has_users)
{
	const struct object *o = e->now ? e->now : e->old;

	return is_account(o) ? !e->old : has_users || is_root_ca(o); /* that of an account that goes stays as it is */
}

/* What the pod takes from it. */
static bool uses(const struct agent_pod *p, const struct object *source)
{
	bool secret = !strcmp(object_kind(source)->plural, source_plural(SOURCE_SECRET));

	if (p->gone || strcmp(object_namespace(p->object), object_namespace(source)) != 0)
		return false;
	if (is_account(source))
		return !strcmp(service_account_name(p->object), object_name(source));
	return is_root_ca(source) || (p->uses_sources && source_is_used(p->object, secret ? SOURCE_SECRET : SOURCE_CONFIG_MAP,
									object_name(source)));
}

void agent_source_changed(struct agent *agent, const struct object *source)
{
	struct agent_pod *p, *next;

	HASH_ITER(hh, agent->pods, p, next) {
		if (!uses(p, source))
			continue;
		retry(p);
		agent_refresh_volumes(agent, p);
		if (is_account(source) || is_root_ca(source))
			refresh_account(agent, p);
		agent_mark(agent, p);
	}
}
