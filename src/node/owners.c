/* SPDX-License-Identifier: Apache-2.0 */
#include "node/owners.h"

#include <bsd/sys/queue.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "node/volume_owner.h"

struct walk {
	TAILQ_ENTRY(walk) link;
	struct owners *owners;
	char *path; /* owned */
	gid_t group;
	atomic_bool stop;
	pthread_t thread;
	bool ended; /* protected by the lock, as is what follows */
	int64_t ended_at; /* monotonic time */
	int result;
};

struct owners {
	void (*done)(void *arg, const char *path);
	void *arg;
	int64_t patience; /* ns; of who asks, as are the walks */
	pthread_mutex_t lock;
	pthread_cond_t changed; /* a walk has ended */
	TAILQ_HEAD(, walk) walks;
};

int owners_open(void (*done)(void *arg, const char *path), void *arg, struct owners **ret)
{
	struct owners *o = calloc(1, sizeof(*o));
	pthread_condattr_t attr;

	if (!o)
		return -ENOMEM;
	o->done = done;
	o->arg = arg;
	o->patience = OWNERS_PATIENCE;
	TAILQ_INIT(&o->walks);
	pthread_mutex_init(&o->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&o->changed, &attr);
	pthread_condattr_destroy(&attr);
	*ret = o;
	return 0;
}

static void *run(void *arg)
{
	struct walk *w = arg;
	struct owners *o = w->owners;
	int r = volume_owner_set(w->path, w->group, &w->stop);

	pthread_mutex_lock(&o->lock);
	w->result = r;
	w->ended_at = clock_monotonic();
	w->ended = true;
	pthread_cond_broadcast(&o->changed);
	pthread_mutex_unlock(&o->lock);
	o->done(o->arg, w->path); /* they live: whoever frees them joins this thread */
	return NULL;
}

/* Joins the walk's thread, which ends now. */
static int finish(struct owners *o, struct walk *w)
{
	int r;

	pthread_join(w->thread, NULL);
	TAILQ_REMOVE(&o->walks, w, link);
	r = w->result;
	free(w->path);
	free(w);
	return r;
}

/* Those that nobody asks for: what was done shows in the volume itself, and who was to hear of a failure is gone by then. */
static void sweep(struct owners *o, const struct walk *but)
{
	int64_t now = clock_monotonic();
	struct walk *w, *next;

	TAILQ_FOREACH_SAFE(w, &o->walks, link, next) {
		bool over;

		pthread_mutex_lock(&o->lock);
		over = w->ended && (w->result == 0 || now - w->ended_at > OWNERS_UNCLAIMED);
		pthread_mutex_unlock(&o->lock);
		if (over && w != but)
			(void)finish(o, w); /* ignoring: as said */
	}
}

static int begin(struct owners *o, const char *path, gid_t group, struct walk **ret)
{
	struct walk *w = calloc(1, sizeof(*w));
	int r = -ENOMEM;

	if (w)
		w->path = strdup(path);
	if (w && w->path) {
		w->owners = o;
		w->group = group;
		r = -pthread_create(&w->thread, NULL, run, w);
	}
	if (r < 0) {
		free(w ? w->path : NULL);
		free(w);
		return r;
	}
	(void)pthread_setname_np(w->thread, "owner"); /* ignoring: only for people */
	TAILQ_INSERT_TAIL(&o->walks, w, link);
	*ret = w;
	return 0;
}

static bool has_ended(struct owners *o, const struct walk *w)
{
	bool ended;

	pthread_mutex_lock(&o->lock);
	ended = w->ended;
	pthread_mutex_unlock(&o->lock);
	return ended;
}

/* Waits for what is left of this round's patience. Whether it has ended. */
static bool wait_for_end(struct owners *o, const struct walk *w)
{
	int64_t from = clock_monotonic(), until = from + o->patience;
	const struct timespec t = { .tv_sec = until / NSEC_PER_SEC, .tv_nsec = until % NSEC_PER_SEC };
	bool ended;
	int r = 0;

	pthread_mutex_lock(&o->lock);
	while (!w->ended && r == 0)
		r = pthread_cond_timedwait(&o->changed, &o->lock, &t);
	ended = w->ended;
	pthread_mutex_unlock(&o->lock);
	o->patience -= clock_monotonic() - from;
	if (o->patience < 0)
		o->patience = 0;
	return ended;
}

void owners_round(struct owners *o)
{
	o->patience = OWNERS_PATIENCE;
}

int owners_want(struct owners *o, const char *path, gid_t group)
{
	struct walk *w, *own = NULL;
	bool taken = false; /* by another group */
	int r = volume_owner_check(path, group);

	if (r != 0)
		return r < 0 ? r : 0;
	TAILQ_FOREACH(w, &o->walks, link) {
		if (strcmp(w->path, path) != 0)
			continue;
		if (w->group == group)
			own = w;
		else
			taken |= !has_ended(o, w);
	}
	sweep(o, own);
	if (own)
		return has_ended(o, own) ? finish(o, own) : -EINPROGRESS;
	if (taken)
		return -EINPROGRESS;
	r = begin(o, path, group, &own);
	if (r < 0)
		return r;
	return wait_for_end(o, own) ? finish(o, own) : -EINPROGRESS;
}

bool owners_tells(struct owners_wait *w, int64_t now, int64_t *ret_next)
{
	int64_t due;
	bool tells;

	if (!w->since || now < w->since) /* a clock that was set back begins anew */
		*w = (struct owners_wait){ .since = now };
	due = w->told ? w->told + OWNERS_TOLD_AGAIN : w->since + OWNERS_TOLD_FIRST;
	tells = now >= due;
	if (tells)
		w->told = now;
	*ret_next = tells ? now + OWNERS_TOLD_AGAIN : due;
	return tells;
}

void owners_close(struct owners *o)
{
	struct walk *w;

	if (!o)
		return;
	TAILQ_FOREACH(w, &o->walks, link)
		atomic_store(&w->stop, true);
	while ((w = TAILQ_FIRST(&o->walks)))
		(void)finish(o, w); /* ignoring: the next daemon begins anew */
	pthread_cond_destroy(&o->changed);
	pthread_mutex_destroy(&o->lock);
	free(o);
}
