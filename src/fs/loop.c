/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop thread: FUSE requests, posted tasks, timers and watched descriptors, from one epoll. Beside it the worker, a
 * thread that is started when it is first needed (parsing of large texts).
 *
 * Words to the kernel are only such as take no lock there that a request under way may hold: that attributes are old, and
 * that who polls should look. They are said at once, by any thread. FUSE_NOTIFY_INVAL_ENTRY, and INVAL_INODE of pages, are
 * never: whoever says them may wait until a caller has its answer, and a daemon that is killed meanwhile cannot end, so that
 * no other one takes over to give it. A name that went is told by its inode, whose getattr() says so: fs_node_gone().
 *
 * Locks: `lock` guards the posted tasks and the counts, `work_lock` the worker's queue. None is held while another is taken
 * or while a callback runs.
 */
#include "fs/frame.h"

#include <linux/fuse.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include "base/clock.h"

enum {
	LOOP_EVENTS = 16,
	LOOP_STACK = 256 * 1024, /* of the threads */
	LOOP_BATCH = 16,	 /* requests served before others have their turn */
};

struct fs_fdwatch {
	struct fs *fs;
	int fd;
	bool dead;
	void (*fn)(struct fs *fs, void *arg);
	void *arg;
	SLIST_ENTRY(fs_fdwatch) entry;
};

struct fs_timer {
	struct fs *fs;
	int fd; /* owned */
	struct fs_fdwatch *watch; /* owned */
	void (*fn)(struct fs *fs, void *arg);
	void *arg;
};

struct work {
	STAILQ_ENTRY(work) entry;
	struct fs_task task;
	struct fs *fs;
	void (*work)(void *arg);
	void (*done)(struct fs *fs, void *arg);
	void *arg;
};

struct fs_loop {
	struct fs *fs;
	struct fuse_session *_Atomic se;
	struct fuse_buf buf;
	int fuse_fd; /* borrowed */
	int epoll_fd, wake_fd; /* owned */
	atomic_bool stop;
	bool unmounted;
	struct fs_tables tables;
	SLIST_HEAD(, fs_fdwatch) watches;
	bool have_dead; /* watches to be freed */

	pthread_mutex_t lock;
	pthread_cond_t posted;
	STAILQ_HEAD(, fs_task) tasks;
	size_t under_way; /* transactions and work whose end has not run yet */

	pthread_mutex_t work_lock;
	pthread_cond_t work_cond;
	STAILQ_HEAD(, work) works;
	bool work_started, work_stop;
	pthread_t worker;
};

static void on_wake(struct fs *fs, void *arg);

int fs_loop_new(struct fs *fs, struct error *err)
{
	struct fs_loop *l = calloc(1, sizeof(*l));
	struct fs_fdwatch *w;
	int r;

	if (!l)
		return error_set(err, -ENOMEM, "out of memory");
	l->fs = fs;
	l->fuse_fd = -1;
	STAILQ_INIT(&l->tasks);
	STAILQ_INIT(&l->works);
	SLIST_INIT(&l->watches);
	(void)pthread_mutex_init(&l->lock, NULL); /* cannot fail on Linux with default attributes, nor can the rest */
	(void)pthread_mutex_init(&l->work_lock, NULL);
	(void)pthread_cond_init(&l->posted, NULL);
	(void)pthread_cond_init(&l->work_cond, NULL);
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	fs->loop = l;
	if (l->epoll_fd < 0 || l->wake_fd < 0)
		return error_errno(err, -errno, "cannot make the loop");
	r = fs_watch_fd(fs, l->wake_fd, on_wake, NULL, &w);
	if (r < 0)
		return error_errno(err, r, "cannot make the loop");
	return 0;
}

struct fs_tables *fs_loop_tables(struct fs *fs)
{
	return &fs->loop->tables;
}

void fs_loop_set_session(struct fs *fs, struct fuse_session *se, int fd)
{
	fs->loop->se = se;
	fs->loop->buf.mem = fs_keep_buffer(fs->keep); /* NULL: libfuse allocates one */
	fs->loop->fuse_fd = fd;
}

struct fuse_session *fs_loop_session(struct fs *fs)
{
	return fs->loop->se;
}

/* --- posted tasks --- */

static void wake(struct fs_loop *l)
{
	const uint64_t one = 1;

	(void)!write(l->wake_fd, &one, sizeof(one)); /* ignoring: EAGAIN means that it is awake already */
}

void fs_post(struct fs *fs, struct fs_task *task)
{
	struct fs_loop *l = fs->loop;
	bool first;

	pthread_mutex_lock(&l->lock);
	first = STAILQ_EMPTY(&l->tasks);
	STAILQ_INSERT_TAIL(&l->tasks, task, entry);
	pthread_cond_signal(&l->posted);
	if (first)
		wake(l); /* under the lock: whoever drains the loop may free it once this task is seen */
	pthread_mutex_unlock(&l->lock);
}

static void run_tasks(struct fs_loop *l)
{
	STAILQ_HEAD(, fs_task) mine = STAILQ_HEAD_INITIALIZER(mine);

	pthread_mutex_lock(&l->lock);
	STAILQ_CONCAT(&mine, &l->tasks);
	pthread_mutex_unlock(&l->lock);
	while (!STAILQ_EMPTY(&mine)) {
		struct fs_task *t = STAILQ_FIRST(&mine);

		STAILQ_REMOVE_HEAD(&mine, entry);
		t->fn(t);
	}
}

static void on_wake(struct fs *fs, void *arg)
{
	uint64_t count;

	(void)!read(fs->loop->wake_fd, &count, sizeof(count)); /* ignoring: it only wakes */
	run_tasks(fs->loop);
}

static void count_under_way(struct fs_loop *l, int by)
{
	pthread_mutex_lock(&l->lock);
	l->under_way += (size_t)by;
	pthread_mutex_unlock(&l->lock);
}

void fs_loop_hold(struct fs *fs)
{
	count_under_way(fs->loop, 1);
}

void fs_loop_release(struct fs *fs)
{
	count_under_way(fs->loop, -1);
}

void fs_loop_drain(struct fs *fs)
{
	struct fs_loop *l = fs->loop;

	for (;;) {
		run_tasks(l);
		pthread_mutex_lock(&l->lock);
		if (l->under_way == 0 && STAILQ_EMPTY(&l->tasks)) {
			pthread_mutex_unlock(&l->lock);
			return;
		}
		while (STAILQ_EMPTY(&l->tasks) && l->under_way)
			pthread_cond_wait(&l->posted, &l->lock);
		pthread_mutex_unlock(&l->lock);
	}
}

/* --- transactions --- */

struct completion {
	struct fs_task task;
	struct fs *fs;
	struct fs_req *answer; /* to be answered at once; NULL: fn does */
	bool counted;	       /* whoever answered says when it is over */
	void (*fn)(struct fs *fs, void *arg, int result, uint64_t rev);
	void *arg;
	int result;
	uint64_t rev;
};

static void run_completion(struct fs_task *t)
{
	struct completion *c = container_of(t, struct completion, task);

	if (!c->counted)
		count_under_way(c->fs->loop, -1);
	c->fn(c->fs, c->arg, c->result, c->rev);
	free(c);
}

/*
 * Answers without waiting for the loop. The task is posted first, since the caller's next request must find it done, and
 * may then be run and freed at any time; the loop is woken last, since the caller often does that sooner.
 */
static void answer_and_post(struct completion *c)
{
	struct fs_loop *l = c->fs->loop;
	size_t size = c->answer->answer_size;
	fuse_req_t req = fs_req_claim(c->answer);

	c->counted = true;
	pthread_mutex_lock(&l->lock);
	STAILQ_INSERT_TAIL(&l->tasks, &c->task, entry);
	pthread_cond_signal(&l->posted);
	pthread_mutex_unlock(&l->lock);
	if (req && size)
		(void)fuse_reply_write(req, size); /* ignoring, here and below: the caller is gone */
	else if (req)
		(void)fuse_reply_err(req, 0);
	pthread_mutex_lock(&l->lock);
	l->under_way--;
	pthread_cond_signal(&l->posted);
	if (!STAILQ_EMPTY(&l->tasks))
		wake(l);
	pthread_mutex_unlock(&l->lock);
}

/* On the store's thread. */
static void on_store_done(void *arg, int result, uint64_t rev)
{
	struct completion *c = arg;

	c->result = result;
	c->rev = rev;
	if (c->answer && result == 0)
		answer_and_post(c);
	else
		fs_post(c->fs, &c->task);
}

int fs_txn_submit(struct fs *fs, struct txn *t, unsigned store_flags,
		  void (*fn)(struct fs *fs, void *arg, int result, uint64_t rev), void *arg)
{
	return fs_txn_submit_for(fs, t, store_flags, NULL, fn, arg);
}

int fs_txn_submit_for(struct fs *fs, struct txn *t, unsigned store_flags, struct fs_req *answer,
		      void (*fn)(struct fs *fs, void *arg, int result, uint64_t rev), void *arg)
{
	struct completion *c = malloc(sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	*c = (struct completion){ .task.fn = run_completion, .fs = fs, .answer = answer, .fn = fn, .arg = arg };
	count_under_way(fs->loop, 1);
	r = txn_submit(t, store_flags, on_store_done, c);
	if (r < 0) {
		count_under_way(fs->loop, -1);
		free(c);
	}
	return r;
}

/* --- the worker --- */

static int start_thread(pthread_t *ret, void *(*fn)(void *), void *arg)
{
	pthread_attr_t attr;
	int r = pthread_attr_init(&attr);

	if (r)
		return -r;
	(void)pthread_attr_setstacksize(&attr, LOOP_STACK); /* ignoring: the default does too */
	r = pthread_create(ret, &attr, fn, arg);
	(void)pthread_attr_destroy(&attr); /* cannot fail */
	return -r;
}

static void run_work_done(struct fs_task *t)
{
	struct work *w = container_of(t, struct work, task);

	count_under_way(w->fs->loop, -1);
	w->done(w->fs, w->arg);
	free(w);
}

static void *worker_main(void *arg)
{
	struct fs_loop *l = arg;

	pthread_mutex_lock(&l->work_lock);
	for (;;) {
		struct work *w = STAILQ_FIRST(&l->works);

		if (w) {
			STAILQ_REMOVE_HEAD(&l->works, entry);
			pthread_mutex_unlock(&l->work_lock);
			w->work(w->arg);
			fs_post(w->fs, &w->task);
			pthread_mutex_lock(&l->work_lock);
		} else if (l->work_stop) {
			break;
		} else {
			pthread_cond_wait(&l->work_cond, &l->work_lock);
		}
	}
	pthread_mutex_unlock(&l->work_lock);
	return NULL;
}

int fs_work(struct fs *fs, void (*work)(void *arg), void (*done)(struct fs *fs, void *arg), void *arg)
{
	struct fs_loop *l = fs->loop;
	struct work *w = malloc(sizeof(*w));

	if (!w)
		return -ENOMEM;
	if (!l->work_started) {
		int r = start_thread(&l->worker, worker_main, l);

		if (r < 0) {
			free(w);
			return r;
		}
		l->work_started = true;
	}
	*w = (struct work){ .task.fn = run_work_done, .fs = fs, .work = work, .done = done, .arg = arg };
	count_under_way(l, 1);
	pthread_mutex_lock(&l->work_lock);
	STAILQ_INSERT_TAIL(&l->works, w, entry);
	pthread_cond_signal(&l->work_cond);
	pthread_mutex_unlock(&l->work_lock);
	return 0;
}

/* --- words to the kernel --- */

void fs_notify_expire(struct fs *fs, uint64_t ino)
{
	struct fuse_session *se = fs->loop ? fs->loop->se : NULL;

	/* From -1 on: its attributes only, for which the kernel waits for nobody, so that this needs no thread of its own. */
	if (se) /* ignoring the result: most inodes it does not know */
		(void)fuse_lowlevel_notify_inval_inode(se, ino, -1, 0);
}

void fs_poll_wake(struct fs *fs, struct fuse_pollhandle *ph)
{
	(void)fuse_lowlevel_notify_poll(ph); /* ignoring: the file was closed */
	fuse_pollhandle_destroy(ph);
}

void fs_poll_drop(struct fuse_pollhandle *ph)
{
	fuse_pollhandle_destroy(ph);
}

/* --- descriptors and timers --- */

int fs_watch_fd(struct fs *fs, int fd, void (*fn)(struct fs *fs, void *arg), void *arg, struct fs_fdwatch **ret)
{
	struct fs_loop *l = fs->loop;
	struct fs_fdwatch *w = malloc(sizeof(*w));
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = w };

	if (!w)
		return -ENOMEM;
	*w = (struct fs_fdwatch){ .fs = fs, .fd = fd, .fn = fn, .arg = arg };
	if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0) {
		int r = -errno;

		free(w);
		return r;
	}
	SLIST_INSERT_HEAD(&l->watches, w, entry);
	*ret = w;
	return 0;
}

void fs_unwatch_fd(struct fs_fdwatch *w)
{
	if (!w || w->dead)
		return;
	(void)epoll_ctl(w->fs->loop->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL); /* ignoring: it may be closed already */
	w->fs->loop->have_dead = true;
	w->dead = true; /* freed after the round, whose events may still name it */
}

static void free_watches(struct fs_loop *l, bool all)
{
	struct fs_fdwatch *w, *next;

	l->have_dead = false;
	for (w = SLIST_FIRST(&l->watches); w; w = next) {
		next = SLIST_NEXT(w, entry);
		if (all || w->dead) {
			SLIST_REMOVE(&l->watches, w, fs_fdwatch, entry);
			free(w);
		}
	}
}

static void on_timer(struct fs *fs, void *arg)
{
	struct fs_timer *t = arg;
	uint64_t count;

	if (read(t->fd, &count, sizeof(count)) == (ssize_t)sizeof(count))
		t->fn(fs, t->arg);
}

int fs_timer_new(struct fs *fs, void (*fn)(struct fs *fs, void *arg), void *arg, struct fs_timer **ret)
{
	struct fs_timer *t = malloc(sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	*t = (struct fs_timer){ .fs = fs, .fn = fn, .arg = arg };
	t->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	r = t->fd < 0 ? -errno : fs_watch_fd(fs, t->fd, on_timer, t, &t->watch);
	if (r < 0) {
		close_fdp(&t->fd);
		free(t);
		return r;
	}
	*ret = t;
	return 0;
}

void fs_timer_set(struct fs_timer *t, int64_t at)
{
	struct itimerspec spec = { .it_value = { .tv_sec = (time_t)(at / NSEC_PER_SEC),
						 .tv_nsec = (long)(at % NSEC_PER_SEC) } };

	(void)timerfd_settime(t->fd, TFD_TIMER_ABSTIME, &spec, NULL); /* cannot fail for a valid time */
}

void fs_timer_free(struct fs_timer *t)
{
	if (!t)
		return;
	fs_unwatch_fd(t->watch);
	close_fdp(&t->fd);
	free(t);
}

/* --- running --- */

static void refuse_stuck(struct fs_loop *l)
{
	struct fuse_out_header out = { .len = sizeof(out), .error = -EIO, .unique = fs_req_current(l->fs) };

	(void)!write(l->fuse_fd, &out, sizeof(out)); /* ignoring: who asked is gone */
	fs_keep_answered(l->fs->keep, out.unique);
}

/* One request from the kernel; -EAGAIN when there is none. */
static int serve_one(struct fs_loop *l)
{
	int n = fuse_session_receive_buf(l->se, &l->buf);

	run_tasks(l); /* whoever has been answered by another thread finds done what goes with it */
	if (n > 0 && fs_takeover_is_stuck(l->fs, fs_req_current(l->fs))) {
		refuse_stuck(l);
	} else if (n > 0) {
		fuse_session_process_buf(l->se, &l->buf);
		fs_keep_parked(l->fs->keep);
	} else if (n == 0) {
		l->unmounted = true;
	}
	return n == -EINTR ? 1 : n;
}

static void on_fuse(struct fs *fs, void *arg)
{
	int *result = arg;
	int r = 1;

	for (int i = 0; i < LOOP_BATCH && r > 0; i++)
		r = serve_one(fs->loop);
	if (r < 0 && r != -EAGAIN)
		*result = r;
}

int fs_loop_run(struct fs *fs, struct error *err)
{
	struct fs_loop *l = fs->loop;
	struct fs_fdwatch *fuse;
	int result = 0, r = fs_watch_fd(fs, l->fuse_fd, on_fuse, &result, &fuse);

	if (r < 0)
		return error_errno(err, r, "cannot watch the FUSE device");
	while (!atomic_load(&l->stop) && !l->unmounted && result == 0) {
		struct epoll_event events[LOOP_EVENTS];
		int n = epoll_wait(l->epoll_fd, events, LOOP_EVENTS, -1);

		if (n < 0 && errno != EINTR) {
			result = -errno;
			break;
		}
		for (int i = 0; i < n; i++) {
			struct fs_fdwatch *w = events[i].data.ptr;

			if (!w->dead)
				w->fn(fs, w->arg);
		}
		if (l->have_dead)
			free_watches(l, false);
	}
	fs_unwatch_fd(fuse);
	return result < 0 ? error_errno(err, result, "the FUSE device failed") : 0;
}

void fs_loop_stop(struct fs *fs)
{
	atomic_store(&fs->loop->stop, true);
	wake(fs->loop);
}

bool fs_loop_unmounted(const struct fs *fs)
{
	return fs->loop->unmounted;
}

void fs_loop_free(struct fs *fs)
{
	struct fs_loop *l = fs->loop;

	if (!l)
		return;
	pthread_mutex_lock(&l->work_lock);
	l->work_stop = true;
	pthread_cond_signal(&l->work_cond);
	pthread_mutex_unlock(&l->work_lock);
	if (l->work_started)
		(void)pthread_join(l->worker, NULL); /* cannot fail: it is joined once */
	fs_req_pool_free(fs);
	free_watches(l, true);
	if (!fs->keep)
		free(l->buf.mem);
	close_fdp(&l->epoll_fd);
	close_fdp(&l->wake_fd);
	(void)pthread_mutex_destroy(&l->lock); /* cannot fail: nobody holds them */
	(void)pthread_mutex_destroy(&l->work_lock);
	(void)pthread_cond_destroy(&l->posted);
	(void)pthread_cond_destroy(&l->work_cond);
	free(l);
	fs->loop = NULL;
}
