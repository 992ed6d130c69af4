/* SPDX-License-Identifier: Apache-2.0 */
/* ConfigMaps, Secrets and the downward API, as environment and as files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/remove.h"
#include "node/env.h"
#include "node/payload.h"
#include "value/json.h"

static const char *const none[] = { NULL };
static const struct image_config image = { .entrypoint = none, .cmd = none, .env = none };

static struct value *parse(struct arena *a, const char *text)
{
	struct value *v = NULL;

	assert_int_equal(json_read(text, strlen(text), NULL, a, &v, NULL, NULL), 0);
	return v;
}

static struct object *object(const char *text)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct object *o = object_for_test(parse(a, text), 1);

	assert_non_null(o);
	return o;
}

static struct object *pod_with(const char *spec)
{
	char text[4096];

	(void)snprintf(text, sizeof(text),
		       "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\",\"namespace\":\"ns\",\"uid\":"
		       "\"00000000-0000-4000-8000-000000000001\",\"labels\":{\"b\":\"2\",\"a\":\"1\"},"
		       "\"annotations\":{\"n\":\"two\\nlines \\\"q\\\" \\\\\"}},\"spec\":%s}", spec);
	return object(text);
}

/* The cluster's ConfigMaps: `data`, `numbers`; and what stands for the Secret `keys`, whose values are base64. */
static struct object *find(void *arg, const char *plural, const char *ns, const char *name)
{
	assert_null(arg);
	if (strcmp(ns, "ns") != 0)
		return NULL;
	if (!strcmp(plural, "configmaps") && !strcmp(name, "data"))
		return object("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"data\",\"namespace\":\"ns\"},"
			      "\"data\":{\"A\":\"one\",\"b.conf\":\"text\\n\",\"caf\xc3\xa9\":\"x\"},"
			      "\"binaryData\":{\"bin\":\"AAH/\"}}");
	if (!strcmp(plural, "secrets") && !strcmp(name, "keys"))
		return object("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"keys\",\"namespace\":\"ns\"},"
			      "\"data\":{\"A\":\"c2VjcmV0\",\"token\":\"dG9r\"}}");
	return NULL;
}

static struct sources sources_of(const struct object *pod)
{
	return (struct sources){ .pod = pod, .find = find, .now = INT64_C(1700000000123456789), .pod_ip = "10.0.0.9", .host_ip = "192.0.2.1", .hostname = "host",
				 .allocatable = { .milli_cpu = 4000, .memory = 1 << 30, .ephemeral_storage = 5000 } };
}

static void decoding(void **state)
{
	_cleanup_object_ struct object *pod = pod_with("{}");
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_error_ struct error err = ERROR_INIT;
	struct sources s = sources_of(pod);
	const struct source_entry *e;
	struct source_data d;

	assert_int_equal(source_read(a, &s, SOURCE_CONFIG_MAP, "data", &d, &err), 0);
	assert_int_equal(d.n, 4);
	e = source_entry(&d, "bin");
	assert_true(e && e->len == 3 && !memcmp(e->data, "\0\1\377", 4));
	assert_null(source_entry(&d, "none"));
	assert_int_equal(source_read(a, &s, SOURCE_SECRET, "keys", &d, &err), 0);
	e = source_entry(&d, "A");
	assert_true(e && !strcmp(e->data, "secret"));
	assert_int_equal(source_read(a, &s, SOURCE_SECRET, "data", &d, &err), -ENOENT);
	assert_string_equal(error_text(&err), "secret \"data\" not found");
}

static void environment(void **state)
{
	static const struct {
		const char *container, *want; /* what follows HOSTNAME, joined by '|'; or, after '!', the error */
		const char *skipped;
	} cases[] = {
		{ "{\"envFrom\":[{\"configMapRef\":{\"name\":\"data\"}}]}", "A=one|b.conf=text\n|bin=", "caf\xc3\xa9" },
		{ "{\"envFrom\":[{\"configMapRef\":{\"name\":\"data\"}},{\"secretRef\":{\"name\":\"keys\"},\"prefix\":\"P_\"}],"
		  "\"env\":[{\"name\":\"A\",\"value\":\"$(P_A)!\"}]}", "A=secret!|b.conf=text\n|bin=|P_A=secret|P_token=tok",
		  "caf\xc3\xa9" },
		{ "{\"envFrom\":[{\"secretRef\":{\"name\":\"keys\"}},{\"secretRef\":{\"name\":\"no\",\"optional\":true}}]}",
		  "A=secret|token=tok", NULL },
		{ "{\"envFrom\":[{\"secretRef\":{\"name\":\"no\"}}]}", "!secret \"no\" not found", NULL },
		{ "{\"env\":[{\"name\":\"X\",\"valueFrom\":{\"configMapKeyRef\":{\"name\":\"data\",\"key\":\"A\"}}}]}", "X=one", NULL },
		{ "{\"env\":[{\"name\":\"X\",\"valueFrom\":{\"configMapKeyRef\":{\"name\":\"data\",\"key\":\"Z\"}}}]}",
		  "!couldn't find key Z in ConfigMap ns/data", NULL },
		{ "{\"env\":[{\"name\":\"X\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"keys\",\"key\":\"Z\",\"optional\":true}}},"
		  "{\"name\":\"Y\",\"value\":\"[$(X)]\"}]}", "Y=[$(X)]", NULL },
		{ "{\"env\":[{\"name\":\"X\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"no\",\"key\":\"Z\"}}}]}",
		  "!secret \"no\" not found", NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_cleanup_object_ struct object *pod = pod_with("{}");
		_cleanup_arena_ struct arena *a = arena_new(0);
		_cleanup_error_ struct error err = ERROR_INIT;
		struct sources s = sources_of(pod);
		const char *skipped = NULL;
		struct env_list env;
		char text[1024] = "";
		int r = env_build(a, &s, parse(a, cases[i].container), &image, &env, &skipped, &err);

		if (cases[i].want[0] == '!') {
			assert_true(r < 0);
			assert_string_equal(error_text(&err), cases[i].want + 1);
			continue;
		}
		assert_int_equal(r, 0);
		for (size_t k = 2, n = 0; k < env.n; k++) /* after PATH and HOSTNAME */
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", k > 2 ? "|" : "", env.items[k]);
		assert_string_equal(text, cases[i].want);
		assert_string_equal(skipped ? skipped : "", cases[i].skipped ? cases[i].skipped : "");
	}
}

static void resources(void **state)
{
	static const struct {
		const char *ref, *want; /* NULL: refused */
	} cases[] = {
		{ "{\"resource\":\"limits.cpu\"}", "1" }, /* 250m, rounded up */
		{ "{\"resource\":\"limits.cpu\",\"divisor\":\"1m\"}", "250" },
		{ "{\"resource\":\"limits.cpu\",\"divisor\":\"0\"}", "1" },
		{ "{\"resource\":\"requests.cpu\",\"divisor\":\"1m\"}", "0" },
		{ "{\"resource\":\"limits.memory\"}", "1073741824" }, /* not set: the node's */
		{ "{\"resource\":\"limits.memory\",\"divisor\":\"1Mi\"}", "1024" },
		{ "{\"resource\":\"requests.memory\",\"divisor\":\"1Mi\"}", "2" }, /* 1500Ki */
		{ "{\"resource\":\"limits.cpu\",\"containerName\":\"other\"}", "4" },
		{ "{\"resource\":\"limits.cpu\",\"containerName\":\"none\"}", NULL },
		{ "{\"resource\":\"cpu\"}", NULL },
		{ "{\"resource\":\"both.cpu\"}", NULL },
	};
	_cleanup_object_ struct object *pod = pod_with("{\"containers\":[{\"name\":\"other\"}]}");
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct sources s = sources_of(pod);
	const struct value *own = parse(a, "{\"name\":\"own\",\"resources\":{\"limits\":{\"cpu\":\"250m\"},"
					   "\"requests\":{\"memory\":\"1500Ki\"}}}");

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		const char *text = NULL;
		int r = source_resource(a, &s, parse(a, cases[i].ref), own, &text, &err);

		assert_int_equal(r, cases[i].want ? 0 : -EINVAL);
		if (cases[i].want)
			assert_string_equal(text, cases[i].want);
	}
}

static const struct payload_file *file(const struct payload *p, const char *path)
{
	static const struct payload_file missing = { "", "(missing)", 0, 0 };

	for (size_t i = 0; i < p->n; i++)
		if (!strcmp(p->files[i].path, path))
			return &p->files[i];
	return &missing;
}

static void payloads(void **state)
{
	_cleanup_object_ struct object *pod = pod_with("{}");
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_error_ struct error err = ERROR_INIT;
	struct sources s = sources_of(pod);
	struct payload p;

	assert_int_equal(payload_build(a, &s, parse(a, "{\"name\":\"v\",\"configMap\":{\"name\":\"data\"}}"), NULL, &p, &err), 0);
	assert_int_equal(p.n, 4);
	assert_int_equal(file(&p, "b.conf")->mode, 0644);
	assert_int_equal(payload_build(a, &s, parse(a,
		"{\"name\":\"v\",\"secret\":{\"secretName\":\"keys\",\"defaultMode\":256,\"items\":[{\"key\":\"A\",\"path\":\"d/a\"},"
		"{\"key\":\"token\",\"path\":\"t\",\"mode\":511}]}}"), NULL, &p, &err), 0);
	assert_int_equal(p.n, 2);
	assert_int_equal(file(&p, "d/a")->mode, 0400);
	assert_int_equal(file(&p, "t")->mode, 0777);
	assert_int_equal(payload_build(a, &s, parse(a,
		"{\"name\":\"v\",\"configMap\":{\"name\":\"data\",\"items\":[{\"key\":\"Z\",\"path\":\"z\"}]}}"), NULL, &p, &err), -ENOENT);
	assert_string_equal(error_text(&err), "references non-existent config key: Z");
	error_clear(&err);
	assert_int_equal(payload_build(a, &s, parse(a,
		"{\"name\":\"v\",\"configMap\":{\"name\":\"no\",\"optional\":true}}"), NULL, &p, &err), 0);
	assert_int_equal(p.n, 0);
	assert_int_equal(payload_build(a, &s, parse(a,
		"{\"name\":\"v\",\"downwardAPI\":{\"items\":[{\"path\":\"labels\",\"fieldRef\":{\"fieldPath\":\"metadata.labels\"}},"
		"{\"path\":\"n\",\"fieldRef\":{\"fieldPath\":\"metadata.annotations\"}},"
		"{\"path\":\"name\",\"fieldRef\":{\"fieldPath\":\"metadata.name\"}}]}}"), NULL, &p, &err), 0);
	assert_string_equal(file(&p, "labels")->data, "a=\"1\"\nb=\"2\"");
	assert_string_equal(file(&p, "n")->data, "n=\"two\\nlines \\\"q\\\" \\\\\"");
	/* later sources replace earlier ones of the same path */
	assert_int_equal(payload_build(a, &s, parse(a,
		"{\"name\":\"v\",\"projected\":{\"sources\":[{\"configMap\":{\"name\":\"data\"}},{\"secret\":{\"name\":\"keys\"}},"
		"{\"serviceAccountToken\":{\"path\":\"sa\"}},{\"configMap\":{\"name\":\"no\",\"optional\":true}}]}}"), NULL, &p, &err), 0);
	assert_string_equal(file(&p, "A")->data, "secret");
	assert_int_equal(file(&p, "sa")->mode, 0644);
	assert_true(file(&p, "sa")->issued == s.now / 1000000000 && !file(&p, "sa")->owner);
	assert_int_equal(payload_build(a, &s, parse(a,
		"{\"name\":\"v\",\"projected\":{\"sources\":[{\"clusterTrustBundle\":{\"path\":\"x\"}}]}}"), NULL, &p, &err), -EOPNOTSUPP);
}

/* --- on disk --- */

static char *make_temp(void)
{
	char *path = strdup("/tmp/podfs-source.XXXXXX");

	assert_non_null(path);
	assert_non_null(mkdtemp(path));
	return path;
}

static void assert_holds(const char *dir, const char *name, const char *want)
{
	char path[512], text[256];
	int fd;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (!want) {
		assert_true(fd < 0);
		return;
	}
	assert_true(fd >= 0);
	n = read(fd, text, sizeof(text) - 1);
	assert_true(n >= 0);
	text[n] = '\0';
	(void)close(fd);
	assert_string_equal(text, want);
}

static void version_of(const char *dir, char out[static 128])
{
	char path[512];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s/..data", dir);
	n = readlink(path, out, 127);
	assert_true(n > 0);
	out[n] = '\0';
}

static size_t count_entries(const char *dir)
{
	DIR *d = opendir(dir);
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	(void)closedir(d);
	return n - 2;
}

static void updates(void **state)
{
	struct payload_file one[] = { { "a", "1", 1, 0644 }, { "d/e/f", "deep", 4, 0400 } };
	struct payload_file two[] = { { "a", "2", 1, 0644 }, { "b", "new", 3, 0644 } };
	struct payload_file moded[] = { { "a", "2", 1, 0600 }, { "b", "new", 3, 0644 } };
	struct payload first = { one, 2 }, second = { two, 2 }, third = { moded, 2 }, empty = { NULL, 0 };
	_cleanup_error_ struct error err = ERROR_INIT;
	char *dir = make_temp(), before[128], after[128], path[256];

	(void)snprintf(path, sizeof(path), "%s/v", dir);
	assert_int_equal(payload_write(path, &first, (gid_t)-1, &err), 0);
	assert_holds(path, "a", "1");
	assert_holds(path, "d/e/f", "deep");
	version_of(path, before);
	assert_int_equal(payload_write(path, &first, (gid_t)-1, &err), 0);
	version_of(path, after);
	assert_string_equal(before, after); /* equal content: nothing was written */
	assert_int_equal(payload_write(path, &second, (gid_t)-1, &err), 0);
	version_of(path, after);
	assert_string_not_equal(before, after);
	assert_holds(path, "a", "2");
	assert_holds(path, "b", "new");
	assert_holds(path, "d/e/f", NULL);
	assert_int_equal(count_entries(path), 4); /* a, b, ..data and one version */
	assert_int_equal(payload_write(path, &third, (gid_t)-1, &err), 0);
	version_of(path, before);
	assert_string_not_equal(before, after); /* a mode is content too */
	assert_int_equal(payload_write(path, &empty, (gid_t)-1, &err), 0);
	assert_int_equal(count_entries(path), 2);
	assert_int_equal(remove_tree(AT_FDCWD, dir), 0);
	free(dir);
}

/* What a crash or somebody else left in the way is swept; a path that would lead out is refused, and nothing changes. */
static void leftovers(void **state)
{
	struct payload_file good[] = { { "a", "1", 1, 0644 } };
	struct payload_file bad[] = { { "a", "2", 1, 0644 }, { "../out", "x", 1, 0644 } };
	struct payload p = { good, 1 }, q = { bad, 2 };
	_cleanup_error_ struct error err = ERROR_INIT;
	char *dir = make_temp(), path[256], inside[512];

	(void)snprintf(path, sizeof(path), "%s/v", dir);
	assert_int_equal(mkdir(path, 0755), 0);
	(void)snprintf(inside, sizeof(inside), "%s/..data_tmp", path);
	assert_int_equal(symlink("nowhere", inside), 0);
	(void)snprintf(inside, sizeof(inside), "%s/..2020_01_01_00_00_00.000000000", path);
	assert_int_equal(mkdir(inside, 0755), 0);
	assert_int_equal(payload_write(path, &p, (gid_t)-1, &err), 0);
	assert_int_equal(count_entries(path), 3);
	assert_true(payload_write(path, &q, (gid_t)-1, &err) < 0);
	assert_holds(path, "a", "1");
	assert_holds(dir, "out", NULL);
	assert_int_equal(count_entries(path), 3);
	assert_int_equal(remove_tree(AT_FDCWD, dir), 0);
	free(dir);
}

static void usage(void **state)
{
	static const struct {
		const char *spec;
		enum source_kind kind;
		const char *name;
		bool want;
	} cases[] = {
		{ "{}", SOURCE_CONFIG_MAP, NULL, false },
		{ "{\"containers\":[{\"envFrom\":[{\"configMapRef\":{\"name\":\"x\"}}]}]}", SOURCE_CONFIG_MAP, "x", true },
		{ "{\"containers\":[{\"envFrom\":[{\"configMapRef\":{\"name\":\"x\"}}]}]}", SOURCE_CONFIG_MAP, "y", false },
		{ "{\"containers\":[{\"envFrom\":[{\"configMapRef\":{\"name\":\"x\"}}]}]}", SOURCE_SECRET, NULL, false },
		{ "{\"initContainers\":[{\"env\":[{\"name\":\"E\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"x\"}}}]}]}", SOURCE_SECRET,
		  "x", true },
		{ "{\"volumes\":[{\"name\":\"v\",\"secret\":{\"secretName\":\"x\"}}]}", SOURCE_SECRET, "x", true },
		{ "{\"volumes\":[{\"name\":\"v\",\"projected\":{\"sources\":[{\"configMap\":{\"name\":\"x\"}}]}}]}", SOURCE_CONFIG_MAP,
		  "x", true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_cleanup_object_ struct object *pod = pod_with(cases[i].spec);

		assert_int_equal(source_is_used(pod, cases[i].kind, cases[i].name), cases[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decoding), cmocka_unit_test(environment), cmocka_unit_test(resources),
		cmocka_unit_test(payloads), cmocka_unit_test(updates),	   cmocka_unit_test(leftovers),
		cmocka_unit_test(usage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
