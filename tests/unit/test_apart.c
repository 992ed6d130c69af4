/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that keeps off a CPU: the contract in store/apart.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "store/apart.h"

static cpu_set_t where(void)
{
	cpu_set_t set;

	assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
	return set;
}

static void assert_off(const cpu_set_t *all, int cpu)
{
	cpu_set_t want = *all, is = where();

	CPU_CLR(cpu, &want);
	assert_true(CPU_EQUAL(&is, &want));
	assert_int_not_equal(sched_getcpu(), cpu);
}

/* "keeps off that CPU from now on, or with -1 off none": each CPU in turn, and back. */
static void test_each(void **state)
{
	struct apart a = APART_INIT;
	cpu_set_t all = where(), is;

	if (CPU_COUNT(&all) < 2) {
		print_message("# one CPU: there is nothing to keep off\n");
		skip();
	}
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		apart_from(&a, cpu);
		assert_int_equal(a.cpu, cpu);
		assert_off(&all, cpu);
		apart_from(&a, cpu);
		assert_off(&all, cpu);
	}
	apart_from(&a, -1);
	is = where();
	assert_true(CPU_EQUAL(&is, &all));
}

/* "It is advice": a CPU where the thread may not run, one that there is not, and the only one. */
static void test_advice(void **state)
{
	struct apart a = APART_INIT;
	cpu_set_t all = where(), one, is;
	int first = 0;

	while (!CPU_ISSET(first, &all))
		first++;
	apart_from(&a, -1);
	apart_from(&a, CPU_SETSIZE + 7);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (!CPU_ISSET(cpu, &all))
			apart_from(&a, cpu);
	is = where();
	assert_true(CPU_EQUAL(&is, &all));
	CPU_ZERO(&one);
	CPU_SET(first, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	apart_from(&a, first);
	assert_int_equal(a.cpu, -1);
	is = where();
	assert_true(CPU_EQUAL(&is, &one));
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_each), cmocka_unit_test(test_advice) };

	return cmocka_run_group_tests_name("apart", tests, NULL, NULL);
}
