/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All is built in STATE/restore and moved to its place at the end, the store last: a restore that was killed leaves no
 * cluster, and the next one begins anew.
 */
#include "cmd/restore.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/remove.h"
#include "cmd/backup_format.h"
#include "cmd/backup_scratch.h"
#include "store/record.h"
#include "store/snapshot.h"

#define BUILD "restore"
#define NODES "/objects/nodes/"

struct restore {
	struct backup_in in;
	struct backup_header header;
	const char *node_name;
	int state, scratch; /* directories */
	struct store_builder *builder;
	uint64_t records;
};

static void restore_clear(struct restore *r)
{
	if (r->in.file)
		(void)fclose(r->in.file); /* ignoring: it was only read */
	store_builder_free(r->builder);
	close_fdp(&r->scratch);
	if (r->state >= 0)
		(void)remove_tree(r->state, BUILD); /* ignoring: the next restore removes it first */
	close_fdp(&r->state);
}

static int open_backup(struct restore *r, const char *file, struct error *err)
{
	int e;

	r->in.file = fopen(file, "re");
	if (!r->in.file)
		return error_errno(err, -errno, "%s", file);
	e = backup_check(&r->in, &r->header, err);
	if (e < 0) {
		char *why = strdup(error_text(err));

		(void)error_set(err, e, "%s %s", file, why ? why : "cannot be used");
		free(why);
	}
	return e;
}

static int is_there(const struct restore *r, const char *name)
{
	struct stat st;

	return fstatat(r->state, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The state directory, and in it no cluster. */
static int open_state(struct restore *r, const char *state_dir, struct error *err)
{
	_cleanup_free_ char *store = NULL;
	int e;

	if (asprintf(&store, "%s/store", state_dir) < 0)
		return error_set(err, -ENOMEM, "out of memory");
	if (mkdir(state_dir, 0700) < 0 && errno != EEXIST)
		return error_errno(err, -errno, "cannot create %s", state_dir);
	e = store_remove_empty(store, err);
	if (e == -EEXIST)
		return error_set(err, e, "%s holds a cluster already: --restore wants an empty store, which another "
				 "--store lmdb:PATH gives", state_dir);
	if (e < 0)
		return e;
	r->state = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->state < 0)
		return error_errno(err, -errno, "cannot open %s", state_dir);
	if (is_there(r, "scratch") && unlinkat(r->state, "scratch", AT_REMOVEDIR) < 0)
		return error_set(err, -EEXIST, "%s/scratch holds files of another cluster", state_dir);
	return 0;
}

static int start_build(struct restore *r, const char *state_dir, struct error *err)
{
	_cleanup_free_ char *store = NULL;
	int e = remove_tree(r->state, BUILD);

	if (e < 0)
		return error_errno(err, e, "%s/" BUILD, state_dir);
	if (asprintf(&store, "%s/" BUILD "/store", state_dir) < 0)
		return error_set(err, -ENOMEM, "out of memory");
	if (mkdirat(r->state, BUILD, 0700) < 0 || mkdirat(r->state, BUILD "/scratch", 0700) < 0)
		return error_errno(err, -errno, "%s/" BUILD, state_dir);
	r->scratch = openat(r->state, BUILD "/scratch", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->scratch < 0)
		return error_errno(err, -errno, "%s/" BUILD "/scratch", state_dir);
	return store_builder_new(store, r->header.reserved, r->header.reserved + RESTORE_SKIP, &r->builder, err);
}

/* Pods bound to another node are run by nobody here. */
static void note_node(const struct restore *r, const char *key, size_t len)
{
	struct utsname u;
	const char *ours = r->node_name;

	if (len <= sizeof(NODES) - 1 || memcmp(key, NODES, sizeof(NODES) - 1) != 0 || memchr(key, '\0', len))
		return;
	if (!ours)
		ours = uname(&u) == 0 ? u.nodename : "";
	if (strcasecmp(key + sizeof(NODES) - 1, ours) != 0)
		(void)fprintf(stderr, "podfs mount: note: pods bound to node %s do not run on this one, %s; "
			      "--node-name %s makes it theirs\n", key + sizeof(NODES) - 1, ours, key + sizeof(NODES) - 1);
}

static int take_record(struct restore *r, struct error *err)
{
	_cleanup_free_ char *key = NULL, *record = NULL;
	size_t key_len = 0, len = 0;
	int e = backup_get_bytes(&r->in, STORE_KEY_MAX, &key, &key_len);

	if (e == 0)
		e = backup_get_bytes(&r->in, BACKUP_BYTES_MAX, &record, &len);
	if (e < 0)
		return error_errno(err, e, "record %" PRIu64, r->records);
	note_node(r, key, key_len);
	r->records++;
	return store_builder_add(r->builder, key, key_len, record, len, err);
}

static int take_parts(struct restore *r, struct error *err)
{
	for (;;) {
		unsigned char type = 0;
		uint64_t records = 0;
		int e = backup_get(&r->in, &type, 1);

		if (e == 0 && type == BACKUP_RECORD) {
			e = take_record(r, err);
		} else if (e == 0 && strchr("dDfl", type) && type) {
			e = backup_scratch_read(&r->in, type, r->scratch, err);
		} else {
			if (e == 0)
				e = type == BACKUP_END ? backup_get_u64(&r->in, &records) : -EBADMSG;
			if (e == 0 && records != r->records)
				e = -EBADMSG;
			return e < 0 ? error_errno(err, e, "the backup") : store_builder_finish(r->builder, err);
		}
		if (e < 0)
			return e;
	}
}

/* Makes it durable, then the cluster's. */
static int finish(struct restore *r, const char *state_dir, struct error *err)
{
	store_builder_free(steal_ptr(r->builder));
	if (syncfs(r->state) < 0)
		return error_errno(err, -errno, "cannot sync %s", state_dir);
	if (renameat(r->state, BUILD "/scratch", r->state, "scratch") < 0 ||
	    renameat(r->state, BUILD "/store", r->state, "store") < 0)
		return error_errno(err, -errno, "%s", state_dir);
	if (fsync(r->state) < 0)
		return error_errno(err, -errno, "cannot sync %s", state_dir);
	return 0;
}

int restore_cluster(const char *file, const char *state_dir, const char *node_name, struct error *err)
{
	_cleanup_(restore_clear) struct restore r = { .node_name = node_name, .state = -1, .scratch = -1 };
	char when[32] = "";
	struct tm tm;
	time_t t;
	int e = open_backup(&r, file, err);

	if (e == 0)
		e = open_state(&r, state_dir, err);
	if (e == 0)
		e = start_build(&r, state_dir, err);
	if (e == 0) {
		e = take_parts(&r, err);
		if (e < 0)
			error_wrap(err, "%s", file);
	}
	if (e == 0)
		e = finish(&r, state_dir, err);
	if (e < 0)
		return e;
	t = (time_t)r.header.time;
	if (gmtime_r(&t, &tm))
		(void)strftime(when, sizeof(when), "%FT%TZ", &tm);
	(void)fprintf(stderr, "podfs mount: restored %" PRIu64 " records of a backup of %s\n", r.records, when);
	return 0;
}
