/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a user other than root may not ask for: the Pod Security Standards, by level and version as
 * K8S:pod-security-admission/policy has them, and the fields that are root's alone.
 */
#ifndef PODFS_SCHEMA_BASELINE_H
#define PODFS_SCHEMA_BASELINE_H

#include <stdbool.h>

#include "schema/diag.h"
#include "value/value.h"

enum security_level { SECURITY_PRIVILEGED, SECURITY_BASELINE, SECURITY_RESTRICTED };

enum { SECURITY_LATEST = 1 << 16 }; /* above each minor version */

struct security_policy {
	enum security_level level;
	int minor; /* of the version 1.x whose rules hold; SECURITY_LATEST */
};

/*
 * Reads the values of a namespace's labels pod-security.kubernetes.io/MODE and MODE-version into *ret, which holds the
 * default and keeps it where a label is missing (NULL). A wrong level is `wrong`, a wrong version the latest, and false is
 * returned: as K8S:pod-security-admission/api, PolicyToEvaluate, where enforce fails closed and warn open.
 */
bool security_policy_parse(const char *level, const char *version, enum security_level wrong,
			   struct security_policy *ret);
/* "restricted:v1.24", for messages. */
void security_policy_format(const struct security_policy *p, struct buf *out);

/*
 * Judges a whole admitted object, and the template of one that makes pods, by a policy. 0 or -EPERM; the reasons go to
 * diags. hostUsers: false relaxes nothing.
 */
int schema_check_security(const struct security_policy *policy, const struct value *root, struct diag_list *diags);

/*
 * The fields that are root's whatever the policy: nodeName, system priority classes, `host` in probes and hooks,
 * externalIPs. `old`: the object before, NULL for a new one; a nodeName and externalIPs that it has may stay. 0 or -EPERM.
 */
int schema_check_root_only(const struct value *old, const struct value *root, struct diag_list *diags);

/* The label by which root lets the pods of a namespace's users run as users of the host, with this value. */
#define SECURITY_HOST_USERS "pod-security.podfs/host-users"
#define SECURITY_HOST_USERS_ALLOWED "allowed"

/*
 * Whether a pod, or the template of what makes pods, can run in a user namespace of its own: its spec must not say
 * hostUsers: true, hostNetwork, hostPID or hostIPC. 0 or -EPERM; the reasons go to diags.
 */
int schema_check_confined(const struct value *root, struct diag_list *diags);

#endif
