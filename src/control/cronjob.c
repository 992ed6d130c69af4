/* SPDX-License-Identifier: Apache-2.0 */
/* The CronJob controller: makes Jobs at their times, and removes those that have ended long ago. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "control/controller.h"
#include "control/cronjob_decide.h"

/*
 * When schedules were changed, so that no Job is started for a time that only the new one would have had. Kubernetes looks
 * again when the new one is due next, and starts such a Job when anything has it look before; here nothing does. What is known
 * ends with the daemon, and when a start later than the change is written.
 */
struct change {
	char uid[OBJECT_UID_SIZE];
	int64_t since; /* real, ns */
	UT_hash_handle hh;
};

/* Notices run on the store's thread, syncs on the controller's. */
struct memory {
	pthread_mutex_t lock;
	struct change *by_uid;
};

static int init(struct controller *c, void **ret_data)
{
	struct memory *m = calloc(1, sizeof(*m));

	(void)c;
	if (m)
		(void)pthread_mutex_init(&m->lock, NULL); /* cannot fail */
	*ret_data = m;
	return m ? 0 : -ENOMEM;
}

static void forget(struct memory *m, struct change *change)
{
	HASH_DEL(m->by_uid, change);
	free(change);
}

static void fini(void *data)
{
	struct memory *m = data;
	struct change *change, *next;

	if (!m)
		return;
	HASH_ITER(hh, m->by_uid, change, next)
		forget(m, change);
	(void)pthread_mutex_destroy(&m->lock);
	free(m);
}

static struct change *find(struct memory *m, const struct object *cj)
{
	struct change *change;

	HASH_FIND_STR(m->by_uid, object_uid(cj), change);
	return change;
}

static void note_change(struct memory *m, const struct object *cj, int64_t now)
{
	struct change *change;

	(void)pthread_mutex_lock(&m->lock);
	change = find(m, cj);
	if (!change) {
		change = calloc(1, sizeof(*change));
		if (change && snprintf(change->uid, sizeof(change->uid), "%s", object_uid(cj)) > 0) {
			HASH_ADD_STR(m->by_uid, uid, change);
			if (!change->hh.tbl) {
				free(change);
				change = NULL;
			}
		}
	}
	if (change) /* else, without memory: it is as in Kubernetes */
		change->since = now;
	(void)pthread_mutex_unlock(&m->lock);
}

static void drop_change(struct memory *m, const struct object *cj)
{
	struct change *change;

	(void)pthread_mutex_lock(&m->lock);
	change = find(m, cj);
	if (change)
		forget(m, change);
	(void)pthread_mutex_unlock(&m->lock);
}

/* When the schedule was changed; 0: not that it is known. A clock that was set back since moves that to now. */
static int64_t changed_at(struct memory *m, const struct object *cj, int64_t now)
{
	struct change *change;
	int64_t since = 0;

	(void)pthread_mutex_lock(&m->lock);
	change = find(m, cj);
	if (change) {
		if (change->since > now)
			change->since = now;
		since = change->since;
	}
	(void)pthread_mutex_unlock(&m->lock);
	return since;
}

/* Reads its schedule and zone. False, with an event, when they are none. */
static bool read_schedule(struct controller *c, const struct object *cj, struct cron *schedule, struct zone **zone)
{
	const char *text = value_str_or(object_path(cj, "spec", "schedule"), "");
	const char *name = value_str(object_path(cj, "spec", "timeZone"));
	_cleanup_error_ struct error err = ERROR_INIT;
	int r = name ? zone_load(name, zone) : 0;

	if (r < 0) {
		controller_event(c, cj, EVENT_WARNING, "UnknownTimeZone", "invalid timeZone: \"%s\": %s", name, strerrordesc_np(-r));
		return false;
	}
	if (cron_parse(text, strlen(text), schedule, &err) == 0)
		return true;
	controller_event(c, cj, EVENT_WARNING, "UnparseableSchedule", "unparseable schedule: \"%s\" : %s", text, error_text(&err));
	return false;
}

/* The Jobs that it controls. */
static int list_jobs(struct controller *c, const struct object *cj, struct object_list *ret)
{
	_cleanup_object_list_ struct object_list all = OBJECT_LIST_INIT;
	int r = cache_list_controlled(controller_cache(c), object_uid(cj), &all);

	for (size_t i = 0; i < all.n && r == 0; i++)
		if (!strcmp(object_kind(all.items[i])->plural, "jobs"))
			r = object_list_add(ret, all.items[i]);
	return r;
}

/* Deletes those of the Jobs that are referred to, in the transaction. */
static int delete_active(struct controller *c, struct txn *t, const struct cronjob_plan *plan)
{
	int r = 0;

	for (size_t i = 0; i < plan->n_active && r == 0; i++) {
		_cleanup_object_ struct object *job =
			cache_get_uid(controller_cache(c), value_str_or(value_get(plan->active[i], "uid"), ""));

		if (job && !object_is_deleting(job))
			r = txn_delete(t, job, NULL);
	}
	return r;
}

static void tell_started(struct controller *c, const struct object *cj, const struct cronjob_plan *plan, const char *name)
{
	for (size_t i = 0; plan->replace && i < plan->n_active; i++)
		controller_event(c, cj, EVENT_NORMAL, "SuccessfulDelete", "Deleted job %s",
				 value_str_or(value_get(plan->active[i], "name"), ""));
	controller_event(c, cj, EVENT_NORMAL, "SuccessfulCreate", "Created job %s", name);
}

/* Writes the status; with `started`, a Job that is there or that the transaction makes. */
static int write_status(struct txn *t, const struct object *cj, const struct cronjob_plan *plan, const struct value *started)
{
	struct value *root = value_copy(txn_arena(t), object_root(cj));

	if (!root)
		return -ENOMEM;
	cronjob_set_status(txn_arena(t), root, plan, started);
	return txn_update(t, cj, root, TXN_STATUS, NULL);
}

/* A Job of that name is there already: ours, of which the status does not know, or somebody else's. */
static int take_existing(struct controller *c, struct txn *t, const struct object *cj, const struct cronjob_plan *plan,
			 const char *name)
{
	_cleanup_object_ struct object *job =
		cache_get(controller_cache(c), schema_kind_by_plural("jobs"), object_namespace(cj), name);
	int r;

	if (!job || strcmp(object_controller_uid(job), object_uid(cj)) != 0)
		return write_status(t, cj, plan, NULL);
	r = plan->replace ? delete_active(c, t, plan) : 0;
	return r < 0 ? r : write_status(t, cj, plan, object_root(job));
}

/* Makes the Job and says so in the status, in one transaction. */
static int start(struct controller *c, const struct object *cj, const struct zone *zone, const struct cronjob_plan *plan)
{
	_cleanup_diag_list_ struct diag_list diags = DIAG_LIST_INIT;
	_cleanup_txn_ struct txn *t = txn_new(controller_registry(c), controller_writer(c));
	struct value *job = t ? cronjob_new_job(txn_arena(t), cj, zone, plan->scheduled) : NULL;
	const char *name = value_str_or(value_path(job, "metadata", "name"), "");
	int r = job ? txn_create(t, job, TXN_ADMIT, cj, &diags) : -ENOMEM;

	if (r == -EEXIST || r == -EAGAIN) {
		r = take_existing(c, t, cj, plan, name);
		return r < 0 ? r : txn_commit(t, STORE_LAZY, NULL);
	}
	if (r < 0 && r != -ESTALE && controller_namespace_ends(c, cj))
		return 0;
	if (r < 0 && r != -ESTALE)
		controller_event(c, cj, EVENT_WARNING, "FailedCreate", "Error creating job: %s",
				 controller_refusal(&diags, r, NULL));
	if (r == 0 && plan->replace)
		r = delete_active(c, t, plan);
	if (r == 0)
		r = write_status(t, cj, plan, job);
	if (r == 0)
		r = txn_commit(t, STORE_LAZY, NULL);
	if (r == 0)
		tell_started(c, cj, plan, name);
	return r;
}

static int follow(struct controller *c, const struct object *cj, const struct cronjob_plan *plan)
{
	_cleanup_txn_ struct txn *t = txn_new(controller_registry(c), controller_writer(c));
	int r = t ? write_status(t, cj, plan, NULL) : -ENOMEM;

	return r < 0 ? r : txn_commit(t, STORE_LAZY, NULL);
}

/* Deletes the Jobs of long ago. */
static int expire(struct controller *c, const struct object *cj, const struct cronjob_plan *plan)
{
	int r = 0;

	for (size_t i = 0; i < plan->n_expire && r == 0; i++) {
		_cleanup_buf_ struct buf names = BUF_INIT;

		r = controller_delete(c, &plan->expire[i], 1, NULL, &names);
		if (r == 0 && names.len)
			controller_event(c, cj, EVENT_NORMAL, "SuccessfulDelete", "Deleted job %s", object_name(plan->expire[i]));
		else if (r < 0 && r != -ESTALE)
			controller_event(c, cj, EVENT_WARNING, "FailedDelete", "Deleted job: %s", strerrordesc_np(-r));
	}
	return r;
}

static int count_trigger(struct txn *t, const struct object *cj)
{
	struct value *root = value_copy(txn_arena(t), object_root(cj));

	if (!root)
		return -ENOMEM;
	cronjob_count_trigger(txn_arena(t), root);
	return txn_update(t, cj, root, 0, NULL);
}

/* Makes a Job that was asked for, in the transaction that counts it. One that cannot be made is not asked for any more. */
static int run_now(struct controller *c, const struct object *cj)
{
	_cleanup_diag_list_ struct diag_list diags = DIAG_LIST_INIT;
	_cleanup_txn_ struct txn *t = txn_new(controller_registry(c), controller_writer(c));
	_cleanup_txn_ struct txn *drop = txn_new(controller_registry(c), controller_writer(c));
	struct value *job = t && drop ? cronjob_new_manual_job(txn_arena(t), cj) : NULL;
	int r = job ? txn_create(t, job, TXN_ADMIT, cj, &diags) : -ENOMEM, e;

	if (r == 0)
		r = count_trigger(t, cj);
	if (r == 0)
		r = txn_commit(t, STORE_LAZY, NULL);
	if (r == 0)
		controller_event(c, cj, EVENT_NORMAL, "SuccessfulCreate", "Created job %s",
				 value_str_or(value_path(job, "metadata", "name"), ""));
	if (r == 0 || r == -ESTALE || r == -ENOMEM)
		return r;
	controller_event(c, cj, EVENT_WARNING, "FailedCreate", "Error creating job: %s",
			 controller_refusal(&diags, r, NULL));
	e = count_trigger(drop, cj);
	return e < 0 ? e : txn_commit(drop, STORE_LAZY, NULL);
}

static int64_t sync_cronjob(struct controller *c, const char *key)
{
	_cleanup_object_ struct object *cj = controller_get(c, schema_kind_by_plural("cronjobs"), key);
	_cleanup_object_list_ struct object_list jobs = OBJECT_LIST_INIT;
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_zone_ struct zone *zone = NULL;
	struct cronjob_view v = { .cronjob = cj, .jobs = &jobs, .now = registry_now(controller_registry(c)) };
	struct cronjob_plan plan;
	struct cron schedule;
	int r;

	if (!cj)
		return 0;
	if (cronjob_triggers(cj) > 0 && !object_is_deleting(cj))
		return run_now(c, cj); /* the change brings the next sync */
	if (!read_schedule(c, cj, &schedule, &zone))
		return 0;
	v.schedule = &schedule;
	v.zone = zone;
	v.since = changed_at(controller_data(c), cj, v.now);
	r = list_jobs(c, cj, &jobs);
	if (r == 0)
		r = cronjob_decide(&v, a, &plan);
	if (r < 0)
		return r;
	r = plan.start ? start(c, cj, zone, &plan) : follow(c, cj, &plan);
	if (r < 0)
		return r;
	if (plan.start)
		drop_change(controller_data(c), cj);
	for (size_t i = 0; i < plan.n_notes; i++)
		controller_event(c, cj, plan.notes[i].type, plan.notes[i].reason, "%s", plan.notes[i].message);
	r = expire(c, cj, &plan);
	return r < 0 ? r : plan.wait;
}

static void notice_cronjob(struct controller *c, const struct cache_event *e)
{
	if (!e->now) {
		drop_change(controller_data(c), e->old);
		return;
	}
	if (e->old && (!object_same(e->old, e->now, "spec", "schedule") || !object_same(e->old, e->now, "spec", "timeZone")))
		note_change(controller_data(c), e->now, registry_now(controller_registry(c)));
	controller_add_object(c, e->now);
}

static void notice_job(struct controller *c, const struct cache_event *e)
{
	if (e->old && e->now && object_same(e->old, e->now, "status", "conditions") &&
	    object_same(e->old, e->now, "metadata", "ownerReferences"))
		return;
	if (e->old)
		controller_add_owner(c, e->old, "CronJob");
	if (e->now)
		controller_add_owner(c, e->now, "CronJob");
}

const struct controller_type cronjob_controller = {
	.name = "cronjob-controller",
	.sync = sync_cronjob,
	.init = init,
	.fini = fini,
	.watches = { { "cronjobs", notice_cronjob }, { "jobs", notice_job } },
};
