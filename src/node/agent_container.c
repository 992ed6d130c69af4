/* SPDX-License-Identifier: Apache-2.0 */
/* What a container is, out of its spec, its image and its sources: command, environment, user, privileges. */
#include <grp.h>
#include <signal.h>
#include <string.h>

#include "node/agent_internal.h"
#include "node/env.h"
#include "node/security.h"

enum {
	GUARANTEED_OOM_SCORE = -997,
	BEST_EFFORT_OOM_SCORE = 1000,
};

/* A container's field of securityContext, or the pod's. */
static const struct value *security_field(const struct object *pod, const struct value *container, const char *key)
{
	const struct value *v = value_path(container, "securityContext", key);

	return v ? v : object_path(pod, "spec", "securityContext", key);
}

/* "USER[:GROUP]": what the spec says, else what the image does. */
static const char *user_of(struct arena *a, const struct object *pod, const struct value *container,
			   const struct image *image)
{
	const struct value *user = security_field(pod, container, "runAsUser");
	const struct value *group = security_field(pod, container, "runAsGroup");
	const char *from_image = image->config.user;

	if (!user && !group)
		return from_image;
	if (!user)
		return arena_printf(a, "%.*s:%lld", (int)strcspn(from_image, ":"), *from_image ? from_image : "0",
				    (long long)value_int(group, 0));
	if (!group)
		return arena_printf(a, "%lld", (long long)value_int(user, 0));
	return arena_printf(a, "%lld:%lld", (long long)value_int(user, 0), (long long)value_int(group, 0));
}

/* runAsNonRoot can be judged only of a number, as kubelet says: K8S:pkg/kubelet/kuberuntime/security_context.go. */
static int check_non_root(const struct object *pod, const struct value *container, const char *user, struct error *err)
{
	size_t len = strcspn(user, ":");

	if (!value_bool(security_field(pod, container, "runAsNonRoot"), false))
		return 0;
	if (!len || (len == strspn(user, "0") && len))
		return error_set(err, -EPERM, "container has runAsNonRoot and image will run as root");
	if (strspn(user, "0123456789") < len)
		return error_set(err, -EPERM, "container has runAsNonRoot and image has non-numeric user (%.*s), cannot verify "
				 "user is non-root", (int)len, user);
	return 0;
}

static const char **strings_of(struct arena *a, const struct value *list, size_t *ret_n)
{
	const char **out = arena_alloc(a, (value_len(list) + 1) * sizeof(*out));

	for (size_t i = 0; out && i < value_len(list); i++)
		out[i] = value_str_or(value_at(list, i), "");
	*ret_n = out ? value_len(list) : 0;
	return out;
}

static int oom_score(const struct object *pod, const struct value *container)
{
	const char *qos = agent_pod_qos(pod);
	int64_t request = container_resource(container, "requests", "memory"), score;
	long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
	int64_t capacity = (int64_t)pages * page;

	if (!strcmp(qos, "Guaranteed"))
		return GUARANTEED_OOM_SCORE;
	if (!strcmp(qos, "BestEffort") || capacity <= 0)
		return BEST_EFFORT_OOM_SCORE;
	/* K8S:pkg/kubelet/qos/policy.go: 1000 - 1000 * request / capacity, within [3, 999] */
	score = 1000 - (request > 0 ? request / (capacity / 1000) : 0);
	return score < 3 ? 3 : score > 999 ? 999 : (int)score;
}

/* The system-call filter: of the runtime, of a file of the node's root, or none. */
static int set_filter(struct arena *a, const struct agent *agent, const struct value *profile, uint64_t caps,
		      struct sandbox_container *c, struct error *err)
{
	const char *type = value_str_or(value_get(profile, "type"), "RuntimeDefault");
	const char *dir;

	if (!strcmp(type, "RuntimeDefault"))
		return security_seccomp_default(caps, &c->seccomp, &c->seccomp_size, err);
	if (strcmp(type, "Localhost") != 0)
		return 0;
	dir = arena_printf(a, "%s/seccomp", agent->state_dir);
	return dir ? security_seccomp_local(dir, value_str_or(value_get(profile, "localhostProfile"), ""), &c->seccomp,
					    &c->seccomp_size, err) : error_errno(err, -ENOMEM, "seccomp profile");
}

/* Capabilities, system-call filter, privileges. */
static int set_security(struct arena *a, const struct agent *agent, const struct object *pod, const struct value *spec,
			struct sandbox_container *c, struct error *err)
{
	const struct value *sc = value_get(spec, "securityContext");
	bool privileged = value_bool(value_get(sc, "privileged"), false);
	size_t n_add, n_drop;
	const char **add = strings_of(a, value_path(sc, "capabilities", "add"), &n_add);
	const char **drop = strings_of(a, value_path(sc, "capabilities", "drop"), &n_drop);
	uint64_t caps = privileged ? security_caps_all() : security_caps_default();
	int r;

	if (!add || !drop)
		return -ENOMEM;
	r = privileged ? 0 : security_caps_apply(&caps, add, n_add, drop, n_drop, err);
	if (r < 0)
		return r;
	security_caps_fill(&c->security, caps);
	c->security.flags = SPEC_OOM_SCORE | SPEC_VOLATILE;
	c->security.oom_score_adj = oom_score(pod, spec);
	if (privileged)
		c->security.flags |= SPEC_PRIVILEGED;
	else if (!value_bool(value_get(sc, "allowPrivilegeEscalation"), true))
		c->security.flags |= SPEC_NO_NEW_PRIVS;
	if (value_bool(value_get(sc, "readOnlyRootFilesystem"), false))
		c->security.flags |= SPEC_READONLY_ROOT;
	if (!strcmp(value_str_or(object_path(pod, "spec", "securityContext", "supplementalGroupsPolicy"), ""), "Strict"))
		c->security.flags |= SPEC_STRICT_GROUPS;
	if (privileged)
		return 0;
	/* A pod of before podfs knew of user namespaces may ask for both and run in the host's. */
	if (strcmp(value_str_or(value_get(sc, "procMount"), ""), "Unmasked") != 0 ||
	    !idrange_has(agent->ids, object_uid(pod))) {
		c->masked = security_masked_paths(&c->n_masked);
		c->readonly = security_readonly_paths(&c->n_readonly);
	}
	return set_filter(a, agent, security_field(pod, spec, "seccompProfile"), caps, c, err);
}

/* The number of a signal by name ("SIGQUIT", "QUIT") or number; 0 when there is none. */
static int signal_number(const char *text)
{
	if (*text >= '0' && *text <= '9')
		return (int)strtol(text, NULL, 10);
	if (!strncmp(text, "SIG", 3))
		text += 3;
	for (int i = 1; *text && i < NSIG; i++) {
		const char *name = sigabbrev_np(i);

		if (name && !strcmp(name, text))
			return i;
	}
	return 0;
}

static const gid_t *groups_of(struct arena *a, const struct object *pod, size_t *ret_n)
{
	const struct value *list = object_path(pod, "spec", "securityContext", "supplementalGroups");
	const struct value *fs_group = object_path(pod, "spec", "securityContext", "fsGroup");
	gid_t *out = arena_alloc(a, (value_len(list) + 2) * sizeof(*out));
	size_t n = 0;

	for (size_t i = 0; out && i < value_len(list); i++)
		out[n++] = (gid_t)value_int(value_at(list, i), 0);
	if (out && fs_group)
		out[n++] = (gid_t)value_int(fs_group, 0);
	*ret_n = n;
	return out;
}

int agent_container_assemble(struct arena *a, struct agent *agent, struct agent_pod *p, struct container_run *run,
			     const struct image *image, struct env_list *env, struct sandbox_container *c,
			     struct error *err)
{
	struct sources sources = agent_sources(agent, p, a);
	struct env_list argv;
	const char *skipped = NULL;
	const char *cwd = value_str_or(value_get(run->spec, "workingDir"), image->config.working_dir);
	int r;

	sources.may_lack = run->phase == CONTAINER_RUNNING;
	r = env_build(a, &sources, run->spec, &image->config, env, &skipped, err);
	if (r == 0)
		r = env_argv(a, run->spec, &image->config, env, &argv, err);
	if (r < 0)
		return r;
	if (skipped && run->phase != CONTAINER_RUNNING) /* told when it was started, not with each program beside it */
		agent_tell(agent, p, EVENT_WARNING, "InvalidEnvironmentVariableNames",
			   "Keys [%s] from envFrom were skipped since they are considered invalid environment variable names.",
			   skipped);
	*c = (struct sandbox_container){
		.name = run->name,
		.restart = run->run,
		.argv = (const char *const *)argv.items,
		.n_argv = argv.n,
		.env = (const char *const *)env->items,
		.n_env = env->n,
		.cwd = *cwd ? cwd : NULL,
		.user = user_of(a, p->object, run->spec, image),
		.stop_signal = signal_number(image->config.stop_signal),
	};
	c->flags = (value_bool(value_get(run->spec, "stdin"), false) ? POD_STDIN : 0U) |
		   (value_bool(value_get(run->spec, "stdinOnce"), false) ? POD_STDIN_ONCE : 0U) |
		   (value_bool(value_get(run->spec, "tty"), false) ? POD_TTY : 0U);
	c->groups = groups_of(a, p->object, &c->n_groups);
	r = check_non_root(p->object, run->spec, c->user, err);
	return r < 0 ? r : set_security(a, agent, p->object, run->spec, c, err);
}
