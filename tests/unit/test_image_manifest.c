/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>

#include "base/buf.h"
#include "image/digest.h"
#include "image/manifest.h"
#include "image/tarindex.h"

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B64 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define DIFFS(...) "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[" __VA_ARGS__ "]}"
#define LAYER "{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\",\"digest\":\"sha256:" B64 "\",\"size\":9}"

enum { MEMBERS_MAX = 16 };

/* An archive in memory. */
struct archive {
	char names[MEMBERS_MAX][160];
	char *texts[MEMBERS_MAX];
	size_t n;
};

static void archive_clear(struct archive *a)
{
	for (size_t i = 0; i < a->n; i++)
		free(a->texts[i]);
	a->n = 0;
}

static void put(struct archive *a, const char *name, const char *text)
{
	assert_true(a->n < MEMBERS_MAX);
	(void)snprintf(a->names[a->n], sizeof(a->names[0]), "%s", name);
	a->texts[a->n] = strdup(text);
	assert_non_null(a->texts[a->n++]);
}

/* Puts a blob and gives the members that describe it; the text lives until the next call but three. */
static const char *blob(struct archive *a, const char *text)
{
	static char members[4][160];
	static unsigned next;
	char *out = members[next++ % 4], digest[DIGEST_SIZE], name[160];

	digest_of(text, strlen(text), digest);
	(void)snprintf(name, sizeof(name), "blobs/sha256/%s", digest + 7);
	put(a, name, text);
	(void)snprintf(out, sizeof(members[0]), "\"digest\":\"%s\",\"size\":%zu", digest, strlen(text));
	return out;
}

static int read_member(void *user, const char *name, size_t max, char **ret, size_t *ret_len, struct error *err)
{
	const struct archive *a = user;

	for (size_t i = 0; i < a->n; i++) {
		if (strcmp(a->names[i], name) != 0)
			continue;
		*ret = strdup(a->texts[i]);
		*ret_len = strlen(a->texts[i]);
		return *ret ? 0 : -ENOMEM;
	}
	return error_errno(err, -ENOENT, "%s in the archive", name);
}

/* A manifest of one layer with this config, as a blob; gives its descriptor's members. */
static const char *image(struct archive *a, const char *config)
{
	_cleanup_buf_ struct buf m = BUF_INIT;

	buf_printf(&m, "{\"config\":{%s},\"layers\":[" LAYER "]}", blob(a, config));
	return blob(a, buf_str(&m));
}

static int read_all(struct archive *a, const char *name, struct arena *arena, struct manifest_image **ret, size_t *ret_n,
		    struct error *err)
{
	return manifest_read(read_member, a, "amd64", name, arena, ret, ret_n, err);
}

/* --- configs, through a docker archive --- */

static const struct {
	const char *config;
	const char *message; /* NULL: accepted */
} CONFIGS[] = {
	{ "{" DIFFS("\"sha256:" A64 "\"") "}", NULL },
	{ "{\"os\":\"linux\",\"architecture\":\"amd64\",\"config\":null," DIFFS("\"sha256:" A64 "\"") "}", NULL },
	{ "{\"architecture\":\"386\"," DIFFS("\"sha256:" A64 "\"") "}", NULL },
	{ "{\"config\":{\"Cmd\":null,\"Env\":[\"A=1\"],\"Volumes\":{\"/v\":{}}}," DIFFS("\"sha256:" A64 "\"") "}", NULL },
	{ "{\"architecture\":\"arm64\",\"variant\":\"v8\"," DIFFS("\"sha256:" A64 "\"") "}",
	  "no image for linux/amd64 in the archive; it has linux/arm64/v8" },
	{ "{\"os\":\"windows\",\"architecture\":\"amd64\"," DIFFS("\"sha256:" A64 "\"") "}",
	  "no image for linux/amd64 in the archive; it has windows/amd64" },
	{ "{}", "c.json: rootfs.diff_ids is missing: this is not the config of a container image" },
	{ "{" DIFFS() "}", "c.json: the manifest has 1 layers and the config names 0" },
	{ "{" DIFFS("7") "}", "c.json: rootfs.diff_ids[0] is not a sha256 digest" },
	{ "{" DIFFS("\"sha256:../../../x\"") "}", "c.json: rootfs.diff_ids[0] is not a sha256 digest" },
	{ "{\"config\":[]," DIFFS("\"sha256:" A64 "\"") "}", "c.json: config is not a map" },
	{ "{\"config\":{\"Cmd\":\"x\"}," DIFFS("\"sha256:" A64 "\"") "}", "c.json: config.Cmd is a string, not a list" },
	{ "{\"config\":{\"Env\":[1]}," DIFFS("\"sha256:" A64 "\"") "}", "c.json: config.Env[0] is not a string" },
	{ "{\"config\":{\"User\":7}," DIFFS("\"sha256:" A64 "\"") "}", "c.json: config.User is not a string" },
	{ "{\"config\":{\"User\":\"a\\u0000b\"}," DIFFS("\"sha256:" A64 "\"") "}", "c.json: config.User is not a string" },
	{ "{\"config\":{\"Volumes\":[\"/v\"]}," DIFFS("\"sha256:" A64 "\"") "}",
	  "c.json: config.Volumes is a list, not a map" },
	{ "7", "c.json is neither a map nor a list" },
};

static void test_configs(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(CONFIGS); i++) {
		_cleanup_arena_ struct arena *arena = arena_new(0);
		_cleanup_error_ struct error err = ERROR_INIT;
		_cleanup_(archive_clear) struct archive a = { .n = 0 };
		struct manifest_image *images = NULL;
		size_t n = 0;
		int r;

		put(&a, "manifest.json", "[{\"Config\":\"c.json\",\"RepoTags\":[\"a:1\",\"b\"],\"Layers\":[\"l.tar\"]}]");
		put(&a, "c.json", CONFIGS[i].config);
		r = read_all(&a, NULL, arena, &images, &n, &err);
		if (CONFIGS[i].message) {
			assert_int_equal(r, -EINVAL);
			assert_string_equal(error_text(&err), CONFIGS[i].message);
			continue;
		}
		if (r < 0)
			fail_msg("config %zu: %s", i, error_text(&err));
		assert_int_equal(n, 1);
		assert_int_equal(value_len(images[0].names), 2);
		assert_string_equal(value_str(value_at(images[0].names, 1)), "docker.io/library/b:latest");
		assert_string_equal(images[0].digest, images[0].id);
		assert_int_equal(images[0].n_layers, 1);
		assert_string_equal(images[0].layers[0].blob, "l.tar");
		assert_string_equal(images[0].layers[0].diff_id, "sha256:" A64);
		/* Whatever the config left out is there, and empty. */
		assert_int_equal(value_type(value_get(images[0].config, "Entrypoint")), VALUE_LIST);
		assert_int_equal(value_type(value_get(images[0].config, "ExposedPorts")), VALUE_LIST);
		assert_string_equal(value_str(value_get(images[0].config, "StopSignal")), "");
	}
}

/* --- docker's manifest.json --- */

static const struct {
	const char *text, *message;
} DOCKER[] = {
	{ "{}", "manifest.json is not a list" },
	{ "[]", "the archive holds no image" },
	{ "[{}]", "manifest.json: Config is missing" },
	{ "[{\"Config\":\"x.json\"}]", "x.json in the archive: No such file or directory" },
	{ "[{\"Config\":\"c.json\"}]", "c.json: the manifest has 0 layers and the config names 1" },
	{ "[{\"Config\":\"c.json\",\"Layers\":[7]}]", "manifest.json: Layers[0] is not a string" },
	{ "[{\"Config\":\"c.json\",\"Layers\":[\"l\"],\"RepoTags\":[\"A\"]}]",
	  "manifest.json: RepoTags: image \"A\": the repository name must be lower case" },
	{ "[{\"Config\":\"" A64 ".json\",\"Layers\":[\"l\"]}]", NULL }, /* its name is not its digest: see below */
	{ "[{", NULL },
};

static void test_docker_archives(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(DOCKER); i++) {
		_cleanup_arena_ struct arena *arena = arena_new(0);
		_cleanup_error_ struct error err = ERROR_INIT;
		_cleanup_(archive_clear) struct archive a = { .n = 0 };
		struct manifest_image *images = NULL;
		size_t n = 0;

		put(&a, "manifest.json", DOCKER[i].text);
		put(&a, "c.json", "{" DIFFS("\"sha256:" A64 "\"") "}");
		put(&a, A64 ".json", "{" DIFFS("\"sha256:" A64 "\"") "}");
		assert_true(read_all(&a, NULL, arena, &images, &n, &err) < 0);
		if (DOCKER[i].message)
			assert_string_equal(error_text(&err), DOCKER[i].message);
		else
			assert_true(strstr(error_text(&err), "does not have its digest") ||
				    strncmp(error_text(&err), "manifest.json:1:", 16) == 0);
	}
}

/* --- OCI layouts --- */

static void test_layout(void **state)
{
	_cleanup_arena_ struct arena *arena = arena_new(0);
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_(archive_clear) struct archive a = { .n = 0 };
	_cleanup_buf_ struct buf list = BUF_INIT, index = BUF_INIT;
	struct manifest_image *images = NULL;
	size_t n = 0;

	/* An index in the index: a 32-bit image, an attestation, and the machine's own, which is chosen. */
	buf_printf(&list, "{\"manifests\":[{%s,\"platform\":{\"os\":\"linux\",\"architecture\":\"386\"}},",
		   image(&a, "{\"architecture\":\"386\"," DIFFS("\"sha256:" B64 "\"") "}"));
	buf_printf(&list, "{\"digest\":\"sha256:" A64 "\",\"size\":1,\"platform\":{\"os\":\"unknown\"}},"
			  "{%s,\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"}}]}",
		   image(&a, "{\"architecture\":\"amd64\"," DIFFS("\"sha256:" A64 "\"") "}"));
	buf_printf(&index, "{\"manifests\":[{%s,\"annotations\":{\"org.opencontainers.image.ref.name\":\"a:1\"}}]}",
		   blob(&a, buf_str(&list)));
	put(&a, "index.json", buf_str(&index));
	if (read_all(&a, NULL, arena, &images, &n, &err) < 0)
		fail_msg("%s", error_text(&err));
	assert_int_equal(n, 1);
	assert_string_equal(images[0].layers[0].diff_id, "sha256:" A64);
	assert_string_equal(images[0].layers[0].digest, "sha256:" B64);
	assert_int_equal(images[0].layers[0].size, 9);
	assert_int_equal(value_len(images[0].digests), 3);
	assert_string_equal(value_str(value_at(images[0].names, 0)), "docker.io/library/a:1");
	assert_int_equal(read_all(&a, "quay.io/x/y:2", arena, &images, &n, &err), 0);
	assert_int_equal(value_len(images[0].names), 1);
	assert_string_equal(value_str(value_at(images[0].names, 0)), "quay.io/x/y:2");
	assert_int_equal(read_all(&a, "Y", arena, &images, &n, &err), -EINVAL);
}

/* Two entries with one manifest are one image with two names; two images cannot both have a name that is given. */
static void test_several(void **state)
{
	_cleanup_arena_ struct arena *arena = arena_new(0);
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_(archive_clear) struct archive a = { .n = 0 };
	_cleanup_buf_ struct buf index = BUF_INIT;
	struct manifest_image *images = NULL;
	const char *one = image(&a, "{" DIFFS("\"sha256:" A64 "\"") "}");
	size_t n = 0;

	buf_printf(&index, "{\"manifests\":[{%s,\"annotations\":{\"org.opencontainers.image.ref.name\":\"a:1\"}},"
			   "{%s,\"annotations\":{\"io.containerd.image.name\":\"docker.io/library/b:2\","
			   "\"org.opencontainers.image.ref.name\":\"2\"}}", one, one);
	buf_printf(&index, ",{%s}]}", image(&a, "{" DIFFS("\"sha256:" B64 "\"") "}"));
	put(&a, "index.json", buf_str(&index));
	if (read_all(&a, NULL, arena, &images, &n, &err) < 0)
		fail_msg("%s", error_text(&err));
	assert_int_equal(n, 2);
	assert_int_equal(value_len(images[0].names), 2);
	assert_string_equal(value_str(value_at(images[0].names, 1)), "docker.io/library/b:2");
	assert_int_equal(value_len(images[1].names), 0);
	assert_int_equal(read_all(&a, "x", arena, &images, &n, &err), -EINVAL);
	assert_string_equal(error_text(&err), "the archive holds 2 images; only one can be named x");
}

/* An index that holds itself cannot be made, for its digest; one that is nested deep can. */
static void test_nested_too_deep(void **state)
{
	_cleanup_arena_ struct arena *arena = arena_new(0);
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_(archive_clear) struct archive a = { .n = 0 };
	struct manifest_image *images = NULL;
	const char *inner = image(&a, "{" DIFFS("\"sha256:" A64 "\"") "}");
	size_t n = 0;

	for (int i = 0; i < 5; i++) {
		_cleanup_buf_ struct buf b = BUF_INIT;

		buf_printf(&b, "{\"manifests\":[{%s}]}", inner);
		if (i == 4)
			put(&a, "index.json", buf_str(&b));
		else
			inner = blob(&a, buf_str(&b));
	}
	assert_int_equal(read_all(&a, NULL, arena, &images, &n, &err), -EINVAL);
	assert_non_null(strstr(error_text(&err), "nested more than 3 deep"));
}

static void test_layers_not_of_an_image(void **state)
{
	_cleanup_arena_ struct arena *arena = arena_new(0);
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_(archive_clear) struct archive a = { .n = 0 };
	_cleanup_buf_ struct buf m = BUF_INIT, index = BUF_INIT;
	struct manifest_image *images = NULL;
	size_t n = 0;

	buf_printf(&m, "{\"config\":{%s},\"layers\":[{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+encrypted\","
		   "\"digest\":\"sha256:" B64 "\",\"size\":9}]}", blob(&a, "{" DIFFS("\"sha256:" A64 "\"") "}"));
	buf_printf(&index, "{\"manifests\":[{%s}]}", blob(&a, buf_str(&m)));
	put(&a, "index.json", buf_str(&index));
	assert_int_equal(read_all(&a, NULL, arena, &images, &n, &err), -EINVAL);
	assert_non_null(strstr(error_text(&err), "tar+encrypted\", which is no layer"));
}

/* --- paths and headers --- */

static void test_paths(void **state)
{
	static const struct {
		const char *in, *out; /* NULL: refused */
	} PATHS[] = {
		{ "a/b", "a/b" },   { "./a", "a" },	{ "/a//b/", "a/b" }, { "", "" },	 { "./", "" },
		{ "/", "" },	    { "..", NULL },	{ "a/../b", NULL },  { "a/..", NULL },	 { "../a", NULL },
		{ "..a/b..", "..a/b.." }, { "...", "..." }, { ".wh.x", ".wh.x" }, { "a/./b", "a/b" },
	};
	char out[PATH_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(PATHS); i++) {
		int r = source_path(PATHS[i].in, out, sizeof(out));

		assert_int_equal(r, PATHS[i].out ? 0 : -EINVAL);
		if (PATHS[i].out)
			assert_string_equal(out, PATHS[i].out);
	}
	assert_int_equal(source_path("abc", out, 4), -ENAMETOOLONG);
	assert_int_equal(source_path("ab", out, 4), 0);
}

/* A ustar header with a right checksum. */
static void header(char block[static 512], const char *name, char type, const char *link, unsigned size)
{
	unsigned sum = 0;

	memset(block, 0, 512);
	(void)snprintf(block, 100, "%s", name);
	(void)snprintf(block + 124, 12, "%011o", size);
	block[156] = type;
	(void)snprintf(block + 157, 100, "%s", link);
	memcpy(block + 257, "ustar\00000", 8);
	memset(block + 148, ' ', 8);
	for (int i = 0; i < 512; i++)
		sum += (unsigned char)block[i];
	(void)snprintf(block + 148, 8, "%06o", sum);
}

static void test_tar_links(void **state)
{
	char tar[7 * 512] = { 0 };
	_cleanup_close_ int fd = memfd_create("test", MFD_CLOEXEC);
	_cleanup_error_ struct error err = ERROR_INIT;
	struct blob all = { .fd = fd, .size = sizeof(tar) }, found;
	struct tarindex *t = NULL;

	header(tar, "a/real", '0', "", 3);
	memcpy(tar + 512, "abc", 3);
	header(tar + 1024, "b/link", '2', "../a/real", 0);
	header(tar + 1536, "hard", '1', "./a/real", 0);
	header(tar + 2048, "loop", '2', "loop", 0);
	header(tar + 2560, "out", '2', "../../etc/passwd", 0);
	header(tar + 3072, "dir", '5', "", 0);
	assert_int_equal(write(fd, tar, sizeof(tar)), sizeof(tar));
	if (tarindex_read(&all, &t, &err) < 0)
		fail_msg("%s", error_text(&err));
	assert_int_equal(tarindex_find(t, "./a/real", &found), 0);
	assert_int_equal(found.offset, 512);
	assert_int_equal(found.size, 3);
	assert_int_equal(tarindex_find(t, "b/link", &found), 0);
	assert_int_equal(found.offset, 512);
	assert_int_equal(tarindex_find(t, "hard", &found), 0);
	assert_int_equal(tarindex_find(t, "loop", &found), -ELOOP);
	assert_int_equal(tarindex_find(t, "out", &found), -ENOENT);
	assert_int_equal(tarindex_find(t, "dir", &found), -EINVAL);
	assert_int_equal(tarindex_find(t, "absent", &found), -ENOENT);
	tarindex_free(t);
}

static void test_damaged_tars(void **state)
{
	char tar[1024];
	_cleanup_close_ int fd = memfd_create("test", MFD_CLOEXEC);
	struct blob all = { .fd = fd, .size = sizeof(tar) };
	struct tarindex *t = NULL;

	header(tar, "a", '0', "", 513); /* one byte more than there is */
	assert_int_equal(pwrite(fd, tar, sizeof(tar), 0), sizeof(tar));
	assert_int_equal(tarindex_read(&all, &t, NULL), -EINVAL);
	header(tar, "a", '0', "", 512);
	tar[0] = 'b'; /* the checksum is wrong */
	assert_int_equal(pwrite(fd, tar, sizeof(tar), 0), sizeof(tar));
	assert_int_equal(tarindex_read(&all, &t, NULL), -EINVAL);
	header(tar, "x", 'x', "", 20);
	(void)snprintf(tar + 512, 512, "99 path=a\n"); /* longer than it is */
	assert_int_equal(pwrite(fd, tar, sizeof(tar), 0), sizeof(tar));
	assert_int_equal(tarindex_read(&all, &t, NULL), -EINVAL);
	all.size = 700;
	assert_int_equal(tarindex_read(&all, &t, NULL), -EINVAL);
}

static void test_choose(void **state)
{
	static const struct {
		const char *text, *digest;
		uint64_t bytes;
	} GOOD[] = {
		{ "{\"manifests\":[{\"digest\":\"sha256:" B64 "\",\"size\":1,\"platform\":{\"os\":\"linux\",\"architecture\":\"386\"}},"
		  "{\"digest\":\"sha256:" A64 "\",\"size\":1,\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"}}]}", A64, 0 },
		{ "{\"manifests\":[{\"digest\":\"sha256:" B64 "\",\"size\":1,\"platform\":{\"os\":\"windows\",\"architecture\":\"amd64\"}},"
		  "{\"digest\":\"sha256:" A64 "\",\"size\":1,\"platform\":{\"os\":\"linux\",\"architecture\":\"386\"}}]}", A64, 0 },
		{ "{\"layers\":[{\"size\":5},{\"size\":-1},{\"size\":7}]}", NULL, 12 },
		{ "{}", NULL, 0 },
	};
	static const struct {
		const char *text, *why;
	} BAD[] = {
		{ "{\"manifests\":[]}", "no image for linux/amd64 in the registry; it has none" },
		{ "{\"manifests\":[{\"digest\":\"sha256:" B64 "\",\"size\":1,\"platform\":{\"os\":\"linux\",\"architecture\":\"mips\"}}]}",
		  "it has linux/mips" },
		{ "{\"manifests\":[{\"digest\":\"sha256:../../x\",\"size\":1}]}", "is not a sha256 digest" },
		{ "no JSON", "the manifest" },
		{ "", "the manifest" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(GOOD); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		struct manifest_choice c;

		assert_int_equal(manifest_choose(GOOD[i].text, strlen(GOOD[i].text), "amd64", &c, &err), 0);
		assert_int_equal(c.is_index, GOOD[i].digest != NULL);
		if (GOOD[i].digest)
			assert_string_equal(c.digest + 7, GOOD[i].digest);
		assert_int_equal(c.bytes, GOOD[i].bytes);
	}
	for (size_t i = 0; i < ARRAY_SIZE(BAD); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		struct manifest_choice c;

		assert_true(manifest_choose(BAD[i].text, strlen(BAD[i].text), "amd64", &c, &err) < 0);
		if (!strstr(error_text(&err), BAD[i].why))
			fail_msg("%s: \"%s\"", BAD[i].text, error_text(&err));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_choose),
		cmocka_unit_test(test_configs),		cmocka_unit_test(test_docker_archives),
		cmocka_unit_test(test_layout),		cmocka_unit_test(test_several),
		cmocka_unit_test(test_nested_too_deep), cmocka_unit_test(test_layers_not_of_an_image),
		cmocka_unit_test(test_paths),		cmocka_unit_test(test_tar_links),
		cmocka_unit_test(test_damaged_tars),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
