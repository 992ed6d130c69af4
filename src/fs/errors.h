/* SPDX-License-Identifier: Apache-2.0 */
/* The file `errors`: the last refused writes, newest last. The calls for regions are in fs/node.h. */
#ifndef PODFS_FS_ERRORS_H
#define PODFS_FS_ERRORS_H

#include "fs/node.h"

enum {
	FS_ERRORS_MAX = 200,	      /* entries kept */
	FS_ERRORS_USER = 50,	      /* of them of one user other than root, who else could push out all others' */
	FS_ERRORS_FILE_MAX = 600,     /* entries in the file, older ones too, before it is written anew */
	FS_ERRORS_ENTRY_MAX = 8192,   /* bytes of one; the rest is cut at a line's end */
	FS_ERRORS_LINE_MAX = 120,     /* of a quoted line; the part around the column is shown */
};

int fs_errors_new(struct fs_errors **ret);
void fs_errors_free(struct fs_errors *e);
/* Takes in what an earlier daemon kept in the state directory. */
int fs_errors_load(struct fs *fs, struct error *err);
extern const struct fs_ops fs_errors_ops;

/* Pure, for tests: one entry's first line. */
void fs_errors_format_head(struct buf *out, int64_t now, const struct writer *who, const char *comm, const char *path);
/* Pure: the diagnostics, each with its line of `text` (may be NULL) and a caret. Warnings are left out. */
void fs_errors_format_diags(struct buf *out, const char *path, const struct diag_list *diags, const char *text,
			    size_t len);
/* Pure: whether a manifest's text, which need not be right, has a document of kind Secret. */
bool fs_errors_is_secret(const char *text, size_t len);
/* Pure: takes what a Secret's diagnostics repeat of its values out of them; what is left says where and why. */
void fs_errors_hide(struct diag_list *diags);
/* Pure: appends text with control characters escaped as \xNN (line feeds kept where `lines`). */
void fs_escape(struct buf *out, const char *s, size_t len, bool lines);

#endif
