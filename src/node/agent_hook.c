/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pod: postStart and preStop hooks, and the end of a container, which a preStop hook comes before.
 * kubernetes-semantics, "Hooks" and "Termination".
 */
#include <signal.h>
#include <string.h>

#include "base/log.h"
#include "node/agent_internal.h"

static int64_t own_grace(const struct agent_pod *p)
{
	return lifecycle_seconds(
		value_int(object_path(p->object, "spec", "terminationGracePeriodSeconds"), LIFECYCLE_GRACE_DEFAULT));
}

/* Begins what a lifecycle handler says. */
static int begin(struct agent *agent, struct agent_pod *p, struct container_run *c, const struct value *handler,
		 int64_t until, struct error *err)
{
	const struct value *exec = value_get(handler, "exec"), *http = value_get(handler, "httpGet");
	const struct value *sleep = value_get(handler, "sleep");
	int64_t now = registry_now(agent->registry), end;
	const struct agent_ask ask = { .what = AGENT_CALL_HOOK, .type = "httpGet", .action = http,
				       .timeout = until > now ? until - now : until ? 1 : 0 };

	c->hook_id = 0;
	c->hook_until = until;
	if (exec)
		return agent_launch_command(agent, p, c, value_get(exec, "command"), -1, &c->hook_id, err);
	if (http)
		return agent_probe_call(agent, p, c, &ask, &c->hook_id, err);
	if (!sleep) /* tcpSocket is checked, and fails when it is its turn: K8S:pkg/kubelet/lifecycle/handlers.go */
		return error_set(err, -EINVAL, "Cannot run handler: invalid handler: tcpSocket");
	end = now + lifecycle_seconds(value_int(value_get(sleep, "seconds"), 0));
	c->hook_until = until && until < end ? until : end;
	return 0;
}

/* Sends the stop signal: what is left of the grace, though never less than the least, unless there is none at all. */
static void terminate(struct agent *agent, struct agent_pod *p, struct container_run *c)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	int64_t left = c->stop_by - registry_now(agent->registry), ms;

	if (c->term_grace > 0 && left < LIFECYCLE_GRACE_MIN * NSEC_PER_SEC)
		left = LIFECYCLE_GRACE_MIN * NSEC_PER_SEC;
	ms = left > 0 ? left / NSEC_PER_MSEC : 0;
	if (p->sandbox &&
	    sandbox_stop_container(p->sandbox, c->name, 0, ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms, &err) < 0)
		log_warning("pod %s: %s", p->uid, error_text(&err));
}

void agent_hook_post_start(struct agent *agent, struct agent_pod *p, struct container_run *c)
{
	const struct value *handler = value_path(c->spec, "lifecycle", "postStart");
	_cleanup_error_ struct error err = ERROR_INIT;
	int r = handler ? begin(agent, p, c, handler, 0, &err) : 0;

	c->post_start = handler ? HOOK_RUNNING : HOOK_DONE;
	if (r < 0)
		agent_hook_ended(agent, p, c, error_text(&err));
	lifecycle_check_started(c);
}

void agent_hook_pre_stop(struct agent *agent, struct agent_pod *p, struct container_run *c, int64_t grace)
{
	const struct value *handler = value_path(c->spec, "lifecycle", "preStop");
	_cleanup_error_ struct error err = ERROR_INIT;
	int r;

	if (!handler || c->pre_stop != HOOK_PENDING || c->phase != CONTAINER_RUNNING || grace <= 0 || p->gone)
		return;
	c->pre_stop = HOOK_RUNNING;
	r = begin(agent, p, c, handler, registry_now(agent->registry) + grace, &err);
	if (r < 0)
		agent_hook_ended(agent, p, c, error_text(&err));
}

bool agent_hook_stop(struct agent *agent, struct agent_pod *p, struct container_run *c, int64_t grace)
{
	int64_t end = registry_now(agent->registry) + grace;
	bool first = !c->stop_by;

	/* Graces have whole seconds: one that ends earlier by less is the same, worked out with less delay. */
	if (!first && end >= c->stop_by - (grace > 0 ? NSEC_PER_SEC - 1 : 0))
		return false;
	if (c->pre_stop == HOOK_PENDING)
		agent_hook_pre_stop(agent, p, c, grace);
	c->stop_by = end;
	c->term_grace = grace;
	if (c->pre_stop != HOOK_RUNNING || grace <= 0)
		terminate(agent, p, c);
	else if (c->hook_until > end)
		c->hook_until = end;
	return first;
}

static void post_start_ended(struct agent *agent, struct agent_pod *p, struct container_run *c, const char *failed)
{
	if (!failed) {
		c->post_start = HOOK_DONE;
		lifecycle_check_started(c);
		return;
	}
	agent_tell(agent, p, EVENT_WARNING, "FailedPostStartHook", "PostStartHook failed: %s", failed);
	c->post_start = HOOK_PENDING; /* and never done: it has not started */
	if (agent_hook_stop(agent, p, c, own_grace(p)))
		agent_tell(agent, p, EVENT_NORMAL, "Killing", "FailedPostStartHook");
}

void agent_hook_ended(struct agent *agent, struct agent_pod *p, struct container_run *c, const char *failed)
{
	c->hook_id = 0;
	c->hook_until = 0;
	agent_mark(agent, p);
	if (c->pre_stop != HOOK_RUNNING) {
		post_start_ended(agent, p, c, failed);
		return;
	}
	c->pre_stop = HOOK_DONE;
	if (failed)
		agent_tell(agent, p, EVENT_WARNING, "FailedPreStopHook", "PreStopHook failed: %s", failed);
	if (c->stop_by)
		terminate(agent, p, c);
}

void agent_hook_work(struct agent *agent, struct agent_pod *p, int64_t now)
{
	for (size_t i = 0; i < p->run.n; i++) {
		struct container_run *c = &p->run.containers[i];
		_cleanup_error_ struct error err = ERROR_INIT;

		if (!c->hook_until)
			continue;
		if (c->hook_until > now) {
			p->wake_at = c->hook_until < p->wake_at ? c->hook_until : p->wake_at;
			continue;
		}
		if (c->hook_id && p->sandbox && value_path(c->spec, "lifecycle", "preStop", "exec"))
			(void)sandbox_stop_exec(p->sandbox, c->name, c->hook_id, SIGKILL, 0, &err); /* ignoring: it goes with the container */
		agent_hook_ended(agent, p, c, c->hook_id ? "the grace period is over" : NULL);
	}
}
