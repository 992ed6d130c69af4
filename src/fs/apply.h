/* SPDX-License-Identifier: Apache-2.0 */
/* From a manifest's text to the changes of a transaction. Any thread; waits for nothing. */
#ifndef PODFS_FS_APPLY_H
#define PODFS_FS_APPLY_H

#include "fs/commit.h"
#include "fs/keyset.h"

/* What a version before says: read once, however many of its objects are looked for. */
struct fs_apply_previous {
	char key[STORE_KEY_MAX + 1]; /* "" before anything was read */
	struct schema_manifest_object *docs; /* in the transaction's arena */
	size_t n, next;
};

struct fs_apply {
	/* in */
	struct fs *fs;
	const struct fs_commit_target *target;
	const char *text;
	size_t len;
	const struct fs_record *old; /* the record in force, or NULL */
	const char *remove_key;	     /* see struct fs_commit_request */
	const struct writer *who;
	const struct fs_access *access; /* what who may write; NULL: all */
	/* out, freed by fs_apply_clear() */
	struct txn *txn;
	struct diag_list diags;
	struct buf declared; /* object keys, each with its NUL */
	struct buf starts;   /* where in the text each of them begins: a struct value_mark each */
	uint32_t n_declared;
	bool aside;	     /* out: no document is an object; the file is scratch */
	bool has_via;	     /* the right to a namespace came from a further group: */
	gid_t via;
	struct buf trials;   /* names of definitions that are known on trial: fs/trial.h; cleared by who has committed */
	struct buf waiting;  /* those of them whose name is still taken by an object that terminates */
	struct buf gone;     /* directories of fields that it takes away: fs_field_gone() */
	/* within */
	struct fs_apply_previous own, others; /* this file's own, the last one of another file */
	struct fs_keyset seen, before; /* the keys in `declared`, and in the record in force */
};

/* Fills in the out members. Returns 0, or the code of the refusal (its reasons in diags), or -ESTALE when something
 * changed on the way: clear and try again. */
int fs_apply(struct fs_apply *a);
void fs_apply_clear(struct fs_apply *a);

#endif
