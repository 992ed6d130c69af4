/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mount: one FUSE session that shows the cluster as a tree of files (podfs(7)).
 *
 * One thread, the loop, serves every request and never waits: it answers from memory and parks what must wait for the
 * disk or for another program. Regions of the tree are tables of operations (fs/node.h), one file each.
 */
#ifndef PODFS_FS_SESSION_H
#define PODFS_FS_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/error.h"
#include "store/registry.h"

struct fs;

/* One image, as images/ shows it. Strings live until the list is given back. */
struct fs_image {
	const char *name;   /* "docker.io/library/nginx:1.14.2" */
	const char *digest; /* "sha256:…"; NULL while it is being pulled, with what follows but for the progress */
	uint64_t done, total; /* of a pull: bytes that have come, and those there are; total 0: not known yet */
	int64_t size;	    /* bytes, unpacked */
	int64_t created;    /* ns since 1970 UTC */
	const char *const *layers; /* digests, bottom first; NULL-terminated */
};

/*
 * What images/ asks of the node agent. All members may be NULL: images/ is empty then and imports answer EOPNOTSUPP.
 * list and generation are called on the loop and must answer from memory, or nearly. An import and a removal are started on the
 * loop and end with one call of `done` from any thread (also from within the call); message (may be NULL) is for
 * people and is copied. Which images are in use, images/ finds in the cache itself.
 */
struct fs_images_ops {
	/* Calls `each` for every image name; its struct lives for the call only. Returns 0 or -ENOMEM. */
	int (*list)(void *arg, int (*each)(void *each_arg, const struct fs_image *image), void *each_arg);
	/* Changes whenever the list does. */
	uint64_t (*generation)(void *arg);
	/* Imports the archive behind fd, which stays the caller's until done. `name`: of the file. */
	int (*import_start)(void *arg, int fd, const char *name,
			    void (*done)(void *done_arg, int result, const char *message), void *done_arg);
	/* Removes a name; -EBUSY when it is in use. */
	int (*remove_start)(void *arg, const char *name,
			    void (*done)(void *done_arg, int result, const char *message), void *done_arg);
	/* Whether a manifest's reference means the image of that digest. NULL: not known. */
	bool (*means)(void *arg, const char *reference, const char *digest);
	/* Whether a volume of the pod was made of the image of that digest, whatever its reference means by now; true also when
	 * that cannot be found out. Asked of pods with such volumes only, since it looks into small files. NULL: none is. */
	bool (*mounts)(void *arg, const char *pod_uid, const char *digest);
};

/* What a pod's containers/ shows of a container that runs. */
struct fs_container_facts {
	pid_t pid;	/* on this node; 0: none */
	int64_t cpu;	/* time used, ns; -1: unknown */
	int64_t memory; /* bytes; -1: unknown */
};

/* What the mount asks of the node agent about pods. Members may be NULL; called on the loop, and must not wait. */
struct fs_node_ops {
	/* -ENOENT: it does not run here. */
	int (*container)(void *arg, const char *pod_uid, const char *container, struct fs_container_facts *ret);
	/* The same, with the working set as memory: for a pod's metrics. */
	int (*usage)(void *arg, const char *pod_uid, const char *container, struct fs_container_facts *ret);
};

struct fs_config {
	const char *mountpoint;	 /* absolute; must be an empty directory (made if absent) */
	/* Of the holder: /dev/fuse opened O_NONBLOCK, and a memfd for what the next daemon is to know (fs/keep.h). Both
	 * 0: there is no holder. They stay the caller's. */
	int fuse_fd, keep_fd;
	const char *state_dir;	 /* scratch/, rejected/, images-incoming/ and errors are made below it, for root alone */
	const char *log_dir;	 /* the CRI logs, "/var/log/pods"; may be NULL */
	const char *run_dir;	 /* where podfs-pod keeps its sockets; may be NULL */
	const char *version;	 /* "0.1.0" */
	struct registry *registry;
	int64_t settle_ms;	 /* --settle; -1: the default, FS_SETTLE_MS */
	const struct fs_images_ops *images; /* may be NULL */
	void *images_arg;
	const struct fs_node_ops *node; /* may be NULL */
	void *node_arg;
	/* Called once, on the loop, when the kernel has been answered INIT: the tree can be used. May be NULL. */
	void (*ready)(void *arg);
	void *ready_arg;
	/* Appends metrics of other floors in Prometheus text format; on the loop. May be NULL. */
	void (*metrics)(void *arg, struct buf *out);
	void *metrics_arg;
	/* Appends what is unhealthy, a line each, nothing when all is well; on the loop. May be NULL. */
	void (*health)(void *arg, struct buf *out);
	void *health_arg;
};

enum { FS_SETTLE_MS = 2000, FS_SETTLE_MAX_MS = 60000 };

/*
 * Prepares a session: loads the declarations from the store, makes the directories. The strings are copied; registry,
 * images and arguments must outlive it. Does not mount.
 */
int fs_session_new(const struct fs_config *config, struct fs **ret, struct error *err);

/*
 * Mounts: detaches what a dead daemon left, makes the mount point 0555 and immutable where the file system can,
 * and mounts "podfs" of type fuse.podfs over it. -EBUSY when something live is mounted there, -ENOTEMPTY when the directory
 * holds anything.
 */
int fs_session_mount(struct fs *fs, struct error *err);

/* Whether the mount was taken over from an earlier daemon. */
bool fs_session_taken_over(const struct fs *fs);

/*
 * After fs_session_run(): makes room for the next daemon, which finds the mount and all that is open. What is under way
 * in the store is finished first. Nothing may be called with fs any more, not even fs_session_free(): the process is to end.
 */
void fs_session_hand_over(struct fs *fs);

/* Serves until the mount is gone (umount(8) from outside) or fs_session_stop(). 0, or why the loop could not go on. */
int fs_session_run(struct fs *fs, struct error *err);

/* Makes fs_session_run() return soon. Any thread, and signal handlers. */
void fs_session_stop(struct fs *fs);

/* Whether the mount went from outside rather than by fs_session_stop(). */
bool fs_session_unmounted(const struct fs *fs);

/* Unmounts if mounted, answers what is parked, and frees. The store must still be open. NULL is fine. */
void fs_session_free(struct fs *fs);
DEFINE_CLEANUP(struct fs *, fs_session_free);
#define _cleanup_fs_ _cleanup_(fs_session_freep)

/*
 * Undoes a mount from another process (`podfs umount` of a dead daemon): detaches it and takes the immutable flag off the
 * mount point. -EINVAL when nothing of podfs is mounted there.
 */
int fs_detach(const char *mountpoint, struct error *err);

#endif
