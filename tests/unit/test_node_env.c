/* SPDX-License-Identifier: Apache-2.0 */
/* What a container is given: environment, command line, files in /etc; and the formulas of its cgroup. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/remove.h"
#include "node/cgroup.h"
#include "node/env.h"
#include "node/pod_files.h"
#include "node/volume.h"
#include "value/json.h"

static const char *const none[] = { NULL };

static struct value *parse(struct arena *a, const char *text)
{
	struct value *v = NULL;

	assert_int_equal(json_read(text, strlen(text), NULL, a, &v, NULL, NULL), 0);
	return v;
}

static struct object *make_pod(const char *spec)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	char text[4096];
	struct object *pod;

	(void)snprintf(text, sizeof(text),
		       "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\",\"namespace\":\"ns\",\"uid\":"
		       "\"00000000-0000-4000-8000-000000000001\",\"labels\":{\"a\":\"1\",\"x/b\":\"2\"},\"annotations\":{\"n\":\"t\"}},"
		       "\"spec\":%s}", spec);
	pod = object_for_test(parse(a, text), 1);
	assert_non_null(pod);
	return pod;
}

static struct sources sources_of(const struct object *pod)
{
	return (struct sources){ .pod = pod, .pod_ip = "10.0.0.9", .host_ip = "192.0.2.1", .hostname = "host" };
}

static void expansion(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "", "" },		   { "$(A)", "one" },	    { "x$(A)y$(B)z", "xoneytwoz" }, { "$(NO)", "$(NO)" },
		{ "$$(A)", "$(A)" },	   { "$$$(A)", "$one" },    { "$A", "$A" },		    { "$", "$" },
		{ "$(A", "$(A" },	   { "$()", "$()" },	    { "$$", "$" },		    { "$(PATH)", "$(PATH)" },
		{ "$(A)$(A)", "oneone" }, { "$(A$(B))", "$(A$(B))" }, { "a$$b", "a$b" },
	};
	_cleanup_arena_ struct arena *a = arena_new(0);
	const char *items[] = { "PATH=/bin", "A=one", "B=two", NULL };
	const struct env_list env = { .items = items, .n = 3, .declared = items + 1, .n_declared = 2 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(env_expand(a, cases[i].text, &env), cases[i].want);
}

static void environment(void **state)
{
	static const char *const image_env[] = { "PATH=/img", "LANG=C", "broken", NULL };
	static const char *const want[] = { "PATH=/img", "LANG=own", "HOSTNAME=host", "A=1", "B=1-$(C)", "C=p.ns", "D=2",
					    "E=t", "F=10.0.0.9", "G=192.0.2.1", "H=last", "I=00000000-0000-4000-8000-000000000001",
					    "J=$(LANG2)" };
	const struct image_config image = { .entrypoint = none, .cmd = none, .env = image_env };
	_cleanup_object_ struct object *pod = make_pod("{\"containers\":[]}");
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_error_ struct error err = ERROR_INIT;
	struct sources sources = sources_of(pod);
	const char *skipped = NULL;
	struct env_list env;
	const struct value *c = parse(a,
		"{\"env\":[{\"name\":\"A\",\"value\":\"1\"},{\"name\":\"B\",\"value\":\"$(A)-$(C)\"},"
		"{\"name\":\"C\",\"value\":\"x\"},"
		"{\"name\":\"D\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"metadata.labels['x/b']\"}}},"
		"{\"name\":\"E\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"metadata.annotations['n']\"}}},"
		"{\"name\":\"F\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"status.podIP\"}}},"
		"{\"name\":\"G\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"status.hostIP\"}}},"
		"{\"name\":\"H\",\"value\":\"first\"},{\"name\":\"H\",\"value\":\"last\"},"
		"{\"name\":\"I\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"metadata.uid\"}}},"
		"{\"name\":\"J\",\"value\":\"$(LANG2)\"},{\"name\":\"LANG\",\"value\":\"own\"},{\"name\":\"C\",\"value\":\"p.ns\"}]}");

	assert_int_equal(env_build(a, &sources, c, &image, &env, &skipped, &err), 0);
	assert_int_equal(env.n, sizeof(want) / sizeof(want[0]));
	for (size_t i = 0; i < env.n; i++)
		assert_string_equal(env.items[i], want[i]);
	assert_null(env.items[env.n]);
	c = parse(a, "{\"env\":[{\"name\":\"X\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"spec.nothing\"}}}]}");
	assert_int_equal(env_build(a, &sources, c, &image, &env, &skipped, &err), -EINVAL);
	assert_non_null(strstr(error_text(&err), "spec.nothing"));
}

/* --- services --- */

static const struct {
	const char *ns, *name, *spec;
} services[] = {
	{ "default", "kubernetes", "{\"clusterIP\":\"10.96.0.1\",\"ports\":[{\"name\":\"https\",\"port\":443,\"protocol\":\"TCP\"}]}" },
	{ "ns", "dns", "{\"clusterIP\":\"fd00::a\",\"ports\":[{\"name\":\"dns\",\"port\":53,\"protocol\":\"UDP\"},"
		       "{\"name\":\"dns-tcp\",\"port\":53,\"protocol\":\"TCP\"}]}" },
	{ "ns", "far", "{\"type\":\"ExternalName\",\"externalName\":\"example.org\"}" },
	{ "ns", "headless", "{\"clusterIP\":\"None\",\"ports\":[{\"port\":80}]}" },
	{ "ns", "my-web", "{\"clusterIP\":\"10.96.0.7\",\"ports\":[{\"port\":8080,\"protocol\":\"TCP\"}]}" },
	{ "other", "else", "{\"clusterIP\":\"10.96.0.9\",\"ports\":[{\"port\":1}]}" },
};

static struct object *make_service(size_t i)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	char text[1024];

	(void)snprintf(text, sizeof(text), "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"%s\","
		       "\"namespace\":\"%s\"},\"spec\":%s}", services[i].name, services[i].ns, services[i].spec);
	return object_for_test(parse(a, text), 1);
}

static struct object *find_service(void *arg, const char *plural, const char *ns, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(services) && !strcmp(plural, "services"); i++)
		if (!strcmp(services[i].ns, ns) && !strcmp(services[i].name, name))
			return make_service(i);
	return NULL;
}

static int list_services(void *arg, const char *plural, const char *ns, struct object_list *ret)
{
	assert_string_equal(plural, "services");
	for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
		_cleanup_object_ struct object *o = strcmp(services[i].ns, ns) ? NULL : make_service(i);

		if (o)
			assert_int_equal(object_list_add(ret, o), 0);
	}
	return 0;
}

#define MASTER(ip) \
	"KUBERNETES_SERVICE_HOST=" ip, "KUBERNETES_SERVICE_PORT=443", "KUBERNETES_SERVICE_PORT_HTTPS=443", \
		"KUBERNETES_PORT=tcp://" ip ":443", "KUBERNETES_PORT_443_TCP=tcp://" ip ":443", "KUBERNETES_PORT_443_TCP_PROTO=tcp", \
		"KUBERNETES_PORT_443_TCP_PORT=443", "KUBERNETES_PORT_443_TCP_ADDR=" ip

/* Builds the environment of a pod of that spec, with the services above, and compares what follows the PATH. */
static void check_services(const char *spec, const char *const *want, size_t n)
{
	static const char *const image_env[] = { "MY_WEB_SERVICE_HOST=image", NULL };
	const struct image_config image = { .entrypoint = none, .cmd = none, .env = image_env };
	_cleanup_object_ struct object *pod = make_pod(spec);
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_error_ struct error err = ERROR_INIT;
	struct sources sources = sources_of(pod);
	const char *skipped = NULL;
	struct env_list env;
	const struct value *c = parse(a, "{\"env\":[{\"name\":\"MY_WEB_SERVICE_PORT\",\"value\":\"own\"},"
		"{\"name\":\"URL\",\"value\":\"http://$(MY_WEB_SERVICE_HOST):$(MY_WEB_SERVICE_PORT)\"}]}");

	sources.find = find_service;
	sources.list = list_services;
	assert_int_equal(env_build(a, &sources, c, &image, &env, &skipped, &err), 0);
	for (size_t i = 0; i < n && i + 1 < env.n; i++)
		assert_string_equal(env.items[i + 1], want[i]);
	assert_int_equal(env.n, n + 1);
}

/* K8S:pkg/kubelet/envvars */
static void services_in_the_environment(void **state)
{
	static const char *const all[] = {
		"MY_WEB_SERVICE_HOST=10.96.0.7", "HOSTNAME=host", MASTER("10.96.0.1"), "DNS_SERVICE_HOST=fd00::a", "DNS_SERVICE_PORT=53",
		"DNS_SERVICE_PORT_DNS=53", "DNS_SERVICE_PORT_DNS_TCP=53", "DNS_PORT=udp://[fd00::a]:53",
		"DNS_PORT_53_UDP=udp://[fd00::a]:53", "DNS_PORT_53_UDP_PROTO=udp", "DNS_PORT_53_UDP_PORT=53",
		"DNS_PORT_53_UDP_ADDR=fd00::a", "DNS_PORT_53_TCP=tcp://[fd00::a]:53", "DNS_PORT_53_TCP_PROTO=tcp",
		"DNS_PORT_53_TCP_PORT=53", "DNS_PORT_53_TCP_ADDR=fd00::a", "MY_WEB_SERVICE_PORT=own",
		"MY_WEB_PORT=tcp://10.96.0.7:8080", "MY_WEB_PORT_8080_TCP=tcp://10.96.0.7:8080", "MY_WEB_PORT_8080_TCP_PROTO=tcp",
		"MY_WEB_PORT_8080_TCP_PORT=8080", "MY_WEB_PORT_8080_TCP_ADDR=10.96.0.7", "URL=http://10.96.0.7:own" };
	static const char *const master_only[] = { "MY_WEB_SERVICE_HOST=image", "HOSTNAME=host", MASTER("10.96.0.1"),
						   "MY_WEB_SERVICE_PORT=own", "URL=http://$(MY_WEB_SERVICE_HOST):own" };

	check_services("{\"containers\":[],\"enableServiceLinks\":true}", all, ARRAY_SIZE(all));
	check_services("{\"containers\":[],\"enableServiceLinks\":false}", master_only, ARRAY_SIZE(master_only));
}

/* Many names: each is found again, and the order is kept. */
static void a_thousand_variables(void **state)
{
	enum { N = 1000 };
	_cleanup_object_ struct object *pod = make_pod("{\"containers\":[]}");
	const struct image_config image = { .entrypoint = none, .cmd = none, .env = none };
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_error_ struct error err = ERROR_INIT;
	struct sources sources = sources_of(pod);
	struct value *c = value_new_map(a), *list = value_set_list(a, c, "env");
	const char *skipped = NULL;
	struct env_list env;

	for (int i = 0; i < 2 * N; i++) {
		struct value *entry = value_append(a, list, value_new_map(a));

		value_set(a, entry, "name", value_new_strf(a, "V%d", i % N));
		value_set(a, entry, "value", value_new_strf(a, "%d", i));
	}
	assert_int_equal(env_build(a, &sources, c, &image, &env, &skipped, &err), 0);
	assert_int_equal(env.n, N + 2);
	for (int i = 0; i < N; i++)
		assert_string_equal(env.items[i + 2], arena_printf(a, "V%d=%d", i, i + N));
}

static void command_lines(void **state)
{
	static const char *const entrypoint[] = { "entry", "$(A)", NULL }, *const cmd[] = { "cmd", NULL };
	static const struct {
		const char *container, *want; /* words joined by a blank */
	} cases[] = {
		{ "{}", "entry $(A) cmd" }, /* the image's own words are not expanded */
		{ "{\"command\":[\"mine\"]}", "mine" },
		{ "{\"args\":[\"x\",\"$(A)\"]}", "entry $(A) x one" },
		{ "{\"command\":[\"mine\",\"$$(A)\"],\"args\":[\"$(A)\"]}", "mine $(A) one" },
	};
	const struct image_config image = { .entrypoint = entrypoint, .cmd = cmd, .env = none };
	const struct image_config empty = { .entrypoint = none, .cmd = none, .env = none };
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_error_ struct error err = ERROR_INIT;
	const char *items[] = { "A=one", NULL };
	const struct env_list env = { .items = items, .n = 1, .declared = items, .n_declared = 1 };
	struct env_list argv;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[256] = "";

		assert_int_equal(env_argv(a, parse(a, cases[i].container), &image, &env, &argv, &err), 0);
		for (size_t k = 0, n = 0; k < argv.n; k++)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", k ? " " : "", argv.items[k]);
		assert_string_equal(text, cases[i].want);
	}
	assert_int_equal(env_argv(a, parse(a, "{}"), &empty, &env, &argv, &err), -EINVAL);
}

static void cgroup_formulas(void **state)
{
	static const struct {
		int64_t milli;
		uint64_t shares, weight;
		int64_t quota;
	} cases[] = {
		{ 0, 2, 1, 1000 },	       { 1, 2, 1, 1000 },	      { 10, 10, 4, 1000 },
		{ 100, 102, 17, 10000 },       { 1000, 1024, 100, 100000 },   { 2000, 2048, 174, 200000 },
		{ 256000, 262144, 10000, 25600000 }, { 1000000, 262144, 10000, 100000000 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(cgroup_shares(cases[i].milli), cases[i].shares);
		assert_int_equal(cgroup_weight(cases[i].milli), cases[i].weight);
		assert_int_equal(cgroup_quota(cases[i].milli), cases[i].quota);
	}
	for (int64_t milli = 1; milli < 300000; milli += 7)
		assert_true(cgroup_weight(milli) <= cgroup_weight(milli + 7));
}

static char *write_temp(const char *dir, const char *name, const char *text)
{
	static char path[256];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "we");
	assert_non_null(f);
	(void)fputs(text, f);
	(void)fclose(f);
	return strdup(path);
}

static void resolver_files(void **state)
{
	static const struct {
		const char *spec, *host, *upstream, *want;
	} cases[] = {
		{ "{}", "nameserver 192.0.2.1\nsearch x y\noptions edns0\n", "", "search x y\nnameserver 192.0.2.1\noptions edns0\n" },
		{ "{}", "# no\n; no\nsearch a\nsearch b\nnameserver 1.1.1.1", "", "search b\nnameserver 1.1.1.1\n" },
		{ "{}", "nameserver 127.0.0.53\n", "nameserver 192.0.2.2\n", "nameserver 192.0.2.2\n" },
		{ "{\"hostNetwork\":true}", "nameserver 127.0.0.53\n", "nameserver 192.0.2.2\n", "nameserver 127.0.0.53\n" },
		{ "{}", "nameserver 1.1.1.1\nnameserver 1.1.1.2\nnameserver 1.1.1.3\nnameserver 1.1.1.4\n", "",
		  "nameserver 1.1.1.1\nnameserver 1.1.1.2\nnameserver 1.1.1.3\n" },
		{ "{\"dnsPolicy\":\"None\",\"dnsConfig\":{\"nameservers\":[\"9.9.9.9\"]}}", "nameserver 1.1.1.1\n", "",
		  "nameserver 9.9.9.9\n" },
		{ "{\"dnsPolicy\":\"Default\",\"dnsConfig\":{\"nameservers\":[\"1.1.1.1\",\"9.9.9.9\"],\"searches\":[\"z\"],"
		  "\"options\":[{\"name\":\"ndots\",\"value\":\"2\"},{\"name\":\"debug\"}]}}",
		  "nameserver 1.1.1.1\nsearch a\noptions ndots:5 rotate\n", "",
		  "search a z\nnameserver 1.1.1.1\nnameserver 9.9.9.9\noptions ndots:2 rotate debug\n" },
		{ "{}", "", "", "" },
	};
	char dir[] = "/tmp/podfs-resolv.XXXXXX";

	assert_non_null(mkdtemp(dir));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_cleanup_object_ struct object *pod = make_pod(cases[i].spec);
		_cleanup_free_ char *host = write_temp(dir, "resolv.conf", cases[i].host);
		_cleanup_free_ char *upstream = write_temp(dir, "upstream", cases[i].upstream);
		const struct pod_files_host files = { .hosts = "/dev/null", .resolv_conf = host, .resolv_upstream = upstream };
		_cleanup_buf_ struct buf out = BUF_INIT;

		pod_files_resolv_conf(pod, &files, &out);
		assert_string_equal(out.len ? buf_str(&out) : "", cases[i].want);
	}
	assert_int_equal(remove_tree(AT_FDCWD, dir), 0);
}

static void hosts_files(void **state)
{
	_cleanup_object_ struct object *pod = make_pod("{\"subdomain\":\"sub\",\"hostAliases\":[{\"ip\":\"1.2.3.4\",\"hostnames\":"
						       "[\"a\",\"b\"]}]}");
	_cleanup_object_ struct object *host = make_pod("{\"hostNetwork\":true}");
	const struct pod_files_host files = { .hosts = "/dev/null", .resolv_conf = "", .resolv_upstream = "" };
	_cleanup_buf_ struct buf out = BUF_INIT;

	pod_files_hosts(pod, &files, "h", "10.0.0.9", &out);
	assert_non_null(strstr(buf_str(&out), "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n"));
	assert_non_null(strstr(buf_str(&out), "\n10.0.0.9\th.sub.ns.svc.cluster.local\th\n"));
	assert_non_null(strstr(buf_str(&out), "\n# Entries added by HostAliases.\n1.2.3.4\ta\tb\n"));
	buf_clear(&out);
	out = BUF_INIT;
	pod_files_hosts(host, &files, "h", "192.0.2.1", &out);
	assert_string_equal(buf_str(&out), "# Kubernetes-managed hosts file (host network).\n");
}

static void termination_messages(void **state)
{
	static const char log[] = "2026-01-02T15:04:05.000000000Z stdout F first\n"
				  "2026-01-02T15:04:05.000000000Z stderr P half \n"
				  "2026-01-02T15:04:05.000000000Z stderr F line\n"
				  "damaged\n"
				  "2026-01-02T15:04:05.000000000Z stdout F";
	_cleanup_arena_ struct arena *a = arena_new(0);
	const struct value *file = parse(a, "{\"name\":\"c\"}");
	const struct value *fallback = parse(a, "{\"name\":\"c\",\"terminationMessagePolicy\":\"FallbackToLogsOnError\"}");
	_cleanup_free_ char *log_path = NULL, *empty_log = NULL, *from_log = NULL, *from_file = NULL, *message = NULL;
	char dir[] = "/tmp/podfs-message.XXXXXX", path[256];

	assert_non_null(mkdtemp(dir));
	log_path = write_temp(dir, "0.log", log);
	empty_log = write_temp(dir, "1.log", "");
	assert_null(pod_files_termination(file, dir, 0, 1, log_path));
	assert_null(pod_files_termination(fallback, dir, 0, 0, log_path));
	assert_null(pod_files_termination(fallback, dir, 0, 1, empty_log));
	assert_null(pod_files_termination(fallback, dir, 0, 1, "/nonexistent"));
	from_log = pod_files_termination(fallback, dir, 0, 1, log_path);
	assert_string_equal(from_log, "first\nhalf line\n");
	(void)snprintf(path, sizeof(path), "%s/containers", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/containers/c", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/containers/c/0", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	from_file = write_temp(path, "termination-log", "it \x80 went\n");
	message = pod_files_termination(fallback, dir, 0, 1, log_path);
	assert_string_equal(message, "it \xef\xbf\xbd went\n");
	assert_int_equal(remove_tree(AT_FDCWD, dir), 0);
}

static void mounts_are_ordered(void **state)
{
	struct sandbox_mount m[] = { { .target = "/a/b/c" }, { .target = "/z" }, { .target = "/a/b/" }, { .target = "/a" },
				     { .target = "/" } };

	volumes_sort(m, 5);
	assert_string_equal(m[0].target, "/");
	assert_string_equal(m[1].target, "/z");
	assert_string_equal(m[2].target, "/a");
	assert_string_equal(m[3].target, "/a/b/");
	assert_string_equal(m[4].target, "/a/b/c");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(expansion),	    cmocka_unit_test(environment),
		cmocka_unit_test(services_in_the_environment), cmocka_unit_test(a_thousand_variables),
		cmocka_unit_test(command_lines),    cmocka_unit_test(cgroup_formulas),
		cmocka_unit_test(resolver_files),   cmocka_unit_test(hosts_files),
		cmocka_unit_test(termination_messages), cmocka_unit_test(mounts_are_ordered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
