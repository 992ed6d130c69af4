/* SPDX-License-Identifier: Apache-2.0 */
/*
 * podfs backup: reads the store from outside, as of one moment, whether its daemon runs or not (store/snapshot.h), then the
 * scratch beside it. The daemon is not asked and does not wait.
 */
#include <fcntl.h>
#include <getopt.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cmd/backup_format.h"
#include "cmd/backup_scratch.h"
#include "cmd/commands.h"
#include "cmd/mounts.h"
#include "store/record.h"
#include "store/snapshot.h"

static const char help[] =
	"usage: podfs backup [--run-dir PATH] DIRECTORY FILE\n"
	"       podfs backup --store lmdb:PATH FILE\n"
	"Writes the state of the cluster mounted at DIRECTORY, or of the one kept below PATH, to FILE, which podfs mount\n"
	"--restore reads. The cluster may be running, and is not stopped. FILE is replaced when the backup is whole; - is\n"
	"standard output. Images, volumes' data and containers' files are not part of it; Secrets are.\n\n"
	"  --run-dir PATH     of the daemon (default " DEFAULT_RUN_DIR ")\n"
	"  --store lmdb:PATH  of a cluster that need not be mounted\n"
	"  --help             this text\n";

static const struct option long_options[] = {
	{ "run-dir", required_argument, NULL, 'r' },
	{ "store", required_argument, NULL, 's' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

/* Where the backup goes. It has no name, or one that begins with a dot, until it is whole. */
struct target {
	char *dir, *tmp; /* owned; tmp NULL: it has none */
	const char *path;
	FILE *file;
};

static void target_clear(struct target *t)
{
	if (t->file)
		(void)fclose(t->file); /* ignoring: what was to be kept is flushed and synced */
	if (t->tmp)
		(void)unlink(t->tmp); /* ignoring: it has been renamed, mostly */
	free(t->tmp);
	free(t->dir);
}

static int target_open(struct target *t, struct error *err)
{
	const char *slash = strrchr(t->path, '/');
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (stat(t->path, &st) == 0 && !S_ISREG(st.st_mode))
		return error_set(err, S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL, "%s is no regular file", t->path);
	if (asprintf(&t->dir, "%.*s", slash ? (int)(slash - t->path) + 1 : 2, slash ? t->path : "./") < 0)
		return error_set(err, -ENOMEM, "out of memory");
	fd = open(t->dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) { /* not with this file system */
		if (asprintf(&t->tmp, "%s.podfs-backup.XXXXXX", t->dir) < 0)
			return error_set(err, -ENOMEM, "out of memory");
		fd = mkostemp(t->tmp, O_CLOEXEC);
	}
	t->file = fd < 0 ? NULL : fdopen(fd, "we");
	if (!t->file)
		return error_errno(err, -errno, "%s", t->path);
	steal_fd(&fd);
	return 0;
}

/* Makes it durable and gives it its name. */
static int target_keep(struct target *t, struct error *err)
{
	_cleanup_close_ int dir = open(t->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char self[64];

	if (fsync(fileno(t->file)) < 0)
		return error_errno(err, -errno, "cannot sync %s", t->path);
	if (!t->tmp) {
		(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fileno(t->file));
		if (asprintf(&t->tmp, "%s.podfs-backup.%d", t->dir, getpid()) < 0)
			return error_set(err, -ENOMEM, "out of memory");
		(void)unlink(t->tmp); /* ignoring: of a backup of that number that was killed; linkat() tells */
		if (linkat(AT_FDCWD, self, AT_FDCWD, t->tmp, AT_SYMLINK_FOLLOW) < 0)
			return error_errno(err, -errno, "%s", t->tmp);
	}
	if (rename(t->tmp, t->path) < 0 || dir < 0 || fsync(dir) < 0)
		return error_errno(err, -errno, "%s", t->path);
	return 0;
}

static int put_record(void *arg, const void *key, size_t key_len, const void *record, size_t len, struct error *err)
{
	struct backup_out *o = arg;

	backup_put(o, &(char){ BACKUP_RECORD }, 1);
	backup_put_bytes(o, key, key_len);
	backup_put_bytes(o, record, len);
	o->records++;
	return o->error ? error_errno(err, o->error, "cannot write") : 0;
}

static int put_store(struct backup_out *o, const char *state_dir, struct error *err)
{
	_cleanup_(store_snapshot_closep) struct store_snapshot *s = NULL;
	struct backup_header h = { .store_format = RECORD_FORMAT, .time = (uint64_t)time(NULL), .version = PACKAGE_VERSION };
	unsigned char head[BACKUP_HEADER_SIZE];
	_cleanup_free_ char *store = NULL;
	int r;

	if (asprintf(&store, "%s/store", state_dir) < 0)
		return error_set(err, -ENOMEM, "out of memory");
	r = store_snapshot_open(store, &s, err);
	if (r < 0)
		return r;
	h.reserved = store_snapshot_reserved(s);
	backup_header_encode(&h, head);
	backup_put(o, head, sizeof(head));
	return store_snapshot_each(s, put_record, o, err);
}

static int put_scratch(struct backup_out *o, const char *state_dir, struct error *err)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;

	if (asprintf(&path, "%s/scratch", state_dir) < 0)
		return error_set(err, -ENOMEM, "out of memory");
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : error_errno(err, -errno, "%s", path);
	return backup_scratch_write(o, fd, err);
}

static int put_cluster(const char *state_dir, FILE *file, struct error *err)
{
	struct backup_out o = { .file = file };
	int r = put_store(&o, state_dir, err);

	if (r == 0)
		r = put_scratch(&o, state_dir, err);
	if (r < 0 && !o.error)
		return r;
	r = backup_finish(&o);
	return r < 0 ? error_errno(err, r, "cannot write") : 0;
}

static int write_backup(const char *state_dir, const char *path, struct error *err)
{
	_cleanup_(target_clear) struct target t = { .path = path };
	int r;

	if (!strcmp(path, "-"))
		return isatty(STDOUT_FILENO) ? error_set(err, -EINVAL, "a backup is not written to a terminal") :
					       put_cluster(state_dir, stdout, err);
	r = target_open(&t, err);
	if (r < 0)
		return r;
	r = put_cluster(state_dir, t.file, err);
	if (r < 0)
		return error_wrap(err, "%s", path);
	return target_keep(&t, err);
}

/* The state directory of a store; NULL when it has none. */
static const char *store_dir(const char *store, struct error *err)
{
	if (!strncmp(store, "lmdb:/", 6))
		return store + 5;
	if (!strcmp(store, "memory:"))
		error_set(err, -ENOTSUP, "the cluster is in memory (--store memory:), which cannot be backed up");
	else
		error_set(err, -EINVAL, "--store %s: want lmdb: and an absolute path", store);
	return NULL;
}

static int backup_cluster(const char *store, const char *run_dir, const char *dir, const char *file, struct error *err)
{
	_cleanup_mount_record_ struct mount_record m = { 0 };
	_cleanup_free_ char *mountpoint = store ? NULL : mountpoint_path(dir);
	const char *state_dir;
	int r;

	if (!store) {
		if (!mountpoint)
			return error_errno(err, -errno, "%s", dir);
		r = mount_record_read(run_dir, mountpoint, &m, err);
		if (r == -ENOENT)
			return error_set(err, r, "%s: no podfs is known to be mounted there; --store lmdb:PATH backs up "
					 "a cluster that is not mounted", mountpoint);
		if (r < 0)
			return r;
		store = m.strings[0];
	}
	state_dir = store_dir(store, err);
	return state_dir ? write_backup(state_dir, file, err) : err->code;
}

int cmd_backup(int argc, char **argv)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	const char *run_dir = DEFAULT_RUN_DIR, *store = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		if (c == 'h') {
			(void)fputs(help, stdout);
			return 0;
		}
		if (c == 's')
			store = optarg;
		else if (c == 'r')
			run_dir = optarg;
		else
			return 2;
	}
	if (optind != argc - (store ? 1 : 2)) {
		(void)fprintf(stderr, "podfs backup: want a directory and a file, or --store and a file; see podfs backup "
			      "--help\n");
		return 2;
	}
	if (backup_cluster(store, run_dir, store ? NULL : argv[optind], argv[argc - 1], &err) < 0) {
		(void)fprintf(stderr, "podfs backup: %s\n", error_text(&err));
		return 1;
	}
	return 0;
}
