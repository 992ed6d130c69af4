/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/workload_rules.h"

#include <string.h>

#include "schema/format.h"
#include "schema/table.h"
#include "value/selector.h"

/* --- defaults --- */

void default_to(struct admit *ad, struct value *v, const char *key, struct value *made)
{
	if (!value_get(v, key))
		value_set(ad->arena, v, key, made);
}

static void rolling_update(struct admit *ad, struct value *strategy, struct value *surge, struct value *unavailable)
{
	struct value *rolling;

	if (strcmp(value_str_or(value_get(strategy, "type"), "RollingUpdate"), "RollingUpdate") != 0)
		return;
	rolling = value_set_map(ad->arena, strategy, "rollingUpdate");
	default_to(ad, rolling, "maxSurge", surge);
	default_to(ad, rolling, "maxUnavailable", unavailable);
}

void strategy_defaults(struct admit *ad, struct value *v)
{
	rolling_update(ad, v, value_new_str(ad->arena, "25%"), value_new_str(ad->arena, "25%"));
}

void replica_set_initial_status(struct admit *ad, struct value *root)
{
	value_set_int(ad->arena, value_set_map(ad->arena, root, "status"), "replicas", 0);
}

void labels_of_template(struct admit *ad, struct value *root)
{
	struct value *spec = value_get(root, "spec");
	const struct value *labels = value_path(spec, "template", "metadata", "labels");
	struct value *metadata = value_set_map(ad->arena, root, "metadata");

	if (!value_len(labels))
		return;
	if (!value_get(spec, "selector"))
		value_set(ad->arena, value_set_map(ad->arena, spec, "selector"), "matchLabels",
			  value_copy(ad->arena, labels));
	if (!value_len(value_get(metadata, "labels")))
		value_set(ad->arena, metadata, "labels", value_copy(ad->arena, labels));
}

void deployment_from_extensions(struct admit *ad, struct value *root)
{
	struct value *spec = value_set_map(ad->arena, root, "spec");

	labels_of_template(ad, root);
	default_to(ad, spec, "progressDeadlineSeconds", value_new_int(ad->arena, INT32_MAX));
	default_to(ad, spec, "revisionHistoryLimit", value_new_int(ad->arena, INT32_MAX));
	rolling_update(ad, value_set_map(ad->arena, spec, "strategy"), value_new_int(ad->arena, 1),
		       value_new_int(ad->arena, 1));
}

void deployment_from_apps_v1beta1(struct admit *ad, struct value *root)
{
	labels_of_template(ad, root);
	default_to(ad, value_set_map(ad->arena, root, "spec"), "revisionHistoryLimit", value_new_int(ad->arena, 2));
}

void replica_set_from_extensions(struct admit *ad, struct value *root)
{
	labels_of_template(ad, root);
}

/* --- rules --- */

long workload_amount(const struct value *v)
{
	const char *s = value_str(v);

	return s ? strtol(s, NULL, 10) : (long)value_int(v, 0);
}

void workload_percent_check(struct admit *ad, const struct value *v, const struct schema_path *at, const char *key)
{
	const struct value *member = value_get(v, key);

	if (value_str(member) && workload_amount(member) > 100)
		report_invalid(ad, AT(at, key), member, "must not be greater than 100%%");
}

void strategy_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *rolling = value_get(v, "rollingUpdate");
	const struct value *surge = value_get(rolling, "maxSurge");
	const struct value *unavailable = value_get(rolling, "maxUnavailable");

	if (!rolling)
		return;
	if (strcmp(value_str_or(value_get(v, "type"), ""), "Recreate") == 0) {
		report_forbidden(ad, AT(at, "rollingUpdate"), rolling,
				 "may not be specified when strategy `type` is 'Recreate'");
		return;
	}
	if (unavailable && surge && workload_amount(unavailable) == 0 && workload_amount(surge) == 0)
		report_invalid(ad, AT(AT(at, "rollingUpdate"), "maxUnavailable"), unavailable,
			       "may not be 0 when `maxSurge` is 0");
	workload_percent_check(ad, rolling, AT(at, "rollingUpdate"), "maxUnavailable");
}

static struct value_mark nearest_mark(const struct value *a, const struct value *b, const struct value *c)
{
	if (value_mark(a).line)
		return value_mark(a);
	return value_mark(b).line ? value_mark(b) : value_mark(c);
}

void workload_labels_check(struct admit *ad, const struct value *spec, const struct schema_path *at,
			   const struct selector *selector)
{
	const struct value *template = value_get(spec, "template");
	const struct value *labels = value_path(template, "metadata", "labels");
	_cleanup_buf_ struct buf shown = BUF_INIT;

	if (selector_matches(selector, labels))
		return;
	report_value(labels, &shown);
	report_error(ad, AT(AT(AT(at, "template"), "metadata"), "labels"), nearest_mark(labels, template, spec),
		     "Invalid value: %s: `selector` does not match template `labels`", buf_str(&shown));
}

void workload_selector_check(struct admit *ad, const struct value *spec, const struct schema_path *at, const char *what)
{
	const struct value *selector = value_get(spec, "selector");
	struct selector *compiled = NULL;

	/* A selector that is malformed has been reported by its own fields. */
	if (!selector || selector_compile(ad->arena, selector, &compiled, NULL) < 0)
		return;
	if (selector_is_empty(compiled))
		report_invalid(ad, AT(at, "selector"), selector, "empty selector is invalid for %s: it would take every pod",
			       what);
	else
		workload_labels_check(ad, spec, at, compiled);
}

void workload_template_check(struct admit *ad, const struct value *spec, const struct schema_path *at, const char *kind)
{
	const struct value *pod = value_path(spec, "template", "spec");
	const struct value *policy = value_get(pod, "restartPolicy");
	const struct value *deadline = value_get(pod, "activeDeadlineSeconds");
	const struct schema_path *path = AT(AT(at, "template"), "spec");

	if (policy && strcmp(value_str_or(policy, ""), "Always") != 0)
		report_unsupported(ad, AT(path, "restartPolicy"), policy, NAMES("Always"));
	if (deadline)
		report_forbidden(ad, AT(path, "activeDeadlineSeconds"), deadline,
				 "activeDeadlineSeconds in %s is not Supported", kind);
}

void replica_set_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	workload_selector_check(ad, v, at, "replicaset");
	workload_template_check(ad, v, at, "ReplicaSet");
}

void deployment_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *deadline = value_get(v, "progressDeadlineSeconds");

	workload_selector_check(ad, v, at, "deployment");
	workload_template_check(ad, v, at, "Deployment");
	if (deadline && value_int(deadline, 0) >= 0 &&
	    value_int(deadline, 0) <= value_int(value_get(v, "minReadySeconds"), 0))
		report_invalid(ad, AT(at, "progressDeadlineSeconds"), deadline, "must be greater than minReadySeconds");
}

void workload_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *name = value_path(v, "metadata", "name");
	const char *s = value_str_or(name, "");

	if (*s && format_dns_label(s, value_len(name)) && !format_dns_subdomain(s, value_len(name)))
		report_warning(ad, AT(AT(at, "metadata"), "name"), value_mark(name),
			       "this is used in Pod names and hostnames; a DNS label of 63 characters without dots is "
			       "recommended");
}
