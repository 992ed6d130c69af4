/* SPDX-License-Identifier: Apache-2.0 */
#include "node/service_account.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/token.h"

const char *service_account_name(const struct object *pod)
{
	const char *name = value_str_or(object_path(pod, "spec", "serviceAccountName"), "");

	return *name ? name : "default";
}

/* The caller owns it. */
static struct object *find_account(const struct sources *s)
{
	return s->find(s->arg, "serviceaccounts", object_namespace(s->pod), service_account_name(s->pod));
}

int service_account_check(const struct sources *s, struct error *err)
{
	const char *name = service_account_name(s->pod);
	_cleanup_object_ struct object *account = NULL;

	if (!strcmp(name, "default"))
		return 0;
	account = find_account(s);
	return account ? 0 : error_set(err, -ENOENT, "error looking up service account %s/%s: serviceaccount \"%s\" not found",
				       object_namespace(s->pod), name, name);
}

/* The pod's word counts before its account's: K8S:plugin/pkg/admission/serviceaccount, shouldAutomount. */
static bool is_wanted(const struct sources *s)
{
	const struct value *own = object_path(s->pod, "spec", "automountServiceAccountToken");
	_cleanup_object_ struct object *account = own ? NULL : find_account(s);

	return value_bool(own ? own : object_path(account, "automountServiceAccountToken"), true);
}

static const char *dir_of(struct arena *a, const char *dir)
{
	return arena_printf(a, "%s/serviceaccount", dir);
}

static bool is_there(struct arena *a, const char *path)
{
	const char *link = arena_printf(a, "%s/..data", path);

	return link && access(link, F_OK) == 0;
}

/* Writes them whether they are wanted or not. */
static int write_files(struct arena *a, const struct sources *s, const char *path, struct error *err)
{
	const struct value *group = object_path(s->pod, "spec", "securityContext", "fsGroup");
	struct payload p;
	int r;

	if (!path)
		return error_errno(err, -ENOMEM, "service account");
	r = payload_build_account(a, s, path, &p, err);
	if (r == 0)
		r = payload_write(path, &p, group ? (gid_t)value_int(group, 0) : (gid_t)-1, err);
	return r < 0 && !err->code ? error_errno(err, r, "service account") : r;
}

int service_account_write(const struct sources *s, const char *dir, struct error *err)
{
	_cleanup_arena_ struct arena *a = NULL;

	if (!is_wanted(s))
		return 0;
	a = arena_new(0);
	return a ? write_files(a, s, dir_of(a, dir), err) : error_errno(err, -ENOMEM, "service account");
}

static bool mounts_there(const struct value *container)
{
	const struct value *list = value_get(container, "volumeMounts");

	return value_find(list, "mountPath", SERVICE_ACCOUNT_PATH) != NULL;
}

int service_account_mount(struct arena *a, const struct sources *s, const struct value *container, const char *dir,
			  struct sandbox_mount *mounts, size_t *n, struct error *err)
{
	const char *path = dir_of(a, dir);
	int r;

	if (!value_bool(object_path(s->pod, "spec", "automountServiceAccountToken"), true) || mounts_there(container))
		return 0;
	if (!path)
		return error_errno(err, -ENOMEM, "service account");
	if (!is_there(a, path)) {
		if (!is_wanted(s))
			return 0;
		r = write_files(a, s, path, err);
		if (r < 0)
			return r;
	}
	mounts[(*n)++] = (struct sandbox_mount){ .type = "bind", .source = path, .source_fd = -1,
						 .target = SERVICE_ACCOUNT_PATH, .flags = SPEC_MOUNT_RDONLY };
	return 0;
}

static int64_t renew_at(const struct object *pod, const char *dir, const char *path, int64_t lifetime)
{
	int64_t issued = payload_issued(dir, path);

	return issued ? token_renew_at(issued, lifetime, object_uid(pod)) : INT64_MAX;
}

int64_t service_account_renew_at(const struct object *pod, const char *dir, const char *pod_dir)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	const struct value *volumes = object_path(pod, "spec", "volumes");
	const char *path = a ? dir_of(a, dir) : NULL;
	int64_t first = path ? renew_at(pod, path, "token", TOKEN_LIFETIME_MOUNTED) : INT64_MAX;

	for (size_t i = 0; i < value_len(volumes) && path; i++) {
		const struct value *v = value_at(volumes, i), *list = value_path(v, "projected", "sources");

		path = arena_printf(a, "%s/volumes/%s", pod_dir, value_str_or(value_get(v, "name"), ""));
		for (size_t k = 0; k < value_len(list) && path; k++) {
			const struct value *t = value_get(value_at(list, k), "serviceAccountToken");
			int64_t at = !t ? INT64_MAX : renew_at(pod, path, value_str_or(value_get(t, "path"), "token"),
							       value_int(value_get(t, "expirationSeconds"), TOKEN_LIFETIME));

			first = at < first ? at : first;
		}
	}
	return first;
}
