/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The child of podfs-pod that becomes a container's first process, or a program run beside it.
 */
#ifndef PODFS_POD_CHILD_H
#define PODFS_POD_CHILD_H

#include <stdbool.h>
#include <stddef.h>

#include "pod/userns.h"

struct child {
	int report;         /* socket to the supervisor, close-on-exec */
	int spec;           /* memfd */
	const int *cgroups; /* directories to join */
	size_t n_cgroups;
	const int *sources; /* mount sources */
	size_t n_sources;
	int stdio[3]; /* -1: /dev/null; unused with tty */
	bool tty;
	bool cgroup_ns;
	bool cgroup_v2;
	const struct userns *users; /* of the pod */
	/* for a container */
	int podns;
	const char *dir;
	bool own_pid; /* its PID namespace is of its own: made by who starts it where the pod has no user namespace */
	int pids;     /* the PID namespace that it shares with others: the pod's, or by a pidfd its target's; -1: none */
	/* for a program beside it, or for a container in that one's PID namespace; else -1 */
	int target; /* pidfd of the container's first process */
};

/* Run in the process that clone made; they end in execve or _exit. */
_Noreturn void child_container(const struct child *c);
_Noreturn void child_exec(const struct child *c);

/* Closes all descriptors but these, none negative, which it sorts. */
void child_close_others(int *keep, size_t n);

/* Moves this process, which has one thread only, into the cgroups by their directories. 0 or negative errno. */
int child_join_cgroups(const int *dirs, size_t n);

/* The first process of a PID namespace that the pod's containers share: reaps orphans, and has nothing else. Writes
 * a byte to `ready` once that is so. */
_Noreturn void child_reaper(int podns, int ready);

/* The process that starts such a one in a user namespace, as a child of this one's parent. Writes its pid_t to `told` once
 * it has nothing left. */
_Noreturn void child_reaper_in(int userns, int podns, int told);

#endif
