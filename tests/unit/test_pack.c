/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "value/json.h"
#include "value/pack.h"

static const char pod[] = "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"web\",\"namespace\":"
			  "\"default\",\"labels\":{\"app\":\"web\"},"
			  "\"uid\":\"0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0\",\"resourceVersion\":\"4711\"},\"spec\":{"
			  "\"containers\":[{\"name\":\"web\","
			  "\"image\":\"nginx:1.25\",\"ports\":[{\"containerPort\":80,\"protocol\":\"TCP\"}],"
			  "\"resources\":{\"limits\":{\"cpu\":\"100m\","
			  "\"memory\":\"128Mi\"}},\"terminationMessagePath\":\"/dev/"
			  "termination-log\",\"terminationMessagePolicy\":\"File\","
			  "\"imagePullPolicy\":\"IfNotPresent\"}],\"restartPolicy\":\"Always\","
			  "\"terminationGracePeriodSeconds\":30,"
			  "\"dnsPolicy\":\"ClusterFirst\",\"schedulerName\":\"default-scheduler\"},\"status\":{"
			  "\"phase\":\"Pending\"}}";

static struct value *parse(struct arena *a, const char *json)
{
	struct value *v = NULL;

	assert_int_equal(json_read(json, strlen(json), NULL, a, &v, NULL, NULL), 0);
	return v;
}

static void assert_survives(struct arena *a, const struct value *v)
{
	for (unsigned flags = 0; flags <= PACK_BORROW; flags++) {
		_cleanup_buf_ struct buf b = BUF_INIT;
		struct value *back = NULL;

		pack_write(&b, v);
		assert_false(buf_failed(&b));
		assert_int_equal(pack_read(a, b.data, b.len, flags, &back), 0);
		assert_true(value_equal(v, back));
	}
}

static void every_type_and_size_survives(void **state)
{
	static const char *const table[] = {
		"null",
		"true",
		"false",
		"0",
		"95",
		"96",
		"-1",
		"9223372036854775807",
		"-9223372036854775808",
		"0.1",
		"-1e300",
		"\"\"",
		"\"v1\"",
		"\"v1\\u0000\"",
		"\"a\\u0000b\"",
		"[]",
		"{}",
		"{\"\":{\"name\":[[],{}]}}",
		pod,
	};
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_buf_ struct buf long_key = BUF_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		assert_survives(a, parse(a, table[i]));
	for (int n = 0; n < 300; n += 7) { /* across every boundary of the short forms */
		struct value *list = value_new_list(a), *map = value_new_map(a);

		for (int i = 0; i < n; i++) {
			value_append(a, list, value_new_int(a, i));
			value_set(a, map, arena_printf(a, "key%d", i), value_new_int(a, i));
			buf_putc(&long_key, 'k');
		}
		value_set_str(a, map, buf_str(&long_key), buf_str(&long_key));
		assert_survives(a, list);
		assert_survives(a, map);
	}
}

static void a_pod_shrinks_to_less_than_half(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_buf_ struct buf b = BUF_INIT;

	pack_write(&b, parse(a, pod));
	assert_true(b.len < strlen(pod) / 2);
}

/* The stored form may never change under a version: what an older podfs wrote must read the same for ever. */
static void the_form_of_version_1_is_fixed(void **state)
{
	static const unsigned char bytes[] = { 1, 0x62, 0x40, 8, 0, 0x45, 0x23, 'w', 'e', 'b', 0, };
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct value *v = parse(a, "{\"apiVersion\":\"v1\",\"name\":\"web\"}"), *back = NULL;

	pack_write(&b, v);
	assert_int_equal(b.len, sizeof(bytes));
	assert_memory_equal(b.data, bytes, sizeof(bytes));
	assert_int_equal(pack_read(a, bytes, sizeof(bytes), 0, &back), 0);
	assert_true(value_equal(v, back));
}

static void damage_is_refused_or_harmless(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct value *v;

	pack_write(&b, parse(a, pod));
	for (size_t len = 0; len < b.len; len++)
		assert_int_equal(pack_read(a, b.data, len, 0, &v), -EBADMSG);
	for (size_t i = 0; i < b.len; i++) {
		for (int bit = 0; bit < 8; bit++) {
			_cleanup_arena_ struct arena *other = arena_new(0);
			int rc;

			b.data[i] = (char)(b.data[i] ^ 1 << bit);
			rc = pack_read(other, b.data, b.len, PACK_BORROW, &v);
			assert_true(rc == 0 || rc == -EBADMSG);
			b.data[i] = (char)(b.data[i] ^ 1 << bit);
		}
	}
	buf_putc(&b, '\0');
	assert_int_equal(pack_read(a, b.data, b.len, 0, &v), -EBADMSG);
	b.data[0] = 2;
	assert_int_equal(pack_read(a, b.data, b.len - 1, 0, &v), -EBADMSG);
}

static void counts_do_not_multiply_memory(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct value *v;

	buf_putc(&b, 1);
	for (int i = 0; i < 900; i++) {
		static const char list_of_30000[] = { 6, (char)0xB0, (char)0xEA, 1 };

		buf_append(&b, list_of_30000, sizeof(list_of_30000));
	}
	for (int i = 0; i < 40000; i++)
		buf_putc(&b, 0);
	assert_int_equal(pack_read(a, b.data, b.len, 0, &v), -EBADMSG);
	assert_true(arena_size(a) < b.len * 64 + 128 * 1024);
}

static void nesting_is_limited(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct value *v;

	buf_putc(&b, 1);
	for (int i = 0; i < 100000; i++)
		buf_putc(&b, (char)0x81);
	buf_putc(&b, 0);
	assert_int_equal(pack_read(a, b.data, b.len, 0, &v), -EBADMSG);
}

static void memory_that_runs_out_is_an_error(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_buf_ struct buf b = BUF_INIT;
	int rc = -ENOMEM;

	pack_write(&b, parse(a, pod));
	for (size_t limit = 64; rc == -ENOMEM; limit += 64) {
		_cleanup_arena_ struct arena *small = arena_new(limit);
		struct value *v;

		rc = pack_read(small, b.data, b.len, 0, &v);
		assert_true(rc == 0 || rc == -ENOMEM);
		assert_true(limit < 100000);
	}
}

static const char *find(const struct buf *b, const char *first, const char *second)
{
	const char *const path[] = { first, second, NULL };

	return pack_find_str(b->data, b->len, path);
}

static void strings_are_found_without_decoding(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_buf_ struct buf b = BUF_INIT, other = BUF_INIT;

	pack_write(&b, parse(a, pod));
	assert_string_equal(find(&b, "metadata", "name"), "web");
	assert_string_equal(find(&b, "metadata", "uid"), "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0");
	assert_string_equal(find(&b, "status", "phase"), "Pending"); /* behind lists, maps and numbers; of the dictionary */
	assert_string_equal(find(&b, "kind", NULL), "Pod");
	assert_null(find(&b, "metadata", "nam"));
	assert_null(find(&b, "metadata", "labels"));
	assert_null(find(&b, "kind", "of"));
	assert_null(find(&b, "spec", "terminationGracePeriodSeconds"));
	pack_write(&other, parse(a, "{\"a\":[null,true,1.5,-7,4711,[],{}],\"b\":{\"a much longer key than others\":\"\","
				    "\"c\":\"a string that is so long that its length takes a byte of its own, of 64 or more\"}}"));
	assert_int_equal(strlen(find(&other, "b", "c")), 79);
	assert_string_equal(find(&other, "b", "a much longer key than others"), "");
}

static void a_part_is_found_and_read(void **state)
{
	static const char *const labels[] = { "metadata", "labels", NULL }, *const ports[] = { "spec", "containers", NULL },
				       *const none[] = { "spec", "volumes", NULL };
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct value *root = parse(a, pod), *v = NULL;
	const void *part;
	size_t len;

	pack_write(&b, root);
	assert_int_equal(pack_read_at(a, b.data, b.len, labels, 0, &v), 0);
	assert_true(value_equal(v, value_path(root, "metadata", "labels")));
	assert_int_equal(pack_read_at(a, b.data, b.len, ports, PACK_BORROW, &v), 0);
	assert_true(value_equal(v, value_path(root, "spec", "containers")));
	assert_int_equal(pack_read_at(a, b.data, b.len, none, 0, &v), -ENOENT);
	assert_int_equal(pack_find(b.data, b.len, none, &part, &len), -ENOENT);
	assert_int_equal(pack_find(b.data, b.len, labels, &part, &len), 0);
	assert_true((const char *)part > b.data && (const char *)part + len < b.data + b.len);
	assert_int_equal(pack_find(NULL, 0, labels, &part, &len), -EBADMSG);
}

static void damage_is_not_followed_when_looking(void **state)
{
	static const char *const path[] = { "status", "phase", NULL };
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_buf_ struct buf b = BUF_INIT;
	unsigned found = 0;

	pack_write(&b, parse(a, pod));
	for (size_t cut = 0; cut <= b.len; cut++) {
		/* exactly as long, so that a sanitizer sees a look behind the end */
		_cleanup_free_ char *copy = malloc(cut + !cut);

		assert_non_null(copy);
		memcpy(copy, b.data, cut);
		found += pack_find_str(copy, cut, path) != NULL;
		for (size_t at = 0; at < cut; at += 3) {
			copy[at] ^= (char)(cut * 31 + 1);
			const char *s = pack_find_str(copy, cut, path);
			struct value *v = NULL;
			const void *part;
			size_t len;

			assert_true(!s || strlen(s) <= b.len);
			if (pack_find(copy, cut, path, &part, &len) == 0)
				assert_in_range((uintptr_t)part + len, (uintptr_t)copy, (uintptr_t)copy + cut);
			(void)pack_read_at(a, copy, cut, path, PACK_BORROW, &v);
		}
	}
	assert_in_range(found, 1, 8); /* the last bytes only */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_and_size_survives),
		cmocka_unit_test(a_pod_shrinks_to_less_than_half),
		cmocka_unit_test(the_form_of_version_1_is_fixed),
		cmocka_unit_test(damage_is_refused_or_harmless),
		cmocka_unit_test(counts_do_not_multiply_memory),
		cmocka_unit_test(nesting_is_limited),
		cmocka_unit_test(memory_that_runs_out_is_an_error),
		cmocka_unit_test(strings_are_found_without_decoding),
		cmocka_unit_test(a_part_is_found_and_read),
		cmocka_unit_test(damage_is_not_followed_when_looking),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
