/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/remote.h"

#include <getopt.h>
#include <limits.h>
#include <mntent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>

/* --- options --- */

int remote_option(struct remote *s, int c, const char *help)
{
	switch (c) {
	case 'c':
		s->container = optarg;
		return -1;
	case 'i':
		s->input = true;
		return -1;
	case 't':
		s->tty = true;
		return -1;
	case REMOTE_RUN_DIR:
		s->run_dir = optarg;
		return -1;
	case 'h':
		(void)fputs(help, stdout);
		return 0;
	default:
		return 2;
	}
}

int remote_options(struct remote *s, int argc, char **argv, const char *help, bool mixed)
{
	static const struct option long_options[] = { { "stdin", no_argument, NULL, 'i' },
						      { "tty", no_argument, NULL, 't' },
						      REMOTE_LONG_OPTIONS };
	int c, r = -1;

	while (r < 0 && (c = getopt_long(argc, argv, mixed ? "c:ith" : "+c:ith", long_options, NULL)) != -1)
		r = remote_option(s, c, help);
	return r;
}

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
static int split(struct remote *s, const char *rest, struct error *err, const char *shown)
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

int remote_find_pod(struct remote *s, const char *arg, struct error *err)
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

int remote_ask(struct remote *s, enum control_what what, char **args, size_t n_args, struct error *err)
{
	struct control_exec h = { .magic = CONTROL_MAGIC, .n_args = (uint32_t)n_args, .what = what };
	_cleanup_free_ char *path = control_path(s->run_dir, s->mountpoint), *message = malloc(CONTROL_MESSAGE_MAX);
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	size_t len = sizeof(h);
	int r;

	if (!path || !message)
		return error_set(err, -ENOMEM, "out of memory");
	if (strlen(path) >= sizeof(a.sun_path))
		return error_set(err, -ENAMETOOLONG, "%s", path);
	h.flags = (s->input ? CONTROL_INPUT : 0U) | (what == CONTROL_RUN && s->tty ? CONTROL_TTY : 0U);
	memcpy(message, &h, sizeof(h));
	r = put(message, &len, s->namespace);
	if (r == 0)
		r = put(message, &len, s->pod);
	if (r == 0)
		r = put(message, &len, s->container);
	for (size_t i = 0; i < n_args && r == 0; i++)
		r = put(message, &len, args[i]);
	if (r < 0)
		return error_errno(err, r, "the command");
	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	s->sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (s->sock < 0 || connect(s->sock, (struct sockaddr *)&a, sizeof(a)) < 0)
		return error_errno(err, -errno, "connect to the daemon of %s", s->mountpoint);
	/* ignoring: it has answered already, or gone, which is what is read */
	if (send(s->sock, message, len, MSG_NOSIGNAL) < 0 && errno != EPIPE)
		return error_errno(err, -errno, "ask the daemon");
	return 0;
}

int remote_receive(struct remote *s, struct control_answer *ret, char text[static REMOTE_TEXT_SIZE],
		   int ret_fds[static CONTROL_FDS_MAX], struct error *err)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(CONTROL_FDS_MAX * sizeof(int))];
	} control = { 0 };
	struct iovec iov[] = { { ret, sizeof(*ret) }, { text, REMOTE_TEXT_SIZE - 1 } };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 2, .msg_control = &control, .msg_controllen = sizeof(control.space) };
	ssize_t n;

	for (size_t i = 0; i < CONTROL_FDS_MAX; i++)
		ret_fds[i] = -1;
	do
		n = recvmsg(s->sock, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < (ssize_t)sizeof(*ret))
		return error_set(err, n < 0 ? -errno : -EPIPE, "the daemon has gone");
	text[n - (ssize_t)sizeof(*ret)] = '\0';
	if (m.msg_controllen >= CMSG_LEN(sizeof(int)) && control.header.cmsg_type == SCM_RIGHTS)
		memcpy(ret_fds, CMSG_DATA(&control.header), control.header.cmsg_len - CMSG_LEN(0));
	return 0;
}

const char *remote_reason(const struct control_answer *a, const char *text)
{
	return *text ? text : strerrordesc_np(-a->code);
}

void remote_clear(struct remote *s)
{
	free(s->mountpoint);
	free(s->namespace);
	free(s->pod);
	close_fdp(&s->sock);
}

/* --- a terminal --- */

static struct termios before;

static void restore(void)
{
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &before); /* ignoring: nothing more can be done */
}

void terminal_make_raw(void)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &before) < 0)
		return;
	raw = before;
	cfmakeraw(&raw);
	if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0)
		(void)atexit(restore);
}

void terminal_copy_size(int master)
{
	struct winsize size;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
		(void)ioctl(master, TIOCSWINSZ, &size); /* ignoring: it keeps its own */
}

void terminal_send_size(int sock)
{
	struct winsize size;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
		(void)send(sock, &size, sizeof(size), MSG_NOSIGNAL | MSG_DONTWAIT); /* ignoring: it keeps its own */
}

int terminal_open_winch(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGWINCH);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}
