/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A domain is a value of a constraint's label. Only nodes that have all the constraints' labels, and that the constraint's
 * policies let in, have domains and count.
 */
#include "control/scheduler_spread.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "control/scheduler_decide.h"

static const char hostname_label[] = "kubernetes.io/hostname", zone_label[] = "topology.kubernetes.io/zone";

struct constraint {
	const struct sched_column *column;
	const int32_t *count; /* by slot */
	struct sched_term term;
	int64_t max_skew, min_domains;
	bool honor_affinity, honor_taints;
	bool itself; /* it matches the pod itself */
	bool by_name; /* its label is the node's name */
	int64_t *pods; /* by domain; -1: there is none */
	size_t n_domains;
	/* the domain with the fewest pods, and the fewest in any other */
	uint32_t fewest_at;
	int64_t fewest, fewest_else;
};

struct sched_spread {
	struct sched_world *world;
	const struct object *pod;
	const struct sched_choice *choice;
	struct constraint *list;
	size_t n;
};

static bool is_honored(const struct value *constraint, const char *key, const char *fallback)
{
	return !strcmp(value_str_or(value_get(constraint, key), fallback), "Honor");
}

static int read_one(struct sched_world *w, const struct object *pod, const struct value *v, struct arena *a,
		    struct constraint *ret)
{
	const char *label = value_str_or(value_get(v, "topologyKey"), "");
	int r = sched_term_make(a, pod, value_get(v, "labelSelector"), value_get(v, "matchLabelKeys"), &ret->term);

	if (r < 0)
		return r;
	ret->column = sched_column(w, label);
	ret->count = sched_count(w, &ret->term, 1, true);
	ret->max_skew = value_int(value_get(v, "maxSkew"), 1);
	ret->min_domains = value_int(value_get(v, "minDomains"), 1);
	ret->honor_affinity = is_honored(v, "nodeAffinityPolicy", "Honor");
	ret->honor_taints = is_honored(v, "nodeTaintsPolicy", "Ignore");
	ret->itself = sched_term_selects(w, &ret->term, pod);
	ret->by_name = !strcmp(label, hostname_label);
	return ret->column && ret->count ? 0 : -ENOMEM;
}

/* The constraints with an action, of a list; *ret_n. */
static int read_list(struct sched_world *w, const struct object *pod, const struct value *list, const char *action,
		     struct arena *a, struct constraint **ret, size_t *ret_n)
{
	struct constraint *c = arena_alloc(a, (value_len(list) + 1) * sizeof(*c));
	int r = c ? 0 : -ENOMEM;

	*ret_n = 0;
	for (size_t i = 0; i < value_len(list) && r == 0; i++)
		if (!strcmp(value_str_or(value_get(value_at(list, i), "whenUnsatisfiable"), ""), action))
			r = read_one(w, pod, value_at(list, i), a, &c[(*ret_n)++]);
	*ret = c;
	return r;
}

static bool has_labels(const struct constraint *list, size_t n, size_t slot)
{
	for (size_t i = 0; i < n; i++)
		if (!list[i].column->value[slot])
			return false;
	return true;
}

/* Whether a constraint's policies let the node in. */
static bool lets_in(const struct constraint *c, const struct object *pod, const struct sched_choice *choice,
		    const struct sched_node *node)
{
	if (c->honor_affinity && !sched_choice_allows(choice, node))
		return false;
	return !c->honor_taints || !node->taints || !sched_untolerated(pod, node->taints);
}

/* A selector that matches all counts no pod: K8S:podtopologyspread, countPodsMatchSelector. */
static int64_t count_at(const struct constraint *c, size_t slot)
{
	return selector_is_empty(c->term.of_pods) ? 0 : c->count[slot];
}

/* --- the filter --- */

static void find_fewest(struct constraint *c)
{
	c->fewest = c->fewest_else = INT32_MAX;
	c->fewest_at = 0;
	for (uint32_t i = 1; i < c->column->n_values; i++) {
		if (c->pods[i] < 0)
			continue;
		if (c->pods[i] < c->fewest) {
			c->fewest_else = c->fewest;
			c->fewest = c->pods[i];
			c->fewest_at = i;
		} else if (c->pods[i] < c->fewest_else) {
			c->fewest_else = c->pods[i];
		}
	}
}

static int count_domains(struct sched_spread *s, struct constraint *c, struct arena *a)
{
	c->pods = arena_alloc(a, c->column->n_values * sizeof(*c->pods));
	if (!c->pods)
		return -ENOMEM;
	memset(c->pods, 0xff, c->column->n_values * sizeof(*c->pods));
	for (size_t i = 0; i < s->world->n_slots; i++) {
		const struct sched_node *node = s->world->slots[i];
		int64_t *pods = &c->pods[c->column->value[i]];

		if (!node || !node->object || !has_labels(s->list, s->n, i) || !lets_in(c, s->pod, s->choice, node))
			continue;
		if (*pods < 0) {
			*pods = 0;
			c->n_domains++;
		}
		*pods += count_at(c, i);
	}
	find_fewest(c);
	return 0;
}

int sched_spread_read(struct sched_world *w, const struct object *pod, const struct sched_choice *choice, struct arena *a,
		      struct sched_spread **ret)
{
	const struct value *list = object_path(pod, "spec", "topologySpreadConstraints");
	struct sched_spread *s;
	int r;

	*ret = NULL;
	if (!value_len(list))
		return 0;
	s = arena_alloc(a, sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = (struct sched_spread){ .world = w, .pod = pod, .choice = choice };
	r = read_list(w, pod, list, "DoNotSchedule", a, &s->list, &s->n);
	for (size_t i = 0; i < s->n && r == 0; i++)
		r = count_domains(s, &s->list[i], a);
	if (r == 0 && s->n)
		*ret = s;
	return r;
}

const char *sched_spread_filter(const struct sched_spread *s, size_t slot, bool *ret_final)
{
	*ret_final = false;
	for (size_t i = 0; s && i < s->n; i++) {
		const struct constraint *c = &s->list[i];
		uint32_t at = c->column->value[slot];
		int64_t here, fewest;

		if (!at) {
			*ret_final = true;
			return "node(s) didn't match pod topology spread constraints (missing required label)";
		}
		here = c->pods[at] < 0 ? 0 : c->pods[at];
		fewest = at == c->fewest_at ? c->fewest_else : c->fewest;
		if (c->pods[at] >= 0 && here < fewest)
			fewest = here;
		if ((int64_t)c->n_domains < c->min_domains)
			fewest = 0;
		if (here + c->itself - fewest > c->max_skew)
			return "node(s) didn't match pod topology spread constraints";
	}
	return NULL;
}

void sched_spread_move(struct sched_spread *s, const struct object *other, size_t slot, int sign)
{
	if (!s || !has_labels(s->list, s->n, slot))
		return;
	for (size_t i = 0; i < s->n; i++) {
		struct constraint *c = &s->list[i];
		int64_t *pods = &c->pods[c->column->value[slot]];

		if (*pods >= 0 && !selector_is_empty(c->term.of_pods) && sched_term_selects(s->world, &c->term, other) &&
		    lets_in(c, s->pod, s->choice, s->world->slots[slot]))
			*pods += sign;
	}
}

/* --- the score --- */

/* K8S:podtopologyspread, systemDefaultConstraints. */
static struct value *system_defaults(struct arena *a, const struct value *selector)
{
	const struct {
		const char *label;
		int64_t skew;
	} all[] = { { hostname_label, 3 }, { zone_label, 5 } };
	struct value *list = value_new_list(a);

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		struct value *c = value_new_map(a);

		value_set_str(a, c, "topologyKey", all[i].label);
		value_set_str(a, c, "whenUnsatisfiable", "ScheduleAnyway");
		value_set_int(a, c, "maxSkew", all[i].skew);
		value_set(a, c, "labelSelector", value_copy(a, selector));
		value_append(a, list, c);
	}
	return list;
}

struct scoring {
	struct sched_world *world;
	const struct object *pod;
	const struct sched_choice *choice;
	struct constraint *list;
	size_t n;
	bool all_labels; /* a node without one of them is not scored */
	struct sched_node *const *nodes;
	size_t n_nodes, n_ignored;
};

static bool is_ignored(const struct scoring *s, const struct sched_node *node)
{
	return s->all_labels && !has_labels(s->list, s->n, node->slot);
}

/* Counts the pods by domain, in those where a node is to be scored; returns the domain's weight. A node without the label is
 * in domain 0 here. */
static double weigh(const struct scoring *s, struct constraint *c)
{
	size_t domains = 0;

	memset(c->pods, 0xff, c->column->n_values * sizeof(*c->pods));
	for (size_t i = 0; i < s->n_nodes && !c->by_name; i++) {
		int64_t *pods = &c->pods[c->column->value[s->nodes[i]->slot]];

		if (*pods < 0 && !is_ignored(s, s->nodes[i])) {
			*pods = 0;
			domains++;
		}
	}
	for (size_t i = 0; i < s->world->n_slots && !c->by_name; i++) {
		const struct sched_node *node = s->world->slots[i];
		int64_t *pods = &c->pods[c->column->value[i]];

		if (*pods >= 0 && node && node->object && !is_ignored(s, node) && c->count[i] && lets_in(c, s->pod, s->choice, node))
			*pods += count_at(c, i);
	}
	if (c->by_name)
		domains = s->n_nodes - s->n_ignored;
	return log((double)domains + 2); /* so that small topologies are not watered down by large ones */
}

static void add_scores(const struct scoring *s, const struct constraint *c, double weight, double *sums)
{
	for (size_t i = 0; i < s->n_nodes; i++) {
		size_t slot = s->nodes[i]->slot;
		uint32_t at = c->column->value[slot];
		int64_t n = c->by_name ? count_at(c, slot) : c->pods[at];

		if (at && !is_ignored(s, s->nodes[i]))
			sums[i] += (double)n * weight + (double)(c->max_skew - 1);
	}
}

/* The fewer, the better. */
static void normalise(const struct scoring *s, const double *sums, int64_t *score)
{
	int64_t least = INT64_MAX, most = 0;

	for (size_t i = 0; i < s->n_nodes; i++) {
		if (is_ignored(s, s->nodes[i]))
			continue;
		score[i] = (int64_t)round(sums[i]);
		least = score[i] < least ? score[i] : least;
		most = score[i] > most ? score[i] : most;
	}
	for (size_t i = 0; i < s->n_nodes; i++) {
		if (is_ignored(s, s->nodes[i]))
			score[i] = 0;
		else
			score[i] = most ? 100 * (most + least - score[i]) / most : 100;
	}
}

int sched_spread_score(struct sched_world *w, const struct object *pod, const struct sched_choice *choice,
		       const struct value *default_selector, struct sched_node *const *nodes, size_t n, struct arena *a,
		       int64_t *score, bool *ret_scored)
{
	const struct value *list = object_path(pod, "spec", "topologySpreadConstraints");
	struct scoring s = { .world = w, .pod = pod, .choice = choice, .all_labels = value_len(list) > 0, .nodes = nodes,
			     .n_nodes = n };
	double *sums;
	int r;

	*ret_scored = false;
	if (!value_len(list) && !default_selector)
		return 0;
	if (!value_len(list))
		list = system_defaults(a, default_selector);
	r = read_list(w, pod, list, "ScheduleAnyway", a, &s.list, &s.n);
	if (r < 0 || !s.n)
		return r;
	sums = arena_alloc(a, (n + 1) * sizeof(*sums));
	for (size_t i = 0; i < n; i++)
		s.n_ignored += is_ignored(&s, nodes[i]);
	for (size_t i = 0; i < s.n && sums; i++) {
		struct constraint *c = &s.list[i];

		c->pods = arena_alloc(a, c->column->n_values * sizeof(*c->pods));
		if (!c->pods)
			return -ENOMEM;
		add_scores(&s, c, weigh(&s, c), sums);
	}
	if (!sums)
		return -ENOMEM;
	normalise(&s, sums, score);
	*ret_scored = true;
	return 0;
}
