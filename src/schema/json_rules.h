/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the node of a custom kind's schema says of a value, beyond its type. Private to this floor.
 */
#ifndef PODFS_SCHEMA_JSON_RULES_H
#define PODFS_SCHEMA_JSON_RULES_H

#include "schema/report.h"

/* Sets the members of a map that have a default and are not there. */
void json_defaults(struct admit *ad, const struct value *schema, struct value *v);
/* Reports what breaks the rules of this node; members and items are judged by their own. */
void json_check(struct admit *ad, const struct value *schema, const struct value *v, const struct schema_path *at);
/* Reports a default that its own schema would refuse. */
void json_check_default(struct admit *ad, const struct value *schema, const struct value *v,
			const struct schema_path *at);

#endif
