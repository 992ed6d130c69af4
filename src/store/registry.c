/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/clock.h"
#include "store/persistent.h"
#include "store/registry-internal.h"

int registry_new(struct store *s, struct cache *c, int64_t (*now)(void), struct registry **ret)
{
	struct registry *r = calloc(1, sizeof(*r));
	int e;

	if (!r)
		return -ENOMEM;
	*r = (struct registry){ .store = s, .cache = c, .now = now ? now : clock_realtime };
	e = -pthread_mutex_init(&r->users_lock, NULL);
	if (e == 0)
		e = event_log_new(r, &r->events);
	if (e < 0) {
		free(r);
		return e;
	}
	*ret = r;
	return 0;
}

void registry_free(struct registry *r)
{
	if (!r)
		return;
	event_log_free(r->events);
	while (r->users) {
		struct registry_user *u = r->users;

		r->users = u->next;
		free(u);
	}
	(void)pthread_mutex_destroy(&r->users_lock);
	free(r);
}

struct store *registry_store(struct registry *r)
{
	return r->store;
}

struct cache *registry_cache(struct registry *r)
{
	return r->cache;
}

int64_t registry_now(struct registry *r)
{
	return r->now();
}

static int make_namespace(struct registry *r, const char *name, struct diag_list *diags)
{
	static const struct writer system = { .agent = "registry" };
	_cleanup_txn_ struct txn *t = txn_new(r, &system);
	struct value *root;
	int e;

	if (!t)
		return -ENOMEM;
	root = value_new_map(txn_arena(t));
	value_set_str(txn_arena(t), root, "apiVersion", "v1");
	value_set_str(txn_arena(t), root, "kind", "Namespace");
	value_set_str(txn_arena(t), value_set_map(txn_arena(t), root, "metadata"), "name", name);
	e = txn_create(t, root, TXN_ADMIT, NULL, diags);
	if (e == 0)
		e = txn_commit(t, 0, NULL);
	return e == -EEXIST || e == -EAGAIN ? 0 : e;
}

/* Written once: the class that it stands for was made, and is its owner's to change or to remove. */
#define CLASS_MADE "/bootstrap/storageclass"

static int put_default_class(struct txn *t, struct diag_list *diags)
{
	struct arena *a = txn_arena(t);
	struct value *root = value_new_map(a), *meta = value_set_map(a, root, "metadata");

	value_set_str(a, root, "apiVersion", "storage.k8s.io/v1");
	value_set_str(a, root, "kind", "StorageClass");
	value_set_str(a, meta, "name", PV_DEFAULT_CLASS);
	value_set_str(a, value_set_map(a, meta, "annotations"), "storageclass.kubernetes.io/is-default-class", "true");
	value_set_str(a, root, "provisioner", PV_PROVISIONER);
	value_set_str(a, root, "reclaimPolicy", "Delete");
	value_set_str(a, root, "volumeBindingMode", "WaitForFirstConsumer");
	return txn_create(t, root, TXN_ADMIT, NULL, diags);
}

/* The default StorageClass of a cluster that has none, at its first start. */
static int make_default_class(struct registry *r, struct diag_list *diags)
{
	static const struct writer system = { .agent = "registry" };
	_cleanup_store_entry_ struct store_entry *made = NULL;
	_cleanup_txn_ struct txn *t = NULL;
	int e = store_get(r->store, CLASS_MADE, &made);

	if (e != -ENOENT)
		return e;
	t = txn_new(r, &system);
	e = t ? txn_put(t, CLASS_MADE, "", 0, STORE_ABSENT) : -ENOMEM;
	if (e == 0 && !cache_count(r->cache, schema_kind_by_plural("storageclasses"), NULL))
		e = put_default_class(t, diags);
	return e < 0 ? e : txn_commit(t, 0, NULL);
}

int registry_bootstrap(struct registry *r, struct error *err)
{
	_cleanup_diag_list_ struct diag_list class_diags = DIAG_LIST_INIT;
	int c;

	static const char *const namespaces[] = { "default", "kube-system", "kube-public", "kube-node-lease" };

	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++) {
		_cleanup_diag_list_ struct diag_list diags = DIAG_LIST_INIT;
		int e = make_namespace(r, namespaces[i], &diags);

		if (e < 0)
			return error_errno(err, e, "namespace %s: %s", namespaces[i],
					   diags.n ? diags.items[0].message : "not made");
	}
	c = make_default_class(r, &class_diags);
	if (c < 0)
		return error_errno(err, c, "storage class %s: %s", PV_DEFAULT_CLASS,
				   class_diags.n ? class_diags.items[0].message : "not made");
	return 0;
}

/* One attempt of registry_modify(). */
static int modify_once(struct registry *r, const struct writer *who, const struct object *old, unsigned flags,
		       unsigned store_flags, registry_change_fn change, void *arg)
{
	_cleanup_txn_ struct txn *t = txn_new(r, who);
	struct value *root;
	int e;

	if (!t)
		return -ENOMEM;
	root = value_copy(txn_arena(t), object_root(old));
	if (!root)
		return -ENOMEM;
	e = change(arg, txn_arena(t), root, old);
	if (e == 0)
		e = txn_update(t, old, root, flags, NULL);
	if (e == 0)
		e = txn_commit(t, store_flags, NULL);
	return e;
}

int registry_modify(struct registry *r, const struct writer *who, const struct schema_kind *kind, const char *ns,
		    const char *name, const char *uid, unsigned flags, unsigned store_flags, registry_change_fn change,
		    void *arg)
{
	int e = -ESTALE;

	for (int i = 0; i < REGISTRY_RETRIES && e == -ESTALE; i++) {
		_cleanup_object_ struct object *old = cache_get(r->cache, kind, ns, name);

		if (!old || (uid && strcmp(object_uid(old), uid) != 0))
			return -ENOENT;
		e = modify_once(r, who, old, flags, store_flags, change, arg);
	}
	return e == -ECANCELED ? 0 : e;
}
