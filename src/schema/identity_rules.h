/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The defaults and rules of secrets: hooks for identity.c. Private to this floor.
 */
#ifndef PODFS_SCHEMA_IDENTITY_RULES_H
#define PODFS_SCHEMA_IDENTITY_RULES_H

#include "schema/report.h"

void secret_defaults(struct admit *ad, struct value *v);
void secret_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void secret_check_update(struct admit *ad, const struct value *old, const struct value *now);

#endif
