/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The area: a header, the buffer that requests are read into, the table of requests under way, the table of handles, the table of
 * inodes, and blocks of 32 bytes times a power of two. It is sparse: what is not used takes no memory.
 */
#include "fs/keep.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fuse.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define MIB (UINT64_C(1) << 20)
#define LAYOUT 0x706f646673000002 /* another number whenever anything here changes its place or sense */

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

struct request {
	uint64_t unique; /* without FS_KEEP_RESEND; 0: free */
	int64_t came;
	uint32_t deaths, unused;
};

struct node {
	uint64_t ino; /* 0: free */
	uint64_t nlookup; /* of a free one: the next */
	uint64_t place;	  /* its block: struct place */
};

struct place {
	uint64_t parent;
	uint32_t cap, len;
	char name[];
};

struct header {
	uint64_t layout;
	uint32_t ready, init_len;
	uint32_t left, unused; /* left: by fs_keep_leave() */
	uint32_t nodes, handles; /* how many of the tables' records were ever used */
	uint64_t next_handle;
	uint64_t noted; /* the request in the buffer was seen by fs_keep_received(); the loop's alone, as the buffer is */
	uint8_t init[INIT_MAX];
};

#define AT_BUFFER (UINT64_C(64) << 10)
#define AT_REQUESTS (4 * MIB)
#define AT_HANDLES (5 * MIB)
#define AT_NODES (AT_HANDLES + sizeof(struct fs_kept) * HANDLES)
#define AT_BLOCKS ((AT_NODES + sizeof(struct node) * NODES + 4095) & ~UINT64_C(4095))
#define AREA (2048 * MIB)

struct old {
	uint64_t ino;
	uint32_t at;
};

struct fs_keep {
	int fd; /* borrowed */
	uint8_t *area;
	struct header *h;
	struct request *requests;
	struct fs_kept *handles;
	struct node *nodes;
	uint64_t top;		/* the first byte after all blocks that are used */
	uint64_t free[CLASSES]; /* lists of blocks */
	uint32_t free_node, free_handle, n_free_handles; /* the next free ones; a hint for handles */
	struct old *old; /* owned: what the daemon before left, by number */
	size_t n_old;
};

/* What was stored before is there before what follows: the compiler must not exchange them. The processor keeps its own
 * order for whoever maps the page next. */
static void barrier(void)
{
	atomic_signal_fence(memory_order_seq_cst);
}

/* --- blocks --- */

static unsigned class_of(size_t size)
{
	unsigned c = 0;

	while (c < CLASSES && ((size_t)UNIT << c) < size)
		c++;
	return c;
}

static uint64_t alloc(struct fs_keep *k, size_t size, uint32_t *ret_cap)
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

static void give_back(struct fs_keep *k, uint64_t off, uint32_t cap)
{
	unsigned c = class_of(cap);

	if (!off || c == CLASSES)
		return;
	if (cap >= PUNCH) /* ignoring: the memory is used again all the same */
		(void)fallocate(k->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off, (off_t)cap);
	memcpy(k->area + off, &k->free[c], sizeof(off));
	k->free[c] = off;
}

struct extent {
	uint64_t off, len;
};

static int by_off(const void *a, const void *b)
{
	const struct extent *x = a, *y = b;

	return x->off < y->off ? -1 : x->off > y->off;
}

static bool sound(uint64_t off, uint64_t cap)
{
	return off >= AT_BLOCKS && cap >= UNIT && off < AREA && cap <= AREA - off && !(off % UNIT) &&
	       cap == (uint64_t)UNIT << class_of((size_t)cap);
}

static void note_extent(struct extent *list, size_t *n, uint64_t off, uint32_t cap)
{
	if (off && sound(off, cap))
		list[(*n)++] = (struct extent){ off, cap };
}

static void free_gap(struct fs_keep *k, uint64_t from, uint64_t to)
{
	while (to > from && to - from >= UNIT) {
		unsigned c = 0;

		while (c + 1 < CLASSES && ((uint64_t)UNIT << (c + 1)) <= to - from)
			c++;
		give_back(k, from, (uint32_t)UNIT << c);
		from += (uint64_t)UNIT << c;
	}
}

static struct place *place_of(const struct fs_keep *k, const struct node *n)
{
	return (struct place *)(void *)(k->area + n->place);
}

/* Finds out which blocks are free: all that nothing names. */
static int find_free(struct fs_keep *k)
{
	size_t max = (size_t)k->h->nodes + (size_t)k->h->handles * 4, n = 0;
	_cleanup_free_ struct extent *used = calloc(max + 1, sizeof(*used));
	uint64_t at = AT_BLOCKS;

	if (!used)
		return -ENOMEM;
	for (uint32_t i = 0; i < k->h->nodes; i++)
		if (k->nodes[i].ino)
			note_extent(used, &n, k->nodes[i].place, place_of(k, &k->nodes[i])->cap);
	for (uint32_t i = 0; i < k->h->handles; i++) {
		const struct fs_kept *h = &k->handles[i];

		if (!h->number)
			continue;
		note_extent(used, &n, h->snap_off, h->snap_cap);
		note_extent(used, &n, h->name_off, h->name_cap);
		note_extent(used, &n, h->groups_off, h->groups_cap);
		note_extent(used, &n, fs_keep_version(h)->off, fs_keep_version(h)->cap);
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

static int by_ino(const void *a, const void *b)
{
	const struct old *x = a, *y = b;

	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

static int take_up(struct fs_keep *k)
{
	k->old = calloc((size_t)k->h->nodes + 1, sizeof(*k->old));
	if (!k->old)
		return -ENOMEM;
	for (uint32_t i = 0; i < k->h->nodes; i++) {
		struct node *n = &k->nodes[i];

		if (n->ino && n->place >= AT_BLOCKS && n->place <= AREA - sizeof(struct place) - FS_KEEP_NAME) {
			k->old[k->n_old++] = (struct old){ n->ino, i + 1 };
		} else {
			n->ino = 0;
			n->nlookup = k->free_node;
			k->free_node = i + 1;
		}
	}
	qsort(k->old, k->n_old, sizeof(*k->old), by_ino);
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
	k->h = (struct header *)(void *)k->area;
	k->requests = (struct request *)(void *)(k->area + AT_REQUESTS);
	k->handles = (struct fs_kept *)(void *)(k->area + AT_HANDLES);
	k->nodes = (struct node *)(void *)(k->area + AT_NODES);
	k->top = AT_BLOCKS;
	if (k->h->layout != LAYOUT) {
		k->h->nodes = k->h->handles = 0;
		if (!k->h->next_handle)
			k->h->next_handle = 1;
		barrier();
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
	memset(k->area + AT_BUFFER, 0, sizeof(struct fuse_in_header));
	barrier();
	k->h->noted = 0;
}

/* Answers go out on other threads too, hence __atomic; the loop alone adds requests. */
static struct request *find_request(const struct fs_keep *k, uint64_t unique)
{
	uint64_t key = unique & ~FS_KEEP_RESEND;

	for (unsigned i = 0; i < WINDOW && key; i++) {
		struct request *q = &k->requests[(key / 2 + i) % REQUESTS];

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
		struct request *q = &k->requests[(key / 2 + i) % REQUESTS];

		if (__atomic_load_n(&q->unique, __ATOMIC_ACQUIRE))
			continue;
		q->came = clock_realtime();
		q->deaths = 0;
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
	barrier();
	k->h->noted = 1; /* see fs_keep_died() */
}

void fs_keep_answered(struct fs_keep *k, uint64_t unique)
{
	struct request *q = k ? find_request(k, unique) : NULL;

	if (q)
		__atomic_store_n(&q->unique, 0, __ATOMIC_RELEASE);
}

int64_t fs_keep_came(const struct fs_keep *k, uint64_t unique, unsigned *ret_deaths)
{
	const struct request *q = k ? find_request(k, unique) : NULL;

	if (ret_deaths)
		*ret_deaths = q ? q->deaths : 0;
	return q ? q->came : clock_realtime();
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
	if (k && !k->h->noted && current(k)->unique && current(k)->len >= sizeof(struct fuse_in_header))
		fs_keep_received(k, current(k)->len);
	for (size_t i = 0; k && i < REQUESTS; i++) {
		struct request *q = &k->requests[i];

		q->deaths += !on_purpose;
		if (q->deaths > FS_KEEP_DEATHS) /* it was answered just before a death, and so was not sent again */
			q->unique = 0;
	}
	if (k)
		k->h->left = 0;
}

void fs_keep_each_request(struct fs_keep *k, bool (*fn)(void *arg, uint64_t unique), void *arg)
{
	for (size_t i = 0; k && i < REQUESTS; i++)
		if (k->requests[i].unique && fn(arg, k->requests[i].unique))
			k->requests[i].unique = 0;
}

/* --- inodes --- */

static uint64_t make_place(struct fs_keep *k, uint64_t parent, const char *name)
{
	size_t len = strlen(name);
	uint32_t cap;
	uint64_t off = len < FS_KEEP_NAME ? alloc(k, sizeof(struct place) + len + 1, &cap) : 0;
	struct place *p = (struct place *)(void *)(k->area + off);

	if (!off)
		return 0;
	p->parent = parent;
	p->cap = cap;
	p->len = (uint32_t)len;
	memcpy(p->name, name, len + 1);
	return off;
}

uint32_t fs_keep_node_add(struct fs_keep *k, uint64_t ino, uint64_t parent, const char *name)
{
	uint64_t place = k ? make_place(k, parent, name) : 0;
	uint32_t at;
	struct node *n;

	if (!place)
		return 0;
	at = k->free_node;
	if (at) {
		k->free_node = (uint32_t)k->nodes[at - 1].nlookup;
	} else if (k->h->nodes < NODES) {
		at = k->h->nodes + 1;
		k->nodes[at - 1].ino = 0;
		barrier();
		k->h->nodes = at;
	} else {
		give_back(k, place, ((struct place *)(void *)(k->area + place))->cap);
		return 0;
	}
	n = &k->nodes[at - 1];
	n->place = place;
	n->nlookup = 1;
	barrier();
	n->ino = ino;
	return at;
}

void fs_keep_node_count(struct fs_keep *k, uint32_t at, uint64_t nlookup)
{
	if (k && at)
		k->nodes[at - 1].nlookup = nlookup;
}

void fs_keep_node_move(struct fs_keep *k, uint32_t at, uint64_t parent, const char *name)
{
	struct node *n = k && at ? &k->nodes[at - 1] : NULL;
	uint64_t place = n ? make_place(k, parent, name) : 0, before;

	if (!place) /* ignoring: no memory; the next daemon does not find it then, and answers ESTALE */
		return;
	before = n->place;
	barrier();
	n->place = place;
	give_back(k, before, ((struct place *)(void *)(k->area + before))->cap);
}

void fs_keep_node_drop(struct fs_keep *k, uint32_t at)
{
	struct node *n = k && at ? &k->nodes[at - 1] : NULL;

	if (!n || !n->ino)
		return;
	n->ino = 0;
	barrier();
	give_back(k, n->place, place_of(k, n)->cap);
	n->nlookup = k->free_node;
	k->free_node = at;
}

bool fs_keep_node_find(const struct fs_keep *k, uint64_t ino, uint32_t *ret_at, uint64_t *ret_parent,
		       char name[static FS_KEEP_NAME], uint64_t *ret_nlookup)
{
	const struct old look = { .ino = ino };
	const struct old *o = k && k->n_old ? bsearch(&look, k->old, k->n_old, sizeof(look), by_ino) : NULL;
	const struct node *n = o ? &k->nodes[o->at - 1] : NULL;
	const struct place *p;

	if (!n || n->ino != ino)
		return false;
	p = place_of(k, n);
	if (p->len >= FS_KEEP_NAME)
		return false;
	*ret_at = o->at;
	*ret_parent = p->parent;
	*ret_nlookup = n->nlookup;
	memcpy(name, p->name, p->len);
	name[p->len] = '\0';
	return true;
}

uint32_t fs_keep_node_named(const struct fs_keep *k, uint64_t parent, const char *name)
{
	for (size_t i = 0; k && i < k->n_old; i++) {
		const struct node *n = &k->nodes[k->old[i].at - 1];

		if (n->ino == k->old[i].ino && place_of(k, n)->parent == parent && strcmp(place_of(k, n)->name, name) == 0)
			return k->old[i].at;
	}
	return 0;
}

/* --- handles --- */

uint64_t fs_keep_handle_number(struct fs_keep *k, uint64_t last)
{
	return k ? k->h->next_handle++ : last + 1;
}

static struct fs_kept *free_handle(struct fs_keep *k)
{
	for (uint32_t i = 0; k->n_free_handles && i < k->h->handles; i++) {
		uint32_t at = (k->free_handle + i) % k->h->handles;

		if (k->handles[at].number == 0) {
			k->free_handle = at + 1;
			k->n_free_handles--;
			return &k->handles[at];
		}
	}
	if (k->h->handles == HANDLES)
		return NULL;
	k->handles[k->h->handles].number = 0;
	barrier();
	return &k->handles[k->h->handles++];
}

static uint64_t put(struct fs_keep *k, const void *data, size_t len, uint32_t *ret_cap)
{
	uint64_t off = len ? alloc(k, len, ret_cap) : 0;

	if (off)
		memcpy(k->area + off, data, len);
	return off;
}

struct fs_kept *fs_keep_handle_add(struct fs_keep *k, const struct fs_kept *what, const char *name, const void *snap,
				   size_t snap_len)
{
	struct fs_kept *h = k ? free_handle(k) : NULL, new = *what;

	if (!h)
		return NULL;
	new.number = 0;
	new.snap_len = (uint32_t)snap_len;
	new.name_off = put(k, name, strlen(name) + 1, &new.name_cap);
	new.snap_off = put(k, snap, snap_len, &new.snap_cap);
	new.lost = !new.name_off || (snap_len && !new.snap_off);
	*h = new;
	return h;
}

void fs_keep_handle_publish(struct fs_kept *h, uint64_t number)
{
	barrier();
	h->number = number;
}

void fs_keep_handle_drop(struct fs_keep *k, struct fs_kept *h)
{
	if (!k || !h || !h->number)
		return;
	h->number = 0;
	barrier();
	give_back(k, h->snap_off, h->snap_cap);
	give_back(k, h->name_off, h->name_cap);
	give_back(k, h->groups_off, h->groups_cap);
	give_back(k, fs_keep_version(h)->off, fs_keep_version(h)->cap);
	k->free_handle = (uint32_t)(h - k->handles);
	k->n_free_handles++;
}

struct fs_kept *fs_keep_handle_next(struct fs_keep *k, struct fs_kept *h)
{
	if (!k)
		return NULL;
	for (h = h ? h + 1 : k->handles; h < k->handles + k->h->handles; h++)
		if (h->number)
			return h;
	return NULL;
}

struct fs_kept *fs_keep_handle_find(struct fs_keep *k, uint64_t number)
{
	struct fs_kept *h = NULL;

	while ((h = fs_keep_handle_next(k, h)) && h->number != number)
		;
	return h;
}

const char *fs_keep_handle_name(const struct fs_keep *k, const struct fs_kept *h)
{
	return sound(h->name_off, h->name_cap) ? (const char *)k->area + h->name_off : "";
}

void fs_keep_handle_set_groups(struct fs_keep *k, struct fs_kept *h, const gid_t *groups, size_t n)
{
	if (!k || !h || !n)
		return;
	h->groups_off = put(k, groups, n * sizeof(*groups), &h->groups_cap);
	h->groups_n = h->groups_off ? (uint32_t)n : 0;
}

const gid_t *fs_keep_handle_groups(const struct fs_keep *k, const struct fs_kept *h, size_t *ret_n)
{
	bool ok = sound(h->groups_off, h->groups_cap) && h->groups_n * sizeof(gid_t) <= h->groups_cap;

	*ret_n = ok ? h->groups_n : 0;
	return ok ? (const gid_t *)(const void *)(k->area + h->groups_off) : NULL;
}

const void *fs_keep_handle_snap(const struct fs_keep *k, const struct fs_kept *h)
{
	return sound(h->snap_off, h->snap_cap) && h->snap_len <= h->snap_cap ? k->area + h->snap_off : NULL;
}

void fs_keep_handle_snapshot(struct fs_keep *k, struct fs_kept *h, const void *snap, size_t len)
{
	uint64_t before = h ? h->snap_off : 0;
	uint32_t cap = h ? h->snap_cap : 0;

	if (!k || !h)
		return;
	h->snap_len = 0;
	barrier();
	give_back(k, before, cap);
	h->snap_off = put(k, snap, len, &h->snap_cap);
	barrier();
	h->snap_len = h->snap_off ? (uint32_t)len : 0;
}

const struct fs_kept_version *fs_keep_version(const struct fs_kept *h)
{
	return &h->version[h->cur & 1];
}

const void *fs_keep_text(const struct fs_keep *k, const struct fs_kept *h, size_t *ret_len)
{
	const struct fs_kept_version *v = fs_keep_version(h);

	*ret_len = sound(v->off, v->cap) && v->len <= v->cap ? v->len : 0;
	return *ret_len ? k->area + v->off : NULL;
}

void fs_keep_change(struct fs_keep *k, struct fs_kept *h, const struct fs_keep_change *c)
{
	struct fs_kept_version v;
	uint64_t before;
	uint32_t before_cap;

	if (!k || !h)
		return;
	v = *fs_keep_version(h);
	before = v.off;
	before_cap = v.cap;
	if (c->text_len > v.cap) {
		v.off = alloc(k, c->text_len, &v.cap);
		if (!v.off) {
			h->lost = 1;
			return;
		}
		if (before)
			memcpy(k->area + v.off, k->area + before, v.len);
	}
	if (c->text_len > v.len && v.off) /* a gap, unless it is written below */
		memset(k->area + v.off + v.len, 0, c->text_len - v.len);
	if (c->len)
		memcpy(k->area + v.off + c->at, c->data, c->len);
	v.len = (uint32_t)c->text_len;
	if (c->state)
		memcpy(v.state, c->state, FS_KEEP_STATE);
	v.unique = c->unique & ~FS_KEEP_RESEND;
	h->version[(h->cur & 1) ^ 1] = v;
	barrier();
	h->cur = (h->cur & 1) ^ 1;
	barrier();
	if (before != v.off)
		give_back(k, before, before_cap);
}

void fs_keep_state(struct fs_keep *k, struct fs_kept *h, const void *state)
{
	if (k && h)
		fs_keep_change(k, h, &(struct fs_keep_change){ .state = state, .text_len = fs_keep_version(h)->len,
							       .unique = fs_keep_version(h)->unique });
}
