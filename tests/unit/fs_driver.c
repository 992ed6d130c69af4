/* SPDX-License-Identifier: Apache-2.0 */
/* Mounts a cluster without controllers and node agent, for tests of the mount alone: fs_driver STORE STATE_DIR MOUNTPOINT
 * [SETTLE_MS]. Prints "ready" and serves until SIGTERM, SIGINT or umount(8). */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "fs/session.h"

static struct fs *running;

static void on_signal(int sig)
{
	fs_session_stop(running);
}

static void on_ready(void *arg)
{
	puts("ready");
	(void)fflush(stdout);
}

/* --- an importer for tests: an archive whose text begins with "image" becomes an image of its name --- */

struct images {
	pthread_mutex_t lock; /* guards the rest */
	char names[16][128];
	size_t n;
};

struct import {
	struct images *images;
	int fd; /* owned */
	char name[128];
	bool removal;
	void (*done)(void *arg, int result, const char *message);
	void *arg;
};

static int images_list(void *arg, int (*each)(void *each_arg, const struct fs_image *image), void *each_arg)
{
	static const char *const layers[] = { "sha256:2222", "sha256:3333", NULL };
	struct images *im = arg;
	int r = 0;

	pthread_mutex_lock(&im->lock);
	for (size_t i = 0; r == 0 && i < im->n; i++) {
		const struct fs_image image = { .name = im->names[i], .digest = "sha256:1111", .size = 4711,
						.created = 1000000000, .layers = layers };

		r = each(each_arg, &image);
	}
	pthread_mutex_unlock(&im->lock);
	return r;
}

static void *import_main(void *arg)
{
	struct import *i = arg;
	struct images *im = i->images;
	char text[6] = "";
	int r = i->removal || (pread(i->fd, text, 5, 0) == 5 && strcmp(text, "image") == 0) ? 0 : -EINVAL;

	pthread_mutex_lock(&im->lock);
	for (size_t k = 0; k < im->n; k++)
		if (r == 0 && strcmp(im->names[k], i->name) == 0)
			memmove(im->names[k], im->names[--im->n], sizeof(im->names[k]));
	if (r == 0 && !i->removal && im->n < ARRAY_SIZE(im->names))
		memcpy(im->names[im->n++], i->name, sizeof(i->name));
	pthread_mutex_unlock(&im->lock);
	i->done(i->arg, r, r < 0 ? "not an image: the manifest is missing" : NULL);
	close_fdp(&i->fd);
	free(i);
	return NULL;
}

static int start(void *arg, int fd, const char *name, bool removal, void (*done)(void *, int, const char *),
		 void *done_arg)
{
	struct import *i = calloc(1, sizeof(*i));
	pthread_t thread;

	if (!i)
		return -ENOMEM;
	*i = (struct import){ .images = arg, .fd = fd < 0 ? -1 : dup(fd), .removal = removal, .done = done,
			      .arg = done_arg };
	(void)snprintf(i->name, sizeof(i->name), removal ? "%s" : "docker.io/library/%s:latest", name);
	if (pthread_create(&thread, NULL, import_main, i) != 0) {
		free(i);
		return -EAGAIN;
	}
	return -pthread_detach(thread);
}

static int import_start(void *arg, int fd, const char *name, void (*done)(void *, int, const char *), void *done_arg)
{
	return start(arg, fd, name, false, done, done_arg);
}

static int remove_start(void *arg, const char *name, void (*done)(void *, int, const char *), void *done_arg)
{
	return start(arg, -1, name, true, done, done_arg);
}

static int serve(struct registry *registry, char **argv, int64_t settle_ms, struct error *err)
{
	static struct images images = { .lock = PTHREAD_MUTEX_INITIALIZER };
	static const struct fs_images_ops images_ops = { .list = images_list, .import_start = import_start,
							 .remove_start = remove_start };
	const struct fs_config config = { .mountpoint = argv[3], .state_dir = argv[2], .version = "test",
					  .registry = registry, .settle_ms = settle_ms, .ready = on_ready,
					  .images = &images_ops, .images_arg = &images };
	struct sigaction sa = { .sa_handler = on_signal };
	_cleanup_fs_ struct fs *fs = NULL;
	int r = fs_session_new(&config, &fs, err);

	if (r == 0)
		r = fs_session_mount(fs, err);
	if (r < 0)
		return r;
	running = fs;
	(void)sigaction(SIGTERM, &sa, NULL);
	(void)sigaction(SIGINT, &sa, NULL);
	return fs_session_run(fs, err);
}

int main(int argc, char **argv)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct store *store = NULL;
	struct cache *cache = NULL;
	struct registry *registry = NULL;
	int r;

	if (argc < 4) {
		(void)fprintf(stderr, "usage: fs_driver STORE STATE_DIR MOUNTPOINT [SETTLE_MS]\n");
		return 2;
	}
	r = store_open(argv[1], &store, &err);
	if (r == 0)
		r = cache_new(store, &cache, &err);
	if (r == 0)
		r = registry_new(store, cache, NULL, &registry);
	if (r == 0)
		r = registry_bootstrap(registry, &err);
	if (r == 0)
		r = serve(registry, argv, argc > 4 ? strtoll(argv[4], NULL, 10) : -1, &err);
	if (r < 0)
		(void)fprintf(stderr, "fs_driver: %s\n", error_text(&err));
	registry_free(registry);
	cache_free(cache);
	store_close(store);
	return r < 0;
}
