/* SPDX-License-Identifier: Apache-2.0 */
/*
 * podfs validate: the checks of a write through the mount, without a cluster.
 */
#include "cmd/validate.h"

#include <fcntl.h>
#include <fts.h>
#include <getopt.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "schema/custom.h"
#include "schema/manifest.h"
#include "schema/schema.h"
#include "value/json.h"
#include "value/yaml.h"

enum { EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_UNREADABLE = 3 };

enum output { OUTPUT_NONE, OUTPUT_JSON, OUTPUT_YAML };

struct validate {
	enum output output;
	bool recursive;
	int status; /* the worst so far */
};

static const char usage[] =
	"Usage: podfs validate [-R] [-o json|yaml] FILE|DIRECTORY|- ...\n"
	"Check manifests as a write through the mount does, without a cluster.\n"
	"\n"
	"  -o, --output FORMAT  print the objects as they would be stored, defaults filled in:\n"
	"                       json (one a line) or yaml (one a document)\n"
	"  -R, --recursive      descend into directories below the ones given\n"
	"  -h, --help           print this and exit\n"
	"\n"
	"In a directory, files that end in .yaml, .yml and .json are checked. \"-\" is standard input.\n"
	"Kinds that a CustomResourceDefinition defines are known in its file and in those that follow.\n"
	"What is wrong goes to standard error, a line each:\n"
	"  FILE:LINE:COLUMN: error|warning: FIELD: MESSAGE\n"
	"The exit status is 1 when a file is refused, 3 when one cannot be read; warnings do not count.\n";

static void worsen(struct validate *v, int status)
{
	if (status > v->status)
		v->status = status;
}

static int read_stream(int fd, struct buf *out)
{
	char chunk[64 * 1024];

	for (;;) {
		ssize_t n = read(fd, chunk, sizeof(chunk));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return buf_failed(out) ? -ENOMEM : 0;
		buf_append(out, chunk, (size_t)n);
		if (out->len > SCHEMA_MANIFEST_MAX)
			return -EFBIG;
	}
}

static void print_object(const struct validate *v, const struct value *root, struct buf *out)
{
	if (v->output == OUTPUT_JSON) {
		json_write(out, root, JSON_SORTED);
		buf_putc(out, '\n');
	} else if (v->output == OUTPUT_YAML) {
		buf_puts(out, "---\n");
		yaml_write(out, root, YAML_SORTED);
	}
}

static void check_object(const struct validate *v, struct value *root, struct arena *a, struct diag_list *diags,
			 struct buf *out)
{
	const struct schema_kind *kind;
	struct value *made;

	if (schema_admit(root, a, diags, &kind) < 0)
		return;
	made = value_copy(a, root); /* what only a new object may not have; the labels that it would get are not shown */
	if (made && schema_finish_create(kind, made, a, diags) < 0)
		return;
	if (kind->namespaced && !value_path(root, "metadata", "namespace"))
		value_set_str(a, value_set_map(a, root, "metadata"), "namespace", "default");
	print_object(v, root, out);
}

/* The kinds that sound definitions in a file add are known from then on, whatever comes first in it. */
static void learn_definitions(const struct schema_manifest_object *objects, size_t n, struct arena *a)
{
	for (size_t i = 0; i < n; i++) {
		const struct value *kind = value_get(objects[i].root, "kind");
		_cleanup_diag_list_ struct diag_list unsaid = DIAG_LIST_INIT; /* they are told where the document is judged */
		const struct schema_kind *known;
		struct value *copy;

		if (strcmp(value_str_or(kind, ""), "CustomResourceDefinition") != 0)
			continue;
		copy = value_copy(a, objects[i].root);
		if (copy && schema_admit(copy, a, &unsaid, &known) == 0)
			(void)schema_custom_define(copy); /* ignoring -ENOMEM: its objects are refused then */
	}
}

/* All of a file's objects or none: nothing is printed of a file that is refused. */
static void check_text(struct validate *v, const char *name, const char *text, size_t len)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_diag_list_ struct diag_list diags = DIAG_LIST_INIT;
	_cleanup_buf_ struct buf out = BUF_INIT, said = BUF_INIT;
	struct schema_manifest_object *objects = NULL;
	size_t n = 0;

	if (schema_manifest_read(text, len, a, &diags, &objects, &n) == 0) {
		learn_definitions(objects, n, a);
		for (size_t i = 0; i < n; i++)
			check_object(v, objects[i].root, a, &diags, &out);
	}
	diag_format(&diags, name, &said);
	fputs(buf_str(&said), stderr);
	if (!diags.failed && !buf_failed(&out) && !buf_failed(&said) && !arena_failed(a) && !diags.errors) {
		(void)fwrite(buf_str(&out), 1, out.len, stdout); /* a failure is told at the end, by fflush() */
		return;
	}
	if (!diags.errors)
		fprintf(stderr, "%s: error: out of memory\n", name);
	worsen(v, EXIT_REFUSED);
}

static void check_fd(struct validate *v, const char *name, int fd)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	int r = read_stream(fd, &text);

	if (r == -EFBIG) {
		fprintf(stderr, "%s: error: Too long: a manifest may not be more than %d bytes\n", name, SCHEMA_MANIFEST_MAX);
		worsen(v, EXIT_REFUSED);
	} else if (r < 0) {
		fprintf(stderr, "podfs validate: %s: %s\n", name, strerrordesc_np(-r));
		worsen(v, EXIT_UNREADABLE);
	} else {
		check_text(v, name, buf_str(&text), text.len);
	}
}

static void check_file(struct validate *v, const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		fprintf(stderr, "podfs validate: %s: %s\n", path, strerrordesc_np(errno));
		worsen(v, EXIT_UNREADABLE);
		return;
	}
	check_fd(v, path, fd);
}

static bool is_manifest_name(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && name[0] != '.' &&
	       (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0 || strcmp(dot, ".json") == 0);
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

static void check_tree(struct validate *v, char *path)
{
	char *const roots[] = { path, NULL };
	_cleanup_(fts_closep) FTS *tree = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, by_name);

	for (FTSENT *e; tree && (e = fts_read(tree));) {
		if (e->fts_info == FTS_D && e->fts_level > 0 && (!v->recursive || e->fts_name[0] == '.')) {
			(void)fts_set(tree, e, FTS_SKIP); /* ignoring: it fails for unknown instructions only */
		} else if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR || e->fts_info == FTS_NS) {
			fprintf(stderr, "podfs validate: %s: %s\n", e->fts_path, strerrordesc_np(e->fts_errno));
			worsen(v, EXIT_UNREADABLE);
		} else if (e->fts_info == FTS_F && (e->fts_level == 0 || is_manifest_name(e->fts_name))) {
			check_file(v, e->fts_path);
		} else if (e->fts_info == FTS_DEFAULT && e->fts_level == 0) {
			check_file(v, e->fts_path); /* a pipe: podfs validate <(helm template .) */
		}
	}
	if (!tree) {
		fprintf(stderr, "podfs validate: %s: %s\n", path, strerrordesc_np(errno));
		worsen(v, EXIT_UNREADABLE);
	}
}

static int parse_output(const char *name, enum output *ret)
{
	if (strcmp(name, "json") == 0)
		*ret = OUTPUT_JSON;
	else if (strcmp(name, "yaml") == 0)
		*ret = OUTPUT_YAML;
	else
		return -EINVAL;
	return 0;
}

int cmd_validate(int argc, char **argv)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "recursive", no_argument, NULL, 'R' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL },
	};
	struct validate v = { 0 };
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "o:Rh", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			return 0;
		}
		if (c == 'R') {
			v.recursive = true;
		} else if (c != 'o' || parse_output(optarg, &v.output) < 0) {
			if (c == 'o')
				fprintf(stderr, "podfs validate: unknown output format \"%s\": json or yaml\n", optarg);
			return EXIT_USAGE;
		}
	}
	if (optind == argc) {
		fputs("podfs validate: no file given (\"-\" is standard input); see podfs validate --help\n", stderr);
		return EXIT_USAGE;
	}
	for (int i = optind; i < argc; i++) {
		if (strcmp(argv[i], "-") == 0)
			check_fd(&v, "stdin", STDIN_FILENO);
		else
			check_tree(&v, argv[i]);
	}
	if (fflush(stdout) != 0) {
		fprintf(stderr, "podfs validate: standard output: %s\n", strerrordesc_np(errno));
		worsen(&v, EXIT_UNREADABLE);
	}
	return v.status;
}
