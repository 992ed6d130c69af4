/* SPDX-License-Identifier: Apache-2.0 */
/* What podfs-probe reads of a server: whole and byte by byte it must come to the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "probe/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http whole = { 0 }, pieces = { 0 };
	enum http_progress p = http_feed(&whole, (const char *)data, size), q = HTTP_MORE;

	for (size_t i = 0; i < size && q == HTTP_MORE; i++)
		q = http_feed(&pieces, (const char *)data + i, 1);
	if (p != q || whole.status != pieces.status || (p == HTTP_MORE && http_end(&whole) != http_end(&pieces)))
		abort();
	http_clear(&whole);
	http_clear(&pieces);
	return 0;
}
