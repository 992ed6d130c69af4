/* SPDX-License-Identifier: Apache-2.0 */
#include "model.h"

#include <stdarg.h>

enum { STEPS_MAX = 100000 }; /* until rest: more is a controller that undoes what another does */

static const int64_t rest_max = 72 * 3600 * NSEC_PER_SEC; /* of the model's time */

const struct controller_type *const model_types[MODEL_CONTROLLERS] = {
	&replicaset_controller,
	&deployment_controller,
	&statefulset_controller,
	&daemonset_controller,
	&job_controller,
	&cronjob_controller,
	&scheduler,
	&garbage_collector,
	&namespace_controller,
};

/* splitmix64 */
uint64_t model_random(struct model *m)
{
	uint64_t z = m->rng += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

unsigned model_below(struct model *m, unsigned n)
{
	return (unsigned)(model_random(m) >> 32) % n;
}

bool model_chance(struct model *m, unsigned percent)
{
	return model_below(m, 100) < percent;
}

void model_fail(struct model *m, const char *fmt, ...)
{
	va_list ap;

	if (*m->failure)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(m->failure, sizeof(m->failure), fmt, ap);
	va_end(ap);
}

/* How long a pod lives, and how: by its labels a Job's ends. */
static struct fake_life script(void *arg, const struct object *pod)
{
	struct model *m = arg;
	struct fake_life life = { 0 };
	const char *policy = value_str_or(object_path(pod, "spec", "restartPolicy"), "Always");

	if (model_chance(m, 50))
		life.ready_after = (1 + model_below(m, 20)) * NSEC_PER_SEC;
	if (model_chance(m, 50))
		life.stops_after = (1 + model_below(m, 30)) * NSEC_PER_SEC;
	if (strcmp(policy, "Always") != 0) {
		life.ends_after = (1 + model_below(m, 90)) * NSEC_PER_SEC;
		life.fails = model_chance(m, 25);
	}
	return life;
}

static void start(struct model *m)
{
	int r = 0;

	for (size_t i = 0; i < MODEL_CONTROLLERS && r == 0; i++)
		r = controller_new(model_types[i], m->registry, &m->controllers[i], NULL);
	if (r == 0)
		r = fake_nodes_new(m->registry, script, NULL, m, &m->nodes);
	if (r < 0)
		model_fail(m, "start: %s", strerrordesc_np(-r));
}

static void stop(struct model *m)
{
	for (size_t i = 0; i < MODEL_CONTROLLERS; i++) {
		controller_stop(m->controllers[i]);
		m->controllers[i] = NULL;
	}
	fake_nodes_free(m->nodes);
	m->nodes = NULL;
}

int model_open(struct model *m, uint64_t seed)
{
	int r;

	*m = (struct model){ .rng = seed, .actor = "mount" };
	model_time_start(m, seed);
	r = store_open("memory:", &m->store, NULL);
	if (r == 0)
		r = cache_new(m->store, &m->cache, NULL);
	if (r == 0)
		r = registry_new(m->store, m->cache, NULL, &m->registry);
	if (r == 0)
		r = registry_bootstrap(m->registry, NULL);
	if (r == 0)
		r = cache_subscribe(m->cache, NULL, model_check, m, &m->watch);
	for (unsigned i = 0; i < MODEL_NODES && r == 0; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "n%u", i);
		r = fake_node_create(m->registry, name, 1000, i % 2 ? "{disk: ssd}" : "{disk: hdd}");
	}
	if (r == 0)
		start(m);
	return r;
}

void model_close(struct model *m)
{
	stop(m);
	cache_unsubscribe(m->watch);
	registry_free(m->registry);
	cache_free(m->cache);
	store_close(m->store);
	model_check_free(m);
	model_time_start(NULL, 0);
}

void model_restart(struct model *m)
{
	m->restarts = false;
	m->dying = 0;
	if (m->trace)
		printf("#   restart\n");
	stop(m);
	start(m);
}

static bool step_controller(struct model *m, size_t i, int64_t *ret_next)
{
	const char *actor = m->actor;
	bool disturbed = m->disturbed, done;

	if (m->busy[i])
		return false;
	m->busy[i] = true;
	m->actor = model_types[i]->name;
	m->disturbed = false;
	done = controller_step(m->controllers[i], ret_next);
	m->busy[i] = false;
	m->actor = actor;
	m->disturbed = disturbed;
	return done;
}

static bool step_nodes(struct model *m, int64_t *ret_next)
{
	const char *actor = m->actor;
	bool done;

	m->actor = "node";
	done = fake_nodes_step(m->nodes, ret_next);
	m->actor = actor;
	return done;
}

/* *ret_next: when something will be due, if nothing is. */
static bool step_any(struct model *m, int64_t *ret_next)
{
	unsigned first = model_below(m, MODEL_CONTROLLERS + 1);

	*ret_next = INT64_MAX;
	for (unsigned i = 0; i <= MODEL_CONTROLLERS; i++) {
		unsigned at = (first + i) % (MODEL_CONTROLLERS + 1);
		int64_t next = INT64_MAX;

		if (at == MODEL_CONTROLLERS ? step_nodes(m, &next) : step_controller(m, at, &next)) {
			if (m->restarts && !m->between)
				model_restart(m);
			return true;
		}
		*ret_next = next < *ret_next ? next : *ret_next;
	}
	return false;
}

bool model_step(struct model *m)
{
	int64_t next;

	return step_any(m, &next);
}

void model_run(struct model *m, unsigned n)
{
	for (unsigned i = 0; i < n && !*m->failure; i++) {
		int64_t next;

		if (step_any(m, &next))
			continue;
		if (next == INT64_MAX)
			return;
		model_time_advance(next - clock_monotonic());
	}
}

void model_settle(struct model *m)
{
	int64_t begun = clock_monotonic(), next;
	unsigned races = m->races, faults = m->faults;

	m->races = m->faults = 0;
	model_heal(m);
	for (unsigned i = 0; !*m->failure; i++) {
		if (i == STEPS_MAX)
			model_fail(m, "no rest after %u steps", i);
		if (step_any(m, &next))
			continue;
		if (next == INT64_MAX)
			break;
		if (next - begun > rest_max)
			model_fail(m, "no rest after %lld s", (long long)((next - begun) / NSEC_PER_SEC));
		model_time_advance(next - clock_monotonic());
	}
	if (!*m->failure)
		model_check_end(m);
	model_check_rest(m);
	m->races = races;
	m->faults = faults;
}
