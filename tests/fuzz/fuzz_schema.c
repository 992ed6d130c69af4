/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a manifest. What is admitted is admitted again as it stands, stays the same, and may be updated to
 * itself.
 */
#include <assert.h>
#include <stdint.h>

#include "schema/manifest.h"
#include "schema/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena *a = arena_new(64 * 1024 * 1024);
	_cleanup_diag_list_ struct diag_list diags = DIAG_LIST_INIT;
	_cleanup_buf_ struct buf said = BUF_INIT;
	struct schema_manifest_object *objects = NULL;
	size_t n = 0;

	if (schema_manifest_read((const char *)data, size, a, &diags, &objects, &n) < 0)
		n = 0;
	for (size_t i = 0; i < n; i++) {
		_cleanup_diag_list_ struct diag_list again = DIAG_LIST_INIT;
		const struct schema_kind *kind = NULL, *second = NULL;
		struct value *copy;
		int r = schema_admit(objects[i].root, a, &diags, &kind);

		assert(r == 0 || diags.errors || diags.failed);
		copy = r == 0 ? value_copy(a, objects[i].root) : NULL;
		if (!copy)
			continue;
		r = schema_admit(copy, a, &again, &second);
		assert(r == 0 || r == -ENOMEM);
		if (r == 0) {
			assert(kind == second);
			assert(value_equal(copy, objects[i].root));
			assert(schema_admit_update(kind, objects[i].root, copy, &again) == 0 || again.failed);
		}
	}
	diag_format(&diags, "fuzz", &said);
	return 0;
}
