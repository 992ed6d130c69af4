/* SPDX-License-Identifier: Apache-2.0 */
#include "node/service_env.h"

#include <errno.h>
#include <string.h>

static const char master[] = "kubernetes";

struct list {
	struct arena *a;
	const char **items;
	size_t n, max;
	bool failed;
};

static void add(struct list *l, const char *item)
{
	if (!item) {
		l->failed = true;
		return;
	}
	if (l->n == l->max) {
		size_t bigger = l->max ? l->max * 2 : 16;
		const char **items = arena_alloc(l->a, bigger * sizeof(*items));

		if (!items) {
			l->failed = true;
			return;
		}
		if (l->n)
			memcpy(items, l->items, l->n * sizeof(*items));
		l->items = items;
		l->max = bigger;
	}
	l->items[l->n++] = item;
}

/* A name as a variable's: capitals, and "_" for "-". */
static char *variable(struct arena *a, const char *name)
{
	char *v = arena_strdup(a, name);

	for (char *p = v; p && *p; p++)
		*p = *p == '-' ? '_' : *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p;
	return v ? v : (char *)(uintptr_t)""; /* the arena has failed, and so will what is made of it */
}

/* Its address; NULL where it has none of its own. */
static const char *cluster_ip(const struct object *service)
{
	const char *ip = value_str_or(object_path(service, "spec", "clusterIP"), "");

	return *ip && strcmp(ip, "None") != 0 ? ip : NULL;
}

/* Docker's links of one port. */
static void add_links(struct list *l, const char *prefix, const char *ip, const struct value *port, bool first)
{
	static const char lower[][5] = { "tcp", "udp", "sctp" }, upper[][5] = { "TCP", "UDP", "SCTP" };
	const char *protocol = value_str_or(value_get(port, "protocol"), "TCP"), *open = strchr(ip, ':') ? "[" : "";
	long long n = value_int(value_get(port, "port"), 0);
	const char *close = *open ? "]" : "";
	size_t k = 0;

	while (k + 1 < ARRAY_SIZE(upper) && strcmp(upper[k], protocol) != 0)
		k++;
	if (first)
		add(l, arena_printf(l->a, "%s_PORT=%s://%s%s%s:%lld", prefix, lower[k], open, ip, close, n));
	add(l, arena_printf(l->a, "%s_PORT_%lld_%s=%s://%s%s%s:%lld", prefix, n, upper[k], lower[k], open, ip, close, n));
	add(l, arena_printf(l->a, "%s_PORT_%lld_%s_PROTO=%s", prefix, n, upper[k], lower[k]));
	add(l, arena_printf(l->a, "%s_PORT_%lld_%s_PORT=%lld", prefix, n, upper[k], n));
	add(l, arena_printf(l->a, "%s_PORT_%lld_%s_ADDR=%s", prefix, n, upper[k], ip));
}

static void add_service(struct list *l, const struct object *service)
{
	const struct value *ports = object_path(service, "spec", "ports");
	const char *ip = cluster_ip(service), *prefix;

	if (!ip || !value_len(ports))
		return;
	prefix = variable(l->a, object_name(service));
	add(l, arena_printf(l->a, "%s_SERVICE_HOST=%s", prefix, ip));
	add(l, arena_printf(l->a, "%s_SERVICE_PORT=%lld", prefix, (long long)value_int(value_get(value_at(ports, 0), "port"), 0)));
	for (size_t i = 0; i < value_len(ports); i++) {
		const char *name = value_str_or(value_get(value_at(ports, i), "name"), "");

		if (*name)
			add(l, arena_printf(l->a, "%s_SERVICE_PORT_%s=%lld", prefix, variable(l->a, name),
					    (long long)value_int(value_get(value_at(ports, i), "port"), 0)));
	}
	for (size_t i = 0; i < value_len(ports); i++)
		add_links(l, prefix, ip, value_at(ports, i), i == 0);
}

int service_env(struct arena *a, const struct sources *s, const char *const **ret, size_t *ret_n)
{
	bool links = value_bool(object_path(s->pod, "spec", "enableServiceLinks"), true), has_master = false;
	_cleanup_object_list_ struct object_list all = OBJECT_LIST_INIT;
	_cleanup_object_ struct object *cluster = NULL;
	struct list l = { .a = a };
	int r = links && s->list ? s->list(s->arg, "services", object_namespace(s->pod), &all) : 0;

	for (size_t i = 0; i < all.n && r == 0; i++)
		has_master |= !strcmp(object_name(all.items[i]), master) && cluster_ip(all.items[i]);
	/* the pod's own namespace goes first: K8S:pkg/kubelet, getServiceEnvVarMap */
	cluster = has_master || !s->find || r < 0 ? NULL : s->find(s->arg, "services", "default", master);
	if (cluster)
		add_service(&l, cluster);
	for (size_t i = 0; i < all.n && r == 0; i++)
		add_service(&l, all.items[i]);
	if (r < 0 || l.failed || arena_failed(a))
		return r < 0 ? r : -ENOMEM;
	*ret = l.items;
	*ret_n = l.n;
	return 0;
}
