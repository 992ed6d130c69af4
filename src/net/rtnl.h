/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A route netlink socket that takes requests in batches: several messages in one sendmsg(2), each answered by its
 * own result. The kernel works them off in order and goes on after one that failed.
 *
 * Messages are built with libmnl's mnl_attr_put_*() in the batch's fixed buffer; every message that this floor
 * builds is smaller than RTNL_MESSAGE_MAX. A call needs 48 KiB of stack. Not thread-safe: a socket and a batch belong to one thread at a time.
 */
#ifndef PODFS_NET_RTNL_H
#define PODFS_NET_RTNL_H

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"

/* The alias of a link is the longest thing in a message: 256 bytes. */
#define RTNL_MESSAGE_MAX 512
#define RTNL_BATCH_MAX 16 /* messages in a batch */

struct rtnl {
	int fd;
	uint32_t seq;
};

#define RTNL_INIT ((struct rtnl){ -1, 0 })

/* Opens a socket in the calling thread's network namespace. */
int rtnl_open(struct rtnl *ret_rtnl);

/* Opens one in the namespace of `netns_fd`, by a short-lived thread that enters it: the caller's own namespace is
 * never left, so there is no way back that could fail. -EINVAL if the descriptor is no network namespace. */
int rtnl_open_in(int netns_fd, struct rtnl *ret_rtnl);

void rtnl_close(struct rtnl *rtnl);
#define _cleanup_rtnl_ _cleanup_(rtnl_close)

struct rtnl_batch {
	size_t n;
	size_t len;
	struct nlmsghdr *msg[RTNL_BATCH_MAX];
	_Alignas(NLMSG_ALIGNTO) char buf[RTNL_BATCH_MAX * RTNL_MESSAGE_MAX];
};

void rtnl_batch_init(struct rtnl_batch *b);

/* Begins a message with a family header of `size` zeroed bytes, to which *ret_header points. The caller appends its
 * attributes before the next one is begun. At most RTNL_BATCH_MAX messages. */
struct nlmsghdr *rtnl_batch_add(struct rtnl_batch *b, uint16_t type, uint16_t flags, size_t size, void *ret_header);

/* What came of a message: 0 or a negative errno, and the kernel's own words (extended ack), "" if it has none. */
struct rtnl_result {
	int code;
	char text[128];
};

/* Called for each message that answers a request with data. `i` is the request's place in the batch. A negative
 * errno ends a dump. */
typedef int rtnl_fn(void *data, size_t i, const struct nlmsghdr *msg);

/* Sends the batch and waits for all answers. 0 when all were answered, whatever the results say; a negative errno
 * when sending or receiving failed. `fn` may be NULL. */
int rtnl_run(struct rtnl *rtnl, struct rtnl_batch *b, struct rtnl_result results[static RTNL_BATCH_MAX], rtnl_fn *fn,
	     void *data);

/* As rtnl_run() for callers to whom the first failed message is the failure: returns its code. */
int rtnl_run_all(struct rtnl *rtnl, struct rtnl_batch *b, rtnl_fn *fn, void *data, struct error *err);

/* Runs one dump request (RTM_GET… with NLM_F_DUMP): `fn` gets each answer. Started again from the beginning when the
 * table changed meanwhile: `again`, which may be NULL, is called first. */
int rtnl_dump(struct rtnl *rtnl, uint16_t type, uint8_t family, rtnl_fn *fn, void (*again)(void *data), void *data);

/* Sets *err to "the errno's text (the kernel's words)" for a failed result, and returns its code. */
int rtnl_error(const struct rtnl_result *result, struct error *err);

#endif
