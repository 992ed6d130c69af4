/* SPDX-License-Identifier: Apache-2.0 */
/* For receive.c, receive_file.c and receive_root.c. */
#ifndef PODFS_COPY_RECEIVE_H
#define PODFS_COPY_RECEIVE_H

#include <sys/stat.h>

#include "base/buf.h"
#include "copy/paths.h"

enum { RECEIVE_TEMPORARY = 32 };

/* A file that was made: only those are given further names. */
struct receive_file_id {
	uint64_t dev, ino;
};

/* A directory whose attributes are set at the end; its path follows. */
struct receive_dir {
	int64_t mtime;
	uint32_t mtime_nsec;
	uint32_t mode, uid, gid;
};

struct receiver {
	struct copy *c;
	struct tar_in *in;
	const char *name;
	unsigned flags; /* enum copy_flags */
	mode_t umask;
	int root;	   /* what everything is made below */
	char base[PATH_MAX]; /* its path, for messages */
	char as[NAME_MAX + 1]; /* what `name` is called there */
	bool made_root;	   /* it was not there before */
	bool wants_dir;	   /* only a directory can be called that */
	int parent;	   /* the directory that the last entry was in */
	char parent_path[PATH_MAX];
	int link_dir; /* what make_hard() links to */
	const char *link_name;
	int stream_error; /* of the archive */
	struct tar_entry entry;
	struct buf dirs; /* struct receive_dir and paths */
	struct receive_file_id *ours; /* hash table, open; ino 0: free */
	size_t n_ours, ours_size;
};

/* Finds out what the copy's path means, and opens the root. 0, or an error that was said. */
int receive_open(struct receiver *r, const char *path);

/* Makes the file of r->entry in a directory. A negative errno that is to be said, or r->stream_error. */
int receive_file(struct receiver *r, int dir, const char *name);
/* Whether receive_file() has made it. */
bool receive_is_ours(const struct receiver *r, const struct stat *st);

/* The mode that an entry of that one is given. `owned`: its owner is the entry's, so that set-id bits may be, too. */
mode_t receive_mode(const struct receiver *r, mode_t mode, bool owned);
/* A name that is not in use, for what shall take another's place. */
int receive_temporary(char ret[static RECEIVE_TEMPORARY]);

#endif
