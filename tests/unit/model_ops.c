/* SPDX-License-Identifier: Apache-2.0 */
#include "model.h"

#include <errno.h>

#include "value/yaml.h"

static const struct writer person = { .agent = "mount" };

/* The kinds that are declared, and how many of each there are at most. */
static const struct {
	const char *plural, *prefix;
	unsigned n;
} declared[] = { { "deployments", "web", 3 }, { "replicasets", "rs", 2 }, { "statefulsets", "db", 2 },
		 { "daemonsets", "ds", 2 },   { "jobs", "job", 3 },	  { "cronjobs", "cron", 2 } };

static void tell(struct model *m, const char *what, const char *about)
{
	if (m->trace)
		printf("#   %s %s\n", what, about);
}

/* One of a list at random; NULL of an empty one. */
static struct object *any(struct model *m, const struct object_list *l)
{
	return l->n ? l->items[model_below(m, (unsigned)l->n)] : NULL;
}

static struct object *any_of(struct model *m, const char *plural)
{
	_cleanup_object_list_ struct object_list all = OBJECT_LIST_INIT;
	struct object *o;

	if (cache_list(m->cache, model_kind(plural), strcmp(plural, "nodes") ? MODEL_NAMESPACE : NULL, &all) < 0)
		return NULL;
	o = any(m, &all);
	return o ? object_ref(o) : NULL;
}

/* --- what is declared --- */

static const char *pod_spec(struct model *m, struct arena *a, const char *policy)
{
	return arena_printf(a, "{%s%scontainers: [{name: c, image: 'i:%u'}]}", policy ? "restartPolicy: " : "",
			    policy ? policy : "", model_below(m, 5));
}

static const char *int_or_percent(struct model *m, struct arena *a)
{
	return model_chance(m, 50) ? arena_printf(a, "%u", model_below(m, 4))
				   : arena_printf(a, "%u%%", model_below(m, 5) * 25);
}

static const char *deployment(struct model *m, struct arena *a, const char *name)
{
	const char *strategy = "{type: Recreate}", *surge = int_or_percent(m, a);

	if (model_chance(m, 80))
		strategy = arena_printf(a, "{rollingUpdate: {maxSurge: %s, maxUnavailable: %s}}", surge,
					!strcmp(surge, "0") || !strcmp(surge, "0%") ? "1" : int_or_percent(m, a));
	return arena_printf(a,
			    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: %s, namespace: work}\n"
			    "spec:\n  replicas: %u\n  minReadySeconds: %u\n  revisionHistoryLimit: %u\n  strategy: %s\n"
			    "  selector: {matchLabels: {app: %s}}\n"
			    "  template: {metadata: {labels: {app: %s}}, spec: %s}\n",
			    name, model_below(m, 9), model_below(m, 3) * 5, model_below(m, 4), strategy, name, name,
			    pod_spec(m, a, NULL));
}

static const char *replicaset(struct model *m, struct arena *a, const char *name)
{
	return arena_printf(a,
			    "apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: %s, namespace: work}\n"
			    "spec:\n  replicas: %u\n  selector: {matchLabels: {app: %s}}\n"
			    "  template: {metadata: {labels: {app: %s}}, spec: %s}\n",
			    name, model_below(m, 9), name, name, pod_spec(m, a, NULL));
}

static const char *statefulset(struct model *m, struct arena *a, const char *name)
{
	const char *update = model_chance(m, 20)
				     ? "{type: OnDelete}"
				     : arena_printf(a, "{rollingUpdate: {partition: %u}}", model_below(m, 3));

	return arena_printf(
		a,
		"apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: %s, namespace: work}\n"
		"spec:\n  replicas: %u\n  serviceName: %s\n  podManagementPolicy: %s\n  revisionHistoryLimit: 2\n"
		"  updateStrategy: %s\n  selector: {matchLabels: {app: %s}}\n"
		"  template: {metadata: {labels: {app: %s}}, spec: %s}\n",
		name, model_below(m, 5), name, model_chance(m, 70) ? "OrderedReady" : "Parallel", update, name, name,
		pod_spec(m, a, NULL));
}

static const char *daemonset(struct model *m, struct arena *a, const char *name)
{
	const char *update = model_chance(m, 20)   ? "{type: OnDelete}"
			     : model_chance(m, 50) ? "{rollingUpdate: {maxUnavailable: 1}}"
						   : "{rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}";
	const char *selector = model_chance(m, 50) ? "nodeSelector: {disk: ssd}, " : "";

	return arena_printf(
		a,
		"apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: %s, namespace: work}\n"
		"spec:\n  revisionHistoryLimit: 2\n  updateStrategy: %s\n  selector: {matchLabels: {app: %s}}\n"
		"  template: {metadata: {labels: {app: %s}}, spec: {%scontainers: [{name: c, image: 'i:%u'}]}}\n",
		name, update, name, name, selector, model_below(m, 5));
}

static const char *job_spec(struct model *m, struct arena *a)
{
	const char *counts =
		arena_printf(a, "parallelism: %u, completions: %u", model_below(m, 5), 1 + model_below(m, 6));
	const char *more = "", *policy = "Never";

	if (model_chance(m, 30))
		counts = arena_printf(a, "%s, completionMode: Indexed", counts);
	else if (model_chance(m, 20))
		counts = arena_printf(a, "parallelism: %u", 1 + model_below(m, 4));
	if (model_chance(m, 30))
		more = arena_printf(a, ", ttlSecondsAfterFinished: %u", model_below(m, 300));
	else if (model_chance(m, 20))
		more = arena_printf(a, ", activeDeadlineSeconds: %u", 1 + model_below(m, 200));
	if (model_chance(m, 30))
		policy = "OnFailure";
	return arena_printf(a, "{%s, backoffLimit: %u%s, template: {spec: %s}}", counts, model_below(m, 5), more,
			    pod_spec(m, a, arena_printf(a, "%s, ", policy)));
}

static const char *job(struct model *m, struct arena *a, const char *name)
{
	return arena_printf(a, "apiVersion: batch/v1\nkind: Job\nmetadata: {name: %s, namespace: work}\nspec: %s\n",
			    name, job_spec(m, a));
}

static const char *cronjob(struct model *m, struct arena *a, const char *name)
{
	static const char *const policies[] = { "Allow", "Forbid", "Forbid", "Replace" };

	return arena_printf(
		a,
		"apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: %s, namespace: work}\n"
		"spec:\n  schedule: '*/%u * * * *'\n  concurrencyPolicy: %s\n  successfulJobsHistoryLimit: %u\n"
		"  failedJobsHistoryLimit: %u\n  jobTemplate: {spec: %s}\n",
		name, 1 + model_below(m, 3), policies[model_below(m, 4)], model_below(m, 3), model_below(m, 3),
		job_spec(m, a));
}

static const char *(*const manifests[])(struct model *m, struct arena *a, const char *name) = { deployment,  replicaset,
												statefulset, daemonset,
												job,	     cronjob };

/* Takes the spec of a new manifest, but for what may not change. */
static int replace_spec(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	const struct value *spec = value_get(arg, "spec");
	static const char *const immutable[] = { "selector", "serviceName", "podManagementPolicy" };

	(void)old;
	for (size_t i = 0; i < value_len(spec); i++) {
		bool fixed = false;

		for (size_t k = 0; k < ARRAY_SIZE(immutable); k++)
			fixed |= !strcmp(value_key_at(spec, i), immutable[k]);
		if (!fixed)
			value_set(a, value_get(root, "spec"), value_key_at(spec, i), value_copy(a, value_at(spec, i)));
	}
	return 0;
}

static int edit(struct model *m, const struct object *o, registry_change_fn change, void *arg)
{
	return registry_modify(m->registry, &person, object_kind(o), object_namespace(o), object_name(o), object_uid(o),
			       TXN_ADMIT, 0, change, arg);
}

int model_create(struct model *m, const char *text)
{
	_cleanup_diag_list_ struct diag_list diags = DIAG_LIST_INIT;
	_cleanup_txn_ struct txn *t = txn_new(m->registry, &person);
	struct yaml_document *docs;
	size_t n;
	int r = yaml_read(text, strlen(text), NULL, txn_arena(t), &docs, &n, NULL, NULL);

	if (r == 0)
		r = txn_create(t, docs[0].root, TXN_ADMIT, NULL, &diags);
	if (r == 0)
		r = txn_commit(t, 0, NULL);
	if (r < 0 && r != -EAGAIN && r != -EPERM) /* it, or its namespace, is being deleted */
		model_fail(m, "%s: %s", text, diags.n ? diags.items[0].message : strerrordesc_np(-r));
	return r;
}

static bool is_there(struct model *m, const char *plural, const char *name)
{
	_cleanup_object_ struct object *o = cache_get(m->cache, model_kind(plural), NULL, name);

	return o != NULL;
}

/* Makes an object that is not there; one that is gets another spec. A Job's cannot change. */
static void apply(struct model *m)
{
	static const char namespace[] = "{apiVersion: v1, kind: Namespace, metadata: {name: " MODEL_NAMESPACE "}}";
	unsigned k = model_below(m, ARRAY_SIZE(declared));
	_cleanup_txn_ struct txn *t = txn_new(m->registry, &person);
	_cleanup_object_ struct object *there = NULL;
	struct yaml_document *docs;
	const char *text;
	char name[16];
	size_t n;

	(void)snprintf(name, sizeof(name), "%s%u", declared[k].prefix, model_below(m, declared[k].n));
	text = manifests[k](m, txn_arena(t), name);
	tell(m, "apply", name);
	if (!text || yaml_read(text, strlen(text), NULL, txn_arena(t), &docs, &n, NULL, NULL) < 0) {
		model_fail(m, "%s: cannot be read: %s", name, text ? text : "");
		return;
	}
	if (!is_there(m, "namespaces", MODEL_NAMESPACE))
		(void)model_create(m, namespace);
	there = cache_get(m->cache, model_kind(declared[k].plural), MODEL_NAMESPACE, name);
	if (!there)
		(void)model_create(m, text); /* ignoring: told there */
	else if (strcmp(declared[k].plural, "jobs") != 0)
		(void)edit(m, there, replace_spec, docs[0].root); /* ignoring: it may be refused while it is deleted */
}

/* --- small changes --- */

static int change_number(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	unsigned n = *(unsigned *)arg;
	struct value *spec = value_get(root, "spec");
	const char *plural = object_kind(old)->plural;

	if (!strcmp(plural, "jobs"))
		value_set_int(a, spec, "parallelism", n);
	else if (!strcmp(plural, "cronjobs"))
		value_set_bool(a, spec, "suspend", n % 2);
	else if (strcmp(plural, "daemonsets") != 0)
		value_set_int(a, spec, "replicas", n);
	return 0;
}

static int change_image(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	unsigned n = *(unsigned *)arg;

	(void)old;
	value_set(a, value_at(value_path(root, "spec", "template", "spec", "containers"), 0), "image",
		  value_new_strf(a, "i:%u", n));
	return 0;
}

static int flip(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	struct value *spec = value_get(root, "spec");

	(void)old;
	value_set_bool(a, spec, arg, !value_bool(value_get(spec, arg), false));
	return 0;
}

/* As podfs does a roll-back: the template of an older ReplicaSet. */
static int take_template(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	struct value *template = value_copy(a, object_path((struct object *)arg, "spec", "template"));

	(void)old;
	value_remove(value_path(template, "metadata", "labels"), "pod-template-hash");
	value_set(a, value_get(root, "spec"), "template", template);
	return 0;
}

static void roll_back(struct model *m, const struct object *d)
{
	_cleanup_object_list_ struct object_list sets = OBJECT_LIST_INIT;
	struct object *rs;

	(void)cache_list_controlled(m->cache, object_uid(d), &sets);
	rs = any(m, &sets);
	if (rs)
		(void)edit(m, d, take_template, rs);
}

static void edit_any(struct model *m)
{
	unsigned k = model_below(m, ARRAY_SIZE(declared)), n = model_below(m, 9);
	_cleanup_object_ struct object *o = any_of(m, declared[k].plural);
	const char *plural = declared[k].plural;

	if (!o || (!strcmp(plural, "replicasets") && *object_controller_uid(o)))
		return;
	tell(m, "edit", object_name(o));
	if (model_chance(m, 40) || !strcmp(plural, "cronjobs"))
		(void)edit(m, o, change_number, &n);
	else if (!strcmp(plural, "jobs"))
		(void)edit(m, o, flip, (void *)"suspend");
	else if (!strcmp(plural, "deployments") && model_chance(m, 30))
		(void)edit(m, o, flip, (void *)"paused");
	else if (!strcmp(plural, "deployments") && model_chance(m, 30))
		roll_back(m, o);
	else
		(void)edit(m, o, change_image, &n);
}

static void delete_object(struct model *m, const struct object *o)
{
	static const enum propagation policies[] = { PROPAGATE_BACKGROUND, PROPAGATE_BACKGROUND, PROPAGATE_FOREGROUND,
						     PROPAGATE_ORPHAN };
	struct delete_options opts = { .grace_seconds = -1, .propagation = policies[model_below(m, 4)] };
	_cleanup_txn_ struct txn *t = txn_new(m->registry, &person);

	if (m->trace)
		printf("#   delete %s %d\n", object_name(o), opts.propagation);
	if (txn_delete(t, o, &opts) == 0 && !txn_empty(t))
		(void)txn_commit(t, 0, NULL);
}

static void delete_namespace(struct model *m)
{
	_cleanup_object_ struct object *ns = cache_get(m->cache, model_kind("namespaces"), NULL, MODEL_NAMESPACE);

	if (ns)
		delete_object(m, ns);
}

static void delete_any(struct model *m)
{
	_cleanup_object_ struct object *o = any_of(m, declared[model_below(m, ARRAY_SIZE(declared))].plural);

	if (o)
		delete_object(m, o);
}

/* --- pods --- */

static int relabel(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	struct value *labels = value_path(root, "metadata", "labels");
	const char *app = value_str_or(value_get(labels, "app"), "");

	(void)arg;
	(void)old;
	if (!*app)
		return -ECANCELED;
	if (!strncmp(app, "not-", 4))
		value_set(a, labels, "app", value_new_str(a, app + 4));
	else
		value_set(a, labels, "app", value_new_strf(a, "not-%s", app));
	return 0;
}

static void disturb_pod(struct model *m)
{
	_cleanup_object_ struct object *pod = any_of(m, "pods");
	unsigned what = model_below(m, 10);

	if (!pod)
		return;
	if (what < 4) {
		tell(m, "restart", object_name(pod));
		fake_nodes_restart_pod(m->nodes, pod);
	} else if (what < 7) {
		delete_object(m, pod);
	} else if (what < 8) {
		tell(m, "relabel", object_name(pod));
		(void)edit(m, pod, relabel, NULL);
	} else if (value_len(object_path(pod, "spec", "nodeName"))) {
		bool fails =
			what < 9 || strcmp(value_str_or(object_path(pod, "spec", "restartPolicy"), ""), "Always") == 0;

		tell(m, fails ? "fail" : "succeed", object_name(pod));
		m->actor = "node";
		(void)fake_nodes_end_pod(m->nodes, pod, fails);
		m->actor = "mount";
	}
}

/* --- nodes --- */

static int set_unschedulable(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	static const char taint[] = "node.kubernetes.io/unschedulable";
	struct value *spec = value_set_map(a, root, "spec"), *taints = value_set_list(a, spec, "taints"), *t;
	bool cordon = *(bool *)arg;

	(void)old;
	if (cordon == value_bool(value_get(spec, "unschedulable"), false))
		return -ECANCELED;
	while (value_len(taints))
		value_remove_at(taints, 0);
	value_set_bool(a, spec, "unschedulable", cordon);
	if (cordon) {
		t = value_append(a, taints, value_new_map(a));
		value_set_str(a, t, "key", taint);
		value_set_str(a, t, "effect", "NoSchedule");
	}
	return 0;
}

static int set_node_ready(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	(void)old;
	condition_set(a, value_set_map(a, root, "status"), "Ready", *(bool *)arg ? "True" : "Unknown", "", "",
		      clock_realtime(), false);
	return 0;
}

static int set_pod_unready(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	(void)arg;
	if (strcmp(condition_status(object_path(old, "status"), "Ready"), "True") != 0)
		return -ECANCELED;
	condition_set(a, value_get(root, "status"), "Ready", "False", "NodeNotReady", "", clock_realtime(), false);
	return 0;
}

/* A node goes away: its pods are not Ready, and after a while are deleted, which it does not see. */
static void set_node(struct model *m, const char *name, bool up)
{
	_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;

	m->actor = "node";
	fake_node_set_down(m->nodes, name, !up);
	(void)registry_modify(m->registry, &person, model_kind("nodes"), NULL, name, NULL, TXN_STATUS, 0,
			      set_node_ready, &up);
	(void)cache_list(m->cache, model_kind("pods"), NULL, &pods);
	for (size_t i = 0; i < pods.n && !up; i++) {
		struct object *p = pods.items[i];

		if (strcmp(value_str_or(object_path(p, "spec", "nodeName"), ""), name) != 0)
			continue;
		(void)registry_modify(m->registry, &person, object_kind(p), object_namespace(p), object_name(p),
				      object_uid(p), TXN_STATUS, 0, set_pod_unready, NULL);
	}
	m->actor = "mount";
}

/* A node that is gone for good; its pods are removed for it, as by the pod garbage collector. */
static void remove_node(struct model *m, const char *name)
{
	static const struct delete_options now = { .grace_seconds = 0 };
	_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;
	_cleanup_object_ struct object *node = NULL;
	_cleanup_txn_ struct txn *t = txn_new(m->registry, &person);

	set_node(m, name, false);
	node = cache_get(m->cache, model_kind("nodes"), NULL, name);
	if (node && txn_delete(t, node, NULL) == 0)
		(void)txn_commit(t, 0, NULL);
	m->actor = "node";
	(void)cache_list(m->cache, model_kind("pods"), NULL, &pods);
	for (size_t i = 0; i < pods.n; i++) {
		_cleanup_txn_ struct txn *gone = txn_new(m->registry, &person);
		_cleanup_object_ struct object *live = NULL;

		if (strcmp(value_str_or(object_path(pods.items[i], "spec", "nodeName"), ""), name) != 0)
			continue;
		(void)fake_nodes_end_pod(m->nodes, pods.items[i], true);
		live = cache_get_uid(m->cache, object_uid(pods.items[i]));
		if (live && txn_delete(gone, live, &now) == 0 && !txn_empty(gone))
			(void)txn_commit(gone, 0, NULL);
	}
	m->actor = "mount";
}

static void make_nodes(struct model *m)
{
	for (unsigned i = 0; i < MODEL_NODES; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "n%u", i);
		if (!is_there(m, "nodes", name))
			(void)fake_node_create(m->registry, name, 1000, i % 2 ? "{disk: ssd}" : "{disk: hdd}");
	}
}

static void disturb_node(struct model *m)
{
	_cleanup_object_ struct object *node = any_of(m, "nodes");
	bool cordon = model_chance(m, 50);

	make_nodes(m);
	if (!node)
		return;
	if (model_chance(m, 10)) {
		tell(m, "remove node", object_name(node));
		remove_node(m, object_name(node));
	} else if (model_chance(m, 50)) {
		tell(m, cordon ? "cordon" : "uncordon", object_name(node));
		(void)edit(m, node, set_unschedulable, &cordon);
	} else {
		tell(m, cordon ? "node lost:" : "node back:", object_name(node));
		set_node(m, object_name(node), !cordon);
	}
}

static void jump(struct model *m)
{
	int64_t by = ((int64_t)model_below(m, 7200) - 3600) * NSEC_PER_SEC;

	if (m->trace)
		printf("#   clock set by %lld s\n", (long long)(by / NSEC_PER_SEC));
	model_check_clock(m);
	model_time_jump(by);
	for (size_t i = 0; i < MODEL_CONTROLLERS; i++)
		controller_clock_set(m->controllers[i]);
}

void model_operate(struct model *m)
{
	unsigned what = model_below(m, 100);

	if (what < 30)
		apply(m);
	else if (what < 60)
		edit_any(m);
	else if (what < 68)
		delete_any(m);
	else if (what < 85)
		disturb_pod(m);
	else if (what < 92)
		disturb_node(m);
	else if (what < 95)
		jump(m);
	else if (what < 99)
		model_restart(m);
	else
		delete_namespace(m);
}

void model_interfere(struct model *m)
{
	const char *actor = m->actor;

	m->between = m->disturbed = true;
	if (model_chance(m, 60)) {
		for (unsigned i = 1 + model_below(m, 4); i > 0; i--)
			(void)model_step(m);
	} else {
		m->actor = "mount";
		if (model_chance(m, 60))
			edit_any(m);
		else if (model_chance(m, 30))
			delete_any(m);
		else
			disturb_pod(m);
	}
	m->between = false;
	m->actor = actor;
}

/* --- rest --- */

static int wake(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	struct value *spec = value_get(root, "spec");

	(void)arg;
	if (!strcmp(object_kind(old)->plural, "cronjobs"))
		value_set_bool(a, spec, "suspend", true);
	else if (!strcmp(object_kind(old)->plural, "jobs"))
		value_set_bool(a, spec, "suspend", false);
	else
		value_remove(spec, "paused");
	if (!strcmp(object_kind(old)->plural, "jobs") && !value_int(value_get(spec, "parallelism"), 1))
		value_set_int(a, spec, "parallelism", 1);
	return 0;
}

static void wake_all(struct model *m, const char *plural)
{
	_cleanup_object_list_ struct object_list all = OBJECT_LIST_INIT;

	(void)cache_list(m->cache, model_kind(plural), NULL, &all);
	for (size_t i = 0; i < all.n; i++)
		(void)edit(m, all.items[i], wake, NULL);
}

/* A pod that was released has its label again: an ordinal's name is free, or its owner's. */
static void label_again(struct model *m)
{
	_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;

	(void)cache_list(m->cache, model_kind("pods"), NULL, &pods);
	for (size_t i = 0; i < pods.n; i++)
		if (!strncmp(value_str_or(value_get(object_labels(pods.items[i]), "app"), ""), "not-", 4))
			(void)edit(m, pods.items[i], relabel, NULL);
}

/* As the pod garbage collector: what has ended and is counted. */
static void sweep(struct model *m)
{
	_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;

	(void)cache_list(m->cache, model_kind("pods"), NULL, &pods);
	for (size_t i = 0; i < pods.n; i++) {
		static const struct delete_options now = { .grace_seconds = 0 };
		_cleanup_txn_ struct txn *t = txn_new(m->registry, &person);
		const char *phase = value_str_or(object_path(pods.items[i], "status", "phase"), "");

		if (strcmp(phase, "Failed") != 0 ||
		    strcmp(value_str_or(object_path(pods.items[i], "spec", "restartPolicy"), ""), "Always"))
			continue;
		if (txn_delete(t, pods.items[i], &now) == 0 && !txn_empty(t))
			(void)txn_commit(t, 0, NULL);
	}
}

void model_heal(struct model *m)
{
	_cleanup_object_list_ struct object_list nodes = OBJECT_LIST_INIT;
	bool no = false;

	m->actor = "mount";
	make_nodes(m);
	(void)cache_list(m->cache, model_kind("nodes"), NULL, &nodes);
	for (size_t i = 0; i < nodes.n; i++) {
		(void)edit(m, nodes.items[i], set_unschedulable, &no);
		set_node(m, object_name(nodes.items[i]), true);
	}
	label_again(m);
	wake_all(m, "deployments");
	wake_all(m, "cronjobs");
	sweep(m);
	model_run(m, 200); /* Jobs that are being made */
	wake_all(m, "jobs");
}
