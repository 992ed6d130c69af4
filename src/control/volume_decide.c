/* SPDX-License-Identifier: Apache-2.0 */
#include "control/volume_decide.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"

static const char *phase_of(const struct object *o)
{
	return value_str_or(object_path(o, "status", "phase"), "");
}

static const char *volume_name_of(const struct object *claim)
{
	return value_str_or(object_path(claim, "spec", "volumeName"), "");
}

static const struct object *find(const struct object_list *list, const char *name)
{
	for (size_t i = 0; i < list->n; i++)
		if (!strcmp(object_name(list->items[i]), name))
			return list->items[i];
	return NULL;
}

/* --- claims --- */

/* A pod that is on no node yet holds no claim: it will not be started with one that is being deleted.
 * K8S:pkg/controller/volume/pvcprotection, podUsesPVC. */
static bool is_used(const struct claim_view *v)
{
	for (size_t i = 0; i < v->pods->n; i++)
		if (value_len(object_path(v->pods->items[i], "spec", "nodeName")) && pv_pod_uses(v->pods->items[i], v->claim))
			return true;
	return false;
}

static int mark(struct claim_plan *p, const char *phase, enum event_type type, const char *reason, const char *message)
{
	p->action = CLAIM_MARK;
	p->value = phase;
	p->note = (struct volume_note){ type, reason, message };
	return message || !reason ? 0 : -ENOMEM;
}

static int lose(const struct claim_view *v, struct claim_plan *p, const char *reason, const char *message)
{
	if (!strcmp(phase_of(v->claim), "Lost"))
		return 0;
	return mark(p, "Lost", EVENT_WARNING, reason, message);
}

static int bind(struct claim_plan *p, const struct object *volume)
{
	p->action = CLAIM_BIND;
	p->volume = volume;
	return 0;
}

static int plan_bound(const struct claim_view *v, struct claim_plan *p)
{
	const struct object *volume = find(v->volumes, volume_name_of(v->claim));
	const char *uid = value_str(object_path(volume, "spec", "claimRef", "uid"));

	if (!*volume_name_of(v->claim))
		return lose(v, p, "ClaimLost", "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!");
	if (!volume)
		return lose(v, p, "ClaimLost", "Bound claim has lost its PersistentVolume. Data on the volume is lost!");
	if (!object_path(volume, "spec", "claimRef") || (uid && !strcmp(uid, object_uid(v->claim))))
		return bind(p, volume);
	return lose(v, p, "ClaimMisbound", "Two claims are bound to the same volume, this one is bound incorrectly");
}

/* The claim names its volume. */
static int plan_named(const struct claim_view *v, struct arena *a, struct claim_plan *p)
{
	const struct object *volume = find(v->volumes, volume_name_of(v->claim));
	const char *why = volume ? pv_mismatch(volume, v->claim) : NULL;

	if (!volume)
		return mark(p, "Pending", EVENT_NORMAL, NULL, NULL);
	if (pv_is_for(volume, v->claim) || (!why && pv_is_retained_for(volume, v->claim)))
		return bind(p, volume);
	if (object_path(volume, "spec", "claimRef"))
		return mark(p, "Pending", EVENT_WARNING, "FailedBinding",
			    arena_printf(a, "volume \"%s\" already bound to a different claim.", object_name(volume)));
	if (why)
		return mark(p, "Pending", EVENT_WARNING, "VolumeMismatch",
			    arena_printf(a, "Cannot bind to requested volume \"%s\": %s", object_name(volume), why));
	return bind(p, volume);
}

/* The pods that wait to be scheduled with the claim, as one text. */
static const char *waiting_pods(const struct claim_view *v, struct arena *a)
{
	_cleanup_buf_ struct buf names = BUF_INIT;
	size_t n = 0;

	for (size_t i = 0; i < v->pods->n; i++) {
		const struct object *pod = v->pods->items[i];

		if (!value_len(object_path(pod, "spec", "nodeName")) && !object_is_deleting(pod) && pv_pod_uses(pod, v->claim))
			buf_printf(&names, "%s%s", n++ ? "," : "", object_name(pod));
	}
	if (!n)
		return "waiting for first consumer to be created before binding";
	return buf_failed(&names) ? NULL : arena_printf(a, "waiting for pod%s %s to be scheduled", n > 1 ? "s" : "", buf_str(&names));
}

static int plan_delayed(const struct claim_view *v, struct arena *a, struct claim_plan *p)
{
	const char *text = waiting_pods(v, a);
	bool none = text && !strncmp(text, "waiting for first", 17);

	return mark(p, "Pending", EVENT_NORMAL, none ? "WaitForFirstConsumer" : "WaitForPodScheduled", text);
}

static bool is_usable(const struct object *node)
{
	const struct value *c = value_find(object_path(node, "status", "conditions"), "type", "Ready");

	return !strcmp(value_str_or(value_get(c, "status"), ""), "True") &&
	       !value_bool(object_path(node, "spec", "unschedulable"), false);
}

/* Where a volume is made that need not wait for a pod: on the first node that takes pods. */
static const char *any_node(const struct object_list *nodes)
{
	for (size_t i = 0; i < nodes->n; i++)
		if (is_usable(nodes->items[i]))
			return object_name(nodes->items[i]);
	return NULL;
}

static int plan_provision(const struct claim_view *v, const struct object *class, struct arena *a, struct claim_plan *p)
{
	const char *provisioner = value_str_or(object_path(class, "provisioner"), "");
	const char *asked = pv_annotation(v->claim, PV_STORAGE_PROVISIONER), *node = pv_annotation(v->claim, PV_SELECTED_NODE);
	bool ours = !strcmp(provisioner, PV_PROVISIONER);

	if (!class)
		return mark(p, "Pending", EVENT_WARNING, "ProvisioningFailed",
			    arena_printf(a, "storageclass.storage.k8s.io \"%s\" not found", pv_class(v->claim)));
	if (!strncmp(provisioner, "kubernetes.io/", 14))
		return mark(p, "Pending", EVENT_WARNING, "ProvisioningFailed",
			    arena_printf(a, "no volume plugin matched name: %s", provisioner));
	if (ours && node && !find(v->nodes, node)) {
		p->action = CLAIM_UNSELECT;
		return 0;
	}
	p->node = ours && !node ? any_node(v->nodes) : NULL;
	if (!asked || strcmp(asked, provisioner) != 0 || p->node) {
		p->action = CLAIM_PROVISION;
		p->value = provisioner;
		return 0;
	}
	if (ours)
		return mark(p, "Pending", EVENT_NORMAL, NULL, NULL);
	return mark(p, "Pending", EVENT_NORMAL, "ExternalProvisioning",
		    arena_printf(a, "Waiting for a volume to be created either by the external provisioner '%s' or manually by "
				    "the system administrator. If volume creation is delayed, please verify that the provisioner "
				    "is running and correctly registered.", provisioner));
}

/* The volume that was kept when the claim of that name went with its declaration. */
static const struct object *find_retained(const struct claim_view *v)
{
	for (size_t i = 0; i < v->volumes->n; i++)
		if (pv_is_retained_for(v->volumes->items[i], v->claim) && !pv_mismatch(v->volumes->items[i], v->claim))
			return v->volumes->items[i];
	return NULL;
}

static int plan_unbound(const struct claim_view *v, struct arena *a, struct claim_plan *p)
{
	const struct object *class = find(v->classes, pv_class(v->claim)), *volume = find_retained(v);
	bool delay = class && !strcmp(value_str_or(object_path(class, "volumeBindingMode"), ""), "WaitForFirstConsumer");

	if (!volume)
		volume = pv_best(v->claim, v->volumes, NULL, NULL, delay);
	if (volume)
		return bind(p, volume);
	if (pv_lacks_class(v->claim) && pv_default_class(v->classes)) {
		p->action = CLAIM_SET_CLASS;
		p->value = object_name(pv_default_class(v->classes));
		return 0;
	}
	if (delay && !pv_annotation(v->claim, PV_SELECTED_NODE))
		return plan_delayed(v, a, p);
	if (*pv_class(v->claim))
		return plan_provision(v, class, a, p);
	return mark(p, "Pending", EVENT_NORMAL, "FailedBinding",
		    "no persistent volumes available for this claim and no storage class is set");
}

int claim_plan(const struct claim_view *v, struct arena *a, struct claim_plan *ret)
{
	*ret = (struct claim_plan){ 0 };
	if (object_is_deleting(v->claim)) {
		if (pv_has_finalizer(v->claim, PV_CLAIM_PROTECTION) && !is_used(v))
			ret->action = CLAIM_UNPROTECT;
		return 0;
	}
	if (!pv_has_finalizer(v->claim, PV_CLAIM_PROTECTION)) {
		ret->action = CLAIM_PROTECT;
		return 0;
	}
	if (pv_annotation(v->claim, PV_BIND_COMPLETED))
		return plan_bound(v, ret);
	return *volume_name_of(v->claim) ? plan_named(v, a, ret) : plan_unbound(v, a, ret);
}

/* --- volumes --- */

static void mark_volume(const struct volume_view *v, struct volume_plan *p, const char *phase)
{
	if (!strcmp(phase_of(v->volume), phase))
		return;
	p->action = VOLUME_MARK;
	p->phase = phase;
}

static void fail(struct volume_plan *p, const char *reason, const char *message)
{
	p->action = VOLUME_MARK;
	p->phase = "Failed";
	p->message = message;
	p->note = (struct volume_note){ EVENT_WARNING, reason, message };
}

/* A volume whose claim went with its declaration; false where it did not. */
static bool keep(const struct volume_view *v, struct volume_plan *p)
{
	const char *until = pv_annotation(v->volume, PV_RETAINED_UNTIL);
	int64_t end;

	if (!until)
		return false;
	if (clock_parse_rfc3339(until, &end) < 0)
		p->action = VOLUME_KEEP;
	else if (end > v->now)
		p->wait = end - v->now;
	else
		p->action = VOLUME_EXPIRE;
	return true;
}

/* A volume that nobody has any more. What a provisioner made, that provisioner removes. */
static void reclaim(const struct volume_view *v, struct volume_plan *p)
{
	const char *policy = value_str_or(object_path(v->volume, "spec", "persistentVolumeReclaimPolicy"), "Retain");
	const char *phase = phase_of(v->volume);

	if (strcmp(phase, "Released") != 0 && strcmp(phase, "Failed") != 0) {
		mark_volume(v, p, "Released");
		return;
	}
	if (keep(v, p) || !strcmp(phase, "Failed"))
		return;
	if (!strcmp(policy, "Delete") && !pv_annotation(v->volume, PV_PROVISIONED_BY))
		fail(p, "VolumeFailedDelete", "error getting deleter volume plugin: no deletable volume plugin matched");
	else if (!strcmp(policy, "Recycle"))
		fail(p, "VolumeFailedRecycle", "No recycler plugin found for the volume!");
}

/* The claim that it was bound to has another one by now. */
static void let_go(const struct volume_view *v, struct volume_plan *p)
{
	const char *policy = value_str_or(object_path(v->volume, "spec", "persistentVolumeReclaimPolicy"), "Retain");

	if (pv_annotation(v->volume, PV_PROVISIONED_BY) && !strcmp(policy, "Delete"))
		reclaim(v, p);
	else
		p->action = pv_annotation(v->volume, PV_BOUND_BY_CONTROLLER) ? VOLUME_UNBIND : VOLUME_UNBIND_UID;
}

static void note_mode(const struct volume_view *v, struct volume_plan *p)
{
	const char *why = pv_mismatch(v->volume, v->claim);

	if (why && !strcmp(why, "incompatible volumeMode"))
		p->note = (struct volume_note){ EVENT_WARNING, "VolumeMismatch",
						"Cannot bind PersistentVolume to requested PersistentVolumeClaim due to "
						"incompatible volumeMode." };
	else
		p->claim = true;
}

void volume_plan(const struct volume_view *v, struct volume_plan *ret)
{
	const struct value *ref = object_path(v->volume, "spec", "claimRef");
	const char *uid = value_str_or(value_get(ref, "uid"), "");

	*ret = (struct volume_plan){ 0 };
	if (object_is_deleting(v->volume) && pv_has_finalizer(v->volume, PV_PROTECTION) &&
	    strcmp(phase_of(v->volume), "Bound") != 0) {
		ret->action = VOLUME_UNPROTECT;
		return;
	}
	if (!object_is_deleting(v->volume) && !pv_has_finalizer(v->volume, PV_PROTECTION)) {
		ret->action = VOLUME_PROTECT;
		return;
	}
	if (!ref || !*uid) {
		mark_volume(v, ret, "Available");
		ret->claim = ref;
	} else if (!v->claim || strcmp(object_uid(v->claim), uid) != 0) {
		reclaim(v, ret);
		ret->claim = v->claim && pv_is_retained_for(v->volume, v->claim);
	} else if (!*volume_name_of(v->claim)) {
		note_mode(v, ret);
	} else if (!strcmp(volume_name_of(v->claim), object_name(v->volume))) {
		mark_volume(v, ret, "Bound");
		ret->claim = !pv_claim_is_bound(v->claim);
	} else {
		let_go(v, ret);
	}
}
