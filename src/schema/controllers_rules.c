/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/controllers_rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "schema/check.h"
#include "schema/meta_rules.h"
#include "schema/table.h"
#include "value/selector.h"

/* --- ReplicationController --- */

void replication_controller_defaults(struct admit *ad, struct value *v)
{
	struct value *spec = value_get(v, "spec");
	const struct value *labels = value_path(spec, "template", "metadata", "labels");
	struct value *meta = value_set_map(ad->arena, v, "metadata");

	if (!value_len(labels))
		return;
	if (!value_len(value_get(spec, "selector")))
		value_set(ad->arena, spec, "selector", value_copy(ad->arena, labels));
	if (!value_len(value_get(meta, "labels")))
		value_set(ad->arena, meta, "labels", value_copy(ad->arena, labels));
}

void replication_controller_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	struct selector *selector = NULL;

	if (value_len(value_get(v, "selector")) && value_get(v, "template") &&
	    selector_compile_map(ad->arena, value_get(v, "selector"), true, &selector, NULL) == 0)
		workload_labels_check(ad, v, at, selector);
	workload_template_check(ad, v, at, "ReplicationController");
}

/* --- StatefulSet --- */

void volume_claim_template_defaults(struct admit *ad, struct value *v)
{
	struct value *spec = value_set_map(ad->arena, v, "spec");

	value_set_str(ad->arena, v, "apiVersion", "v1");
	value_set_str(ad->arena, v, "kind", "PersistentVolumeClaim");
	default_to(ad, spec, "volumeMode", value_new_str(ad->arena, "Filesystem"));
	default_to(ad, value_set_map(ad->arena, v, "status"), "phase", value_new_str(ad->arena, "Pending"));
}

void stateful_set_strategy_defaults(struct admit *ad, struct value *v)
{
	if (!value_len(value_get(v, "type"))) {
		value_set_str(ad->arena, v, "type", "RollingUpdate");
		(void)value_set_map(ad->arena, v, "rollingUpdate");
	}
	if (text_is(v, "type", "RollingUpdate") && value_get(v, "rollingUpdate"))
		default_to(ad, value_get(v, "rollingUpdate"), "partition", value_new_int(ad->arena, 0));
}

void stateful_set_spec_defaults(struct admit *ad, struct value *v)
{
	ad->claims = value_get(v, "volumeClaimTemplates");
}

void stateful_set_strategy_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *rolling = value_get(v, "rollingUpdate");
	const struct value *unavailable = value_get(rolling, "maxUnavailable");
	const struct schema_path *path = AT(at, "rollingUpdate");

	if (rolling && text_is(v, "type", "OnDelete")) {
		report_invalid(ad, path, rolling, "only allowed for updateStrategy 'RollingUpdate'");
		return;
	}
	if (unavailable && workload_amount(unavailable) == 0)
		report_invalid(ad, AT(path, "maxUnavailable"), unavailable, "cannot be 0");
	workload_percent_check(ad, rolling, path, "maxUnavailable");
}

/* Each claim is a volume of the pods: its name must be one that a volume may have. */
static void check_claims(struct admit *ad, const struct value *claims, const struct schema_path *at)
{
	struct value *seen = value_len(claims) > 1 ? value_new_map(ad->arena) : NULL;

	for (size_t i = 0; i < value_len(claims); i++) {
		const struct value *meta = value_get(value_at(claims, i), "metadata");
		const struct value *name = value_get(meta, "name");
		const struct schema_path *path = AT(AT_ITEM(at, i), "metadata");

		if (!value_len(name))
			report_required(ad, AT(path, "name"), value_at(claims, i), "%s", "");
		else if (check_text(ad, name, AT(path, "name"), format_dns_label) && seen && seen_before(ad, seen, name))
			report_duplicate(ad, AT(path, "name"), name);
	}
}

void stateful_set_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *limit = value_get(v, "revisionHistoryLimit");

	workload_selector_check(ad, v, at, "statefulset");
	workload_template_check(ad, v, at, "StatefulSet");
	check_claims(ad, value_get(v, "volumeClaimTemplates"), AT(at, "volumeClaimTemplates"));
	if (value_int(limit, 0) < 0)
		report_warning(ad, AT(at, "revisionHistoryLimit"), value_mark(limit),
			       "a negative value retains all historical revisions; a value >= 0 is recommended");
}

void stateful_set_check_update(struct admit *ad, const struct value *old, const struct value *new_root)
{
	static const char *const mutable[] = { "replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit",
					       "persistentVolumeClaimRetentionPolicy", "minReadySeconds", NULL };
	const struct value *was = value_get(old, "spec"), *is = value_get(new_root, "spec");

	for (size_t i = 0; i < value_len(was) + value_len(is); i++) {
		const char *key = i < value_len(was) ? value_key_at(was, i) : value_key_at(is, i - value_len(was));
		const struct value *member = value_get(is, key);
		const char *const *m = mutable;

		while (*m && strcmp(*m, key) != 0)
			m++;
		if (*m || same_value(value_get(was, key), member))
			continue;
		report_fixed(ad, AT(NULL, "spec"), member ? member : is,
			     "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
			     "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and "
			     "'minReadySeconds' are forbidden: '%s' has changed",
			     key);
		return;
	}
}

void stateful_set_from_apps_v1beta1(struct admit *ad, struct value *root)
{
	struct value *spec = value_set_map(ad->arena, root, "spec");

	labels_of_template(ad, root);
	default_to(ad, value_set_map(ad->arena, spec, "updateStrategy"), "type", value_new_str(ad->arena, "OnDelete"));
}

/* --- DaemonSet --- */

#define TEMPLATE_GENERATION "deprecated.daemonset.template.generation"

void daemon_set_strategy_defaults(struct admit *ad, struct value *v)
{
	struct value *rolling;

	default_to(ad, v, "type", value_new_str(ad->arena, "RollingUpdate"));
	if (!text_is(v, "type", "RollingUpdate"))
		return;
	rolling = value_set_map(ad->arena, v, "rollingUpdate");
	default_to(ad, rolling, "maxUnavailable", value_new_int(ad->arena, 1));
	default_to(ad, rolling, "maxSurge", value_new_int(ad->arena, 0));
}

void daemon_set_strategy_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *rolling = value_get(v, "rollingUpdate");
	const struct value *surge = value_get(rolling, "maxSurge");
	const struct value *unavailable = value_get(rolling, "maxUnavailable");
	const struct schema_path *path = AT(at, "rollingUpdate");

	if (!text_is(v, "type", "RollingUpdate"))
		return;
	workload_percent_check(ad, rolling, path, "maxUnavailable");
	workload_percent_check(ad, rolling, path, "maxSurge");
	if (workload_amount(unavailable) && workload_amount(surge))
		report_invalid(ad, AT(path, "maxSurge"), surge, "may not be set when maxUnavailable is non-zero");
	else if (!workload_amount(unavailable) && !workload_amount(surge))
		report_required(ad, AT(path, "maxUnavailable"), value_mark(unavailable).line ? unavailable : rolling,
				"cannot be 0 when maxSurge is 0");
}

void daemon_set_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	workload_selector_check(ad, v, at, "daemonset");
	workload_template_check(ad, v, at, "DaemonSet");
}

static int64_t template_generation(const struct value *root, bool *ret_is_number)
{
	const char *s = value_str(value_path(root, "metadata", "annotations", TEMPLATE_GENERATION));
	long long n;
	char *end;

	errno = 0;
	n = s ? strtoll(s, &end, 10) : 0;
	*ret_is_number = s && *s && !*end && !errno && strspn(s, "+-0123456789") == strlen(s);
	return *ret_is_number && n > 0 ? n : 1;
}

void daemon_set_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *generation = value_path(v, "metadata", "annotations", TEMPLATE_GENERATION);
	bool number;

	(void)template_generation(v, &number);
	if (!number)
		report_invalid(ad, AT_KEY(AT(AT(at, "metadata"), "annotations"), TEMPLATE_GENERATION), generation,
			       "must be an integer");
	workload_check(ad, v, at);
}

static void set_generation(struct arena *a, struct value *root, int64_t n)
{
	value_set(a, value_make_path(a, root, "metadata", "annotations"), TEMPLATE_GENERATION,
		  value_new_strf(a, "%lld", (long long)n));
}

void daemon_set_initial(struct admit *ad, struct value *root)
{
	if (!value_path(root, "metadata", "annotations", TEMPLATE_GENERATION))
		set_generation(ad->arena, root, 1);
}

void daemon_set_finish_update(struct arena *a, const struct value *old, struct value *root)
{
	bool number, changed = !same_value(value_path(old, "spec", "template"), value_path(root, "spec", "template"));

	set_generation(a, root, template_generation(old, &number) + changed);
}

void daemon_set_from_extensions(struct admit *ad, struct value *root)
{
	struct value *spec = value_set_map(ad->arena, root, "spec");

	labels_of_template(ad, root);
	default_to(ad, value_set_map(ad->arena, spec, "updateStrategy"), "type", value_new_str(ad->arena, "OnDelete"));
}

void daemon_set_from_beta(struct admit *ad, struct value *root)
{
	struct value *spec = value_get(root, "spec"), *generation = value_get(spec, "templateGeneration");

	if (value_type(generation) != VALUE_INT || value_type(value_get(root, "metadata")) != VALUE_MAP)
		return;
	if (value_int(generation, 0) > 0)
		set_generation(ad->arena, root, value_int(generation, 0));
	(void)value_remove(spec, "templateGeneration");
}

/* --- ControllerRevision --- */

void controller_revision_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *data = value_get(v, "data");

	if (!data || value_is_null(data))
		report_required(ad, AT(at, "data"), v, "data is mandatory");
	else if (value_type(data) != VALUE_MAP)
		report_required(ad, AT(at, "data"), data, "data must be a valid JSON object");
}

void controller_revision_check_update(struct admit *ad, const struct value *old, const struct value *new_root)
{
	check_same(ad, old, new_root, NULL, "data");
}
