/* SPDX-License-Identifier: Apache-2.0 */
/* The text form of what was read reads as the same selector. */
#include <stdlib.h>
#include <string.h>

#include "value/selector.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_buf_ struct buf one = BUF_INIT;
	_cleanup_buf_ struct buf two = BUF_INIT;
	struct value *labels = value_new_map(a);
	struct selector *s, *back;
	char *text = arena_memdup(a, (const char *)data, size);

	if (!text || selector_parse(a, text, &s, NULL))
		return 0;
	value_set_str(a, labels, "a", "b");
	selector_format(&one, s);
	if (selector_parse(a, buf_str(&one), &back, NULL))
		abort();
	selector_format(&two, back);
	if (strcmp(buf_str(&one), buf_str(&two)) != 0 || selector_is_empty(s) != selector_is_empty(back) ||
	    selector_matches(s, labels) != selector_matches(back, labels))
		abort();
	return 0;
}
