/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs skopeo, the program that speaks with registries, as a child with no capabilities, a bounded memory and bounded
 * files. It dies with this process, and with the pull's owner: see `lifeline`. For a process of one thread.
 */
#ifndef PODFS_IMAGE_SKOPEO_H
#define PODFS_IMAGE_SKOPEO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct skopeo {
	const char *tmpdir;   /* where it may put what does not fit into memory */
	const char *auth;     /* an auth.json, or NULL: it looks for the node's own */
	bool plain;	      /* a registry on this machine: without TLS, or with any certificate */
	int lifeline;	      /* readable, or hung up, once nobody wants the pull any more; -1: none */
	int progress;	      /* a directory in which something must grow while it runs, or -1 */
};

/* Why skopeo's work came to nothing though it is all right. */
enum {
	SKOPEO_STALL_SECONDS = 300, /* containerd: the CRI plugin's image_pull_progress_timeout */
};

/*
 * Runs `skopeo COMMAND ARG...` (args ends with NULL and holds no options for credentials or TLS, which are put behind
 * the command: `copy` names them after the source). What it prints goes to `out`, whose size, as that of each file it
 * writes, `max_file` bounds. -ENOENT: it is not installed; -ECANCELED by the lifeline; -ETIMEDOUT without progress for
 * SKOPEO_STALL_SECONDS; -EIO with what it said.
 */
int skopeo_run(const struct skopeo *s, const char *const *args, int out, uint64_t max_file, struct error *err);

/* What skopeo said last, from all that it wrote to standard error, as one line; its log format is undone. The caller
 * frees it; NULL when memory is out. Pure. */
char *skopeo_message(const char *text);

/* The directory's size: the bytes of its files, 0 when it cannot be read. */
uint64_t skopeo_bytes_in(int dirfd);

#endif
