/* SPDX-License-Identifier: Apache-2.0 */
/* What the clients of the benches of a whole cluster share. Each function ends the program where it fails. */
#ifndef PODFS_TESTS_BENCH_CLIENT_H
#define PODFS_TESTS_BENCH_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Prints why and ends the program. */
void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
/* A sample for tests/bench/run. */
void sample(const char *subject, const char *metric, const char *unit, double value);
/* Milliseconds since a monotonic time. */
double ms_since(int64_t start);
/* Sleeps so long between two looks at a condition; fails when `start` is 60 s ago. */
void look_again(int64_t start, int64_t ns, const char *what);
/* Writes a file; returns the monotonic time just before close(2). */
int64_t write_file(const char *path, const char *text);
/* At most `size - 1` bytes of a file; false where there is none. */
bool read_file(const char *path, char *out, size_t size);
/* Starts a program, found in PATH, its output thrown away. */
pid_t spawn(char *const argv[]);
/* Its end; fails unless that has status 0. */
void join(pid_t pid, const char *what);
/* The number after `key` in a file of lines, 0 where there is none. */
int64_t field_of(const char *path, const char *key);
/* Calls fn for each process of that name (the first 15 bytes of it); returns how many there are. */
int each_process(const char *comm, void (*fn)(pid_t pid, void *arg), void *arg);

/* Whether the Pod of that name reads Running. */
bool is_running(const char *mnt, const char *pod);

struct sums {
	int64_t pss_kib, private_kib, rss_kib, cpu_ns, written;
};

/* For each_process(): adds what a process takes to the struct sums at `arg`. */
void add_process(pid_t pid, void *arg);

#endif
