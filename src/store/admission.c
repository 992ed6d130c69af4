/* SPDX-License-Identifier: Apache-2.0 */
#include "store/admission.h"

#include <string.h>

#include "schema/baseline.h"
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

int admission_check_user(struct registry *reg, const struct writer *who, const struct schema_kind *kind, const char *ns,
			 const struct value *old, const struct value *root, struct diag_list *diags)
{
	_cleanup_object_ struct object *o = NULL;
	int r;

	if (who->uid == 0 || strcmp(who->agent, "mount") != 0)
		return 0;
	if (!kind->namespaced) {
		diag_add(diags, DIAG_ERROR, -EPERM, value_mark(root), "",
			 "Forbidden: only root may write %s, which are in no namespace", kind->plural);
		return -EPERM;
	}
	r = schema_check_root_only(old, root, diags);
	o = cache_get(reg->cache, schema_kind_by_plural("namespaces"), NULL, ns);
	if (r == 0)
		r = check_security(o, root, diags);
	return r;
}
