/* SPDX-License-Identifier: Apache-2.0 */
/* LimitRange as decisions, with Kubernetes' words. Pure; any thread. Facts: K8S:plugin/pkg/admission/limitranger. */
#ifndef PODFS_STORE_LIMIT_RANGE_H
#define PODFS_STORE_LIMIT_RANGE_H

#include "base/arena.h"
#include "base/buf.h"
#include "schema/schema.h"

/* Gives a pod's containers the requests and limits of the range that they do not have, and notes it in an annotation as
 * Kubernetes does. */
void limit_range_default(const struct value *range, struct arena *a, struct value *pod);

/* Appends each way in which a pod or a claim breaks the range, joined by ", ". */
void limit_range_check(const struct value *range, const struct schema_kind *kind, const struct value *root,
		       struct buf *out);

#endif
