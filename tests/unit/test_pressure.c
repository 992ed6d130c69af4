/* SPDX-License-Identifier: Apache-2.0 */
/* Several writers that wait for the disk at once: when the store says so, and how controllers let them go first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/clock.h"
#include "control_world.h"

enum { WAIT_SECONDS = 60, TRIES = 200 };

/* --- writers: two transactions at a time, of which the later one's end submits the next two --- */

struct writers {
	struct store *store;
	unsigned at_once;
	pthread_mutex_t lock; /* guards the rest */
	pthread_cond_t ended;
	unsigned left; /* of those submitted */
	bool stop, running;
	unsigned pressed, rounds;
};

static void on_written(void *arg, int result, uint64_t rev);

static void submit(struct writers *w)
{
	const struct store_op op = { .type = STORE_PUT, .key = "/test/writer", .value = "x", .len = 1,
				     .expect = STORE_ANY };

	for (unsigned i = 0; i < w->at_once; i++)
		assert_int_equal(store_submit(w->store, &op, 1, 0, on_written, w), 0);
}

/* On the store's thread: what is submitted here is committed together. */
static void on_written(void *arg, int result, uint64_t rev)
{
	struct writers *w = arg;
	bool again = false;

	pthread_mutex_lock(&w->lock);
	if (--w->left == 0) {
		w->pressed += store_is_pressed(w->store);
		w->rounds++;
		again = !w->stop;
		w->left = again ? w->at_once : 0;
		w->running = again;
		pthread_cond_broadcast(&w->ended);
	}
	pthread_mutex_unlock(&w->lock);
	if (again)
		submit(w);
}

static void start(struct writers *w, struct store *s, unsigned at_once)
{
	*w = (struct writers){ .store = s, .at_once = at_once, .lock = PTHREAD_MUTEX_INITIALIZER,
			       .ended = PTHREAD_COND_INITIALIZER, .left = at_once, .running = true };
	submit(w);
}

static bool wait_until(struct writers *w, bool (*condition)(const struct writers *w))
{
	struct timespec until;
	int r = 0;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_SECONDS;
	pthread_mutex_lock(&w->lock);
	while (!condition(w) && r == 0)
		r = pthread_cond_timedwait(&w->ended, &w->lock, &until);
	pthread_mutex_unlock(&w->lock);
	return r == 0;
}

static bool has_ended(const struct writers *w)
{
	return !w->running;
}

static bool was_pressed(const struct writers *w)
{
	return w->pressed > 0;
}

static bool has_written(const struct writers *w)
{
	return w->rounds >= 100;
}

static void stop(struct writers *w)
{
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_mutex_unlock(&w->lock);
	assert_true(wait_until(w, has_ended));
}

/* "two synced transactions or more went into one commit within the last STORE_PRESSED_MS" */
static void writers_at_once_press_the_store(void **state)
{
	struct world *w = *state;
	struct writers writers;
	int64_t from;

	start(&writers, w->store, 2);
	assert_true(wait_until(&writers, was_pressed));
	stop(&writers);
	from = clock_monotonic();
	while (store_is_pressed(w->store))
		assert_true(clock_monotonic() - from < WAIT_SECONDS * NSEC_PER_SEC);
}

static void one_writer_does_not_press_it(void **state)
{
	struct world *w = *state;
	struct writers writers;

	start(&writers, w->store, 1);
	assert_true(wait_until(&writers, has_written));
	stop(&writers);
	assert_int_equal(writers.pressed, 0);
}

/* --- controllers --- */

struct looks {
	pthread_mutex_t lock; /* guards the rest */
	pthread_cond_t looked;
	int64_t at; /* when the key was looked at; 0: not yet */
};

static struct looks patient = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0 },
		    hurried = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0 };

static int64_t note(struct looks *l)
{
	pthread_mutex_lock(&l->lock);
	l->at = clock_monotonic();
	pthread_cond_broadcast(&l->looked);
	pthread_mutex_unlock(&l->lock);
	return 0;
}

static int64_t sync_patient(struct controller *c, const char *key)
{
	return note(&patient);
}

static int64_t sync_hurried(struct controller *c, const char *key)
{
	return note(&hurried);
}

static const struct controller_type patient_type = { .name = "patient", .sync = sync_patient },
				    hurried_type = { .name = "hurried", .sync = sync_hurried, .hurries = true };

static void add(struct controller *c, struct looks *l)
{
	pthread_mutex_lock(&l->lock);
	l->at = 0;
	pthread_mutex_unlock(&l->lock);
	controller_add(c, "default/key");
}

static int64_t wait_for_look(struct looks *l)
{
	struct timespec until;
	int64_t at;
	int r = 0;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_SECONDS;
	pthread_mutex_lock(&l->lock);
	while (!l->at && r == 0)
		r = pthread_cond_timedwait(&l->looked, &l->lock, &until);
	at = l->at;
	pthread_mutex_unlock(&l->lock);
	assert_int_equal(r, 0);
	return at;
}

/* "those who wait go first": it pauses, and one that hurries does not. A busy machine may upset a try. */
static void a_controller_gives_way(void **state)
{
	struct world *w = *state;
	struct controller *p = NULL, *h = NULL;
	struct writers writers;
	int gave_way = 0;

	assert_int_equal(controller_start(&patient_type, w->registry, &p, NULL), 0);
	assert_int_equal(controller_start(&hurried_type, w->registry, &h, NULL), 0);
	start(&writers, w->store, 2);
	assert_true(wait_until(&writers, was_pressed));
	for (int i = 0; i < TRIES && !gave_way; i++) {
		int64_t hurry_at, patient_at;

		add(p, &patient);
		add(h, &hurried);
		hurry_at = wait_for_look(&hurried);
		patient_at = wait_for_look(&patient);
		gave_way = patient_at - hurry_at > 2 * NSEC_PER_MSEC;
	}
	stop(&writers);
	assert_true(gave_way);
	controller_stop(p);
	controller_stop(h);
}

/* "in turns with a pause": writers that never end hold nothing up for ever. */
static void what_gives_way_gets_on(void **state)
{
	struct world *w = *state;
	struct writers writers;

	start(&writers, w->store, 2);
	assert_true(wait_until(&writers, was_pressed));
	start_web(w);
	assert_true(count_is(w, "pods", 3));
	stop(&writers);
}

/* A pause ends with the controller. */
static void a_pause_is_no_hindrance_to_the_end(void **state)
{
	struct world *w = *state;
	struct writers writers;

	start(&writers, w->store, 2);
	assert_true(wait_until(&writers, was_pressed));
	for (int i = 0; i < 20; i++) {
		struct controller *p = NULL;

		assert_int_equal(controller_start(&patient_type, w->registry, &p, NULL), 0);
		controller_add(p, "default/key");
		controller_stop(p);
	}
	stop(&writers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(writers_at_once_press_the_store, setup, teardown),
		cmocka_unit_test_setup_teardown(one_writer_does_not_press_it, setup, teardown),
		cmocka_unit_test_setup_teardown(a_controller_gives_way, setup, teardown),
		cmocka_unit_test_setup_teardown(what_gives_way_gets_on, setup, teardown),
		cmocka_unit_test_setup_teardown(a_pause_is_no_hindrance_to_the_end, setup, teardown),
	};

	return cmocka_run_group_tests_name("pressure", tests, NULL, NULL);
}
