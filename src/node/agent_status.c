/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the agent tells the store. Nothing here waits: each transaction's outcome comes back through the inbox, and a pod
 * has one on its way at a time, so that the next is based on what came of it.
 */
#include <stdarg.h>
#include <string.h>

#include "base/log.h"
#include "node/agent_internal.h"

static const int64_t write_retry = 10 * NSEC_PER_SEC;

void agent_tell(struct agent *agent, const struct agent_pod *p, enum event_type type, const char *reason, const char *fmt,
		...)
{
	va_list ap;

	va_start(ap, fmt);
	event_record_args(agent->registry, "node", p->object, type, reason, fmt, ap);
	va_end(ap);
}

/* The newest version of the pod, or NULL when it has left the store. */
static struct object *newest(struct agent *agent, const struct agent_pod *p)
{
	_cleanup_object_ struct object *o = cache_get_key(registry_cache(agent->registry), object_key(p->object));

	return o && !strcmp(object_uid(o), p->uid) ? steal_ptr(o) : NULL;
}

/* Exits that the write under way brings to the store. */
static void move_records(struct agent_pod *p, int from, int to)
{
	for (size_t i = 0; i < p->run.n; i++)
		if ((int)p->run.containers[i].record == from)
			p->run.containers[i].record = to;
}

static bool has_records(const struct agent_pod *p)
{
	for (size_t i = 0; i < p->run.n; i++)
		if (p->run.containers[i].record != RECORD_NONE)
			return true;
	return false;
}

/* The exits are recorded: podfs-pod need not tell them again. */
static void acknowledge(struct agent_pod *p)
{
	for (size_t i = 0; i < p->run.n; i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		struct container_run *c = &p->run.containers[i];

		if (c->record != RECORD_WRITING)
			continue;
		c->record = RECORD_NONE;
		if (p->sandbox && c->phase == CONTAINER_EXITED)
			(void)sandbox_ack(p->sandbox, c->name, c->run, &err); /* ignoring: it is told again, no more */
	}
}

/* 1: on its way; 0: the store shows it already; negative errno. */
static int submit_status(struct agent *agent, struct agent_pod *p, const struct object *old)
{
	_cleanup_txn_ struct txn *t = txn_new(agent->registry, &agent->writer);
	/* What cannot be observed again is synced; of a pod that leaves the store nothing is. */
	unsigned flags = has_records(p) && !object_is_deleting(old) ? 0 : STORE_LAZY;
	struct value *root;
	int r;

	root = t ? value_copy(txn_arena(t), object_root(old)) : NULL;
	if (!root)
		return -ENOMEM;
	lifecycle_set_status(txn_arena(t), root, &p->run, agent->host_ip, registry_now(agent->registry));
	if (arena_failed(txn_arena(t)))
		return -ENOMEM;
	r = txn_update(t, old, root, TXN_STATUS, NULL);
	if (r < 0 || txn_empty(t))
		return r;
	r = agent_submit(agent, t, flags, INBOX_WRITTEN, p->uid);
	return r < 0 ? r : 1;
}

/* Has a write tried again: at once after a lost race, later after a failure. */
static void write_again(struct agent *agent, struct agent_pod *p, int result)
{
	move_records(p, RECORD_WRITING, RECORD_DUE);
	p->write_due = true;
	if (result != -ESTALE) {
		p->write_at = registry_now(agent->registry) + write_retry;
		log_warning("pod %s/%s: status: %s, tried again later", object_namespace(p->object),
			    object_name(p->object), strerrordesc_np(-result));
	}
}

void agent_write_status(struct agent *agent, struct agent_pod *p)
{
	_cleanup_object_ struct object *o = NULL;
	int r;

	if (p->gone || p->removing)
		return;
	p->write_due = true;
	if (p->writing || p->adopting) /* of an adopted pod nothing is known before podfs-pod has told it */
		return;
	if (p->write_at > registry_now(agent->registry)) {
		p->wake_at = p->write_at < p->wake_at ? p->write_at : p->wake_at;
		return;
	}
	p->write_at = 0;
	p->write_due = false;
	o = newest(agent, p);
	if (!o)
		return; /* the news of its end is in the inbox */
	r = submit_status(agent, p, o);
	move_records(p, RECORD_DUE, RECORD_WRITING);
	p->writing = r > 0;
	if (r == 0)
		acknowledge(p);
	else if (r < 0)
		write_again(agent, p, r);
	if (p->write_at && p->write_at < p->wake_at)
		p->wake_at = p->write_at;
}

void agent_status_written(struct agent *agent, struct agent_pod *p, int result)
{
	p->writing = false;
	if (result == 0)
		acknowledge(p);
	else
		write_again(agent, p, result);
	agent_mark(agent, p);
}

void agent_remove_from_store(struct agent *agent, struct agent_pod *p)
{
	static const struct delete_options now = { .grace_seconds = 0 };
	_cleanup_object_ struct object *o = NULL;
	_cleanup_txn_ struct txn *t = NULL;
	int r;

	if (p->removing || p->removed || p->writing || p->write_due)
		return; /* the last status first */
	o = newest(agent, p);
	if (!o)
		return;
	t = txn_new(agent->registry, &agent->writer);
	r = t ? txn_delete(t, o, &now) : -ENOMEM;
	if (r == 0 && !txn_empty(t))
		r = agent_submit(agent, t, 0, INBOX_REMOVED, p->uid);
	p->removing = r == 0;
	if (r < 0)
		agent_removed(agent, p, r);
}

void agent_removed(struct agent *agent, struct agent_pod *p, int result)
{
	p->removing = false;
	p->removed = result == 0; /* it is gone, or held by a finalizer */
	agent_mark(agent, p);
	if (result == 0 || result == -ESTALE)
		return;
	log_error("pod %s/%s: remove: %s, tried again later", object_namespace(p->object), object_name(p->object),
		  strerrordesc_np(-result));
	p->write_due = true;
	p->write_at = registry_now(agent->registry) + write_retry;
}
