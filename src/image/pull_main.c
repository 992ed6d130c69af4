/* SPDX-License-Identifier: Apache-2.0 */
/*
 * podfs-pull: brings one image from a registry into a store, by skopeo and podfs-image.
 *
 * The daemon starts one for each pull: it waits for several programs in turn, which the daemon then need not, and tidies
 * up after them when the daemon dies. Credentials come over standard input, each an auth.json with a NUL behind it, so
 * that they stand on no command line and in no file.
 */
#include <fcntl.h>
#include <getopt.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/utsname.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "image/manifest.h"
#include "image/pull.h"

enum {
	/* As podfs-image, whose status is passed on. */
	EXIT_REFUSED = 1,
	EXIT_USAGE = 2,
	EXIT_SYSTEM = 4,
	EXIT_FULL = 5,
	LIFELINE_FD = 3,
	AUTHS_MAX = 64,
	AUTHS_MAX_BYTES = 4 << 20,
};

static const char USAGE[] =
	"usage: podfs-pull --store DIR --work NAME --image-program PROGRAM REF\n"
	"       podfs-pull --store DIR --sweep\n"
	"\n"
	"Fetches the image from its registry with skopeo and imports it under that name; --sweep removes what pulls\n"
	"that were killed have left. Credentials are read from standard input. Ends as soon as descriptor 3 is closed at\n"
	"its other end.\n";

static int status_of(int code)
{
	return code == -EINVAL ? EXIT_REFUSED : code == -ENOSPC || code == -EDQUOT ? EXIT_FULL : EXIT_SYSTEM;
}

/* One line, with nothing in it that a terminal would obey. */
static int fail(const struct error *err)
{
	_cleanup_buf_ struct buf line = BUF_INIT;

	buf_puts(&line, "podfs-pull: ");
	for (const unsigned char *p = (const unsigned char *)error_text(err); *p; p++) {
		if (*p < ' ' || *p == 0x7f)
			buf_printf(&line, "\\x%02x", *p);
		else
			buf_putc(&line, (char)*p);
	}
	buf_putc(&line, '\n');
	(void)fputs(buf_str(&line), stderr); /* ignoring: there is nowhere else to say it */
	return status_of(err->code);
}

/* What standard input holds, NUL-separated. */
static int read_auths(struct buf *text, const char *auths[static AUTHS_MAX], size_t *ret_n)
{
	char chunk[4096];
	ssize_t got;
	size_t n = 0;

	while ((got = read(STDIN_FILENO, chunk, sizeof(chunk))) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 || text->len > AUTHS_MAX_BYTES)
			return got < 0 ? -errno : -E2BIG;
		buf_append(text, chunk, (size_t)got);
	}
	if (buf_failed(text))
		return -ENOMEM;
	for (size_t at = 0; at < text->len && n < AUTHS_MAX; at += strlen(text->data + at) + 1)
		auths[n++] = text->data + at;
	*ret_n = n;
	return 0;
}

/* The lifeline, or -1 when the program was started by hand. */
static int lifeline(void)
{
	return fcntl(LIFELINE_FD, F_GETFD) < 0 || fcntl(LIFELINE_FD, F_SETFD, FD_CLOEXEC) < 0 ? -1 : LIFELINE_FD;
}

static int pull(struct pull_options *o)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_buf_ struct buf text = BUF_INIT;
	const char *auths[AUTHS_MAX];
	struct utsname host;
	int status = EXIT_SYSTEM, r;

	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* cannot fail; it holds credentials */
	o->lifeline = lifeline();
	r = read_auths(&text, auths, &o->n_auths);
	if (r == 0 && uname(&host) < 0)
		r = -errno;
	if (r < 0) {
		error_errno(&err, r, "reading the credentials");
		return fail(&err);
	}
	o->auths = auths;
	o->architecture = manifest_architecture(host.machine);
	r = pull_run(o, &status, &err);
	o->auths = NULL; /* they end here */
	return r < 0 ? fail(&err) : status;
}

int main(int argc, char **argv)
{
	static const struct option OPTIONS[] = {
		{ "store", required_argument, NULL, 's' }, { "work", required_argument, NULL, 'w' },
		{ "image-program", required_argument, NULL, 'i' }, { "sweep", no_argument, NULL, 'S' },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	_cleanup_error_ struct error err = ERROR_INIT;
	struct pull_options o = { .lifeline = -1 };
	bool sweep = false;
	int c;

	while ((c = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
		if (c == 's')
			o.store = optarg;
		else if (c == 'w')
			o.work = optarg;
		else if (c == 'i')
			o.importer = optarg;
		else if (c == 'S')
			sweep = true;
		else
			return fputs(USAGE, c == 'h' ? stdout : stderr) < 0 || c != 'h' ? EXIT_USAGE : EXIT_SUCCESS;
	}
	if (o.store && sweep && optind == argc)
		return pull_sweep(o.store, &err) < 0 ? fail(&err) : EXIT_SUCCESS;
	if (!o.store || !o.work || strchr(o.work, '/') || !o.importer || optind != argc - 1) {
		(void)fputs(USAGE, stderr);
		return EXIT_USAGE;
	}
	o.reference = argv[optind];
	return pull(&o);
}
