/* SPDX-License-Identifier: Apache-2.0 */
/* The sub-commands. argv[0] is the sub-command's name; each returns the exit status, 2 for a wrong command line. */
#ifndef PODFS_CMD_COMMANDS_H
#define PODFS_CMD_COMMANDS_H

#include "cmd/validate.h"

int cmd_attach(int argc, char **argv);
int cmd_backup(int argc, char **argv);
int cmd_cp(int argc, char **argv);
int cmd_debug(int argc, char **argv);
int cmd_mount(int argc, char **argv);
int cmd_diff(int argc, char **argv);
int cmd_umount(int argc, char **argv);
int cmd_exec(int argc, char **argv);
int cmd_version(int argc, char **argv);

/* Where podfs keeps things unless it is told otherwise. */
#define DEFAULT_STORE "lmdb:/var/lib/podfs"
#define DEFAULT_STATE_DIR "/var/lib/podfs"
#define DEFAULT_RUN_DIR "/run/podfs"
#define DEFAULT_LOG_DIR "/var/log/pods"
#define DEFAULT_CGROUP_PARENT "podfs"
/* kubelet's containerLogMaxSize and containerLogMaxFiles */
enum { DEFAULT_LOG_MAX_SIZE = 10 * 1024 * 1024, DEFAULT_LOG_MAX_FILES = 5 };

/*
 * The absolute path of a mount point, without looking at the directory itself, which may be the mount of a dead
 * daemon. To be freed by the caller; NULL with errno set when its parent is not there.
 */
char *mountpoint_path(const char *dir);

#endif
