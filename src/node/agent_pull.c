/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images from registries. A pull is of one reference with one set of credentials; all containers that want that wait for
 * the same one. It ends, and its process with it, as soon as none does. Words and reasons are kubelet's:
 * K8S:pkg/kubelet/images/image_manager.go.
 */
#include <inttypes.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/log.h"
#include "node/agent_internal.h"
#include "node/pull_auth.h"
#include "node/volume.h"

enum {
	PULLS_MAX = 3, /* at a time: dockerd's max-concurrent-downloads; kubelet's serializeImagePulls lets one slow registry
			* hold up all */
	DURATION_SIZE = 32,
};

/* How long ErrImagePull is shown before ImagePullBackOff: kubelet's next look at the pod. */
static const int64_t error_shown = 5 * NSEC_PER_SEC;

struct agent_pull {
	TAILQ_ENTRY(agent_pull) link;
	uint64_t id;	       /* 0: no pull but the removal of what others left */
	char *reference;       /* owned, canonical */
	char **auths;	       /* owned */
	size_t n_auths;
	struct image_job *job; /* NULL: its turn is to come */
	bool given_up;
	int64_t wanted_at, started_at;
};

static void pull_free(struct agent_pull *pull)
{
	if (!pull)
		return;
	for (size_t i = 0; i < pull->n_auths; i++) {
		explicit_bzero(pull->auths[i], strlen(pull->auths[i]));
		free(pull->auths[i]);
	}
	free(pull->auths);
	free(pull->reference);
	free(pull);
}
DEFINE_CLEANUP(struct agent_pull *, pull_free);

static bool is_same(const struct agent_pull *pull, const char *reference, const char *const *auths, size_t n)
{
	if (!pull->id || pull->given_up || strcmp(pull->reference, reference) != 0 || pull->n_auths != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (strcmp(pull->auths[i], auths[i]) != 0)
			return false;
	return true;
}

static struct agent_pull *new_pull(const char *reference, const char *const *auths, size_t n)
{
	_cleanup_(pull_freep) struct agent_pull *pull = calloc(1, sizeof(*pull));

	if (!pull)
		return NULL;
	pull->reference = strdup(reference);
	pull->auths = calloc(n + 1, sizeof(*pull->auths));
	if (!pull->reference || !pull->auths)
		return NULL;
	for (; pull->n_auths < n; pull->n_auths++)
		if (!(pull->auths[pull->n_auths] = strdup(auths[pull->n_auths])))
			return NULL;
	return steal_ptr(pull);
}

/* The pull of that, which may be under way. NULL when memory is out. */
static struct agent_pull *join(struct agent *agent, const char *reference, const char *const *auths, size_t n)
{
	struct agent_pull *pull;

	TAILQ_FOREACH(pull, &agent->pulls, link) {
		if (is_same(pull, reference, auths, n))
			return pull;
	}
	pull = new_pull(reference, auths, n);
	if (!pull)
		return NULL;
	pull->id = ++agent->last_pull;
	pull->wanted_at = registry_now(agent->registry);
	TAILQ_INSERT_TAIL(&agent->pulls, pull, link);
	return pull;
}

/* --- a container that waits --- */

/* As Go writes a duration cut to milliseconds: "85ms", "1.5s", "1m2.25s". */
static const char *duration(int64_t ns, char out[static DURATION_SIZE])
{
	int64_t ms = ns < 0 ? 0 : ns / (NSEC_PER_SEC / 1000), s = ms / 1000;
	char fraction[8] = "";

	if (ms && ms < 1000) {
		(void)snprintf(out, DURATION_SIZE, "%" PRId64 "ms", ms);
		return out;
	}
	if (ms % 1000) {
		(void)snprintf(fraction, sizeof(fraction), ".%03d", (int)(ms % 1000));
		for (size_t n = strlen(fraction); fraction[n - 1] == '0'; n--)
			fraction[n - 1] = '\0';
	}
	if (s < 60)
		(void)snprintf(out, DURATION_SIZE, "%" PRId64 "%ss", s, fraction);
	else if (s < 3600)
		(void)snprintf(out, DURATION_SIZE, "%" PRId64 "m%" PRId64 "%ss", s / 60, s % 60, fraction);
	else
		(void)snprintf(out, DURATION_SIZE, "%" PRId64 "h%" PRId64 "m%" PRId64 "%ss", s / 3600, s / 60 % 60, s % 60,
			       fraction);
	return out;
}

/* In struct container_run's `pulled`; the last one stands for all that are beyond. */
static uint64_t bit_of(unsigned of)
{
	return UINT64_C(1) << (of < 63 ? of : 63);
}

/* The source of the pod's nth volume, from 1, if that is an image; else NULL. */
static const struct value *image_volume(const struct agent_pod *p, size_t n)
{
	return value_get(value_at(object_path(p->object, "spec", "volumes"), n - 1), "image");
}

/* What the spec says of the image that the container's pull is of. */
static const char *pulled_reference(const struct agent_pod *p, const struct container_run *c)
{
	if (!c->pull_of)
		return c->image ? c->image : "";
	return value_str_or(value_get(image_volume(p, c->pull_of), "reference"), "");
}

/* The pull failed, or could not be begun. */
static void pull_failed(struct agent *agent, struct agent_pod *p, struct container_run *c, const char *why)
{
	int64_t now = registry_now(agent->registry);

	lifecycle_pull_failed(c, now);
	agent_tell(agent, p, EVENT_WARNING, "Failed", "Failed to pull image \"%s\": %s", pulled_reference(p, c), why);
	agent_tell(agent, p, EVENT_WARNING, "Failed", "Error: ErrImagePull");
	lifecycle_waits_until(c, "ErrImagePull", strdup(why), now + error_shown);
}

static void back_off(struct agent *agent, struct agent_pod *p, struct container_run *c, const char *image)
{
	bool before = c->waiting_reason && !strcmp(c->waiting_reason, "ImagePullBackOff");
	char *message = NULL;

	if (before) {
		lifecycle_waits_until(c, NULL, NULL, c->pull_at);
		return;
	}
	if (asprintf(&message, "Back-off pulling image \"%s\": ErrImagePull: %s", image,
		     c->waiting_message ? c->waiting_message : "") < 0)
		message = NULL;
	agent_tell(agent, p, EVENT_NORMAL, "BackOff", "Back-off pulling image \"%s\"", image);
	agent_tell(agent, p, EVENT_WARNING, "Failed", "Error: ImagePullBackOff");
	lifecycle_waits_until(c, "ImagePullBackOff", message, c->pull_at);
}

static void begin(struct agent *agent, struct agent_pod *p, struct container_run *c, const char *image)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_free_ char *reference = NULL;
	const char *const *auths = NULL;
	const char *missing = NULL;
	struct agent_pull *pull = NULL;
	struct sources sources;
	size_t n = 0;
	int r = a ? image_ref_normalize(image, &reference, &err) : -ENOMEM;

	if (r == 0) {
		sources = agent_sources(agent, p, a);
		r = pull_auths(a, &sources, image, &auths, &n, &missing, &err);
	}
	if (r == 0)
		pull = join(agent, reference, auths, n);
	if (!pull) {
		pull_failed(agent, p, c, r < 0 ? error_text(&err) : "out of memory");
		return;
	}
	if (c->pull_id == pull->id) {
		lifecycle_waits_until(c, NULL, NULL, INT64_MAX);
		return;
	}
	if (missing)
		agent_tell(agent, p, EVENT_WARNING, "FailedToRetrieveImagePullSecret",
			   "Unable to retrieve some image pull secrets (%s); attempting to pull the image may not succeed.", missing);
	agent_tell(agent, p, EVENT_NORMAL, "Pulling", "Pulling image \"%s\"", image);
	c->pull_id = pull->id;
	lifecycle_waits_until(c, NULL, NULL, INT64_MAX);
}

/* One of the images that the container needs: see pull_of in struct container_run. 0: it is there, or is not to be pulled. */
static int want(struct agent *agent, struct agent_pod *p, struct container_run *c, unsigned of, const char *image,
		const char *policy)
{
	uint64_t bit = bit_of(of);
	_cleanup_image_ struct image *found = NULL;
	int r = image_find(agent->images, image, &found, NULL);

	if (r == 0 && agent_gc_removes(agent, c, found->digest))
		return 1;
	if (r == 0 && (c->pulled & bit || strcmp(policy, "Always") != 0 || !image_was_pulled(found, image))) {
		if (c->pull_of == of)
			c->pull_id = 0;
		return 0;
	}
	if ((r < 0 && r != -ENOENT) || !strcmp(policy, "Never"))
		return 0; /* the launch says what is wrong */
	if (c->pull_of != of) { /* what is known of the other's pulls is of no use */
		uint64_t pulled = c->pulled;

		lifecycle_forget_pull(c);
		c->pulled = pulled;
		c->pull_of = of;
	}
	if (!c->pull_id && registry_now(agent->registry) < c->pull_at)
		back_off(agent, p, c, image);
	else
		begin(agent, p, c, image);
	return 1;
}

int agent_pull_image(struct agent *agent, struct agent_pod *p, struct container_run *c, const char *image)
{
	const struct value *mounts = value_get(c->spec, "volumeMounts");
	size_t n = value_len(object_path(p->object, "spec", "volumes"));
	int r = want(agent, p, c, 0, image, value_str_or(value_get(c->spec, "imagePullPolicy"), ""));

	for (size_t i = 1; i <= n && r == 0; i++) {
		const struct value *v = image_volume(p, i);
		const struct value *volume = value_at(object_path(p->object, "spec", "volumes"), i - 1);

		if (v && value_find(mounts, "name", volume_name(volume)))
			r = want(agent, p, c, (unsigned)i, value_str_or(value_get(v, "reference"), ""),
				 value_str_or(value_get(v, "pullPolicy"), ""));
	}
	return r;
}

/* --- pulls --- */

static void pull_succeeded(struct agent *agent, struct agent_pod *p, struct container_run *c, const struct agent_pull *pull)
{
	_cleanup_image_ struct image *image = NULL;
	char taken[DURATION_SIZE], waited[DURATION_SIZE];
	int64_t now = registry_now(agent->registry);
	uint64_t pulled = c->pulled;

	lifecycle_forget_pull(c);
	c->pulled = pulled | bit_of(c->pull_of);
	c->not_before = 0;
	if (image_find(agent->images, pull->reference, &image, NULL) == 0)
		agent_tell(agent, p, EVENT_NORMAL, "Pulled",
			   "Successfully pulled image \"%s\" in %s (%s including waiting). Image size: %" PRId64 " bytes.",
			   pulled_reference(p, c), duration(now - pull->started_at, taken),
			   duration(now - pull->wanted_at, waited), image->size);
}

/* Tells those who wait how it ended; `why` is NULL when all is well. */
static void tell_waiters(struct agent *agent, const struct agent_pull *pull, const char *why)
{
	struct agent_pod *p, *next;

	HASH_ITER(hh, agent->pods, p, next) {
		for (size_t i = 0; i < p->run.n; i++) {
			struct container_run *c = &p->run.containers[i];

			if (c->pull_id != pull->id)
				continue;
			if (why)
				pull_failed(agent, p, c, why);
			else
				pull_succeeded(agent, p, c, pull);
			agent_mark(agent, p);
		}
	}
}

static bool is_wanted(struct agent *agent, const struct agent_pull *pull)
{
	struct agent_pod *p, *next;

	HASH_ITER(hh, agent->pods, p, next) {
		if (agent_pod_is_ending(agent, p))
			continue;
		for (size_t i = 0; i < p->run.n; i++)
			if (p->run.containers[i].pull_id == pull->id)
				return true;
	}
	return false;
}

static int watch(struct agent *agent, struct agent_pull *pull, struct error *err)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = pull };

	if (epoll_ctl(agent->pull_epoll, EPOLL_CTL_ADD, image_job_fd(pull->job), &e) == 0)
		return 0;
	return error_errno(err, -errno, "watching a pull");
}

static void start(struct agent *agent, struct agent_pull *pull)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	int r = image_pull_start(agent->images, pull->reference, (const char *const *)pull->auths, pull->n_auths, &pull->job,
				 &err);

	pull->started_at = registry_now(agent->registry);
	if (r == 0)
		r = watch(agent, pull, &err);
	if (r == 0)
		return;
	image_job_cancel(pull->job);
	tell_waiters(agent, pull, error_text(&err));
	TAILQ_REMOVE(&agent->pulls, pull, link);
	pull_free(pull);
}

void agent_pull_work(struct agent *agent)
{
	struct agent_pull *pull, *next;
	size_t running = 0;

	TAILQ_FOREACH_SAFE(pull, &agent->pulls, link, next) {
		bool wanted = !pull->id || (!pull->given_up && is_wanted(agent, pull));

		if (wanted || pull->given_up) {
			running += pull->id && pull->job;
			continue;
		}
		if (pull->job) {
			pull->given_up = true;
			image_pull_give_up(pull->job);
			running++;
			continue;
		}
		TAILQ_REMOVE(&agent->pulls, pull, link);
		pull_free(pull);
	}
	TAILQ_FOREACH_SAFE(pull, &agent->pulls, link, next) {
		if (pull->job || !pull->id)
			continue;
		if (running++ >= PULLS_MAX)
			return;
		start(agent, pull);
	}
}

static void pull_ended(struct agent *agent, struct agent_pull *pull)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	int r;

	TAILQ_REMOVE(&agent->pulls, pull, link);
	(void)epoll_ctl(agent->pull_epoll, EPOLL_CTL_DEL, image_job_fd(pull->job), NULL); /* cannot fail: it was added */
	r = image_job_finish(pull->job, NULL, &err);
	agent_gc_expect(agent, r == -ENOSPC);
	if (!pull->id && r < 0)
		log_warning("images: %s", error_text(&err));
	else if (pull->id)
		tell_waiters(agent, pull, r < 0 ? error_text(&err) : NULL);
	pull_free(pull);
}

void agent_pull_receive(struct agent *agent)
{
	struct epoll_event e[PULLS_MAX];
	int n = epoll_wait(agent->pull_epoll, e, PULLS_MAX, 0);

	for (int i = 0; i < n; i++) {
		if (e[i].data.ptr == &agent->gc)
			agent_gc_removed(agent);
		else
			pull_ended(agent, e[i].data.ptr);
	}
	agent_pull_work(agent);
}

void agent_pull_sweep(struct agent *agent)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_(pull_freep) struct agent_pull *pull = new_pull("", NULL, 0);
	int r = pull ? image_pull_sweep_start(agent->images, &pull->job, &err) : error_set(&err, -ENOMEM, "out of memory");

	if (r == 0 && pull->job) {
		r = watch(agent, pull, &err);
		if (r == 0) {
			TAILQ_INSERT_TAIL(&agent->pulls, pull, link);
			pull = NULL;
			return;
		}
		image_job_cancel(pull->job);
	}
	if (r < 0)
		log_warning("images: %s", error_text(&err));
}

void agent_pull_clear(struct agent *agent)
{
	struct agent_pull *pull;

	while ((pull = TAILQ_FIRST(&agent->pulls))) {
		TAILQ_REMOVE(&agent->pulls, pull, link);
		image_job_cancel(pull->job);
		pull_free(pull);
	}
}
