/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/prune.h"

#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "fs/unlinked.h"
#include "store/retain.h"

/* A text that several objects wait with. */
struct text {
	LIST_ENTRY(text) entry;
	int64_t committed;
	size_t refs;
};

struct pending {
	RB_ENTRY(pending) entry;
	struct text *text; /* NULL: its entry has its own */
	bool submitted;	   /* its removal is on the way */
	bool failed;	   /* and is not tried again before it is declared or undeclared anew */
	const char *key;
	char room[];
};

struct fs_prune {
	RB_HEAD(pendings, pending) tree;
	LIST_HEAD(, text) texts;
	size_t n;
	int64_t first, touched; /* monotonic ns */
	unsigned writing;
	bool apart; /* the last removal of all at once failed: each by itself next */
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

/* --- texts --- */

enum { TEXT_KEY_SIZE = sizeof(FS_PRUNE_TEXTS) + 16 };

static void text_key(char out[static TEXT_KEY_SIZE], int64_t committed)
{
	(void)snprintf(out, TEXT_KEY_SIZE, FS_PRUNE_TEXTS "%016llx", (unsigned long long)committed);
}

static bool is_shared(const struct fs_record *was)
{
	return was->n_declared > 1;
}

static struct text *ref_text(struct fs_prune *p, int64_t committed)
{
	struct text *x;

	LIST_FOREACH(x, &p->texts, entry)
		if (x->committed == committed)
			break;
	if (!x) {
		x = calloc(1, sizeof(*x));
		if (!x)
			return NULL; /* the text stays until the next start */
		x->committed = committed;
		LIST_INSERT_HEAD(&p->texts, x, entry);
	}
	x->refs++;
	return x;
}

static void on_text_removed(struct fs *fs, void *arg, int result, uint64_t rev)
{
	/* A text that is left behind goes at the next start. */
}

static void remove_text(struct fs *fs, const char *key)
{
	const struct writer who = { .uid = 0, .agent = "pruning" };
	_cleanup_txn_ struct txn *t = txn_new(fs->registry, &who);

	if (t && txn_remove(t, key, STORE_ANY) == 0)
		(void)fs_txn_submit(fs, t, STORE_LAZY, on_text_removed, NULL); /* ignoring: see there */
}

static void unref_text(struct fs *fs, struct text *x)
{
	char key[TEXT_KEY_SIZE];

	if (!x || --x->refs)
		return;
	text_key(key, x->committed);
	remove_text(fs, key);
	LIST_REMOVE(x, entry);
	free(x);
}

/* --- entries --- */

int fs_prune_put(struct txn *t, const char *object_key, const struct fs_record *was)
{
	char key[STORE_KEY_MAX + 1], reference[1 + TEXT_KEY_SIZE] = "";

	prune_key(key, object_key);
	if (!is_shared(was))
		return txn_put(t, key, was->text, was->text_len, STORE_ANY);
	text_key(reference + 1, was->committed);
	return txn_put(t, key, reference, 1 + strlen(reference + 1), STORE_ANY);
}

int fs_prune_put_text(struct txn *t, const struct fs_record *was)
{
	char key[TEXT_KEY_SIZE];

	text_key(key, was->committed);
	return is_shared(was) ? txn_put(t, key, was->text, was->text_len, STORE_ANY) : 0;
}

/* The key of the text that an entry refers to; false where it has its own. */
static bool read_reference(const struct store_entry *e, char out[static STORE_KEY_MAX + 1])
{
	size_t len;
	const char *value = store_entry_value(e, &len);

	if (len < 2 || len > STORE_KEY_MAX || value[0]) /* no manifest has a NUL */
		return false;
	memcpy(out, value + 1, len - 1);
	out[len - 1] = '\0';
	return true;
}

int fs_prune_find(struct store *s, const char *object_key, char ret_key[static STORE_KEY_MAX + 1])
{
	_cleanup_store_entry_ struct store_entry *e = NULL;
	char key[STORE_KEY_MAX + 1];
	int r;

	prune_key(key, object_key);
	r = store_get(s, key, &e);
	if (r == 0 && !read_reference(e, ret_key))
		memcpy(ret_key, key, sizeof(key));
	return r;
}

int fs_prune_unput(struct txn *t, const char *object_key)
{
	char key[STORE_KEY_MAX + 1];

	prune_key(key, object_key);
	return txn_remove(t, key, STORE_ANY);
}

/* `committed`: of the text that it shares, else 0. */
static void add(struct fs *fs, const char *object_key, int64_t committed)
{
	struct fs_prune *p = fs->prune;
	struct pending *n = find(p, object_key);
	size_t len = strlen(object_key);

	if (n) {
		struct text *was = n->text;

		n->submitted = n->failed = false;
		n->text = committed ? ref_text(p, committed) : NULL;
		unref_text(fs, was);
		return;
	}
	n = calloc(1, sizeof(*n) + len + 1);
	if (!n) {
		log_warning("out of memory: %s is removed after the next start only", object_key);
		return;
	}
	memcpy(n->room, object_key, len + 1);
	n->key = n->room;
	n->text = committed ? ref_text(p, committed) : NULL;
	(void)RB_INSERT(pendings, &p->tree, n); /* it is not there */
	if (p->n++ == 0)
		p->first = clock_monotonic();
	arm(fs);
}

void fs_prune_added(struct fs *fs, const char *object_key, const struct fs_record *was)
{
	add(fs, object_key, is_shared(was) ? was->committed : 0);
}

void fs_prune_dropped(struct fs *fs, const char *object_key)
{
	struct fs_prune *p = fs->prune;
	struct pending *n = find(p, object_key);

	if (!n)
		return;
	RB_REMOVE(pendings, &p->tree, n);
	unref_text(fs, n->text);
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

bool fs_prune_is_passing(int err)
{
	return err == -ESTALE || err == -ENOMEM || err == -ENOSPC || err == -EDQUOT || err == -EIO || err == -EROFS ||
	       err == -EMFILE || err == -ENFILE || err == -EAGAIN || err == -EBUSY;
}

/* What could not be removed is tried once more after the settle time: all at once, if what failed may pass, else each by
 * itself, so that one that can never be removed holds up no other. */
static void removal_failed(struct fs *fs, const struct removal *r, int err)
{
	bool alone = r->n == 1 && !fs_prune_is_passing(err);
	struct pending *n = alone ? find(fs->prune, r->keys[0]) : NULL;

	if (err != -ESTALE)
		log_warning("cannot remove %s%s, which no manifest declares any more: %s", r->n ? r->keys[0] : "",
			    r->n > 1 ? " and others" : "", strerrordesc_np(-err));
	if (n)
		n->failed = true;
	if (!fs_prune_is_passing(err) && r->n > 1)
		fs->prune->apart = true;
	if (alone)
		return;
	fs->prune->first = clock_monotonic();
	fs_prune_touch(fs);
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
	if (!fs->prune->n)
		fs_unlinked_clear(fs);
	if (result < 0)
		removal_failed(fs, r, result);
	free_removal(r);
}

static int add_removal(struct fs *fs, struct txn *t, struct pending *n, struct removal *r)
{
	_cleanup_object_ struct object *o = cache_get_key(fs->cache, n->key);
	char *key;
	int err;

	if (txn_puts(t, n->key))
		return 0; /* a volume that is kept, in the same transaction, for a claim that goes: its own turn comes next */
	key = strdup(n->key);
	if (!key)
		return -ENOMEM;
	r->keys[r->n++] = key;
	n->submitted = true;
	err = fs_prune_unput(t, key);
	if (err == 0 && o && !object_is_deleting(o))
		err = retain_delete(t, fs->registry, o);
	return err;
}

/* Submits the removal of `first`, or, with NULL, of all that waits. */
static void remove_pending(struct fs *fs, struct pending *first)
{
	struct fs_prune *p = fs->prune;
	const struct writer who = { .uid = 0, .agent = "pruning" };
	_cleanup_txn_ struct txn *t = txn_new(fs->registry, &who);
	struct removal *r = calloc(1, sizeof(*r) + p->n * sizeof(r->keys[0]));
	int err = t && r ? 0 : -ENOMEM;
	struct pending *n;

	RB_FOREACH(n, pendings, &p->tree)
		if (err == 0 && !n->submitted && !n->failed && (!first || n == first))
			err = add_removal(fs, t, n, r);
	if (err == 0 && !r->n) {
		free_removal(r);
		return;
	}
	if (err == 0)
		err = fs_txn_submit(fs, t, 0, on_removed, r);
	if (err < 0 && r)
		on_removed(fs, r, err, 0);
}

/* The settle time is over. */
static void on_timer(struct fs *fs, void *arg)
{
	struct fs_prune *p = fs->prune;
	struct pending *n, *next;

	if (!p->n)
		return;
	if (fs_unlinked_restore(fs)) { /* what they declare waits no more; the rest once more */
		p->first = clock_monotonic();
		fs_prune_touch(fs);
		return;
	}
	if (!p->apart) {
		remove_pending(fs, NULL);
		return;
	}
	p->apart = false;
	RB_FOREACH_SAFE(n, pendings, &p->tree, next)
		remove_pending(fs, n);
}

/* Takes up what waited, and removes the texts that nothing waits with any more. */
static int take_up(struct fs *fs)
{
	_cleanup_store_list_ struct store_list list = STORE_LIST_INIT, texts = STORE_LIST_INIT;
	int r = store_list(fs->store, FS_PRUNE_PREFIX "/", &list);

	if (r == 0)
		r = store_list(fs->store, FS_PRUNE_TEXTS, &texts);
	for (size_t i = 0; r == 0 && i < list.n; i++) {
		char text[STORE_KEY_MAX + 1] = "";
		bool shares = read_reference(list.items[i], text) && strlen(text) > strlen(FS_PRUNE_TEXTS);

		add(fs, store_entry_key(list.items[i]) + strlen(FS_PRUNE_PREFIX),
		    shares ? (int64_t)strtoull(text + strlen(FS_PRUNE_TEXTS), NULL, 16) : 0);
	}
	for (size_t i = 0; r == 0 && i < texts.n; i++) {
		const char *key = store_entry_key(texts.items[i]);
		int64_t committed = (int64_t)strtoull(key + strlen(FS_PRUNE_TEXTS), NULL, 16);
		struct text *x;

		LIST_FOREACH(x, &fs->prune->texts, entry)
			if (x->committed == committed)
				break;
		if (!x)
			remove_text(fs, key);
	}
	return r;
}

int fs_prune_new(struct fs *fs, struct error *err)
{
	struct fs_prune *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return error_set(err, -ENOMEM, "out of memory");
	RB_INIT(&p->tree);
	LIST_INIT(&p->texts);
	fs->prune = p;
	p->touched = clock_monotonic();
	r = fs_timer_new(fs, on_timer, NULL, &p->timer);
	if (r == 0)
		r = take_up(fs);
	return r < 0 ? error_errno(err, r, "cannot read the removals that wait") : 0;
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
	while (!LIST_EMPTY(&p->texts)) {
		struct text *x = LIST_FIRST(&p->texts);

		LIST_REMOVE(x, entry);
		free(x);
	}
	fs_timer_free(p->timer);
	free(p);
}
