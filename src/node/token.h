/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A service account's token: an unsecured JSON Web Token (RFC 7519 section 6) with the claims that Kubernetes' tokens
 * have. No HTTP API answers to it here, but programs read the file. It says whose it is and opens nothing. Pure.
 */
#ifndef PODFS_NODE_TOKEN_H
#define PODFS_NODE_TOKEN_H

#include <stdint.h>

#include "value/value.h"

enum {
	TOKEN_LIFETIME = 3600,		/* seconds, where a projection does not say: K8S:core/v1/defaults.go */
	TOKEN_LIFETIME_MOUNTED = 3607,	/* of the one in every pod: K8S:pkg/serviceaccount, WarnOnlyBoundTokenExpirationSeconds */
};

/* The issuer that Kubernetes' tools set up, and thereby the audience of a token that is for nobody else. */
#define TOKEN_ISSUER "https://kubernetes.default.svc.cluster.local"

/* A name and a uid; a uid that is NULL or "" is left out, with a NULL name all of it. */
struct token_ref {
	const char *name, *uid;
};

struct token {
	const char *audience; /* NULL or "": TOKEN_ISSUER */
	const char *namespace;
	struct token_ref account, pod, node;
	int64_t issued, lifetime; /* seconds since 1970 UTC; seconds */
};

/* Its text, in `a`; NULL when memory is out. The same token always has the same text. */
const char *token_format(struct arena *a, const struct token *t);

/*
 * The real time (ns) from which it is to be replaced: when a fifth of its life is left, or after a day, less a jitter of
 * up to ten seconds, which is made of `seed` (the pod's uid): K8S:pkg/kubelet/token, requiresRefresh.
 */
int64_t token_renew_at(int64_t issued, int64_t lifetime, const char *seed);

#endif
