/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Eviction: reads how this node stands, has it shown in its Node, and ends pods when something is short or when a pod takes
 * more of the disk than it may. eviction.h decides.
 *
 * The agent looks every ten seconds, since no filesystem tells when it fills up; a pressure stall (PSI) or an event of the
 * cgroup above all pods has it look at memory at once. One look leads to one step at most: files of pods that are over and
 * images that nobody uses go first, then one pod after another, each gone before the next look decides.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/log.h"
#include "node/agent_disk.h"
#include "node/agent_internal.h"
#include "node/figures.h"
#include "value/quantity.h"

enum {
	REARM_BYTES = 4 << 20,		    /* how far the cgroup's event may be from where it should be */
	CRITICAL_PRIORITY = 2 * 1000000000, /* K8S:pkg/apis/scheduling: SystemCriticalPriority */
	MEASURE_REST = 10,		    /* counting takes a tenth of a processor at most */
};

static const int64_t look_again = NSEC_PER_SEC; /* at the soonest, however many events there are */

/* Something waited for memory for 150 ms in two seconds; without CAP_SYS_RESOURCE the kernel takes no shorter time. */
static const char stall_trigger[] = "some 150000 2000000";

/* --- how the node stands --- */

static int64_t pods_limit(const struct agent *agent)
{
	int64_t reserved = agent->evict.reserved.memory;

	return reserved && reserved < agent->evict.capacity.memory ? agent->evict.capacity.memory - reserved : 0;
}

/* Without a reservation pods may have all of the machine, and its own figure tells all. */
static struct eviction_figure allocatable_memory(struct agent *agent)
{
	int64_t limit = pods_limit(agent), used = cgroup_working_set(agent->cgroups, cgroups_parent(agent->cgroups));

	if (!limit || used < 0)
		return (struct eviction_figure){ 0 };
	return (struct eviction_figure){ limit, used > limit ? 0 : limit - used };
}

static void read_figures(struct agent *agent)
{
	struct eviction_figure *f = agent->evict.figures;

	f[EVICTION_MEMORY] = figures_memory();
	f[EVICTION_ALLOCATABLE] = allocatable_memory(agent);
	figures_disk(agent->state_dir, &f[EVICTION_NODEFS], &f[EVICTION_NODEFS_INODES]);
	figures_disk(image_store_dir(agent->images), &f[EVICTION_IMAGEFS], &f[EVICTION_IMAGEFS_INODES]);
	f[EVICTION_PID] = figures_pids();
}

/* v1 tells when a cgroup's usage crosses a line; the usage has the page cache in it, so the line moves with that. */
static void arm_memory_event(struct agent *agent)
{
	struct agent_evict *e = &agent->evict;
	const char *parent = cgroups_parent(agent->cgroups);
	int64_t limit = pods_limit(agent), threshold = eviction_amount(&e->policy.hard[EVICTION_ALLOCATABLE], limit), cached, line;
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &e->memory_fd };
	int fd;

	if (!limit || !threshold)
		return;
	cached = cgroup_memory_usage(agent->cgroups, parent) - cgroup_working_set(agent->cgroups, parent);
	line = limit - threshold + (cached > 0 ? cached : 0);
	if (e->memory_fd >= 0 && llabs(line - e->line) < REARM_BYTES)
		return;
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0)
		return;
	if (cgroups_watch_memory(agent->cgroups, line, fd) < 0 || epoll_ctl(agent->epoll, EPOLL_CTL_ADD, fd, &ev) < 0) {
		(void)close(fd); /* ignoring: every look sees it */
		return;
	}
	close_fdp(&e->memory_fd);
	e->memory_fd = fd;
	e->line = line;
}

static void watch_stalls(struct agent *agent)
{
	struct agent_evict *e = &agent->evict;
	struct epoll_event ev = { .events = EPOLLPRI, .data.ptr = &e->stall_fd };

	e->stall_fd = open("/proc/pressure/memory", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (e->stall_fd < 0)
		return;
	if (write(e->stall_fd, stall_trigger, sizeof(stall_trigger)) < 0 ||
	    epoll_ctl(agent->epoll, EPOLL_CTL_ADD, e->stall_fd, &ev) < 0)
		close_fdp(&e->stall_fd); /* ignoring: every look sees it */
}

static void tell_conditions(struct agent *agent, const bool before[static EVICTION_CONDITIONS])
{
	static const char *const REASONS[EVICTION_CONDITIONS][2] = {
		[EVICTION_MEMORY_PRESSURE] = { "NodeHasSufficientMemory", "NodeHasInsufficientMemory" },
		[EVICTION_DISK_PRESSURE] = { "NodeHasNoDiskPressure", "NodeHasDiskPressure" },
		[EVICTION_PID_PRESSURE] = { "NodeHasSufficientPID", "NodeHasInsufficientPID" },
	};
	const bool *holds = agent->evict.state.holds;

	for (int c = 0; c < EVICTION_CONDITIONS; c++)
		if (holds[c] != before[c])
			node_object_event(agent, EVENT_NORMAL, REASONS[c][holds[c]], "Node %s status is now: %s",
					  agent->node_name, REASONS[c][holds[c]]);
}

/* --- who may go --- */

static bool is_critical(const struct object *pod)
{
	return value_int(object_path(pod, "spec", "priority"), 0) >= CRITICAL_PRIORITY;
}

/* Whether it runs, as far as is known, and is not about to end. */
static bool is_active(const struct agent *agent, const struct agent_pod *p)
{
	return p->run.sandbox == SANDBOX_UP && !p->adopting && !p->cleaning && !agent_pod_is_ending(agent, p) &&
	       !lifecycle_is_over(&p->run, object_path(p->object, "spec"));
}

static void measure(struct agent *agent, enum eviction_signal s, const struct agent_pod *p, struct eviction_candidate *c)
{
	struct pod_resources requests = pod_requests(object_path(p->object, "spec"));
	struct disk_usage disk;

	*c = (struct eviction_candidate){ .critical = is_critical(p->object),
					  .priority = value_int(object_path(p->object, "spec", "priority"), 0) };
	if (s == EVICTION_MEMORY || s == EVICTION_ALLOCATABLE) {
		c->usage = cgroup_working_set(agent->cgroups, p->cgroup);
		c->request = requests.memory;
	} else if (s == EVICTION_PID) {
		c->usage = cgroup_pids(agent->cgroups, p->cgroup);
	} else if (!agent_disk_usage(agent->evict.disk, p->uid, &disk)) {
		c->usage = -1;
	} else if (s == EVICTION_NODEFS || s == EVICTION_IMAGEFS) {
		c->usage = disk.bytes;
		c->request = requests.ephemeral_storage;
	} else {
		c->usage = disk.inodes;
	}
	c->known = c->usage >= 0;
}

/* What a container takes of what is short; -1: it is not known, or does not count. */
static int64_t container_usage(struct agent *agent, enum eviction_signal s, const struct agent_pod *p,
			       const struct container_run *c)
{
	char path[CGROUP_PATH_MAX];
	struct disk_usage disk;

	if (s == EVICTION_MEMORY || s == EVICTION_ALLOCATABLE)
		return snprintf(path, sizeof(path), "%s/%s", p->cgroup, c->name) < (int)sizeof(path) ?
			       cgroup_working_set(agent->cgroups, path) : -1;
	if ((s == EVICTION_NODEFS || s == EVICTION_IMAGEFS) &&
	    agent_disk_item(agent->evict.disk, p->uid, DISK_CONTAINER, c->name, &disk))
		return disk.bytes;
	return -1;
}

/* The whole message: which threshold, and the containers that take more than they asked for. */
static const char *compose(struct arena *a, struct agent *agent, enum eviction_signal s, const struct agent_pod *p)
{
	struct agent_evict *e = &agent->evict;
	const char *text = eviction_message(a, s, &e->policy, &e->state, e->figures);

	for (size_t i = 0; i < p->run.n; i++) { /* main containers first */
		const struct container_run *c = &p->run.containers[(i + p->run.n_init) % p->run.n];
		int64_t usage = container_usage(agent, s, p, c);
		int64_t request = container_resource(c->spec, "requests", eviction_resource(s));

		request = request < 0 ? 0 : request;
		if (usage > request)
			text = arena_printf(a, "%sContainer %s was using %s, request is %s, has larger consumption of %s. ",
					    text ? text : "", c->name, eviction_quantity(a, s, usage),
					    eviction_quantity(a, s, request), eviction_resource(s));
	}
	return text;
}

static void evict(struct agent *agent, struct agent_pod *p, const char *message, bool disrupted)
{
	struct agent_evict *e = &agent->evict;

	if (!message)
		return;
	agent_pod_evict(agent, p, message, disrupted);
	(void)snprintf(e->victim, sizeof(e->victim), "%s", p->uid);
	e->victim_until = clock_monotonic() + EVICTION_CLEANUP;
	e->reclaimed = false; /* its image may go now */
}

/* For a soft threshold a pod has its own grace, as far as the node allows; for a hard one the least. */
static void set_soft_grace(struct agent *agent, struct agent_pod *p)
{
	int64_t most = agent->evict.policy.max_pod_grace;
	int64_t own = lifecycle_seconds(value_int(object_path(p->object, "spec", "terminationGracePeriodSeconds"),
						  LIFECYCLE_GRACE_DEFAULT));

	p->run.evict_grace = own < most ? own : most;
}

static void evict_one(struct agent *agent, enum eviction_signal s)
{
	_cleanup_free_ struct eviction_candidate *candidates = calloc(HASH_COUNT(agent->pods) + 1, sizeof(*candidates));
	_cleanup_free_ struct agent_pod **pods = calloc(HASH_COUNT(agent->pods) + 1, sizeof(struct agent_pod *));
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct agent_pod *p, *next;
	size_t n = 0, chosen;

	if (!candidates || !pods || !a)
		return; /* the next look tries again */
	HASH_ITER(hh, agent->pods, p, next) {
		if (!is_active(agent, p))
			continue;
		measure(agent, s, p, &candidates[n]);
		pods[n++] = p;
	}
	chosen = eviction_choose(s, candidates, n);
	if (chosen == n)
		return;
	if (!agent->evict.state.met[s])
		set_soft_grace(agent, pods[chosen]);
	evict(agent, pods[chosen], compose(a, agent, s, pods[chosen]), true);
	if (!pods[chosen]->run.evicted) /* it was over */
		pods[chosen]->run.evict_grace = 0;
}

/* --- what pods may take of the disk --- */

static const char *format(struct arena *a, const struct quantity *q)
{
	char text[QUANTITY_TEXT_MAX];

	quantity_format(q, text);
	return arena_strdup(a, text);
}

static bool is_over(const struct value *limit, int64_t used, struct quantity *ret)
{
	return limit && quantity_from(limit, ret, NULL) == 0 && quantity_sign(ret) > 0 && used > quantity_value(ret);
}

/* K8S:pkg/kubelet/eviction/eviction_manager.go: emptyDirLimitEviction. */
static const char *over_volume(struct arena *a, const struct disk_job *j, const struct agent_pod *p)
{
	const struct value *volumes = object_path(p->object, "spec", "volumes");

	for (size_t i = 0; i < value_len(volumes); i++) {
		const char *name = value_str_or(value_get(value_at(volumes, i), "name"), "");
		struct disk_usage used;
		struct quantity q;

		if (agent_disk_item(j, p->uid, DISK_VOLUME, name, &used) &&
		    is_over(value_path(value_at(volumes, i), "emptyDir", "sizeLimit"), used.bytes, &q))
			return arena_printf(a, "Usage of EmptyDir volume \"%s\" exceeds the limit \"%s\". ", name, format(a, &q));
	}
	return NULL;
}

/* podEphemeralStorageLimitEviction: the limits of those containers that have one, together. */
static const char *over_pod(struct arena *a, const struct disk_job *j, const struct agent_pod *p)
{
	struct quantity sum = { 0 };
	struct disk_usage used;
	bool any = false;

	for (size_t i = 0; i < p->run.n; i++) {
		const struct container_run *c = &p->run.containers[i];
		const struct value *limit = value_path(c->spec, "resources", "limits", "ephemeral-storage");
		struct quantity q;

		if (c->kind == CONTAINER_INIT || quantity_from(limit, &q, NULL) < 0)
			continue;
		sum = quantity_add(&sum, &q);
		any = true;
	}
	if (!any || !agent_disk_usage(j, p->uid, &used) || used.bytes <= quantity_value(&sum))
		return NULL;
	return arena_printf(a, "Pod ephemeral local storage usage exceeds the total limit of containers %s. ", format(a, &sum));
}

/* containerEphemeralStorageLimitEviction. */
static const char *over_container(struct arena *a, const struct disk_job *j, const struct agent_pod *p)
{
	for (size_t i = p->run.n_init; i < p->run.n; i++) {
		const struct container_run *c = &p->run.containers[i];
		struct disk_usage used;
		struct quantity q;

		if (agent_disk_item(j, p->uid, DISK_CONTAINER, c->name, &used) &&
		    is_over(value_path(c->spec, "resources", "limits", "ephemeral-storage"), used.bytes, &q))
			return arena_printf(a, "Container %s exceeded its local ephemeral storage limit \"%s\". ", c->name,
					    format(a, &q));
	}
	return NULL;
}

/* Returns whether any had to go. */
static bool hold_to_limits(struct agent *agent)
{
	const struct disk_job *j = agent->evict.disk;
	struct agent_pod *p, *next;
	bool any = false;

	HASH_ITER(hh, agent->pods, p, next) {
		_cleanup_arena_ struct arena *a = arena_new(0);
		const char *why = NULL;

		if (!a || !p->has_limits || !is_active(agent, p) || is_critical(p->object))
			continue;
		why = over_volume(a, j, p);
		if (!why)
			why = over_pod(a, j, p);
		if (!why)
			why = over_container(a, j, p);
		if (!why)
			continue;
		evict(agent, p, why, false);
		any = true;
	}
	return any;
}

bool agent_evict_has_limits(const struct object *pod)
{
	const struct value *volumes = object_path(pod, "spec", "volumes");
	static const char *const lists[] = { "initContainers", "containers" };

	for (size_t i = 0; i < value_len(volumes); i++)
		if (value_path(value_at(volumes, i), "emptyDir", "sizeLimit"))
			return true;
	for (size_t l = 0; l < ARRAY_SIZE(lists); l++) {
		const struct value *list = object_path(pod, "spec", lists[l]);

		for (size_t i = 0; i < value_len(list); i++)
			if (value_path(value_at(list, i), "resources", "limits", "ephemeral-storage"))
				return true;
	}
	return false;
}

/* --- a look --- */

static bool is_set(const struct eviction_threshold *t)
{
	return t->share > 0 || t->amount;
}

static bool has_thresholds(const struct agent_evict *e)
{
	for (int s = 0; s < EVICTION_SIGNALS; s++)
		if (is_set(&e->policy.hard[s]) || is_set(&e->policy.soft[s]))
			return true;
	return false;
}

static void look_soon(struct agent *agent)
{
	struct agent_evict *e = &agent->evict;
	int64_t soon = e->looked_at + look_again;

	if (soon < e->at)
		e->at = soon;
}

/* What can be had without a pod's end; true when it is under way. */
static bool reclaim(struct agent *agent)
{
	struct agent_evict *e = &agent->evict;
	struct agent_pod *p, *next;

	if (e->reclaimed)
		return false;
	e->reclaimed = true;
	HASH_ITER(hh, agent->pods, p, next) {
		agent_pod_reclaim(agent, p);
	}
	e->reclaiming_files = cleaner_drop_gone(agent->cleaner) == 0;
	e->reclaiming_images = true;
	agent_gc_reclaim(agent);
	return e->reclaiming_files || e->reclaiming_images;
}

static bool has_limits(const struct agent *agent)
{
	struct agent_pod *p, *next;

	HASH_ITER(hh, agent->pods, p, next) {
		if (p->has_limits && is_active(agent, p))
			return true;
	}
	return false;
}

static void count_disk(struct agent *agent, bool all)
{
	struct agent_evict *e = &agent->evict;

	if (!e->disk && clock_monotonic() >= e->count_at && agent_disk_start(agent, all, &e->disk) < 0)
		e->disk = NULL; /* the next look tries again */
	e->counts_all = e->disk && all;
}

/* Whether the last pod that was evicted is still on its way out. */
static bool waits_for_victim(struct agent *agent, int64_t now)
{
	struct agent_pod *p;

	HASH_FIND_STR(agent->pods, agent->evict.victim, p);
	return p && now < agent->evict.victim_until && (p->cleaning || p->run.sandbox != SANDBOX_NONE);
}

void agent_evict_work(struct agent *agent)
{
	struct agent_evict *e = &agent->evict;
	int64_t now = clock_monotonic();
	bool before[EVICTION_CONDITIONS];
	enum eviction_signal s;

	e->at = has_thresholds(e) || has_limits(agent) ? now + e->policy.period : INT64_MAX;
	e->looked_at = now;
	if (agent->draining)
		return;
	agent_evict_measured(agent); /* should the news of it have been lost */
	read_figures(agent);
	memcpy(before, e->state.holds, sizeof(before));
	eviction_observe(&e->state, &e->policy, e->figures, now);
	if (memcmp(before, e->state.holds, sizeof(before)) != 0) {
		tell_conditions(agent, before);
		node_object_refresh(agent);
	} else if (agent->node_due && !agent->node_writing) {
		node_object_refresh(agent);
	}
	arm_memory_event(agent);
	if (e->disk || e->reclaiming_files || e->reclaiming_images || waits_for_victim(agent, now))
		return;
	s = eviction_first(&e->state);
	if (s != EVICTION_SIGNALS)
		node_object_event(agent, EVENT_WARNING, "EvictionThresholdMet", "Attempting to reclaim %s", eviction_resource(s));
	if (s == EVICTION_SIGNALS)
		e->reclaimed = false;
	else if (!eviction_is_disk(s))
		evict_one(agent, s);
	else if (!reclaim(agent))
		count_disk(agent, true);
	if (!e->disk && has_limits(agent))
		count_disk(agent, false);
}

void agent_evict_measured(struct agent *agent)
{
	struct agent_evict *e = &agent->evict;
	enum eviction_signal s = eviction_first(&e->state);
	int64_t took;

	if (!e->disk || !agent_disk_is_done(e->disk, &took))
		return;
	e->count_at = clock_monotonic() + took * MEASURE_REST;
	if (!hold_to_limits(agent) && e->counts_all && s != EVICTION_SIGNALS && eviction_is_disk(s) && !agent->draining)
		evict_one(agent, s);
	agent_disk_end(steal_ptr(e->disk));
}

void agent_evict_reclaimed(struct agent *agent, bool images)
{
	struct agent_evict *e = &agent->evict;

	if (images)
		e->reclaiming_images = false;
	else
		e->reclaiming_files = false;
	if (!e->reclaiming_images && !e->reclaiming_files)
		look_soon(agent);
}

void agent_evict_cleaned(struct agent *agent, const struct agent_pod *p)
{
	if (!strcmp(agent->evict.victim, p->uid) && eviction_first(&agent->evict.state) != EVICTION_SIGNALS)
		look_soon(agent);
}

void agent_evict_wake(struct agent *agent, bool event)
{
	uint64_t count;

	if (event && read(agent->evict.memory_fd, &count, sizeof(count)) < 0) {
		/* ignoring: it was read before */
	}
	look_soon(agent);
}

static bool is_or_empty(const struct value *v, const char *want)
{
	const char *s = value_str_or(v, "");

	return !*s || !strcmp(s, want);
}

static bool tolerates_memory_pressure(const struct object *pod)
{
	const struct value *list = object_path(pod, "spec", "tolerations");

	for (size_t i = 0; i < value_len(list); i++) {
		const struct value *t = value_at(list, i);
		bool exists = !strcmp(value_str_or(value_get(t, "operator"), "Equal"), "Exists");

		if (is_or_empty(value_get(t, "key"), eviction_taint(EVICTION_MEMORY_PRESSURE)) &&
		    is_or_empty(value_get(t, "effect"), "NoSchedule") && (exists || !*value_str_or(value_get(t, "value"), "")))
			return true;
	}
	return false;
}

const char *agent_evict_refusal(struct arena *a, const struct agent *agent, const struct object *pod)
{
	bool best_effort = !strcmp(agent_pod_qos(pod), "BestEffort");

	if (!eviction_refuses(&agent->evict.state, is_critical(pod), best_effort, tolerates_memory_pressure(pod)))
		return NULL;
	return eviction_refusal(a, &agent->evict.state);
}

void agent_evict_open(struct agent *agent, const struct eviction_policy *policy, struct pod_resources reserved)
{
	struct agent_evict *e = &agent->evict;
	int r;

	e->policy = *policy;
	e->reserved = reserved;
	e->capacity = figures_capacity(agent->state_dir);
	e->at = has_thresholds(e) ? clock_monotonic() : INT64_MAX;
	r = cgroups_limit(agent->cgroups, pods_limit(agent));
	read_figures(agent); /* for the Node as it is written first */
	eviction_observe(&e->state, &e->policy, e->figures, clock_monotonic());
	if (r < 0)
		log_warning("cgroup %s: memory limit: %s, ignoring", cgroups_parent(agent->cgroups), strerrordesc_np(-r));
	if (is_set(&e->policy.hard[EVICTION_MEMORY]) || is_set(&e->policy.soft[EVICTION_MEMORY]))
		watch_stalls(agent);
}

void agent_evict_expect(struct agent *agent)
{
	struct agent_evict *e = &agent->evict;

	if (e->at == INT64_MAX)
		e->at = clock_monotonic() + e->policy.period;
}

void agent_evict_close(struct agent *agent)
{
	agent_disk_end(steal_ptr(agent->evict.disk));
	close_fdp(&agent->evict.stall_fd);
	close_fdp(&agent->evict.memory_fd);
}
