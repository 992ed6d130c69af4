/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stored form is a header and a packed tree:
 *   byte 0    format version, OBJECT_FORMAT
 *   byte 1    flags: OTHER_OWNERS
 *   byte 2, 3 lengths of the uid and of the controller's uid
 *   4..7      the writer's uid, little endian
 *   then      uid, controller's uid, packed tree
 * The tree's strings point into the entry's bytes, so decoding copies no text.
 */
#include "store/object.h"

#include "store/entry.h"

#include <inttypes.h>
#include <limits.h>
#include <stdatomic.h>
#include <string.h>

#include "store/object-internal.h"
#include "value/pack.h"

enum { OBJECT_FORMAT = 1, HEADER_SIZE = 8, FLAG_OTHER_OWNERS = 1 << 0, UID_MAX_LEN = 63 };

static const char objects_prefix[] = "/objects/";

struct object_tree {
	struct object_tree *next; /* of those that were taken out of a pool */
	struct arena *arena;
	const struct value *root;
};

struct object {
	atomic_uint refs;
	struct store_entry *entry; /* NULL for object_for_test() */
	const struct schema_kind *kind;
	const char *key, *name;	   /* in the entry, or in text[] */
	const char *ns, *uid, *controller;
	uint64_t revision, create_revision;
	uid_t writer;
	bool other_owners;
	size_t packed_at; /* offset of the packed tree in the entry's bytes */
	_Atomic(struct object_tree *) tree;
	_Atomic(struct object_pool *) pool; /* NULL: it is in no cache (any more) */
	TAILQ_ENTRY(object) pooled;	    /* while `listed`, which the pool's lock protects */
	_Atomic bool used;		    /* since the pool was last trimmed */
	bool listed;
	char text[]; /* namespace, uid, controller's uid, each with its NUL */
};

struct object *object_ref(const struct object *o)
{
	struct object *p = (struct object *)o;

	if (p)
		atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
	return p;
}

static void tree_free(struct object_tree *t)
{
	if (!t)
		return;
	arena_free(t->arena);
	free(t);
}
DEFINE_CLEANUP(struct object_tree *, tree_free);

void object_unref(struct object *o)
{
	if (!o || atomic_fetch_sub_explicit(&o->refs, 1, memory_order_acq_rel) != 1)
		return;
	tree_free(atomic_load_explicit(&o->tree, memory_order_relaxed));
	store_entry_unref(o->entry);
	free(o);
}

const struct schema_kind *object_kind(const struct object *o)
{
	return o->kind;
}

const char *object_namespace(const struct object *o)
{
	return o->ns;
}

const char *object_name(const struct object *o)
{
	return o->name;
}

const char *object_uid(const struct object *o)
{
	return o->uid;
}

const char *object_controller_uid(const struct object *o)
{
	return o->controller;
}

bool object_has_other_owners(const struct object *o)
{
	return o->other_owners;
}

uint64_t object_revision(const struct object *o)
{
	return o->revision;
}

uint64_t object_create_revision(const struct object *o)
{
	return o->create_revision;
}

uid_t object_writer(const struct object *o)
{
	return o->writer;
}

const char *object_key(const struct object *o)
{
	return o->key;
}

/* Decodes the tree; NULL when memory is out or the bytes are damaged. */
static struct object_tree *decode(const struct object *o)
{
	_cleanup_(tree_freep) struct object_tree *t = calloc(1, sizeof(*t));
	struct value *root = NULL;
	const char *bytes;
	size_t len;

	if (!t || !o->entry)
		return NULL;
	t->arena = arena_new(0);
	bytes = store_entry_value(o->entry, &len);
	if (pack_read(t->arena, bytes + o->packed_at, len - o->packed_at, PACK_BORROW, &root) < 0)
		return NULL;
	value_set(t->arena, value_set_map(t->arena, root, "metadata"), "resourceVersion",
		  value_new_strf(t->arena, "%" PRIu64, o->revision));
	if (arena_failed(t->arena))
		return NULL;
	t->root = root;
	return steal_ptr(t);
}

/* Counts a tree that was just decoded. */
static void note_decoded(struct object *o, const struct object_tree *t)
{
	struct object_pool *p = atomic_load(&o->pool);

	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	if (atomic_load(&o->pool)) { /* it has not left meanwhile */
		TAILQ_INSERT_TAIL(&p->decoded, o, pooled);
		o->listed = true;
		p->n++;
		p->bytes += arena_size(t->arena);
		if (p->bytes > p->limit && atomic_load(&p->calls) == UINT_MAX)
			atomic_store(&p->calls, 0);
	}
	pthread_mutex_unlock(&p->lock);
}

const struct value *object_root(const struct object *o)
{
	struct object *p = (struct object *)o; /* the decoded tree is a cache inside an immutable object */
	struct object_tree *t, *expected = NULL;

	if (!o)
		return NULL;
	if (!atomic_load_explicit(&p->used, memory_order_relaxed))
		atomic_store_explicit(&p->used, true, memory_order_relaxed);
	t = atomic_load_explicit(&p->tree, memory_order_acquire);
	if (t)
		return t->root;
	t = decode(o);
	if (!t)
		return NULL;
	if (!atomic_compare_exchange_strong_explicit(&p->tree, &expected, t, memory_order_acq_rel,
						     memory_order_acquire)) {
		tree_free(t); /* another thread was first */
		return expected->root;
	}
	note_decoded(p, t);
	return t->root;
}

/* The packed tree; NULL when the decoded one is at hand, or the only one. */
static const char *packed(const struct object *o, size_t *ret_len)
{
	const char *bytes;

	if (!o->entry || atomic_load_explicit(&((struct object *)o)->tree, memory_order_relaxed))
		return NULL;
	bytes = store_entry_value(o->entry, ret_len);
	*ret_len -= o->packed_at;
	return bytes + o->packed_at;
}

static const struct value *value_at_path(const struct object *o, const char *const *path)
{
	const struct value *v = object_root(o);

	for (; v && *path; path++)
		v = value_get(v, *path);
	return v;
}

const char *object_str_at(const struct object *o, const char *const *path)
{
	const char *bytes;
	size_t len;

	if (!o)
		return NULL;
	bytes = packed(o, &len);
	return bytes ? pack_find_str(bytes, len, path) : value_str(value_at_path(o, path));
}

bool object_same_at(const struct object *a, const struct object *b, const char *const *path)
{
	const void *x = NULL, *y = NULL;
	size_t a_len = 0, b_len = 0, x_len = 0, y_len = 0;
	const char *in_a = a->entry ? store_entry_value(a->entry, &a_len) : NULL;
	const char *in_b = b->entry ? store_entry_value(b->entry, &b_len) : NULL;

	if (in_a && in_b) {
		int r = pack_find(in_a + a->packed_at, a_len - a->packed_at, path, &x, &x_len);
		int e = pack_find(in_b + b->packed_at, b_len - b->packed_at, path, &y, &y_len);

		if (r == e && (r == -ENOENT || (r == 0 && x_len == y_len && memcmp(x, y, x_len) == 0)))
			return true;
		if ((r == 0 && e == -ENOENT) || (r == -ENOENT && e == 0))
			return false;
	}
	return value_equal(value_at_path(a, path), value_at_path(b, path)); /* the order of members may differ */
}

bool object_has_owners(const struct object *o)
{
	return *o->controller || o->other_owners;
}

bool object_matches(const struct object *o, const struct selector *s)
{
	static const char *const path[] = { "metadata", "labels", NULL };
	_cleanup_arena_ struct arena *a = NULL;
	struct value *labels = NULL;
	size_t len;
	const char *bytes = packed(o, &len);

	if (!bytes)
		return selector_matches(s, object_labels(o));
	a = arena_new(0);
	return pack_read_at(a, bytes, len, path, PACK_BORROW, &labels) != -ENOMEM && selector_matches(s, labels);
}

/* --- pools --- */

void object_pool_init(struct object_pool *p, size_t limit)
{
	*p = (struct object_pool){ .limit = limit };
	TAILQ_INIT(&p->decoded);
	pthread_mutex_init(&p->lock, NULL);
	atomic_init(&p->calls, UINT_MAX);
}

void object_pool_destroy(struct object_pool *p)
{
	pthread_mutex_destroy(&p->lock);
}

void object_pool_join(struct object_pool *p, struct object *o)
{
	atomic_store(&o->pool, p);
}

/* Called with the lock held. */
static void unlist(struct object_pool *p, struct object *o)
{
	const struct object_tree *t = atomic_load_explicit(&o->tree, memory_order_acquire);

	TAILQ_REMOVE(&p->decoded, o, pooled);
	o->listed = false;
	p->n--;
	p->bytes -= arena_size(t->arena);
}

void object_pool_leave(struct object *o)
{
	struct object_pool *p = atomic_load(&o->pool);

	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	atomic_store(&o->pool, NULL);
	if (o->listed)
		unlist(p, o);
	pthread_mutex_unlock(&p->lock);
}

bool object_pool_is_full(struct object_pool *p)
{
	unsigned calls = atomic_load_explicit(&p->calls, memory_order_relaxed);

	if (calls == UINT_MAX)
		return false;
	/* Two threads may count one call: it is advice. */
	if (calls)
		atomic_compare_exchange_strong(&p->calls, &calls, calls - 1);
	return calls == 0;
}

struct object_tree *object_pool_trim(struct object_pool *p)
{
	struct object_tree *freed = NULL;
	size_t looked = 0;

	pthread_mutex_lock(&p->lock);
	/* Twice round: what is in use lately is passed over once. */
	for (size_t n = 2 * p->n; n && p->bytes > p->limit / 2; n--, looked++) {
		struct object *o = TAILQ_FIRST(&p->decoded);

		if (atomic_load_explicit(&o->refs, memory_order_acquire) == 1 && !atomic_exchange(&o->used, false)) {
			struct object_tree *t;

			unlist(p, o);
			t = atomic_exchange(&o->tree, NULL);
			t->next = freed;
			freed = t;
		} else {
			TAILQ_REMOVE(&p->decoded, o, pooled);
			TAILQ_INSERT_TAIL(&p->decoded, o, pooled);
		}
	}
	atomic_store(&p->calls, p->bytes <= p->limit ? UINT_MAX : looked < UINT_MAX ? (unsigned)looked : UINT_MAX - 1);
	pthread_mutex_unlock(&p->lock);
	return freed;
}

void object_trees_free(struct object_tree *t)
{
	while (t) {
		struct object_tree *next = t->next;

		tree_free(t);
		t = next;
	}
}

/* --- short cuts --- */

bool object_is_deleting(const struct object *o)
{
	return object_str(o, "metadata", "deletionTimestamp") != NULL;
}

const struct value *object_labels(const struct object *o)
{
	return object_path(o, "metadata", "labels");
}

void object_list_clear(struct object_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		object_unref(l->items[i]);
	free(l->items);
	*l = OBJECT_LIST_INIT;
}

int object_list_add(struct object_list *l, const struct object *o)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 16;
		struct object **items = reallocarray(l->items, cap, sizeof(*items));

		if (!items)
			return -ENOMEM;
		l->items = items;
		l->cap = cap;
	}
	l->items[l->n++] = object_ref(o);
	return 0;
}

/* The parts of "/objects/PLURAL[/NAMESPACE]/NAME". */
struct key_parts {
	const struct schema_kind *kind;
	const char *ns, *name; /* ns is not terminated */
	size_t ns_len;
};

static int parse_key(const char *key, struct key_parts *ret)
{
	char plural[320]; /* a custom kind's has its group, too */
	const char *p, *slash;

	if (strncmp(key, objects_prefix, sizeof(objects_prefix) - 1))
		return -EINVAL;
	p = key + sizeof(objects_prefix) - 1;
	slash = strchr(p, '/');
	if (!slash || (size_t)(slash - p) >= sizeof(plural))
		return -EINVAL;
	memcpy(plural, p, (size_t)(slash - p));
	plural[slash - p] = '\0';
	*ret = (struct key_parts){ .kind = schema_kind_by_plural(plural), .ns = slash + 1 };
	if (!ret->kind)
		return -EINVAL;
	ret->name = ret->ns;
	if (ret->kind->namespaced) {
		slash = strchr(ret->ns, '/');
		if (!slash)
			return -EINVAL;
		ret->ns_len = (size_t)(slash - ret->ns);
		ret->name = slash + 1;
	}
	return *ret->name && !strchr(ret->name, '/') ? 0 : -EINVAL;
}

/* Appends a NUL-terminated copy at *at, moves *at behind it, and returns the copy. */
static const char *put_text(char **at, const void *s, size_t len)
{
	char *copy = *at;

	if (len)
		memcpy(copy, s, len);
	copy[len] = '\0';
	*at += len + 1;
	return copy;
}

int object_from_entry(struct store_entry *e, struct object **ret)
{
	const unsigned char *b;
	struct key_parts parts;
	struct object *o;
	size_t len;
	char *at;
	int r;

	r = parse_key(store_entry_key(e), &parts);
	if (r < 0)
		return r;
	b = store_entry_value(e, &len);
	if (len < HEADER_SIZE || len < (size_t)HEADER_SIZE + b[2] + b[3])
		return -EINVAL;
	if (b[0] != OBJECT_FORMAT)
		return -EPROTO;
	o = calloc(1, sizeof(*o) + parts.ns_len + b[2] + b[3] + 3);
	if (!o)
		return -ENOMEM;
	atomic_init(&o->refs, 1);
	o->entry = store_entry_ref(e);
	o->kind = parts.kind;
	o->key = store_entry_key(e);
	o->name = parts.name;
	at = o->text;
	o->ns = put_text(&at, parts.ns, parts.ns_len);
	o->uid = put_text(&at, b + HEADER_SIZE, b[2]);
	o->controller = put_text(&at, b + HEADER_SIZE + b[2], b[3]);
	o->other_owners = b[1] & FLAG_OTHER_OWNERS;
	o->writer = (uid_t)b[4] | (uid_t)b[5] << 8 | (uid_t)b[6] << 16 | (uid_t)b[7] << 24;
	o->packed_at = (size_t)HEADER_SIZE + b[2] + b[3];
	o->revision = store_entry_mod_rev(e);
	o->create_revision = store_entry_create_rev(e);
	*ret = o;
	return 0;
}

int object_decode(const char *key, const void *value, size_t len, struct object **ret)
{
	_cleanup_store_entry_ struct store_entry *e = store_entry_new(key, strlen(key), len);

	if (!e)
		return -ENOMEM;
	memcpy(store_entry_data(e), value, len);
	return object_from_entry(e, ret);
}

/* The controller's uid among the owner references ("" if none); says whether there are others. */
static const char *find_controller(const struct value *root, bool *ret_others)
{
	const struct value *refs = value_path(root, "metadata", "ownerReferences");
	const char *uid = "";
	size_t controllers = 0;

	for (size_t i = 0; i < value_len(refs); i++) {
		const struct value *ref = value_at(refs, i);

		if (value_bool(value_get(ref, "controller"), false)) {
			uid = value_str_or(value_get(ref, "uid"), "");
			controllers++;
		}
	}
	*ret_others = value_len(refs) > controllers;
	return uid;
}

int object_encode(const struct value *root, uid_t writer, struct buf *out)
{
	bool others;
	const char *uid = value_str_or(value_path(root, "metadata", "uid"), "");
	const char *controller = find_controller(root, &others);
	unsigned char header[HEADER_SIZE] = { OBJECT_FORMAT, others ? FLAG_OTHER_OWNERS : 0 };

	if (strlen(uid) > UID_MAX_LEN || strlen(controller) > UID_MAX_LEN)
		return -EINVAL;
	header[2] = (unsigned char)strlen(uid);
	header[3] = (unsigned char)strlen(controller);
	for (int i = 0; i < 4; i++)
		header[4 + i] = (unsigned char)(writer >> (8 * i));
	buf_append(out, header, sizeof(header));
	buf_puts(out, uid);
	buf_puts(out, controller);
	pack_write(out, root);
	return buf_failed(out) ? -ENOMEM : 0;
}

int object_format_key(const struct schema_kind *kind, const char *ns, const char *name,
		      char out[static STORE_KEY_MAX + 1])
{
	int n;

	if (!kind->namespaced)
		n = snprintf(out, STORE_KEY_MAX + 1, "%s%s/%s", objects_prefix, kind->plural, name ? name : "");
	else if (!ns)
		n = snprintf(out, STORE_KEY_MAX + 1, "%s%s/", objects_prefix, kind->plural);
	else
		n = snprintf(out, STORE_KEY_MAX + 1, "%s%s/%s/%s", objects_prefix, kind->plural, ns, name ? name : "");
	return n < 0 || n > STORE_KEY_MAX ? -ENAMETOOLONG : n;
}

struct object *object_for_test(const struct value *root, uint64_t revision)
{
	const struct schema_kind *kind = schema_kind_find(value_str_or(value_get(root, "apiVersion"), ""),
							  value_str_or(value_get(root, "kind"), ""));
	const char *ns = value_str_or(value_path(root, "metadata", "namespace"), "");
	const char *name = value_str_or(value_path(root, "metadata", "name"), "");
	const char *uid = value_str_or(value_path(root, "metadata", "uid"), "");
	_cleanup_(tree_freep) struct object_tree *t = calloc(1, sizeof(*t));
	char key[STORE_KEY_MAX + 1], *at;
	const char *controller;
	struct object *o;
	bool others;

	controller = find_controller(root, &others);
	if (!kind || !t || object_format_key(kind, ns, name, key) < 0)
		return NULL;
	t->arena = arena_new(0);
	t->root = value_copy(t->arena, root);
	o = calloc(1, sizeof(*o) + strlen(ns) + strlen(uid) + strlen(controller) + strlen(key) + 4);
	if (!o || !t->root) {
		free(o);
		return NULL;
	}
	value_set(t->arena, value_set_map(t->arena, (struct value *)t->root, "metadata"), "resourceVersion",
		  value_new_strf(t->arena, "%" PRIu64, revision));
	atomic_init(&o->refs, 1);
	at = o->text;
	o->kind = kind;
	o->ns = put_text(&at, ns, strlen(ns));
	o->uid = put_text(&at, uid, strlen(uid));
	o->controller = put_text(&at, controller, strlen(controller));
	o->key = put_text(&at, key, strlen(key));
	o->name = strrchr(o->key, '/') + 1;
	o->other_owners = others;
	o->revision = revision;
	o->create_revision = revision;
	atomic_init(&o->tree, steal_ptr(t));
	return o;
}
