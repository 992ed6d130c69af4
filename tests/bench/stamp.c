/* SPDX-License-Identifier: Apache-2.0 */
/* The container of the benches: writes the monotonic time of its first instruction to the file argv[1], and waits. */
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct timespec now;
	char text[32];
	int fd, n;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	if (argc < 2)
		return 2;
	n = snprintf(text, sizeof(text), "%lld", (long long)now.tv_sec * 1000000000 + now.tv_nsec);
	fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, text, (size_t)n) != n)
		return 1;
	(void)close(fd);
	if (argc > 2) /* only the start is wanted */
		return 0;
	(void)pause();
	return 0;
}
