/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cleaner.h"

#include <bsd/sys/queue.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/remove.h"
#include "node/gonelogs.h"

enum { BATCH_MAX = 256 };

/* How long a podfs-pod that has closed its socket is given to end, in milliseconds. */
static const int child_patience = 10000;
/* How long the kernel is given to let go of a cgroup whose last process has been reaped. */
static const int64_t cgroup_patience = 10 * NSEC_PER_SEC;
static const int64_t cgroup_pause = NSEC_PER_MSEC;
static const int64_t kill_after = 50 * NSEC_PER_MSEC;

struct job {
	STAILQ_ENTRY(job) link;
	char *uid; /* NULL: only a directory; "": only logs of pods that are gone */
	char *cgroup, *run_dir, *dir, *log_dir;
	bool network;
	pid_t child;
};

STAILQ_HEAD(jobs, job);

struct cleaner {
	struct cgroups *cgroups;
	const struct agent_network *network;
	void *network_arg;
	void (*done)(void *arg, const char *uid);
	void *arg;
	struct gonelogs logs; /* of the thread */
	pthread_t thread;
	pthread_mutex_t lock; /* protects what follows */
	pthread_cond_t changed;
	struct jobs jobs;
	bool stopping;
};

static void free_job(struct job *j)
{
	free(j->uid);
	free(j->cgroup);
	free(j->run_dir);
	free(j->dir);
	free(j->log_dir);
	free(j);
}

static void reap(pid_t pid)
{
	_cleanup_close_ int fd = -1;
	struct pollfd p = { .events = POLLIN };

	if (!pid || waitpid(pid, NULL, WNOHANG) != 0)
		return;
	fd = p.fd = pidfd_open(pid, 0);
	if (fd < 0 || poll(&p, 1, child_patience) <= 0 || waitpid(pid, NULL, WNOHANG) == 0)
		log_warning("podfs-pod %d does not end, ignoring", (int)pid);
}

/*
 * A cgroup is busy for a moment after its last process was reaped: it is tried again until then. What still runs in it
 * by kill_after has outlived a podfs-pod that was killed, and is killed.
 */
static void remove_cgroup(struct cleaner *c, const char *path)
{
	const struct timespec pause = { .tv_nsec = cgroup_pause };
	int64_t start = clock_monotonic();
	int r;

	while ((r = cgroup_remove(c->cgroups, path)) == -EBUSY && clock_monotonic() - start < cgroup_patience) {
		if (clock_monotonic() - start > kill_after)
			cgroup_kill(c->cgroups, path);
		(void)ppoll(NULL, 0, &pause, NULL);
	}
	if (r < 0)
		log_warning("cgroup %s: remove: %s, ignoring", path, strerrordesc_np(-r));
}

static void remove_dir(const char *path)
{
	int r = path ? remove_tree(AT_FDCWD, path) : 0;

	if (r < 0)
		log_warning("%s: remove: %s, ignoring", path, strerrordesc_np(-r));
}

static void release_network(struct cleaner *c, struct job *const *jobs, size_t n)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	const char *uids[BATCH_MAX];
	size_t m = 0;

	for (size_t i = 0; i < n; i++)
		if (jobs[i]->network)
			uids[m++] = jobs[i]->uid;
	if (m && c->network->release(c->network_arg, uids, m, &err) < 0)
		log_warning("%s, ignoring", error_text(&err));
}

static void work(struct cleaner *c, struct job *const *jobs, size_t n)
{
	release_network(c, jobs, n);
	for (size_t i = 0; i < n; i++) {
		reap(jobs[i]->child);
		if (jobs[i]->cgroup)
			remove_cgroup(c, jobs[i]->cgroup);
		remove_dir(jobs[i]->run_dir);
		remove_dir(jobs[i]->dir);
		if (jobs[i]->log_dir)
			gonelogs_add(&c->logs, jobs[i]->log_dir, clock_realtime());
		if (jobs[i]->uid && !*jobs[i]->uid)
			gonelogs_drop(&c->logs);
		if (jobs[i]->uid)
			c->done(c->arg, jobs[i]->uid);
		free_job(jobs[i]);
	}
}

/* Called with the lock held, which it drops. */
static void wait_for_job(struct cleaner *c)
{
	const struct timespec due = { .tv_sec = c->logs.next / NSEC_PER_SEC, .tv_nsec = c->logs.next % NSEC_PER_SEC };

	if (c->logs.next == INT64_MAX) {
		pthread_cond_wait(&c->changed, &c->lock);
	} else if (pthread_cond_timedwait(&c->changed, &c->lock, &due) == ETIMEDOUT) {
		pthread_mutex_unlock(&c->lock);
		gonelogs_expire(&c->logs, clock_realtime());
		pthread_mutex_lock(&c->lock);
	}
}

/* Takes all that waits, BATCH_MAX at most; 0 when it is time to end. */
static size_t take(struct cleaner *c, struct job *jobs[static BATCH_MAX])
{
	size_t n = 0;

	pthread_mutex_lock(&c->lock);
	while (STAILQ_EMPTY(&c->jobs) && !c->stopping)
		wait_for_job(c);
	for (; n < BATCH_MAX && !STAILQ_EMPTY(&c->jobs); n++) {
		jobs[n] = STAILQ_FIRST(&c->jobs);
		STAILQ_REMOVE_HEAD(&c->jobs, link);
	}
	pthread_mutex_unlock(&c->lock);
	return n;
}

static void *run(void *arg)
{
	struct job *jobs[BATCH_MAX];
	struct cleaner *c = arg;
	size_t n;

	gonelogs_expire(&c->logs, clock_realtime());
	while ((n = take(c, jobs)))
		work(c, jobs, n);
	return NULL;
}

int cleaner_start(struct cgroups *cg, const char *log_dir, const struct agent_network *network, void *network_arg,
		  void (*done)(void *arg, const char *uid), void *arg, struct cleaner **ret)
{
	struct cleaner *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	*c = (struct cleaner){ .cgroups = cg, .network = network, .network_arg = network_arg, .done = done, .arg = arg };
	r = gonelogs_init(&c->logs, log_dir);
	if (r < 0) {
		free(c);
		return r;
	}
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->changed, NULL);
	STAILQ_INIT(&c->jobs);
	r = -pthread_create(&c->thread, NULL, run, c);
	if (r < 0) {
		gonelogs_clear(&c->logs);
		free(c);
		return r;
	}
	(void)pthread_setname_np(c->thread, "cleaner"); /* ignoring: only for people */
	*ret = c;
	return 0;
}

void cleaner_stop(struct cleaner *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	c->stopping = true;
	pthread_cond_signal(&c->changed);
	pthread_mutex_unlock(&c->lock);
	pthread_join(c->thread, NULL);
	pthread_cond_destroy(&c->changed);
	pthread_mutex_destroy(&c->lock);
	gonelogs_clear(&c->logs);
	free(c);
}

static void add_job(struct cleaner *c, struct job *j)
{
	pthread_mutex_lock(&c->lock);
	STAILQ_INSERT_TAIL(&c->jobs, j, link);
	pthread_cond_signal(&c->changed);
	pthread_mutex_unlock(&c->lock);
}

int cleaner_add_dir(struct cleaner *c, const char *dir)
{
	struct job *j = calloc(1, sizeof(*j));

	if (!j)
		return -ENOMEM;
	j->dir = strdup(dir);
	if (!j->dir) {
		free_job(j);
		return -ENOMEM;
	}
	add_job(c, j);
	return 0;
}

int cleaner_drop_gone(struct cleaner *c)
{
	return cleaner_add(c, &(struct cleaner_job){ .uid = "" });
}

static bool copy(char **to, const char *from)
{
	*to = from ? strdup(from) : NULL;
	return *to || !from;
}

int cleaner_add(struct cleaner *c, const struct cleaner_job *job)
{
	struct job *j = calloc(1, sizeof(*j));

	if (!j)
		return -ENOMEM;
	j->network = job->network;
	j->child = job->child;
	if (!copy(&j->uid, job->uid) || !copy(&j->cgroup, job->cgroup) || !copy(&j->run_dir, job->run_dir) ||
	    !copy(&j->dir, job->dir) || !copy(&j->log_dir, job->log_dir)) {
		free_job(j);
		return -ENOMEM;
	}
	add_job(c, j);
	return 0;
}
