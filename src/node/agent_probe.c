/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pod: carries out its probes. Commands run beside the container by podfs-pod; what goes over the network is
 * podfs-probe's.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/log.h"
#include "node/agent_internal.h"

/* A check that podfs-probe has in hand. */
struct agent_call {
	UT_hash_handle hh;
	LIST_ENTRY(agent_call) in_pod; /* if it stands */
	uint64_t id;
	char uid[OBJECT_UID_SIZE];
	size_t container;
	uint32_t run;
	int what; /* enum probe_type or AGENT_CALL_HOOK */
	bool stands;
};

/* podfs-probe keeps to a check's time by itself; only when it says nothing at all is it given up. */
static const int64_t answer_margin = 2 * NSEC_PER_SEC;

enum {
	OUTPUT_MAX = 10 * 1024, /* K8S:pkg/probe/exec: maxReadLength */
	PIPE_SIZE = 1 << 20,	/* a command that writes more than this waits for its reader, and fails its probe */
};

/* --- asking podfs-probe --- */

/* A port by number or by name. 0: there is none. */
static uint16_t port_of(const struct container_run *c, const struct value *v)
{
	const char *name = value_str(v);
	int64_t n = name ? value_int(value_get(value_find(value_get(c->spec, "ports"), "name", name), "containerPort"), 0) :
			   value_int(v, 0);

	return n > 0 && n <= UINT16_MAX ? (uint16_t)n : 0;
}

static enum probe_method method_of(const char *type, const struct value *action)
{
	if (!strcmp(type, "tcpSocket"))
		return PROBE_TCP;
	if (!strcmp(type, "grpc"))
		return PROBE_GRPC;
	return strcmp(value_str_or(value_get(action, "scheme"), ""), "HTTPS") ? PROBE_HTTP : PROBE_HTTPS;
}

static const char **headers_of(struct arena *a, const struct value *list)
{
	const char **out = arena_alloc(a, (value_len(list) + 1) * sizeof(*out));

	for (size_t i = 0; out && i < value_len(list); i++) {
		const char *name = value_str_or(value_get(value_at(list, i), "name"), "");
		const char *value = value_str_or(value_get(value_at(list, i), "value"), "");

		/* libcurl's way of a header without a value */
		out[i] = *value ? arena_printf(a, "%s: %s", name, value) : arena_printf(a, "%s;", name);
	}
	return arena_failed(a) ? NULL : out;
}

static uint32_t milliseconds(int64_t ns)
{
	int64_t ms = ns / NSEC_PER_MSEC + (ns % NSEC_PER_MSEC > 0); /* 0 is without an end: what has one is no less than 1 */

	return ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

static int send_check(struct agent *agent, const struct prober_check *check, struct error *err)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = &agent->prober };
	int fd, r = prober_send(agent->prober, check, &fd, err);

	if (fd >= 0 && epoll_ctl(agent->epoll, EPOLL_CTL_ADD, fd, &e) < 0 && r == 0)
		r = error_errno(err, -errno, "watch podfs-probe");
	return r;
}

int agent_probe_call(struct agent *agent, struct agent_pod *p, struct container_run *c, const struct agent_ask *ask,
		     uint64_t *ret_id, struct error *err)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	const struct value *action = ask->action, *headers = value_get(action, "httpHeaders");
	struct prober_check check = {
		.id = ++agent->last_call,
		.method = method_of(ask->type, action),
		.timeout_ms = milliseconds(ask->timeout),
		.count = ask->count,
		.period_ms = milliseconds(ask->period),
		.port = port_of(c, value_get(action, "port")),
		.host = value_str_or(value_get(action, "host"), ""),
		.path = value_str_or(value_get(action, strcmp(ask->type, "grpc") ? "path" : "service"), ""),
		.headers = a ? headers_of(a, headers) : NULL,
		.n_headers = value_len(headers),
	};
	struct agent_call *call = calloc(1, sizeof(*call));
	int r = call && check.headers ? 0 : error_errno(err, -ENOMEM, "probe");

	if (!*check.host)
		check.host = *p->run.ip ? p->run.ip : "127.0.0.1";
	if (r == 0 && !check.port)
		r = error_set(err, -EINVAL, "couldn't find port: %s", value_str_or(value_get(action, "port"), "?"));
	if (r == 0)
		r = send_check(agent, &check, err);
	if (r == 0) {
		*call = (struct agent_call){ .id = check.id, .container = (size_t)(c - p->run.containers), .run = c->run,
					     .what = ask->what, .stands = ask->count > 1 };
		memcpy(call->uid, p->uid, sizeof(call->uid));
		HASH_ADD(hh, agent->calls, id, sizeof(call->id), call);
		r = call->hh.tbl ? 0 : error_errno(err, -ENOMEM, "probe");
	}
	if (r < 0) {
		free(call);
		return r;
	}
	if (call->stands)
		LIST_INSERT_HEAD(&p->standing, call, in_pod);
	*ret_id = check.id;
	return 0;
}

static void call_free(struct agent *agent, struct agent_call *call)
{
	HASH_DEL(agent->calls, call);
	if (call->stands)
		LIST_REMOVE(call, in_pod);
	free(call);
}

/* Takes a check that stands back. */
static void take_back(struct agent *agent, struct agent_call *call)
{
	prober_forget(agent->prober, call->id);
	call_free(agent, call);
}

void agent_probe_forget(struct agent *agent, struct agent_pod *p)
{
	struct agent_call *call;

	while ((call = LIST_FIRST(&p->standing)))
		take_back(agent, call);
}

/* The container whose probe waits for that call; NULL: none does any more. */
static struct container_run *asker(struct agent_pod *p, const struct agent_call *call)
{
	struct container_run *c = call->container < p->run.n ? &p->run.containers[call->container] : NULL;
	const struct probe_state *s = c ? &c->probes[call->what] : NULL;

	return s && c->run == call->run && s->in_flight && s->id == call->id ? c : NULL;
}

/* Takes back what stands for containers that have ended, or for probes that rest now. */
static void take_back_idle(struct agent *agent, struct agent_pod *p, bool ending)
{
	struct agent_call *call, *next;

	LIST_FOREACH_SAFE(call, &p->standing, in_pod, next) {
		struct container_run *c = asker(p, call);

		if (c && p->sandbox && p->run.sandbox == SANDBOX_UP && probe_is_active(c, (enum probe_type)call->what, ending))
			continue;
		if (c)
			c->probes[call->what].in_flight = false;
		take_back(agent, call);
	}
}

void agent_probe_clear(struct agent *agent)
{
	struct agent_call *call, *next;

	HASH_ITER(hh, agent->calls, call, next) {
		call_free(agent, call);
	}
	prober_free(agent->prober);
	agent->prober = NULL;
}

/* --- results --- */

/* Ends a container that has failed a probe; whether it runs again is its restart policy's to say. */
static void condemn(struct agent *agent, struct agent_pod *p, struct container_run *c, enum probe_type type)
{
	const char *name = type == PROBE_STARTUP ? "startup" : "liveness";
	int64_t pods = value_int(object_path(p->object, "spec", "terminationGracePeriodSeconds"), LIFECYCLE_GRACE_DEFAULT);
	int64_t own = value_int(value_get(probe_spec(c, type), "terminationGracePeriodSeconds"), pods);

	if (agent_hook_stop(agent, p, c, lifecycle_seconds(own)))
		agent_tell(agent, p, EVENT_NORMAL, "Killing", "Container %s failed %s probe, will be restarted", c->name, name);
}

/* Whether the container is on its way out: kubelet's liveness and startup workers have stopped by then. */
static bool is_ending(const struct agent *agent, const struct agent_pod *p, const struct container_run *c)
{
	return c->stop_by || p->gone || agent->draining || object_is_deleting(p->object);
}

/* When to look at the pod's probes again. */
static void set_next(struct agent *agent, struct agent_pod *p)
{
	int64_t now = registry_now(agent->registry);
	bool ending = agent_pod_is_ending(agent, p), due = false;

	p->probe_at = INT64_MAX;
	for (size_t i = 0; i < p->run.n; i++)
		due |= probe_due(&p->run.containers[i], ending, now, 0, &p->probe_at) != 0;
	if (due)
		p->probe_at = now;
}

static void note(struct agent *agent, struct agent_pod *p, struct container_run *c, enum probe_type type,
		 enum probe_outcome outcome, bool warning, const char *text)
{
	enum probe_effect effect = probe_note(c, type, outcome, registry_now(agent->registry));

	if (c->probes[type].out)
		(void)close(c->probes[type].out);
	c->probes[type].out = 0;
	if (effect == PROBE_KILL && is_ending(agent, p, c))
		return; /* it ends already, with the grace that is its pod's */
	if (outcome == PROBE_FAILURE)
		agent_tell(agent, p, EVENT_WARNING, "Unhealthy", "%s probe failed: %s", probe_name(type), text);
	else if (outcome == PROBE_ERROR)
		agent_tell(agent, p, EVENT_WARNING, "Unhealthy", "%s probe errored: %s", probe_name(type), text);
	else if (warning)
		agent_tell(agent, p, EVENT_WARNING, "ProbeWarning", "%s probe warning: %s", probe_name(type), text);
	if (effect == PROBE_KILL)
		condemn(agent, p, c, type);
	lifecycle_check_started(c);
	if (effect == PROBE_NO_EFFECT) /* as nearly always: nothing to decide or to tell */
		set_next(agent, p);
	else
		agent_mark(agent, p);
}

/* What a probe's call has come to. One that stands and was lost is made up for by a single one: only if that is lost too
 * nothing is known. */
static void take_result(struct agent *agent, struct agent_pod *p, struct container_run *c, const struct agent_call *call,
			const struct probe_reply *reply, const char *text)
{
	int64_t now = registry_now(agent->registry);

	if (call->stands && !reply->outcome) {
		probe_again(c, (enum probe_type)call->what, now);
		set_next(agent, p);
		return;
	}
	if (call->stands)
		c->probes[call->what].due = now - (int64_t)reply->ago_ms * NSEC_PER_MSEC;
	note(agent, p, c, (enum probe_type)call->what, reply->outcome ? (enum probe_outcome)reply->outcome : PROBE_ERROR,
	     reply->flags & PROBE_WARNING, text);
}

static void on_reply(struct agent *agent, const struct probe_reply *reply, const char *text)
{
	struct container_run *c;
	struct agent_call *call;
	struct agent_pod *p;

	HASH_FIND(hh, agent->calls, &reply->id, sizeof(reply->id), call);
	if (!call)
		return;
	HASH_FIND_STR(agent->pods, call->uid, p);
	c = p && call->container < p->run.n ? &p->run.containers[call->container] : NULL;
	if (c && c->run == call->run && c->phase == CONTAINER_RUNNING) {
		if (call->what == AGENT_CALL_HOOK && c->hook_id == call->id)
			agent_hook_ended(agent, p, c,
					 reply->outcome == PROBE_SUCCESS || reply->flags & PROBE_ANSWERED ? NULL : text);
		else if (call->what != AGENT_CALL_HOOK && asker(p, call))
			take_result(agent, p, c, call, reply, text);
	}
	call_free(agent, call);
}

void agent_probe_receive(struct agent *agent)
{
	struct probe_reply reply = { 0 };
	char text[PROBE_TEXT_MAX];
	struct agent_call *call, *next;
	uint64_t last;
	int r;

	while ((r = prober_receive(agent->prober, &reply, text)) > 0)
		on_reply(agent, &reply, text);
	if (r == 0)
		return;
	log_warning("podfs-probe has ended, it is started again when it is needed");
	last = agent->last_call;
	HASH_ITER(hh, agent->calls, call, next) {
		if (call->id > last)
			continue; /* a hook that this has led to, asked of the next one */
		reply = (struct probe_reply){ .id = call->id }; /* no outcome: it is lost */
		on_reply(agent, &reply, "podfs-probe has ended");
	}
}

/* --- commands --- */

/* The first of what an exec has written, without its last newline. */
static void read_output(int fd, char text[static OUTPUT_MAX + 1])
{
	ssize_t n = fd ? read(fd, text, OUTPUT_MAX) : 0; /* not blocking */

	text[n > 0 ? n : 0] = '\0';
	if (n > 0 && text[n - 1] == '\n')
		text[n - 1] = '\0';
}

static int run_command(struct agent *agent, struct agent_pod *p, struct container_run *c, enum probe_type type,
		       const struct value *exec, uint64_t *ret_id, struct error *err)
{
	_cleanup_close_ int in = -1, out = -1;
	int ends[2], r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_errno(err, -errno, "make a pipe");
	in = ends[0];
	out = ends[1];
	(void)fcntl(in, F_SETPIPE_SZ, PIPE_SIZE); /* ignoring: a smaller one does for most */
	if (fcntl(in, F_SETFL, O_NONBLOCK) < 0)
		return error_errno(err, -errno, "make a pipe");
	r = agent_launch_command(agent, p, c, value_get(exec, "command"), out, ret_id, err);
	if (r < 0)
		return r;
	if (c->probes[type].out)
		(void)close(c->probes[type].out);
	c->probes[type].out = steal_fd(&in);
	return 0;
}

/* Whether the event ends that probe's exec. */
static bool is_its_exec(const struct container_run *c, enum probe_type type, const struct sandbox_event *ev)
{
	const struct probe_state *s = &c->probes[type];

	return s->in_flight && s->id == ev->id && value_get(probe_spec(c, type), "exec");
}

static void exec_ended(struct agent *agent, struct agent_pod *p, struct container_run *c, enum probe_type type,
		       const struct sandbox_event *ev)
{
	_cleanup_free_ char *text = malloc(OUTPUT_MAX + 1);

	if (!text)
		return; /* its deadline ends it */
	read_output(c->probes[type].out, text);
	if (ev->code < 0)
		note(agent, p, c, type, ev->code == -ENOENT || ev->code == -EACCES ? PROBE_FAILURE : PROBE_ERROR, false,
		     ev->text);
	else
		note(agent, p, c, type, ev->exit_code ? PROBE_FAILURE : PROBE_SUCCESS, false, text);
}

void agent_probe_exec_ended(struct agent *agent, struct agent_pod *p, const struct sandbox_event *ev)
{
	for (size_t i = 0; i < p->run.n; i++) {
		struct container_run *c = &p->run.containers[i];
		const char *hook = c->pre_stop == HOOK_RUNNING ? "preStop" : "postStart";
		char why[64];

		for (int t = 0; t < PROBE_TYPES; t++)
			if (is_its_exec(c, t, ev)) {
				exec_ended(agent, p, c, t, ev);
				return;
			}
		if (!c->hook_id || c->hook_id != ev->id || !value_path(c->spec, "lifecycle", hook, "exec"))
			continue;
		(void)snprintf(why, sizeof(why), "command exited with %d", ev->exit_code);
		agent_hook_ended(agent, p, c, ev->code < 0 ? ev->text : ev->exit_code ? why : NULL);
		return;
	}
}

/* --- what is due --- */

static const char *command_text(const struct value *command, char text[static 256])
{
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; i < value_len(command) && n < 255; i++)
		n += (size_t)snprintf(text + n, 256 - n, "%s%s", i ? " " : "", value_str_or(value_at(command, i), ""));
	return text;
}

/* The check in flight has not ended in time. */
static void overdue(struct agent *agent, struct agent_pod *p, struct container_run *c, enum probe_type type)
{
	struct agent_call *call;
	const struct value *exec = value_get(probe_spec(c, type), "exec");
	_cleanup_error_ struct error err = ERROR_INIT;
	char command[256], text[320];

	HASH_FIND(hh, agent->calls, &c->probes[type].id, sizeof(call->id), call);
	if (!exec && call && call->stands) { /* or the clock was set */
		take_back(agent, call);
		probe_again(c, type, registry_now(agent->registry));
		return;
	}
	if (!exec) {
		note(agent, p, c, type, PROBE_ERROR, false, "podfs-probe does not answer");
		return;
	}
	(void)sandbox_stop_exec(p->sandbox, c->name, c->probes[type].id, SIGKILL, 0, &err); /* ignoring: it may have ended */
	(void)snprintf(text, sizeof(text), "command timed out: \"%s\" timed out after %llds",
		       command_text(value_get(exec, "command"), command),
		       (long long)(probe_timeout(c, type) / NSEC_PER_SEC));
	note(agent, p, c, type, PROBE_FAILURE, false, text);
}

static void run_probe(struct agent *agent, struct agent_pod *p, struct container_run *c, enum probe_type type)
{
	static const char *const kinds[] = { "httpGet", "tcpSocket", "grpc" };
	const struct value *spec = probe_spec(c, type), *exec = value_get(spec, "exec");
	int64_t now = registry_now(agent->registry), timeout = probe_timeout(c, type);
	_cleanup_error_ struct error err = ERROR_INIT;
	uint64_t id = 0;
	struct agent_ask ask = { .what = type, .timeout = timeout, .count = 1 };
	int r;

	for (size_t k = 0; k < ARRAY_SIZE(kinds) && !ask.action; k++) {
		ask.action = value_get(spec, kinds[k]);
		ask.type = kinds[k];
	}
	if (ask.action)
		ask.count = probe_standing(c, type, &ask.period);
	if (exec)
		r = run_command(agent, p, c, type, exec, &id, &err);
	else if (ask.action)
		r = agent_probe_call(agent, p, c, &ask, &id, &err);
	else
		r = error_set(&err, -EINVAL, "missing probe handler");
	probe_sent(c, type, id, now + timeout + (exec ? 0 : answer_margin) + (ask.count - 1) * ask.period);
	if (r < 0)
		note(agent, p, c, type, PROBE_ERROR, false, error_text(&err));
}

void agent_probe_work(struct agent *agent, struct agent_pod *p)
{
	bool ending = agent_pod_is_ending(agent, p);
	int64_t unused = INT64_MAX;

	p->probe_at = INT64_MAX;
	take_back_idle(agent, p, ending);
	if (p->run.sandbox != SANDBOX_UP || !p->sandbox || p->gone)
		return;
	for (size_t i = 0; i < p->run.n; i++) {
		struct container_run *c = &p->run.containers[i];
		unsigned due = probe_due(c, ending, registry_now(agent->registry), 0, &unused);

		for (int t = 0; t < PROBE_TYPES; t++) {
			if (!(due & 1U << t))
				continue;
			if (c->probes[t].in_flight)
				overdue(agent, p, c, t);
			else
				run_probe(agent, p, c, t);
		}
	}
	set_next(agent, p);
}
