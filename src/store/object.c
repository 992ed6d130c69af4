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
#include <stdatomic.h>
#include <string.h>

#include "store/object-internal.h"
#include "value/pack.h"

enum { OBJECT_FORMAT = 1, HEADER_SIZE = 8, FLAG_OTHER_OWNERS = 1 << 0, UID_MAX_LEN = 63 };

static const char objects_prefix[] = "/objects/";

struct tree {
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
	_Atomic(struct tree *) tree;
	char text[]; /* namespace, uid, controller's uid, each with its NUL */
};

struct object *object_ref(const struct object *o)
{
	struct object *p = (struct object *)o;

	if (p)
		atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
	return p;
}

static void tree_free(struct tree *t)
{
	if (!t)
		return;
	arena_free(t->arena);
	free(t);
}
DEFINE_CLEANUP(struct tree *, tree_free);

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
static struct tree *decode(const struct object *o)
{
	_cleanup_(tree_freep) struct tree *t = calloc(1, sizeof(*t));
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

const struct value *object_root(const struct object *o)
{
	struct object *p = (struct object *)o; /* the decoded tree is a cache inside an immutable object */
	struct tree *t, *expected = NULL;

	if (!o)
		return NULL;
	t = atomic_load_explicit(&p->tree, memory_order_acquire);
	if (t)
		return t->root;
	t = decode(o);
	if (!t)
		return NULL;
	if (!atomic_compare_exchange_strong_explicit(&p->tree, &expected, t, memory_order_acq_rel,
						     memory_order_acquire)) {
		tree_free(t); /* another thread was first */
		t = expected;
	}
	return t->root;
}

const char *object_metadata_str(const struct object *o, const char *name)
{
	const char *const path[] = { "metadata", name, NULL };
	const char *bytes;
	size_t len;

	if (!o)
		return NULL;
	if (!o->entry || atomic_load_explicit(&((struct object *)o)->tree, memory_order_relaxed))
		return value_str(object_path(o, "metadata", name));
	bytes = store_entry_value(o->entry, &len);
	return pack_find_str(bytes + o->packed_at, len - o->packed_at, path);
}

bool object_is_deleting(const struct object *o)
{
	return object_metadata_str(o, "deletionTimestamp") != NULL;
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
	_cleanup_(tree_freep) struct tree *t = calloc(1, sizeof(*t));
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
