/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of inodes and handles. */
#include <string.h>

#include "fs/keep-internal.h"

/* --- inodes --- */

int fs_keep_by_ino(const void *a, const void *b)
{
	const struct fs_keep_old *x = a, *y = b;

	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

static uint64_t make_place(struct fs_keep *k, uint64_t parent, const char *name)
{
	size_t len = strlen(name);
	uint32_t cap;
	uint64_t off = len < FS_KEEP_NAME ? fs_keep_alloc(k, sizeof(struct fs_keep_place) + len + 1, &cap) : 0;
	struct fs_keep_place *p = (struct fs_keep_place *)(void *)(k->area + off);

	if (!off)
		return 0;
	p->parent = parent;
	p->cap = cap;
	p->len = (uint32_t)len;
	memcpy(p->name, name, len + 1);
	return off;
}

uint32_t fs_keep_node_add(struct fs_keep *k, uint64_t ino, uint64_t parent, const char *name)
{
	uint64_t place = k ? make_place(k, parent, name) : 0;
	uint32_t at;
	struct fs_keep_node *n;

	if (!place)
		return 0;
	at = k->free_node;
	if (at) {
		k->free_node = (uint32_t)k->nodes[at - 1].nlookup;
	} else if (k->h->nodes < NODES) {
		at = k->h->nodes + 1;
		k->nodes[at - 1].ino = 0;
		fs_keep_barrier();
		k->h->nodes = at;
	} else {
		fs_keep_give_back(k, place, ((struct fs_keep_place *)(void *)(k->area + place))->cap);
		return 0;
	}
	n = &k->nodes[at - 1];
	n->place = place;
	n->nlookup = 1;
	fs_keep_barrier();
	n->ino = ino;
	return at;
}

void fs_keep_node_count(struct fs_keep *k, uint32_t at, uint64_t nlookup)
{
	if (k && at)
		k->nodes[at - 1].nlookup = nlookup;
}

void fs_keep_node_move(struct fs_keep *k, uint32_t at, uint64_t parent, const char *name)
{
	struct fs_keep_node *n = k && at ? &k->nodes[at - 1] : NULL;
	uint64_t place = n ? make_place(k, parent, name) : 0, before;

	if (!place) /* ignoring: no memory; the next daemon does not find it then, and answers ESTALE */
		return;
	before = n->place;
	fs_keep_barrier();
	n->place = place;
	fs_keep_give_back(k, before, ((struct fs_keep_place *)(void *)(k->area + before))->cap);
}

void fs_keep_node_drop(struct fs_keep *k, uint32_t at)
{
	struct fs_keep_node *n = k && at ? &k->nodes[at - 1] : NULL;

	if (!n || !n->ino)
		return;
	n->ino = 0;
	fs_keep_barrier();
	fs_keep_give_back(k, n->place, fs_keep_place_of(k, n)->cap);
	n->nlookup = k->free_node;
	k->free_node = at;
}

bool fs_keep_node_find(const struct fs_keep *k, uint64_t ino, uint32_t *ret_at, uint64_t *ret_parent,
		       char name[static FS_KEEP_NAME], uint64_t *ret_nlookup)
{
	const struct fs_keep_old look = { .ino = ino };
	const struct fs_keep_old *o = k && k->n_old ? bsearch(&look, k->old, k->n_old, sizeof(look), fs_keep_by_ino) : NULL;
	const struct fs_keep_node *n = o ? &k->nodes[o->at - 1] : NULL;
	const struct fs_keep_place *p;

	if (!n || n->ino != ino)
		return false;
	p = fs_keep_place_of(k, n);
	if (p->len >= FS_KEEP_NAME)
		return false;
	*ret_at = o->at;
	*ret_parent = p->parent;
	*ret_nlookup = n->nlookup;
	memcpy(name, p->name, p->len);
	name[p->len] = '\0';
	return true;
}

uint32_t fs_keep_node_named(const struct fs_keep *k, uint64_t parent, const char *name)
{
	for (size_t i = 0; k && i < k->n_old; i++) {
		const struct fs_keep_node *n = &k->nodes[k->old[i].at - 1];

		if (n->ino == k->old[i].ino && fs_keep_place_of(k, n)->parent == parent && strcmp(fs_keep_place_of(k, n)->name, name) == 0)
			return k->old[i].at;
	}
	return 0;
}

/* --- handles --- */

uint64_t fs_keep_handle_number(struct fs_keep *k, uint64_t last)
{
	return k ? k->h->next_handle++ : last + 1;
}

static struct fs_kept *free_handle(struct fs_keep *k)
{
	for (uint32_t i = 0; k->n_free_handles && i < k->h->handles; i++) {
		uint32_t at = (k->free_handle + i) % k->h->handles;

		if (k->handles[at].number == 0) {
			k->free_handle = at + 1;
			k->n_free_handles--;
			return &k->handles[at];
		}
	}
	if (k->h->handles == HANDLES)
		return NULL;
	k->handles[k->h->handles].number = 0;
	fs_keep_barrier();
	return &k->handles[k->h->handles++];
}

struct fs_kept *fs_keep_handle_add(struct fs_keep *k, const struct fs_kept *what, const char *name, const void *snap,
				   size_t snap_len)
{
	struct fs_kept *h = k ? free_handle(k) : NULL, new = *what;

	if (!h)
		return NULL;
	new.number = 0;
	new.snap_len = (uint32_t)snap_len;
	new.name_off = fs_keep_put(k, name, strlen(name) + 1, &new.name_cap);
	new.snap_off = fs_keep_put(k, snap, snap_len, &new.snap_cap);
	new.lost = !new.name_off || (snap_len && !new.snap_off);
	*h = new;
	return h;
}

void fs_keep_handle_publish(struct fs_kept *h, uint64_t number)
{
	fs_keep_barrier();
	h->number = number;
}

void fs_keep_handle_drop(struct fs_keep *k, struct fs_kept *h)
{
	if (!k || !h || !h->number)
		return;
	h->number = 0;
	fs_keep_barrier();
	fs_keep_give_back(k, h->snap_off, h->snap_cap);
	fs_keep_give_back(k, h->name_off, h->name_cap);
	fs_keep_give_back(k, h->groups_off, h->groups_cap);
	fs_keep_give_back(k, fs_keep_version(h)->off, fs_keep_version(h)->cap);
	k->free_handle = (uint32_t)(h - k->handles);
	k->n_free_handles++;
}

struct fs_kept *fs_keep_handle_next(struct fs_keep *k, struct fs_kept *h)
{
	if (!k)
		return NULL;
	for (h = h ? h + 1 : k->handles; h < k->handles + k->h->handles; h++)
		if (h->number)
			return h;
	return NULL;
}

struct fs_kept *fs_keep_handle_find(struct fs_keep *k, uint64_t number)
{
	struct fs_kept *h = NULL;

	while ((h = fs_keep_handle_next(k, h)) && h->number != number)
		;
	return h;
}

const char *fs_keep_handle_name(const struct fs_keep *k, const struct fs_kept *h)
{
	return fs_keep_sound(h->name_off, h->name_cap) ? (const char *)k->area + h->name_off : "";
}

void fs_keep_handle_set_groups(struct fs_keep *k, struct fs_kept *h, const gid_t *groups, size_t n)
{
	if (!k || !h || !n)
		return;
	h->groups_off = fs_keep_put(k, groups, n * sizeof(*groups), &h->groups_cap);
	h->groups_n = h->groups_off ? (uint32_t)n : 0;
}

const gid_t *fs_keep_handle_groups(const struct fs_keep *k, const struct fs_kept *h, size_t *ret_n)
{
	bool ok = fs_keep_sound(h->groups_off, h->groups_cap) && h->groups_n * sizeof(gid_t) <= h->groups_cap;

	*ret_n = ok ? h->groups_n : 0;
	return ok ? (const gid_t *)(const void *)(k->area + h->groups_off) : NULL;
}

const void *fs_keep_handle_snap(const struct fs_keep *k, const struct fs_kept *h)
{
	return fs_keep_sound(h->snap_off, h->snap_cap) && h->snap_len <= h->snap_cap ? k->area + h->snap_off : NULL;
}

void fs_keep_handle_snapshot(struct fs_keep *k, struct fs_kept *h, const void *snap, size_t len)
{
	uint64_t before = h ? h->snap_off : 0;
	uint32_t cap = h ? h->snap_cap : 0;

	if (!k || !h)
		return;
	h->snap_len = 0;
	fs_keep_barrier();
	fs_keep_give_back(k, before, cap);
	h->snap_off = fs_keep_put(k, snap, len, &h->snap_cap);
	fs_keep_barrier();
	h->snap_len = h->snap_off ? (uint32_t)len : 0;
}

const struct fs_kept_version *fs_keep_version(const struct fs_kept *h)
{
	return &h->version[h->cur & 1];
}

const void *fs_keep_text(const struct fs_keep *k, const struct fs_kept *h, size_t *ret_len)
{
	const struct fs_kept_version *v = fs_keep_version(h);

	*ret_len = fs_keep_sound(v->off, v->cap) && v->len <= v->cap ? v->len : 0;
	return *ret_len ? k->area + v->off : NULL;
}

void fs_keep_change(struct fs_keep *k, struct fs_kept *h, const struct fs_keep_change *c)
{
	struct fs_kept_version v;
	uint64_t before;
	uint32_t before_cap;

	if (!k || !h)
		return;
	v = *fs_keep_version(h);
	before = v.off;
	before_cap = v.cap;
	if (c->text_len > v.cap) {
		v.off = fs_keep_alloc(k, c->text_len, &v.cap);
		if (!v.off) {
			h->lost = 1;
			return;
		}
		if (before)
			memcpy(k->area + v.off, k->area + before, v.len);
	}
	if (c->text_len > v.len && v.off) /* a gap, unless it is written below */
		memset(k->area + v.off + v.len, 0, c->text_len - v.len);
	if (c->len)
		memcpy(k->area + v.off + c->at, c->data, c->len);
	v.len = (uint32_t)c->text_len;
	if (c->state)
		memcpy(v.state, c->state, FS_KEEP_STATE);
	v.unique = c->unique & ~FS_KEEP_RESEND;
	v.has_text |= c->written;
	h->version[(h->cur & 1) ^ 1] = v;
	fs_keep_barrier();
	h->cur = (h->cur & 1) ^ 1;
	fs_keep_barrier();
	if (before != v.off)
		fs_keep_give_back(k, before, before_cap);
}

void fs_keep_write(struct fs_keep *k, struct fs_kept *h, const struct fs_keep_change *c, const void *text)
{
	struct fs_keep_change all = *c;

	if (!k || !h)
		return;
	all.written = true;
	if (!fs_keep_version(h)->has_text) {
		all.data = text;
		all.len = c->text_len;
		all.at = 0;
	}
	fs_keep_change(k, h, &all);
}

void fs_keep_state(struct fs_keep *k, struct fs_kept *h, const void *state, uint64_t unique)
{
	if (k && h)
		fs_keep_change(k, h, &(struct fs_keep_change){ .state = state, .text_len = fs_keep_version(h)->len,
							       .unique = unique ? unique : fs_keep_version(h)->unique });
}
