/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a container runs as: "", "101", "101:102", "nginx", "nginx:nginx", looked up in the image's own /etc/passwd and
 * /etc/group, whose bytes are hostile: lines and files are bounded, nothing is allocated.
 */
#ifndef PODFS_POD_USER_H
#define PODFS_POD_USER_H

#include <stddef.h>
#include <sys/types.h>

enum {
	USER_GROUPS_MAX = 256, /* supplemental groups taken from an image; the kernel's own limit is 65536 */
	USER_HOME_SIZE = 1024,
	USER_LINE_SIZE = 4096,         /* longer lines of passwd or group are skipped */
	USER_FILE_MAX = 1024 * 1024, /* bytes read of either file */
};

struct user {
	uid_t uid;
	gid_t gid;
	gid_t groups[USER_GROUPS_MAX]; /* supplemental */
	size_t n_groups;
	char home[USER_HOME_SIZE]; /* "/" where the image names none */
};

/*
 * Resolves `text`. passwd_fd and group_fd may be -1 (the image has no such file). As container runtimes do: a number
 * needs no entry and then has group 0; a name needs one; groups whose member lists name the user are supplemental.
 * 0; -ENOENT: no such user (*ret_bad is 'u') or group ('g'); -EINVAL: malformed or out of range; or an error of read.
 */
int user_resolve(const char *text, int passwd_fd, int group_fd, struct user *ret_user, char *ret_bad);

#endif
