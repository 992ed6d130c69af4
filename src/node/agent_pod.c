/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pod: carries out what lifecycle.h decides.
 */
#include <string.h>
#include <sys/epoll.h>

#include "base/log.h"
#include "node/agent_internal.h"
#include "node/volume.h"

static const int64_t sandbox_retry = 10 * NSEC_PER_SEC;

enum { STEPS_MAX = 64 }; /* decisions in a row before others get their turn */

/* --- the sandbox --- */

static void drop_sandbox(struct agent *agent, struct agent_pod *p)
{
	if (!p->sandbox)
		return;
	(void)epoll_ctl(agent->epoll, EPOLL_CTL_DEL, sandbox_fd(p->sandbox), NULL);
	sandbox_free(steal_ptr(p->sandbox));
}

static int watch_sandbox(struct agent *agent, struct agent_pod *p)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = p };

	return epoll_ctl(agent->epoll, EPOLL_CTL_ADD, sandbox_fd(p->sandbox), &e) < 0 ? -errno : 0;
}

/* Whether the pod leaves this node for good. */
static bool is_leaving(const struct agent_pod *p)
{
	return p->gone || object_is_deleting(p->object);
}

bool agent_pod_is_ending(const struct agent *agent, const struct agent_pod *p)
{
	return is_leaving(p) || agent->draining;
}

void agent_pod_clean(struct agent *agent, struct agent_pod *p)
{
	_cleanup_free_ char *run_dir = NULL, *log_dir = NULL;
	struct cleaner_job job = { .uid = p->uid, .cgroup = p->cgroup, .network = true };

	if (p->sandbox)
		job.child = sandbox_take_child(p->sandbox);
	agent_exec_lost(agent, p);
	drop_sandbox(agent, p);
	if (asprintf(&run_dir, "%s/pods/%s", agent->run_dir, p->uid) < 0)
		run_dir = NULL;
	if (is_leaving(p) && asprintf(&log_dir, "%s/%s_%s_%s", agent->log_dir, object_namespace(p->object),
				      object_name(p->object), p->uid) < 0)
		log_dir = NULL;
	job.run_dir = run_dir;
	job.log_dir = log_dir;
	job.dir = is_leaving(p) || agent->draining || p->run.evicted ? p->dir : NULL;
	p->run.sandbox = SANDBOX_ENDING;
	p->cleaning = run_dir && (log_dir || !is_leaving(p)) && cleaner_add(agent->cleaner, &job) == 0;
	if (job.dir)
		p->has_files = false;
	if (!p->cleaning) {
		log_error("pod %s: out of memory, something of it may be left", p->uid);
		p->run.sandbox = SANDBOX_NONE;
	}
}

void agent_pod_sandbox_failed(struct agent *agent, struct agent_pod *p, const char *why)
{
	agent_tell(agent, p, EVENT_WARNING, "FailedCreatePodSandBox", "Failed to create pod sandbox: %s", why);
	lifecycle_sandbox_failed(&p->run);
	p->run.sandbox_not_before = registry_now(agent->registry) + sandbox_retry;
}

/* A volume could not be had: what it waits for may come (agent_source_changed()), else it is tried again later. */
static void mount_failed(struct agent *agent, struct agent_pod *p, const char *why)
{
	agent_tell(agent, p, EVENT_WARNING, "FailedMount", "%s", why);
	p->run.sandbox_not_before = registry_now(agent->registry) + sandbox_retry;
}

/* A volume is being given to a group, whose end has it tried again; K8S:pkg/volume/volume_linux.go, monitorProgress. */
static void owning(struct agent *agent, struct agent_pod *p, const char *why)
{
	const char *text = strstr(why, "Setting volume ownership");

	free(p->owning);
	p->owning = steal_ptr(agent->owning);
	if (owners_tells(&p->owning_wait, registry_now(agent->registry), &p->run.sandbox_not_before))
		agent_tell(agent, p, EVENT_WARNING, "VolumePermissionChangeInProgress", "%s", text ? text : why);
}

void agent_pod_owned(struct agent *agent, struct agent_pod *p, const char *path)
{
	if (!p->owning_wait.since || (p->owning && strcmp(p->owning, path) != 0))
		return;
	p->run.sandbox_not_before = 0;
	agent_mark(agent, p);
}

static void start_sandbox(struct agent *agent, struct agent_pod *p)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	bool mount = false;
	int r;

	lifecycle_new_sandbox(&p->run);
	p->has_files = true;
	r = agent_launch_sandbox(agent, p, &mount, &err);
	if (r == 0) {
		r = watch_sandbox(agent, p);
		if (r < 0)
			error_errno(&err, r, "watch podfs-pod");
	}
	if (r != -EINPROGRESS)
		p->owning_wait = (struct owners_wait){ 0 };
	if (r < 0) {
		if (mount && r == -EINPROGRESS)
			owning(agent, p, error_text(&err));
		else if (mount)
			mount_failed(agent, p, error_text(&err));
		else
			agent_pod_sandbox_failed(agent, p, error_text(&err));
		agent_pod_clean(agent, p);
		return;
	}
	p->run.sandbox = SANDBOX_COMING;
	p->expected_end = p->set_up = false;
	r = agent_launch_files(agent, p, &err);
	if (r < 0) {
		agent_pod_sandbox_failed(agent, p, error_text(&err));
		agent_pod_end_sandbox(agent, p);
	}
}

void agent_pod_end_sandbox(struct agent *agent, struct agent_pod *p)
{
	_cleanup_error_ struct error err = ERROR_INIT;

	p->expected_end = true;
	p->run.sandbox = SANDBOX_ENDING;
	if (sandbox_shutdown(p->sandbox, &err) == 0)
		return;
	log_warning("pod %s: %s, it is killed", p->uid, error_text(&err));
	agent_pod_clean(agent, p);
}

/* --- containers --- */

/* What is told about a container that could not be launched: kubelet's own reasons and words. */
static void tell_waiting(struct agent *agent, struct agent_pod *p, const struct container_run *c, const char *why)
{
	if (!strcmp(c->waiting_reason, "ErrImageNeverPull"))
		agent_tell(agent, p, EVENT_WARNING, "ErrImageNeverPull", "%s", why);
	if (strstr(c->waiting_reason, "Image"))
		agent_tell(agent, p, EVENT_WARNING, "Failed", "Error: %s", c->waiting_reason);
	else
		agent_tell(agent, p, EVENT_WARNING, "Failed", "Error: %s", why);
}

/* Notes why a container could not be launched. What an image's coming or another spec will mend waits for that. */
static void launch_failed(struct agent *agent, struct agent_pod *p, struct container_run *c, const char *reason,
			  const char *why)
{
	const char *before = c->waiting_reason;
	bool for_event = strcmp(reason, "ErrImagePull") != 0 && strstr(reason, "Image");

	lifecycle_waits(c, reason, strdup(why), for_event, registry_now(agent->registry));
	if (!before || strcmp(before, reason) != 0)
		tell_waiting(agent, p, c, why);
}

static void start_container(struct agent *agent, struct agent_pod *p, struct container_run *c)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	const char *reason = NULL, *image = value_str_or(value_get(c->spec, "image"), "");
	int r;

	if (c->exit.is_set)
		lifecycle_starting(c); /* counts the run, whose number its files bear */
	if (c->image && strcmp(c->image, image) != 0)
		lifecycle_forget_pull(c);
	free(c->image);
	c->image = strdup(image);
	if (agent_pull_image(agent, p, c, image))
		return;
	r = agent_launch_container(agent, p, c, &reason, &err);
	if (r < 0) {
		launch_failed(agent, p, c, reason, error_text(&err));
		return;
	}
	if (!c->pulled && c->waiting_reason && strstr(c->waiting_reason, "Image"))
		agent_tell(agent, p, EVENT_NORMAL, "Pulled", "Container image \"%s\" already present on machine", image);
	lifecycle_starting(c);
	c->retry = 0;
}

static void stop_container(struct agent *agent, struct agent_pod *p, struct container_run *c, const struct pod_plan *plan)
{
	if (!agent_hook_stop(agent, p, c, plan->grace))
		return;
	c->restarting = plan->restart;
	c->replacing = plan->replace;
	if (p->gone)
		return;
	if (plan->replace)
		agent_tell(agent, p, EVENT_NORMAL, "Killing", "Container %s definition changed, will be restarted", c->name);
	else
		agent_tell(agent, p, EVENT_NORMAL, "Killing", "Stopping container %s", c->name);
}

/* --- decisions carried out --- */

void agent_pod_update(struct agent *agent, struct agent_pod *p, const struct object *now)
{
	size_t had;
	int r;

	agent_mark(agent, p);
	if (!now) {
		p->gone = true;
		p->run.killed = true;
		return;
	}
	had = p->run.n;
	r = lifecycle_update(&p->run, object_path(now, "spec"));
	if (r < 0)
		agent_tell(agent, p, EVENT_WARNING, "Failed", "Error: its new spec cannot be taken up: %s", strerrordesc_np(-r));
	if (r != -EINVAL)
		object_unref(steal_ptr(p->runs_of));
	if (r == -EINVAL && !p->runs_of)
		p->runs_of = steal_ptr(p->object); /* its labels, its end and the like count all the same */
	object_unref(p->object);
	p->object = object_ref(now);
	if (p->run.n > had)
		agent_source_uses(agent, p);
	agent_refresh_volumes(agent, p);
}

/* The plan for a drain: everything ends with its grace, nothing leaves the store. */
static void decide(struct agent *agent, struct agent_pod *p, struct pod_plan *plan)
{
	int64_t now = registry_now(agent->registry);

	if (!p->adopting && !is_leaving(p) && lifecycle_check_deadline(&p->run, p->object, now))
		agent_tell(agent, p, EVENT_NORMAL, p->run.fail_reason, "%s", p->run.fail_message ? p->run.fail_message : "");
	if (agent->draining && !is_leaving(p))
		lifecycle_decide_drain(&p->run, p->object, plan);
	else
		lifecycle_decide(&p->run, p->gone ? NULL : p->object, now, plan);
}

/* Carries out one plan. Returns whether to decide again at once. */
static bool act(struct agent *agent, struct agent_pod *p, const struct pod_plan *plan)
{
	p->wake_at = plan->wake_at;
	for (size_t i = 0; i < p->run.n && plan->ending; i++)
		agent_hook_pre_stop(agent, p, &p->run.containers[i], plan->grace);
	for (size_t i = 0; i < plan->n_stop; i++)
		stop_container(agent, p, &p->run.containers[plan->stop[i]], plan);
	if (plan->restart_all)
		lifecycle_restart_all(&p->run);
	for (size_t i = 0; i < plan->n_start; i++)
		start_container(agent, p, &p->run.containers[plan->start[i]]);
	if (plan->start_sandbox)
		start_sandbox(agent, p);
	else if (plan->end_sandbox)
		agent_pod_end_sandbox(agent, p);
	else
		return plan->n_start > 0 || plan->restart_all;
	return true;
}

bool agent_pod_reconcile(struct agent *agent, struct agent_pod *p)
{
	struct pod_plan plan = { .wake_at = INT64_MAX };
	bool again = true;

	for (int i = 0; i < STEPS_MAX && again && !p->cleaning; i++) {
		decide(agent, p, &plan);
		again = act(agent, p, &plan);
	}
	agent_hook_work(agent, p, registry_now(agent->registry));
	agent_probe_work(agent, p);
	agent_write_status(agent, p);
	if (p->cleaning || p->run.sandbox != SANDBOX_NONE || !(is_leaving(p) || agent->draining || p->run.evicted))
		return true;
	if (p->has_files)
		agent_pod_clean(agent, p);
	else if (!is_leaving(p))
		return true;
	else if (p->gone)
		return p->writing || p->removing; /* until the news of it has come */
	else
		agent_remove_from_store(agent, p);
	return true;
}

void agent_pod_evict(struct agent *agent, struct agent_pod *p, const char *message, bool disrupted)
{
	if (!lifecycle_evict(&p->run, message, disrupted))
		return;
	agent_tell(agent, p, EVENT_WARNING, "Evicted", "%s", message);
	log_info("pod %s/%s: evicted: %s", object_namespace(p->object), object_name(p->object), message);
	agent_mark(agent, p);
}

void agent_pod_reclaim(struct agent *agent, struct agent_pod *p)
{
	_cleanup_free_ char *log_dir = NULL;
	struct cleaner_job job = { .uid = p->uid, .dir = p->dir };

	if (p->cleaning || p->run.sandbox != SANDBOX_NONE || agent_pod_is_ending(agent, p) ||
	    !lifecycle_is_over(&p->run, object_path(p->object, "spec")))
		return;
	if (asprintf(&log_dir, "%s/%s_%s_%s", agent->log_dir, object_namespace(p->object), object_name(p->object), p->uid) < 0)
		log_dir = NULL;
	if (log_dir)
		(void)cleaner_add_dir(agent->cleaner, log_dir); /* ignoring: they go with the pod at the latest */
	p->cleaning = p->has_files && cleaner_add(agent->cleaner, &job) == 0;
	p->has_files = p->has_files && !p->cleaning;
}

/* Its podfs-pod has died while nobody looked: what it had written down is known, the rest is lost. */
static void adopt_remains(struct agent *agent, struct agent_pod *p)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_free_ struct sandbox_event *events = NULL;
	size_t n = 0;

	if (sandbox_read_state(agent->run_dir, p->uid, &events, &n, &err) == 0)
		for (size_t i = 0; i < n; i++)
			agent_pod_take_status(agent, p, &events[i]);
	agent_pod_lost(agent, p);
	agent_pod_clean(agent, p);
}

void agent_pod_adopt(struct agent *agent, struct agent_pod *p)
{
	_cleanup_error_ struct error err = ERROR_INIT, no_address = ERROR_INIT;
	int r = sandbox_connect(agent->run_dir, p->uid, &p->sandbox, &err);

	if (r == 0)
		r = watch_sandbox(agent, p);
	if (r < 0) {
		adopt_remains(agent, p);
		return;
	}
	if (agent_pod_flag(p->object, "hostNetwork"))
		(void)snprintf(p->run.ip, sizeof(p->run.ip), "%s", agent->host_ip);
	else if (agent->network->allocate(agent->network_arg, p->uid, p->run.ip, &no_address) < 0)
		log_warning("pod %s: %s", p->uid, error_text(&no_address)); /* attaching it then fails and says so */
	p->run.sandbox = SANDBOX_COMING;
	agent_note_tokens(agent, p);
	if (volumes_have_data(p->object))
		p->token_at = 0; /* what the dead daemon had not come to */
	p->set_up = false;
	p->adopting = true;
}

void agent_pod_cleaned(struct agent *agent, struct agent_pod *p)
{
	agent_evict_cleaned(agent, p);
	p->cleaning = false;
	p->run.sandbox = SANDBOX_NONE;
	p->run.ip[0] = '\0';
	agent_mark(agent, p);
}

void agent_pod_free(struct agent_pod *p)
{
	if (!p)
		return;
	sandbox_free(p->sandbox);
	lifecycle_clear(&p->run);
	object_unref(p->object);
	object_unref(p->runs_of);
	free(p->owning);
	free(p->dir);
	free(p);
}
