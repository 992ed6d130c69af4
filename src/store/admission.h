/* SPDX-License-Identifier: Apache-2.0 */
/* What is judged of an object beyond its schema before it is stored: who may ask for what. Of registry_txn.c. */
#ifndef PODFS_STORE_ADMISSION_H
#define PODFS_STORE_ADMISSION_H

#include "store/registry.h"

/*
 * Holds what a user other than root writes through the mount to the fields that are open to all and to the namespace's
 * Pod Security policy, and keeps what is in no namespace root's. `old`: the object before, NULL for a new one. Warnings
 * and reasons go to diags. 0 or -EPERM. Any thread.
 */
int admission_check_user(struct registry *reg, const struct writer *who, const struct schema_kind *kind, const char *ns,
			 const struct value *old, const struct value *root, struct diag_list *diags);

#endif
