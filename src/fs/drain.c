/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One change of the Node each: spec.unschedulable, the annotation that asks for a drain, and the condition that tells how far
 * it is, so that a wait for that sees none of an earlier one.
 */
#include "fs/drain.h"

#include <string.h>

#include "base/clock.h"
#include "fs/actions.h"
#include "fs/edit.h"
#include "store/drain.h"

struct cordon {
	struct fs_req *r;
	struct fs_node *dir; /* owned reference */
	const char *name;    /* of the file */
	char uid[OBJECT_UID_SIZE];
	size_t size;
	unsigned tries;
	bool cordon, drain;
	struct drain_options opts;
};

static void finish(struct cordon *c, int result, const char *why)
{
	if (result < 0)
		fs_refuse(c->r, result, c->dir, c->name, "%s", why && *why ? why : strerrordesc_np(-result));
	else
		fs_reply_write(c->r, c->size);
	fs_node_unref(c->dir);
	free(c);
}

static void change(struct cordon *c, struct arena *a, struct value *root, int64_t now)
{
	struct value *spec = value_set_map(a, root, "spec"), *annotations = value_path(root, "metadata", "annotations");
	char text[DRAIN_TEXT_MAX];

	if (c->cordon) {
		value_set_bool(a, spec, "unschedulable", true);
	} else {
		value_remove(spec, "unschedulable");
		if (value_remove(annotations, NODE_DRAIN) && !value_len(annotations))
			value_remove(value_get(root, "metadata"), "annotations");
		drain_set_condition(a, root, NULL, "", "", now);
	}
	if (!c->drain)
		return;
	c->opts.since = now / NSEC_PER_SEC;
	value_set_str(a, value_make_path(a, root, "metadata", "annotations"), NODE_DRAIN, drain_format(&c->opts, text));
	drain_set_condition(a, root, "False", "Draining", "", now);
}

/* Whether a drain would do what nobody should do unasked: the reason, in `a`; "" when not. */
static int review(const struct cordon *c, const struct object *node, struct arena *a, const char **ret_why)
{
	_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;
	struct cache *cache = c->dir->fs->cache;
	struct drain_plan plan;
	int r = drain_list_pods(cache, object_name(node), &pods);

	if (r == 0)
		r = drain_review(cache, &pods, &c->opts, a, &plan);
	if (r < 0)
		return r;
	*ret_why = plan.refusal;
	return *plan.refusal ? -EBUSY : 0;
}

static void try_change(struct cordon *c);

static void on_changed(struct fs *fs, void *arg, int result, uint64_t rev)
{
	struct cordon *c = arg;

	if (result == -ESTALE && ++c->tries < FS_EDIT_RETRIES)
		try_change(c);
	else
		finish(c, result == -ESTALE ? -EAGAIN : result, NULL);
}

static void try_change(struct cordon *c)
{
	struct fs *fs = c->dir->fs;
	struct writer who = fs_req_writer(c->r);
	_cleanup_object_ struct object *node = fs_live_get(fs, c->uid);
	_cleanup_txn_ struct txn *t = node ? txn_new(fs->registry, &who) : NULL;
	struct value *root = t ? value_copy(txn_arena(t), object_root(node)) : NULL;
	const char *why = NULL;
	int r = root ? 0 : node ? -ENOMEM : -ENOENT;

	if (r == 0 && c->drain)
		r = review(c, node, txn_arena(t), &why);
	if (r == 0) {
		change(c, txn_arena(t), root, registry_now(fs->registry));
		r = arena_failed(txn_arena(t)) ? -ENOMEM : txn_update(t, node, root, TXN_BOTH, NULL);
	}
	if (r == 0 && txn_empty(t)) {
		finish(c, 0, NULL);
		return;
	}
	if (r == 0)
		r = fs_txn_submit(fs, t, 0, on_changed, c);
	if (r < 0)
		finish(c, r, why);
}

static void start(struct fs_req *r, struct fs_handle *h, const char *data, size_t size, bool cordon, bool drain)
{
	char text[FS_ACTION_MAX];
	struct cordon *c = calloc(1, sizeof(*c));
	bool valid = fs_action_text(data, size, text);

	if (!c) {
		fs_reply_err(r, -ENOMEM);
		return;
	}
	if (!valid || (drain ? drain_parse(text, &c->opts) < 0 : *text && strcmp(text, "1") != 0 && strcmp(text, "true") != 0)) {
		free(c);
		fs_refuse(r, -EINVAL, h->node->parent, h->node->name, "expected %s",
			  drain ? "force, delete-emptydir-data, grace=SECONDS, or an empty line" : "an empty line");
		return;
	}
	c->r = r;
	c->dir = fs_node_ref(h->node->parent);
	c->name = drain ? "drain" : cordon ? "cordon" : "uncordon";
	c->size = size;
	c->cordon = cordon;
	c->drain = drain;
	(void)snprintf(c->uid, sizeof(c->uid), "%s", fs_obj_uid(h->node));
	fs_req_park(r, NULL, NULL);
	try_change(c);
}

static void cordon_write(struct fs_req *r, struct fs_handle *h, const char *data, size_t size, uint64_t off)
{
	start(r, h, data, size, true, false);
}

static void uncordon_write(struct fs_req *r, struct fs_handle *h, const char *data, size_t size, uint64_t off)
{
	start(r, h, data, size, false, false);
}

static void drain_write(struct fs_req *r, struct fs_handle *h, const char *data, size_t size, uint64_t off)
{
	start(r, h, data, size, true, true);
}

#define ACTION(fn) { .region = "action", .getattr = fs_action_getattr, .render = fs_action_render, .write = (fn) }
const struct fs_ops fs_cordon_ops = ACTION(cordon_write);
const struct fs_ops fs_uncordon_ops = ACTION(uncordon_write);
const struct fs_ops fs_drain_ops = ACTION(drain_write);
