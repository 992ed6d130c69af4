/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two ends of `podfs cp`: files to an archive, and an archive to files. One of them runs as a process of the container,
 * the other as who asked. Neither trusts the other, nor what lies in the trees: every entry is reached from the directory that
 * was named, by a path that leaves it by no "..", link or mount of /proc.
 */
#ifndef PODFS_COPY_COPY_H
#define PODFS_COPY_COPY_H

#include "copy/tar.h"

struct copy {
	void (*say)(void *arg, const char *path, const char *text); /* what goes wrong with one file */
	void *arg;
	bool failed; /* something was said */
};

/* The last component of a path that a copy is named after; "" where its contents are meant: "a/.", "..", "/". */
void copy_name_of(const char *path, char ret[static NAME_MAX + 1]);

/*
 * Writes a file, or a directory with all below it, as an archive that names it by copy_name_of(). A link named by `path` is
 * followed, those below it are kept. What cannot be read, and is neither file, directory nor link, is said and left out.
 * 0, or the error that ended it: -ENOENT and the like of `path` itself (said too), or what writing gave (not said).
 */
int copy_send(struct copy *c, const char *path, struct tar_out *out);

enum copy_flags {
	COPY_CONTENTS = 1 << 0, /* what the archive holds goes into `path`, which is made when it is not there */
	COPY_INTO = 1 << 1,	/* as above, and it must be there */
	COPY_OWNERS = 1 << 2,	/* as the archive has them, and the modes' set-id bits: where it may be done */
	COPY_TRUSTED = 1 << 3,	/* the archive is: a `path` that is a link to a file is followed, modes are without regard to
				 * the umask, hard links may be to files that were there before */
};

/*
 * Reads an archive. Without flags it holds one file or directory, `name`, as copy_send() writes it, and goes by cp's rules:
 * into `path` where that is a directory, else it becomes `path`. A file takes its name when it is complete. 0 also when there
 * were files that could not be made, which were said; or the error that ended it, said too but for -EBADMSG, -ENODATA and what
 * reading gave.
 */
int copy_receive(struct copy *c, const char *path, const char *name, unsigned flags, struct tar_in *in);

#endif
