/* SPDX-License-Identifier: Apache-2.0 */
/* A change of one live object: a changed copy of its tree is judged whole and committed. Tried again when it loses a race. */
#ifndef PODFS_FS_EDIT_H
#define PODFS_FS_EDIT_H

#include "fs/node.h"

enum { FS_EDIT_RETRIES = 8 }; /* lost races before -EAGAIN */

/*
 * Makes the change in `root`, a copy of the live tree in `a`, and may put another tree in its place. 0; -ECANCELED:
 * nothing is to be done, which is no error; else the code of the refusal with its reason in diags. On the loop.
 */
typedef int (*fs_edit_fn)(void *arg, struct arena *a, const struct object *live, struct value **root,
			  struct diag_list *diags);

struct fs_edit {
	const char *uid;      /* of the object */
	const char *path;     /* for people */
	const char *ns;	      /* whose errors tell of a refusal */
	const char *text;     /* what was written, for the quoted line in errors; may be NULL; with len, valid until done */
	size_t len;
	struct writer who;
	const char *comm;     /* of the program; may be NULL */
	const char *at;	      /* field path of diagnostics that have none; may be NULL */
	const char *field;    /* the one that is written, below NAME/: it is not to be set back (fs/revert.h); may be NULL */
	struct fs_req *answer; /* answered as soon as it is committed (fs_txn_submit_for()); NULL: by done */
	size_t answer_size;    /* as the write(2) of so many bytes that it is; 0: another call */
	fs_edit_fn change;
	void (*done)(struct fs *fs, void *arg, int result);
	void *arg;
};

/* Starts it; strings are copied. done is called once, on the loop, also from within this call. -ENOENT: the object is
 * gone. What is refused is in `errors` by then. */
void fs_edit_start(struct fs *fs, const struct fs_edit *e);

/* Takes out of a tree what users do not write: system metadata and status. */
void fs_edit_strip(struct value *root);

#endif
