/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "net/ipam.h"

static struct cidr net_of(const char *text)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct cidr c = { 0, 0 };

	if (cidr_parse(text, &c, &err) < 0)
		fail_msg("%s", error_text(&err));
	return c;
}

static uint32_t addr_of(const char *text)
{
	uint32_t a = 0;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static void networks_are_read_and_written(void **state)
{
	static const struct {
		const char *text;
		uint32_t net, last;
	} good[] = {
		{ "10.244.0.0/24", 0x0af40000, 0x0af400ff }, { "0.0.0.0/0", 0, 0xffffffff },
		{ "255.255.255.255/32", 0xffffffff, 0xffffffff }, { "172.16.0.0/12", 0xac100000, 0xac1fffff },
		{ "192.168.1.4/30", 0xc0a80104, 0xc0a80107 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		char buf[CIDR_TEXT_MAX];
		struct cidr c = net_of(good[i].text);

		assert_int_equal(c.net, good[i].net);
		assert_int_equal(cidr_last(c), good[i].last);
		assert_string_equal(cidr_text(c, buf), good[i].text);
	}
}

static void bad_networks_are_refused(void **state)
{
	static const char *const bad[] = {
		"", "10.244.0.0", "10.244.0.0/", "10.244.0.0/33", "10.244.0.0/-1", "10.244.0/24", "10.244.0.0.0/24",
		"10.256.0.0/16", "010.0.0.0/8", "10.0.0.0/08", " 10.0.0.0/8", "10.0.0.0/8 ", "10.0.0.0/8x", "a.b.c.d/8",
		"10.244.0.1/24", "::/0", "10..0.0/8", "99999999999.0.0.0/8", "10.0.0.0/4294967304", "+10.0.0.0/8",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		struct cidr c = { 7, 7 };

		if (cidr_parse(bad[i], &c, &err) != -EINVAL)
			fail_msg("\"%s\" was taken", bad[i]);
		assert_int_equal(c.net, 7); /* outputs are set only on success */
		assert_non_null(strstr(error_text(&err), bad[i]));
	}
}

static void a_network_with_host_bits_is_told_what_was_meant(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct cidr c;

	assert_int_equal(cidr_parse("10.244.3.7/24", &c, &err), -EINVAL);
	assert_non_null(strstr(error_text(&err), "did you mean 10.244.3.0/24?"));
}

static void overlap_is_containment(void **state)
{
	static const struct {
		const char *a, *b;
		bool overlaps;
	} cases[] = {
		{ "10.0.0.0/8", "10.244.0.0/24", true },     { "10.244.0.0/24", "10.244.0.0/24", true },
		{ "10.244.0.0/24", "10.244.1.0/24", false }, { "10.244.0.0/24", "10.244.0.128/25", true },
		{ "0.0.0.0/0", "192.0.2.0/24", true },	     { "192.0.2.1/32", "192.0.2.0/31", true },
		{ "192.0.2.2/32", "192.0.2.0/31", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(cidr_overlaps(net_of(cases[i].a), net_of(cases[i].b)), cases[i].overlaps);
		assert_int_equal(cidr_overlaps(net_of(cases[i].b), net_of(cases[i].a)), cases[i].overlaps);
	}
}

static void addresses_are_given_in_turn_and_not_at_once_again(void **state)
{
	_cleanup_ipam_ struct ipam *ipam = NULL;
	uint32_t a, b, c;

	assert_int_equal(ipam_new(net_of("10.244.0.0/24"), &ipam), 0);
	assert_int_equal(ipam_pick(ipam, &a), 0);
	assert_int_equal(a, addr_of("10.244.0.2"));
	assert_int_equal(ipam_pick(ipam, &b), 0);
	assert_int_equal(b, addr_of("10.244.0.3"));
	ipam_release(ipam, a);
	ipam_release(ipam, b);
	assert_int_equal(ipam_pick(ipam, &c), 0);
	assert_int_equal(c, addr_of("10.244.0.4"));
	assert_int_equal(ipam_used(ipam), 1);
}

/* Every address but network, gateway and broadcast is given once; then -EADDRNOTAVAIL; then what is released. */
static void each_is_given_once_and_the_end_is_told(void **state)
{
	static const struct {
		const char *cidr;
		uint32_t size;
	} cases[] = { { "10.0.0.0/30", 1 }, { "10.0.0.0/29", 5 }, { "10.0.0.0/26", 61 }, { "10.0.0.0/24", 253 },
		      { "10.1.0.0/16", 65533 } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_ipam_ struct ipam *ipam = NULL;
		struct cidr c = net_of(cases[i].cidr);
		uint32_t a = 77, back;

		assert_int_equal(ipam_new(c, &ipam), 0);
		assert_int_equal(ipam_size(ipam), cases[i].size);
		for (uint32_t n = 0; n < cases[i].size; n++) {
			assert_int_equal(ipam_pick(ipam, &a), 0);
			assert_true(a > ipam_gateway(c) && a < cidr_last(c));
			assert_int_equal(ipam_mark(ipam, a), -EEXIST);
		}
		back = a;
		assert_int_equal(ipam_pick(ipam, &a), -EADDRNOTAVAIL);
		assert_int_equal(a, back);
		ipam_release(ipam, c.net + 2);
		assert_int_equal(ipam_pick(ipam, &a), 0);
		assert_int_equal(a, c.net + 2);
	}
}

static void marks_from_the_store_are_kept_clear_of(void **state)
{
	_cleanup_ipam_ struct ipam *ipam = NULL;
	uint32_t a;

	assert_int_equal(ipam_new(net_of("10.244.0.0/24"), &ipam), 0);
	assert_int_equal(ipam_mark(ipam, addr_of("10.244.0.2")), 0);
	assert_int_equal(ipam_mark(ipam, addr_of("10.244.0.3")), 0);
	assert_int_equal(ipam_mark(ipam, addr_of("10.244.0.2")), -EEXIST);
	assert_int_equal(ipam_mark(ipam, addr_of("10.244.0.0")), -ERANGE);
	assert_int_equal(ipam_mark(ipam, addr_of("10.244.0.1")), -ERANGE);
	assert_int_equal(ipam_mark(ipam, addr_of("10.244.0.255")), -ERANGE);
	assert_int_equal(ipam_mark(ipam, addr_of("10.244.1.2")), -ERANGE);
	assert_int_equal(ipam_used(ipam), 2);
	ipam_release(ipam, addr_of("10.244.1.2"));
	ipam_release(ipam, addr_of("10.244.0.9"));
	assert_int_equal(ipam_used(ipam), 2);
	assert_int_equal(ipam_pick(ipam, &a), 0);
	assert_int_equal(a, addr_of("10.244.0.4"));
}

static void prefixes_out_of_range_are_refused(void **state)
{
	struct ipam *ipam = NULL;

	assert_int_equal(ipam_new(net_of("10.0.0.0/15"), &ipam), -EINVAL);
	assert_int_equal(ipam_new(net_of("10.0.0.0/31"), &ipam), -EINVAL);
	assert_null(ipam);
}

static void keys_go_there_and_back(void **state)
{
	static const char *const bad[] = { "", "/net/ips", "/net/ips/", "/net/ips/10.244.0", "/net/ips/10.244.0.5/",
					   "/net/ip/10.244.0.5", "/net/ips/10.244.0.05", "net/ips/10.244.0.5" };
	char buf[IPAM_KEY_MAX];
	uint32_t a = 0;

	assert_string_equal(ipam_key(addr_of("10.244.0.5"), buf), "/net/ips/10.244.0.5");
	assert_int_equal(ipam_key_parse(buf, &a), 0);
	assert_int_equal(a, addr_of("10.244.0.5"));
	assert_string_equal(ipam_key(0xffffffff, buf), "/net/ips/255.255.255.255");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(ipam_key_parse(bad[i], &a), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(networks_are_read_and_written),
		cmocka_unit_test(bad_networks_are_refused),
		cmocka_unit_test(a_network_with_host_bits_is_told_what_was_meant),
		cmocka_unit_test(overlap_is_containment),
		cmocka_unit_test(addresses_are_given_in_turn_and_not_at_once_again),
		cmocka_unit_test(each_is_given_once_and_the_end_is_told),
		cmocka_unit_test(marks_from_the_store_are_kept_clear_of),
		cmocka_unit_test(prefixes_out_of_range_are_refused),
		cmocka_unit_test(keys_go_there_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
