/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What pods take on the node's disk. Counting may take long, so it has a thread of its own, which lives while it counts;
 * what it found comes back to the agent's thread.
 */
#include <signal.h>
#include <string.h>

#include "base/log.h"
#include "node/agent_disk.h"
#include "node/agent_internal.h"
#include "node/volume.h"

enum { STACK_SIZE = 128 * 1024 };

struct disk_job {
	struct agent *agent;
	struct arena *arena;
	struct disk_item *items; /* in it; the thread's until `done` */
	size_t n, cap;
	pthread_t thread;
	atomic_bool stop, done;
	int64_t started, took; /* monotonic, ns */
};

static struct disk_item *add_item(struct disk_job *j, const char *uid, enum disk_item_type type, const char *name)
{
	struct disk_item *i;

	if (j->n == j->cap)
		return NULL; /* cannot be: room was made for all */
	i = &j->items[j->n++];
	*i = (struct disk_item){ .type = type, .name = arena_strdup(j->arena, name) };
	(void)snprintf(i->uid, sizeof(i->uid), "%s", uid);
	return i;
}

/* emptyDirs on disk, and what each container has written: to its root, and to its log. */
static void add_pod(struct disk_job *j, const struct agent_pod *p)
{
	const struct value *volumes = object_path(p->object, "spec", "volumes");

	for (size_t i = 0; i < value_len(volumes); i++) {
		const struct value *v = value_at(volumes, i);
		struct disk_item *item;

		if (!value_get(v, "emptyDir") || volume_is_memory(v))
			continue;
		item = add_item(j, p->uid, DISK_VOLUME, volume_name(v));
		if (item)
			item->paths[0] = arena_printf(j->arena, "%s/volumes/%s", p->dir, volume_name(v));
	}
	for (size_t i = 0; i < p->run.n; i++) {
		struct disk_item *item = add_item(j, p->uid, DISK_CONTAINER, p->run.containers[i].name);

		if (!item)
			continue;
		item->paths[0] = arena_printf(j->arena, "%s/containers/%s", p->dir, item->name);
		item->paths[1] = arena_printf(j->arena, "%s/%s_%s_%s/%s", j->agent->log_dir, object_namespace(p->object),
					      object_name(p->object), p->uid, item->name);
	}
}

static void *count(void *arg)
{
	struct disk_job *j = arg;

	for (size_t i = 0; i < j->n; i++)
		for (size_t k = 0; k < ARRAY_SIZE(j->items[i].paths); k++)
			if (j->items[i].paths[k] && disk_usage_add(j->items[i].paths[k], &j->stop, &j->items[i].usage) < 0)
				continue; /* ignoring: of a pod that is going, or what is counted counts */
	j->took = clock_monotonic() - j->started;
	atomic_store(&j->done, true);
	agent_note_measured(j->agent);
	return NULL;
}

/* With all signals blocked, as the agent's own thread. */
static int start_thread(struct disk_job *j)
{
	pthread_attr_t attr;
	int r = -pthread_attr_init(&attr);

	if (r < 0)
		return r;
	(void)pthread_attr_setstacksize(&attr, STACK_SIZE); /* cannot fail: it is more than the least */
	r = -pthread_create(&j->thread, &attr, count, j);
	(void)pthread_attr_destroy(&attr);
	if (r == 0)
		(void)pthread_setname_np(j->thread, "disk-usage"); /* ignoring: only for people */
	return r;
}

static void free_job(struct disk_job *j)
{
	arena_free(j->arena);
	free(j->items);
	free(j);
}

int agent_disk_start(struct agent *agent, bool all, struct disk_job **ret)
{
	struct disk_job *j = calloc(1, sizeof(*j));
	struct agent_pod *p, *next;
	int r = 0;

	if (!j)
		return -ENOMEM;
	j->agent = agent;
	j->started = clock_monotonic();
	j->arena = arena_new(0);
	HASH_ITER(hh, agent->pods, p, next) {
		if (all || p->has_limits)
			j->cap += p->run.n + value_len(object_path(p->object, "spec", "volumes"));
	}
	j->items = calloc(j->cap + 1, sizeof(*j->items));
	if (!j->arena || !j->items)
		r = -ENOMEM;
	HASH_ITER(hh, agent->pods, p, next) {
		if (r == 0 && (all || p->has_limits))
			add_pod(j, p);
	}
	if (r == 0 && arena_failed(j->arena))
		r = -ENOMEM;
	if (r == 0)
		r = start_thread(j);
	if (r < 0) {
		free_job(j);
		return r;
	}
	*ret = j;
	return 0;
}

bool agent_disk_is_done(struct disk_job *j, int64_t *ret_took)
{
	if (!atomic_load(&j->done))
		return false;
	*ret_took = j->took;
	return true;
}

bool agent_disk_usage(const struct disk_job *j, const char *uid, struct disk_usage *ret)
{
	bool found = false;

	*ret = (struct disk_usage){ 0 };
	for (size_t i = 0; i < j->n; i++) {
		if (strcmp(j->items[i].uid, uid) != 0)
			continue;
		found = true;
		ret->bytes += j->items[i].usage.bytes;
		ret->inodes += j->items[i].usage.inodes;
	}
	return found;
}

bool agent_disk_item(const struct disk_job *j, const char *uid, enum disk_item_type type, const char *name,
		     struct disk_usage *ret)
{
	for (size_t i = 0; i < j->n; i++) {
		const struct disk_item *item = &j->items[i];

		if (item->type != type || strcmp(item->uid, uid) != 0 || strcmp(item->name, name) != 0)
			continue;
		*ret = item->usage;
		return true;
	}
	return false;
}

void agent_disk_end(struct disk_job *j)
{
	if (!j)
		return;
	atomic_store(&j->stop, true);
	pthread_join(j->thread, NULL);
	free_job(j);
}
