/* SPDX-License-Identifier: Apache-2.0 */
/* How a container sees its pod's volumes. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/openat2.h"
#include "node/payload.h"
#include "node/volume.h"
#include "node/volume_claim.h"

static int open_beneath(int dir, const char *path, uint64_t flags)
{
	struct open_how how = { .flags = flags | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
	int fd = openat2_retry(dir, path, &how);

	return fd < 0 ? -errno : fd;
}

/* Makes a directory in one that is open, with just that mode, whatever the umask. */
static int make_dir(int parent, const char *name, mode_t mode)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (mkdirat(parent, name, mode) < 0)
		return errno == EEXIST ? 0 : -errno;
	fd = open_beneath(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0)
		return fd < 0 ? fd : -errno;
	return (st.st_mode & 07777) != mode && fchmod(fd, mode) < 0 ? -errno : 0;
}

/*
 * Opens a path inside a volume, following links that stay in it, and makes the directories that are missing, with the
 * volume's own mode as kubelet does. Every step starts from a descriptor, so that nobody who can write to the volume
 * leads it out (CVE-2017-1002101, CVE-2021-25741).
 */
static int open_sub_path(int volume, const char *path)
{
	_cleanup_free_ char *copy = strdup(path);
	struct stat st;
	int fd;

	if (!copy || fstat(volume, &st) < 0)
		return -ENOMEM;
	for (char *slash = strchr(copy, '/'), *end = copy + strlen(copy);; slash = strchr(slash + 1, '/')) {
		_cleanup_close_ int parent = -1;
		char *name;
		int r;

		if (slash)
			*slash = '\0';
		fd = open_beneath(volume, copy, O_PATH);
		if (fd == -ENOENT) {
			name = strrchr(copy, '/');
			if (name)
				*name = '\0';
			parent = open_beneath(volume, name ? copy : ".", O_PATH | O_DIRECTORY);
			if (name)
				*name = '/';
			if (parent < 0)
				return parent;
			r = make_dir(parent, name ? name + 1 : copy, st.st_mode & 07777);
			if (r < 0)
				return r;
			fd = open_beneath(volume, copy, O_PATH);
		}
		if (fd < 0 || !slash || slash + 1 >= end)
			return fd;
		(void)close(fd);
		*slash = '/';
	}
}

/* A subPathExpr's text: every $(NAME) must be set. */
static const char *expand_path(struct arena *a, const char *expr, const struct env_list *env, struct error *err)
{
	const char *text = env_expand(a, expr, env), *left = text ? strstr(text, "$(") : NULL;

	if (left) {
		(void)error_set(err, -EINVAL, "missing value for %.*s in subPathExpr", (int)strcspn(left + 2, ")"), left + 2);
		return NULL;
	}
	return text;
}

/* Where in its volume a mount begins: "" for all of it. */
static int sub_path(struct arena *a, const struct value *m, const struct env_list *env, const char **ret, struct error *err)
{
	const char *expr = value_str(value_get(m, "subPathExpr")), *path = value_str_or(value_get(m, "subPath"), "");

	if (expr && *expr) {
		path = expand_path(a, expr, env, err);
		if (!path)
			return err->code ? -EINVAL : -ENOMEM;
		if (path[0] == '/' || !strcmp(path, "..") || !strncmp(path, "../", 3) || strstr(path, "/../") ||
		    (strlen(path) > 2 && !strcmp(path + strlen(path) - 3, "/..")))
			return error_set(err, -EINVAL, "subPathExpr: %s must be a relative path without '..'", path);
	}
	*ret = path;
	return 0;
}

static int open_source(const struct value *volume, const char *path, const char *sub, struct error *err)
{
	_cleanup_close_ int root = open(path, O_PATH | O_CLOEXEC);
	int fd;

	if (root < 0)
		return error_errno(err, -errno, "volume %s: %s", volume_name(volume), path);
	if (!*sub)
		return steal_fd(&root);
	fd = open_sub_path(root, sub);
	if (fd == -EXDEV || fd == -ELOOP)
		return error_set(err, fd, "subPath \"%s\" is not within volume \"%s\"", sub, volume_name(volume));
	return fd < 0 ? error_errno(err, fd, "failed to prepare subPath for volumeMount \"%s\"", volume_name(volume)) : fd;
}

static unsigned mount_flags(const struct value *volume, const struct value *m)
{
	const char *propagation = value_str_or(value_get(m, "mountPropagation"), "None");
	const char *rro = value_str_or(value_get(m, "recursiveReadOnly"), "Disabled");
	unsigned flags = 0;

	/* What is made of the cluster's data is read-only whatever the mount says: Kubernetes documentation, "ConfigMap". */
	if (value_bool(value_get(m, "readOnly"), false) || payload_is_for(volume) ||
	    value_bool(value_path(volume, "persistentVolumeClaim", "readOnly"), false))
		flags |= SPEC_MOUNT_RDONLY;
	if (volume_is_image(volume)) /* K8S:staging/src/k8s.io/api/core/v1/types.go, ImageVolumeSource */
		flags |= SPEC_MOUNT_RDONLY | SPEC_MOUNT_NOEXEC;
	if (!strcmp(rro, "Enabled"))
		flags |= SPEC_MOUNT_RRO;
	else if (!strcmp(rro, "IfPossible"))
		flags |= SPEC_MOUNT_RRO_IF_POSSIBLE;
	if (!value_get(volume, "hostPath") && !volume_is_claim(volume))
		return flags;
	return flags | SPEC_MOUNT_RECURSIVE |
	       (!strcmp(propagation, "HostToContainer") ? SPEC_MOUNT_RSLAVE :
		!strcmp(propagation, "Bidirectional")	? SPEC_MOUNT_RSHARED :
							  0);
}

/* One mount of one volume. */
static int make_mount(struct arena *a, const struct value *volume, const struct value *m, const char *dir,
		      const struct env_list *env, struct sandbox_mount *out, struct error *err)
{
	const char *path = value_str(value_path(volume, "hostPath", "path")), *sub = "";
	int r;

	*out = (struct sandbox_mount){ .type = "bind", .source_fd = -1, .flags = mount_flags(volume, m),
				       .target = value_str_or(value_get(m, "mountPath"), "") };
	r = sub_path(a, m, env, &sub, err);
	if (r < 0)
		return r;
	if (volume_is_image(volume)) { /* its layers are the caller's to add */
		out->type = "image";
		out->source = sub;
		return 0;
	}
	if (volume_is_memory(volume)) {
		out->type = "pod";
		out->source = arena_printf(a, "%s%s%s", volume_name(volume), *sub ? "/" : "", sub);
		return out->source ? 0 : -ENOMEM;
	}
	if (!path)
		path = arena_printf(a, "%s/volumes/%s", dir, volume_name(volume));
	if (!path)
		return -ENOMEM;
	if (!*sub && !value_get(volume, "hostPath") && !volume_is_claim(volume)) {
		out->source = path; /* ours: podfs-pod may open it */
		return 0;
	}
	out->source_fd = open_source(volume, path, sub, err);
	return out->source_fd < 0 ? out->source_fd : 0;
}

int volumes_mounts(struct arena *a, const struct object *pod, const struct value *container, const char *dir,
		   const struct env_list *env, size_t more, struct sandbox_mount **ret_mounts, size_t *ret_n,
		   struct error *err)
{
	const struct value *mounts = value_get(container, "volumeMounts");
	struct sandbox_mount *out = arena_alloc(a, (value_len(mounts) + more + 1) * sizeof(*out));
	size_t n = 0;
	int r = out ? 0 : -ENOMEM;

	for (size_t i = 0; i < value_len(mounts) && r == 0; i++) {
		const struct value *m = value_at(mounts, i);
		const struct value *volume = value_find(object_path(pod, "spec", "volumes"), "name", value_str_or(value_get(m, "name"), ""));

		r = make_mount(a, volume, m, dir, env, &out[n++], err);
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
