/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The canonical text of what was read reads as the same amount, and is its own canonical text; or the text of that is:
 * 98812.5Ki is written 101184000, as Kubernetes does, which is 101184k where it is read.
 */
#include <stdlib.h>
#include <string.h>

#include "value/quantity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[QUANTITY_TEXT_MAX], again[QUANTITY_TEXT_MAX], last[QUANTITY_TEXT_MAX];
	struct quantity q, back, second;

	if (quantity_parse((const char *)data, size, &q, NULL))
		return 0;
	quantity_format(&q, text);
	if (quantity_parse(text, strlen(text), &back, NULL) || quantity_compare(&q, &back))
		abort();
	quantity_format(&back, again);
	if (quantity_parse(again, strlen(again), &second, NULL) || quantity_compare(&q, &second))
		abort();
	quantity_format(&second, last);
	if (strcmp(again, last) != 0)
		abort();
	if (strcmp(text, again) != 0 && strchr(text, 'i')) /* binary stays binary */
		abort();
	q = quantity_sub(&q, &back);
	if (quantity_sign(&q) || quantity_value(&q))
		abort();
	return 0;
}
