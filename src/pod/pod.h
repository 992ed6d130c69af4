/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor: what one podfs-pod knows. Everything is in fixed memory; pages that are never needed are never
 * touched, so the limits cost nothing.
 */
#ifndef PODFS_POD_POD_H
#define PODFS_POD_POD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "pod/crilog.h"
#include "pod/protocol.h"
#include "pod/userns.h"

enum {
	POD_CLIENTS_MAX = 8,
	POD_EXECS_MAX = 256,
	POD_ATTACHED_MAX = 32, /* sockets: two for each who is attached */
	POD_RELAYS_MAX = POD_ATTACHED_MAX / 2,
};

/* How much one of its streams brings: see output.c. */
struct pace {
	int64_t since; /* monotonic */
	size_t bytes;  /* since then */
	bool on;
};

/* A container: its running process, if any, and what was last told of it. */
struct slot {
	struct pod_event told; /* also the record in the state file; name "" = free */
	pid_t pid;             /* 0: no process. While it starts in two steps (child.c), the first of them, then the second */
	int pidfd;
	int report; /* while it starts */
	int out[2]; /* read ends of stdout and stderr, or the terminal's master in out[0] */
	int input;  /* write end of stdin */
	int cgroup; /* a directory of its cgroup, to find what it leaves behind; -1: its PID namespace ends all */
	bool tty;
	bool ready;  /* said that it will execve */
	bool failed; /* said why it will not */
	bool announced; /* pid is that of the second step */
	bool stdin_once;
	int32_t stop_signal;
	int32_t pending_signal; /* asked for while it started */
	int64_t deadline;       /* SIGKILL at this monotonic time; 0: none */
	struct crilog log;
	struct pace pace[2]; /* of out */
	char *rests; /* of its log's lines; mapped while it runs */
};

/* A program beside a container. */
struct exec {
	uint64_t id; /* 0 = free */
	int client;  /* whom to tell, -1: hung up */
	int slot;
	pid_t first; /* enters the container */
	pid_t pid;   /* the program; 0: not known yet */
	int report;
	int tty; /* master, until it was handed over */
	pid_t relay; /* copies its streams (relay.h); 0: there is none, or it has ended */
	int lives;   /* whose end tells that that the program has ended; -1 */
	int status;  /* with which it has */
	bool ready, failed, told, kill_on_close, ended;
	int32_t code;
	int64_t deadline;
	int64_t started_at;
	char text[POD_TEXT_SIZE];
};

/* Where a copy of what a container writes goes. */
struct attached {
	int fd;
	bool used;
	int slot;
	enum crilog_which which;
};

/* The process that takes the input of one who is attached (relay.h). */
struct relayed {
	pid_t pid; /* 0 = free */
	int slot;
};

struct client {
	int fd; /* -1 = free */
	bool subscribed;
	bool first; /* the one that spawned this podfs-pod */
};

struct pod {
	int epoll, signals, timer, listener;
	int pacer; /* a timer too, of output.c; -1: not needed yet */
	unsigned n_paced;
	int dir;   /* RUNDIR/pods/UID */
	int state; /* its state file */
	int netns, podns;
	pid_t reaper;	 /* of the containers' PID namespace; 0: they share none */
	int shared_pids; /* with POD_SHARE_PID: the containers' PID namespace, in which it bears none itself; -1 */
	struct userns users;
	uint32_t flags; /* enum pod_setup_flags */
	bool cgroup_v2;
	bool leaving; /* exit once nothing runs */
	int64_t started_at;
	struct client clients[POD_CLIENTS_MAX];
	struct exec execs[POD_EXECS_MAX];
	struct attached attached[POD_ATTACHED_MAX];
	struct relayed relays[POD_RELAYS_MAX];
	size_t n_slots; /* slots in use, from the first */
	struct slot slots[POD_CONTAINERS_MAX];
	char logs[POD_CONTAINERS_MAX][POD_PATH_SIZE];
	char path[POD_PATH_SIZE]; /* of dir */
	struct pod_message message;
	int64_t trim_at; /* monotonic time at which log_buffers are given back; 0: they are */
	bool copied;	 /* much, since trim_at was set */
	struct crilog_buffers log_buffers __attribute__((aligned(4096)));
};

/* What an epoll event is about. */
enum pod_source { SOURCE_SIGNAL = 1, SOURCE_TIMER, SOURCE_LISTENER, SOURCE_CLIENT, SOURCE_REPORT, SOURCE_OUT, SOURCE_ERR,
		  SOURCE_EXEC, SOURCE_PACER };

/* main.c: watches fd for input. 0 or negative errno. */
int pod_watch(struct pod *p, int fd, enum pod_source source, size_t index);
/* Looks at it no more, though another process may have it open. */
void pod_forget(struct pod *p, int fd);
/* Looks at it for input no more, but for its end; or again. */
void pod_unwatch(struct pod *p, int fd, enum pod_source source, size_t index, bool again);

/* setup.c: makes the sandbox that a POD_SETUP describes. On failure *ret_step names what failed. */
int pod_setup(struct pod *p, struct pod_message *m, const char **ret_step);
void pod_state_write(struct pod *p, size_t index);
void pod_state_remove(struct pod *p);

/* client.c: the sockets. */
int pod_client_add(struct pod *p, int fd, bool first);
void pod_client_accept(struct pod *p);
void pod_client_input(struct pod *p, size_t index);
/* Tells every subscriber. The event's header.id is 0. */
void pod_broadcast(struct pod *p, const struct pod_event *e, enum pod_message_type type);
/* Tells one client, with a descriptor unless fd is -1. */
void pod_tell(struct pod *p, int client, const struct pod_event *e, enum pod_message_type type, uint64_t id, int fd);
void pod_warn(struct pod *p, const char *name, const char *text, int code);

/* container.c: what clients ask for and what becomes of it. Those that return int: 0 or the negative errno that the
 * client is answered with. */
struct slot *pod_find(struct pod *p, const char *name);
int pod_start_container(struct pod *p, struct pod_message *m);
int pod_stop(struct pod *p, const struct pod_stop *m);
int pod_ack(struct pod *p, const struct pod_name *m);
void pod_shutdown(struct pod *p, uint32_t grace_ms);
void pod_report_input(struct pod *p, size_t index);
void pod_reap(struct pod *p);
void pod_deadlines(struct pod *p);
bool pod_idle(const struct pod *p);

/* output.c: what containers write. */
/* Readies a new run's log. A log file that cannot be opened is told, and no error. -ENOMEM. */
int pod_output_open(struct pod *p, struct slot *s, const struct pod_start *start);
void pod_output_close(struct pod *p, struct slot *s);
int pod_reopen_log(struct pod *p, const struct pod_name *m);
/* The stream can be read, or has ended. */
void pod_output(struct pod *p, size_t index, enum crilog_which which);
/* The time of those that are read by the clock. */
void pod_output_paced(struct pod *p);
/* The container has ended: all that it wrote. */
void pod_output_drain(struct pod *p, struct slot *s);
/* Whether there is room for one more; who has gone is forgotten. */
bool pod_output_can_attach(struct pod *p);
/* Has what a container writes from now on copied to the two sockets as well, which it takes. There was room. */
void pod_output_attach(struct pod *p, struct slot *s, int fds[2]);
/* Gives memory back when its time has come. Returns the monotonic time of the next look, 0 for none. */
int64_t pod_output_trim(struct pod *p, int64_t now);

/* attach.c */
int pod_attach(struct pod *p, int client, struct pod_message *m);
bool pod_attach_reaped(struct pod *p, pid_t pid);
/* The container has ended. */
void pod_attach_end(struct pod *p, const struct slot *s);

/* exec.c */
int pod_exec(struct pod *p, int client, struct pod_message *m);
int pod_exec_stop(struct pod *p, const struct pod_stop *m);
void pod_exec_input(struct pod *p, size_t index);
/* Whether the process was one of an exec's. What the children have reported was read when it had ended, before it was
 * reaped. */
bool pod_exec_reaped(struct pod *p, pid_t pid, int status);
void pod_exec_hung_up(struct pod *p, int client);
int64_t pod_exec_deadlines(struct pod *p, int64_t now);

/* Bounded copy of a NUL-terminated text. */
void pod_copy_text(char *to, size_t size, const char *from);
/* Whether it is a child that has not been reaped, and is none that is known: one that a child has just begun. Whoever may
 * trace that in a container can say anything in its place. */
bool pod_is_new_child(const struct pod *p, pid_t pid);
/* What Kubernetes shows for a wait status, and its signal (0: none). */
int pod_exit_code(int status, int32_t *ret_signal);

#endif
