/* SPDX-License-Identifier: Apache-2.0 */
#include "node/volume_claim.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "node/hostpath.h"
#include "node/volume.h"
#include "store/persistent.h"

bool volume_is_claim(const struct value *volume)
{
	return value_get(volume, "persistentVolumeClaim") || value_get(volume, "ephemeral");
}

/* The claim, if the pod may have it. The caller owns it. */
static struct object *find_claim(struct arena *a, const struct sources *s, const struct value *volume, const char *link,
				 struct error *err)
{
	const char *name = pv_claim_name(a, s->pod, volume), *ns = object_namespace(s->pod);
	_cleanup_object_ struct object *claim = name ? s->find(s->arg, "persistentvolumeclaims", ns, name) : NULL;

	if (!claim)
		(void)error_set(err, -ENOENT, "persistentvolumeclaim \"%s\" not found", name ? name : "");
	else if (value_get(volume, "ephemeral") && !pv_is_of_pod(claim, s->pod))
		(void)error_set(err, -EPERM, "PVC %s/%s was not created for pod %s/%s (pod is not owner)", ns, name, ns,
				object_name(s->pod));
	else if (object_is_deleting(claim) && access(link, F_OK) < 0)
		(void)error_set(err, -ENOENT, "PVC is being deleted");
	else if (!pv_claim_is_bound(claim))
		(void)error_set(err, -EAGAIN, "PVC %s/%s is not bound", ns, name);
	else
		return object_ref(claim);
	return NULL;
}

/* The volume that the claim is bound to, if it is for this node. The caller owns it. */
static struct object *find_volume(const struct sources *s, const struct object *claim, struct error *err)
{
	const char *name = value_str_or(object_path(claim, "spec", "volumeName"), "");
	const char *node_name = value_str_or(object_path(s->pod, "spec", "nodeName"), "");
	_cleanup_object_ struct object *volume = s->find(s->arg, "persistentvolumes", "", name);
	_cleanup_object_ struct object *node = s->find(s->arg, "nodes", "", node_name);

	if (!volume)
		(void)error_set(err, -ENOENT, "persistentvolume \"%s\" not found", name);
	else if (!pv_are_bound(volume, claim))
		(void)error_set(err, -EPERM, "PVC %s/%s binding is not finalized", object_namespace(claim), object_name(claim));
	else if (!node || !pv_reaches(volume, node))
		(void)error_set(err, -EXDEV, "no matching NodeSelectorTerms: volume \"%s\" is not on this node", name);
	else
		return object_ref(volume);
	return NULL;
}

static int check_local(const char *path, struct error *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return error_set(err, -errno, "path \"%s\" does not exist", path);
	return S_ISDIR(st.st_mode) ? 0 : error_set(err, -ENOTDIR, "path \"%s\" is not a directory", path);
}

/* Looks after the volume itself; *ret_path is where it lies. */
static int prepare(const struct sources *s, const struct object *volume, const char **ret_path, struct error *err)
{
	const struct value *fs_group = object_path(s->pod, "spec", "securityContext", "fsGroup");
	const struct value *spec = object_path(volume, "spec");
	int r;

	if (!strcmp(value_str_or(value_get(spec, "volumeMode"), ""), "Block"))
		return error_set(err, -EOPNOTSUPP, "volume has volumeMode Block, but is specified in volumeMounts");
	*ret_path = value_str(value_path(spec, "hostPath", "path"));
	if (*ret_path)
		return hostpath_check(value_get(spec, "hostPath"), err);
	*ret_path = value_str(value_path(spec, "local", "path"));
	if (!*ret_path)
		return error_set(err, -EOPNOTSUPP, "persistent volumes other than hostPath and local are not supported by this version");
	r = check_local(*ret_path, err);
	if (r < 0 || !fs_group)
		return r;
	r = s->own(s->arg, *ret_path, (gid_t)value_int(fs_group, 0));
	if (r == -EINPROGRESS)
		return error_set(err, r, "Setting volume ownership for %s is taking longer than expected", *ret_path);
	return r < 0 ? error_errno(err, r, "applyFSGroup failed for %s", *ret_path) : 0;
}

/* Replaces what an earlier sandbox of the pod was given. */
static int make_link(const char *to, const char *path)
{
	if (symlink(to, path) == 0)
		return 0;
	if (errno != EEXIST || unlink(path) < 0)
		return -errno;
	return symlink(to, path) < 0 ? -errno : 0;
}

int volume_claim_prepare(struct arena *a, const struct sources *s, const struct value *volume, const char *dir,
			 struct error *err)
{
	const char *link = arena_printf(a, "%s/volumes/%s", dir, volume_name(volume)), *path = NULL;
	_cleanup_object_ struct object *claim = link ? find_claim(a, s, volume, link, err) : NULL;
	_cleanup_object_ struct object *pv = claim ? find_volume(s, claim, err) : NULL;
	int r;

	if (!pv)
		return err->code ? err->code : -ENOMEM;
	r = prepare(s, pv, &path, err);
	if (r == 0) {
		r = make_link(path, link);
		if (r < 0)
			(void)error_errno(err, r, "%s", link);
	}
	return r;
}
