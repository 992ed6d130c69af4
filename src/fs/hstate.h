/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a handle on a manifest: when its buffer is committed. Pure. podfs(7), "Commit points".
 */
#ifndef PODFS_FS_HSTATE_H
#define PODFS_FS_HSTATE_H

enum fs_hstate {
	FS_H_CLEAN,   /* nothing written that is not committed */
	FS_H_FRESH,   /* just made or opened with O_TRUNC: an empty buffer that nobody has written to */
	FS_H_DIRTY,   /* written */
	FS_H_REFUSED, /* the last commit was refused, and nothing written since */
	FS_H_DEAD,    /* a signal ended the writer: never to be committed */
	FS_H_BROKEN,  /* a write failed, so that a part is missing: nothing is committed until it is emptied */
	FS_H_STATES,
};

enum fs_hevent {
	FS_H_WRITE,	   /* write(2), or ftruncate(2) that changes the length */
	FS_H_FLUSH,	   /* a close(2) in the process that opened it */
	FS_H_FLUSH_OTHER,  /* in another, that inherited it */
	FS_H_FLUSH_KILLED, /* a process that a signal ends lets go of it */
	FS_H_FSYNC,
	FS_H_RELEASE,
	FS_H_FAIL,	   /* a write(2) or ftruncate(2) that failed */
	FS_H_EMPTY,	   /* ftruncate(2) to nothing */
	FS_H_EVENTS,
};

enum fs_haction {
	FS_H_NONE,	/* answer 0 */
	FS_H_COMMIT,	/* commit, answer its outcome */
	FS_H_QUIET,	/* commit; nobody hears the outcome but `errors` */
	FS_H_REPEAT,	/* answer the last refusal again */
	FS_H_SAVE,	/* no commit: the bytes go to rejected/ */
};

/* What to do; *state becomes the next one. After a commit that was refused the caller sets FS_H_REFUSED. */
enum fs_haction fs_hstate_next(enum fs_hstate *state, enum fs_hevent event);

#endif
