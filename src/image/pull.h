/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pull: asks the registry what the reference means, fetches what the store lacks into a directory of its own below
 * DIR/pull, and has podfs-image import it. That directory is locked while the pull lives and goes with it; one whose
 * lock is free belongs to nobody. One thread.
 */
#ifndef PODFS_IMAGE_PULL_H
#define PODFS_IMAGE_PULL_H

#include <stddef.h>

#include "base/error.h"

struct pull_options {
	const char *store;	  /* absolute */
	const char *work;	  /* name of the directory below STORE/pull */
	const char *importer;	  /* path of podfs-image */
	const char *reference;	  /* as people write it */
	const char *architecture; /* as manifest_architecture() gives it */
	const char *const *auths; /* auth.json texts, to be tried in turn */
	size_t n_auths;		  /* 0: with what the node itself has, or as nobody */
	int lifeline;		  /* as struct skopeo has it */
};

/*
 * Carries it out. podfs-image writes the image's record to standard output, or says on standard error what is wrong, and
 * *ret_status is its exit status then. -EINVAL: the reference, or what the registry gave, is wrong; else as skopeo_run().
 */
int pull_run(const struct pull_options *o, int *ret_status, struct error *err);

/* Removes what pulls left that nobody carries on with. */
int pull_sweep(const char *store, struct error *err);

#endif
