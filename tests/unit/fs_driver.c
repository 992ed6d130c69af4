/* SPDX-License-Identifier: Apache-2.0 */
/* Mounts a cluster without controllers and node agent, for tests of the mount alone: fs_driver STORE STATE_DIR MOUNTPOINT
 * [SETTLE_MS]. Prints "ready" and serves until SIGTERM, SIGINT or umount(8). */
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

static int serve(struct registry *registry, char **argv, int64_t settle_ms, struct error *err)
{
	const struct fs_config config = { .mountpoint = argv[3], .state_dir = argv[2], .version = "test",
					  .registry = registry, .settle_ms = settle_ms, .ready = on_ready };
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
