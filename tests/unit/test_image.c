/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "image/digest.h"
#include "node/image.h"

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B64 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C64 "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define D64 "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"

enum { DEADLINE_MSEC = 60000 };

struct fixture {
	char base[64];
	char dir[128]; /* the store, not made yet */
	struct image_store *store;
};

static void put(const char *path, const char *data, size_t len, mode_t mode)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	if (fd < 0 || write(fd, data, len) != (ssize_t)len)
		fail_msg("%s: %s", path, strerror(errno));
}

static void make(const char *path)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		fail_msg("%s: %s", path, strerror(errno));
}

static void put_record(const struct fixture *f, const char *hex, const char *names, const char *layers, int created)
{
	_cleanup_free_ char *path = NULL, *text = NULL;

	assert_true(asprintf(&path, "%s/images/sha256-%s.json", f->dir, hex) > 0);
	assert_true(asprintf(&text,
			     "{\"version\":1,\"names\":[%s],\"digest\":\"sha256:%s\",\"digests\":[\"sha256:%s\",\"sha256:" D64
			     "\"],\"id\":\"sha256:" C64 "\",\"size\":42,\"created\":%d,\"layers\":[%s],\"config\":"
			     "{\"Entrypoint\":[\"/e\"],\"Cmd\":[\"a\",\"b c\"],\"Env\":[\"A=1\"],\"WorkingDir\":\"/w\","
			     "\"User\":\"7:8\",\"StopSignal\":\"SIGQUIT\",\"ExposedPorts\":[\"80/tcp\"],\"Volumes\":[\"/v\"]}}",
			     names, hex, hex, created, layers) > 0);
	put(path, text, strlen(text), 0600);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	_cleanup_error_ struct error err = ERROR_INIT;
	const char *builddir = getenv("top_builddir");
	_cleanup_free_ char *program = NULL;

	assert_non_null(f);
	(void)snprintf(f->base, sizeof(f->base), "/tmp/podfs-test-image.XXXXXX");
	assert_non_null(mkdtemp(f->base));
	(void)snprintf(f->dir, sizeof(f->dir), "%s/deep/store", f->base);
	assert_true(asprintf(&program, "%s/podfs-image", builddir ? builddir : ".") > 0);
	if (image_store_open(f->dir, program, &f->store, &err) < 0)
		fail_msg("%s", error_text(&err));
	*state = f;
	return 0;
}

static int remove_all(const char *path)
{
	_cleanup_closedir_ DIR *dir = opendir(path);
	struct dirent *e;

	while (dir && (e = readdir(dir))) {
		_cleanup_free_ char *child = NULL;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (asprintf(&child, "%s/%s", path, e->d_name) < 0)
			return -1;
		if (unlink(child) < 0 && remove_all(child) < 0)
			return -1;
	}
	return rmdir(path);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	image_store_free(f->store);
	(void)remove_all(f->base);
	free(f);
	return 0;
}

static void test_find(void **state)
{
	struct fixture *f = *state;
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_image_ struct image *image = NULL, *other = NULL;
	_cleanup_free_ char *layer = NULL;
	uint64_t generation = image_store_generation(f->store);

	put_record(f, A64, "\"docker.io/library/nginx:1\",\"docker.io/library/nginx:latest\"",
		   "\"layers/sha256-" B64 "\",\"layers/sha256-" C64 "\"", 1);
	put_record(f, B64, "\"quay.io/a/b:1\"", "", 2);
	if (image_store_reload(f->store, &err) != 0)
		fail_msg("%s", error_text(&err));
	assert_true(image_store_generation(f->store) != generation);
	assert_int_equal(image_find(f->store, "nginx", &image, &err), 0);
	assert_string_equal(image->digest, "sha256:" A64);
	assert_string_equal(image->names[0], "docker.io/library/nginx:1");
	assert_string_equal(image->names[1], "docker.io/library/nginx:latest");
	assert_null(image->names[2]);
	assert_int_equal(image->n_layers, 2);
	assert_true(asprintf(&layer, "%s/layers/sha256-" B64, f->dir) > 0);
	assert_string_equal(image->layers[0], layer);
	assert_null(image->layers[2]);
	assert_int_equal(image->size, 42);
	assert_string_equal(image->config.cmd[1], "b c");
	assert_string_equal(image->config.entrypoint[0], "/e");
	assert_string_equal(image->config.env[0], "A=1");
	assert_string_equal(image->config.user, "7:8");
	assert_string_equal(image->config.working_dir, "/w");
	assert_string_equal(image->config.stop_signal, "SIGQUIT");
	assert_string_equal(image->config.ports[0], "80/tcp");
	assert_string_equal(image->config.volumes[0], "/v");
	assert_int_equal(image_find(f->store, "quay.io/a/b:1", &other, &err), 0);
	assert_string_equal(other->digest, "sha256:" B64);
	image_unref(steal_ptr(other));
	assert_int_equal(image_find(f->store, "anything@sha256:" A64, &other, &err), 0);
	assert_ptr_equal(other, image);
	image_unref(steal_ptr(other));
	assert_int_equal(image_find(f->store, "sha256:" A64, &other, &err), 0);
	image_unref(steal_ptr(other));
	assert_int_equal(image_find(f->store, "nginx:2", &other, &err), -ENOENT);
	assert_int_equal(image_find(f->store, "a/b:1", &other, &err), -ENOENT);
	assert_int_equal(image_find(f->store, "Not A Name", &other, &err), -EINVAL);
	assert_non_null(err.msg);
}

/* A snapshot outlives its image. */
static void test_snapshot(void **state)
{
	struct fixture *f = *state;
	_cleanup_image_ struct image *image = NULL, *gone = NULL;
	_cleanup_free_ char *path = NULL;

	put_record(f, A64, "\"docker.io/library/a:1\"", "", 1);
	assert_int_equal(image_store_reload(f->store, NULL), 0);
	assert_int_equal(image_find(f->store, "a:1", &image, NULL), 0);
	assert_true(asprintf(&path, "%s/images/sha256-" A64 ".json", f->dir) > 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(image_store_reload(f->store, NULL), 0);
	assert_int_equal(image_find(f->store, "a:1", &gone, NULL), -ENOENT);
	assert_string_equal(image->names[0], "docker.io/library/a:1");
}

static void test_later_record_wins(void **state)
{
	struct fixture *f = *state;
	_cleanup_image_ struct image *image = NULL;

	put_record(f, A64, "\"docker.io/library/a:1\"", "", 5);
	put_record(f, B64, "\"docker.io/library/a:1\"", "", 4);
	assert_int_equal(image_store_reload(f->store, NULL), 0);
	assert_int_equal(image_find(f->store, "a:1", &image, NULL), 0);
	assert_string_equal(image->digest, "sha256:" A64);
}

static void test_list(void **state)
{
	struct fixture *f = *state;
	struct image **list = NULL;
	size_t n = 0;

	put_record(f, A64, "", "", 1);
	put_record(f, B64, "\"docker.io/library/z:1\"", "", 1);
	put_record(f, C64, "\"docker.io/library/b:1\"", "", 1);
	assert_int_equal(image_store_reload(f->store, NULL), 0);
	assert_int_equal(image_list(f->store, &list, &n), 0);
	assert_int_equal(n, 3);
	assert_string_equal(list[0]->digest, "sha256:" C64);
	assert_string_equal(list[1]->digest, "sha256:" B64);
	assert_string_equal(list[2]->digest, "sha256:" A64);
	assert_null(list[3]);
	image_list_free(list);
}

static void test_damaged_records(void **state)
{
	static const char *const TEXTS[] = {
		"", "{", "[]", "{\"version\":1}", "{\"version\":2,\"digest\":\"sha256:" A64 "\"}",
		"{\"version\":1,\"digest\":\"sha256:" B64 "\",\"id\":\"sha256:" C64 "\",\"layers\":[],\"names\":[]}",
		"{\"version\":1,\"digest\":\"sha256:" A64 "\",\"id\":\"sha256:" C64
		"\",\"layers\":[\"../../etc\"],\"names\":[]}",
		"{\"version\":1,\"digest\":\"sha256:" A64 "\",\"id\":\"sha256:" C64 "\",\"layers\":[],\"names\":[7]}",
		"{\"version\":1,\"digest\":\"sha256:" A64 "\",\"id\":\"sha256:" C64
		"\",\"layers\":[],\"names\":[],\"config\":{\"Cmd\":\"x\"}}",
	};
	struct fixture *f = *state;
	_cleanup_free_ char *path = NULL;

	put_record(f, B64, "\"docker.io/library/b:1\"", "", 1);
	assert_true(asprintf(&path, "%s/images/sha256-" A64 ".json", f->dir) > 0);
	for (size_t i = 0; i < ARRAY_SIZE(TEXTS); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		_cleanup_image_ struct image *image = NULL;

		put(path, TEXTS[i], strlen(TEXTS[i]), 0600);
		if (image_store_reload(f->store, &err) != 1)
			fail_msg("text %zu was not refused", i);
		assert_non_null(strstr(error_text(&err), "sha256-" A64));
		assert_int_equal(image_find(f->store, "b:1", &image, NULL), 0);
	}
}

/* Runs a job to its end as an event loop would. */
static int finish(struct image_job *job, struct image ***ret, struct error *err)
{
	struct pollfd pfd = { .fd = image_job_fd(job), .events = POLLIN };

	assert_int_equal(poll(&pfd, 1, DEADLINE_MSEC), 1);
	return image_job_finish(job, ret, err);
}

static void put_blob(const char *layout, const char *data, size_t len, char digest[static DIGEST_SIZE])
{
	_cleanup_free_ char *path = NULL;

	digest_of(data, len, digest);
	assert_true(asprintf(&path, "%s/blobs/sha256/%s", layout, digest + 7) > 0);
	put(path, data, len, 0600);
}

/* An OCI layout of one image whose only layer is an empty tar. */
static int make_layout(const struct fixture *f)
{
	static const char EMPTY[1024];
	char layer[DIGEST_SIZE], config[DIGEST_SIZE], manifest[DIGEST_SIZE], path[256];
	_cleanup_buf_ struct buf c = BUF_INIT, m = BUF_INIT, i = BUF_INIT;

	(void)snprintf(path, sizeof(path), "%s/layout", f->base);
	make(path);
	(void)snprintf(path, sizeof(path), "%s/layout/blobs", f->base);
	make(path);
	(void)snprintf(path, sizeof(path), "%s/layout/blobs/sha256", f->base);
	make(path);
	(void)snprintf(path, sizeof(path), "%s/layout", f->base);
	put_blob(path, EMPTY, sizeof(EMPTY), layer);
	buf_printf(&c, "{\"config\":{\"Cmd\":[\"x\"]},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"%s\"]}}", layer);
	put_blob(path, c.data, c.len, config);
	buf_printf(&m, "{\"config\":{\"digest\":\"%s\",\"size\":%zu},\"layers\":[{\"mediaType\":"
		   "\"application/vnd.oci.image.layer.v1.tar\",\"digest\":\"%s\",\"size\":1024}]}", config, c.len, layer);
	put_blob(path, m.data, m.len, manifest);
	buf_printf(&i, "{\"manifests\":[{\"digest\":\"%s\",\"size\":%zu,\"annotations\":"
		   "{\"org.opencontainers.image.ref.name\":\"layout:1\"}}]}", manifest, m.len);
	(void)snprintf(path, sizeof(path), "%s/layout/index.json", f->base);
	put(path, i.data, i.len, 0600);
	(void)snprintf(path, sizeof(path), "%s/layout", f->base);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void test_import_and_remove(void **state)
{
	struct fixture *f = *state;
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_close_ int fd = make_layout(f);
	_cleanup_image_ struct image *image = NULL, *gone = NULL;
	struct image **list = NULL;
	struct image_job *job = NULL;
	struct stat st;

	assert_true(fd >= 0);
	assert_int_equal(image_import_start(f->store, fd, NULL, &job, &err), 0);
	if (finish(job, &list, &err) < 0)
		fail_msg("%s", error_text(&err));
	assert_non_null(list[0]);
	assert_null(list[1]);
	assert_string_equal(list[0]->names[0], "docker.io/library/layout:1");
	assert_string_equal(list[0]->config.cmd[0], "x");
	assert_int_equal(stat(list[0]->layers[0], &st), 0);
	assert_int_equal(image_find(f->store, "layout:1", &image, NULL), 0);
	assert_ptr_equal(image, list[0]);
	image_list_free(list);

	assert_int_equal(image_import_start(f->store, fd, "other:2", &job, &err), 0);
	assert_int_equal(finish(job, NULL, &err), 0);
	assert_int_equal(image_find(f->store, "other:2", &gone, NULL), 0);
	image_unref(steal_ptr(gone));
	assert_int_equal(image_remove_start(f->store, "layout:1", &job, &err), 0);
	assert_int_equal(finish(job, NULL, &err), 0);
	assert_int_equal(image_find(f->store, "layout:1", &gone, NULL), -ENOENT);
	assert_int_equal(stat(image->layers[0], &st), 0);
	assert_int_equal(image_remove_start(f->store, "other:2", &job, &err), 0);
	assert_int_equal(finish(job, NULL, &err), 0);
	assert_int_equal(stat(image->layers[0], &st), -1);
	assert_int_equal(image_remove_start(f->store, "other:2", &job, &err), 0);
	assert_int_equal(finish(job, NULL, &err), -ENOENT);
	assert_string_equal(error_text(&err), "no image other:2 in the store");
}

static void test_job_failures(void **state)
{
	struct fixture *f = *state;
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_close_ int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	_cleanup_image_store_ struct image_store *broken = NULL;
	struct image_job *job = NULL;
	char path[256];

	assert_int_equal(image_import_start(f->store, null, NULL, &job, &err), 0);
	assert_int_equal(finish(job, NULL, &err), -EINVAL);
	assert_string_equal(error_text(&err), "the archive is empty");
	assert_int_equal(image_import_start(f->store, null, NULL, &job, &err), 0);
	image_job_cancel(job);

	assert_int_equal(image_store_open(f->dir, "/nonexistent/podfs-image", &broken, &err), 0);
	assert_int_equal(image_import_start(broken, null, NULL, &job, &err), -ENOENT);
	image_store_free(steal_ptr(broken));

	(void)snprintf(path, sizeof(path), "%s/killed", f->base);
	put(path, "#!/bin/sh\nkill -9 $$\n", 21, 0700);
	assert_int_equal(image_store_open(f->dir, path, &broken, &err), 0);
	assert_int_equal(image_import_start(broken, null, NULL, &job, &err), 0);
	assert_int_equal(finish(job, NULL, &err), -EIO);
	assert_string_equal(error_text(&err), "podfs-image was ended by signal 9");
	assert_int_equal(image_store_open("relative", NULL, &broken, &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_find, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_snapshot, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_later_record_wins, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_list, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_damaged_records, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_import_and_remove, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_job_failures, set_up, tear_down),
	};

	if (geteuid() != 0) {
		(void)puts("1..0 # SKIP podfs-image needs root");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
