/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's side of podfs-pod: one struct sandbox for each pod whose podfs-pod runs.
 *
 * A sandbox is used by one thread at a time and never blocks, except in sandbox_spawn() and sandbox_connect()
 * (an exec and a local connect). Requests return as soon as they are sent; what came of them arrives as events.
 * The pod outlives the daemon: sandbox_free() only hangs up, and sandbox_connect() takes the pod up again.
 */
#ifndef PODFS_NODE_SANDBOX_H
#define PODFS_NODE_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "pod/protocol.h"
#include "pod/spec.h"

struct sandbox;

/* A memory volume of the pod (emptyDir medium Memory): lives as long as the pod, seen by no mount table of the host. */
struct sandbox_tmpfs {
	const char *name; /* mounts name it as their source, with type "pod" */
	uint64_t size;    /* bytes; 0: the kernel's default, half of the memory */
	uint32_t mode;    /* 0777 is Kubernetes' */
	gid_t gid;
};

struct sandbox_config {
	const char *rundir;        /* RUNDIR; RUNDIR/pods/UID is made (0700) where it is missing */
	const char *uid;           /* the pod's: one path component */
	const char *title;         /* "NAMESPACE/NAME", shown by ps; may be NULL */
	const char *program;       /* NULL: podfs-pod in PODFS_LIBEXECDIR, or $PODFS_POD */
	const char *hostname;      /* NULL: the host's stays */
	unsigned flags;            /* enum pod_setup_flags */
	const int *cgroup_fds;     /* directories of podfs-pod's own cgroup: v2 one, v1 one a hierarchy; borrowed */
	size_t n_cgroups;
	const char *const *sysctls; /* "name=value" */
	size_t n_sysctls;
	const struct sandbox_tmpfs *tmpfs;
	size_t n_tmpfs;
	uint32_t first_id;    /* 0: the host's users; else what the user 0 and the group 0 of its own user namespace are here */
	uint32_t n_ids;       /* and how many it has */
	uint64_t shm_size;    /* bytes; 0: 64 MiB, as container runtimes give */
	int oom_score_adj;    /* Kubernetes' for the infrastructure container: -998 */
};

struct sandbox_mount {
	const char *type;   /* "bind", "pod", "image", or a file system of the kernel's; see struct spec_mount */
	const char *source; /* path on the host, or in the image; NULL with source_fd */
	int source_fd;      /* used when source is NULL: O_PATH descriptor of the source; borrowed */
	const char *target; /* path in the container; what is missing is made */
	const char *data;   /* options of the file system; may be NULL */
	unsigned flags;     /* enum spec_mount_flags */
	const char *const *layers; /* "image": directories, topmost first */
	size_t n_layers;
	const char *upper, *work; /* of "image" with more layers than one: empty directories that stay so */
};

/* What a container is. Every pointer is borrowed during the call only. Zero is a sound default for each field, except
 * that `security` with no capability and no flag is what it says. */
struct sandbox_container {
	const char *name;
	uint32_t restart;
	const char *const *argv; /* the program first, sought in the container's PATH when it has no slash */
	size_t n_argv;
	const char *builtin; /* sandbox_exec(): what podfs-pod does itself instead of argv[0] (pod/spec.h), NULL: nothing */
	const char *const *env; /* NAME=VALUE */
	size_t n_env;
	const char *cwd;  /* NULL: "/"; made when it is missing */
	const char *user; /* NULL or "": root; "101", "101:102", "nginx", "nginx:nginx": resolved in the image */
	const gid_t *groups; /* supplemental, beside those that the image's /etc/group gives to the user */
	size_t n_groups;
	struct spec_security security;
	const void *seccomp; /* BPF program, struct sock_filter[]; NULL: unconfined */
	size_t seccomp_size; /* bytes */
	const struct spec_rlimit *rlimits;
	size_t n_rlimits;
	const char *const *layers; /* directories, topmost first; any number up to overlayfs' 500 */
	size_t n_layers;
	const char *upper; /* NULL with one layer: that directory itself is the root */
	const char *work;
	const struct sandbox_mount *mounts; /* after the default ones (/proc, /dev, /sys …), in order */
	size_t n_mounts;
	const char *const *masked;
	size_t n_masked;
	const char *const *readonly;
	size_t n_readonly;
	const int *cgroup_fds; /* directories of the container's cgroup; borrowed */
	size_t n_cgroups;
	const char *log; /* path of the log file; NULL: output is thrown away */
	uint64_t log_max_size;	/* bytes at which it is rotated; 0: never */
	unsigned log_max_files; /* that are kept of this run */
	int stop_signal; /* 0: SIGTERM */
	const char *target; /* the running container whose PID namespace it is to be in; NULL: one of its own, or the pod's */
	unsigned flags;  /* enum pod_start_flags */
	uint64_t *ret_id; /* NULL, or where sandbox_start_container() stores the id that a SANDBOX_ERROR would bear */
};

enum sandbox_event_type {
	SANDBOX_READY = 1,    /* fd: the network namespace, to be closed by the receiver; pid: podfs-pod's */
	SANDBOX_STARTED,      /* container, restart, pid, started_at */
	SANDBOX_START_FAILED, /* container, restart, exit_code (128), code, text, finished_at; to be acknowledged */
	SANDBOX_EXITED,       /* container, restart, exit_code, signal, started_at, finished_at; to be acknowledged */
	SANDBOX_STATUS,       /* after connecting: one for each container: state and all of the above; acked */
	SANDBOX_SYNCED,       /* every SANDBOX_STATUS has come */
	SANDBOX_WARNING,      /* container (may be ""), text */
	SANDBOX_EXEC_STARTED, /* id; fd: the terminal's master or -1 */
	SANDBOX_EXEC_EXITED,  /* id, exit_code, signal; code and text when it could not be started */
	SANDBOX_ATTACHED,     /* id */
	SANDBOX_DONE,         /* id: the request is carried out */
	SANDBOX_ERROR,        /* id, code, text: the request failed */
	SANDBOX_NETNS,        /* after sandbox_spawn(), before SANDBOX_READY, and like that: the network can be set up, and
			       * containers be asked for, which start when the rest is there */
	SANDBOX_GONE,         /* podfs-pod has gone: nothing more will come */
};

struct sandbox_event {
	enum sandbox_event_type type;
	uint64_t id; /* of the request that this answers, 0 otherwise */
	int fd;      /* -1: none; owned by the receiver: sandbox_event_clear() closes it */
	char container[POD_NAME_SIZE];
	uint32_t restart;
	enum pod_container_state state;
	pid_t pid; /* in the host's PID namespace */
	int exit_code; /* 128 + signal when a signal ended it */
	int signal;
	int code; /* negative errno */
	bool acked;
	bool adopted;       /* SANDBOX_READY: the pod was there before */
	int64_t started_at; /* ns since 1970 */
	int64_t finished_at;
	uint64_t log_lost; /* lines of output that could not be written (full disk) */
	char text[POD_TEXT_SIZE];
};

/* Closes the event's descriptor, if it was not taken with steal_fd(). */
void sandbox_event_clear(struct sandbox_event *ev);
#define _cleanup_sandbox_event_ _cleanup_(sandbox_event_clear)

/* Starts podfs-pod (posix_spawn) in its own session, gives it the configuration and subscribes to its events;
 * SANDBOX_NETNS and SANDBOX_READY follow. 0 or a negative errno with err. */
int sandbox_spawn(const struct sandbox_config *config, struct sandbox **ret_sandbox, struct error *err);

/* Takes up the pod `uid` of RUNDIR again. -ENOENT: no such pod; -ECONNREFUSED: its podfs-pod has died: see
 * sandbox_read_state(). SANDBOX_READY (adopted), SANDBOX_STATUS… and SANDBOX_SYNCED follow. */
int sandbox_connect(const char *rundir, const char *uid, struct sandbox **ret_sandbox, struct error *err);

/* Hangs up; the pod goes on. NULL is fine. */
void sandbox_free(struct sandbox *sb);
DEFINE_CLEANUP(struct sandbox *, sandbox_free);
#define _cleanup_sandbox_ _cleanup_(sandbox_freep)

/* For epoll (EPOLLIN); owned by the sandbox. */
int sandbox_fd(const struct sandbox *sb);

/* podfs-pod's process id, 0 before SANDBOX_READY of an adopted one. */
pid_t sandbox_pid(const struct sandbox *sb);
/* Gives the reaping of podfs-pod to the caller: its pid, or 0 where it is no child of this process. Its socket's end comes
 * a moment before it can be reaped. */
pid_t sandbox_take_child(struct sandbox *sb);

/* Takes the next event. 1: one was stored in *ret_event; 0: none now; negative errno: the stream is unusable, treat
 * it as SANDBOX_GONE and free the sandbox. */
int sandbox_receive(struct sandbox *sb, struct sandbox_event *ret_event, struct error *err);

/* Requests. 0 when sent, ret_id (may be NULL) is the id that answers bear. -EINVAL: malformed, err says how;
 * -EAGAIN: podfs-pod does not drain its socket. */

/* Answered by SANDBOX_STARTED or SANDBOX_START_FAILED. */
int sandbox_start_container(struct sandbox *sb, const struct sandbox_container *c, struct error *err);

/* signal 0: the container's own stop signal. grace_ms 0: SIGKILL now. A later stop may shorten the grace, never
 * lengthen it. SANDBOX_EXITED follows, also if the daemon is gone meanwhile. -ENOENT comes as SANDBOX_ERROR. */
int sandbox_stop_container(struct sandbox *sb, const char *name, int signal, uint32_t grace_ms, struct error *err);

/* Tells podfs-pod that the exit (or failed start) of this run is recorded. */
int sandbox_ack(struct sandbox *sb, const char *name, uint32_t restart, struct error *err);

/* The log file has been renamed: go on in a new one of the same name. */
int sandbox_reopen_log(struct sandbox *sb, const char *name, struct error *err);

/* Runs a program in a running container: argv, env, cwd, user, groups, security, seccomp, cgroups, flags (POD_TTY,
 * POD_KILL_ON_CLOSE) of *c count, the rest is the container's. stdio: stdin, stdout, stderr, borrowed; -1: /dev/null;
 * unused with POD_TTY. SANDBOX_EXEC_STARTED and SANDBOX_EXEC_EXITED with *ret_id follow. */
int sandbox_exec(struct sandbox *sb, const struct sandbox_container *c, const int stdio[3], uint64_t *ret_id,
		 struct error *err);

/* Kills an exec; as sandbox_stop_container(). */
int sandbox_stop_exec(struct sandbox *sb, const char *name, uint64_t id, int signal, uint32_t grace_ms,
		      struct error *err);

/* Has what the container writes from now on copied to two stream sockets (output, errors; borrowed). With n = 4 its input comes
 * from the third, a stream socket, and its terminal's sizes from the fourth (POD_ATTACH). SANDBOX_ATTACHED follows, or
 * SANDBOX_ERROR: -ENOTCONN when it takes no input, -EOPNOTSUPP when podfs-pod is too old. */
int sandbox_attach(struct sandbox *sb, const char *name, const int *fds, size_t n, uint64_t *ret_id, struct error *err);

/* Kills what still runs and ends podfs-pod, which removes its socket and state; SANDBOX_GONE follows. */
int sandbox_shutdown(struct sandbox *sb, struct error *err);

/* What a pod whose podfs-pod has died had told last: one SANDBOX_STATUS for each container (a container that it held
 * as running has died with it). *ret_events is to be freed with free(). -ENOENT: no state; -EBADMSG: damaged. */
int sandbox_read_state(const char *rundir, const char *uid, struct sandbox_event **ret_events, size_t *ret_n,
		       struct error *err);

/* Removes what a dead podfs-pod left in RUNDIR/pods/UID. 0 also if there is nothing. */
int sandbox_remove_state(const char *rundir, const char *uid);

#endif
