/* SPDX-License-Identifier: Apache-2.0 */
#include "node/lifecycle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void add_containers(struct pod_run *p, const struct value *list, bool init)
{
	for (size_t i = 0; i < value_len(list); i++) {
		const struct value *spec = value_at(list, i);
		bool always = !strcmp(value_str_or(value_get(spec, "restartPolicy"), ""), "Always");

		p->containers[p->n++] = (struct container_run){
			.spec = spec,
			.name = value_str_or(value_get(spec, "name"), ""),
			.kind = !init ? CONTAINER_MAIN : always ? CONTAINER_SIDECAR : CONTAINER_INIT,
		};
	}
}

int lifecycle_init(struct pod_run *p, const struct value *spec, int64_t now)
{
	const struct value *init = value_get(spec, "initContainers"), *main = value_get(spec, "containers");

	if (value_len(init) + value_len(main) > LIFECYCLE_CONTAINERS_MAX)
		return -E2BIG;
	*p = (struct pod_run){ .started_at = now };
	p->containers = calloc(value_len(init) + value_len(main) + 1, sizeof(p->containers[0]));
	if (!p->containers)
		return -ENOMEM;
	add_containers(p, init, true);
	p->n_init = p->n;
	add_containers(p, main, false);
	return 0;
}

void lifecycle_clear(struct pod_run *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->containers[i].exit.message);
		free(p->containers[i].last.message);
		free(p->containers[i].waiting_message);
		free(p->containers[i].image_id);
	}
	free(p->containers);
	p->containers = NULL;
	p->n = 0;
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
	if (c->started_at && finished_at - c->started_at >= LIFECYCLE_BACKOFF_RESET)
		c->backoff = 0;
	c->not_before = finished_at + c->backoff;
}

void lifecycle_starting(struct container_run *c)
{
	if (c->exit.is_set) {
		free(c->last.message);
		c->last = c->exit;
		c->exit = (struct container_exit){ 0 };
		c->run++;
		c->backoff = !c->backoff ? LIFECYCLE_BACKOFF_FIRST :
			     c->backoff * 2 > LIFECYCLE_BACKOFF_MAX ? LIFECYCLE_BACKOFF_MAX : c->backoff * 2;
	}
	c->phase = CONTAINER_STARTING;
	c->started_at = 0;
	c->stop_sent = false;
	c->waiting_reason = NULL;
	free(c->waiting_message);
	c->waiting_message = NULL;
}

void lifecycle_set_run(struct container_run *c, uint32_t run)
{
	if (c->exit.is_set && run != c->run) {
		free(c->last.message);
		c->last = c->exit;
		c->exit = (struct container_exit){ 0 };
	} else if (c->exit.is_set) {
		free(c->exit.message);
		c->exit = (struct container_exit){ 0 };
	}
	c->run = run;
	c->phase = CONTAINER_WAITING;
	c->not_before = 0;
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
	static const char *const known[] = { "Completed", "Error", "OOMKilled", "StartError", "ContainerStatusUnknown" };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (!strcmp(known[i], reason))
			return known[i];
	return "Error";
}

static void recover_container(struct container_run *c, const struct value *status, int64_t now)
{
	const struct value *running = value_path(status, "state", "running");
	const struct value *ended = value_path(status, "state", "terminated");
	const struct value *last = value_path(status, "lastState", "terminated");
	const char *message;

	if (!running && !ended && last)
		ended = last; /* it waited for its restart */
	c->run = (uint32_t)value_int(value_get(status, "restartCount"), 0);
	if (running) {
		c->started_at = time_of(value_get(running, "startedAt"), now);
		lifecycle_exited(c, LIFECYCLE_EXIT_UNKNOWN, 0, "ContainerStatusUnknown",
				 strdup("the container could not be located when the node agent came back"), now);
	} else if (ended) {
		message = value_str(value_get(ended, "message"));
		c->started_at = time_of(value_get(ended, "startedAt"), 0);
		lifecycle_exited(c, (int)value_int(value_get(ended, "exitCode"), LIFECYCLE_EXIT_UNKNOWN),
				 (int)value_int(value_get(ended, "signal"), 0),
				 known_reason(value_str_or(value_get(ended, "reason"), "")),
				 message ? strdup(message) : NULL, time_of(value_get(ended, "finishedAt"), now));
	}
}

void lifecycle_recover(struct pod_run *p, const struct value *status, int64_t now)
{
	static const char *const lists[] = { "initContainerStatuses", "containerStatuses" };

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
}

/* Whether an exited container is to run again. */
static bool restarts(const struct container_run *c, const char *policy)
{
	if (c->kind == CONTAINER_SIDECAR)
		return true;
	if (!strcmp(policy, "Never"))
		return false;
	if (c->kind == CONTAINER_INIT || !strcmp(policy, "OnFailure"))
		return c->exit.code != 0;
	return true;
}

static const char *policy_of(const struct value *spec)
{
	return value_str_or(value_get(spec, "restartPolicy"), "Always");
}

bool lifecycle_is_done(const struct pod_run *p, const struct value *spec)
{
	if (p->failed)
		return true;
	for (size_t i = p->n_init; i < p->n; i++)
		if (p->containers[i].phase != CONTAINER_EXITED || restarts(&p->containers[i], policy_of(spec)))
			return false;
	return p->n > p->n_init;
}

/* Whether the init sequence has an end that no restart will change. */
static bool init_failed(const struct pod_run *p, const char *policy)
{
	for (size_t i = 0; i < p->n_init; i++) {
		const struct container_run *c = &p->containers[i];

		if (c->kind == CONTAINER_INIT && c->phase == CONTAINER_EXITED && c->exit.code && !restarts(c, policy))
			return true;
	}
	return false;
}

static bool is_alive(const struct container_run *c)
{
	return c->phase == CONTAINER_STARTING || c->phase == CONTAINER_RUNNING;
}

/* Starts a container that is waiting or due for a restart; false when it must not or need not run now. */
static void start_if_due(const struct pod_run *p, size_t i, const char *policy, int64_t now, struct pod_plan *plan)
{
	const struct container_run *c = &p->containers[i];

	if (is_alive(c) || (c->phase == CONTAINER_EXITED && !restarts(c, policy)))
		return;
	if (c->not_before > now) {
		if (c->not_before < plan->wake_at)
			plan->wake_at = c->not_before;
		return;
	}
	plan->start[plan->n_start++] = i;
}

/* Starts what is next: init containers one after another, then all the others. */
static void decide_starts(const struct pod_run *p, const char *policy, int64_t now, struct pod_plan *plan)
{
	for (size_t i = 0; i < p->n_init; i++) {
		const struct container_run *c = &p->containers[i];
		bool passed = c->kind == CONTAINER_SIDECAR ? c->phase == CONTAINER_RUNNING || c->last.is_set :
							     c->phase == CONTAINER_EXITED && !c->exit.code;

		if (c->kind == CONTAINER_SIDECAR || !passed)
			start_if_due(p, i, policy, now, plan);
		if (!passed)
			return;
	}
	for (size_t i = p->n_init; i < p->n; i++)
		start_if_due(p, i, policy, now, plan);
}

/* Stops what is alive: the main and init containers first, the sidecars when those are gone, last started first. */
static size_t decide_stops(const struct pod_run *p, struct pod_plan *plan)
{
	size_t alive = 0;

	for (size_t i = 0; i < p->n; i++) {
		if (!is_alive(&p->containers[i]) || p->containers[i].kind == CONTAINER_SIDECAR)
			continue;
		alive++;
		plan->stop[plan->n_stop++] = i;
	}
	for (size_t i = p->n_init; i-- > 0 && !alive;) {
		if (!is_alive(&p->containers[i]))
			continue;
		alive++;
		plan->stop[plan->n_stop++] = i;
	}
	return alive;
}

/* The grace that is left of a deletion, in ns. */
static int64_t grace_of(const struct pod_run *p, const struct object *pod, int64_t now)
{
	int64_t seconds, deadline;
	const char *at;

	if (!pod || p->killed)
		return 0;
	at = value_str(object_path(pod, "metadata", "deletionTimestamp"));
	seconds = value_int(object_path(pod, "metadata", "deletionGracePeriodSeconds"), LIFECYCLE_GRACE_DEFAULT);
	if (!at || clock_parse_rfc3339(at, &deadline) < 0)
		return value_int(object_path(pod, "spec", "terminationGracePeriodSeconds"), LIFECYCLE_GRACE_DEFAULT) *
		       NSEC_PER_SEC;
	/* The stamp has whole seconds, so what is left is known to a second only: the period counts from now, at the
	 * first stop, and a restarted daemon's second stop can only shorten it (podfs-pod keeps the earlier end). */
	return seconds <= 0 ? 0 : deadline + NSEC_PER_SEC - now > seconds * NSEC_PER_SEC ? seconds * NSEC_PER_SEC :
	       deadline + NSEC_PER_SEC - now < 0 ? 0 : deadline + NSEC_PER_SEC - now;
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
	ret->grace = value_int(object_path(pod, "spec", "terminationGracePeriodSeconds"), LIFECYCLE_GRACE_DEFAULT) *
		     NSEC_PER_SEC;
	if (p->sandbox == SANDBOX_UP && !decide_stops(p, ret))
		ret->end_sandbox = true;
	ret->finished = p->sandbox == SANDBOX_NONE;
}

void lifecycle_decide(const struct pod_run *p, const struct object *pod, int64_t now, struct pod_plan *ret)
{
	const struct value *spec = object_path(pod, "spec");
	const char *policy = policy_of(spec);

	*ret = (struct pod_plan){ .wake_at = INT64_MAX };
	if (!pod || p->killed || object_is_deleting(pod) || lifecycle_is_done(p, spec) || init_failed(p, policy)) {
		decide_end(p, pod, now, ret);
		return;
	}
	if (p->sandbox == SANDBOX_NONE) {
		ret->start_sandbox = p->sandbox_not_before <= now;
		if (!ret->start_sandbox)
			ret->wake_at = p->sandbox_not_before;
	} else if (p->sandbox == SANDBOX_UP) {
		decide_starts(p, policy, now, ret);
	}
}
