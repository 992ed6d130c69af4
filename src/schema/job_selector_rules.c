/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The selector of a Job that does not give its own: by its uid, which a new object has only when it is stored. Until
 * then the rules judge with a uid that stands for it. K8S:pkg/registry/batch/job, generateSelector, and
 * K8S:pkg/apis/batch/validation, validateGeneratedSelector.
 */
#include <stdio.h>
#include <string.h>

#include "schema/batch_rules.h"
#include "schema/check.h"
#include "schema/format.h"
#include "schema/table.h"
#include "schema/workload_rules.h"
#include "value/selector.h"

static const char *const name_labels[] = { "job-name", "batch.kubernetes.io/job-name" };
static const char *const uid_labels[] = { "controller-uid", "batch.kubernetes.io/controller-uid" };

#define UNKNOWN_UID "00000000-0000-0000-0000-000000000000"

/* The uid that a Job's selector and labels name already; NULL when they name none. */
static const char *named_uid(const struct value *spec)
{
	const struct value *labels = value_path(spec, "template", "metadata", "labels");
	const char *uid = value_str(value_path(spec, "selector", "matchLabels", uid_labels[1]));

	for (size_t i = 0; i < ARRAY_SIZE(uid_labels) && !uid; i++)
		uid = value_str(value_get(labels, uid_labels[i]));
	return uid;
}

static void check_label(struct admit *ad, const struct value *spec, const char *key, const char *expected)
{
	const struct value *labels = value_path(spec, "template", "metadata", "labels"), *label = value_get(labels, key);
	const struct schema_path *at = AT(AT(AT(AT(NULL, "spec"), "template"), "metadata"), "labels");

	if (label && !*expected)
		report_invalid(ad, AT_KEY(at, key), label, "must be left out: a new Job gives its own");
	else if (label && strcmp(value_str_or(label, ""), expected) != 0)
		report_error(ad, AT_KEY(at, key), value_mark(label), "Invalid value: \"%.128s\": must be '%s'",
			     value_str_or(label, ""), expected);
}

/* The labels that the Job's pods have besides those of its template. */
static struct value *generated_labels(struct admit *ad, const char *name, const char *uid)
{
	struct value *labels = value_new_map(ad->arena);

	for (size_t i = 0; i < ARRAY_SIZE(name_labels); i++) {
		value_set_str(ad->arena, labels, name_labels[i], name);
		value_set_str(ad->arena, labels, uid_labels[i], uid);
	}
	return labels;
}

static void check_generated(struct admit *ad, const struct value *root, const struct value *spec)
{
	const struct value *selector = value_get(spec, "selector");
	const char *name = value_str_or(value_path(root, "metadata", "name"), "");
	const char *uid = named_uid(spec);
	struct selector *compiled = NULL;

	if (*name && format_label_value(name, strlen(name))) /* the name is a label of the pods */
		report_invalid(ad, AT(AT(AT(AT(NULL, "spec"), "template"), "metadata"), "labels"),
			       value_path(root, "metadata", "name"), "%s", format_label_value(name, strlen(name)));
	for (size_t i = 0; i < ARRAY_SIZE(name_labels); i++) {
		if (*name)
			check_label(ad, spec, name_labels[i], name);
		if (uid)
			check_label(ad, spec, uid_labels[i], uid);
	}
	if (!selector || selector_compile(ad->arena, selector, &compiled, NULL) < 0)
		return;
	if (!selector_matches(compiled, generated_labels(ad, name, uid ? uid : UNKNOWN_UID)))
		report_invalid(ad, AT(AT(NULL, "spec"), "selector"), selector, "`selector` not auto-generated");
}

static void check_hostname(struct admit *ad, const struct value *root, const struct value *spec)
{
	const struct value *name = value_path(root, "metadata", "name");
	long long completions = value_int(value_get(spec, "completions"), 0);
	char host[320];

	if (!text_is(spec, "completionMode", "Indexed") || completions <= 0 || !value_len(name))
		return;
	(void)snprintf(host, sizeof(host), "%.256s-%lld", value_str_or(name, ""), completions - 1);
	if (format_dns_label(host, strlen(host)))
		report_invalid(ad, AT(AT(NULL, "metadata"), "name"), name,
			       "will not able to create pod with invalid DNS label: %s", host);
}

void job_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *spec = value_get(v, "spec"), *selector = value_get(spec, "selector");
	struct selector *compiled = NULL;

	if (!value_bool(value_get(spec, "manualSelector"), false))
		check_generated(ad, v, spec);
	else if (!selector)
		report_required(ad, AT(AT(at, "spec"), "selector"), spec, "%s", "");
	else if (selector_compile(ad->arena, selector, &compiled, NULL) == 0)
		workload_labels_check(ad, spec, AT(at, "spec"), compiled);
	check_hostname(ad, v, spec);
	workload_check(ad, v, at);
}

void job_finish_create(struct admit *ad, struct value *root)
{
	struct value *meta = value_get(root, "metadata"), *spec = value_get(root, "spec"), *labels, *match;
	const char *name = value_str_or(value_get(meta, "name"), ""), *uid = value_str_or(value_get(meta, "uid"), "");

	if (value_bool(value_get(spec, "manualSelector"), false))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(uid_labels); i++) {
		check_label(ad, spec, name_labels[i], name);
		check_label(ad, spec, uid_labels[i], uid);
	}
	labels = value_make_path(ad->arena, spec, "template", "metadata", "labels");
	for (size_t i = 0; i < ARRAY_SIZE(uid_labels); i++) {
		value_set_str(ad->arena, labels, name_labels[i], name);
		value_set_str(ad->arena, labels, uid_labels[i], uid);
	}
	match = value_make_path(ad->arena, spec, "selector", "matchLabels");
	if (!value_get(match, uid_labels[1]))
		value_set_str(ad->arena, match, uid_labels[1], uid);
	if (!value_len(value_get(meta, "labels"))) /* the Job's own labels are its template's, where neither states any */
		value_set(ad->arena, meta, "labels", value_copy(ad->arena, labels));
}

/* --- updates --- */

static void level(struct admit *ad, struct value *old, const struct value *now, const char *key)
{
	if (value_get(now, key))
		value_set(ad->arena, old, key, value_copy(ad->arena, value_get(now, key)));
	else
		(void)value_remove(old, key); /* false: it is in neither */
}

static void level_resources(struct admit *ad, struct value *old, const struct value *now, const char *list)
{
	const struct value *was = value_get(old, list), *is = value_get(now, list);

	for (size_t i = 0; value_len(was) == value_len(is) && i < value_len(is); i++)
		if (text_is(value_at(was, i), "name", text_of(value_at(is, i), "name")))
			level(ad, value_at(was, i), value_at(is, i), "resources");
}

/* Gives the old template what may change while a Job is suspended and none of its pods runs. */
static void level_suspended(struct admit *ad, struct value *old, const struct value *now)
{
	static const char *const members[] = { "nodeSelector", "tolerations", "schedulingGates" };
	struct value *was = value_get(old, "spec"), *affinity = value_set_map(ad->arena, was, "affinity");
	const struct value *is = value_get(now, "spec");

	level(ad, affinity, value_get(is, "affinity"), "nodeAffinity");
	if (!value_len(affinity) && !value_len(value_get(is, "affinity")))
		level(ad, was, is, "affinity");
	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		level(ad, was, is, members[i]);
	level(ad, value_set_map(ad->arena, old, "metadata"), value_get(now, "metadata"), "annotations");
	level(ad, value_get(old, "metadata"), value_get(now, "metadata"), "labels");
	level_resources(ad, was, is, "containers");
	level_resources(ad, was, is, "initContainers");
}

static bool has_condition(const struct value *status, const char *type)
{
	const struct value *c = value_find(value_get(status, "conditions"), "type", type);

	return text_is(c, "status", "True");
}

static void check_template(struct admit *ad, const struct value *old, const struct value *now)
{
	const struct value *status = value_get(old, "status"), *template = value_path(now, "spec", "template");
	struct value *was = value_copy(ad->arena, value_path(old, "spec", "template"));
	bool idle = !value_get(status, "startTime") || has_condition(status, "Suspended");

	if (value_bool(value_path(old, "spec", "suspend"), false) && idle && !value_int(value_get(status, "active"), 0))
		level_suspended(ad, was, template);
	if (was && !value_equal(was, template))
		report_immutable(ad, AT(AT(NULL, "spec"), "template"), template, "field is immutable");
}

void job_check_update(struct admit *ad, const struct value *old, const struct value *new_root)
{
	static const char *const fixed[] = { "selector", "completionMode", "podFailurePolicy", "backoffLimitPerIndex",
					     "managedBy", "successPolicy" };
	const struct value *was = value_get(old, "spec"), *is = value_get(new_root, "spec");
	const struct value *completions = value_get(is, "completions");
	const struct schema_path *at = AT(NULL, "spec");

	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		check_same(ad, was, is, at, fixed[i]);
	check_template(ad, old, new_root);
	if (!text_is(is, "completionMode", "Indexed"))
		check_same(ad, was, is, at, "completions");
	else if (completions && !same_value(value_get(was, "completions"), completions) &&
		 value_int(completions, 0) != value_int(value_get(is, "parallelism"), 0))
		report_immutable(ad, AT(at, "completions"), completions,
				 "can only be modified in tandem with spec.parallelism");
}
