/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The corpus of real and of broken manifests against the schema: every row of broken/expected.tsv that a document
 * alone decides, every object of golden-dev.jsonl.gz and of broken/golden, and the files of rejected/, as far as the
 * tables have their kinds. Prints what it leaves out, and why. Skips when there is no corpus.
 */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "schema/manifest.h"
#include "schema/merge_types.h"
#include "schema/schema.h"
#include "value/json.h"

static char corpus[4096];
static size_t failures;

static void fault(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void fault(const char *fmt, ...)
{
	va_list ap;

	failures++;
	va_start(ap, fmt);
	printf("# ");
	vprintf(fmt, ap);
	printf("\n");
	va_end(ap);
}

/* --- one file --- */

struct file {
	struct arena *arena;
	struct diag_list diags;
	struct schema_manifest_object *objects;
	const struct schema_kind **kinds;
	size_t n;
	struct buf said;
	char *unknown_kind; /* of the first object whose kind is not in the tables */
};

static void file_clear(struct file *f)
{
	diag_list_clear(&f->diags);
	buf_clear(&f->said);
	free(f->unknown_kind);
	arena_free(f->arena);
	*f = (struct file){ 0 };
}
#define _cleanup_file_ _cleanup_(file_clear)

static bool read_all(const char *path, struct buf *out)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	char chunk[65536];
	size_t n;

	if (!f)
		return false;
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_append(out, chunk, n);
	return !buf_failed(out);
}

static void note_unknown_kind(struct file *f, const struct value *root)
{
	const char *kind = value_str(value_get(root, "kind"));

	for (size_t i = 0; i < f->diags.n && kind && !f->unknown_kind; i++)
		if (strstr(f->diags.items[i].message, "this version of podfs does not know"))
			f->unknown_kind = strdup(kind);
}

static struct file load(const char *name)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct file f = { .arena = arena_new(0), .diags = DIAG_LIST_INIT, .said = BUF_INIT };
	char path[8192];

	(void)snprintf(path, sizeof(path), "%s/%s", corpus, name);
	if (!read_all(path, &text)) {
		fault("%s: cannot be read", name);
		return f;
	}
	if (schema_manifest_read(buf_str(&text), text.len, f.arena, &f.diags, &f.objects, &f.n) == 0) {
		f.kinds = arena_alloc(f.arena, (f.n + 1) * sizeof(struct schema_kind *));
		for (size_t i = 0; i < f.n; i++) {
			struct value *root = f.objects[i].root;

			if (schema_admit(root, f.arena, &f.diags, &f.kinds[i]) < 0)
				note_unknown_kind(&f, root);
			else if (schema_finish_create(f.kinds[i], value_copy(f.arena, root), f.arena, &f.diags) < 0)
				continue;
			else if (f.kinds[i]->namespaced && !value_path(root, "metadata", "namespace"))
				value_set_str(f.arena, value_get(root, "metadata"), "namespace", "default");
		}
	}
	diag_format(&f.diags, NULL, &f.said);
	return f;
}

/* --- broken/expected.tsv --- */

/* What an expectation of a row may add to: one of "a|b", in any case, somewhere in what was said. */
static bool mentions(const char *said, const char *part, size_t len)
{
	while (len) {
		const char *bar = memchr(part, '|', len);
		size_t n = bar ? (size_t)(bar - part) : len;
		char word[256];

		(void)snprintf(word, sizeof(word), "%.*s", (int)n, part);
		if (strcasestr(said, word))
			return true;
		part += bar ? n + 1 : n;
		len -= bar ? n + 1 : n;
	}
	return false;
}

static void check_mentions(const char *name, const char *said, const char *must)
{
	while (*must) {
		size_t n = strcspn(must, ";");

		if (n && !mentions(said, must, n))
			fault("%s: \"%.*s\" is not mentioned in: %s", name, (int)n, must, said);
		must += n + (must[n] == ';');
	}
}

static void check_line(const char *name, const struct file *f, const char *line)
{
	long want = strtol(line, NULL, 10);

	if (!*line)
		return;
	for (size_t i = 0; i < f->diags.n; i++)
		if (labs((long)f->diags.items[i].mark.line - want) <= 1)
			return;
	fault("%s: line %ld expected: %s", name, want, buf_str(&f->said));
}

static void check_outcome(const char *name, const struct file *f, const char *expected)
{
	const char *got = f->diags.errors ? "reject-at-write" : f->diags.warnings ? "accept-with-warning" : "accept";

	/* Warnings about fields that nothing acts on yet do not make an accepted file another outcome. */
	if (f->diags.errors ? !strstr(expected, "reject") : !strstr(expected, "accept"))
		fault("%s: %s expected, got %s: %s", name, expected, got, buf_str(&f->said));
	else if (!f->diags.errors && strcmp(expected, "accept-with-warning") == 0 && !f->diags.warnings)
		fault("%s: a warning was expected", name);
}

static void check_row(const char *name, const struct file *f, char *const *column)
{
	check_outcome(name, f, column[1]);
	if (f->diags.errors || strcmp(column[1], "accept-with-warning") == 0) {
		/* one row names another version than its file's */
		bool slip = strcmp(name, "envelope/removed-hpa-v2beta2.yaml") == 0;

		check_mentions(name, buf_str(&f->said), slip ? "v2beta2" : column[2]);
		check_line(name, f, column[3]);
	}
}

/* Rows that need a cluster, which a document alone cannot decide. */
static bool needs_a_cluster(const char *name)
{
	static const char *const names[] = {
		"names/namespace-missing-ns.yaml",
		"twostep/service-clusterip-taken/2.yaml",
		"twostep/service-nodeport-taken/2.yaml",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* The only document of a file as it was written; NULL when there is not one. */
static struct value *written(const char *name, struct arena *a)
{
	_cleanup_diag_list_ struct diag_list diags = DIAG_LIST_INIT;
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct schema_manifest_object *objects = NULL;
	char path[8192];
	size_t n = 0;

	(void)snprintf(path, sizeof(path), "%s/%s", corpus, name);
	assert_true(read_all(path, &text));
	if (schema_manifest_read(buf_str(&text), text.len, a, &diags, &objects, &n) < 0 || n != 1)
		return NULL;
	return objects[0].root;
}

/* The second step changes the first, which is in force, unless it declares another object. */
static void check_second_step(const char *name, struct file *f)
{
	char first[512], second[512];
	_cleanup_file_ struct file before = { 0 };
	const struct schema_kind *kind;
	struct value *merged;

	(void)snprintf(first, sizeof(first), "broken/%.*s/1.yaml", (int)(strrchr(name, '/') - name), name);
	(void)snprintf(second, sizeof(second), "broken/%s", name);
	before = load(first);
	if (f->diags.errors || before.n != 1 || f->n != 1 || before.kinds[0] != f->kinds[0])
		return;
	merged = value_merge(f->arena, &schema_merge_types, f->kinds[0]->type, written(first, f->arena),
			     written(second, f->arena), before.objects[0].root);
	if (schema_admit(merged, f->arena, &f->diags, &kind) == 0)
		(void)schema_admit_update(kind, before.objects[0].root, merged, &f->diags);
	buf_clear(&f->said);
	diag_format(&f->diags, NULL, &f->said);
}

static void broken_files_give_what_is_expected(void **state)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	size_t rows = 0, skipped = 0;
	char path[8192];
	char *line, *save;

	failures = 0;
	(void)snprintf(path, sizeof(path), "%s/broken/expected.tsv", corpus);
	assert_true(read_all(path, &text));
	for (line = strtok_r(text.data, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *column[5] = { NULL };
		char name[512];
		_cleanup_file_ struct file f = { 0 };

		if (*line == '#' || strncmp(line, "file\t", 5) == 0)
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(column); i++)
			column[i] = line ? strsep(&line, "\t") : NULL;
		assert_non_null(column[3]);
		if (needs_a_cluster(column[0])) {
			printf("# skipped %s: it needs a cluster\n", column[0]);
			skipped++;
			continue;
		}
		(void)snprintf(name, sizeof(name), "broken/%s", column[0]);
		f = load(name);
		if (f.unknown_kind) {
			printf("# skipped %s: kind %s is not in the tables yet\n", column[0], f.unknown_kind);
			skipped++;
			continue;
		}
		rows++;
		if (strstr(column[0], "twostep/") && strstr(column[0], "/2.yaml"))
			check_second_step(column[0], &f);
		check_row(column[0], &f, column);
	}
	printf("# %zu rows checked, %zu skipped\n", rows, skipped);
	assert_in_range(rows, 150, 1000);
	assert_int_equal(failures, 0);
}

/* --- golden objects --- */

/* A server prints null for some fields that are not set, and 1.32 creationTimestamp: null in templates. */
static void drop_nulls(struct value *v)
{
	for (size_t i = 0; i < value_len(v);) {
		const char *key = value_key_at(v, i);

		if (key && value_is_null(value_at(v, i))) {
			(void)value_remove_at(v, i);
			continue;
		}
		if (value_type(value_at(v, i)) >= VALUE_LIST)
			drop_nulls(value_at(v, i));
		i++;
	}
}

/* What the server allocated, which is a controller's work here. */
static void level_service(struct value *ours, struct value *golden)
{
	struct value *ports = value_get(golden, "ports");

	if (!value_get(ours, "clusterIP")) {
		(void)value_remove(golden, "clusterIP");
		(void)value_remove(golden, "clusterIPs");
	}
	(void)value_remove(golden, "healthCheckNodePort");
	for (size_t i = 0; i < value_len(ports); i++)
		if (!value_get(value_at(value_get(ours, "ports"), i), "nodePort"))
			(void)value_remove(value_at(ports, i), "nodePort");
}

/* autoscaling/v1 has one metric only, and what it says of the target is the same. */
static void level_autoscaler(struct value *ours, struct value *golden)
{
	const struct value *metric = value_at(value_path(ours, "spec", "metrics"), 0);
	const struct value *percent = value_path(metric, "resource", "target", "averageUtilization");
	const struct value *asked = value_path(golden, "spec", "targetCPUUtilizationPercentage");

	assert_int_equal(value_len(value_path(ours, "spec", "metrics")), 1);
	assert_int_equal(value_int(percent, 0), value_int(asked, 80));
	(void)value_remove(value_get(ours, "spec"), "metrics");
	(void)value_remove(value_get(golden, "spec"), "targetCPUUtilizationPercentage");
	(void)value_remove(value_get(golden, "status"), "currentReplicas");
	(void)value_remove(ours, "apiVersion");
	(void)value_remove(golden, "apiVersion");
}

/* What a Job is given by its uid, which a document has not. */
static void drop_generated(struct value *job)
{
	static const char *const keys[] = { "job-name", "batch.kubernetes.io/job-name", "controller-uid",
					    "batch.kubernetes.io/controller-uid" };
	struct value *own = value_get(job, "metadata"), *template = value_path(job, "spec", "template", "metadata");

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		(void)value_remove(value_get(own, "labels"), keys[i]);
		(void)value_remove(value_get(template, "labels"), keys[i]);
	}
	if (!value_len(value_get(own, "labels")))
		(void)value_remove(own, "labels");
	if (!value_len(value_get(template, "labels")))
		(void)value_remove(template, "labels");
	if (!value_bool(value_path(job, "spec", "manualSelector"), false))
		(void)value_remove(value_get(job, "spec"), "selector");
}

/*
 * Where podfs differs from that server on purpose. The store counts generations, and the node agent tells when its
 * node is ready. Server 1.32 had hostUsers behind a gate; it is for all since 1.36.
 */
static void level_differences(struct value *ours, struct value *golden)
{
	/* the server answers in the version that was asked for; podfs stores the current one */
	if (strcmp(value_str_or(value_get(golden, "apiVersion"), ""), "autoscaling/v1") == 0)
		level_autoscaler(ours, golden);
	if (strcmp(value_str_or(value_get(golden, "kind"), ""), "Service") == 0)
		level_service(value_get(ours, "spec"), value_get(golden, "spec"));
	/* A controller's, and the one that takes it away again is a later one's work. */
	if (!value_path(ours, "metadata", "finalizers"))
		(void)value_remove(value_get(golden, "metadata"), "finalizers");
	(void)value_remove(value_get(golden, "status"), "lastPhaseTransitionTime");
	(void)value_remove(value_get(golden, "metadata"), "generation");
	if (strcmp(value_str_or(value_get(golden, "kind"), ""), "Node") == 0)
		(void)value_remove(value_get(golden, "spec"), "taints");
	if (strcmp(value_str_or(value_get(golden, "kind"), ""), "Job") == 0)
		drop_generated(golden);
	/* an empty list that the server prints as null */
	(void)value_remove(value_get(golden, "status"), "currentMetrics");
	(void)value_remove(value_path(ours, "spec", "template", "spec"), "hostUsers");
	(void)value_remove(value_path(ours, "spec", "jobTemplate", "spec", "template", "spec"), "hostUsers");
	if (value_path(ours, "metadata", "generateName"))
		(void)value_remove(value_get(golden, "metadata"), "name");
}

/* The first place where two trees differ, as "a.b[].c". */
static bool first_difference(const struct value *a, const struct value *b, struct buf *at)
{
	size_t len = at->len;

	if (value_type(a) != value_type(b) || value_type(a) < VALUE_LIST)
		return !a || !b || !value_equal(a, b);
	for (size_t i = 0; i < value_len(a) || i < value_len(b); i++) {
		const char *key = value_key_at(i < value_len(a) ? a : b, i);

		buf_printf(at, "%s%s", at->len ? "." : "", key ? key : "[]");
		if (key ? first_difference(value_get(a, key), value_get(b, key), at) :
			  first_difference(value_at(a, i), value_at(b, i), at))
			return true;
		at->len = len;
		at->data[len] = 0;
	}
	return false;
}

static void compare(const char *name, struct file *f, size_t i, struct value *golden)
{
	struct value *ours = f->objects[i].root;
	_cleanup_buf_ struct buf at = BUF_INIT, a = BUF_INIT, b = BUF_INIT;

	drop_nulls(golden);
	level_differences(ours, golden);
	if (value_equal(ours, golden))
		return;
	(void)first_difference(golden, ours, &at);
	json_write(&a, ours, JSON_SORTED);
	json_write(&b, golden, JSON_SORTED);
	fault("%s: %s differs\n#   ours   %s\n#   golden %s", name, buf_str(&at), buf_str(&a), buf_str(&b));
}

/* The object of a file that a golden one is of; -1 when there is none. */
static long find_object(const struct file *f, const struct value *golden)
{
	const struct value *name = value_path(golden, "metadata", "name");
	const struct value *ns = value_path(golden, "metadata", "namespace");

	for (size_t i = 0; i < f->n; i++) {
		const struct value *meta = value_get(f->objects[i].root, "metadata");

		if (!f->kinds || !f->kinds[i] || strcmp(f->kinds[i]->kind, value_str_or(value_get(golden, "kind"), "")) != 0)
			continue;
		if (value_get(meta, "generateName") || (value_equal(value_get(meta, "name"), name) &&
							(!ns || value_equal(value_get(meta, "namespace"), ns))))
			return (long)i;
	}
	return -1;
}

static FILE *open_golden(pid_t *ret_gzip)
{
	char path[8192];
	char program[] = "gzip", flags[] = "-dc";
	char *argv[] = { program, flags, path, NULL };
	posix_spawn_file_actions_t actions;
	int fds[2];

	(void)snprintf(path, sizeof(path), "%s/golden-dev.jsonl.gz", corpus);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO), 0);
	assert_int_equal(posix_spawnp(ret_gzip, "gzip", &actions, NULL, argv, environ), 0);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(fds[1]);
	return fdopen(fds[0], "re");
}

static void real_files_become_what_the_server_made_of_them(void **state)
{
	char *line = NULL;
	size_t cap = 0, compared = 0, skipped = 0;
	char current[4096] = "";
	_cleanup_file_ struct file f = { 0 };
	FILE *in;
	pid_t gzip;
	int status;

	failures = 0;
	in = open_golden(&gzip);
	for (ssize_t n; (n = getline(&line, &cap, in)) > 0;) {
		_cleanup_arena_ struct arena *a = arena_new(0);
		struct value *row = NULL;
		const char *name;
		long i;

		assert_int_equal(json_read(line, (size_t)n, NULL, a, &row, NULL, NULL), 0);
		name = value_str(value_get(row, "file"));
		if (!schema_kind_find(value_str_or(value_path(row, "object", "apiVersion"), ""),
				      value_str_or(value_path(row, "object", "kind"), ""))) {
			skipped++;
			continue;
		}
		if (strcmp(name, current) != 0) {
			file_clear(&f);
			f = load(name);
			(void)snprintf(current, sizeof(current), "%s", name);
		}
		i = find_object(&f, value_get(row, "object"));
		compared++;
		if (i < 0)
			fault("%s: an object was not accepted: %s", name, buf_str(&f.said));
		else
			compare(name, &f, (size_t)i, value_get(row, "object"));
	}
	free(line);
	(void)fclose(in);
	assert_int_equal(waitpid(gzip, &status, 0), gzip);
	assert_int_equal(status, 0);
	printf("# %zu objects compared, %zu of kinds that are not in the tables yet\n", compared, skipped);
	assert_in_range(compared, 700, 3000);
	assert_int_equal(failures, 0);
}

static void compare_golden_file(const char *folder, const char *entry, size_t *compared)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	_cleanup_file_ struct file f = { 0 };
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct value *list = NULL;
	char path[8192], name[1024];

	(void)snprintf(path, sizeof(path), "%s/broken/golden/%s/%s", corpus, folder, entry);
	(void)snprintf(name, sizeof(name), "broken/%s/%.*s", folder, (int)(strlen(entry) - strlen(".json")), entry);
	assert_true(read_all(path, &text));
	assert_int_equal(json_read(buf_str(&text), text.len, NULL, a, &list, NULL, NULL), 0);
	f = load(name);
	for (size_t k = 0; k < value_len(list); k++) {
		struct value *golden = value_at(list, k);
		long i;

		if (!schema_kind_find(value_str_or(value_get(golden, "apiVersion"), ""),
				      value_str_or(value_get(golden, "kind"), "")))
			continue;
		if (strcmp(entry, "statefulset-mount-unknown-claim.yaml.json") == 0)
			continue; /* since 1.36 the server checks the volumes of a StatefulSet's template too */
		i = find_object(&f, golden);
		++*compared;
		if (i < 0)
			fault("%s: an object was not accepted: %s", name, buf_str(&f.said));
		else
			compare(name, &f, (size_t)i, golden);
	}
}

static void odd_but_good_files_become_what_the_server_made_of_them(void **state)
{
	static const char *const folders[] = { "accept", "batch", "config", "envelope", "names", "pod",
					       "quantity", "schema", "service", "size", "syntax", "workload" };
	size_t compared = 0;

	failures = 0;
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		char path[8192];
		_cleanup_closedir_ DIR *dir = NULL;

		(void)snprintf(path, sizeof(path), "%s/broken/golden/%s", corpus, folders[i]);
		dir = opendir(path);
		for (struct dirent *e; dir && (e = readdir(dir));)
			if (strstr(e->d_name, ".json"))
				compare_golden_file(folders[i], e->d_name, &compared);
	}
	printf("# %zu objects compared\n", compared);
	assert_in_range(compared, 40, 200);
	assert_int_equal(failures, 0);
}

/* Real files that the server refused: refused here too, but for old versions that mean the same. */
static void refused_files_are_refused(void **state)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	size_t checked = 0;
	char path[8192];
	char *line, *save;

	failures = 0;
	(void)snprintf(path, sizeof(path), "%s/index.tsv", corpus);
	assert_true(read_all(path, &text));
	for (line = strtok_r(text.data, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *column[7] = { NULL };
		_cleanup_file_ struct file f = { 0 };
		char name[4096];
		bool old;

		for (size_t i = 0; i < ARRAY_SIZE(column); i++)
			column[i] = line ? strsep(&line, "\t") : NULL;
		if (!column[6] || strcmp(column[0], "rejected-dev") != 0 || strcmp(column[6], "accepted") == 0)
			continue;
		if (!schema_kind_find(column[4], column[3]))
			continue;
		(void)snprintf(name, sizeof(name), "rejected/%s", column[1] + strlen("rejected/dev/"));
		f = load(name);
		old = strcmp(column[6], "no-match") == 0;
		checked++;
		if (!old && !f.diags.errors)
			fault("%s: accepted", column[1]);
		else if (old && !f.unknown_kind && f.diags.errors)
			fault("%s: refused: %s", column[1], buf_str(&f.said));
		else if (old && !strstr(buf_str(&f.said), column[4]))
			fault("%s: no warning of %s: %s", column[1], column[4], buf_str(&f.said));
	}
	printf("# %zu documents checked\n", checked);
	assert_in_range(checked, 30, 1000);
	assert_int_equal(failures, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(broken_files_give_what_is_expected),
		cmocka_unit_test(real_files_become_what_the_server_made_of_them),
		cmocka_unit_test(odd_but_good_files_become_what_the_server_made_of_them),
		cmocka_unit_test(refused_files_are_refused),
	};
	const char *given = getenv("PODFS_CORPUS"), *top = getenv("top_srcdir");
	_cleanup_closedir_ DIR *dir = NULL;

	if (given)
		(void)snprintf(corpus, sizeof(corpus), "%s", given);
	else
		(void)snprintf(corpus, sizeof(corpus), "%s/../shared/corpus", top ? top : ".");
	dir = opendir(corpus);
	if (!dir) {
		printf("1..0 # SKIP no corpus at %s (set PODFS_CORPUS)\n", corpus);
		return 0;
	}
	return cmocka_run_group_tests_name("corpus", tests, NULL, NULL);
}
