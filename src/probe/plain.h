/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A check of an address over TCP or HTTP without TLS, which is what nearly all probes are: carried out by few system calls
 * and without an allocation, as often as it is wanted. What is more than that is libcurl's (check.h). Not thread-safe.
 */
#ifndef PODFS_PROBE_PLAIN_H
#define PODFS_PROBE_PLAIN_H

#include <stdbool.h>
#include <stddef.h>

#include "probe/protocol.h"

struct plain;

struct verdict {
	enum probe_outcome outcome;
	uint32_t flags; /* enum probe_reply_flags */
	char text[PROBE_TEXT_MAX];
};

enum plain_progress {
	PLAIN_GOES_ON,
	PLAIN_ENDED,	/* the verdict is given */
	PLAIN_TOO_MUCH, /* a redirection that takes more than this: the whole check is libcurl's */
};

/*
 * Reads a request of `size` bytes. `epoll`: where it is to be woken from, with data.ptr as given. 0, with *ret NULL for
 * what libcurl is for: names, TLS, gRPC and unusual paths. -EBADMSG or -EINVAL for what makes no sense, -ENOMEM.
 */
int plain_new(const void *message, size_t size, int epoll, void *ptr, struct plain **ret);
/* Ends the check that is under way. */
void plain_free(struct plain *p);

/* Begins a check; none may be under way. */
enum plain_progress plain_begin(struct plain *p, struct verdict *ret);
/* Goes on with it when epoll says so. */
enum plain_progress plain_go_on(struct plain *p, struct verdict *ret);
/* Its time is up. */
void plain_time_out(struct plain *p, struct verdict *ret);

#endif
