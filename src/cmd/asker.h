/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One who asks over the daemon's socket (cmd/control.h), served on a thread of its own: only that waits when the asker has
 * put something into the way that cannot be closed.
 */
#ifndef PODFS_CMD_ASKER_H
#define PODFS_CMD_ASKER_H

#include <bsd/sys/queue.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "fs/session.h"
#include "node/agent.h"

enum { ASKER_TEXT_SIZE = 1024 };

/* What askers share; owned by who starts them. */
struct asker_host {
	struct fs *fs;
	struct agent *agent;
	pthread_mutex_t gate; /* around each call into fs and agent */
	bool stopping;	      /* by gate: no more of those */
	pthread_mutex_t lock; /* the rest, and what askers say of it */
	bool ended;	      /* by lock: the agent answers no more */
	uint64_t last_id;     /* by gate */
};

struct asker {
	TAILQ_ENTRY(asker) link; /* the host's */
	struct asker_host *host;
	void *owner;
	int fd;	  /* the connection */
	int wake; /* an eventfd: there is an answer, or no more will come */
	uid_t uid;
	bool refused; /* it is only closed */
	/* by host->lock */
	bool started, final;
	int master; /* of a terminal, owned; -1: none */
	int type, code;
	char text[ASKER_TEXT_SIZE];
};

/* Takes its request, if one comes, and answers it. Returns when all is done, and the connection is still open. */
void asker_serve(struct asker *a);
/* One answer of failure that never waits. */
void asker_refuse(int fd, int code, const char *text);

#endif
