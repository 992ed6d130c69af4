/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a backup: a header of fixed size, parts, and an end with the number of records and a checksum of all that
 * stands before it. Numbers are least significant byte first. A part is its type, one byte, and then
 *
 *   'E'  a record of the store: key, record (each: length 4, bytes)
 *   'd'  a directory of scratch; 'D' the same, when all that is in it has been given
 *   'f'  a file of scratch; chunks (length 4, bytes) follow, the last of length 0
 *   'l'  a symbolic link of scratch; its target follows (length 4, bytes)
 *   'Z'  the end: records 8, checksum 8
 *
 * d, D, f and l go on with: path; mode 4, uid 4, gid 4; time of access and of change of its bytes (seconds 8, nanoseconds
 * 4); of each extended attribute a 1, its name and its value; a 0. What is read is not trusted.
 */
#ifndef PODFS_CMD_BACKUP_FORMAT_H
#define PODFS_CMD_BACKUP_FORMAT_H

#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

enum {
	BACKUP_FORMAT = 1, /* raised whenever an older podfs would misread a backup */
	BACKUP_HEADER_SIZE = 64,
	BACKUP_END_SIZE = 1 + 8 + 8,
	BACKUP_VERSION_MAX = 24,
	BACKUP_BYTES_MAX = 16 * 1024 * 1024 + 64, /* of one string: a record's value is the longest */
};

enum backup_part {
	BACKUP_RECORD = 'E',
	BACKUP_DIRECTORY = 'd',
	BACKUP_DIRECTORY_END = 'D',
	BACKUP_FILE = 'f',
	BACKUP_LINK = 'l',
	BACKUP_END = 'Z',
};

struct backup_header {
	uint32_t store_format;
	uint64_t time;	   /* when it was made, seconds since 1970 */
	uint64_t reserved; /* no revision above it had been given out */
	char version[BACKUP_VERSION_MAX + 1]; /* of the podfs that made it */
};

void backup_header_encode(const struct backup_header *h, unsigned char out[static BACKUP_HEADER_SIZE]);
/* -EBADMSG when these are not the first bytes of a backup, -EPROTO when it is of a newer podfs. */
int backup_header_decode(const unsigned char in[static BACKUP_HEADER_SIZE], struct backup_header *ret);

/* CRC-64 as of ECMA-182, reflected, as in .xz: begin with 0, go on with what it gave. */
uint64_t backup_checksum(uint64_t sum, const void *data, size_t len);

/* --- writing: the first error is kept, and nothing is written after it --- */

struct backup_out {
	FILE *file;
	int error; /* negative errno */
	uint64_t sum;
	uint64_t records;
};

void backup_put(struct backup_out *o, const void *data, size_t len);
void backup_put_u32(struct backup_out *o, uint32_t v);
void backup_put_u64(struct backup_out *o, uint64_t v);
/* Its length, then it. */
void backup_put_bytes(struct backup_out *o, const void *data, size_t len);
/* Writes the end. 0 when all has been given to the kernel. */
int backup_finish(struct backup_out *o);

/* --- reading --- */

struct backup_in {
	FILE *file;
};

/*
 * Reads all of a file that can be rewound, and leaves it behind its header. -EBADMSG when it is no backup, is damaged or
 * has lost its end; -EPROTO.
 */
int backup_check(struct backup_in *in, struct backup_header *ret, struct error *err);
/* -EBADMSG at the end; -EIO. */
int backup_get(struct backup_in *in, void *data, size_t len);
int backup_get_u32(struct backup_in *in, uint32_t *ret);
int backup_get_u64(struct backup_in *in, uint64_t *ret);
/* *ret is owned by the caller, and has a NUL behind it. -EBADMSG when longer than max. */
int backup_get_bytes(struct backup_in *in, size_t max, char **ret, size_t *ret_len);

#endif
