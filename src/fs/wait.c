/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NAME/wait/CONDITION: a file that can be read when the condition is True, CONDITION=False and the like when it is that,
 * and wait/delete when the object is gone. The rules are kubectl wait's: names without regard to case, and a condition
 * that the controller saw before the last change of spec does not count.
 */
#include <string.h>

#include "fs/objdir.h"
#include "fs/stream.h"
#include "store/drain.h"

static const char deletion[] = "delete";

enum verdict { WAIT_ON, WAIT_MET, WAIT_NEVER };

static const struct value *find_condition(const struct value *root, const char *type, size_t len)
{
	const struct value *list = value_path(root, "status", "conditions");

	for (size_t i = 0; i < value_len(list); i++) {
		const char *is = value_str_or(value_get(value_at(list, i), "type"), "");

		if (strlen(is) == len && strncasecmp(is, type, len) == 0)
			return value_at(list, i);
	}
	return NULL;
}

static bool is_true(const struct value *root, const char *type)
{
	const struct value *c = find_condition(root, type, strlen(type));

	return strcasecmp(value_str_or(value_get(c, "status"), ""), "True") == 0;
}

/* Whether whoever sets the condition has seen the object's last generation; true where it does not say. */
static bool is_current(const struct value *root, const struct value *condition)
{
	int64_t is = value_int(value_path(root, "metadata", "generation"), 0);
	const struct value *seen = value_get(condition, "observedGeneration");

	if (!seen)
		seen = value_path(root, "status", "observedGeneration");
	return !seen || value_int(seen, 0) >= is;
}

static bool is_kind(const struct object *o, const char *plural)
{
	return strcmp(object_kind(o)->plural, plural) == 0;
}

/* A drain that nobody asked for, or that may not evict what is there. */
static void judge_drain(const struct object *node, struct buf *why)
{
	const struct value *c = find_condition(object_root(node), NODE_DRAINED, strlen(NODE_DRAINED));
	struct drain_options opts;

	if (!drain_of(node, &opts))
		buf_puts(why, "the node is not being drained");
	else if (strcmp(value_str_or(value_get(c, "reason"), ""), DRAIN_REFUSED) == 0)
		buf_puts(why, value_str_or(value_get(c, "message"), ""));
}

/* Why a condition that is not so can never become so. */
static bool is_hopeless(const struct object *o, const char *type, size_t len, struct buf *why)
{
	const struct value *root = object_root(o);
	const char *phase = value_str_or(value_path(root, "status", "phase"), "");
	const struct value *progressing = find_condition(root, "Progressing", strlen("Progressing"));

	if (!object_kind(o)->has_status) {
		buf_printf(why, "a %s has no conditions", object_kind(o)->kind);
	} else if (is_kind(o, "pods") && (strcmp(phase, "Failed") == 0 || strcmp(phase, "Succeeded") == 0)) {
		buf_printf(why, "the pod has ended: its phase is %s", phase);
	} else if (is_kind(o, "nodes") && len == strlen(NODE_DRAINED) && strncasecmp(type, NODE_DRAINED, len) == 0) {
		judge_drain(o, why);
	} else if (is_kind(o, "jobs") && is_true(root, "Failed")) {
		buf_printf(why, "the job has failed: %s",
			   value_str_or(value_get(find_condition(root, "Failed", strlen("Failed")), "message"), ""));
	} else if (is_kind(o, "jobs") && is_true(root, "Complete")) {
		buf_puts(why, "the job is complete");
	} else if (is_kind(o, "deployments") && !(len == 14 && strncasecmp(type, "ReplicaFailure", len) == 0) &&
		   strcmp(value_str_or(value_get(progressing, "reason"), ""), "ProgressDeadlineExceeded") == 0 &&
		   is_current(root, progressing)) {
		buf_printf(why, "ProgressDeadlineExceeded: %s", value_str_or(value_get(progressing, "message"), ""));
	}
	return why->len > 0;
}

/* o NULL: it is gone. */
static enum verdict judge(const struct object *o, const char *what, struct buf *why)
{
	size_t len = strcspn(what, "=");
	const char *wanted = what[len] ? what + len + 1 : "True";
	const struct value *c;

	if (strcmp(what, deletion) == 0)
		return o ? WAIT_ON : WAIT_MET;
	if (!o) {
		buf_puts(why, "the object was deleted");
		return WAIT_NEVER;
	}
	c = find_condition(object_root(o), what, len);
	if (c && strcasecmp(value_str_or(value_get(c, "status"), ""), wanted) == 0 && is_current(object_root(o), c))
		return WAIT_MET;
	return is_hopeless(o, what, len, why) ? WAIT_NEVER : WAIT_ON;
}

static int fill(struct fs_stream *s, size_t want)
{
	const struct fs_node *n = s->h->node;
	_cleanup_object_ struct object *o = fs_obj_get(n);
	_cleanup_buf_ struct buf why = BUF_INIT, path = BUF_INIT;
	char what[FIELD_KEY_MAX + 1];
	struct writer who;

	if (!field_decode(n->name, what))
		return -ENOENT; /* not so: it was looked up */
	switch (judge(o, what, &why)) {
	case WAIT_ON:
		break;
	case WAIT_MET:
		if (o)
			buf_printf(&s->out, "%s\n", strchr(what, '=') ? strchr(what, '=') + 1 : "True");
		else
			buf_puts(&s->out, "deleted\n");
		s->ended = true;
		break;
	case WAIT_NEVER:
		fs_node_path(n, &path);
		who = fs_handle_writer(s->h, NULL);
		who.pid = s->h->pid; /* where it was noted */
		fs_errors_add_by(n->fs, &who, n->ns, buf_str(&path), "waiting is in vain: %s", buf_str(&why));
		s->ended = true;
		s->error = -EIO;
		break;
	}
	return 0;
}

const struct fs_stream_type fs_wait_stream = { .size = sizeof(struct fs_stream), .fill = fill };

static int file_getattr(struct fs_node *n, struct fs_attr *a)
{
	fs_attr_file(n, a, S_IFREG | 0444, n->fs->started);
	return 0;
}

const struct fs_ops fs_wait_ops = {
	.region = "wait",
	.getattr = file_getattr,
	.open = fs_stream_open,
	.read = fs_stream_read,
	.release = fs_stream_release,
	.keep = fs_stream_keep,
	.poll = fs_stream_poll,
};

/* --- the directory: it lists nothing, so that nothing that reads trees waits --- */

static int dir_getattr(struct fs_node *n, struct fs_attr *a)
{
	fs_attr_dir(n, a, 0555, n->fs->started);
	return 0;
}

/* A condition's name has the form of a label's key; "/" is %2F, as elsewhere. */
static int dir_lookup(struct fs_node *dir, const char *name, struct fs_node **ret)
{
	_cleanup_object_ struct object *o = fs_obj_get(dir);
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._%=";
	char what[FIELD_KEY_MAX + 1];

	if (!o || !*name || *name == '.' || *name == '=' || strspn(name, letters) != strlen(name) || !field_decode(name, what))
		return -ENOENT;
	return fs_obj_node(dir, name, &fs_wait_ops, ret, NULL);
}

static int dir_readdir(struct fs_node *dir, struct fs_listing *l)
{
	return 0;
}

const struct fs_ops fs_wait_dir_ops = {
	.region = "wait",
	.getattr = dir_getattr,
	.lookup = dir_lookup,
	.readdir = dir_readdir,
	.unlink = fs_obj_unlink,
	.rmdir = fs_obj_rmdir,
};
