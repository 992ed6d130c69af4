/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "value/quantity.h"

static struct quantity parse(const char *s)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct quantity q = { 0 };

	if (quantity_parse(s, strlen(s), &q, &err))
		fail_msg("%s: %s", s, error_text(&err));
	return q;
}

/* The canonical text, in the spirit of Kubernetes' own table tests: the family is kept, the largest exact suffix used,
 * below a nano rounds away from zero. */
static void canonical_text_is_kubernetes(void **state)
{
	static const char *const table[][2] = {
		{ "0", "0" },
		{ "0Ki", "0" },
		{ "-0", "0" },
		{ "00.00", "0" },
		{ "1", "1" },
		{ "+1", "1" },
		{ "1.", "1" },
		{ ".5", "500m" },
		{ "1.5", "1500m" },
		{ "0.001", "1m" },
		{ "1000m", "1" },
		{ "1000", "1k" },
		{ "1500", "1500" },
		{ "1.G", "1G" },
		{ "0.001T", "1G" },
		{ "1234567M", "1234567M" },
		{ "1024Mi", "1Gi" },
		{ "1.5Gi", "1536Mi" },
		{ "0.5Mi", "512Ki" },
		{ "1025Ki", "1025Ki" },
		{ "1023", "1023" },
		{ "0.5Ki", "512" },
		{ "1Ki", "1Ki" },
		{ "0.05Gi", "53687091200m" },
		{ "100.035Ki", "102435840m" },
		{ "7Ei", "7Ei" },
		{ "9Ei", "9223372036854775807" },
		{ "99999999999999999999Ei", "9223372036854775807" },
		{ "12E", "12E" },
		{ "1e3", "1e3" },
		{ "1E-3", "1e-3" },
		{ "1e14", "100e12" },
		{ "0.5e0", "500e-3" },
		{ "1.3E+6", "1300e3" },
		{ "128e6", "128e6" },
		{ "1E", "1E" },
		{ "5n", "5n" },
		{ "4u", "4u" },
		{ "3.001n", "4n" },
		{ "0.9n", "1n" },
		{ "0.00000012345", "124n" },
		{ "1e-30", "1e-9" },
		{ "-0.9n", "-1n" },
		{ "-1.5Gi", "-1536Mi" },
		{ "-100m", "-100m" },
		{ "1080000000n", "1080m" },
		{ "0.000000000001Ki", "2n" },
		{ "00012", "12" },
		{ "123456789012345678901", "123456789012345678901" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		char text[QUANTITY_TEXT_MAX];
		struct quantity q = parse(table[i][0]);

		quantity_format(&q, text);
		if (strcmp(text, table[i][1]) != 0)
			fail_msg("%s gives %s, not %s", table[i][0], text, table[i][1]);
	}
}

static void what_is_no_quantity_is_refused(void **state)
{
	static const char *const table[] = {
		"",    " 1",	 "1 ",	"1.1.M", "1+1.0M", "0.1mi", "0.1am", "aoeu", ".5i",
		"1i",  "-3.01i", "1e",	"1e+",	 "-",	   "+",	    ".",     "Mi",   "1GB",
		"1Gb", "1K",	 "--1", "1 Mi",	 "0x10",   "1e3k",  "1ki",   "1Mib", "NaN"
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		struct quantity q;

		if (quantity_parse(table[i], strlen(table[i]), &q, &err) != -EINVAL)
			fail_msg("\"%s\" was not refused", table[i]);
		assert_non_null(strstr(error_text(&err), "quantit"));
	}
}

static void slips_get_a_hint(void **state)
{
	static const char *const table[][2] = {
		{ "64mi", "write Mi" }, { "1GB", "write G or Gi" }, { "1K", "k (1000)" }, { "64 Mi", "no space" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		struct quantity q;

		assert_int_equal(quantity_parse(table[i][0], strlen(table[i][0]), &q, &err), -EINVAL);
		if (!strstr(error_text(&err), table[i][1]))
			fail_msg("%s: \"%s\" does not say \"%s\"", table[i][0], error_text(&err), table[i][1]);
	}
}

static void arithmetic_is_exact_and_saturates(void **state)
{
	struct quantity a = parse("1.5Gi"), b = parse("512Mi"), c = quantity_add(&a, &b), most = parse("1e40");
	char text[QUANTITY_TEXT_MAX];

	quantity_format(&c, text);
	assert_string_equal(text, "2Gi");
	c = quantity_sub(&b, &a);
	quantity_format(&c, text);
	assert_string_equal(text, "-1Gi");
	a = parse("0");
	c = quantity_add(&a, &b);
	assert_int_equal(c.form, QUANTITY_BINARY);
	c = quantity_add(&most, &most);
	assert_int_equal(quantity_compare(&c, &most), 0);
	assert_int_equal(quantity_value(&most), INT64_MAX);
	a = parse("0.1");
	b = parse("100m");
	assert_int_equal(quantity_compare(&a, &b), 0);
	b = parse("101m");
	assert_int_equal(quantity_compare(&a, &b), -1);
	assert_int_equal(quantity_compare(&b, &a), 1);
	assert_int_equal(quantity_sign(&b), 1);
}

static void values_round_away_from_zero(void **state)
{
	static const struct {
		const char *text;
		int64_t value, milli;
	} table[] = {
		{ "1n", 1, 1 },	     { "-1n", -1, -1 },	  { "1001u", 1, 2 }, { "1.5", 2, 1500 }, { "-1.5", -2, -1500 },
		{ "250m", 1, 250 },  { "2", 2, 2000 },	  { "1Gi", 1073741824, 1073741824000 },
		{ "7Ei", INT64_C(8070450532247928832), INT64_MAX }, { "0", 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct quantity q = parse(table[i].text);

		assert_int_equal(quantity_value(&q), table[i].value);
		assert_int_equal(quantity_milli(&q), table[i].milli);
	}
}

static void divisors_round_up(void **state)
{
	struct quantity q = parse("1.5Gi"), mi = parse("1Mi"), gi = parse("1Gi"), zero = parse("0");

	assert_int_equal(quantity_divided(&q, &mi), 1536);
	assert_int_equal(quantity_divided(&q, &gi), 2);
	assert_int_equal(quantity_divided(&q, &zero), 0);
}

static void numbers_of_trees_are_quantities(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct quantity q;

	assert_int_equal(quantity_from(value_new_float(a, 0.5), &q, NULL), 0);
	assert_int_equal(quantity_milli(&q), 500);
	assert_int_equal(quantity_from(value_new_int(a, 2), &q, NULL), 0);
	assert_int_equal(quantity_value(&q), 2);
	assert_int_equal(quantity_from(value_new_str(a, "2Ki"), &q, NULL), 0);
	assert_int_equal(quantity_value(&q), 2048);
	assert_int_equal(quantity_from(value_new_bool(a, true), &q, NULL), -EINVAL);
	assert_int_equal(quantity_from(NULL, &q, NULL), -EINVAL);
	q = quantity_from_milli(1500, QUANTITY_DECIMAL);
	assert_int_equal(quantity_value(&q), 2);
	q = quantity_from_int(-3, QUANTITY_BINARY);
	assert_int_equal(quantity_milli(&q), -3000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(canonical_text_is_kubernetes),
		cmocka_unit_test(what_is_no_quantity_is_refused),
		cmocka_unit_test(slips_get_a_hint),
		cmocka_unit_test(arithmetic_is_exact_and_saturates),
		cmocka_unit_test(values_round_away_from_zero),
		cmocka_unit_test(divisors_round_up),
		cmocka_unit_test(numbers_of_trees_are_quantities),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
