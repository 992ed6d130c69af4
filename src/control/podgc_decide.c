/* SPDX-License-Identifier: Apache-2.0 */
#include "control/podgc_decide.h"

#include <stdlib.h>
#include <string.h>

#include "control/conditions.h"

static const char *status_str(const struct object *pod, const char *member)
{
	const char *s = object_str(pod, "status", member);

	return s ? s : "";
}

bool podgc_has_ended(const struct object *pod)
{
	const char *phase = status_str(pod, "phase");

	return strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0;
}

enum podgc_verdict podgc_judge(const struct object *pod, enum podgc_node node)
{
	switch (node) {
	case PODGC_NODE_NONE:
	case PODGC_NODE_OUT_OF_SERVICE:
		return object_is_deleting(pod) ? PODGC_DELETE : PODGC_KEEP;
	case PODGC_NODE_GONE:
		return PODGC_DELETE_ORPHAN;
	case PODGC_NODE_THERE:
		break;
	}
	return PODGC_KEEP;
}

enum podgc_node podgc_node_of(const struct object *node)
{
	const struct value *taints = object_path(node, "spec", "taints");
	bool off = value_find(taints, "key", "node.kubernetes.io/out-of-service") != NULL;

	return off && strcmp(condition_status(object_path(node, "status"), "Ready"), "True") != 0 ? PODGC_NODE_OUT_OF_SERVICE :
												    PODGC_NODE_THERE;
}

static bool is_evicted(const struct object *pod)
{
	return strcmp(status_str(pod, "phase"), "Failed") == 0 && strcmp(status_str(pod, "reason"), "Evicted") == 0;
}

/* Times are RFC 3339 in UTC with whole seconds, so that their text has their order. */
static const char *created(const struct object *pod)
{
	const char *s = object_str(pod, "metadata", "creationTimestamp");

	return s ? s : "";
}

static int compare(const void *pa, const void *pb)
{
	const struct object *a = *(struct object *const *)pa, *b = *(struct object *const *)pb;
	int r;

	if (is_evicted(a) != is_evicted(b))
		return is_evicted(a) ? -1 : 1;
	r = strcmp(created(a), created(b));
	if (r == 0)
		r = strcmp(object_name(a), object_name(b));
	return r ? r : strcmp(object_uid(a), object_uid(b));
}

size_t podgc_excess(struct object_list *ended, size_t max)
{
	if (ended->n <= max)
		return 0;
	qsort(ended->items, ended->n, sizeof(*ended->items), compare);
	return ended->n - max;
}
