/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of a pod's image pull secrets are for a registry, and the auth.json that each makes. Rules:
 * K8S:pkg/credentialprovider/keyring.go. Pure, but for where secrets come from.
 */
#ifndef PODFS_NODE_PULL_AUTH_H
#define PODFS_NODE_PULL_AUTH_H

#include "image/ref.h"
#include "node/source.h"

/* Whether credentials that a secret has under `key` ("https://index.docker.io/v1/", "*.example.com:5000/team") are for an
 * image of that domain and path. */
bool pull_auth_matches(const char *key, const char *domain, const char *path);

/*
 * The texts of auth.json, each with the credentials of one entry, in the order in which they are to be tried: of the
 * pod's imagePullSecrets, those whose registry is named most closely first. All in `a`. *ret_missing: names of secrets
 * that are not there or are none of the two types, ", " between them; NULL when there are none. -EINVAL: the reference;
 * -ENOMEM.
 */
int pull_auths(struct arena *a, const struct sources *s, const char *reference, const char *const **ret, size_t *ret_n,
	       const char **ret_missing, struct error *err);

#endif
