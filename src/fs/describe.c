/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/describe.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "fs/errors.h"
#include "fs/rollout.h"
#include "fs/tablerows.h"
#include "value/json.h"

enum { LABEL_WIDTH = 18 };

/* --- words --- */

static void escaped(struct buf *out, const char *s)
{
	fs_escape(out, s, strlen(s), false);
}

/* "Name:             web" at an indent of `depth` spaces. */
static void label(struct buf *out, int depth, const char *name)
{
	int pad = LABEL_WIDTH - (int)strlen(name) - 1;

	buf_printf(out, "%*s%s:%*s", depth, "", name, pad > 1 ? pad : 1, "");
}

static void line(struct buf *out, int depth, const char *name, const char *text)
{
	label(out, depth, name);
	escaped(out, text && *text ? text : "<none>");
	buf_putc(out, '\n');
}

static void linef(struct buf *out, int depth, const char *name, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
static void linef(struct buf *out, int depth, const char *name, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	line(out, depth, name, text);
}

/* A scalar in one word, a longer thing as JSON. */
static void scalar(struct buf *out, const struct value *v)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	if (value_type(v) == VALUE_STRING)
		buf_append(&b, value_str(v), value_len(v));
	else
		json_write(&b, v, 0);
	fs_escape(out, buf_str(&b), b.len, false);
}

static void line_value(struct buf *out, int depth, const char *name, const struct value *v)
{
	if (value_is_null(v))
		return;
	label(out, depth, name);
	scalar(out, v);
	buf_putc(out, '\n');
}

/* The members of a map, one a line below each other. */
static void pairs(struct buf *out, int depth, const char *name, const struct value *map, const char *between)
{
	label(out, depth, name);
	if (!value_len(map))
		buf_puts(out, "<none>\n");
	for (size_t i = 0; i < value_len(map); i++) {
		if (i)
			buf_printf(out, "%*s", depth + LABEL_WIDTH, "");
		escaped(out, value_key_at(map, i));
		buf_puts(out, between);
		scalar(out, value_at(map, i));
		buf_putc(out, '\n');
	}
}

static void conditions(struct buf *out, const struct value *root)
{
	const struct value *list = value_path(root, "status", "conditions");

	if (!value_len(list))
		return;
	buf_puts(out, "Conditions:\n");
	for (size_t i = 0; i < value_len(list); i++) {
		const struct value *c = value_at(list, i);
		const char *reason = value_str_or(value_get(c, "reason"), "");
		const char *message = value_str_or(value_get(c, "message"), "");

		buf_puts(out, "  ");
		escaped(out, value_str_or(value_get(c, "type"), "?"));
		buf_puts(out, ": ");
		escaped(out, value_str_or(value_get(c, "status"), "?"));
		if (*reason) {
			buf_puts(out, ", ");
			escaped(out, reason);
		}
		if (*message) {
			buf_puts(out, ": ");
			escaped(out, message);
		}
		if (value_str(value_get(c, "lastTransitionTime"))) {
			buf_puts(out, " (since ");
			escaped(out, value_str(value_get(c, "lastTransitionTime")));
			buf_putc(out, ')');
		}
		buf_putc(out, '\n');
	}
}

/* --- pods --- */

static void state(struct buf *out, int depth, const char *name, const struct value *s)
{
	static const char *const members[] = { "reason", "message", "exitCode", "signal", "startedAt", "finishedAt" };
	static const char *const words[] = { "Reason", "Message", "Exit Code", "Signal", "Started", "Finished" };
	const char *what = value_get(s, "running") ? "Running" : value_get(s, "terminated") ? "Terminated" : "Waiting";
	const struct value *in = value_at(s, 0);

	if (!value_len(s))
		return;
	line(out, depth, name, what);
	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		line_value(out, depth + 2, words[i], value_get(in, members[i]));
}

static void env(struct buf *out, const struct value *list)
{
	if (!value_len(list))
		return;
	buf_puts(out, "    Environment:\n");
	for (size_t i = 0; i < value_len(list); i++) {
		const struct value *e = value_at(list, i), *from = value_get(e, "valueFrom");

		buf_puts(out, "      ");
		escaped(out, value_str_or(value_get(e, "name"), ""));
		buf_puts(out, from ? ": from " : ": ");
		scalar(out, from ? from : value_get(e, "value"));
		buf_putc(out, '\n');
	}
}

static void container(struct buf *out, const struct value *c, const struct value *status)
{
	buf_puts(out, "  ");
	escaped(out, value_str_or(value_get(c, "name"), ""));
	buf_puts(out, ":\n");
	line_value(out, 4, "Image", value_get(c, "image"));
	line_value(out, 4, "Image ID", value_get(status, "imageID"));
	line_value(out, 4, "Container ID", value_get(status, "containerID"));
	line_value(out, 4, "Command", value_get(c, "command"));
	line_value(out, 4, "Args", value_get(c, "args"));
	for (size_t i = 0; i < value_len(value_get(c, "ports")); i++) {
		const struct value *p = value_at(value_get(c, "ports"), i);

		linef(out, 4, "Port", "%" PRId64 "/%s", value_int(value_get(p, "containerPort"), 0),
		      value_str_or(value_get(p, "protocol"), "TCP"));
	}
	state(out, 4, "State", value_get(status, "state"));
	state(out, 4, "Last State", value_get(status, "lastState"));
	if (status) {
		line(out, 4, "Ready", value_bool(value_get(status, "ready"), false) ? "True" : "False");
		linef(out, 4, "Restarts", "%" PRId64, value_int(value_get(status, "restartCount"), 0));
	}
	if (value_len(value_path(c, "resources", "limits")))
		pairs(out, 4, "Limits", value_path(c, "resources", "limits"), ": ");
	if (value_len(value_path(c, "resources", "requests")))
		pairs(out, 4, "Requests", value_path(c, "resources", "requests"), ": ");
	env(out, value_get(c, "env"));
	for (size_t i = 0; i < value_len(value_get(c, "volumeMounts")); i++) {
		const struct value *m = value_at(value_get(c, "volumeMounts"), i);

		linef(out, 4, "Mount", "%s from %s%s", value_str_or(value_get(m, "mountPath"), ""),
		      value_str_or(value_get(m, "name"), ""),
		      value_bool(value_get(m, "readOnly"), false) ? " (read-only)" : "");
	}
}

static void containers(struct buf *out, const char *title, const struct value *list, const struct value *statuses)
{
	if (!value_len(list))
		return;
	buf_printf(out, "%s:\n", title);
	for (size_t i = 0; i < value_len(list); i++) {
		const struct value *c = value_at(list, i);

		container(out, c, value_find(statuses, "name", value_str_or(value_get(c, "name"), "")));
	}
}

static void pod_spec(struct buf *out, const struct value *spec, const struct value *status)
{
	containers(out, "Init Containers", value_get(spec, "initContainers"), value_get(status, "initContainerStatuses"));
	containers(out, "Containers", value_get(spec, "containers"), value_get(status, "containerStatuses"));
	containers(out, "Ephemeral Containers", value_get(spec, "ephemeralContainers"),
		   value_get(status, "ephemeralContainerStatuses"));
	if (value_len(value_get(spec, "volumes")))
		buf_puts(out, "Volumes:\n");
	for (size_t i = 0; i < value_len(value_get(spec, "volumes")); i++) {
		const struct value *v = value_at(value_get(spec, "volumes"), i);

		for (size_t k = 0; k < value_len(v); k++) {
			if (strcmp(value_key_at(v, k), "name") == 0)
				continue;
			buf_puts(out, "  ");
			escaped(out, value_str_or(value_get(v, "name"), ""));
			buf_puts(out, ": ");
			escaped(out, value_key_at(v, k));
			buf_putc(out, ' ');
			scalar(out, value_at(v, k));
			buf_putc(out, '\n');
		}
	}
	if (value_len(value_get(spec, "nodeSelector")))
		pairs(out, 0, "Node-Selectors", value_get(spec, "nodeSelector"), "=");
}

static void pod(struct buf *out, const struct value *root)
{
	struct pod_summary s;

	pod_summarize(root, &s);
	line_value(out, 0, "Node", value_path(root, "spec", "nodeName"));
	line_value(out, 0, "Start Time", value_path(root, "status", "startTime"));
	line(out, 0, "Status", s.status);
	line_value(out, 0, "Reason", value_path(root, "status", "reason"));
	line_value(out, 0, "Message", value_path(root, "status", "message"));
	line_value(out, 0, "IP", value_path(root, "status", "podIP"));
	line_value(out, 0, "QoS Class", value_path(root, "status", "qosClass"));
	pod_spec(out, value_get(root, "spec"), value_get(root, "status"));
}

/* --- workloads --- */

static void replicas(struct buf *out, const struct value *spec, const struct value *status)
{
	linef(out, 0, "Replicas", "%" PRId64 " desired, %" PRId64 " present, %" PRId64 " ready, %" PRId64 " available",
	      value_int(value_get(spec, "replicas"), 0), value_int(value_get(status, "replicas"), 0),
	      value_int(value_get(status, "readyReplicas"), 0), value_int(value_get(status, "availableReplicas"), 0));
	if (value_get(status, "updatedReplicas"))
		linef(out, 0, "Updated", "%" PRId64, value_int(value_get(status, "updatedReplicas"), 0));
}

/* A DaemonSet's. */
static void nodes(struct buf *out, const struct value *status)
{
	linef(out, 0, "Nodes", "%" PRId64 " desired, %" PRId64 " current, %" PRId64 " ready, %" PRId64 " available, %" PRId64
	      " misscheduled", value_int(value_get(status, "desiredNumberScheduled"), 0),
	      value_int(value_get(status, "currentNumberScheduled"), 0), value_int(value_get(status, "numberReady"), 0),
	      value_int(value_get(status, "numberAvailable"), 0), value_int(value_get(status, "numberMisscheduled"), 0));
	linef(out, 0, "Updated", "%" PRId64, value_int(value_get(status, "updatedNumberScheduled"), 0));
}

static void workload(struct buf *out, const struct object *o)
{
	const struct value *root = object_root(o), *spec = value_get(root, "spec"), *status = value_get(root, "status");
	char progress[ROLLOUT_SIZE];

	pairs(out, 0, "Selector", value_path(spec, "selector", "matchLabels"), "=");
	if (strcmp(object_kind(o)->plural, "daemonsets") == 0)
		nodes(out, status);
	else
		replicas(out, spec, status);
	if (rollout_status(o, progress))
		line(out, 0, "Rollout", progress);
	line_value(out, 0, "Strategy", value_path(spec, "strategy", "type"));
	line_value(out, 0, "Update Strategy", value_path(spec, "updateStrategy", "type"));
	line_value(out, 0, "Current Revision", value_get(status, "currentRevision"));
	line_value(out, 0, "Update Revision", value_get(status, "updateRevision"));
	if (value_bool(value_get(spec, "paused"), false))
		line(out, 0, "Paused", "true");
	buf_puts(out, "Pod Template:\n");
	pairs(out, 2, "Labels", value_path(spec, "template", "metadata", "labels"), "=");
	pod_spec(out, value_path(spec, "template", "spec"), NULL);
}

static bool is_workload(const struct schema_kind *kind)
{
	static const char *const kinds[] = { "deployments", "replicasets", "statefulsets", "daemonsets" };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(kind->plural, kinds[i]) == 0)
			return true;
	return false;
}

static void pods(struct buf *out, const struct object_list *list)
{
	_cleanup_rows_ struct rows t = ROWS_INIT;
	_cleanup_buf_ struct buf text = BUF_INIT;

	if (!list->n)
		return;
	rows_cell(&t, "NAME");
	rows_cell(&t, "READY");
	rows_cell(&t, "STATUS");
	rows_cell(&t, "RESTARTS");
	rows_cell(&t, "IP");
	rows_cell(&t, "NODE");
	rows_end_header(&t);
	for (size_t i = 0; i < list->n; i++) {
		const struct value *root = object_root(list->items[i]);
		struct pod_summary s;
		char cell[64];

		pod_summarize(root, &s);
		rows_cell(&t, object_name(list->items[i]));
		(void)snprintf(cell, sizeof(cell), "%u/%u", s.ready, s.total);
		rows_cell(&t, cell);
		rows_cell(&t, s.status);
		(void)snprintf(cell, sizeof(cell), "%" PRId64, s.restarts);
		rows_cell(&t, cell);
		rows_cell(&t, value_str_or(value_path(root, "status", "podIP"), ""));
		rows_cell(&t, value_str_or(value_path(root, "spec", "nodeName"), ""));
	}
	rows_write(&t, &text);
	buf_puts(out, "Pods:\n");
	for (const char *p = buf_str(&text); *p;) {
		size_t len = strcspn(p, "\n") + 1;

		buf_puts(out, "  ");
		buf_append(out, p, len);
		p += len;
	}
}

/* --- other kinds --- */

static void node(struct buf *out, const struct value *root)
{
	const struct value *status = value_get(root, "status"), *taints = value_path(root, "spec", "taints");

	line(out, 0, "Unschedulable", value_bool(value_path(root, "spec", "unschedulable"), false) ? "true" : "false");
	for (size_t i = 0; i < value_len(taints); i++)
		linef(out, 0, "Taint", "%s=%s:%s", value_str_or(value_get(value_at(taints, i), "key"), ""),
		      value_str_or(value_get(value_at(taints, i), "value"), ""),
		      value_str_or(value_get(value_at(taints, i), "effect"), ""));
	for (size_t i = 0; i < value_len(value_get(status, "addresses")); i++) {
		const struct value *a = value_at(value_get(status, "addresses"), i);

		line(out, 0, value_str_or(value_get(a, "type"), "Address"), value_str(value_get(a, "address")));
	}
	pairs(out, 0, "Capacity", value_get(status, "capacity"), ": ");
	pairs(out, 0, "Allocatable", value_get(status, "allocatable"), ": ");
	pairs(out, 0, "System Info", value_get(status, "nodeInfo"), ": ");
}

static void data(struct buf *out, const struct value *root, bool hide)
{
	static const char *const members[] = { "data", "binaryData" };

	buf_puts(out, "Data:\n");
	for (size_t m = 0; m < ARRAY_SIZE(members); m++)
		for (size_t i = 0; i < value_len(value_get(root, members[m])); i++) {
			const struct value *v = value_at(value_get(root, members[m]), i);

			buf_puts(out, "  ");
			escaped(out, value_key_at(value_get(root, members[m]), i));
			if (hide || m || value_len(v) > 200 || (value_str(v) && strchr(value_str(v), '\n'))) {
				buf_printf(out, ": %zu bytes%s\n", value_len(v), m ? " of base64" : "");
				continue;
			}
			buf_puts(out, ": ");
			scalar(out, v);
			buf_putc(out, '\n');
		}
}

/* --- what is wrong --- */

static void problem(struct buf *out, const char *what, const char *reason, const char *message)
{
	buf_puts(out, "  ");
	escaped(out, what);
	buf_puts(out, ": ");
	escaped(out, *reason ? reason : "not so");
	if (*message) {
		buf_puts(out, ": ");
		escaped(out, message);
	}
	buf_putc(out, '\n');
}

static void container_problems(struct buf *out, const char *pod_name, const struct value *statuses)
{
	for (size_t i = 0; i < value_len(statuses); i++) {
		const struct value *cs = value_at(statuses, i), *waiting = value_path(cs, "state", "waiting");
		const struct value *end = value_path(cs, "state", "terminated");
		const char *reason = value_str_or(value_get(waiting, "reason"), "");
		char what[400];

		(void)snprintf(what, sizeof(what), "%s%scontainer %s", pod_name, *pod_name ? " " : "",
			       value_str_or(value_get(cs, "name"), ""));
		if (waiting && *reason && strcmp(reason, "ContainerCreating") != 0 && strcmp(reason, "PodInitializing") != 0)
			problem(out, what, reason, value_str_or(value_get(waiting, "message"), ""));
		if (!end || !value_int(value_get(end, "exitCode"), 0))
			end = value_path(cs, "lastState", "terminated");
		if (end && value_int(value_get(end, "exitCode"), 0)) {
			char how[64];

			(void)snprintf(how, sizeof(how), "ended with exit code %" PRId64,
				       value_int(value_get(end, "exitCode"), 0));
			problem(out, what, value_str_or(value_get(end, "reason"), how), how);
		}
	}
}

static void pod_problems(struct buf *out, const char *name, const struct value *root)
{
	const struct value *scheduled = value_find(value_path(root, "status", "conditions"), "type", "PodScheduled");

	if (strcmp(value_str_or(value_get(scheduled, "status"), ""), "False") == 0)
		problem(out, *name ? name : "not scheduled", value_str_or(value_get(scheduled, "reason"), ""),
			value_str_or(value_get(scheduled, "message"), ""));
	container_problems(out, name, value_path(root, "status", "initContainerStatuses"));
	container_problems(out, name, value_path(root, "status", "containerStatuses"));
}

static void own_problems(struct buf *out, const struct value *root)
{
	const struct value *list = value_path(root, "status", "conditions");

	for (size_t i = 0; i < value_len(list); i++) {
		const struct value *c = value_at(list, i);
		const char *type = value_str_or(value_get(c, "type"), ""), *is = value_str_or(value_get(c, "status"), "");
		bool good_when_true = strcmp(type, "Available") == 0 || strcmp(type, "Progressing") == 0 ||
				      strcmp(type, "Ready") == 0;
		bool bad_when_true = strcmp(type, "ReplicaFailure") == 0 ||
				     (strlen(type) > 8 && strcmp(type + strlen(type) - 8, "Pressure") == 0);

		if ((good_when_true && strcmp(is, "False") == 0) || (bad_when_true && strcmp(is, "True") == 0))
			problem(out, type, value_str_or(value_get(c, "reason"), ""),
				value_str_or(value_get(c, "message"), ""));
	}
}

static void problems(const struct describe *d, const struct value *root, struct buf *out)
{
	bool is_pod = strcmp(object_kind(d->object)->plural, "pods") == 0;
	size_t before;

	buf_puts(out, "Problems:\n");
	before = out->len;
	if (is_pod)
		pod_problems(out, "", root);
	else
		own_problems(out, root);
	for (size_t i = 0; d->pods && i < d->pods->n; i++)
		pod_problems(out, object_name(d->pods->items[i]), object_root(d->pods->items[i]));
	if (out->len == before)
		buf_puts(out, "  none\n");
}

/* --- the whole --- */

static void owners(struct buf *out, const struct value *root)
{
	const struct value *list = value_path(root, "metadata", "ownerReferences");

	for (size_t i = 0; i < value_len(list); i++) {
		const struct value *r = value_at(list, i);

		linef(out, 0, value_bool(value_get(r, "controller"), false) ? "Controlled By" : "Owned By", "%s/%s",
		      value_str_or(value_get(r, "kind"), ""), value_str_or(value_get(r, "name"), ""));
	}
}

void describe_object(const struct describe *d, struct buf *out)
{
	const struct schema_kind *kind = object_kind(d->object);
	const struct value *root = object_root(d->object), *meta = value_get(root, "metadata");

	line(out, 0, "Name", object_name(d->object));
	if (kind->namespaced)
		line(out, 0, "Namespace", object_namespace(d->object));
	linef(out, 0, "Kind", "%s (%s)", kind->kind, kind->api_version);
	pairs(out, 0, "Labels", value_get(meta, "labels"), "=");
	pairs(out, 0, "Annotations", value_get(meta, "annotations"), ": ");
	line_value(out, 0, "Created", value_get(meta, "creationTimestamp"));
	line_value(out, 0, "Deletion", value_get(meta, "deletionTimestamp"));
	line_value(out, 0, "Finalizers", value_get(meta, "finalizers"));
	owners(out, root);
	line(out, 0, "Manifest", d->manifest);
	if (strcmp(kind->plural, "pods") == 0)
		pod(out, root);
	else if (is_workload(kind))
		workload(out, d->object);
	else if (strcmp(kind->plural, "nodes") == 0)
		node(out, root);
	else if (value_get(root, "data") || value_get(root, "binaryData"))
		data(out, root, d->hide_values);
	else
		line_value(out, 0, "Phase", value_path(root, "status", "phase"));
	conditions(out, root);
	if (d->pods)
		pods(out, d->pods);
	problems(d, root, out);
	buf_puts(out, *d->events ? "Events:\n" : "Events:           <none>\n");
	buf_puts(out, d->events);
}
