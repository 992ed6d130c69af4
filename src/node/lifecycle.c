/* SPDX-License-Identifier: Apache-2.0 */
#include "node/lifecycle.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_container(struct pod_run *p, const struct value *spec, enum container_kind kind)
{
	p->containers[p->n++] = (struct container_run){
		.spec = spec,
		.name = value_str_or(value_get(spec, "name"), ""),
		.kind = kind,
	};
}

static void add_containers(struct pod_run *p, const struct value *list, enum container_kind kind)
{
	for (size_t i = 0; i < value_len(list) && p->n < LIFECYCLE_CONTAINERS_MAX; i++) {
		const struct value *spec = value_at(list, i);
		bool always = !strcmp(value_str_or(value_get(spec, "restartPolicy"), ""), "Always");

		add_container(p, spec, kind == CONTAINER_INIT && always ? CONTAINER_SIDECAR : kind);
	}
}

static size_t at_most(size_t n)
{
	return n < LIFECYCLE_CONTAINERS_MAX ? n : LIFECYCLE_CONTAINERS_MAX;
}

static int fail_too_many(struct pod_run *p, size_t n)
{
	char message[128];

	(void)snprintf(message, sizeof(message), "Pod was rejected: it has %zu containers, and a node runs at most %d of a pod",
		       n, LIFECYCLE_CONTAINERS_MAX);
	return lifecycle_fail(p, LIFECYCLE_TOO_MANY, message) ? 0 : -ENOMEM;
}

int lifecycle_init(struct pod_run *p, const struct value *spec, int64_t now)
{
	const struct value *init = value_get(spec, "initContainers"), *main = value_get(spec, "containers");
	const struct value *ephemeral = value_get(spec, "ephemeralContainers");
	size_t n = value_len(init) + value_len(main);
	bool fit = n <= LIFECYCLE_CONTAINERS_MAX;

	*p = (struct pod_run){ .started_at = now };
	p->containers = calloc(fit ? at_most(n + value_len(ephemeral)) + 1 : 1, sizeof(p->containers[0]));
	if (!p->containers)
		return -ENOMEM;
	if (!fit)
		return fail_too_many(p, n);
	add_containers(p, init, CONTAINER_INIT);
	p->n_init = p->n;
	add_containers(p, main, CONTAINER_MAIN);
	p->n_main = p->n;
	add_containers(p, ephemeral, CONTAINER_EPHEMERAL);
	return 0;
}

/* What the spec says of a container that it had before. */
static const struct value *find_spec(const struct value *spec, const struct container_run *c)
{
	const char *list = c->kind == CONTAINER_MAIN	   ? "containers" :
			   c->kind == CONTAINER_EPHEMERAL ? "ephemeralContainers" :
							     "initContainers";

	return value_find(value_get(spec, list), "name", c->name);
}

int lifecycle_update(struct pod_run *p, const struct value *spec)
{
	const struct value *ephemeral = value_get(spec, "ephemeralContainers");
	size_t n = p->n_main ? at_most(p->n_main + value_len(ephemeral)) : 0, had = p->n;
	struct container_run *list = NULL;

	for (size_t i = 0; i < p->n; i++)
		if (!find_spec(spec, &p->containers[i]))
			return -EINVAL;
	if (n > had)
		list = reallocarray(p->containers, n + 1, sizeof(*list));
	if (list)
		p->containers = list;
	for (size_t i = 0; i < had; i++) {
		struct container_run *c = &p->containers[i];

		c->spec = find_spec(spec, c);
		c->name = value_str_or(value_get(c->spec, "name"), "");
	}
	for (size_t i = 0; list && i < value_len(ephemeral) && p->n < n; i++)
		if (!lifecycle_find(p, value_str_or(value_get(value_at(ephemeral, i), "name"), "")))
			add_container(p, value_at(ephemeral, i), CONTAINER_EPHEMERAL);
	return n > had && !list ? -ENOMEM : 0;
}

/* A new run knows nothing of the one before. */
static void forget_probes(struct container_run *c)
{
	for (int t = 0; t < PROBE_TYPES; t++)
		probe_clear(&c->probes[t]);
	c->post_start = c->pre_stop = HOOK_PENDING;
	c->hook_id = 0;
	c->hook_until = 0;
}

void lifecycle_clear(struct pod_run *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->containers[i].exit.message);
		free(p->containers[i].last.message);
		free(p->containers[i].waiting_message);
		free(p->containers[i].image);
		free(p->containers[i].image_id);
		forget_probes(&p->containers[i]);
	}
	free(p->containers);
	p->containers = NULL;
	p->n = 0;
	free(p->fail_reason);
	free(p->fail_message);
	p->fail_reason = p->fail_message = NULL;
}

struct container_run *lifecycle_find(struct pod_run *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (!strcmp(p->containers[i].name, name))
			return &p->containers[i];
	return NULL;
}

void lifecycle_exited(struct container_run *c, int code, int signal, const char *reason, char *message,
		      int64_t finished_at)
{
	free(c->exit.message);
	c->exit = (struct container_exit){
		.is_set = true,
		.code = code,
		.signal = signal,
		.reason = reason,
		.message = message,
		.started_at = c->started_at,
		.finished_at = finished_at,
		.run = c->run,
	};
	c->phase = CONTAINER_EXITED;
	c->pid = 0;
	c->hook_id = 0; /* what was asked of it is moot */
	c->hook_until = 0;
	if (c->started_at && finished_at - c->started_at >= LIFECYCLE_BACKOFF_RESET)
		c->backoff = 0;
	c->not_before = finished_at + c->backoff;
}

static void forget_waiting(struct container_run *c)
{
	c->waiting_reason = NULL;
	free(c->waiting_message);
	c->waiting_message = NULL;
}

static int64_t doubled(int64_t delay)
{
	return !delay				     ? LIFECYCLE_BACKOFF_FIRST :
	       delay * 2 > LIFECYCLE_BACKOFF_MAX ? LIFECYCLE_BACKOFF_MAX :
						     delay * 2;
}

void lifecycle_resume(struct container_run *c)
{
	bool known = c->was_run == c->run;

	c->post_start = HOOK_DONE;
	c->probes[PROBE_STARTUP].result = known && c->was_started ? PROBE_GOOD : PROBE_UNKNOWN;
	c->probes[PROBE_READINESS].result = known && c->was_ready ? PROBE_GOOD : PROBE_UNKNOWN;
	lifecycle_check_started(c);
}

void lifecycle_check_started(struct container_run *c)
{
	if (probe_is_started(c))
		c->has_started = true;
}

bool lifecycle_is_alive(const struct container_run *c)
{
	return c->phase == CONTAINER_STARTING || c->phase == CONTAINER_RUNNING;
}

void lifecycle_count_run(struct container_run *c, bool crashed)
{
	if (c->exit.is_set) {
		free(c->last.message);
		c->last = c->exit;
		c->exit = (struct container_exit){ 0 };
		c->run++;
		if (crashed)
			c->backoff = doubled(c->backoff);
	}
	c->started_at = 0;
	c->stop_by = 0;
	c->replacing = c->restarting = false;
}

void lifecycle_starting(struct container_run *c)
{
	forget_probes(c);
	if (lifecycle_is_outdated(c))
		c->backoff = 0; /* kubelet's back-off is of a container with its image */
	lifecycle_count_run(c, true);
	c->phase = CONTAINER_STARTING;
	c->pulled = 0;
	forget_waiting(c);
}

void lifecycle_waits(struct container_run *c, const char *reason, char *message, bool for_event, int64_t now)
{
	forget_waiting(c);
	c->phase = CONTAINER_WAITING;
	c->waiting_reason = reason;
	c->waiting_message = message;
	c->retry = doubled(c->retry);
	c->not_before = for_event ? INT64_MAX : now + c->retry;
}

void lifecycle_waits_until(struct container_run *c, const char *reason, char *message, int64_t until)
{
	if (reason) {
		forget_waiting(c);
		c->waiting_reason = reason;
		c->waiting_message = message;
	}
	c->phase = CONTAINER_WAITING;
	c->not_before = until;
}

void lifecycle_pull_failed(struct container_run *c, int64_t now)
{
	c->pull_id = 0;
	c->pull_backoff = doubled(c->pull_backoff);
	c->pull_at = now + c->pull_backoff;
}

void lifecycle_forget_pull(struct container_run *c)
{
	c->pull_id = 0;
	c->pulled = 0;
	c->pull_backoff = 0;
	c->pull_at = 0;
}

void lifecycle_set_run(struct container_run *c, uint32_t run)
{
	if (c->exit.is_set && run != c->run) {
		free(c->last.message);
		c->last = c->exit;
	} else if (c->exit.is_set) {
		free(c->exit.message);
	}
	c->exit = (struct container_exit){ 0 };
	c->run = run;
	c->phase = CONTAINER_WAITING;
	c->not_before = 0;
	forget_waiting(c);
	forget_probes(c);
}

void lifecycle_sandbox_failed(struct pod_run *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->containers[i].phase == CONTAINER_STARTING)
			p->containers[i].phase = CONTAINER_WAITING;
}

void lifecycle_new_sandbox(struct pod_run *p)
{
	for (size_t i = 0; i < p->n; i++) {
		struct container_run *c = &p->containers[i];

		c->has_started = false;
		if (c->kind != CONTAINER_INIT || c->phase != CONTAINER_EXITED || c->exit.code)
			continue;
		c->phase = CONTAINER_WAITING;
		c->not_before = 0;
	}
}

bool lifecycle_is_outdated(const struct container_run *c)
{
	return c->image && strcmp(c->image, value_str_or(value_get(c->spec, "image"), "")) != 0;
}

static int64_t time_of(const struct value *v, int64_t fallback)
{
	const char *s = value_str(v);
	int64_t t;

	return s && clock_parse_rfc3339(s, &t) == 0 ? t : fallback;
}

/* One of the words that a status may hold, as a static string. */
static const char *known_reason(const char *reason)
{
	static const char *const known[] = { "Completed",  "Error",		      "OOMKilled",
					     "StartError", "ContainerStatusUnknown", LIFECYCLE_RESTARTING_ALL };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (!strcmp(known[i], reason))
			return known[i];
	return "Error";
}

/* The delay that a message of CrashLoopBackOff names, as Go writes durations: "back-off 2m40s restarting …". */
static int64_t backoff_of(const char *message)
{
	char *end;
	long minutes = 0, n;

	if (strncmp(message, "back-off ", 9) != 0)
		return 0;
	n = strtol(message + 9, &end, 10);
	if (*end == 'm') {
		minutes = n;
		n = strtol(end + 1, &end, 10);
	}
	if (*end != 's' || n < 0 || minutes < 0 || minutes > 5 || n > 300)
		return 0;
	return (minutes * 60 + n) * NSEC_PER_SEC;
}

/* A run that the status says has ended. */
static void recover_exit(struct container_run *c, const struct value *ended, int64_t now)
{
	const char *message = value_str(value_get(ended, "message"));

	c->started_at = time_of(value_get(ended, "startedAt"), 0);
	lifecycle_exited(c, (int)value_int(value_get(ended, "exitCode"), LIFECYCLE_EXIT_UNKNOWN),
			 (int)value_int(value_get(ended, "signal"), 0),
			 known_reason(value_str_or(value_get(ended, "reason"), "")), message ? strdup(message) : NULL,
			 time_of(value_get(ended, "finishedAt"), now));
}

static void set_copy(char **to, const struct value *v)
{
	const char *s = value_str_or(v, "");

	free(*to);
	*to = *s ? strdup(s) : NULL;
}

static void recover_container(struct container_run *c, const struct value *status, int64_t now)
{
	const struct value *waiting = value_path(status, "state", "waiting");
	const struct value *running = value_path(status, "state", "running");
	const struct value *ended = value_path(status, "state", "terminated");
	const struct value *last = value_path(status, "lastState", "terminated");
	bool in_backoff = !strcmp(value_str_or(value_get(waiting, "reason"), ""), "CrashLoopBackOff");

	c->run = (uint32_t)value_int(value_get(status, "restartCount"), 0);
	c->was_run = c->run;
	c->was_started = value_bool(value_get(status, "started"), false);
	c->was_ready = value_bool(value_get(status, "ready"), false);
	if (running || ended || last) { /* it has been launched */
		set_copy(&c->image, value_get(status, "image"));
		set_copy(&c->image_id, value_get(status, "imageID"));
	}
	c->backoff = in_backoff ? backoff_of(value_str_or(value_get(waiting, "message"), "")) : 0;
	if (last && !in_backoff) { /* the run before this one */
		recover_exit(c, last, now);
		c->last = c->exit;
		c->exit = (struct container_exit){ 0 };
		c->phase = CONTAINER_WAITING;
		c->not_before = 0;
		c->last.run = c->run ? c->run - 1 : 0;
	} else if (last) {
		ended = last;
	}
	if (running) {
		c->started_at = time_of(value_get(running, "startedAt"), now);
		lifecycle_exited(c, LIFECYCLE_EXIT_UNKNOWN, 0, "ContainerStatusUnknown",
				 strdup("The container could not be located when the pod was terminated"), now);
	} else if (ended) {
		recover_exit(c, ended, now);
	}
}

/* What had ended stays so, and what the node had failed has failed. */
static void recover_phase(struct pod_run *p, const struct value *status)
{
	const char *phase = value_str_or(value_get(status, "phase"), "");

	if (!strcmp(phase, "Failed") && value_get(status, "reason"))
		(void)lifecycle_fail(p, value_str_or(value_get(status, "reason"), ""),
				     value_str_or(value_get(status, "message"), "")); /* ignoring: Failed all the same */
	else
		p->over = !strcmp(phase, "Failed") || !strcmp(phase, "Succeeded");
	p->evicted = p->fail_reason && !strcmp(p->fail_reason, "Evicted");
}

void lifecycle_recover(struct pod_run *p, const struct value *status, int64_t now)
{
	static const char *const lists[] = { "initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses" };

	for (size_t l = 0; l < ARRAY_SIZE(lists); l++) {
		const struct value *list = value_get(status, lists[l]);

		for (size_t i = 0; i < value_len(list); i++) {
			const struct value *s = value_at(list, i);
			struct container_run *c = lifecycle_find(p, value_str_or(value_get(s, "name"), ""));

			if (c)
				recover_container(c, s, now);
		}
	}
	p->started_at = time_of(value_get(status, "startTime"), p->started_at);
	recover_phase(p, status);
}

static const char *policy_of(const struct value *spec)
{
	return value_str_or(value_get(spec, "restartPolicy"), "Always");
}

/* Whether the init sequence has an end that no restart will change. */
static bool init_failed(const struct pod_run *p, const char *policy)
{
	for (size_t i = 0; i < p->n_init; i++) {
		const struct container_run *c = &p->containers[i];

		if (c->kind == CONTAINER_INIT && c->phase == CONTAINER_EXITED && c->exit.code &&
		    !lifecycle_restarts(c, policy))
			return true;
	}
	return false;
}

bool lifecycle_is_done(const struct pod_run *p, const struct value *spec)
{
	if (lifecycle_restarting_all(p))
		return false;
	if (init_failed(p, policy_of(spec)))
		return true;
	for (size_t i = p->n_init; i < p->n_main; i++)
		if (p->containers[i].phase != CONTAINER_EXITED || lifecycle_restarts(&p->containers[i], policy_of(spec)))
			return false;
	return p->n_main > p->n_init;
}

bool lifecycle_fail(struct pod_run *p, const char *reason, const char *message)
{
	if (p->fail_reason || p->over)
		return false;
	p->fail_reason = strdup(reason);
	p->fail_message = strdup(message);
	return p->fail_reason != NULL;
}

bool lifecycle_evict(struct pod_run *p, const char *message, bool disrupted)
{
	if (!lifecycle_fail(p, "Evicted", message))
		return false;
	p->evicted = true;
	p->disrupted = disrupted;
	return true;
}

/* The end of spec.activeDeadlineSeconds; INT64_MAX: there is none. */
static int64_t deadline_of(const struct pod_run *p, const struct object *pod)
{
	const struct value *seconds = object_path(pod, "spec", "activeDeadlineSeconds");

	return seconds ? p->started_at + lifecycle_seconds(value_int(seconds, 0)) : INT64_MAX;
}

/* Whether everything had ended by then, so that nothing is left to be late. */
static bool ended_by(const struct pod_run *p, const struct object *pod, int64_t time)
{
	if (!lifecycle_is_done(p, object_path(pod, "spec")))
		return false;
	for (size_t i = 0; i < p->n; i++)
		if (lifecycle_is_alive(&p->containers[i]) || p->containers[i].exit.finished_at >= time)
			return false;
	return true;
}

bool lifecycle_check_deadline(struct pod_run *p, const struct object *pod, int64_t now)
{
	int64_t deadline = deadline_of(p, pod);

	if (p->sandbox == SANDBOX_NONE && !p->fail_reason && lifecycle_is_done(p, object_path(pod, "spec")))
		p->over = true; /* for good, though the deadline be brought forward later */
	return deadline <= now && !p->fail_reason && !ended_by(p, pod, deadline) &&
	       lifecycle_fail(p, "DeadlineExceeded", "Pod was active on the node longer than the specified deadline");
}

bool lifecycle_is_over(const struct pod_run *p, const struct value *spec)
{
	return p->fail_reason || p->over || lifecycle_is_done(p, spec);
}

/* Whether the containers after this one may be started. */
static bool lets_pass(const struct container_run *c)
{
	return c->kind == CONTAINER_SIDECAR ? c->has_started : c->phase == CONTAINER_EXITED && !c->exit.code;
}

bool lifecycle_init_is_done(const struct pod_run *p)
{
	for (size_t i = 0; i < p->n_init; i++)
		if (!lets_pass(&p->containers[i]))
			return false;
	return true;
}

/* A container that waits for its start or is due for a restart, or that runs an image that is no longer wanted. */
static void decide_container(const struct pod_run *p, size_t i, const char *policy, int64_t now, struct pod_plan *plan)
{
	const struct container_run *c = &p->containers[i];
	bool outdated = c->kind != CONTAINER_INIT && lifecycle_is_outdated(c);

	if (lifecycle_is_alive(c) && outdated && !c->stop_by) {
		plan->stop[plan->n_stop++] = i;
		plan->replace = true;
	}
	if (lifecycle_is_alive(c) || (c->phase == CONTAINER_EXITED && !lifecycle_restarts(c, policy)))
		return;
	if (c->not_before <= now || outdated)
		plan->start[plan->n_start++] = i;
	else if (c->not_before < plan->wake_at)
		plan->wake_at = c->not_before;
}

/* Starts what is next: ephemeral ones however far the pod is, init containers one after another, then all the others. */
static void decide_starts(const struct pod_run *p, const char *policy, int64_t now, struct pod_plan *plan)
{
	for (size_t i = p->n_main; i < p->n; i++)
		decide_container(p, i, policy, now, plan);
	for (size_t i = 0; i < p->n_init; i++) {
		const struct container_run *c = &p->containers[i];

		if (c->kind == CONTAINER_SIDECAR || !lets_pass(c))
			decide_container(p, i, policy, now, plan);
		if (!lets_pass(c))
			return;
	}
	for (size_t i = p->n_init; i < p->n_main; i++) {
		const struct container_run *c = &p->containers[i];

		decide_container(p, i, policy, now, plan);
		/* kubelet starts one after another, and a postStart hook holds up those behind it. */
		if (value_path(c->spec, "lifecycle", "postStart") && !c->has_started && c->phase != CONTAINER_EXITED)
			return;
	}
}

/*
 * Stops what is alive: the main and init containers first, the sidecars when those are gone, last started first. Ephemeral
 * ones go at once, and nobody waits for them but the sandbox.
 */
static size_t decide_stops(const struct pod_run *p, struct pod_plan *plan)
{
	size_t alive = 0, ephemeral = 0;

	plan->ending = true;
	for (size_t i = 0; i < p->n; i++) {
		if (!lifecycle_is_alive(&p->containers[i]) || p->containers[i].kind == CONTAINER_SIDECAR)
			continue;
		*(i < p->n_main ? &alive : &ephemeral) += 1;
		plan->stop[plan->n_stop++] = i;
	}
	for (size_t i = p->n_init; i-- > 0 && !alive;) {
		if (!lifecycle_is_alive(&p->containers[i]))
			continue;
		alive++;
		plan->stop[plan->n_stop++] = i;
	}
	return alive + ephemeral;
}

int64_t lifecycle_seconds(int64_t n)
{
	return (n < 0 ? 0 : n > LIFECYCLE_SECONDS_MAX ? LIFECYCLE_SECONDS_MAX : n) * NSEC_PER_SEC;
}

static int64_t own_grace(const struct object *pod)
{
	return lifecycle_seconds(
		value_int(object_path(pod, "spec", "terminationGracePeriodSeconds"), LIFECYCLE_GRACE_DEFAULT));
}

static int64_t evict_grace(const struct pod_run *p)
{
	return p->evict_grace > LIFECYCLE_GRACE_MIN * NSEC_PER_SEC ? p->evict_grace : LIFECYCLE_GRACE_MIN * NSEC_PER_SEC;
}

/*
 * The grace that is left of a deletion, in ns. The stamp has whole seconds, so its end is known to a second only: at
 * the first stop the period counts from now, and what a restarted agent computes can only be shorter (podfs-pod keeps
 * the earlier end).
 */
static int64_t grace_of(const struct pod_run *p, const struct object *pod, int64_t now)
{
	int64_t grace, left, deadline;
	const char *at;

	if (!pod || p->killed)
		return 0;
	at = value_str(object_path(pod, "metadata", "deletionTimestamp"));
	if (!at || clock_parse_rfc3339(at, &deadline) < 0)
		return p->evicted ? evict_grace(p) : own_grace(pod);
	grace = lifecycle_seconds(
		value_int(object_path(pod, "metadata", "deletionGracePeriodSeconds"), LIFECYCLE_GRACE_DEFAULT));
	if (grace <= 0)
		return 0;
	left = deadline + NSEC_PER_SEC - now;
	left = left > grace ? grace : left;
	return left < LIFECYCLE_GRACE_MIN * NSEC_PER_SEC ? LIFECYCLE_GRACE_MIN * NSEC_PER_SEC : left;
}

static void decide_end(const struct pod_run *p, const struct object *pod, int64_t now, struct pod_plan *plan)
{
	plan->grace = grace_of(p, pod, now);
	if (p->sandbox == SANDBOX_UP && !decide_stops(p, plan))
		plan->end_sandbox = true;
	plan->finished = p->sandbox == SANDBOX_NONE;
}

void lifecycle_decide_drain(const struct pod_run *p, const struct object *pod, struct pod_plan *ret)
{
	*ret = (struct pod_plan){ .wake_at = INT64_MAX };
	ret->grace = own_grace(pod);
	if (p->sandbox == SANDBOX_UP && !decide_stops(p, ret))
		ret->end_sandbox = true;
	ret->finished = p->sandbox == SANDBOX_NONE;
}

/* One container's end restarts them all: those that run are killed, and when the back-off of that one is over, all begin
 * anew. K8S:pkg/kubelet/kuberuntime/kuberuntime_manager.go has no back-off here, and so restarts without end. */
static void decide_restart_all(const struct pod_run *p, const struct container_run *source, int64_t now,
			       struct pod_plan *plan)
{
	for (size_t i = 0; i < p->n_main; i++)
		if (lifecycle_is_alive(&p->containers[i]))
			plan->stop[plan->n_stop++] = i;
	plan->restart = true;
	plan->grace = 0;
	if (plan->n_stop)
		return;
	plan->restart_all = source->not_before <= now;
	if (source->not_before > now && source->not_before < plan->wake_at)
		plan->wake_at = source->not_before;
}

void lifecycle_decide(const struct pod_run *p, const struct object *pod, int64_t now, struct pod_plan *ret)
{
	const struct value *spec = object_path(pod, "spec");
	const char *policy = policy_of(spec);

	*ret = (struct pod_plan){ .wake_at = INT64_MAX };
	if (!pod || p->killed || p->fail_reason || object_is_deleting(pod) || lifecycle_is_done(p, spec)) {
		decide_end(p, pod, now, ret);
		return;
	}
	ret->wake_at = deadline_of(p, pod);
	if (p->sandbox == SANDBOX_NONE) {
		ret->start_sandbox = p->sandbox_not_before <= now;
		if (!ret->start_sandbox && p->sandbox_not_before < ret->wake_at)
			ret->wake_at = p->sandbox_not_before;
	} else if (p->sandbox == SANDBOX_UP) {
		ret->grace = own_grace(pod);
		if (lifecycle_restarting_all(p))
			decide_restart_all(p, lifecycle_restarting_all(p), now, ret);
		else
			decide_starts(p, policy, now, ret);
	}
}
