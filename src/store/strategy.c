/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "schema/resources.h"
#include "store/persistent.h"
#include "store/registry-internal.h"

enum {
	DEFAULT_GRACE_SECONDS = 30, /* Kubernetes' DefaultTerminationGracePeriodSeconds */
	GRACE_SECONDS_MAX = 1000000000,
};

static void prepare_pod(struct arena *a, struct value *root)
{
	struct value *status = value_new_map(a);

	value_set_str(a, status, "phase", "Pending");
	value_set_str(a, status, "qosClass", pod_qos_class(value_get(root, "spec")));
	value_set(a, root, "status", status);
}

static void prepare_namespace(struct arena *a, struct value *root)
{
	struct value *finalizers = value_set_list(a, value_set_map(a, root, "spec"), "finalizers");
	struct value *status = value_new_map(a);
	bool found = false;

	for (size_t i = 0; i < value_len(finalizers) && !found; i++)
		found = !strcmp(value_str_or(value_at(finalizers, i), ""), "kubernetes");
	if (!found)
		value_append(a, finalizers, value_new_str(a, "kubernetes"));
	value_set(a, root, "status", status);
	value_set_str(a, status, "phase", "Active");
}

/* The status of a workload is its controller's alone, from the start. */
static void prepare_workload(struct arena *a, struct value *root)
{
	(void)a;
	value_remove(root, "status");
}

static void add_finalizer(struct arena *a, struct value *root, const char *name)
{
	struct value *list = value_set_list(a, value_set_map(a, root, "metadata"), "finalizers");

	for (size_t i = 0; i < value_len(list); i++)
		if (!strcmp(value_str_or(value_at(list, i), ""), name))
			return;
	value_append(a, list, value_new_str(a, name));
}

/* A claim stays while pods use it, a volume while a claim does: K8S:plugin/pkg/admission/storage/storageobjectinuseprotection. */
static void prepare_claim(struct arena *a, struct value *root)
{
	add_finalizer(a, root, PV_CLAIM_PROTECTION);
}

static void prepare_volume(struct arena *a, struct value *root)
{
	add_finalizer(a, root, PV_PROTECTION);
}

/* One row a kind that adds something of its own. */
static const struct {
	const char *plural;
	void (*prepare)(struct arena *a, struct value *root);
} strategies[] = {
	{ "cronjobs", prepare_workload },
	{ "daemonsets", prepare_workload },
	{ "deployments", prepare_workload },
	{ "jobs", prepare_workload },
	{ "namespaces", prepare_namespace },
	{ "persistentvolumeclaims", prepare_claim },
	{ "persistentvolumes", prepare_volume },
	{ "poddisruptionbudgets", prepare_workload },
	{ "pods", prepare_pod },
	{ "replicasets", prepare_workload },
	{ "replicationcontrollers", prepare_workload },
};

void strategy_prepare_create(const struct schema_kind *kind, struct arena *a, struct value *root)
{
	for (size_t i = 0; i < ARRAY_SIZE(strategies); i++)
		if (!strcmp(strategies[i].plural, kind->plural))
			strategies[i].prepare(a, root);
}

void strategy_prepare_update(struct arena *a, const struct object *old, struct value *root)
{
	const struct value *finalizers = object_path(old, "spec", "finalizers");

	if (strcmp(object_kind(old)->plural, "namespaces") != 0)
		return;
	if (finalizers)
		value_set(a, value_set_map(a, root, "spec"), "finalizers", value_copy(a, finalizers));
	else
		value_remove(value_get(root, "spec"), "finalizers");
}

int64_t strategy_delete_grace(const struct object *o, int64_t asked)
{
	const char *phase = value_str_or(object_path(o, "status", "phase"), "");
	int64_t grace = asked;

	if (strcmp(object_kind(o)->plural, "pods") != 0)
		return 0;
	/* A deletion under way only changes when somebody asks for less: K8S:apiserver/pkg/registry/rest, BeforeDelete. */
	if (object_is_deleting(o))
		return grace >= 0 ? grace : value_int(object_path(o, "metadata", "deletionGracePeriodSeconds"), 0);
	/* A pod that is on no node, or whose containers are all done, has nobody to wait for: K8S:pkg/registry/core/pod,
	 * podStrategy.CheckGracefulDelete. */
	if (!value_len(object_path(o, "spec", "nodeName")) || !strcmp(phase, "Succeeded") || !strcmp(phase, "Failed"))
		return 0;
	if (grace < 0)
		grace = value_int(object_path(o, "spec", "terminationGracePeriodSeconds"), DEFAULT_GRACE_SECONDS);
	/* A negative period in the spec means one second, as there; one of more than 31 years would leave the range of times. */
	return grace < 0 ? 1 : grace > GRACE_SECONDS_MAX ? GRACE_SECONDS_MAX : grace;
}

bool strategy_has_spec_finalizers(const struct value *root)
{
	const struct value *spec = value_get(root, "spec");

	return !strcmp(value_str_or(value_get(root, "kind"), ""), "Namespace") && value_len(value_get(spec, "finalizers"));
}
