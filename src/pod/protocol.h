/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What podfs-pod and its clients (the daemon; `podfs exec`) say to each other.
 *
 * One message is one SOCK_SEQPACKET datagram: a fixed struct of this header, in host byte order, with descriptors by
 * SCM_RIGHTS. Whatever has no fixed size (arguments, environment, mounts) travels as a *spec*: a sealed memfd of
 * records (src/pod/spec.h) that podfs-pod itself never reads; only the child that becomes the container does.
 *
 * Both ends may be of different ages, since podfs-pod outlives the daemon. The rules:
 *   - structs only grow at their end; a receiver zero-fills what a shorter (older) message lacks and ignores the rest
 *     of a longer (newer) one; what is shorter than the struct of version 1 is refused;
 *   - an unknown type is answered with POD_ERROR and -EOPNOTSUPP, never with silence or death;
 *   - version grows only when a message changes its meaning, which a receiver then refuses with -EPROTONOSUPPORT.
 *
 * Clients may connect to RUNDIR/pods/UID/sock at any time (root only). The one that spawned podfs-pod has a socket
 * pair at its descriptor 3 and sends POD_SETUP on it first. A client that wants events sends POD_SUBSCRIBE and gets
 * POD_READY, one POD_STATUS for each container that ever ran, POD_SYNCED, and events from then on. A client that does
 * not drain its socket is disconnected; nothing is lost by that, since POD_STATUS tells it all again.
 */
#ifndef PODFS_POD_PROTOCOL_H
#define PODFS_POD_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

enum {
	POD_PROTOCOL_VERSION = 1,
	POD_MESSAGE_MAX = 4096, /* bytes of one message */
	POD_FDS_MAX = 64,       /* descriptors with one message */
	POD_SPEC_MAX = 8 << 20, /* bytes of a spec; execve's own limit for arguments and environment is 6 MiB */
	POD_NAME_SIZE = 64,     /* a container's name is a DNS label */
	POD_PATH_SIZE = 1024,
	POD_TEXT_SIZE = 512,
	POD_CGROUPS_MAX = 16,     /* cgroup directories of one container: v1 has one a controller */
	POD_CONTAINERS_MAX = 128, /* containers of one pod, init containers included */
	POD_SOCKET_BYTES = 1 << 20, /* SO_SNDBUF of either end: hundreds of requests may be made at once */
	POD_SOCKET_FD = 3,        /* where podfs-pod finds its first client */
};

enum pod_message_type {
	/* client to podfs-pod */
	POD_SETUP = 1,     /* struct pod_setup; descriptors: spec, cgroup directories */
	POD_SUBSCRIBE = 2, /* struct pod_header */
	POD_START = 3,     /* struct pod_start; descriptors: spec, cgroup directories, mount sources */
	POD_EXEC = 4,      /* struct pod_start; descriptors: spec, cgroup directories, stdin/stdout/stderr unless a tty. Where one is a
			    * socket, the program has a pipe, and podfs-relay copies. It has ended when what it wrote is copied */
	POD_STOP = 5,      /* struct pod_stop */
	POD_ACK = 6,       /* struct pod_name: the exit of that run is recorded, do not tell it again */
	POD_REOPEN_LOG = 7, /* struct pod_name: the log file was rotated */
	/* 8 was POD_ATTACH as long as it gave away the container's input. It is refused: -EOPNOTSUPP */
	POD_SHUTDOWN = 9,  /* struct pod_header: kill what runs, remove socket and state, exit */
	POD_ATTACH = 10,   /* struct pod_name; descriptors: two stream sockets that its output and errors are copied to from
			    * now on; with two more, what comes from the first, a stream, is its input until that ends, and
			    * each struct winsize from the second, SOCK_SEQPACKET, is its terminal's new size. Answered by
			    * POD_ATTACHED, or by -ENOTCONN when it takes no input, -EAGAIN when too many are attached */
	/* podfs-pod to client */
	POD_READY = 64,        /* struct pod_ready; descriptor: the network namespace */
	POD_STARTED = 65,      /* struct pod_event from here on */
	POD_START_FAILED = 66, /* text says why; exit_code is what Kubernetes shows (128) */
	POD_EXITED = 67,
	POD_STATUS = 68, /* how a container stands, once for each after POD_SUBSCRIBE */
	POD_SYNCED = 69, /* all POD_STATUS were sent */
	POD_WARNING = 70,
	POD_EXEC_STARTED = 71, /* descriptor: the terminal's master, when one was asked for */
	POD_EXEC_EXITED = 72,
	POD_ATTACHED = 73,
	POD_DONE = 74,     /* the request with this id is carried out */
	POD_ERROR = 75,    /* the request with this id failed: code and text */
	POD_NETNS = 76,    /* struct pod_ready and descriptor as POD_READY, to the client of POD_SETUP alone, as soon as the
			    * network namespace is there: it can be wired up while the rest is made. POD_READY still comes */
};

struct pod_header {
	uint16_t version; /* POD_PROTOCOL_VERSION of the sender */
	uint16_t type;    /* enum pod_message_type */
	uint32_t size;    /* bytes of the whole message, this header included */
	uint64_t id;      /* chosen by the client for a request, repeated in what answers it; 0 in events */
};

enum pod_setup_flags {
	POD_HOST_NETWORK = 1 << 0,
	POD_HOST_IPC = 1 << 1,
	POD_HOST_PID = 1 << 2,  /* containers share the host's PID namespace */
	POD_SHARE_PID = 1 << 3, /* containers share one PID namespace of the pod's own */
	POD_HOST_UTS = 1 << 4,
	POD_USER_NS = 1 << 5, /* a user namespace of the pod's own */
};

/* Hostname, sysctls and memory volumes are in the spec. */
struct pod_setup {
	struct pod_header header;
	uint32_t flags;
	uint32_t n_cgroups;
	uint64_t shm_size;     /* bytes of the pod's /dev/shm */
	int32_t oom_score_adj; /* podfs-pod's own */
	uint32_t reserved;
	char dir[POD_PATH_SIZE]; /* RUNDIR/pods/UID: made by the client, 0700; holds sock and state */
	uint32_t first_id; /* with POD_USER_NS: what its user 0 is on the host, the group likewise */
	uint32_t n_ids;    /* and how many there are */
};

enum pod_start_flags {
	POD_STDIN = 1 << 0,         /* keep standard input open; without it, it is /dev/null */
	POD_TTY = 1 << 1,           /* a terminal of its own */
	POD_KILL_ON_CLOSE = 1 << 2, /* POD_EXEC: SIGKILL it when the client that asked goes away */
	POD_STDIN_ONCE = 1 << 3,    /* end of file for the container when the first attached client has gone */
};

struct pod_start {
	struct pod_header header;
	uint32_t flags;
	uint32_t restart;
	uint32_t n_cgroups;
	uint32_t n_sources;
	int32_t stop_signal;
	uint32_t reserved;
	char name[POD_NAME_SIZE]; /* the container */
	char log[POD_PATH_SIZE];  /* its log file; "" for none. Unused by POD_EXEC */
	uint64_t log_max_size;    /* bytes at which the log file is rotated (pod/crilog.h); 0: never */
	uint32_t log_max_files;   /* that are kept of this run, with the one that is written */
	uint32_t reserved2;
	char target[POD_NAME_SIZE]; /* POD_START: the running container whose PID namespace it is to be in; "": one of its
				     * own, or the pod's. The spec has SPEC_TARGET too, so that an older podfs-pod refuses it */
};

/* exec_id 0 names the container itself, else the exec whose POD_EXEC had that header.id. */
struct pod_stop {
	struct pod_header header;
	char name[POD_NAME_SIZE];
	int32_t signal;    /* 0: the container's own stop signal */
	uint32_t grace_ms; /* SIGKILL after that; 0: at once. A later stop may shorten it, never lengthen it */
	uint64_t exec_id;
};

struct pod_name {
	struct pod_header header;
	char name[POD_NAME_SIZE];
	uint32_t restart;
	uint32_t flags;
};

enum pod_ready_flags {
	POD_READY_ADOPTED = 1 << 0, /* it had been set up before this client came */
};

struct pod_ready {
	struct pod_header header;
	int32_t pid;
	uint32_t flags;
	int64_t started_at; /* ns since 1970 */
};

enum pod_container_state {
	POD_STATE_NONE = 0,
	POD_STATE_STARTING = 1,
	POD_STATE_RUNNING = 2,
	POD_STATE_EXITED = 3,
	POD_STATE_START_FAILED = 4,
};

struct pod_event {
	struct pod_header header;
	uint32_t state; /* enum pod_container_state */
	uint32_t restart;
	int32_t pid;       /* in the host's PID namespace */
	int32_t exit_code; /* as Kubernetes counts: 128 + signal when a signal ended it */
	int32_t signal;    /* 0 when it exited by itself */
	int32_t code;      /* POD_ERROR, POD_START_FAILED: negative errno */
	uint32_t acked;    /* POD_STATUS: whether the exit was acknowledged before */
	uint32_t reserved;
	int64_t started_at; /* ns since 1970, 0 if never */
	int64_t finished_at;
	uint64_t exec_id;
	uint64_t log_lost; /* lines of output that could not be written */
	char name[POD_NAME_SIZE];
	char text[POD_TEXT_SIZE];
};

/* A received message with its descriptors, which the receiver owns. */
struct pod_message {
	union {
		struct pod_header header;
		struct pod_setup setup;
		struct pod_start start;
		struct pod_stop stop;
		struct pod_name name;
		struct pod_ready ready;
		struct pod_event event;
		unsigned char bytes[POD_MESSAGE_MAX];
	};
	int fds[POD_FDS_MAX];
	size_t n_fds;
};

/* Sends one message; `size` is that of its struct, and the header is filled in except for type and id. Descriptors are
 * borrowed. 0, -EAGAIN (the receiver does not drain its socket), or another negative errno. */
int pod_message_send(int sock, void *message, size_t size, const int *fds, size_t n_fds);

/* Receives one message. 1: stored; 0: the other end has hung up; -EAGAIN: none now; -EBADMSG, -EPROTONOSUPPORT: what
 * came is no message (ret_message->header says as much as is known, descriptors are closed). */
int pod_message_receive(int sock, struct pod_message *ret_message);

/* The check behind pod_message_receive(): `size` bytes were received into m. Zero-fills what a shorter message lacks
 * and ends every string. 0, -EBADMSG or -EPROTONOSUPPORT. */
int pod_message_check(struct pod_message *m, size_t size);

/* Closes the descriptors that are still in the message. */
void pod_message_clear(struct pod_message *m);

/* RUNDIR/pods/UID/state: this header, then one struct pod_event for each container, header.type POD_STATUS. */
enum { POD_STATE_MAGIC = 0x70644653 };

struct pod_state_header {
	uint32_t magic;
	uint16_t version;
	uint16_t record_size; /* sizeof(struct pod_event) of the writer */
	uint32_t n_records;
	int32_t pid; /* of podfs-pod */
	uint32_t flags; /* enum pod_setup_flags */
	uint32_t reserved;
	int64_t started_at;
};

#endif
