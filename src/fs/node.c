/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of inodes, by number and by place. An inode is there while somebody holds it: the kernel (nlookup), a child, a
 * handle, a caller. The table doubles when it is full and is only touched on the loop.
 */
#include "fs/frame.h"

#include <string.h>

#include "base/clock.h"
#include "fs/access.h"
#include "fs/dirattr.h"
#include "fs/remnant.h"
#include "fs/siphash.h"

enum { TABLE_START = 256 };

/* --- the nodes by place: each chain has the newest first, since a name may have had other things a moment ago --- */

static struct fs_node **place_of(const struct fs_tables *t, const struct fs_node *parent, const char *name)
{
	/* Whoever chooses names does not know the key, so that chains stay short. */
	uint64_t hash = fs_siphash(parent->fs->seed, name, strlen(name)) ^ parent->ino;

	return &t->places[hash & t->node_mask];
}

static void add_place(struct fs_tables *t, struct fs_node *n)
{
	struct fs_node **p = place_of(t, n->parent, n->name);

	n->place_next = *p;
	*p = n;
}

static void remove_place(struct fs_tables *t, struct fs_node *n)
{
	struct fs_node **p = place_of(t, n->parent, n->name);

	while (*p && *p != n)
		p = &(*p)->place_next;
	if (*p)
		*p = n->place_next;
}

int fs_nodes_init(struct fs *fs)
{
	struct fs_tables *t = fs_loop_tables(fs);

	t->nodes = calloc(TABLE_START, sizeof(struct fs_node *));
	t->places = calloc(TABLE_START, sizeof(struct fs_node *));
	if (!t->nodes || !t->places)
		return -ENOMEM;
	t->node_mask = TABLE_START - 1;
	return fs_handles_init(fs);
}

void fs_nodes_free(struct fs *fs)
{
	struct fs_tables *t = fs_loop_tables(fs);

	/* The kernel is gone: whatever it held is given back, handles first, since they hold nodes. */
	fs_handles_free(fs);
	for (size_t i = 0; t->nodes && i <= t->node_mask; i++)
		for (struct fs_node *n = t->nodes[i]; n;) {
			if (!n->nlookup) {
				n = n->hash_next;
				continue;
			}
			fs_node_forget(n, n->nlookup);
			n = t->nodes[i]; /* the chain may have changed */
		}
	fs_node_unref(fs->root);
	fs->root = NULL;
	while (t->texts) {
		struct fs_text *text = t->texts;

		t->texts = text->next;
		free(text);
	}
	free(t->nodes);
	free(t->places);
	t->nodes = t->places = NULL;
}

uint64_t fs_ino(const struct fs *fs, const char *id, const char *path)
{
	size_t a = strlen(id), b = strlen(path);
	_cleanup_free_ char *heap = NULL;
	char stack[512], *p = stack;
	uint64_t ino;

	if (a + b + 1 > sizeof(stack)) {
		heap = malloc(a + b + 1);
		p = heap;
	}
	if (!p) /* still the thing's own number, made of two: memory is out and a number is due */
		return fs_siphash(fs->seed, id, a) ^ (fs_siphash(fs->seed, path, b) << 1);
	memcpy(p, id, a + 1);
	memcpy(p + a + 1, path, b);
	ino = fs_siphash(fs->seed, p, a + 1 + b);
	return ino > FUSE_ROOT_ID ? ino : ino + 2;
}

struct fs_node *fs_node_find(struct fs *fs, uint64_t ino)
{
	struct fs_tables *t = fs_loop_tables(fs);
	struct fs_node *n = t->nodes[ino & t->node_mask];

	while (n && n->ino != ino)
		n = n->hash_next;
	return n;
}

/* Makes the tables n long, a power of 2. */
static void grow_nodes(struct fs_tables *t, size_t n)
{
	struct fs_node **nodes = calloc(n, sizeof(*nodes)), **places = calloc(n, sizeof(*places));
	struct fs_tables was = *t;

	if (!nodes || !places) { /* ignoring: longer chains still work */
		free(nodes);
		free(places);
		return;
	}
	t->nodes = nodes;
	t->places = places;
	t->node_mask = n - 1;
	for (size_t i = 0; i <= was.node_mask; i++) {
		struct fs_node *oldest_first = NULL, *p;

		while ((p = was.nodes[i])) {
			was.nodes[i] = p->hash_next;
			p->hash_next = nodes[p->ino & t->node_mask];
			nodes[p->ino & t->node_mask] = p;
		}
		while ((p = was.places[i])) {
			was.places[i] = p->place_next;
			p->place_next = oldest_first;
			oldest_first = p;
		}
		while ((p = oldest_first)) {
			oldest_first = p->place_next;
			add_place(t, p);
		}
	}
	free(was.nodes);
	free(was.places);
}

void fs_nodes_expect(struct fs *fs, size_t more)
{
	struct fs_tables *t = fs_loop_tables(fs);
	size_t n = t->node_mask + 1;

	while (n < t->n_nodes + more)
		n *= 2;
	if (n > t->node_mask + 1)
		grow_nodes(t, n);
}

int fs_node_get(struct fs_node *parent, const char *name, uint64_t ino, const struct fs_ops *ops, struct fs_node **ret,
		bool *ret_new)
{
	struct fs *fs = parent->fs;
	struct fs_tables *t = fs_loop_tables(fs);
	struct fs_node *n = fs_node_find(fs, ino);

	if (n) {
		int r;

		if (n->ops != ops)
			return -EIO;
		r = fs_node_move(n, parent, name);
		if (r < 0)
			return r;
		if (ret_new)
			*ret_new = false;
		*ret = fs_node_ref(n);
		return 0;
	}
	n = calloc(1, sizeof(*n) + ops->room + strlen(name) + 1);
	if (!n)
		return -ENOMEM;
	*n = (struct fs_node){ .ino = ino, .ops = ops, .fs = fs, .parent = fs_node_ref(parent),
			       .name = (char *)(n + 1) + ops->room, .data = ops->room ? n + 1 : NULL,
			       .ns = parent->ns, .kind = parent->kind, .refs = 1 };
	memcpy(n->name, name, strlen(name) + 1);
	if (t->n_nodes > t->node_mask)
		grow_nodes(t, 2 * (t->node_mask + 1));
	n->hash_next = t->nodes[ino & t->node_mask];
	t->nodes[ino & t->node_mask] = n;
	t->n_nodes++;
	add_place(t, n);
	if (ret_new)
		*ret_new = true;
	*ret = n;
	return 0;
}

struct fs_node *fs_node_ref(struct fs_node *n)
{
	n->refs++;
	return n;
}

void fs_node_unref(struct fs_node *n)
{
	while (n && --n->refs == 0) { /* the parent next, without recursion */
		struct fs_tables *t = fs_loop_tables(n->fs);
		struct fs_node **p = &t->nodes[n->ino & t->node_mask], *parent = n->parent;

		while (*p && *p != n)
			p = &(*p)->hash_next;
		if (*p) {
			*p = n->hash_next;
			t->n_nodes--;
			remove_place(t, n);
		}
		if (n->ops->destroy)
			n->ops->destroy(n);
		if (n->name_apart)
			free(n->name);
		free(n);
		n = parent;
	}
}

void fs_node_lookup_add(struct fs_node *n)
{
	if (n->nlookup == 0) {
		if (fs_takeover_adopt(n)) {
			fs_keep_node_count(n->fs->keep, n->kept, ++n->nlookup);
			return;
		}
		fs_node_ref(n);
		if (n->parent)
			n->kept = fs_keep_node_add(n->fs->keep, n->ino, n->parent->ino, n->name);
		n->nlookup = 1;
	} else {
		fs_keep_node_count(n->fs->keep, n->kept, ++n->nlookup);
	}
}

void fs_node_forget(struct fs_node *n, uint64_t count)
{
	if (n->nlookup == 0)
		return;
	n->nlookup = count < n->nlookup ? n->nlookup - count : 0;
	fs_keep_node_count(n->fs->keep, n->kept, n->nlookup);
	if (n->nlookup == 0) {
		fs_keep_node_drop(n->fs->keep, n->kept);
		n->kept = 0;
		fs_node_unref(n);
	}
}

struct fs_node *fs_node_child(const struct fs_node *dir, const char *name)
{
	struct fs_node *n = *place_of(fs_loop_tables(dir->fs), dir, name);

	while (n && (n->parent != dir || strcmp(n->name, name) != 0))
		n = n->place_next;
	return n;
}

int fs_node_move(struct fs_node *n, struct fs_node *parent, const char *name)
{
	struct fs_node *old = n->parent;
	char *copy;

	if (old == parent && strcmp(n->name, name) == 0)
		return 0;
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	remove_place(fs_loop_tables(n->fs), n);
	if (n->name_apart)
		free(n->name);
	n->name = copy;
	n->name_apart = true;
	if (old != parent) {
		n->parent = fs_node_ref(parent);
		n->ns = parent->ns;
		n->kind = parent->kind;
	}
	add_place(fs_loop_tables(n->fs), n);
	if (old != parent)
		fs_node_unref(old);
	fs_keep_node_move(n->fs->keep, n->kept, parent->ino, name);
	return 0;
}

void fs_nodes_notify_below(const struct fs_node *dir)
{
	struct fs_tables *t = fs_loop_tables(dir->fs);

	for (size_t i = 0; i <= t->node_mask; i++)
		for (const struct fs_node *n = t->nodes[i]; n; n = n->hash_next)
			for (const struct fs_node *p = n->parent; p; p = p->parent)
				if (p == dir) {
					fs_notify_expire(dir->fs, n->ino);
					break;
				}
}

void fs_node_path(const struct fs_node *n, struct buf *out)
{
	if (!n->parent)
		return;
	fs_child_path(n->parent, n->name, out);
}

void fs_child_path(const struct fs_node *dir, const char *name, struct buf *out)
{
	size_t before = out->len;

	fs_node_path(dir, out);
	if (out->len > before)
		buf_putc(out, '/');
	buf_puts(out, name);
}

const char *fs_intern(struct fs *fs, const char *s)
{
	struct fs_tables *t = fs_loop_tables(fs);
	size_t len = strlen(s);
	struct fs_text *text;

	for (text = t->texts; text; text = text->next)
		if (strcmp(text->text, s) == 0)
			return text->text;
	text = malloc(sizeof(*text) + len + 1);
	if (!text)
		return NULL;
	memcpy(text->text, s, len + 1);
	text->next = t->texts;
	t->texts = text;
	return text->text;
}

/* --- attributes --- */

int fs_node_gone(const struct fs_node *n)
{
	_cleanup_fs_node_ struct fs_node *other = NULL;
	struct fs *fs = n->fs;
	bool again = fs->stale.ino == n->ino && fs->stale.thread == fs->asking;

	if (n->parent && n->parent->ops->lookup(n->parent, n->name, &other) == 0 && other && other != n)
		return -ESTALE;
	fs->stale.ino = again ? 0 : n->ino;
	fs->stale.thread = fs->asking;
	return again || !fs->asking ? -ENOENT : -ESTALE;
}

/* Of what is gone, for who has it open. */
static void held_attr(const struct fs_node *n, struct fs_handle *h, struct fs_attr *a)
{
	*a = (struct fs_attr){ .name_ttl = FS_TTL_NONE };
	fs_attr_file(n, a, h->listing ? S_IFDIR | 0755 : S_IFREG | (n->ops->write ? 0644 : 0444), n->fs->started);
	a->size = h->snap.len;
	a->ttl = FS_TTL_NONE;
	a->unlinked = true;
	if (n->ops->held)
		n->ops->held(h, a);
}

int fs_node_attr(struct fs_node *n, struct fs_attr *a)
{
	struct fs_handle *h;
	int r;

	*a = (struct fs_attr){ .ttl = FS_TTL, .name_ttl = -1 };
	r = n->ops->getattr(n, a);
	if (r != -ENOENT && r != -ESTALE)
		return r;
	h = n->fs->asking_by && n->fs->asking_by->node == n ? n->fs->asking_by : fs_handle_held(n, n->fs->asking);
	if ((!h || h->listing) && fs_remnant_is(n, n->fs->asking))
		fs_remnant_attr(n, a);
	else if (h)
		held_attr(n, h, a);
	else
		return r;
	return 0;
}

static struct timespec to_timespec(int64_t t)
{
	int64_t sec = t / NSEC_PER_SEC, ns = t % NSEC_PER_SEC;

	if (ns < 0) {
		ns += NSEC_PER_SEC;
		sec--;
	}
	return (struct timespec){ .tv_sec = (time_t)sec, .tv_nsec = (long)ns };
}

void fs_attr_to_stat(const struct fs_node *n, const struct fs_attr *a, struct stat *st)
{
	*st = (struct stat){ .st_ino = a->ino ? a->ino : n->ino,
			     .st_mode = a->mode,
			     .st_nlink = a->unlinked ? 0 : a->nlink ? a->nlink : S_ISDIR(a->mode) ? 2 : 1,
			     .st_uid = a->uid,
			     .st_gid = a->gid,
			     .st_size = (off_t)a->size,
			     .st_blksize = 4096,
			     .st_blocks = (blkcnt_t)((a->size + 511) / 512),
			     .st_mtim = to_timespec(a->mtime),
			     .st_ctim = to_timespec(a->ctime ? a->ctime : a->mtime) };
	st->st_atim = st->st_mtim;
}

void fs_attr_file(const struct fs_node *n, struct fs_attr *a, mode_t mode, int64_t mtime)
{
	const struct schema_kind *kind;
	struct fs_owner own = { 0 };
	const char *ns;

	if (fs_access_place(n, &ns, &kind))
		fs_dirs_owner(n->fs, ns, kind, &own);
	if (S_ISREG(mode) && fs_kind_is_secret(n->kind))
		mode &= ~(mode_t)(S_IRWXG | S_IRWXO);
	a->mode = mode;
	if (mode & S_IWUSR && !S_ISLNK(mode)) /* what is writable is so for whom the directory is, where they may read it */
		a->mode |= own.mode & (mode & (S_IRGRP | S_IROTH)) >> 1;
	a->uid = own.uid;
	a->gid = own.gid;
	a->mtime = mtime;
}

void fs_attr_dir(const struct fs_node *n, struct fs_attr *a, mode_t mode, int64_t mtime)
{
	fs_attr_file(n, a, S_IFDIR | (mode & 07777), mtime);
}

int fs_attr_render(struct fs_node *n, struct fs_attr *a, mode_t mode, int64_t mtime)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	int r = n->ops->render(n, &text);

	if (r < 0)
		return r;
	if (buf_failed(&text))
		return -ENOMEM;
	fs_attr_file(n, a, S_IFREG | (mode & 07777), mtime);
	a->size = text.len;
	return 0;
}

void fs_attr_link(const struct fs_node *n, struct fs_attr *a, size_t target_len, int64_t mtime)
{
	fs_attr_file(n, a, S_IFLNK | 0777, mtime);
	a->size = target_len;
}

/* --- listings --- */

int fs_listing_add(struct fs_listing *l, const char *name, mode_t mode, uint64_t ino)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 32;
		struct fs_listing_entry *bigger = reallocarray(l->entries, cap, sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		l->entries = bigger;
		l->cap = cap;
	}
	l->entries[l->n] = (struct fs_listing_entry){ .name = l->names.len, .ino = ino, .mode = mode };
	buf_append(&l->names, name, strlen(name) + 1);
	if (buf_failed(&l->names))
		return -ENOMEM;
	l->n++;
	return 0;
}

void fs_listing_clear(struct fs_listing *l)
{
	buf_clear(&l->names);
	free(l->entries);
	*l = (struct fs_listing){ .names = BUF_INIT };
}

const char *fs_listing_name(const struct fs_listing *l, size_t i)
{
	return l->names.data + l->entries[i].name;
}
