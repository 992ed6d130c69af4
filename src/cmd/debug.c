/* SPDX-License-Identifier: Apache-2.0 */
/*
 * podfs debug: adds an ephemeral container to a pod, as kubectl debug does. It does nothing that an editor on the pod's
 * object.yaml could not do, with the rights of who calls it; with -i it then attaches to the container.
 */
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "cmd/commands.h"
#include "cmd/remote.h"
#include "value/json.h"

enum {
	TRIES = 16,	   /* to write the object before others do */
	LOOK_MS = 100,	   /* between two looks whether the container runs */
	RANDOM_CHARS = 5,  /* K8S:staging/src/k8s.io/kubectl/pkg/cmd/debug: nameSuffixFunc */
};

static const char help[] =
	"usage: podfs debug [-it] --image IMAGE [--target CONTAINER] [-c NAME] POD [-- COMMAND [ARGUMENT]...]\n"
	"Adds an ephemeral container to a pod, to look at it with another image's tools. It is never restarted, and stays\n"
	"in the pod's spec until the pod goes.\n"
	"POD is the pod's directory in a mounted cluster, or its name (in the namespace default) when there is one\n"
	"mounted cluster only.\n"
	"      --image IMAGE            what it runs\n"
	"      --target CONTAINER       the container whose processes it sees\n"
	"  -c, --container NAME         its name; else debugger- and five characters\n"
	"  -i, --stdin                  attach to it, with standard input; its exit status is this command's\n"
	"  -t, --tty                    give it a terminal\n"
	"      --image-pull-policy WHEN Always, IfNotPresent or Never\n"
	"      --run-dir PATH           the daemon's runtime directory (" DEFAULT_RUN_DIR ")\n";

struct debug {
	struct remote remote;
	const char *image, *target, *policy;
	char **args;
	size_t n_args;
	char dir[PATH_MAX]; /* the pod's */
	char name[sizeof("debugger-") + RANDOM_CHARS];
	char last_reason[64]; /* that was told */
};

static const struct option long_options[] = {
	{ "image", required_argument, NULL, 'm' },  { "image-pull-policy", required_argument, NULL, 'p' },
	{ "stdin", no_argument, NULL, 'i' },	    { "target", required_argument, NULL, 'T' },
	{ "tty", no_argument, NULL, 't' },	    REMOTE_LONG_OPTIONS
};

/* -1: go on; else the exit status. */
static int read_options(struct debug *d, int argc, char **argv)
{
	int c, r = -1;

	while (r < 0 && (c = getopt_long(argc, argv, "c:ith", long_options, NULL)) != -1) {
		if (c == 'm')
			d->image = optarg;
		else if (c == 'p')
			d->policy = optarg;
		else if (c == 'T')
			d->target = optarg;
		else
			r = remote_option(&d->remote, c, help);
	}
	if (r >= 0)
		return r;
	if (optind < argc && d->image)
		return -1;
	(void)fprintf(stderr, "podfs debug: want %s; see podfs debug --help\n", d->image ? "a pod" : "an --image");
	return 2;
}

/* A name that nobody else has thought of: of characters that make no words. */
static int make_name(struct debug *d)
{
	static const char chars[] = "bcdfghjklmnpqrstvwxz2456789";
	unsigned char random[RANDOM_CHARS];
	char suffix[RANDOM_CHARS + 1] = "";

	if (*d->remote.container)
		return 0;
	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return -EIO;
	for (size_t i = 0; i < sizeof(random); i++)
		suffix[i] = chars[random[i] % (sizeof(chars) - 1)];
	(void)snprintf(d->name, sizeof(d->name), "debugger-%s", suffix);
	d->remote.container = d->name;
	(void)fprintf(stderr, "Defaulting debug container name to %s.\n", d->name);
	return 0;
}

/* --- the pod's object --- */

static int open_file(const struct debug *d, const char *name, int flags, struct error *err)
{
	char path[PATH_MAX + 16];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", d->dir, name);
	fd = open(path, flags | O_CLOEXEC | O_NOCTTY);
	return fd < 0 ? error_errno(err, -errno, "%s", path) : fd;
}

static int read_file(const struct debug *d, const char *name, struct buf *out, struct error *err)
{
	_cleanup_close_ int fd = open_file(d, name, O_RDONLY, err);
	char chunk[16384];
	ssize_t n;

	if (fd < 0)
		return fd;
	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		buf_append(out, chunk, (size_t)n);
	if (n < 0)
		return error_errno(err, -errno, "%s/%s", d->dir, name);
	return buf_failed(out) ? error_errno(err, -ENOMEM, "%s/%s", d->dir, name) : 0;
}

static int read_object(const struct debug *d, struct arena *a, struct value **ret, struct error *err)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	int r = read_file(d, "object.json", &text, err);

	return r < 0 ? r : json_read(buf_str(&text), text.len, NULL, a, ret, err, NULL);
}

static void add_container(struct debug *d, struct arena *a, struct value *root)
{
	struct value *spec = value_set_map(a, root, "spec"), *list = value_get(spec, "ephemeralContainers"), *c;

	c = value_append(a, list ? list : value_set_list(a, spec, "ephemeralContainers"), value_new_map(a));
	value_set_str(a, c, "name", d->remote.container);
	value_set_str(a, c, "image", d->image);
	if (d->target)
		value_set_str(a, c, "targetContainerName", d->target);
	if (d->policy)
		value_set_str(a, c, "imagePullPolicy", d->policy);
	if (d->remote.input)
		value_set_bool(a, c, "stdin", true);
	if (d->remote.input && !d->remote.tty) /* what comes from a pipe ends, and is to be seen to end */
		value_set_bool(a, c, "stdinOnce", true);
	if (d->remote.tty)
		value_set_bool(a, c, "tty", true);
	for (size_t i = 0; i < d->n_args; i++)
		value_append(a, i ? value_get(c, "command") : value_set_list(a, c, "command"), value_new_str(a, d->args[i]));
}

/* What the namespace's errors say of the write that this process was refused. */
static int refused(const struct debug *d, int code, struct error *err)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	_cleanup_error_ struct error unread = ERROR_INIT;
	const char *entry = NULL, *why;
	char mark[32];

	(void)snprintf(mark, sizeof(mark), " pid %d (", (int)getpid());
	if (read_file(d, "../../errors", &text, &unread) == 0)
		for (const char *at = buf_str(&text); (at = strstr(at, mark)); at++)
			entry = at;
	why = entry ? strstr(entry, ": error: ") : NULL;
	if (!why)
		return error_errno(err, code, "%s/object.yaml", d->dir);
	why += strlen(": error: ");
	return error_set(err, code, "%.*s", (int)strcspn(why, "\n"), why);
}

static int write_object(const struct debug *d, const struct value *root, struct error *err)
{
	_cleanup_close_ int fd = open_file(d, "object.yaml", O_WRONLY | O_TRUNC, err);
	_cleanup_buf_ struct buf text = BUF_INIT;

	if (fd < 0)
		return fd;
	json_write(&text, root, JSON_PRETTY);
	if (buf_failed(&text))
		return error_errno(err, -ENOMEM, "the object");
	for (size_t done = 0; done < text.len;) {
		ssize_t n = write(fd, text.data + done, text.len - done);

		if (n < 0)
			return error_errno(err, -errno, "%s/object.yaml", d->dir);
		done += (size_t)n;
	}
	return close(steal_fd(&fd)) < 0 ? refused(d, -errno, err) : 0;
}

/* Adds it to what the pod is by now, until nobody has changed that meanwhile. */
static int add(struct debug *d, struct error *err)
{
	int r = -ESTALE;

	for (int i = 0; i < TRIES && r == -ESTALE; i++) {
		_cleanup_arena_ struct arena *a = arena_new(0);
		struct value *root;

		error_clear(err);
		r = a ? read_object(d, a, &root, err) : error_errno(err, -ENOMEM, "the object");
		if (r < 0)
			return r;
		add_container(d, a, root);
		r = arena_failed(a) ? error_errno(err, -ENOMEM, "the object") : write_object(d, root, err);
	}
	return r;
}

/* --- until it runs --- */

/* Says why it does not run yet, once. */
static void tell_waiting(struct debug *d, const struct value *waiting)
{
	const char *reason = value_str_or(value_get(waiting, "reason"), "");
	const char *message = value_str_or(value_get(waiting, "message"), "");

	if (!*message || !strcmp(reason, d->last_reason))
		return;
	(void)snprintf(d->last_reason, sizeof(d->last_reason), "%s", reason);
	(void)fprintf(stderr, "podfs debug: container %s: %s: %s\n", d->remote.container, reason, message);
}

/* Until it runs, which is 1, or has ended: 0, and its exit status. With `ended` until that. */
static int wait_for_it(struct debug *d, bool ended, int *ret_status, struct error *err)
{
	for (;;) {
		_cleanup_arena_ struct arena *a = arena_new(0);
		const struct value *state;
		struct value *root;
		int r = a ? read_object(d, a, &root, err) : error_errno(err, -ENOMEM, "the object");

		if (r < 0)
			return r;
		state = value_get(value_find(value_path(root, "status", "ephemeralContainerStatuses"), "name",
					     d->remote.container), "state");
		if (!ended && value_get(state, "running"))
			return 1;
		if (value_get(state, "terminated")) {
			*ret_status = (int)value_int(value_path(state, "terminated", "exitCode"), 0);
			return 0;
		}
		if (!strcmp(value_str_or(value_path(root, "status", "phase"), ""), "Succeeded") ||
		    !strcmp(value_str_or(value_path(root, "status", "phase"), ""), "Failed"))
			return error_set(err, -ESRCH, "the pod has ended");
		tell_waiting(d, value_get(state, "waiting"));
		(void)poll(NULL, 0, LOOK_MS); /* ignoring: only time passes */
	}
}

/* It has ended, and before that somebody was attached too late or never: what it wrote. */
static int show_log(const struct debug *d, struct error *err)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	char name[NAME_MAX];
	int r;

	(void)snprintf(name, sizeof(name), "logs/%s", d->remote.container);
	r = read_file(d, name, &text, err);
	if (r < 0)
		return r;
	return fwrite(buf_str(&text), 1, text.len, stdout) == text.len && fflush(stdout) == 0 ? 0 :
		       error_errno(err, -EIO, "standard output");
}

/* Of the container that was added: the exit status, which is its own when it is seen to end. */
static int join(struct debug *d, struct error *err)
{
	int status = 0, r = wait_for_it(d, false, &status, err);
	bool heard = false;

	if (r > 0) {
		r = remote_attach(&d->remote, err);
		if (r == 0 || (r < 0 && r != -ESRCH))
			return r;
		heard = r > 0 && d->remote.said;
		error_clear(err); /* that it does not run: it has ended before anybody could attach */
		r = wait_for_it(d, true, &status, err);
	}
	if (r == 0 && !heard)
		r = show_log(d, err);
	return r < 0 ? r : status;
}

static int run(struct debug *d, const char *pod, struct error *err)
{
	const struct remote *s = &d->remote;
	int r = remote_find_pod(&d->remote, pod, err);

	if (r < 0)
		return r;
	if (snprintf(d->dir, sizeof(d->dir), "%s/namespaces/%s/pods/%s", s->mountpoint, s->namespace, s->pod) >= (int)sizeof(d->dir))
		return error_errno(err, -ENAMETOOLONG, "%s", pod);
	r = make_name(d);
	if (r < 0)
		return error_errno(err, r, "a name");
	r = add(d, err);
	return r < 0 || !s->input ? r : join(d, err);
}

int cmd_debug(int argc, char **argv)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	static struct debug d;
	int r;

	d.remote = REMOTE_INIT;
	r = read_options(&d, argc, argv);
	if (r >= 0)
		return r;
	d.args = argv + optind + 1;
	d.n_args = (size_t)(argc - optind - 1);
	(void)sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL); /* cannot fail with these arguments */
	r = run(&d, argv[optind], &err);
	if (r < 0)
		(void)fprintf(stderr, "podfs debug: %s\n", error_text(&err));
	remote_clear(&d.remote);
	return r < 0 ? REMOTE_FAILED : r;
}
