/* SPDX-License-Identifier: Apache-2.0 */
/* This machine as a Node: names, capacity, conditions, facts. */
#include <string.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>

#include "base/clock.h"
#include "node/agent_internal.h"

enum { PODS_MAX = 110 /* kubelet's default maxPods */, TEXT_MAX_BYTES = 256 };

/* The first line of a small file, without its newline; "" when it cannot be read. */
static const char *read_line(struct arena *a, const char *path)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	char text[TEXT_MAX_BYTES];

	if (!f || !fgets(text, sizeof(text), f))
		return "";
	text[strcspn(text, "\n")] = '\0';
	return arena_strdup(a, text);
}

/* PRETTY_NAME of os-release(5). */
static const char *os_image(struct arena *a)
{
	_cleanup_fclose_ FILE *f = fopen("/etc/os-release", "re");
	char line[TEXT_MAX_BYTES];

	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "PRETTY_NAME=", 12) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		if (line[12] != '"')
			return arena_strdup(a, line + 12);
		return arena_memdup(a, line + 13, strcspn(line + 13, "\""));
	}
	return "Linux";
}

/* Go's names of architectures, as Kubernetes uses them. */
static const char *architecture(const char *machine)
{
	static const struct {
		const char *machine, *arch;
	} names[] = { { "x86_64", "amd64" }, { "aarch64", "arm64" }, { "armv7l", "arm" }, { "riscv64", "riscv64" } };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(names[i].machine, machine))
			return names[i].arch;
	return machine;
}

struct pod_resources node_object_allocatable(struct agent *agent)
{
	struct pod_resources r = {
		.milli_cpu = sysconf(_SC_NPROCESSORS_ONLN) * 1000,
		.memory = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE),
	};
	struct statvfs fs;

	if (statvfs(agent->state_dir, &fs) == 0)
		r.ephemeral_storage = (int64_t)(fs.f_blocks * fs.f_frsize);
	return r;
}

static void set_amounts(struct arena *a, struct value *map, struct agent *agent)
{
	struct pod_resources r = node_object_allocatable(agent);

	value_set(a, map, "cpu", value_new_strf(a, "%lld", (long long)r.milli_cpu / 1000));
	value_set(a, map, "memory", value_new_strf(a, "%lldKi", (long long)r.memory / 1024));
	if (r.ephemeral_storage)
		value_set(a, map, "ephemeral-storage", value_new_strf(a, "%lldKi", (long long)r.ephemeral_storage / 1024));
	value_set(a, map, "pods", value_new_strf(a, "%d", PODS_MAX));
}

static void set_facts(struct arena *a, struct value *info, const struct utsname *u)
{
	value_set_str(a, info, "machineID", read_line(a, "/etc/machine-id"));
	value_set_str(a, info, "systemUUID", read_line(a, "/sys/class/dmi/id/product_uuid"));
	value_set_str(a, info, "bootID", read_line(a, "/proc/sys/kernel/random/boot_id"));
	value_set_str(a, info, "kernelVersion", u->release);
	value_set_str(a, info, "osImage", os_image(a));
	value_set_str(a, info, "containerRuntimeVersion", "podfs://" PACKAGE_VERSION);
	value_set_str(a, info, "kubeletVersion", PACKAGE_VERSION);
	value_set_str(a, info, "kubeProxyVersion", "");
	value_set_str(a, info, "operatingSystem", "linux");
	value_set_str(a, info, "architecture", architecture(u->machine));
}

static void set_address(struct arena *a, struct value *list, const char *type, const char *address)
{
	struct value *v = value_append(a, list, value_new_map(a));

	value_set_str(a, v, "address", address);
	value_set_str(a, v, "type", type);
}

static void set_ready(struct arena *a, struct value *status, int64_t now)
{
	struct value *list = value_set_list(a, status, "conditions"), *c = value_find(list, "type", "Ready");
	char time[CLOCK_RFC3339_SIZE];

	if (c && !strcmp(value_str_or(value_get(c, "status"), ""), "True"))
		return;
	if (!c)
		c = value_append(a, list, value_new_map(a));
	value_set_str(a, c, "type", "Ready");
	value_set_str(a, c, "status", "True");
	value_set_str(a, c, "lastTransitionTime", clock_format_rfc3339(now, time));
	value_set_str(a, c, "reason", "KubeletReady");
	value_set_str(a, c, "message", "the node agent is ready");
}

/* What this machine says of itself; the rest of the tree (taints, labels by hand) is left alone. */
static int describe(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	struct agent *agent = arg;
	struct value *labels = value_make_path(a, root, "metadata", "labels"), *status, *addresses;
	struct utsname u;

	if (uname(&u) < 0)
		return -errno;
	value_set_str(a, labels, "kubernetes.io/hostname", agent->node_name);
	value_set_str(a, labels, "kubernetes.io/os", "linux");
	value_set_str(a, labels, "kubernetes.io/arch", architecture(u.machine));
	status = value_set_map(a, root, "status");
	set_amounts(a, value_set_map(a, status, "capacity"), agent);
	set_amounts(a, value_set_map(a, status, "allocatable"), agent);
	set_ready(a, status, registry_now(agent->registry));
	addresses = value_set(a, status, "addresses", value_new_list(a));
	if (*agent->host_ip)
		set_address(a, addresses, "InternalIP", agent->host_ip);
	set_address(a, addresses, "Hostname", agent->node_name);
	set_facts(a, value_set_map(a, status, "nodeInfo"), &u);
	return arena_failed(a) ? -ENOMEM : 0;
}

static int create(struct agent *agent)
{
	_cleanup_txn_ struct txn *t = txn_new(agent->registry, &agent->writer);
	struct value *root;
	int r;

	if (!t)
		return -ENOMEM;
	root = value_new_map(txn_arena(t));
	value_set_str(txn_arena(t), root, "apiVersion", "v1");
	value_set_str(txn_arena(t), root, "kind", "Node");
	value_set_str(txn_arena(t), value_set_map(txn_arena(t), root, "metadata"), "name", agent->node_name);
	value_set_map(txn_arena(t), root, "spec");
	r = describe(agent, txn_arena(t), root, NULL);
	if (r == 0)
		r = txn_create(t, root, 0, NULL, NULL);
	return r < 0 ? r : txn_commit(t, 0, NULL);
}

int node_object_write(struct agent *agent, struct error *err)
{
	int r = registry_modify(agent->registry, &agent->writer, schema_kind_by_plural("nodes"), NULL, agent->node_name,
				NULL, TXN_BOTH, 0, describe, agent);

	if (r == -ENOENT)
		r = create(agent);
	return r < 0 ? error_errno(err, r, "node %s", agent->node_name) : 0;
}
