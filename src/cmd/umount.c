/* SPDX-License-Identifier: Apache-2.0 */
/*
 * podfs umount: asks the daemon to end every pod and itself, and waits until it has. When the daemon is dead, its work is
 * done here: its pods are taken up, ended, and what they used is removed.
 */
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>

#include "cmd/commands.h"
#include "cmd/mounts.h"
#include "fs/session.h"

static const char help[] = "usage: podfs umount [--run-dir PATH] DIRECTORY\n"
			   "Stops every pod of the cluster mounted at DIRECTORY with its grace period, unmounts it and ends\n"
			   "its daemon. The state stays in the store for the next mount.\n";

static const struct option long_options[] = {
	{ "run-dir", required_argument, NULL, 'r' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

/* Waits for the end of the daemon, however long its pods' grace is. */
static int ask_daemon(int pidfd, struct error *err)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	if (pidfd_send_signal(pidfd, SIGUSR1, NULL, 0) < 0)
		return errno == ESRCH ? 0 : error_errno(err, -errno, "signal the daemon");
	while (poll(&p, 1, -1) < 0)
		if (errno != EINTR)
			return error_errno(err, -errno, "wait for the daemon");
	return 0;
}

/* What the daemon would have done. */
static int end_pods(const struct mount_record *m, struct error *err)
{
	struct cluster_config config = mount_record_config(m);
	struct cluster *c = NULL;
	int r = cluster_open(&config, &c, err);

	if (r < 0)
		return r;
	r = cluster_start(c, false, err);
	if (r == 0)
		cluster_drain(c);
	cluster_close(c, r == 0);
	return r;
}

static int umount_cluster(const char *run_dir, const char *mountpoint, struct error *err)
{
	_cleanup_mount_record_ struct mount_record m = { 0 };
	_cleanup_close_ int pidfd = -1;
	int r = mount_record_read(run_dir, mountpoint, &m, err);

	if (r < 0)
		return r;
	pidfd = mount_record_open(&m);
	if (pidfd >= 0)
		return ask_daemon(pidfd, err);
	r = fs_detach(mountpoint, err);
	if (r < 0 && r != -EINVAL)
		return r;
	error_clear(err);
	r = end_pods(&m, err);
	if (r == 0)
		mount_record_remove(run_dir, mountpoint);
	return r;
}

int cmd_umount(int argc, char **argv)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_free_ char *mountpoint = NULL;
	const char *run_dir = DEFAULT_RUN_DIR;
	int c;

	while ((c = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		if (c == 'h') {
			(void)fputs(help, stdout);
			return 0;
		}
		if (c != 'r')
			return 2;
		run_dir = optarg;
	}
	if (optind != argc - 1) {
		(void)fprintf(stderr, "podfs umount: want one directory; see podfs umount --help\n");
		return 2;
	}
	mountpoint = mountpoint_path(argv[optind]);
	if (!mountpoint) {
		(void)fprintf(stderr, "podfs umount: %s: %s\n", argv[optind], strerrordesc_np(errno));
		return 1;
	}
	if (umount_cluster(run_dir, mountpoint, &err) < 0) {
		(void)fprintf(stderr, "podfs umount: %s\n", error_text(&err));
		return 1;
	}
	return 0;
}
