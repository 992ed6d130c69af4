/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image store on disk. DIR/images/sha256-HEX.json is a record, one an image, named by its digest;
 * DIR/layers/sha256-HEX/ a layer, named by its diff id, with its size in sha256-HEX.size beside it; DIR/lock is held
 * by flock(2) while anything changes. A layer and a record appear by rename, after what they hold is on the disk, so
 * that a crash leaves nothing half visible; what it leaves behind (names that begin with a dot, layers that no record
 * names) the next change removes.
 *
 * A record is one line of JSON: {"version":1,"names":[…],"pulled":[…],"digest":…,"digests":[…],"id":…,"size":…,"created":…,
 * "layers":["layers/sha256-…",…],"config":{…}}; layers stand bottom to top and are relative to DIR; `pulled` are those of the
 * names that came from a registry. DIR/pull/ is podfs-pull's. One thread.
 */
#ifndef PODFS_IMAGE_STORE_H
#define PODFS_IMAGE_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "value/value.h"

enum { STORE_RECORD_VERSION = 1 };

struct store {
	int dir, images, layers, lock; /* descriptors, -1 when closed */
};

#define STORE_INIT ((struct store){ -1, -1, -1, -1 })

/* Opens (and makes, mode 0700) what is below dirfd, which becomes the store's. */
int store_open(int dirfd, struct store *ret, struct error *err);
void store_clear(struct store *s);
#define _cleanup_store_ _cleanup_(store_clear)

/* Waits until no other process changes the store, and then removes what a crash has left. */
int store_lock(struct store *s, struct error *err);

/* Reads all records into `a`: *ret is a list of maps, in no order. A damaged one is left out. */
int store_records(const struct store *s, struct arena *a, struct value **ret, struct error *err);

/* Writes a record durably, under its `digest`. */
int store_put(const struct store *s, const struct value *record, struct error *err);
/* Removes a record. */
int store_drop(const struct store *s, const struct value *record, struct error *err);

/* The size of a layer's files. -ENOENT when the layer is not there. */
int store_layer_size(const struct store *s, const char *diff_id, uint64_t *ret);

/* Makes the directory that a layer is unpacked into. */
int store_layer_begin(const struct store *s, const char *diff_id, int *ret_fd, struct error *err);
/* Notes the size of one that is complete. */
int store_layer_sized(const struct store *s, const char *diff_id, uint64_t size, struct error *err);
/* Gives it its name; all of the store must have been synced since. store_sync_layers() then makes the name last. */
int store_layer_commit(const struct store *s, const char *diff_id, struct error *err);
int store_sync_layers(const struct store *s, struct error *err);

/* Removes unfinished layers and those that no record names. */
int store_collect(const struct store *s, struct error *err);

#endif
