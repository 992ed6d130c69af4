/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing specs: see pod/spec.h. For sandbox.c only.
 */
#ifndef PODFS_NODE_SANDBOX_SPEC_H
#define PODFS_NODE_SANDBOX_SPEC_H

#include "node/sandbox.h"

/* A sealed memfd with the spec, or negative errno with err. */
int sandbox_spec_setup(const struct sandbox_config *config, struct error *err);

/* As above for a container; `fds` gets the mount sources that are descriptors, at most `max` of them. */
int sandbox_spec_container(const struct sandbox_container *c, int *fds, size_t max, size_t *ret_n, struct error *err);

#endif
