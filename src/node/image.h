/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The images of a node, as the daemon sees them.
 *
 * A store is a directory that the program podfs-image fills: DIR/images/sha256-HEX.json describes one image each, and
 * DIR/layers/sha256-HEX/ is one unpacked layer each, shared between images, ready to be a lower directory of an
 * overlay mount. The daemon never parses an archive: imports and removals run in podfs-image, a process without
 * network and with few rights, and podfs-pull brings images from registries. This room only starts them, waits for
 * them through a descriptor, and reads the JSON.
 *
 * All functions may be called from any thread. A struct image is an immutable snapshot and may be read by any thread
 * that holds a reference; it stays valid when its image is removed, though its layers are then gone from the disk.
 */
#ifndef PODFS_NODE_IMAGE_H
#define PODFS_NODE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "image/ref.h"

struct image_store;
struct image_job;

/* What the image's own config says; every list is NULL-terminated and never NULL, every string is never NULL. */
struct image_config {
	const char *const *entrypoint;
	const char *const *cmd;
	const char *const *env;	    /* NAME=VALUE */
	const char *const *ports;   /* "80/tcp" */
	const char *const *volumes; /* absolute paths in the container */
	const char *working_dir;    /* "" when not set */
	const char *user;	    /* "", "uid", "name", "uid:gid", "name:group" */
	const char *stop_signal;    /* "", "SIGQUIT", "3" */
};

struct image {
	const char *const *names;   /* canonical references, sorted; NULL-terminated; none when only the digest is left */
	const char *const *pulled;  /* those of the names that came from a registry, not from an archive */
	const char *digest;	    /* of the manifest (a docker archive without one: the id) */
	const char *const *digests; /* every digest that names it: digest, id, the index that chose it */
	const char *id;		    /* of the config: "sha256:…" */
	int64_t size;		    /* bytes of its regular files, unpacked, over all layers */
	int64_t created;	    /* of the import, ns since 1970 UTC */
	size_t n_layers;
	const char *const *layers; /* absolute paths, bottom to top (overlayfs wants top to bottom); NULL-terminated.
				    * Each is layers_dir, "/" and a name, so that long stacks can be mounted with names
				    * relative to the layers' directory. */
	const char *layers_dir;
	struct image_config config;
};

struct image *image_ref(struct image *image);
void image_unref(struct image *image);
DEFINE_CLEANUP(struct image *, image_unref);
#define _cleanup_image_ _cleanup_(image_unrefp)

/*
 * Opens the store in `dir` (absolute; made if absent, mode 0700) and reads what is in it. `program` is the path of
 * podfs-image; NULL for the installed one. A damaged file in images/ is left out, not an error: see
 * image_store_reload(). Free it with image_store_free() when no job is under way.
 */
int image_store_open(const char *dir, const char *program, struct image_store **ret, struct error *err);
void image_store_free(struct image_store *store);
DEFINE_CLEANUP(struct image_store *, image_store_free);
#define _cleanup_image_store_ _cleanup_(image_store_freep)

/* Reads DIR/images again, as finished jobs do by themselves. Returns how many files were left out because they are
 * damaged (err then says what the first one is), or a negative errno, with the old table kept. */
int image_store_reload(struct image_store *store, struct error *err);

/*
 * Finds by what a pod's `image` field says: a reference in any short form (a digest in it decides alone), a
 * digest "sha256:…". *ret is a new reference. -ENOENT, or -EINVAL when ref is not a reference (err says why).
 */
int image_find(struct image_store *store, const char *ref, struct image **ret, struct error *err);

/* All images, ordered by first name and then digest, NULL-terminated, each a new reference; free the list with
 * image_list_free(). -ENOMEM. */
int image_list(struct image_store *store, struct image ***ret, size_t *ret_n);
void image_list_free(struct image **list);

/* The directory that it was opened with. */
const char *image_store_dir(const struct image_store *store);

/* The size of the store's disk, and what of it is free for others than root, in bytes. */
int image_store_disk(const struct image_store *store, uint64_t *ret_capacity, uint64_t *ret_available);

/* A number that changes whenever the table does: for views that cache it. */
uint64_t image_store_generation(struct image_store *store);

/*
 * Starts an import. `fd` is read from its start when it is a regular file, else to its end: a docker archive, a tar
 * of an OCI layout, either also compressed, or a directory that is an OCI layout. It stays the caller's, who may close
 * it at once; its offset moves, and nobody may write to the file until the job is done. `name` is a reference that the
 * archive's only image gets in place of its own names, or NULL.
 *
 * The job's descriptor becomes readable when the job is done; then image_job_finish() must be called, once. The
 * process must not reap foreign children (waitpid(-1), SIGCHLD ignored).
 */
int image_import_start(struct image_store *store, int fd, const char *name, struct image_job **ret,
		       struct error *err);

/* Starts the removal of a name, and of the image with it when it was its last, or of an image by digest with all its
 * names. Whether a container still uses it is the caller's to know. */
int image_remove_start(struct image_store *store, const char *ref, struct image_job **ret, struct error *err);

/* Whether the image has that name from a registry, where it may mean another by now. An archive that was copied into
 * images/ is what was declared, and is asked for nothing. */
bool image_was_pulled(const struct image *image, const char *ref);

/*
 * Starts a pull of a reference from its registry (podfs-pull, which runs skopeo). `auths` are texts of an auth.json each,
 * to be tried in turn; with none, the node's own credentials are used. A job as above; its end brings the image, also
 * when it was there. The error's text is what the registry or skopeo said. It dies with this process, and then leaves
 * nothing.
 */
int image_pull_start(struct image_store *store, const char *ref, const char *const *auths, size_t n_auths,
		     struct image_job **ret, struct error *err);

/* Calls fn for each pull under way: its canonical reference, the bytes that have come, and those that there are; 0 while
 * the registry has not said how many. Looks into small directories. Returns what fn did when it was not 0. */
int image_pull_each(struct image_store *store, int (*fn)(void *arg, const char *name, uint64_t done, uint64_t total), void *arg);

/* Starts the removal of what pulls of a daemon that died have left; *ret is NULL when there is nothing. */
int image_pull_sweep_start(struct image_store *store, struct image_job **ret, struct error *err);

/* Readable when the job is done; stays the job's. */
int image_job_fd(const struct image_job *job);

/* Waits for the job (not at all when its descriptor is readable), reads the table again and frees the job. `ret_list`
 * (may be NULL) gets the images that the archive held, as image_list() returns them; empty for a removal. On failure
 * err is the one line that podfs-image wrote: what is wrong, and where; -EINVAL for a bad archive, -ENOENT when the
 * image to remove is not there, -ENOSPC, and -EIO for everything else that is not the archive's fault. */
int image_job_finish(struct image_job *job, struct image ***ret_list, struct error *err);

/* Kills the job and waits for its end, with no effect on the store except what was complete. A pull is told to go and
 * tidies up. NULL is fine. */
void image_job_cancel(struct image_job *job);

/* Nobody wants this pull any more: it ends soon, as a failure, and image_job_finish() is to be called as ever. */
void image_pull_give_up(struct image_job *job);

#endif
