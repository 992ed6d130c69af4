/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes are read or refused; what was read survives a second trip; memory stays within what pack.h promises. */
#include <stdlib.h>

#include "value/pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct value *v, *back;
	int rc = pack_read(a, data, size, size % 2 ? PACK_BORROW : 0, &v);

	if (arena_size(a) > size * 64 + 128 * 1024)
		abort();
	if (rc)
		return 0;
	pack_write(&b, v);
	if (pack_read(a, b.data, b.len, PACK_BORROW, &back))
		abort();
	(void)value_hash(back);
	return 0;
}
