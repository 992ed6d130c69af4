/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes on the node: what is made for them, what a hostPath type asks for, and how containers mount them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/remove.h"
#include "node/volume.h"
#include "node/volume_images.h"
#include "node/volume_owner.h"
#include "objects.h"

static const struct env_list no_env;
static char dir[] = "/tmp/podfs-test-volume.XXXXXX";

static int setup(void **state)
{
	(void)umask(077); /* modes are what the manifest asks for, whatever the daemon's */
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	return remove_tree(AT_FDCWD, dir);
}

static const char *below(const char *name)
{
	static char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static unsigned mode_of(const char *path, gid_t *ret_gid)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	if (ret_gid)
		*ret_gid = st.st_gid;
	return st.st_mode & 07777;
}

#define POD(spec) "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: n, uid: u}\nspec: " spec

static int prepare(const char *type, const char *name, struct error *err)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_object_ struct object *pod =
		test_object(POD("{volumes: [{name: v, hostPath: {path: %s/%s, type: '%s'}}]}"), dir, name, type);
	struct sandbox_tmpfs *tmpfs;
	size_t n;

	return volumes_prepare(a, &(struct sources){ .pod = pod }, below("pod"), &tmpfs, &n, err);
}

static void empty_dirs_are_for_everybody(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_object_ struct object *pod = test_object(
		POD("{volumes: [{name: disk, emptyDir: {}}, {name: mem, emptyDir: {medium: Memory, sizeLimit: 64Mi}},"
		    " {name: all, emptyDir: {medium: Memory}}]}"));
	_cleanup_object_ struct object *grouped = test_object(
		POD("{securityContext: {fsGroup: 4321}, volumes: [{name: disk, emptyDir: {}},"
		    " {name: mem, emptyDir: {medium: Memory}}]}"));
	_cleanup_object_ struct object *limited = test_object(
		POD("{volumes: [{name: mem, emptyDir: {medium: Memory, sizeLimit: 16Mi}}, {name: all, emptyDir: {medium: Memory}}],"
		    " containers: [{name: c, resources: {limits: {memory: 32Mi}}}]}"));
	struct sandbox_tmpfs *tmpfs;
	_cleanup_error_ struct error err = ERROR_INIT;
	gid_t gid;
	size_t n;

	assert_int_equal(mkdir(below("e"), 0700), 0);
	assert_int_equal(volumes_prepare(a, &(struct sources){ .pod = pod }, below("e"), &tmpfs, &n, &err), 0);
	assert_int_equal(mode_of(below("e/volumes"), NULL), 0700);
	assert_int_equal(mode_of(below("e/volumes/disk"), NULL), 0777);
	assert_int_equal(access(below("e/volumes/mem"), F_OK), -1);
	assert_int_equal(n, 2);
	assert_string_equal(tmpfs[0].name, "mem");
	assert_int_equal(tmpfs[0].size, 64 << 20);
	assert_int_equal(tmpfs[0].mode, 0777);
	assert_int_equal(tmpfs[1].size, 0);
	/* none holds more than all pods may have together, or this one */
	assert_int_equal(volumes_prepare(a, &(struct sources){ .pod = pod, .allocatable.memory = 1 << 30 }, below("e"), &tmpfs,
					 &n, &err), 0);
	assert_int_equal(tmpfs[0].size, 64 << 20);
	assert_int_equal(tmpfs[1].size, 1 << 30);
	assert_int_equal(volumes_prepare(a, &(struct sources){ .pod = limited, .allocatable.memory = 1 << 30 }, below("e"), &tmpfs,
					 &n, &err), 0);
	assert_int_equal(tmpfs[0].size, 16 << 20);
	assert_int_equal(tmpfs[1].size, 32 << 20);
	/* A second time, as after a restart of the daemon: what is there stays. */
	assert_int_equal(close(open(below("e/volumes/disk/kept"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
	assert_int_equal(volumes_prepare(a, &(struct sources){ .pod = grouped }, below("e"), &tmpfs, &n, &err), 0);
	assert_int_equal(access(below("e/volumes/disk/kept"), F_OK), 0);
	assert_int_equal(mode_of(below("e/volumes/disk"), &gid), 02777);
	assert_int_equal(gid, 4321);
	assert_int_equal(tmpfs[0].mode, 02777);
	assert_int_equal(tmpfs[0].gid, 4321);
}

static void host_path_types(void **state)
{
	static const struct {
		const char *type, *name;
		int want;
		mode_t made; /* what is there afterwards; 0: nothing */
	} cases[] = {
		{ "", "file", 0, S_IFREG },
		{ "", "dir", 0, S_IFDIR },
		{ "", "new/of/nothing", 0, S_IFDIR },
		{ "Directory", "dir", 0, S_IFDIR },
		{ "Directory", "link", 0, S_IFDIR },
		{ "Directory", "file", -EINVAL, S_IFREG },
		{ "Directory", "absent", -ENOENT, 0 },
		{ "DirectoryOrCreate", "dir", 0, S_IFDIR },
		{ "DirectoryOrCreate", "made/below", 0, S_IFDIR },
		{ "DirectoryOrCreate", "file/below", -ENOTDIR, 0 },
		{ "DirectoryOrCreate", "file", -EINVAL, S_IFREG },
		{ "File", "file", 0, S_IFREG },
		{ "File", "dir", -EINVAL, S_IFDIR },
		{ "File", "absent", -ENOENT, 0 },
		{ "FileOrCreate", "file", 0, S_IFREG },
		{ "FileOrCreate", "made/file", 0, S_IFREG },
		{ "FileOrCreate", "absent/file", -ENOENT, 0 },
		{ "FileOrCreate", "dir", -EINVAL, S_IFDIR },
		{ "Socket", "file", -EINVAL, S_IFREG },
		{ "CharDevice", "file", -EINVAL, S_IFREG },
		{ "CharDevice", "null", 0, S_IFCHR },
		{ "BlockDevice", "null", -EINVAL, S_IFCHR },
		{ "", "dangling", -ENOENT, 0 },
	};
	bool failed = false;

	assert_int_equal(mkdir(below("pod"), 0700), 0);
	assert_int_equal(mkdir(below("dir"), 0700), 0);
	assert_int_equal(close(open(below("file"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
	assert_int_equal(symlink("dir", below("link")), 0);
	assert_int_equal(symlink("/dev/null", below("null")), 0);
	assert_int_equal(symlink("nowhere/at/all", below("dangling")), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		struct stat st = { 0 };
		int r = prepare(cases[i].type, cases[i].name, &err);

		if (stat(below(cases[i].name), &st) < 0)
			st.st_mode = 0;
		/* What is asked of a dangling link is the C library's and the kernel's matter: that it fails is ours. */
		if ((r != cases[i].want && !(r < 0 && !strcmp(cases[i].name, "dangling"))) ||
		    (st.st_mode & S_IFMT) != cases[i].made) {
			print_error("%s of %s: %d, mode %o\n", cases[i].type, cases[i].name, r, st.st_mode);
			failed = true;
		}
		if (r < 0 && (!strstr(error_text(&err), "volume \"v\"") || !strstr(error_text(&err), cases[i].name))) {
			print_error("%s of %s: \"%s\" names neither\n", cases[i].type, cases[i].name, error_text(&err));
			failed = true;
		}
	}
	assert_false(failed);
}

static void a_kind_of_volume_that_is_none_is_named(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_object_ struct object *pod = test_object(POD("{volumes: [{name: odd, noSuchKind: {}}]}"));
	struct sandbox_tmpfs *tmpfs;
	_cleanup_error_ struct error err = ERROR_INIT;
	size_t n;

	assert_true(volumes_prepare(a, &(struct sources){ .pod = pod }, below("pod"), &tmpfs, &n, &err) < 0);
	assert_non_null(strstr(error_text(&err), "odd"));
	assert_non_null(strstr(error_text(&err), "noSuchKind"));
}

static void containers_mount_them(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_object_ struct object *pod = test_object(
		POD("{volumes: [{name: disk, emptyDir: {}}, {name: mem, emptyDir: {medium: Memory}},"
		    " {name: host, hostPath: {path: /tmp}}],\n"
		    " containers: [{name: c, volumeMounts: [{name: disk, mountPath: /d}, {name: mem, mountPath: /m, readOnly: true},"
		    " {name: host, mountPath: /h},"
		    " {name: host, mountPath: /h1, readOnly: true, recursiveReadOnly: Enabled},"
		    " {name: host, mountPath: /h2, mountPropagation: HostToContainer, readOnly: true, recursiveReadOnly: IfPossible},"
		    " {name: host, mountPath: /h3, mountPropagation: Bidirectional}]}]}"));
	static const struct {
		const char *type, *target;
		unsigned flags;
		bool opened;
	} want[] = {
		{ "bind", "/d", 0, false },
		{ "pod", "/m", SPEC_MOUNT_RDONLY, false },
		{ "bind", "/h", SPEC_MOUNT_RECURSIVE, true },
		{ "bind", "/h1", SPEC_MOUNT_RECURSIVE | SPEC_MOUNT_RDONLY | SPEC_MOUNT_RRO, true },
		{ "bind", "/h2",
		  SPEC_MOUNT_RECURSIVE | SPEC_MOUNT_RDONLY | SPEC_MOUNT_RRO_IF_POSSIBLE | SPEC_MOUNT_RSLAVE, true },
		{ "bind", "/h3", SPEC_MOUNT_RECURSIVE | SPEC_MOUNT_RSHARED, true },
	};
	const struct value *container = value_at(object_path(pod, "spec", "containers"), 0);
	struct sandbox_mount *mounts;
	_cleanup_error_ struct error err = ERROR_INIT;
	size_t n;

	assert_int_equal(volumes_mounts(a, pod, container, "/pods/u", &no_env, 2, &mounts, &n, &err), 0);
	assert_int_equal(n, ARRAY_SIZE(want));
	for (size_t i = 0; i < n; i++) {
		assert_string_equal(mounts[i].type, want[i].type);
		assert_string_equal(mounts[i].target, want[i].target);
		assert_int_equal(mounts[i].flags, want[i].flags);
		assert_int_equal(mounts[i].source_fd >= 0, want[i].opened);
	}
	assert_string_equal(mounts[0].source, "/pods/u/volumes/disk");
	assert_string_equal(mounts[1].source, "mem");
	volumes_close(mounts, n);
	assert_int_equal(fcntl(mounts[2].source_fd, F_GETFD), -1);
}

static void a_source_that_is_gone_is_named(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_object_ struct object *pod = test_object(
		POD("{volumes: [{name: host, hostPath: {path: %s/absent}}, {name: tmp, hostPath: {path: /tmp}}],\n"
		    " containers: [{name: c, volumeMounts: [{name: tmp, mountPath: /t}, {name: host, mountPath: /h}]}]}"), dir);
	const struct value *container = value_at(object_path(pod, "spec", "containers"), 0);
	int before = open("/dev/null", O_RDONLY | O_CLOEXEC), after;
	struct sandbox_mount *mounts;
	_cleanup_error_ struct error err = ERROR_INIT;
	size_t n;

	assert_int_equal(volumes_mounts(a, pod, container, "/pods/u", &no_env, 0, &mounts, &n, &err), -ENOENT);
	assert_non_null(strstr(error_text(&err), "volume host: "));
	after = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(after, before + 1); /* what was opened is closed */
	(void)close(before);
	(void)close(after);
}

static void mounts_are_ordered_by_depth(void **state)
{
	static const char *const given[] = { "/a/b/c", "/", "/a", "/b//c/", "/z", "/a/b", "/b" };
	static const char *const want[] = { "/", "/a", "/z", "/b", "/b//c/", "/a/b", "/a/b/c" };
	struct sandbox_mount mounts[ARRAY_SIZE(given)];

	for (size_t i = 0; i < ARRAY_SIZE(given); i++)
		mounts[i] = (struct sandbox_mount){ .target = given[i], .source_fd = -1 };
	volumes_sort(mounts, ARRAY_SIZE(given));
	for (size_t i = 0; i < ARRAY_SIZE(given); i++)
		assert_string_equal(mounts[i].target, want[i]);
}

static void a_change_of_group_can_be_stopped(void **state)
{
	char path[256], file[300];
	atomic_bool stop = true;
	const gid_t group = geteuid() == 0 ? 2000 : getegid();
	int fd;

	(void)snprintf(path, sizeof(path), "%s", below("many"));
	(void)snprintf(file, sizeof(file), "%s/f", path);
	assert_int_equal(mkdir(path, 0700), 0);
	fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
	assert_int_equal(volume_owner_check(path, group), 0);
	assert_int_equal(volume_owner_set(path, group, &stop), -ECANCELED);
	assert_int_equal(volume_owner_check(path, group), 0); /* it is begun anew */
	stop = false;
	assert_int_equal(volume_owner_set(path, group, &stop), 0);
	assert_int_equal(volume_owner_check(path, group), 1);
	assert_int_equal(volume_owner_check("/nonexistent", group), -ENOENT);
}

static int count_digest(void *arg, const char *digest)
{
	if (!strcmp(digest, "sha256:stop"))
		return 7;
	*(size_t *)arg += strlen(digest);
	return 0;
}

static void images_of_volumes_are_noted(void **state)
{
	static const char *const first[] = { "sha256:12", "sha256:345" };
	static const char *const second[] = { "sha256:6" }, *const stop[] = { "sha256:stop" };
	char path[PATH_MAX];
	size_t seen = 0;
	int fd;

	assert_int_equal(volume_images_each(below("noted"), count_digest, &seen), 0);
	assert_int_equal(seen, 0);
	assert_int_equal(volume_images_note(below("noted"), "c", first, 2), -ENOENT);
	assert_int_equal(mkdir(below("noted"), 0700), 0);
	assert_int_equal(mkdir(below("noted/containers"), 0700), 0);
	assert_int_equal(mkdir(below("noted/containers/c"), 0700), 0);
	assert_int_equal(mkdir(below("noted/containers/d"), 0700), 0);
	assert_int_equal(mkdir(below("noted/containers/without"), 0700), 0);
	assert_int_equal(volume_images_note(below("noted"), "c", first, 2), 0);
	assert_int_equal(volume_images_note(below("noted"), "d", first, 2), 0);
	assert_int_equal(volume_images_note(below("noted"), "d", second, 1), 0); /* in place of those of the run before */
	assert_int_equal(volume_images_each(below("noted"), count_digest, &seen), 0);
	assert_int_equal(seen, strlen("sha256:12sha256:345sha256:6"));
	assert_int_equal(volume_images_note(below("noted"), "d", stop, 1), 0);
	assert_int_equal(volume_images_each(below("noted"), count_digest, &seen), 7);
	(void)snprintf(path, sizeof(path), "%s", below("noted/containers/d/volumes.images"));
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_int_equal(write(fd, "sha256:cut", 10), 10);
	assert_int_equal(close(fd), 0);
	assert_int_equal(volume_images_each(below("noted"), count_digest, &seen), -EBADMSG); /* all may be in use */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_true(volume_images_each(below("noted"), count_digest, &seen) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_dirs_are_for_everybody),
		cmocka_unit_test(host_path_types),
		cmocka_unit_test(a_kind_of_volume_that_is_none_is_named),
		cmocka_unit_test(containers_mount_them),
		cmocka_unit_test(a_source_that_is_gone_is_named),
		cmocka_unit_test(mounts_are_ordered_by_depth),
		cmocka_unit_test(images_of_volumes_are_noted),
		cmocka_unit_test(a_change_of_group_can_be_stopped),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
