/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/hstate.h"

struct step {
	enum fs_hstate next;
	enum fs_haction action;
};

/*
 * The flush of a fresh handle is dup2(2)'s in "echo > f", before anything is written: nothing happens. A fresh handle that
 * is released was meant to be empty: that is committed, for a new name an empty manifest, else refused.
 */
static const struct step table[FS_H_STATES][FS_H_EVENTS] = {
	[FS_H_CLEAN] = {
		[FS_H_WRITE] = { FS_H_DIRTY, FS_H_NONE },
		[FS_H_FLUSH] = { FS_H_CLEAN, FS_H_NONE },
		[FS_H_FLUSH_OTHER] = { FS_H_CLEAN, FS_H_NONE },
		[FS_H_FLUSH_KILLED] = { FS_H_CLEAN, FS_H_NONE },
		[FS_H_FSYNC] = { FS_H_CLEAN, FS_H_NONE },
		[FS_H_RELEASE] = { FS_H_CLEAN, FS_H_NONE },
		[FS_H_FAIL] = { FS_H_BROKEN, FS_H_NONE },
		[FS_H_EMPTY] = { FS_H_DIRTY, FS_H_NONE },
	},
	[FS_H_FRESH] = {
		[FS_H_WRITE] = { FS_H_DIRTY, FS_H_NONE },
		[FS_H_FLUSH] = { FS_H_FRESH, FS_H_NONE },
		[FS_H_FLUSH_OTHER] = { FS_H_FRESH, FS_H_NONE },
		[FS_H_FLUSH_KILLED] = { FS_H_DEAD, FS_H_NONE },
		[FS_H_FSYNC] = { FS_H_CLEAN, FS_H_COMMIT },
		[FS_H_RELEASE] = { FS_H_CLEAN, FS_H_QUIET },
		[FS_H_FAIL] = { FS_H_BROKEN, FS_H_NONE },
		[FS_H_EMPTY] = { FS_H_FRESH, FS_H_NONE },
	},
	[FS_H_DIRTY] = {
		[FS_H_WRITE] = { FS_H_DIRTY, FS_H_NONE },
		[FS_H_FLUSH] = { FS_H_CLEAN, FS_H_COMMIT },
		[FS_H_FLUSH_OTHER] = { FS_H_DIRTY, FS_H_NONE },
		[FS_H_FLUSH_KILLED] = { FS_H_DEAD, FS_H_SAVE },
		[FS_H_FSYNC] = { FS_H_CLEAN, FS_H_COMMIT },
		[FS_H_RELEASE] = { FS_H_CLEAN, FS_H_QUIET },
		[FS_H_FAIL] = { FS_H_BROKEN, FS_H_NONE },
		[FS_H_EMPTY] = { FS_H_DIRTY, FS_H_NONE },
	},
	[FS_H_REFUSED] = {
		[FS_H_WRITE] = { FS_H_DIRTY, FS_H_NONE },
		[FS_H_FLUSH] = { FS_H_REFUSED, FS_H_REPEAT },
		[FS_H_FLUSH_OTHER] = { FS_H_REFUSED, FS_H_NONE },
		[FS_H_FLUSH_KILLED] = { FS_H_REFUSED, FS_H_NONE },
		[FS_H_FSYNC] = { FS_H_REFUSED, FS_H_REPEAT },
		[FS_H_RELEASE] = { FS_H_REFUSED, FS_H_NONE },
		[FS_H_FAIL] = { FS_H_BROKEN, FS_H_NONE },
		[FS_H_EMPTY] = { FS_H_DIRTY, FS_H_NONE },
	},
	[FS_H_DEAD] = {
		[FS_H_WRITE] = { FS_H_DEAD, FS_H_NONE },
		[FS_H_FLUSH] = { FS_H_DEAD, FS_H_NONE },
		[FS_H_FLUSH_OTHER] = { FS_H_DEAD, FS_H_NONE },
		[FS_H_FLUSH_KILLED] = { FS_H_DEAD, FS_H_NONE },
		[FS_H_FSYNC] = { FS_H_DEAD, FS_H_NONE },
		[FS_H_RELEASE] = { FS_H_DEAD, FS_H_NONE },
		[FS_H_FAIL] = { FS_H_DEAD, FS_H_NONE },
		[FS_H_EMPTY] = { FS_H_DEAD, FS_H_NONE },
	},
	[FS_H_BROKEN] = {
		[FS_H_WRITE] = { FS_H_BROKEN, FS_H_NONE },
		[FS_H_FLUSH] = { FS_H_BROKEN, FS_H_REPEAT },
		[FS_H_FLUSH_OTHER] = { FS_H_BROKEN, FS_H_NONE },
		[FS_H_FLUSH_KILLED] = { FS_H_BROKEN, FS_H_NONE },
		[FS_H_FSYNC] = { FS_H_BROKEN, FS_H_REPEAT },
		[FS_H_RELEASE] = { FS_H_BROKEN, FS_H_NONE },
		[FS_H_FAIL] = { FS_H_BROKEN, FS_H_NONE },
		[FS_H_EMPTY] = { FS_H_DIRTY, FS_H_NONE },
	},
};

enum fs_haction fs_hstate_next(enum fs_hstate *state, enum fs_hevent event)
{
	const struct step *s = &table[*state][event];

	*state = s->next;
	return s->action;
}
