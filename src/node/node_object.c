/* SPDX-License-Identifier: Apache-2.0 */
/* This machine as a Node: names, capacity, conditions, facts. */
#include <string.h>
#include <stdarg.h>
#include <sys/utsname.h>

#include "base/clock.h"
#include "base/log.h"
#include "node/agent_internal.h"
#include "node/figures.h"
#include "value/quantity.h"

enum {
	PODS_MAX = 110, /* kubelet's default maxPods */
	IMAGES_MAX = 50, /* K8S:pkg/kubelet/apis/config/v1beta1/defaults.go: NodeStatusMaxImages */
	IMAGE_NAMES_MAX = 5, /* K8S:pkg/kubelet/nodestatus/setters.go: MaxNamesPerImageInNodeStatus */
	TEXT_MAX_BYTES = 256,
};

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
	return figures_allocatable(agent->evict.capacity, agent->evict.reserved, &agent->evict.policy);
}

static void set_quantity(struct arena *a, struct value *map, const char *key, struct quantity q)
{
	char text[QUANTITY_TEXT_MAX];

	quantity_format(&q, text);
	value_set_str(a, map, key, text);
}

struct huge_pages {
	struct arena *arena;
	struct value *map;
};

/* "hugepages-2Mi": all of them are for pods. */
static void set_huge_page(void *arg, int64_t page_size, int64_t total)
{
	struct quantity size = quantity_from_int(page_size, QUANTITY_BINARY);
	char text[QUANTITY_TEXT_MAX];
	struct huge_pages *h = arg;

	quantity_format(&size, text);
	set_quantity(h->arena, h->map, arena_printf(h->arena, "hugepages-%s", text), quantity_from_int(total, QUANTITY_BINARY));
}

static void set_amounts(struct arena *a, struct value *map, struct pod_resources r)
{
	struct huge_pages h = { a, map };

	set_quantity(a, map, "cpu", quantity_from_milli(r.milli_cpu, QUANTITY_DECIMAL));
	set_quantity(a, map, "memory", quantity_from_int(r.memory, QUANTITY_BINARY));
	set_quantity(a, map, "ephemeral-storage", quantity_from_int(r.ephemeral_storage, QUANTITY_BINARY));
	figures_each_huge_page(set_huge_page, &h);
	set_quantity(a, map, "pods", quantity_from_int(PODS_MAX, QUANTITY_DECIMAL));
}

/* --- images --- */

static int by_size(const void *a, const void *b)
{
	const struct image *x = *(struct image *const *)a, *y = *(struct image *const *)b;

	return x->size < y->size ? 1 : x->size > y->size ? -1 : strcmp(x->digest, y->digest);
}

/* "docker.io/library/busybox" of "docker.io/library/busybox:1.36"; NULL for one that names a digest. */
static const char *repository(struct arena *a, const char *name)
{
	const char *slash = strrchr(name, '/'), *colon = strrchr(slash ? slash : name, ':');

	if (strchr(name, '@'))
		return NULL;
	return colon ? arena_printf(a, "%.*s", (int)(colon - name), name) : name;
}

static struct value *image_entry(struct arena *a, const struct image *image)
{
	const char *repo = image->names[0] ? repository(a, image->names[0]) : NULL;
	struct value *v = value_new_map(a), *names = value_set(a, v, "names", value_new_list(a));

	if (repo)
		value_append(a, names, value_new_strf(a, "%s@%s", repo, image->digest));
	for (size_t i = 0; image->names[i] && value_len(names) < IMAGE_NAMES_MAX; i++)
		value_append(a, names, value_new_str(a, image->names[i]));
	value_set_int(a, v, "sizeBytes", image->size);
	return v;
}

static void set_images(struct arena *a, struct value *status, struct agent *agent)
{
	struct value *list = value_set(a, status, "images", value_new_list(a));
	struct image **all = NULL;
	size_t n = 0;

	if (image_list(agent->images, &all, &n) < 0)
		return; /* ignoring: out of memory */
	if (n)
		qsort(all, n, sizeof(struct image *), by_size);
	for (size_t i = 0; i < n && i < IMAGES_MAX; i++)
		value_append(a, list, image_entry(a, all[i]));
	image_list_free(all);
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

/* --- conditions, and the taints that go with them --- */

static void set_condition(struct arena *a, struct value *status, const char *type, bool holds, const char *reason,
			  const char *message, int64_t now)
{
	struct value *list = value_set_list(a, status, "conditions"), *c = value_find(list, "type", type);
	const char *value = holds ? "True" : "False";
	char time[CLOCK_RFC3339_SIZE];

	if (c && !strcmp(value_str_or(value_get(c, "status"), ""), value))
		return;
	if (!c)
		c = value_append(a, list, value_new_map(a));
	value_set_str(a, c, "type", type);
	value_set_str(a, c, "status", value);
	value_set_str(a, c, "lastTransitionTime", clock_format_rfc3339(now, time));
	value_set_str(a, c, "reason", reason);
	value_set_str(a, c, "message", message);
}

/* K8S:pkg/kubelet/nodestatus/setters.go. */
static void set_conditions(struct arena *a, struct value *status, const struct agent *agent, int64_t now)
{
	static const struct {
		const char *reason, *message;
	} TEXTS[EVICTION_CONDITIONS][2] = {
		[EVICTION_MEMORY_PRESSURE] = { { "KubeletHasSufficientMemory", "kubelet has sufficient memory available" },
					       { "KubeletHasInsufficientMemory", "kubelet has insufficient memory available" } },
		[EVICTION_DISK_PRESSURE] = { { "KubeletHasNoDiskPressure", "kubelet has no disk pressure" },
					     { "KubeletHasDiskPressure", "kubelet has disk pressure" } },
		[EVICTION_PID_PRESSURE] = { { "KubeletHasSufficientPID", "kubelet has sufficient PID available" },
					    { "KubeletHasInsufficientPID", "kubelet has insufficient PID available" } },
	};
	const bool *holds = agent->evict.state.holds;

	for (int c = 0; c < EVICTION_CONDITIONS; c++)
		set_condition(a, status, eviction_condition_type((enum eviction_condition)c), holds[c],
			      TEXTS[c][holds[c]].reason, TEXTS[c][holds[c]].message, now);
	set_condition(a, status, "Ready", true, "KubeletReady", "the node agent is ready", now);
}

static size_t find_taint(const struct value *taints, const char *key)
{
	size_t i = 0;

	while (i < value_len(taints) && (strcmp(value_str_or(value_get(value_at(taints, i), "key"), ""), key) != 0 ||
					 strcmp(value_str_or(value_get(value_at(taints, i), "effect"), ""), "NoSchedule") != 0))
		i++;
	return i;
}

/* What Kubernetes' node lifecycle controller does: K8S:pkg/controller/nodelifecycle, doNoScheduleTaintingPass. */
static void set_taints(struct arena *a, struct value *root, const struct agent *agent)
{
	struct value *spec = value_set_map(a, root, "spec"), *taints = value_get(spec, "taints"), *t;

	for (int c = 0; c < EVICTION_CONDITIONS; c++) {
		const char *key = eviction_taint((enum eviction_condition)c);
		size_t at = find_taint(taints, key);

		if (at < value_len(taints) && !agent->evict.state.holds[c])
			value_remove_at(taints, at);
		if (at < value_len(taints) || !agent->evict.state.holds[c])
			continue;
		taints = value_set_list(a, spec, "taints");
		t = value_append(a, taints, value_new_map(a));
		value_set_str(a, t, "key", key);
		value_set_str(a, t, "effect", "NoSchedule");
	}
	if (taints && !value_len(taints))
		value_remove(spec, "taints");
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
	set_amounts(a, value_set_map(a, status, "capacity"), agent->evict.capacity);
	set_amounts(a, value_set_map(a, status, "allocatable"), node_object_allocatable(agent));
	set_conditions(a, status, agent, registry_now(agent->registry));
	set_taints(a, root, agent);
	set_images(a, status, agent);
	addresses = value_set(a, status, "addresses", value_new_list(a));
	if (*agent->host_ip)
		set_address(a, addresses, "InternalIP", agent->host_ip);
	set_address(a, addresses, "Hostname", agent->node_name);
	set_facts(a, value_set_map(a, status, "nodeInfo"), &u);
	if (figures_swap() > 0)
		value_set_int(a, value_set_map(a, value_get(status, "nodeInfo"), "swap"), "capacity", figures_swap());
	return arena_failed(a) ? -ENOMEM : 0;
}

static struct object *own_node(struct agent *agent)
{
	return cache_get(registry_cache(agent->registry), schema_kind_by_plural("nodes"), NULL, agent->node_name);
}

/* Puts a new Node into a transaction. */
static int add(struct agent *agent, struct txn *t)
{
	struct arena *a = txn_arena(t);
	struct value *root = value_new_map(a);
	int r;

	value_set_str(a, root, "apiVersion", "v1");
	value_set_str(a, root, "kind", "Node");
	value_set_str(a, value_set_map(a, root, "metadata"), "name", agent->node_name);
	value_set_map(a, root, "spec");
	r = describe(agent, a, root, NULL);
	return r < 0 ? r : txn_create(t, root, 0, NULL, NULL);
}

static int create(struct agent *agent)
{
	_cleanup_txn_ struct txn *t = txn_new(agent->registry, &agent->writer);
	int r = t ? add(agent, t) : -ENOMEM;

	return r < 0 ? r : txn_commit(t, 0, NULL);
}

/* K8S:pkg/kubelet/nodestatus/setters.go, MachineInfo. */
static void tell_reboot(struct agent *agent)
{
	_cleanup_object_ struct object *node = own_node(agent);
	_cleanup_arena_ struct arena *a = arena_new(0);
	const char *before = value_str_or(object_path(node, "status", "nodeInfo", "bootID"), "");
	const char *now = a ? read_line(a, "/proc/sys/kernel/random/boot_id") : "";

	if (*before && *now && strcmp(before, now) != 0)
		node_object_event(agent, EVENT_WARNING, "Rebooted", "Node %s has been rebooted, boot id: %s", agent->node_name, now);
}

int node_object_write(struct agent *agent, struct error *err)
{
	int r;

	tell_reboot(agent);
	r = registry_modify(agent->registry, &agent->writer, schema_kind_by_plural("nodes"), NULL, agent->node_name,
				NULL, TXN_BOTH, 0, describe, agent);

	if (r == -ENOENT)
		r = create(agent);
	return r < 0 ? error_errno(err, r, "node %s", agent->node_name) : 0;
}

/* --- while the agent runs --- */

static int update(struct agent *agent, struct txn *t, const struct object *old)
{
	struct value *root = value_copy(txn_arena(t), object_root(old));
	int r = root ? describe(agent, txn_arena(t), root, old) : -ENOMEM;

	return r < 0 ? r : txn_update(t, old, root, TXN_BOTH, NULL);
}

/* 1: on its way; 0: the store shows it already; negative errno. old NULL: somebody has removed it. */
static int submit(struct agent *agent, const struct object *old)
{
	_cleanup_txn_ struct txn *t = txn_new(agent->registry, &agent->writer);
	int r = !t ? -ENOMEM : old ? update(agent, t, old) : add(agent, t);

	if (r < 0 || txn_empty(t))
		return r;
	r = agent_submit(agent, t, old ? STORE_LAZY : 0, INBOX_NODE, "");
	return r < 0 ? r : 1;
}

void node_object_refresh(struct agent *agent)
{
	_cleanup_object_ struct object *old = NULL;
	int r;

	agent->node_due = agent->node_writing;
	if (agent->node_writing)
		return;
	old = own_node(agent);
	r = submit(agent, old);
	agent->node_writing = r > 0;
	agent->node_due = r < 0;
	if (r < 0)
		log_warning("node %s: %s, tried again later", agent->node_name, strerrordesc_np(-r));
}

void node_object_written(struct agent *agent, int result)
{
	bool raced = result == -ESTALE || result == -EEXIST, again = agent->node_due || raced;

	agent->node_writing = false;
	agent->node_due = result < 0;
	if (result < 0 && !raced)
		log_warning("node %s: %s, tried again later", agent->node_name, strerrordesc_np(-result));
	else if (again)
		node_object_refresh(agent);
}

void node_object_event(struct agent *agent, enum event_type type, const char *reason, const char *fmt, ...)
{
	_cleanup_object_ struct object *node = own_node(agent);
	va_list ap;

	va_start(ap, fmt);
	if (node)
		event_record_args(agent->registry, "node", node, type, reason, fmt, ap);
	va_end(ap);
}
