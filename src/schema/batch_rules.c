/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/batch_rules.h"

#include <errno.h>
#include <string.h>

#include "base/zone.h"
#include "schema/check.h"
#include "schema/table.h"
#include "schema/workload_rules.h"
#include "value/cron.h"

/* K8S:pkg/apis/batch/validation */
enum {
	INDEXED_PARALLELISM_MAX = 100000,
	FAILED_INDEXES_MAX = 100000,
	COMPLETIONS_HIGH = 100000, /* beyond it the limits below hold */
	HIGH_PARALLELISM_MAX = 10000,
	HIGH_FAILED_INDEXES_MAX = 10000,
	MANAGED_BY_MAX = 63,
	ZONE_PART_MAX = 14, /* of the names of the zone database, between two slashes */
};

/* --- Job --- */

void job_defaults(struct admit *ad, struct value *v)
{
	struct value *spec = value_set_map(ad->arena, v, "spec"), *meta = value_set_map(ad->arena, v, "metadata");
	struct value *labels = value_path(spec, "template", "metadata", "labels");
	bool policy = value_get(spec, "podFailurePolicy") != NULL;

	if (!value_get(spec, "parallelism")) {
		default_to(ad, spec, "completions", value_new_int(ad->arena, 1));
		value_set_int(ad->arena, spec, "parallelism", 1);
	}
	default_to(ad, spec, "backoffLimit",
		   value_new_int(ad->arena, value_get(spec, "backoffLimitPerIndex") ? INT32_MAX : 6));
	default_to(ad, spec, "completionMode", value_new_str(ad->arena, "NonIndexed"));
	default_to(ad, spec, "suspend", value_new_bool(ad->arena, false));
	default_to(ad, spec, "podReplacementPolicy", value_new_str(ad->arena, policy ? "Failed" : "TerminatingOrFailed"));
	default_to(ad, spec, "manualSelector", value_new_bool(ad->arena, false));
	if (value_len(labels) && !value_len(value_get(meta, "labels")))
		value_set(ad->arena, meta, "labels", value_copy(ad->arena, labels));
}

static bool above(const struct value *spec, const char *key, int64_t max)
{
	return value_int(value_get(spec, key), 0) > max;
}

static void check_high_completions(struct admit *ad, const struct value *spec, const struct schema_path *at)
{
	if (!value_get(spec, "maxFailedIndexes"))
		report_required(ad, AT(at, "maxFailedIndexes"), spec, "must be specified when completions is above %d",
				COMPLETIONS_HIGH);
	if (above(spec, "parallelism", HIGH_PARALLELISM_MAX))
		report_invalid(ad, AT(at, "parallelism"), value_get(spec, "parallelism"),
			       "must be less than or equal to %d when completions are above %d and used with backoff limit "
			       "per index",
			       HIGH_PARALLELISM_MAX, COMPLETIONS_HIGH);
	if (above(spec, "maxFailedIndexes", HIGH_FAILED_INDEXES_MAX))
		report_invalid(ad, AT(at, "maxFailedIndexes"), value_get(spec, "maxFailedIndexes"),
			       "must be less than or equal to %d when completions are above %d and used with backoff limit "
			       "per index",
			       HIGH_FAILED_INDEXES_MAX, COMPLETIONS_HIGH);
}

static void check_indexed(struct admit *ad, const struct value *spec, const struct schema_path *at)
{
	const struct value *completions = value_get(spec, "completions");
	const struct value *failed = value_get(spec, "maxFailedIndexes");

	if (!completions)
		report_required(ad, AT(at, "completions"), spec, "when completion mode is Indexed");
	if (above(spec, "parallelism", INDEXED_PARALLELISM_MAX))
		report_invalid(ad, AT(at, "parallelism"), value_get(spec, "parallelism"),
			       "must be less than or equal to %d when completion mode is Indexed", INDEXED_PARALLELISM_MAX);
	if (completions && failed && value_int(failed, 0) > value_int(completions, 0))
		report_invalid(ad, AT(at, "maxFailedIndexes"), failed, "must be less than or equal to completions");
	if (value_int(failed, 0) > FAILED_INDEXES_MAX)
		report_invalid(ad, AT(at, "maxFailedIndexes"), failed, "must be less than or equal to %d",
			       FAILED_INDEXES_MAX);
	if (above(spec, "completions", COMPLETIONS_HIGH) && value_get(spec, "backoffLimitPerIndex"))
		check_high_completions(ad, spec, at);
	else if (above(spec, "completions", COMPLETIONS_HIGH) && above(spec, "parallelism", HIGH_PARALLELISM_MAX))
		report_warning(ad, at, value_mark(spec),
			       "In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than "
			       "10^4, not all completedIndexes may be tracked when a big number of indexes fail");
}

static void check_not_indexed(struct admit *ad, const struct value *spec, const struct schema_path *at)
{
	static const char *const members[] = { "backoffLimitPerIndex", "maxFailedIndexes", "successPolicy" };

	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		if (value_get(spec, members[i]))
			report_invalid(ad, AT(at, members[i]), value_get(spec, members[i]),
				       "requires indexed completion mode");
}

static void check_restart_policy(struct admit *ad, const struct value *spec, const struct schema_path *at)
{
	const struct value *pod = value_path(spec, "template", "spec");
	const struct value *policy = value_get(pod, "restartPolicy");
	const struct schema_path *path = AT(AT(AT(at, "template"), "spec"), "restartPolicy");

	if (!value_len(policy) || text_is(pod, "restartPolicy", "Always"))
		report_required(ad, path, value_mark(policy).line ? policy : value_mark(pod).line ? pod : spec,
				"valid values: \"OnFailure\", \"Never\"");
	else if (value_get(spec, "podFailurePolicy") && text_is(pod, "restartPolicy", "OnFailure"))
		report_invalid(ad, path, policy, "only \"Never\" is supported when podFailurePolicy is specified");
}

void job_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *managed = value_get(v, "managedBy"), *replace = value_get(v, "podReplacementPolicy");

	if (value_get(v, "maxFailedIndexes") && !value_get(v, "backoffLimitPerIndex"))
		report_required(ad, AT(at, "backoffLimitPerIndex"), v, "when maxFailedIndexes is specified");
	if (managed && !value_len(managed))
		report_required(ad, AT(at, "managedBy"), managed, "%s", "");
	if (value_len(managed) > MANAGED_BY_MAX)
		report_too_long(ad, AT(at, "managedBy"), managed, "may not be more than %d bytes", MANAGED_BY_MAX);
	if (text_is(v, "completionMode", "Indexed"))
		check_indexed(ad, v, at);
	else
		check_not_indexed(ad, v, at);
	if (value_get(v, "podFailurePolicy")) {
		pod_failure_policy_check(ad, v, AT(at, "podFailurePolicy"));
		if (text_is(v, "podReplacementPolicy", "TerminatingOrFailed"))
			report_unsupported(ad, AT(at, "podReplacementPolicy"), replace, NAMES("Failed"));
	}
	if (value_get(v, "successPolicy") && text_is(v, "completionMode", "Indexed"))
		success_policy_check(ad, v, AT(at, "successPolicy"));
	check_restart_policy(ad, v, at);
}

/* --- CronJob --- */

void job_template_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *spec = value_get(v, "spec");
	const struct value *selector = value_get(spec, "selector"), *manual = value_get(spec, "manualSelector");

	if (selector)
		report_invalid(ad, AT(AT(at, "spec"), "selector"), selector, "`selector` will be auto-generated");
	if (value_bool(manual, false))
		report_unsupported(ad, AT(AT(at, "spec"), "manualSelector"), manual, NAMES("nil", "false"));
}

void cron_job_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *name = value_path(v, "metadata", "name");

	/* The controller appends 11 characters to it for a Job's name, which has 63 at most. */
	if (value_len(name) > 52)
		report_invalid(ad, AT(AT(at, "metadata"), "name"), name, "must be no more than 52 characters");
	else
		workload_check(ad, v, at);
}

void schedule_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	const char *s = value_str_or(v, "");
	struct cron c;

	if (strncmp(s, "TZ=", 3) != 0 && strncmp(s, "CRON_TZ=", 8) != 0 && cron_parse(s, value_len(v), &c, &err) < 0)
		report_invalid(ad, at, v, "%s", error_text(&err));
	if (strstr(s, "TZ"))
		report_invalid(ad, at, v, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead");
}

/* Whether each part between slashes is one of https://data.iana.org/time-zones/theory.html#naming. */
static bool is_zone_name(const char *s)
{
	for (;;) {
		size_t n = strcspn(s, "/");
		size_t good = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.-_0123456789+");

		if (!n || n > ZONE_PART_MAX || good != n || *s == '-' || strncmp(s, "..", n) == 0)
			return false;
		if (!s[n])
			return true;
		s += n + 1;
	}
}

void time_zone_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	_cleanup_zone_ struct zone *zone = NULL;
	const char *s = value_str_or(v, "");
	int r;

	if (!value_len(v)) {
		report_invalid(ad, at, v, "timeZone must be nil or non-empty string");
		return;
	}
	if (strcasecmp(s, "Local") == 0) {
		report_invalid(ad, at, v,
			       "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones");
		return;
	}
	r = strlen(s) == value_len(v) && is_zone_name(s) ? zone_load(s, &zone) : -ENOENT;
	if (r == -ENOMEM)
		ad->diags->failed = true;
	else if (r < 0)
		report_invalid(ad, at, v, "unknown time zone %s", s);
}
