/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "base/cleanup.h"
#include "node/image_gc.h"

#define S NSEC_PER_SEC
#define NOW (INT64_C(1000000) * S)

enum { ITEMS_MAX = 4, NONE = -1 };

/* Items by letters: u unused, i in use, d declared; created and last_used in seconds before NOW, 0: never used. */
struct item {
	char kind;
	int created, used;
};

struct row {
	const char *what;
	struct item items[ITEMS_MAX];
	int available;	/* percent */
	bool collecting;
	int max_age; /* seconds */
	int victim;
	bool by_age, still, short_of;
};

/* The rules of K8S:pkg/kubelet/images/image_gc_manager.go. */
static const struct row ROWS[] = {
	{ "room enough", { { 'u', 9999, 0 } }, 50, .victim = NONE },
	{ "just below the high threshold", { { 'u', 9999, 0 } }, 16, .victim = NONE },
	{ "at the high threshold", { { 'u', 9999, 0 } }, 15, .victim = 0, .still = true },
	{ "between the two, on the way down", { { 'u', 9999, 0 } }, 19, .collecting = true, .victim = 0, .still = true },
	{ "below the low one: done", { { 'u', 9999, 0 } }, 20, .collecting = true, .victim = NONE },
	{ "the one used longest ago", { { 'u', 9999, 300 }, { 'u', 9999, 500 }, { 'u', 200, 200 } }, 5, .victim = 1, .still = true },
	{ "one never seen in use before those", { { 'u', 9999, 9000 }, { 'u', 500, 0 } }, 5, .victim = 1, .still = true },
	{ "of two, the older", { { 'u', 500, 0 }, { 'u', 600, 0 } }, 5, .victim = 1, .still = true },
	{ "in use", { { 'i', 9999, 0 } }, 5, .victim = NONE, .still = true, .short_of = true },
	{ "declared", { { 'd', 9999, 0 } }, 5, .victim = NONE, .still = true, .short_of = true },
	{ "too young", { { 'u', 119, 0 } }, 5, .victim = NONE, .still = true, .short_of = true },
	{ "old enough", { { 'u', 120, 0 } }, 5, .victim = 0, .still = true },
	{ "no image", { { 0 } }, 5, .victim = NONE, .still = true, .short_of = true },
	{ "no maximum age", { { 'u', 999999, 0 } }, 50, .victim = NONE },
	{ "unused for too long", { { 'u', 9999, 1000 }, { 'u', 9999, 1001 } }, 50, .max_age = 1000, .victim = 1, .by_age = true },
	{ "never seen in use: since it came", { { 'u', 1001, 0 } }, 50, .max_age = 1000, .victim = 0, .by_age = true },
	{ "in use, declared: whatever their age", { { 'i', 9999, 0 }, { 'd', 9999, 0 } }, 50, .max_age = 1000, .victim = NONE },
	{ "by age also while the disk is full", { { 'u', 9999, 9000 }, { 'u', 9999, 0 } }, 5, .max_age = 1000, .victim = 0,
	  .by_age = true, .still = true },
};

static void test_decide(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(ROWS); i++) {
		const struct row *row = &ROWS[i];
		struct image_gc_policy p = IMAGE_GC_DEFAULT;
		struct image_gc_item items[ITEMS_MAX];
		struct image_gc_disk disk = { .capacity = 1000, .available = (uint64_t)row->available * 10 };
		struct image_gc_plan plan;
		size_t n = 0;

		for (; n < ITEMS_MAX && row->items[n].kind; n++)
			items[n] = (struct image_gc_item){ .created = NOW - row->items[n].created * S,
							   .last_used = row->items[n].used ? NOW - row->items[n].used * S : 0,
							   .in_use = row->items[n].kind == 'i',
							   .declared = row->items[n].kind == 'd' };
		p.max_age = row->max_age * S;
		image_gc_decide(&p, items, n, &disk, row->collecting, NOW - 100000 * S, NOW, &plan);
		if (plan.victim != (row->victim == NONE ? n : (size_t)row->victim) || plan.by_age != row->by_age ||
		    plan.collecting != row->still || plan.short_of != row->short_of)
			fail_msg("%s: victim %zu, by age %d, collecting %d, short of %d", row->what, plan.victim, plan.by_age,
				 plan.collecting, plan.short_of);
	}
}

/* A daemon that has just been started does not know what was in use before. */
static void test_since(void **state)
{
	struct image_gc_policy p = IMAGE_GC_DEFAULT;
	struct image_gc_item item = { .created = NOW - 9999 * S };
	struct image_gc_disk disk = { .capacity = 100, .available = 50 };
	struct image_gc_plan plan;

	p.max_age = 1000 * S;
	image_gc_decide(&p, &item, 1, &disk, false, NOW - 1000 * S, NOW, &plan);
	assert_int_equal(plan.victim, 1);
	image_gc_decide(&p, &item, 1, &disk, false, NOW - 1001 * S, NOW, &plan);
	assert_int_equal(plan.victim, 0);
	/* a policy that is not set, and one that is switched off, remove nothing for the disk's sake */
	disk.available = 0;
	p = (struct image_gc_policy){ 0 };
	image_gc_decide(&p, &item, 1, &disk, true, 0, NOW, &plan);
	assert_int_equal(plan.victim, 1);
	assert_false(plan.collecting || plan.short_of);
	p = (struct image_gc_policy){ .high = 100, .low = 80 };
	image_gc_decide(&p, &item, 1, &disk, true, 0, NOW, &plan);
	assert_int_equal(plan.victim, 1);
}

static void test_usage(void **state)
{
	static const struct {
		uint64_t capacity, available;
		int want;
	} T[] = { { 100, 100, 0 }, { 100, 200, 0 }, { 100, 15, 85 }, { 1000, 159, 85 }, { 1000, 150, 85 }, { 100, 0, 100 },
		  { 0, 0, 0 }, { UINT64_MAX, UINT64_MAX / 2, 50 } };

	for (size_t i = 0; i < ARRAY_SIZE(T); i++)
		assert_int_equal(image_gc_usage(&(struct image_gc_disk){ T[i].capacity, T[i].available }), T[i].want);
}

static void test_parse(void **state)
{
	static const struct {
		const char *text;
		struct image_gc_policy want;
	} GOOD[] = {
		{ "90,70", { 90, 70, IMAGE_GC_MIN_AGE, 0 } },
		{ "100,0,0", { 100, 0, 0, 0 } },
		{ "85,80,2m,168h", { 85, 80, 120 * S, 168 * 3600 * S } },
		{ "85,80,1.5s,7d", { 85, 80, 3 * S / 2, 7 * 86400 * S } },
		{ "85,80,90s,0", { 85, 80, 90 * S, 0 } },
	};
	static const char *const BAD[] = { "", "85", "85,", "85,85", "80,85", "101,80", "-1,-2", "85,80,", "85,80,x", "85,80,5", "85,80,-5s",
					   "85,80,1m,", "85,80,1m,1s", "85,80,1m,1h,", "85,80,1m,1h,2", "85,80,9e9d", "85,80,1w", " 85,80", "85,80,inf",
					   "4294967381,80" };

	for (size_t i = 0; i < ARRAY_SIZE(GOOD); i++) {
		struct image_gc_policy p;

		assert_int_equal(image_gc_parse(GOOD[i].text, &p), 0);
		assert_int_equal(p.high, GOOD[i].want.high);
		assert_int_equal(p.low, GOOD[i].want.low);
		assert_int_equal(p.min_age, GOOD[i].want.min_age);
		assert_int_equal(p.max_age, GOOD[i].want.max_age);
	}
	for (size_t i = 0; i < ARRAY_SIZE(BAD); i++) {
		struct image_gc_policy p;

		if (image_gc_parse(BAD[i], &p) != -EINVAL)
			fail_msg("\"%s\" was taken", BAD[i]);
	}
}

static void test_period(void **state)
{
	struct image_gc_policy p = IMAGE_GC_DEFAULT;

	assert_int_equal(image_gc_period(&p), IMAGE_GC_PERIOD);
	p.min_age = 3600 * S;
	assert_int_equal(image_gc_period(&p), IMAGE_GC_PERIOD);
	p.max_age = 60 * S;
	assert_int_equal(image_gc_period(&p), 60 * S);
	p.max_age = 0;
	p.min_age = 10 * S;
	assert_int_equal(image_gc_period(&p), 10 * S);
	p.min_age = 0;
	assert_int_equal(image_gc_period(&p), S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decide), cmocka_unit_test(test_since),  cmocka_unit_test(test_usage),
		cmocka_unit_test(test_parse),  cmocka_unit_test(test_period),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
