/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A commit: a manifest's text becomes objects, all of its documents or none, in one transaction with the manifest's
 * record. Nothing here knows where the manifest lies: the target says what a document may be.
 */
#ifndef PODFS_FS_COMMIT_H
#define PODFS_FS_COMMIT_H

#include "fs/blob.h"
#include "fs/node.h"
#include "fs/record.h"

enum {
	FS_OBJECT_MAX = 1536 * 1024, /* bytes of one object: etcd's default request limit, which Kubernetes has */
	FS_COMMIT_RETRIES = 8,	     /* lost races before -EAGAIN */
};

struct fs_commit_target {
	const char *key;  /* of the record */
	const char *path; /* for people */
	const char *ns;	  /* metadata.namespace where a document names none; for namespaced kinds the only one allowed */
	const struct schema_kind *kind; /* the only one allowed; NULL: any, as in manifests/ */
	bool any_namespace; /* documents may name another than ns: the root's manifests/ */
};

struct fs_commit_request {
	struct fs_commit_target target;
	struct fs_blob *text;	 /* a reference is taken */
	struct fs_record attr;	 /* ino, mode, uid, gid, times, xattrs of the new record */
	const char *remove_key;	 /* the record that this one replaces (rename), or NULL */
	struct writer who;
	struct fs_access *access; /* a reference is taken: what who may write; NULL: as for root */
	const struct fs_req *req; /* who asks, for `errors`; stays until done is called; NULL: nobody */
	struct fs_req *answer;	 /* the same where success means no more than an answer of 0: it is given sooner; or NULL */
	bool dry;		 /* nothing is committed, nor noted anywhere: the result says what would be */
	bool force;		 /* also when the bytes are those in force: sets all that they state again */
};

struct fs_commit_result {
	int code;		/* 0 or a negative errno */
	struct store_entry *now; /* the record in force; borrowed; NULL after a failure */
	const char *error;	/* what `errors` says, for user.podfs.error; borrowed; NULL when all is well */
	/* Of a dry one, borrowed; txn NULL after a refusal. */
	const struct txn *txn;
	const struct diag_list *diags;
	bool same; /* the bytes are those in force */
};

typedef void (*fs_commit_fn)(struct fs *fs, void *arg, const struct fs_commit_result *result);

/*
 * Starts a commit and calls done once, on the loop, also from within this call. Texts of more than FS_WORK_BYTES are
 * parsed by the worker. What was refused is in `errors` by then and its text in rejected/.
 */
void fs_commit_start(struct fs *fs, const struct fs_commit_request *request, fs_commit_fn done, void *arg);

/*
 * Sets all that the manifest of that key states once more, as if it were just written: by r's caller, or (r NULL) by who
 * committed it, whose rights are judged anew. r stays until fn is called, which is told 0 or the negative errno of what is
 * in `errors` then: once, on the loop, also from within this call. fn may be NULL where nobody waits. Where success means
 * no more than the answer that fs_req_answers() was told of, r has it sooner.
 */
void fs_commit_again(struct fs *fs, const char *key, struct fs_req *r,
		     void (*fn)(struct fs *fs, void *arg, int result), void *arg);

/* Removes a record; objects that nothing else declares wait for their removal. fn as for fs_txn_submit(). */
void fs_commit_remove(struct fs *fs, const struct writer *who, const char *key,
		      void (*fn)(struct fs *fs, void *arg, int result), void *arg);

/* Gives a record another key without looking at its text: a rename within a directory. Replaces what is there. */
void fs_commit_move(struct fs *fs, const struct writer *who, const char *key, const char *newkey,
		    void (*fn)(struct fs *fs, void *arg, int result), void *arg);

/* Puts a changed record in the place of the one read (attributes only, same text). */
void fs_commit_attr(struct fs *fs, const struct writer *who, const char *key, const struct store_entry *old,
		    const struct fs_record *rec, void (*fn)(struct fs *fs, void *arg, int result), void *arg);

#endif
