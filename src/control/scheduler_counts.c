/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pod remembers which groups it is counted in, by number, so that its going needs no look at what it was; a group's number
 * is never given again. One that comes is looked at by those groups only that require one of its labels, and by those that
 * require none: each group hangs on a label and value that it requires, of several on that with the fewest groups.
 */
#include "control/scheduler_counts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	COLUMNS_MAX = 64,	 /* kept; a decision may ask for more */
	CELLS_MAX = 2 * 1024 * 1024, /* counts of all groups together: 8 MiB */
	GROUPS_MIN = 16,	 /* are kept whatever the number of nodes, */
	GROUPS_MAX = 1024,	 /* and so many at most: each has some 2 KiB besides its counts */
	VALUES_SPARE = 1024,	 /* values of a label that no node has any more */
};

struct label_value {
	UT_hash_handle hh;
	uint32_t number;
	char text[];
};

TAILQ_HEAD(group_list, group);

/* The groups that require a label to have a value. */
struct hook {
	UT_hash_handle hh;
	struct group_list groups; /* never empty */
	size_t n;
	char text[]; /* "LABEL=VALUE" */
};

struct group {
	UT_hash_handle by_key, by_id;
	TAILQ_ENTRY(group) in_use; /* the longest unused first */
	TAILQ_ENTRY(group) in_hook;
	struct hook *hook; /* NULL: it is among the unhooked */
	uint32_t id;
	bool living;
	const char *namespace; /* the only one; NULL: several */
	struct sched_term *terms;
	size_t n_terms;
	struct arena *arena; /* the terms' */
	int32_t *count;
	char key[];
};

struct sched_counts {
	struct sched_column *columns;
	struct group *by_key, *by_id;
	struct hook *hooks;
	struct group_list in_use, unhooked;
	size_t n_groups;
	uint32_t last_id;
	uint64_t clock; /* of columns' use */
};

struct sched_counts *sched_counts_new(void)
{
	struct sched_counts *c = calloc(1, sizeof(*c));

	if (c) {
		TAILQ_INIT(&c->in_use);
		TAILQ_INIT(&c->unhooked);
	}
	return c;
}

/* --- labels of nodes --- */

static void free_column(struct sched_counts *c, struct sched_column *col)
{
	struct label_value *v, *next;

	HASH_ITER(hh, col->values, v, next) {
		HASH_DEL(col->values, v);
		free(v);
	}
	HASH_DEL(c->columns, col);
	free(col->value);
	free(col);
}

static int set_value(struct sched_column *col, size_t slot, const char *text)
{
	struct label_value *v = NULL;

	col->value[slot] = 0;
	if (!text)
		return 0;
	HASH_FIND_STR(col->values, text, v);
	if (!v) {
		v = calloc(1, sizeof(*v) + strlen(text) + 1);
		if (!v)
			return -ENOMEM;
		memcpy(v->text, text, strlen(text) + 1);
		v->number = (uint32_t)col->n_values;
		HASH_ADD_STR(col->values, text, v);
		if (!v->hh.tbl) {
			free(v);
			return -ENOMEM;
		}
		col->n_values++;
	}
	col->value[slot] = v->number;
	return 0;
}

static struct sched_column *new_column(struct sched_world *w, const char *label)
{
	struct sched_column *col = calloc(1, sizeof(*col) + strlen(label) + 1);
	int r = 0;

	if (!col)
		return NULL;
	memcpy(col->key, label, strlen(label) + 1);
	col->n_values = 1;
	col->value = calloc(w->slots_cap + 1, sizeof(*col->value));
	if (col->value)
		HASH_ADD_STR(w->counts->columns, key, col);
	if (!col->value || !col->hh.tbl) {
		free(col->value);
		free(col);
		return NULL;
	}
	for (size_t i = 0; i < w->n_slots && r == 0; i++)
		if (w->slots[i] && w->slots[i]->object)
			r = set_value(col, i, value_str(value_get(object_labels(w->slots[i]->object), label)));
	if (r < 0) {
		free_column(w->counts, col);
		return NULL;
	}
	return col;
}

const struct sched_column *sched_column(struct sched_world *w, const char *label)
{
	struct sched_column *col;

	HASH_FIND_STR(w->counts->columns, label, col);
	if (!col)
		col = new_column(w, label);
	if (col)
		col->used = ++w->counts->clock;
	return col;
}

uint32_t sched_column_find(const struct sched_column *col, const char *text)
{
	const struct label_value *v;

	HASH_FIND_STR(col->values, text, v);
	return v ? v->number : 0;
}

int sched_counts_set_labels(struct sched_world *w, size_t slot, const struct value *labels)
{
	struct sched_column *col, *next;
	int r = 0;

	HASH_ITER(hh, w->counts->columns, col, next)
		if (r == 0)
			r = set_value(col, slot, value_str(value_get(labels, col->key)));
	return r;
}

/* --- what groups hang on --- */

static bool format_hook(struct buf *b, const char *label, const char *value)
{
	b->len = 0;
	buf_printf(b, "%s=%s", label, value);
	return !buf_failed(b);
}

static struct hook *find_hook(const struct sched_counts *c, const char *text)
{
	struct hook *h;

	HASH_FIND_STR(c->hooks, text, h);
	return h;
}

/* Whether the label is a better one than `best` has. */
static bool is_better(const struct sched_counts *c, struct buf *text, const char *label, const struct value *value,
		      const struct buf *best)
{
	const struct hook *h, *other;

	if (!value_str(value) || !format_hook(text, label, value_str(value)))
		return false;
	h = find_hook(c, buf_str(text));
	other = best->len ? find_hook(c, buf_str(best)) : NULL;
	return !best->len || (h ? h->n : 0) < (other ? other->n : 0);
}

/* Of the labels that the group requires to have one value, the one with the fewest groups; "": none. */
static bool choose_hook(const struct sched_counts *c, const struct group *g, struct buf *best)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	for (size_t i = 0; i < g->n_terms; i++) {
		const struct value *labels = value_get(g->terms[i].pod_selector, "matchLabels");
		const struct value *list = value_get(g->terms[i].pod_selector, "matchExpressions");

		for (size_t k = 0; k < value_len(labels); k++)
			if (is_better(c, &text, value_key_at(labels, k), value_at(labels, k), best))
				format_hook(best, value_key_at(labels, k), value_str(value_at(labels, k)));
		for (size_t k = 0; k < value_len(list); k++) {
			const struct value *e = value_at(list, k), *values = value_get(e, "values");
			const char *label = value_str_or(value_get(e, "key"), "");

			if (!strcmp(value_str_or(value_get(e, "operator"), ""), "In") && value_len(values) == 1 &&
			    is_better(c, &text, label, value_at(values, 0), best))
				format_hook(best, label, value_str(value_at(values, 0)));
		}
	}
	return !buf_failed(&text) && !buf_failed(best);
}

static struct hook *get_hook(struct sched_counts *c, const char *text)
{
	struct hook *h = find_hook(c, text);

	if (h)
		return h;
	h = calloc(1, sizeof(*h) + strlen(text) + 1);
	if (!h)
		return NULL;
	memcpy(h->text, text, strlen(text) + 1);
	TAILQ_INIT(&h->groups);
	HASH_ADD_STR(c->hooks, text, h);
	if (!h->hh.tbl) {
		free(h);
		return NULL;
	}
	return h;
}

/* Where memory is out it is among those that look at each pod. */
static void hang(struct sched_counts *c, struct group *g)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	if (choose_hook(c, g, &text) && text.len)
		g->hook = get_hook(c, buf_str(&text));
	if (g->hook) {
		TAILQ_INSERT_TAIL(&g->hook->groups, g, in_hook);
		g->hook->n++;
	} else {
		TAILQ_INSERT_TAIL(&c->unhooked, g, in_hook);
	}
}

static void unhook(struct sched_counts *c, struct group *g)
{
	struct hook *h = g->hook;

	if (!h) {
		TAILQ_REMOVE(&c->unhooked, g, in_hook);
		return;
	}
	TAILQ_REMOVE(&h->groups, g, in_hook);
	if (--h->n)
		return;
	HASH_DEL(c->hooks, h);
	free(h);
}

/* --- groups --- */

static void free_group(struct sched_counts *c, struct group *g)
{
	unhook(c, g);
	HASH_DELETE(by_key, c->by_key, g);
	HASH_DELETE(by_id, c->by_id, g);
	TAILQ_REMOVE(&c->in_use, g, in_use);
	c->n_groups--;
	arena_free(g->arena);
	free(g->count);
	free(g);
}

bool sched_term_selects(const struct sched_world *w, const struct sched_term *t, const struct object *pod)
{
	bool there = false;

	for (size_t i = 0; i < t->n_namespaces && !there; i++)
		there = !strcmp(t->namespaces[i], object_namespace(pod));
	if (!there && t->of_namespaces) {
		char key[STORE_KEY_MAX + 1];
		_cleanup_object_ struct object *ns = NULL;

		if (object_format_key(schema_kind_by_plural("namespaces"), NULL, object_namespace(pod), key) >= 0)
			ns = w->get(w->get_arg, key);
		there = ns && object_matches(ns, t->of_namespaces);
	}
	return there && object_matches(pod, t->of_pods);
}

static bool counts_in(const struct sched_world *w, const struct group *g, const struct sched_pod *p,
		      const struct object *pod)
{
	if ((g->living && p->deleting) || (g->namespace && strcmp(g->namespace, object_namespace(pod)) != 0))
		return false;
	for (size_t i = 0; i < g->n_terms; i++)
		if (!sched_term_selects(w, &g->terms[i], pod))
			return false;
	return true;
}

static int count_in(struct group *g, struct sched_pod *p)
{
	uint32_t *ids = reallocarray(p->groups, p->n_groups + 1, sizeof(*ids));

	if (!ids)
		return -ENOMEM;
	p->groups = ids;
	ids[p->n_groups++] = g->id;
	g->count[p->node->slot]++;
	return 0;
}

static struct group *find_by_id(struct sched_counts *c, uint32_t id)
{
	struct group *g;

	HASH_FIND(by_id, c->by_id, &id, sizeof(id), g);
	return g;
}

/* Forgets the numbers of groups that are gone. */
static void tidy(struct sched_counts *c, struct sched_pod *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n_groups; i++)
		if (find_by_id(c, p->groups[i]))
			p->groups[n++] = p->groups[i];
	p->n_groups = n;
}

/* The one namespace that the terms are about. */
static const char *only_namespace(const struct sched_term *terms, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (terms[i].n_namespaces == 1 && !terms[i].of_namespaces)
			return terms[i].namespaces[0];
	return NULL;
}

static bool is_in_namespace(const char *key, const char *ns)
{
	static const char prefix[] = "/objects/pods/";
	size_t len = strlen(ns);

	return !strncmp(key, prefix, sizeof(prefix) - 1) && !strncmp(key + sizeof(prefix) - 1, ns, len) &&
	       key[sizeof(prefix) - 1 + len] == '/';
}

static int count_all(struct sched_world *w, struct group *g)
{
	struct sched_pod *p, *next;
	int r = 0;

	HASH_ITER(hh, w->by_key, p, next) {
		_cleanup_object_ struct object *pod = NULL;

		if (p->nominated || r < 0 || (g->namespace && !is_in_namespace(p->key, g->namespace)))
			continue;
		tidy(w->counts, p);
		pod = w->get(w->get_arg, p->key);
		if (pod && counts_in(w, g, p, pod))
			r = count_in(g, p);
	}
	return r;
}

/* Terms as they are, in another arena. */
static struct sched_term *copy_terms(struct arena *a, const struct sched_term *terms, size_t n)
{
	struct sched_term *copy = arena_alloc(a, n * sizeof(*copy));

	for (size_t i = 0; copy && i < n; i++)
		if (sched_term_copy(a, &terms[i], &copy[i]) < 0)
			return NULL;
	return copy;
}

static struct group *new_group(struct sched_world *w, const char *key, const struct sched_term *terms, size_t n, bool living)
{
	struct sched_counts *c = w->counts;
	struct group *g = calloc(1, sizeof(*g) + strlen(key) + 1);

	if (!g)
		return NULL;
	memcpy(g->key, key, strlen(key) + 1);
	g->arena = arena_new(0);
	g->terms = copy_terms(g->arena, terms, n);
	g->n_terms = n;
	g->living = living;
	g->namespace = g->terms ? only_namespace(g->terms, n) : NULL;
	g->count = calloc(w->slots_cap + 1, sizeof(*g->count));
	g->id = ++c->last_id;
	if (g->terms && g->count)
		HASH_ADD_KEYPTR(by_key, c->by_key, g->key, strlen(g->key), g);
	if (g->by_key.tbl) {
		HASH_ADD(by_id, c->by_id, id, sizeof(g->id), g);
		if (!g->by_id.tbl)
			HASH_DELETE(by_key, c->by_key, g);
	}
	if (!g->terms || !g->count || !g->by_id.tbl) {
		arena_free(g->arena);
		free(g->count);
		free(g);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&c->in_use, g, in_use);
	hang(c, g);
	c->n_groups++;
	if (count_all(w, g) < 0) {
		free_group(c, g);
		return NULL;
	}
	return g;
}

const int32_t *sched_count(struct sched_world *w, const struct sched_term *terms, size_t n, bool living)
{
	_cleanup_buf_ struct buf key = BUF_INIT;
	struct group *g = NULL;

	buf_puts(&key, living ? "living" : "all");
	for (size_t i = 0; i < n; i++)
		buf_printf(&key, "\n%s", terms[i].text);
	if (buf_failed(&key))
		return NULL;
	HASH_FIND(by_key, w->counts->by_key, buf_str(&key), key.len, g);
	if (!g)
		g = new_group(w, buf_str(&key), terms, n, living);
	if (!g)
		return NULL;
	TAILQ_REMOVE(&w->counts->in_use, g, in_use);
	TAILQ_INSERT_TAIL(&w->counts->in_use, g, in_use);
	return g->count;
}

static bool has_too_many(const struct sched_world *w)
{
	size_t n = w->counts->n_groups;

	return n > GROUPS_MAX || (n > GROUPS_MIN && n * (w->slots_cap + 1) > CELLS_MAX);
}

void sched_counts_trim(struct sched_world *w)
{
	struct sched_counts *c = w->counts;
	bool many = HASH_COUNT(c->columns) > COLUMNS_MAX;
	struct sched_column *col, *next;
	struct group *g;

	while (has_too_many(w) && (g = TAILQ_FIRST(&c->in_use)))
		free_group(c, g);
	HASH_ITER(hh, c->columns, col, next) /* each use has a number of its own, so that at most so many were used since */
		if (col->n_values > 2 * w->n_slots + VALUES_SPARE || (many && c->clock - col->used >= COLUMNS_MAX))
			free_column(c, col);
}

void sched_counts_namespace(struct sched_world *w)
{
	struct group *g, *next;

	for (g = TAILQ_FIRST(&w->counts->in_use); g; g = next) {
		next = TAILQ_NEXT(g, in_use);
		for (size_t i = 0; i < g->n_terms; i++)
			if (g->terms[i].of_namespaces) {
				free_group(w->counts, g);
				break;
			}
	}
}

/* --- pods --- */

void sched_counts_free(struct sched_counts *c)
{
	struct sched_column *col, *next_col;
	struct group *g;

	if (!c)
		return;
	HASH_ITER(hh, c->columns, col, next_col)
		free_column(c, col);
	while ((g = TAILQ_FIRST(&c->in_use)))
		free_group(c, g);
	free(c);
}

int sched_counts_grow(struct sched_world *w, size_t slots)
{
	struct sched_column *col, *next;
	struct group *g;

	HASH_ITER(hh, w->counts->columns, col, next)
		if (!sched_grow_array((void **)&col->value, sizeof(*col->value), w->slots_cap, slots))
			return -ENOMEM;
	TAILQ_FOREACH(g, &w->counts->in_use, in_use)
		if (!sched_grow_array((void **)&g->count, sizeof(*g->count), w->slots_cap, slots))
			return -ENOMEM;
	return 0;
}

static int count_in_list(struct sched_world *w, const struct group_list *list, struct sched_pod *p, const struct object *pod)
{
	struct group *g;
	int r = 0;

	TAILQ_FOREACH(g, list, in_hook)
		if (r == 0 && counts_in(w, g, p, pod))
			r = count_in(g, p);
	return r;
}

int sched_counts_add_pod(struct sched_world *w, struct sched_pod *p, const struct object *pod)
{
	const struct value *labels = object_labels(pod);
	_cleanup_buf_ struct buf text = BUF_INIT;
	int r = count_in_list(w, &w->counts->unhooked, p, pod);

	for (size_t i = 0; w->counts->hooks && i < value_len(labels) && r == 0; i++) {
		const struct hook *h;

		if (!format_hook(&text, value_key_at(labels, i), value_str_or(value_at(labels, i), "")))
			return -ENOMEM;
		h = find_hook(w->counts, buf_str(&text));
		if (h)
			r = count_in_list(w, &h->groups, p, pod);
	}
	return r;
}

void sched_counts_remove_pod(struct sched_world *w, struct sched_pod *p)
{
	for (size_t i = 0; i < p->n_groups; i++) {
		struct group *g = find_by_id(w->counts, p->groups[i]);

		if (g)
			g->count[p->node->slot]--;
	}
	p->n_groups = 0;
}
