/* SPDX-License-Identifier: Apache-2.0 */
#include "store/apart.h"

#include <stdbool.h>

/* Takes up where the thread may run: asked each time that it begins to keep off, as an administrator may have changed it. */
static bool begin(struct apart *a, int cpu)
{
	if (a->cpu < 0 && sched_getaffinity(0, sizeof(a->all), &a->all) < 0)
		return false;
	return CPU_COUNT(&a->all) > 1 && cpu < CPU_SETSIZE && CPU_ISSET(cpu, &a->all);
}

void apart_from(struct apart *a, int cpu)
{
	cpu_set_t set;

	if (cpu == a->cpu || (cpu >= 0 && !begin(a, cpu)))
		return;
	set = a->all;
	if (cpu >= 0)
		CPU_CLR(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) == 0)
		a->cpu = cpu;
}
