/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The archive that `podfs cp` sends from one end to the other, and that people give to it or get from it: tar.
 *
 * Written: POSIX ustar, with a pax header in front of what that cannot say. Read: that, GNU's long names and base-256 numbers,
 * and the old kind without a magic. What is read is not trusted. One thread at a time.
 */
#ifndef PODFS_COPY_TAR_H
#define PODFS_COPY_TAR_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	TAR_BLOCK = 512,
	TAR_BUFFER = 128 * 1024,
	TAR_PAX_MAX = 64 * 1024, /* bytes of one pax header or long name */
};

enum tar_type {
	TAR_FILE = '0',
	TAR_HARD = '1', /* a further name of the file `target` of the archive */
	TAR_LINK = '2', /* symbolic */
	TAR_DIR = '5',
	TAR_OTHER = '?', /* device, FIFO, or unknown */
	TAR_SPARSE = 'S', /* a file with holes, in one of GNU's ways to write them, which are not read */
};

struct tar_entry {
	enum tar_type type;
	uint64_t size; /* of the data that follows */
	uint32_t mode; /* 07777 at most */
	uint32_t uid, gid;
	int64_t mtime;
	uint32_t mtime_nsec;
	char path[PATH_MAX];   /* not empty, as it came: may be absolute, or hold ".." */
	char target[PATH_MAX]; /* of links: not empty */
};

/* As read(2) and write(2), but negative errno instead of -1. */
typedef ssize_t (*tar_read_fn)(void *arg, void *data, size_t size);
typedef ssize_t (*tar_write_fn)(void *arg, const void *data, size_t size);

struct tar_in {
	tar_read_fn read;
	void *arg;
	uint64_t left;	  /* bytes of the entry's data that were not taken */
	unsigned padding; /* after it */
	size_t at, fill;
	unsigned char buffer[TAR_BUFFER];
};

/*
 * The next entry; what is left of the data of the one before is skipped. 1, or 0 at the archive's end mark. -EBADMSG: this is
 * no archive, or damaged; -ENODATA: it ends before its end mark; -ENAMETOOLONG; else what reading gave.
 */
int tar_read(struct tar_in *in, struct tar_entry *ret);
/* A piece of the entry's data, valid until the next call. Its size, 0 at the data's end, or as above. */
ssize_t tar_read_data(struct tar_in *in, const unsigned char **ret);

struct tar_out {
	tar_write_fn write;
	void *arg;
	int error; /* the first one; nothing is written after it */
	size_t fill;
	unsigned char buffer[TAR_BUFFER];
};

/* entry->size bytes of data must follow, then tar_put_padding(). Each returns the first error, or 0. */
int tar_put(struct tar_out *out, const struct tar_entry *entry);
int tar_put_data(struct tar_out *out, const void *data, size_t size);
int tar_put_padding(struct tar_out *out, uint64_t size);
/* The end mark. */
int tar_put_end(struct tar_out *out);

#endif
