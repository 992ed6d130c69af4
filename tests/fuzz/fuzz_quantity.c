/* SPDX-License-Identifier: Apache-2.0 */
/* The canonical text of what was read reads as the same amount, and is its own canonical text. */
#include <stdlib.h>
#include <string.h>

#include "value/quantity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[QUANTITY_TEXT_MAX], again[QUANTITY_TEXT_MAX];
	struct quantity q, back;

	if (quantity_parse((const char *)data, size, &q, NULL))
		return 0;
	quantity_format(&q, text);
	if (quantity_parse(text, strlen(text), &back, NULL) || quantity_compare(&q, &back))
		abort();
	quantity_format(&back, again);
	if (strcmp(text, again) != 0)
		abort();
	q = quantity_sub(&q, &back);
	if (quantity_sign(&q) || quantity_value(&q))
		abort();
	return 0;
}
