/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layers become one tree as those of a root do (layers.h), which may need a mount namespace to work in. So a process of
 * its own does it, and hands over the mount.
 */
#include "pod/volume.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "pod/layers.h"
#include "pod/mounts.h"
#include "pod/report.h"
#include "pod/sys.h"

static const char place[] = "/root"; /* of the pod's mount namespace: podns.h */

/* Only what is mounted can be copied in part. */
static int narrow(const struct rootfs_config *c, int tree, const char *sub)
{
	_cleanup_close_ int root = -1, at = -1;
	int fd;

	if (setns(c->podns, CLONE_NEWNS) < 0 || unshare(CLONE_NEWNS) < 0 ||
	    move_mount(tree, "", AT_FDCWD, place, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return report_fail(c->report, -errno, "mount an image");
	root = open(place, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return report_fail(c->report, -errno, "open %s", place);
	at = mounts_find(root, sub);
	if (at < 0)
		return report_fail(c->report, at, "failed to prepare subPath \"%s\" of an image", sub);
	fd = mounts_clone(at, "", false);
	return fd < 0 ? report_fail(c->report, fd, "mount subPath \"%s\" of an image", sub) : fd;
}

_Noreturn static void make(const struct rootfs_config *c, const struct spec *layers, const char *sub, int sock)
{
	struct report said = { .kind = REPORT_READY };
	struct rootfs_config own = *c;
	int fd;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* ignoring: cannot fail with these arguments */
	own.spec = layers;
	fd = layers_open(&own);
	if (fd >= 0 && *sub)
		fd = narrow(c, fd, sub);
	said.code = fd < 0 ? fd : 0;
	_exit(report_send(sock, &said, fd) < 0);
}

int volume_open(const struct rootfs_config *c, const struct spec_item *mount, const char *sub)
{
	_cleanup_close_ int ours = -1, theirs = -1, fd = -1;
	struct spec_item item;
	struct report said;
	struct spec layers;
	int ends[2], r;
	pid_t pid;

	if (!spec_next(c->spec, mount->next, 0, &item) || item.type != SPEC_VOLUME)
		return report_fail_text(c->report, -EBADMSG, "an image without layers");
	layers = (struct spec){ .data = item.data, .size = item.size };
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return report_fail(c->report, -errno, "make a socket pair");
	ours = ends[0];
	theirs = ends[1];
	pid = sys_clone3(0, SIGCHLD, -1, NULL);
	if (pid < 0)
		return report_fail(c->report, -errno, "clone");
	if (pid == 0)
		make(c, &layers, sub, theirs);
	close_fdp(&theirs);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	r = report_receive(ours, &said, &fd);
	if (r <= 0 || (said.code == 0 && fd < 0))
		return report_fail_text(c->report, -EIO, "the process that mounts an image has died");
	return said.code < 0 ? said.code : steal_fd(&fd); /* it has reported */
}
