/* SPDX-License-Identifier: Apache-2.0 */
#include "control/scheduler_ports.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int add_ports(const struct value *list, struct sched_port **ports, size_t *n)
{
	for (size_t i = 0; i < value_len(list); i++) {
		const struct value *p = value_at(list, i);
		const char *ip = value_str_or(value_get(p, "hostIP"), "");
		struct sched_port *more;

		if (value_int(value_get(p, "hostPort"), 0) <= 0)
			continue;
		more = reallocarray(*ports, *n + 1, sizeof(**ports));
		if (!more)
			return -ENOMEM;
		*ports = more;
		more[*n].port = value_int(value_get(p, "hostPort"), 0);
		(void)snprintf(more[*n].protocol, sizeof(more[*n].protocol), "%s",
			       value_str_or(value_get(p, "protocol"), "TCP"));
		(void)snprintf(more[*n].ip, sizeof(more[*n].ip), "%s", *ip ? ip : "0.0.0.0");
		(*n)++;
	}
	return 0;
}

int sched_ports_read(const struct object *pod, struct sched_port **ret, size_t *ret_n)
{
	const struct value *main = object_path(pod, "spec", "containers"), *init = object_path(pod, "spec", "initContainers");
	struct sched_port *ports = NULL;
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < value_len(main) && r == 0; i++)
		r = add_ports(value_get(value_at(main, i), "ports"), &ports, &n);
	for (size_t i = 0; i < value_len(init) && r == 0; i++)
		if (!strcmp(value_str_or(value_get(value_at(init, i), "restartPolicy"), ""), "Always"))
			r = add_ports(value_get(value_at(init, i), "ports"), &ports, &n);
	if (r < 0) {
		free(ports);
		return r;
	}
	*ret = ports;
	*ret_n = n;
	return 0;
}

/* The same port and protocol, and the same or any address. */
static bool clash(const struct sched_port *x, const struct sched_port *y)
{
	return x->port == y->port && !strcmp(x->protocol, y->protocol) &&
	       (!strcmp(x->ip, y->ip) || !strcmp(x->ip, "0.0.0.0") || !strcmp(y->ip, "0.0.0.0"));
}

static bool any_clash(const struct sched_port *ports, size_t n, const struct sched_pod_list *pods)
{
	const struct sched_pod *p;

	TAILQ_FOREACH(p, pods, in_node)
		for (size_t i = 0; !p->lifted && i < p->n_ports; i++)
			for (size_t k = 0; k < n; k++)
				if (clash(&p->ports[i], &ports[k]))
					return true;
	return false;
}

bool sched_ports_clash(const struct sched_port *ports, size_t n, const struct sched_node *node)
{
	return n && (any_clash(ports, n, &node->pods) || any_clash(ports, n, &node->nominated));
}
