/* SPDX-License-Identifier: Apache-2.0 */
/* SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed 64-bit hash that others cannot make collide. */
#ifndef PODFS_FS_SIPHASH_H
#define PODFS_FS_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t fs_siphash(const uint8_t key[static 16], const void *data, size_t len);

#endif
