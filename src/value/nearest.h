/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean": the name nearest to a mistyped one. */
#ifndef PODFS_VALUE_NEAREST_H
#define PODFS_VALUE_NEAREST_H

#include <stddef.h>

/*
 * The one of `names` (n of them, or up to a NULL if that comes first; n may be SIZE_MAX) that `word` is most likely
 * meant to be: equal but for case, or within a Damerau-Levenshtein distance of a third of its length, case not
 * counting. NULL when none is near, or the word is longer than 64 bytes. Of equals the first.
 */
const char *nearest(const char *word, const char *const *names, size_t n);

#endif
