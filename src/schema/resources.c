/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/resources.h"

#include <string.h>

#include "value/quantity.h"

static int64_t add(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static int64_t max64(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

int64_t container_resource(const struct value *container, const char *which, const char *name)
{
	const struct value *v = value_path(container, "resources", which, name);
	struct quantity q;

	if (!v || quantity_from(v, &q, NULL) < 0)
		return -1;
	return !strcmp(name, "cpu") ? quantity_milli(&q) : quantity_value(&q);
}

int64_t pod_limit(const struct value *spec, const char *name)
{
	const struct value *list = value_get(spec, "containers");
	int64_t total = 0;

	for (size_t i = 0; i < value_len(list); i++) {
		int64_t n = container_resource(value_at(list, i), "limits", name);

		if (n <= 0)
			return 0;
		total = add(total, n);
	}
	return total;
}

/* `assumed`: of what is not said; NULL: nothing. */
static struct pod_resources requests_of(const struct value *container, const struct pod_resources *assumed)
{
	struct pod_resources r = {
		.milli_cpu = container_resource(container, "requests", "cpu"),
		.memory = container_resource(container, "requests", "memory"),
		.ephemeral_storage = max64(0, container_resource(container, "requests", "ephemeral-storage")),
	};

	if (r.milli_cpu < 0)
		r.milli_cpu = assumed ? assumed->milli_cpu : 0;
	if (r.memory < 0)
		r.memory = assumed ? assumed->memory : 0;
	return r;
}

static struct pod_resources sum(struct pod_resources a, struct pod_resources b)
{
	return (struct pod_resources){ add(a.milli_cpu, b.milli_cpu), add(a.memory, b.memory),
				       add(a.ephemeral_storage, b.ephemeral_storage) };
}

static struct pod_resources larger(struct pod_resources a, struct pod_resources b)
{
	return (struct pod_resources){ max64(a.milli_cpu, b.milli_cpu), max64(a.memory, b.memory),
				       max64(a.ephemeral_storage, b.ephemeral_storage) };
}

static struct pod_resources requests_of_all(const struct value *spec, const struct pod_resources *assumed)
{
	const struct value *init = value_get(spec, "initContainers"), *main = value_get(spec, "containers");
	struct pod_resources running = { 0 }, sidecars = { 0 }, peak = { 0 };

	for (size_t i = 0; i < value_len(main); i++)
		running = sum(running, requests_of(value_at(main, i), assumed));
	for (size_t i = 0; i < value_len(init); i++) {
		const struct value *c = value_at(init, i);
		bool sidecar = !strcmp(value_str_or(value_get(c, "restartPolicy"), ""), "Always");

		peak = larger(peak, sum(sidecars, requests_of(c, assumed)));
		if (sidecar)
			sidecars = sum(sidecars, requests_of(c, assumed));
	}
	return larger(sum(running, sidecars), peak);
}

struct pod_resources pod_container_requests(const struct value *spec)
{
	return requests_of_all(spec, NULL);
}

static struct pod_resources overhead_of(const struct value *spec)
{
	const struct value *overhead = value_get(spec, "overhead");
	struct pod_resources extra = { 0 };
	struct quantity q;

	if (quantity_from(value_get(overhead, "cpu"), &q, NULL) == 0)
		extra.milli_cpu = quantity_milli(&q);
	if (quantity_from(value_get(overhead, "memory"), &q, NULL) == 0)
		extra.memory = quantity_value(&q);
	return extra;
}

struct pod_resources pod_requests(const struct value *spec)
{
	return sum(requests_of_all(spec, NULL), overhead_of(spec));
}

struct pod_resources pod_assumed_requests(const struct value *spec)
{
	const struct pod_resources assumed = { .milli_cpu = 100, .memory = 200 * 1024 * 1024 };

	return sum(requests_of_all(spec, &assumed), overhead_of(spec));
}

/* How one container counts towards the class. */
static void classify(const struct value *container, bool *ret_any, bool *ret_all_equal)
{
	static const char *const names[] = { "cpu", "memory" };

	for (size_t i = 0; i < 2; i++) {
		int64_t request = container_resource(container, "requests", names[i]);
		int64_t limit = container_resource(container, "limits", names[i]);

		if (request > 0 || limit > 0)
			*ret_any = true;
		if (limit <= 0 || (request >= 0 && request != limit))
			*ret_all_equal = false;
	}
}

const char *pod_qos_class(const struct value *spec)
{
	static const char *const lists[] = { "initContainers", "containers" };
	bool any = false, all_equal = true;

	for (size_t i = 0; i < 2; i++) {
		const struct value *list = value_get(spec, lists[i]);

		for (size_t k = 0; k < value_len(list); k++)
			classify(value_at(list, k), &any, &all_equal);
	}
	if (!any)
		return "BestEffort";
	return all_equal ? "Guaranteed" : "Burstable";
}
