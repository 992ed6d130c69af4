/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A transaction being prepared: operations with their keys and values in an arena of its own.
 */
#include <inttypes.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "store/admission.h"
#include "store/charge.h"
#include "store/registry-internal.h"

enum {
	OBJECT_BYTES_MAX = 3 * 512 * 1024, /* 1.5 MiB, etcd's and the API server's limit for a request */
	GENERATED_BASE_MAX = 58,	   /* K8S:apiserver/pkg/storage/names: 63 less five random characters */
	GENERATED_RANDOM = 5,
	GENERATE_TRIES = 8, /* K8S:apiserver/pkg/registry/generic/registry, maxNameGenerationCreateAttempts */
};

struct txn {
	struct registry *registry;
	struct writer who;
	struct arena *arena;
	struct store_op *ops; /* keys and values in the arena */
	size_t n, cap;
	struct charges charges;
	bool failed;
};

struct txn *txn_new(struct registry *r, const struct writer *who)
{
	struct txn *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->registry = r;
	t->who = *who;
	t->arena = arena_new(0);
	if (!t->arena) {
		free(t);
		return NULL;
	}
	return t;
}

void txn_free(struct txn *t)
{
	if (!t)
		return;
	charges_clear(&t->charges);
	arena_free(t->arena);
	free(t->ops);
	free(t);
}

struct arena *txn_arena(struct txn *t)
{
	return t->arena;
}

struct registry *txn_registry(struct txn *t)
{
	return t->registry;
}

static int add_op(struct txn *t, enum store_op_type type, const char *key, const void *value, size_t len, uint64_t expect)
{
	char *key_copy = arena_strdup(t->arena, key);
	char *value_copy_ = type == STORE_PUT ? arena_memdup(t->arena, value, len) : NULL;

	if (t->n == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 8;
		struct store_op *ops = reallocarray(t->ops, cap, sizeof(*ops));

		if (!ops)
			t->failed = true;
		else {
			t->ops = ops;
			t->cap = cap;
		}
	}
	if (t->failed || arena_failed(t->arena)) {
		t->failed = true;
		return -ENOMEM;
	}
	t->ops[t->n++] = (struct store_op){ type, key_copy, value_copy_, len, expect };
	return 0;
}

int txn_put(struct txn *t, const char *key, const void *value, size_t len, uint64_t expect)
{
	return add_op(t, STORE_PUT, key, value, len, expect);
}

int txn_remove(struct txn *t, const char *key, uint64_t expect)
{
	return add_op(t, STORE_DELETE, key, NULL, 0, expect);
}

int txn_check(struct txn *t, const char *key, uint64_t expect)
{
	return add_op(t, STORE_CHECK, key, NULL, 0, expect);
}

size_t txn_operations(const struct txn *t, const struct store_op **ret)
{
	*ret = t->ops;
	return t->n;
}

bool txn_empty(const struct txn *t)
{
	return !t->n;
}

/* Adds the operation that stores a tree. */
static int put_object(struct txn *t, const char *key, const struct value *root, uid_t writer, uint64_t expect,
		      struct diag_list *diags)
{
	_cleanup_buf_ struct buf bytes = BUF_INIT;
	int r;

	if (arena_failed(t->arena))
		return -ENOMEM;
	r = object_encode(root, writer, &bytes);
	if (r < 0)
		return r;
	if (bytes.len > OBJECT_BYTES_MAX) {
		if (diags)
			diag_add(diags, DIAG_ERROR, -EFBIG, (struct value_mark){ 0, 0 }, "",
				 "Too long: the object is %zu bytes, the limit is %d", bytes.len, OBJECT_BYTES_MAX);
		return -EFBIG;
	}
	return txn_put(t, key, bytes.data, bytes.len, expect);
}

static void make_uid(char out[static OBJECT_UID_SIZE])
{
	unsigned char b[16];

	if (getrandom(b, sizeof(b), 0) != sizeof(b)) /* cannot be short or fail for 16 bytes once the kernel has booted */
		memset(b, 0, sizeof(b));
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40); /* version 4, RFC 9562 section 5.4 */
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	(void)snprintf(out, OBJECT_UID_SIZE, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		       b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
		       b[15]);
}

const char *registry_generate_name(struct arena *a, struct value *meta)
{
	/* K8S:apimachinery/pkg/util/rand: no vowels, so no words; no look-alikes. */
	static const char alphabet[] = "bcdfghjklmnpqrstvwxz2456789";
	const char *base = value_str_or(value_get(meta, "generateName"), "");
	unsigned char random[GENERATED_RANDOM];
	char tail[GENERATED_RANDOM + 1] = "";
	int keep;

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return NULL;
	for (int i = 0; i < GENERATED_RANDOM; i++)
		tail[i] = alphabet[random[i] % (sizeof(alphabet) - 1)];
	keep = strlen(base) > GENERATED_BASE_MAX ? GENERATED_BASE_MAX : (int)strlen(base);
	return value_str(value_set(a, meta, "name", value_new_strf(a, "%.*s%s", keep, base, tail)));
}

/* Whether the transaction has an operation on that key. */
static bool changes_key(const struct txn *t, const char *key)
{
	for (size_t i = 0; i < t->n; i++)
		if (!strcmp(t->ops[i].key, key))
			return true;
	return false;
}

/* Whether the transaction removes that key. */
static bool removes_key(const struct txn *t, const char *key)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->ops[i].type == STORE_DELETE && !strcmp(t->ops[i].key, key))
			return true;
	return false;
}

/* Whether the transaction itself makes an object of that key. */
static bool makes_key(const struct txn *t, const char *key)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->ops[i].type == STORE_PUT && !strcmp(t->ops[i].key, key))
			return true;
	return false;
}

/* The object's key, with a name made from generateName where there is none, and made anew while it is taken. -EINVAL
 * when there is neither; else as object_format_key(). */
static int settle_key(struct txn *t, const struct schema_kind *kind, const char *ns, struct value *meta,
		      char key[static STORE_KEY_MAX + 1])
{
	const char *name = value_str_or(value_get(meta, "name"), "");
	int r = 0;

	if (*name)
		return object_format_key(kind, ns, name, key);
	if (!value_len(value_get(meta, "generateName")))
		return -EINVAL;
	for (int i = 0; i < GENERATE_TRIES; i++) {
		_cleanup_object_ struct object *taken = NULL;

		name = registry_generate_name(t->arena, meta);
		r = name ? object_format_key(kind, ns, name, key) : -ENOMEM;
		if (r < 0)
			return r;
		taken = cache_get_key(t->registry->cache, key);
		if (!taken && !makes_key(t, key))
			break;
	}
	return r;
}

bool txn_puts(const struct txn *t, const char *key)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->ops[i].type == STORE_PUT && strcmp(t->ops[i].key, key) == 0)
			return true;
	return false;
}

/* Whether the namespace may take a new object. The transaction then holds only while that stays so. */
static int check_namespace(struct txn *t, const char *ns, struct diag_list *diags)
{
	const struct schema_kind *kind = schema_kind_by_plural("namespaces");
	_cleanup_object_ struct object *o = cache_get(t->registry->cache, kind, NULL, ns);
	char key[STORE_KEY_MAX + 1];

	if (!o && object_format_key(kind, "", ns, key) >= 0 && txn_puts(t, key))
		return 0; /* the transaction makes it */
	if (!o) {
		if (diags)
			diag_add(diags, DIAG_ERROR, -ENOENT, (struct value_mark){ 0, 0 }, "metadata.namespace",
				 "Not found: namespace \"%s\" does not exist", ns);
		return -ENOENT;
	}
	if (object_is_deleting(o)) {
		if (diags)
			diag_add(diags, DIAG_ERROR, -EPERM, (struct value_mark){ 0, 0 }, "metadata.namespace",
				 "Forbidden: namespace \"%s\" is being terminated", ns);
		return -EPERM;
	}
	for (size_t i = 0; i < t->n; i++)
		if (!strcmp(t->ops[i].key, object_key(o)))
			return 0; /* checked, or changed, by the transaction already */
	return txn_check(t, object_key(o), object_revision(o));
}

/*
 * Warns of a pod whose account is not there. Kubernetes refuses it; here the pod waits for the account, as what is declared
 * in files waits for what another file declares.
 */
static void check_account(struct txn *t, const char *ns, const struct value *root, struct diag_list *diags)
{
	const struct value *v = value_path(root, "spec", "serviceAccountName");
	const struct schema_kind *kind = schema_kind_by_plural("serviceaccounts");
	const char *name = value_str_or(v, "default");
	_cleanup_object_ struct object *o = NULL;
	char key[STORE_KEY_MAX + 1];

	if (!strcmp(name, "default") || object_format_key(kind, ns, name, key) < 0)
		return;
	o = cache_get_key(t->registry->cache, key);
	if (!o && !txn_puts(t, key))
		diag_add(diags, DIAG_WARNING, 0, value_mark(v), "spec.serviceAccountName",
			 "error looking up service account %s/%s: serviceaccount \"%s\" not found: the pod waits for it", ns, name,
			 name);
}

/* Whether the key is free. */
static int check_absent(struct txn *t, const char *key, const char *name, struct diag_list *diags)
{
	_cleanup_object_ struct object *o = cache_get_key(t->registry->cache, key);
	bool deleting = o && object_is_deleting(o);

	if (!o)
		return 0;
	if (diags)
		diag_add(diags, DIAG_ERROR, deleting ? -EAGAIN : -EEXIST, (struct value_mark){ 0, 0 }, "metadata.name",
			 deleting ? "an object of the name \"%s\" is still terminating" : "\"%s\" already exists", name);
	return deleting ? -EAGAIN : -EEXIST;
}

/* Sets what only the system may set on a new object. */
static void stamp_new(struct txn *t, const struct schema_kind *kind, struct value *meta)
{
	static const char *const system[] = { "resourceVersion", "selfLink", "deletionTimestamp",
					      "deletionGracePeriodSeconds", "managedFields", "generation" };
	char uid[OBJECT_UID_SIZE], time[CLOCK_RFC3339_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(system); i++)
		value_remove(meta, system[i]);
	make_uid(uid);
	value_set_str(t->arena, meta, "uid", uid);
	value_set_str(t->arena, meta, "creationTimestamp", clock_format_rfc3339(t->registry->now(), time));
	if (kind->has_generation)
		value_set_int(t->arena, meta, "generation", 1);
}

int txn_create(struct txn *t, struct value *root, unsigned flags, const struct object *inherit_from,
	       struct diag_list *diags)
{
	_cleanup_diag_list_ struct diag_list own = DIAG_LIST_INIT;
	const struct schema_kind *kind = NULL;
	uid_t writer = inherit_from ? object_writer(inherit_from) : t->who.uid;
	const char *ns = NULL;
	char key[STORE_KEY_MAX + 1];
	struct value *meta;
	int r = 0;

	if (flags & TXN_ADMIT)
		r = schema_admit(root, t->arena, diags ? diags : &own, &kind);
	else
		kind = schema_kind_find(value_str_or(value_get(root, "apiVersion"), ""),
					value_str_or(value_get(root, "kind"), ""));
	if (r < 0)
		return r;
	if (!kind)
		return -EINVAL;
	meta = value_set_map(t->arena, root, "metadata");
	if (kind->namespaced) {
		if (!value_len(value_get(meta, "namespace")))
			value_set_str(t->arena, meta, "namespace", "default");
		ns = value_str_or(value_get(meta, "namespace"), "");
		r = check_namespace(t, ns, diags);
	} else {
		value_remove(meta, "namespace");
	}
	if (r == 0)
		r = settle_key(t, kind, ns, meta, key); /* first, so that a refusal names what would have been made */
	if (r >= 0)
		r = admission_complete(t->registry, kind, ns, t->arena, root, diags ? diags : &own);
	if (r == 0)
		r = admission_check_user(t->registry, &t->who, kind, ns, NULL, root, diags ? diags : &own);
	if (r == 0)
		r = admission_confine(t->registry, kind, ns, writer, t->arena, root, diags ? diags : &own);
	if (r == 0)
		r = check_absent(t, key, value_str_or(value_get(meta, "name"), ""), diags);
	if (r < 0)
		return r;
	if (!strcmp(kind->plural, "pods"))
		check_account(t, ns, root, diags ? diags : &own);
	stamp_new(t, kind, meta);
	strategy_prepare_create(kind, t->arena, root);
	r = schema_finish_create(kind, root, t->arena, diags ? diags : &own);
	if (r == 0)
		r = admission_count_user(t->registry, writer, diags ? diags : &own);
	if (r == 0)
		r = charges_add(&t->charges, t->registry, t->arena, kind, NULL, root, diags ? diags : &own);
	if (r < 0)
		return r;
	return put_object(t, key, root, writer, STORE_ABSENT, diags);
}

/* Takes status from one side: TXN_STATUS keeps everything of `old` but the status, else the status of `old`. */
static struct value *merge_status(struct txn *t, const struct object *old, struct value *root, unsigned flags)
{
	const struct value *status = value_get(flags & TXN_STATUS ? root : object_root(old), "status");

	if (flags & TXN_STATUS)
		root = value_copy(t->arena, object_root(old));
	if (status)
		value_set(t->arena, root, "status", value_copy(t->arena, status));
	else
		value_remove(root, "status");
	return root;
}

/* Whether a member changed that is neither metadata nor status: the spec, or what a kind without one has. */
static bool has_changed(const struct value *old, const struct value *now)
{
	for (size_t i = 0; i < value_len(old) + value_len(now); i++) {
		bool first = i < value_len(old);
		const char *key = first ? value_key_at(old, i) : value_key_at(now, i - value_len(old));
		const struct value *was = value_get(old, key), *is = value_get(now, key);

		if (strcmp(key, "metadata") != 0 && strcmp(key, "status") != 0 && was != is &&
		    !(was && is && value_equal(was, is)))
			return true;
	}
	return false;
}

/* Puts the system's own metadata back, and the generation forward when the spec has changed. */
static void restore_metadata(struct txn *t, const struct object *old, struct value *root)
{
	static const char *const kept[] = { "name", "namespace", "uid", "creationTimestamp", "deletionTimestamp",
					    "deletionGracePeriodSeconds", "generation", "generateName",
					    "resourceVersion" };
	struct value *meta = value_set_map(t->arena, root, "metadata");

	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		const struct value *v = object_path(old, "metadata", kept[i]);

		if (v)
			value_set(t->arena, meta, kept[i], value_copy(t->arena, v));
		else
			value_remove(meta, kept[i]);
	}
	if (object_kind(old)->has_generation && has_changed(object_root(old), root))
		value_set_int(t->arena, meta, "generation", value_int(object_path(old, "metadata", "generation"), 0) + 1);
}

/* Whether a deleting object has nothing left that holds it. */
static bool is_finished(const struct value *root)
{
	const struct value *meta = value_get(root, "metadata");

	return value_get(meta, "deletionTimestamp") && !value_len(value_get(meta, "finalizers")) &&
	       !strategy_has_spec_finalizers(root) && !value_int(value_get(meta, "deletionGracePeriodSeconds"), 0);
}

int txn_update(struct txn *t, const struct object *old, struct value *root, unsigned flags, struct diag_list *diags)
{
	_cleanup_diag_list_ struct diag_list own = DIAG_LIST_INIT;
	const struct schema_kind *kind = object_kind(old);
	bool user = !strcmp(t->who.agent, "mount");
	int r = 0;

	if (flags & TXN_ADMIT) {
		schema_prepare_update(kind, object_root(old), root, t->arena, diags ? diags : &own);
		r = schema_admit(root, t->arena, diags ? diags : &own, &kind);
	}
	if (r < 0)
		return r;
	if (kind != object_kind(old))
		return -EINVAL;
	if (!(flags & TXN_BOTH))
		root = merge_status(t, old, root, flags);
	restore_metadata(t, old, root);
	if (user)
		strategy_prepare_update(t->arena, old, root);
	if (!(flags & TXN_STATUS))
		schema_finish_update(kind, object_root(old), root, t->arena);
	if (arena_failed(t->arena))
		return -ENOMEM;
	if (user && !(flags & TXN_STATUS))
		r = schema_admit_update(kind, object_root(old), root, diags ? diags : &own);
	if (r == 0 && user && !(flags & TXN_STATUS))
		r = admission_check_user(t->registry, &t->who, kind, object_namespace(old), object_root(old), root,
					 diags ? diags : &own);
	if (r < 0 || value_equal(root, object_root(old)))
		return r;
	if (!(flags & TXN_STATUS) && !object_is_deleting(old) &&
	    !value_equal(value_get(root, "spec"), object_path(old, "spec")))
		r = charges_add(&t->charges, t->registry, t->arena, kind, object_root(old), root, diags ? diags : &own);
	if (r < 0)
		return r;
	if (is_finished(root) && !is_finished(object_root(old)))
		return txn_remove(t, object_key(old), object_revision(old));
	value_remove(value_get(root, "metadata"), "resourceVersion");
	/* What somebody else wrote a part of stays his when root changes another part. */
	return put_object(t, object_key(old), root, user && t->who.uid ? t->who.uid : object_writer(old),
			  object_revision(old), diags);
}

/* Adds a finalizer if it is not there. True when it was added. */
static bool add_finalizer(struct arena *a, struct value *meta, const char *name)
{
	struct value *list = value_set_list(a, meta, "finalizers");

	for (size_t i = 0; i < value_len(list); i++)
		if (!strcmp(value_str_or(value_at(list, i), ""), name))
			return false;
	value_append(a, list, value_new_str(a, name));
	return true;
}

/* Takes a finalizer away. True when it was there. */
static bool drop_finalizer(struct value *meta, const char *name)
{
	struct value *list = value_get(meta, "finalizers");
	bool dropped = false;

	for (size_t i = value_len(list); i-- > 0;)
		if (!strcmp(value_str_or(value_at(list, i), ""), name))
			dropped |= value_remove_at(list, i);
	if (dropped && !value_len(list))
		value_remove(meta, "finalizers");
	return dropped;
}

/*
 * Sets deletionTimestamp and grace; false when neither says more than what is there. A grace that is shortened counts
 * from when the deletion began: K8S:apiserver/pkg/registry/rest, BeforeDelete.
 */
static bool mark_deleting(struct txn *t, const struct object *old, struct value *meta, int64_t grace)
{
	int64_t had = value_int(value_get(meta, "deletionGracePeriodSeconds"), 0), begun = t->registry->now(), ends;
	const char *was = value_str(value_get(meta, "deletionTimestamp"));
	char time[CLOCK_RFC3339_SIZE];

	if (was && grace >= had)
		return false;
	if (was && clock_parse_rfc3339(was, &ends) == 0)
		begun = ends - had * NSEC_PER_SEC;
	value_set_str(t->arena, meta, "deletionTimestamp", clock_format_rfc3339(begun + grace * NSEC_PER_SEC, time));
	value_set_int(t->arena, meta, "deletionGracePeriodSeconds", grace);
	if (!was && object_kind(old)->has_generation)
		value_set_int(t->arena, meta, "generation", value_int(value_get(meta, "generation"), 0) + 1);
	return true;
}

/* K8S:pkg/api/v1/pod, UpdatePodCondition. */
static void mark_disrupted(struct txn *t, struct value *root, const struct disruption *d)
{
	static const char type[] = "DisruptionTarget";
	struct value *list = value_set_list(t->arena, value_set_map(t->arena, root, "status"), "conditions");
	struct value *c = value_find(list, "type", type);
	char time[CLOCK_RFC3339_SIZE];

	if (!c)
		c = value_append(t->arena, list, value_new_map(t->arena));
	if (strcmp(value_str_or(value_get(c, "status"), ""), "True") != 0)
		value_set_str(t->arena, c, "lastTransitionTime", clock_format_rfc3339(t->registry->now(), time));
	value_set_str(t->arena, c, "type", type);
	value_set_str(t->arena, c, "status", "True");
	value_set_str(t->arena, c, "reason", d->reason);
	value_set_str(t->arena, c, "message", d->message);
}

/* Removes the object, instead of what the transaction would do with it so far. */
static int remove_once(struct txn *t, const struct object *o)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->ops[i].type != STORE_CHECK && strcmp(t->ops[i].key, object_key(o)) == 0) {
			t->ops[i] = (struct store_op){ STORE_DELETE, t->ops[i].key, NULL, 0, object_revision(o) };
			return 0;
		}
	return txn_remove(t, object_key(o), object_revision(o));
}

/* What goes takes along what cannot be without it: a CustomResourceDefinition its kind's objects. */
static int remove_object(struct txn *t, const struct object *o)
{
	const struct schema_kind *kind =
		strcmp(object_kind(o)->plural, "customresourcedefinitions") ? NULL : schema_kind_by_plural(object_name(o));
	_cleanup_object_list_ struct object_list list = OBJECT_LIST_INIT;
	int r = kind && kind->is_custom ? cache_list(t->registry->cache, kind, NULL, &list) : 0;

	for (size_t i = 0; r == 0 && i < list.n; i++)
		r = remove_once(t, list.items[i]);
	return r < 0 ? r : txn_remove(t, object_key(o), object_revision(o));
}

int txn_delete(struct txn *t, const struct object *old, const struct delete_options *opts)
{
	static const struct delete_options defaults = { .grace_seconds = -1, .propagation = PROPAGATE_BACKGROUND };
	bool changed = false;
	struct value *root, *meta;
	int64_t grace;

	if (!opts)
		opts = &defaults;
	if (object_kind(old)->is_custom && removes_key(t, object_key(old)))
		return 0; /* its definition goes and takes it along */
	grace = strategy_delete_grace(old, opts->grace_seconds);
	root = value_copy(t->arena, object_root(old));
	if (!root)
		return -ENOMEM;
	meta = value_set_map(t->arena, root, "metadata");
	if (opts->propagation != PROPAGATE_BACKGROUND)
		changed = add_finalizer(t->arena, meta,
					opts->propagation == PROPAGATE_ORPHAN ? "orphan" : "foregroundDeletion");
	if (opts->finalizer)
		changed |= drop_finalizer(meta, opts->finalizer);
	if (!grace && !value_len(value_get(meta, "finalizers")) && !strategy_has_spec_finalizers(root))
		return remove_object(t, old);
	changed |= mark_deleting(t, old, meta, grace);
	if (changed && opts->annotation)
		value_set_str(t->arena, value_set_map(t->arena, meta, "annotations"), opts->annotation, "yes");
	if (changed && opts->disruption)
		mark_disrupted(t, root, opts->disruption);
	if (strategy_has_spec_finalizers(root))
		value_set_str(t->arena, value_set_map(t->arena, root, "status"), "phase", "Terminating");
	if (!changed)
		return 0;
	value_remove(meta, "resourceVersion");
	return put_object(t, object_key(old), root, object_writer(old), object_revision(old), NULL);
}

/* Adds the figures of the quotas that were charged, once. One that the transaction itself changes is counted anew by its
 * controller. */
static int flush_charges(struct txn *t)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < t->charges.n; i++) {
		const struct charge *x = &t->charges.items[i];

		if (!x->changed || changes_key(t, object_key(x->quota)))
			continue;
		value_remove(value_get(x->root, "metadata"), "resourceVersion");
		r = put_object(t, object_key(x->quota), x->root, object_writer(x->quota), object_revision(x->quota), NULL);
	}
	charges_clear(&t->charges);
	return r;
}

int txn_submit(struct txn *t, unsigned store_flags, store_done_fn done, void *arg)
{
	int r = flush_charges(t);

	if (r < 0)
		return r;
	if (t->failed)
		return -ENOMEM;
	return store_submit(t->registry->store, t->ops, t->n, store_flags, done, arg);
}

int txn_commit(struct txn *t, unsigned store_flags, uint64_t *ret_rev)
{
	int r = flush_charges(t);

	if (r < 0)
		return r;
	if (t->failed)
		return -ENOMEM;
	if (!t->n) {
		if (ret_rev)
			*ret_rev = store_revision(t->registry->store);
		return 0;
	}
	return store_commit(t->registry->store, t->ops, t->n, store_flags, ret_rev);
}
