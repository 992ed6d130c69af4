/* SPDX-License-Identifier: Apache-2.0 */
/* Which claim gets which volume, and what becomes of both: pure decisions, as tables. The cases are those of
 * K8S:pkg/controller/volume/persistentvolume, binder_test.go and its kin, as data of our own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "control/scheduler_volumes.h"
#include "control/volume_decide.h"
#include "objects.h"

enum { LIST_MAX = 4 };

#define KEPT "finalizers: [kubernetes.io/pvc-protection], "
#define ASK "accessModes: [ReadWriteOnce], resources: {requests: {storage: 5Gi}}"
#define HAS(size) "capacity: {storage: " size "}, accessModes: [ReadWriteOnce]"
#define FREE "Available"
#define OURS "claimRef: {name: c, namespace: ns, uid: u1}"
#define DELETED "deletionTimestamp: '2026-01-01T00:00:00Z', "
#define LATE "provisioner: podfs.io/local, volumeBindingMode: WaitForFirstConsumer"
#define DEFAULT "metadata: {name: k, annotations: {storageclass.kubernetes.io/is-default-class: 'true'}}, provisioner: p"
#define BOUND "annotations: {pv.kubernetes.io/bind-completed: 'yes'}, " KEPT

struct volume {
	const char *meta, *spec, *phase;
};

static void add_volumes(struct object_list *l, const struct volume *v)
{
	for (size_t i = 0; i < LIST_MAX && v[i].spec; i++)
		test_add(l, "{apiVersion: v1, kind: PersistentVolume, metadata: {name: v%zu, uid: v%zu, %s}, spec: {%s}, "
			    "status: {phase: %s}}", i, i, v[i].meta, v[i].spec, v[i].phase);
}

static const char *const action_names[] = {
	[CLAIM_NOTHING] = "nothing",	 [CLAIM_PROTECT] = "protect", [CLAIM_UNPROTECT] = "unprotect", [CLAIM_BIND] = "bind",
	[CLAIM_MARK] = "mark",		 [CLAIM_SET_CLASS] = "class", [CLAIM_PROVISION] = "provision", [CLAIM_UNSELECT] = "unselect",
};

static const struct {
	const char *name, *meta, *spec;
	struct volume volumes[LIST_MAX];
	const char *class; /* of the name "k"; NULL: there is none */
	const char *pod;   /* its spec; NULL: there is none */
	const char *want;  /* the action, and the volume or the value; then the event's reason */
} claim_cases[] = {
	{ "unprotected", "", ASK, { { "", HAS("5Gi"), FREE } }, NULL, NULL, "protect - -" },
	{ "exact", KEPT, ASK, { { "", HAS("5Gi"), FREE } }, NULL, NULL, "bind v0 -" },
	{ "the smallest that fits", KEPT, ASK, { { "", HAS("9Gi"), FREE }, { "", HAS("1Gi"), FREE }, { "",
	  HAS("6Gi"), FREE } },
	  NULL, NULL, "bind v2 -" },
	{ "none is large enough", KEPT, ASK, { { "", HAS("4Gi"), FREE } }, NULL, NULL,
	  "mark Pending FailedBinding" },
	{ "none is Available", KEPT, ASK, { { "", HAS("5Gi"), "Released" }, { "", HAS("5Gi"), "Pending" } },
	  NULL, NULL,
	  "mark Pending FailedBinding" },
	{ "kept for it", KEPT, ASK, { { "", HAS("5Gi"), FREE }, { "",
	  HAS("9Gi") ", claimRef: {name: c, namespace: ns}", FREE } },
	  NULL, NULL, "bind v1 -" },
	{ "kept for it, too small", KEPT, ASK, { { "", HAS("1Gi") ", claimRef: {name: c, namespace: ns}",
	  FREE } }, NULL, NULL,
	  "mark Pending FailedBinding" },
	{ "kept for another", KEPT, ASK, { { "", HAS("5Gi") ", claimRef: {name: d, namespace: ns}",
	  FREE } }, NULL, NULL,
	  "mark Pending FailedBinding" },
	{ "kept for an earlier one of its name", KEPT, ASK, { { "",
	  HAS("5Gi") ", claimRef: {name: c, namespace: ns, uid: u0}", "Released" } },
	  NULL, NULL, "mark Pending FailedBinding" },
	{ "which went with its declaration", KEPT, ASK,
	  { { "annotations: {podfs.io/retained-until: '2026-01-02T00:00:00Z'}",
	  HAS("5Gi") ", claimRef: {name: c, namespace: ns, uid: u0}", "Released" },
	    { "", HAS("5Gi"), FREE } }, NULL, NULL, "bind v0 -" },
	{ "another user's", KEPT, ASK,
	  { { "annotations: {podfs.io/retained-until: '2026-01-02T00:00:00Z', podfs.io/retained-writer: '7'}",
	      HAS("5Gi") ", claimRef: {name: c, namespace: ns, uid: u0}", "Released" } },
	  NULL, NULL, "mark Pending FailedBinding" },
	{ "access mode", KEPT, "accessModes: [ReadWriteMany], resources: {requests: {storage: 5Gi}}",
	  { { "", HAS("5Gi"), FREE } },
	  NULL, NULL, "mark Pending FailedBinding" },
	{ "fewer access modes first", KEPT, ASK,
	  { { "", "capacity: {storage: 5Gi}, accessModes: [ReadWriteOnce, ReadOnlyMany]", FREE }, { "",
	  HAS("6Gi"), FREE } },
	  NULL, NULL, "bind v1 -" },
	{ "mode", KEPT, ASK ", volumeMode: Block", { { "", HAS("5Gi"), FREE }, { "",
	  HAS("5Gi") ", volumeMode: Block", FREE } }, NULL, NULL,
	  "bind v1 -" },
	{ "selector", KEPT, ASK ", selector: {matchLabels: {disk: ssd}}",
	  { { "", HAS("5Gi"), FREE }, { "labels: {disk: ssd}", HAS("9Gi"), FREE } }, NULL, NULL,
	  "bind v1 -" },
	{ "class", KEPT, ASK ", storageClassName: k", { { "", HAS("5Gi"), FREE }, { "",
	  HAS("9Gi") ", storageClassName: k", FREE } },
	  "provisioner: podfs.io/local", NULL, "bind v1 -" },
	{ "being deleted", KEPT, ASK, { { DELETED, HAS("5Gi"), FREE } }, NULL, NULL,
	  "mark Pending FailedBinding" },
	{ "no such class", KEPT, ASK ", storageClassName: j", { { 0 } }, NULL, NULL,
	  "mark Pending ProvisioningFailed" },
	{ "the default class", KEPT, ASK, { { 0 } },
	  DEFAULT, NULL, "class k -" },
	{ "which is not wanted", KEPT, ASK ", storageClassName: ''", { { 0 } },
	  DEFAULT, NULL,
	  "mark Pending FailedBinding" },
	{ "waits for a pod", KEPT, ASK ", storageClassName: k", { { "", HAS("5Gi") ", storageClassName: k",
	  FREE } },
	  LATE, NULL, "mark Pending WaitForFirstConsumer" },
	{ "waits for a pod's node", KEPT, ASK ", storageClassName: k", { { 0 } },
	  LATE, "", "mark Pending WaitForPodScheduled" },
	{ "the node is known", "annotations: {volume.kubernetes.io/selected-node: n1}, " KEPT,
	  ASK ", storageClassName: k", { { 0 } },
	  LATE, "", "provision podfs.io/local -" },
	{ "the node is gone", "annotations: {volume.kubernetes.io/selected-node: m1}, " KEPT,
	  ASK ", storageClassName: k", { { 0 } },
	  LATE, "", "unselect - -" },
	{ "need not wait", KEPT, ASK ", storageClassName: k", { { 0 } },
	  "provisioner: podfs.io/local, volumeBindingMode: Immediate", NULL,
	  "provision podfs.io/local -" },
	{ "somebody else's", "annotations: {volume.kubernetes.io/storage-provisioner: p}, " KEPT,
	  ASK ", storageClassName: k", { { 0 } },
	  "provisioner: p", NULL, "mark Pending ExternalProvisioning" },
	{ "nobody's", KEPT, ASK ", storageClassName: k", { { 0 } },
	  "provisioner: kubernetes.io/no-provisioner", NULL,
	  "mark Pending ProvisioningFailed" },
	{ "named", KEPT, ASK ", volumeName: v1", { { "", HAS("5Gi"), FREE }, { "", HAS("9Gi"), FREE } },
	  NULL, NULL, "bind v1 -" },
	{ "named, not there", KEPT, ASK ", volumeName: v7", { { "", HAS("5Gi"), FREE } }, NULL, NULL,
	  "mark Pending -" },
	{ "named, too small", KEPT, ASK ", volumeName: v0", { { "", HAS("1Gi"), FREE } }, NULL, NULL,
	  "mark Pending VolumeMismatch" },
	{ "named, another's", KEPT, ASK ", volumeName: v0", { { "",
	  HAS("5Gi") ", claimRef: {name: d, namespace: ns, uid: u2}", "Bound" } },
	  NULL, NULL, "mark Pending FailedBinding" },
	{ "bound", BOUND, ASK ", volumeName: v0", { { "", HAS("5Gi") ", " OURS, "Bound" } }, NULL, NULL,
	  "bind v0 -" },
	{ "bound, to nothing", BOUND, ASK, { { 0 } }, NULL, NULL, "mark Lost ClaimLost" },
	{ "bound, the volume is gone", BOUND, ASK ", volumeName: v0", { { 0 } }, NULL, NULL,
	  "mark Lost ClaimLost" },
	{ "bound, by its own word", BOUND, ASK ", volumeName: v0", { { "",
	  HAS("5Gi") ", claimRef: {name: d, namespace: ns, uid: u2}", "Bound" } },
	  NULL, NULL, "mark Lost ClaimMisbound" },
	{ "bound, kept for its name only", BOUND, ASK ", volumeName: v0", { { "",
	  HAS("5Gi") ", claimRef: {name: c, namespace: ns}", FREE } },
	  NULL, NULL, "mark Lost ClaimMisbound" },
	{ "deleted, unused", DELETED KEPT, ASK, { { 0 } }, NULL, NULL, "unprotect - -" },
	{ "deleted, a pod waits", DELETED KEPT, ASK, { { 0 } }, NULL, "", "unprotect - -" },
	{ "deleted, a pod has it", DELETED KEPT, ASK, { { 0 } }, NULL, "nodeName: n1, ", "nothing - -" },
};

static void claims_get_volumes(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(claim_cases); i++) {
		_cleanup_object_list_ struct object_list volumes = OBJECT_LIST_INIT, classes = OBJECT_LIST_INIT,
							 nodes = OBJECT_LIST_INIT, pods = OBJECT_LIST_INIT;
		_cleanup_object_ struct object *claim =
			test_object("{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: c, namespace: ns, uid: u1, %s}, "
				    "spec: {%s}}", claim_cases[i].meta, claim_cases[i].spec);
		const struct claim_view view = { claim, &volumes, &classes, &nodes, &pods };
		_cleanup_arena_ struct arena *a = arena_new(0);
		struct claim_plan plan;
		char got[256];

		add_volumes(&volumes, claim_cases[i].volumes);
		if (claim_cases[i].class)
			test_add(&classes, "{apiVersion: storage.k8s.io/v1, kind: StorageClass, %s%s}",
				 strstr(claim_cases[i].class, "metadata") ? "" : "metadata: {name: k}, ", claim_cases[i].class);
		if (claim_cases[i].pod)
			test_add(&pods, "{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: ns}, spec: {%s"
					"volumes: [{name: x, persistentVolumeClaim: {claimName: c}}]}}",
		  claim_cases[i].pod);
		test_add(&nodes, "{apiVersion: v1, kind: Node, metadata: {name: n1}, status: {conditions: [{type: Ready, status: 'True'}]}}");
		assert_int_equal(claim_plan(&view, a, &plan), 0);
		(void)snprintf(got, sizeof(got), "%s %s %s", action_names[plan.action],
			       plan.volume ? object_name(plan.volume) : plan.value ? plan.value : "-",
			       plan.note.reason ? plan.note.reason : "-");
		if (strcmp(got, claim_cases[i].want) != 0)
			fail_msg("%s: %s", claim_cases[i].name, got);
	}
}

static const char *const volume_actions[] = {
	[VOLUME_NOTHING] = "nothing", [VOLUME_PROTECT] = "protect", [VOLUME_UNPROTECT] = "unprotect", [VOLUME_MARK] = "mark",
	[VOLUME_UNBIND] = "unbind", [VOLUME_UNBIND_UID] = "unbind-uid", [VOLUME_EXPIRE] = "expire",
	[VOLUME_KEEP] = "keep",
};

#define PV_KEPT "finalizers: [kubernetes.io/pv-protection], "
#define MADE "annotations: {pv.kubernetes.io/provisioned-by: podfs.io/local}, " PV_KEPT
#define UNTIL(t) "annotations: {podfs.io/retained-until: '" t "'}, " PV_KEPT

static void volumes_are_reclaimed(void **state)
{
	static const struct {
		const char *name;
		struct volume volume;
		const char *claim; /* uid, and the rest of its spec; NULL: there is none */
		const char *want;  /* the action, the phase, whether its claim is looked at, whether it waits */
	} cases[] = {
		{ "unprotected", { "", HAS("1Gi"), "Pending" }, NULL, "protect - 0 0" },
		{ "new", { PV_KEPT, HAS("1Gi"), "Pending" }, NULL, "mark Available 0 0" },
		{ "Available", { PV_KEPT, HAS("1Gi"), FREE }, NULL, "nothing - 0 0" },
		{ "for a claim by name", { PV_KEPT, HAS("1Gi") ", claimRef: {name: c, namespace: ns}", FREE }, NULL,
		  "nothing - 1 0" },
		{ "bound", { PV_KEPT, HAS("1Gi") ", " OURS, "Bound" }, "uid: u1}, spec: {volumeName: v0",
		  "nothing - 1 0" },
		{ "the claim does not know yet", { PV_KEPT, HAS("1Gi") ", " OURS, "Bound" },
		  "uid: u1}, spec: {" ASK, "nothing - 1 0" },
		{ "the claim is gone", { PV_KEPT, HAS("1Gi") ", " OURS, "Bound" }, NULL, "mark Released 0 0" },
		{ "another claim of that name", { PV_KEPT, HAS("1Gi") ", " OURS, "Bound" }, "uid: u9}, spec: {" ASK,
		  "mark Released 0 0" },
		{ "Retain", { PV_KEPT, HAS("1Gi") ", persistentVolumeReclaimPolicy: Retain, " OURS, "Released" },
		  NULL, "nothing - 0 0" },
		{ "Delete", { MADE, HAS("1Gi") ", persistentVolumeReclaimPolicy: Delete, " OURS, "Released" }, NULL,
		  "nothing - 0 0" },
		{ "Delete of what nobody made", { PV_KEPT,
		  HAS("1Gi") ", persistentVolumeReclaimPolicy: Delete, " OURS, "Released" }, NULL,
		  "mark Failed 0 0" },
		{ "Recycle", { PV_KEPT, HAS("1Gi") ", persistentVolumeReclaimPolicy: Recycle, " OURS, "Released" },
		  NULL, "mark Failed 0 0" },
		{ "Failed stays", { PV_KEPT, HAS("1Gi") ", persistentVolumeReclaimPolicy: Delete, " OURS,
		  "Failed" }, NULL, "nothing - 0 0" },
		{ "kept for a while", { UNTIL("2026-01-01T00:00:10Z"), HAS("1Gi") ", " OURS, "Released" }, NULL,
		  "nothing - 0 1" },
		{ "kept for long enough", { UNTIL("2025-12-31T23:59:59Z"), HAS("1Gi") ", " OURS, "Released" }, NULL,
		  "expire - 0 0" },
		{ "to be kept, in use", { UNTIL(PV_RETAINED), HAS("1Gi") ", " OURS, "Bound" },
		  "deletionTimestamp: '2025-01-01T00:00:00Z', uid: u1}, spec: {volumeName: v0", "nothing - 1 0" },
		{ "to be kept, a moment ago in use", { UNTIL("2025-12-30T00:00:00Z"), HAS("1Gi") ", " OURS, "Bound" }, NULL,
		  "mark Released 0 0" },
		{ "to be kept from now on", { UNTIL(PV_RETAINED), HAS("1Gi") ", " OURS, "Released" }, NULL, "keep - 0 0" },
		{ "its claim returns", { UNTIL("2026-01-01T00:00:10Z"), HAS("9Gi") ", " OURS, "Released" },
		  "uid: u9}, spec: {" ASK,
		  "nothing - 1 1" },
		{ "the claim has another, by us",
		  { "annotations: {pv.kubernetes.io/bound-by-controller: 'yes'}, " PV_KEPT, HAS("1Gi") ", " OURS,
		  "Bound" },
		  "uid: u1}, spec: {volumeName: v9", "unbind - 0 0" },
		{ "the claim has another, by hand", { PV_KEPT, HAS("1Gi") ", " OURS, "Bound" },
		  "uid: u1}, spec: {volumeName: v9",
		  "unbind-uid - 0 0" },
		{ "the claim has another, made for it", { MADE,
		  HAS("1Gi") ", persistentVolumeReclaimPolicy: Delete, " OURS, "Bound" },
		  "uid: u1}, spec: {volumeName: v9", "mark Released 0 0" },
		{ "deleted", { DELETED PV_KEPT, HAS("1Gi"), FREE }, NULL, "unprotect - 0 0" },
		{ "deleted, in use", { DELETED PV_KEPT, HAS("1Gi") ", " OURS, "Bound" },
		  "uid: u1}, spec: {volumeName: v0", "nothing - 1 0" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_object_list_ struct object_list list = OBJECT_LIST_INIT;
		const struct volume one[LIST_MAX] = { cases[i].volume };
		_cleanup_object_ struct object *claim = NULL;
		struct volume_view view = { .now = test_time(0) };
		struct volume_plan plan;
		char got[128];

		add_volumes(&list, one);
		if (cases[i].claim)
			claim = test_object("{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: c, namespace: ns, %s}}",
					    cases[i].claim);
		view.volume = list.items[0];
		view.claim = claim;
		volume_plan(&view, &plan);
		(void)snprintf(got, sizeof(got), "%s %s %d %d", volume_actions[plan.action],
		  plan.phase ? plan.phase : "-", plan.claim,
			       plan.wait > 0);
		if (strcmp(got, cases[i].want) != 0)
			fail_msg("%s: %s", cases[i].name, got);
	}
}

#define ON(node) "nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: host, operator: In, values: [" node "]}]}]}}"

static void pods_go_where_their_volumes_are(void **state)
{
	static const struct {
		const char *name, *claim; /* rest of metadata, spec and status; NULL: there is none */
		struct volume volumes[LIST_MAX];
		const char *provisioner;
		const char *other; /* the rest of another pod with the claim; NULL: there is none */
		const char *want;  /* the message, or why not on node n1; "" : it can run there */
	} cases[] = {
		{ "no claim", NULL, { { 0 } }, "p", NULL, "persistentvolumeclaim \"c\" not found" },
		{ "being deleted", "deletionTimestamp: '2026-01-01T00:00:00Z'}, spec: {" ASK "}", { { 0 } }, "p",
		  NULL,
		  "persistentvolumeclaim \"c\" is being deleted" },
		{ "lost", "}, spec: {" ASK ", volumeName: v9}, status: {phase: Lost}", { { 0 } }, "p", NULL,
		  "persistentvolumeclaim \"c\" bound to non-existent persistentvolume \"v9\"" },
		{ "no class", "}, spec: {" ASK "}", { { 0 } }, "p", NULL,
		  "pod has unbound immediate PersistentVolumeClaims" },
		{ "can be made", "}, spec: {" ASK ", storageClassName: k}", { { 0 } }, "p", NULL, "" },
		{ "can be made elsewhere",
		  "annotations: {volume.kubernetes.io/selected-node: m1}}, spec: {" ASK ", storageClassName: k}",
		  { { 0 } }, "p", NULL, "node(s) didn't find available persistent volumes to bind" },
		{ "cannot be made", "}, spec: {" ASK ", storageClassName: k}", { { 0 } },
		  "kubernetes.io/no-provisioner", NULL,
		  "node(s) didn't find available persistent volumes to bind" },
		{ "there is one elsewhere", "}, spec: {" ASK ", storageClassName: k}", { { "",
		  HAS("5Gi") ", storageClassName: k, " ON("m1"), FREE } },
		  "kubernetes.io/no-provisioner", NULL, "node(s) didn't find available persistent volumes to bind" },
		{ "there is one", "}, spec: {" ASK ", storageClassName: k}", { { "",
		  HAS("5Gi") ", storageClassName: k, " ON("n1"), FREE } },
		  "kubernetes.io/no-provisioner", NULL, "" },
		{ "bound", BOUND "}, spec: {" ASK ", volumeName: v0}", { { "", HAS("5Gi") ", " ON("n1"),
		  "Bound" } }, "p", NULL, "" },
		{ "bound elsewhere", BOUND "}, spec: {" ASK ", volumeName: v0}", { { "", HAS("5Gi") ", " ON("m1"),
		  "Bound" } }, "p", NULL,
		  "node(s) didn't match PersistentVolume's node affinity" },
		{ "bound to nothing", BOUND "}, spec: {" ASK ", volumeName: v9}", { { 0 } }, "p", NULL,
		  "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)" },
		{ "for one pod, another has it", BOUND "}, spec: {accessModes: [ReadWriteOncePod], volumeName: v0}",
		  { { "", HAS("5Gi"), "Bound" } },
		  "p", "phase: Running",
		  "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod" },
		{ "for one pod, another had it", BOUND "}, spec: {accessModes: [ReadWriteOncePod], volumeName: v0}",
		  { { "", HAS("5Gi"), "Bound" } },
		  "p", "phase: Succeeded", "" },
		{ "for many, another has it", BOUND "}, spec: {" ASK ", volumeName: v0}", { { "", HAS("5Gi"),
		  "Bound" } }, "p", "phase: Running", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_object_list_ struct object_list volumes = OBJECT_LIST_INIT, classes = OBJECT_LIST_INIT,
							 claims = OBJECT_LIST_INIT, pods = OBJECT_LIST_INIT;
		const struct sched_volumes_view view = { &claims, &pods, &volumes, &classes };
		static const char with[] = "volumes: [{name: x, persistentVolumeClaim: {claimName: c}}]";
		_cleanup_object_ struct object *pod =
			test_object("{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: ns, uid: p1}, spec: {%s}}", with);
		_cleanup_object_ struct object *node =
			test_object("{apiVersion: v1, kind: Node, metadata: {name: n1, labels: {host: n1}}}");
		_cleanup_arena_ struct arena *a = arena_new(0);
		struct sched_volumes v;
		const char *got;

		add_volumes(&volumes, cases[i].volumes);
		test_add(&classes, "{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: k}, provisioner: %s, "
				   "volumeBindingMode: WaitForFirstConsumer}", cases[i].provisioner);
		if (cases[i].claim)
			test_add(&claims, "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: c, namespace: ns, uid: u1, %s}",
				 cases[i].claim);
		if (cases[i].other)
			test_add(&pods, "{apiVersion: v1, kind: Pod, metadata: {name: q, namespace: ns, uid: p2}, spec: {nodeName: n1, %s}, "
					"status: {%s}}", with, cases[i].other);
		assert_int_equal(sched_volumes_read(pod, &view, a, &v, &got), 0);
		if (!got)
			got = sched_volumes_filter(&v, node);
		if (strcmp(got ? got : "", cases[i].want) != 0)
			fail_msg("%s: %s", cases[i].name, got ? got : "it can run");
	}
}

static void the_newest_default_class_counts(void **state)
{
	_cleanup_object_list_ struct object_list l = OBJECT_LIST_INIT;
	static const char class[] = "{apiVersion: storage.k8s.io/v1, kind: StorageClass, provisioner: p, metadata: {name: %s, "
				    "creationTimestamp: '2026-01-0%dT00:00:00Z', annotations: {storageclass.kubernetes.io/is-default-class: '%s'}}}";

	assert_null(pv_default_class(&l));
	test_add(&l, class, "none", 9, "false");
	assert_null(pv_default_class(&l));
	test_add(&l, class, "old", 1, "true");
	test_add(&l, class, "b", 2, "true");
	test_add(&l, class, "a", 2, "true");
	assert_string_equal(object_name(pv_default_class(&l)), "a");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(claims_get_volumes),
		cmocka_unit_test(volumes_are_reclaimed),
		cmocka_unit_test(pods_go_where_their_volumes_are),
		cmocka_unit_test(the_newest_default_class_counts),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
