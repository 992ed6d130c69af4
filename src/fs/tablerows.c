/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/tablerows.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "fs/errors.h"
#include "fs/tablecolumns.h"
#include "value/json.h"

/* --- the table --- */

void rows_clear(struct rows *t)
{
	buf_clear(&t->cells);
	*t = ROWS_INIT;
}

void rows_cell(struct rows *t, const char *text)
{
	fs_escape(&t->cells, *text ? text : "<none>", strlen(*text ? text : "<none>"), false);
	buf_putc(&t->cells, '\0');
	t->n++;
}

void rows_end_header(struct rows *t)
{
	t->columns = t->n;
}

/* Characters, not bytes: what stands on the screen. */
static size_t width_of(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

void rows_write(const struct rows *t, struct buf *out)
{
	size_t widths[16] = { 0 };
	const char *p = t->cells.data;

	if (buf_failed(&t->cells) || !t->columns || t->columns > ARRAY_SIZE(widths))
		return;
	for (size_t i = 0; i < t->n; i++, p += strlen(p) + 1)
		if (width_of(p) > widths[i % t->columns])
			widths[i % t->columns] = width_of(p);
	p = t->cells.data;
	for (size_t i = 0; i < t->n; i++, p += strlen(p) + 1) {
		size_t column = i % t->columns, w = width_of(p);

		buf_puts(out, p);
		if (column + 1 == t->columns)
			buf_putc(out, '\n');
		else
			buf_printf(out, "%*s", (int)(widths[column] - w + 3), "");
	}
}

char *rows_age(int64_t span, char out[static AGE_SIZE])
{
	int64_t s = span / NSEC_PER_SEC, m = s / 60, h = m / 60, d = h / 24, y = d / 365;

	/* K8S:apimachinery/pkg/util/duration, HumanDuration: the limits are its own. */
	if (s < -1)
		(void)snprintf(out, AGE_SIZE, "<invalid>");
	else if (s < 120)
		(void)snprintf(out, AGE_SIZE, "%" PRId64 "s", s < 0 ? 0 : s);
	else if (m < 10 && s % 60)
		(void)snprintf(out, AGE_SIZE, "%" PRId64 "m%" PRId64 "s", m, s % 60);
	else if (m < 180)
		(void)snprintf(out, AGE_SIZE, "%" PRId64 "m", m);
	else if (h < 8 && m % 60)
		(void)snprintf(out, AGE_SIZE, "%" PRId64 "h%" PRId64 "m", h, m % 60);
	else if (h < 48)
		(void)snprintf(out, AGE_SIZE, "%" PRId64 "h", h);
	else if (h < 192 && h % 24)
		(void)snprintf(out, AGE_SIZE, "%" PRId64 "d%" PRId64 "h", d, h % 24);
	else if (d < 730)
		(void)snprintf(out, AGE_SIZE, "%" PRId64 "d", d);
	else if (d < 2920 && d % 365)
		(void)snprintf(out, AGE_SIZE, "%" PRId64 "y%" PRId64 "d", y, d % 365);
	else
		(void)snprintf(out, AGE_SIZE, "%" PRId64 "y", y);
	return out;
}

/* --- pods --- */

static const struct value *condition(const struct value *root, const char *type)
{
	return value_find(value_path(root, "status", "conditions"), "type", type);
}

static bool condition_is(const struct value *root, const char *type, const char *status)
{
	return strcmp(value_str_or(value_get(condition(root, type), "status"), ""), status) == 0;
}

static bool is_sidecar(const struct value *root, const char *name)
{
	const struct value *c = value_find(value_path(root, "spec", "initContainers"), "name", name);

	return strcmp(value_str_or(value_get(c, "restartPolicy"), ""), "Always") == 0;
}

static void count_restarts(const struct value *cs, int64_t *restarts, int64_t *last)
{
	int64_t at = 0;

	*restarts += value_int(value_get(cs, "restartCount"), 0);
	if (clock_parse_rfc3339(value_str_or(value_path(cs, "lastState", "terminated", "finishedAt"), ""), &at) == 0 &&
	    at > *last)
		*last = at;
}

static void set_status(struct pod_summary *s, const char *prefix, const char *reason)
{
	(void)snprintf(s->status, sizeof(s->status), "%s%s", prefix, reason);
}

static void set_terminated(struct pod_summary *s, const char *prefix, const struct value *terminated)
{
	const char *reason = value_str_or(value_get(terminated, "reason"), "");
	int64_t signal = value_int(value_get(terminated, "signal"), 0);

	if (*reason)
		set_status(s, prefix, reason);
	else if (signal)
		(void)snprintf(s->status, sizeof(s->status), "%sSignal:%" PRId64, prefix, signal);
	else
		(void)snprintf(s->status, sizeof(s->status), "%sExitCode:%" PRId64, prefix,
			       value_int(value_get(terminated, "exitCode"), 0));
}

/* Whether that init container is the one that the pod waits for; then the status says so. */
static bool is_initializing(const struct value *root, const struct value *cs, size_t i, struct pod_summary *s)
{
	const struct value *terminated = value_path(cs, "state", "terminated");
	const char *waiting = value_str_or(value_path(cs, "state", "waiting", "reason"), "");
	bool sidecar = is_sidecar(root, value_str_or(value_get(cs, "name"), ""));

	if (terminated && value_int(value_get(terminated, "exitCode"), 0) == 0)
		return false;
	if (sidecar && value_bool(value_get(cs, "started"), false)) {
		s->ready += value_bool(value_get(cs, "ready"), false);
		return false;
	}
	if (terminated)
		set_terminated(s, "Init:", terminated);
	else if (*waiting && strcmp(waiting, "PodInitializing") != 0)
		set_status(s, "Init:", waiting);
	else
		(void)snprintf(s->status, sizeof(s->status), "Init:%zu/%zu", i,
			       value_len(value_path(root, "spec", "initContainers")));
	return true;
}

static void summarize_containers(const struct value *root, struct pod_summary *s)
{
	const struct value *list = value_path(root, "status", "containerStatuses");
	char error[sizeof(s->status)] = "";
	bool running = false;

	for (size_t i = value_len(list); i-- > 0;) {
		const struct value *cs = value_at(list, i), *terminated = value_path(cs, "state", "terminated");
		const char *waiting = value_str_or(value_path(cs, "state", "waiting", "reason"), "");

		count_restarts(cs, &s->restarts, &s->last_restart);
		if (*waiting) {
			set_status(s, "", waiting);
		} else if (terminated) {
			set_terminated(s, "", terminated);
			if (value_int(value_get(terminated, "exitCode"), 0))
				memcpy(error, s->status, sizeof(error));
		} else if (value_bool(value_get(cs, "ready"), false) && value_path(cs, "state", "running")) {
			running = true;
			s->ready++;
		}
	}
	if (strcmp(s->status, "Completed") != 0)
		return;
	if (running && condition_is(root, "Ready", "True"))
		set_status(s, "", "Running");
	else if (*error)
		set_status(s, "", error);
	else if (running)
		set_status(s, "", "NotReady");
}

void pod_summarize(const struct value *root, struct pod_summary *ret)
{
	const struct value *init = value_path(root, "spec", "initContainers");
	const struct value *statuses = value_path(root, "status", "initContainerStatuses");
	const char *phase = value_str_or(value_path(root, "status", "phase"), "Unknown");
	const char *reason = value_str_or(value_path(root, "status", "reason"), "");
	int64_t sidecar_restarts = 0, sidecar_last = 0;
	bool initializing = false, deleting = value_path(root, "metadata", "deletionTimestamp");

	*ret = (struct pod_summary){ .total = (unsigned)value_len(value_path(root, "spec", "containers")) };
	set_status(ret, "", *reason ? reason : phase);
	if (strcmp(value_str_or(value_get(condition(root, "PodScheduled"), "reason"), ""), "SchedulingGated") == 0)
		set_status(ret, "", "SchedulingGated");
	for (size_t i = 0; i < value_len(init); i++)
		ret->total += is_sidecar(root, value_str_or(value_get(value_at(init, i), "name"), ""));
	for (size_t i = 0; i < value_len(statuses) && !initializing; i++) {
		const struct value *cs = value_at(statuses, i);

		count_restarts(cs, &ret->restarts, &ret->last_restart);
		if (is_sidecar(root, value_str_or(value_get(cs, "name"), "")))
			count_restarts(cs, &sidecar_restarts, &sidecar_last);
		initializing = is_initializing(root, cs, i, ret);
	}
	if (!initializing || condition_is(root, "Initialized", "True")) {
		ret->restarts = sidecar_restarts;
		ret->last_restart = sidecar_last;
		summarize_containers(root, ret);
	}
	if (deleting && strcmp(reason, "NodeLost") == 0)
		set_status(ret, "", "Unknown");
	else if (deleting && strcmp(phase, "Succeeded") != 0 && strcmp(phase, "Failed") != 0)
		set_status(ret, "", "Terminating");
}

/* --- cells --- */

static void cell_int(struct rows *t, int64_t i)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%" PRId64, i);
	rows_cell(t, text);
}

static void cell_value(struct rows *t, const struct value *v)
{
	rows_cell(t, value_str_or(v, ""));
}

static void cell_age(struct rows *t, const struct value *time, int64_t now)
{
	char text[AGE_SIZE];
	int64_t at;

	if (clock_parse_rfc3339(value_str_or(time, ""), &at) < 0)
		rows_cell(t, "<unknown>");
	else
		rows_cell(t, rows_age(now - at, text));
}

/* The named members of a list's maps, joined by commas. */
static void cell_members(struct rows *t, const struct value *list, const char *member)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	for (size_t i = 0; i < value_len(list); i++)
		buf_printf(&b, "%s%s", i ? "," : "", value_str_or(value_get(value_at(list, i), member), ""));
	rows_cell(t, buf_str(&b));
}

static void cell_selector(struct rows *t, const struct value *selector)
{
	const struct value *labels = value_get(selector, "matchLabels");
	_cleanup_buf_ struct buf b = BUF_INIT;

	for (size_t i = 0; i < value_len(labels); i++)
		buf_printf(&b, "%s%s=%s", i ? "," : "", value_key_at(labels, i), value_str_or(value_at(labels, i), ""));
	if (value_len(value_get(selector, "matchExpressions")))
		buf_printf(&b, "%s…", b.len ? "," : "");
	rows_cell(t, buf_str(&b));
}

static void cells_template(struct rows *t, const struct value *root)
{
	const struct value *containers = value_path(root, "spec", "template", "spec", "containers");

	cell_members(t, containers, "name");
	cell_members(t, containers, "image");
	cell_selector(t, value_path(root, "spec", "selector"));
}

static int64_t status_int(const struct value *root, const char *member)
{
	return value_int(value_path(root, "status", member), 0);
}

/* --- kinds --- */

static void row_pod(struct rows *t, const struct value *root, int64_t now)
{
	struct pod_summary s;
	char ready[32], restarts[64], age[AGE_SIZE];

	pod_summarize(root, &s);
	(void)snprintf(ready, sizeof(ready), "%u/%u", s.ready, s.total);
	rows_cell(t, ready);
	rows_cell(t, s.status);
	if (s.restarts && s.last_restart)
		(void)snprintf(restarts, sizeof(restarts), "%" PRId64 " (%s ago)", s.restarts,
			       rows_age(now - s.last_restart, age));
	else
		(void)snprintf(restarts, sizeof(restarts), "%" PRId64, s.restarts);
	rows_cell(t, restarts);
	cell_age(t, value_path(root, "metadata", "creationTimestamp"), now);
	cell_value(t, value_path(root, "status", "podIP"));
	cell_value(t, value_path(root, "spec", "nodeName"));
}

static void row_deployment(struct rows *t, const struct value *root, int64_t now)
{
	char ready[64];

	(void)snprintf(ready, sizeof(ready), "%" PRId64 "/%" PRId64, status_int(root, "readyReplicas"),
		       value_int(value_path(root, "spec", "replicas"), 0));
	rows_cell(t, ready);
	cell_int(t, status_int(root, "updatedReplicas"));
	cell_int(t, status_int(root, "availableReplicas"));
	cell_age(t, value_path(root, "metadata", "creationTimestamp"), now);
	cells_template(t, root);
}

static void row_replicaset(struct rows *t, const struct value *root, int64_t now)
{
	cell_int(t, value_int(value_path(root, "spec", "replicas"), 0));
	cell_int(t, status_int(root, "replicas"));
	cell_int(t, status_int(root, "readyReplicas"));
	cell_age(t, value_path(root, "metadata", "creationTimestamp"), now);
	cells_template(t, root);
}

static void row_node(struct rows *t, const struct value *root, int64_t now)
{
	const struct value *info = value_path(root, "status", "nodeInfo"), *ready = condition(root, "Ready");
	const struct value *address = value_find(value_path(root, "status", "addresses"), "type", "InternalIP");
	const struct value *labels = value_path(root, "metadata", "labels");
	_cleanup_buf_ struct buf roles = BUF_INIT;
	char status[64];

	(void)snprintf(status, sizeof(status), "%s%s",
		       !ready ? "Unknown" : condition_is(root, "Ready", "True") ? "Ready" : "NotReady",
		       value_bool(value_path(root, "spec", "unschedulable"), false) ? ",SchedulingDisabled" : "");
	for (size_t i = 0; i < value_len(labels); i++)
		if (strncmp(value_key_at(labels, i), "node-role.kubernetes.io/", 24) == 0)
			buf_printf(&roles, "%s%s", roles.len ? "," : "", value_key_at(labels, i) + 24);
	rows_cell(t, status);
	rows_cell(t, buf_str(&roles));
	cell_age(t, value_path(root, "metadata", "creationTimestamp"), now);
	cell_value(t, value_get(info, "kubeletVersion"));
	cell_value(t, value_get(address, "address"));
	cell_value(t, value_get(info, "osImage"));
	cell_value(t, value_get(info, "kernelVersion"));
	cell_value(t, value_get(info, "containerRuntimeVersion"));
}

static void row_namespace(struct rows *t, const struct value *root, int64_t now)
{
	cell_value(t, value_path(root, "status", "phase"));
	cell_age(t, value_path(root, "metadata", "creationTimestamp"), now);
}

static void row_configmap(struct rows *t, const struct value *root, int64_t now)
{
	cell_int(t, (int64_t)(value_len(value_get(root, "data")) + value_len(value_get(root, "binaryData"))));
	cell_age(t, value_path(root, "metadata", "creationTimestamp"), now);
}

static void row_event(struct rows *t, const struct value *root, int64_t now)
{
	const struct value *about = value_get(root, "involvedObject");
	const struct schema_kind *kind = schema_kind_find(value_str_or(value_get(about, "apiVersion"), ""),
							  value_str_or(value_get(about, "kind"), ""));
	_cleanup_buf_ struct buf object = BUF_INIT;

	buf_printf(&object, "%s/%s", kind ? kind->singular : "?", value_str_or(value_get(about, "name"), "?"));
	cell_age(t, value_get(root, "lastTimestamp"), now);
	cell_value(t, value_get(root, "type"));
	cell_value(t, value_get(root, "reason"));
	rows_cell(t, buf_str(&object));
	cell_value(t, value_get(root, "message"));
}

static void row_other(struct rows *t, const struct value *root, int64_t now)
{
	cell_age(t, value_path(root, "metadata", "creationTimestamp"), now);
}

static const struct columns {
	const char *plural;
	bool no_name; /* events have names that tell nobody anything */
	const char *const *header;
	void (*row)(struct rows *t, const struct value *root, int64_t now);
} kinds[] = {
#define HEADER(...) ((const char *const[]){ __VA_ARGS__, NULL })
	{ "configmaps", false, HEADER("DATA", "AGE"), row_configmap },
	{ "deployments", false, HEADER("READY", "UP-TO-DATE", "AVAILABLE", "AGE", "CONTAINERS", "IMAGES", "SELECTOR"),
	  row_deployment },
	{ "events", true, HEADER("LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"), row_event },
	{ "namespaces", false, HEADER("STATUS", "AGE"), row_namespace },
	{ "nodes", false,
	  HEADER("STATUS", "ROLES", "AGE", "VERSION", "INTERNAL-IP", "OS-IMAGE", "KERNEL-VERSION", "CONTAINER-RUNTIME"),
	  row_node },
	{ "pods", false, HEADER("READY", "STATUS", "RESTARTS", "AGE", "IP", "NODE"), row_pod },
	{ "replicasets", false, HEADER("DESIRED", "CURRENT", "READY", "AGE", "CONTAINERS", "IMAGES", "SELECTOR"),
	  row_replicaset },
	{ "", false, HEADER("AGE"), row_other },
};

static const struct columns *columns_of(const struct schema_kind *kind)
{
	const struct columns *c = kinds;

	while (*c->plural && strcmp(c->plural, kind->plural) != 0)
		c++;
	return c;
}

/* A scalar as kubectl shows it. */
static void cell_scalar(struct rows *t, const struct value *v)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	if (v && value_type(v) != VALUE_STRING)
		json_write(&b, v, 0);
	rows_cell(t, b.len ? buf_str(&b) : value_str_or(v, ""));
}

/* How long ago a time was, or how long before `until`; nothing where it is not there. */
static void cell_since(struct rows *t, const struct value *time, const struct value *until, int64_t now)
{
	int64_t end;

	if (!time)
		rows_cell(t, "");
	else
		cell_age(t, time, clock_parse_rfc3339(value_str_or(until, ""), &end) == 0 ? end : now);
}

static void row_columns(struct rows *t, const struct rows_column *c, const struct value *root, int64_t now)
{
	for (; c->header; c++) {
		_cleanup_buf_ struct buf b = BUF_INIT;

		if (c->write) {
			c->write(&b, root);
			rows_cell(t, buf_str(&b));
		} else if (c->is_age) {
			cell_since(t, rows_path(root, c->path), c->until ? rows_path(root, c->until) : NULL, now);
		} else if (c->path) {
			cell_scalar(t, rows_path(root, c->path));
		} else {
			cell_age(t, value_path(root, "metadata", "creationTimestamp"), now);
		}
	}
}

void rows_header(struct rows *t, const struct schema_kind *kind, bool with_ns)
{
	const struct columns *c = columns_of(kind);
	const struct rows_column *more = rows_columns_of(kind);

	if (with_ns && kind->namespaced)
		rows_cell(t, "NAMESPACE");
	if (!c->no_name)
		rows_cell(t, "NAME");
	for (size_t i = 0; more && more[i].header; i++)
		rows_cell(t, more[i].header);
	for (size_t i = 0; !more && c->header[i]; i++)
		rows_cell(t, c->header[i]);
	rows_end_header(t);
}

void rows_row(struct rows *t, const struct schema_kind *kind, const struct value *root, bool with_ns, int64_t now)
{
	const struct columns *c = columns_of(kind);
	const struct rows_column *more = rows_columns_of(kind);

	if (with_ns && kind->namespaced)
		cell_value(t, value_path(root, "metadata", "namespace"));
	if (!c->no_name)
		cell_value(t, value_path(root, "metadata", "name"));
	if (more)
		row_columns(t, more, root, now);
	else
		c->row(t, root, now);
}
