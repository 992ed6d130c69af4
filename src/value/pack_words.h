/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words that the stored form has one-byte codes for. The tables are append-only: a code's meaning never changes,
 * since stored bytes refer to it. Private to this folder.
 */
#ifndef PODFS_VALUE_PACK_WORDS_H
#define PODFS_VALUE_PACK_WORDS_H

#include <stddef.h>

/* The word of a code, NULL when there is none. */
const char *pack_key_word(unsigned code);
const char *pack_string_word(unsigned code);

/* The code of a word, or -1. Any thread. */
int pack_key_code(const char *s, size_t len);
int pack_string_code(const char *s, size_t len);

#endif
