/* SPDX-License-Identifier: Apache-2.0 */
/* What a user other than root may not ask for in a pod or a pod's template. */
#ifndef PODFS_SCHEMA_BASELINE_H
#define PODFS_SCHEMA_BASELINE_H

#include "schema/diag.h"
#include "value/value.h"

/*
 * Judges a whole admitted object, and the template of one that makes pods, by the Pod Security Standards' baseline and
 * by the fields that are root's (nodeName, system priority classes, `host` in probes and hooks). `old`: the object
 * before, NULL for a new one; a nodeName that it has may stay. 0 or -EPERM; the reasons go to diags.
 */
int schema_check_baseline(const struct value *old, const struct value *root, struct diag_list *diags);

#endif
