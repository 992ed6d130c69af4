/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "control/daemonset_decide.h"
#include "control/pods.h"
#include "control/revisions.h"

#define REQUIRED "requiredDuringSchedulingIgnoredDuringExecution"

const char *daemon_node_of(const struct object *pod)
{
	const char *bound = object_str(pod, "spec", "nodeName");
	const struct value *terms = object_path(pod, "spec", "affinity", "nodeAffinity", REQUIRED, "nodeSelectorTerms");

	if (bound && *bound)
		return bound;
	for (size_t i = 0; i < value_len(terms); i++) {
		const struct value *fields = value_get(value_at(terms, i), "matchFields");

		for (size_t k = 0; k < value_len(fields); k++) {
			const struct value *f = value_at(fields, k), *values = value_get(f, "values");

			if (!strcmp(value_str_or(value_get(f, "key"), ""), "metadata.name") &&
			    !strcmp(value_str_or(value_get(f, "operator"), ""), "In"))
				return value_len(values) == 1 ? value_str(value_at(values, 0)) : NULL;
		}
	}
	return NULL;
}

bool daemon_is_updated(const struct object *pod, const struct object *set, const char *hash)
{
	const struct value *labels = object_labels(pod);
	const struct value *generation = object_path(set, "metadata", "annotations", DAEMON_TEMPLATE_GENERATION);

	return (*hash && !strcmp(value_str_or(value_get(labels, REVISION_HASH), ""), hash)) ||
	       (generation && value_equal(value_get(labels, DAEMON_GENERATION), generation));
}

struct value *daemon_tolerations(struct arena *a, const struct value *pod_spec)
{
	static const struct {
		const char *key, *effect;
		bool host_network; /* only of pods in the host's network */
	} added[] = {
		{ "node.kubernetes.io/not-ready", "NoExecute", false },
		{ "node.kubernetes.io/unreachable", "NoExecute", false },
		{ "node.kubernetes.io/disk-pressure", "NoSchedule", false },
		{ "node.kubernetes.io/memory-pressure", "NoSchedule", false },
		{ "node.kubernetes.io/pid-pressure", "NoSchedule", false },
		{ "node.kubernetes.io/unschedulable", "NoSchedule", false },
		{ "node.kubernetes.io/network-unavailable", "NoSchedule", true },
	};
	const struct value *own = value_get(pod_spec, "tolerations");
	struct value *list = own ? value_copy(a, own) : value_new_list(a);

	for (size_t i = 0; i < ARRAY_SIZE(added); i++) {
		struct value *t = value_new_map(a);
		size_t at = 0;

		if (added[i].host_network && !value_bool(value_get(pod_spec, "hostNetwork"), false))
			continue;
		value_set_str(a, t, "key", added[i].key);
		value_set_str(a, t, "operator", "Exists");
		value_set_str(a, t, "effect", added[i].effect);
		/* One of the same key, operator, effect and value is replaced: for ever is for longer. */
		while (at < value_len(list) &&
		       !(value_equal(value_get(value_at(list, at), "key"), value_get(t, "key")) &&
			 value_equal(value_get(value_at(list, at), "operator"), value_get(t, "operator")) &&
			 value_equal(value_get(value_at(list, at), "effect"), value_get(t, "effect"))))
			at++;
		if (at < value_len(list))
			value_replace_at(list, at, t);
		else
			value_append(a, list, t);
	}
	return list;
}

/* Pins the pod to the node. Other terms of the affinity that are required are left out: the node was found to match them. */
static void pin(struct arena *a, struct value *spec, const char *node)
{
	struct value *required = value_make_path(a, spec, "affinity", "nodeAffinity", REQUIRED);
	struct value *terms = value_set(a, required, "nodeSelectorTerms", value_new_list(a));
	struct value *term = value_append(a, terms, value_new_map(a));
	struct value *field = value_append(a, value_set_list(a, term, "matchFields"), value_new_map(a));

	value_set_str(a, field, "key", "metadata.name");
	value_set_str(a, field, "operator", "In");
	value_append(a, value_set_list(a, field, "values"), value_new_str(a, node));
}

struct value *daemon_new_pod(struct arena *a, const struct object *set, const char *hash, const char *node)
{
	const struct value *generation = object_path(set, "metadata", "annotations", DAEMON_TEMPLATE_GENERATION);
	struct value *root = pod_from_template(a, object_path(set, "spec", "template"), set), *spec, *labels;

	if (!root)
		return NULL;
	spec = value_set_map(a, root, "spec");
	labels = value_set_map(a, value_get(root, "metadata"), "labels");
	if (generation)
		value_set(a, labels, DAEMON_GENERATION, value_copy(a, generation));
	if (*hash)
		value_set_str(a, labels, REVISION_HASH, hash);
	value_set(a, spec, "tolerations", daemon_tolerations(a, spec));
	pin(a, spec, node);
	return arena_failed(a) ? NULL : root;
}
