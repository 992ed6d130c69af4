/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an earlier daemon left of pods that are no longer this node's.
 */
#include <dirent.h>
#include <string.h>

#include "base/log.h"
#include "node/agent_internal.h"

/* The log directory NAMESPACE_NAME_UID of a pod of which only the uid is known; NULL: none. */
static char *find_log_dir(struct agent *agent, const char *uid)
{
	_cleanup_closedir_ DIR *dir = opendir(agent->log_dir);
	struct dirent *d;
	char *path;

	while (dir && (d = readdir(dir))) {
		const char *last = strrchr(d->d_name, '_');

		if (last && !strcmp(last + 1, uid))
			return asprintf(&path, "%s/%s", agent->log_dir, d->d_name) < 0 ? NULL : path;
	}
	return NULL;
}

/* Ends a pod that an earlier daemon left and that is no longer in the store. */
static void end_leftover(struct agent *agent, const char *uid, const char *cgroup)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_sandbox_ struct sandbox *sb = NULL;
	_cleanup_free_ char *run_dir = NULL, *dir = NULL, *log_dir = find_log_dir(agent, uid);
	struct cleaner_job job = { .uid = uid, .cgroup = cgroup, .network = true };

	if (sandbox_connect(agent->run_dir, uid, &sb, &err) == 0 && sandbox_shutdown(sb, &err) < 0)
		log_warning("pod %s: %s, ignoring", uid, error_text(&err));
	if (asprintf(&run_dir, "%s/pods/%s", agent->run_dir, uid) < 0 ||
	    asprintf(&dir, "%s/pods/%s", agent->state_dir, uid) < 0)
		return;
	job.run_dir = run_dir;
	job.dir = dir;
	job.log_dir = log_dir;
	if (cleaner_add(agent->cleaner, &job) < 0)
		log_error("pod %s: out of memory, something of it may be left", uid);
}

static void check_leftover(void *arg, const char *uid, const char *path)
{
	struct agent *agent = arg;
	_cleanup_object_ struct object *o = cache_get_uid(registry_cache(agent->registry), uid);

	if (!agent_owns(agent, o))
		end_leftover(agent, uid, path);
}

/* Directories of pods that have no cgroup any more. */
static void check_directories(struct agent *agent, const char *base)
{
	_cleanup_closedir_ DIR *dir = NULL;
	_cleanup_free_ char *path = NULL;
	struct dirent *d;

	if (asprintf(&path, "%s/pods", base) < 0)
		return;
	dir = opendir(path);
	while (dir && (d = readdir(dir))) {
		char cgroup[CGROUP_PATH_MAX];

		if (d->d_name[0] == '.' || cgroup_path(agent->cgroups, "", d->d_name, NULL, cgroup) < 0)
			continue;
		check_leftover(agent, d->d_name, cgroup);
	}
}

void agent_end_leftovers(struct agent *agent)
{
	cgroup_each_pod(agent->cgroups, check_leftover, agent);
	check_directories(agent, agent->run_dir);
	check_directories(agent, agent->state_dir);
}
