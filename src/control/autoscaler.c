/* SPDX-License-Identifier: Apache-2.0 */
#include "control/autoscaler.h"

#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/clock.h"
#include "control/autoscaler_decide.h"

/* What is remembered of an autoscaler; the controller's thread's alone. */
struct known {
	UT_hash_handle hh;
	struct autoscaler_history history;
	struct usage_samples *samples;
	struct arena *arena;	   /* of the selector */
	struct selector *selector; /* of its target when it was looked at last; NULL: none */
	int64_t due;		   /* monotonic: not looked at before */
	char uid[OBJECT_UID_SIZE];
	char key[]; /* "NAMESPACE/NAME" */
};

struct autoscalers {
	struct known *all;
	const struct autoscaler_config *config;
	int64_t period;
};

/* --- what is remembered --- */

static void forget(struct autoscalers *as, struct known *k)
{
	if (!k)
		return;
	HASH_DEL(as->all, k);
	autoscaler_history_clear(&k->history);
	usage_samples_free(k->samples);
	arena_free(k->arena);
	free(k);
}

static struct known *find(struct autoscalers *as, const char *key)
{
	struct known *k;

	HASH_FIND_STR(as->all, key, k);
	return k;
}

/* NULL when memory is out. */
static struct known *remember(struct autoscalers *as, const char *key, const char *uid, int64_t mono)
{
	size_t size = strlen(key) + 1;
	struct known *k = calloc(1, sizeof(*k) + size);

	if (!k)
		return NULL;
	memcpy(k->key, key, size);
	(void)snprintf(k->uid, sizeof(k->uid), "%s", uid);
	k->due = mono + as->period;
	k->samples = usage_samples_new();
	if (k->samples)
		HASH_ADD_KEYPTR(hh, as->all, k->key, size - 1, k);
	if (!k->samples || !k->hh.tbl) {
		usage_samples_free(k->samples);
		free(k);
		return NULL;
	}
	return k;
}

/* --- what is there --- */

/* All that a decision looks at. */
struct scene {
	struct autoscaler_view view;
	struct object *target;
	struct object_list pods;
	struct pod_usage *usage;
};

static void scene_clear(struct scene *s)
{
	object_unref(s->target);
	object_list_clear(&s->pods);
}

static int find_target(struct controller *c, struct scene *s, struct arena *a)
{
	const struct object *hpa = s->view.hpa;
	const char *name = value_str_or(object_path(hpa, "spec", "scaleTargetRef", "name"), "");
	const struct schema_kind *kind = autoscaler_target_kind(hpa, a, &s->view.missing);

	if (!kind)
		return s->view.missing ? 0 : -ENOMEM;
	s->target = cache_get(controller_cache(c), kind, object_namespace(hpa), name);
	s->view.target = s->target;
	if (s->target)
		return 0;
	s->view.missing = arena_printf(a, "%s%s%s \"%s\" not found", kind->plural, *kind->group ? "." : "", kind->group, name);
	return s->view.missing ? 0 : -ENOMEM;
}

/* Keeps the selector, by which other autoscalers find out that they have the same pods. */
static int keep_selector(struct known *k, struct scene *s, struct arena *a)
{
	const char *text = "";
	int r;

	arena_free(k->arena);
	k->selector = NULL;
	k->arena = arena_new(0);
	if (!k->arena)
		return -ENOMEM;
	r = s->target ? autoscaler_selector(s->target, k->arena, &k->selector, &text) : 0;
	s->view.selector = arena_strdup(a, r < 0 ? "" : text);
	return r == -ENOMEM || !s->view.selector ? -ENOMEM : 0;
}

static int list_pods(struct controller *c, const struct known *k, struct scene *s)
{
	const char *ns = object_namespace(s->view.hpa);
	_cleanup_object_list_ struct object_list all = OBJECT_LIST_INIT;
	int r = k->selector ? cache_list(controller_cache(c), schema_kind_by_plural("pods"), ns, &all) : 0;

	for (size_t i = 0; i < all.n && r == 0; i++)
		if (object_matches(all.items[i], k->selector))
			r = object_list_add(&s->pods, all.items[i]);
	return r;
}

static bool selects_any(const struct selector *selector, const struct object_list *pods)
{
	for (size_t i = 0; selector && i < pods->n; i++)
		if (object_matches(pods->items[i], selector))
			return true;
	return false;
}

static int by_key(const void *a, const void *b)
{
	const struct known *const *x = a, *const *y = b;

	return strcmp((*x)->key, (*y)->key);
}

/* Autoscalers of the namespace whose targets have some of the same pods, if there are others. */
static int find_rivals(struct autoscalers *as, const struct known *own, struct scene *s, struct arena *a)
{
	size_t n = 0, len = strlen(object_namespace(s->view.hpa)) + 1;
	struct known **rivals, *k, *next;
	_cleanup_buf_ struct buf text = BUF_INIT;

	rivals = arena_alloc(a, (HASH_COUNT(as->all) + 1) * sizeof(struct known *));
	if (!rivals)
		return -ENOMEM;
	HASH_ITER(hh, as->all, k, next)
		if (!strncmp(k->key, own->key, len) && selects_any(k->selector, &s->pods))
			rivals[n++] = k;
	if (n < 2)
		return 0;
	qsort(rivals, n, sizeof(struct known *), by_key);
	for (size_t i = 0; i < n; i++)
		buf_printf(&text, "%s{%s %s}", i ? " " : "[", rivals[i]->key + len, object_namespace(s->view.hpa));
	buf_putc(&text, ']');
	s->view.rivals = buf_failed(&text) ? NULL : arena_strdup(a, buf_str(&text));
	return s->view.rivals ? 0 : -ENOMEM;
}

/* Samples are taken only of what a metric asks for. */
static int take_usage(struct autoscalers *as, struct known *k, struct scene *s, struct arena *a)
{
	const struct object_list none = OBJECT_LIST_INIT;
	bool asked = autoscaler_needs_usage(s->view.hpa);

	s->usage = arena_alloc(a, (s->pods.n + 1) * sizeof(*s->usage));
	s->view.usage = s->usage;
	if (!s->usage)
		return -ENOMEM;
	return usage_take(k->samples, as->config ? &as->config->usage : NULL, asked ? &s->pods : &none, s->view.now, s->view.mono, a,
			  s->usage);
}

static int look(struct controller *c, struct known *k, struct scene *s, struct arena *a)
{
	struct autoscalers *as = controller_data(c);
	int r;

	s->view.pods = &s->pods;
	r = find_target(c, s, a);
	if (r == 0)
		r = keep_selector(k, s, a);
	if (r == 0)
		r = list_pods(c, k, s);
	if (r == 0)
		r = find_rivals(as, k, s, a);
	return r < 0 ? r : take_usage(as, k, s, a);
}

/* --- what is done --- */

static int set_replicas(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	const int64_t *n = arg;

	(void)old;
	value_set_int(a, value_set_map(a, root, "spec"), "replicas", *n);
	return 0;
}

static int set_status(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	const struct autoscaler_plan *plan = arg;

	(void)old;
	value_set(a, root, "status", value_copy(a, plan->status));
	return 0;
}

/* Scales the target and remembers that, or has the plan say why it could not. */
static int scale(struct controller *c, struct known *k, const struct scene *s, struct arena *a, struct autoscaler_plan *plan)
{
	const struct object *hpa = s->view.hpa;
	int r = registry_modify(controller_registry(c), controller_writer(c), object_kind(s->target), object_namespace(s->target),
				object_name(s->target), object_uid(s->target), 0, STORE_LAZY, set_replicas, &plan->desired);

	if (r < 0) {
		controller_event(c, hpa, EVENT_WARNING, "FailedRescale", "New size: %lld; reason: %s; error: %s",
				 (long long)plan->desired, plan->reason, strerrordesc_np(-r));
		autoscaler_not_scaled(&s->view, a, strerrordesc_np(-r), plan);
		return 0;
	}
	controller_event(c, hpa, EVENT_NORMAL, "SuccessfulRescale", "New size: %lld; reason: %s", (long long)plan->desired,
			 plan->reason);
	return autoscaler_history_scaled(&k->history, object_path(hpa, "spec", "behavior"), plan->current, plan->desired,
					 s->view.mono);
}

static int act(struct controller *c, struct known *k, struct scene *s, struct arena *a)
{
	const struct object *hpa = s->view.hpa;
	struct autoscaler_plan plan;
	int r = autoscaler_decide(&s->view, &k->history, a, &plan), e;

	if (r < 0)
		return r;
	for (size_t i = 0; i < plan.n_notes; i++)
		controller_event(c, hpa, plan.notes[i].type, plan.notes[i].reason, "%s", plan.notes[i].message);
	if (plan.rescale)
		r = scale(c, k, s, a, &plan);
	e = registry_modify(controller_registry(c), controller_writer(c), object_kind(hpa), object_namespace(hpa), object_name(hpa),
			    object_uid(hpa), TXN_STATUS, STORE_LAZY, set_status, &plan);
	if (e < 0 && e != -ENOENT)
		controller_event(c, hpa, EVENT_WARNING, "FailedUpdateStatus", "%s", strerrordesc_np(-e));
	return r < 0 ? r : e == -ENOENT ? 0 : e;
}

static int64_t sync_autoscaler(struct controller *c, const char *key)
{
	struct autoscalers *as = controller_data(c);
	_cleanup_object_ struct object *hpa = controller_get(c, schema_kind_by_plural("horizontalpodautoscalers"), key);
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_(scene_clear) struct scene s = { .view = { .hpa = hpa, .now = registry_now(controller_registry(c)),
							    .mono = clock_monotonic(), .selector = "" },
						  .pods = OBJECT_LIST_INIT };
	struct known *k = find(as, key);
	bool first;
	int r;

	if (k && (!hpa || strcmp(k->uid, object_uid(hpa)) != 0)) {
		forget(as, k);
		k = NULL;
	}
	if (!hpa)
		return 0;
	first = !k;
	if (first)
		k = remember(as, key, object_uid(hpa), s.view.mono);
	if (!k || !a)
		return -ENOMEM;
	if (!first && s.view.mono < k->due)
		return k->due - s.view.mono;
	k->due = s.view.mono + as->period;
	r = look(c, k, &s, a);
	if (r == 0 && !first)
		r = act(c, k, &s, a);
	if (r < 0)
		k->due = s.view.mono;
	return r < 0 ? r : as->period;
}

static void notice(struct controller *c, const struct cache_event *e)
{
	if (!e->old || !e->now) /* a change waits for the next look, as in Kubernetes */
		controller_add_object(c, e->now ? e->now : e->old);
}

static int init(struct controller *c, void **ret_data)
{
	struct autoscalers *as = calloc(1, sizeof(*as));

	if (!as)
		return -ENOMEM;
	as->config = controller_config(c);
	as->period = as->config && as->config->period ? as->config->period : AUTOSCALER_SYNC_SECONDS * NSEC_PER_SEC;
	*ret_data = as;
	return 0;
}

static void fini(void *data)
{
	struct autoscalers *as = data;
	struct known *k, *next;

	if (!as)
		return;
	HASH_ITER(hh, as->all, k, next)
		forget(as, k);
	free(as);
}

const struct controller_type autoscaler_controller = {
	.name = "horizontal-pod-autoscaler",
	.sync = sync_autoscaler,
	.init = init,
	.fini = fini,
	.watches = { { "horizontalpodautoscalers", notice } },
};
