/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image references as people write them: [DOMAIN/]PATH[:TAG][@DIGEST], with the grammar and the short forms of the
 * field: `nginx` is docker.io/library/nginx:latest, `quay.io/a/b` keeps its domain. Pure functions, any thread.
 */
#ifndef PODFS_IMAGE_REF_H
#define PODFS_IMAGE_REF_H

#include <stdbool.h>

#include "base/error.h"

enum {
	IMAGE_REF_NAME_MAX = 255, /* domain and path together, as registries limit it */
	IMAGE_REF_TAG_MAX = 128,
};

struct image_ref {
	char *domain; /* never NULL: "docker.io" when none was written */
	char *path;   /* never NULL: "library/nginx" */
	char *tag;    /* NULL only when a digest was given without a tag; else as written, or "latest" */
	char *digest; /* "sha256:<64 hex digits>", or NULL */
};

/* Parses and normalises. `ret` holds owned strings, to be emptied with image_ref_clear(). -EINVAL with a message that
 * names the part that is wrong, -ENOMEM. err may be NULL. */
int image_ref_parse(const char *s, struct image_ref *ret, struct error *err);

/* Frees the strings and empties the struct. NULL is fine. */
void image_ref_clear(struct image_ref *ref);
#define _cleanup_image_ref_ _cleanup_(image_ref_clear)

/* The canonical text of a reference: "docker.io/library/nginx:1.14.2", "quay.io/a/b@sha256:…", or both tag and digest
 * when both were given. *ret is to be freed with free(). Errors as image_ref_parse(). */
int image_ref_normalize(const char *s, char **ret, struct error *err);

/* The short text that people write: docker.io/library/nginx:1.14.2 gives nginx:1.14.2. `canonical` is what
 * image_ref_normalize() made; returns a pointer into it. */
const char *image_ref_familiar(const char *canonical);

/* Whether the default imagePullPolicy of this reference is Always (tag `latest`, written or not, and no digest);
 * else it is IfNotPresent. A reference that does not parse gives true. */
bool image_ref_pulls_always(const char *s);

/* Whether s is "sha256:" and 64 lower-case hex digits, the one digest algorithm that images are stored by. */
bool image_digest_valid(const char *s);

#endif
