/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's end of podfs-probe, which is started when it is first needed and again when it has died. Belongs to the
 * agent's thread; nothing here blocks but the exec itself.
 */
#ifndef PODFS_NODE_PROBER_H
#define PODFS_NODE_PROBER_H

#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "probe/protocol.h"

struct prober;

/* program NULL: podfs-probe in PODFS_LIBEXECDIR, or $PODFS_PROBE. Starts nothing yet. NULL when memory is out. */
struct prober *prober_new(const char *program);
void prober_free(struct prober *p);

struct prober_check {
	uint64_t id;
	enum probe_method method;
	uint32_t timeout_ms; /* 0: it has all the time */
	uint32_t count, period_ms; /* a check that stands; see probe/protocol.h */
	uint16_t port;
	const char *host, *path;
	const char *const *headers; /* "Name: value" */
	size_t n_headers;
};

/* Sends a check. *ret_fd is the descriptor to be watched for its answer when it is not the one of before (podfs-probe was
 * started), else -1. -E2BIG for more than fits a message; -EAGAIN when podfs-probe does not keep up. */
int prober_send(struct prober *p, const struct prober_check *check, int *ret_fd, struct error *err);

/* Has a check that stands ended without an answer, unless that is under way. */
void prober_forget(struct prober *p, uint64_t id);

/* An answer that has come: 1 and the reply with its text; 0: none now; -EPIPE: podfs-probe has died, what was asked of it
 * is not answered, and its descriptor is closed. */
int prober_receive(struct prober *p, struct probe_reply *ret, char text[static PROBE_TEXT_MAX]);

#endif
