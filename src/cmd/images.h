/* SPDX-License-Identifier: Apache-2.0 */
/* Joins the image store and images/ of the mount (fs/session.h, struct fs_images_ops). */
#ifndef PODFS_CMD_IMAGES_H
#define PODFS_CMD_IMAGES_H

#include "fs/session.h"
#include "node/image.h"

struct images;

/* changed is called from any thread when images have come or gone. state_dir: of the daemon. It and the store must outlive
 * it. -ENOMEM. */
int images_new(struct image_store *store, const char *state_dir, void (*changed)(void *arg), void *arg, struct images **ret);
/* Waits for imports and removals under way. NULL is fine. */
void images_free(struct images *images);

/* To be used with the struct images as argument. */
extern const struct fs_images_ops images_ops;

#endif
