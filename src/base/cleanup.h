/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clean-up attributes and ownership moves.
 *
 * Every owning local variable is declared with a clean-up attribute and initialised; ownership leaves it only
 * through steal_ptr() or steal_fd(). That replaces goto chains.
 */
#ifndef PODFS_BASE_CLEANUP_H
#define PODFS_BASE_CLEANUP_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Defines NAMEp(), the cleanup function that calls NAME() on a variable of type TYPE. */
#define DEFINE_CLEANUP(type, name)           \
	static inline void name##p(type *p)  \
	{                                    \
		if (*p)                      \
			name(*p);            \
	}                                    \
	struct podfs_swallow_semicolon

/* Gives up ownership: yields the pointer and leaves NULL behind. */
#define steal_ptr(p)                          \
	({                                    \
		__typeof__(p) *pp_ = &(p);    \
		__typeof__(p) v_ = *pp_;      \
		*pp_ = NULL;                  \
		v_;                           \
	})

/* Gives up ownership of a descriptor: yields it and leaves -1 behind. */
static inline int steal_fd(int *fd)
{
	int v = *fd;

	*fd = -1;
	return v;
}

static inline void cleanup_freep(void *p)
{
	free(*(void **)p);
}

/* Closes a descriptor if it is open; keeps errno, so that it is safe on error paths. */
static inline void close_fdp(int *fd)
{
	if (*fd >= 0) {
		int saved = errno;

		(void)close(*fd); /* ignoring: nothing is written through clean-up; EINTR must not be retried on Linux */
		errno = saved;
		*fd = -1;
	}
}

static inline void cleanup_fclosep(FILE **f)
{
	if (*f)
		(void)fclose(*f); /* ignoring: callers that write check fflush() themselves */
}

static inline void cleanup_closedirp(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

#define _cleanup_free_ _cleanup_(cleanup_freep)
#define _cleanup_close_ _cleanup_(close_fdp)
#define _cleanup_fclose_ _cleanup_(cleanup_fclosep)
#define _cleanup_closedir_ _cleanup_(cleanup_closedirp)

#endif
