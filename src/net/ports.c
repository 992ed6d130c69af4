/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports of the host that lead to pods, as CNI's portmap plugin does it: what comes to an address of this host, from
 * elsewhere, from a pod or from the host itself, goes on to the pod. They have an nft table of their own, which is
 * replaced as a whole, in one transaction, whenever a port comes or goes; connections that stand are the kernel's.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "net/internal.h"
#include "net/nft.h"

struct net_published {
	char *key; /* owned */
	struct net_host_port port;
};

static void forget(struct net *net, const char *key)
{
	size_t kept = 0;

	for (size_t i = 0; i < net->n_ports; i++) {
		if (strcmp(net->ports[i].key, key) != 0) {
			net->ports[kept++] = net->ports[i];
			continue;
		}
		free(net->ports[i].key);
		net->ports_dirty = true;
	}
	net->n_ports = kept;
}

int net_publish(struct net *net, const char *key, const struct net_host_port *ports, size_t n)
{
	int r = 0;

	pthread_mutex_lock(&net->ports_lock);
	forget(net, key);
	for (size_t i = 0; i < n && r == 0; i++) {
		struct net_published *more = reallocarray(net->ports, net->n_ports + 1, sizeof(*more));

		if (more) {
			net->ports = more;
			more[net->n_ports] = (struct net_published){ strdup(key), ports[i] };
		}
		if (!more || !more[net->n_ports].key)
			r = -ENOMEM;
		else
			net->n_ports++;
		net->ports_dirty = true;
	}
	if (r < 0)
		forget(net, key);
	pthread_mutex_unlock(&net->ports_lock);
	return r;
}

static const char *protocol(uint8_t number)
{
	return number == IPPROTO_UDP ? "udp" : number == IPPROTO_SCTP ? "sctp" : "tcp";
}

static void put_port(struct buf *b, const struct net_host_port *p)
{
	char text[ADDR_TEXT_MAX];

	buf_puts(b, "\t\t");
	if (p->host)
		buf_printf(b, "ip daddr %s ", addr_text(p->host, text));
	buf_printf(b, "%s dport %u dnat to %s:%u\n", protocol(p->protocol), (unsigned)p->host_port, addr_text(p->addr, text),
		   (unsigned)p->port);
}

/*
 * What a pod sends to its own node's port comes to a neighbour, or back to itself, on the bridge: the answer must pass
 * here too, so it comes from the bridge. So must that to what the host sends from 127.0.0.1, which the kernel lets out to
 * the bridge with route_localnet only; the guard then keeps from the host's loopback what pods send there
 * (CVE-2020-8558).
 */
static void put_table(struct buf *b, const struct net *net)
{
	char cidr[CIDR_TEXT_MAX];

	nft_put_table_removal(b, net->ports_table);
	if (!net->n_ports)
		return;
	buf_printf(b, "table ip %s {\n\tchain ports {\n", net->ports_table);
	for (size_t i = 0; i < net->n_ports; i++)
		put_port(b, &net->ports[i].port);
	buf_printf(b,
		   "\t}\n"
		   "\tchain prerouting {\n"
		   "\t\ttype nat hook prerouting priority dstnat; policy accept;\n"
		   "\t\tfib daddr type local jump ports\n"
		   "\t}\n"
		   "\tchain output {\n"
		   "\t\ttype nat hook output priority -100; policy accept;\n"
		   "\t\tfib daddr type local jump ports\n"
		   "\t}\n"
		   "\tchain postrouting {\n"
		   "\t\ttype nat hook postrouting priority srcnat - 1; policy accept;\n"
		   "\t\toifname \"%s\" ct status dnat ip saddr { 127.0.0.0/8, %s } masquerade fully-random\n"
		   "\t}\n"
		   "\tchain guard {\n"
		   "\t\ttype filter hook prerouting priority raw; policy accept;\n"
		   "\t\tiifname \"%s\" ip daddr 127.0.0.0/8 drop\n"
		   "\t\tiifname \"%s\" ip saddr 127.0.0.0/8 drop\n"
		   "\t}\n"
		   "}\n",
		   net->bridge, cidr_text(net->cidr, cidr), net->bridge, net->bridge);
}

static int apply(struct net *net, struct error *err)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	int r;

	if (!net->ports_dirty || (!net->n_ports && !net->ports_installed)) {
		net->ports_dirty = false;
		return 0;
	}
	/* Without the guard, pods would reach what listens on the host's loopback: it comes before, and goes after. */
	r = net->n_ports ? 0 : net_route_localnet(net->bridge, false);
	if (r < 0)
		return error_errno(err, r, "turn off route_localnet of %s", net->bridge);
	put_table(&b, net);
	r = buf_failed(&b) ? error_errno(err, -ENOMEM, "nft rules") : nft_run(net->nft_helper, buf_str(&b), NULL, err);
	if (r < 0)
		return r;
	net->ports_dirty = false;
	net->ports_installed = net->n_ports > 0;
	/* Failing, it leaves the host's own way by 127.0.0.1 shut, no more. */
	if (net->ports_installed)
		(void)net_route_localnet(net->bridge, true);
	return 0;
}

int net_publish_apply(struct net *net, struct error *err)
{
	int r;

	pthread_mutex_lock(&net->ports_lock);
	r = apply(net, err);
	pthread_mutex_unlock(&net->ports_lock);
	return r < 0 ? NET_WRAP(r, err, "pod network: host ports") : 0;
}

void net_ports_found(struct net *net, const char *chains)
{
	char line[sizeof(net->ports_table) + 16];
	int r;

	(void)snprintf(line, sizeof(line), "table ip %s {", net->ports_table);
	net->ports_installed = net->ports_dirty = chains && strstr(chains, line);
	/* The bridge may be that of a daemon that was killed. */
	r = net->ports_installed ? 0 : net_route_localnet(net->bridge, false);
	if (r < 0)
		net_warn(net, "cannot turn off route_localnet of %s: %s; pods may reach what listens on this host's loopback",
			 net->bridge, strerrordesc_np(-r));
}

int net_ports_put_back(struct net *net, struct error *err)
{
	int r;

	pthread_mutex_lock(&net->ports_lock);
	net->ports_dirty = true;
	r = apply(net, err);
	if (r < 0)
		(void)net_route_localnet(net->bridge, false); /* ignoring: the first failure is told of */
	pthread_mutex_unlock(&net->ports_lock);
	return r;
}

void net_ports_clear(struct net *net)
{
	for (size_t i = 0; i < net->n_ports; i++)
		free(net->ports[i].key);
	free(net->ports);
	(void)pthread_mutex_destroy(&net->ports_lock);
}
