/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What other threads may ask about running containers. Their process ids are kept here beside the agent's table, which
 * is its own thread's alone.
 */
#include <string.h>

#include "node/agent_internal.h"

struct agent_fact {
	UT_hash_handle hh;
	int64_t pid;
	char key[OBJECT_UID_SIZE + POD_NAME_SIZE];  /* UID/NAME */
	char cgroup[CGROUP_PATH_MAX];
};

static void make_key(char key[static OBJECT_UID_SIZE + POD_NAME_SIZE], const char *uid, const char *name)
{
	(void)snprintf(key, OBJECT_UID_SIZE + POD_NAME_SIZE, "%s/%s", uid, name);
}

void agent_facts_set(struct agent *agent, const struct agent_pod *p, const struct container_run *c)
{
	char key[OBJECT_UID_SIZE + POD_NAME_SIZE];
	bool runs = c->phase == CONTAINER_RUNNING;
	struct agent_fact *f;

	make_key(key, p->uid, c->name);
	pthread_mutex_lock(&agent->facts_lock);
	HASH_FIND_STR(agent->facts, key, f);
	if (!f && runs) {
		f = calloc(1, sizeof(*f)); /* without memory it is not shown, no more */
		if (f) {
			(void)snprintf(f->key, sizeof(f->key), "%s", key);
			(void)snprintf(f->cgroup, sizeof(f->cgroup), "%.440s/%.63s", p->cgroup, c->name);
			HASH_ADD_STR(agent->facts, key, f);
			if (!f->hh.tbl) {
				free(f);
				f = NULL;
			}
		}
	}
	if (f && runs) {
		f->pid = c->pid;
	} else if (f) {
		HASH_DEL(agent->facts, f);
		free(f);
	}
	pthread_mutex_unlock(&agent->facts_lock);
}

void agent_facts_clear(struct agent *agent)
{
	struct agent_fact *f, *next;

	HASH_ITER(hh, agent->facts, f, next) {
		HASH_DEL(agent->facts, f);
		free(f);
	}
}

/* Where a container's cgroup is, and its process; false when it does not run. */
static bool find(struct agent *agent, const char *uid, const char *name, char ret_cgroup[static CGROUP_PATH_MAX], int64_t *ret_pid)
{
	char key[OBJECT_UID_SIZE + POD_NAME_SIZE];
	struct agent_fact *f;

	make_key(key, uid, name);
	pthread_mutex_lock(&agent->facts_lock);
	HASH_FIND_STR(agent->facts, key, f);
	if (f) {
		*ret_pid = f->pid;
		memcpy(ret_cgroup, f->cgroup, sizeof(f->cgroup));
	}
	pthread_mutex_unlock(&agent->facts_lock);
	return f != NULL;
}

int agent_container_facts(struct agent *agent, const char *uid, const char *name, struct agent_container_facts *ret)
{
	char cgroup[CGROUP_PATH_MAX];

	if (!find(agent, uid, name, cgroup, &ret->pid))
		return -ENOENT;
	ret->cpu = cgroup_cpu_usage(agent->cgroups, cgroup);
	ret->memory = cgroup_memory_usage(agent->cgroups, cgroup);
	return 0;
}

int agent_container_usage(struct agent *agent, const char *uid, const char *name, struct agent_container_facts *ret)
{
	char cgroup[CGROUP_PATH_MAX];

	if (!find(agent, uid, name, cgroup, &ret->pid))
		return -ENOENT;
	ret->cpu = cgroup_cpu_usage(agent->cgroups, cgroup);
	ret->memory = cgroup_working_set(agent->cgroups, cgroup);
	return 0;
}
