/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PODFS_CMD_NOTIFY_H
#define PODFS_CMD_NOTIFY_H

/* Tells systemd how the service stands ("READY=1", "STOPPING=1"), as sd_notify(3); nothing when $NOTIFY_SOCKET is not
 * set. Failures are ignored. */
void notify_systemd(const char *state);

#endif
