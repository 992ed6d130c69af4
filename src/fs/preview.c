/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/preview.h"

#include <string.h>

#include "fs/access.h"
#include "fs/commit.h"
#include "fs/decl.h"
#include "fs/errors.h"
#include "fs/folder.h"
#include "fs/live.h"
#include "fs/place.h"
#include "fs/prune.h"
#include "fs/quota.h"
#include "fs/root.h"
#include "schema/merge_types.h"
#include "value/json.h"
#include "value/merge.h"

#define OBJECTS "/objects/"

struct preview {
	struct fs_blob *question; /* owned; NULL: none */
	struct buf answer;
};

/* A question under way. */
struct ask {
	struct fs_req *r;
	struct fs_handle *h; /* owned reference */
	char *path;	     /* owned */
};

static void free_ask(struct ask *q)
{
	fs_handle_unref(q->h);
	free(q->path);
	free(q);
}

static struct buf *answer_of(const struct ask *q)
{
	return &((struct preview *)q->h->data)->answer;
}

static void end_ask(struct ask *q, int err)
{
	fs_reply_err(q->r, err == 0 && buf_failed(answer_of(q)) ? -ENOMEM : err);
	free_ask(q);
}

/* --- answers --- */

static void put_object(const struct ask *q, const char *what, const struct schema_kind *kind, const char *ns,
		       const char *name)
{
	struct buf *out = answer_of(q);

	buf_printf(out, "%s: %s %s/%s", q->path, what, kind->plural, name);
	if (*ns)
		buf_printf(out, " in namespace %s", ns);
	buf_putc(out, '\n');
}

static void put_side(struct buf *out, char sign, const char *path, const struct value *v, bool hide)
{
	if (!v)
		return;
	buf_printf(out, "%c%s: ", sign, path);
	if (hide)
		buf_puts(out, "(not shown)");
	else
		json_write(out, v, 0);
	buf_putc(out, '\n');
}

/* What the system writes is no difference that a person made. */
static bool is_systems(const char *path)
{
	static const char *const fields[] = { "metadata.resourceVersion", "metadata.generation", "metadata.managedFields" };

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (strcmp(path, fields[i]) == 0)
			return true;
	return strncmp(path, "status", 6) == 0 && (!path[6] || path[6] == '.' || path[6] == '[');
}

static int put_change(const struct ask *q, const struct object *was, const struct object *is)
{
	bool secret = fs_kind_is_secret(object_kind(is));
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct value_change *changes;
	size_t n;
	int r = value_diff(a, &schema_merge_types, object_kind(is)->type, object_root(was), object_root(is), 0, &changes,
			   &n);

	put_object(q, "change", object_kind(is), object_namespace(is), object_name(is));
	for (size_t i = 0; r == 0 && i < n; i++) {
		bool hide = secret && strncmp(changes[i].path, "data", 4) == 0;

		if (is_systems(changes[i].path))
			continue;
		put_side(answer_of(q), '-', changes[i].path, changes[i].from, hide);
		put_side(answer_of(q), '+', changes[i].path, changes[i].to, hide);
	}
	return r;
}

static int put_written(const struct ask *q, const struct store_op *op)
{
	_cleanup_object_ struct object *is = NULL, *was = cache_get_key(q->h->fs->cache, op->key), *own = NULL;
	int r = object_decode(op->key, op->value, op->len, &is);

	if (r < 0)
		return r;
	own = was ? fs_live_decode(q->h->fs, was) : NULL;
	if (own)
		return put_change(q, own, is);
	put_object(q, "create", object_kind(is), object_namespace(is), object_name(is));
	return 0;
}

/* An object that is there and that no file would declare any more; NULL tells of none. */
static void put_removed(const struct ask *q, const char *object_key)
{
	_cleanup_object_ struct object *o = cache_get_key(q->h->fs->cache, object_key);

	if (o)
		put_object(q, "remove", object_kind(o), object_namespace(o), object_name(o));
}

static int put_operations(const struct ask *q, const struct txn *t)
{
	const struct store_op *ops;
	size_t n = txn_operations(t, &ops), before = answer_of(q)->len;
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		const char *key = ops[i].key;

		if (ops[i].type == STORE_PUT && strncmp(key, OBJECTS, strlen(OBJECTS)) == 0)
			r = put_written(q, &ops[i]);
		else if (ops[i].type == STORE_PUT && strncmp(key, FS_PRUNE_PREFIX OBJECTS, strlen(FS_PRUNE_PREFIX OBJECTS)) == 0)
			put_removed(q, key + strlen(FS_PRUNE_PREFIX));
	}
	if (r == 0 && answer_of(q)->len == before)
		buf_printf(answer_of(q), "%s: unchanged\n", q->path);
	return r;
}

static void on_judged(struct fs *fs, void *arg, const struct fs_commit_result *result)
{
	struct ask *q = arg;
	int r = 0;

	if (result->diags)
		diag_format(result->diags, q->path, answer_of(q));
	if (result->txn)
		r = put_operations(q, result->txn);
	else if (!result->diags || !result->diags->errors)
		buf_printf(answer_of(q), "%s: error: %s\n", q->path, strerror(-result->code));
	end_ask(q, r);
}

/* --- questions --- */

/*
 * The directory of a path, as a new reference, and in *name the rest. Folders that are not there yet are what they would be
 * made in, and *missing is set. -ENOENT, -ENOTDIR: the directory is the last that is there.
 */
static int find_dir(struct fs *fs, char *path, struct fs_node **ret, const char **name, bool *missing)
{
	struct fs_node *dir = fs_node_ref(fs->root);
	char *p = path, *slash;
	int r = 0;

	*missing = false;
	for (; r == 0 && (slash = strchr(p, '/')); p = slash + 1) {
		struct fs_node *child = NULL;

		*slash = '\0';
		r = *missing ? -ENOENT : dir->ops->lookup ? dir->ops->lookup(dir, p, &child) : -ENOTDIR;
		*slash = '/';
		if (r == 0 && child) {
			fs_node_unref(dir);
			dir = child;
		} else if ((r == 0 || r == -ENOENT) && fs_is_folder(dir)) {
			*missing = true;
			r = 0;
		} else {
			r = r < 0 ? r : -ENOENT;
		}
	}
	*name = p;
	*ret = dir;
	return r;
}

/* Why no file can be there, and where it can. */
static void put_no_place(struct ask *q, const struct fs_node *dir, int r)
{
	struct buf *out = answer_of(q);

	buf_printf(out, "%s: error: %s", q->path, r < 0 ? strerror(-r) : "files do not belong there");
	fs_root_hint(dir, out);
	buf_putc(out, '\n');
}

static void ask_remove(struct ask *q, const char *key)
{
	struct fs *fs = q->h->fs;
	_cleanup_store_entry_ struct store_entry *e = NULL;
	struct fs_record rec;
	char other[STORE_KEY_MAX + 1];
	const void *value;
	size_t len;

	if (store_get(fs->store, key, &e) == 0) {
		value = store_entry_value(e, &len);
		if (fs_record_decode(value, len, &rec) == 0)
			for (const char *k = NULL; (k = fs_record_next_declared(&rec, k));)
				if (!fs_decl_latest(fs->decl, k, key, NULL, other))
					put_removed(q, k);
	}
	end_ask(q, 0);
}

static void ask_commit(struct ask *q, struct fs_node *dir, const char *key, const char *text, size_t len)
{
	_cleanup_fs_access_ struct fs_access *access = fs_access_of(q->r);
	_cleanup_blob_ struct fs_blob *blob = fs_blob_new(text, len);
	struct fs_commit_request c = { .text = blob, .who = fs_req_writer(q->r), .req = q->r, .access = access, .dry = true };

	if (!access || !blob) {
		end_ask(q, -ENOMEM);
		return;
	}
	c.target = (struct fs_commit_target){ .key = key, .path = q->path };
	fs_place_target(dir, &c.target);
	fs_req_park(q->r, NULL, NULL);
	fs_commit_start(q->h->fs, &c, on_judged, q);
}

static void ask(struct ask *q, bool remove, const char *text, size_t len)
{
	struct buf *out = answer_of(q);
	_cleanup_fs_node_ struct fs_node *dir = NULL;
	char key[STORE_KEY_MAX + 1];
	const char *name;
	bool missing;
	int r = find_dir(q->h->fs, q->path, &dir, &name, &missing);
	enum fs_place place = r < 0 ? FS_PLACE_NONE : fs_place_of(dir);
	enum fs_name_class class = place == FS_PLACE_NONE ? FS_NAME_OTHER : fs_place_class(dir, name);

	if (r == 0 && class == FS_NAME_MANIFEST) /* no file has the second name */
		r = fs_place_key(dir, missing ? "/" : name, key);
	if (r < 0 || place == FS_PLACE_NONE) {
		put_no_place(q, dir, r);
		end_ask(q, 0);
	} else if (class == FS_NAME_SCRATCH) {
		buf_printf(out, "%s: scratch: stored and never applied\n", q->path);
		end_ask(q, 0);
	} else if (class != FS_NAME_MANIFEST) {
		buf_printf(out, "%s: error: a file here is a manifest (*.yaml, *.yml, *.json) or an editor's scratch\n", q->path);
		end_ask(q, 0);
	} else if (remove) {
		ask_remove(q, key);
	} else {
		ask_commit(q, dir, key, text, len);
	}
}

/* --- the file --- */

static int op_getattr(struct fs_node *n, struct fs_attr *a)
{
	a->mode = S_IFREG | 0666; /* what it tells is judged by who asks */
	a->mtime = n->fs->started;
	return 0;
}

static struct preview *preview_of(struct fs_handle *h)
{
	if (!h->data)
		h->data = calloc(1, sizeof(struct preview));
	return h->data;
}

static void op_open(struct fs_req *r, struct fs_node *n, struct fs_handle *h)
{
	if (preview_of(h))
		fs_reply_open(r, h);
	else
		fs_reply_err(r, -ENOMEM);
}

static void op_write(struct fs_req *r, struct fs_handle *h, const char *data, size_t size, uint64_t off)
{
	struct preview *p = preview_of(h);
	int err = p ? fs_quota_hold(h, (size_t)off + size) : -ENOMEM;

	if (err == 0 && !p->question)
		p->question = fs_blob_new(NULL, 0);
	if (err == 0)
		err = p->question ? fs_blob_write(&p->question, data, size, (size_t)off) : -ENOMEM;
	if (err < 0)
		fs_reply_err(r, err);
	else
		fs_reply_write(r, size);
}

static void op_fsync(struct fs_req *r, struct fs_handle *h)
{
	struct preview *p = preview_of(h);
	size_t len = p && p->question ? p->question->len : 0;
	const char *text = len ? p->question->data : "", *end = memchr(text, '\n', len);
	bool remove = len > 7 && memcmp(text, "remove ", 7) == 0;
	struct ask *q;

	if (!end || !(remove || memcmp(text, "commit ", 7) == 0) || memchr(text, '\0', (size_t)(end - text))) {
		fs_reply_err(r, -EINVAL);
		return;
	}
	q = calloc(1, sizeof(*q));
	if (q)
		q->path = strndup(text + 7, (size_t)(end - text) - 7);
	if (!q || !q->path) {
		free(q);
		fs_reply_err(r, -ENOMEM);
		return;
	}
	q->r = r;
	q->h = fs_handle_ref(h);
	buf_clear(&p->answer);
	ask(q, remove, end + 1, len - (size_t)(end + 1 - text));
}

static void op_read(struct fs_req *r, struct fs_handle *h, size_t size, uint64_t off)
{
	const struct preview *p = preview_of(h);
	size_t at, len = p ? p->answer.len : 0;

	at = off < len ? (size_t)off : len;
	fs_reply_buf(r, len ? p->answer.data + at : NULL, len - at < size ? len - at : size);
}

static void op_release(struct fs_handle *h)
{
	struct preview *p = h->data;

	fs_blob_unref(p->question);
	buf_clear(&p->answer);
	free(p);
	h->data = NULL;
}

const struct fs_ops fs_preview_ops = {
	.region = "preview",
	.getattr = op_getattr,
	.open = op_open,
	.read = op_read,
	.write = op_write,
	.fsync = op_fsync,
	.release = op_release,
};
