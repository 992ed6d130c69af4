/* SPDX-License-Identifier: Apache-2.0 */
#include "net/link.h"

#include <arpa/inet.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

/* IF_OPER_UP of linux/if.h, which cannot be included beside net/if.h. */
#define OPER_UP 6

static void copy_str(char *to, size_t size, const struct nlattr *attr)
{
	if (mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
		(void)snprintf(to, size, "%s", mnl_attr_get_str(attr));
}

static uint32_t get_u32(const struct nlattr *attr)
{
	return mnl_attr_validate(attr, MNL_TYPE_U32) >= 0 ? mnl_attr_get_u32(attr) : 0;
}

static void read_info(const struct nlattr *info, struct link *link)
{
	const struct nlattr *attr, *inner;
	bool port = false;

	mnl_attr_for_each_nested(attr, info) {
		if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
			copy_str(link->kind, sizeof(link->kind), attr);
		else if (mnl_attr_get_type(attr) == IFLA_INFO_SLAVE_KIND)
			port = mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0 &&
			       strcmp(mnl_attr_get_str(attr), "bridge") == 0;
		else if (mnl_attr_get_type(attr) == IFLA_INFO_SLAVE_DATA && port)
			mnl_attr_for_each_nested(inner, attr)
				if (mnl_attr_get_type(inner) == IFLA_BRPORT_STATE &&
				    mnl_attr_validate(inner, MNL_TYPE_U8) >= 0)
					link->port_state = mnl_attr_get_u8(inner);
	}
}

int link_read(const struct nlmsghdr *msg, struct link *ret_link)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(msg);
	struct link link = { .port_state = -1 };
	const struct nlattr *attr;

	if (msg->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(msg) < sizeof(*info) || info->ifi_index <= 0)
		return -EBADMSG;
	link.index = (uint32_t)info->ifi_index;
	link.up = (info->ifi_flags & IFF_UP) != 0;
	mnl_attr_for_each(attr, msg, sizeof(*info)) {
		switch (mnl_attr_get_type(attr)) {
		case IFLA_IFNAME:
			copy_str(link.name, sizeof(link.name), attr);
			break;
		case IFLA_IFALIAS:
			copy_str(link.alias, sizeof(link.alias), attr);
			break;
		case IFLA_MTU:
			link.mtu = get_u32(attr);
			break;
		case IFLA_LINK:
			link.peer = get_u32(attr);
			break;
		case IFLA_MASTER:
			link.master = get_u32(attr);
			break;
		case IFLA_ADDRESS:
			if (mnl_attr_get_payload_len(attr) == sizeof(link.mac))
				memcpy(link.mac, mnl_attr_get_payload(attr), sizeof(link.mac));
			break;
		case IFLA_OPERSTATE:
			link.live = mnl_attr_validate(attr, MNL_TYPE_U8) >= 0 && mnl_attr_get_u8(attr) == OPER_UP;
			break;
		case IFLA_LINKINFO:
			read_info(attr, &link);
			break;
		default:
			break;
		}
	}
	*ret_link = link;
	return 0;
}

int link_read_route(const struct nlmsghdr *msg, struct cidr *ret_dst, uint32_t *ret_oif, uint32_t *ret_priority)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(msg);
	struct cidr dst = { 0, 0 };
	uint32_t oif = 0, priority = 0;
	const struct nlattr *attr;

	if (msg->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(msg) < sizeof(*rtm) ||
	    rtm->rtm_family != AF_INET || rtm->rtm_type != RTN_UNICAST || (rtm->rtm_flags & RTM_F_CLONED) ||
	    rtm->rtm_dst_len > 32)
		return -ENOENT;
	dst.prefix = rtm->rtm_dst_len;
	mnl_attr_for_each(attr, msg, sizeof(*rtm)) {
		if (mnl_attr_get_type(attr) == RTA_DST)
			dst.net = ntohl(get_u32(attr));
		else if (mnl_attr_get_type(attr) == RTA_OIF)
			oif = get_u32(attr);
		else if (mnl_attr_get_type(attr) == RTA_PRIORITY)
			priority = get_u32(attr);
	}
	dst.net &= cidr_mask(dst);
	*ret_dst = dst;
	*ret_oif = oif;
	*ret_priority = priority;
	return 0;
}

void link_mac(uint32_t addr, uint8_t ret_mac[static 6])
{
	ret_mac[0] = 0x0a; /* locally administered, unicast */
	ret_mac[1] = 0x58;
	for (int i = 0; i < 4; i++)
		ret_mac[2 + i] = (uint8_t)(addr >> (24 - 8 * i));
}

uint32_t link_mac_addr(const uint8_t mac[static 6])
{
	uint32_t addr = 0;

	for (int i = 2; i < 6; i++)
		addr = addr << 8 | mac[i];
	return mac[0] == 0x0a && mac[1] == 0x58 ? addr : 0;
}

void link_put_bridge(struct rtnl_batch *b, const char *name, const uint8_t mac[static 6], uint32_t mtu)
{
	struct ifinfomsg *info;
	struct nlmsghdr *msg = rtnl_batch_add(b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(*info), &info);
	struct nlattr *linkinfo, *data;

	mnl_attr_put_strz(msg, IFLA_IFNAME, name);
	mnl_attr_put(msg, IFLA_ADDRESS, 6, mac);
	mnl_attr_put_u32(msg, IFLA_MTU, mtu);
	linkinfo = mnl_attr_nest_start(msg, IFLA_LINKINFO);
	mnl_attr_put_strz(msg, IFLA_INFO_KIND, "bridge");
	data = mnl_attr_nest_start(msg, IFLA_INFO_DATA);
	mnl_attr_put_u32(msg, IFLA_BR_STP_STATE, 0);
	mnl_attr_put_u32(msg, IFLA_BR_FORWARD_DELAY, 0);
	mnl_attr_put_u8(msg, IFLA_BR_MCAST_SNOOPING, 0);
	mnl_attr_nest_end(msg, data);
	mnl_attr_nest_end(msg, linkinfo);
}

void link_put_veth(struct rtnl_batch *b, const char *name, uint32_t bridge, const char *peer_name, int netns_fd,
		   const uint8_t peer_mac[static 6], uint32_t mtu)
{
	struct ifinfomsg *info;
	struct nlmsghdr *msg = rtnl_batch_add(b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(*info), &info);
	struct nlattr *linkinfo, *data, *peer;
	uint8_t mac[6];

	memcpy(mac, peer_mac, sizeof(mac));
	mac[0] ^= 0x04; /* still locally administered */
	mnl_attr_put_strz(msg, IFLA_IFNAME, name);
	mnl_attr_put(msg, IFLA_ADDRESS, sizeof(mac), mac);
	mnl_attr_put_u32(msg, IFLA_MTU, mtu);
	mnl_attr_put_u32(msg, IFLA_MASTER, bridge);
	/* A queue for each processor, the default, buys nothing on a veth without XDP and costs memory. */
	mnl_attr_put_u32(msg, IFLA_NUM_TX_QUEUES, 1);
	mnl_attr_put_u32(msg, IFLA_NUM_RX_QUEUES, 1);
	linkinfo = mnl_attr_nest_start(msg, IFLA_LINKINFO);
	mnl_attr_put_strz(msg, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(msg, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(msg, VETH_INFO_PEER);
	mnl_nlmsg_put_extra_header(msg, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(msg, IFLA_IFNAME, peer_name);
	mnl_attr_put(msg, IFLA_ADDRESS, 6, peer_mac);
	mnl_attr_put_u32(msg, IFLA_MTU, mtu);
	mnl_attr_put_u32(msg, IFLA_NUM_TX_QUEUES, 1);
	mnl_attr_put_u32(msg, IFLA_NUM_RX_QUEUES, 1);
	mnl_attr_put_u32(msg, IFLA_NET_NS_FD, (uint32_t)netns_fd);
	mnl_attr_nest_end(msg, peer);
	mnl_attr_nest_end(msg, data);
	mnl_attr_nest_end(msg, linkinfo);
}

void link_put_change(struct rtnl_batch *b, const struct link_change *change)
{
	struct ifinfomsg *info;
	struct nlmsghdr *msg = rtnl_batch_add(b, RTM_NEWLINK, 0, sizeof(*info), &info);
	struct nlattr *outer, *inner;

	info->ifi_index = (int)change->index;
	if (change->up)
		info->ifi_flags = IFF_UP;
	if (change->up || change->down)
		info->ifi_change = IFF_UP;
	if (!change->index)
		mnl_attr_put_strz(msg, IFLA_IFNAME, change->name);
	if (change->alias)
		mnl_attr_put_strz(msg, IFLA_IFALIAS, change->alias);
	if (change->group)
		mnl_attr_put_u32(msg, IFLA_GROUP, change->group);
	if (change->hairpin) {
		outer = mnl_attr_nest_start(msg, IFLA_LINKINFO);
		mnl_attr_put_strz(msg, IFLA_INFO_SLAVE_KIND, "bridge");
		inner = mnl_attr_nest_start(msg, IFLA_INFO_SLAVE_DATA);
		mnl_attr_put_u8(msg, IFLA_BRPORT_MODE, 1);
		mnl_attr_nest_end(msg, inner);
		mnl_attr_nest_end(msg, outer);
	}
	if (change->no_ipv6_addr) {
		outer = mnl_attr_nest_start(msg, IFLA_AF_SPEC);
		inner = mnl_attr_nest_start(msg, AF_INET6);
		mnl_attr_put_u8(msg, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
		mnl_attr_nest_end(msg, inner);
		mnl_attr_nest_end(msg, outer);
	}
}

void link_put_get(struct rtnl_batch *b, uint32_t index, const char *name)
{
	struct ifinfomsg *info;
	struct nlmsghdr *msg = rtnl_batch_add(b, RTM_GETLINK, 0, sizeof(*info), &info);

	info->ifi_index = (int)index;
	if (!index)
		mnl_attr_put_strz(msg, IFLA_IFNAME, name);
	mnl_attr_put_u32(msg, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
}

void link_put_delete(struct rtnl_batch *b, uint32_t index, uint32_t group)
{
	struct ifinfomsg *info;
	struct nlmsghdr *msg = rtnl_batch_add(b, RTM_DELLINK, 0, sizeof(*info), &info);

	info->ifi_index = (int)index;
	if (!index)
		mnl_attr_put_u32(msg, IFLA_GROUP, group);
}

void link_put_addr(struct rtnl_batch *b, uint32_t index, uint32_t addr, uint8_t prefix)
{
	struct cidr net = { 0, prefix };
	struct ifaddrmsg *ifa;
	struct nlmsghdr *msg = rtnl_batch_add(b, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, sizeof(*ifa), &ifa);

	ifa->ifa_family = AF_INET;
	ifa->ifa_prefixlen = prefix;
	ifa->ifa_index = index;
	net.net = addr & cidr_mask(net);
	mnl_attr_put_u32(msg, IFA_LOCAL, htonl(addr));
	mnl_attr_put_u32(msg, IFA_ADDRESS, htonl(addr));
	mnl_attr_put_u32(msg, IFA_BROADCAST, htonl(cidr_last(net)));
}

void link_put_default_route(struct rtnl_batch *b, uint32_t index, uint32_t gateway)
{
	struct rtmsg *rtm;
	struct nlmsghdr *msg = rtnl_batch_add(b, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, sizeof(*rtm), &rtm);

	rtm->rtm_family = AF_INET;
	rtm->rtm_table = RT_TABLE_MAIN;
	rtm->rtm_protocol = RTPROT_BOOT;
	rtm->rtm_scope = RT_SCOPE_UNIVERSE;
	rtm->rtm_type = RTN_UNICAST;
	mnl_attr_put_u32(msg, RTA_GATEWAY, htonl(gateway));
	mnl_attr_put_u32(msg, RTA_OIF, index);
}
