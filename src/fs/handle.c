/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of handles, by number; those of directories also by the thread that opened them. A handle is there while the
 * kernel holds it or a request is parked on it. The table doubles when it is full and is only touched on the loop.
 */
#include "fs/frame.h"

#include "fs/access.h"
#include "fs/quota.h"

enum {
	TABLE_START = 256,
	THREADS = 64, /* chains: few threads have a directory open at one time */
};

/* --- the tables --- */

int fs_handles_init(struct fs *fs)
{
	struct fs_tables *t = fs_loop_tables(fs);

	t->handles = calloc(TABLE_START, sizeof(struct fs_handle *));
	t->threads = calloc(THREADS, sizeof(*t->threads));
	t->of_nodes = calloc(TABLE_START, sizeof(*t->of_nodes));
	if (!t->handles || !t->threads || !t->of_nodes)
		return -ENOMEM;
	t->handle_mask = TABLE_START - 1;
	t->next_handle = 1;
	return 0;
}

void fs_handles_free(struct fs *fs)
{
	struct fs_tables *t = fs_loop_tables(fs);

	for (size_t i = 0; t->handles && i <= t->handle_mask; i++)
		while (t->handles[i])
			fs_handle_unref(t->handles[i]);
	free(t->handles);
	free(t->threads);
	free(t->of_nodes);
	t->handles = NULL;
	t->threads = NULL;
	t->of_nodes = NULL;
}

static struct fs_handles_of_node *of_node(const struct fs_tables *t, const struct fs_node *n)
{
	return &t->of_nodes[n->ino & t->handle_mask];
}

static void grow_handles(struct fs_tables *t)
{
	size_t n = t->handle_mask + 1;
	struct fs_handle **handles = calloc(2 * n, sizeof(struct fs_handle *)), *h;
	struct fs_handles_of_node *of_nodes = calloc(2 * n, sizeof(*of_nodes));
	struct fs_tables was = *t;

	if (!handles || !of_nodes) { /* ignoring: longer chains still work */
		free(handles);
		free(of_nodes);
		return;
	}
	t->handles = handles;
	t->of_nodes = of_nodes;
	t->handle_mask = 2 * n - 1;
	for (size_t i = 0; i < n; i++) {
		while ((h = was.handles[i])) {
			was.handles[i] = h->hash_next;
			h->hash_next = handles[h->number & t->handle_mask];
			handles[h->number & t->handle_mask] = h;
		}
		while ((h = LIST_FIRST(&was.of_nodes[i]))) {
			LIST_REMOVE(h, of_node);
			LIST_INSERT_HEAD(of_node(t, h->node), h, of_node);
		}
	}
	free(was.handles);
	free(was.of_nodes);
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

static struct fs_handles_of_thread *of_thread(const struct fs_tables *t, pid_t thread)
{
	return &t->threads[(unsigned)thread % THREADS];
}

int fs_handle_set_dir(struct fs_handle *h, pid_t thread)
{
	h->listing = calloc(1, sizeof(*h->listing));
	if (!h->listing)
		return -ENOMEM;
	h->pid = thread;
	LIST_INSERT_HEAD(of_thread(fs_loop_tables(h->fs), thread), h, of_thread);
	return 0;
}

bool fs_handles_of(struct fs *fs, pid_t thread, bool (*fn)(struct fs_handle *h, void *arg), void *arg)
{
	struct fs_handle *h;

	if (thread <= 0) /* outside our PID namespace: nobody knows which */
		return false;
	LIST_FOREACH(h, of_thread(fs_loop_tables(fs), thread), of_thread)
		if (h->pid == thread && fn(h, arg))
			return true;
	return false;
}

struct fs_handle *fs_handle_restore(struct fs *fs, const struct fs_kept *kept)
{
	const struct fs_handle what = { .fs = fs, .flags = (int)kept->flags, .uid = kept->uid, .gid = kept->gid,
					.pid = kept->pid, .snap = BUF_INIT, .refs = 1, .number = kept->number };

	return insert_handle(fs, &what);
}

void fs_handle_kept(struct fs_handle *h)
{
	if (h->of_kernel)
		return;
	h->of_kernel = true;
	LIST_INSERT_HEAD(of_node(fs_loop_tables(h->fs), h->node), h, of_node);
}

/* Who inherited a descriptor did not open it, so that the descriptors of others than openers are looked at too. */
struct fs_handle *fs_handle_held(const struct fs_node *n, pid_t thread)
{
	const struct fs_tables *t = fs_loop_tables(n->fs);
	struct fs_handle *h, *any = NULL, *newest = NULL;
	struct fs_attr a = { .ino = 0 };
	pid_t process = 0;

	if (thread <= 0)
		return NULL;
	LIST_FOREACH(h, of_node(t, n), of_node) {
		if (h->node != n)
			continue;
		process = process ? process : fs_process_of(thread);
		if (fs_process_has(process, h->pid) && (!newest || h->number > newest->number))
			newest = h;
		any = !any || h->number > any->number ? h : any;
	}
	if (newest || !any)
		return newest;
	if (n->ops->held)
		n->ops->held(any, &a);
	return fs_process_has_open(process, a.ino ? a.ino : n->ino) ? any : NULL;
}

void fs_handle_keep(struct fs_handle *h, uint64_t unique)
{
	const struct fs_kept what = { .number = h->number, .ino = h->node->ino,
				      .parent = h->node->parent ? h->node->parent->ino : h->node->ino,
				      .open_unique = unique & ~FS_KEEP_RESEND, .flags = (uint32_t)h->flags, .pid = h->pid,
				      .uid = h->uid, .gid = h->gid, .dir = h->listing != NULL };

	fs_handle_kept(h);
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
	if (h->of_kernel)
		LIST_REMOVE(h, of_node);
	if (h->data && h->ops && h->ops->release)
		h->ops->release(h);
	fs_keep_handle_drop(h->fs->keep, h->kept);
	fs_quota_drop(h);
	fs_access_unref(h->access);
	if (h->node)
		fs_node_unref(h->node);
	if (h->listing) {
		LIST_REMOVE(h, of_thread);
		fs_listing_clear(h->listing);
	}
	free(h->listing);
	buf_clear(&h->snap);
	free(h);
}
