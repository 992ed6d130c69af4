/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The user and group IDs of pods with user namespaces of their own (hostUsers: false): 65,536 for each, shared by no two
 * pods of the node as long as something of them is left.
 *
 * A pod's range is written down in its directory, STATE/pods/UID/userns, so that the next daemon knows it. Used by one
 * thread at a time.
 */
#ifndef PODFS_NODE_IDRANGE_H
#define PODFS_NODE_IDRANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum {
	IDRANGE_SIZE = 65536, /* KEP-127: each pod has that many */
	/*
	 * From 2000224256 to 2147352575: above what useradd(8) gives to users and subuid(5), what sssd maps domains to
	 * (ldap_idmap_range_max), and what systemd gives to containers; below 2^31 and systemd's foreign IDs.
	 */
	IDRANGE_FIRST = 30521,
	IDRANGE_END = 32766,
};

struct idrange;

/* Reads what pods below `pods` (STATE/pods, which may be missing) have. -ENOMEM. */
int idrange_open(const char *pods, struct idrange **ret);
void idrange_close(struct idrange *r); /* NULL is fine */

/* The first ID of the pod's range: the one it has, or a new one, written down in dir (STATE/pods/UID, which is there).
 * -EADDRNOTAVAIL when all are in use. */
int idrange_take(struct idrange *r, const char *uid, const char *dir, uint32_t *ret_first, struct error *err);

/* Whether the pod has one: whether it runs in a user namespace of its own, whatever its spec says by now. */
bool idrange_has(const struct idrange *r, const char *uid);

/* Nothing of the pod is left. One that has none is no error. */
void idrange_release(struct idrange *r, const char *uid);

#endif
