/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pods of lower priority that would have to go: K8S:pkg/scheduler/framework/preemption and plugins/defaultpreemption. On each
 * node where it could help all of them are taken away in thought, and as many as possible put back, those first whose going a
 * disruption budget forbids, then the most important; of the nodes that one is chosen where the least is lost.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/scheduler_try.h"

enum { PERCENT_OF_NODES = 10, NODES_MIN = 100 }; /* K8S:DefaultPreemptionArgs */

struct budget {
	const struct object *object;
	struct selector *selector;
	int64_t left;
};

struct candidate {
	struct sched_node *node;
	const struct sched_pod **victims;
	size_t n, violations;
};

struct preempting {
	struct sched_try *t;
	struct budget *budgets;
	size_t n_budgets;
	struct sched_reasons why;
	struct candidate best;
	size_t found, found_clean;
};

static bool is_never(const struct object *pod)
{
	return !strcmp(value_str_or(object_path(pod, "spec", "preemptionPolicy"), ""), "Never");
}

/* Why the pod is not to preempt; NULL: it may. */
static const char *ineligible(const struct sched_try *t)
{
	const struct sched_node *node = sched_world_node(t->world, sched_nominated_node(t->pod));
	const struct sched_pod *p;

	if (is_never(t->pod))
		return "not eligible due to preemptionPolicy=Never.";
	if (!node || (node->object && t->fit[node->slot] == SCHED_NEVER))
		return NULL;
	TAILQ_FOREACH(p, &node->pods, in_node)
		if (p->preempted && p->priority < t->priority)
			return "not eligible due to a terminating pod on the nominated node.";
	return NULL;
}

static int read_budgets(struct preempting *x)
{
	const struct object_list *list = x->t->request->budgets;
	size_t n = list ? list->n : 0;

	x->budgets = arena_alloc(x->t->arena, (n + 1) * sizeof(*x->budgets));
	for (size_t i = 0; x->budgets && i < n; i++) {
		struct budget *b = &x->budgets[x->n_budgets];

		*b = (struct budget){ .object = list->items[i] };
		if (selector_compile(x->t->arena, object_path(b->object, "spec", "selector"), &b->selector, NULL) == 0 &&
		    !selector_is_empty(b->selector))
			x->n_budgets++;
	}
	return x->budgets ? 0 : -ENOMEM;
}

/* Takes one from each budget that is about the pod; whether one had none left. */
static bool violates(struct preempting *x, const struct sched_pod *p)
{
	_cleanup_object_ struct object *pod = NULL;
	bool violated = false;

	if (x->n_budgets)
		pod = x->t->world->get(x->t->world->get_arg, p->key);
	for (size_t i = 0; pod && i < x->n_budgets; i++) {
		struct budget *b = &x->budgets[i];

		if (strcmp(object_namespace(b->object), object_namespace(pod)) != 0 || !value_len(object_labels(pod)) ||
		    !object_matches(pod, b->selector) || object_path(b->object, "status", "disruptedPods", object_name(pod)))
			continue;
		violated |= --b->left < 0;
	}
	return violated;
}

/* The most important first. */
static int compare_pods(const void *a, const void *b)
{
	const struct sched_pod *x = *(const struct sched_pod *const *)a, *y = *(const struct sched_pod *const *)b;

	if (x->priority != y->priority)
		return x->priority > y->priority ? -1 : 1;
	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return strcmp(x->key, y->key);
}

/* The pods of the node that may be preempted, in order; *ret_n. NULL when memory is out. */
static struct sched_pod **lower_pods(const struct sched_try *t, struct sched_node *node, size_t *ret_n)
{
	struct sched_pod **list = arena_alloc(t->arena, ((size_t)node->n_pods + 1) * sizeof(struct sched_pod *)), *p;
	size_t n = 0;

	TAILQ_FOREACH(p, &node->pods, in_node)
		if (list && p->priority < t->priority)
			list[n++] = p;
	if (n)
		qsort(list, n, sizeof(list[0]), compare_pods);
	*ret_n = n;
	return list;
}

static bool fits(struct preempting *x, struct sched_node *node)
{
	struct sched_reasons ignored = { .arena = x->t->arena };

	return sched_try_node(x->t, node, &ignored) == SCHED_FITS;
}

/* Puts back those that violate a budget (or those that do not) as long as the pod still fits. */
static size_t reprieve(struct preempting *x, struct sched_node *node, struct sched_pod **list, const bool *violating, size_t n,
		       bool which)
{
	size_t stay_away = 0;

	for (size_t i = 0; i < n; i++) {
		if (violating[i] != which)
			continue;
		sched_try_put_back(x->t, list[i]);
		if (fits(x, node))
			continue;
		sched_try_lift(x->t, list[i]);
		stay_away++;
	}
	return stay_away;
}

/* All of the list are lifted, and the pod fits. */
static int choose_victims(struct preempting *x, struct sched_node *node, struct sched_pod **list, size_t n,
			  struct candidate *ret)
{
	bool *violating = arena_alloc(x->t->arena, n * sizeof(*violating));

	*ret = (struct candidate){ .node = node, .victims = arena_alloc(x->t->arena, n * sizeof(struct sched_pod *)) };
	if (!violating || !ret->victims)
		return -ENOMEM;
	for (size_t i = 0; i < x->n_budgets; i++)
		x->budgets[i].left = value_int(object_path(x->budgets[i].object, "status", "disruptionsAllowed"), 0);
	for (size_t i = 0; i < n; i++)
		violating[i] = violates(x, list[i]);
	ret->violations = reprieve(x, node, list, violating, n, true);
	(void)reprieve(x, node, list, violating, n, false);
	for (size_t i = 0; i < n; i++)
		if (list[i]->lifted)
			ret->victims[ret->n++] = list[i];
	return 0;
}

/* *ret->n is 0 when no pod's going helps; the reason is added. */
static int try_node(struct preempting *x, struct sched_node *node, struct candidate *ret)
{
	size_t n;
	struct sched_pod **list = lower_pods(x->t, node, &n);
	int r = 0;

	*ret = (struct candidate){ 0 };
	if (!list)
		return -ENOMEM;
	if (!n) {
		sched_add_reason(&x->why, "No preemption victims found for incoming pod", 1);
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		sched_try_lift(x->t, list[i]);
	if (sched_try_node(x->t, node, &x->why) == SCHED_FITS)
		r = choose_victims(x, node, list, n, ret);
	for (size_t i = 0; i < n; i++)
		if (list[i]->lifted)
			sched_try_put_back(x->t, list[i]);
	return r;
}

/* Priorities may be negative: each is made positive, so that fewer pods are less. */
static int64_t sum_of(const struct candidate *c)
{
	int64_t sum = 0;

	for (size_t i = 0; i < c->n; i++)
		sum += c->victims[i]->priority + INT32_MAX + 1LL;
	return sum;
}

/* When the first of those of the highest priority was started. */
static int64_t start_of(const struct candidate *c)
{
	int64_t start = c->victims[0]->start;

	for (size_t i = 1; i < c->n && c->victims[i]->priority == c->victims[0]->priority; i++)
		start = c->victims[i]->start < start ? c->victims[i]->start : start;
	return start;
}

/* K8S:framework/preemption, pickOneNodeForPreemption. */
static bool is_better(const struct candidate *a, const struct candidate *b)
{
	if (a->violations != b->violations)
		return a->violations < b->violations;
	if (a->victims[0]->priority != b->victims[0]->priority)
		return a->victims[0]->priority < b->victims[0]->priority;
	if (sum_of(a) != sum_of(b))
		return sum_of(a) < sum_of(b);
	if (a->n != b->n)
		return a->n < b->n;
	return start_of(a) > start_of(b);
}

static int look(struct preempting *x, size_t *ret_looked)
{
	struct sched_world *w = x->t->world;
	size_t potential = 0, enough;
	int r = 0;

	for (size_t i = 0; i < w->n_slots; i++)
		potential += x->t->fit[i] == SCHED_TIGHT;
	enough = potential * PERCENT_OF_NODES / 100;
	if (enough < NODES_MIN)
		enough = NODES_MIN;
	*ret_looked = potential;
	for (size_t i = 0; i < w->n_slots && r == 0 && !(x->found_clean && x->found >= enough); i++) {
		size_t slot = (w->next_slot + i) % w->n_slots;
		struct candidate c;

		if (x->t->fit[slot] != SCHED_TIGHT)
			continue;
		r = try_node(x, w->slots[slot], &c);
		if (r < 0 || !c.n)
			continue;
		x->found++;
		x->found_clean += c.violations == 0;
		if (!x->best.n || is_better(&c, &x->best))
			x->best = c;
	}
	return r;
}

int sched_preempt(struct sched_try *t, struct sched_outcome *ret, const char **ret_message)
{
	struct preempting x = { .t = t, .why = { .arena = t->arena } };
	const char *why = ineligible(t);
	size_t looked = 0;
	int r;

	*ret_message = why;
	if (why)
		return 0;
	r = read_budgets(&x);
	if (r == 0)
		r = look(&x, &looked);
	if (r < 0)
		return r;
	ret->nominated = x.best.node;
	ret->victims = x.best.victims;
	ret->n_victims = x.best.n;
	*ret_message = "";
	if (x.best.n)
		return 0;
	ret->gives_up = true;
	if (looked < t->world->n_nodes)
		sched_add_reason(&x.why, "Preemption is not helpful for scheduling", t->world->n_nodes - looked);
	*ret_message = sched_explain(&x.why, t->world->n_nodes);
	return *ret_message ? 0 : -ENOMEM;
}

const char *schedule_refuse(const struct sched_world *w, const struct object *pod, const char *why, struct arena *a)
{
	if (is_never(pod))
		return arena_printf(a, "0/%zu nodes are available: %s. preemption: not eligible due to preemptionPolicy=Never.",
				    w->n_nodes, why);
	return arena_printf(a, "0/%zu nodes are available: %s. preemption: 0/%zu nodes are available: %zu Preemption is not "
			    "helpful for scheduling.", w->n_nodes, why, w->n_nodes, w->n_nodes);
}
