/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removes images that nobody uses: image_gc.h decides, podfs-image removes. Only those that came from registries, and can
 * be had from there again: what an archive brought was declared by somebody and is theirs to remove.
 *
 * The agent looks every few minutes, as kubelet does, while there is an image that could ever go; else never.
 */
#include <inttypes.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/log.h"
#include "node/agent_internal.h"
#include "node/volume_images.h"

/* K8S:pkg/kubelet/images/image_gc_manager.go, DeleteUnusedImages. */
static const struct image_gc_policy everything = { .high = 1, .low = 0, .min_age = 0, .max_age = 0 };
static const uint64_t waits_for_removal = UINT64_MAX; /* for a pull_id */

/* What is known of an image beyond its record. */
struct agent_image {
	UT_hash_handle hh; /* by digest */
	char digest[sizeof("sha256:") + 64];
	int64_t last_used;
	bool in_use, seen; /* in this look */
};

static struct agent_image *image_entry(struct agent_gc *gc, const char *digest)
{
	struct agent_image *e;

	HASH_FIND_STR(gc->images, digest, e);
	if (e)
		return e;
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	(void)snprintf(e->digest, sizeof(e->digest), "%s", digest);
	HASH_ADD_STR(gc->images, digest, e);
	if (e->hh.tbl)
		return e;
	free(e);
	return NULL;
}

static void drop_entry(struct agent_gc *gc, struct agent_image *e)
{
	HASH_DEL(gc->images, e);
	free(e);
}

/* --- what is in use --- */

static void note_use(struct agent *agent, const char *digest, int64_t now)
{
	struct agent_image *e = image_entry(&agent->gc, digest);

	if (!e)
		return;
	e->in_use = true;
	e->last_used = now;
}

struct mounted {
	struct agent *agent;
	int64_t now;
};

static int note_mounted(void *arg, const char *digest)
{
	const struct mounted *m = arg;

	note_use(m->agent, digest, m->now);
	return 0;
}

/* What the volumes' references mean, and what they meant when they were mounted. */
static int note_volumes(struct agent *agent, const struct agent_pod *p, int64_t now)
{
	const struct value *volumes = object_path(p->object, "spec", "volumes");
	struct mounted m = { .agent = agent, .now = now };
	bool any = false;

	for (size_t i = 0; i < value_len(volumes); i++) {
		const struct value *reference = value_path(value_at(volumes, i), "image", "reference");
		_cleanup_image_ struct image *image = NULL;

		any |= reference != NULL;
		if (reference && image_find(agent->images, value_str_or(reference, ""), &image, NULL) == 0)
			note_use(agent, image->digest, now);
	}
	return any ? volume_images_each(p->dir, note_mounted, &m) : 0;
}

/* Images of a pod's containers that run, of those that are to run, and of their volumes. As volume_images_each(). */
static int note_pod(struct agent *agent, const struct agent_pod *p, int64_t now)
{
	for (size_t i = 0; i < p->run.n; i++) {
		const struct container_run *c = &p->run.containers[i];
		_cleanup_image_ struct image *image = NULL;

		if (c->image_id)
			note_use(agent, c->image_id, now);
		if (image_find(agent->images, value_str_or(value_get(c->spec, "image"), ""), &image, NULL) == 0)
			note_use(agent, image->digest, now);
	}
	return note_volumes(agent, p, now);
}

/* What pods on this node use. False: not all is known. */
static bool note_uses(struct agent *agent, int64_t now)
{
	struct agent_pod *p, *next;
	bool all = true;

	HASH_ITER(hh, agent->pods, p, next) {
		int r = note_pod(agent, p, now);

		if (r < 0)
			log_warning("pod %s: which images its volumes are made of cannot be read: %s, no image is removed", p->uid,
				    strerrordesc_np(-r));
		all = all && r == 0;
	}
	return all;
}

void agent_gc_forget(struct agent *agent, const struct agent_pod *p)
{
	struct agent_image *e, *next;

	(void)note_pod(agent, p, registry_now(agent->registry)); /* ignoring: its files have gone, and what was in them */
	HASH_ITER(hh, agent->gc.images, e, next) {
		e->in_use = false; /* each look finds out anew */
	}
	agent_gc_expect(agent, false);
}

/* An image that has no name any more and never came from a registry was brought by an archive. */
static bool is_declared(const struct image *image)
{
	if (!image->pulled[0])
		return true;
	for (size_t i = 0; image->names[i]; i++)
		if (!image_was_pulled(image, image->names[i]))
			return true;
	return false;
}

/* --- a removal --- */

bool agent_gc_removes(const struct agent *agent, struct container_run *c, const char *digest)
{
	if (!agent->gc.job || strcmp(agent->gc.removing, digest) != 0)
		return false;
	c->pull_id = waits_for_removal;
	lifecycle_waits_until(c, NULL, NULL, INT64_MAX);
	return true;
}

static void retry_waiting(struct agent *agent)
{
	struct agent_pod *p, *next;

	HASH_ITER(hh, agent->pods, p, next) {
		for (size_t i = 0; i < p->run.n; i++) {
			struct container_run *c = &p->run.containers[i];

			if (c->pull_id != waits_for_removal)
				continue;
			c->pull_id = 0;
			c->not_before = 0;
			agent_mark(agent, p);
		}
	}
}

static void remove_image(struct agent *agent, const struct image *image, bool by_age)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct agent_gc *gc = &agent->gc;
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = gc };
	int r = image_remove_start(agent->images, image->digest, &gc->job, &err);

	if (r == 0 && epoll_ctl(agent->pull_epoll, EPOLL_CTL_ADD, image_job_fd(gc->job), &e) < 0) {
		r = error_errno(&err, -errno, "watching it");
		image_job_cancel(steal_ptr(gc->job));
	}
	if (r < 0) {
		log_warning("image %s: not removed: %s", image->digest, error_text(&err));
		return;
	}
	(void)snprintf(gc->removing, sizeof(gc->removing), "%s", image->digest);
	gc->size = image->size;
	log_info("image %s (%s): removed, %s", image->names[0] ? image->names[0] : "no name", image->digest,
		 by_age ? "unused for long" : "the disk is full");
}

static void end_reclaim(struct agent *agent)
{
	if (!agent->gc.reclaim)
		return;
	agent->gc.reclaim = false;
	agent_evict_reclaimed(agent, true);
}

void agent_gc_removed(struct agent *agent)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct agent_gc *gc = &agent->gc;
	int r;

	(void)epoll_ctl(agent->pull_epoll, EPOLL_CTL_DEL, image_job_fd(gc->job), NULL); /* cannot fail: it was added */
	r = image_job_finish(steal_ptr(gc->job), NULL, &err);
	gc->freed += r < 0 ? 0 : gc->size;
	retry_waiting(agent);
	if (r == 0 || r == -ENOENT) {
		agent_gc_work(agent);
		return;
	}
	log_warning("image %s: not removed: %s", gc->removing, error_text(&err)); /* and tried again later */
	end_reclaim(agent);
}

/* --- a look --- */

/* As kubelet formats a size: one decimal of the largest unit that it fills. */
static const char *format_size(uint64_t bytes, char out[static 32])
{
	static const char *const UNITS[] = { "B", "KiB", "MiB", "GiB" };
	double n = (double)bytes;
	size_t i = 0;

	for (; n >= 1024 && i + 1 < ARRAY_SIZE(UNITS); i++)
		n /= 1024;
	(void)snprintf(out, 32, i ? "%.1f %s" : "%.0f %s", n, UNITS[i]);
	return out;
}

/* Nothing is left to remove and the disk is still too full: said once, until it has been better. */
static void tell_short(struct agent *agent, const struct image_gc_disk *disk)
{
	_cleanup_object_ struct object *node = cache_get(registry_cache(agent->registry), schema_kind_by_plural("nodes"), NULL,
							 agent->node_name);
	char capacity[32];

	if (!node || agent->gc.told)
		return;
	agent->gc.told = true;
	event_record(agent->registry, "node", node, EVENT_WARNING, "FreeDiskSpaceFailed",
		     "Insufficient free disk space on the node's image filesystem (%d%% of %s used). Failed to free sufficient "
		     "space by deleting unused images (freed %" PRId64 " bytes). Investigate disk usage, as it could be used by "
		     "active images, logs, volumes, or other data.",
		     image_gc_usage(disk), format_size(disk->capacity, capacity), agent->gc.freed);
}

/* Fills in what to decide on. Returns how many images could ever go. */
static size_t take_stock(struct agent *agent, struct image **list, size_t n, struct image_gc_item *items)
{
	struct agent_image *e, *next;
	size_t candidates = 0;

	for (size_t i = 0; i < n; i++) {
		e = image_entry(&agent->gc, list[i]->digest);
		items[i] = (struct image_gc_item){ .created = list[i]->created, .declared = !e || is_declared(list[i]) };
		candidates += !items[i].declared;
		if (!e)
			continue;
		items[i].last_used = e->last_used;
		items[i].in_use = e->in_use;
		e->seen = true;
	}
	HASH_ITER(hh, agent->gc.images, e, next) {
		if (!e->seen)
			drop_entry(&agent->gc, e);
		else
			e->seen = e->in_use = false;
	}
	return candidates;
}

void agent_gc_work(struct agent *agent)
{
	int64_t now = registry_now(agent->registry);
	struct agent_gc *gc = &agent->gc;
	_cleanup_free_ struct image_gc_item *items = NULL;
	struct image_gc_plan plan = { 0 };
	struct image **list = NULL;
	struct image_gc_disk disk = { 0 };
	size_t n = 0, candidates;

	gc->at = now + image_gc_period(&gc->policy);
	if (gc->job)
		return;
	if (image_list(agent->images, &list, &n) < 0) {
		end_reclaim(agent);
		return;
	}
	items = calloc(n + 1, sizeof(*items));
	if (items && image_store_disk(agent->images, &disk.capacity, &disk.available) == 0 && note_uses(agent, now)) {
		candidates = take_stock(agent, list, n, items);
		image_gc_decide(gc->reclaim ? &everything : &gc->policy, items, n, &disk, gc->reclaim || gc->collecting, gc->since,
				now, &plan);
		if (!gc->reclaim) {
			gc->collecting = plan.collecting;
			if (plan.short_of && candidates)
				tell_short(agent, &disk);
			if (!plan.collecting)
				gc->told = false, gc->freed = 0;
		}
		if (plan.victim < n)
			remove_image(agent, list[plan.victim], plan.by_age);
		if (!candidates)
			gc->at = INT64_MAX;
	}
	image_list_free(list);
	if (!gc->job)
		end_reclaim(agent);
}

void agent_gc_reclaim(struct agent *agent)
{
	agent->gc.reclaim = true;
	if (!agent->gc.job) /* else what follows on its end is that */
		agent_gc_work(agent);
}

void agent_gc_expect(struct agent *agent, bool now)
{
	int64_t at = registry_now(agent->registry) + (now ? 0 : image_gc_period(&agent->gc.policy));

	if (at < agent->gc.at)
		agent->gc.at = at;
}

void agent_gc_clear(struct agent *agent)
{
	struct agent_image *e, *next;

	image_job_cancel(steal_ptr(agent->gc.job));
	HASH_ITER(hh, agent->gc.images, e, next) {
		drop_entry(&agent->gc, e);
	}
}
