/* SPDX-License-Identifier: Apache-2.0 */
/* The scores of kube-scheduler's default profile, each 0..100, and their weights: K8S:pkg/scheduler/apis/config/v1. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "control/scheduler_try.h"
#include "store/node_selector.h"

enum { TAINTS = 3, NODE_AFFINITY = 2, SPREAD = 2, AFFINITY = 2, FIT = 1, BALANCE = 1, IMAGES = 1 };

/* As a share of the largest; `reverse`: the smallest is the best. K8S:plugins/helper, DefaultNormalizeScore. */
static void normalise(int64_t *score, size_t n, bool reverse)
{
	int64_t most = 0;

	for (size_t i = 0; i < n; i++)
		most = score[i] > most ? score[i] : most;
	for (size_t i = 0; i < n; i++) {
		int64_t share = most ? 100 * score[i] / most : 0;

		score[i] = reverse ? 100 - share : share;
	}
}

static void add(int64_t *sum, const int64_t *score, size_t n, int64_t weight)
{
	for (size_t i = 0; i < n; i++)
		sum[i] += score[i] * weight;
}

/* How many taints that ask to stay away it does not bear. */
static void score_taints(const struct sched_try *t, struct sched_node *const *nodes, size_t n, int64_t *score)
{
	const struct value *tolerations = object_path(t->pod, "spec", "tolerations");

	for (size_t i = 0; i < n; i++) {
		score[i] = 0;
		for (size_t k = 0; nodes[i]->taints && k < value_len(nodes[i]->taints); k++) {
			const struct value *taint = value_at(nodes[i]->taints, k);

			score[i] += !strcmp(value_str_or(value_get(taint, "effect"), ""), "PreferNoSchedule") &&
				    !tolerates(tolerations, taint);
		}
	}
	normalise(score, n, true);
}

/* Adds a preference's weight where it matches. */
static int add_preference(struct sched_try *t, const struct value *item, struct sched_node *const *nodes, size_t n,
			  int64_t *score)
{
	const struct value *term = value_get(item, "preference"), *labels = value_get(term, "matchExpressions");
	const struct value *fields = value_get(term, "matchFields");
	struct value *by_fields = value_new_map(t->arena), *one;
	struct selector *s = NULL;
	int r = value_len(labels) ? selector_compile_requirements(t->arena, labels, &s, NULL) : 0;

	one = value_new_map(t->arena);
	value_set(t->arena, one, "matchFields", value_copy(t->arena, fields));
	value_append(t->arena, value_set_list(t->arena, by_fields, "nodeSelectorTerms"), one);
	if (r < 0 || arena_failed(t->arena))
		return r < 0 ? r : -ENOMEM;
	for (size_t i = 0; i < n && value_len(labels) + value_len(fields); i++)
		if ((!s || object_matches(nodes[i]->object, s)) &&
		    (!value_len(fields) || node_selector_matches(by_fields, nodes[i]->object)))
			score[i] += value_int(value_get(item, "weight"), 0);
	return 0;
}

static int score_node_affinity(struct sched_try *t, const struct value *preferred, struct sched_node *const *nodes, size_t n,
			       int64_t *score)
{
	int r = 0;

	memset(score, 0, n * sizeof(*score));
	for (size_t i = 0; i < value_len(preferred) && r == 0; i++)
		r = add_preference(t, value_at(preferred, i), nodes, n, score);
	normalise(score, n, false);
	return r;
}

/* The free share of a resource once the pod is there. */
static int64_t free_share(int64_t has, int64_t used)
{
	return has <= 0 || used > has ? 0 : (int64_t)((__int128)(has - used) * 100 / has);
}

/* LeastAllocated: the mean of the free shares of CPU and memory. */
static int64_t score_fit(const struct sched_try *t, const struct sched_node *node)
{
	int64_t sum = 0, n = 0;

	if (node->has.milli_cpu) {
		sum += free_share(node->has.milli_cpu, node->assumed.milli_cpu + t->assumed.milli_cpu);
		n++;
	}
	if (node->has.memory) {
		sum += free_share(node->has.memory, node->assumed.memory + t->assumed.memory);
		n++;
	}
	return n ? sum / n : 0;
}

static double used_share(int64_t has, int64_t used)
{
	double share = (double)used / (double)has;

	return share > 1 ? 1 : share;
}

/* 100, less as the used shares of CPU and memory are apart. */
static int64_t evenness(const struct sched_node *node, int64_t cpu, int64_t memory)
{
	double apart = 0;

	if (node->has.milli_cpu && node->has.memory)
		apart = fabs(used_share(node->has.milli_cpu, cpu) - used_share(node->has.memory, memory)) / 2;
	return (int64_t)((1 - apart) * 100);
}

/* By how much the pod makes the node's use more even. */
static int64_t score_balance(const struct sched_try *t, const struct sched_node *node)
{
	int64_t with = evenness(node, node->used.milli_cpu + t->asks.milli_cpu, node->used.memory + t->asks.memory);
	int64_t without = evenness(node, node->used.milli_cpu, node->used.memory);

	return 50 + (50 + with - without) / 2;
}

/* --- images --- */

struct wanted {
	const struct sched_image **images; /* of containers and volumes, those that some node has */
	size_t n, containers;
};

static int want_image(struct sched_try *t, struct wanted *w, const char *name)
{
	const char *slash = strrchr(name, '/'), *colon = strrchr(slash ? slash : name, ':');
	const char *full = colon ? name : arena_printf(t->arena, "%s:latest", name);
	struct sched_image *image = NULL;

	if (!full)
		return -ENOMEM;
	HASH_FIND_STR(t->world->images, full, image);
	if (image)
		w->images[w->n++] = image;
	return 0;
}

static int want_images(struct sched_try *t, struct wanted *w)
{
	static const char *const lists[] = { "initContainers", "containers" };
	const struct value *spec = object_path(t->pod, "spec"), *volumes = value_get(spec, "volumes");
	size_t max = value_len(volumes);
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		w->containers += value_len(value_get(spec, lists[i]));
	w->images = arena_alloc(t->arena, (max + w->containers + 1) * sizeof(struct sched_image *));
	if (!w->images)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		for (size_t k = 0; k < value_len(value_get(spec, lists[i])) && r == 0; k++)
			r = want_image(t, w, value_str_or(value_get(value_at(value_get(spec, lists[i]), k), "image"), ""));
	for (size_t i = 0; i < max && r == 0; i++)
		if (value_path(value_at(volumes, i), "image"))
			r = want_image(t, w, value_str_or(value_path(value_at(volumes, i), "image", "reference"), ""));
	return r;
}

/* The bytes of its images that are there, each less the fewer nodes have it. */
static int64_t score_images(const struct sched_try *t, const struct wanted *w, const struct sched_node *node)
{
	const int64_t mib = 1024 * 1024, least = 23 * mib, most = 1000 * mib * (int64_t)w->containers;
	int64_t sum = 0;

	for (size_t i = 0; i < w->n; i++)
		for (size_t k = 0; k < node->n_images; k++)
			if (node->images[k].image == w->images[i])
				sum += (int64_t)((double)node->images[k].size * (double)w->images[i]->n_nodes /
						 (double)t->world->n_nodes);
	sum = sum < least ? least : sum > most ? most : sum;
	return most > least ? 100 * (sum - least) / (most - least) : 0;
}

/* --- the sum --- */

static int add_affinity(struct sched_try *t, struct sched_node *const *nodes, size_t n, int64_t *score, int64_t *sum)
{
	int64_t *by_slot, least = INT64_MAX, most = INT64_MIN;
	int r = sched_affinity_score(t->world, t->pod, t->arena, &by_slot);

	if (r < 0 || !by_slot)
		return r;
	for (size_t i = 0; i < n; i++) {
		score[i] = by_slot[nodes[i]->slot];
		least = score[i] < least ? score[i] : least;
		most = score[i] > most ? score[i] : most;
	}
	for (size_t i = 0; i < n; i++)
		score[i] = most > least ? (int64_t)(100 * ((double)(score[i] - least) / (double)(most - least))) : 0;
	add(sum, score, n, AFFINITY);
	return 0;
}

int sched_score(struct sched_try *t, struct sched_node *const *nodes, size_t n, int64_t *ret)
{
	const struct value *preferred = object_path(t->pod, "spec", "affinity", "nodeAffinity",
						    "preferredDuringSchedulingIgnoredDuringExecution");
	int64_t *score = arena_alloc(t->arena, (n + 1) * sizeof(*score));
	struct wanted images = { 0 };
	bool scored = false;
	int r = score ? want_images(t, &images) : -ENOMEM;

	if (r < 0)
		return r;
	score_taints(t, nodes, n, score);
	add(ret, score, n, TAINTS);
	if (value_len(preferred)) {
		r = score_node_affinity(t, preferred, nodes, n, score);
		add(ret, score, n, NODE_AFFINITY);
	}
	if (r == 0)
		r = sched_spread_score(t->world, t->pod, t->choice, t->request->default_selector, nodes, n, t->arena, score,
				       &scored);
	if (scored)
		add(ret, score, n, SPREAD);
	if (r == 0)
		r = add_affinity(t, nodes, n, score, ret);
	for (size_t i = 0; i < n && r == 0; i++) {
		ret[i] += FIT * score_fit(t, nodes[i]);
		/* one that asks for nothing makes nothing more even: all would go to one node */
		if (t->asks.milli_cpu || t->asks.memory)
			ret[i] += BALANCE * score_balance(t, nodes[i]);
		if (images.n)
			ret[i] += IMAGES * score_images(t, &images, nodes[i]);
	}
	return r;
}
