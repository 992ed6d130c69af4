/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's inbox: what other threads, the cache's callbacks and the store's answers leave for its thread, and wake it for.
 */
#include <string.h>

#include "base/log.h"
#include "node/agent_internal.h"

void agent_wake(struct agent *agent)
{
	uint64_t one = 1;

	if (write(agent->wake_fd, &one, sizeof(one)) < 0) {
		/* ignoring: the counter is full, so the thread is awake */
	}
}

static void put_item(struct inbox_item *i)
{
	struct agent *agent = i->agent;

	pthread_mutex_lock(&agent->lock);
	TAILQ_INSERT_TAIL(&agent->inbox, i, link);
	agent_wake(agent);
	pthread_mutex_unlock(&agent->lock);
}

static struct inbox_item *new_item(struct agent *agent, enum inbox_type type, const char *uid)
{
	struct inbox_item *i = calloc(1, sizeof(*i));

	if (!i)
		return NULL;
	i->agent = agent;
	i->type = type;
	(void)snprintf(i->uid, sizeof(i->uid), "%s", uid);
	return i;
}

void agent_put(struct agent *agent, enum inbox_type type, const struct object *object, const char *uid)
{
	struct inbox_item *i = new_item(agent, type, uid);

	if (!i) {
		log_error("node agent: out of memory, news of pod %s are lost", uid);
		return;
	}
	i->object = object ? object_ref(object) : NULL;
	put_item(i);
}

int agent_put_exec(struct agent *agent, struct agent_exec_job *job, uint64_t id)
{
	struct inbox_item *i = new_item(agent, INBOX_EXEC, "");

	if (!i)
		return -ENOMEM;
	i->exec = job;
	i->exec_id = id;
	put_item(i);
	return 0;
}

/* The store's callback: the item was made when the transaction was. */
static void on_settled(void *arg, int result, uint64_t rev)
{
	struct inbox_item *i = arg;
	struct agent *agent = i->agent;

	i->result = result;
	put_item(i);
	pthread_mutex_lock(&agent->lock);
	if (--agent->in_flight == 0)
		pthread_cond_broadcast(&agent->settled);
	pthread_mutex_unlock(&agent->lock);
}

int agent_submit(struct agent *agent, struct txn *t, unsigned flags, enum inbox_type type, const char *uid)
{
	struct inbox_item *i = new_item(agent, type, uid);
	int r;

	if (!i)
		return -ENOMEM;
	pthread_mutex_lock(&agent->lock);
	agent->in_flight++;
	pthread_mutex_unlock(&agent->lock);
	r = txn_submit(t, flags, on_settled, i);
	if (r < 0) {
		pthread_mutex_lock(&agent->lock);
		agent->in_flight--;
		pthread_mutex_unlock(&agent->lock);
		free(i);
	}
	return r;
}

void agent_note_cleaned(void *arg, const char *uid)
{
	agent_put(arg, INBOX_CLEANED, NULL, uid);
}

void agent_note_measured(struct agent *agent)
{
	agent_put(agent, INBOX_MEASURED, NULL, "");
}

void agent_note_owned(void *arg, const char *path)
{
	struct inbox_item *i = new_item(arg, INBOX_OWNED, "");

	if (i)
		i->path = strdup(path);
	if (i && i->path) {
		put_item(i);
		return;
	}
	free(i);
	log_error("node agent: out of memory, pods that wait for %s are tried again later", path);
}

void agent_inbox_free(struct inbox_item *i)
{
	object_unref(i->object);
	agent_exec_job_free(i->exec);
	free(i->path);
	free(i);
}

void agent_inbox_clear(struct agent *agent)
{
	struct inbox_item *i;

	while ((i = TAILQ_FIRST(&agent->inbox))) {
		TAILQ_REMOVE(&agent->inbox, i, link);
		agent_inbox_free(i);
	}
}
