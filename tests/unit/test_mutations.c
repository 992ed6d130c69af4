/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "Bad input": 10,000 manifests, mutated with a fixed seed, are accepted or refused with a reason; none crashes, or takes
 * longer than a second. `test_mutations DIR COUNT` writes the first of them to files instead, for a test through the
 * mount: DIR/N.PLURAL.yaml.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "schema/manifest.h"
#include "schema/schema.h"

enum { MUTATIONS = 10000, CHANGES_MAX = 8 };

static const struct {
	const char *plural, *text;
} seeds[] = {
	{ "pods", "apiVersion: v1\nkind: Pod\nmetadata:\n  name: mutant\n  labels: {app: web, tier: front}\n  annotations:\n"
		  "    note: |\n      two\n      lines\nspec:\n  restartPolicy: OnFailure\n  terminationGracePeriodSeconds: 5\n"
		  "  securityContext: {runAsUser: 1000, fsGroup: 2000, sysctls: [{name: net.ipv4.tcp_syncookies, value: \"1\"}]}\n"
		  "  volumes:\n  - name: v\n    emptyDir: {sizeLimit: 1Gi}\n  - name: c\n    configMap: {name: m, items: [{key: a, path: b}]}\n"
		  "  containers:\n  - name: app\n    image: nginx:1.14.2\n    command: [\"sh\", \"-c\", 'sleep 1']\n    env:\n"
		  "    - {name: A, value: \"1\"}\n    - name: B\n      valueFrom: {fieldRef: {fieldPath: metadata.name}}\n"
		  "    ports: [{containerPort: 80, protocol: TCP}]\n    resources:\n      requests: {cpu: 100m, memory: 64Mi}\n"
		  "      limits: {cpu: \"1\", memory: 1Gi}\n    livenessProbe: {httpGet: {path: /, port: 80}, periodSeconds: 3}\n"
		  "    volumeMounts: [{name: v, mountPath: /v}, {name: c, mountPath: /c, readOnly: true}]\n" },
	{ "deployments", "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: mutant\nspec:\n  replicas: 0\n  selector:\n"
			 "    matchLabels: &labels\n      app: web\n    matchExpressions:\n    - {key: tier, operator: NotIn, values: [a, b]}\n"
			 "  strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 25%, maxUnavailable: 1}}\n  template:\n"
			 "    metadata:\n      labels: *labels\n    spec:\n      containers:\n      - {name: app, image: nginx:1}\n" },
	{ "configmaps", "{\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\", \"metadata\": {\"name\": \"mutant\", \"labels\": "
			"{\"example.com/a\": \"b\"}}, \"data\": {\"a.conf\": \"x = 1\\n\\ty = \\u00e9\\n\", \"b\": \"\"}, "
			"\"binaryData\": {\"c\": \"AAEC\"}, \"immutable\": false}\n" },
	{ "services", "apiVersion: v1\nkind: Service\nmetadata: {name: mutant}\nspec:\n  type: ClusterIP\n  selector: {app: web}\n"
		      "  ports:\n  - {name: http, port: 80, targetPort: http, protocol: TCP}\n  - {name: dns, port: 53, protocol: UDP}\n"
		      "  sessionAffinity: ClientIP\n  sessionAffinityConfig: {clientIP: {timeoutSeconds: 10}}\n" },
	{ "jobs", "apiVersion: batch/v1\nkind: Job\nmetadata: {name: mutant}\nspec:\n  suspend: true\n  completions: 3\n"
		  "  parallelism: 2\n  backoffLimit: 4\n  template:\n    spec:\n      restartPolicy: Never\n"
		  "      containers: [{name: c, image: a, args: [\"1\", \"2\"]}]\n" },
	{ "cronjobs", "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: mutant}\nspec:\n  schedule: \"*/5 1-3 * jan,feb mon\"\n"
		      "  timeZone: Europe/Berlin\n  suspend: true\n  concurrencyPolicy: Forbid\n  jobTemplate:\n    spec:\n      template:\n"
		      "        spec:\n          restartPolicy: OnFailure\n          containers: [{name: c, image: a}]\n" },
	{ "resourcequotas", "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: mutant}\nspec:\n  hard: {pods: 10, requests.cpu: 1.5, "
			    "limits.memory: 12e6, count/jobs.batch: 3}\n  scopes: [NotTerminating]\n" },
	{ "networkpolicies", "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: mutant}\nspec:\n"
			     "  podSelector: {matchLabels: {app: a}}\n  policyTypes: [Ingress]\n  ingress:\n  - from:\n"
			     "    - ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}\n    ports: [{port: 80, endPort: 90}]\n" },
};

/* What is put in: YAML's own marks, values at the edges of types, what terminals and parsers choke on. */
static const char *const tokens[] = {
	"\n", " ", "\t", ":", ": ", "- ", "{", "}", "[", "]", ",", "\"", "'", "|", ">", "&a ", "*a", "*labels", "!!binary ",
	"!!int ", "---\n", "...\n", "%YAML 1.3\n", "#", "~", "null", "true", "yes", "NaN", ".inf", "-1", "0", "0644", "1e999",
	"9223372036854775808", "-9223372036854775809", "99999999999999999999999", "1.5", "0x", "\\u0000", "\xff", "\xc3", "\xef\xbb\xbf",
	"\x1b[31m", "\xe2\x80\xa8", "<<: *labels\n", "kind: List\nitems:\n", "metadata", "name", "spec", "status: {}\n",
	"apiVersion: v1\n", "kind: Secret\n", "{{{{{{{{{{{{{{{{", "[[[[[[[[[[[[[[[[", "\r\n", "a: &x [*x]\n",
};

static uint64_t state_of_random;

/* xorshift64*: the same everywhere. */
static uint32_t rnd(uint32_t below)
{
	state_of_random ^= state_of_random >> 12;
	state_of_random ^= state_of_random << 25;
	state_of_random ^= state_of_random >> 27;
	return (uint32_t)((state_of_random * UINT64_C(2685821657736338717)) >> 32) % below;
}

static void replace(struct buf *b, size_t at, size_t remove, const char *with, size_t len)
{
	_cleanup_buf_ struct buf out = BUF_INIT;

	buf_append(&out, b->data, at);
	buf_append(&out, with, len);
	buf_append(&out, b->data + at + remove, b->len - at - remove);
	assert_false(buf_failed(&out));
	buf_clear(b);
	buf_append(b, out.data, out.len);
	assert_false(buf_failed(b));
}

/* The start and length of a line. */
static size_t line_at(const struct buf *b, size_t near, size_t *ret_len)
{
	const char *end;
	size_t at = near;

	while (at && b->data[at - 1] != '\n')
		at--;
	end = memchr(b->data + at, '\n', b->len - at);
	*ret_len = end ? (size_t)(end - b->data) - at + 1 : b->len - at;
	return at;
}

static void change(struct buf *b)
{
	size_t at = b->len ? rnd((uint32_t)b->len) : 0, len = 0, from;
	const char *token = tokens[rnd((uint32_t)ARRAY_SIZE(tokens))];
	char byte = (char)rnd(256), line[512];

	if (!b->len) {
		buf_puts(b, token);
		return;
	}
	switch (rnd(8)) {
	case 0:
		b->data[at] = byte;
		break;
	case 1:
		replace(b, at, rnd((uint32_t)(b->len - at < 8 ? b->len - at : 8) + 1), "", 0);
		break;
	case 2:
	case 3:
		replace(b, at, 0, token, strlen(token));
		break;
	case 4: /* a line goes */
		from = line_at(b, at, &len);
		replace(b, from, len, "", 0);
		break;
	case 5: /* a line comes twice, somewhere else */
		from = line_at(b, at, &len);
		len = len < sizeof(line) ? len : sizeof(line);
		memcpy(line, b->data + from, len);
		from = line_at(b, rnd((uint32_t)b->len), &(size_t){ 0 });
		replace(b, from, 0, line, len);
		break;
	case 6: /* a line moves in or out */
		from = line_at(b, at, &len);
		if (rnd(2) || b->data[from] != ' ')
			replace(b, from, 0, "  ", 1 + rnd(2));
		else
			replace(b, from, 1, "", 0);
		break;
	default: /* a value becomes another */
		from = line_at(b, at, &len);
		for (at = from; at < from + len && b->data[at] != ':';)
			at++;
		if (at + 1 < from + len)
			replace(b, at + 1, from + len - at - 2, token, strlen(token));
		break;
	}
}

static void mutate(size_t number, struct buf *out)
{
	state_of_random = UINT64_C(0x9e3779b97f4a7c15) * (number + 1);
	buf_puts(out, seeds[number % ARRAY_SIZE(seeds)].text);
	for (uint32_t n = 1 + rnd(CHANGES_MAX); n; n--)
		change(out);
}

static double seconds(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Whether it is accepted. */
static bool judge(const char *text, size_t len)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_diag_list_ struct diag_list diags = DIAG_LIST_INIT;
	_cleanup_buf_ struct buf said = BUF_INIT;
	struct schema_manifest_object *objects = NULL;
	size_t n = 0;
	int r = schema_manifest_read(text, len, a, &diags, &objects, &n);

	for (size_t i = 0; r == 0 && i < n; i++) {
		const struct schema_kind *kind = NULL;

		r = schema_admit(objects[i].root, a, &diags, &kind);
		assert_true(r < 0 || kind);
	}
	diag_format(&diags, "f", &said);
	assert_false(diags.failed);
	if (r == 0) {
		assert_int_equal(diags.errors, 0);
		return true;
	}
	if (r != -EINVAL && r != -EPERM && r != -EFBIG)
		fail_msg("errno %d", -r);
	assert_true(diags.errors > 0);
	for (size_t i = 0; i < diags.n; i++)
		assert_true(diags.items[i].message && *diags.items[i].message);
	for (size_t i = 0; i < said.len; i++) /* nothing that a terminal obeys */
		if (((unsigned char)said.data[i] < 0x20 && said.data[i] != '\n') || said.data[i] == 0x7f)
			fail_msg("a control character in: %s", buf_str(&said));
	return false;
}

static void test_mutations(void **state)
{
	const char *slow = getenv("PODFS_TEST_SLOWNESS");
	double allowed = slow && *slow ? strtod(slow, NULL) : 1, longest = 0;
	size_t accepted = 0;

	for (size_t i = 0; i < ARRAY_SIZE(seeds); i++)
		if (!judge(seeds[i].text, strlen(seeds[i].text)))
			fail_msg("the %s that is mutated is refused itself", seeds[i].plural);
	for (size_t i = 0; i < MUTATIONS; i++) {
		_cleanup_buf_ struct buf text = BUF_INIT;
		double start = seconds(), took;

		mutate(i, &text);
		accepted += judge(buf_str(&text), text.len);
		took = seconds() - start;
		longest = took > longest ? took : longest;
		if (took > allowed)
			fail_msg("mutation %zu took %f s:\n%s", i, took, buf_str(&text));
	}
	print_message("# %zu of %d accepted, the longest took %.1f ms\n", accepted, MUTATIONS, longest * 1e3);
	assert_in_range(accepted, MUTATIONS / 100, MUTATIONS - MUTATIONS / 4); /* the mutations are neither all noise nor none */
}

static int write_files(const char *dir, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		_cleanup_buf_ struct buf text = BUF_INIT;
		_cleanup_fclose_ FILE *f = NULL;
		char path[4096];

		mutate(i, &text);
		(void)snprintf(path, sizeof(path), "%s/%zu.%s.yaml", dir, i, seeds[i % ARRAY_SIZE(seeds)].plural);
		f = fopen(path, "we");
		if (!f || (text.len && fwrite(text.data, 1, text.len, f) != text.len))
			return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_mutations) };

	if (argc == 3)
		return write_files(argv[1], (size_t)strtoul(argv[2], NULL, 10));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
