/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What keep.c and keep_tables.c share: the area's layout. A header, the buffer that requests are read into, the table of
 * requests under way, the table of handles, the table of inodes, and blocks of 32 bytes times a power of two. It is sparse:
 * what is not used takes no memory.
 */
#ifndef PODFS_FS_KEEP_INTERNAL_H
#define PODFS_FS_KEEP_INTERNAL_H

#include <stdatomic.h>

#include "fs/keep.h"

#define MIB (UINT64_C(1) << 20)
/* Another number whenever anything here, or what a region keeps, changes its place or sense. */
#define LAYOUT ((UINT64_C(0x706f6466) << 32) + (sizeof(struct fs_kept) << 16) + 3)

enum {
	INIT_MAX = 1024,
	REQUESTS = 1024, /* under way at once; more are not noted */
	WINDOW = 16,	 /* where one may lie from its place on */
	HANDLES = 32768,
	NODES = 4 << 20,
	UNIT = 32,	/* of blocks */
	CLASSES = 20,	/* 32 bytes to 16 MiB */
	PUNCH = 65536,	/* blocks of so many bytes give their memory back when they are free */
};

struct fs_keep_request {
	uint64_t unique; /* without FS_KEEP_RESEND; 0: free */
	int64_t came;
	uint32_t deaths, len, cap, unused;
	uint64_t off; /* of a copy of its bytes, when it waits; 0: none. The loop's: it stays until the place is used again */
};

struct fs_keep_node {
	uint64_t ino; /* 0: free */
	uint64_t nlookup; /* of a free one: the next */
	uint64_t place;	  /* its block: struct fs_keep_place */
};

struct fs_keep_place {
	uint64_t parent;
	uint32_t cap, len;
	char name[];
};

struct fs_keep_header {
	uint64_t layout;
	uint32_t ready, init_len;
	uint32_t left, unused; /* left: by fs_keep_leave() */
	uint32_t nodes, handles; /* how many of the tables' records were ever used */
	uint64_t next_handle;
	uint64_t noted; /* the request in the buffer was seen by fs_keep_received(); the loop's alone, as the buffer is */
	uint8_t init[INIT_MAX];
};

#define AT_BUFFER (UINT64_C(64) << 10)
#define BUFFER (FS_MAX_WRITE + 8192) /* a request of the largest write, with its headers */
#define AT_REQUESTS (4 * MIB)
#define AT_HANDLES (5 * MIB)
#define AT_NODES (AT_HANDLES + sizeof(struct fs_kept) * HANDLES)
#define AT_BLOCKS ((AT_NODES + sizeof(struct fs_keep_node) * NODES + 4095) & ~UINT64_C(4095))
#define AREA (2048 * MIB)

struct fs_keep_old {
	uint64_t ino;
	uint32_t at;
};

struct fs_keep {
	int fd; /* borrowed */
	uint8_t *area;
	struct fs_keep_header *h;
	struct fs_keep_request *requests;
	struct fs_kept *handles;
	struct fs_keep_node *nodes;
	uint64_t top;		/* the first byte after all blocks that are used */
	uint64_t free[CLASSES]; /* lists of blocks */
	uint32_t free_node, free_handle, n_free_handles; /* the next free ones; a hint for handles */
	bool loaded; /* the request in the buffer is there a second time, by fs_keep_load() */
	struct fs_keep_old *old; /* owned: what the daemon before left, by number */
	size_t n_old;
};

/* What was stored before is there before what follows: the compiler must not exchange them. The processor keeps its own
 * order for whoever maps the page next. */
static inline void fs_keep_barrier(void)
{
	atomic_signal_fence(memory_order_seq_cst);
}

static inline struct fs_keep_place *fs_keep_place_of(const struct fs_keep *k, const struct fs_keep_node *n)
{
	return (struct fs_keep_place *)(void *)(k->area + n->place);
}

int fs_keep_by_ino(const void *a, const void *b); /* orders struct fs_keep_old */
/* Whether something may be a block. */
bool fs_keep_sound(uint64_t off, uint64_t cap);
/* A block of at least that size; 0: there is no room. */
uint64_t fs_keep_alloc(struct fs_keep *k, size_t size, uint32_t *ret_cap);
/* A block with these bytes; 0 for none, or no room. */
uint64_t fs_keep_put(struct fs_keep *k, const void *data, size_t len, uint32_t *ret_cap);
void fs_keep_give_back(struct fs_keep *k, uint64_t off, uint32_t cap); /* off 0 is fine */

#endif
