/* SPDX-License-Identifier: Apache-2.0 */
#include "store/admission.h"

#include <string.h>

#include "base/clock.h"
#include "schema/baseline.h"
#include "store/limit_range.h"
#include "store/persistent.h"
#include "store/registry-internal.h"

/* The labels of a namespace by which root says how pods that its users write are judged. */
#define SECURITY_LABELS "pod-security.kubernetes.io/"

static bool read_policy(const struct object *ns, const char *level, const char *version, enum security_level wrong,
			struct security_policy *ret)
{
	const struct value *labels = ns ? object_labels(ns) : NULL;

	return security_policy_parse(value_str(value_get(labels, level)), value_str(value_get(labels, version)), wrong, ret);
}

/* What a policy that only warns finds becomes warnings. */
static void warn_security(const struct security_policy *policy, const struct value *root, struct diag_list *diags)
{
	_cleanup_diag_list_ struct diag_list found = DIAG_LIST_INIT;
	_cleanup_buf_ struct buf name = BUF_INIT;

	(void)schema_check_security(policy, root, &found); /* what it finds is in the list */
	security_policy_format(policy, &name);
	for (size_t i = 0; i < found.n; i++)
		diag_add(diags, DIAG_WARNING, 0, found.items[i].mark, found.items[i].path,
			 "would violate PodSecurity \"%s\": %s", buf_str(&name), found.items[i].message);
}

/* Holds an object to its namespace's policies: baseline, unless its labels say otherwise. Audit warns as warn does. */
static int check_security(const struct object *ns, const struct value *root, struct diag_list *diags)
{
	struct security_policy enforce = { SECURITY_BASELINE, SECURITY_LATEST };
	struct security_policy warn = { SECURITY_PRIVILEGED, SECURITY_LATEST }, audit = warn;
	int r;

	(void)read_policy(ns, SECURITY_LABELS "enforce", SECURITY_LABELS "enforce-version", SECURITY_RESTRICTED, &enforce);
	(void)read_policy(ns, SECURITY_LABELS "warn", SECURITY_LABELS "warn-version", SECURITY_PRIVILEGED, &warn);
	(void)read_policy(ns, SECURITY_LABELS "audit", SECURITY_LABELS "audit-version", SECURITY_PRIVILEGED, &audit);
	r = schema_check_security(&enforce, root, diags);
	if (r == 0)
		warn_security(&warn, root, diags);
	if (r == 0 && (audit.level != warn.level || audit.minor != warn.minor))
		warn_security(&audit, root, diags);
	return r;
}

/* Whether root lets the namespace's users run pods as users of the host. */
static bool may_be_host_users(const struct object *ns)
{
	const struct value *labels = ns ? object_labels(ns) : NULL;

	return strcmp(value_str_or(value_get(labels, SECURITY_HOST_USERS), ""), SECURITY_HOST_USERS_ALLOWED) == 0;
}

/* What a user writes must be able to run in a user namespace of its own; a pod that runs outside of one is not theirs to
 * have run something else. */
static int check_confined(const struct schema_kind *kind, const struct value *old, const struct value *root,
			  struct diag_list *diags)
{
	if (old && strcmp(kind->plural, "pods") == 0 && value_bool(value_path(old, "spec", "hostUsers"), true) &&
	    !value_equal(value_get(old, "spec"), value_get(root, "spec"))) {
		diag_add(diags, DIAG_ERROR, -EPERM, value_mark(root), "spec",
			 "Forbidden: the pod runs outside of a user namespace: only root may change what it runs");
		return -EPERM;
	}
	return schema_check_confined(root, diags);
}

/* What blocks the deletion of an owner that is root's would be a user's veto. */
static int check_owners(const struct value *root, struct diag_list *diags)
{
	const struct value *refs = value_path(root, "metadata", "ownerReferences");

	for (size_t i = 0; i < value_len(refs); i++) {
		const struct value *ref = value_at(refs, i);
		const struct schema_kind *kind = schema_kind_find(value_str_or(value_get(ref, "apiVersion"), ""),
								  value_str_or(value_get(ref, "kind"), ""));

		if (kind && admission_is_roots(kind) && value_bool(value_get(ref, "blockOwnerDeletion"), false)) {
			diag_add(diags, DIAG_ERROR, -EPERM, value_mark(ref), "metadata.ownerReferences",
				 "Forbidden: only root may set blockOwnerDeletion for an owner of kind %s", kind->kind);
			return -EPERM;
		}
	}
	return 0;
}

int admission_check_user(struct registry *reg, const struct writer *who, const struct schema_kind *kind, const char *ns,
			 const struct value *old, const struct value *root, struct diag_list *diags)
{
	_cleanup_object_ struct object *o = NULL;
	int r;

	if (who->uid == 0 || strcmp(who->agent, "mount") != 0)
		return 0;
	if (admission_is_roots(kind)) {
		diag_add(diags, DIAG_ERROR, -EPERM, value_mark(root), "", "Forbidden: only root may write %s", kind->plural);
		return -EPERM;
	}
	r = schema_check_root_only(old, root, diags);
	if (r == 0)
		r = check_owners(root, diags);
	o = cache_get(reg->cache, schema_kind_by_plural("namespaces"), NULL, ns);
	if (r == 0)
		r = check_security(o, root, diags);
	if (r == 0 && !may_be_host_users(o))
		r = check_confined(kind, old, root, diags);
	return r;
}

int admission_confine(struct registry *reg, const struct schema_kind *kind, const char *ns, uid_t writer, struct arena *a,
		      struct value *root, struct diag_list *diags)
{
	_cleanup_object_ struct object *o = NULL;
	int r;

	if (writer == 0 || strcmp(kind->plural, "pods") != 0)
		return 0;
	o = cache_get(reg->cache, schema_kind_by_plural("namespaces"), NULL, ns);
	if (may_be_host_users(o))
		return 0;
	r = schema_check_confined(root, diags);
	if (r == 0)
		(void)value_set_bool(a, value_set_map(a, root, "spec"), "hostUsers", false);
	return r < 0 ? r : arena_failed(a) ? -ENOMEM : 0;
}

bool admission_is_roots(const struct schema_kind *kind)
{
	return !kind->namespaced || strcmp(kind->plural, "resourcequotas") == 0 || strcmp(kind->plural, "limitranges") == 0;
}

/* --- how much a user has --- */

enum { LOOK_EVERY = 100 * 1000 * 1000 }; /* ns */

/* There are few users who write: a list will do. Called with users_lock held. */
static struct registry_user *find_user(struct registry *reg, uid_t uid)
{
	struct registry_user *u = reg->users;

	while (u && u->uid != uid)
		u = u->next;
	if (u)
		return u;
	u = calloc(1, sizeof(*u));
	if (u) {
		*u = (struct registry_user){ .next = reg->users, .uid = uid };
		reg->users = u;
	}
	return u;
}

static size_t count_objects(struct registry *reg, uid_t uid)
{
	const struct schema_kind *const *kinds;
	size_t n, sum = 0;

	kinds = schema_kinds(&n);
	for (size_t k = 0; k < n; k++) {
		_cleanup_object_list_ struct object_list list = OBJECT_LIST_INIT;

		if (cache_list(reg->cache, kinds[k], NULL, &list) < 0)
			return SIZE_MAX;
		for (size_t i = 0; i < list.n; i++)
			sum += object_writer(list.items[i]) == uid;
	}
	return sum;
}

int admission_count_user(struct registry *reg, uid_t uid, struct diag_list *diags)
{
	struct registry_user *u;
	int r = 0;

	if (uid == 0)
		return 0;
	(void)pthread_mutex_lock(&reg->users_lock);
	u = find_user(reg, uid);
	if (u && u->objects >= ADMISSION_OBJECTS_MAX && clock_monotonic() - u->looked >= LOOK_EVERY) {
		u->objects = count_objects(reg, uid);
		u->looked = clock_monotonic();
	}
	if (!u)
		r = -ENOMEM;
	else if (u->objects >= ADMISSION_OBJECTS_MAX)
		r = -EDQUOT;
	else
		u->objects++;
	(void)pthread_mutex_unlock(&reg->users_lock);
	if (r == -EDQUOT)
		diag_add(diags, DIAG_ERROR, r, (struct value_mark){ 0 }, "",
			 "Forbidden: uid %u has %d objects, and a user other than root may not have more", (unsigned)uid,
			 ADMISSION_OBJECTS_MAX);
	return r;
}

/* --- what is added to a new object --- */

/* K8S:pkg/apis/scheduling: the classes that are always there. */
static const struct {
	const char *name;
	int64_t value;
} system_classes[] = { { "system-cluster-critical", 2000000000 }, { "system-node-critical", 2000001000 } };

struct priority {
	const char *class; /* in `from`; NULL: none */
	const char *preemption;
	int64_t value;
	struct object *from; /* owned */
};

/* Of several default classes the one of least value: K8S:plugin/pkg/admission/priority. */
static int find_default_class(struct registry *reg, const struct schema_kind *kind, struct priority *ret)
{
	_cleanup_object_list_ struct object_list list = OBJECT_LIST_INIT;
	int r = cache_list(reg->cache, kind, NULL, &list);

	for (size_t i = 0; r == 0 && i < list.n; i++) {
		int64_t value = value_int(object_path(list.items[i], "value"), 0);

		if (!value_bool(object_path(list.items[i], "globalDefault"), false) || (ret->from && value >= ret->value))
			continue;
		object_unref(ret->from);
		ret->from = object_ref(list.items[i]);
		ret->class = object_name(ret->from);
		ret->value = value;
	}
	return r;
}

static int find_priority(struct registry *reg, const struct value *spec, const struct value *root, struct priority *ret,
			 struct diag_list *diags)
{
	const struct schema_kind *kind = schema_kind_by_plural("priorityclasses");
	const char *name = value_str_or(value_get(spec, "priorityClassName"), "");
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(system_classes); i++)
		if (strcmp(system_classes[i].name, name) == 0) {
			ret->class = name;
			ret->value = system_classes[i].value;
			return 0;
		}
	if (!kind)
		return 0;
	if (!*name) {
		r = find_default_class(reg, kind, ret);
	} else {
		ret->from = cache_get(reg->cache, kind, NULL, name);
		if (!ret->from) {
			diag_add(diags, DIAG_ERROR, -EINVAL, value_mark(value_get(spec, "priorityClassName")),
				 "spec.priorityClassName", "pods \"%s\" is forbidden: no PriorityClass with name %s was found",
				 value_str_or(value_path(root, "metadata", "name"), ""), name);
			return -EINVAL;
		}
		ret->class = name;
		ret->value = value_int(object_path(ret->from, "value"), 0);
	}
	if (ret->from)
		ret->preemption = value_str_or(object_path(ret->from, "preemptionPolicy"), ret->preemption);
	return r;
}

/* Refuses a value of the pod's own that is not the computed one. */
static int refuse_own(const struct value *spec, const char *key, const char *what, const char *computed,
		      struct diag_list *diags)
{
	_cleanup_buf_ struct buf path = BUF_INIT;

	buf_printf(&path, "spec.%s", key);
	diag_add(diags, DIAG_ERROR, -EINVAL, value_mark(value_get(spec, key)), buf_str(&path),
		 "Forbidden: %s must not be provided in pod spec; priority admission controller computed %s from the given "
		 "PriorityClass name", what, computed);
	return -EINVAL;
}

static int set_priority(struct registry *reg, struct arena *a, struct value *root, struct diag_list *diags)
{
	struct priority p = { .preemption = "PreemptLowerPriority" };
	struct value *spec = value_set_map(a, root, "spec");
	const struct value *own = value_get(spec, "priority"), *policy = value_get(spec, "preemptionPolicy");
	int r = find_priority(reg, spec, root, &p, diags);
	char computed[32];

	(void)snprintf(computed, sizeof(computed), "%lld", (long long)p.value);
	if (r == 0 && !value_is_null(own) && value_int(own, p.value + 1) != p.value)
		r = refuse_own(spec, "priority", "the integer value of priority", computed, diags);
	if (r == 0 && !value_is_null(policy) && strcmp(value_str_or(policy, ""), p.preemption) != 0)
		r = refuse_own(spec, "preemptionPolicy", "the string value of PreemptionPolicy", p.preemption, diags);
	if (r == 0) {
		if (p.class)
			(void)value_set_str(a, spec, "priorityClassName", p.class);
		(void)value_set_int(a, spec, "priority", p.value);
		(void)value_set_str(a, spec, "preemptionPolicy", p.preemption);
	}
	object_unref(p.from);
	return r;
}

static int apply_ranges(struct registry *reg, const struct schema_kind *kind, const char *ns, struct arena *a,
			struct value *root, struct diag_list *diags)
{
	const struct schema_kind *ranges = schema_kind_by_plural("limitranges");
	bool pod = strcmp(kind->plural, "pods") == 0;
	_cleanup_object_list_ struct object_list list = OBJECT_LIST_INIT;
	_cleanup_buf_ struct buf why = BUF_INIT;
	int r = ranges ? cache_list(reg->cache, ranges, ns, &list) : 0;

	for (size_t i = 0; r == 0 && pod && i < list.n; i++)
		limit_range_default(object_root(list.items[i]), a, root);
	for (size_t i = 0; r == 0 && i < list.n; i++)
		limit_range_check(object_root(list.items[i]), kind, root, &why);
	if (why.len) {
		diag_add(diags, DIAG_ERROR, -EINVAL, value_mark(root), "", "%s \"%s\" is forbidden: %s", kind->plural,
			 value_str_or(value_path(root, "metadata", "name"), ""), buf_str(&why));
		r = -EINVAL;
	}
	return r;
}

/* A claim that does not say of which class it is gets the default one, if there is one: K8S:plugin/pkg/admission/storage. */
static int set_class(struct registry *reg, struct arena *a, struct value *root)
{
	struct value *spec = value_set_map(a, root, "spec");
	_cleanup_object_list_ struct object_list list = OBJECT_LIST_INIT;
	const struct object *class;
	int r;

	if (value_get(spec, "storageClassName") ||
	    value_path(root, "metadata", "annotations", "volume.beta.kubernetes.io/storage-class"))
		return 0;
	r = cache_list(reg->cache, schema_kind_by_plural("storageclasses"), NULL, &list);
	class = r == 0 ? pv_default_class(&list) : NULL;
	if (class)
		(void)value_set_str(a, spec, "storageClassName", object_name(class));
	return r;
}

/* The account "default" where the pod names none, and what the account says of pulls where the pod says nothing:
 * K8S:plugin/pkg/admission/serviceaccount. Its files are the node's to add (node/service_account.h). */
static void set_account(struct registry *reg, const char *ns, struct arena *a, struct value *root)
{
	struct value *spec = value_get(root, "spec");
	_cleanup_object_ struct object *account = NULL;
	const struct value *secrets;

	if (!value_len(value_get(spec, "serviceAccountName"))) {
		(void)value_set_str(a, spec, "serviceAccountName", "default");
		(void)value_set_str(a, spec, "serviceAccount", "default"); /* its old name, which Kubernetes keeps in step */
	}
	if (value_len(value_get(spec, "imagePullSecrets")))
		return;
	account = cache_get(reg->cache, schema_kind_by_plural("serviceaccounts"), ns,
			    value_str_or(value_get(spec, "serviceAccountName"), ""));
	secrets = object_path(account, "imagePullSecrets");
	if (value_len(secrets))
		(void)value_set(a, spec, "imagePullSecrets", value_copy(a, secrets));
}

int admission_complete(struct registry *reg, const struct schema_kind *kind, const char *ns, struct arena *a,
		       struct value *root, struct diag_list *diags)
{
	bool pod = strcmp(kind->plural, "pods") == 0;
	int r = 0;

	if (!pod && strcmp(kind->plural, "persistentvolumeclaims") != 0)
		return 0;
	r = apply_ranges(reg, kind, ns, a, root, diags);
	if (r == 0 && !pod)
		r = set_class(reg, a, root);
	if (r < 0 || !pod)
		return r < 0 ? r : arena_failed(a) ? -ENOMEM : 0;
	r = set_priority(reg, a, root, diags);
	if (r == 0)
		set_account(reg, ns, a, root);
	return r < 0 ? r : arena_failed(a) ? -ENOMEM : 0;
}
