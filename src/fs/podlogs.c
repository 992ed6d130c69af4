/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pod's logs/. On disk each run of a container has files of its own, LOG_DIR/NS_POD_UID/CONTAINER/RUN.log and what was
 * rotated away from it (fs/logchain.h). The newest is CONTAINER, that of the run before CONTAINER.previous, older ones
 * CONTAINER.RUN; CONTAINER.RUN.N is what was rotated away from any of them.
 *
 * CONTAINER begins where the newest file does, and to who has it open it goes on when that is rotated: `tail -f` needs not
 * notice. So it is an inode of the kernel's for each file that it may begin with, but stat(2) shows them as one, or
 * `tail -F` would read again what it has read. A run keeps its number when its name changes, as a log does that logrotate(8)
 * renames.
 */
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "fs/keep.h"
#include "fs/logchain.h"
#include "fs/podfiles.h"

struct log {
	char container[64]; /* RFC 1123 label */
	struct logchain chain;
	uint64_t shown; /* as st_ino */
};

/* What a name in logs/ means. */
struct which {
	char container[64];
	unsigned run, number; /* number: of the file that it begins with, or is */
	bool follows;
};

/* --- on disk --- */

/*
 * Opens LOG_DIR/NS_POD_UID/CONTAINER for a node below the pod's directory; -ENOENT where nothing was logged. The pod may be
 * gone: its directory is in LOG_DIR/.gone then, for a while.
 */
static int open_dir(const struct fs_node *at, const char *container)
{
	static const char *const below[] = { "", "/.gone" };
	const char *log_dir = at->fs->config.log_dir;
	int fd = -1;

	if (!log_dir)
		return -ENOENT;
	for (size_t i = 0; i < ARRAY_SIZE(below) && fd < 0; i++) {
		char path[PATH_MAX];
		int n = snprintf(path, sizeof(path), "%s%s/%s_%s_%s/%s", log_dir, below[i], at->ns, fs_obj_dir(at)->name,
				 fs_obj_uid(at), container);

		if (n < 0 || n >= (int)sizeof(path))
			return -ENAMETOOLONG;
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0 && errno != ENOENT)
			break;
	}
	return fd < 0 ? -errno : fd;
}

/* --- names --- */

static const char *const lists[] = { "initContainers", "containers", "ephemeralContainers" };

static bool has_container(const struct object *o, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		if (value_find(object_path(o, "spec", lists[i]), "name", name))
			return true;
	return false;
}

/* "CONTAINER@RUN.N": CONTAINER as it was when the newest file was that; the name by which it is found after a takeover. */
static void follower_name(const struct which *w, char out[static 96])
{
	(void)snprintf(out, 96, "%s@%u.%u", w->container, w->run, w->number);
}

/* Whether the text is that sign, the run, and unless it is 0 the number of a file. */
static bool is_suffix(const char *text, char sign, unsigned run, unsigned number)
{
	char check[32];

	if (number)
		(void)snprintf(check, sizeof(check), "%c%u.%u", sign, run, number);
	else
		(void)snprintf(check, sizeof(check), "%c%u", sign, run);
	return strcmp(text, check) == 0;
}

/* Of what comes after the container's name. */
static int parse_suffix(const struct logfile *files, size_t n, const char *suffix, struct which *w)
{
	unsigned older = 0, last = n ? files[0].run : 0;

	if (!*suffix || (*suffix == '@' && sscanf(suffix, "@%9u.%9u", &w->run, &w->number) == 2)) {
		w->follows = true;
		if (*suffix)
			return w->number && is_suffix(suffix, '@', w->run, w->number) ? 0 : -ENOENT;
		w->run = last;
		w->number = logfiles_next(files, n, last);
		return 0;
	}
	for (size_t i = 0; i < n; i++) {
		w->run = files[i].run;
		w->number = files[i].number;
		if (w->number && is_suffix(suffix, '.', w->run, w->number))
			return 0;
		if (w->number || w->run == last)
			continue;
		w->number = logfiles_next(files, n, w->run);
		w->follows = true;
		if (++older == 1 ? strcmp(suffix, ".previous") == 0 : is_suffix(suffix, '.', w->run, 0))
			return 0;
		w->follows = false;
	}
	return -ENOENT;
}

static int parse_name(const struct fs_node *dir, const struct object *o, const char *name, struct which *w)
{
	_cleanup_free_ struct logfile *files = malloc(LOGFILES_MAX * sizeof(*files));
	size_t len = strcspn(name, ".@");

	*w = (struct which){ 0 };
	if (!files)
		return -ENOMEM;
	if (len >= sizeof(w->container))
		return -ENOENT;
	memcpy(w->container, name, len);
	if (!has_container(o, w->container))
		return -ENOENT;
	return parse_suffix(files, logfiles_find(open_dir(dir, w->container), files), name + len, w);
}

/* The number that stat(2) shows: one for all that CONTAINER shows of a run. */
static uint64_t shown_ino(const struct fs_node *dir, const struct which *w)
{
	char path[128];

	if (w->follows)
		(void)snprintf(path, sizeof(path), "/log/%s/%u", w->container, w->run);
	else
		(void)snprintf(path, sizeof(path), "/log/%s/%u.%u", w->container, w->run, w->number);
	return fs_ino(dir->fs, fs_obj_uid(dir), path);
}

static uint64_t log_ino(const struct fs_node *dir, const struct which *w)
{
	char path[128];

	if (!w->follows)
		return shown_ino(dir, w);
	(void)snprintf(path, sizeof(path), "/log/%s/%u+%u", w->container, w->run, w->number);
	return fs_ino(dir->fs, fs_obj_uid(dir), path);
}

/* --- files --- */

static int chain_attr(struct fs_node *n, struct fs_attr *a)
{
	struct log *log = n->data;
	_cleanup_close_ int dir = open_dir(n, log->container);
	int r = dir < 0 ? dir : logchain_update(&log->chain, dir);

	if (r < 0 && r != -ENOENT) /* -ENOENT: nothing was logged yet */
		return r;
	fs_attr_file(n, a, S_IFREG | 0444, log->chain.mtime ? log->chain.mtime : n->fs->started);
	a->size = logchain_size(&log->chain);
	a->ino = log->shown;
	a->ttl = FS_TTL_NONE; /* tail -f looks once a second */
	return 0;
}

static int file_getattr(struct fs_node *n, struct fs_attr *a)
{
	_cleanup_object_ struct object *o = fs_live_peek(n->fs, fs_obj_uid(n));

	return o ? chain_attr(n, a) : -ENOENT;
}

/* Who follows the log of a pod that is removed sees its last words. */
static void file_held(struct fs_handle *h, struct fs_attr *a)
{
	(void)chain_attr(h->node, a); /* ignoring a failure: then it seems empty, and read(2) says why */
}

static void file_open(struct fs_req *r, struct fs_node *n, struct fs_handle *h)
{
	if (fs_handle_writes(h))
		fs_reply_err(r, -EROFS);
	else
		fs_reply_open(r, h);
}

/* What the next daemon needs to go on where this one was, though what was read may be gone by then. */
struct kept_log {
	uint64_t start;
	uint32_t number;
};

static void keep_state(struct fs_handle *h)
{
	const struct logchain *c = &((const struct log *)h->node->data)->chain;
	const struct logpart *last = &c->parts[c->n - 1];
	const struct kept_log k = { .start = last->start, .number = last->number };
	uint8_t state[FS_KEEP_STATE] = { 0 };

	_Static_assert(sizeof(k) <= sizeof(state), "room for it");
	memcpy(state, &k, sizeof(k));
	fs_keep_state(h->fs->keep, h->kept, state, 0);
}

static void file_keep(struct fs_handle *h)
{
	h->kept->region = FS_KEPT_LOG;
	keep_state(h);
}

int fs_log_restore(struct fs_handle *h, const struct fs_takeover_place *at)
{
	struct fs_node *n = fs_takeover_node(h->fs, at->ino);
	struct logchain was, *c;
	struct kept_log k;

	if (!n || n->ops->keep != file_keep)
		return -ESTALE;
	h->node = fs_node_ref(n);
	h->ops = n->ops;
	c = &((struct log *)n->data)->chain;
	memcpy(&k, fs_keep_version(h->kept)->state, sizeof(k));
	if (k.number <= c->parts[c->n - 1].number) /* another handle on it knew more */
		return 0;
	was = *c;
	if (logchain_init(c, was.run, k.number, k.start, was.follows) < 0) {
		*c = was;
		return -ENOMEM;
	}
	logchain_clear(&was);
	return 0;
}

static void file_read(struct fs_req *r, struct fs_handle *h, size_t size, uint64_t off)
{
	struct log *log = h->node->data;
	_cleanup_buf_ struct buf out = BUF_INIT;
	_cleanup_close_ int dir = open_dir(h->node, log->container);
	int err = dir < 0 ? dir : logchain_update(&log->chain, dir);

	if (h->kept && log->chain.parts[log->chain.n - 1].start)
		keep_state(h);
	if (err == 0)
		err = logchain_read(&log->chain, dir, off, size, &out);
	if (err < 0 && err != -ENOENT)
		fs_reply_err(r, err);
	else
		fs_reply_buf(r, out.data, out.len);
}

static void file_destroy(struct fs_node *n)
{
	struct log *log = n->data;

	if (log)
		logchain_clear(&log->chain);
	free(log);
}

static const struct fs_ops log_ops = {
	.region = "logs",
	.getattr = file_getattr,
	.destroy = file_destroy,
	.open = file_open,
	.read = file_read,
	.keep = file_keep,
	.held = file_held,
};

/* --- the directory --- */

static int dir_getattr(struct fs_node *n, struct fs_attr *a)
{
	_cleanup_object_ struct object *o = fs_obj_get(n);

	if (!o)
		return -ENOENT;
	fs_attr_dir(n, a, 0555, fs_live_changed(n->fs, o));
	return 0;
}

static struct log *log_new(const struct fs_node *dir, const struct which *w)
{
	struct log *log = calloc(1, sizeof(*log));

	if (!log || logchain_init(&log->chain, w->run, w->number, 0, w->follows) < 0) {
		free(log);
		return NULL;
	}
	memcpy(log->container, w->container, sizeof(log->container));
	log->shown = shown_ino(dir, w);
	return log;
}

static int dir_lookup(struct fs_node *dir, const char *name, struct fs_node **ret)
{
	_cleanup_object_ struct object *o = fs_obj_get(dir);
	_cleanup_fs_node_ struct fs_node *n = NULL;
	char follower[96];
	struct which w;
	bool is_new;
	int r = o ? parse_name(dir, o, name, &w) : -ENOENT;

	if (r == 0 && w.follows)
		follower_name(&w, follower);
	if (r == 0)
		r = fs_node_get(dir, w.follows ? follower : name, log_ino(dir, &w), &log_ops, &n, &is_new);
	if (r < 0)
		return r;
	if (is_new) {
		n->data = log_new(dir, &w);
		if (!n->data)
			return -ENOMEM;
	}
	*ret = steal_ptr(n);
	return 0;
}

static int list_container(struct fs_node *dir, const char *container, struct fs_listing *l)
{
	_cleanup_free_ struct logfile *files = malloc(LOGFILES_MAX * sizeof(*files));
	unsigned older = 0, last;
	struct which w = { 0 };
	size_t n;
	int r;

	if (!files)
		return -ENOMEM;
	if (strlen(container) >= sizeof(w.container))
		return 0;
	memcpy(w.container, container, strlen(container));
	n = logfiles_find(open_dir(dir, container), files);
	w.run = last = n ? files[0].run : 0;
	w.follows = true;
	r = fs_listing_add(l, container, S_IFREG, shown_ino(dir, &w));
	for (size_t i = 0; r == 0 && i < n; i++) {
		char name[96];

		w.run = files[i].run;
		w.number = files[i].number;
		w.follows = !w.number;
		if (w.number)
			(void)snprintf(name, sizeof(name), "%s.%u.%u", container, w.run, w.number);
		else if (w.run == last)
			continue;
		else if (++older == 1)
			(void)snprintf(name, sizeof(name), "%s.previous", container);
		else
			(void)snprintf(name, sizeof(name), "%s.%u", container, w.run);
		r = fs_listing_add(l, name, S_IFREG, shown_ino(dir, &w));
	}
	return r;
}

static int dir_readdir(struct fs_node *dir, struct fs_listing *l)
{
	_cleanup_object_ struct object *o = fs_obj_get(dir);
	int r = o ? 0 : -ENOENT;

	for (size_t k = 0; r == 0 && k < ARRAY_SIZE(lists); k++) {
		const struct value *list = object_path(o, "spec", lists[k]);

		for (size_t i = 0; r == 0 && i < value_len(list); i++)
			r = list_container(dir, value_str_or(value_get(value_at(list, i), "name"), ""), l);
	}
	return r;
}

const struct fs_ops fs_podlogs_ops = {
	.region = "logs",
	.getattr = dir_getattr,
	.lookup = dir_lookup,
	.readdir = dir_readdir,
	.unlink = fs_obj_unlink,
	.rmdir = fs_obj_rmdir,
};
