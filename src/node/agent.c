/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's thread and its table of pods, its start and end. The thread alone touches pods; what it hears of comes by
 * the inbox.
 */
#include "node/agent.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include "base/log.h"
#include "node/agent_internal.h"
#include "node/owners.h"
#include "node/provisioner.h"
#include "node/security.h"
#include "node/skeleton.h"

enum { EVENTS_MAX = 64 };

static void volume_owned(struct agent *agent, const char *path)
{
	struct agent_pod *p, *next;

	HASH_ITER(hh, agent->pods, p, next) {
		agent_pod_owned(agent, p, path);
	}
}

void agent_mark(struct agent *agent, struct agent_pod *p)
{
	if (p->dirty)
		return;
	p->dirty = true;
	TAILQ_INSERT_TAIL(&agent->dirty, p, in_dirty);
}

/* Whether an earlier daemon left a podfs-pod (or its remains) for the pod. */
static bool has_sandbox_dir(struct agent *agent, const char *uid)
{
	char path[POD_PATH_SIZE];

	(void)snprintf(path, sizeof(path), "%s/pods/%s", agent->run_dir, uid);
	return access(path, F_OK) == 0;
}

/* A pod that has never run here is refused while the node is short of something. */
static void refuse_when_short(struct agent *agent, struct agent_pod *p)
{
	_cleanup_arena_ struct arena *a = NULL;
	const char *why, *message;

	if (object_path(p->object, "status", "startTime"))
		return;
	if (p->run.fail_reason) { /* by its own making */
		agent_tell(agent, p, EVENT_WARNING, p->run.fail_reason, "%s", p->run.fail_message ? p->run.fail_message : "");
		return;
	}
	a = arena_new(0);
	why = a ? agent_evict_refusal(a, agent, p->object) : NULL;
	message = why ? arena_printf(a, "Pod was rejected: %s", why) : NULL;
	if (message && lifecycle_evict(&p->run, message, false))
		agent_tell(agent, p, EVENT_WARNING, "Evicted", "%s", why);
}

static struct agent_pod *add_pod(struct agent *agent, const struct object *object)
{
	struct agent_pod *p = calloc(1, sizeof(*p));
	int64_t now = registry_now(agent->registry);

	if (!p)
		return NULL;
	(void)snprintf(p->uid, sizeof(p->uid), "%s", object_uid(object));
	p->object = object_ref(object);
	p->wake_at = p->probe_at = p->token_at = INT64_MAX;
	if (asprintf(&p->dir, "%s/pods/%s", agent->state_dir, p->uid) < 0)
		p->dir = NULL;
	if (!p->dir || lifecycle_init(&p->run, object_path(object, "spec"), now) < 0) {
		agent_pod_free(p);
		return NULL;
	}
	HASH_ADD_STR(agent->pods, uid, p);
	if (!p->hh.tbl) {
		agent_pod_free(p);
		return NULL;
	}
	atomic_store(&agent->n_pods, HASH_COUNT(agent->pods));
	agent_source_uses(agent, p);
	(void)cgroup_path(agent->cgroups, value_str_or(object_path(object, "status", "qosClass"), "BestEffort"), p->uid,
			  NULL, p->cgroup); /* ignoring: the parent's name is short */
	p->has_files = access(p->dir, F_OK) == 0;
	p->has_limits = agent_evict_has_limits(object);
	lifecycle_recover(&p->run, object_path(object, "status"), now);
	if (has_sandbox_dir(agent, p->uid))
		agent_pod_adopt(agent, p);
	else
		refuse_when_short(agent, p);
	agent_mark(agent, p);
	return p;
}

/* The cleaner has finished with a pod, or with what an earlier daemon left of one. */
static void cleaned(struct agent *agent, struct agent_pod *p, const char *uid)
{
	if (!*uid) {
		agent_evict_reclaimed(agent, false);
		return;
	}
	if (!p || !p->has_files)
		idrange_release(agent->ids, uid);
	if (p)
		agent_pod_cleaned(agent, p);
}

static void take_item(struct agent *agent, struct inbox_item *i)
{
	struct agent_pod *p;

	HASH_FIND_STR(agent->pods, i->uid, p);
	if (i->type == INBOX_SOURCE)
		agent_source_changed(agent, i->object);
	else if (i->type == INBOX_EXEC)
		agent_exec_take(agent, steal_ptr(i->exec), i->exec_id);
	else if (!p && i->type == INBOX_POD && !add_pod(agent, i->object))
		log_error("pod %s/%s: not run: no memory", object_namespace(i->object), object_name(i->object));
	else if (p && i->type == INBOX_POD)
		agent_pod_update(agent, p, i->object);
	else if (p && i->type == INBOX_GONE)
		agent_pod_update(agent, p, NULL);
	else if (i->type == INBOX_CLEANED)
		cleaned(agent, p, i->uid);
	else if (p && i->type == INBOX_WRITTEN)
		agent_status_written(agent, p, i->result);
	else if (p && i->type == INBOX_REMOVED)
		agent_removed(agent, p, i->result);
	else if (i->type == INBOX_NODE)
		node_object_written(agent, i->result);
	else if (i->type == INBOX_NODE_GONE)
		node_object_refresh(agent);
	else if (i->type == INBOX_MEASURED)
		agent_evict_measured(agent);
	else if (i->type == INBOX_OWNED)
		volume_owned(agent, i->path);
	agent_inbox_free(i);
}

/* Containers that wait for an image are tried again. */
static void retry_images(struct agent *agent)
{
	struct agent_pod *p, *next;

	HASH_ITER(hh, agent->pods, p, next) {
		for (size_t i = 0; i < p->run.n; i++) {
			struct container_run *c = &p->run.containers[i];

			if (c->pull_id || (c->waiting_reason && strstr(c->waiting_reason, "Image"))) {
				c->not_before = 0;
				agent_mark(agent, p);
			}
		}
	}
}

static void start_drain(struct agent *agent)
{
	struct agent_pod *p, *next;

	agent->draining = true;
	HASH_ITER(hh, agent->pods, p, next) {
		agent_mark(agent, p);
	}
}

/* Tells agent_drain() when nothing is left. */
static void check_drained(struct agent *agent)
{
	struct agent_pod *p, *next;

	if (!agent->draining)
		return;
	HASH_ITER(hh, agent->pods, p, next) {
		if (p->run.sandbox != SANDBOX_NONE || p->writing || p->write_due || p->removing)
			return;
	}
	pthread_mutex_lock(&agent->lock);
	agent->is_drained = true;
	pthread_cond_broadcast(&agent->drained);
	pthread_mutex_unlock(&agent->lock);
}

/* Takes what others have left for the thread; false when it is to end. */
static bool take_inbox(struct agent *agent)
{
	struct inbox all = TAILQ_HEAD_INITIALIZER(all);
	bool images, drain, go_on;
	struct inbox_item *i;
	uint64_t count;

	if (read(agent->wake_fd, &count, sizeof(count)) < 0) {
		/* ignoring: nobody has woken the thread */
	}
	pthread_mutex_lock(&agent->lock);
	TAILQ_CONCAT(&all, &agent->inbox, link);
	images = agent->images_changed;
	agent->images_changed = false;
	drain = agent->drain_wanted && !agent->draining;
	go_on = !agent->stopping;
	pthread_mutex_unlock(&agent->lock);
	while ((i = TAILQ_FIRST(&all))) {
		TAILQ_REMOVE(&all, i, link);
		take_item(agent, i);
	}
	if (images) {
		retry_images(agent);
		agent_gc_expect(agent, false);
		node_object_refresh(agent);
	}
	if (drain)
		start_drain(agent);
	return go_on;
}

static void forget(struct agent *agent, struct agent_pod *p)
{
	agent_probe_forget(agent, p);
	HASH_DEL(agent->pods, p);
	if (p->uses_sources)
		atomic_fetch_sub(&agent->n_source_users, 1);
	atomic_store(&agent->n_pods, HASH_COUNT(agent->pods));
	agent_gc_forget(agent, p);
	agent_pod_free(p);
}

static void work_dirty(struct agent *agent)
{
	struct agent_pod *p;

	while ((p = TAILQ_FIRST(&agent->dirty))) {
		TAILQ_REMOVE(&agent->dirty, p, in_dirty);
		p->dirty = false;
		if (!agent_pod_reconcile(agent, p))
			forget(agent, p);
	}
	agent_pull_work(agent);
	check_drained(agent);
}

/* Marks the pods whose time has come, and sets the timer for the next. */
static void work_timers(struct agent *agent)
{
	int64_t now = registry_now(agent->registry), next = INT64_MAX;
	struct itimerspec when = { 0 };
	struct agent_pod *p, *tmp;

	HASH_ITER(hh, agent->pods, p, tmp) {
		if (p->wake_at <= now) {
			p->wake_at = INT64_MAX;
			agent_mark(agent, p);
		}
		if (p->probe_at <= now)
			agent_probe_work(agent, p);
		if (p->token_at <= now)
			agent_renew_tokens(agent, p);
		if (p->token_at < next)
			next = p->token_at;
		if (p->wake_at < next)
			next = p->wake_at;
		if (p->probe_at < next)
			next = p->probe_at;
	}
	if (agent->gc.at <= now)
		agent_gc_work(agent);
	if (agent->gc.at < next)
		next = agent->gc.at;
	if (agent->evict.at <= clock_monotonic())
		agent_evict_work(agent);
	if (agent->evict.at != INT64_MAX && now + agent->evict.at - clock_monotonic() < next)
		next = now + agent->evict.at - clock_monotonic();
	if (!TAILQ_EMPTY(&agent->dirty))
		next = now + 1;
	if (next != INT64_MAX)
		when.it_value = (struct timespec){ .tv_sec = next / NSEC_PER_SEC, .tv_nsec = next % NSEC_PER_SEC };
	if (timerfd_settime(agent->timer_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when, NULL) == 0)
		return;
	/* ECANCELED, all that it can be: the clock was set since `now` was read. At once, then. */
	when.it_value = (struct timespec){ .tv_nsec = 1 };
	(void)timerfd_settime(agent->timer_fd, TFD_TIMER_ABSTIME, &when, NULL); /* ignoring: cannot fail so */
}

static void *run(void *arg)
{
	struct agent *agent = arg;
	struct epoll_event events[EVENTS_MAX];
	uint64_t expirations;

	while (take_inbox(agent)) {
		int n;

		owners_round(agent->owners);
		work_dirty(agent);
		work_timers(agent);
		n = epoll_wait(agent->epoll, events, EVENTS_MAX, -1);
		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr == &agent->wake_fd)
				continue; /* read by take_inbox() */
			if (events[i].data.ptr == &agent->prober) {
				agent_probe_receive(agent);
			} else if (events[i].data.ptr == &agent->pull_epoll) {
				agent_pull_receive(agent);
			} else if (events[i].data.ptr == &agent->evict.stall_fd || events[i].data.ptr == &agent->evict.memory_fd) {
				agent_evict_wake(agent, events[i].data.ptr == &agent->evict.memory_fd);
			} else if (events[i].data.ptr == &agent->timer_fd) {
				if (read(agent->timer_fd, &expirations, sizeof(expirations)) < 0)
					continue; /* set anew meanwhile */
			} else {
				agent_pod_receive(agent, events[i].data.ptr);
			}
		}
		work_timers(agent);
	}
	return NULL;
}

static int watch_fd(struct agent *agent, int *fd)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = fd };

	return *fd < 0 || epoll_ctl(agent->epoll, EPOLL_CTL_ADD, *fd, &e) < 0 ? -errno : 0;
}

static int open_fds(struct agent *agent)
{
	int r;

	agent->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (agent->epoll < 0)
		return -errno;
	agent->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = watch_fd(agent, &agent->wake_fd);
	if (r < 0)
		return r;
	agent->pull_epoll = epoll_create1(EPOLL_CLOEXEC);
	r = watch_fd(agent, &agent->pull_epoll);
	if (r < 0)
		return r;
	/* Real time, and woken when the clock is set: what waits for a time looks again. */
	agent->timer_fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	return watch_fd(agent, &agent->timer_fd);
}

static int copy_config(struct agent *agent, const struct agent_config *c)
{
	const struct {
		char **to;
		const char *from;
	} strings[] = {
		{ &agent->node_name, c->node_name }, { &agent->host_ip, c->host_ip },	{ &agent->state_dir, c->state_dir },
		{ &agent->run_dir, c->run_dir },     { &agent->log_dir, c->log_dir },	{ &agent->pod_program, c->pod_program },
	};

	for (size_t i = 0; i < ARRAY_SIZE(strings); i++) {
		*strings[i].to = strings[i].from ? strdup(strings[i].from) : NULL;
		if (strings[i].from && !*strings[i].to)
			return -ENOMEM;
	}
	agent->log_max_size = c->log_max_size;
	agent->log_max_files = c->log_max_files;
	agent->pod_max_pids = c->pod_max_pids;
	agent->images = c->images;
	agent->gc.policy = c->image_gc;
	agent->gc.since = registry_now(agent->registry);
	agent->gc.at = agent->gc.since + image_gc_period(&c->image_gc);
	agent->network = c->network;
	agent->network_arg = c->network_arg;
	return 0;
}

static int open_ids(struct agent *agent)
{
	_cleanup_free_ char *pods = NULL;

	if (asprintf(&pods, "%s/pods", agent->state_dir) < 0) {
		pods = NULL;
		return -ENOMEM;
	}
	return idrange_open(pods, &agent->ids);
}

static int start(struct agent *agent, const struct agent_config *config, struct error *err)
{
	int r = copy_config(agent, config);

	if (r == 0)
		r = open_fds(agent);
	if (r < 0)
		return error_errno(err, r, "node agent");
	r = cgroups_open(config->cgroup_parent, &agent->cgroups, err);
	if (r < 0)
		return r;
	r = cleaner_start(agent->cgroups, agent->log_dir, agent->network, agent->network_arg, agent_note_cleaned, agent,
			  &agent->cleaner);
	if (r < 0)
		return error_errno(err, r, "node agent");
	r = owners_open(agent_note_owned, agent, &agent->owners);
	if (r == 0)
		r = open_ids(agent);
	if (r < 0)
		return error_errno(err, r, "node agent");
	r = skeleton_make(agent->state_dir, err);
	if (r < 0)
		return r;
	agent_evict_open(agent, &config->eviction, config->reserved);
	agent->prober = prober_new(config->probe_program);
	if (!agent->prober)
		return error_errno(err, -ENOMEM, "node agent");
	agent_end_leftovers(agent);
	agent_pull_sweep(agent);
	r = agent_watch_node(agent);
	if (r < 0)
		return error_errno(err, r, "node agent");
	r = node_object_write(agent, err);
	if (r < 0)
		return r;
	r = agent_watch(agent);
	if (r == 0)
		r = provisioner_start(agent->registry, agent->node_name, agent->state_dir, &agent->provisioner);
	if (r == 0) {
		r = -pthread_create(&agent->thread, NULL, run, agent);
		agent->started = r == 0;
	}
	return r < 0 ? error_errno(err, r, "node agent") : 0;
}

int agent_start(const struct agent_config *config, struct registry *r, struct agent **ret, struct error *err)
{
	struct agent *agent = calloc(1, sizeof(*agent));
	int e;

	if (!agent)
		return error_set(err, -ENOMEM, "node agent: out of memory");
	agent->registry = r;
	agent->writer = (struct writer){ .agent = "node" };
	agent->epoll = agent->wake_fd = agent->timer_fd = agent->pull_epoll = -1;
	agent->evict.stall_fd = agent->evict.memory_fd = -1;
	pthread_mutex_init(&agent->lock, NULL);
	pthread_mutex_init(&agent->facts_lock, NULL);
	pthread_cond_init(&agent->drained, NULL);
	pthread_cond_init(&agent->settled, NULL);
	TAILQ_INIT(&agent->inbox);
	TAILQ_INIT(&agent->dirty);
	TAILQ_INIT(&agent->pulls);
	e = start(agent, config, err);
	if (e < 0) {
		agent_stop(agent);
		return e;
	}
	(void)pthread_setname_np(agent->thread, "node-agent"); /* ignoring: only for people */
	*ret = agent;
	return 0;
}

void agent_images_changed(struct agent *agent)
{
	pthread_mutex_lock(&agent->lock);
	agent->images_changed = true;
	pthread_mutex_unlock(&agent->lock);
	agent_wake(agent);
}

void agent_drain(struct agent *agent)
{
	pthread_mutex_lock(&agent->lock);
	agent->drain_wanted = true;
	agent_wake(agent);
	while (!agent->is_drained)
		pthread_cond_wait(&agent->drained, &agent->lock);
	pthread_mutex_unlock(&agent->lock);
}

void agent_stop(struct agent *agent)
{
	struct agent_pod *p, *next;

	if (!agent)
		return;
	agent_unwatch(agent);
	provisioner_stop(agent->provisioner);
	pthread_mutex_lock(&agent->lock);
	agent->stopping = true;
	pthread_mutex_unlock(&agent->lock);
	if (agent->started) {
		agent_wake(agent);
		pthread_join(agent->thread, NULL);
	}
	owners_close(agent->owners);
	cleaner_stop(agent->cleaner);
	agent_evict_close(agent);
	pthread_mutex_lock(&agent->lock);
	while (agent->in_flight)
		pthread_cond_wait(&agent->settled, &agent->lock);
	pthread_mutex_unlock(&agent->lock);
	HASH_ITER(hh, agent->pods, p, next) {
		forget(agent, p);
	}
	agent_inbox_clear(agent);
	agent_exec_clear(agent);
	agent_pull_clear(agent);
	agent_gc_clear(agent);
	agent_facts_clear(agent);
	agent_probe_clear(agent);
	security_seccomp_local_release();
	cgroups_close(agent->cgroups);
	idrange_close(agent->ids);
	close_fdp(&agent->epoll);
	close_fdp(&agent->wake_fd);
	close_fdp(&agent->timer_fd);
	close_fdp(&agent->pull_epoll);
	pthread_cond_destroy(&agent->drained);
	pthread_cond_destroy(&agent->settled);
	pthread_mutex_destroy(&agent->lock);
	pthread_mutex_destroy(&agent->facts_lock);
	free(agent->node_name);
	free(agent->host_ip);
	free(agent->state_dir);
	free(agent->run_dir);
	free(agent->log_dir);
	free(agent->pod_program);
	free(agent->owning);
	free(agent);
}

size_t agent_pods(struct agent *agent)
{
	return atomic_load(&agent->n_pods);
}
