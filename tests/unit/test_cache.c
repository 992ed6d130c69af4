/* SPDX-License-Identifier: Apache-2.0 */
/* What the cache keeps in memory of thousands of objects, and what is known of one without decoding it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <pthread.h>

#include "objects.h"
#include "store/cache.h"

enum { OBJECTS = 300, READERS = 3, ROUNDS = 20, LIMIT = 64 * 1024 };

struct world {
	struct store *store;
	struct cache *cache;
};

static const struct schema_kind *config_maps(void)
{
	return schema_kind_by_plural("configmaps");
}

/* Puts ConfigMap number i as its version `version`. */
static void put(struct world *w, unsigned i, unsigned version)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct store_op op = { .type = STORE_PUT };
	char text[512], key[STORE_KEY_MAX + 1];

	(void)snprintf(text, sizeof(text),
		       "{apiVersion: v1, kind: ConfigMap, metadata: {name: m%u, namespace: default, uid: uid-%u,"
		       " labels: {app: web, parity: '%u'}}, data: {number: '%u', version: '%u'}}", i, i, i % 2, i, version);
	assert_int_equal(object_encode(test_tree(a, text), 0, &b), 0);
	(void)snprintf(key, sizeof(key), "/objects/configmaps/default/m%u", i);
	op.key = key;
	op.value = b.data;
	op.len = b.len;
	op.expect = STORE_ANY;
	assert_int_equal(store_commit(w->store, &op, 1, 0, NULL), 0);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	assert_int_equal(store_open("memory:", &w->store, NULL), 0);
	assert_int_equal(cache_new(w->store, &w->cache, NULL), 0);
	cache_limit_decoded(w->cache, LIMIT);
	for (unsigned i = 0; i < OBJECTS; i++)
		put(w, i, 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	cache_free(w->cache);
	store_close(w->store);
	free(w);
	return 0;
}

static struct object *get(struct world *w, unsigned i)
{
	char name[16];

	(void)snprintf(name, sizeof(name), "m%u", i);
	return cache_get(w->cache, config_maps(), "default", name);
}

static unsigned number_of(const struct object *o)
{
	return (unsigned)strtoul(value_str_or(object_path(o, "data", "number"), "999999"), NULL, 10);
}

static void drop(struct world *w, unsigned i)
{
	char key[STORE_KEY_MAX + 1];
	const struct store_op op = { .type = STORE_DELETE, .key = key, .expect = STORE_ANY };

	(void)snprintf(key, sizeof(key), "/objects/configmaps/default/m%u", i);
	assert_int_equal(store_commit(w->store, &op, 1, 0, NULL), 0);
}

/* Whoever goes through a list asks for one after the other, while they come and go. */
static void each_is_found_after_any_other(void **state)
{
	struct world *w = *state;
	_cleanup_object_list_ struct object_list all = OBJECT_LIST_INIT;

	assert_int_equal(cache_list(w->cache, config_maps(), NULL, &all), 0);
	for (size_t step = 1; step <= 2; step++)
		for (size_t i = 0; i < all.n; i += step) {
			_cleanup_object_ struct object *o = cache_get_key(w->cache, object_key(all.items[i]));
			_cleanup_object_ struct object *again = cache_get_key(w->cache, object_key(all.items[i]));

			assert_ptr_equal(o, all.items[i]);
			assert_ptr_equal(again, o);
		}
	for (size_t i = all.n; i-- > 0;) {
		_cleanup_object_ struct object *o = cache_get_key(w->cache, object_key(all.items[i]));

		assert_ptr_equal(o, all.items[i]);
	}
	for (unsigned i = 0; i < OBJECTS; i += 3) {
		_cleanup_object_ struct object *o = get(w, i), *gone = NULL, *next = NULL;

		assert_non_null(o);
		drop(w, i); /* what was found last is freed */
		gone = get(w, i);
		assert_null(gone);
		next = get(w, i + 1);
		assert_int_equal(number_of(next), i + 1);
		put(w, i, 1);
	}
	for (unsigned i = 0; i < OBJECTS; i++) {
		_cleanup_object_ struct object *o = get(w, i);

		assert_int_equal(number_of(o), i);
	}
}

static void trees_that_nobody_holds_are_dropped(void **state)
{
	struct world *w = *state;
	_cleanup_object_ struct object *held = get(w, 7);
	const struct value *root = object_root(held);

	assert_true(cache_decoded(w->cache) > 0);
	for (unsigned i = 0; i < OBJECTS; i++) {
		_cleanup_object_ struct object *o = get(w, i);

		assert_int_equal(number_of(o), i);
		assert_in_range(cache_decoded(w->cache), 1, LIMIT + 8192); /* one tree more than there is room for */
	}
	assert_ptr_equal(object_root(held), root); /* but not the one that is held */
	assert_int_equal(number_of(held), 7);
}

static void trees_in_use_stay_and_go_later(void **state)
{
	struct world *w = *state;
	_cleanup_object_list_ struct object_list all = OBJECT_LIST_INIT;

	assert_int_equal(cache_list(w->cache, config_maps(), NULL, &all), 0);
	assert_int_equal(all.n, OBJECTS);
	for (unsigned pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < all.n; i++)
			assert_in_range(number_of(all.items[i]), 0, OBJECTS - 1);
	assert_in_range(cache_decoded(w->cache), LIMIT + 1, SIZE_MAX);
	object_list_clear(&all);
	for (unsigned i = 0; i < 3 * OBJECTS && cache_decoded(w->cache) > LIMIT; i++)
		object_unref(get(w, 0));
	assert_in_range(cache_decoded(w->cache), 0, LIMIT);
}

static void an_old_version_keeps_its_tree(void **state)
{
	struct world *w = *state;
	_cleanup_object_ struct object *old = get(w, 1), *undecoded = get(w, 2);
	const struct value *root = object_root(old);

	put(w, 1, 1);
	put(w, 2, 1);
	for (unsigned i = 0; i < OBJECTS; i++) {
		_cleanup_object_ struct object *o = get(w, i);

		(void)object_root(o);
	}
	assert_ptr_equal(object_root(old), root);
	assert_string_equal(value_str(object_path(old, "data", "version")), "0");
	assert_string_equal(value_str(object_path(undecoded, "data", "version")), "0");
}

struct look {
	struct world *w;
	unsigned seen; /* changes that were shown */
	uint64_t changes;
	struct object *other; /* owned */
};

static void look_at_the_other(void *arg, const struct cache_event *e)
{
	struct look *l = arg;

	if (l->seen++)
		return;
	l->changes = cache_changes(l->w->cache);
	l->other = get(l->w, 2);
}

/* "Who takes it first and then looks has what he saw for as long as the number stays", within a transaction too. */
static void each_change_of_a_transaction_counts(void **state)
{
	struct world *w = *state;
	struct look l = { .w = w };
	struct cache_subscription *s = NULL;
	static const char *const keys[] = { "/objects/configmaps/default/m1", "/objects/configmaps/default/m2" };
	struct store_op ops[ARRAY_SIZE(keys)];

	assert_int_equal(cache_subscribe(w->cache, schema_kind_by_plural("configmaps"), look_at_the_other, &l, &s), 0);
	assert_int_equal(l.seen, OBJECTS);
	object_unref(l.other);
	l = (struct look){ .w = w };
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		ops[i] = (struct store_op){ .type = STORE_DELETE, .key = keys[i], .expect = STORE_ANY };
	assert_int_equal(store_commit(w->store, ops, ARRAY_SIZE(keys), 0, NULL), 0);
	assert_int_equal(l.seen, ARRAY_SIZE(keys));
	assert_non_null(l.other); /* the first was away, and this not yet */
	assert_null(get(w, 2));
	assert_int_not_equal(cache_changes(w->cache), l.changes);
	object_unref(l.other);
	cache_unsubscribe(s);
}

static void add_number(void *arg, const struct cache_event *e)
{
	unsigned *sum = arg;

	*sum += number_of(e->now);
}

static void showing_all_to_a_subscriber_takes_little(void **state)
{
	struct world *w = *state;
	struct cache_subscription *s = NULL;
	unsigned sum = 0;

	assert_int_equal(cache_subscribe(w->cache, config_maps(), add_number, &sum, &s), 0);
	assert_int_equal(sum, OBJECTS * (OBJECTS - 1) / 2);
	assert_in_range(cache_decoded(w->cache), 1, LIMIT + 8192);
	cache_unsubscribe(s);
}

static void *read_all(void *arg)
{
	struct world *w = arg;
	uintptr_t wrong = 0;

	for (unsigned round = 0; round < ROUNDS; round++) {
		_cleanup_object_list_ struct object_list all = OBJECT_LIST_INIT;

		for (unsigned i = 0; i < OBJECTS; i++) {
			_cleanup_object_ struct object *o = get(w, i);

			wrong += number_of(o) != i;
		}
		wrong += cache_list(w->cache, config_maps(), NULL, &all) != 0;
		for (size_t i = 0; i < all.n; i += 7)
			wrong += number_of(all.items[i]) >= OBJECTS;
	}
	return (void *)wrong;
}

static void readers_and_writers_do_not_meet(void **state)
{
	struct world *w = *state;
	pthread_t threads[READERS];

	cache_limit_decoded(w->cache, 1); /* every call trims */
	for (unsigned i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_all, w), 0);
	for (unsigned i = 0; i < 4 * OBJECTS; i++)
		put(w, i % OBJECTS, i);
	for (unsigned i = 0; i < READERS; i++) {
		void *wrong;

		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_null(wrong);
	}
}

/* --- without decoding --- */

static void is_known_without_decoding(void **state)
{
	struct world *w = *state;
	_cleanup_object_ struct object *o = get(w, 3), *other = get(w, 5), *even = get(w, 4);
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct selector *odd, *all, *none;

	assert_int_equal(selector_parse(a, "app=web,parity=1", &odd, NULL), 0);
	assert_int_equal(selector_parse(a, "", &all, NULL), 0);
	assert_int_equal(selector_compile(a, NULL, &none, NULL), 0);
	assert_string_equal(object_str(o, "metadata", "name"), "m3");
	assert_string_equal(object_str(o, "data", "number"), "3");
	assert_null(object_str(o, "data"));
	assert_null(object_str(o, "data", "no"));
	assert_null(object_str(NULL, "data"));
	assert_true(object_matches(o, odd));
	assert_true(object_matches(o, all));
	assert_false(object_matches(o, none));
	assert_false(object_matches(even, odd));
	assert_true(object_same(o, other, "metadata", "labels"));
	assert_false(object_same(o, even, "metadata", "labels"));
	assert_true(object_same(o, even, "metadata", "annotations")); /* neither has any */
	assert_false(object_has_owners(o));
	assert_int_equal(cache_decoded(w->cache) > 0, true); /* what differed was compared by value */
}

static void nothing_is_decoded_for_what_is_the_same(void **state)
{
	struct world *w = *state;
	_cleanup_object_ struct object *o = get(w, 3), *other = get(w, 5);

	assert_true(object_same(o, other, "metadata", "labels"));
	assert_false(object_is_deleting(o));
	assert_string_equal(object_str(o, "kind"), "ConfigMap");
	assert_int_equal(cache_decoded(w->cache), 0);
	/* Both ways give the same. */
	(void)object_root(o);
	assert_string_equal(object_str(o, "data", "number"), "3");
	assert_null(object_str(o, "data"));
	assert_true(object_same(o, other, "metadata", "labels"));
}

static void members_in_another_order_are_the_same(void **state)
{
	static const char *const texts[] = { "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {x: '1', y: '2'}}",
					     "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {y: '2', x: '1'}}" };
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct object *o[2];

	for (size_t i = 0; i < 2; i++) {
		_cleanup_buf_ struct buf b = BUF_INIT;

		assert_int_equal(object_encode(test_tree(a, texts[i]), 0, &b), 0);
		assert_int_equal(object_decode("/objects/configmaps/default/a", b.data, b.len, &o[i]), 0);
	}
	assert_int_equal(object_same(o[0], o[1], "data"),
			 value_equal(object_path(o[0], "data"), object_path(o[1], "data")));
	object_unref(o[0]);
	object_unref(o[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_is_found_after_any_other, setup, teardown),
		cmocka_unit_test_setup_teardown(trees_that_nobody_holds_are_dropped, setup, teardown),
		cmocka_unit_test_setup_teardown(trees_in_use_stay_and_go_later, setup, teardown),
		cmocka_unit_test_setup_teardown(each_change_of_a_transaction_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(an_old_version_keeps_its_tree, setup, teardown),
		cmocka_unit_test_setup_teardown(showing_all_to_a_subscriber_takes_little, setup, teardown),
		cmocka_unit_test_setup_teardown(readers_and_writers_do_not_meet, setup, teardown),
		cmocka_unit_test_setup_teardown(is_known_without_decoding, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_is_decoded_for_what_is_the_same, setup, teardown),
		cmocka_unit_test(members_in_another_order_are_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
