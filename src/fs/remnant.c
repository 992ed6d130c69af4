/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/remnant.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "fs/kinddir.h"
#include "fs/names.h"
#include "fs/objdir.h"
#include "fs/podfiles.h"
#include "fs/region.h"

enum {
	GONE_MAX = 8192, /* objects that are remembered: one "rm -r" outruns no more */
	CHAINS = 4096,
	REMEMBERED = 60, /* s: for how long it may be on its way to one of them */
};

/* An object that went. */
struct gone {
	uint64_t key, ino;
	int64_t when, asked; /* monotonic, ns: when it went, when somebody saw it first after that, 0: nobody */
	uint16_t key_next, ino_next; /* of the chains: 1 more than the place in the ring, 0: none */
};

/* The last ones that went, in a ring, and how to find them; the newest is first in each chain. */
struct past {
	size_t n; /* that were ever added */
	uint16_t by_key[CHAINS], by_ino[CHAINS];
	struct gone ring[GONE_MAX];
};

struct fs_remnants {
	struct fs *fs;
	struct cache_subscription *sub;
	pthread_mutex_t lock; /* protects what follows: the store's thread adds, the loop looks */
	struct past *past;    /* owned; NULL: nothing went */
};

static const struct fs_ops made_ops, made_log_ops;

static uint64_t key_of(const struct fs *fs, const struct schema_kind *kind, const char *ns, const char *name)
{
	char where[128];

	(void)snprintf(where, sizeof(where), "/gone/%p/%s", (const void *)kind, kind->namespaced && ns ? ns : "");
	return fs_ino(fs, where, name);
}

/* --- what went --- */

/* The newest that has this key, or number, not 0; locked. */
static struct gone *find(struct fs_remnants *v, uint64_t key, uint64_t ino)
{
	struct past *p = v->past;
	size_t at = !p ? 0 : key ? p->by_key[key % CHAINS] : p->by_ino[ino % CHAINS];

	while (at && (key ? p->ring[at - 1].key != key : p->ring[at - 1].ino != ino))
		at = key ? p->ring[at - 1].key_next : p->ring[at - 1].ino_next;
	return at ? &p->ring[at - 1] : NULL;
}

/* Takes the oldest out of its chains, in each of which it is the last. */
static void unchain(struct past *p, size_t at)
{
	uint16_t *link;

	for (link = &p->by_key[p->ring[at - 1].key % CHAINS]; *link != at; link = &p->ring[*link - 1].key_next)
		;
	*link = 0;
	for (link = &p->by_ino[p->ring[at - 1].ino % CHAINS]; *link != at; link = &p->ring[*link - 1].ino_next)
		;
	*link = 0;
}

/* Once: the loop may see that an object is gone before the cache says so. */
static void add(struct fs_remnants *v, uint64_t key, uint64_t ino)
{
	(void)pthread_mutex_lock(&v->lock);
	if (!v->past)
		v->past = calloc(1, sizeof(*v->past));
	if (v->past && !find(v, 0, ino)) {
		struct past *p = v->past;
		size_t at = p->n % GONE_MAX + 1;

		if (p->n++ >= GONE_MAX)
			unchain(p, at);
		p->ring[at - 1] = (struct gone){ .key = key, .ino = ino, .when = clock_monotonic(),
						 .key_next = p->by_key[key % CHAINS], .ino_next = p->by_ino[ino % CHAINS] };
		p->by_key[key % CHAINS] = p->by_ino[ino % CHAINS] = (uint16_t)at;
	}
	(void)pthread_mutex_unlock(&v->lock);
}

static void on_change(void *arg, const struct cache_event *e)
{
	struct fs_remnants *v = arg;

	if (e->type != CACHE_DELETED)
		return;
	add(v, key_of(v->fs, object_kind(e->old), object_namespace(e->old), object_name(e->old)), fs_object_ino(v->fs, e->old));
}

int fs_remnants_new(struct fs *fs, struct error *err)
{
	struct fs_remnants *v = calloc(1, sizeof(*v));

	if (!v)
		return error_set(err, -ENOMEM, "out of memory");
	v->fs = fs;
	(void)pthread_mutex_init(&v->lock, NULL);
	fs->remnants = v;
	return cache_subscribe(fs->cache, NULL, on_change, v, &v->sub);
}

void fs_remnants_stop(struct fs_remnants *v)
{
	if (v)
		cache_unsubscribe(steal_ptr(v->sub));
}

void fs_remnants_free(struct fs_remnants *v)
{
	if (!v)
		return;
	(void)pthread_mutex_destroy(&v->lock);
	free(v->past);
	free(v);
}

/* Whether it may be seen by somebody. */
static bool is_fresh(const struct gone *g, int64_t now)
{
	return now - g->when < REMEMBERED * NSEC_PER_SEC && (!g->asked || now - g->asked < (int64_t)(FS_TTL * NSEC_PER_SEC));
}

/* The number of such an object while it may be seen, else 0. */
static uint64_t see(struct fs *fs, uint64_t key, uint64_t ino)
{
	struct fs_remnants *v = fs->remnants;
	int64_t now = clock_monotonic();
	uint64_t seen = 0;
	struct gone *g;

	(void)pthread_mutex_lock(&v->lock);
	g = find(v, key, ino);
	if (g && is_fresh(g, now)) {
		g->asked = g->asked ? g->asked : now;
		seen = g->ino;
	}
	(void)pthread_mutex_unlock(&v->lock);
	return seen;
}

static bool is_below(struct fs_handle *h, void *arg)
{
	const struct fs_node *n = h->node;

	while (n && n != arg)
		n = n->parent;
	return n != NULL;
}

static bool reads(const struct fs_node *kinddir, pid_t thread)
{
	return kinddir && fs_handles_of(kinddir->fs, thread, is_below, (void *)kinddir);
}

/* An object's directory: whether the object is gone and it may be seen. */
static bool is_seen(const struct fs_node *top)
{
	_cleanup_object_ struct object *o = cache_get_uid(top->fs->cache, fs_obj_uid(top));
	const struct fs_node *dir = top->parent;

	if (o)
		return false;
	add(dir->fs->remnants, key_of(dir->fs, dir->kind, dir->ns, top->name), top->ino);
	return see(dir->fs, 0, top->ino);
}

bool fs_remnant_is(const struct fs_node *n, pid_t thread)
{
	const struct fs_node *top = fs_obj_dir(n);

	return top && reads(top->parent, thread) && is_seen(top);
}

/* What is in an object's directory is known to a kernel that has read it; but which file a log's name stands for nobody
 * can tell any more. */
static struct fs_node *lookup_below(struct fs_node *dir, const char *name, pid_t thread)
{
	struct fs_node *n;

	if (!fs_remnant_is(dir, thread))
		return NULL;
	n = fs_node_find(dir->fs, fs_obj_ino(dir, name));
	if (n)
		return n->parent == dir ? fs_node_ref(n) : NULL;
	return dir->ops == &fs_podlogs_ops && fs_obj_node(dir, name, &made_log_ops, &n, NULL) == 0 ? n : NULL;
}

struct fs_node *fs_remnant_lookup(struct fs_node *dir, const char *name, pid_t thread)
{
	struct fs_node *n = NULL;
	uint64_t ino;

	if (fs_obj_dir(dir))
		return lookup_below(dir, name, thread);
	if (dir->ops != &fs_kinddir_ops || fs_name_classify(name) != FS_NAME_OTHER || !reads(dir, thread))
		return NULL;
	n = fs_node_child(dir, name);
	if (n)
		return n->ops == &made_ops || (n->ops == &fs_objdir_ops && is_seen(n)) ? fs_node_ref(n) : NULL;
	ino = see(dir->fs, key_of(dir->fs, dir->kind, dir->ns, name), 0);
	return ino && fs_node_get(dir, name, ino, &made_ops, &n, NULL) == 0 ? n : NULL;
}

void fs_remnant_attr(const struct fs_node *n, struct fs_attr *a)
{
	*a = (struct fs_attr){ .name_ttl = -1 };
	if (n->ops->readlink)
		fs_attr_link(n, a, 0, clock_realtime());
	else
		fs_attr_file(n, a, n->ops->readdir ? S_IFDIR | 0755 : S_IFREG | 0444, clock_realtime());
	a->ttl = FS_TTL_NONE;
}

void fs_remnant_extend(const struct fs_node *dir)
{
	const struct fs_node *top = fs_obj_dir(dir);
	struct fs_remnants *v = dir->fs->remnants;
	int64_t now = clock_monotonic();
	struct gone *g;

	if (!top)
		return;
	(void)pthread_mutex_lock(&v->lock);
	g = find(v, 0, top->ino);
	if (g && is_fresh(g, now))
		g->asked = now;
	(void)pthread_mutex_unlock(&v->lock);
}

void fs_remnant_forget(const struct fs_node *dir, const char *name)
{
	struct fs_remnants *v = dir->fs->remnants;
	struct gone *g;

	if (dir->ops != &fs_kinddir_ops)
		return;
	(void)pthread_mutex_lock(&v->lock);
	g = find(v, key_of(dir->fs, dir->kind, dir->ns, name), 0);
	if (g)
		g->asked = 1; /* long ago */
	(void)pthread_mutex_unlock(&v->lock);
}

/* --- an object's directory that the kernel had not looked up before it went --- */

static int made_getattr(struct fs_node *n, struct fs_attr *a)
{
	if (!see(n->fs, 0, n->ino))
		return -ENOENT;
	fs_remnant_attr(n, a);
	return 0;
}

static int made_lookup(struct fs_node *dir, const char *name, struct fs_node **ret)
{
	return -ENOENT;
}

static int made_readdir(struct fs_node *dir, struct fs_listing *l)
{
	return 0;
}

static const struct fs_ops made_ops = {
	.region = "remnant",
	.getattr = made_getattr,
	.lookup = made_lookup,
	.readdir = made_readdir,
};

static int made_log_getattr(struct fs_node *n, struct fs_attr *a)
{
	return -ENOENT; /* but to those for whom fs_remnant_is() */
}

static const struct fs_ops made_log_ops = {
	.region = "remnant",
	.getattr = made_log_getattr,
};
