/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "objects.h"
#include "value/yaml.h"

struct value *test_tree(struct arena *a, const char *yaml)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct yaml_document *docs = NULL;
	size_t n = 0;

	if (yaml_read(yaml, strlen(yaml), NULL, a, &docs, &n, &err, NULL) < 0 || n != 1)
		fail_msg("%s: %s", yaml, error_text(&err));
	return docs[0].root;
}

static struct object *object_of(const char *fmt, va_list ap)
{
	static uint64_t revision = 1;
	_cleanup_arena_ struct arena *a = arena_new(0);
	char text[TEST_YAML_MAX];
	struct object *o;
	int n = vsnprintf(text, sizeof(text), fmt, ap);

	assert_in_range(n, 1, sizeof(text) - 1);
	o = object_for_test(test_tree(a, text), revision++);
	assert_non_null(o);
	return o;
}

struct object *test_object(const char *fmt, ...)
{
	struct object *o;
	va_list ap;

	va_start(ap, fmt);
	o = object_of(fmt, ap);
	va_end(ap);
	return o;
}

struct object *test_add(struct object_list *l, const char *fmt, ...)
{
	struct object *o;
	va_list ap;

	va_start(ap, fmt);
	o = object_of(fmt, ap);
	va_end(ap);
	assert_int_equal(object_list_add(l, o), 0);
	object_unref(o);
	return o;
}

int64_t test_time(int64_t seconds)
{
	int64_t t;

	assert_int_equal(clock_parse_rfc3339("2026-01-01T00:00:00Z", &t), 0);
	return t + seconds * NSEC_PER_SEC;
}

const char *test_stamp(int64_t seconds)
{
	static char ring[8][CLOCK_RFC3339_SIZE];
	static unsigned at;
	char *out = ring[at++ % 8];

	return clock_format_rfc3339(test_time(seconds), out);
}
