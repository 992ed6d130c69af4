/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that a node gives its pods: /etc/hosts, /etc/hostname and /etc/resolv.conf, made once for each sandbox in
 * DIR/etc and shared by its containers, and a termination log for each run of a container.
 */
#ifndef PODFS_NODE_POD_FILES_H
#define PODFS_NODE_POD_FILES_H

#include "base/error.h"
#include "node/sandbox.h"
#include "store/object.h"

enum {
	POD_FILES_MOUNTS = 4,		/* as many mounts as pod_files_mounts() may add */
	POD_TERMINATION_MAX = 4096,	/* bytes of a message: K8S:pkg/kubelet/container/runtime.go, MaxContainerTerminationMessageLength */
	POD_TERMINATION_LOG_MAX = 2048, /* bytes and lines that are taken from the log instead */
	POD_TERMINATION_LOG_LINES = 80,
};

/* Where this machine keeps what pods take over from it; for tests. */
struct pod_files_host {
	const char *hosts;	  /* "/etc/hosts" */
	const char *resolv_conf;  /* "/etc/resolv.conf" */
	const char *resolv_upstream; /* systemd-resolved's, used where resolv_conf names a stub that no pod could reach */
};
extern const struct pod_files_host pod_files_this_host;

/* The texts. Pure but for the host's files. hostname is the pod's own; ip "" when it has none. */
void pod_files_hosts(const struct object *pod, const struct pod_files_host *host, const char *hostname, const char *ip,
		     struct buf *out);
void pod_files_resolv_conf(const struct object *pod, const struct pod_files_host *host, struct buf *out);

/* Writes DIR/etc. 0 or a negative errno with err. */
int pod_files_write(const struct object *pod, const char *dir, const char *hostname, const char *ip, struct error *err);

/* Makes the run's termination log and appends the mounts of all these files to `mounts`, which has room for
 * POD_FILES_MOUNTS more; where the container mounts something of its own, nothing is added. */
int pod_files_mounts(struct arena *a, const struct value *container, const char *dir, uint32_t run,
		     struct sandbox_mount *mounts, size_t *n, struct error *err);

/* What a run that has ended left to be said, as text to be freed; NULL when it left nothing. `log` is its log file. */
char *pod_files_termination(const struct value *container, const char *dir, uint32_t run, int exit_code, const char *log);

#endif
