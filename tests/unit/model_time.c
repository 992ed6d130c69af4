/* SPDX-License-Identifier: Apache-2.0 */
#include "model.h"

#include <errno.h>
#include <sys/types.h>

/* The linker sends the program's own calls here (--wrap). */
int64_t __wrap_clock_realtime(void);
int64_t __wrap_clock_monotonic(void);
ssize_t __wrap_getrandom(void *buf, size_t n, unsigned flags);
int __real_store_commit(struct store *s, const struct store_op *ops, size_t n, unsigned flags, uint64_t *ret_rev);
int __wrap_store_commit(struct store *s, const struct store_op *ops, size_t n, unsigned flags, uint64_t *ret_rev);
int __wrap_store_submit(struct store *s, const struct store_op *ops, size_t n, unsigned flags, store_done_fn done,
			void *arg);

static const int64_t start_real = INT64_C(1767225600) * NSEC_PER_SEC; /* 2026-01-01T00:00:00Z */

static int64_t realtime, monotonic;
static uint64_t entropy;
static struct model *model;

void model_time_start(struct model *m, uint64_t seed)
{
	model = m;
	entropy = seed;
	realtime = start_real;
	monotonic = NSEC_PER_SEC;
}

void model_time_advance(int64_t ns)
{
	realtime += ns;
	monotonic += ns;
}

void model_time_jump(int64_t ns)
{
	realtime += ns;
}

int64_t __wrap_clock_realtime(void)
{
	return realtime;
}

int64_t __wrap_clock_monotonic(void)
{
	return monotonic;
}

/* splitmix64: uids and generated names, the same in each run. */
ssize_t __wrap_getrandom(void *buf, size_t n, unsigned flags)
{
	unsigned char *p = buf;

	(void)flags;
	for (size_t i = 0; i < n; i++) {
		uint64_t z = entropy += UINT64_C(0x9e3779b97f4a7c15);

		z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
		p[i] = (unsigned char)(z >> 32);
	}
	return (ssize_t)n;
}

static bool is_controller(const struct model *m)
{
	return m->actor && strcmp(m->actor, "mount") != 0 && strcmp(m->actor, "node") != 0;
}

/* Before a controller's commit the world may change, the disk fail, or the daemon be killed. */
int __wrap_store_commit(struct store *s, const struct store_op *ops, size_t n, unsigned flags, uint64_t *ret_rev)
{
	struct model *m = model;

	if (!m || !is_controller(m))
		return __real_store_commit(s, ops, n, flags, ret_rev);
	if (m->before_commit && !strcmp(m->actor, m->committer)) {
		void (*change)(struct model * m) = m->before_commit;

		m->before_commit = NULL;
		m->disturbed = true;
		change(m);
	}
	if (!m->between && model_below(m, 1000) < m->races)
		model_interfere(m);
	if (!m->dying && model_below(m, 1000) < m->faults) {
		if (model_chance(m, 50))
			return -EIO;
		m->dying = 1;
		m->restarts = true;
	}
	return m->dying ? -EIO : __real_store_commit(s, ops, n, flags, ret_rev);
}

/* At once, on the caller's thread. What a callback submits (it may not commit) is not part of the model. */
int __wrap_store_submit(struct store *s, const struct store_op *ops, size_t n, unsigned flags, store_done_fn done,
			void *arg)
{
	uint64_t rev = 0;
	int r = model && model->dying ? -EIO : __real_store_commit(s, ops, n, flags, &rev);

	if (done)
		done(arg, r, r < 0 ? 0 : rev);
	return 0;
}
