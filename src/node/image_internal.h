/* SPDX-License-Identifier: Apache-2.0 */
/* What image.c and image_job.c share. Private to the two. */
#ifndef PODFS_NODE_IMAGE_INTERNAL_H
#define PODFS_NODE_IMAGE_INTERNAL_H

#include <pthread.h>

#include "node/image.h"

/* Locks: `reload` is taken before `lock`, and only by image_store_reload(). */
struct image_store {
	char *dir, *layers_dir, *program; /* owned, never changed */
	pthread_mutex_t reload;		  /* held while the directory is read, so that an older reading never wins */
	pthread_mutex_t lock;
	struct image **images;		  /* protected by lock; owned references, ordered as image_list() says */
	size_t n;			  /* protected by lock */
	uint64_t generation;		  /* protected by lock */
};

/* The image of exactly that manifest digest, a new reference; NULL if none. */
struct image *image_by_digest(struct image_store *store, const char *digest);

#endif
