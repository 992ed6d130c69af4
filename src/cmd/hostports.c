/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/hostports.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

struct ports {
	struct net_host_port *items;
	size_t n;
};

static uint8_t protocol_of(const struct value *port)
{
	const char *name = value_str_or(value_get(port, "protocol"), "TCP");

	return !strcmp(name, "UDP") ? IPPROTO_UDP : !strcmp(name, "SCTP") ? IPPROTO_SCTP : IPPROTO_TCP;
}

static int add(struct ports *p, const struct value *port, uint32_t addr)
{
	const char *host_ip = value_str_or(value_get(port, "hostIP"), "");
	struct net_host_port *more, made = {
		.addr = addr,
		.host_port = (uint16_t)value_int(value_get(port, "hostPort"), 0),
		.port = (uint16_t)value_int(value_get(port, "containerPort"), 0),
		.protocol = protocol_of(port),
	};

	if (!made.host_port || !made.port || (*host_ip && addr_parse(host_ip, &made.host) < 0))
		return 0;
	more = reallocarray(p->items, p->n + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	p->items = more;
	more[p->n++] = made;
	return 0;
}

int hostports_read(const struct object *pod, uint32_t addr, struct net_host_port **ret, size_t *ret_n)
{
	const struct value *lists[] = { object_path(pod, "spec", "containers"), object_path(pod, "spec", "initContainers") };
	struct ports p = { 0 };
	int r = 0;

	if (value_bool(object_path(pod, "spec", "hostNetwork"), false))
		lists[0] = lists[1] = NULL;
	for (size_t l = 0; l < ARRAY_SIZE(lists); l++)
		for (size_t i = 0; i < value_len(lists[l]); i++) {
			const struct value *c = value_at(lists[l], i), *ports = value_get(c, "ports");

			if (l && strcmp(value_str_or(value_get(c, "restartPolicy"), ""), "Always") != 0)
				continue;
			for (size_t k = 0; k < value_len(ports) && r == 0; k++)
				r = add(&p, value_at(ports, k), addr);
		}
	if (r < 0) {
		free(p.items);
		return r;
	}
	*ret = p.items;
	*ret_n = p.n;
	return 0;
}
