/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules: the grammar with its errors, and activations, over changes of the clocks too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "value/cron.h"

static struct cron parse(const char *s)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct cron c = { 0 };

	if (cron_parse(s, strlen(s), &c, &err) < 0)
		fail_msg("%s: %s", s, error_text(&err));
	return c;
}

static void assert_refused(const char *s, const char *why)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct cron c;

	assert_int_equal(cron_parse(s, strlen(s), &c, &err), -EINVAL);
	assert_string_equal(error_text(&err), why);
}

static int64_t at(const char *time)
{
	int64_t t = 0;

	assert_int_equal(clock_parse_rfc3339(time, &t), 0);
	return t;
}

static void need_zones(void)
{
	_cleanup_zone_ struct zone *zone = NULL;

	if (zone_load("Europe/Berlin", &zone) < 0)
		skip(); /* the system has no zone database */
}

/* The activations after a time, up to a NULL. */
static void assert_next(const char *schedule, const char *zone_name, const char *after, const char *const *expected)
{
	_cleanup_zone_ struct zone *zone = NULL;
	struct cron c = parse(schedule);
	int64_t t = at(after);
	char text[CLOCK_RFC3339_SIZE];

	if (zone_name && zone_load(zone_name, &zone) < 0)
		fail_msg("no zone %s", zone_name);
	for (; *expected; expected++) {
		assert_true(cron_next(&c, zone, t, &t));
		assert_string_equal(clock_format_rfc3339(t, text), *expected);
	}
}

#define TIMES(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void fields_have_values_ranges_steps_and_names(void **state)
{
	struct cron c = parse("*/15 0-5,22 1,15 JAN-mar,12 Mon-FRI");

	assert_int_equal(c.minute, 1 | 1 << 15 | 1 << 30 | UINT64_C(1) << 45);
	assert_int_equal(c.hour, 0x3f | 1 << 22);
	assert_int_equal(c.dom, 1 << 1 | 1 << 15);
	assert_int_equal(c.month, 1 << 1 | 1 << 2 | 1 << 3 | 1 << 12);
	assert_int_equal(c.dow, 0x3e);
	assert_false(c.dom_any);
	c = parse("5/20\t? 10-20/5 * ?");
	assert_int_equal(c.minute, 1 << 5 | 1 << 25 | UINT64_C(1) << 45);
	assert_int_equal(c.hour, 0xffffff);
	assert_int_equal(c.dom, 1 << 10 | 1 << 15 | 1 << 20);
	assert_true(c.dow_any);
	assert_false(c.dom_any);
}

static void what_is_wrong_is_told_in_the_api_servers_words(void **state)
{
	assert_refused("", "empty spec string");
	assert_refused("every 5 minutes", "expected exactly 5 fields, found 3: [every 5 minutes]");
	assert_refused("* * * * * *", "expected exactly 5 fields, found 6: [* * * * * *]");
	assert_refused("61 * * * *", "end of range (61) above maximum (59): 61");
	assert_refused("* * 0 * *", "beginning of range (0) below minimum (1): 0");
	assert_refused("30-10 * * * *", "beginning of range (30) beyond end of range (10): 30-10");
	assert_refused("0 0 * * 7", "end of range (7) above maximum (6): 7");
	assert_refused("0 0 L * *", "failed to parse int from L: strconv.Atoi: parsing \"L\": invalid syntax");
	assert_refused("1-2-3 * * * *", "too many hyphens: 1-2-3");
	assert_refused("*/2/3 * * * *", "too many slashes: */2/3");
	assert_refused("*/0 * * * *", "step of range should be a positive number: */0");
	assert_refused("*/-5 * * * *", "negative number (-5) not allowed: -5");
	assert_refused("@reboot", "unrecognized descriptor: @reboot");
	assert_refused("@every", "unrecognized descriptor: @every");
	assert_refused("@every 5", "failed to parse duration 5: time: missing unit in duration \"5\"");
	assert_refused("@every soon", "failed to parse duration soon: time: invalid duration \"soon\"");
	assert_refused("@every 5d", "failed to parse duration 5d: time: unknown unit \"d\" in duration \"5d\"");
}

static void macros_and_every(void **state)
{
	assert_next("@hourly", NULL, "2024-02-28T22:10:00Z",
		    TIMES("2024-02-28T23:00:00Z", "2024-02-29T00:00:00Z"));
	assert_next("@weekly", NULL, "2024-02-28T22:10:00Z", TIMES("2024-03-03T00:00:00Z", "2024-03-10T00:00:00Z"));
	assert_next("@monthly", NULL, "2024-12-28T22:10:00Z", TIMES("2025-01-01T00:00:00Z", "2025-02-01T00:00:00Z"));
	assert_next("@yearly", NULL, "2024-02-28T22:10:00Z", TIMES("2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z"));
	assert_int_equal(parse("@every 1h30m").every, 5400);
	assert_int_equal(parse("@every 1.5h").every, 5400);
	assert_int_equal(parse("@every 10ms").every, 1);
	assert_next("@every 90s", NULL, "2024-02-28T22:10:00Z", TIMES("2024-02-28T22:11:30Z", "2024-02-28T22:13:00Z"));
}

static void activations_follow_the_calendar(void **state)
{
	assert_next("0 0 29 2 *", NULL, "2024-03-01T00:00:00Z", TIMES("2028-02-29T00:00:00Z"));
	assert_next("30 4 1,15 * 5", NULL, "2024-08-01T04:30:00Z", /* either day will do */
		    TIMES("2024-08-02T04:30:00Z", "2024-08-09T04:30:00Z", "2024-08-15T04:30:00Z", "2024-08-16T04:30:00Z"));
	assert_next("30 4 */2 * 5", NULL, "2024-08-01T04:30:00Z", /* a step is no star */
		    TIMES("2024-08-02T04:30:00Z", "2024-08-03T04:30:00Z"));
	assert_next("0 9 * * MON-FRI", NULL, "2024-08-02T09:00:00Z", TIMES("2024-08-05T09:00:00Z"));
	assert_next("*/7 * * * *", NULL, "2024-08-02T09:56:00.5Z", TIMES("2024-08-02T10:00:00Z", "2024-08-02T10:07:00Z"));
	assert_next("0 0 1 1 *", NULL, "1969-06-01T00:00:00Z", TIMES("1970-01-01T00:00:00Z"));
}

static void a_day_that_never_comes_ends_the_search(void **state)
{
	struct cron never = parse("0 0 30 2 *"), none = parse(", * * * *"), beyond = parse("@every 2540400h");
	int64_t t = 7;

	assert_false(cron_next(&never, NULL, at("2024-01-01T00:00:00Z"), &t));
	assert_false(cron_next(&none, NULL, at("2024-01-01T00:00:00Z"), &t));
	assert_false(cron_next(&beyond, NULL, at("2024-01-01T00:00:00Z"), &t));
	assert_int_equal(t, 7);
}

static void a_zone_has_its_own_midnight(void **state)
{
	need_zones();
	assert_next("0 0 * * *", "Asia/Kathmandu", "2024-08-02T00:00:00Z",
		    TIMES("2024-08-02T18:15:00Z", "2024-08-03T18:15:00Z"));
	assert_next("0 9 * * *", "America/New_York", "2040-07-01T00:00:00Z", /* by the rule after the last change */
		    TIMES("2040-07-01T13:00:00Z"));
	assert_next("0 9 * * *", "Australia/Sydney", "2040-01-01T00:00:00Z", TIMES("2040-01-01T22:00:00Z"));
}

static void a_time_that_the_clocks_skip_is_left_out(void **state)
{
	need_zones();
	/* 31 March 2024, 02:00 to 03:00 in Berlin */
	assert_next("30 2 * * *", "Europe/Berlin", "2024-03-30T12:00:00Z", TIMES("2024-04-01T00:30:00Z"));
	assert_next("30 * * * *", "Europe/Berlin", "2024-03-31T00:00:00Z",
		    TIMES("2024-03-31T00:30:00Z", "2024-03-31T01:30:00Z"));
	/* 6 October 2024, 00:00 to 01:00 in Asuncion: the day begins at 1 */
	assert_next("30 1 6 10 *", "America/Asuncion", "2024-10-01T00:00:00Z", TIMES("2024-10-06T04:30:00Z"));
}

static void a_time_that_the_clocks_show_twice_is_due_twice(void **state)
{
	need_zones();
	/* 27 October 2024, 03:00 to 02:00 in Berlin */
	assert_next("30 2 * * *", "Europe/Berlin", "2024-10-26T12:00:00Z",
		    TIMES("2024-10-27T00:30:00Z", "2024-10-27T01:30:00Z", "2024-10-28T01:30:00Z"));
	assert_next("0 0 * * *", "Europe/Berlin", "2024-10-26T12:00:00Z",
		    TIMES("2024-10-26T22:00:00Z", "2024-10-27T23:00:00Z"));
}

static void only_zones_of_the_database_load(void **state)
{
	static const char *const wrong[] = { "",      "/etc/passwd", "../../etc/passwd", "Europe/../../passwd", "..", "Mars/Olympus",
					     "tzdata.zi", "Europe" };
	struct zone *zone = NULL;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_in_range(-zone_load(wrong[i], &zone), 1, 4095);
	assert_null(zone);
	assert_int_equal(zone_load("UTC", &zone), 0);
	assert_int_equal(zone_offset(zone, 0), 0);
	zone_free(zone);
	assert_int_equal(zone_parse("TZif2", 5, &zone), -EBADMSG);
}

/* The form that is read by itself says what it says as one of those that libc reads. */
static void the_common_form_of_a_time_is_read_as_the_others(void **state)
{
	char plain[80], other[80];

	for (int i = 0; i < 600 * 13 * 33; i++) {
		int year = 1670 + i / (13 * 33), month = i / 33 % 13, day = i % 33;
		int64_t a = 0, b = 0;
		int n = snprintf(plain, sizeof(plain), "%04d-%02d-%02dT%02d:%02d:%02d", year, month, day, i % 24, i % 60, i % 59);

		memcpy(other, plain, (size_t)n + 1);
		(void)snprintf(plain + n, sizeof(plain) - (size_t)n, "Z");
		(void)snprintf(other + n, sizeof(other) - (size_t)n, "+00:00");
		assert_int_equal(clock_parse_rfc3339(plain, &a), clock_parse_rfc3339(other, &b));
		assert_int_equal(a, b);
	}
	for (const char *const *s = (const char *const[]){ "2026-11-23T01:02:03", "2026-11-23T01:02:03Zx", "2026-11-23T24:02:03Z",
							    "2026-11-23T01:60:03Z", "2026-13-23T01:02:03Z", "", NULL }; *s; s++) {
		int64_t t;

		assert_int_equal(clock_parse_rfc3339(*s, &t), -EINVAL);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_have_values_ranges_steps_and_names),
		cmocka_unit_test(what_is_wrong_is_told_in_the_api_servers_words),
		cmocka_unit_test(macros_and_every),
		cmocka_unit_test(activations_follow_the_calendar),
		cmocka_unit_test(a_day_that_never_comes_ends_the_search),
		cmocka_unit_test(a_zone_has_its_own_midnight),
		cmocka_unit_test(a_time_that_the_clocks_skip_is_left_out),
		cmocka_unit_test(a_time_that_the_clocks_show_twice_is_due_twice),
		cmocka_unit_test(only_zones_of_the_database_load),
		cmocka_unit_test(the_common_form_of_a_time_is_read_as_the_others),
	};

	return cmocka_run_group_tests_name("cron", tests, NULL, NULL);
}
