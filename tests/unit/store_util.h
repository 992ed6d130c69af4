/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the store share. Failures are cmocka assertions. */
#ifndef PODFS_TESTS_STORE_UTIL_H
#define PODFS_TESTS_STORE_UTIL_H

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/backend.h"
#include "store/store.h"

enum { DEADLINE = 60 }; /* seconds that a test waits for anything */

/* A new directory under /tmp for a store, which remove_dir() removes with the files of LMDB. */
void make_dir(char out[static 64]);
void remove_dir(const char *dir);

/* One operation each; a value is a string. Result of store_commit(). */
int put(struct store *s, const char *key, const char *value, uint64_t expect, uint64_t *ret_rev);
int put_lazy(struct store *s, const char *key, const char *value, uint64_t *ret_rev);
int del(struct store *s, const char *key, uint64_t expect, uint64_t *ret_rev);
struct store_op put_op(const char *key, const char *value, uint64_t expect);

/* Asserts that the key has this value and mod_rev (0: any). */
void assert_value(struct store *s, const char *key, const char *value, uint64_t mod_rev);
void assert_absent(struct store *s, const char *key);

/* A count that threads wait for. */
struct tally {
	pthread_mutex_t lock;
	pthread_cond_t grown;
	unsigned n;
};

#define TALLY_INIT { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0 }

void tally_add(struct tally *t);
/* Waits until it is at least n; fails the test at the deadline. */
void tally_wait(struct tally *t, unsigned n);

/*
 * A back end over another that counts writes, can hold them up and make them fail. Fields but `inner` are protected
 * by lock.
 */
struct faulty {
	const struct store_backend_ops *ops; /* of the inner one */
	void *inner;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned writes;   /* so far */
	unsigned fail_at;  /* the first write to fail, counted from 1; 0: none */
	unsigned fail_n;   /* how many fail */
	int error;
	size_t fail_above; /* batches of more writes than this fail with `error`; 0: none */
	bool closed_gate;  /* writes wait until it opens */
	unsigned at_gate;
};

void faulty_init(struct faulty *f, const struct store_backend_ops *ops, void *inner);
struct store *faulty_open(struct faulty *f);
void faulty_gate(struct faulty *f, bool closed);
/* Waits until a write stands before the closed gate. */
void faulty_wait_at_gate(struct faulty *f);

/* A store in a directory of its own, or in memory. */
struct fixture {
	char dir[64]; /* empty for memory */
	struct store *s;
	struct faulty faulty; /* for tests that put it between the store and its disk */
};

/* cmocka's set-up and tear-down; *state is "memory:" or "lmdb:" before, the fixture after. */
int fixture_setup(void **state);
int fixture_teardown(void **state);
void fixture_open(struct fixture *f);
void fixture_close(struct fixture *f);

#endif
