/* SPDX-License-Identifier: Apache-2.0 */
#include "control/scheduler_world.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "control/conditions.h"
#include "control/scheduler_counts.h"
#include "control/scheduler_ports.h"
#include "value/quantity.h"

enum { DEFAULT_PODS = 110, /* kubelet's maxPods */ FIRST_SLOTS = 16 };

struct sched_world *sched_world_new(sched_get_fn get, void *arg)
{
	struct sched_world *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->get = get;
	w->get_arg = arg;
	w->counts = sched_counts_new();
	if (!w->counts) {
		free(w);
		return NULL;
	}
	return w;
}

const char *sched_bound_node(const struct object *pod)
{
	const char *phase, *node;

	if (!pod)
		return "";
	node = object_str(pod, "spec", "nodeName");
	phase = object_str(pod, "status", "phase");
	return !node || (phase && (!strcmp(phase, "Succeeded") || !strcmp(phase, "Failed"))) ? "" : node;
}

const char *sched_nominated_node(const struct object *pod)
{
	const char *node = pod ? object_str(pod, "spec", "nodeName") : NULL;
	const char *nominated = pod ? object_str(pod, "status", "nominatedNodeName") : NULL;

	return !nominated || (node && *node) || object_is_deleting(pod) ? "" : nominated;
}

/* --- nodes --- */

struct sched_node *sched_world_node(const struct sched_world *w, const char *name)
{
	struct sched_node *n;

	HASH_FIND_STR(w->by_name, name, n);
	return n;
}

struct sched_pod *sched_world_pod(const struct sched_world *w, const char *key)
{
	struct sched_pod *p;

	HASH_FIND_STR(w->by_key, key, p);
	return p;
}

/* A slot that is free, made if need be. */
static int find_slot(struct sched_world *w, size_t *ret)
{
	size_t slot = 0, cap = w->slots_cap ? w->slots_cap * 2 : FIRST_SLOTS;
	struct sched_node **slots;
	int r;

	if (w->n_slots == HASH_COUNT(w->by_name))
		slot = w->n_slots;
	while (slot < w->n_slots && w->slots[slot])
		slot++;
	if (slot == w->slots_cap) {
		r = sched_counts_grow(w, cap);
		if (r == 0)
			r = sched_carried_grow(w, cap);
		if (r < 0)
			return r;
		slots = reallocarray(w->slots, cap, sizeof(struct sched_node *));
		if (!slots)
			return -ENOMEM;
		w->slots = slots;
		w->slots_cap = cap;
	}
	*ret = slot;
	return 0;
}

static struct sched_node *get_node(struct sched_world *w, const char *name)
{
	struct sched_node *n = sched_world_node(w, name);
	size_t slot;

	if (n)
		return n;
	if (find_slot(w, &slot) < 0)
		return NULL;
	n = calloc(1, sizeof(*n) + strlen(name) + 1);
	if (!n)
		return NULL;
	memcpy(n->name, name, strlen(name) + 1);
	HASH_ADD_STR(w->by_name, name, n);
	if (!n->hh.tbl) {
		free(n);
		return NULL;
	}
	TAILQ_INIT(&n->pods);
	TAILQ_INIT(&n->nominated);
	n->slot = slot;
	w->slots[slot] = n;
	if (slot == w->n_slots)
		w->n_slots++;
	return n;
}

static void forget_images(struct sched_world *w, struct sched_node *n)
{
	for (size_t i = 0; i < n->n_images; i++) {
		struct sched_image *image = n->images[i].image;

		if (--image->n_nodes)
			continue;
		HASH_DEL(w->images, image);
		free(image);
	}
	free(n->images);
	n->images = NULL;
	n->n_images = 0;
}

static void forget_node(struct sched_world *w, struct sched_node *n)
{
	forget_images(w, n);
	HASH_DEL(w->by_name, n);
	w->slots[n->slot] = NULL;
	while (w->n_slots && !w->slots[w->n_slots - 1])
		w->n_slots--;
	object_unref(n->object);
	free(n);
}

static void drop_if_empty(struct sched_world *w, struct sched_node *n)
{
	if (!n->object && TAILQ_EMPTY(&n->pods) && TAILQ_EMPTY(&n->nominated))
		forget_node(w, n);
}

static struct sched_image *get_image(struct sched_world *w, const char *name)
{
	struct sched_image *image;

	HASH_FIND_STR(w->images, name, image);
	if (image)
		return image;
	image = calloc(1, sizeof(*image) + strlen(name) + 1);
	if (!image)
		return NULL;
	memcpy(image->name, name, strlen(name) + 1);
	HASH_ADD_STR(w->images, name, image);
	if (!image->hh.tbl) {
		free(image);
		return NULL;
	}
	return image;
}

static bool has_image(const struct sched_node *n, const struct sched_image *image)
{
	for (size_t i = 0; i < n->n_images; i++)
		if (n->images[i].image == image)
			return true;
	return false;
}

static int read_images(struct sched_world *w, struct sched_node *n, const struct object *node)
{
	const struct value *list = object_path(node, "status", "images");
	size_t max = 0;

	forget_images(w, n);
	for (size_t i = 0; i < value_len(list); i++)
		max += value_len(value_get(value_at(list, i), "names"));
	if (!max)
		return 0;
	n->images = calloc(max, sizeof(*n->images));
	for (size_t i = 0; n->images && i < value_len(list); i++) {
		const struct value *names = value_get(value_at(list, i), "names");

		for (size_t k = 0; k < value_len(names); k++) {
			struct sched_image *image = get_image(w, value_str_or(value_at(names, k), ""));

			if (!image)
				return -ENOMEM;
			if (has_image(n, image))
				continue;
			image->n_nodes++;
			n->images[n->n_images].image = image;
			n->images[n->n_images++].size = value_int(value_get(value_at(list, i), "sizeBytes"), 0);
		}
	}
	return n->images ? 0 : -ENOMEM;
}

/* An amount of status.allocatable; `fallback` when the node does not say. */
static int64_t allocatable(const struct object *node, const char *name, bool milli, int64_t fallback)
{
	const struct value *v = object_path(node, "status", "allocatable", name);
	struct quantity q;

	if (!v || quantity_from(v, &q, NULL) < 0)
		return fallback;
	return milli ? quantity_milli(&q) : quantity_value(&q);
}

int sched_world_set_node(struct sched_world *w, const struct object *node)
{
	struct sched_node *n = get_node(w, object_name(node));
	const struct value *taints = object_path(node, "spec", "taints");

	if (!n)
		return -ENOMEM;
	if (!n->object)
		w->n_nodes++;
	object_unref(n->object);
	n->object = object_ref(node);
	n->has = (struct pod_resources){ .milli_cpu = allocatable(node, "cpu", true, 0),
					 .memory = allocatable(node, "memory", false, 0),
					 .ephemeral_storage = allocatable(node, "ephemeral-storage", false, INT64_MAX) };
	n->has_pods = allocatable(node, "pods", false, DEFAULT_PODS);
	n->ready = !strcmp(condition_status(object_path(node, "status"), "Ready"), "True");
	n->unschedulable = value_bool(object_path(node, "spec", "unschedulable"), false);
	n->taints = value_len(taints) ? taints : NULL;
	return read_images(w, n, node) < 0 ? -ENOMEM : sched_counts_set_labels(w, n->slot, object_labels(node));
}

void sched_world_remove_node(struct sched_world *w, const char *name)
{
	struct sched_node *n = sched_world_node(w, name);

	if (!n || !n->object)
		return;
	(void)sched_counts_set_labels(w, n->slot, NULL); /* none is never out of memory */
	forget_images(w, n);
	object_unref(n->object);
	n->object = NULL;
	n->taints = NULL;
	w->n_nodes--;
	drop_if_empty(w, n);
}

/* --- pods --- */

static void add(struct pod_resources *sum, const struct pod_resources *r, int sign)
{
	(void)__builtin_add_overflow(sum->milli_cpu, sign * r->milli_cpu, &sum->milli_cpu);
	(void)__builtin_add_overflow(sum->memory, sign * r->memory, &sum->memory);
	(void)__builtin_add_overflow(sum->ephemeral_storage, sign * r->ephemeral_storage, &sum->ephemeral_storage);
}

static void count_pod(struct sched_pod *p, int sign)
{
	add(&p->node->used, &p->asks, sign);
	add(&p->node->assumed, &p->assumed, sign);
	p->node->n_pods += sign;
}

void sched_world_lift(struct sched_pod *p)
{
	p->lifted = true;
	count_pod(p, -1);
}

void sched_world_put_back(struct sched_pod *p)
{
	p->lifted = false;
	count_pod(p, 1);
}

static void free_pod(struct sched_pod *p)
{
	free(p->ports);
	free(p->carried);
	free(p->groups);
	free(p);
}

void sched_world_remove_pod(struct sched_world *w, const char *key)
{
	struct sched_pod *p = sched_world_pod(w, key);
	struct sched_node *n = p ? p->node : NULL;

	if (!p)
		return;
	if (p->nominated) {
		TAILQ_REMOVE(&n->nominated, p, in_node);
	} else {
		count_pod(p, -1);
		sched_counts_remove_pod(w, p);
		sched_carried_remove_pod(w, p);
		TAILQ_REMOVE(&n->pods, p, in_node);
	}
	HASH_DEL(w->by_key, p);
	free_pod(p);
	drop_if_empty(w, n);
}

/* When it was started, or made: K8S:pkg/scheduler/util, GetPodStartTime gives the former, or now. */
static int64_t start_of(const struct object *pod)
{
	const char *text = object_str(pod, "status", "startTime");
	int64_t t = INT64_MAX;

	return text && clock_parse_rfc3339(text, &t) == 0 ? t : INT64_MAX;
}

static bool was_preempted(const struct object *pod)
{
	const struct value *status = object_path(pod, "status");

	return object_is_deleting(pod) && !strcmp(condition_status(status, "DisruptionTarget"), "True") &&
	       !strcmp(condition_reason(status, "DisruptionTarget"), "PreemptionByScheduler");
}

static struct sched_pod *new_pod(struct sched_world *w, const struct object *pod)
{
	const char *key = object_key(pod);
	const struct value *spec = object_path(pod, "spec");
	struct sched_pod *p = calloc(1, sizeof(*p) + strlen(key) + 1);

	if (!p)
		return NULL;
	memcpy(p->key, key, strlen(key) + 1);
	HASH_ADD_STR(w->by_key, key, p);
	if (!p->hh.tbl || sched_ports_read(pod, &p->ports, &p->n_ports) < 0) {
		if (p->hh.tbl)
			HASH_DEL(w->by_key, p);
		free_pod(p);
		return NULL;
	}
	p->asks = pod_requests(spec);
	p->assumed = pod_assumed_requests(spec);
	p->priority = value_int(value_get(spec, "priority"), 0);
	p->start = start_of(pod);
	p->deleting = object_is_deleting(pod);
	p->preempted = was_preempted(pod);
	return p;
}

int sched_world_set_pod(struct sched_world *w, const struct object *pod)
{
	const char *bound = sched_bound_node(pod), *nominated = sched_nominated_node(pod);
	struct sched_node *n;
	struct sched_pod *p;

	sched_world_remove_pod(w, object_key(pod));
	if (!*bound && !*nominated)
		return 0;
	n = get_node(w, *bound ? bound : nominated);
	p = n ? new_pod(w, pod) : NULL;
	if (!p) {
		if (n)
			drop_if_empty(w, n);
		return -ENOMEM;
	}
	p->node = n;
	p->nominated = !*bound;
	if (p->nominated) {
		p->lifted = true;
		TAILQ_INSERT_TAIL(&n->nominated, p, in_node);
		return 0;
	}
	TAILQ_INSERT_TAIL(&n->pods, p, in_node);
	count_pod(p, 1);
	return sched_counts_add_pod(w, p, pod) < 0 ? -ENOMEM : sched_carried_add_pod(w, p, pod);
}

void sched_world_set_namespace(struct sched_world *w)
{
	sched_counts_namespace(w);
}

/* --- the whole --- */

void sched_world_clear(struct sched_world *w)
{
	struct sched_pod *p, *next_p;
	struct sched_node *n, *next_n;

	HASH_ITER(hh, w->by_key, p, next_p)
		sched_world_remove_pod(w, p->key);
	HASH_ITER(hh, w->by_name, n, next_n)
		sched_world_remove_node(w, n->name);
}

void sched_world_free(struct sched_world *w)
{
	if (!w)
		return;
	sched_world_clear(w);
	sched_counts_free(w->counts);
	free(w->slots);
	free(w);
}
