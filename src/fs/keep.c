/* SPDX-License-Identifier: Apache-2.0 */
/* The area, its blocks, and the requests under way. */
#include "fs/keep-internal.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fuse.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/clock.h"

/* --- blocks --- */

static unsigned class_of(size_t size)
{
	unsigned c = 0;

	while (c < CLASSES && ((size_t)UNIT << c) < size)
		c++;
	return c;
}

uint64_t fs_keep_alloc(struct fs_keep *k, size_t size, uint32_t *ret_cap)
{
	unsigned c = class_of(size);
	uint64_t off, bytes = (uint64_t)UNIT << c;

	if (c == CLASSES)
		return 0;
	off = k->free[c];
	if (off) {
		memcpy(&k->free[c], k->area + off, sizeof(off));
	} else {
		if (k->top + bytes > AREA)
			return 0;
		off = k->top;
		k->top += bytes;
	}
	*ret_cap = (uint32_t)bytes;
	return off;
}

void fs_keep_give_back(struct fs_keep *k, uint64_t off, uint32_t cap)
{
	unsigned c = class_of(cap);

	if (!off || c == CLASSES)
		return;
	if (cap >= PUNCH) /* ignoring: the memory is used again all the same */
		(void)fallocate(k->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off, (off_t)cap);
	memcpy(k->area + off, &k->free[c], sizeof(off));
	k->free[c] = off;
}

uint64_t fs_keep_put(struct fs_keep *k, const void *data, size_t len, uint32_t *ret_cap)
{
	uint64_t off = len ? fs_keep_alloc(k, len, ret_cap) : 0;

	if (off)
		memcpy(k->area + off, data, len);
	return off;
}

struct extent {
	uint64_t off, len;
};

static int by_off(const void *a, const void *b)
{
	const struct extent *x = a, *y = b;

	return x->off < y->off ? -1 : x->off > y->off;
}

bool fs_keep_sound(uint64_t off, uint64_t cap)
{
	return off >= AT_BLOCKS && cap >= UNIT && off < AREA && cap <= AREA - off && !(off % UNIT) &&
	       cap == (uint64_t)UNIT << class_of((size_t)cap);
}

static void note_extent(struct extent *list, size_t *n, uint64_t off, uint32_t cap)
{
	if (off && fs_keep_sound(off, cap))
		list[(*n)++] = (struct extent){ off, cap };
}

static void free_gap(struct fs_keep *k, uint64_t from, uint64_t to)
{
	while (to > from && to - from >= UNIT) {
		unsigned c = 0;

		while (c + 1 < CLASSES && ((uint64_t)UNIT << (c + 1)) <= to - from)
			c++;
		fs_keep_give_back(k, from, (uint32_t)UNIT << c);
		from += (uint64_t)UNIT << c;
	}
}

/* Finds out which blocks are free: all that nothing names. */
static int find_free(struct fs_keep *k)
{
	size_t max = (size_t)k->h->nodes + (size_t)k->h->handles * 4 + REQUESTS, n = 0;
	_cleanup_free_ struct extent *used = calloc(max + 1, sizeof(*used));
	uint64_t at = AT_BLOCKS;

	if (!used)
		return -ENOMEM;
	for (uint32_t i = 0; i < k->h->nodes; i++)
		if (k->nodes[i].ino)
			note_extent(used, &n, k->nodes[i].place, fs_keep_place_of(k, &k->nodes[i])->cap);
	for (uint32_t i = 0; i < k->h->handles; i++) {
		const struct fs_kept *h = &k->handles[i];

		if (!h->number)
			continue;
		note_extent(used, &n, h->snap_off, h->snap_cap);
		note_extent(used, &n, h->name_off, h->name_cap);
		note_extent(used, &n, h->groups_off, h->groups_cap);
		note_extent(used, &n, fs_keep_version(h)->off, fs_keep_version(h)->cap);
	}
	for (size_t i = 0; i < REQUESTS; i++) {
		if (!k->requests[i].unique)
			k->requests[i].off = 0;
		note_extent(used, &n, k->requests[i].off, k->requests[i].cap);
	}
	qsort(used, n, sizeof(*used), by_off);
	for (size_t i = 0; i < n; i++) {
		free_gap(k, at, used[i].off);
		at = used[i].off + used[i].len;
	}
	k->top = at;
	return 0;
}

/* --- the area --- */

static int take_up(struct fs_keep *k)
{
	k->old = calloc((size_t)k->h->nodes + 1, sizeof(*k->old));
	if (!k->old)
		return -ENOMEM;
	for (uint32_t i = 0; i < k->h->nodes; i++) {
		struct fs_keep_node *n = &k->nodes[i];

		if (n->ino && n->place >= AT_BLOCKS && n->place <= AREA - sizeof(struct fs_keep_place) - FS_KEEP_NAME) {
			k->old[k->n_old++] = (struct fs_keep_old){ n->ino, i + 1 };
		} else {
			n->ino = 0;
			n->nlookup = k->free_node;
			k->free_node = i + 1;
		}
	}
	qsort(k->old, k->n_old, sizeof(*k->old), fs_keep_by_ino);
	for (uint32_t i = 0; i < k->h->handles; i++)
		k->n_free_handles += k->handles[i].number == 0;
	return find_free(k);
}

int fs_keep_open(int fd, struct fs_keep **ret, struct error *err)
{
	struct fs_keep *k = calloc(1, sizeof(*k));
	int r = 0;

	if (!k)
		return error_set(err, -ENOMEM, "out of memory");
	k->fd = fd;
	k->area = MAP_FAILED;
	if (ftruncate(fd, (off_t)AREA) == 0)
		k->area = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (k->area == MAP_FAILED) {
		r = -errno;
		free(k);
		return error_errno(err, r, "cannot map what is kept for the next daemon");
	}
	(void)madvise(k->area + AT_BUFFER, BUFFER, MADV_POPULATE_WRITE); /* ignoring: before Linux 5.14, where nothing is sent again */
	k->h = (struct fs_keep_header *)(void *)k->area;
	k->requests = (struct fs_keep_request *)(void *)(k->area + AT_REQUESTS);
	k->handles = (struct fs_kept *)(void *)(k->area + AT_HANDLES);
	k->nodes = (struct fs_keep_node *)(void *)(k->area + AT_NODES);
	k->top = AT_BLOCKS;
	if (k->h->layout != LAYOUT) {
		k->h->nodes = k->h->handles = 0;
		if (!k->h->next_handle)
			k->h->next_handle = 1;
		fs_keep_barrier();
		k->h->layout = LAYOUT;
	} else {
		r = take_up(k);
	}
	if (r < 0) {
		fs_keep_free(k);
		return error_set(err, r, "out of memory");
	}
	*ret = k;
	return 0;
}

void fs_keep_free(struct fs_keep *k)
{
	if (!k)
		return;
	(void)munmap(k->area, AREA); /* cannot fail: it is ours */
	free(k->old);
	free(k);
}

/* --- the connection --- */

void *fs_keep_buffer(struct fs_keep *k)
{
	return k ? k->area + AT_BUFFER : NULL;
}

static const struct fuse_in_header *current(const struct fs_keep *k)
{
	return (const struct fuse_in_header *)(const void *)(k->area + AT_BUFFER);
}

void fs_keep_reading(struct fs_keep *k)
{
	if (!k)
		return;
	k->loaded = false;
	memset(k->area + AT_BUFFER, 0, sizeof(struct fuse_in_header));
	fs_keep_barrier();
	k->h->noted = 0;
}

/* Answers go out on other threads too, hence __atomic; the loop alone adds requests. */
static struct fs_keep_request *find_request(const struct fs_keep *k, uint64_t unique)
{
	uint64_t key = unique & ~FS_KEEP_RESEND;

	for (unsigned i = 0; i < WINDOW && key; i++) {
		struct fs_keep_request *q = &k->requests[(key / 2 + i) % REQUESTS];

		if (__atomic_load_n(&q->unique, __ATOMIC_ACQUIRE) == key)
			return q;
	}
	return NULL;
}

static void add_request(struct fs_keep *k, uint64_t unique)
{
	uint64_t key = unique & ~FS_KEEP_RESEND;

	if (find_request(k, unique))
		return;
	for (unsigned i = 0; i < WINDOW; i++) {
		struct fs_keep_request *q = &k->requests[(key / 2 + i) % REQUESTS];

		if (__atomic_load_n(&q->unique, __ATOMIC_ACQUIRE))
			continue;
		fs_keep_give_back(k, q->off, q->cap);
		q->came = clock_realtime();
		q->deaths = 0;
		q->off = 0;
		__atomic_store_n(&q->unique, key, __ATOMIC_RELEASE);
		return;
	}
}

static void note_request(struct fs_keep *k, const struct fuse_in_header *in, size_t len)
{
	switch (in->opcode) {
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
	case FUSE_NOTIFY_REPLY:
		return; /* nobody waits for an answer */
	case FUSE_INIT:
		if (len <= INIT_MAX) {
			memcpy(k->h->init, in, len);
			k->h->init_len = (uint32_t)len;
		}
		return;
	default:
		add_request(k, in->unique);
	}
}

void fs_keep_received(struct fs_keep *k, size_t len)
{
	if (!k || len < sizeof(struct fuse_in_header))
		return;
	note_request(k, current(k), len);
	fs_keep_barrier();
	k->h->noted = 1; /* see fs_keep_died() */
}

void fs_keep_answered(struct fs_keep *k, uint64_t unique)
{
	struct fs_keep_request *q = k ? find_request(k, unique) : NULL;

	if (q)
		__atomic_store_n(&q->unique, 0, __ATOMIC_RELEASE);
}

int64_t fs_keep_came(const struct fs_keep *k, uint64_t unique, unsigned *ret_deaths)
{
	const struct fs_keep_request *q = k ? find_request(k, unique) : NULL;

	if (ret_deaths)
		*ret_deaths = q ? q->deaths : 0;
	return q ? q->came : clock_realtime();
}

uint64_t fs_keep_current(const struct fs_keep *k)
{
	return k ? current(k)->unique | (k->loaded ? FS_KEEP_RESEND : 0) : 0;
}

size_t fs_keep_init(const struct fs_keep *k, const void **ret)
{
	if (!k || !k->h->ready)
		return 0;
	*ret = k->h->init;
	return k->h->init_len;
}

void fs_keep_set_ready(struct fs_keep *k)
{
	if (k && k->h->init_len)
		k->h->ready = 1;
}

void fs_keep_leave(struct fs_keep *k)
{
	if (k)
		k->h->left = 1;
}

void fs_keep_died(struct fs_keep *k)
{
	bool on_purpose = k && k->h->left;

	/* The one that was read last may have been missed by the table. */
	if (k && current(k)->unique && current(k)->len >= sizeof(struct fuse_in_header)) {
		if (!k->h->noted)
			fs_keep_received(k, current(k)->len);
		fs_keep_parked(k);
	}
	for (size_t i = 0; k && i < REQUESTS; i++) {
		struct fs_keep_request *q = &k->requests[i];

		q->deaths += !on_purpose;
		if (q->unique && q->deaths > FS_KEEP_DEATHS) /* it was answered just before a death: it did not come again */
			q->unique = 0;
	}
	if (k)
		k->h->left = 0;
}

void fs_keep_parked(struct fs_keep *k)
{
	const struct fuse_in_header *in = k ? current(k) : NULL;
	struct fs_keep_request *q = in && in->len ? find_request(k, in->unique) : NULL;
	uint32_t cap = 0;
	uint64_t off;

	if (!q || q->off || in->len > AT_REQUESTS - AT_BUFFER)
		return;
	off = fs_keep_put(k, in, in->len, &cap);
	q->cap = cap;
	q->len = in->len;
	fs_keep_barrier();
	q->off = off;
}

size_t fs_keep_load(struct fs_keep *k, uint64_t unique)
{
	const struct fs_keep_request *q = k ? find_request(k, unique) : NULL;

	if (!q || !fs_keep_sound(q->off, q->cap) || q->len > q->cap || q->len < sizeof(struct fuse_in_header))
		return 0;
	memcpy(k->area + AT_BUFFER, k->area + q->off, q->len);
	k->loaded = true;
	return q->len;
}

static int by_unique(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

uint64_t *fs_keep_requests(const struct fs_keep *k, size_t *ret_n)
{
	uint64_t *list = k ? calloc(REQUESTS, sizeof(*list)) : NULL;
	size_t n = 0;

	for (size_t i = 0; list && i < REQUESTS; i++)
		if (k->requests[i].unique)
			list[n++] = k->requests[i].unique;
	if (list)
		qsort(list, n, sizeof(*list), by_unique);
	*ret_n = n;
	return list;
}
