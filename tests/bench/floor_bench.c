/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What there is to compare with.
 * floor_bench start SUBJECT METRIC FILE COMMAND...: from posix_spawn of a command to the first instruction of what it
 *   runs, which is stamp.c writing FILE.
 * floor_bench lmdb DIR: manifests a second that LMDB alone commits, one after another and eight in a transaction.
 */
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "client.h"

/* A manifest, its object and its declaration: what a Deployment of no replicas takes, about. */
enum { COMMITS = 500, VALUE = 2048 };

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
	static char value[VALUE];
	MDB_txn *txn = NULL;
	MDB_dbi dbi;

	must(mdb_txn_begin(env, NULL, 0, &txn));
	must(mdb_dbi_open(txn, NULL, 0, &dbi));
	for (unsigned i = 0; i < n; i++) {
		char name[64];
		MDB_val key = { .mv_data = name }, val = { .mv_data = value, .mv_size = sizeof(value) };

		key.mv_size = (size_t)snprintf(name, sizeof(name), "/deployments/default/web-%u", (*next)++);
		must(mdb_put(txn, dbi, &key, &val, 0));
	}
	must(mdb_txn_commit(txn));
}

static void lmdb(const char *dir)
{
	static const struct {
		const char *metric;
		unsigned batch;
	} kinds[] = { { "deployments-by-1-cp", 1 }, { "deployments-by-8-cp", 8 } };
	MDB_env *env = NULL;
	unsigned next = 0;

	must(mdb_env_create(&env));
	must(mdb_env_set_mapsize(env, (size_t)1 << 30));
	must(mdb_env_open(env, dir, 0, 0600));
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		int64_t from = clock_monotonic();
		unsigned n = COMMITS * kinds[k].batch;

		for (int i = 0; i < COMMITS; i++)
			commit(env, &next, kinds[k].batch);
		sample("floor", kinds[k].metric, "/s", n * 1e3 / ms_since(from));
	}
	mdb_env_close(env);
}

int main(int argc, char **argv)
{
	if (argc > 5 && !strcmp(argv[1], "start"))
		start(argv[2], argv[3], argv[4], argv + 5);
	else if (argc == 3 && !strcmp(argv[1], "lmdb"))
		lmdb(argv[2]);
	else
		die("usage: see floor_bench.c");
	return 0;
}
