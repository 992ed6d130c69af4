/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is legal in a pod, and odd: fields and labels of the past, and what is said twice. Facts:
 * K8S:pkg/api/pod/warnings.go, K8S:pkg/api/node/util.go.
 */
#include <string.h>

#include "schema/check.h"
#include "schema/meta_rules.h"
#include "schema/pod_rules.h"

struct word {
	const char *name, *text;
};

static const char *find_word(const struct word *words, const char *name)
{
	while (words->name && strcmp(words->name, name) != 0)
		words++;
	return words->text;
}

/* --- labels, annotations and volumes of the past --- */

static const char *node_label_text(const char *label)
{
	static const struct word labels[] = {
		{ "app.kubernetes.io/created-by", "deprecated since v1.9" },
		{ "beta.kubernetes.io/arch", "deprecated since v1.14; use \"kubernetes.io/arch\" instead" },
		{ "beta.kubernetes.io/instance-type",
		  "deprecated since v1.17; use \"node.kubernetes.io/instance-type\" instead" },
		{ "beta.kubernetes.io/os", "deprecated since v1.14; use \"kubernetes.io/os\" instead" },
		{ "failure-domain.beta.kubernetes.io/region",
		  "deprecated since v1.17; use \"topology.kubernetes.io/region\" instead" },
		{ "failure-domain.beta.kubernetes.io/zone",
		  "deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead" },
		{ "node-role.kubernetes.io/master", "use \"node-role.kubernetes.io/control-plane\" instead" },
		{ "scheduler.alpha.kubernetes.io/preferAvoidPods",
		  "deprecated since v1.22; use Taints and Tolerations instead" },
		{ NULL, NULL },
	};

	return find_word(labels, label);
}

static void warn_term(struct admit *ad, const struct value *term, const struct schema_path *at)
{
	const struct value *list = value_get(term, "matchExpressions");

	for (size_t i = 0; i < value_len(list); i++) {
		const struct value *key = value_get(value_at(list, i), "key");
		const char *text = node_label_text(value_str_or(key, ""));

		if (text)
			report_warning(ad, AT(AT_ITEM(AT(at, "matchExpressions"), i), "key"), value_mark(key), "%s is %s",
				       value_str_or(key, ""), text);
	}
}

static void warn_node_labels(struct admit *ad, const struct value *spec, const struct schema_path *at)
{
	const struct value *selector = value_get(spec, "nodeSelector");
	const struct value *affinity = value_path(spec, "affinity", "nodeAffinity");
	const struct value *terms =
		value_path(affinity, "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms");
	const struct value *preferred = value_get(affinity, "preferredDuringSchedulingIgnoredDuringExecution");
	const struct schema_path *node = AT(AT(at, "affinity"), "nodeAffinity");
	const struct schema_path *required =
		AT(AT(node, "requiredDuringSchedulingIgnoredDuringExecution"), "nodeSelectorTerms");

	for (size_t i = 0; i < value_len(selector); i++) {
		const char *text = node_label_text(value_key_at(selector, i));

		if (text)
			report_warning(ad, AT_KEY(AT(at, "nodeSelector"), value_key_at(selector, i)),
				       value_key_mark_at(selector, i), "%s", text);
	}
	for (size_t i = 0; i < value_len(terms); i++)
		warn_term(ad, value_at(terms, i), AT_ITEM(required, i));
	for (size_t i = 0; i < value_len(preferred); i++)
		warn_term(ad, value_get(value_at(preferred, i), "preference"),
			  AT(AT_ITEM(AT(node, "preferredDuringSchedulingIgnoredDuringExecution"), i), "preference"));
}

static void warn_annotations(struct admit *ad, const struct value *list, const struct schema_path *at)
{
	static const struct word gone[] = {
		{ "scheduler.alpha.kubernetes.io/critical-pod",
		  "non-functional in v1.16+; use the \"priorityClassName\" field instead" },
		{ "seccomp.security.alpha.kubernetes.io/pod",
		  "non-functional in v1.27+; use the \"seccompProfile\" field instead" },
		{ "security.alpha.kubernetes.io/sysctls", "non-functional in v1.11+; use the \"sysctls\" field instead" },
		{ "security.alpha.kubernetes.io/unsafe-sysctls",
		  "non-functional in v1.11+; use the \"sysctls\" field instead" },
		{ NULL, NULL },
	};
	static const char seccomp[] = "container.seccomp.security.alpha.kubernetes.io/";
	static const char apparmor[] = "container.apparmor.security.beta.kubernetes.io/";

	for (size_t i = 0; i < value_len(list); i++) {
		const char *key = value_key_at(list, i), *text = find_word(gone, key);

		if (!strncmp(key, seccomp, strlen(seccomp)))
			text = "non-functional in v1.27+; use the \"seccompProfile\" field instead";
		else if (!strncmp(key, apparmor, strlen(apparmor)))
			text = "deprecated since v1.30; use the \"appArmorProfile\" field instead";
		if (text)
			report_warning(ad, AT_KEY(at, key), value_key_mark_at(list, i), "%s", text);
	}
}

static void warn_volumes(struct admit *ad, const struct value *volumes, const struct schema_path *at)
{
	static const struct word gone[] = {
		{ "cephfs", "deprecated in v1.28, non-functional in v1.31+" },
		{ "flocker", "deprecated in v1.22, non-functional in v1.25+" },
		{ "gitRepo", "deprecated in v1.11, and disabled by default in v1.33+" },
		{ "glusterfs", "deprecated in v1.25, non-functional in v1.26+" },
		{ "photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+" },
		{ "quobyte", "deprecated in v1.22, non-functional in v1.25+" },
		{ "rbd", "deprecated in v1.28, non-functional in v1.31+" },
		{ "scaleIO", "deprecated in v1.16, non-functional in v1.22+" },
		{ "storageos", "deprecated in v1.22, non-functional in v1.25+" },
	};

	for (size_t i = 0; i < value_len(volumes); i++)
		for (size_t k = 0; k < ARRAY_SIZE(gone); k++) {
			const struct value *source = value_get(value_at(volumes, i), gone[k].name);

			if (source)
				report_warning(ad, AT(AT_ITEM(at, i), gone[k].name), value_mark(source), "%s", gone[k].text);
		}
}

/* --- what is said twice --- */

static void warn_repeats(struct admit *ad, const struct value *list, const char *key, const char *what,
			 const struct schema_path *at)
{
	struct value *seen = value_len(list) > 1 ? value_new_map(ad->arena) : NULL;

	for (size_t i = 0; seen && i < value_len(list); i++) {
		const struct value *v = value_get(value_at(list, i), key);

		if (seen_before(ad, seen, v))
			report_warning(ad, AT(AT_ITEM(at, i), key), value_mark(v), "duplicate %s \"%s\"", what,
				       value_str_or(v, ""));
	}
}

/* Ports of all containers seen so far: by number and protocol, with address and host port; and by name. */
struct ports {
	struct value *by_number, *by_name;
};

/* Reports a port that another one is; `seen` has the first place of each. */
static void warn_port(struct admit *ad, struct ports *seen, const struct value *port, const struct schema_path *at)
{
	const char *name = text_of(port, "name"), *ip = text_of(port, "hostIP");
	long long host = value_int(value_get(port, "hostPort"), 0);
	struct value *number = value_new_strf(ad->arena, "%lld/%s", (long long)value_int(value_get(port, "containerPort"), 0),
					      text_of(port, "protocol"));
	const struct value *other = number ? value_get(seen->by_number, value_str_or(number, "")) : NULL;
	const struct value *named = *name ? value_get(seen->by_name, name) : NULL;
	_cleanup_buf_ struct buf path = BUF_INIT;

	schema_path_format(at, &path);
	if (*ip && !host)
		report_warning(ad, at, value_mark(port), "hostIP set without hostPort: it has no effect");
	if (other && !strcmp(text_of(other, "ip"), ip) && value_int(value_get(other, "host"), 0) == host)
		report_warning(ad, at, value_mark(port), "duplicate port definition with %s", text_of(other, "path"));
	else if (other && (!host || !value_int(value_get(other, "host"), 0)))
		report_warning(ad, at, value_mark(port), "overlapping port definition with %s", text_of(other, "path"));
	else if (other && value_int(value_get(other, "host"), 0) == host && !*ip != !*text_of(other, "ip"))
		report_warning(ad, at, value_mark(port), "dangerously ambiguous port definition with %s",
			       text_of(other, "path"));
	if (named)
		report_warning(ad, at, value_mark(port), "duplicate port name \"%s\" with %s, services and probes that select "
			       "ports by name will use %s", name, value_str_or(named, ""), value_str_or(named, ""));
	else if (*name)
		value_set_str(ad->arena, seen->by_name, name, buf_str(&path));
	if (!other && number) {
		struct value *made = value_set_map(ad->arena, seen->by_number, value_str_or(number, ""));

		value_set_str(ad->arena, made, "path", buf_str(&path));
		value_set_str(ad->arena, made, "ip", ip);
		value_set_int(ad->arena, made, "host", host);
	}
}

static void warn_ports(struct admit *ad, const struct value *spec, const struct schema_path *at)
{
	static const char *const lists[] = { "initContainers", "containers" };
	struct ports seen = { value_new_map(ad->arena), value_new_map(ad->arena) };

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		const struct value *list = value_get(spec, lists[i]);

		for (size_t k = 0; seen.by_number && seen.by_name && k < value_len(list); k++) {
			const struct value *ports = value_get(value_at(list, k), "ports");

			for (size_t n = 0; n < value_len(ports); n++)
				warn_port(ad, &seen, value_at(ports, n), AT_ITEM(AT(AT_ITEM(AT(at, lists[i]), k), "ports"), n));
		}
	}
}

void pod_warnings(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *spec = value_get(v, "spec");
	const struct schema_path *path = AT(at, "spec");

	warn_node_labels(ad, spec, path);
	warn_annotations(ad, value_path(v, "metadata", "annotations"), AT(AT(at, "metadata"), "annotations"));
	warn_volumes(ad, value_get(spec, "volumes"), AT(path, "volumes"));
	warn_repeats(ad, value_get(spec, "hostAliases"), "ip", "ip", AT(path, "hostAliases"));
	warn_repeats(ad, value_get(spec, "imagePullSecrets"), "name", "name", AT(path, "imagePullSecrets"));
	warn_ports(ad, spec, path);
}
