/* SPDX-License-Identifier: Apache-2.0 */
#include "node/runlogs.h"

#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"

void runlogs_prune(const char *dir, unsigned run, unsigned max_runs)
{
	_cleanup_closedir_ DIR *d = run > 1 ? opendir(dir) : NULL;
	struct dirent *de;

	while (d && (de = readdir(d))) {
		unsigned of, number = 0;
		int end = 0;

		/* "RUN.log" or "RUN.log.N" */
		if (sscanf(de->d_name, "%9u.log%n.%9u", &of, &end, &number) < 1 || !end || of + 1 >= run)
			continue;
		if (number || run - of >= max_runs)
			(void)unlinkat(dirfd(d), de->d_name, 0); /* ignoring: tried with the next run */
	}
}
