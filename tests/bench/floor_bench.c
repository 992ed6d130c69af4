/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What there is to compare with.
 * floor_bench start SUBJECT METRIC FILE COMMAND...: from posix_spawn of a command to the first instruction of what it
 *   runs, which is stamp.c writing FILE.
 * floor_bench lmdb DIR: manifests a second that LMDB alone commits. What waits for what differs:
 *   lmdb-puts-by-1     one writer, a synced transaction each: what one cp can be compared with.
 *   lmdb-puts-by-8     eight writers, each waiting for its own put to be synced, and a thread that commits together
 *                      whatever is queued: what eight cp can be compared with.
 *   lmdb-puts-alone-8  the same writers without that thread: each makes a transaction of its own, one after the other,
 *                      as LMDB has one writer at a time.
 *   lmdb-puts-8-a-txn  one writer, eight puts in each transaction: nobody waits. A bound for any group commit of eight.
 * floor_bench field DIR FLOOR METRIC FILE [METRIC FILE]...: what `echo 1 >FILE` takes from open(2) to close(2), each time
 *   when what came of the write before has come to rest. In the same rounds it writes the file FLOOR of a bare FUSE file
 *   system and makes a synced put by LMDB in DIR; the sum of both is the floor of each metric.
 */
#include <lmdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "client.h"

/* A manifest, its object and its declaration: what a Deployment of no replicas takes, about. */
enum { COMMITS = 500, VALUE = 2048, WRITERS = 8 };
/* Of `field`. A pod is made, started and removed again in a quarter of that time. */
enum { ROUNDS = 60, REST_NS = 50000000 };

static void start(const char *subject, const char *metric, const char *file, char *const argv[])
{
	char at[32] = "";
	int64_t from;
	pid_t pid;

	(void)unlink(file);
	from = clock_monotonic();
	pid = spawn(argv);
	join(pid, argv[0]);
	if (!read_file(file, at, sizeof(at)) || !*at)
		die("%s: nothing ran", argv[0]);
	sample(subject, metric, "ms", (double)(strtoll(at, NULL, 10) - from) / 1e6);
}

static void must(int r)
{
	if (r)
		die("lmdb: %s", mdb_strerror(r));
}

static void commit(MDB_env *env, unsigned *next, unsigned n)
{
	static const char value[VALUE];
	MDB_txn *txn = NULL;
	MDB_dbi dbi;

	must(mdb_txn_begin(env, NULL, 0, &txn));
	must(mdb_dbi_open(txn, NULL, 0, &dbi));
	for (unsigned i = 0; i < n; i++) {
		char name[64];
		MDB_val key = { .mv_data = name }, val = { .mv_data = (void *)value, .mv_size = sizeof(value) };

		key.mv_size = (size_t)snprintf(name, sizeof(name), "/deployments/default/web-%u", (*next)++);
		must(mdb_put(txn, dbi, &key, &val, 0));
	}
	must(mdb_txn_commit(txn));
}

/* --- several writers --- */

struct writers {
	MDB_env *env;
	bool alone; /* each commits by itself */
	unsigned next; /* of the keys; if `alone` protected by lock, else the committer's */
	pthread_mutex_t lock; /* if `alone` in LMDB's place; else it guards the rest */
	pthread_cond_t queued, synced;
	unsigned waiting, done; /* puts queued, and synced, since the start */
	unsigned left; /* writers that have more to write */
};

static void commit_alone(struct writers *w)
{
	pthread_mutex_lock(&w->lock);
	commit(w->env, &w->next, 1);
	pthread_mutex_unlock(&w->lock);
}

static void put_and_wait(struct writers *w)
{
	unsigned mine;

	pthread_mutex_lock(&w->lock);
	mine = ++w->waiting;
	pthread_cond_signal(&w->queued);
	while (w->done < mine)
		pthread_cond_wait(&w->synced, &w->lock);
	pthread_mutex_unlock(&w->lock);
}

static void *writer(void *arg)
{
	struct writers *w = arg;

	for (int i = 0; i < COMMITS; i++)
		(w->alone ? commit_alone : put_and_wait)(w);
	pthread_mutex_lock(&w->lock);
	w->left--;
	pthread_cond_signal(&w->queued);
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* Commits whatever is queued, until all have written. */
static void commit_queued(struct writers *w)
{
	pthread_mutex_lock(&w->lock);
	while (w->left) {
		unsigned n = w->waiting - w->done;

		if (!n) {
			pthread_cond_wait(&w->queued, &w->lock);
			continue;
		}
		pthread_mutex_unlock(&w->lock);
		commit(w->env, &w->next, n);
		pthread_mutex_lock(&w->lock);
		w->done += n;
		pthread_cond_broadcast(&w->synced);
	}
	pthread_mutex_unlock(&w->lock);
}

static void lmdb_writers(MDB_env *env, unsigned next, const char *metric, bool alone)
{
	struct writers w = { .env = env, .next = next, .alone = alone, .lock = PTHREAD_MUTEX_INITIALIZER,
			     .queued = PTHREAD_COND_INITIALIZER, .synced = PTHREAD_COND_INITIALIZER, .left = WRITERS };
	int64_t from = clock_monotonic();
	pthread_t threads[WRITERS];

	for (int i = 0; i < WRITERS; i++)
		if (pthread_create(&threads[i], NULL, writer, &w) != 0)
			die("cannot start a thread");
	if (!alone)
		commit_queued(&w);
	for (int i = 0; i < WRITERS; i++)
		(void)pthread_join(threads[i], NULL);
	sample("floor", metric, "/s", WRITERS * COMMITS * 1e3 / ms_since(from));
}

static void lmdb_alone(MDB_env *env, unsigned *next, const char *metric, unsigned batch)
{
	int64_t from = clock_monotonic();

	for (int i = 0; i < COMMITS; i++)
		commit(env, next, batch);
	sample("floor", metric, "/s", COMMITS * batch * 1e3 / ms_since(from));
}

static MDB_env *open_lmdb(const char *dir)
{
	MDB_env *env = NULL;

	must(mdb_env_create(&env));
	must(mdb_env_set_mapsize(env, (size_t)1 << 30));
	must(mdb_env_open(env, dir, 0, 0600));
	return env;
}

static void lmdb(const char *dir)
{
	MDB_env *env = open_lmdb(dir);
	unsigned next = 0;

	lmdb_alone(env, &next, "lmdb-puts-by-1", 1);
	lmdb_alone(env, &next, "lmdb-puts-8-a-txn", WRITERS);
	lmdb_writers(env, next, "lmdb-puts-by-8", false);
	lmdb_writers(env, next + WRITERS * COMMITS, "lmdb-puts-alone-8", true);
	mdb_env_close(env);
}

/* --- fields --- */

static int64_t rest(void)
{
	int64_t from = clock_monotonic();

	look_again(from, REST_NS, "nothing");
	return clock_monotonic();
}

static double us_to_write(const char *path, const char *text)
{
	int64_t from = rest();

	(void)write_file(path, text);
	return ms_since(from) * 1e3;
}

static double us_to_put(MDB_env *env, unsigned *next)
{
	int64_t from = rest();

	commit(env, next, 1);
	return ms_since(from) * 1e3;
}

static void fields(const char *dir, const char *floor, char *const *what, int n)
{
	MDB_env *env = open_lmdb(dir);
	unsigned next = 0;

	for (int i = 0; i < ROUNDS; i++) {
		const char *text = i % 2 ? "0\n" : "1\n"; /* never what is there, which would be no change */
		double put = us_to_put(env, &next), bare = us_to_write(floor, text);

		sample("lmdb", "put-at-rest", "us", put);
		sample("floor", "write-at-rest", "us", bare);
		for (int k = 0; k + 1 < n; k += 2) {
			sample("podfs", what[k], "us", us_to_write(what[k + 1], text));
			sample("floor", what[k], "us", bare + put);
		}
	}
	mdb_env_close(env);
}

int main(int argc, char **argv)
{
	if (argc > 5 && !strcmp(argv[1], "start"))
		start(argv[2], argv[3], argv[4], argv + 5);
	else if (argc == 3 && !strcmp(argv[1], "lmdb"))
		lmdb(argv[2]);
	else if (argc > 5 && !strcmp(argv[1], "field"))
		fields(argv[2], argv[3], argv + 4, argc - 4);
	else
		die("usage: see floor_bench.c");
	return 0;
}
