/* SPDX-License-Identifier: Apache-2.0 */
#include "node/volume.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "node/hostpath.h"
#include "node/payload.h"
#include "node/volume_claim.h"
#include "schema/resources.h"
#include "value/quantity.h"

static const struct value *volume_list(const struct object *pod)
{
	return object_path(pod, "spec", "volumes");
}

const char *volume_name(const struct value *volume)
{
	return value_str_or(value_get(volume, "name"), "");
}

bool volume_is_image(const struct value *volume)
{
	return value_get(volume, "image");
}

bool volume_is_memory(const struct value *volume)
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

/*
 * How much a memory volume holds: its sizeLimit, but no more than the pod may have, or all pods together.
 * K8S:pkg/volume/emptydir, calculateEmptyDirMemorySize.
 */
static uint64_t memory_size(const struct sources *s, const struct value *volume)
{
	int64_t size = s->allocatable.memory, pod = pod_limit(object_path(s->pod, "spec"), "memory"), own;
	struct quantity q;

	own = quantity_from(value_path(volume, "emptyDir", "sizeLimit"), &q, NULL) < 0 ? 0 : quantity_value(&q);
	if (pod > 0 && (pod < size || size <= 0))
		size = pod;
	if (own > 0 && (own < size || size <= 0))
		size = own;
	return (uint64_t)size;
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

/* Brings a volume of the cluster's own data up to date. */
static int refresh(struct arena *a, const struct sources *s, const struct value *volume, const char *dir, struct error *err)
{
	const struct value *fs_group = object_path(s->pod, "spec", "securityContext", "fsGroup");
	const char *path = arena_printf(a, "%s/volumes/%s", dir, volume_name(volume));
	struct payload payload;
	int r = path ? payload_build(a, s, volume, path, &payload, err) : -ENOMEM;

	return r < 0 ? r : payload_write(path, &payload, fs_group ? (gid_t)value_int(fs_group, 0) : (gid_t)-1, err);
}

static int prepare(struct arena *a, const struct sources *s, const struct value *volume, const char *dir,
		   struct sandbox_tmpfs *tmpfs, size_t *n, struct error *err)
{
	const struct value *fs_group = object_path(s->pod, "spec", "securityContext", "fsGroup");
	const char *source = source_of(volume);

	if (!strcmp(source, "hostPath"))
		return hostpath_check(value_get(volume, "hostPath"), err);
	if (volume_is_claim(volume))
		return volume_claim_prepare(a, s, volume, dir, err);
	if (payload_is_for(volume))
		return refresh(a, s, volume, dir, err);
	if (volume_is_image(volume)) /* pulled for each container that mounts it: agent_pull.c */
		return 0;
	if (strcmp(source, "emptyDir") != 0)
		return error_set(err, -EOPNOTSUPP, "%s volumes are not supported by this version", source);
	if (!volume_is_memory(volume))
		return make_empty_dir(arena_printf(a, "%s/volumes/%s", dir, volume_name(volume)), fs_group);
	tmpfs[(*n)++] = (struct sandbox_tmpfs){ .name = volume_name(volume), .mode = fs_group ? 02777 : 0777,
						.gid = (gid_t)value_int(fs_group, 0),
						.size = memory_size(s, volume) };
	return 0;
}

/* kubelet's words around a volume's failure: K8S:pkg/kubelet/volumemanager. */
static int setup_failed(const struct value *volume, int r, struct error *err)
{
	if (!err->code)
		(void)error_errno(err, r, "set it up");
	return error_wrap(err, "MountVolume.SetUp failed for volume \"%s\" ", volume_name(volume));
}

int volumes_prepare(struct arena *a, const struct sources *s, const char *dir, struct sandbox_tmpfs **ret_tmpfs,
		    size_t *ret_n, struct error *err)
{
	const struct value *list = volume_list(s->pod);
	struct sandbox_tmpfs *tmpfs = arena_alloc(a, (value_len(list) + 1) * sizeof(*tmpfs));
	size_t n = 0;
	int r = tmpfs ? 0 : -ENOMEM;

	if (r == 0 && value_len(list))
		r = make_dir(arena_printf(a, "%s/volumes", dir), 0700);
	for (size_t i = 0; i < value_len(list) && r == 0; i++) {
		r = prepare(a, s, value_at(list, i), dir, tmpfs, &n, err);
		if (r < 0)
			r = setup_failed(value_at(list, i), r, err);
	}
	if (r < 0)
		return r;
	*ret_tmpfs = tmpfs;
	*ret_n = n;
	return 0;
}

bool volumes_have_data(const struct object *pod)
{
	const struct value *list = volume_list(pod);

	for (size_t i = 0; i < value_len(list); i++)
		if (payload_is_for(value_at(list, i)))
			return true;
	return false;
}

int volumes_refresh(const struct sources *s, const char *dir, struct error *err)
{
	const struct value *list = volume_list(s->pod);
	int first = 0;

	for (size_t i = 0; i < value_len(list); i++) {
		_cleanup_arena_ struct arena *a = arena_new(0);
		_cleanup_error_ struct error why = ERROR_INIT;
		const struct value *volume = value_at(list, i);
		int r;

		if (!payload_is_for(volume))
			continue;
		r = a ? refresh(a, s, volume, dir, &why) : -ENOMEM;
		if (r < 0 && first == 0) {
			*err = why;
			why = ERROR_INIT;
			first = setup_failed(volume, r, err);
		}
	}
	return first;
}
