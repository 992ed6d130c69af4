/* SPDX-License-Identifier: Apache-2.0 */
#include "control/deployment_decide.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "control/pods.h"
#include "value/intstr.h"

#define REVISION_MAX (INT64_MAX / 2) /* room for one more, always */

enum { HISTORY_CHARS_MAX = 2000 }; /* K8S:deployment/sync.go, maxRevHistoryLengthInChars */

/* Anyone may write annotations: what is no number from 0 to `most` counts as absent. */
static int64_t annotation_number(const struct object *o, const char *key, int64_t most, int64_t fallback)
{
	const char *s = value_str(object_path(o, "metadata", "annotations", key));
	char *end;
	long long n;

	if (!s || !*s)
		return fallback;
	n = strtoll(s, &end, 10); /* saturates */
	return *end || n < 0 || n > most ? fallback : n;
}

static int64_t creation_time(const struct object *o)
{
	const char *s = value_str(object_path(o, "metadata", "creationTimestamp"));
	int64_t t;

	return s && clock_parse_rfc3339(s, &t) == 0 ? t : 0;
}

/* Equal but for the hash label that the controller itself adds. */
static bool same_template(struct arena *a, const struct value *x, const struct value *y)
{
	struct value *cx = value_copy(a, x), *cy = value_copy(a, y);

	value_remove(value_path(cx, "metadata", "labels"), POD_TEMPLATE_HASH);
	value_remove(value_path(cy, "metadata", "labels"), POD_TEMPLATE_HASH);
	return value_equal(cx, cy);
}

static struct deployment_rs read_set(const struct object *rs)
{
	return (struct deployment_rs){
		.rs = rs,
		.replicas = value_int(object_path(rs, "spec", "replicas"), 0),
		.current = value_int(object_path(rs, "status", "replicas"), 0),
		.present = value_int(object_path(rs, "status", "replicas"), 0),
		.available = value_int(object_path(rs, "status", "availableReplicas"), 0),
		.ready = value_int(object_path(rs, "status", "readyReplicas"), 0),
		.revision = annotation_number(rs, DEPLOYMENT_REVISION, REVISION_MAX, 0),
		.desired = annotation_number(rs, DEPLOYMENT_DESIRED, INT32_MAX, -1),
		.max = annotation_number(rs, DEPLOYMENT_MAX, INT64_C(2) * INT32_MAX, -1),
		.created = creation_time(rs),
	};
}

/* Oldest first; ties by name, so that the order is one. */
static int compare_age(const void *pa, const void *pb)
{
	const struct deployment_rs *a = pa, *b = pb;

	if (a->created != b->created)
		return a->created < b->created ? -1 : 1;
	return strcmp(object_name(a->rs), object_name(b->rs));
}

/* Surge rounds up, unavailable down; both 0 makes one unavailable: K8S:deployment/util, ResolveFenceposts. */
static void read_budget(struct deployment_view *v)
{
	const struct value *rolling = object_path(v->deployment, "spec", "strategy", "rollingUpdate");

	if (v->recreate)
		return;
	v->max_surge = intstr_scaled(value_get(rolling, "maxSurge"), v->replicas, true, 0);
	v->max_unavailable = intstr_scaled(value_get(rolling, "maxUnavailable"), v->replicas, false, 0);
	if (!v->max_surge && !v->max_unavailable)
		v->max_unavailable = 1;
	if (v->max_unavailable > v->replicas)
		v->max_unavailable = v->replicas;
}

/* An old set that is being deleted asks for nothing any more, and its pods are going. */
static void read_old_set(struct deployment_rs *s, int64_t *max_revision)
{
	if (s->is_new)
		return;
	if (s->revision > *max_revision)
		*max_revision = s->revision;
	if (object_is_deleting(s->rs))
		s->replicas = 0;
}

int deployment_read(const struct object *deployment, const struct object_list *sets, struct arena *a,
		    struct deployment_view *ret)
{
	struct deployment_view v = { .deployment = deployment };
	const char *type = value_str_or(object_path(deployment, "spec", "strategy", "type"), "RollingUpdate");
	int64_t max_old = 0;

	v.replicas = value_int(object_path(deployment, "spec", "replicas"), 1);
	v.paused = value_bool(object_path(deployment, "spec", "paused"), false);
	v.recreate = !strcmp(type, "Recreate");
	read_budget(&v);
	v.sets = arena_alloc(a, (sets->n + 1) * sizeof(v.sets[0]));
	if (!v.sets)
		return -ENOMEM;
	for (size_t i = 0; i < sets->n; i++)
		v.sets[v.n++] = read_set(sets->items[i]);
	if (v.n)
		qsort(v.sets, v.n, sizeof(v.sets[0]), compare_age);
	for (size_t i = 0; i < v.n && !v.new_set; i++)
		if (same_template(a, object_path(v.sets[i].rs, "spec", "template"), object_path(deployment, "spec", "template"))) {
			v.new_set = &v.sets[i];
			v.new_set->is_new = true;
		}
	for (size_t i = 0; i < v.n; i++)
		read_old_set(&v.sets[i], &max_old);
	v.revision = v.new_set && v.new_set->revision > max_old ? v.new_set->revision : max_old + 1;
	if (arena_failed(a))
		return -ENOMEM;
	*ret = v;
	return 0;
}

static int64_t min64(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t max64(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t total_replicas(const struct deployment_view *v)
{
	int64_t n = 0;

	for (size_t i = 0; i < v->n; i++)
		n += v->sets[i].replicas;
	return n;
}

/*
 * As above, and with the pods that a ReplicaSet is to remove and has not removed yet. Kubernetes looks at what is asked for
 * only, so that the pods of a new set may come before those of an old one go, and be more than the surge allows.
 */
static int64_t total_present(const struct deployment_view *v)
{
	int64_t n = 0;

	for (size_t i = 0; i < v->n; i++)
		n += max64(v->sets[i].replicas, v->sets[i].present);
	return n;
}

bool deployment_is_scaling(const struct deployment_view *v)
{
	for (size_t i = 0; i < v->n; i++)
		if (v->sets[i].replicas > 0 && v->sets[i].desired >= 0 && v->sets[i].desired != v->replicas)
			return true;
	return false;
}

int64_t deployment_new_replicas(const struct deployment_view *v)
{
	int64_t have = v->new_set ? v->new_set->replicas : 0, room;

	if (v->recreate)
		return v->replicas;
	room = v->replicas + v->max_surge - total_present(v);
	if (room <= 0)
		return have;
	return have + max64(0, min64(room, v->replicas - have));
}

/* The one set that takes the whole scale: the only one with replicas, or when none has any the newest. */
static struct deployment_rs *active_or_latest(struct deployment_view *v)
{
	struct deployment_rs *active = NULL;
	size_t n = 0;

	for (size_t i = 0; i < v->n; i++)
		if (v->sets[i].replicas > 0) {
			active = &v->sets[i];
			n++;
		}
	if (n == 1)
		return active;
	if (n > 1)
		return NULL;
	return v->new_set ? v->new_set : v->n ? &v->sets[v->n - 1] : NULL;
}

/* The new set alone carries the Deployment. */
static bool is_saturated(const struct deployment_view *v)
{
	const struct deployment_rs *s = v->new_set;

	return s && s->replicas == v->replicas && s->desired == v->replicas && s->available == v->replicas;
}

/* n * num / den, rounded to the nearest, halves up. n is an int32, num at most twice that: the product fits. */
static int64_t scaled_round(int64_t n, int64_t num, int64_t den)
{
	int64_t rest = n * num % den;

	return n * num / den + (rest >= den - rest);
}

/* The part of `to_add` that a set takes: K8S:deployment/util, GetReplicaSetProportion. */
static int64_t proportion(const struct deployment_view *v, const struct deployment_rs *s, int64_t to_add, int64_t added)
{
	int64_t base = s->max > 0 ? s->max : value_int(object_path(v->deployment, "status", "replicas"), 0);
	int64_t share, left = to_add - added;

	if (!s->replicas || !to_add || !left)
		return 0;
	if (!v->replicas)
		share = -s->replicas;
	else if (base <= 0)
		share = 0;
	else
		share = scaled_round(s->replicas, v->replicas + v->max_surge, base) - s->replicas;
	return to_add > 0 ? min64(share, left) : max64(share, left);
}

/* Biggest first; ties: the newer when growing, the older when shrinking. */
static void sort_by_size(struct deployment_rs **sets, size_t n, bool growing)
{
	for (size_t i = 1; i < n; i++)
		for (size_t k = i; k > 0; k--) {
			struct deployment_rs *a = sets[k - 1], *b = sets[k];
			bool newer = compare_age(b, a) > 0;

			if (b->replicas < a->replicas || (b->replicas == a->replicas && newer != growing))
				break;
			sets[k - 1] = b;
			sets[k] = a;
		}
}

static bool scale_in_proportion(struct deployment_view *v)
{
	_cleanup_free_ struct deployment_rs **active = calloc(v->n + 1, sizeof(*active));
	int64_t allowed = v->replicas > 0 ? v->replicas + v->max_surge : 0, to_add, added = 0;
	size_t n = 0;
	bool changed = false;

	if (!active)
		return false; /* ignoring: the next sync tries again */
	for (size_t i = 0; i < v->n; i++)
		if (v->sets[i].replicas > 0)
			active[n++] = &v->sets[i];
	to_add = allowed - total_replicas(v);
	if (to_add > 0)
		to_add = max64(0, allowed - total_present(v));
	sort_by_size(active, n, to_add > 0);
	for (size_t i = 0; i < n; i++) {
		int64_t part = proportion(v, active[i], to_add, added);

		added += part;
		active[i]->replicas += part;
		changed |= part != 0;
	}
	if (n && to_add != added) { /* what rounding has left */
		active[0]->replicas = max64(0, active[0]->replicas + to_add - added);
		changed = true;
	}
	return changed;
}

static bool set_replicas(struct deployment_rs *s, int64_t n)
{
	bool changed = s->replicas != n;

	s->replicas = n;
	return changed;
}

/* How many of the replicas that a set is to have more must wait for others' pods to go. */
static int64_t lacking(const struct deployment_view *v, const struct deployment_rs *s)
{
	return max64(0, v->replicas - s->replicas - (v->replicas + v->max_surge - total_present(v)));
}

bool deployment_scale(struct deployment_view *v)
{
	struct deployment_rs *only = active_or_latest(v);
	bool changed = false;

	if (only)
		return set_replicas(only, max64(min64(v->replicas, only->replicas), v->replicas - lacking(v, only)));
	if (is_saturated(v)) {
		for (size_t i = 0; i < v->n; i++)
			if (!v->sets[i].is_new)
				changed |= set_replicas(&v->sets[i], 0);
		return changed;
	}
	return !v->recreate && scale_in_proportion(v);
}

/* First what is unhealthy, oldest set first: K8S:deployment/rolling.go, cleanupUnhealthyReplicas. */
static bool remove_unhealthy(struct deployment_view *v, int64_t most)
{
	bool changed = false;

	for (size_t i = 0; i < v->n && most > 0; i++) {
		struct deployment_rs *s = &v->sets[i];
		int64_t n = min64(most, s->replicas - s->available);

		if (s->is_new || n <= 0)
			continue;
		s->replicas -= n;
		most -= n;
		changed = true;
	}
	return changed;
}

/* Then by what is available beyond the least that must be. What a ReplicaSet is still to remove does not count as available,
 * though its status may say so yet. */
static bool remove_available(struct deployment_view *v)
{
	int64_t spare = -(v->replicas - v->max_unavailable);
	bool changed = false;

	for (size_t i = 0; i < v->n; i++)
		spare += min64(v->sets[i].available, v->sets[i].replicas);
	for (size_t i = 0; i < v->n && spare > 0; i++) {
		struct deployment_rs *s = &v->sets[i];
		int64_t n = min64(spare, s->replicas);

		if (s->is_new || n <= 0)
			continue;
		s->replicas -= n;
		spare -= n;
		changed = true;
	}
	return changed;
}

bool deployment_roll(struct deployment_view *v)
{
	struct deployment_rs *s = v->new_set;
	int64_t old = 0, most;
	bool changed;

	if (!s)
		return false;
	if (s->replicas > v->replicas ? set_replicas(s, v->replicas) : set_replicas(s, deployment_new_replicas(v)))
		return true;
	for (size_t i = 0; i < v->n; i++)
		old += v->sets[i].is_new ? 0 : v->sets[i].replicas;
	most = total_replicas(v) - (v->replicas - v->max_unavailable) - (s->replicas - s->available);
	if (!old || most <= 0)
		return false;
	changed = remove_unhealthy(v, most);
	return remove_available(v) || changed;
}

bool deployment_recreate_down(struct deployment_view *v)
{
	bool changed = false;

	for (size_t i = 0; i < v->n; i++)
		if (!v->sets[i].is_new)
			changed |= set_replicas(&v->sets[i], 0);
	return changed;
}

/* Lowest revision first. */
static int compare_revision(const void *pa, const void *pb)
{
	const struct deployment_rs *a = *(const struct deployment_rs *const *)pa;
	const struct deployment_rs *b = *(const struct deployment_rs *const *)pb;

	if (a->revision != b->revision)
		return a->revision < b->revision ? -1 : 1;
	return compare_age(a, b);
}

int deployment_cleanup(const struct deployment_view *v, struct arena *a, const struct object ***ret, size_t *ret_n)
{
	int64_t keep = value_int(object_path(v->deployment, "spec", "revisionHistoryLimit"), 10);
	const struct deployment_rs **idle = arena_alloc(a, (v->n + 1) * sizeof(*idle));
	const struct object **gone = arena_alloc(a, (v->n + 1) * sizeof(*gone));
	size_t n = 0;

	if (!idle || !gone)
		return -ENOMEM;
	for (size_t i = 0; i < v->n; i++) {
		const struct deployment_rs *s = &v->sets[i];
		int64_t seen = value_int(object_path(s->rs, "status", "observedGeneration"), 0);

		if (!s->is_new && !s->replicas && !s->current && !object_is_deleting(s->rs) &&
		    seen >= value_int(object_path(s->rs, "metadata", "generation"), 0))
			idle[n++] = s;
	}
	*ret = gone;
	*ret_n = 0;
	if ((int64_t)n <= keep)
		return 0;
	qsort(idle, n, sizeof(idle[0]), compare_revision);
	for (size_t i = 0; i < n - (size_t)keep; i++)
		gone[(*ret_n)++] = idle[i]->rs;
	return 0;
}

const char *deployment_template_hash(struct arena *a, const struct value *template, int64_t collision_count)
{
	/* K8S:apimachinery/pkg/util/rand, SafeEncodeString: each digit becomes a letter that makes no words. */
	static const char alphabet[] = "bcdfghjklmnpqrstvwxz2456789";
	uint64_t h = value_hash(template);
	char digits[16];

	h ^= (uint64_t)collision_count * UINT64_C(0x9e3779b97f4a7c15);
	(void)snprintf(digits, sizeof(digits), "%u", (unsigned)(h ^ h >> 32));
	for (char *p = digits; *p; p++)
		*p = alphabet[(unsigned char)*p % (sizeof(alphabet) - 1)];
	return arena_strdup(a, digits);
}

/* Annotations that are the controllers' or the tools' own and do not go from a Deployment to its ReplicaSets. */
static bool is_private_annotation(const char *key)
{
	static const char *const names[] = { "kubectl.kubernetes.io/last-applied-configuration", DEPLOYMENT_REVISION,
					     DEPLOYMENT_REVISION_HISTORY, DEPLOYMENT_DESIRED, DEPLOYMENT_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(names[i], key))
			return true;
	return false;
}

static void set_number(struct arena *a, struct value *annotations, const char *key, int64_t n)
{
	value_set(a, annotations, key, value_new_strf(a, "%lld", (long long)n));
}

/* Notes the revision that a reused ReplicaSet had. */
static void add_history(struct arena *a, struct value *annotations, int64_t revision)
{
	const char *had = value_str(value_get(annotations, DEPLOYMENT_REVISION));
	const char *history = value_str_or(value_get(annotations, DEPLOYMENT_REVISION_HISTORY), "");

	if (!had || !*had || strlen(had) > HISTORY_CHARS_MAX / 2 || strtoll(had, NULL, 10) == revision)
		return;
	/* The oldest go when the text gets too long. */
	while (strlen(history) + 1 + strlen(had) > HISTORY_CHARS_MAX) {
		const char *comma = strchr(history, ',');

		history = comma ? comma + 1 : "";
	}
	value_set(a, annotations, DEPLOYMENT_REVISION_HISTORY,
		  value_new_strf(a, "%s%s%s", history, *history ? "," : "", had));
}

void deployment_annotate(struct arena *a, struct value *rs_root, const struct deployment_view *v,
			 const struct deployment_rs *set)
{
	const struct value *from = object_path(v->deployment, "metadata", "annotations");
	struct value *annotations;

	if (!set->replicas && !set->is_new)
		return;
	annotations = value_set_map(a, value_set_map(a, rs_root, "metadata"), "annotations");
	if (set->is_new) {
		for (size_t i = 0; i < value_len(from); i++)
			if (!is_private_annotation(value_key_at(from, i)))
				value_set(a, annotations, value_key_at(from, i), value_copy(a, value_at(from, i)));
		add_history(a, annotations, v->revision);
		set_number(a, annotations, DEPLOYMENT_REVISION, v->revision);
	}
	set_number(a, annotations, DEPLOYMENT_DESIRED, v->replicas);
	set_number(a, annotations, DEPLOYMENT_MAX, v->replicas + v->max_surge);
}

struct value *deployment_new_set(struct arena *a, const struct deployment_view *v, const char *hash)
{
	const struct object *d = v->deployment;
	struct value *root = value_new_map(a), *meta, *spec, *template;
	struct deployment_rs set = { .is_new = true, .replicas = deployment_new_replicas(v) };

	value_set_str(a, root, "apiVersion", "apps/v1");
	value_set_str(a, root, "kind", "ReplicaSet");
	meta = value_set_map(a, root, "metadata");
	value_set(a, meta, "name", value_new_strf(a, "%s-%s", object_name(d), hash));
	value_set_str(a, meta, "namespace", object_namespace(d));
	value_append(a, value_set_list(a, meta, "ownerReferences"), controller_reference(a, d));
	spec = value_set_map(a, root, "spec");
	value_set_int(a, spec, "replicas", set.replicas);
	if (value_int(object_path(d, "spec", "minReadySeconds"), 0))
		value_set_int(a, spec, "minReadySeconds", value_int(object_path(d, "spec", "minReadySeconds"), 0));
	value_set(a, spec, "selector", value_copy(a, object_path(d, "spec", "selector")));
	value_set_str(a, value_make_path(a, spec, "selector", "matchLabels"), POD_TEMPLATE_HASH, hash);
	template = value_set(a, spec, "template", value_copy(a, object_path(d, "spec", "template")));
	value_set_str(a, value_make_path(a, template, "metadata", "labels"), POD_TEMPLATE_HASH, hash);
	value_set(a, meta, "labels", value_copy(a, value_path(template, "metadata", "labels")));
	deployment_annotate(a, root, v, &set);
	return arena_failed(a) ? NULL : root;
}
