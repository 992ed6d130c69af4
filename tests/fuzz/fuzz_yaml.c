/* SPDX-License-Identifier: Apache-2.0 */
/* Any text is read or refused; what was read survives being written as YAML, as JSON and in the stored form. */
#include <stdlib.h>

#include "value/json.h"
#include "value/pack.h"
#include "value/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void survives_yaml(struct arena *a, const struct value *v, unsigned flags)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct yaml_document *docs;
	size_t n;

	yaml_write(&b, v, flags);
	check(!yaml_read(buf_str(&b), b.len, NULL, a, &docs, &n, NULL, NULL));
	check(n == 1 && value_equal(docs[0].root, v));
}

static void survives_json(struct arena *a, const struct value *v, unsigned flags)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct value *back;

	json_write(&b, v, flags);
	check(!json_read(buf_str(&b), b.len, NULL, a, &back, NULL, NULL) && value_equal(back, v));
}

static void survives_pack(struct arena *a, const struct value *v, unsigned flags)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct value *back;

	pack_write(&b, v);
	check(!pack_read(a, b.data, b.len, flags, &back) && value_equal(back, v));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct yaml_limits limits = { .max_bytes = 64 * 1024, .max_nodes = 20000 };
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_error_ struct error err = ERROR_INIT;
	struct value_mark where = { 0, 0 };
	struct yaml_document *docs;
	size_t n;

	if (yaml_read((const char *)data, size, &limits, a, &docs, &n, &err, &where)) {
		check(err.code < 0 && *error_text(&err));
		return 0;
	}
	for (size_t i = 0; i < n; i++) {
		check(docs[i].root && !value_is_null(docs[i].root) && value_mark(docs[i].root).line);
		survives_yaml(a, docs[i].root, i % 2 ? YAML_SORTED : 0);
		survives_json(a, docs[i].root, i % 2 ? JSON_SORTED : JSON_PRETTY);
		survives_pack(a, docs[i].root, i % 2 ? PACK_BORROW : 0);
	}
	return 0;
}
