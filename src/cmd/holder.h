/* SPDX-License-Identifier: Apache-2.0 */
/* What podfs-holder and the daemon that it starts agree on. */
#ifndef PODFS_CMD_HOLDER_H
#define PODFS_CMD_HOLDER_H

/* The descriptors that the daemon is started with. */
enum {
	HOLDER_CONTROL_FD = 3, /* a socket: the daemon writes HOLDER_READY; it is at its end when the holder is dead */
	HOLDER_FUSE_FD = 4,    /* /dev/fuse, not blocking */
	HOLDER_KEEP_FD = 5,    /* a memfd: fs/keep.h */
};

#define HOLDER_READY 'R' /* the daemon serves the mount */

/* How a daemon ends. Any other status is a death. */
enum {
	DAEMON_ENDED = 0, /* the mount is gone, as it was told or since somebody unmounted it */
	DAEMON_FAILED = 1,
	DAEMON_LEFT = 3, /* it made room for the next one */
};

enum {
	HOLDER_DEATHS = 5,	     /* podfs(7): so many deaths ... */
	HOLDER_DEATHS_SECONDS = 30, /* ... within so long, and the mount is given up */
	HOLDER_DEATHS_MAX = 1000,   /* what the command line may ask for instead */
};

#endif
