/* SPDX-License-Identifier: Apache-2.0 */
/* Columns of what runs pods, and of what limits and ranks them. K8S:pkg/printers/internalversion/printers.go. */
#include <inttypes.h>
#include <string.h>

#include "fs/tablecolumns.h"

/* Metrics that an autoscaler's cell shows before "+ N more..." */
enum { METRICS_SHOWN = 2 };

static int64_t int_at(const struct value *root, const char *path)
{
	return value_int(rows_path(root, path), 0);
}

/* The named member of each container, joined by commas. */
static void members(struct buf *out, const struct value *containers, const char *member)
{
	for (size_t i = 0; i < value_len(containers); i++)
		buf_printf(out, "%s%s", i ? "," : "", value_str_or(value_get(value_at(containers, i), member), ""));
}

static void names(struct buf *out, const struct value *root)
{
	members(out, rows_path(root, "spec.template.spec.containers"), "name");
}

static void images(struct buf *out, const struct value *root)
{
	members(out, rows_path(root, "spec.template.spec.containers"), "image");
}

static void cron_names(struct buf *out, const struct value *root)
{
	members(out, rows_path(root, "spec.jobTemplate.spec.template.spec.containers"), "name");
}

static void cron_images(struct buf *out, const struct value *root)
{
	members(out, rows_path(root, "spec.jobTemplate.spec.template.spec.containers"), "image");
}

static void template_names(struct buf *out, const struct value *root)
{
	members(out, rows_path(root, "template.spec.containers"), "name");
}

static void template_images(struct buf *out, const struct value *root)
{
	members(out, rows_path(root, "template.spec.containers"), "image");
}

static void labels(struct buf *out, const struct value *map)
{
	for (size_t i = 0; i < value_len(map); i++)
		buf_printf(out, "%s%s=%s", i ? "," : "", value_key_at(map, i), value_str_or(value_at(map, i), ""));
}

static void selector(struct buf *out, const struct value *root)
{
	const struct value *expressions = rows_path(root, "spec.selector.matchExpressions");

	labels(out, rows_path(root, "spec.selector.matchLabels"));
	for (size_t i = 0; i < value_len(expressions); i++) {
		const struct value *e = value_at(expressions, i), *values = value_get(e, "values");
		const char *op = value_str_or(value_get(e, "operator"), ""), *key = value_str_or(value_get(e, "key"), "");

		buf_printf(out, "%s%s%s", out->len ? "," : "", strcmp(op, "DoesNotExist") == 0 ? "!" : "", key);
		if (!value_len(values))
			continue;
		buf_puts(out, strcmp(op, "In") == 0 ? " in (" : " notin (");
		for (size_t k = 0; k < value_len(values); k++)
			buf_printf(out, "%s%s", k ? "," : "", value_str_or(value_at(values, k), ""));
		buf_putc(out, ')');
	}
}

static void plain_selector(struct buf *out, const struct value *root)
{
	labels(out, rows_path(root, "spec.selector"));
}

static void template_labels(struct buf *out, const struct value *root)
{
	labels(out, rows_path(root, "template.metadata.labels"));
}

static void node_selector(struct buf *out, const struct value *root)
{
	labels(out, rows_path(root, "spec.template.spec.nodeSelector"));
}

static void ready(struct buf *out, const struct value *root)
{
	buf_printf(out, "%" PRId64 "/%" PRId64, int_at(root, "status.readyReplicas"), int_at(root, "spec.replicas"));
}

/* A number that is 0 where it is not there. */
#define COUNT(name, path)                                             \
	static void name(struct buf *out, const struct value *root)    \
	{                                                              \
		buf_printf(out, "%" PRId64, int_at(root, path));       \
	}
COUNT(replicas, "status.replicas")
COUNT(ready_replicas, "status.readyReplicas")
COUNT(scheduled, "status.desiredNumberScheduled")
COUNT(current, "status.currentNumberScheduled")
COUNT(number_ready, "status.numberReady")
COUNT(updated, "status.updatedNumberScheduled")
COUNT(available, "status.numberAvailable")
COUNT(current_replicas, "status.currentReplicas")
COUNT(disruptions, "status.disruptionsAllowed")
COUNT(priority, "value")

/* --- batch --- */

static void job_status(struct buf *out, const struct value *root)
{
	static const struct {
		const char *condition, *text;
	} states[] = { { "Complete", "Complete" },	 { "Failed", "Failed" },
		       { NULL, "Terminating" },		 { "Suspended", "Suspended" },
		       { "FailureTarget", "FailureTarget" }, { "SuccessCriteriaMet", "SuccessCriteriaMet" } };

	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		const struct value *c = value_find(rows_path(root, "status.conditions"), "type",
						   states[i].condition ? states[i].condition : "");

		if (states[i].condition ? strcmp(value_str_or(value_get(c, "status"), ""), "True") == 0 :
					  rows_path(root, "metadata.deletionTimestamp") != NULL) {
			buf_puts(out, states[i].text);
			return;
		}
	}
	buf_puts(out, "Running");
}

static void completions(struct buf *out, const struct value *root)
{
	int64_t parallelism = int_at(root, "spec.parallelism");

	buf_printf(out, "%" PRId64 "/", int_at(root, "status.succeeded"));
	if (rows_path(root, "spec.completions"))
		buf_printf(out, "%" PRId64, int_at(root, "spec.completions"));
	else if (parallelism > 1)
		buf_printf(out, "1 of %" PRId64, parallelism);
	else
		buf_putc(out, '1');
}

static void suspended(struct buf *out, const struct value *root)
{
	buf_puts(out, value_bool(rows_path(root, "spec.suspend"), false) ? "True" : "False");
}

static void active(struct buf *out, const struct value *root)
{
	buf_printf(out, "%zu", value_len(rows_path(root, "status.active")));
}

/* --- autoscaling --- */

static void reference(struct buf *out, const struct value *root)
{
	buf_printf(out, "%s/%s", value_str_or(rows_path(root, "spec.scaleTargetRef.kind"), ""),
		   value_str_or(rows_path(root, "spec.scaleTargetRef.name"), ""));
}

static void amount(struct buf *out, const struct value *v, const char *none)
{
	if (value_str(v))
		buf_puts(out, value_str(v));
	else if (v)
		buf_printf(out, "%" PRId64 "%%", value_int(v, 0));
	else
		buf_puts(out, none);
}

static void target(struct buf *out, const struct value *metric, const struct value *statuses, size_t i)
{
	static const char *const members_of[][2] = { { "Resource", "resource" },
						     { "ContainerResource", "containerResource" },
						     { "Pods", "pods" },
						     { "Object", "object" },
						     { "External", "external" } };
	const char *type = value_str_or(value_get(metric, "type"), ""), *which;
	const struct value *source = NULL, *wanted, *now = NULL;

	for (size_t k = 0; k < ARRAY_SIZE(members_of); k++) {
		if (strcmp(type, members_of[k][0]) != 0)
			continue;
		source = value_get(metric, members_of[k][1]);
		now = value_path(value_at(statuses, i), members_of[k][1], "current");
	}
	wanted = value_get(source, "target");
	which = value_get(wanted, "averageValue") ? "averageValue" : strstr(type, "Resource") ? "averageUtilization" : "value";
	if (strstr(type, "Resource"))
		buf_printf(out, "%s: ", value_str_or(value_get(source, "name"), ""));
	amount(out, value_get(now, which), "<unknown>");
	buf_putc(out, '/');
	amount(out, value_get(wanted, which), "<auto>");
	if (strcmp(which, "averageValue") == 0 && (strcmp(type, "Object") == 0 || strcmp(type, "External") == 0))
		buf_puts(out, " (avg)");
}

static void targets(struct buf *out, const struct value *root)
{
	const struct value *metrics = rows_path(root, "spec.metrics");

	for (size_t i = 0; i < value_len(metrics) && i < METRICS_SHOWN; i++) {
		if (i)
			buf_puts(out, ", ");
		target(out, value_at(metrics, i), rows_path(root, "status.currentMetrics"), i);
	}
	if (value_len(metrics) > METRICS_SHOWN)
		buf_printf(out, " + %zu more...", value_len(metrics) - METRICS_SHOWN);
}

/* --- limits and ranks --- */

static void budget(struct buf *out, const struct value *v)
{
	if (value_str(v))
		buf_puts(out, value_str(v));
	else if (v)
		buf_printf(out, "%" PRId64, value_int(v, 0));
	else
		buf_puts(out, "N/A");
}

static void min_available(struct buf *out, const struct value *root)
{
	budget(out, rows_path(root, "spec.minAvailable"));
}

static void max_unavailable(struct buf *out, const struct value *root)
{
	budget(out, rows_path(root, "spec.maxUnavailable"));
}

/* What is counted of a quota: those that begin with "limits." or the others. */
static void quota(struct buf *out, const struct value *root, bool limits)
{
	const struct value *hard = rows_path(root, "status.hard"), *used = rows_path(root, "status.used");

	for (size_t i = 0; i < value_len(hard); i++) {
		const char *name = value_key_at(hard, i);

		if ((strncmp(name, "limits.", 7) == 0) != limits)
			continue;
		buf_printf(out, "%s%s: %s/%s", out->len ? ", " : "", name, value_str_or(value_get(used, name), "0"),
			   value_str_or(value_at(hard, i), ""));
	}
}

static void quota_requests(struct buf *out, const struct value *root)
{
	quota(out, root, false);
}

static void quota_limits(struct buf *out, const struct value *root)
{
	quota(out, root, true);
}

static void global_default(struct buf *out, const struct value *root)
{
	buf_puts(out, value_bool(value_get(root, "globalDefault"), false) ? "true" : "false");
}

/* "statefulset.apps/db" */
static void controller(struct buf *out, const struct value *root)
{
	const struct value *owners = rows_path(root, "metadata.ownerReferences");

	for (size_t i = 0; i < value_len(owners); i++) {
		const struct value *o = value_at(owners, i);
		const char *version = value_str_or(value_get(o, "apiVersion"), ""), *slash = strchr(version, '/');
		const char *kind = value_str_or(value_get(o, "kind"), "");

		if (!value_bool(value_get(o, "controller"), false))
			continue;
		for (; *kind; kind++)
			buf_putc(out, *kind >= 'A' && *kind <= 'Z' ? (char)(*kind - 'A' + 'a') : *kind);
		if (slash)
			buf_printf(out, ".%.*s", (int)(slash - version), version);
		buf_printf(out, "/%s", value_str_or(value_get(o, "name"), ""));
		return;
	}
}

#define COLUMNS(...) ((const struct rows_column[]){ __VA_ARGS__, { NULL } })
#define AGE { "AGE" }

static const struct {
	const char *plural;
	const struct rows_column *columns;
} kinds[] = {
	{ "controllerrevisions", COLUMNS({ "CONTROLLER", .write = controller }, { "REVISION", "revision" }, AGE) },
	{ "cronjobs",
	  COLUMNS({ "SCHEDULE", "spec.schedule" }, { "TIMEZONE", "spec.timeZone" }, { "SUSPEND", .write = suspended },
		  { "ACTIVE", .write = active }, { "LAST SCHEDULE", "status.lastScheduleTime", .is_age = true }, AGE,
		  { "CONTAINERS", .write = cron_names }, { "IMAGES", .write = cron_images }) },
	{ "daemonsets",
	  COLUMNS({ "DESIRED", .write = scheduled }, { "CURRENT", .write = current }, { "READY", .write = number_ready },
		  { "UP-TO-DATE", .write = updated }, { "AVAILABLE", .write = available },
		  { "NODE SELECTOR", .write = node_selector }, AGE, { "CONTAINERS", .write = names },
		  { "IMAGES", .write = images }, { "SELECTOR", .write = selector }) },
	{ "horizontalpodautoscalers",
	  COLUMNS({ "REFERENCE", .write = reference }, { "TARGETS", .write = targets }, { "MINPODS", "spec.minReplicas" },
		  { "MAXPODS", "spec.maxReplicas" }, { "REPLICAS", .write = current_replicas }, AGE) },
	{ "jobs",
	  COLUMNS({ "STATUS", .write = job_status }, { "COMPLETIONS", .write = completions },
		  { "DURATION", "status.startTime", .is_age = true, .until = "status.completionTime" }, AGE,
		  { "CONTAINERS", .write = names }, { "IMAGES", .write = images }, { "SELECTOR", .write = selector }) },
	{ "leases", COLUMNS({ "HOLDER", "spec.holderIdentity" }, AGE) },
	{ "limitranges", COLUMNS({ "CREATED AT", "metadata.creationTimestamp" }) },
	{ "poddisruptionbudgets",
	  COLUMNS({ "MIN AVAILABLE", .write = min_available }, { "MAX UNAVAILABLE", .write = max_unavailable },
		  { "ALLOWED DISRUPTIONS", .write = disruptions }, AGE) },
	{ "podtemplates", COLUMNS({ "CONTAINERS", .write = template_names }, { "IMAGES", .write = template_images },
				  { "POD LABELS", .write = template_labels }) },
	{ "priorityclasses", COLUMNS({ "VALUE", .write = priority }, { "GLOBAL-DEFAULT", .write = global_default }, AGE,
				     { "PREEMPTIONPOLICY", "preemptionPolicy" }) },
	{ "replicationcontrollers",
	  COLUMNS({ "DESIRED", "spec.replicas" }, { "CURRENT", .write = replicas }, { "READY", .write = ready_replicas }, AGE,
		  { "CONTAINERS", .write = names }, { "IMAGES", .write = images }, { "SELECTOR", .write = plain_selector }) },
	{ "resourcequotas", COLUMNS({ "REQUEST", .write = quota_requests }, { "LIMIT", .write = quota_limits }, AGE) },
	{ "runtimeclasses", COLUMNS({ "HANDLER", "handler" }, AGE) },
	{ "statefulsets", COLUMNS({ "READY", .write = ready }, AGE, { "CONTAINERS", .write = names },
				  { "IMAGES", .write = images }) },
};

const struct rows_column *rows_work_columns_of(const struct schema_kind *kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(kinds[i].plural, kind->plural) == 0)
			return kinds[i].columns;
	return NULL;
}
