/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The persistent volume controller: carries out what volume_decide.h decides. Keys are a claim's "NAMESPACE/NAME", a volume's
 * "/NAME", EVERY for all claims that wait, and those of ephemeral.h. One thread looks at one of them at a time, so two claims never get one
 * volume; and what they were judged by is what the store checks.
 */
#include <string.h>

#include "base/clock.h"
#include "control/controller.h"
#include "control/ephemeral.h"
#include "control/volume_decide.h"

static const char every[] = "*";

static const struct schema_kind *claims(void)
{
	return schema_kind_by_plural("persistentvolumeclaims");
}

static const struct schema_kind *volumes(void)
{
	return schema_kind_by_plural("persistentvolumes");
}

/* --- changes of trees --- */

static void set_finalizer(struct arena *a, struct value *root, const char *name, bool want)
{
	struct value *meta = value_set_map(a, root, "metadata"), *list = value_set_list(a, meta, "finalizers");

	for (size_t i = value_len(list); i-- > 0;)
		if (!strcmp(value_str_or(value_at(list, i), ""), name))
			value_remove_at(list, i);
	if (want)
		value_append(a, list, value_new_str(a, name));
	if (!value_len(list))
		value_remove(meta, "finalizers");
}

/* NULL takes it away. */
static void set_annotation(struct arena *a, struct value *root, const char *key, const char *text)
{
	struct value *meta = value_set_map(a, root, "metadata"), *map = value_set_map(a, meta, "annotations");

	if (text)
		value_set_str(a, map, key, text);
	else
		value_remove(map, key);
	if (!value_len(map))
		value_remove(meta, "annotations");
}

static void set_volume_phase(struct arena *a, struct value *root, const char *phase, const char *message, int64_t now)
{
	struct value *status = value_set_map(a, root, "status");
	char time[CLOCK_RFC3339_SIZE];

	if (strcmp(value_str_or(value_get(status, "phase"), ""), phase) != 0)
		value_set_str(a, status, "lastPhaseTransitionTime", clock_format_rfc3339(now, time));
	value_set_str(a, status, "phase", phase);
	if (message)
		value_set_str(a, status, "message", message);
	else
		value_remove(status, "message");
}

static void set_claim_ref(struct arena *a, struct value *root, const struct object *claim)
{
	struct value *ref = value_set_map(a, value_set_map(a, root, "spec"), "claimRef");

	value_set_str(a, ref, "apiVersion", "v1");
	value_set_str(a, ref, "kind", "PersistentVolumeClaim");
	value_set_str(a, ref, "name", object_name(claim));
	value_set_str(a, ref, "namespace", object_namespace(claim));
	value_set_str(a, ref, "uid", object_uid(claim));
}

/* --- claims --- */

struct claim_change {
	const struct claim_plan *plan;
	uint64_t revision; /* that it was made for */
};

static int change_claim(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	const struct claim_change *change = arg;
	const struct claim_plan *p = change->plan;

	if (object_revision(old) != change->revision)
		return -ESTALE;
	switch (p->action) {
	case CLAIM_PROTECT:
	case CLAIM_UNPROTECT:
		set_finalizer(a, root, PV_CLAIM_PROTECTION, p->action == CLAIM_PROTECT);
		break;
	case CLAIM_MARK:
		if (!strcmp(value_str_or(object_path(old, "status", "phase"), ""), p->value))
			return -ECANCELED;
		value_set_str(a, value_set_map(a, root, "status"), "phase", p->value);
		break;
	case CLAIM_SET_CLASS:
		value_set_str(a, value_set_map(a, root, "spec"), "storageClassName", p->value);
		break;
	case CLAIM_PROVISION:
		set_annotation(a, root, PV_STORAGE_PROVISIONER, p->value);
		if (p->node)
			set_annotation(a, root, PV_SELECTED_NODE, p->node);
		break;
	case CLAIM_UNSELECT:
		set_annotation(a, root, PV_SELECTED_NODE, NULL);
		break;
	case CLAIM_NOTHING:
	case CLAIM_BIND:
		return -ECANCELED;
	}
	return 0;
}

/* What the claim looks like with its volume. */
static void bind_claim(struct arena *a, struct value *root, const struct object *claim, const struct object *volume)
{
	struct value *status = value_set_map(a, root, "status");
	const struct value *capacity = object_path(volume, "spec", "capacity");

	if (!value_len(object_path(claim, "spec", "volumeName"))) {
		value_set_str(a, value_set_map(a, root, "spec"), "volumeName", object_name(volume));
		set_annotation(a, root, PV_BOUND_BY_CONTROLLER, "yes");
	}
	set_annotation(a, root, PV_BIND_COMPLETED, "yes");
	value_set_str(a, status, "phase", "Bound");
	value_set(a, status, "accessModes", value_copy(a, object_path(volume, "spec", "accessModes")));
	if (capacity)
		value_set(a, status, "capacity", value_copy(a, capacity));
}

static void bind_volume(struct arena *a, struct value *root, const struct object *volume, const struct object *claim,
			int64_t now)
{
	if (!pv_is_for(volume, claim))
		set_annotation(a, root, PV_BOUND_BY_CONTROLLER, "yes");
	set_claim_ref(a, root, claim);
	set_annotation(a, root, PV_RETAINED_UNTIL, NULL);
	set_annotation(a, root, PV_RETAINED_WRITER, NULL);
	set_volume_phase(a, root, "Bound", NULL, now);
}

/* Changes an object, or, where nothing is to be changed, has the transaction hold only while it is as it was read. */
static int put_or_check(struct txn *t, const struct object *o, struct value *root)
{
	int r = txn_update(t, o, root, TXN_BOTH, NULL);

	return r < 0 || txn_puts(t, object_key(o)) ? r : txn_check(t, object_key(o), object_revision(o));
}

/* The two were read one after the other: the store sees to it that both are still so. */
static int commit_binding(struct controller *c, const struct object *claim, const struct object *volume)
{
	_cleanup_txn_ struct txn *t = txn_new(controller_registry(c), controller_writer(c));
	struct arena *a = t ? txn_arena(t) : NULL;
	struct value *x = t ? value_copy(a, object_root(claim)) : NULL, *y = t ? value_copy(a, object_root(volume)) : NULL;
	int r;

	if (!x || !y)
		return -ENOMEM;
	bind_claim(a, x, claim, volume);
	bind_volume(a, y, volume, claim, registry_now(controller_registry(c)));
	r = put_or_check(t, claim, x);
	if (r == 0)
		r = put_or_check(t, volume, y);
	return r < 0 || (!txn_puts(t, object_key(claim)) && !txn_puts(t, object_key(volume))) ? r : txn_commit(t, 0, NULL);
}

static int carry_out_claim(struct controller *c, const struct object *claim, const struct claim_plan *p)
{
	struct claim_change change = { .plan = p, .revision = object_revision(claim) };
	bool lazy = p->action == CLAIM_MARK;
	int r = 0;

	if (p->action == CLAIM_BIND)
		r = commit_binding(c, claim, p->volume);
	else if (p->action != CLAIM_NOTHING)
		r = registry_modify(controller_registry(c), controller_writer(c), claims(), object_namespace(claim),
				    object_name(claim), object_uid(claim), lazy ? TXN_STATUS : 0, lazy ? STORE_LAZY : 0, change_claim,
				    &change);
	if (r == 0 && p->note.reason)
		controller_event(c, claim, p->note.type, p->note.reason, "%s", p->note.message);
	return r == -ENOENT ? 0 : r;
}

static int64_t sync_claim(struct controller *c, const char *key)
{
	_cleanup_object_ struct object *claim = controller_get(c, claims(), key);
	_cleanup_object_list_ struct object_list all = OBJECT_LIST_INIT, classes = OBJECT_LIST_INIT,
						 nodes = OBJECT_LIST_INIT, pods = OBJECT_LIST_INIT;
	const struct claim_view view = { .claim = claim, .volumes = &all, .classes = &classes, .nodes = &nodes, .pods = &pods };
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct claim_plan plan;
	int r;

	if (!claim || !a)
		return claim ? -ENOMEM : 0;
	r = cache_list(controller_cache(c), volumes(), NULL, &all);
	if (r == 0)
		r = cache_list(controller_cache(c), schema_kind_by_plural("storageclasses"), NULL, &classes);
	if (r == 0)
		r = cache_list(controller_cache(c), schema_kind_by_plural("nodes"), NULL, &nodes);
	if (r == 0)
		r = cache_list(controller_cache(c), schema_kind_by_plural("pods"), object_namespace(claim), &pods);
	if (r == 0)
		r = claim_plan(&view, a, &plan);
	return r < 0 ? r : carry_out_claim(c, claim, &plan);
}

/* --- volumes --- */

struct volume_change {
	const struct volume_plan *plan;
	uint64_t revision; /* that it was made for */
	int64_t now;
};

/* The volume was Released just now, at the latest. */
static void keep_volume(struct arena *a, struct value *root, int64_t now)
{
	char time[CLOCK_RFC3339_SIZE];

	set_annotation(a, root, PV_RETAINED_UNTIL, clock_format_rfc3339(now + PV_RETENTION_SECONDS * NSEC_PER_SEC, time));
}

static int change_volume(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	const struct volume_change *change = arg;
	const struct volume_plan *p = change->plan;

	if (p->action != VOLUME_NOTHING && object_revision(old) != change->revision)
		return -ESTALE;
	switch (p->action) {
	case VOLUME_PROTECT:
	case VOLUME_UNPROTECT:
		set_finalizer(a, root, PV_PROTECTION, p->action == VOLUME_PROTECT);
		break;
	case VOLUME_MARK:
		set_volume_phase(a, root, p->phase, p->message, change->now);
		if (!strcmp(p->phase, "Released") && pv_annotation(old, PV_RETAINED_UNTIL))
			keep_volume(a, root, change->now);
		break;
	case VOLUME_KEEP:
		keep_volume(a, root, change->now);
		break;
	case VOLUME_UNBIND:
		value_remove(value_get(root, "spec"), "claimRef");
		set_annotation(a, root, PV_BOUND_BY_CONTROLLER, NULL);
		set_volume_phase(a, root, "Available", NULL, change->now);
		break;
	case VOLUME_UNBIND_UID:
		value_remove(value_path(root, "spec", "claimRef"), "uid");
		set_volume_phase(a, root, "Available", NULL, change->now);
		break;
	case VOLUME_EXPIRE:
		set_annotation(a, root, PV_RETAINED_UNTIL, NULL);
		set_annotation(a, root, PV_RETAINED_WRITER, NULL);
		break;
	case VOLUME_NOTHING:
		return -ECANCELED;
	}
	return 0;
}

/* The claim that its claimRef names, whatever its uid. */
static struct object *claim_of(struct controller *c, const struct object *volume)
{
	const struct value *ref = object_path(volume, "spec", "claimRef");
	const char *name = value_str_or(value_get(ref, "name"), "");

	if (!*name)
		return NULL;
	return cache_get(controller_cache(c), claims(), value_str_or(value_get(ref, "namespace"), ""), name);
}

static int64_t sync_volume(struct controller *c, const char *name)
{
	_cleanup_object_ struct object *volume = cache_get(controller_cache(c), volumes(), NULL, name);
	_cleanup_object_ struct object *claim = volume ? claim_of(c, volume) : NULL;
	struct volume_view view = { .volume = volume, .claim = claim, .now = registry_now(controller_registry(c)) };
	struct volume_change change = { .now = view.now };
	struct volume_plan plan;
	int r;

	if (!volume)
		return 0;
	volume_plan(&view, &plan);
	change.plan = &plan;
	change.revision = object_revision(volume);
	r = registry_modify(controller_registry(c), controller_writer(c), volumes(), NULL, name, object_uid(volume), TXN_BOTH, 0,
			    change_volume, &change);
	if (r < 0 && r != -ENOENT)
		return r;
	if (plan.note.reason)
		controller_event(c, volume, plan.note.type, plan.note.reason, "%s", plan.note.message);
	if (plan.claim && claim)
		controller_add_object(c, claim);
	return plan.wait;
}

/* --- what brings them here --- */

static int64_t add_waiting(struct controller *c)
{
	_cleanup_object_list_ struct object_list all = OBJECT_LIST_INIT;
	int r = cache_list(controller_cache(c), claims(), NULL, &all);

	for (size_t i = 0; r == 0 && i < all.n; i++)
		if (!pv_claim_is_bound(all.items[i]))
			controller_add_object(c, all.items[i]);
	return r;
}

static int64_t sync_key(struct controller *c, const char *key)
{
	if (!strcmp(key, every))
		return add_waiting(c);
	if (ephemeral_has_key(key))
		return ephemeral_sync(c, key);
	return *key == '/' ? sync_volume(c, key + 1) : sync_claim(c, key);
}

static void add_volume(struct controller *c, const char *name)
{
	char key[STORE_KEY_MAX + 1];

	(void)snprintf(key, sizeof(key), "/%s", name);
	controller_add(c, key);
}

/* The volume of a claim that is bound to it, is said to be, or was. */
static void add_volume_of(struct controller *c, const struct object *claim)
{
	const char *name = claim ? object_str(claim, "spec", "volumeName") : NULL;

	if (name && *name)
		add_volume(c, name);
}

static void notice_claim(struct controller *c, const struct cache_event *e)
{
	add_volume_of(c, e->now);
	if (e->old && (!e->now || !object_same(e->old, e->now, "spec", "volumeName")))
		add_volume_of(c, e->old);
	if (e->now)
		controller_add_object(c, e->now);
	else
		ephemeral_notice_gone(c, e->old);
}

static void notice_volume(struct controller *c, const struct cache_event *e)
{
	const struct object *o = e->now ? e->now : e->old;
	const struct value *ref = object_path(o, "spec", "claimRef");
	char key[STORE_KEY_MAX + 1];

	if (e->now)
		controller_add_object(c, e->now);
	if (ref) {
		(void)snprintf(key, sizeof(key), "%s/%s", value_str_or(value_get(ref, "namespace"), ""),
			       value_str_or(value_get(ref, "name"), ""));
		controller_add(c, key);
	}
	if (cache_count(controller_cache(c), claims(), NULL))
		controller_add(c, every);
}

static void notice_class(struct controller *c, const struct cache_event *e)
{
	if (cache_count(controller_cache(c), claims(), NULL))
		controller_add(c, every);
}

/* Nodes come and go; what they tell of themselves all the time does not concern claims. */
static void notice_node(struct controller *c, const struct cache_event *e)
{
	if (!e->old || !e->now)
		notice_class(c, e);
}

/* A pod that comes, is bound or goes, with claims. */
static void notice_pod(struct controller *c, const struct cache_event *e)
{
	const struct object *pod = e->now ? e->now : e->old;
	const struct value *list;
	_cleanup_arena_ struct arena *a = NULL;
	char key[STORE_KEY_MAX + 1];

	if (!e->old)
		ephemeral_notice_pod(c, pod);
	if (!cache_count(controller_cache(c), claims(), object_namespace(pod)) ||
	    (e->old && e->now && object_same(e->old, e->now, "spec", "nodeName")))
		return;
	list = object_path(pod, "spec", "volumes");
	a = value_len(list) ? arena_new(0) : NULL;
	for (size_t i = 0; a && i < value_len(list); i++) {
		const char *name = pv_claim_name(a, pod, value_at(list, i));

		if (!name)
			continue;
		(void)snprintf(key, sizeof(key), "%s/%s", object_namespace(pod), name);
		controller_add(c, key);
	}
}

const struct controller_type volume_controller = {
	.name = "persistentvolume-controller",
	.sync = sync_key,
	.watches = { { "persistentvolumes", notice_volume },
		     { "persistentvolumeclaims", notice_claim },
		     { "storageclasses", notice_class },
		     { "pods", notice_pod },
		     { "nodes", notice_node } },
};
