/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container may do: capabilities, the default system-call filter, hidden paths. Facts that users of container
 * runtimes rely on, as data. All functions may be called from any thread.
 */
#ifndef PODFS_NODE_SECURITY_H
#define PODFS_NODE_SECURITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "pod/spec.h"

/* The 14 capabilities that container runtimes give to every container, as a mask of the kernel's numbers. */
uint64_t security_caps_default(void);

/* Every capability that this kernel knows and this process could give away. */
uint64_t security_caps_all(void);

/* The number of a capability by its Kubernetes name ("NET_ADMIN", or "CAP_NET_ADMIN"; any case). -EINVAL: none. */
int security_cap_from_name(const char *name);

/*
 * Starts from *caps, adds and drops by name in the order that CRI runtimes follow: "ALL" in add fills, "ALL" in drop
 * empties, then single adds, then single drops. An unknown name is an error (-EINVAL) with err, *caps unchanged.
 */
int security_caps_apply(uint64_t *caps, const char *const *add, size_t n_add, const char *const *drop, size_t n_drop,
			struct error *err);

/* The five sets for a container that may have `caps`: bounding, permitted, effective; nothing inheritable or ambient.
 * The effective set of another user than root is emptied by the kernel at exec. */
void security_caps_fill(struct spec_security *s, uint64_t caps);

/*
 * The RuntimeDefault system-call filter for a container that holds `caps`, as a BPF program for
 * struct sandbox_container. *ret_program is owned by the cache and lives until security_seccomp_release(). Built once
 * for each set of capabilities that changes it. Negative errno with err.
 */
int security_seccomp_default(uint64_t caps, const void **ret_program, size_t *ret_size, struct error *err);

/* Frees the cached programs; for the end of the process. */
void security_seccomp_release(void);

/*
 * The filter that the file DIR/NAME describes in the format of the OCI runtime specification. *ret_program is valid until
 * the next call. One thread only. Negative errno with err.
 */
int security_seccomp_local(const char *dir, const char *name, const void **ret_program, size_t *ret_size,
			   struct error *err);
void security_seccomp_local_release(void);

/* The paths of the OCI runtime defaults, hidden or read-only in a container that is not privileged. */
const char *const *security_masked_paths(size_t *ret_n);
const char *const *security_readonly_paths(size_t *ret_n);

#endif
