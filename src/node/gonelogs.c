/* SPDX-License-Identifier: Apache-2.0 */
/* A directory's own time of change says since when it has been here. */
#include "node/gonelogs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/remove.h"

int gonelogs_init(struct gonelogs *g, const char *log_dir)
{
	*g = (struct gonelogs){ .next = INT64_MAX };
	if (asprintf(&g->dir, "%s/.gone", log_dir) < 0) {
		g->dir = NULL;
		return -ENOMEM;
	}
	return 0;
}

void gonelogs_clear(struct gonelogs *g)
{
	free(g->dir);
	*g = (struct gonelogs){ .next = INT64_MAX };
}

static void remove_dir(const char *path)
{
	int r = remove_tree(AT_FDCWD, path);

	if (r < 0)
		log_warning("%s: remove: %s, ignoring", path, strerrordesc_np(-r));
}

/* The containers' directories that hold nothing go; false when nothing is left. */
static bool holds_logs(const char *pod_dir)
{
	_cleanup_closedir_ DIR *d = opendir(pod_dir);
	struct dirent *de;

	while (d && (de = readdir(d)))
		if (de->d_name[0] != '.')
			(void)unlinkat(dirfd(d), de->d_name, AT_REMOVEDIR); /* ignoring: it holds something */
	return rmdir(pod_dir) < 0 && errno == ENOTEMPTY;
}

void gonelogs_add(struct gonelogs *g, const char *pod_dir, int64_t now)
{
	const struct timespec t = { .tv_sec = now / NSEC_PER_SEC, .tv_nsec = now % NSEC_PER_SEC }, times[2] = { t, t };
	_cleanup_free_ char *to = NULL;

	if (!holds_logs(pod_dir))
		return;
	if (asprintf(&to, "%s/%s", g->dir, strrchr(pod_dir, '/') + 1) < 0)
		to = NULL;
	(void)utimensat(AT_FDCWD, pod_dir, times, 0); /* ignoring: they go a little sooner or later */
	if (!to || (mkdir(g->dir, 0755) < 0 && errno != EEXIST) || rename(pod_dir, to) < 0) {
		remove_dir(pod_dir);
		return;
	}
	g->n++;
	if (now + GONELOGS_KEEP < g->next)
		g->next = now + GONELOGS_KEEP;
	if (g->n > GONELOGS_MAX)
		gonelogs_expire(g, now);
}

static int64_t time_of(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0
		       ? 0
		       : (int64_t)st.st_mtim.tv_sec * NSEC_PER_SEC + st.st_mtim.tv_nsec;
}

struct kept {
	int64_t since;
	char *name; /* owned */
};

static int by_age(const void *a, const void *b)
{
	const struct kept *x = a, *y = b;

	return x->since < y->since ? -1 : x->since > y->since;
}

/* Ignoring lack of memory: they are found the next time. */
static struct kept *list(DIR *d, size_t *ret_n)
{
	struct kept *all = NULL;
	struct dirent *de;
	size_t cap = 0;

	*ret_n = 0;
	while ((de = readdir(d))) {
		if (de->d_name[0] == '.')
			continue;
		if (*ret_n == cap) {
			struct kept *bigger = reallocarray(all, cap ? 2 * cap : 64, sizeof(*all));

			if (!bigger)
				break;
			all = bigger;
			cap = cap ? 2 * cap : 64;
		}
		all[*ret_n] = (struct kept){ time_of(dirfd(d), de->d_name), strdup(de->d_name) };
		*ret_n += all[*ret_n].name != NULL;
	}
	if (*ret_n)
		qsort(all, *ret_n, sizeof(*all), by_age);
	return all;
}

void gonelogs_expire(struct gonelogs *g, int64_t now)
{
	_cleanup_closedir_ DIR *d = opendir(g->dir);
	_cleanup_free_ struct kept *all = NULL;
	size_t n = 0;

	g->next = INT64_MAX;
	g->n = 0;
	if (d)
		all = list(d, &n);
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *path = NULL;

		if (all[i].since + GONELOGS_KEEP > now && n - i <= GONELOGS_MAX) {
			if (all[i].since + GONELOGS_KEEP < g->next)
				g->next = all[i].since + GONELOGS_KEEP;
			g->n++;
		} else if (asprintf(&path, "%s/%s", g->dir, all[i].name) >= 0) {
			remove_dir(path);
		}
		free(all[i].name);
	}
}

void gonelogs_drop(struct gonelogs *g)
{
	gonelogs_expire(g, INT64_MAX);
}
