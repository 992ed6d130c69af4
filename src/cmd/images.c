/* SPDX-License-Identifier: Apache-2.0 */
/* Each import and removal is waited for by a thread of its own; there are few at a time, and none when idle. */
#include "cmd/images.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "base/log.h"
#include "node/volume_images.h"

struct images {
	struct image_store *store;
	const char *state_dir; /* borrowed */
	void (*changed)(void *arg);
	void *arg;
	pthread_mutex_t lock; /* protects running */
	pthread_cond_t ended;
	size_t running;
};

/* One import or removal. */
struct work {
	struct images *images;
	struct image_job *job;
	void (*done)(void *done_arg, int result, const char *message);
	void *done_arg;
};

int images_new(struct image_store *store, const char *state_dir, void (*changed)(void *arg), void *arg, struct images **ret)
{
	struct images *images = calloc(1, sizeof(*images));

	if (!images)
		return -ENOMEM;
	*images = (struct images){ .store = store, .state_dir = state_dir, .changed = changed, .arg = arg };
	pthread_mutex_init(&images->lock, NULL);
	pthread_cond_init(&images->ended, NULL);
	*ret = images;
	return 0;
}

void images_free(struct images *images)
{
	if (!images)
		return;
	pthread_mutex_lock(&images->lock);
	while (images->running)
		pthread_cond_wait(&images->ended, &images->lock);
	pthread_mutex_unlock(&images->lock);
	pthread_cond_destroy(&images->ended);
	pthread_mutex_destroy(&images->lock);
	free(images);
}

struct listing {
	struct image **images;
	int (*each)(void *each_arg, const struct fs_image *image);
	void *each_arg;
};

static bool is_listed(const struct listing *l, const char *name)
{
	for (size_t i = 0; l->images[i]; i++)
		for (size_t k = 0; l->images[i]->names[k]; k++)
			if (strcmp(l->images[i]->names[k], name) == 0)
				return true;
	return false;
}

/* A pull of what is there (its name may mean another image by now) is not shown. */
static int list_pull(void *arg, const char *name, uint64_t done, uint64_t total)
{
	static const char *const no_layers[] = { NULL };
	struct fs_image image = { .name = name, .layers = no_layers, .done = done, .total = total };
	const struct listing *l = arg;

	return is_listed(l, name) ? 0 : l->each(l->each_arg, &image);
}

static int list(void *arg, int (*each)(void *each_arg, const struct fs_image *image), void *each_arg)
{
	struct images *images = arg;
	struct image **all = NULL;
	size_t n;
	int r = image_list(images->store, &all, &n);

	for (size_t i = 0; i < n && r == 0; i++)
		for (size_t k = 0; all[i]->names[k] && r == 0; k++) {
			struct fs_image image = { .name = all[i]->names[k], .digest = all[i]->digest,
						  .size = all[i]->size, .created = all[i]->created,
						  .layers = all[i]->layers };

			r = each(each_arg, &image);
		}
	if (r == 0)
		r = image_pull_each(images->store, list_pull,
				    &(struct listing){ .images = all, .each = each, .each_arg = each_arg });
	image_list_free(all);
	return r;
}

static bool means(void *arg, const char *reference, const char *digest)
{
	struct images *images = arg;
	_cleanup_image_ struct image *image = NULL;

	return image_find(images->store, reference, &image, NULL) == 0 && strcmp(image->digest, digest) == 0;
}

static int match_digest(void *arg, const char *digest)
{
	const char *const *wanted = arg;

	return strcmp(*wanted, digest) == 0;
}

static bool mounts(void *arg, const char *pod_uid, const char *digest)
{
	struct images *images = arg;
	_cleanup_free_ char *dir = NULL;

	if (asprintf(&dir, "%s/pods/%s", images->state_dir, pod_uid) < 0) {
		dir = NULL;
		return true;
	}
	return volume_images_each(dir, match_digest, &digest) != 0;
}

static uint64_t generation(void *arg)
{
	struct images *images = arg;

	return image_store_generation(images->store);
}

static void *wait_for_job(void *arg)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct work *w = arg;
	struct images *images = w->images;
	int r = image_job_finish(w->job, NULL, &err);

	if (r == 0)
		images->changed(images->arg);
	w->done(w->done_arg, r, r < 0 ? error_text(&err) : NULL);
	free(w);
	pthread_mutex_lock(&images->lock);
	images->running--;
	pthread_cond_signal(&images->ended);
	pthread_mutex_unlock(&images->lock);
	return NULL;
}

/* Starts the thread that waits for a job. Takes the job. */
static int follow(struct images *images, struct image_job *job, void (*done)(void *, int, const char *), void *done_arg)
{
	struct work *w = calloc(1, sizeof(*w));
	pthread_t thread;
	int r;

	if (!w) {
		image_job_cancel(job);
		return -ENOMEM;
	}
	*w = (struct work){ .images = images, .job = job, .done = done, .done_arg = done_arg };
	pthread_mutex_lock(&images->lock);
	images->running++;
	pthread_mutex_unlock(&images->lock);
	r = -pthread_create(&thread, NULL, wait_for_job, w);
	if (r == 0) {
		(void)pthread_detach(thread); /* images_free() waits for its end by `running` */
		return 0;
	}
	pthread_mutex_lock(&images->lock);
	images->running--;
	pthread_mutex_unlock(&images->lock);
	image_job_cancel(job);
	free(w);
	return r;
}

static int import_start(void *arg, int fd, const char *name, void (*done)(void *done_arg, int result, const char *message),
			void *done_arg)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct images *images = arg;
	struct image_job *job = NULL;
	int r = image_import_start(images->store, fd, NULL, &job, &err);

	if (r < 0) {
		log_warning("images/%s: %s", name, error_text(&err));
		return r;
	}
	return follow(images, job, done, done_arg);
}

static int remove_start(void *arg, const char *name, void (*done)(void *done_arg, int result, const char *message),
			void *done_arg)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct images *images = arg;
	struct image_job *job = NULL;
	int r = image_remove_start(images->store, name, &job, &err);

	return r < 0 ? r : follow(images, job, done, done_arg);
}

const struct fs_images_ops images_ops = {
	.means = means,
	.mounts = mounts,
	.list = list,
	.generation = generation,
	.import_start = import_start,
	.remove_start = remove_start,
};
