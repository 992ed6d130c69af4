/* SPDX-License-Identifier: Apache-2.0 */
/* A container's environment and command line, from its spec and its image. Pure. */
#ifndef PODFS_NODE_ENV_H
#define PODFS_NODE_ENV_H

#include "base/error.h"
#include "node/image.h"
#include "node/source.h"

/* A NULL-terminated list of strings in an arena. */
struct env_list {
	const char **items;
	size_t n;
	const char **declared; /* the services' and those that the container's spec sets: what $(NAME) may name */
	size_t n_declared, declared_max;
	uint32_t *index; /* while it is built: by name, one more than the place in items; 0: free */
	size_t index_size;
};

/*
 * The environment, as NAME=VALUE in order: the image's, HOSTNAME, the services', envFrom, then env, where later entries replace earlier
 * ones of the same name and $(NAME) stands for what is set before it. -EINVAL, -ENOENT with the reason for a source that
 * cannot be read (CreateContainerConfigError). -ENOMEM. Keys of envFrom that no variable may have are left out and
 * named in *ret_skipped, in `a`, as kubelet's event names them; NULL when there are none.
 */
int env_build(struct arena *a, const struct sources *s, const struct value *container, const struct image_config *image,
	      struct env_list *ret, const char **ret_skipped, struct error *err);

/* The program and its arguments: command replaces the image's entrypoint and cmd, args its cmd; $(NAME) is expanded.
 * -EINVAL when neither names a program. */
int env_argv(struct arena *a, const struct value *container, const struct image_config *image,
	     const struct env_list *env, struct env_list *ret, struct error *err);

/* Expands $(NAME) by the list, leaves what is not set as it is, and makes $$ a $: Kubernetes documentation, "Define
 * Dependent Environment Variables". In `a`; NULL when memory is out. */
const char *env_expand(struct arena *a, const char *text, const struct env_list *env);

#endif
