/* SPDX-License-Identifier: Apache-2.0 */
#include "node/figures.h"

#include <inttypes.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/cleanup.h"
#include "value/quantity.h"

enum { LINE_BYTES = 256 };

/* --- what is kept from pods --- */

static int64_t add(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static int parse_resource(char *text, struct pod_resources *sum)
{
	char *value = strchr(text, '=');
	struct quantity q;

	if (!value)
		return -EINVAL;
	*value++ = '\0';
	if (quantity_parse(value, strlen(value), &q, NULL) < 0 || quantity_sign(&q) < 0)
		return -EINVAL;
	if (!strcmp(text, "cpu"))
		sum->milli_cpu = add(sum->milli_cpu, quantity_milli(&q));
	else if (!strcmp(text, "memory"))
		sum->memory = add(sum->memory, quantity_value(&q));
	else if (!strcmp(text, "ephemeral-storage"))
		sum->ephemeral_storage = add(sum->ephemeral_storage, quantity_value(&q));
	else
		return -EINVAL;
	return 0;
}

int figures_parse_reserved(const char *text, struct pod_resources *sum)
{
	_cleanup_free_ char *copy = strdup(text);
	struct pod_resources all = *sum;
	char *save = NULL;

	if (!copy)
		return -ENOMEM;
	if (!*text)
		return -EINVAL;
	for (char *s = strtok_r(copy, ",", &save); s; s = strtok_r(NULL, ",", &save))
		if (parse_resource(s, &all) < 0)
			return -EINVAL;
	*sum = all;
	return 0;
}

/* --- what there is --- */

struct pod_resources figures_capacity(const char *state_dir)
{
	struct pod_resources r = {
		.milli_cpu = sysconf(_SC_NPROCESSORS_ONLN) * 1000,
		.memory = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE),
	};
	struct statvfs fs;

	if (statvfs(state_dir, &fs) == 0)
		r.ephemeral_storage = (int64_t)(fs.f_blocks * fs.f_frsize);
	return r;
}

void figures_each_huge_page(void (*fn)(void *arg, int64_t page_size, int64_t total), void *arg)
{
	_cleanup_closedir_ DIR *dir = opendir("/sys/kernel/mm/hugepages");
	struct dirent *d;

	while (dir && (d = readdir(dir))) {
		char path[LINE_BYTES], text[LINE_BYTES];
		_cleanup_fclose_ FILE *f = NULL;
		int64_t kib;

		if (strncmp(d->d_name, "hugepages-", 10) != 0)
			continue;
		kib = strtoll(d->d_name + 10, NULL, 10);
		if (kib <= 0 || snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/%.200s/nr_hugepages", d->d_name) < 0)
			continue;
		f = fopen(path, "re");
		if (f && fgets(text, sizeof(text), f))
			fn(arg, kib * 1024, strtoll(text, NULL, 10) * kib * 1024);
	}
}

static void add_huge_pages(void *arg, int64_t page_size, int64_t total)
{
	int64_t *sum = arg;

	*sum += total;
}

static int64_t less(int64_t from, int64_t n)
{
	return n >= from ? 0 : from - n;
}

struct pod_resources figures_allocatable(struct pod_resources capacity, struct pod_resources reserved,
					 const struct eviction_policy *policy)
{
	int64_t huge = 0;

	figures_each_huge_page(add_huge_pages, &huge);
	return (struct pod_resources){
		.milli_cpu = less(capacity.milli_cpu, reserved.milli_cpu),
		.memory = less(capacity.memory,
			       add(add(reserved.memory, eviction_amount(&policy->hard[EVICTION_MEMORY], capacity.memory)), huge)),
		.ephemeral_storage =
			less(capacity.ephemeral_storage,
			     add(reserved.ephemeral_storage,
				 eviction_amount(&policy->hard[EVICTION_NODEFS], capacity.ephemeral_storage))),
	};
}

/* --- what is left --- */

/*
 * K8S (cadvisor, getMemoryUsage and its working set): what is in use less the inactive part of the page cache, so that
 * what is available is what is free and that part.
 */
struct eviction_figure figures_memory(void)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/meminfo", "re");
	int64_t total = 0, available = 0;
	char line[LINE_BYTES];

	while (f && fgets(line, sizeof(line), f)) {
		size_t key = strcspn(line, ":");
		int64_t bytes = line[key] ? strtoll(line + key + 1, NULL, 10) * 1024 : 0;

		line[key] = '\0';
		if (!strcmp(line, "MemTotal"))
			total = bytes;
		else if (!strcmp(line, "MemFree") || !strcmp(line, "Inactive(file)"))
			available += bytes;
	}
	return (struct eviction_figure){ total, available };
}

int64_t figures_swap(void)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/meminfo", "re");
	char line[LINE_BYTES];

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "SwapTotal:", 10))
			return strtoll(line + 10, NULL, 10) * 1024;
	return 0;
}

struct eviction_figure figures_pids(void)
{
	_cleanup_fclose_ FILE *max = fopen("/proc/sys/kernel/pid_max", "re"), *load = fopen("/proc/loadavg", "re");
	char text[LINE_BYTES], *slash;
	int64_t n;

	if (!max || !load || !fgets(text, sizeof(text), max))
		return (struct eviction_figure){ 0 };
	n = strtoll(text, NULL, 10);
	if (!fgets(text, sizeof(text), load) || !(slash = strchr(text, '/'))) /* "0.20 0.18 0.12 1/80 11206": 80 exist */
		return (struct eviction_figure){ 0 };
	return (struct eviction_figure){ n, n - strtoll(slash + 1, NULL, 10) };
}

void figures_disk(const char *path, struct eviction_figure *ret_bytes, struct eviction_figure *ret_inodes)
{
	struct statvfs fs;

	*ret_bytes = *ret_inodes = (struct eviction_figure){ 0 };
	if (statvfs(path, &fs) < 0)
		return;
	*ret_bytes = (struct eviction_figure){ (int64_t)(fs.f_blocks * fs.f_frsize), (int64_t)(fs.f_bavail * fs.f_frsize) };
	/* a filesystem without a table of inodes (btrfs) tells 0 of 0 */
	*ret_inodes = (struct eviction_figure){ (int64_t)fs.f_files, (int64_t)fs.f_favail };
}
