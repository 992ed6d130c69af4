/* SPDX-License-Identifier: Apache-2.0 */
/* The back end that keeps nothing: for tests, and for clusters that may forget. The core does all the work. */
#include "store/backend.h"

static int memory_load(void *be, store_load_fn fn, void *arg, uint64_t *ret_reserved, struct error *err)
{
	*ret_reserved = 0;
	return 0;
}

static int memory_write(void *be, const struct store_write *writes, size_t n, uint64_t reserved)
{
	return 0;
}

static void memory_close(void *be)
{
}

const struct store_backend_ops store_memory_ops = {
	.load = memory_load,
	.write = memory_write,
	.durable = false,
	.close = memory_close,
};
