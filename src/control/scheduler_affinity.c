/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pods are counted by value of a label of their nodes. Of the terms that must be near, a pod counts for each when it matches
 * all; of those that must be far, for those that it matches.
 */
#include "control/scheduler_affinity.h"

#include <errno.h>
#include <string.h>

enum { HARD_WEIGHT = 1 }; /* of a required term of another pod: K8S:InterPodAffinityArgs, hardPodAffinityWeight */

/* How many pods there are by value of a label. */
struct pairs {
	const struct sched_column *column;
	int64_t *n;
};

struct sched_affinity {
	struct sched_world *world;
	const struct object *pod;
	struct sched_term *near, *far;
	size_t n_near, n_far;
	struct pairs *near_pairs, *far_pairs; /* of each term */
	int64_t near_total;
	bool near_itself; /* it matches its own terms */
	struct pairs *kept_off; /* by the terms of pods on nodes; one for each label */
	size_t n_kept_off;
};

static int new_pairs(struct sched_world *w, const char *label, struct arena *a, struct pairs *ret)
{
	ret->column = sched_column(w, label);
	ret->n = ret->column ? arena_alloc(a, ret->column->n_values * sizeof(*ret->n)) : NULL;
	return ret->n ? 0 : -ENOMEM;
}

/* Adds counts by slot; returns how many were added on nodes that have the label. */
static int64_t add_counts(const struct sched_world *w, struct pairs *p, const int32_t *count, int64_t weight)
{
	int64_t total = 0;

	for (size_t i = 0; i < w->n_slots; i++)
		if (count[i] && p->column->value[i]) {
			p->n[p->column->value[i]] += count[i] * weight;
			total += count[i];
		}
	return total;
}

static struct pairs *pairs_of(struct sched_world *w, const char *label, struct pairs *list, size_t *n, struct arena *a)
{
	for (size_t i = 0; i < *n; i++)
		if (!strcmp(list[i].column->key, label))
			return &list[i];
	return new_pairs(w, label, a, &list[*n]) < 0 ? NULL : &list[(*n)++];
}

/* What pods on nodes carry of some kinds (a bit each) and selects the pod, summed by label. */
static int read_carried(struct sched_world *w, const struct object *pod, unsigned kinds, struct arena *a, struct pairs **ret,
			size_t *ret_n)
{
	const struct sched_carried *c = NULL;
	size_t max = 0;

	*ret_n = 0;
	*ret = NULL;
	while ((c = sched_carried_next(w, c)))
		max += (kinds >> c->kind) & 1 && sched_term_selects(w, &c->term, pod);
	if (!max)
		return 0;
	*ret = arena_alloc(a, max * sizeof(**ret));
	while (*ret && (c = sched_carried_next(w, c))) {
		int64_t weight = c->kind == SCHED_NEAR ? HARD_WEIGHT : c->term.weight;
		struct pairs *p;

		if (!((kinds >> c->kind) & 1) || !sched_term_selects(w, &c->term, pod))
			continue;
		p = pairs_of(w, c->term.topology_key, *ret, ret_n, a);
		if (!p)
			return -ENOMEM;
		add_counts(w, p, c->count, c->kind == SCHED_RATHER_FAR ? -weight : weight);
	}
	return *ret ? 0 : -ENOMEM;
}

static bool matches_all(const struct sched_affinity *s, const struct object *pod)
{
	for (size_t i = 0; i < s->n_near; i++)
		if (!sched_term_selects(s->world, &s->near[i], pod))
			return false;
	return s->n_near > 0;
}

/* `together`: only pods that match all terms count. */
static int count_terms(struct sched_affinity *s, const struct sched_term *terms, size_t n, bool together, struct arena *a,
		       struct pairs **ret)
{
	struct pairs *list = arena_alloc(a, (n + 1) * sizeof(*list));

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const int32_t *count = sched_count(s->world, together ? terms : &terms[i], together ? n : 1, false);
		int64_t total;

		if (!count || new_pairs(s->world, terms[i].topology_key, a, &list[i]) < 0)
			return -ENOMEM;
		total = add_counts(s->world, &list[i], count, 1);
		if (together)
			s->near_total += total;
	}
	*ret = list;
	return 0;
}

int sched_affinity_read(struct sched_world *w, const struct object *pod, struct arena *a, struct sched_affinity **ret)
{
	struct sched_affinity *s = arena_alloc(a, sizeof(*s));
	int r = s ? 0 : -ENOMEM;

	*ret = NULL;
	if (r == 0) {
		*s = (struct sched_affinity){ .world = w, .pod = pod };
		r = read_carried(w, pod, 1U << SCHED_FAR, a, &s->kept_off, &s->n_kept_off);
	}
	if (r == 0)
		r = sched_terms_read(a, pod, SCHED_NEAR, &s->near, &s->n_near);
	if (r == 0)
		r = sched_terms_read(a, pod, SCHED_FAR, &s->far, &s->n_far);
	if (r == 0)
		r = count_terms(s, s->near, s->n_near, true, a, &s->near_pairs);
	if (r == 0)
		r = count_terms(s, s->far, s->n_far, false, a, &s->far_pairs);
	if (r < 0)
		return r;
	s->near_itself = matches_all(s, pod);
	if (s->n_near + s->n_far + s->n_kept_off)
		*ret = s;
	return 0;
}

static bool is_near(const struct sched_affinity *s, size_t slot)
{
	bool there = true;

	for (size_t i = 0; i < s->n_near; i++) {
		uint32_t value = s->near_pairs[i].column->value[slot];

		if (!value)
			return false;
		there &= s->near_pairs[i].n[value] > 0;
	}
	/* the first of pods that want to be near each other may be anywhere where the labels are */
	return there || (s->near_total == 0 && s->near_itself);
}

static bool any_at(const struct pairs *list, size_t n, size_t slot)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].column->value[slot] && list[i].n[list[i].column->value[slot]] > 0)
			return true;
	return false;
}

const char *sched_affinity_filter(const struct sched_affinity *s, size_t slot, bool *ret_final)
{
	*ret_final = false;
	if (!s)
		return NULL;
	if (!is_near(s, slot)) {
		*ret_final = true;
		return "node(s) didn't match pod affinity rules";
	}
	if (any_at(s->far_pairs, s->n_far, slot))
		return "node(s) didn't match pod anti-affinity rules";
	return any_at(s->kept_off, s->n_kept_off, slot) ? "node(s) didn't satisfy existing pods anti-affinity rules" : NULL;
}

static void move(struct pairs *p, size_t slot, int sign)
{
	if (p->column->value[slot])
		p->n[p->column->value[slot]] += sign;
}

/* Of a pod on a node: what it carries against ours. */
static void move_kept_off(struct sched_affinity *s, const struct object *other, size_t slot, int sign)
{
	_cleanup_arena_ struct arena *a = NULL;
	struct sched_term *terms;
	size_t n;

	if (!sched_terms_any(other))
		return;
	a = arena_new(0);
	if (sched_terms_read(a, other, SCHED_FAR, &terms, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < s->n_kept_off; k++)
			if (!strcmp(terms[i].topology_key, s->kept_off[k].column->key) &&
			    sched_term_selects(s->world, &terms[i], s->pod))
				move(&s->kept_off[k], slot, sign);
}

void sched_affinity_move(struct sched_affinity *s, const struct object *other, size_t slot, int sign)
{
	if (!s)
		return;
	if (matches_all(s, other))
		for (size_t i = 0; i < s->n_near; i++) {
			move(&s->near_pairs[i], slot, sign);
			s->near_total += sign * (s->near_pairs[i].column->value[slot] != 0);
		}
	for (size_t i = 0; i < s->n_far; i++)
		if (sched_term_selects(s->world, &s->far[i], other))
			move(&s->far_pairs[i], slot, sign);
	move_kept_off(s, other, slot, sign);
}

/* --- scores --- */

static int add_own(struct sched_world *w, const struct object *pod, enum sched_terms kind, struct arena *a, int64_t *score,
		   bool *any)
{
	struct sched_term *terms;
	size_t n;
	int r = sched_terms_read(a, pod, kind, &terms, &n);

	for (size_t i = 0; i < n && r == 0; i++) {
		const int32_t *count = sched_count(w, &terms[i], 1, false);
		struct pairs p;

		r = count ? new_pairs(w, terms[i].topology_key, a, &p) : -ENOMEM;
		if (r < 0)
			break;
		*any |= add_counts(w, &p, count, kind == SCHED_RATHER_FAR ? -terms[i].weight : terms[i].weight) > 0;
		for (size_t k = 0; k < w->n_slots; k++)
			score[k] += p.column->value[k] ? p.n[p.column->value[k]] : 0;
	}
	return r;
}

int sched_affinity_score(struct sched_world *w, const struct object *pod, struct arena *a, int64_t **ret)
{
	const unsigned kinds = 1U << SCHED_NEAR | 1U << SCHED_RATHER_NEAR | 1U << SCHED_RATHER_FAR;
	struct pairs *carried;
	int64_t *score;
	bool any;
	size_t n;
	int r = read_carried(w, pod, kinds, a, &carried, &n);

	*ret = NULL;
	if (r < 0 || (!n && !sched_terms_any(pod)))
		return r;
	score = arena_alloc(a, (w->n_slots + 1) * sizeof(*score));
	if (!score)
		return -ENOMEM;
	any = n > 0;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < w->n_slots; k++)
			score[k] += carried[i].column->value[k] ? carried[i].n[carried[i].column->value[k]] : 0;
	r = add_own(w, pod, SCHED_RATHER_NEAR, a, score, &any);
	if (r == 0)
		r = add_own(w, pod, SCHED_RATHER_FAR, a, score, &any);
	if (r == 0 && any)
		*ret = score;
	return r;
}
