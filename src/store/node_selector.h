/* SPDX-License-Identifier: Apache-2.0 */
/* Which nodes a NodeSelector means, as a pod's affinity and a volume have one, and which a pod may be on. Pure. */
#ifndef PODFS_STORE_NODE_SELECTOR_H
#define PODFS_STORE_NODE_SELECTOR_H

#include "store/object.h"

/* Whether one of the selector's terms matches. A term without a requirement matches nothing: Kubernetes documentation,
 * "NodeSelectorTerm". */
bool node_selector_matches(const struct value *node_selector, const struct object *node);

/* Whether nodeSelector and the required node affinity of a PodSpec allow the node. */
bool node_selector_allows(const struct value *pod_spec, const struct object *node);

#endif
