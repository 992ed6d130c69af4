/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pod: carries out what lifecycle.h decides, and takes note of what podfs-pod says.
 */
#include <stdarg.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/log.h"
#include "node/agent_internal.h"

static const int64_t sandbox_retry = 10 * NSEC_PER_SEC;

enum { STEPS_MAX = 64 }; /* decisions in a row before others get their turn */

static void tell(struct agent *agent, const struct agent_pod *p, enum event_type type, const char *reason,
		 const char *fmt, ...) __attribute__((format(printf, 5, 6)));

static void tell(struct agent *agent, const struct agent_pod *p, enum event_type type, const char *reason,
		 const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	if (text)
		event_record(agent->registry, "node", p->object, type, reason, "%s", text);
}

/* --- status --- */

struct status_change {
	struct agent *agent;
	struct agent_pod *pod;
};

static int change_status(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	const struct status_change *s = arg;

	lifecycle_set_status(a, root, &s->pod->run, s->agent->host_ip, registry_now(s->agent->registry));
	return 0;
}

/* Shows what is. What cannot be observed again is synced; the rest rides along with the next commit. */
static void write_status(struct agent *agent, struct agent_pod *p)
{
	struct status_change s = { agent, p };
	int r;

	if (p->gone)
		return;
	r = registry_modify(agent->registry, &agent->writer, object_kind(p->object), object_namespace(p->object),
			    object_name(p->object), p->uid, TXN_STATUS, p->sync_status ? 0 : STORE_LAZY, change_status, &s);
	if (r < 0 && r != -ENOENT)
		log_warning("pod %s/%s: status: %s, ignoring", object_namespace(p->object), object_name(p->object),
			    strerrordesc_np(-r));
	else
		p->sync_status = false;
}

/* --- the sandbox --- */

static void drop_sandbox(struct agent *agent, struct agent_pod *p)
{
	if (!p->sandbox)
		return;
	(void)epoll_ctl(agent->epoll, EPOLL_CTL_DEL, sandbox_fd(p->sandbox), NULL);
	sandbox_free(steal_ptr(p->sandbox));
}

static int watch_sandbox(struct agent *agent, struct agent_pod *p)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = p };

	return epoll_ctl(agent->epoll, EPOLL_CTL_ADD, sandbox_fd(p->sandbox), &e) < 0 ? -errno : 0;
}

/* Hands what is left of a sandbox to the cleaner. */
static void start_cleaning(struct agent *agent, struct agent_pod *p)
{
	_cleanup_free_ char *run_dir = NULL;
	struct cleaner_job job = { .uid = p->uid, .cgroup = p->cgroup, .network = true };

	if (p->sandbox)
		job.child = sandbox_take_child(p->sandbox);
	drop_sandbox(agent, p);
	if (asprintf(&run_dir, "%s/pods/%s", agent->run_dir, p->uid) < 0)
		run_dir = NULL;
	job.run_dir = run_dir;
	job.dir = p->gone || object_is_deleting(p->object) || agent->draining ? p->dir : NULL;
	p->run.sandbox = SANDBOX_ENDING;
	p->cleaning = run_dir && cleaner_add(agent->cleaner, &job) == 0;
	if (!p->cleaning) {
		log_error("pod %s: out of memory, something of it may be left", p->uid);
		p->run.sandbox = SANDBOX_NONE;
	}
}

static void fail_sandbox(struct agent *agent, struct agent_pod *p, struct error *err)
{
	tell(agent, p, EVENT_WARNING, "FailedCreatePodSandBox", "Failed to create pod sandbox: %s", error_text(err));
	p->run.sandbox_not_before = registry_now(agent->registry) + sandbox_retry;
	if (!*p->cgroup)
		(void)cgroup_path(agent->cgroups, "Guaranteed", p->uid, NULL, p->cgroup);
	start_cleaning(agent, p);
}

static void start_sandbox(struct agent *agent, struct agent_pod *p)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	int r = agent_launch_sandbox(agent, p, &err);

	if (r == 0)
		r = watch_sandbox(agent, p);
	if (r < 0) {
		fail_sandbox(agent, p, &err);
		return;
	}
	p->run.sandbox = SANDBOX_COMING;
	p->expected_end = false;
}

static void end_sandbox(struct agent *agent, struct agent_pod *p)
{
	_cleanup_error_ struct error err = ERROR_INIT;

	p->expected_end = true;
	p->run.sandbox = SANDBOX_ENDING;
	if (sandbox_shutdown(p->sandbox, &err) < 0)
		log_warning("pod %s: %s", p->uid, error_text(&err));
}

/* --- containers --- */

static void start_container(struct agent *agent, struct agent_pod *p, struct container_run *c)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	const char *reason = NULL;
	int64_t now = registry_now(agent->registry);
	bool was_waiting = c->waiting_reason != NULL;
	int r;

	if (c->exit.is_set)
		lifecycle_starting(c);
	r = agent_launch_container(agent, p, c, &reason, &err);
	if (r == 0) {
		lifecycle_starting(c);
		return;
	}
	c->phase = CONTAINER_WAITING;
	c->waiting_reason = reason;
	free(c->waiting_message);
	c->waiting_message = strdup(error_text(&err));
	/* An image's coming wakes the agent; everything else is tried again later. */
	c->not_before = r == -ENOENT && strstr(reason, "ErrImage") ? INT64_MAX : now + sandbox_retry;
	if (!was_waiting)
		tell(agent, p, EVENT_WARNING, "Failed", "Error: %s: %s", reason, error_text(&err));
}

static void stop_container(struct agent *agent, struct agent_pod *p, struct container_run *c, int64_t grace)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	int64_t ms = grace / NSEC_PER_MSEC;

	if (c->stop_sent && grace)
		return;
	if (!c->stop_sent && !p->gone)
		tell(agent, p, EVENT_NORMAL, "Killing", "Stopping container %s", c->name);
	c->stop_sent = true;
	if (sandbox_stop_container(p->sandbox, c->name, 0, ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms, &err) < 0)
		log_warning("pod %s: %s", p->uid, error_text(&err));
}

/* Why a run ended, in Kubernetes' words. */
static const char *exit_reason(struct agent *agent, struct agent_pod *p, const struct container_run *c, int code)
{
	char path[CGROUP_PATH_MAX];

	if (!code)
		return "Completed";
	if (snprintf(path, sizeof(path), "%s/%s", p->cgroup, c->name) < (int)sizeof(path) &&
	    cgroup_oom_kills(agent->cgroups, path) > c->oom_kills)
		return "OOMKilled";
	return "Error";
}

static void note_exit(struct agent *agent, struct agent_pod *p, struct container_run *c, const struct sandbox_event *ev)
{
	bool failed_start = ev->type == SANDBOX_START_FAILED || ev->state == POD_STATE_START_FAILED;
	const char *reason = failed_start ? "StartError" : exit_reason(agent, p, c, ev->exit_code);

	c->started_at = ev->started_at;
	lifecycle_exited(c, ev->exit_code, ev->signal, reason, *ev->text ? strdup(ev->text) : NULL, ev->finished_at);
	p->sync_status = true;
	if (failed_start)
		tell(agent, p, EVENT_WARNING, "Failed", "Error: failed to start container \"%s\": %s", c->name, ev->text);
}

/* --- what podfs-pod says --- */

static void on_ready(struct agent *agent, struct agent_pod *p, struct sandbox_event *ev)
{
	_cleanup_error_ struct error err = ERROR_INIT;

	if (ev->adopted)
		return; /* its link is there; SANDBOX_SYNCED follows */
	if (!value_bool(object_path(p->object, "spec", "hostNetwork"), false) &&
	    agent->network->attach(agent->network_arg, ev->fd, p->uid, p->run.ip, &err) < 0) {
		tell(agent, p, EVENT_WARNING, "FailedCreatePodSandBox", "Failed to create pod sandbox: %s",
		     error_text(&err));
		p->run.sandbox_not_before = registry_now(agent->registry) + sandbox_retry;
		end_sandbox(agent, p);
		return;
	}
	p->run.sandbox = SANDBOX_UP;
}

static void on_started(struct agent *agent, struct agent_pod *p, struct container_run *c, const struct sandbox_event *ev)
{
	c->phase = CONTAINER_RUNNING;
	c->pid = ev->pid;
	c->started_at = ev->started_at;
	tell(agent, p, EVENT_NORMAL, "Started", "Started container %s", c->name);
}

/* How a container of an adopted pod stands. */
static void on_status(struct agent *agent, struct agent_pod *p, struct container_run *c, const struct sandbox_event *ev)
{
	lifecycle_set_run(c, ev->restart);
	c->pid = ev->pid;
	c->started_at = ev->started_at;
	if (ev->state == POD_STATE_RUNNING)
		c->phase = CONTAINER_RUNNING;
	else if (ev->state == POD_STATE_STARTING)
		c->phase = CONTAINER_STARTING;
	else if (ev->state == POD_STATE_EXITED || ev->state == POD_STATE_START_FAILED)
		note_exit(agent, p, c, ev);
}

/* podfs-pod died without being told to: its containers died with it. */
static void on_lost(struct agent *agent, struct agent_pod *p)
{
	int64_t now = registry_now(agent->registry);

	for (size_t i = 0; i < p->run.n; i++) {
		struct container_run *c = &p->run.containers[i];

		if (c->phase != CONTAINER_RUNNING && c->phase != CONTAINER_STARTING)
			continue;
		lifecycle_exited(c, LIFECYCLE_EXIT_UNKNOWN, 0, "ContainerStatusUnknown",
				 strdup("the pod's supervisor ended unexpectedly"), now);
		p->sync_status = true;
	}
	tell(agent, p, EVENT_WARNING, "SandboxChanged", "The pod's supervisor ended; its containers will be started again");
}

static void on_gone(struct agent *agent, struct agent_pod *p)
{
	if (!p->expected_end)
		on_lost(agent, p);
	start_cleaning(agent, p);
}

static void on_container(struct agent *agent, struct agent_pod *p, const struct sandbox_event *ev)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct container_run *c = lifecycle_find(&p->run, ev->container);

	if (!c)
		return;
	if (ev->type == SANDBOX_STATUS)
		on_status(agent, p, c, ev);
	else if (ev->type == SANDBOX_STARTED)
		on_started(agent, p, c, ev);
	else if (ev->restart == c->run)
		note_exit(agent, p, c, ev);
	if (ev->type == SANDBOX_EXITED || ev->type == SANDBOX_START_FAILED) {
		write_status(agent, p);
		(void)sandbox_ack(p->sandbox, ev->container, ev->restart, &err); /* ignoring: it is told again after a reconnect */
	}
}

static void on_event(struct agent *agent, struct agent_pod *p, struct sandbox_event *ev)
{
	switch (ev->type) {
	case SANDBOX_READY:
		on_ready(agent, p, ev);
		break;
	case SANDBOX_STARTED:
	case SANDBOX_START_FAILED:
	case SANDBOX_EXITED:
	case SANDBOX_STATUS:
		on_container(agent, p, ev);
		break;
	case SANDBOX_SYNCED:
		if (p->adopting)
			p->run.sandbox = SANDBOX_UP;
		p->adopting = false;
		break;
	case SANDBOX_WARNING:
		log_warning("pod %s/%s: %s%s%s", object_namespace(p->object), object_name(p->object), ev->container,
			    *ev->container ? ": " : "", ev->text);
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

/* --- decisions carried out --- */

void agent_pod_update(struct agent *agent, struct agent_pod *p, const struct object *now)
{
	struct object *old = p->object;

	if (!now) {
		p->gone = true;
		p->run.killed = true;
	} else {
		const struct value *init = object_path(now, "spec", "initContainers");
		const struct value *main = object_path(now, "spec", "containers");

		for (size_t i = 0; i < p->run.n; i++) {
			struct container_run *c = &p->run.containers[i];
			const struct value *spec = value_find(i < p->run.n_init ? init : main, "name", c->name);

			if (!spec) /* cannot be: containers do not come and go; keep what it was made of */
				return;
			c->spec = spec;
			c->name = value_str(value_get(spec, "name"));
		}
		p->object = object_ref(now);
		object_unref(old);
	}
	agent_mark(agent, p);
}

/* The last word on a pod that is being deleted. */
static void remove_from_store(struct agent *agent, struct agent_pod *p)
{
	static const struct delete_options now = { .grace_seconds = 0 };
	int r = -ESTALE;

	for (int i = 0; i < REGISTRY_RETRIES && r == -ESTALE; i++) {
		_cleanup_object_ struct object *o = cache_get_key(registry_cache(agent->registry), object_key(p->object));
		_cleanup_txn_ struct txn *t = txn_new(agent->registry, &agent->writer);

		if (!o || strcmp(object_uid(o), p->uid) != 0)
			return;
		r = t ? txn_delete(t, o, &now) : -ENOMEM;
		if (r == 0)
			r = txn_submit(t, 0, NULL, NULL);
	}
	if (r < 0)
		log_error("pod %s: remove: %s", p->uid, strerrordesc_np(-r));
}

/* The plan for a drain: everything ends with its grace, nothing leaves the store. */
static void decide(struct agent *agent, struct agent_pod *p, struct pod_plan *plan)
{
	int64_t now = registry_now(agent->registry);

	lifecycle_decide(&p->run, p->gone ? NULL : p->object, now, plan);
	if (!agent->draining || p->gone || object_is_deleting(p->object))
		return;
	lifecycle_decide_drain(&p->run, p->object, plan);
}

/* Carries out one plan. Returns whether to decide again at once. */
static bool act(struct agent *agent, struct agent_pod *p, const struct pod_plan *plan)
{
	p->wake_at = plan->wake_at;
	for (size_t i = 0; i < plan->n_stop; i++)
		stop_container(agent, p, &p->run.containers[plan->stop[i]], plan->grace);
	for (size_t i = 0; i < plan->n_start; i++)
		start_container(agent, p, &p->run.containers[plan->start[i]]);
	if (plan->start_sandbox)
		start_sandbox(agent, p);
	else if (plan->end_sandbox)
		end_sandbox(agent, p);
	else
		return plan->n_start > 0;
	return true;
}

bool agent_pod_reconcile(struct agent *agent, struct agent_pod *p)
{
	struct pod_plan plan = { .wake_at = INT64_MAX };
	bool again = true;

	for (int i = 0; i < STEPS_MAX && again && !p->cleaning; i++) {
		decide(agent, p, &plan);
		again = act(agent, p, &plan);
	}
	write_status(agent, p);
	if (!plan.finished || p->cleaning)
		return true;
	if (p->gone)
		return false;
	if (object_is_deleting(p->object) && !p->removed) {
		p->removed = true;
		remove_from_store(agent, p);
	}
	return true;
}

void agent_pod_adopt(struct agent *agent, struct agent_pod *p)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	int r;

	(void)cgroup_path(agent->cgroups, value_str_or(object_path(p->object, "status", "qosClass"), "BestEffort"), p->uid,
			  NULL, p->cgroup);
	r = sandbox_connect(agent->run_dir, p->uid, &p->sandbox, &err);
	if (r == 0)
		r = watch_sandbox(agent, p);
	if (r < 0) { /* its podfs-pod has died while nobody looked */
		on_lost(agent, p);
		start_cleaning(agent, p);
		return;
	}
	(void)snprintf(p->run.ip, sizeof(p->run.ip), "%s",
		       value_str_or(object_path(p->object, "status", "podIP"), ""));
	p->run.sandbox = SANDBOX_COMING;
	p->adopting = true;
}

void agent_pod_cleaned(struct agent *agent, struct agent_pod *p)
{
	p->cleaning = false;
	p->run.sandbox = SANDBOX_NONE;
	p->run.ip[0] = '\0';
	agent_mark(agent, p);
}

void agent_pod_free(struct agent_pod *p)
{
	if (!p)
		return;
	sandbox_free(p->sandbox);
	lifecycle_clear(&p->run);
	object_unref(p->object);
	free(p->dir);
	free(p);
}
