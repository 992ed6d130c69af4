/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "base/directories.h"
#include "base/log.h"
#include "node/agent_internal.h"
#include "node/env.h"
#include "node/pod_files.h"
#include "node/runenv.h"
#include "node/runlogs.h"
#include "node/security.h"
#include "node/service_account.h"
#include "node/skeleton.h"
#include "node/volume.h"
#include "node/volume_images.h"
#include "schema/resources.h"

enum {
	HOSTNAME_MAX_LEN = 63,
	SUPERVISOR_OOM_SCORE = -998, /* K8S:pkg/kubelet/qos/policy.go: PodInfraOOMAdj */
};

const char *agent_hostname(struct arena *a, const struct object *pod)
{
	const char *name = value_str_or(object_path(pod, "spec", "hostname"), object_name(pod));
	size_t len = strlen(name);

	if (len > HOSTNAME_MAX_LEN) /* K8S:pkg/kubelet/kubelet_pods.go, truncatePodHostnameIfNeeded() */
		for (len = HOSTNAME_MAX_LEN; len > 0 && strchr("-.", name[len - 1]); len--)
			;
	return arena_printf(a, "%.*s", (int)len, name);
}

bool agent_pod_flag(const struct object *pod, const char *key)
{
	return value_bool(object_path(pod, "spec", key), false);
}

const char *agent_pod_qos(const struct object *pod)
{
	return value_str_or(object_path(pod, "status", "qosClass"), "BestEffort");
}

/* Makes the pod's cgroup, and opens podfs-pod's own. */
static int prepare_cgroup(struct agent *agent, struct agent_pod *p, int fds[static CGROUP_HIERARCHIES_MAX], size_t *ret_n,
			  struct error *err)
{
	const struct value *spec = object_path(p->object, "spec");
	struct cgroup_limits limits = {
		.cpu_request = pod_requests(spec).milli_cpu,
		.cpu_limit = pod_limit(spec, "cpu"),
		.memory = pod_limit(spec, "memory"),
		.pids = agent->pod_max_pids,
	};
	char supervisor[CGROUP_PATH_MAX];
	int r;

	if (!limits.cpu_request)
		limits.cpu_request = -1;
	r = cgroup_path(agent->cgroups, agent_pod_qos(p->object), p->uid, NULL, p->cgroup);
	if (r == 0)
		r = cgroup_make(agent->cgroups, p->cgroup, &limits, err);
	if (r == 0)
		r = cgroup_supervisor_path(agent->cgroups, p->cgroup, supervisor, err);
	return r < 0 ? r : cgroup_open_dirs(agent->cgroups, supervisor, fds, ret_n, err);
}

static void close_all(int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		(void)close(fds[i]);
}

static unsigned setup_flags(const struct object *pod)
{
	return (agent_pod_flag(pod, "hostNetwork") ? POD_HOST_NETWORK | POD_HOST_UTS : 0U) |
	       (agent_pod_flag(pod, "hostIPC") ? POD_HOST_IPC : 0U) | (agent_pod_flag(pod, "hostPID") ? POD_HOST_PID : 0U) |
	       (agent_pod_flag(pod, "shareProcessNamespace") ? POD_SHARE_PID : 0U);
}

/* spec.securityContext.sysctls as "name=value". */
static const char *const *read_sysctls(struct arena *a, const struct object *pod, size_t *ret_n)
{
	const struct value *list = object_path(pod, "spec", "securityContext", "sysctls");
	const char **out = arena_alloc(a, (value_len(list) + 1) * sizeof(*out));

	for (size_t i = 0; out && i < value_len(list); i++)
		out[i] = arena_printf(a, "%s=%s", value_str_or(value_get(value_at(list, i), "name"), ""),
				      value_str_or(value_get(value_at(list, i), "value"), ""));
	*ret_n = out ? value_len(list) : 0;
	return out;
}

int agent_launch_sandbox(struct agent *agent, struct agent_pod *p, bool *ret_mount, struct error *err)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	bool host_network = agent_pod_flag(p->object, "hostNetwork");
	struct sandbox_tmpfs *tmpfs = NULL;
	int fds[CGROUP_HIERARCHIES_MAX], r;
	size_t n_fds = 0, n_tmpfs = 0, n_sysctls = 0;
	struct sandbox_config config = { 0 };
	struct sources sources;
	uint32_t first_id = 0;

	r = a ? directories_make(p->dir, 0700, 0700) : -ENOMEM;
	if (r < 0)
		return error_errno(err, r, "%s", p->dir);
	if (host_network)
		(void)snprintf(p->run.ip, sizeof(p->run.ip), "%s", agent->host_ip);
	else
		r = agent->network->allocate(agent->network_arg, p->uid, p->run.ip, err);
	if (r == 0) {
		sources = agent_sources(agent, p, a);
		r = service_account_check(&sources, err);
		if (r == 0)
			r = volumes_prepare(a, &sources, p->dir, &tmpfs, &n_tmpfs, err);
		*ret_mount = r < 0;
	}
	if (r == 0 && !value_bool(object_path(p->object, "spec", "hostUsers"), true))
		r = idrange_take(agent->ids, p->uid, p->dir, &first_id, err);
	if (r == 0)
		r = prepare_cgroup(agent, p, fds, &n_fds, err);
	if (r < 0)
		return r;
	config = (struct sandbox_config){
		.rundir = agent->run_dir,
		.uid = p->uid,
		.title = arena_printf(a, "%s/%s", object_namespace(p->object), object_name(p->object)),
		.program = agent->pod_program,
		.hostname = host_network ? NULL : agent_hostname(a, p->object),
		.flags = setup_flags(p->object),
		.cgroup_fds = fds,
		.n_cgroups = n_fds,
		.tmpfs = tmpfs,
		.n_tmpfs = n_tmpfs,
		.first_id = first_id,
		.n_ids = IDRANGE_SIZE,
		.oom_score_adj = SUPERVISOR_OOM_SCORE,
	};
	config.sysctls = read_sysctls(a, p->object, &n_sysctls);
	config.n_sysctls = n_sysctls;
	r = sandbox_spawn(&config, &p->sandbox, err);
	close_all(fds, n_fds);
	return r;
}

static char *overlay_dir(struct arena *a, const struct agent_pod *p, const struct container_run *run, const char *name)
{
	return arena_printf(a, "%s/containers/%s/%u/%s", p->dir, run->name, run->run, name);
}

static char *log_dir(struct arena *a, const struct agent *agent, const struct agent_pod *p, const struct container_run *run)
{
	return arena_printf(a, "%s/%s_%s_%s/%s", agent->log_dir, object_namespace(p->object), object_name(p->object), p->uid,
			    run->name);
}

/* What the container's mounts lie on where its image has nothing. */
static const char *skeleton_of(struct arena *a, const struct agent *agent, const struct sandbox_container *c)
{
	bool with_account = false;

	for (size_t i = 0; i < c->n_mounts; i++)
		with_account |= !strcmp(c->mounts[i].target, SERVICE_ACCOUNT_PATH);
	return skeleton_layer(a, agent->state_dir, with_account);
}

static int make_root_dirs(struct arena *a, const struct agent_pod *p, const struct container_run *run, struct error *err)
{
	char *upper = overlay_dir(a, p, run, "upper"), *work = overlay_dir(a, p, run, "work");
	int r = arena_failed(a) ? -ENOMEM : directories_make(upper, 0755, 0755);

	if (r == 0)
		r = directories_make(work, 0700, 0700);
	return r < 0 ? error_errno(err, r, "containers/%s", run->name) : 0;
}

/* The image's layers from the top down, that for its mounts, and what make_root_dirs() made. */
static int set_root(struct arena *a, struct agent *agent, struct agent_pod *p, const struct container_run *run,
		    const struct image *image, struct sandbox_container *c, struct error *err)
{
	const char **layers = arena_alloc(a, (image->n_layers + 1) * sizeof(*layers));
	char *upper = overlay_dir(a, p, run, "upper"), *work = overlay_dir(a, p, run, "work");
	const char *skeleton = skeleton_of(a, agent, c);

	if (arena_failed(a))
		return error_errno(err, -ENOMEM, "container %s", run->name);
	for (size_t i = 0; i < image->n_layers; i++)
		layers[i] = image->layers[image->n_layers - 1 - i];
	layers[image->n_layers] = skeleton;
	c->layers = layers;
	c->n_layers = image->n_layers + 1;
	c->upper = upper;
	c->work = work;
	return 0;
}

/* For what is run beside it later. */
static void keep_env(struct arena *a, const struct agent_pod *p, const struct container_run *run,
		     const struct sandbox_container *c)
{
	const char *path = overlay_dir(a, p, run, "env");
	int r = path ? runenv_write(path, c->env, c->n_env) : -ENOMEM;

	if (r < 0)
		log_warning("pod %s: container %s: its environment cannot be kept: %s, ignoring", p->uid, run->name,
			    strerrordesc_np(-r));
}

char *agent_log_path(struct arena *a, struct agent *agent, const struct agent_pod *p, const struct container_run *run)
{
	return arena_printf(a, "%s/%s_%s_%s/%s/%u.log", agent->log_dir, object_namespace(p->object), object_name(p->object),
			    p->uid, run->name, run->run);
}

static int set_log(struct arena *a, struct agent *agent, struct agent_pod *p, const struct container_run *run,
		   struct sandbox_container *c, struct error *err)
{
	char *dir = log_dir(a, agent, p, run);
	int r = dir ? directories_make(dir, 0755, 0755) : -ENOMEM;

	if (r < 0)
		return error_errno(err, r, "%s", dir ? dir : "log");
	c->log = agent_log_path(a, agent, p, run);
	runlogs_prune(dir, run->run, agent->log_max_files);
	c->log_max_size = agent->log_max_size;
	c->log_max_files = agent->log_max_files;
	return c->log ? 0 : -ENOMEM;
}

static int make_cgroup(struct agent *agent, const struct agent_pod *p, const struct container_run *run,
		       char path[static CGROUP_PATH_MAX], struct error *err)
{
	int64_t cpu = container_resource(run->spec, "requests", "cpu");
	int64_t limit = container_resource(run->spec, "limits", "cpu");
	int64_t memory = container_resource(run->spec, "limits", "memory");
	struct cgroup_limits limits = { .cpu_request = cpu > 0 ? cpu : -1, .cpu_limit = limit > 0 ? limit : 0,
					.memory = memory > 0 ? memory : 0, .container = true };
	int r = cgroup_path(agent->cgroups, agent_pod_qos(p->object), p->uid, run->name, path);

	return r < 0 ? r : cgroup_make(agent->cgroups, path, &limits, err);
}

static int set_cgroup(struct agent *agent, struct agent_pod *p, struct container_run *run,
		      int fds[static CGROUP_HIERARCHIES_MAX], struct sandbox_container *c, struct error *err)
{
	char path[CGROUP_PATH_MAX];
	int r = make_cgroup(agent, p, run, path, err);

	if (r == 0)
		r = cgroup_open_dirs(agent->cgroups, path, fds, &c->n_cgroups, err);
	if (r == 0)
		run->oom_kills = cgroup_oom_kills(agent->cgroups, path);
	c->cgroup_fds = fds;
	return r;
}

const char *agent_account_dir(struct arena *a, const struct agent *agent, const struct agent_pod *p)
{
	if (!value_bool(object_path(p->object, "spec", "hostUsers"), true))
		return p->dir;
	return arena_printf(a, "%s/pods/%s", agent->run_dir, p->uid);
}

void agent_note_tokens(struct agent *agent, struct agent_pod *p)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	const char *dir = a ? agent_account_dir(a, agent, p) : NULL;

	p->token_at = dir ? service_account_renew_at(p->object, dir, p->dir) : INT64_MAX;
}

int agent_launch_files(struct agent *agent, struct agent_pod *p, struct error *err)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_error_ struct error ignored = ERROR_INIT;
	struct sources sources;
	const char *dir;
	int r;

	if (!a)
		return error_errno(err, -ENOMEM, "%s", p->dir);
	r = pod_files_write(p->object, p->dir, agent_hostname(a, p->object), p->run.ip, err);
	if (r < 0)
		return r;
	/* ignoring what fails from here on: it is tried again, and told, when a container is started */
	sources = agent_sources(agent, p, a);
	dir = agent_account_dir(a, agent, p);
	if (dir)
		(void)service_account_write(&sources, dir, &ignored);
	agent_note_tokens(agent, p);
	for (size_t i = 0; i < p->run.n; i++) {
		_cleanup_error_ struct error no_cgroup = ERROR_INIT;
		const struct container_run *run = &p->run.containers[i];
		char *log = log_dir(a, agent, p, run), path[CGROUP_PATH_MAX];

		if (arena_failed(a))
			return 0;
		(void)make_root_dirs(a, p, run, &ignored);
		(void)directories_make(log, 0755, 0755);
		(void)make_cgroup(agent, p, run, path, &no_cgroup);
	}
	return 0;
}

static int find_image(struct agent *agent, const char *policy, const char *name, struct image **ret,
		      const char **ret_reason, struct error *err)
{
	_cleanup_error_ struct error why = ERROR_INIT;
	int r = image_find(agent->images, name, ret, &why);

	if (r == 0)
		return 0;
	*ret_reason = r == -EINVAL ? "InvalidImageName" : !strcmp(policy, "Never") ? "ErrImageNeverPull" : "ErrImagePull";
	if (!strcmp(*ret_reason, "ErrImageNeverPull"))
		return error_set(err, r, "Container image \"%s\" is not present with pull policy of Never", name);
	return error_set(err, r, "image \"%s\": %s", name, error_text(&why));
}

static const char *pull_policy(const struct container_run *run)
{
	return value_str_or(value_get(run->spec, "imagePullPolicy"), "");
}

/* A volume's image, as it is now: the layers, and directories for overlayfs, which wants such, and gets them read-only. */
static int set_volume(struct arena *a, const struct agent_pod *p, const struct container_run *run, const char *volume,
		      size_t number, const struct image *image, struct sandbox_mount *m, struct error *err)
{
	const char **layers = arena_alloc(a, (image->n_layers + 1) * sizeof(*layers));
	/* by the mount's number: overlayfs refuses a directory for work that another has */
	char *upper = overlay_dir(a, p, run, arena_printf(a, "volumes/%zu/upper", number));
	char *work = overlay_dir(a, p, run, arena_printf(a, "volumes/%zu/work", number));
	int r;

	for (size_t i = 0; layers && i < image->n_layers; i++)
		layers[i] = arena_strdup(a, image->layers[image->n_layers - 1 - i]);
	if (arena_failed(a))
		return error_errno(err, -ENOMEM, "volume %s", volume);
	if (!image->n_layers)
		return error_set(err, -EINVAL, "volume %s: its image has no layers", volume);
	m->layers = layers;
	m->n_layers = image->n_layers;
	if (image->n_layers == 1)
		return 0;
	r = directories_make(upper, 0755, 0755);
	if (r == 0)
		r = directories_make(work, 0700, 0700);
	m->upper = upper;
	m->work = work;
	return r < 0 ? error_errno(err, r, "%s", upper) : 0;
}

/* mounts: those of the container's volumeMounts, in their order. */
static int set_image_volumes(struct arena *a, struct agent *agent, const struct agent_pod *p, const struct container_run *run,
			     struct sandbox_mount *mounts, size_t n, const char **ret_reason, struct error *err)
{
	const char **digests = arena_alloc(a, (n + 1) * sizeof(*digests));
	size_t n_digests = 0;
	int r = digests ? 0 : error_errno(err, -ENOMEM, "volumes");

	for (size_t i = 0; i < n && r == 0; i++) {
		const struct value *m = value_at(value_get(run->spec, "volumeMounts"), i);
		const char *name = value_str_or(value_get(m, "name"), "");
		const struct value *source = value_get(value_find(object_path(p->object, "spec", "volumes"), "name", name), "image");
		_cleanup_image_ struct image *image = NULL;

		if (!source)
			continue;
		r = find_image(agent, value_str_or(value_get(source, "pullPolicy"), ""),
			       value_str_or(value_get(source, "reference"), ""), &image, ret_reason, err);
		if (r == 0)
			r = set_volume(a, p, run, name, i, image, &mounts[i], err);
		if (r == 0) {
			digests[n_digests] = arena_strdup(a, image->digest);
			r = digests[n_digests++] ? 0 : error_errno(err, -ENOMEM, "volume %s", name);
		}
	}
	if (r < 0 || !n_digests)
		return r;
	r = volume_images_note(p->dir, run->name, digests, n_digests);
	return r < 0 ? error_errno(err, r, "noting which images its volumes are made of") : 0;
}

/* What the run before this one had written to its root. */
static void remove_dead_run(struct agent *agent, struct agent_pod *p, const struct container_run *run)
{
	_cleanup_free_ char *dir = NULL;

	if (run->run && asprintf(&dir, "%s/containers/%s/%u", p->dir, run->name, run->run - 1) >= 0 &&
	    access(dir, F_OK) == 0)
		(void)cleaner_add_dir(agent->cleaner, dir); /* ignoring: it goes with the pod at the latest */
}

/* K8S:pkg/kubelet/kuberuntime: an ephemeral container that names a target is in its PID namespace. */
static int set_target(struct agent_pod *p, const struct container_run *run, struct sandbox_container *c, struct error *err)
{
	const char *name = value_str_or(value_get(run->spec, "targetContainerName"), "");
	const struct container_run *target = *name ? lifecycle_find(&p->run, name) : NULL;

	if (!*name)
		return 0;
	if (!target || target->phase != CONTAINER_RUNNING)
		return error_set(err, -ESRCH, "unable to find target container \"%s\"", name);
	c->target = target->name;
	return 0;
}

int agent_launch_container(struct agent *agent, struct agent_pod *p, struct container_run *run, const char **ret_reason,
			   struct error *err)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_image_ struct image *image = NULL;
	struct sandbox_mount *mounts = NULL;
	struct sandbox_container c = { 0 };
	struct env_list env = { 0 };
	int fds[CGROUP_HIERARCHIES_MAX], r;
	struct sources sources;
	size_t n_mounts = 0;

	r = find_image(agent, pull_policy(run), value_str_or(value_get(run->spec, "image"), ""), &image, ret_reason, err);
	if (r < 0)
		return r;
	remove_dead_run(agent, p, run);
	*ret_reason = "CreateContainerConfigError";
	r = !a ? error_errno(err, -ENOMEM, "container %s", run->name) :
		 agent_container_assemble(a, agent, p, run, image, &env, &c, err);
	if (r == 0)
		r = set_target(p, run, &c, err);
	if (r == 0)
		r = make_root_dirs(a, p, run, err);
	if (r == 0)
		r = set_log(a, agent, p, run, &c, err);
	if (r == 0)
		r = volumes_mounts(a, p->object, run->spec, p->dir, &env, POD_FILES_MOUNTS + SERVICE_ACCOUNT_MOUNTS,
				   &mounts, &n_mounts, err);
	if (r < 0)
		return r;
	sources = agent_sources(agent, p, a);
	r = service_account_mount(a, &sources, run->spec, agent_account_dir(a, agent, p), mounts, &n_mounts, err);
	agent_note_tokens(agent, p); /* the files may have been written only now */
	if (r == 0)
		r = set_image_volumes(a, agent, p, run, mounts, n_mounts, ret_reason, err);
	if (r == 0)
		r = pod_files_mounts(a, run->spec, p->dir, run->run, mounts, &n_mounts, err);
	if (r < 0) {
		volumes_close(mounts, n_mounts);
		return r;
	}
	volumes_sort(mounts, n_mounts);
	c.mounts = mounts;
	c.n_mounts = n_mounts;
	*ret_reason = "CreateContainerError";
	r = set_root(a, agent, p, run, image, &c, err);
	if (r == 0)
		r = set_cgroup(agent, p, run, fds, &c, err);
	if (r == 0) {
		c.ret_id = &run->request;
		r = sandbox_start_container(p->sandbox, &c, err);
		close_all(fds, c.n_cgroups);
		if (r == 0)
			keep_env(a, p, run, &c);
	}
	volumes_close(mounts, n_mounts);
	free(run->image_id);
	run->image_id = strdup(image->digest);
	return r;
}

int agent_launch_exec(struct agent *agent, struct agent_pod *p, struct container_run *run, const char *const *args,
		      size_t n_args, const int stdio[3], const char *builtin, uint64_t *ret_id, struct error *err)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_image_ struct image *image = NULL;
	static const int nothing[3] = { -1, -1, -1 };
	const char *env_path;
	int fds[CGROUP_HIERARCHIES_MAX], r;
	char path[CGROUP_PATH_MAX];
	struct sandbox_container c;
	struct env_list env = { 0 };
	const char *reason;

	/* the image that it runs, which need not be the one that its spec names by now */
	r = a ? find_image(agent, pull_policy(run), run->image ? run->image : value_str_or(value_get(run->spec, "image"), ""), &image,
			   &reason, err) :
		error_errno(err, -ENOMEM, "exec");
	if (r == 0)
		r = agent_container_assemble(a, agent, p, run, image, &env, &c, err);
	if (r < 0)
		return r;
	env_path = overlay_dir(a, p, run, "env");
	if (env_path)
		(void)runenv_read(a, env_path, &c.env, &c.n_env); /* ignoring: what it would be today */
	c.argv = args;
	c.n_argv = n_args;
	c.builtin = builtin;
	/* a copy ends by itself, and puts in order what it has begun, when its streams do */
	c.flags = (builtin ? 0 : POD_KILL_ON_CLOSE) | (stdio ? 0 : POD_TTY);
	r = cgroup_path(agent->cgroups, agent_pod_qos(p->object), p->uid, run->name, path);
	if (r == 0)
		r = cgroup_open_dirs(agent->cgroups, path, fds, &c.n_cgroups, err);
	if (r < 0)
		return r;
	c.cgroup_fds = fds;
	r = sandbox_exec(p->sandbox, &c, stdio ? stdio : nothing, ret_id, err);
	close_all(fds, c.n_cgroups);
	return r;
}

int agent_launch_command(struct agent *agent, struct agent_pod *p, struct container_run *run, const struct value *command,
			 int out, uint64_t *ret_id, struct error *err)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	const char **args = arena_alloc(a, (value_len(command) + 1) * sizeof(*args));
	const int stdio[3] = { -1, out, out };

	if (!args)
		return error_errno(err, -ENOMEM, "exec");
	for (size_t i = 0; i < value_len(command); i++)
		args[i] = value_str_or(value_at(command, i), "");
	return agent_launch_exec(agent, p, run, args, value_len(command), stdio, NULL, ret_id, err);
}
