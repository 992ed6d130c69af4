/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that people run in containers: `podfs exec`. Who may is decided above; what runs is podfs-pod's. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "node/agent_internal.h"

enum { COPY_GRACE_MS = 2000 }; /* for a copy that nobody waits for any more to remove what it has half written */

/* One of them. */
struct agent_exec_job {
	UT_hash_handle hh;
	uint64_t id;	    /* the caller's */
	uint64_t request;   /* podfs-pod's; 0: not sent yet */
	struct agent_exec exec;
	char *strings;	    /* owned: what exec's strings point into */
	const char **args;  /* owned */
	char uid[OBJECT_UID_SIZE];
	char container[POD_NAME_SIZE];
	agent_exec_fn fn;
	void *arg;
};

void agent_exec_job_free(struct agent_exec_job *job)
{
	if (!job)
		return;
	free(job->strings);
	free(job->args);
	free(job);
}
DEFINE_CLEANUP(struct agent_exec_job *, agent_exec_job_free);
#define _cleanup_job_ _cleanup_(agent_exec_job_freep)

/* --- any thread --- */

static int copy_strings(struct agent_exec_job *job, const struct agent_exec *e)
{
	const char **to[] = { &job->exec.namespace, &job->exec.pod, &job->exec.container };
	const char *from[] = { e->namespace, e->pod, e->container };
	_cleanup_buf_ struct buf b = BUF_INIT;
	const char *at;

	job->args = calloc(e->n_args + 1, sizeof(*job->args));
	for (size_t i = 0; i < ARRAY_SIZE(from); i++)
		buf_append(&b, from[i], strlen(from[i]) + 1);
	for (size_t i = 0; i < e->n_args; i++)
		buf_append(&b, e->args[i], strlen(e->args[i]) + 1);
	job->strings = buf_steal(&b, NULL);
	if (!job->strings || !job->args)
		return -ENOMEM;
	at = job->strings;
	for (size_t i = 0; i < ARRAY_SIZE(to); i++, at += strlen(at) + 1)
		*to[i] = at;
	for (size_t i = 0; i < e->n_args; i++, at += strlen(at) + 1)
		job->args[i] = at;
	job->exec.args = job->args;
	return 0;
}

int agent_exec(struct agent *agent, const struct agent_exec *e, agent_exec_fn fn, void *arg)
{
	_cleanup_job_ struct agent_exec_job *job = calloc(1, sizeof(*job));
	int r;

	if (!job)
		return -ENOMEM;
	*job = (struct agent_exec_job){ .id = e->id, .exec = *e, .fn = fn, .arg = arg };
	r = copy_strings(job, e);
	if (r == 0)
		r = agent_put_exec(agent, job, e->id);
	if (r == 0)
		(void)steal_ptr(job);
	return r;
}

void agent_exec_hang_up(struct agent *agent, uint64_t id)
{
	(void)agent_put_exec(agent, NULL, id); /* ignoring: it ends by itself then */
}

/* --- the agent's thread --- */

static void fail(struct agent_exec_job *job, int code, const char *text)
{
	job->fn(job->arg, &(struct agent_exec_reply){ .type = AGENT_EXEC_FAILED, .code = code, .fd = -1, .text = text });
	agent_exec_job_free(job);
}

static struct agent_pod *find_pod(struct agent *agent, const struct agent_exec *e)
{
	struct agent_pod *p, *next;

	HASH_ITER(hh, agent->pods, p, next) {
		if (!p->gone && !strcmp(object_name(p->object), e->pod) && !strcmp(object_namespace(p->object), e->namespace))
			return p;
	}
	return NULL;
}

/* kubectl's own choice of a container where none is named. */
static struct container_run *find_container(struct agent_pod *p, const char *name)
{
	const char *usual = value_str(object_path(p->object, "metadata", "annotations", "kubectl.kubernetes.io/default-container"));

	if (*name)
		return lifecycle_find(&p->run, name);
	if (usual && lifecycle_find(&p->run, usual))
		return lifecycle_find(&p->run, usual);
	return p->run.n > p->run.n_init ? &p->run.containers[p->run.n_init] : NULL;
}

static int start(struct agent *agent, struct agent_exec_job *job, struct error *err)
{
	const struct agent_exec *e = &job->exec;
	struct agent_pod *p = find_pod(agent, e);
	struct container_run *c = p ? find_container(p, e->container) : NULL;

	if (!p)
		return error_set(err, -ESRCH, "pod %s/%s is not on this node", e->namespace, e->pod);
	if (!c)
		return error_set(err, -ESRCH, "pod %s has no container \"%s\"", e->pod, e->container);
	if (c->phase != CONTAINER_RUNNING || !p->sandbox)
		return error_set(err, -ESRCH, "container %s of pod %s does not run", c->name, e->pod);
	memcpy(job->uid, p->uid, sizeof(job->uid));
	(void)snprintf(job->container, sizeof(job->container), "%s", c->name);
	if (!e->n_args)
		return sandbox_attach(p->sandbox, c->name, (const int[]){ e->stdio[1], e->stdio[2], e->stdio[0], e->sizes },
				      e->input ? 4 : 2, &job->request, err);
	return agent_launch_exec(agent, p, c, e->args, e->n_args, e->tty ? NULL : e->stdio, e->copy ? "cp" : NULL,
				 &job->request, err);
}

void agent_exec_take(struct agent *agent, struct agent_exec_job *job, uint64_t id)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct agent_pod *p;
	int r;

	if (job) {
		r = start(agent, job, &err);
		if (r < 0) {
			fail(job, r, error_text(&err));
			return;
		}
		HASH_ADD(hh, agent->execs, id, sizeof(job->id), job);
		if (!job->hh.tbl)
			fail(job, -ENOMEM, "out of memory");
		return;
	}
	HASH_FIND(hh, agent->execs, &id, sizeof(id), job);
	if (!job)
		return;
	HASH_FIND_STR(agent->pods, job->uid, p);
	if (p && p->sandbox)
		(void)sandbox_stop_exec(p->sandbox, job->container, job->request, job->exec.copy ? SIGTERM : SIGKILL,
					job->exec.copy ? COPY_GRACE_MS : 0, &err); /* ignoring: it may have ended */
}

/* What to tell a person of what podfs-pod refused. */
static const char *why(const struct agent_exec_job *job, const struct sandbox_event *ev)
{
	bool attach = !job->exec.n_args;

	if (ev->type != SANDBOX_ERROR)
		return ev->text;
	switch (ev->code) {
	case -ENOTCONN:
		return "the container takes no input: it has no stdin, or stdinOnce and somebody had it before";
	case -EOPNOTSUPP:
		return "the pod was started by an older podfs, which cannot do this; a pod that is started anew can";
	case -EAGAIN:
		return attach ? "too many are attached to the pod" : "too many programs are run beside the pod's own";
	case -ENOENT:
		return "the container does not run";
	default:
		return ev->text;
	}
}

/* That the container has ended is told alike whoever sees it first, podfs-pod or the agent. */
static int code_of(const struct sandbox_event *ev)
{
	if (ev->type == SANDBOX_ERROR && ev->code == -ENOENT)
		return -ESRCH;
	return ev->code < 0 ? ev->code : -EIO;
}

bool agent_exec_event(struct agent *agent, struct agent_pod *p, struct sandbox_event *ev)
{
	struct agent_exec_job *job, *next;
	struct agent_exec_reply r = { .fd = -1, .code = ev->exit_code };

	HASH_ITER(hh, agent->execs, job, next) {
		if (job->request != ev->id || strcmp(job->uid, p->uid) != 0)
			continue;
		if (ev->type == SANDBOX_EXEC_STARTED) {
			r.type = AGENT_EXEC_STARTED;
			r.fd = steal_fd(&ev->fd);
			job->fn(job->arg, &r);
			return true;
		}
		if (ev->type == SANDBOX_ATTACHED) { /* and what comes of it concerns nobody here */
			job->fn(job->arg, &(struct agent_exec_reply){ .type = AGENT_EXEC_STARTED, .fd = -1 });
			r.code = 0;
		}
		HASH_DEL(agent->execs, job);
		if (ev->type == SANDBOX_ERROR || ev->code < 0) {
			fail(job, code_of(ev), why(job, ev));
			return true;
		}
		r.type = AGENT_EXEC_EXITED;
		job->fn(job->arg, &r);
		agent_exec_job_free(job);
		return true;
	}
	return false;
}

void agent_exec_lost(struct agent *agent, const struct agent_pod *p)
{
	struct agent_exec_job *job, *next;

	HASH_ITER(hh, agent->execs, job, next) {
		if (strcmp(job->uid, p->uid) != 0)
			continue;
		HASH_DEL(agent->execs, job);
		fail(job, -ESRCH, "the pod has ended");
	}
}

void agent_exec_clear(struct agent *agent)
{
	struct agent_exec_job *job, *next;

	HASH_ITER(hh, agent->execs, job, next) {
		HASH_DEL(agent->execs, job);
		agent_exec_job_free(job);
	}
}
