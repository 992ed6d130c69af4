/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which image that nobody uses is removed next, and when: K8S:pkg/kubelet/images/image_gc_manager.go. One at a time, so
 * that what a removal really freed is seen before the next (images share layers). Pure functions.
 */
#ifndef PODFS_NODE_IMAGE_GC_H
#define PODFS_NODE_IMAGE_GC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

enum {
	IMAGE_GC_HIGH = 85, /* K8S:pkg/kubelet/apis/config/v1beta1/defaults.go: ImageGCHighThresholdPercent */
	IMAGE_GC_LOW = 80,  /* ImageGCLowThresholdPercent */
};

#define IMAGE_GC_MIN_AGE (120 * NSEC_PER_SEC) /* ImageMinimumGCAge */
#define IMAGE_GC_PERIOD (300 * NSEC_PER_SEC)  /* K8S:pkg/kubelet/kubelet.go: ImageGCPeriod */

struct image_gc_policy {
	int high;	 /* percent of the disk in use at which images are removed; 0, 100: never */
	int low;	 /* percent at which that ends */
	int64_t min_age; /* ns since its import before which an image is spared */
	int64_t max_age; /* ns without use after which it is removed however much room there is; 0: never */
};

#define IMAGE_GC_DEFAULT \
	((struct image_gc_policy){ .high = IMAGE_GC_HIGH, .low = IMAGE_GC_LOW, .min_age = IMAGE_GC_MIN_AGE, .max_age = 0 })

/* Reads "HIGH,LOW[,MIN-AGE[,MAX-AGE]]", such as "85,80,2m,168h"; what is left out is the default. -EINVAL. */
int image_gc_parse(const char *text, struct image_gc_policy *ret);

/* Reads an age: "90s", "2m", "1.5h", "7d" or "0"; ns. -EINVAL. */
int image_gc_parse_age(const char *text, int64_t *ret);

/* How long to wait between two looks: IMAGE_GC_PERIOD, or less where the ages are shorter than the default's. */
int64_t image_gc_period(const struct image_gc_policy *p);

struct image_gc_item {
	int64_t created, last_used; /* real time, ns; last_used 0: not seen in use */
	bool in_use;
	bool declared; /* an archive brought it: it stays */
};

struct image_gc_disk {
	uint64_t capacity, available; /* bytes */
};

struct image_gc_plan {
	size_t victim;	 /* index of the item to remove; the number of items: none */
	bool by_age;	 /* it goes for its age */
	bool collecting; /* the disk is too full, until it is below the low threshold */
	bool short_of;	 /* and nothing is left to remove */
};

/* `collecting`: what the last plan said. `since`: real time since when uses are known. */
void image_gc_decide(const struct image_gc_policy *p, const struct image_gc_item *items, size_t n,
		     const struct image_gc_disk *disk, bool collecting, int64_t since, int64_t now, struct image_gc_plan *ret);

/* The percentage of the disk that is in use, as kubelet computes it. */
int image_gc_usage(const struct image_gc_disk *disk);

#endif
