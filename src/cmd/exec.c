/* SPDX-License-Identifier: Apache-2.0 */
/*
 * podfs exec: runs a program in a container. The daemon is asked over its socket (cmd/control.h) and hands this process's
 * own input and output, or the master of a terminal, from and to the program: no byte of either passes through it.
 */
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <mntent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>

#include "cmd/commands.h"
#include "cmd/control.h"

/* As container engines have it: 125 when it is not the program's own status, 126 and 127 as shells. */
enum { EXIT_OURS = 125, EXIT_CANNOT = 126, EXIT_ABSENT = 127 };

static const char help[] =
	"usage: podfs exec [-it] [-c CONTAINER] POD [--] COMMAND [ARGUMENT]...\n"
	"Runs a program in a container of a pod and exits as it does.\n"
	"POD is the pod's directory in a mounted cluster, or its name (in the namespace default) when there is one\n"
	"mounted cluster only.\n"
	"  -c, --container NAME  the container; else the pod's default or first one\n"
	"  -i, --stdin           pass standard input; without it the program has none\n"
	"  -t, --tty             give it a terminal\n"
	"      --run-dir PATH    the daemon's runtime directory (" DEFAULT_RUN_DIR ")\n";

static const struct option long_options[] = {
	{ "container", required_argument, NULL, 'c' }, { "stdin", no_argument, NULL, 'i' },
	{ "tty", no_argument, NULL, 't' },	       { "run-dir", required_argument, NULL, 'r' },
	{ "help", no_argument, NULL, 'h' },	       { NULL, 0, NULL, 0 },
};

struct session {
	const char *run_dir, *container;
	bool input, tty;
	char *mountpoint, *namespace, *pod; /* owned */
	int sock;
};

/* --- which pod --- */

/* Whether the daemon that answers at this run directory is that mount's. */
static bool is_served(const char *run_dir, const char *mountpoint)
{
	_cleanup_free_ char *path = control_path(run_dir, mountpoint);

	return path && access(path, F_OK) == 0;
}

/* The mounted cluster that the path lies in, or with NULL the only one. -ENOENT, -ENOTUNIQ. */
static int find_mount(const char *run_dir, const char *path, char **ret)
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	_cleanup_free_ char *found = NULL;
	size_t best = 0, n = 0;
	struct mntent *m;

	while (f && (m = getmntent(f))) {
		size_t len = strlen(m->mnt_dir);

		if (strcmp(m->mnt_type, "fuse.podfs") != 0 || !is_served(run_dir, m->mnt_dir))
			continue;
		if (path && (strncmp(path, m->mnt_dir, len) != 0 || (path[len] != '/' && path[len]) || len < best))
			continue;
		n++;
		best = len;
		free(found);
		found = strdup(m->mnt_dir);
	}
	if (f)
		(void)endmntent(f);
	if (!found)
		return -ENOENT;
	if (!path && n > 1)
		return -ENOTUNIQ;
	*ret = steal_ptr(found);
	return 0;
}

/* "pods/NAME" or "namespaces/NS/pods/NAME" below the mount point. */
static int split(struct session *s, const char *rest, struct error *err, const char *shown)
{
	_cleanup_free_ char *copy = strdup(rest);
	char *save = NULL, *part[5] = { NULL };
	size_t n = 0;

	if (!copy)
		return error_set(err, -ENOMEM, "out of memory");
	for (char *p = strtok_r(copy, "/", &save); p && n < 5; p = strtok_r(NULL, "/", &save))
		part[n++] = p;
	if (n == 2 && !strcmp(part[0], "pods")) {
		s->namespace = strdup("default");
		s->pod = strdup(part[1]);
	} else if (n == 4 && !strcmp(part[0], "namespaces") && !strcmp(part[2], "pods")) {
		s->namespace = strdup(part[1]);
		s->pod = strdup(part[3]);
	} else {
		return error_set(err, -EINVAL, "%s is not the directory of a pod", shown);
	}
	return s->namespace && s->pod ? 0 : error_set(err, -ENOMEM, "out of memory");
}

static int find_pod(struct session *s, const char *arg, struct error *err)
{
	_cleanup_free_ char *path = NULL;
	int r;

	if (!strchr(arg, '/')) {
		r = find_mount(s->run_dir, NULL, &s->mountpoint);
		if (r < 0)
			return error_set(err, r, r == -ENOENT ? "no cluster is mounted" :
							       "several clusters are mounted: name the pod's directory");
		s->namespace = strdup("default");
		s->pod = strdup(arg);
		return s->namespace && s->pod ? 0 : error_set(err, -ENOMEM, "out of memory");
	}
	path = realpath(arg, NULL);
	if (!path)
		return error_errno(err, -errno, "%s", arg);
	r = find_mount(s->run_dir, path, &s->mountpoint);
	if (r < 0)
		return error_set(err, r, "%s is not in a mounted cluster", arg);
	return split(s, path + strlen(s->mountpoint), err, arg);
}

/* --- asking --- */

static int put(char *message, size_t *len, const char *text)
{
	size_t n = strlen(text) + 1;

	if (n > CONTROL_MESSAGE_MAX - *len)
		return -E2BIG;
	memcpy(message + *len, text, n);
	*len += n;
	return 0;
}

static int send_request(struct session *s, char *message, size_t len, struct error *err)
{
	_cleanup_close_ int null = s->input || s->tty ? -1 : open("/dev/null", O_RDONLY | O_CLOEXEC);
	const int fds[3] = { s->input ? STDIN_FILENO : null, STDOUT_FILENO, STDERR_FILENO };
	struct iovec iov = { message, len };
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(fds))];
	} control = { .header = { .cmsg_len = CMSG_LEN(sizeof(fds)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS } };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (!s->tty) {
		memcpy(CMSG_DATA(&control.header), fds, sizeof(fds));
		m.msg_control = &control;
		m.msg_controllen = sizeof(control.space);
	}
	return sendmsg(s->sock, &m, MSG_NOSIGNAL) < 0 ? error_errno(err, -errno, "ask the daemon") : 0;
}

static int ask(struct session *s, char **args, int n_args, struct error *err)
{
	struct control_exec h = { .magic = CONTROL_MAGIC, .tty = s->tty, .n_args = (uint32_t)n_args };
	_cleanup_free_ char *path = control_path(s->run_dir, s->mountpoint), *message = malloc(CONTROL_MESSAGE_MAX);
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	size_t len = sizeof(h);
	int r = 0;

	if (!path || !message)
		return error_set(err, -ENOMEM, "out of memory");
	if (strlen(path) >= sizeof(a.sun_path))
		return error_set(err, -ENAMETOOLONG, "%s", path);
	memcpy(message, &h, sizeof(h));
	r = put(message, &len, s->namespace);
	if (r == 0)
		r = put(message, &len, s->pod);
	if (r == 0)
		r = put(message, &len, s->container);
	for (int i = 0; i < n_args && r == 0; i++)
		r = put(message, &len, args[i]);
	if (r < 0)
		return error_errno(err, r, "the command");
	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	s->sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (s->sock < 0 || connect(s->sock, (struct sockaddr *)&a, sizeof(a)) < 0)
		return error_errno(err, -errno, "connect to the daemon of %s", s->mountpoint);
	return send_request(s, message, len, err);
}

/* The next answer, with the descriptor it brings or -1. */
static int receive(struct session *s, struct control_answer *ret, char text[static 1024], int *ret_fd, struct error *err)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov[] = { { ret, sizeof(*ret) }, { text, 1023 } };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 2, .msg_control = &control, .msg_controllen = sizeof(control.space) };
	ssize_t n;

	*ret_fd = -1;
	do
		n = recvmsg(s->sock, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < (ssize_t)sizeof(*ret))
		return error_set(err, n < 0 ? -errno : -EPIPE, "the daemon has gone");
	text[n - (ssize_t)sizeof(*ret)] = '\0';
	if (m.msg_controllen >= CMSG_LEN(sizeof(int)) && control.header.cmsg_type == SCM_RIGHTS)
		memcpy(ret_fd, CMSG_DATA(&control.header), sizeof(*ret_fd));
	return 0;
}

static int status_of(const struct control_answer *a, const char *text)
{
	if (a->type == CONTROL_EXITED)
		return a->code;
	(void)fprintf(stderr, "podfs exec: %s\n", *text ? text : strerrordesc_np(-a->code));
	return a->code == -ENOENT ? EXIT_ABSENT : a->code == -EACCES ? EXIT_CANNOT : EXIT_OURS;
}

/* --- a terminal --- */

static struct termios before;

static void restore(void)
{
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &before); /* ignoring: nothing more can be done */
}

static void make_raw(void)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &before) < 0)
		return;
	raw = before;
	cfmakeraw(&raw);
	if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0)
		(void)atexit(restore);
}

static void copy_size(int master)
{
	struct winsize size;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
		(void)ioctl(master, TIOCSWINSZ, &size); /* ignoring: it keeps its own */
}

static int open_winch(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGWINCH);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/* Copies what is there. False at the end of it. */
static bool copy(int from, int to)
{
	char chunk[16384];
	ssize_t n = read(from, chunk, sizeof(chunk));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	for (ssize_t at = 0; n > 0 && at < n;) {
		ssize_t w = write(to, chunk + at, (size_t)(n - at));

		if (w < 0 && errno != EINTR)
			return false;
		at += w > 0 ? w : 0;
	}
	return n > 0;
}

/* Until the program has ended and all it wrote is copied. */
static int serve_terminal(struct session *s, int master, struct error *err)
{
	_cleanup_close_ int winch = open_winch();
	struct pollfd p[] = {
		{ .fd = master, .events = POLLIN },
		{ .fd = s->sock, .events = POLLIN },
		{ .fd = s->input ? STDIN_FILENO : -1, .events = POLLIN },
		{ .fd = winch, .events = POLLIN },
	};
	struct control_answer a = { 0 };
	char text[1024] = "";
	int fd, r = 0;

	if (s->input)
		make_raw();
	copy_size(master);
	while ((p[0].fd >= 0 || p[1].fd >= 0) && r == 0) {
		struct signalfd_siginfo info;

		if (poll(p, ARRAY_SIZE(p), -1) < 0 && errno != EINTR)
			return error_errno(err, -errno, "poll");
		if (p[3].revents && read(winch, &info, sizeof(info)) > 0)
			copy_size(master);
		if (p[2].revents && !copy(STDIN_FILENO, master))
			p[2].fd = -1;
		if (p[0].revents && !copy(master, STDOUT_FILENO))
			p[0].fd = -1;
		if (p[1].revents) {
			r = receive(s, &a, text, &fd, err);
			p[1].fd = -1;
		}
	}
	return r < 0 ? r : status_of(&a, text);
}

static int run(struct session *s, struct error *err)
{
	_cleanup_close_ int master = -1;
	struct control_answer a;
	char text[1024];
	int r;

	do {
		r = receive(s, &a, text, &master, err);
		if (r == 0 && a.type == CONTROL_STARTED && master >= 0)
			return serve_terminal(s, master, err);
	} while (r == 0 && a.type == CONTROL_STARTED);
	return r < 0 ? r : status_of(&a, text);
}

static int parse(int argc, char **argv, struct session *s)
{
	int c;

	while ((c = getopt_long(argc, argv, "+c:ith", long_options, NULL)) != -1) {
		switch (c) {
		case 'c':
			s->container = optarg;
			break;
		case 'i':
			s->input = true;
			break;
		case 't':
			s->tty = true;
			break;
		case 'r':
			s->run_dir = optarg;
			break;
		case 'h':
			(void)fputs(help, stdout);
			return 0;
		default:
			return 2;
		}
	}
	if (optind < argc)
		return -1;
	(void)fprintf(stderr, "podfs exec: want a pod; see podfs exec --help\n");
	return 2;
}

int cmd_exec(int argc, char **argv)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct session s = { .run_dir = DEFAULT_RUN_DIR, .container = "", .sock = -1 };
	int r = parse(argc, argv, &s), first;

	if (r >= 0)
		return r;
	first = optind + 1;
	if (first < argc && !strcmp(argv[first], "--"))
		first++;
	if (first >= argc) {
		(void)fprintf(stderr, "podfs exec: want a command; see podfs exec --help\n");
		return 2;
	}
	r = find_pod(&s, argv[optind], &err);
	if (r == 0)
		r = ask(&s, argv + first, argc - first, &err);
	if (r == 0)
		r = run(&s, &err);
	if (r < 0) {
		(void)fprintf(stderr, "podfs exec: %s\n", error_text(&err));
		r = EXIT_OURS;
	}
	free(s.mountpoint);
	free(s.namespace);
	free(s.pod);
	close_fdp(&s.sock);
	return r;
}
