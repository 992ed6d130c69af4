/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/prune.h"

#include <bsd/sys/tree.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

struct pending {
	RB_ENTRY(pending) entry;
	bool submitted; /* its removal is on the way */
	const char *key;
	char room[];
};

struct fs_prune {
	RB_HEAD(pendings, pending) tree;
	size_t n;
	int64_t first, touched; /* monotonic ns */
	unsigned writing;
	struct fs_timer *timer; /* owned */
};

static int pending_cmp(const struct pending *a, const struct pending *b)
{
	return strcmp(a->key, b->key);
}

RB_GENERATE_INTERNAL(pendings, pending, entry, pending_cmp, __attribute__((unused)) static)

int64_t fs_prune_due(int64_t first, int64_t touched, int64_t settle_ns, unsigned writing)
{
	int64_t latest = first + FS_SETTLE_MAX_MS * NSEC_PER_MSEC, settled = touched + settle_ns;

	if (settle_ns >= FS_SETTLE_MAX_MS * NSEC_PER_MSEC)
		return settled;
	return writing || settled > latest ? latest : settled;
}

static struct pending *find(const struct fs_prune *p, const char *key)
{
	struct pending look = { .key = key };

	return RB_FIND(pendings, (struct pendings *)&p->tree, &look);
}

static void arm(struct fs *fs)
{
	struct fs_prune *p = fs->prune;

	fs_timer_set(p->timer, p->n ? fs_prune_due(p->first, p->touched, fs->config.settle_ms * NSEC_PER_MSEC, p->writing)
				    : 0);
}

static void prune_key(char out[static STORE_KEY_MAX + 1], const char *object_key)
{
	(void)snprintf(out, STORE_KEY_MAX + 1, FS_PRUNE_PREFIX "%s", object_key);
}

int fs_prune_put(struct txn *t, const char *object_key, const void *text, size_t len)
{
	char key[STORE_KEY_MAX + 1];

	prune_key(key, object_key);
	return txn_put(t, key, text, len, STORE_ANY);
}

int fs_prune_unput(struct txn *t, const char *object_key)
{
	char key[STORE_KEY_MAX + 1];

	prune_key(key, object_key);
	return txn_remove(t, key, STORE_ANY);
}

void fs_prune_added(struct fs *fs, const char *object_key)
{
	struct fs_prune *p = fs->prune;
	struct pending *n = find(p, object_key);
	size_t len = strlen(object_key);

	if (n) {
		n->submitted = false;
		return;
	}
	n = calloc(1, sizeof(*n) + len + 1);
	if (!n) {
		log_warning("out of memory: %s is removed after the next start only", object_key);
		return;
	}
	memcpy(n->room, object_key, len + 1);
	n->key = n->room;
	(void)RB_INSERT(pendings, &p->tree, n); /* it is not there */
	if (p->n++ == 0)
		p->first = clock_monotonic();
	arm(fs);
}

void fs_prune_dropped(struct fs *fs, const char *object_key)
{
	struct fs_prune *p = fs->prune;
	struct pending *n = find(p, object_key);

	if (!n)
		return;
	RB_REMOVE(pendings, &p->tree, n);
	free(n);
	p->n--;
	arm(fs);
}

bool fs_prune_pending(struct fs *fs, const char *object_key)
{
	return find(fs->prune, object_key);
}

void fs_prune_touch(struct fs *fs)
{
	fs->prune->touched = clock_monotonic();
	if (fs->prune->n)
		arm(fs);
}

void fs_prune_writing(struct fs *fs, int by)
{
	fs->prune->writing += (unsigned)by;
	if (fs->prune->n)
		arm(fs);
}

/* --- acting --- */

struct removal {
	size_t n;
	char *keys[]; /* owned */
};

static void free_removal(struct removal *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->keys[i]);
	free(r);
}

static void on_removed(struct fs *fs, void *arg, int result, uint64_t rev)
{
	struct removal *r = arg;

	for (size_t i = 0; i < r->n; i++) {
		struct pending *n = find(fs->prune, r->keys[i]);

		if (!n || !n->submitted) /* declared again meanwhile, or gone from its file once more */
			continue;
		if (result == 0)
			fs_prune_dropped(fs, r->keys[i]);
		else
			n->submitted = false;
	}
	if (result < 0 && result != -ESTALE)
		log_warning("cannot remove what no manifest declares any more: %s", strerror(-result));
	if (result < 0) { /* somebody changed one of them: once more, after the settle time */
		fs->prune->first = clock_monotonic();
		fs_prune_touch(fs);
	}
	free_removal(r);
}

static int add_removal(struct fs *fs, struct txn *t, struct pending *n, struct removal *r)
{
	_cleanup_object_ struct object *o = cache_get_key(fs->cache, n->key);
	char *key = strdup(n->key);
	int err;

	if (!key)
		return -ENOMEM;
	r->keys[r->n++] = key;
	n->submitted = true;
	err = fs_prune_unput(t, key);
	if (err == 0 && o && !object_is_deleting(o))
		err = txn_delete(t, o, NULL);
	return err;
}

/* The settle time is over. */
static void on_timer(struct fs *fs, void *arg)
{
	struct fs_prune *p = fs->prune;
	const struct writer who = { .uid = 0, .agent = "pruning" };
	_cleanup_txn_ struct txn *t = txn_new(fs->registry, &who);
	struct removal *r = p->n ? calloc(1, sizeof(*r) + p->n * sizeof(r->keys[0])) : NULL;
	struct pending *n;
	int err = t && r ? 0 : -ENOMEM;

	if (!p->n)
		return;
	RB_FOREACH(n, pendings, &p->tree)
		if (err == 0 && !n->submitted)
			err = add_removal(fs, t, n, r);
	if (err == 0)
		err = fs_txn_submit(fs, t, 0, on_removed, r);
	if (err < 0 && r)
		on_removed(fs, r, err, 0);
}

int fs_prune_new(struct fs *fs, struct error *err)
{
	_cleanup_store_list_ struct store_list list = STORE_LIST_INIT;
	struct fs_prune *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return error_set(err, -ENOMEM, "out of memory");
	RB_INIT(&p->tree);
	fs->prune = p;
	r = fs_timer_new(fs, on_timer, NULL, &p->timer);
	if (r == 0)
		r = store_list(fs->store, FS_PRUNE_PREFIX "/", &list);
	if (r < 0)
		return error_errno(err, r, "cannot read the removals that wait");
	p->touched = clock_monotonic();
	for (size_t i = 0; i < list.n; i++)
		fs_prune_added(fs, store_entry_key(list.items[i]) + strlen(FS_PRUNE_PREFIX));
	return 0;
}

void fs_prune_free(struct fs_prune *p)
{
	struct pending *n, *next;

	if (!p)
		return;
	RB_FOREACH_SAFE(n, pendings, &p->tree, next) {
		RB_REMOVE(pendings, &p->tree, n);
		free(n);
	}
	fs_timer_free(p->timer);
	free(p);
}
