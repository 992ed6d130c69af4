/* SPDX-License-Identifier: Apache-2.0 */
#include "node/provisioner.h"

#include <bsd/sys/queue.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/remove.h"
#include "store/event.h"
#include "store/persistent.h"

static const int64_t retry_after = 10 * NSEC_PER_SEC;
static const int64_t held = INT64_MAX; /* not before a pod changes */
static const char prefix[] = "pvc-"; /* as external provisioners name volumes */

/* An object to look at. */
struct key {
	STAILQ_ENTRY(key) link;
	int64_t at;	  /* monotonic; 0: now; or held */
	const char *name; /* in text */
	char text[];	  /* the namespace, "" of a volume; then the name */
};

STAILQ_HEAD(keys, key);

/* What looks at claims, and what at volumes: to remove one may take long. */
struct worker {
	struct provisioner *p;
	bool volumes;
	pthread_t thread;
	bool started;
};

struct provisioner {
	struct registry *registry;
	struct writer writer;
	char *node, *dir; /* STATE/volumes */
	struct cache_subscription *subscriptions[4];
	struct worker workers[2];
	atomic_bool stop; /* for a removal */
	pthread_mutex_t lock; /* protects what follows */
	pthread_cond_t changed;
	struct keys keys;
	uint64_t pods; /* changes of pods so far */
	bool classes_changed; /* which claims may have waited for */
	bool stopping;
};

static struct object *get(struct provisioner *p, const char *plural, const char *ns, const char *name)
{
	return cache_get(registry_cache(p->registry), schema_kind_by_plural(plural), ns, name);
}

static bool is(const char *text, const char *want)
{
	return text && !strcmp(text, want);
}

/* Whether the claim waits for a volume that is to be made here. */
static bool is_asked(const struct provisioner *p, const struct object *claim)
{
	return claim && !object_is_deleting(claim) && !value_len(object_path(claim, "spec", "volumeName")) &&
	       is(pv_annotation(claim, PV_STORAGE_PROVISIONER), PV_PROVISIONER) &&
	       is(pv_annotation(claim, PV_SELECTED_NODE), p->node);
}

/* --- the queue --- */

/* Takes the key. */
static void put_key(struct provisioner *p, struct key *k)
{
	struct key *other;

	pthread_mutex_lock(&p->lock);
	STAILQ_FOREACH(other, &p->keys, link)
		if (!strcmp(other->text, k->text) && !strcmp(other->name, k->name))
			break;
	if (!other)
		STAILQ_INSERT_TAIL(&p->keys, k, link);
	else if (other->at > k->at)
		other->at = k->at;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
	if (other)
		free(k);
}

static void add_name(struct provisioner *p, const char *ns, const char *name)
{
	size_t n = strlen(ns) + 1, m = strlen(name) + 1;
	struct key *k = calloc(1, sizeof(*k) + n + m);

	if (!k) {
		log_error("volumes: %s%s%s: out of memory, not looked at", ns, *ns ? "/" : "", name);
		return;
	}
	memcpy(k->text, ns, n);
	k->name = memcpy(k->text + n, name, m);
	put_key(p, k);
}

static void add_key(struct provisioner *p, const struct object *o)
{
	add_name(p, object_namespace(o), object_name(o));
}

/* Puts a key back that a pod holds; it is due if a pod has changed since there were `pods` changes. */
static void hold_key(struct provisioner *p, struct key *k, uint64_t pods)
{
	pthread_mutex_lock(&p->lock);
	k->at = p->pods == pods ? held : 0;
	pthread_mutex_unlock(&p->lock);
	put_key(p, k);
}

static bool is_volume(const struct key *k)
{
	return !*k->text;
}

/* The first of a volume, or of a claim, that is due; else *ret_next is when one will be. */
static struct key *take_due(struct provisioner *p, bool volumes, int64_t *ret_next)
{
	int64_t now = clock_monotonic();
	struct key *k;

	*ret_next = INT64_MAX;
	STAILQ_FOREACH(k, &p->keys, link) {
		if (is_volume(k) != volumes)
			continue;
		if (k->at <= now) {
			STAILQ_REMOVE(&p->keys, k, key, link);
			return k;
		}
		if (k->at < *ret_next)
			*ret_next = k->at;
	}
	return NULL;
}

/* Has all claims looked at that wait for a volume to be made here. */
static void look_at_claims(struct provisioner *p)
{
	_cleanup_object_list_ struct object_list claims = OBJECT_LIST_INIT;
	int r = cache_list(registry_cache(p->registry), schema_kind_by_plural("persistentvolumeclaims"), NULL, &claims);

	if (r < 0)
		log_error("volumes: %s, claims are not looked at", strerrordesc_np(-r));
	for (size_t i = 0; i < claims.n; i++)
		if (is_asked(p, claims.items[i]))
			add_key(p, claims.items[i]);
}

/* NULL when it is time to end. *ret_pods: the changes of pods before it is looked at. */
static struct key *next_key(const struct worker *w, uint64_t *ret_pods)
{
	struct provisioner *p = w->p;
	struct key *k = NULL;
	int64_t next;

	pthread_mutex_lock(&p->lock);
	while (!p->stopping) {
		if (p->classes_changed && !w->volumes) {
			p->classes_changed = false;
			pthread_mutex_unlock(&p->lock);
			look_at_claims(p);
			pthread_mutex_lock(&p->lock);
		}
		k = take_due(p, w->volumes, &next);
		if (k || p->stopping)
			break;
		struct timespec until = { .tv_sec = next / NSEC_PER_SEC, .tv_nsec = next % NSEC_PER_SEC };

		if (next == INT64_MAX)
			pthread_cond_wait(&p->changed, &p->lock);
		else
			pthread_cond_timedwait(&p->changed, &p->lock, &until);
	}
	*ret_pods = p->pods;
	pthread_mutex_unlock(&p->lock);
	return k;
}

/* --- making --- */

/* Why no directory can be what is asked for; NULL: it can. */
static const char *refusal(const struct object *claim, const struct object *class)
{
	if (is(value_str(object_path(claim, "spec", "volumeMode")), "Block"))
		return PV_PROVISIONER " makes directories, not block devices";
	if (object_path(claim, "spec", "selector"))
		return "claim Selector is not supported";
	if (object_path(claim, "spec", "dataSource") || object_path(claim, "spec", "dataSourceRef"))
		return PV_PROVISIONER " makes empty volumes, not copies of a data source";
	if (value_len(object_path(class, "parameters")))
		return PV_PROVISIONER " has no parameters";
	return NULL;
}

static int make_dir(const char *path)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	return chmod(path, 0777) < 0 ? -errno : 0; /* whatever the umask */
}

static void set_affinity(struct arena *a, struct value *spec, const char *node)
{
	struct value *required = value_make_path(a, spec, "nodeAffinity", "required");
	struct value *term = value_append(a, value_set_list(a, required, "nodeSelectorTerms"), value_new_map(a));
	struct value *match = value_append(a, value_set_list(a, term, "matchExpressions"), value_new_map(a));

	value_set_str(a, match, "key", "kubernetes.io/hostname");
	value_set_str(a, match, "operator", "In");
	value_append(a, value_set_list(a, match, "values"), value_new_str(a, node));
}

static void set_claim_ref(struct arena *a, struct value *spec, const struct object *claim)
{
	struct value *ref = value_set_map(a, spec, "claimRef");

	value_set_str(a, ref, "apiVersion", "v1");
	value_set_str(a, ref, "kind", "PersistentVolumeClaim");
	value_set_str(a, ref, "namespace", object_namespace(claim));
	value_set_str(a, ref, "name", object_name(claim));
	value_set_str(a, ref, "uid", object_uid(claim));
}

static struct value *describe(struct provisioner *p, struct arena *a, const struct object *claim, const struct object *class,
			      const char *name, const char *path)
{
	struct value *root = value_new_map(a), *meta = value_set_map(a, root, "metadata"), *spec;
	const struct value *size = object_path(claim, "spec", "resources", "requests", "storage");
	const char *policy = value_str_or(object_path(class, "reclaimPolicy"), "Delete");

	value_set_str(a, root, "apiVersion", "v1");
	value_set_str(a, root, "kind", "PersistentVolume");
	value_set_str(a, meta, "name", name);
	value_set_str(a, value_set_map(a, meta, "annotations"), PV_PROVISIONED_BY, PV_PROVISIONER);
	value_append(a, value_set_list(a, meta, "finalizers"), value_new_str(a, PV_DATA));
	spec = value_set_map(a, root, "spec");
	value_set(a, value_set_map(a, spec, "capacity"), "storage", value_copy(a, size));
	value_set(a, spec, "accessModes", value_copy(a, object_path(claim, "spec", "accessModes")));
	value_set_str(a, spec, "persistentVolumeReclaimPolicy", policy);
	value_set_str(a, spec, "storageClassName", object_name(class));
	value_set_str(a, spec, "volumeMode", "Filesystem");
	value_set_str(a, value_set_map(a, spec, "local"), "path", path);
	set_claim_ref(a, spec, claim);
	set_affinity(a, spec, p->node);
	return root;
}

/* -EEXIST: an earlier try has made it. */
static int create(struct provisioner *p, const struct object *claim, const struct object *class, const char *name,
		  struct error *err)
{
	_cleanup_txn_ struct txn *t = txn_new(p->registry, &p->writer);
	_cleanup_diag_list_ struct diag_list diags = DIAG_LIST_INIT;
	char *path = t ? arena_printf(txn_arena(t), "%s/%s", p->dir, name) : NULL;
	int r;

	if (!path)
		return error_set(err, -ENOMEM, "out of memory");
	r = make_dir(path);
	if (r < 0)
		return error_errno(err, r, "%s", path);
	r = txn_create(t, describe(p, txn_arena(t), claim, class, name, path), TXN_ADMIT, NULL, &diags);
	if (r < 0)
		return error_set(err, r, "%s", diags.n ? diags.items[0].message : strerrordesc_np(-r));
	r = txn_commit(t, 0, NULL);
	return r < 0 ? error_errno(err, r, "store the volume") : 0;
}

#define tell(p, about, type, reason, ...) \
	event_record((p)->registry, PV_PROVISIONER, about, type, reason, __VA_ARGS__)

/* Returns when to try again, in ns; 0: not before something changes. */
static int64_t provision(struct provisioner *p, const struct object *claim)
{
	_cleanup_object_ struct object *class = get(p, "storageclasses", NULL, pv_class(claim));
	_cleanup_error_ struct error err = ERROR_INIT;
	char name[sizeof(prefix) + OBJECT_UID_SIZE];
	const char *why;
	int r;

	if (!class || !is(value_str(object_path(class, "provisioner")), PV_PROVISIONER))
		return 0; /* the volume controller says so */
	(void)snprintf(name, sizeof(name), "%s%s", prefix, object_uid(claim));
	why = refusal(claim, class);
	r = why ? error_set(&err, -EOPNOTSUPP, "%s", why) : create(p, claim, class, name, &err);
	if (r == -EEXIST || r == -EAGAIN)
		return 0;
	if (r < 0) {
		tell(p, claim, EVENT_WARNING, "ProvisioningFailed", "failed to provision volume with StorageClass \"%s\": %s",
		     object_name(class), error_text(&err));
		return why ? 0 : retry_after;
	}
	tell(p, claim, EVENT_NORMAL, "ProvisioningSucceeded", "Successfully provisioned volume %s", name);
	return 0;
}

/* --- removing --- */

/* Whether the volume's directory is one that was made here. */
static bool is_ours(struct provisioner *p, const struct object *volume)
{
	const char *path = value_str_or(object_path(volume, "spec", "local", "path"), "");
	const char *name = object_name(volume);
	size_t n = strlen(p->dir);

	return pv_has_finalizer(volume, PV_DATA) && is(pv_annotation(volume, PV_PROVISIONED_BY), PV_PROVISIONER) &&
	       !strncmp(name, prefix, sizeof(prefix) - 1) && !strchr(name, '/') && !strncmp(path, p->dir, n) && path[n] == '/' &&
	       !strcmp(path + n + 1, name);
}

/* Whether a claim has it, or may yet. */
static bool is_claimed(struct provisioner *p, const struct object *volume)
{
	const struct value *ref = object_path(volume, "spec", "claimRef");
	_cleanup_object_ struct object *claim = get(p, "persistentvolumeclaims", value_str_or(value_get(ref, "namespace"), ""),
						    value_str_or(value_get(ref, "name"), ""));

	return is(value_str(object_path(volume, "status", "phase")), "Bound") ||
	       (claim && pv_is_for(volume, claim) &&
		is(value_str(object_path(claim, "spec", "volumeName")), object_name(volume)));
}

static bool is_over(const struct object *pod)
{
	const char *phase = value_str_or(object_path(pod, "status", "phase"), "");

	return !strcmp(phase, "Succeeded") || !strcmp(phase, "Failed");
}

/* Whether the pod, of the claim's namespace, has a volume of the claim that the volume was bound to. One that was started
 * after the volume was released has a later claim of that name. */
static bool has_it(const struct object *pod, const struct object *volume)
{
	const char *claim = value_str_or(object_path(volume, "spec", "claimRef", "name"), "");
	const char *since = value_str(object_path(volume, "status", "lastPhaseTransitionTime"));
	const char *start = value_str(object_path(pod, "status", "startTime"));
	const struct value *list = object_path(pod, "spec", "volumes");
	_cleanup_arena_ struct arena *a = arena_new(0);
	int64_t released, started;

	if (!a)
		return true;
	if (since && start && clock_parse_rfc3339(since, &released) == 0 && clock_parse_rfc3339(start, &started) == 0 &&
	    started > released)
		return false;
	for (size_t i = 0; i < value_len(list); i++)
		if (is(pv_claim_name(a, pod, value_at(list, i)), claim))
			return true;
	return false;
}

/* Whether a pod of this node still has it: its claim's finalizer is its namespace's to remove. */
static bool is_in_use(struct provisioner *p, const struct object *volume)
{
	const char *ns = value_str(object_path(volume, "spec", "claimRef", "namespace"));
	_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;

	if (!ns)
		return false;
	if (cache_list(registry_cache(p->registry), schema_kind_by_plural("pods"), ns, &pods) < 0)
		return true;
	for (size_t i = 0; i < pods.n; i++)
		if (is(value_str(object_path(pods.items[i], "spec", "nodeName")), p->node) && !is_over(pods.items[i]) &&
		    has_it(pods.items[i], volume))
			return true;
	return false;
}

/* Whether the finalizer is one that goes with the data. */
static bool is_own(const struct value *finalizer)
{
	return is(value_str(finalizer), PV_DATA) || is(value_str(finalizer), PV_PROTECTION);
}

static bool is_held_by_others(const struct object *volume)
{
	const struct value *list = object_path(volume, "metadata", "finalizers");

	for (size_t i = 0; i < value_len(list); i++)
		if (!is_own(value_at(list, i)))
			return true;
	return false;
}

static int forget(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	struct value *list = value_set_list(a, value_get(root, "metadata"), "finalizers");

	for (size_t i = value_len(list); i-- > 0;)
		if (is_own(value_at(list, i)))
			value_remove_at(list, i);
	if (!value_len(list))
		value_remove(value_get(root, "metadata"), "finalizers");
	return 0;
}

static int remove_object(struct provisioner *p, const struct object *volume)
{
	_cleanup_txn_ struct txn *t = txn_new(p->registry, &p->writer);
	int r = t ? txn_delete(t, volume, NULL) : -ENOMEM;

	return r < 0 ? r : txn_commit(t, 0, NULL);
}

static int remove_data(struct provisioner *p, const char *name)
{
	_cleanup_close_ int dir = open(p->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return dir < 0 ? -errno : remove_tree_until(dir, name, &p->stop);
}

/* *ret_known: whether that can be said; the Node object may be missing for a while. */
static bool is_on_node(struct provisioner *p, const struct object *volume, bool *ret_known)
{
	_cleanup_object_ struct object *node = get(p, "nodes", NULL, p->node);

	*ret_known = node;
	return node && pv_reaches(volume, node);
}

/* Deletes the volume first, so that nobody is bound to it any more when its data goes. */
static int64_t reclaim(struct provisioner *p, const struct object *volume)
{
	bool deletes = is(value_str(object_path(volume, "spec", "persistentVolumeReclaimPolicy")), "Delete");
	bool released = is(value_str(object_path(volume, "status", "phase")), "Released") &&
			!pv_annotation(volume, PV_RETAINED_UNTIL);
	bool known;
	int r = 0;

	if (!is_ours(p, volume) || is_claimed(p, volume) || !(object_is_deleting(volume) || (deletes && released)))
		return 0;
	if (!is_on_node(p, volume, &known))
		return known ? 0 : retry_after;
	if (!object_is_deleting(volume)) {
		r = remove_object(p, volume);
		return r == 0 ? 0 : r == -ESTALE ? 1 : retry_after; /* it comes back, deleting */
	}
	if (is_held_by_others(volume))
		return 0;
	if (deletes && !pv_annotation(volume, PV_PRUNED)) {
		if (is_in_use(p, volume))
			return held;
		r = remove_data(p, object_name(volume));
	}
	if (r == -ECANCELED) /* the next daemon goes on */
		return 0;
	if (r < 0) {
		tell(p, volume, EVENT_WARNING, "VolumeFailedDelete", "%s/%s: %s", p->dir, object_name(volume), strerrordesc_np(-r));
		return retry_after;
	}
	r = registry_modify(p->registry, &p->writer, object_kind(volume), NULL, object_name(volume), object_uid(volume), 0, 0,
			    forget, NULL);
	return r == 0 || r == -ENOENT ? 0 : r == -ESTALE ? 1 : retry_after;
}

/* --- the thread --- */

static int64_t look(struct provisioner *p, const struct key *k)
{
	bool volume = is_volume(k);
	_cleanup_object_ struct object *o =
		get(p, volume ? "persistentvolumes" : "persistentvolumeclaims", volume ? NULL : k->text, k->name);

	if (volume)
		return o ? reclaim(p, o) : 0;
	return is_asked(p, o) ? provision(p, o) : 0;
}

static void *run(void *arg)
{
	struct worker *w = arg;
	struct provisioner *p = w->p;
	struct key *k;
	uint64_t pods;

	while ((k = next_key(w, &pods))) {
		int64_t again = look(p, k);

		if (again == held) {
			hold_key(p, k, pods);
		} else if (again) {
			k->at = clock_monotonic() + again;
			put_key(p, k);
		} else {
			free(k);
		}
	}
	return NULL;
}

static void on_claim(void *arg, const struct cache_event *e)
{
	struct provisioner *p = arg;

	if (is_asked(p, e->now))
		add_key(p, e->now);
	if (e->old && !e->now && value_len(object_path(e->old, "spec", "volumeName")))
		add_name(p, "", object_str(e->old, "spec", "volumeName")); /* it may have been all that kept it */
}

static void on_pod(void *arg, const struct cache_event *e)
{
	struct provisioner *p = arg;
	struct key *k;

	pthread_mutex_lock(&p->lock);
	p->pods++;
	STAILQ_FOREACH(k, &p->keys, link)
		if (k->at == held) {
			k->at = 0;
			pthread_cond_broadcast(&p->changed);
		}
	pthread_mutex_unlock(&p->lock);
}

static void on_volume(void *arg, const struct cache_event *e)
{
	struct provisioner *p = arg;

	if (e->now && pv_has_finalizer(e->now, PV_DATA))
		add_key(p, e->now);
}

/* A claim may have been refused for what its class said. */
static void on_class(void *arg, const struct cache_event *e)
{
	struct provisioner *p = arg;

	if (!e->now)
		return;
	pthread_mutex_lock(&p->lock);
	p->classes_changed = true;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
}

/* Directories for which no volume came to be: empty, since none was ever mounted. */
static void sweep(struct provisioner *p)
{
	_cleanup_closedir_ DIR *dir = opendir(p->dir);
	struct dirent *d;

	while (dir && (d = readdir(dir))) {
		_cleanup_object_ struct object *volume = NULL;

		if (d->d_name[0] == '.')
			continue;
		volume = get(p, "persistentvolumes", NULL, d->d_name);
		if (!volume)
			(void)unlinkat(dirfd(dir), d->d_name, AT_REMOVEDIR); /* ignoring: with something in it, it stays */
	}
}

static int start(struct provisioner *p)
{
	static const struct {
		const char *plural;
		cache_fn fn;
	} watches[] = { { "persistentvolumeclaims", on_claim }, { "persistentvolumes", on_volume }, { "pods", on_pod },
			 { "storageclasses", on_class } };
	pthread_condattr_t attr;
	int r = 0;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->changed, &attr);
	pthread_condattr_destroy(&attr);
	if (!p->node || !p->dir)
		return -ENOMEM;
	if (mkdir(p->dir, 0700) < 0 && errno != EEXIST)
		return -errno;
	sweep(p);
	for (size_t i = 0; i < ARRAY_SIZE(watches) && r == 0; i++)
		r = cache_subscribe(registry_cache(p->registry), schema_kind_by_plural(watches[i].plural), watches[i].fn, p,
				    &p->subscriptions[i]);
	for (size_t i = 0; i < ARRAY_SIZE(p->workers) && r == 0; i++) {
		p->workers[i] = (struct worker){ .p = p, .volumes = i > 0 };
		r = -pthread_create(&p->workers[i].thread, NULL, run, &p->workers[i]);
		p->workers[i].started = r == 0;
		if (r == 0)
			(void)pthread_setname_np(p->workers[i].thread, i ? "volumes" : "claims"); /* ignoring: only for people */
	}
	return r;
}

int provisioner_start(struct registry *r, const char *node_name, const char *state_dir, struct provisioner **ret)
{
	struct provisioner *p = calloc(1, sizeof(*p));
	int e;

	if (!p)
		return -ENOMEM;
	*p = (struct provisioner){ .registry = r, .writer = { .agent = "node" }, .node = strdup(node_name) };
	if (asprintf(&p->dir, "%s/volumes", state_dir) < 0)
		p->dir = NULL;
	pthread_mutex_init(&p->lock, NULL);
	STAILQ_INIT(&p->keys);
	e = start(p);
	if (e < 0) {
		provisioner_stop(p);
		return e;
	}
	*ret = p;
	return 0;
}

void provisioner_stop(struct provisioner *p)
{
	struct key *k;

	if (!p)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(p->subscriptions); i++)
		cache_unsubscribe(p->subscriptions[i]);
	pthread_mutex_lock(&p->lock);
	p->stopping = true;
	atomic_store(&p->stop, true);
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
	for (size_t i = 0; i < ARRAY_SIZE(p->workers); i++)
		if (p->workers[i].started)
			pthread_join(p->workers[i].thread, NULL);
	while ((k = STAILQ_FIRST(&p->keys))) {
		STAILQ_REMOVE_HEAD(&p->keys, link);
		free(k);
	}
	pthread_cond_destroy(&p->changed);
	pthread_mutex_destroy(&p->lock);
	free(p->node);
	free(p->dir);
	free(p);
}
