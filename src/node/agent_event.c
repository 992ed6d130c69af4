/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pod: takes note of what its podfs-pod says.
 */
#include <string.h>

#include "base/log.h"
#include "node/agent_internal.h"
#include "node/pod_files.h"

static const char status_unknown[] = "ContainerStatusUnknown";

/* Why a run ended, in Kubernetes' words. */
static const char *exit_reason(struct agent *agent, struct agent_pod *p, const struct container_run *c, int code)
{
	char path[CGROUP_PATH_MAX];

	if (c->restarting)
		return LIFECYCLE_RESTARTING_ALL;
	if (!code)
		return "Completed";
	if (snprintf(path, sizeof(path), "%s/%s", p->cgroup, c->name) < (int)sizeof(path) &&
	    cgroup_oom_kills(agent->cgroups, path) > c->oom_kills)
		return "OOMKilled";
	return "Error";
}

/* The message that it left for its status; what podfs-pod says of a failed start goes first. */
static char *exit_message(struct agent *agent, struct agent_pod *p, const struct container_run *c,
			  const struct sandbox_event *ev)
{
	_cleanup_arena_ struct arena *a = NULL;

	if (*ev->text)
		return strdup(ev->text);
	a = arena_new(0);
	return a ? pod_files_termination(c->spec, p->dir, c->run, ev->exit_code, agent_log_path(a, agent, p, c)) : NULL;
}

/* A cgroup counts one run: what a run has used or been killed for is not the next one's. */
static void remove_cgroup(struct agent *agent, struct agent_pod *p, const struct container_run *c)
{
	char path[CGROUP_PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/%s", p->cgroup, c->name) < (int)sizeof(path))
		(void)cgroup_remove(agent->cgroups, path); /* ignoring: it goes with the pod's at the latest */
}

static void note_exit(struct agent *agent, struct agent_pod *p, struct container_run *c, const struct sandbox_event *ev)
{
	/* One that was killed on the way, so that all begin anew, has not failed. */
	bool failed_start = (ev->type == SANDBOX_START_FAILED || ev->state == POD_STATE_START_FAILED) && !c->restarting;
	const char *reason = failed_start ? "StartError" : exit_reason(agent, p, c, ev->exit_code);
	const char *policy = value_str_or(object_path(p->object, "spec", "restartPolicy"), "Always");

	c->started_at = ev->started_at;
	lifecycle_exited(c, ev->exit_code, ev->signal, reason, exit_message(agent, p, c, ev), ev->finished_at);
	c->record = RECORD_DUE;
	agent_facts_set(agent, p, c);
	remove_cgroup(agent, p, c);
	if (failed_start)
		agent_tell(agent, p, EVENT_WARNING, "Failed", "Error: failed to start container \"%s\": %s", c->name, ev->text);
	if (c->backoff && lifecycle_restarts(c, policy) && !p->gone && !object_is_deleting(p->object) && !agent->draining &&
	    !p->run.fail_reason)
		agent_tell(agent, p, EVENT_WARNING, "BackOff", "Back-off restarting failed container %s in pod %s_%s(%s)",
			   c->name, object_name(p->object), object_namespace(p->object), p->uid);
}

static void is_up(struct agent *agent, struct agent_pod *p)
{
	p->run.sandbox = SANDBOX_UP;
	if (p->has_limits)
		agent_evict_expect(agent);
}

/* Wires the pod up: a new one always, an adopted one when its daemon died before it did. */
static void wire_up(struct agent *agent, struct agent_pod *p, struct sandbox_event *ev)
{
	_cleanup_error_ struct error err = ERROR_INIT;

	if (!agent_pod_flag(p->object, "hostNetwork") &&
	    !(ev->adopted && agent->network->is_attached(agent->network_arg, p->uid)) &&
	    (agent->network->attach(agent->network_arg, ev->fd, p->uid, p->run.ip, &err) < 0 ||
	     agent->network->publish(agent->network_arg, p->object, p->run.ip, &err) < 0)) {
		agent_pod_sandbox_failed(agent, p, error_text(&err));
		agent_pod_end_sandbox(agent, p);
		return;
	}
	if (!ev->adopted) /* else SANDBOX_SYNCED follows */
		is_up(agent, p);
}

/* Containers are asked for from here on, while podfs-pod makes what else they need. */
static void on_netns(struct agent *agent, struct agent_pod *p, struct sandbox_event *ev)
{
	if (p->run.sandbox == SANDBOX_COMING && !p->adopting)
		wire_up(agent, p, ev);
}

static void on_ready(struct agent *agent, struct agent_pod *p, struct sandbox_event *ev)
{
	p->set_up = true;
	if (p->run.sandbox == SANDBOX_COMING)
		wire_up(agent, p, ev);
}

/* Ephemeral containers that are to be in its PID namespace wait no longer. */
static void retry_for_target(struct agent_pod *p, const struct container_run *target)
{
	for (size_t i = p->run.n_main; i < p->run.n; i++) {
		struct container_run *c = &p->run.containers[i];

		if (c->phase == CONTAINER_WAITING && !c->pull_id &&
		    !strcmp(value_str_or(value_get(c->spec, "targetContainerName"), ""), target->name))
			c->not_before = 0;
	}
}

static void on_started(struct agent *agent, struct agent_pod *p, struct container_run *c, const struct sandbox_event *ev)
{
	c->phase = CONTAINER_RUNNING;
	c->pid = ev->pid;
	c->started_at = ev->started_at;
	agent_facts_set(agent, p, c);
	agent_tell(agent, p, EVENT_NORMAL, "Started", "Started container %s", c->name);
	retry_for_target(p, c);
	agent_hook_post_start(agent, p, c);
}

void agent_pod_take_status(struct agent *agent, struct agent_pod *p, const struct sandbox_event *ev)
{
	struct container_run *c = lifecycle_find(&p->run, ev->container);
	bool ended = ev->state == POD_STATE_EXITED || ev->state == POD_STATE_START_FAILED;

	if (!c || ev->state == POD_STATE_NONE)
		return;
	c->has_started = (ev->started_at && ev->state != POD_STATE_RUNNING) || ev->restart > 0;
	/* The store knew this end before, and more of it than podfs-pod does. */
	if (ended && c->phase == CONTAINER_EXITED && c->run == ev->restart && strcmp(c->exit.reason, status_unknown) != 0)
		return;
	/* The store knew that another run is to come. */
	if (ended && c->phase == CONTAINER_WAITING && ev->restart < c->run)
		return;
	lifecycle_set_run(c, ev->restart);
	c->pid = ev->pid;
	c->started_at = ev->started_at;
	if (!c->image) /* the store did not hear of its launch; what it was made of cannot have changed since */
		c->image = strdup(value_str_or(value_get(c->spec, "image"), ""));
	if (ended)
		note_exit(agent, p, c, ev);
	else
		c->phase = ev->state == POD_STATE_RUNNING ? CONTAINER_RUNNING : CONTAINER_STARTING;
	if (c->phase == CONTAINER_RUNNING)
		lifecycle_resume(c);
	agent_facts_set(agent, p, c);
}

void agent_pod_lost(struct agent *agent, struct agent_pod *p)
{
	int64_t now = registry_now(agent->registry);

	for (size_t i = 0; i < p->run.n; i++) {
		struct container_run *c = &p->run.containers[i];

		if (c->phase != CONTAINER_RUNNING && c->phase != CONTAINER_STARTING)
			continue;
		lifecycle_exited(c, LIFECYCLE_EXIT_UNKNOWN, 0, status_unknown,
				 strdup("The container could not be located when the pod was terminated"), now);
		c->record = RECORD_DUE;
		agent_facts_set(agent, p, c);
	}
	if (!p->gone)
		agent_tell(agent, p, EVENT_NORMAL, "SandboxChanged",
			   "Pod sandbox changed, it will be killed and re-created.");
}

static void on_gone(struct agent *agent, struct agent_pod *p)
{
	if (!p->expected_end && !p->set_up && !p->adopting)
		agent_pod_sandbox_failed(agent, p, "podfs-pod ended while it was set up");
	else if (!p->expected_end)
		agent_pod_lost(agent, p);
	p->adopting = false;
	agent_pod_clean(agent, p);
}

/* A request failed: that to set the pod up, or to start a container. */
static void on_error(struct agent *agent, struct agent_pod *p, struct sandbox_event *ev)
{
	if (!p->set_up && !p->adopting && p->run.sandbox != SANDBOX_ENDING) {
		agent_pod_sandbox_failed(agent, p, ev->text);
		p->run.sandbox = SANDBOX_ENDING;
		p->expected_end = true;
		return;
	}
	if (!agent_exec_event(agent, p, ev)) /* an exec that podfs-pod could not begin */
		agent_probe_exec_ended(agent, p, ev);
	for (size_t i = 0; i < p->run.n; i++) {
		struct container_run *c = &p->run.containers[i];

		if (c->phase != CONTAINER_STARTING || c->request != ev->id)
			continue;
		lifecycle_waits(c, "CreateContainerError", strdup(ev->text), false, registry_now(agent->registry));
		agent_tell(agent, p, EVENT_WARNING, "Failed", "Error: %s", ev->text);
	}
}

static void on_container(struct agent *agent, struct agent_pod *p, const struct sandbox_event *ev)
{
	struct container_run *c = lifecycle_find(&p->run, ev->container);

	if (!c || ev->restart != c->run)
		return;
	if (ev->type == SANDBOX_STARTED)
		on_started(agent, p, c, ev);
	else
		note_exit(agent, p, c, ev);
}

static void on_event(struct agent *agent, struct agent_pod *p, struct sandbox_event *ev)
{
	switch (ev->type) {
	case SANDBOX_NETNS:
		on_netns(agent, p, ev);
		break;
	case SANDBOX_READY:
		on_ready(agent, p, ev);
		break;
	case SANDBOX_STARTED:
	case SANDBOX_START_FAILED:
	case SANDBOX_EXITED:
		on_container(agent, p, ev);
		break;
	case SANDBOX_STATUS:
		if (p->adopting)
			agent_pod_take_status(agent, p, ev);
		break;
	case SANDBOX_SYNCED:
		if (p->adopting && p->run.sandbox == SANDBOX_COMING)
			is_up(agent, p);
		p->adopting = false;
		break;
	case SANDBOX_WARNING:
		log_warning("pod %s/%s: %s%s%s", object_namespace(p->object), object_name(p->object), ev->container,
			    *ev->container ? ": " : "", ev->text);
		break;
	case SANDBOX_EXEC_STARTED:
	case SANDBOX_ATTACHED:
		(void)agent_exec_event(agent, p, ev); /* ignoring: a probe or a hook, which wait for the end only */
		break;
	case SANDBOX_EXEC_EXITED:
		if (!agent_exec_event(agent, p, ev))
			agent_probe_exec_ended(agent, p, ev);
		break;
	case SANDBOX_ERROR:
		on_error(agent, p, ev);
		break;
	case SANDBOX_GONE:
		on_gone(agent, p);
		break;
	default:
		break; /* answers to requests that the agent does not make */
	}
}

void agent_pod_receive(struct agent *agent, struct agent_pod *p)
{
	while (p->sandbox) {
		_cleanup_error_ struct error err = ERROR_INIT;
		_cleanup_sandbox_event_ struct sandbox_event ev = { .fd = -1 };
		int r = sandbox_receive(p->sandbox, &ev, &err);

		if (r == 0)
			break;
		if (r < 0) {
			log_warning("pod %s: %s", p->uid, error_text(&err));
			ev = (struct sandbox_event){ .type = SANDBOX_GONE, .fd = -1 };
		}
		on_event(agent, p, &ev);
	}
	agent_mark(agent, p);
}
