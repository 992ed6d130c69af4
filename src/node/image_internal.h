/* SPDX-License-Identifier: Apache-2.0 */
/* What image.c, image_job.c and image_pull.c share. Private to the three. */
#ifndef PODFS_NODE_IMAGE_INTERNAL_H
#define PODFS_NODE_IMAGE_INTERNAL_H

#include <bsd/sys/queue.h>
#include <pthread.h>

#include "node/image.h"

/* podfs-image or podfs-pull at work. */
struct image_job {
	struct image_store *store;
	const char *title; /* of the program, static */
	pid_t pid; /* 0 when it has been waited for */
	int pidfd, out, errors;
	int lifeline; /* of a pull: closed when it is given up; else -1 */
	char *name;   /* of a pull: the canonical reference; owned. NULL: it is none */
	char *work;   /* of a pull: its directory; owned */
	LIST_ENTRY(image_job) link; /* of a pull; protected by the store's lock */
};

/* Locks: `reload` is taken before `lock`, and only by image_store_reload(). */
struct image_store {
	char *dir, *layers_dir, *program, *pull_program; /* owned, never changed */
	pthread_mutex_t reload;		  /* held while the directory is read, so that an older reading never wins */
	pthread_mutex_t lock;
	struct image **images;		  /* protected by lock; owned references, ordered as image_list() says */
	size_t n;			  /* protected by lock */
	uint64_t generation;		  /* protected by lock */
	LIST_HEAD(, image_job) pulls;	  /* protected by lock */
	uint64_t last_pull;		  /* protected by lock; numbers their directories */
};

/* The image of exactly that manifest digest, a new reference; NULL if none. */
struct image *image_by_digest(struct image_store *store, const char *digest);

/* Starts a program: `in`, no standard descriptor, becomes its standard input, and `lifeline` (may be -1) descriptor 3. */
struct image_job_config {
	const char *program, *title;
	const char *const *args;
	char *const *env;
	int in, lifeline;
};
int image_job_start(struct image_store *store, const struct image_job_config *c, struct image_job **ret, struct error *err);
/* Takes a pull out of the store's list; nothing for another job. */
void image_pull_ended(struct image_job *job);

#endif
