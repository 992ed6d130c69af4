/* SPDX-License-Identifier: Apache-2.0 */
/* Facts: K8S:pkg/apis/flowcontrol/validation/validation.go and v1/defaults.go. */
#include "schema/flowcontrol_rules.h"

#include <math.h>
#include <string.h>

#include "schema/check.h"
#include "schema/table.h"

enum { PRECEDENCE_MAX = 10000, QUEUES_MAX = 10 * 1000 * 1000, HASH_BITS_MAX = 60 };

/* --- FlowSchema --- */

void flow_schema_check(struct admit *ad, const struct value *root, const struct schema_path *at)
{
	const struct value *spec = value_get(root, "spec"), *precedence = value_get(spec, "matchingPrecedence");
	const struct schema_path *path = AT(AT(at, "spec"), "matchingPrecedence");

	if (value_int(precedence, 0) <= 0)
		report_invalid(ad, path, precedence, "must be a positive value");
	if (value_int(precedence, 0) > PRECEDENCE_MAX)
		report_invalid(ad, path, precedence, "must not be greater than %d", PRECEDENCE_MAX);
	if (value_int(precedence, 0) == 1 && !text_is(value_get(root, "metadata"), "name", "exempt"))
		report_invalid(ad, path, precedence, "only the schema named 'exempt' may have matchingPrecedence 1");
	if (check_required(ad, value_get(spec, "priorityLevelConfiguration"),
			   AT(AT(at, "spec"), "priorityLevelConfiguration"), "name", "must reference a priority level"))
		check_member(ad, value_get(spec, "priorityLevelConfiguration"),
			     AT(AT(at, "spec"), "priorityLevelConfiguration"), "name", format_dns_subdomain);
}

void flow_rule_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	check_required(ad, v, at, "subjects", "subjects must contain at least one value");
	if (!value_len(value_get(v, "resourceRules")) && !value_len(value_get(v, "nonResourceRules")))
		report_required(ad, at, v, "at least one of resourceRules and nonResourceRules has to be non-empty");
}

void flow_subject_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	static const char *const kinds[][2] = { { "ServiceAccount", "serviceAccount" }, { "User", "user" },
						{ "Group", "group" } };

	if (!value_get(v, "kind") || !check_one_of(ad, v, at, "kind", NAMES("Group", "ServiceAccount", "User")))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const char *member = kinds[i][1];
		const struct value *subject = value_get(v, member);

		if (!text_is(v, "kind", kinds[i][0])) {
			if (subject)
				report_forbidden(ad, AT(at, member), subject, "%s is forbidden when subject kind is not '%s'",
						 member, kinds[i][0]);
		} else if (!subject) {
			report_required(ad, AT(at, member), v, "%s is required when subject kind is '%s'", member, kinds[i][0]);
		} else if (i == 0) {
			if (!text_is(subject, "name", "*"))
				check_member(ad, subject, AT(at, member), "name", format_dns_subdomain);
			check_member(ad, subject, AT(at, member), "namespace", format_dns_label);
		}
	}
}

static void check_star(struct admit *ad, const struct value *v, const struct schema_path *at, const char *key,
		       const char *what, const char *required)
{
	const struct value *list = value_get(v, key);

	if (check_required(ad, v, at, key, required) && value_len(list) > 1 && list_has(list, "*"))
		report_invalid(ad, AT(at, key), list, "if '*' is present, must not specify other %s", what);
}

static void check_verbs(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const char *const *all = NAMES("create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update",
				       "watch");
	const struct value *verbs = value_get(v, "verbs");

	check_star(ad, v, at, "verbs", "verbs", "verbs must contain at least one value");
	for (size_t i = 0; i < value_len(verbs) && !list_has(verbs, "*"); i++) {
		const char *const *s = all;

		while (*s && strcmp(*s, value_str_or(value_at(verbs, i), "")) != 0)
			s++;
		if (!*s)
			report_unsupported(ad, AT(at, "verbs"), value_at(verbs, i), all);
	}
}

void flow_resource_rule_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *namespaces = value_get(v, "namespaces");

	check_verbs(ad, v, at);
	check_star(ad, v, at, "apiGroups", "api groups", "resource rules must supply at least one api group");
	check_star(ad, v, at, "resources", "resources", "resource rules must supply at least one resource");
	if (!value_bool(value_get(v, "clusterScope"), false))
		check_required(ad, v, at, "namespaces",
			       "resource rules that are not cluster scoped must supply at least one namespace");
	if (value_len(namespaces) > 1 && list_has(namespaces, "*"))
		report_invalid(ad, AT(at, "namespaces"), namespaces, "if '*' is present, must not specify other namespaces");
	for (size_t i = 0; i < value_len(namespaces) && !list_has(namespaces, "*"); i++) {
		const char *why = format_dns_label(value_str_or(value_at(namespaces, i), ""), value_len(value_at(namespaces, i)));

		if (why)
			report_invalid(ad, AT_ITEM(AT(at, "namespaces"), i), value_at(namespaces, i),
				       "each member of this list must be '*' or a DNS-1123 label; %s", why);
	}
}

static const char *check_url(const char *s)
{
	const char *star = strchr(s, '*');

	if (!*s)
		return "must not be empty";
	if (*s != '/')
		return "must start with slash";
	if (strchr(s, ' '))
		return "must not contain white-space";
	if (strstr(s, "//"))
		return "must not contain double slash";
	return star && (star[1] || star[-1] != '/') ? "wildcard can only do suffix matching" : NULL;
}

void flow_url_rule_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *urls = value_get(v, "nonResourceURLs");

	check_star(ad, v, at, "verbs", "verbs", "verbs must contain at least one value");
	check_star(ad, v, at, "nonResourceURLs", "non-resource URLs", "nonResourceURLs must contain at least one value");
	for (size_t i = 0; i < value_len(urls) && !list_has(urls, "*"); i++) {
		const char *why = check_url(value_str_or(value_at(urls, i), ""));

		if (why)
			report_invalid(ad, AT_ITEM(AT(at, "nonResourceURLs"), i), value_at(urls, i), "%s", why);
	}
}

/* --- PriorityLevelConfiguration --- */

void priority_level_check(struct admit *ad, const struct value *root, const struct schema_path *at)
{
	const struct value *spec = value_get(root, "spec"), *limited = value_get(spec, "limited");
	const struct value *exempt = value_get(spec, "exempt");
	const struct schema_path *path = AT(at, "spec");

	if (!check_one_of(ad, spec, path, "type", NAMES("Exempt", "Limited")) || !value_get(spec, "type"))
		return;
	if (text_is(value_get(root, "metadata"), "name", "exempt") != text_is(spec, "type", "Exempt"))
		report_invalid(ad, AT(path, "type"), value_get(spec, "type"),
			       "must be 'Exempt' if and only if `name` is 'exempt'");
	if (text_is(spec, "type", "Exempt") && limited)
		report_forbidden(ad, AT(path, "limited"), limited, "must be nil if the type is not Limited");
	if (text_is(spec, "type", "Limited") && exempt)
		report_forbidden(ad, AT(path, "exempt"), exempt, "must be nil if the type is Limited");
	if (text_is(spec, "type", "Limited") && !limited)
		report_required(ad, AT(path, "limited"), spec, "must not be empty when type is Limited");
}

void limit_response_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *queuing = value_get(v, "queuing");

	if (!value_get(v, "type") || !check_one_of(ad, v, at, "type", NAMES("Queue", "Reject")))
		return;
	if (text_is(v, "type", "Reject") && queuing)
		report_forbidden(ad, AT(at, "queuing"), queuing,
				 "must be nil if limited.limitResponse.type is not Limited");
	if (text_is(v, "type", "Queue") && !queuing)
		report_required(ad, AT(at, "queuing"), v, "must not be empty if limited.limitResponse.type is Limited");
}

/* Shuffle sharding needs log2 of queues * (queues - 1) * … bits, `hand` factors. */
static int entropy(int64_t queues, int64_t hand)
{
	double bits = 0;

	for (int64_t i = 0; i < hand && i < queues && bits <= HASH_BITS_MAX; i++)
		bits += log2((double)(queues - i));
	return (int)ceil(bits);
}

void queuing_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *length = value_get(v, "queueLengthLimit"), *queues = value_get(v, "queues");
	const struct value *hand = value_get(v, "handSize");
	int64_t n = value_int(queues, 0), k = value_int(hand, 0);

	if (value_int(length, 0) <= 0)
		report_invalid(ad, AT(at, "queueLengthLimit"), length, "must be positive");
	if (n <= 0)
		report_invalid(ad, AT(at, "queues"), queues, "must be positive");
	else if (n > QUEUES_MAX)
		report_invalid(ad, AT(at, "queues"), queues, "must not be greater than %d", QUEUES_MAX);
	if (k <= 0)
		report_invalid(ad, AT(at, "handSize"), hand, "must be positive");
	else if (k > n)
		report_invalid(ad, AT(at, "handSize"), hand, "should not be greater than queues (%lld)", (long long)n);
	else if (entropy(n, k) > HASH_BITS_MAX)
		report_invalid(ad, AT(at, "handSize"), hand,
			       "required entropy bits of deckSize %lld and handSize %lld should not be greater than %d",
			       (long long)n, (long long)k, HASH_BITS_MAX);
}

void priority_level_from_beta(struct admit *ad, struct value *root)
{
	struct value *limited = value_path(root, "spec", "limited"), *shares = value_get(limited, "assuredConcurrencyShares");

	if (!shares || value_get(limited, "nominalConcurrencyShares"))
		return;
	value_set(ad->arena, limited, "nominalConcurrencyShares", shares);
	value_remove(limited, "assuredConcurrencyShares");
}
