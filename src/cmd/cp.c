/* SPDX-License-Identifier: Apache-2.0 */
/*
 * podfs cp: files to and from a container. Its own end is copy/, in this process and with the user's rights; the container's is
 * the same in a process of the container's (pod/copy.h), which the daemon has started after it has looked who asks. No image
 * needs a program for it, and neither end opens a path of the other's.
 */
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/commands.h"
#include "cmd/cp.h"
#include "copy/copy.h"

static const char help[] =
	"usage: podfs cp [-a] [-c CONTAINER] POD:PATH DESTINATION\n"
	"       podfs cp [-a] [-c CONTAINER] SOURCE POD:PATH\n"
	"Copies a file, or a directory with all below it, from a container or to one, by the rules of cp -r.\n"
	"POD is the pod's directory in a mounted cluster, or its name (in the namespace default) when there is one\n"
	"mounted cluster only. PATH is one of the container's, from its working directory where it does not begin with /.\n"
	"SOURCE/. stands for what is in a directory; - is a tar archive on standard input or output.\n"
	"  -a, --archive         keep owners and set-id bits, as far as it may be done\n"
	"  -c, --container NAME  the container; else the pod's default or first one\n"
	"  -r, -R, --recursive   nothing: directories are always copied whole\n"
	"      --run-dir PATH    the daemon's runtime directory (" DEFAULT_RUN_DIR ")\n";

static const struct option long_options[] = {
	{ "archive", no_argument, NULL, 'a' }, { "recursive", no_argument, NULL, 'r' }, REMOTE_LONG_OPTIONS
};

/* What is to be copied. */
struct request {
	struct cp_session session;
	bool owners;
	char *pod;	   /* owned */
	const char *path;  /* in the container */
	const char *local; /* "-": a stream */
	bool upload;
};

static void say(void *arg, const char *path, const char *text)
{
	char line[2 * PATH_MAX + 256];
	int n = snprintf(line, sizeof(line), "%s: %s", path, text);

	(void)arg;
	cp_print("podfs cp: ", line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
}

/* --- which of the two is the container's --- */

/* Where the path begins in "POD:PATH"; NULL: it is none. A path to the pod may have colons in other places. */
static const char *find_colon(const char *arg)
{
	const char *first = strchr(arg, ':');

	for (const char *at = first; at; at = strchr(at + 1, ':')) {
		_cleanup_free_ char *pod = strndup(arg, (size_t)(at - arg));
		struct stat st;

		if (pod && strchr(pod, '/') && stat(pod, &st) == 0 && S_ISDIR(st.st_mode))
			return at;
	}
	return first == arg ? NULL : first;
}

static bool exists(const char *path)
{
	struct stat st;

	return !strcmp(path, "-") || lstat(path, &st) == 0;
}

static int choose(struct request *q, const char *from, const char *to, struct error *err)
{
	const char *there[] = { find_colon(from), find_colon(to) };

	/* a file here may have a colon in its name */
	if (there[0] && there[1] && exists(from) != exists(to))
		there[exists(to)] = NULL;
	if (!there[0] == !there[1])
		return error_set(err, -EINVAL, "%s", there[0] ? "one of the two must be here: podfs cp POD:PATH - | podfs cp - POD:PATH"
								 " copies between containers" :
							       "one of the two must be POD:PATH; see podfs cp --help");
	q->upload = there[1];
	q->local = q->upload ? from : to;
	q->path = there[q->upload] + 1;
	q->session.shown = q->upload ? to : from;
	q->pod = strndup(q->session.shown, (size_t)(q->path - 1 - q->session.shown));
	if (!q->pod || asprintf(&q->session.prefix, "podfs cp: %s:", q->pod) < 0)
		return error_set(err, -ENOMEM, "out of memory");
	if (!*q->path)
		return error_set(err, -EINVAL, "%s: want a path after the colon", q->session.shown);
	return 0;
}

/* --- the two ways --- */

/* Bytes as they are. */
static int pump(int from, int to)
{
	char chunk[64 * 1024];
	ssize_t n;

	while ((n = cp_read(&from, chunk, sizeof(chunk))) > 0) {
		for (ssize_t at = 0, w; at < n; at += w) {
			w = cp_write(&to, chunk + at, (size_t)(n - at));
			if (w < 0)
				return (int)w;
		}
	}
	return (int)n;
}

/* What ended this side, unless it was said; -EPIPE: the other side ended, and says why. */
static int explain(const struct copy *c, int r, struct error *err)
{
	if (r == -EINTR)
		return error_set(err, r, "interrupted");
	if (r == -EBADMSG)
		return error_set(err, r, "what came from the container is no archive, or damaged");
	if (r == -ENODATA)
		return error_set(err, r, "what came from the container ended early");
	return r == 0 || r == -EPIPE || c->failed ? 0 : error_errno(err, r, "the stream");
}

static int upload(struct request *q, struct error *err)
{
	bool stream = !strcmp(q->local, "-");
	struct copy c = { .say = say };
	char name[NAME_MAX + 1], flags[16];
	char *args[] = { (char[]){ "receive" }, flags, (char *)(uintptr_t)q->path, name };
	_cleanup_free_ struct tar_out *out = calloc(1, sizeof(*out));
	struct stat st;
	int r, theirs;

	copy_name_of(q->local, name);
	(void)snprintf(flags, sizeof(flags), "%u", COPY_TRUSTED | (q->owners ? COPY_OWNERS : 0U) |
						   (stream ? COPY_INTO : !*name ? COPY_CONTENTS : 0U));
	if (!out)
		return error_set(err, -ENOMEM, "out of memory");
	/* so that nothing is begun over there for it */
	if (!stream && stat(q->local, &st) < 0)
		return error_errno(err, -errno, "%s", q->local);
	r = cp_begin(&q->session, args, 4, err);
	if (r < 0)
		return r;
	out->write = cp_write;
	out->arg = &q->session.in;
	r = stream ? pump(STDIN_FILENO, q->session.in) : copy_send(&c, q->local, out);
	if (r < 0 && r != -EPIPE)
		atomic_store(&q->session.quiet, true);
	r = explain(&c, r, err);
	theirs = cp_end(&q->session, r < 0 ? NULL : err);
	return r < 0 ? r : theirs < 0 ? theirs : theirs > 0 || c.failed;
}

static int download(struct request *q, struct error *err)
{
	bool stream = !strcmp(q->local, "-");
	struct copy c = { .say = say };
	char name[NAME_MAX + 1];
	char *args[] = { (char[]){ "send" }, (char *)(uintptr_t)q->path };
	_cleanup_free_ struct tar_in *in = calloc(1, sizeof(*in));
	int r, theirs;

	copy_name_of(q->path, name);
	if (!in)
		return error_set(err, -ENOMEM, "out of memory");
	if (stream && isatty(STDOUT_FILENO))
		return error_set(err, -EINVAL, "an archive is not written to a terminal");
	r = cp_begin(&q->session, args, 2, err);
	if (r < 0)
		return r;
	close_fdp(&q->session.in);
	in->read = cp_read;
	in->arg = &q->session.out;
	r = stream ? pump(q->session.out, STDOUT_FILENO) :
		     copy_receive(&c, q->local, name, (q->owners ? COPY_OWNERS : 0U) | (!*name ? COPY_CONTENTS : 0U), in);
	/* whatever came, the container's own words explain it better */
	theirs = cp_end(&q->session, r == 0 ? err : NULL);
	if (theirs == 0 || r == -EINTR)
		r = explain(&c, r, err);
	else if (theirs < 0 && r < 0)
		r = error_set(err, theirs, "the container's end has gone, and not all was copied");
	else
		r = theirs;
	return r < 0 ? r : r > 0 || c.failed;
}

/* --- the command --- */

static int parse(int argc, char **argv, struct request *q)
{
	int c, r = -1;

	while (r < 0 && (c = getopt_long(argc, argv, "ac:rRh", long_options, NULL)) != -1) {
		if (c == 'a')
			q->owners = true;
		else if (c != 'r' && c != 'R')
			r = remote_option(&q->session.remote, c, help);
	}
	if (r >= 0)
		return r;
	if (optind == argc - 2)
		return -1;
	(void)fprintf(stderr, "podfs cp: want what to copy, and where to; see podfs cp --help\n");
	return 2;
}

int cmd_cp(int argc, char **argv)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct request q = { .session = CP_SESSION_INIT };
	int r = parse(argc, argv, &q);

	if (r >= 0)
		return r;
	(void)sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL); /* cannot fail */
	r = choose(&q, argv[optind], argv[optind + 1], &err);
	if (r == 0)
		r = remote_find_pod(&q.session.remote, q.pod, &err);
	if (r == 0)
		r = q.upload ? upload(&q, &err) : download(&q, &err);
	if (r < 0 && !cp_interrupted)
		cp_print("podfs cp: ", error_text(&err), strlen(error_text(&err)));
	cp_clear(&q.session);
	free(q.pod);
	if (cp_interrupted)
		(void)raise(cp_interrupted); /* as it would have ended */
	return r != 0;
}
