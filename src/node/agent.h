/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node agent: runs the pods that are bound to this node, one podfs-pod each, and tells what became of them.
 *
 * One thread owns all pods and waits in epoll: for changes of the store, for what podfs-pods say, for time. What may
 * take long (links, cgroups and files of pods that ended) is removed by a second thread. The agent dies with the
 * daemon and its pods do not: agent_start() takes up those that run.
 */
#ifndef PODFS_NODE_AGENT_H
#define PODFS_NODE_AGENT_H

#include <stdbool.h>

#include "node/eviction.h"
#include "node/image.h"
#include "node/image_gc.h"
#include "schema/resources.h"
#include "store/registry.h"

struct agent;

enum { AGENT_IP_SIZE = 16 };

/* The pod network, as the agent needs it. All members must be set; any thread may be the caller. */
struct agent_network {
	/* An address for a pod; the one it has if it has one. -EADDRNOTAVAIL when all are in use. */
	int (*allocate)(void *arg, const char *uid, char ret_ip[static AGENT_IP_SIZE], struct error *err);
	/* Wires up a pod's network namespace. */
	int (*attach)(void *arg, int netns_fd, const char *uid, const char *ip, struct error *err);
	/* Has the pod's host ports lead to it at that address; nothing for one that has none. Those of pods that are taken up
	 * again are told when the network is opened. */
	int (*publish)(void *arg, const struct object *pod, const char *ip, struct error *err);
	/* Whether a link with that name was there when the network was opened: of a pod that is taken up again. */
	bool (*is_attached)(void *arg, const char *uid);
	/* Takes away links, addresses and host ports of pods that are gone; those that have none are no error. */
	int (*release)(void *arg, const char *const *uids, size_t n, struct error *err);
};

struct agent_config {
	const char *node_name;
	const char *host_ip;	 /* "" when the host has no address */
	const char *state_dir;	 /* pods' files are below STATE/pods/UID */
	const char *run_dir;	 /* podfs-pods' sockets are below RUN/pods/UID */
	const char *log_dir;	 /* "/var/log/pods" */
	uint64_t log_max_size;	 /* bytes of a container's log at which it is rotated; 0: never */
	unsigned log_max_files;	 /* of one run that are kept, and how many runs */
	const char *cgroup_parent; /* "podfs" */
	int64_t pod_max_pids;	 /* processes and threads that a pod may have; 0: any number */
	const char *pod_program; /* podfs-pod; NULL: the installed one */
	const char *probe_program; /* podfs-probe; NULL: the installed one */
	struct image_store *images;
	struct image_gc_policy image_gc;
	struct eviction_policy eviction;
	struct pod_resources reserved; /* of the machine, from pods */
	const struct agent_network *network;
	void *network_arg;
};

/* Registers the Node, takes up the pods that run, and starts. The strings are copied; registry, images and network must
 * outlive it. */
int agent_start(const struct agent_config *config, struct registry *r, struct agent **ret, struct error *err);

/* Images have come or gone: containers that wait for one are tried again. Any thread. */
void agent_images_changed(struct agent *agent);

/*
 * Ends every pod of the node with its own grace and waits until nothing is left of them; their objects stay, and start
 * anew with the next agent. For `podfs umount` and the host's shutdown.
 */
void agent_drain(struct agent *agent);

/* Ends the agent; the pods run on. NULL is fine. */
void agent_stop(struct agent *agent);

/* A program to be run beside a container's own. Strings are borrowed, descriptors until the first answer. */
struct agent_exec {
	uint64_t id; /* the caller's, unique */
	const char *namespace, *pod, *container; /* container "": the one that kubectl.kubernetes.io/default-container names,
						  * else the first */
	const char *const *args;
	size_t n_args; /* 0: no program; the streams are sockets, as sandbox_attach() has them */
	bool tty;     /* a terminal of its own, instead of stdio */
	bool copy;    /* the arguments are not a program's, but of the container's end of `podfs cp` (pod/copy.h) */
	bool input;   /* without a program: the container's input comes from stdio[0] */
	int stdio[3];
	int sizes;    /* with that: of its terminal */
};

struct agent_exec_reply {
	enum { AGENT_EXEC_STARTED, AGENT_EXEC_EXITED, AGENT_EXEC_FAILED } type;
	int code;	  /* the exit status (128 + signal), or a negative errno */
	int fd;		  /* AGENT_EXEC_STARTED: the terminal's master; who is told owns it; -1: there is none */
	const char *text; /* of a failure */
};

/* On the agent's thread. After one that is not AGENT_EXEC_STARTED nothing follows; agent_stop() may come first. */
typedef void (*agent_exec_fn)(void *arg, const struct agent_exec_reply *r);

/* Runs it. -ENOMEM, else 0 and answers by fn. The caller has seen to it that who asks may. Any thread. */
int agent_exec(struct agent *agent, const struct agent_exec *e, agent_exec_fn fn, void *arg);
/* Who asked has gone: what runs is killed. An answer still comes. Any thread. */
void agent_exec_hang_up(struct agent *agent, uint64_t id);

struct agent_container_facts {
	int64_t pid;
	int64_t cpu;	/* ns of CPU time of this run; -1: unknown */
	int64_t memory; /* bytes; -1: unknown */
};

/* About a running container. -ENOENT: it does not run. Reads two small files of the kernel's. Any thread. */
int agent_container_facts(struct agent *agent, const char *uid, const char *name, struct agent_container_facts *ret);
/* As above; the memory is the working set, without cached files that are not in use, for which one more file is read. */
int agent_container_usage(struct agent *agent, const char *uid, const char *name, struct agent_container_facts *ret);

/* How many pods it holds; for metrics. Any thread. */
size_t agent_pods(struct agent *agent);

#endif
