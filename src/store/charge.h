/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a transaction charges to the ResourceQuotas of its namespaces. The new `used` figures go into the same
 * transaction as the objects, each on the condition that the quota is still the one that was read: so that no two
 * writers together pass a limit. Of registry_txn.c.
 */
#ifndef PODFS_STORE_CHARGE_H
#define PODFS_STORE_CHARGE_H

#include "store/registry.h"

struct charge {
	struct object *quota; /* owned */
	struct value *root;   /* its tree to be, in the transaction's arena */
	bool changed;
};

struct charges {
	struct charge *items; /* owned */
	size_t n, cap;
};

void charges_clear(struct charges *c);

/*
 * Charges an object to each quota of its namespace that it falls under, or to none: -EDQUOT, or -EINVAL when it does not
 * state what a quota counts, with the reason in diags. `old`: the version before, NULL for a new one.
 */
int charges_add(struct charges *c, struct registry *reg, struct arena *a, const struct schema_kind *kind,
		const struct value *old, const struct value *root, struct diag_list *diags);

/* Sets status.hard and status.used of a quota's tree to what the cache holds now. -ENOMEM. */
int quota_recount(struct registry *reg, struct arena *a, const struct object *quota, struct value *root);

#endif
