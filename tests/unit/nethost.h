/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the pod network share: namespaces, connections, and checks that nothing is left. A failure of any
 * of these fails the test. */
#ifndef PODFS_TESTS_NETHOST_H
#define PODFS_TESTS_NETHOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/internal.h"

extern char helper[4096]; /* podfs-nft of the build */

/* Whether tests can run: sets `helper`; false after a TAP line that says why not. */
bool can_run(void);
int ns_open(void);
/* A cmocka setup: the process moves to a new network namespace, which is the host of the test. */
int fresh_host(void **state);
/* A new network namespace; the caller's stays. */
int pod_ns(void);
int listen_in(int ns);
bool wait_for(int fd, short events);
/* Connects from `ns` to `addr`; 0 and the connected socket (ret_fd may be NULL), or a negative errno. */
int connect_from(int ns, uint32_t addr, int *ret_fd);
/* Accepts a connection and tells whom it came from. */
int accept_from(int listener, uint32_t *ret_addr);
struct net *open_net(struct net_config config);
void close_net(struct net *net, bool remove);
void attach(struct net *net, int ns, const char *key, uint32_t addr);
void detach(struct net *net, const char *key);
size_t count_links(void);
size_t count_ports(struct net *net);
/* Runs nft commands; gives what they print. */
char *nft(const char *commands);
int forwarding(void);
void assert_nothing_left(void);
void run_batch(struct rtnl_batch *b);
uint32_t index_of(const char *name);
/* A bridge that somebody else made, up, with an address. */
void foreign_bridge(const char *name, uint32_t addr, uint32_t mtu);
/* A namespace beyond the host, at 203.0.113.2, that knows nothing of pods; the host is 203.0.113.1. */
int outside(void);

#endif
