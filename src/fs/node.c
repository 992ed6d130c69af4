/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of inodes and handles. An inode is there while somebody holds it: the kernel (nlookup), a child, a
 * handle, a caller. Both tables double when full and are only touched on the loop.
 */
#include "fs/frame.h"

#include <fcntl.h>
#include <string.h>

#include "base/clock.h"
#include "fs/access.h"
#include "fs/dirattr.h"
#include "fs/quota.h"
#include "fs/remnant.h"
#include "fs/siphash.h"

enum { TABLE_START = 256 };

int fs_nodes_init(struct fs *fs)
{
	struct fs_tables *t = fs_loop_tables(fs);

	t->nodes = calloc(TABLE_START, sizeof(struct fs_node *));
	t->handles = calloc(TABLE_START, sizeof(struct fs_handle *));
	if (!t->nodes || !t->handles)
		return -ENOMEM;
	t->node_mask = t->handle_mask = TABLE_START - 1;
	t->next_handle = 1;
	return 0;
}

void fs_nodes_free(struct fs *fs)
{
	struct fs_tables *t = fs_loop_tables(fs);

	/* The kernel is gone: whatever it held is given back, handles first, since they hold nodes. */
	for (size_t i = 0; t->handles && i <= t->handle_mask; i++)
		while (t->handles[i])
			fs_handle_unref(t->handles[i]);
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
	free(t->handles);
	t->nodes = NULL;
	t->handles = NULL;
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

static void grow_nodes(struct fs_tables *t)
{
	size_t mask = t->node_mask * 2 + 1;
	struct fs_node **bigger = calloc(mask + 1, sizeof(*bigger));

	if (!bigger)
		return; /* ignoring: longer chains still work */
	for (size_t i = 0; i <= t->node_mask; i++)
		while (t->nodes[i]) {
			struct fs_node *n = t->nodes[i];

			t->nodes[i] = n->hash_next;
			n->hash_next = bigger[n->ino & mask];
			bigger[n->ino & mask] = n;
		}
	free(t->nodes);
	t->nodes = bigger;
	t->node_mask = mask;
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
	n = calloc(1, sizeof(*n));
	if (!n)
		return -ENOMEM;
	n->name = strdup(name);
	if (!n->name) {
		free(n);
		return -ENOMEM;
	}
	*n = (struct fs_node){ .ino = ino, .ops = ops, .fs = fs, .parent = fs_node_ref(parent), .name = n->name,
			       .ns = parent->ns, .kind = parent->kind, .refs = 1 };
	if (t->n_nodes > t->node_mask)
		grow_nodes(t);
	n->hash_next = t->nodes[ino & t->node_mask];
	t->nodes[ino & t->node_mask] = n;
	t->n_nodes++;
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
		}
		if (n->ops->destroy)
			n->ops->destroy(n);
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
	const struct fs_tables *t = fs_loop_tables(dir->fs);

	for (size_t i = 0; i <= t->node_mask; i++)
		for (struct fs_node *n = t->nodes[i]; n; n = n->hash_next)
			if (n->parent == dir && strcmp(n->name, name) == 0)
				return n;
	return NULL;
}

int fs_node_move(struct fs_node *n, struct fs_node *parent, const char *name)
{
	bool moved = false;

	if (strcmp(n->name, name) != 0) {
		char *copy = strdup(name);

		if (!copy)
			return -ENOMEM;
		free(n->name);
		n->name = copy;
		moved = true;
	}
	if (n->parent != parent) {
		struct fs_node *old = n->parent;

		n->parent = fs_node_ref(parent);
		n->ns = parent->ns;
		n->kind = parent->kind;
		fs_node_unref(old);
		moved = true;
	}
	if (moved)
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

	if (n->parent && n->parent->ops->lookup(n->parent, n->name, &other) == 0 && other && other != n)
		return -ESTALE;
	return -ENOENT;
}

int fs_node_attr(struct fs_node *n, struct fs_attr *a)
{
	int r;

	*a = (struct fs_attr){ .ttl = FS_TTL, .name_ttl = -1 };
	r = n->ops->getattr(n, a);
	if ((r != -ENOENT && r != -ESTALE) || !fs_remnant_is(n, n->fs->asking))
		return r;
	fs_remnant_attr(n, a);
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
			     .st_nlink = a->nlink ? a->nlink : S_ISDIR(a->mode) ? 2 : 1,
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

/* --- handles --- */

static void grow_handles(struct fs_tables *t)
{
	size_t mask = t->handle_mask * 2 + 1;
	struct fs_handle **bigger = calloc(mask + 1, sizeof(*bigger));

	if (!bigger)
		return; /* ignoring: longer chains still work */
	for (size_t i = 0; i <= t->handle_mask; i++)
		while (t->handles[i]) {
			struct fs_handle *h = t->handles[i];

			t->handles[i] = h->hash_next;
			h->hash_next = bigger[h->number & mask];
			bigger[h->number & mask] = h;
		}
	free(t->handles);
	t->handles = bigger;
	t->handle_mask = mask;
}

static struct fs_handle *insert_handle(struct fs *fs, const struct fs_handle *what)
{
	struct fs_tables *t = fs_loop_tables(fs);
	struct fs_handle *h = malloc(sizeof(*h));

	if (!h)
		return NULL;
	*h = *what;
	if (t->n_handles > t->handle_mask)
		grow_handles(t);
	h->hash_next = t->handles[h->number & t->handle_mask];
	t->handles[h->number & t->handle_mask] = h;
	t->n_handles++;
	return h;
}

struct fs_handle *fs_handle_new(struct fs *fs, struct fs_node *n, const struct fuse_ctx *ctx, int flags)
{
	struct fs_tables *t = fs_loop_tables(fs);
	const struct fs_handle what = { .fs = fs, .node = n, .ops = n ? n->ops : NULL, .flags = flags, .uid = ctx->uid,
					.gid = ctx->gid, .snap = BUF_INIT, .refs = 1,
					.number = fs_keep_handle_number(fs->keep, t->next_handle++) };
	struct fs_handle *h = insert_handle(fs, &what);

	if (h && n)
		(void)fs_node_ref(n);
	return h;
}

bool fs_handles_of(struct fs *fs, pid_t thread, bool (*fn)(struct fs_handle *h, void *arg), void *arg)
{
	const struct fs_tables *t = fs_loop_tables(fs);

	for (size_t i = 0; thread > 0 && t->n_handles && i <= t->handle_mask; i++)
		for (struct fs_handle *h = t->handles[i]; h; h = h->hash_next)
			if (h->listing && h->pid == thread && fn(h, arg))
				return true;
	return false;
}

struct fs_handle *fs_handle_restore(struct fs *fs, const struct fs_kept *kept)
{
	const struct fs_handle what = { .fs = fs, .flags = (int)kept->flags, .uid = kept->uid, .gid = kept->gid,
					.pid = kept->pid, .snap = BUF_INIT, .refs = 1, .number = kept->number };

	return insert_handle(fs, &what);
}

void fs_handle_keep(struct fs_handle *h, uint64_t unique)
{
	const struct fs_kept what = { .number = h->number, .ino = h->node->ino,
				      .parent = h->node->parent ? h->node->parent->ino : h->node->ino,
				      .open_unique = unique & ~FS_KEEP_RESEND, .flags = (uint32_t)h->flags, .pid = h->pid,
				      .uid = h->uid, .gid = h->gid, .dir = h->listing != NULL };

	h->kept = fs_keep_handle_add(h->fs->keep, &what, h->node->name, h->snap.data, h->snap.len);
	if (h->kept && h->access) {
		const gid_t *groups;
		size_t n = fs_access_groups(h->access, &groups);

		h->kept->access = 1;
		fs_keep_handle_set_groups(h->fs->keep, h->kept, groups, n);
	}
	if (h->kept && h->ops->keep)
		h->ops->keep(h);
	if (h->kept)
		fs_keep_handle_publish(h->kept, h->number);
}

struct fs_handle *fs_handle_find(struct fs *fs, uint64_t number)
{
	struct fs_tables *t = fs_loop_tables(fs);
	struct fs_handle *h = t->handles[number & t->handle_mask];

	while (h && h->number != number)
		h = h->hash_next;
	return h;
}

struct fs_handle *fs_handle_ref(struct fs_handle *h)
{
	if (h)
		h->refs++;
	return h;
}

void fs_handle_unref(struct fs_handle *h)
{
	struct fs_tables *t;
	struct fs_handle **p;

	if (!h || --h->refs > 0)
		return;
	t = fs_loop_tables(h->fs);
	for (p = &t->handles[h->number & t->handle_mask]; *p && *p != h;)
		p = &(*p)->hash_next;
	if (*p) {
		*p = h->hash_next;
		t->n_handles--;
	}
	if (h->data && h->ops && h->ops->release)
		h->ops->release(h);
	fs_keep_handle_drop(h->fs->keep, h->kept);
	fs_quota_drop(h);
	fs_access_unref(h->access);
	if (h->node)
		fs_node_unref(h->node);
	if (h->listing)
		fs_listing_clear(h->listing);
	free(h->listing);
	buf_clear(&h->snap);
	free(h);
}
