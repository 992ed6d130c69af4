/* SPDX-License-Identifier: Apache-2.0 */
/* What a container that writes much does: log_writer MEGABYTES MEGABYTES-A-SECOND DONE writes lines of 100 bytes, 4 KiB at a
 * time, at that pace, makes the file DONE, and waits. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE = 100, CHUNK = 4096, MB = 1000 * 1000, TICK_NS = 1000 * 1000 };

int main(int argc, char **argv)
{
	static char text[LINE * CHUNK + CHUNK];
	uint64_t total, rate, done = 0;
	struct timespec next;

	if (argc != 4)
		return 2;
	total = strtoull(argv[1], NULL, 10) * MB;
	rate = strtoull(argv[2], NULL, 10) * MB;
	memset(text, 'x', sizeof(text));
	for (size_t i = LINE - 1; i < sizeof(text); i += LINE)
		text[i] = '\n';
	(void)clock_gettime(CLOCK_MONOTONIC, &next);
	while (done < total) {
		for (uint64_t part = 0; part < rate / 1000 && done < total;) {
			ssize_t n = write(STDOUT_FILENO, text + done % LINE, CHUNK);

			if (n < 0)
				return 1;
			done += (uint64_t)n;
			part += (uint64_t)n;
		}
		next.tv_nsec += TICK_NS;
		if (next.tv_nsec >= 1000000000) {
			next.tv_nsec -= 1000000000;
			next.tv_sec++;
		}
		(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
	if (open(argv[3], O_WRONLY | O_CREAT | O_CLOEXEC, 0644) < 0)
		return 1;
	(void)pause();
	return 0;
}
