/* SPDX-License-Identifier: Apache-2.0 */
/* Fields as files, tables of pods, ages, times, base64: what needs no mount. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "value/base64.h"
#include "fs/fieldpath.h"
#include "fs/live.h"
#include "fs/tablerows.h"
#include "value/yaml.h"

static struct value *parse(struct arena *a, const char *text)
{
	struct yaml_document *docs;
	size_t n;

	assert_int_equal(yaml_read(text, strlen(text), NULL, a, &docs, &n, NULL, NULL), 0);
	assert_int_equal(n, 1);
	return docs[0].root;
}

static const char pod_text[] =
	"apiVersion: v1\n"
	"kind: Pod\n"
	"metadata:\n"
	"  name: p\n"
	"  labels: {app: web, a.b/c: x, a.b/d: dd, clash/e: z, clash: w}\n"
	"spec:\n"
	"  containers:\n"
	"  - name: one\n"
	"    image: i:1\n"
	"    args: [x, yy]\n"
	"    volumeMounts:\n"
	"    - {name: v, mountPath: /a/100%}\n"
	"    ports: [{containerPort: 53, protocol: UDP}, {containerPort: 53, protocol: TCP}]\n"
	"  - name: twin\n"
	"    image: i:2\n"
	"  - name: twin\n"
	"    image: i:3\n"
	"  nodeSelector: {k/l: m}\n"
	"status: {phase: Running}\n";

static struct field find(struct arena *a, const struct value *root, const char *path, int want)
{
	const struct schema_kind *kind = schema_kind_by_plural("pods");
	struct field f;

	(void)a;
	assert_int_equal(field_find(kind, root, path, &f), want);
	return f;
}

static void check_text(struct arena *a, const struct value *root, const char *path, const char *want)
{
	struct field f = find(a, root, path, 0);
	_cleanup_buf_ struct buf b = BUF_INIT;

	assert_int_equal(field_shape(&f), FIELD_FILE);
	field_text(&f, &b);
	assert_string_equal(buf_str(&b), want);
}

static void check_names(const struct value *root, const char *path, const char *want)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct field f = find(a, root, path, 0);
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct field_name *names;
	size_t n;

	assert_int_equal(field_names(&f, a, &names, &n), 0);
	for (size_t i = 0; i < n; i++)
		buf_printf(&b, "%s%s%s", i ? " " : "", names[i].name, names[i].dir ? "/" : "");
	assert_string_equal(buf_str(&b), want);
	/* What is listed is found. */
	for (size_t i = 0; i < n; i++) {
		struct field c;

		assert_int_equal(field_child(&f, names[i].name, &c), 0);
		assert_int_equal(field_shape(&c) == FIELD_DIR, names[i].dir);
	}
}

static void test_names(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct value *root = parse(a, pod_text);

	(void)state;
	check_names(root, "", "apiVersion kind metadata/ spec/ status/");
	check_names(root, "metadata", "name labels/ annotations/");
	check_names(root, "metadata/labels", "a.b/ app clash clash%2Fe");
	check_names(root, "metadata/labels/a.b", "c d");
	check_names(root, "spec/containers", "one/ 1/ 2/");
	check_names(root, "spec/containers/one/ports", "53,UDP/ 53,TCP/");
	check_names(root, "spec/containers/one/volumeMounts", "%2Fa%2F100%25/");
	check_names(root, "spec/nodeSelector", "k%2Fl");
	check_text(a, root, "spec/containers/one/image", "i:1\n");
	check_text(a, root, "spec/containers/2/image", "i:3\n");
	check_text(a, root, "spec/containers/one/args/1", "yy\n");
	check_text(a, root, "metadata/labels/a.b/d", "dd\n");
	check_text(a, root, "metadata/labels/clash%2Fe", "z\n");
	check_text(a, root, "spec/containers/one/ports/53,UDP/containerPort", "53\n");
	(void)find(a, root, "spec/containers/0", -ENOENT);
	(void)find(a, root, "spec/containers/twin", -ENOENT);
	(void)find(a, root, "spec/replicas", -ENOENT);
	(void)find(a, root, "spec/containers/one/image/x", -ENOENT);
	assert_true(find(a, root, "status/phase", 0).read_only);
	assert_true(find(a, root, "metadata/uid", -ENOENT).read_only);
	assert_false(find(a, root, "spec/containers/one/image", 0).read_only);
}

static void test_set(void **state)
{
	const struct schema_kind *kind = schema_kind_by_plural("pods");
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct value *root = parse(a, "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c}]}\n");

	(void)state;
	assert_int_equal(field_set(a, kind, root, "metadata/labels/tier", value_new_str(a, "x")), 0);
	assert_string_equal(value_str(value_path(root, "metadata", "labels", "tier")), "x");
	assert_int_equal(field_set(a, kind, root, "metadata/labels/app.io/name", value_new_str(a, "y")), 0);
	assert_string_equal(value_str(value_path(root, "metadata", "labels", "app.io/name")), "y");
	assert_int_equal(field_set(a, kind, root, "metadata/annotations/q%2Fr", value_new_str(a, "z")), 0);
	assert_string_equal(value_str(value_path(root, "metadata", "annotations", "q/r")), "z");
	assert_int_equal(field_set(a, kind, root, "spec/securityContext/runAsUser", value_new_int(a, 7)), 0);
	assert_int_equal(value_int(value_path(root, "spec", "securityContext", "runAsUser"), 0), 7);
	assert_int_equal(field_set(a, kind, root, "spec/containers/c/image", value_new_str(a, "i")), 0);
	assert_string_equal(value_str(value_get(value_at(value_path(root, "spec", "containers"), 0), "image")), "i");
	assert_int_equal(field_set(a, kind, root, "spec/nosuch", value_new_str(a, "i")), -ENOENT);
	assert_int_equal(field_set(a, kind, root, "spec/containers/d/image", value_new_str(a, "i")), -ENOENT);
	assert_int_equal(field_set(a, kind, root, "metadata/labels/tier", NULL), 0);
	assert_null(value_path(root, "metadata", "labels", "tier"));
	assert_int_equal(field_set(a, kind, root, "metadata/labels/never", NULL), 0);
}

static void test_encoding(void **state)
{
	static const struct {
		const char *key, *name;
	} pairs[] = { { "a", "a" }, { "a/b", "a%2Fb" }, { "100%", "100%25" }, { ".", "%2E" }, { "..", "%2E%2E" },
		      { "", "%" }, { "x\ny", "x%0Ay" }, { ".env", ".env" } };
	char key[FIELD_KEY_MAX + 1];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		_cleanup_buf_ struct buf b = BUF_INIT;

		field_encode(pairs[i].key, &b);
		assert_string_equal(buf_str(&b), pairs[i].name);
		assert_true(field_decode(pairs[i].name, key));
		assert_string_equal(key, pairs[i].key);
	}
	assert_false(field_decode("a%zz", key));
	assert_false(field_decode("a%2", key));
	assert_false(field_decode("a%00", key));
}

static void test_data(void **state)
{
	const struct schema_kind *kind = schema_kind_by_plural("configmaps");
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct value *root = parse(a, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n"
				      "data: {.env: \"no newline\", nl: \"x\\n\"}\nbinaryData: {b: AAEC}\n");
	_cleanup_diag_list_ struct diag_list diags = DIAG_LIST_INIT;
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct value *v;
	struct field f;

	(void)state;
	assert_int_equal(field_find(kind, root, "data/.env", &f), 0);
	field_text(&f, &b);
	assert_string_equal(buf_str(&b), "no newline");
	assert_true(field_at_close(&f));
	assert_int_equal(field_parse(&f, "a\nb\n", 4, a, &diags, &v), 0);
	assert_string_equal(value_str(v), "a\nb\n");
	assert_int_equal(field_parse(&f, "\xff", 1, a, &diags, &v), -EINVAL);
	assert_int_equal(field_find(kind, root, "binaryData/b", &f), 0);
	b.len = 0;
	field_text(&f, &b);
	assert_int_equal(b.len, 3);
	assert_memory_equal(b.data, "\0\1\2", 3);
	assert_int_equal(field_parse(&f, "\0\1\2\3", 4, a, &diags, &v), 0);
	assert_string_equal(value_str(v), "AAECAw==");
	assert_int_equal(field_find(kind, root, "data/new", &f), -ENOENT);
	assert_true(field_can_make(&f));
}

static void test_base64(void **state)
{
	/* RFC 4648 section 10 */
	static const char *const plain[] = { "", "f", "fo", "foo", "foob", "fooba", "foobar" };
	static const char *const coded[] = { "", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(plain); i++) {
		_cleanup_buf_ struct buf b = BUF_INIT, c = BUF_INIT;

		base64_encode(plain[i], strlen(plain[i]), &b);
		assert_string_equal(buf_str(&b), coded[i]);
		base64_decode(coded[i], strlen(coded[i]), &c);
		assert_string_equal(buf_str(&c), plain[i]);
	}
}

static void test_age(void **state)
{
	static const struct {
		int64_t s;
		const char *want;
	} cases[] = { { -5, "<invalid>" }, { -1, "0s" }, { 0, "0s" }, { 119, "119s" }, { 120, "2m" }, { 150, "2m30s" },
		      { 600, "10m" }, { 10799, "179m" }, { 10800, "3h" }, { 12000, "3h20m" }, { 28800, "8h" },
		      { 172799, "47h" }, { 172800, "2d" }, { 180000, "2d2h" }, { 691200, "8d" }, { 63071999, "729d" },
		      { 63072000, "2y" }, { 63158400, "2y1d" }, { 252288000, "8y" } };
	char out[AGE_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(rows_age(cases[i].s * NSEC_PER_SEC, out), cases[i].want);
}

static void check_pod(const char *text, const char *status, unsigned ready, unsigned total, int64_t restarts)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct pod_summary s;

	pod_summarize(parse(a, text), &s);
	assert_string_equal(s.status, status);
	assert_int_equal(s.ready, ready);
	assert_int_equal(s.total, total);
	assert_int_equal(s.restarts, restarts);
}

#define ONE "spec: {containers: [{name: a}]}\n"
#define TWO "spec: {containers: [{name: a}, {name: b}]}\n"
#define INIT "spec: {initContainers: [{name: i}, {name: s, restartPolicy: Always}], containers: [{name: a}]}\n"

static void test_status(void **state)
{
	(void)state;
	check_pod(ONE "status: {phase: Pending}\n", "Pending", 0, 1, 0);
	check_pod(ONE "status: {phase: Running, containerStatuses: [{name: a, ready: true, restartCount: 2, state: "
		      "{running: {}}}]}\n", "Running", 1, 1, 2);
	check_pod(ONE "status: {phase: Pending, containerStatuses: [{name: a, state: {waiting: {reason: "
		      "ContainerCreating}}}]}\n", "ContainerCreating", 0, 1, 0);
	check_pod(ONE "status: {phase: Running, containerStatuses: [{name: a, restartCount: 4, state: {waiting: {reason: "
		      "CrashLoopBackOff}}}]}\n", "CrashLoopBackOff", 0, 1, 4);
	check_pod(ONE "status: {phase: Succeeded, containerStatuses: [{name: a, state: {terminated: {reason: Completed, "
		      "exitCode: 0}}}]}\n", "Completed", 0, 1, 0);
	check_pod(ONE "status: {phase: Failed, containerStatuses: [{name: a, state: {terminated: {exitCode: 3}}}]}\n",
		  "ExitCode:3", 0, 1, 0);
	check_pod(ONE "status: {phase: Failed, containerStatuses: [{name: a, state: {terminated: {signal: 9, exitCode: "
		      "137}}}]}\n", "Signal:9", 0, 1, 0);
	check_pod(TWO "status: {phase: Running, conditions: [{type: Ready, status: 'True'}], containerStatuses: [{name: a, "
		      "state: {terminated: {reason: Completed, exitCode: 0}}}, {name: b, ready: true, state: {running: "
		      "{}}}]}\n", "Running", 1, 2, 0);
	check_pod(TWO "status: {phase: Running, containerStatuses: [{name: a, state: {terminated: {reason: Completed, "
		      "exitCode: 0}}}, {name: b, ready: true, state: {running: {}}}]}\n", "NotReady", 1, 2, 0);
	check_pod(TWO "status: {phase: Failed, containerStatuses: [{name: a, state: {terminated: {reason: Completed, "
		      "exitCode: 0}}}, {name: b, state: {terminated: {reason: Error, exitCode: 1}}}]}\n", "Error", 0, 2,
		  0);
	check_pod("metadata: {deletionTimestamp: x}\n" ONE "status: {phase: Running}\n", "Terminating", 0, 1, 0);
	check_pod("metadata: {deletionTimestamp: x}\n" ONE "status: {phase: Succeeded}\n", "Succeeded", 0, 1, 0);
	check_pod("metadata: {deletionTimestamp: x}\n" ONE "status: {phase: Running, reason: NodeLost}\n", "Unknown", 0, 1,
		  0);
	check_pod(ONE "status: {phase: Failed, reason: Evicted}\n", "Evicted", 0, 1, 0);
	check_pod(INIT "status: {phase: Pending, initContainerStatuses: [{name: i, state: {running: {}}}]}\n", "Init:0/2", 0,
		  2, 0);
	check_pod(INIT "status: {phase: Pending, initContainerStatuses: [{name: i, restartCount: 1, state: {waiting: "
		       "{reason: CrashLoopBackOff}}}]}\n", "Init:CrashLoopBackOff", 0, 2, 1);
	check_pod(INIT "status: {phase: Pending, initContainerStatuses: [{name: i, state: {terminated: {exitCode: 2}}}]}\n",
		  "Init:ExitCode:2", 0, 2, 0);
	check_pod(INIT "status: {phase: Running, initContainerStatuses: [{name: i, state: {terminated: {exitCode: 0}}}, "
		       "{name: s, started: true, ready: true, state: {running: {}}}], containerStatuses: [{name: a, ready: "
		       "true, state: {running: {}}}]}\n", "Running", 2, 2, 0);
}

static void test_table(void **state)
{
	_cleanup_rows_ struct rows t = ROWS_INIT;
	_cleanup_buf_ struct buf b = BUF_INIT;

	(void)state;
	rows_cell(&t, "NAME");
	rows_cell(&t, "B");
	rows_end_header(&t);
	rows_cell(&t, "x\x1b[1m");
	rows_cell(&t, "");
	rows_cell(&t, "\xc3\xa4");
	rows_cell(&t, "y");
	rows_write(&t, &b);
	assert_string_equal(buf_str(&b), "NAME       B\nx\\x1b[1m   <none>\n\xc3\xa4          y\n");
}

static void test_times(void **state)
{
	struct fs_times t = { NULL, 0 };

	(void)state;
	assert_int_equal(fs_times_find(&t, 5), 0);
	for (uint64_t i = 1; i <= 3 * FS_TIMES_MAX; i++)
		fs_times_add(&t, i, (int64_t)i * NSEC_PER_SEC);
	assert_true(t.n <= FS_TIMES_MAX);
	assert_int_equal(fs_times_find(&t, 0), 0);
	assert_int_equal(fs_times_find(&t, 3 * FS_TIMES_MAX), 3 * FS_TIMES_MAX * NSEC_PER_SEC);
	assert_int_equal(fs_times_find(&t, UINT64_MAX), 3 * FS_TIMES_MAX * NSEC_PER_SEC);
	assert_int_equal(fs_times_find(&t, 1), NSEC_PER_SEC);
	for (uint64_t i = 2; i <= 3 * FS_TIMES_MAX; i++)
		assert_true(fs_times_find(&t, i - 1) <= fs_times_find(&t, i));
	free(t.items);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),  cmocka_unit_test(test_set),    cmocka_unit_test(test_encoding),
		cmocka_unit_test(test_data),   cmocka_unit_test(test_base64), cmocka_unit_test(test_age),
		cmocka_unit_test(test_status), cmocka_unit_test(test_table),  cmocka_unit_test(test_times),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
