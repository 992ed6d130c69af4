/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "node/lifecycle.h"

static void set_time(struct arena *a, struct value *map, const char *key, int64_t t)
{
	char text[CLOCK_RFC3339_SIZE];

	value_set_str(a, map, key, clock_format_rfc3339(t, text));
}

static const char *policy_of(const struct value *root)
{
	return value_str_or(value_path(root, "spec", "restartPolicy"), "Always");
}

/* Whether an exited container counts as stopped for good. */
static bool is_final(const struct pod_run *p, const struct container_run *c, const char *policy)
{
	return c->phase == CONTAINER_EXITED && (p->fail_reason || !lifecycle_restarts(c, policy));
}

static bool any_alive(const struct pod_run *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (lifecycle_is_alive(&p->containers[i]))
			return true;
	return false;
}

/* A container runs for those who look once its postStart hook has ended. */
static bool shows_running(const struct container_run *c)
{
	return c->phase == CONTAINER_RUNNING && c->post_start == HOOK_DONE;
}

/* K8S:pkg/kubelet/kubelet_pods.go, getPhase. */
static const char *phase_of(const struct pod_run *p, const char *policy, bool deleting)
{
	size_t waiting = 0, running = 0, stopped = 0, succeeded = 0, final = 0, n = p->n_main - p->n_init;

	for (size_t i = 0; i < p->n_init; i++)
		if (p->containers[i].kind == CONTAINER_INIT && p->containers[i].phase == CONTAINER_EXITED &&
		    p->containers[i].exit.code && !lifecycle_restarting_all(p) &&
		    !lifecycle_restarts(&p->containers[i], policy))
			return "Failed";
	if (p->fail_reason && !any_alive(p))
		return "Failed";
	for (size_t i = p->n_init; i < p->n_main; i++) {
		const struct container_run *c = &p->containers[i];

		running += shows_running(c);
		stopped += c->phase == CONTAINER_EXITED || (!shows_running(c) && c->last.is_set);
		waiting += c->phase != CONTAINER_EXITED && !shows_running(c) && !c->last.is_set;
		succeeded += c->phase == CONTAINER_EXITED && !c->exit.code;
		final += is_final(p, c, policy);
	}
	if (n && (final == n || (deleting && stopped == n)))
		return succeeded == n ? "Succeeded" : "Failed";
	if (deleting && !running && p->sandbox == SANDBOX_NONE)
		return "Failed";
	if (!lifecycle_init_is_done(p) || waiting)
		return "Pending";
	return running || stopped ? "Running" : "Pending";
}

static bool is_terminal(const char *phase)
{
	return !strcmp(phase, "Succeeded") || !strcmp(phase, "Failed");
}

static struct value *terminated(struct arena *a, const struct container_exit *e, const char *id)
{
	struct value *t = value_new_map(a);

	value_set_int(a, t, "exitCode", e->code);
	if (e->signal)
		value_set_int(a, t, "signal", e->signal);
	value_set_str(a, t, "reason", e->reason);
	if (e->message)
		value_set_str(a, t, "message", e->message);
	if (e->started_at)
		set_time(a, t, "startedAt", e->started_at);
	set_time(a, t, "finishedAt", e->finished_at);
	value_set_str(a, t, "containerID", id);
	return t;
}

static struct value *waiting(struct arena *a, const char *reason, const char *message)
{
	struct value *w = value_new_map(a);

	value_set_str(a, w, "reason", reason);
	if (message)
		value_set_str(a, w, "message", message);
	return w;
}

/* As Go writes durations of whole seconds: "40s", "1m20s". */
static const char *duration(struct arena *a, int64_t ns)
{
	int64_t s = ns / NSEC_PER_SEC;

	return s < 60 ? arena_printf(a, "%" PRId64 "s", s) : arena_printf(a, "%" PRId64 "m%" PRId64 "s", s / 60, s % 60);
}

static struct value *crash_loop(struct arena *a, const struct value *root, const struct container_run *c)
{
	return waiting(a, "CrashLoopBackOff",
		       arena_printf(a, "back-off %s restarting failed container=%s pod=%s_%s(%s)", duration(a, c->backoff),
				    c->name, value_str_or(value_path(root, "metadata", "name"), ""),
				    value_str_or(value_path(root, "metadata", "namespace"), ""),
				    value_str_or(value_path(root, "metadata", "uid"), "")));
}

/* The state that Kubernetes shows: an exited container that waits for its restart is waiting in CrashLoopBackOff. */
static void set_state(struct arena *a, struct value *status, const struct pod_run *p, const struct container_run *c,
		      const struct value *root, int64_t now)
{
	struct value *state = value_set(a, status, "state", value_new_map(a));
	struct value *last = value_set(a, status, "lastState", value_new_map(a));
	const char *uid = value_str_or(value_path(root, "metadata", "uid"), "");
	const char *id = arena_printf(a, "podfs://%s/%s/%" PRIu32, uid, c->name, c->run);
	const char *last_id = arena_printf(a, "podfs://%s/%s/%" PRIu32, uid, c->name, c->last.run);
	const char *usual = c->kind == CONTAINER_MAIN && !lifecycle_init_is_done(p) ? "PodInitializing" :
										       "ContainerCreating";

	if (shows_running(c)) {
		set_time(a, value_set(a, state, "running", value_new_map(a)), "startedAt", c->started_at);
	} else if (c->phase == CONTAINER_EXITED && c->backoff && c->not_before > now && !is_final(p, c, policy_of(root))) {
		value_set(a, state, "waiting", crash_loop(a, root, c));
		value_set(a, last, "terminated", terminated(a, &c->exit, id));
		return;
	} else if (c->phase == CONTAINER_EXITED) {
		value_set(a, state, "terminated", terminated(a, &c->exit, id));
	} else {
		value_set(a, state, "waiting",
			  waiting(a, c->waiting_reason ? c->waiting_reason : usual, c->waiting_message));
	}
	if (c->last.is_set)
		value_set(a, last, "terminated", terminated(a, &c->last, last_id));
}

static bool is_ready(const struct container_run *c)
{
	if (c->kind == CONTAINER_INIT)
		return c->phase == CONTAINER_EXITED && !c->exit.code;
	return c->kind != CONTAINER_EPHEMERAL && probe_is_ready(c);
}

static struct value *container_status(struct arena *a, const struct pod_run *p, const struct container_run *c,
				      const struct value *root, int64_t now)
{
	const char *image = c->image ? c->image : value_str_or(value_get(c->spec, "image"), "");
	const char *uid = value_str_or(value_path(root, "metadata", "uid"), "");
	struct value *s = value_new_map(a);

	value_set_str(a, s, "name", c->name);
	set_state(a, s, p, c, root, now);
	value_set_bool(a, s, "ready", is_ready(c));
	value_set_int(a, s, "restartCount", c->run);
	value_set_str(a, s, "image", image);
	value_set_str(a, s, "imageID", c->image_id ? c->image_id : "");
	if (c->phase == CONTAINER_RUNNING || c->phase == CONTAINER_EXITED)
		value_set(a, s, "containerID", value_new_strf(a, "podfs://%s/%s/%" PRIu32, uid, c->name, c->run));
	if (c->kind != CONTAINER_EPHEMERAL)
		value_set_bool(a, s, "started", probe_is_started(c));
	return s;
}

static void set_condition(struct arena *a, struct value *status, const char *type, bool holds, const char *reason,
			  const char *message, int64_t now)
{
	struct value *list = value_set_list(a, status, "conditions"), *c = value_find(list, "type", type);
	const char *value = holds ? "True" : "False";

	if (!c) {
		c = value_append(a, list, value_new_map(a));
		value_set_str(a, c, "type", type);
	}
	if (strcmp(value_str_or(value_get(c, "status"), ""), value) != 0) {
		value_set_str(a, c, "status", value);
		set_time(a, c, "lastTransitionTime", now);
	}
	if (reason)
		value_set_str(a, c, "reason", reason);
	else
		value_remove(c, "reason");
	if (message)
		value_set_str(a, c, "message", message);
	else
		value_remove(c, "message");
}

/* "containers with unready status: [a b]", or NULL when all are ready. */
static const char *unready(struct arena *a, const struct pod_run *p)
{
	_cleanup_buf_ struct buf names = BUF_INIT;

	for (size_t i = 0; i < p->n_main; i++)
		if (p->containers[i].kind != CONTAINER_INIT && !is_ready(&p->containers[i]))
			buf_printf(&names, "%s%s", names.len ? " " : "", p->containers[i].name);
	return names.len ? arena_printf(a, "containers with unready status: [%s]", buf_str(&names)) : NULL;
}

/* What readinessGates still ask for: K8S:pkg/kubelet/status/generate.go, GeneratePodReadyCondition. NULL: nothing. */
static const char *closed_gates(struct arena *a, const struct value *root)
{
	const struct value *gates = value_path(root, "spec", "readinessGates");
	_cleanup_buf_ struct buf text = BUF_INIT;

	for (size_t i = 0; i < value_len(gates); i++) {
		const char *type = value_str_or(value_get(value_at(gates, i), "conditionType"), "");
		const struct value *c = value_find(value_path(root, "status", "conditions"), "type", type);
		const char *status = value_str_or(value_get(c, "status"), "");

		if (strcmp(status, "True") != 0)
			buf_printf(&text, "%s%s of pod readiness gate \"%s\" %s", text.len ? ", " : "",
				   c ? "the status" : "corresponding condition", type,
				   c ? arena_printf(a, "is not \"True\", but %s", status) : "does not exist.");
	}
	return text.len ? arena_strdup(a, buf_str(&text)) : NULL;
}

static void set_conditions(struct arena *a, struct value *root, const struct pod_run *p, const char *phase, int64_t now)
{
	struct value *status = value_set_map(a, root, "status");
	const char *why = unready(a, p), *reason = why ? "ContainersNotReady" : NULL;
	bool ready = !why && !is_terminal(phase);
	const char *gates = ready ? closed_gates(a, root) : NULL;

	if (is_terminal(phase)) {
		reason = !strcmp(phase, "Succeeded") ? "PodCompleted" : "PodFailed";
		why = NULL;
	}
	set_condition(a, status, "PodReadyToStartContainers", p->sandbox == SANDBOX_UP, NULL, NULL, now);
	if (is_terminal(phase) && !strcmp(phase, "Succeeded"))
		set_condition(a, status, "Initialized", true, "PodCompleted", NULL, now);
	else
		set_condition(a, status, "Initialized", lifecycle_init_is_done(p), lifecycle_init_is_done(p) ? NULL : "ContainersNotInitialized",
			      NULL, now);
	if (gates)
		set_condition(a, status, "Ready", false, "ReadinessGatesNotReady", gates, now);
	else
		set_condition(a, status, "Ready", ready, reason, why, now);
	set_condition(a, status, "ContainersReady", ready, reason, why, now);
	if (!lifecycle_could_restart_all(p))
		return;
	if (lifecycle_restarting_all(p) && !is_terminal(phase))
		set_condition(a, status, "AllContainersRestarting", true, "RestartAllContainersStarted",
			      "container exited with restart policy rule", now);
	else
		set_condition(a, status, "AllContainersRestarting", false, is_terminal(phase) ? reason : NULL, NULL, now);
}

static void set_addresses(struct arena *a, struct value *status, const struct pod_run *p, const char *host_ip)
{
	if (*host_ip) {
		value_set_str(a, status, "hostIP", host_ip);
		value_set(a, status, "hostIPs", value_new_list(a));
		value_set_str(a, value_append(a, value_get(status, "hostIPs"), value_new_map(a)), "ip", host_ip);
	}
	if (*p->ip) {
		value_set_str(a, status, "podIP", p->ip);
		value_set(a, status, "podIPs", value_new_list(a));
		value_set_str(a, value_append(a, value_get(status, "podIPs"), value_new_map(a)), "ip", p->ip);
	}
}

void lifecycle_set_status(struct arena *a, struct value *root, const struct pod_run *p, const char *host_ip, int64_t now)
{
	struct value *status = value_set_map(a, root, "status");
	const char *phase = phase_of(p, policy_of(root), value_path(root, "metadata", "deletionTimestamp") != NULL);
	struct value *init = value_new_list(a), *main = value_new_list(a), *ephemeral = value_new_list(a);

	value_set_str(a, status, "phase", phase);
	if (p->fail_reason && !strcmp(phase, "Failed")) {
		value_set_str(a, status, "reason", p->fail_reason);
		value_set_str(a, status, "message", p->fail_message ? p->fail_message : "");
	}
	set_conditions(a, root, p, phase, now);
	if (p->disrupted && !strcmp(phase, "Failed")) /* K8S:pkg/kubelet/eviction/eviction_manager.go */
		set_condition(a, status, "DisruptionTarget", true, "TerminationByKubelet", p->fail_message, now);
	set_addresses(a, status, p, host_ip);
	if (!value_get(status, "startTime"))
		set_time(a, status, "startTime", p->started_at);
	for (size_t i = 0; i < p->n; i++)
		value_append(a, i < p->n_init ? init : i < p->n_main ? main : ephemeral,
			     container_status(a, p, &p->containers[i], root, now));
	if (value_len(init))
		value_set(a, status, "initContainerStatuses", init);
	value_set(a, status, "containerStatuses", main);
	if (value_len(ephemeral))
		value_set(a, status, "ephemeralContainerStatuses", ephemeral);
}
