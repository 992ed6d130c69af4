/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is in an archive: reads index.json (OCI image layout) or manifest.json (docker save), and the manifests and
 * configs that they lead to, checks each against its digest, and chooses this machine's platform. Knows nothing of
 * where the bytes lie: they come through a function. Every byte is hostile. One thread.
 */
#ifndef PODFS_IMAGE_MANIFEST_H
#define PODFS_IMAGE_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "image/digest.h"
#include "value/value.h"

enum {
	MANIFEST_MAX_BYTES = 4 << 20, /* of one JSON document: the limit that registries agreed on for manifests */
	MANIFEST_LAYERS_MAX = 500,    /* overlayfs mounts no more (OVL_MAX_STACK) */
	MANIFEST_IMAGES_MAX = 1000,   /* in one archive */
};

/* Reads a whole member, as source_read() does: *ret is to be freed, and NUL-terminated. -ENOENT when absent. */
typedef int manifest_read_fn(void *user, const char *name, size_t max, char **ret, size_t *ret_len,
			     struct error *err);

struct manifest_layer {
	const char *blob;    /* its name in the archive */
	const char *digest;  /* of the blob as it lies there; NULL in a docker archive, which names none */
	int64_t size;	     /* of the blob; -1 where none is named */
	const char *diff_id; /* digest of the layer's tar, uncompressed */
};

/* All of it lives in the arena. */
struct manifest_image {
	struct value *names;   /* list of canonical references; may be empty */
	struct value *digests; /* list: of the manifest, the config, and the indexes above; each once */
	const char *digest;    /* of the manifest; in a docker archive, which has none, the id */
	const char *id;	       /* of the config */
	struct value *config;  /* map: Entrypoint, Cmd, Env, WorkingDir, User, StopSignal, ExposedPorts, Volumes; each
				* present and of its right type: lists of strings, and strings */
	size_t n_layers;
	struct manifest_layer *layers; /* bottom to top, each diff_id once */
};

/* The platform in the words of the image format, "amd64" for x86_64, as uname(2)'s machine names it. */
const char *manifest_architecture(const char *machine);

/*
 * Finds the images for `architecture` and linux. `name` (may be NULL) replaces the names, and then there must be one
 * image. The messages begin with the member that is wrong. -EINVAL, -ENOMEM, or what `read` gave.
 */
int manifest_read(manifest_read_fn *read, void *user, const char *architecture, const char *name, struct arena *a,
		  struct manifest_image **ret, size_t *ret_n, struct error *err);

/* What a document that a registry gave for a reference means. */
struct manifest_choice {
	bool is_index;
	char digest[DIGEST_SIZE]; /* of an index: the entry for this machine */
	uint64_t bytes;		  /* of a manifest: the sum of its blobs, as it says */
};

/* Looks at it; whether it has the digest that it should is the caller's to see. -EINVAL: it is neither, or an index that
 * has nothing for the architecture. */
int manifest_choose(const char *text, size_t len, const char *architecture, struct manifest_choice *ret, struct error *err);

#endif
