/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archives lie below STATE/images-incoming as they were written, so that rsync finds its bytes again, and are handed to
 * the importer when a writer closes them or a scratch name becomes a real one. Images are shown from the importer's list.
 */
#include "fs/images.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "fs/frame.h"
#include "fs/hstate.h"
#include "fs/names.h"

struct fs_images {
	struct fs *fs;
	int dir; /* owned: STATE/images-incoming */
};

int fs_images_new(struct fs *fs, struct error *err)
{
	struct fs_images *im = calloc(1, sizeof(*im));

	if (!im)
		return error_set(err, -ENOMEM, "out of memory");
	im->fs = fs;
	fs->images = im;
	im->dir = openat(fs->state_fd, "images-incoming", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return im->dir < 0 ? error_errno(err, -errno, "cannot open %s/images-incoming", fs->config.state_dir) : 0;
}

void fs_images_free(struct fs_images *im)
{
	if (!im)
		return;
	close_fdp(&im->dir);
	free(im);
}

/* --- names of images as names of directories --- */

static void encode_name(const char *name, struct buf *out)
{
	for (; *name; name++) {
		if (*name == '/')
			buf_puts(out, "%2F");
		else if (*name == '%')
			buf_puts(out, "%25");
		else
			buf_putc(out, *name);
	}
}

static void decode_name(const char *file, struct buf *out)
{
	for (; *file; file++) {
		if (strncasecmp(file, "%2F", 3) == 0) {
			buf_putc(out, '/');
			file += 2;
		} else if (strncmp(file, "%25", 3) == 0) {
			buf_putc(out, '%');
			file += 2;
		} else {
			buf_putc(out, *file);
		}
	}
}

/* A copy of what the importer says of one image. */
struct image {
	char *name, *digest; /* owned; no digest: it is being pulled */
	struct buf layers;   /* a line each */
	uint64_t done, total;
	int64_t size, created;
};

static void image_clear(struct image *im)
{
	free(im->name);
	free(im->digest);
	buf_clear(&im->layers);
}

struct search {
	const char *name;
	struct image *found;
	bool have;
};

static int match_image(void *arg, const struct fs_image *image)
{
	struct search *s = arg;

	if (s->have || strcmp(image->name, s->name) != 0)
		return 0;
	s->have = true;
	s->found->name = strdup(image->name);
	s->found->digest = image->digest ? strdup(image->digest) : NULL;
	s->found->done = image->done;
	s->found->total = image->total;
	s->found->size = image->size;
	s->found->created = image->created;
	for (size_t i = 0; image->layers && image->layers[i]; i++)
		buf_printf(&s->found->layers, "%s\n", image->layers[i]);
	return s->found->name && (s->found->digest || !image->digest) && !buf_failed(&s->found->layers) ? 0 : -ENOMEM;
}

static int find_image(struct fs *fs, const char *file, struct image *ret)
{
	_cleanup_buf_ struct buf name = BUF_INIT;
	struct search s = { .found = ret };
	int r;

	*ret = (struct image){ .layers = BUF_INIT };
	if (!fs->config.images || !fs->config.images->list)
		return -ENOENT;
	decode_name(file, &name);
	s.name = buf_str(&name);
	r = fs->config.images->list(fs->config.images_arg, match_image, &s);
	return r < 0 ? r : s.have ? 0 : -ENOENT;
}

/* Whether a volume of the pod is made of it. */
static bool is_mounted(struct fs *fs, const struct image *im, const struct object *pod)
{
	const struct value *volumes = object_path(pod, "spec", "volumes");
	const struct fs_images_ops *ops = fs->config.images;
	bool any = false;

	for (size_t i = 0; im->digest && i < value_len(volumes); i++) {
		const char *reference = value_str(value_path(value_at(volumes, i), "image", "reference"));

		any |= reference != NULL;
		if (reference && ops->means && ops->means(fs->config.images_arg, reference, im->digest))
			return true;
	}
	return any && ops->mounts && ops->mounts(fs->config.images_arg, object_uid(pod), im->digest);
}

/* Appends "NAMESPACE/NAME" of each pod that runs or mounts the image, with `between` between them. */
static int used_by(struct fs *fs, const struct image *im, const char *between, struct buf *out)
{
	_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;
	static const char *const lists[] = { "initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses" };
	int r = cache_list(fs->cache, schema_kind_by_plural("pods"), NULL, &pods);

	for (size_t i = 0; r == 0 && i < pods.n; i++) {
		bool uses = is_mounted(fs, im, pods.items[i]);

		for (size_t l = 0; l < ARRAY_SIZE(lists); l++) {
			const struct value *statuses = object_path(pods.items[i], "status", lists[l]);

			for (size_t c = 0; c < value_len(statuses); c++)
				uses |= strstr(value_str_or(value_get(value_at(statuses, c), "imageID"), ""), im->digest) !=
					NULL;
		}
		if (uses)
			buf_printf(out, "%s%s/%s", out->len ? between : "", object_namespace(pods.items[i]),
				   object_name(pods.items[i]));
	}
	return r;
}

/* --- images/NAME/FILE --- */

static const char *const image_files[] = { "digest", "layers", "size", "usedBy", "progress" };

/* "pulling, 1048576 of 4194304 bytes": what has come so far of an image that is on its way. */
static void render_progress(const struct image *im, struct buf *out)
{
	if (im->total)
		buf_printf(out, "pulling, %" PRIu64 " of %" PRIu64 " bytes\n", im->done < im->total ? im->done : im->total,
			   im->total);
	else
		buf_puts(out, "pulling, the registry has been asked\n");
}

/* One that is on its way has its progress and nothing else. */
static bool has_file(const struct image *im, const char *name)
{
	return !im->digest == (strcmp(name, "progress") == 0);
}

static int image_file_render(struct fs_node *n, struct buf *out)
{
	_cleanup_(image_clear) struct image im;
	int r = find_image(n->fs, n->parent->name, &im);

	if (r < 0)
		return r;
	if (!has_file(&im, n->name))
		r = -ENOENT;
	else if (!im.digest)
		render_progress(&im, out);
	else if (strcmp(n->name, "digest") == 0)
		buf_printf(out, "%s\n", im.digest);
	else if (strcmp(n->name, "size") == 0)
		buf_printf(out, "%" PRId64 "\n", im.size);
	else if (strcmp(n->name, "layers") == 0)
		buf_puts(out, buf_str(&im.layers));
	else
		r = used_by(n->fs, &im, "\n", out);
	if (r == 0 && out->len && out->data[out->len - 1] != '\n')
		buf_putc(out, '\n');
	return r;
}

static int image_file_getattr(struct fs_node *n, struct fs_attr *a)
{
	_cleanup_(image_clear) struct image im;
	int r = find_image(n->fs, n->parent->name, &im);

	if (r == 0 && !has_file(&im, n->name))
		return -ENOENT;
	return r < 0 ? r : fs_attr_render(n, a, 0444, im.created);
}

static const struct fs_ops image_file_ops = { .region = "image", .getattr = image_file_getattr,
					      .render = image_file_render };

static int image_getattr(struct fs_node *n, struct fs_attr *a)
{
	_cleanup_(image_clear) struct image im;
	int r = find_image(n->fs, n->name, &im);

	if (r == 0)
		fs_attr_dir(n, a, 0755, im.created);
	return r;
}

static int image_lookup(struct fs_node *dir, const char *name, struct fs_node **ret)
{
	_cleanup_(image_clear) struct image im;
	char id[64];
	int r = find_image(dir->fs, dir->name, &im);

	if (r < 0 || !has_file(&im, name))
		return r < 0 ? r : -ENOENT;
	(void)snprintf(id, sizeof(id), "/image/%" PRIx64, dir->ino);
	for (size_t i = 0; i < ARRAY_SIZE(image_files); i++)
		if (strcmp(name, image_files[i]) == 0)
			return fs_node_get(dir, name, fs_ino(dir->fs, id, name), &image_file_ops, ret, NULL);
	return -ENOENT;
}

static int image_readdir(struct fs_node *dir, struct fs_listing *l)
{
	_cleanup_(image_clear) struct image im;
	int r = find_image(dir->fs, dir->name, &im);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(image_files); i++)
		if (has_file(&im, image_files[i]))
			r = fs_listing_add(l, image_files[i], S_IFREG, 0);
	return r;
}

/* rm -r empties a directory first; what an image is made of goes with it. */
static void image_unlink(struct fs_req *r, struct fs_node *dir, const char *name)
{
	fs_reply_err(r, 0);
}

static const struct fs_ops image_ops = {
	.region = "image",
	.getattr = image_getattr,
	.lookup = image_lookup,
	.readdir = image_readdir,
	.unlink = image_unlink,
};

/* --- work of the importer: it ends on any thread, its answer is given on the loop --- */

struct job {
	struct fs_task task;
	struct fs *fs;
	struct fs_req *r;
	struct fs_node *dir;  /* owned reference */
	char *name, *message; /* owned */
	int fd;		      /* owned, or -1 */
	int result;
	bool import;
};

static void on_job(struct fs_task *t)
{
	struct job *j = container_of(t, struct job, task);
	_cleanup_buf_ struct buf path = BUF_INIT;

	if (j->result < 0) {
		fs_child_path(j->dir, j->name, &path);
		fs_errors_add(j->fs, j->r, "default", buf_str(&path), "%s", j->message ? j->message : strerror(-j->result));
		if (j->import) /* what is no image has no place here */
			(void)unlinkat(j->fs->images->dir, j->name, 0); /* ignoring: the refusal is told */
	}
	fs_loop_release(j->fs);
	fs_reply_err(j->r, j->result);
	fs_node_unref(j->dir);
	close_fdp(&j->fd);
	free(j->name);
	free(j->message);
	free(j);
}

/* Any thread. */
static void job_done(void *arg, int result, const char *message)
{
	struct job *j = arg;

	j->result = result;
	j->message = message ? strdup(message) : NULL;
	fs_post(j->fs, &j->task);
}

static struct job *new_job(struct fs_req *r, struct fs_node *dir, const char *name, bool import)
{
	struct job *j = calloc(1, sizeof(*j));

	if (!j)
		return NULL;
	*j = (struct job){ .task.fn = on_job, .fs = dir->fs, .r = r, .dir = fs_node_ref(dir), .name = strdup(name),
			   .fd = -1, .import = import };
	if (j->name) {
		fs_loop_hold(dir->fs); /* until on_job() */
		return j;
	}
	fs_node_unref(dir);
	free(j);
	return NULL;
}

/* Imports the archive of that name and answers with the outcome. */
static void start_import(struct fs_req *r, struct fs_node *dir, const char *name)
{
	struct fs *fs = dir->fs;
	struct job *j = new_job(r, dir, name, true);
	int err;

	if (!j) {
		fs_reply_err(r, -ENOMEM);
		return;
	}
	j->fd = openat(fs->images->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	err = j->fd < 0 ? -errno : !fs->config.images || !fs->config.images->import_start ? -EOPNOTSUPP : 0;
	fs_req_park(r, NULL, NULL);
	if (err == 0)
		err = fs->config.images->import_start(fs->config.images_arg, j->fd, name, job_done, j);
	if (err < 0)
		job_done(j, err, NULL);
}

/* --- archives --- */

static void keep_archive(struct fs_handle *h);
static const struct fs_ops archive_ops;

struct afile {
	int fd; /* owned */
	enum fs_hstate state;
	int refused;
};

static bool is_scratch(const char *name)
{
	return fs_name_classify(name) == FS_NAME_SCRATCH;
}

static int archive_getattr(struct fs_node *n, struct fs_attr *a)
{
	struct stat st;

	if (fstatat(n->fs->images->dir, n->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	*a = (struct fs_attr){ .mode = st.st_mode, .uid = st.st_uid, .gid = st.st_gid, .size = (uint64_t)st.st_size,
			       .mtime = st.st_mtim.tv_sec * NSEC_PER_SEC + st.st_mtim.tv_nsec, .ttl = FS_TTL };
	return 0;
}

static void archive_setattr(struct fs_req *r, struct fs_node *n, const struct fs_attr *a, unsigned set,
			    struct fs_handle *h)
{
	_cleanup_close_ int fd = openat(n->fs->images->dir, n->name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = (time_t)(a->mtime / NSEC_PER_SEC),
								  .tv_nsec = (long)(a->mtime % NSEC_PER_SEC) } };
	struct afile *f = h ? h->data : NULL;
	int err = fd < 0 ? -errno : 0;

	if (err == 0 && set & FS_SET_SIZE) {
		err = ftruncate(fd, (off_t)a->size) < 0 ? -errno : 0;
		if (f && err == 0)
			(void)fs_hstate_next(&f->state, FS_H_WRITE); /* it asks for nothing */
	}
	if (err == 0 && ((set & (FS_SET_UID | FS_SET_GID) &&
			  fchown(fd, set & FS_SET_UID ? a->uid : (uid_t)-1, set & FS_SET_GID ? a->gid : (gid_t)-1) < 0) ||
			 (set & FS_SET_MODE && fchmod(fd, a->mode & 0777) < 0) ||
			 (set & FS_SET_MTIME && futimens(fd, times) < 0)))
		err = -errno;
	if (err < 0)
		fs_reply_err(r, err);
	else
		fs_reply_attr(r, n);
}

static struct afile *open_archive(struct fs *fs, const char *name, int flags, mode_t mode, int *ret_err)
{
	struct afile *f = malloc(sizeof(*f));

	if (!f) {
		*ret_err = -ENOMEM;
		return NULL;
	}
	f->fd = openat(fs->images->dir, name,
		       ((flags & O_ACCMODE) == O_RDONLY ? O_RDONLY : O_RDWR) | (flags & (O_TRUNC | O_CREAT | O_EXCL)) |
			       O_CLOEXEC | O_NOFOLLOW,
		       mode & 0777);
	f->state = flags & (O_TRUNC | O_CREAT) ? FS_H_FRESH : FS_H_CLEAN;
	f->refused = 0;
	if (f->fd >= 0)
		return f;
	*ret_err = -errno;
	free(f);
	return NULL;
}

static void archive_open(struct fs_req *r, struct fs_node *n, struct fs_handle *h)
{
	int err = 0;

	h->data = open_archive(n->fs, n->name, h->flags & ~(O_CREAT | O_EXCL), 0, &err);
	h->cached = !fs_handle_writes(h); /* plain bytes of a file: the kernel may keep them */
	if (h->data)
		fs_reply_open(r, h);
	else
		fs_reply_err(r, err);
}

static void archive_read(struct fs_req *r, struct fs_handle *h, size_t size, uint64_t off)
{
	const struct afile *f = h->data;
	_cleanup_free_ char *b = malloc(size);
	ssize_t n = b ? pread(f->fd, b, size, (off_t)off) : -1;

	if (n < 0)
		fs_reply_err(r, b ? -errno : -ENOMEM);
	else
		fs_reply_buf(r, b, (size_t)n);
}

static void archive_write(struct fs_req *r, struct fs_handle *h, const char *data, size_t size, uint64_t off)
{
	struct afile *f = h->data;
	struct stat st;
	ssize_t n;

	if (h->flags & O_APPEND)
		off = fstat(f->fd, &st) == 0 ? (uint64_t)st.st_size : off;
	n = pwrite(f->fd, data, size, (off_t)off);
	if (n < 0) {
		fs_reply_err(r, -errno);
		return;
	}
	if (f->state != FS_H_DIRTY) {
		(void)fs_hstate_next(&f->state, FS_H_WRITE); /* it asks for nothing */
		keep_archive(h);
	}
	fs_reply_write(r, (size_t)n);
}

static void archive_flush(struct fs_req *r, struct fs_handle *h, bool same_process)
{
	struct afile *f = h->data;
	enum fs_hevent event = same_process ? FS_H_FLUSH : FS_H_FLUSH_OTHER;

	if (event == FS_H_FLUSH && f->state == FS_H_DIRTY && fs_req_is_killed(r))
		event = FS_H_FLUSH_KILLED;
	if (fs_hstate_next(&f->state, event) == FS_H_COMMIT && !is_scratch(h->node->name)) {
		start_import(r, h->node->parent, h->node->name);
	} else {
		keep_archive(h);
		fs_reply_err(r, 0);
	}
}

static void archive_release(struct fs_handle *h)
{
	struct afile *f = h->data;

	close_fdp(&f->fd);
	free(f);
}

/* Its state as a byte. A handle whose import is under way is kept as dirty: the call comes again, and so does the import. */
static void keep_archive(struct fs_handle *h)
{
	const struct afile *f = h->data;
	uint8_t state[FS_KEEP_STATE] = { (uint8_t)f->state };

	if (h->kept)
		fs_keep_state(h->fs->keep, h->kept, state, 0);
}

static void archive_keep(struct fs_handle *h)
{
	h->kept->region = FS_KEPT_ARCHIVE;
	keep_archive(h);
}

int fs_archive_restore(struct fs_handle *h, const struct fs_takeover_place *at)
{
	struct fs_node *n = fs_takeover_node(h->fs, at->ino);
	int r = 0;

	if (!n || n->ops != &archive_ops)
		return -ESTALE;
	h->data = open_archive(n->fs, n->name, h->flags & O_ACCMODE, 0, &r);
	if (!h->data)
		return r;
	((struct afile *)h->data)->state = fs_keep_version(h->kept)->state[0];
	h->cached = !fs_handle_writes(h);
	h->ops = n->ops;
	h->node = fs_node_ref(n);
	return 0;
}

static const struct fs_ops archive_ops = {
	.keep = archive_keep,
	.region = "archive",
	.getattr = archive_getattr,
	.setattr = archive_setattr,
	.open = archive_open,
	.read = archive_read,
	.write = archive_write,
	.flush = archive_flush,
	.release = archive_release,
};

/* --- images/ --- */

static int dir_getattr(struct fs_node *n, struct fs_attr *a)
{
	struct stat st;

	if (fstat(n->fs->images->dir, &st) < 0)
		return -errno;
	*a = (struct fs_attr){ .mode = S_IFDIR | 0755, .ttl = FS_TTL,
			       .mtime = st.st_mtim.tv_sec * NSEC_PER_SEC + st.st_mtim.tv_nsec };
	return 0;
}

static int dir_lookup(struct fs_node *dir, const char *name, struct fs_node **ret)
{
	_cleanup_(image_clear) struct image im = { .layers = BUF_INIT };
	struct statx st;
	char id[96];

	if (statx(dir->fs->images->dir, name, AT_SYMLINK_NOFOLLOW, STATX_INO | STATX_BTIME | STATX_TYPE, &st) == 0) {
		(void)snprintf(id, sizeof(id), "%" PRIu64 "/%" PRId64 ".%u", (uint64_t)st.stx_ino,
			       (int64_t)st.stx_btime.tv_sec, st.stx_btime.tv_nsec);
		return fs_node_get(dir, name, fs_ino(dir->fs, "/archive", id), &archive_ops, ret, NULL);
	}
	if (find_image(dir->fs, name, &im) < 0)
		return -ENOENT;
	(void)snprintf(id, sizeof(id), "%" PRId64, im.created);
	return fs_node_get(dir, name, fs_ino(dir->fs, id, im.name), &image_ops, ret, NULL);
}

static int list_image(void *arg, const struct fs_image *image)
{
	_cleanup_buf_ struct buf name = BUF_INIT;

	encode_name(image->name, &name);
	return buf_failed(&name) ? -ENOMEM : fs_listing_add(arg, buf_str(&name), S_IFDIR, 0);
}

static int dir_readdir(struct fs_node *dir, struct fs_listing *l)
{
	_cleanup_closedir_ DIR *d = NULL;
	int fd = openat(dir->fs->images->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	struct dirent *de;

	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		close_fdp(&fd);
		return -EIO;
	}
	while (r == 0 && (de = readdir(d)))
		if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0)
			r = fs_listing_add(l, de->d_name, S_IFREG, 0);
	if (r == 0 && dir->fs->config.images && dir->fs->config.images->list)
		r = dir->fs->config.images->list(dir->fs->config.images_arg, list_image, l);
	return r;
}

static bool is_image(struct fs *fs, const char *name)
{
	_cleanup_(image_clear) struct image im;

	return find_image(fs, name, &im) == 0;
}

static void dir_create(struct fs_req *r, struct fs_node *dir, const char *name, mode_t mode, int flags)
{
	_cleanup_fs_node_ struct fs_node *n = NULL;
	int err = is_image(dir->fs, name) ? -EEXIST : fs_name_classify(name) == FS_NAME_BAD ? -EINVAL : 0;
	struct afile *f = err < 0 ? NULL : open_archive(dir->fs, name, flags | O_CREAT, mode, &err);

	if (f)
		err = dir_lookup(dir, name, &n);
	if (err == 0) {
		fs_reply_create(r, n, f);
		return;
	}
	if (f)
		close_fdp(&f->fd);
	free(f);
	fs_reply_err(r, err);
}

static void dir_unlink(struct fs_req *r, struct fs_node *dir, const char *name)
{
	fs_reply_err(r, unlinkat(dir->fs->images->dir, name, 0) < 0 ? -errno : 0);
}

static void dir_rename(struct fs_req *r, struct fs_node *dir, const char *name, struct fs_node *newdir,
		       const char *newname, unsigned flags)
{
	_cleanup_fs_node_ struct fs_node *n = NULL;
	int fd = dir->fs->images->dir, err = 0;

	if (newdir != dir || is_image(dir->fs, name) || is_image(dir->fs, newname)) {
		fs_refuse(r, -EPERM, dir, name, "only archives can be renamed, and only within images/");
		return;
	}
	(void)dir_lookup(dir, name, &n); /* ignoring: renameat2 tells */
	if (renameat2(fd, name, fd, newname, flags) < 0)
		err = -errno;
	if (err == 0 && n)
		err = fs_node_move(n, dir, newname);
	if (err == 0 && is_scratch(name) && !is_scratch(newname))
		start_import(r, dir, newname);
	else
		fs_reply_err(r, err);
}

static void dir_rmdir(struct fs_req *r, struct fs_node *dir, const char *name)
{
	_cleanup_(image_clear) struct image im;
	_cleanup_buf_ struct buf users = BUF_INIT;
	struct fs *fs = dir->fs;
	struct job *j;
	int err = find_image(fs, name, &im);

	if (err == 0 && !im.digest) {
		fs_refuse(r, -EBUSY, dir, name, "the image is being pulled; it ends when no pod wants it");
		return;
	}
	if (err == 0)
		err = used_by(fs, &im, ", ", &users);
	if (err == 0 && users.len) {
		fs_refuse(r, -EBUSY, dir, name, "the image is used by %s", users.data);
		return;
	}
	if (err == 0 && !fs->config.images->remove_start)
		err = -EOPNOTSUPP;
	j = err == 0 ? new_job(r, dir, name, false) : NULL;
	if (!j) {
		fs_reply_err(r, err < 0 ? err : -ENOMEM);
		return;
	}
	fs_req_park(r, NULL, NULL);
	err = fs->config.images->remove_start(fs->config.images_arg, im.name, job_done, j);
	if (err < 0)
		job_done(j, err, NULL);
}

const struct fs_ops fs_images_dir_ops = {
	.region = "images",
	.getattr = dir_getattr,
	.lookup = dir_lookup,
	.readdir = dir_readdir,
	.create = dir_create,
	.unlink = dir_unlink,
	.rmdir = dir_rmdir,
	.rename = dir_rename,
};
