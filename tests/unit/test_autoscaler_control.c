/* SPDX-License-Identifier: Apache-2.0 */
/* The autoscaler with the other controllers on a store, with a node that plays the node agent and a meter that tells what is asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "control/autoscaler.h"
#include "control/conditions.h"
#include "control_world.h"

static struct meter {
	atomic_llong memory; /* of each pod, bytes; -1: of pods on other nodes nothing is known */
	atomic_llong asked;
} meter;

static int read_meter(void *arg, const struct object *pod, const char *container, struct usage_figures *ret)
{
	struct meter *m = arg;
	int64_t memory = atomic_load(&m->memory);

	atomic_fetch_add(&m->asked, 1);
	if (memory < 0)
		return -ENOENT;
	*ret = (struct usage_figures){ .cpu = 0, .memory = memory, .run = 1 };
	return 0;
}

static const struct autoscaler_config config = { .usage = { read_meter, &meter }, .period = 50 * NSEC_PER_MSEC };

static const char hpa_yaml[] =
	"{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: %s, namespace: default}, spec: {maxReplicas: 5,"
	" scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, metrics: [{type: Resource, resource: {name: memory, target:"
	" {type: AverageValue, averageValue: 100}}}], behavior: {scaleDown: {stabilizationWindowSeconds: 0}}}}";

static void create_hpa(struct world *w, const char *name)
{
	char text[sizeof(hpa_yaml) + 16];

	(void)snprintf(text, sizeof(text), hpa_yaml, name);
	assert_int_equal(create(w, &tester, text, TXN_ADMIT), 0);
}

static bool asked_again(struct world *w, void *arg)
{
	(void)w;
	return atomic_load(&meter.asked) > *(int64_t *)arg;
}

/* "Type Status Reason" of a condition of the autoscaler "a". */
static bool says(struct world *w, void *arg)
{
	_cleanup_object_ struct object *o = cache_get(w->cache, kind("horizontalpodautoscalers"), "default", "a");
	const char *text = arg, *status = strchr(text, ' '), *reason = strrchr(text, ' ');
	_cleanup_free_ char *type = strndup(text, (size_t)(status - text));
	const struct value *of = object_path(o, "status");

	assert_non_null(type);
	return !strncmp(condition_status(of, type), status + 1, (size_t)(reason - status - 1)) &&
	       !strcmp(condition_reason(of, type), reason + 1);
}

static bool is_gone(struct world *w, void *arg)
{
	(void)arg;
	return count_is(w, "horizontalpodautoscalers", 0);
}

static void delete_hpas(struct world *w)
{
	_cleanup_object_list_ struct object_list all = OBJECT_LIST_INIT;
	_cleanup_txn_ struct txn *t = txn_new(w->registry, &tester);

	assert_int_equal(cache_list(w->cache, kind("horizontalpodautoscalers"), NULL, &all), 0);
	for (size_t i = 0; i < all.n; i++)
		assert_int_equal(txn_delete(t, all.items[i], NULL), 0);
	assert_int_equal(txn_commit(t, 0, NULL), 0);
	assert_true(wait_for(w, is_gone, NULL));
}

static void a_deployment_follows_what_its_pods_use(void **state)
{
	struct world *w = *state;
	struct controller *c;
	int64_t n = 5, asked;

	atomic_store(&meter.memory, 400);
	start_web(w);
	assert_int_equal(controller_start_with(&autoscaler_controller, &config, w->registry, &c, NULL), 0);
	assert_int_equal(atomic_load(&meter.asked), 0); /* nothing is measured which nobody looks at */
	create_hpa(w, "a");
	assert_true(wait_for(w, is_complete, &n));
	assert_true(wait_for(w, says, (char[]){ "ScalingLimited True TooManyReplicas" }));
	assert_true(wait_for(w, says, (char[]){ "ScalingActive True ValidMetricFound" }));
	atomic_store(&meter.memory, 10);
	n = 1;
	assert_true(wait_for(w, is_complete, &n));

	/* of pods on other nodes nothing is known, which is not nothing */
	atomic_store(&meter.memory, -1);
	assert_true(wait_for(w, says, (char[]){ "ScalingActive False FailedGetResourceMetric" }));
	assert_true(is_complete(w, &n));
	atomic_store(&meter.memory, 400);
	n = 5;
	assert_true(wait_for(w, is_complete, &n));

	/* two that have the same pods are left alone both */
	create_hpa(w, "b");
	assert_true(wait_for(w, says, (char[]){ "ScalingActive False AmbiguousSelector" }));
	delete_hpas(w);
	controller_stop(c);
	asked = atomic_load(&meter.asked);
	assert_true(asked > 0);
	create_hpa(w, "a");
	assert_int_equal(controller_start_with(&autoscaler_controller, &config, w->registry, &c, NULL), 0);
	assert_true(wait_for(w, asked_again, &asked)); /* the one that is there when the controller starts is looked at */
	assert_true(wait_for(w, says, (char[]){ "ScalingActive True ValidMetricFound" }));
	controller_stop(c);
}

static void without_a_meter_nothing_is_known(void **state)
{
	struct world *w = *state;
	struct controller *c;
	int64_t n = 3;
	static const struct autoscaler_config blind = { .period = 50 * NSEC_PER_MSEC };

	start_web(w);
	assert_int_equal(controller_start_with(&autoscaler_controller, &blind, w->registry, &c, NULL), 0);
	create_hpa(w, "a");
	assert_true(wait_for(w, says, (char[]){ "ScalingActive False FailedGetResourceMetric" }));
	assert_true(is_complete(w, &n));
	controller_stop(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_deployment_follows_what_its_pods_use, setup, teardown),
		cmocka_unit_test_setup_teardown(without_a_meter_nothing_is_known, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
