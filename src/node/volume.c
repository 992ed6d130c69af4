/* SPDX-License-Identifier: Apache-2.0 */
#include "node/volume.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "value/quantity.h"

static const struct value *volume_list(const struct object *pod)
{
	return object_path(pod, "spec", "volumes");
}

static const char *name_of(const struct value *volume)
{
	return value_str_or(value_get(volume, "name"), "");
}

static bool is_memory(const struct value *volume)
{
	const char *medium = value_str_or(value_path(volume, "emptyDir", "medium"), "");

	return !strcmp(medium, "Memory");
}

/* mkdir -p for one level below a directory that is ours; mode as it is given, whatever the umask. */
static int make_dir(const char *path, mode_t mode)
{
	if (mkdir(path, mode) < 0 && errno != EEXIST)
		return -errno;
	return chmod(path, mode) < 0 ? -errno : 0;
}

/* The kind of a volume: its first member that is not its name. */
static const char *source_of(const struct value *volume)
{
	for (size_t i = 0; i < value_len(volume); i++)
		if (strcmp(value_key_at(volume, i), "name") != 0)
			return value_key_at(volume, i);
	return "emptyDir";
}

/* mkdir -p. */
static int make_path(const char *path, mode_t mode)
{
	_cleanup_free_ char *copy = strdup(path);

	if (!copy)
		return -ENOMEM;
	for (char *p = copy + 1; *copy && *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(copy, mode) < 0 && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	return mkdir(copy, mode) < 0 && errno != EEXIST ? -errno : 0;
}

/* hostPath types that ask for something to be there, or to be made: Kubernetes documentation, "hostPath". Without a type
 * nothing is asked for, and container runtimes make a directory where there is nothing. */
static int check_host_path(const struct value *volume, struct error *err)
{
	const char *path = value_str_or(value_path(volume, "hostPath", "path"), "");
	const char *type = value_str_or(value_path(volume, "hostPath", "type"), "");
	static const struct {
		const char *type;
		mode_t format;
	} types[] = {
		{ "Directory", S_IFDIR }, { "File", S_IFREG }, { "Socket", S_IFSOCK },
		{ "CharDevice", S_IFCHR }, { "BlockDevice", S_IFBLK },
	};
	struct stat st;

	int r = 0;

	if (!strcmp(type, "DirectoryOrCreate") || (!*type && stat(path, &st) < 0 && errno == ENOENT))
		r = make_path(path, 0755);
	if (r < 0)
		return error_errno(err, r, "volume %s: hostPath %s", name_of(volume), path);
	if (!strcmp(type, "FileOrCreate")) {
		_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, 0644);

		if (fd < 0 && errno != ENXIO)
			return error_errno(err, -errno, "volume %s: hostPath %s", name_of(volume), path);
	}
	if (stat(path, &st) < 0)
		return error_errno(err, -errno, "volume %s: hostPath %s", name_of(volume), path);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (!strcmp(types[i].type, type) && (st.st_mode & S_IFMT) != types[i].format)
			return error_set(err, -EINVAL, "volume %s: hostPath type check failed: %s is not a %s",
					 name_of(volume), path, type);
	return 0;
}

static int64_t size_limit(const struct value *volume)
{
	struct quantity q;

	return quantity_from(value_path(volume, "emptyDir", "sizeLimit"), &q, NULL) < 0 ? 0 : quantity_value(&q);
}

/* An emptyDir on disk: everybody may write, and with fsGroup what is made in it is that group's. */
static int make_empty_dir(const char *path, const struct value *fs_group)
{
	int r = path ? make_dir(path, 0777) : -ENOMEM;

	if (r < 0 || !fs_group)
		return r;
	if (chown(path, (uid_t)-1, (gid_t)value_int(fs_group, 0)) < 0 || chmod(path, 02777) < 0)
		return -errno;
	return 0;
}

static int prepare(const struct object *pod, const struct value *volume, const char *dir, struct arena *a,
		   struct sandbox_tmpfs *tmpfs, size_t *n, struct error *err)
{
	const struct value *fs_group = object_path(pod, "spec", "securityContext", "fsGroup");
	const char *source = source_of(volume);
	int r;

	if (!strcmp(source, "hostPath"))
		return check_host_path(volume, err);
	if (strcmp(source, "emptyDir") != 0)
		return error_set(err, -EOPNOTSUPP, "volume %s: %s volumes are not supported by this version",
				 name_of(volume), source);
	if (is_memory(volume)) {
		tmpfs[(*n)++] = (struct sandbox_tmpfs){ .name = name_of(volume), .mode = fs_group ? 02777 : 0777,
							.gid = (gid_t)value_int(fs_group, 0),
							.size = (uint64_t)size_limit(volume) };
		return 0;
	}
	r = make_empty_dir(arena_printf(a, "%s/volumes/%s", dir, name_of(volume)), fs_group);
	return r < 0 ? error_errno(err, r, "volume %s", name_of(volume)) : 0;
}

int volumes_prepare(struct arena *a, const struct object *pod, const char *dir, struct sandbox_tmpfs **ret_tmpfs,
		    size_t *ret_n, struct error *err)
{
	const struct value *list = volume_list(pod);
	struct sandbox_tmpfs *tmpfs = arena_alloc(a, (value_len(list) + 1) * sizeof(*tmpfs));
	size_t n = 0;
	int r = tmpfs ? 0 : -ENOMEM;

	if (r == 0 && value_len(list))
		r = make_dir(arena_printf(a, "%s/volumes", dir), 0700);
	for (size_t i = 0; i < value_len(list) && r == 0; i++)
		r = prepare(pod, value_at(list, i), dir, a, tmpfs, &n, err);
	if (r < 0)
		return r;
	*ret_tmpfs = tmpfs;
	*ret_n = n;
	return 0;
}

/* One mount of one volume. */
static int make_mount(struct arena *a, const struct value *volume, const struct value *m, const char *dir,
		      struct sandbox_mount *out, struct error *err)
{
	const char *host = value_str(value_path(volume, "hostPath", "path"));
	const char *propagation = value_str_or(value_get(m, "mountPropagation"), "None");
	const char *rro = value_str_or(value_get(m, "recursiveReadOnly"), "Disabled");

	*out = (struct sandbox_mount){ .type = "bind", .source_fd = -1,
				       .target = value_str_or(value_get(m, "mountPath"), "") };
	if (value_get(m, "subPath") || value_get(m, "subPathExpr"))
		return error_set(err, -EOPNOTSUPP, "volume %s: subPath is not supported by this version", name_of(volume));
	if (value_bool(value_get(m, "readOnly"), false))
		out->flags |= SPEC_MOUNT_RDONLY;
	if (!strcmp(rro, "Enabled"))
		out->flags |= SPEC_MOUNT_RRO;
	else if (!strcmp(rro, "IfPossible"))
		out->flags |= SPEC_MOUNT_RRO_IF_POSSIBLE;
	if (host) {
		out->flags |= SPEC_MOUNT_RECURSIVE;
		if (!strcmp(propagation, "HostToContainer"))
			out->flags |= SPEC_MOUNT_RSLAVE;
		else if (!strcmp(propagation, "Bidirectional"))
			out->flags |= SPEC_MOUNT_RSHARED;
		out->source_fd = open(host, O_PATH | O_CLOEXEC);
		return out->source_fd < 0 ? error_errno(err, -errno, "volume %s: hostPath %s", name_of(volume), host) : 0;
	}
	if (is_memory(volume)) {
		out->type = "pod";
		out->source = name_of(volume);
		return 0;
	}
	out->source = arena_printf(a, "%s/volumes/%s", dir, name_of(volume));
	return out->source ? 0 : -ENOMEM;
}

int volumes_mounts(struct arena *a, const struct object *pod, const struct value *container, const char *dir,
		   size_t more, struct sandbox_mount **ret_mounts, size_t *ret_n, struct error *err)
{
	const struct value *mounts = value_get(container, "volumeMounts");
	struct sandbox_mount *out = arena_alloc(a, (value_len(mounts) + more + 1) * sizeof(*out));
	size_t n = 0;
	int r = out ? 0 : -ENOMEM;

	for (size_t i = 0; i < value_len(mounts) && r == 0; i++) {
		const struct value *m = value_at(mounts, i);
		const struct value *volume = value_find(volume_list(pod), "name", value_str_or(value_get(m, "name"), ""));

		r = make_mount(a, volume, m, dir, &out[n++], err);
	}
	if (r < 0) {
		volumes_close(out, n);
		return r;
	}
	*ret_mounts = out;
	*ret_n = n;
	return 0;
}

static size_t depth(const char *path)
{
	size_t n = 0;

	for (; *path; path++)
		n += *path != '/' && (path[1] == '/' || !path[1]);
	return n;
}

void volumes_sort(struct sandbox_mount *mounts, size_t n)
{
	for (size_t i = 1; i < n; i++) /* they are few, and mostly in order */
		for (size_t k = i; k > 0 && depth(mounts[k].target) < depth(mounts[k - 1].target); k--) {
			struct sandbox_mount m = mounts[k];

			mounts[k] = mounts[k - 1];
			mounts[k - 1] = m;
		}
}

void volumes_close(struct sandbox_mount *mounts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (mounts[i].source_fd >= 0)
			(void)close(mounts[i].source_fd);
}
