/* SPDX-License-Identifier: Apache-2.0 */
#include "control/scheduler_decide.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/scheduler_try.h"

enum { ENOUGH_MIN = 100, PERCENT_MIN = 5 }; /* K8S:scheduler, minFeasibleNodesToFind and …PercentageToFind */

size_t sched_enough(size_t n)
{
	size_t less = n / 125, percent = less + PERCENT_MIN < 50 ? 50 - less : PERCENT_MIN;

	if (n < ENOUGH_MIN || n * percent / 100 >= ENOUGH_MIN)
		return n < ENOUGH_MIN ? n : n * percent / 100;
	return ENOUGH_MIN;
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char *sched_explain(struct sched_reasons *why, size_t n_nodes)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	const char *texts[SCHED_REASONS_MAX];

	for (size_t i = 0; i < why->n; i++) {
		texts[i] = arena_printf(why->arena, "%zu %s", why->list[i].nodes, why->list[i].text);
		if (!texts[i])
			return NULL;
	}
	if (why->n)
		qsort(texts, why->n, sizeof(texts[0]), compare_texts);
	buf_printf(&b, "0/%zu nodes are available:", n_nodes);
	for (size_t i = 0; i < why->n; i++)
		buf_printf(&b, "%s %s", i ? "," : "", texts[i]);
	if (why->n)
		buf_puts(&b, ".");
	return buf_failed(&b) ? NULL : arena_strdup(why->arena, buf_str(&b));
}

/* The nodes that the pod fits on. */
struct found {
	struct sched_node **nodes;
	size_t n, tried;
};

static void try_one(struct sched_try *t, struct sched_node *node, struct sched_reasons *why, struct found *f)
{
	if (!node || !node->object || t->fit[node->slot] != SCHED_UNTRIED)
		return;
	f->tried++;
	t->fit[node->slot] = (unsigned char)sched_try_node(t, node, why);
	if (t->fit[node->slot] == SCHED_FITS)
		f->nodes[f->n++] = node;
}

/* The node that it was nominated to is tried first, and is the only one when it fits. */
static void look(struct sched_try *t, struct sched_reasons *why, struct found *f)
{
	struct sched_world *w = t->world;
	size_t enough = sched_enough(w->n_nodes), i;

	try_one(t, sched_world_node(w, sched_nominated_node(t->pod)), why, f);
	if (f->n)
		return;
	for (i = 0; t->names && i < t->n_names; i++)
		try_one(t, sched_world_node(w, t->names[i]), why, f);
	for (i = 0; !t->names && i < w->n_slots && f->n < enough; i++)
		try_one(t, w->slots[(w->next_slot + i) % w->n_slots], why, f);
	if (w->n_slots && !t->names)
		w->next_slot = (w->next_slot + i) % w->n_slots;
}

static bool is_better(const struct sched_node *a, int64_t score_a, const struct sched_node *b, int64_t score_b)
{
	if (score_a != score_b)
		return score_a > score_b;
	if (a->n_pods != b->n_pods)
		return a->n_pods < b->n_pods;
	return strcmp(a->name, b->name) < 0;
}

static int choose(struct sched_try *t, const struct found *f, const struct sched_node **ret)
{
	int64_t *score = arena_alloc(t->arena, (f->n + 1) * sizeof(*score));
	size_t best = 0;
	int r = score ? 0 : -ENOMEM;

	if (r == 0 && f->n > 1)
		r = sched_score(t, f->nodes, f->n, score);
	for (size_t i = 1; i < f->n && r == 0; i++)
		if (is_better(f->nodes[i], score[i], f->nodes[best], score[best]))
			best = i;
	if (r == 0)
		*ret = f->nodes[best];
	return r;
}

/* It fits nowhere: says so, and looks for pods to preempt. */
static int explain(struct sched_try *t, struct sched_reasons *why, const struct found *f, struct sched_outcome *ret)
{
	size_t n = t->world->n_nodes;
	const char *main, *more;
	int r;

	if (!n) {
		ret->message = "no nodes available to schedule pods";
		return 0;
	}
	if (t->names && !t->n_names)
		main = arena_printf(t->arena, "0/%zu nodes are available: pod affinity terms conflict.", n);
	else {
		if (f->tried < n)
			sched_add_reason(why, "node(s) didn't satisfy plugin(s) [NodeAffinity]", n - f->tried);
		main = sched_explain(why, n);
	}
	r = main ? sched_preempt(t, ret, &more) : -ENOMEM;
	if (r < 0)
		return r;
	ret->message = *more ? arena_printf(t->arena, "%s preemption: %s", main, more) : main;
	return ret->message ? 0 : -ENOMEM;
}

int schedule_decide(struct sched_world *w, const struct sched_request *request, struct arena *a, struct sched_outcome *ret)
{
	_cleanup_(sched_try_clear) struct sched_try t = { 0 };
	struct sched_reasons why = { .arena = a, .cures = SCHED_NODE };
	struct found f = { .nodes = arena_alloc(a, (w->n_slots + 1) * sizeof(struct sched_node *)) };
	int r = f.nodes ? sched_try_read(w, request, a, &t) : -ENOMEM;

	*ret = (struct sched_outcome){ 0 };
	if (r < 0)
		return r;
	look(&t, &why, &f);
	if (f.n)
		return choose(&t, &f, &ret->node);
	r = explain(&t, &why, &f, ret);
	ret->cures = why.cures;
	return r;
}
