/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/datascratch.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>

struct scratch {
	TAILQ_ENTRY(scratch) entry;
	struct fs_node *node; /* a reference is owned while it is listed */
	struct fs_blob *blob; /* owned */
	mode_t mode;
	int64_t mtime;
	bool listed;
};

struct fs_datascratch {
	TAILQ_HEAD(, scratch) list;
	size_t n;
};

static bool alnum_tail(const char *s, size_t n)
{
	size_t len = strlen(s);

	if (len < n)
		return false;
	for (size_t i = len - n; i < len; i++)
		if (!isalnum((unsigned char)s[i]))
			return false;
	return true;
}

static bool is_seds(const char *name)
{
	return strlen(name) == 9 && strncmp(name, "sed", 3) == 0 && alnum_tail(name, 6);
}

static bool is_swap(const char *name)
{
	size_t len = strlen(name);

	return len > 5 && name[0] == '.' && strncmp(name + len - 4, ".sw", 3) == 0 && isalpha((unsigned char)name[len - 1]);
}

bool fs_datascratch_edits(const char *name)
{
	return is_seds(name) || is_swap(name);
}

bool fs_datascratch_name(const char *name)
{
	size_t len = strlen(name);

	if (len > 1 && name[len - 1] == '~')
		return true;
	return strcmp(name, "4913") == 0 || fs_datascratch_edits(name) ||
	       (name[0] == '.' && len > 8 && name[len - 7] == '.' && alnum_tail(name, 6));
}

static struct fs_datascratch *all(struct fs *fs)
{
	if (!fs->datascratch) {
		fs->datascratch = calloc(1, sizeof(*fs->datascratch));
		if (fs->datascratch)
			TAILQ_INIT(&fs->datascratch->list);
	}
	return fs->datascratch;
}

void fs_datascratch_remove(struct fs_node *n)
{
	struct scratch *s = n->data;

	if (!s->listed)
		return;
	TAILQ_REMOVE(&n->fs->datascratch->list, s, entry);
	n->fs->datascratch->n--;
	s->listed = false;
	fs_node_unref(n);
}

void fs_datascratch_free(struct fs *fs)
{
	struct scratch *s;

	if (!fs->datascratch)
		return;
	while ((s = TAILQ_FIRST(&fs->datascratch->list)))
		fs_datascratch_remove(s->node);
	free(fs->datascratch);
	fs->datascratch = NULL;
}

/* Whether that many bytes more have room; what lies beside objects that are gone makes room first. */
static bool has_room(struct fs *fs, size_t more)
{
	struct fs_datascratch *d = all(fs);
	struct scratch *s, *next;
	size_t bytes = more;

	for (s = d ? TAILQ_FIRST(&d->list) : NULL; s; s = next) {
		_cleanup_object_ struct object *o = cache_get_uid(fs->cache, fs_obj_uid(s->node));

		next = TAILQ_NEXT(s, entry);
		if (o)
			bytes += s->blob->len;
		else
			fs_datascratch_remove(s->node);
	}
	return d && bytes <= FS_DATASCRATCH_BYTES;
}

static int make(struct fs_node *dir, const char *name, const void *text, size_t len, mode_t mode, struct fs_node **ret)
{
	_cleanup_fs_node_ struct fs_node *n = NULL;
	struct fs_datascratch *d = all(dir->fs);
	struct scratch *s;
	char id[64];
	int r;

	if (!d)
		return -ENOMEM;
	if (!has_room(dir->fs, len) || d->n >= FS_DATASCRATCH_MAX)
		return -EDQUOT;
	(void)snprintf(id, sizeof(id), "/datascratch/%u", dir->fs->made++);
	r = fs_node_get(dir, name, fs_ino(dir->fs, id, fs_obj_uid(dir)), &fs_datascratch_ops, &n, NULL);
	if (r < 0)
		return r;
	s = calloc(1, sizeof(*s));
	n->data = s;
	if (!s)
		return -ENOMEM;
	s->node = n;
	s->mode = mode & 0777;
	s->mtime = registry_now(dir->fs->registry);
	s->blob = fs_blob_new(text, len);
	if (!s->blob)
		return -ENOMEM;
	TAILQ_INSERT_TAIL(&d->list, s, entry);
	d->n++;
	s->listed = true;
	*ret = fs_node_ref(n);
	(void)fs_node_ref(n); /* the list's */
	return 0;
}

int fs_datascratch_make(struct fs_node *dir, const char *name, const void *text, size_t len)
{
	_cleanup_fs_node_ struct fs_node *n = NULL;
	struct fs_node *old = fs_datascratch_find(dir, name);

	if (old)
		fs_datascratch_remove(old);
	return make(dir, name, text, len, 0644, &n);
}

void fs_datascratch_create(struct fs_req *r, struct fs_node *dir, const char *name, mode_t mode)
{
	_cleanup_fs_node_ struct fs_node *n = NULL;
	int err = make(dir, name, NULL, 0, mode, &n);

	if (err < 0)
		fs_reply_err(r, err);
	else
		fs_reply_create(r, n, NULL);
}

struct fs_node *fs_datascratch_find(struct fs_node *dir, const char *name)
{
	const struct scratch *s;

	if (dir->fs->datascratch)
		TAILQ_FOREACH(s, &dir->fs->datascratch->list, entry)
			if (s->node->parent == dir && strcmp(s->node->name, name) == 0)
				return s->node;
	return NULL;
}

int fs_datascratch_readdir(struct fs_node *dir, struct fs_listing *l)
{
	const struct scratch *s;
	int r = 0;

	if (dir->fs->datascratch)
		TAILQ_FOREACH(s, &dir->fs->datascratch->list, entry)
			if (r == 0 && s->node->parent == dir)
				r = fs_listing_add(l, s->node->name, S_IFREG, s->node->ino);
	return r;
}

struct fs_blob *fs_datascratch_text(struct fs_node *n)
{
	return fs_blob_ref(((struct scratch *)n->data)->blob);
}

/* --- the file --- */

static int op_getattr(struct fs_node *n, struct fs_attr *a)
{
	const struct scratch *s = n->data;

	fs_attr_file(n, a, S_IFREG | s->mode, s->mtime);
	a->size = s->blob->len;
	a->ttl = FS_TTL_NONE;
	return 0;
}

static void op_setattr(struct fs_req *r, struct fs_node *n, const struct fs_attr *a, unsigned set, struct fs_handle *h)
{
	struct scratch *s = n->data;
	int err = 0;

	if (set & FS_SET_SIZE)
		err = a->size > s->blob->len && !has_room(n->fs, (size_t)a->size - s->blob->len)
			      ? -EDQUOT
			      : fs_blob_resize(&s->blob, (size_t)a->size);
	if (set & FS_SET_MODE)
		s->mode = a->mode & 0777;
	if (set & FS_SET_MTIME)
		s->mtime = a->mtime;
	if (err < 0)
		fs_reply_err(r, err);
	else
		fs_reply_attr(r, n);
}

static void op_open(struct fs_req *r, struct fs_node *n, struct fs_handle *h)
{
	struct scratch *s = n->data;
	int err = h->flags & O_TRUNC ? fs_blob_resize(&s->blob, 0) : 0;

	if (err < 0)
		fs_reply_err(r, err);
	else
		fs_reply_open(r, h);
}

static void op_read(struct fs_req *r, struct fs_handle *h, size_t size, uint64_t off)
{
	const struct scratch *s = h->node->data;
	size_t at = off < s->blob->len ? (size_t)off : s->blob->len;

	fs_reply_buf(r, s->blob->data ? s->blob->data + at : NULL, s->blob->len - at < size ? s->blob->len - at : size);
}

static void op_write(struct fs_req *r, struct fs_handle *h, const char *data, size_t size, uint64_t off)
{
	struct scratch *s = h->node->data;
	size_t at = h->flags & O_APPEND ? s->blob->len : (size_t)off;
	int err = has_room(h->fs, size) ? fs_blob_write(&s->blob, data, size, at) : -EDQUOT;

	if (err < 0) {
		fs_reply_err(r, err);
		return;
	}
	s->mtime = registry_now(h->fs->registry);
	fs_reply_write(r, size);
}

static void op_destroy(struct fs_node *n)
{
	struct scratch *s = n->data;

	if (s)
		fs_blob_unref(s->blob);
	free(s);
}

const struct fs_ops fs_datascratch_ops = {
	.region = "datascratch",
	.getattr = op_getattr,
	.destroy = op_destroy,
	.setattr = op_setattr,
	.open = op_open,
	.read = op_read,
	.write = op_write,
};
