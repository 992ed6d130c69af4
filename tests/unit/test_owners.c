/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes that are given to groups, as owners.h has it. What goes through a volume is the test's own here: it takes as long
 * as the test wants, and ends as it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/cleanup.h"
#include "node/owners.h"
#include "node/volume_owner.h"

enum { VOLUMES = 8, GROUP = 2000 };

/* Volumes "0" to "7". */
static struct {
	bool held;	/* it takes until this is over, or it is stopped */
	int result;	/* what it comes to */
	int begun, done; /* how often */
	gid_t group;	/* whose it is */
} volumes[VOLUMES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct owners *owners;

static int number(const char *path)
{
	return path[0] - '0';
}

int volume_owner_check(const char *path, gid_t group)
{
	int r;

	pthread_mutex_lock(&lock);
	r = volumes[number(path)].group == group;
	pthread_mutex_unlock(&lock);
	return r;
}

int volume_owner_set(const char *path, gid_t group, const atomic_bool *stop)
{
	int i = number(path), r;

	pthread_mutex_lock(&lock);
	volumes[i].begun++;
	pthread_cond_broadcast(&changed);
	while (volumes[i].held && !atomic_load(stop)) { /* which nobody tells of */
		struct timespec t;

		(void)clock_gettime(CLOCK_REALTIME, &t);
		t.tv_nsec += 1000000;
		t.tv_sec += t.tv_nsec / 1000000000;
		t.tv_nsec %= 1000000000;
		(void)pthread_cond_timedwait(&changed, &lock, &t);
	}
	r = volumes[i].held ? -ECANCELED : volumes[i].result;
	if (r == 0)
		volumes[i].group = group;
	pthread_mutex_unlock(&lock);
	return r;
}

static void note_done(void *arg, const char *path)
{
	pthread_mutex_lock(&lock);
	volumes[number(path)].done++;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static int setup(void **state)
{
	memset(volumes, 0, sizeof(volumes));
	return owners_open(note_done, NULL, &owners);
}

static int teardown(void **state)
{
	owners_close(owners);
	owners = NULL;
	return 0;
}

static void hold(int i, int result)
{
	volumes[i].held = true;
	volumes[i].result = result;
}

/* Lets it end, and waits until that is told. */
static void release(int i)
{
	pthread_mutex_lock(&lock);
	volumes[i].held = false;
	pthread_cond_broadcast(&changed);
	while (!volumes[i].done)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

static void wait_until_begun(int i)
{
	pthread_mutex_lock(&lock);
	while (!volumes[i].begun)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

/* Asks for one that is not held, and again if that takes more than a moment, as it may on a busy machine. */
static int ask(const char *path, gid_t group)
{
	int before, r;

	pthread_mutex_lock(&lock);
	before = volumes[number(path)].done;
	pthread_mutex_unlock(&lock);
	owners_round(owners);
	r = owners_want(owners, path, group);
	if (r != -EINPROGRESS)
		return r;
	pthread_mutex_lock(&lock);
	while (volumes[number(path)].done == before)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
	return owners_want(owners, path, group);
}

static void a_small_volume_is_waited_for(void **state)
{
	assert_int_equal(ask("0", GROUP), 0);
	assert_int_equal(volumes[0].begun, 1);
	assert_int_equal(ask("0", GROUP), 0);
	assert_int_equal(volumes[0].begun, 1);
}

/* The time of the thread that asks, which the whole node waits for: what passes while it is asleep. */
static int64_t time_of_want(const char *path, int want)
{
	int64_t from = clock_monotonic();

	assert_int_equal(owners_want(owners, path, GROUP), want);
	return clock_monotonic() - from;
}

/* Asks again until a wait is short: on a busy machine a thread may not run for long, which none of these is about. */
static bool is_ever_quick(const char *path)
{
	for (int i = 0; i < 1000; i++)
		if (time_of_want(path, -EINPROGRESS) < OWNERS_PATIENCE / 4)
			return true;
	return false;
}

static void large_ones_are_waited_for_once_a_round(void **state)
{
	char path[] = "0";

	for (int i = 0; i < VOLUMES; i++)
		hold(i, 0);
	owners_round(owners);
	assert_true(time_of_want("0", -EINPROGRESS) >= OWNERS_PATIENCE / 2); /* it is just begun */
	assert_true(is_ever_quick("0")); /* it is not any more */
	owners_round(owners);
	assert_true(is_ever_quick("0"));
	assert_true(time_of_want("1", -EINPROGRESS) >= OWNERS_PATIENCE / 2); /* the round's patience was left */
	for (int i = 2, quick = 0; i < VOLUMES; i++) { /* now it is not */
		path[0] = (char)('0' + i);
		quick += time_of_want(path, -EINPROGRESS) < OWNERS_PATIENCE / 2;
		assert_true(i + 1 < VOLUMES || quick);
	}
	for (int i = 0; i < VOLUMES; i++)
		release(i);
}

static void a_failure_is_told_to_who_asked(void **state)
{
	hold(0, -EIO);
	hold(1, 0);
	assert_int_equal(owners_want(owners, "0", GROUP), -EINPROGRESS);
	assert_int_equal(owners_want(owners, "1", GROUP), -EINPROGRESS);
	release(0);
	assert_int_equal(owners_want(owners, "1", GROUP), -EINPROGRESS); /* another pod's look */
	assert_int_equal(ask("2", GROUP), 0);
	assert_int_equal(volumes[0].begun, 1);
	assert_int_equal(owners_want(owners, "0", GROUP), -EIO);
	assert_int_equal(volumes[0].begun, 1);
	volumes[0].result = 0;
	assert_int_equal(ask("0", GROUP), 0); /* once; asked again, it is tried again */
	assert_int_equal(volumes[0].begun, 2);
	release(1);
	assert_int_equal(ask("1", GROUP), 0);
}

static void two_groups_take_turns(void **state)
{
	hold(0, -EIO);
	assert_int_equal(owners_want(owners, "0", GROUP), -EINPROGRESS);
	assert_int_equal(owners_want(owners, "0", GROUP + 1), -EINPROGRESS);
	wait_until_begun(0);
	assert_int_equal(volumes[0].begun, 1); /* one at a time */
	release(0);
	volumes[0].result = 0;
	assert_int_equal(ask("0", GROUP + 1), 0);
	assert_int_equal(volumes[0].begun, 2);
	assert_int_equal(owners_want(owners, "0", GROUP), -EIO); /* which was its own */
	assert_int_equal(ask("0", GROUP), 0);
}

static void closing_stops_what_is_under_way(void **state)
{
	hold(0, 0);
	hold(1, 0);
	assert_int_equal(owners_want(owners, "0", GROUP), -EINPROGRESS);
	assert_int_equal(owners_want(owners, "1", GROUP), -EINPROGRESS);
	wait_until_begun(0);
	wait_until_begun(1);
	(void)teardown(state);
	assert_int_equal(volumes[0].done, 1);
	assert_int_equal(volumes[1].done, 1);
	assert_int_not_equal(volumes[0].group, GROUP);
	assert_int_not_equal(volumes[1].group, GROUP);
}

/* kubelet's event: after 30 s, and then once a minute, however often the pod is looked at. */
static void a_long_wait_is_told(void **state)
{
	static const struct {
		int64_t at, next; /* seconds */
		bool tells;
	} looks[] = {
		{ 100, 130, false }, { 100, 130, false }, { 129, 130, false }, { 130, 190, true },   { 131, 190, false },
		{ 189, 190, false }, { 195, 255, true },  { 254, 255, false }, { 1000, 1060, true }, { 50, 80, false },
		{ 80, 140, true },
	};
	struct owners_wait w = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(looks); i++) {
		int64_t next = 0;
		bool tells = owners_tells(&w, looks[i].at * NSEC_PER_SEC, &next);

		if (tells != looks[i].tells || next != looks[i].next * NSEC_PER_SEC)
			fail_msg("at %lld: told %d, next %lld", (long long)looks[i].at, tells, (long long)(next / NSEC_PER_SEC));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_small_volume_is_waited_for, setup, teardown),
		cmocka_unit_test_setup_teardown(large_ones_are_waited_for_once_a_round, setup, teardown),
		cmocka_unit_test_setup_teardown(a_failure_is_told_to_who_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(two_groups_take_turns, setup, teardown),
		cmocka_unit_test_setup_teardown(closing_stops_what_is_under_way, setup, teardown),
		cmocka_unit_test(a_long_wait_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
