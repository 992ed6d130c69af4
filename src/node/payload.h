/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of a volume that is made of the cluster's own data (configMap, secret, downwardAPI, projected): what is in
 * them, and how they get on disk.
 *
 * On disk a volume is laid out as kubelet does it, so that its readers see all of an update or nothing of it:
 *   KEY -> ..data/KEY,  ..data -> ..2026_11_22_10_30_00.123456789,  and that directory holds the files.
 * K8S:pkg/volume/util/atomic_writer.go.
 */
#ifndef PODFS_NODE_PAYLOAD_H
#define PODFS_NODE_PAYLOAD_H

#include <sys/types.h>

#include "node/source.h"

#define PAYLOAD_ROOT_CA "kube-root-ca.crt" /* the ConfigMap: K8S:pkg/controller/certificates/rootcacertpublisher */

struct payload_file {
	const char *path; /* relative, without ".." (checked at admission and again when it is written) */
	const char *data;
	size_t len;
	mode_t mode;
	uid_t owner;	/* whose it is besides fsGroup */
	int64_t issued; /* of a token: seconds since 1970 UTC, which its mtime then is; 0: not one */
};

struct payload {
	struct payload_file *files;
	size_t n;
};

/* Whether a volume is of one of these kinds. */
bool payload_is_for(const struct value *volume);

/*
 * Reads what the volume is made of, in `a`. Of two entries for one path the later counts. A token that lies in `dir`
 * (payload_write(); NULL: none does) stays until it is due (node/token.h). -ENOENT for an object or key that is not there
 * and not optional, -EINVAL, -ENOMEM, with kubelet's words.
 */
int payload_build(struct arena *a, const struct sources *s, const struct value *volume, const char *dir,
		  struct payload *ret, struct error *err);

/* As above, what every container finds at SERVICE_ACCOUNT_PATH: token, ca.crt (empty where the namespace has no ConfigMap
 * kube-root-ca.crt), namespace. */
int payload_build_account(struct arena *a, const struct sources *s, const char *dir, struct payload *ret,
			  struct error *err);

/* When the token at that path of a volume in `dir` was issued, seconds since 1970 UTC; 0: there is none. */
int64_t payload_issued(const char *dir, const char *path);

/*
 * Brings the directory (made where it is missing, in one that is there) to hold exactly the payload. Does nothing where
 * it does already. With group (not -1) all is that group's and readable to it: fsGroup. One caller at a time a
 * directory. 0, or a negative errno with err; then readers see what was there before.
 */
int payload_write(const char *dir, const struct payload *p, gid_t group, struct error *err);

#endif
