/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pod's metrics: what its running containers have used, in the Prometheus text format and by the names that kubelet gives
 * them (/metrics/resource). Counters only: whoever wants a rate reads twice.
 */
#include <inttypes.h>

#include "fs/podfiles.h"

static bool get_usage(const struct fs_node *n, const char *container, struct fs_container_facts *ret)
{
	const struct fs_config *c = &n->fs->config;

	*ret = (struct fs_container_facts){ .cpu = -1, .memory = -1 };
	return c->node && c->node->usage && c->node->usage(c->node_arg, fs_obj_uid(n), container, ret) == 0;
}

static void write_name(struct buf *out, const struct object *pod, const char *container, const char *metric)
{
	/* names of Kubernetes have no characters that the format would want to be escaped */
	buf_printf(out, "%s{container=\"%s\",namespace=\"%s\",pod=\"%s\"} ", metric, container, object_namespace(pod),
		   object_name(pod));
}

static void write_container(const struct fs_node *n, const struct object *pod, const char *name, struct buf *cpu,
			    struct buf *memory)
{
	struct fs_container_facts f;

	if (!get_usage(n, name, &f))
		return;
	if (f.cpu >= 0) {
		write_name(cpu, pod, name, "container_cpu_usage_seconds_total");
		buf_printf(cpu, "%" PRId64 ".%09" PRId64 "\n", f.cpu / 1000000000, f.cpu % 1000000000);
	}
	if (f.memory >= 0) {
		write_name(memory, pod, name, "container_memory_working_set_bytes");
		buf_printf(memory, "%" PRId64 "\n", f.memory);
	}
}

static int render(struct fs_node *n, struct buf *out)
{
	static const char *const lists[] = { "initContainers", "containers", "ephemeralContainers" };
	_cleanup_object_ struct object *pod = fs_obj_get(n);
	_cleanup_buf_ struct buf cpu = BUF_INIT, memory = BUF_INIT;

	if (!pod)
		return -ENOENT;
	for (size_t k = 0; k < ARRAY_SIZE(lists); k++) {
		const struct value *list = object_path(pod, "spec", lists[k]);

		for (size_t i = 0; i < value_len(list); i++)
			write_container(n, pod, value_str_or(value_get(value_at(list, i), "name"), ""), &cpu, &memory);
	}
	buf_printf(out, "# HELP container_cpu_usage_seconds_total CPU time that a container has used in its run, in seconds.\n"
			"# TYPE container_cpu_usage_seconds_total counter\n%s"
			"# HELP container_memory_working_set_bytes Memory of a container without cached files that are not in use.\n"
			"# TYPE container_memory_working_set_bytes gauge\n%s", buf_str(&cpu), buf_str(&memory));
	return buf_failed(&cpu) || buf_failed(&memory) ? -ENOMEM : 0;
}

static int getattr(struct fs_node *n, struct fs_attr *a)
{
	_cleanup_object_ struct object *pod = fs_obj_get(n);

	return pod ? fs_attr_render(n, a, 0444, fs_live_changed(n->fs, pod)) : -ENOENT;
}

const struct fs_ops fs_podmetrics_ops = { .region = "podmetrics", .getattr = getattr, .render = render };
