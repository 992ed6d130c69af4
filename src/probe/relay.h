/* SPDX-License-Identifier: Apache-2.0 */
/* podfs-probe's end of podfs-probe-curl, which is started when it is first needed and again when it has ended. Not
 * thread-safe. */
#ifndef PODFS_PROBE_RELAY_H
#define PODFS_PROBE_RELAY_H

#include <stddef.h>

#include "probe/protocol.h"

/* Finds the program, beside this one, while privileges are there to open it. */
void relay_init(void);
/* Ends it. */
void relay_stop(void);

/*
 * Passes on the request of `size` bytes as a single check of another id. *ret_fd is what is to be watched for answers when it
 * has been started, else -1. A negative errno: not sent.
 */
int relay_send(const void *message, size_t size, uint64_t id, int *ret_fd);

/* An answer that has come: 1 and the reply with its text; 0: none now; -EPIPE: it has ended, and its descriptor is closed. */
int relay_receive(struct probe_reply *ret, char text[static PROBE_TEXT_MAX]);

#endif
