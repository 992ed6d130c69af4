/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a pod's configuration comes from: the ConfigMaps and Secrets of its namespace, its own fields (the downward
 * API) and its containers' resources. Environment and volumes read it here. Pure, but for `find`.
 */
#ifndef PODFS_NODE_SOURCE_H
#define PODFS_NODE_SOURCE_H

#include <sys/types.h>

#include "base/error.h"
#include "schema/resources.h"
#include "store/object.h"

struct sources {
	const struct object *pod;
	/* The object of the kind, by its plural, in the pod's namespace; NULL when there is none. The caller owns it. */
	struct object *(*find)(void *arg, const char *plural, const char *ns, const char *name);
	/* All of the kind in a namespace, by name; NULL: there are none. 0 or a negative errno. */
	int (*list)(void *arg, const char *plural, const char *ns, struct object_list *ret);
	/* Gives a volume to a group, as owners_want() does. */
	int (*own)(void *arg, const char *path, gid_t group);
	void *arg;
	const char *pod_ip, *host_ip, *hostname;  /* "" while unknown */
	int64_t now; /* real time, ns */
	struct pod_resources allocatable; /* of the node: what a limit that is not set stands for */
	bool may_lack; /* in an environment: what is not there is left out, as if it were optional. For what is run beside a
			* container that was started when it was there */
};

enum source_kind { SOURCE_CONFIG_MAP, SOURCE_SECRET };

/* One key of a ConfigMap or Secret. */
struct source_entry {
	const char *key;
	const char *data; /* NUL-terminated, with `len` bytes before that */
	size_t len;
};

struct source_data {
	struct source_entry *entries;
	size_t n;
};

/* All that the object holds, decoded, in `a`, ordered as it is stored. -ENOENT: `configmap "x" not found`, -ENOMEM. */
int source_read(struct arena *a, const struct sources *s, enum source_kind kind, const char *name,
		struct source_data *ret, struct error *err);
/* The entry of that key; NULL if there is none. */
const struct source_entry *source_entry(const struct source_data *d, const char *key);
/* "ConfigMap" or "Secret"; their plurals. */
const char *source_kind_name(enum source_kind kind);
const char *source_plural(enum source_kind kind);

/*
 * The text of a fieldRef, in `a`: what environment variables may name, and metadata.labels and metadata.annotations as
 * volumes write them (a line KEY="VALUE" each, sorted). -EINVAL for a path that is not known.
 * Kubernetes documentation, "Downward API".
 */
int source_field(struct arena *a, const struct sources *s, const char *path, const char **ret, struct error *err);

/*
 * The text of a resourceFieldRef, rounded up to whole divisors; `own` is the container it belongs to where it names
 * none. A limit that is not set is what the node can give, a request 0. -EINVAL for what is not known.
 * K8S:pkg/api/v1/resource/helpers.go, ExtractContainerResourceValue.
 */
int source_resource(struct arena *a, const struct sources *s, const struct value *ref, const struct value *own,
		    const char **ret, struct error *err);

/* Whether the pod's environment, volumes or imagePullSecrets name any ConfigMap or Secret, or, with a name, that one. */
bool source_is_used(const struct object *pod, enum source_kind kind, const char *name);

#endif
