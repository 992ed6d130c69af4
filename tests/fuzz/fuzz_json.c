/* SPDX-License-Identifier: Apache-2.0 */
/* Any text is read or refused; what was read survives being written as JSON and as YAML. */
#include <stdlib.h>

#include "value/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_buf_ struct buf json = BUF_INIT;
	_cleanup_buf_ struct buf yaml = BUF_INIT;
	struct value *v, *back;
	struct yaml_document *docs;
	size_t n;

	if (json_read((const char *)data, size, NULL, a, &v, NULL, NULL))
		return 0;
	json_write(&json, v, size % 2 ? JSON_PRETTY : 0);
	if (json_read(buf_str(&json), json.len, NULL, a, &back, NULL, NULL) || !value_equal(v, back))
		abort();
	yaml_write(&yaml, v, 0);
	if (yaml_read(buf_str(&yaml), yaml.len, NULL, a, &docs, &n, NULL, NULL))
		abort();
	if (value_is_null(v) ? n != 0 : n != 1 || !value_equal(docs[0].root, v))
		abort();
	return 0;
}
