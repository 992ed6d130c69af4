/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The spec: what a container is to be, as a flat list of records in a sealed memfd.
 *
 * A record is a struct spec_record, `size` bytes of payload, and zeros up to the next multiple of 8. Strings are
 * NUL-terminated inside their payload. A reader that does not know a type refuses the spec if the record is marked
 * SPEC_CRITICAL and skips it otherwise, so that an older podfs-pod can serve a newer daemon.
 */
#ifndef PODFS_POD_SPEC_H
#define PODFS_POD_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SPEC_MAGIC = 0x70645370 };

enum spec_type {
	SPEC_HEADER = 1,    /* struct spec_header, the first record */
	SPEC_ARG = 2,       /* string; in order, the first is the program */
	SPEC_ENV = 3,       /* string NAME=VALUE, in order */
	SPEC_CWD = 4,       /* string */
	SPEC_USER = 5,      /* string: "", "101", "101:102", "nginx", "nginx:nginx" */
	SPEC_GROUP = 6,     /* uint32_t: a supplemental group */
	SPEC_SECURITY = 7,  /* struct spec_security */
	SPEC_SECCOMP = 8,   /* struct sock_filter[] */
	SPEC_RLIMIT = 9,    /* struct spec_rlimit */
	SPEC_LAYER = 10,    /* string: a lower directory of the root, topmost first */
	SPEC_UPPER = 11,    /* string: directory for changes; without it the one layer itself is the root */
	SPEC_WORK = 12,     /* string: overlayfs' work directory, on the file system of the upper one */
	SPEC_MOUNT = 13,    /* struct spec_mount, then source, target, type, data as strings; mounted in order */
	SPEC_MASK = 14,     /* string: a path hidden from the container */
	SPEC_READONLY = 15, /* string: a path made read-only */
	SPEC_HOSTNAME = 16, /* string; POD_SETUP */
	SPEC_SYSCTL = 17,   /* string name=value, dots or slashes; POD_SETUP */
	SPEC_TMPFS = 18,    /* struct spec_tmpfs, then its name as a string; POD_SETUP */
	SPEC_BUILTIN = 19,  /* string: instead of a program of the container's podfs-pod does this itself, in there: "cp" (copy.c);
			     * POD_EXEC */
	SPEC_TARGET = 20,   /* string: struct pod_start's target */
	SPEC_VOLUME = 21,   /* records: SPEC_LAYER, SPEC_UPPER and SPEC_WORK of the "image" mount right before it */
};

enum { SPEC_CRITICAL = 1 << 0 };

struct spec_record {
	uint16_t type;
	uint16_t flags;
	uint32_t size; /* of the payload */
};

struct spec_header {
	uint32_t magic;
	uint32_t version;
	uint32_t total; /* bytes of the whole spec */
	uint32_t n_records;
};

enum spec_security_flags {
	SPEC_NO_NEW_PRIVS = 1 << 0,
	SPEC_READONLY_ROOT = 1 << 1,
	SPEC_OOM_SCORE = 1 << 2,     /* oom_score_adj is to be set */
	SPEC_PRIVILEGED = 1 << 3,    /* all of the host's devices, /sys and cgroups writable */
	SPEC_VOLATILE = 1 << 4,      /* overlayfs may skip syncing the upper directory, which dies with the container */
	SPEC_STRICT_GROUPS = 1 << 5, /* supplementalGroupsPolicy: Strict: the image's /etc/group gives none */
};

/* Capability sets as bit masks of the kernel's numbers. */
struct spec_security {
	uint64_t bounding;
	uint64_t effective;
	uint64_t permitted;
	uint64_t inheritable;
	uint64_t ambient;
	uint32_t flags;
	int32_t oom_score_adj;
};

struct spec_rlimit {
	uint32_t resource;
	uint32_t reserved;
	uint64_t soft;
	uint64_t hard;
};

enum spec_mount_flags {
	SPEC_MOUNT_RDONLY = 1 << 0,
	SPEC_MOUNT_RECURSIVE = 1 << 1, /* a bind takes the mounts below its source too */
	SPEC_MOUNT_RRO = 1 << 2,       /* recursively read-only; fails where the kernel cannot (before 5.12) */
	SPEC_MOUNT_NOSUID = 1 << 3,
	SPEC_MOUNT_NODEV = 1 << 4,
	SPEC_MOUNT_NOEXEC = 1 << 5,
	SPEC_MOUNT_RSLAVE = 1 << 6,  /* HostToContainer */
	SPEC_MOUNT_RSHARED = 1 << 7, /* Bidirectional */
	SPEC_MOUNT_RRO_IF_POSSIBLE = 1 << 8,
};

/*
 * Without SPEC_PRIVILEGED every mount is nodev, whatever its flags.
 *
 * Types: "bind" (source: a host path, or descriptor number source_fd of the message), "pod" (source: the name of a
 * memory volume of POD_SETUP, or a path below it), "image" (an image's layers by
 * the SPEC_VOLUME that follows; source: "" or a path below), and the kernel's own file systems ("tmpfs", "proc", "sysfs", "mqueue", "devpts",
 * "cgroup", "cgroup2"), whose data is comma-separated options.
 */
struct spec_mount {
	uint32_t flags;
	int32_t source_fd; /* index among the message's mount sources, -1: none */
};

struct spec_tmpfs {
	uint64_t size; /* bytes, 0: the kernel's default */
	uint32_t mode;
	uint32_t gid;
};

struct spec {
	const unsigned char *data;
	size_t size;
};

struct spec_item {
	unsigned type;
	const unsigned char *data;
	size_t size;
	size_t next; /* offset of the record after it */
};

/* Checks the whole of a spec: header, bounds, every string's end, fixed sizes, unknown critical records. 0, or
 * -EBADMSG, or -EOPNOTSUPP for an unknown critical record. Everything below relies on it. */
int spec_check(const struct spec *s);

/* The first record of `type` (0: any) at or after offset `from` (0: the beginning). False when there is none. */
bool spec_next(const struct spec *s, size_t from, unsigned type, struct spec_item *ret_item);

/* The string of the first record of `type`, or `fallback`. */
const char *spec_string(const struct spec *s, unsigned type, const char *fallback);

/* How many records of `type` there are. */
size_t spec_count(const struct spec *s, unsigned type);

/* The n-th of the strings that follow `fixed` bytes of an item's payload; "" past the end. */
const char *spec_item_string(const struct spec_item *item, size_t fixed, unsigned n);

/* Maps a sealed memfd and checks it. -EPERM if it is not sealed against change, -EFBIG above POD_SPEC_MAX. */
int spec_map(int fd, struct spec *ret_spec);

#endif
