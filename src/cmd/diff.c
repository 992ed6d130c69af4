/* SPDX-License-Identifier: Apache-2.0 */
/*
 * podfs diff: what copying files into a mounted cluster would do. The cluster's own daemon judges each, through the file
 * `preview` at the mount's root (fs/preview.h), with the rights of who asks; nothing changes.
 */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "cmd/commands.h"

enum { EXIT_CHANGES = 1, EXIT_REFUSED = 2, EXIT_USAGE = 2, EXIT_UNREADABLE = 3, MANIFEST_MAX = 8 * 1024 * 1024 };

struct diff {
	char root[PATH_MAX]; /* the mount's */
	char into[PATH_MAX]; /* DIR below it, "" for the root itself */
	char **seen;	     /* owned: the names below DIR that were asked for, for --delete */
	size_t n, cap;
	int status; /* the worst so far */
};

static const char usage[] =
	"Usage: podfs diff [--delete] DIR PATH...\n"
	"Show what copying files into DIR, a directory of a mounted cluster, would change, remove or refuse.\n"
	"Nothing changes. As with rsync, PATH/ is what a directory holds, and PATH the directory itself.\n"
	"\n"
	"  --delete   also what would go with the manifests in DIR that no PATH has, as rsync --delete removes them\n"
	"  -h, --help print this and exit\n"
	"\n"
	"The exit status is 0 when nothing would change, 1 when something would, 2 when a file would be refused,\n"
	"3 when one cannot be read. Each file is judged for itself, as if it were the only one.\n";

static void worsen(struct diff *d, int status)
{
	if (status > d->status)
		d->status = status;
}

static void complain(struct diff *d, const char *path, int err)
{
	fprintf(stderr, "podfs diff: %s: %s\n", path, strerrordesc_np(err));
	worsen(d, EXIT_UNREADABLE);
}

/* Whether a path is on the file system of that device, by lstat(2). */
static bool is_on(const char *path, dev_t dev)
{
	struct stat st;

	return lstat(path, &st) == 0 && st.st_dev == dev;
}

/* Finds the root of the mount that DIR lies in. */
static int find_mount(struct diff *d, const char *dir)
{
	char path[PATH_MAX], up[PATH_MAX];
	struct stat st;

	if (!realpath(dir, path) || stat(path, &st) < 0)
		return -errno;
	(void)snprintf(d->root, sizeof(d->root), "%s", path);
	for (;;) {
		char *slash;

		(void)snprintf(up, sizeof(up), "%s", d->root);
		slash = strrchr(up, '/');
		if (!slash || slash == up)
			break;
		*slash = '\0';
		if (!is_on(up, st.st_dev))
			break;
		memcpy(d->root, up, sizeof(up));
	}
	(void)snprintf(d->into, sizeof(d->into), "%s", path[strlen(d->root)] ? path + strlen(d->root) + 1 : "");
	return 0;
}

static bool is_cluster(const struct diff *d)
{
	char path[PATH_MAX + 16];

	(void)snprintf(path, sizeof(path), "%s/preview", d->root);
	return access(path, F_OK) == 0 || errno != ENOENT;
}

/* Asks about one file; the answer goes to standard output. */
static int ask(struct diff *d, const char *question, const char *name, const struct buf *text)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	char path[PATH_MAX + 16], chunk[64 * 1024];
	_cleanup_close_ int fd = -1;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s/preview", d->root);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	buf_printf(&b, "%s %s%s%s\n", question, d->into, *d->into ? "/" : "", name);
	if (text)
		buf_append(&b, buf_str(text), text->len);
	if (buf_failed(&b))
		return -ENOMEM;
	for (size_t at = 0; at < b.len; at += (size_t)n) {
		n = write(fd, b.data + at, b.len - at);
		if (n < 0)
			return -errno;
	}
	if (fsync(fd) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	b.len = 0;
	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		buf_append(&b, chunk, (size_t)n);
	if (n < 0 || buf_failed(&b))
		return n < 0 ? -errno : -ENOMEM;
	(void)fwrite(buf_str(&b), 1, b.len, stdout); /* a failure is told at the end, by fflush() */
	for (const char *p = buf_str(&b); *p; p += strcspn(p, "\n"), p += *p == '\n') {
		const char *end = p + strcspn(p, "\n"), *error = strstr(p, ": error: "), *same = strstr(p, ": unchanged");
		const char *scratch = strstr(p, ": scratch: "), *warning = strstr(p, ": warning: ");

		if (error && error < end)
			worsen(d, EXIT_REFUSED);
		else if (!(same && same < end) && !(scratch && scratch < end) && !(warning && warning < end))
			worsen(d, EXIT_CHANGES);
	}
	return 0;
}

static void note(struct diff *d, const char *name)
{
	if (d->n == d->cap) {
		char **bigger = reallocarray(d->seen, d->cap ? 2 * d->cap : 64, sizeof(*bigger));

		if (!bigger) {
			complain(d, name, ENOMEM);
			return;
		}
		d->seen = bigger;
		d->cap = d->cap ? 2 * d->cap : 64;
	}
	d->seen[d->n] = strdup(name);
	d->n += d->seen[d->n] != NULL;
}

static void diff_file(struct diff *d, const char *path, const char *name)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_buf_ struct buf text = BUF_INIT;
	char chunk[64 * 1024];
	ssize_t n = 0;
	int r;

	while (fd >= 0 && text.len <= MANIFEST_MAX && (n = read(fd, chunk, sizeof(chunk))) > 0)
		buf_append(&text, chunk, (size_t)n);
	if (fd < 0 || n < 0 || buf_failed(&text)) {
		complain(d, path, buf_failed(&text) ? ENOMEM : errno);
		return;
	}
	note(d, name);
	r = ask(d, "commit", name, &text);
	if (r < 0)
		complain(d, path, -r);
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static void fts_closep(FTS **tree)
{
	if (*tree)
		(void)fts_close(*tree); /* ignoring: the tree was only read */
}

static void diff_tree(struct diff *d, char *path)
{
	char *const roots[] = { path, NULL };
	size_t len = strlen(path);
	bool inside = len && path[len - 1] == '/';
	_cleanup_(fts_closep) FTS *tree = NULL;
	const char *base;

	while (len > 1 && path[len - 1] == '/')
		path[--len] = '\0';
	base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	tree = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, by_name);
	if (!tree) {
		complain(d, path, errno);
		return;
	}
	for (FTSENT *e; (e = fts_read(tree));) {
		const char *below = e->fts_path + len, *name = e->fts_level == 0 || !inside ? base : "";
		char full[PATH_MAX];

		below += *below == '/';
		(void)snprintf(full, sizeof(full), "%s%s%s", name, *name && *below ? "/" : "", below);
		if (e->fts_info == FTS_D && e->fts_level > 0 && e->fts_name[0] == '.')
			(void)fts_set(tree, e, FTS_SKIP); /* ignoring: it fails for unknown instructions only */
		else if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR || e->fts_info == FTS_NS)
			complain(d, e->fts_path, e->fts_errno);
		else if (e->fts_info == FTS_F)
			diff_file(d, e->fts_path, full);
	}
}

static bool was_asked(const struct diff *d, const char *name)
{
	for (size_t i = 0; i < d->n; i++)
		if (strcmp(d->seen[i], name) == 0)
			return true;
	return false;
}

/* What lies in DIR and no PATH has. */
static void diff_removed(struct diff *d)
{
	char path[2 * PATH_MAX], *const roots[] = { path, NULL };
	_cleanup_(fts_closep) FTS *tree = NULL;
	size_t len = (size_t)snprintf(path, sizeof(path), "%s%s%s", d->root, *d->into ? "/" : "", d->into);

	tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
	for (FTSENT *e; tree && (e = fts_read(tree));) {
		char object[2 * PATH_MAX];
		int r;

		(void)snprintf(object, sizeof(object), "%s/object.yaml", e->fts_path);
		if (e->fts_info == FTS_D && e->fts_level > 0 && (e->fts_name[0] == '.' || access(object, F_OK) == 0)) {
			(void)fts_set(tree, e, FTS_SKIP); /* ignoring: as above */
		} else if (e->fts_info == FTS_F && e->fts_name[0] != '.' && !was_asked(d, e->fts_path + len + 1)) {
			r = ask(d, "remove", e->fts_path + len + 1, NULL);
			if (r < 0)
				complain(d, e->fts_path, -r);
		}
	}
}

int cmd_diff(int argc, char **argv)
{
	static const struct option options[] = {
		{ "delete", no_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL },
	};
	struct diff d = { .status = 0 };
	bool removed = false;
	int c, r;

	optind = 1;
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			return 0;
		}
		if (c != 'd')
			return EXIT_USAGE;
		removed = true;
	}
	if (argc - optind < 2) {
		fputs("podfs diff: a directory of the mount and at least one file are expected; see podfs diff --help\n", stderr);
		return EXIT_USAGE;
	}
	r = find_mount(&d, argv[optind]);
	if (r < 0) {
		fprintf(stderr, "podfs diff: %s: %s\n", argv[optind], strerrordesc_np(-r));
		return EXIT_UNREADABLE;
	}
	if (!is_cluster(&d)) {
		fprintf(stderr, "podfs diff: %s is in no mounted cluster: the cluster's directory comes first\n", argv[optind]);
		return EXIT_UNREADABLE;
	}
	for (int i = optind + 1; i < argc; i++)
		diff_tree(&d, argv[i]);
	if (removed)
		diff_removed(&d);
	for (size_t i = 0; i < d.n; i++)
		free(d.seen[i]);
	free(d.seen);
	if (fflush(stdout) != 0)
		complain(&d, "standard output", errno);
	return d.status;
}
