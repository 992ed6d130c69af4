/* SPDX-License-Identifier: Apache-2.0 */
#include "node/eviction.h"

#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "value/quantity.h"

static const struct {
	const char *name; /* in --eviction-hard; NULL: it has no threshold of its own */
	const char *resource;
	enum eviction_condition condition;
	bool disk;
	enum quantity_form form;
} SIGNALS[EVICTION_SIGNALS] = {
	[EVICTION_MEMORY] = { "memory.available", "memory", EVICTION_MEMORY_PRESSURE, false, QUANTITY_BINARY },
	[EVICTION_ALLOCATABLE] = { NULL, "memory", EVICTION_MEMORY_PRESSURE, false, QUANTITY_BINARY },
	[EVICTION_NODEFS] = { "nodefs.available", "ephemeral-storage", EVICTION_DISK_PRESSURE, true, QUANTITY_BINARY },
	[EVICTION_NODEFS_INODES] = { "nodefs.inodesFree", "inodes", EVICTION_DISK_PRESSURE, true, QUANTITY_DECIMAL },
	[EVICTION_IMAGEFS] = { "imagefs.available", "ephemeral-storage", EVICTION_DISK_PRESSURE, true, QUANTITY_BINARY },
	[EVICTION_IMAGEFS_INODES] = { "imagefs.inodesFree", "inodes", EVICTION_DISK_PRESSURE, true, QUANTITY_DECIMAL },
	[EVICTION_PID] = { "pid.available", "pids", EVICTION_PID_PRESSURE, false, QUANTITY_DECIMAL },
};

static const struct {
	const char *type, *taint;
} CONDITIONS[EVICTION_CONDITIONS] = {
	[EVICTION_MEMORY_PRESSURE] = { "MemoryPressure", "node.kubernetes.io/memory-pressure" },
	[EVICTION_DISK_PRESSURE] = { "DiskPressure", "node.kubernetes.io/disk-pressure" },
	[EVICTION_PID_PRESSURE] = { "PIDPressure", "node.kubernetes.io/pid-pressure" },
};

/* --- thresholds --- */

const char *eviction_signal_name(enum eviction_signal s)
{
	return SIGNALS[s].name;
}

struct eviction_policy eviction_default(void)
{
	struct eviction_policy p = { .transition = EVICTION_TRANSITION, .period = EVICTION_PERIOD };

	(void)eviction_parse_soft_grace("", &p); /* cannot fail */
	(void)eviction_parse(EVICTION_HARD_DEFAULT, &p); /* without memory there are none, and what follows fails too */
	return p;
}

int64_t eviction_amount(const struct eviction_threshold *t, int64_t capacity)
{
	return t->share > 0 ? (int64_t)(t->share * (double)capacity) : t->amount;
}

/* --- what is short --- */

/* Whether less than that is left; of a threshold that was acted on, until that much more is. */
static bool is_crossed(const struct eviction_policy *policy, const struct eviction_threshold *t, int signal,
		       const struct eviction_figure *f, bool acted)
{
	int64_t amount = eviction_amount(t, f->capacity);

	if (f->capacity <= 0 || amount <= 0)
		return false;
	return f->available < amount || (acted && f->available < amount + eviction_amount(&policy->reclaim[signal], f->capacity));
}

/* K8S:pkg/kubelet/eviction/eviction_manager.go, synchronize: a condition holds from the first look, a soft threshold is
 * acted on after its grace. */
void eviction_observe(struct eviction_state *s, const struct eviction_policy *policy,
		      const struct eviction_figure figures[static EVICTION_SIGNALS], int64_t now)
{
	for (int i = 0; i < EVICTION_SIGNALS; i++) {
		bool soft = is_crossed(policy, &policy->soft[i], i, &figures[i], s->soft_met[i]);

		s->met[i] = is_crossed(policy, &policy->hard[i], i, &figures[i], s->met[i]);
		if (!soft || !s->is_crossing[i])
			s->since[i] = now;
		s->is_crossing[i] = soft;
		s->soft_met[i] = soft && now - s->since[i] >= policy->soft_grace[i];
		if (s->met[i] || soft) {
			s->seen[SIGNALS[i].condition] = now;
			s->was_seen[SIGNALS[i].condition] = true;
		}
	}
	for (int c = 0; c < EVICTION_CONDITIONS; c++)
		s->holds[c] = s->was_seen[c] && (s->seen[c] == now || now - s->seen[c] < policy->transition);
}

enum eviction_signal eviction_first(const struct eviction_state *s)
{
	for (int i = 0; i < EVICTION_SIGNALS; i++)
		if (s->met[i] || s->soft_met[i])
			return (enum eviction_signal)i;
	return EVICTION_SIGNALS;
}

bool eviction_is_disk(enum eviction_signal s)
{
	return SIGNALS[s].disk;
}

const char *eviction_resource(enum eviction_signal s)
{
	return SIGNALS[s].resource;
}

const char *eviction_condition_type(enum eviction_condition c)
{
	return CONDITIONS[c].type;
}

const char *eviction_taint(enum eviction_condition c)
{
	return CONDITIONS[c].taint;
}

/* --- who goes --- */

/* <0: a goes before b. K8S:pkg/kubelet/eviction/helpers.go: rankMemoryPressure, rankDiskPressureFunc, rankPIDPressure. */
static int compare(enum eviction_signal s, const struct eviction_candidate *a, const struct eviction_candidate *b)
{
	bool by_request = s != EVICTION_PID;
	int64_t over_a = a->usage - a->request, over_b = b->usage - b->request;

	if (by_request && (!a->known || !b->known)) {
		if (a->known != b->known)
			return a->known ? 1 : -1;
	} else if (by_request && (over_a > 0) != (over_b > 0)) {
		return over_a > 0 ? -1 : 1;
	}
	if (a->priority != b->priority)
		return a->priority < b->priority ? -1 : 1;
	if (a->known != b->known)
		return a->known ? 1 : -1;
	return over_a > over_b ? -1 : over_a < over_b;
}

size_t eviction_choose(enum eviction_signal s, const struct eviction_candidate *pods, size_t n)
{
	size_t best = n;

	for (size_t i = 0; i < n; i++)
		if (!pods[i].critical && (best == n || compare(s, &pods[i], &pods[best]) < 0))
			best = i;
	return best;
}

bool eviction_refuses(const struct eviction_state *s, bool critical, bool best_effort, bool tolerates_memory_pressure)
{
	if (critical)
		return false;
	if (s->holds[EVICTION_DISK_PRESSURE] || s->holds[EVICTION_PID_PRESSURE])
		return true;
	return s->holds[EVICTION_MEMORY_PRESSURE] && best_effort && !tolerates_memory_pressure;
}

/* --- kubelet's words --- */

const char *eviction_quantity(struct arena *a, enum eviction_signal s, int64_t n)
{
	struct quantity q = quantity_from_int(n, SIGNALS[s].form);
	char text[QUANTITY_TEXT_MAX];

	quantity_format(&q, text);
	return arena_strdup(a, text);
}

const char *eviction_message(struct arena *a, enum eviction_signal s, const struct eviction_policy *policy,
			     const struct eviction_state *state, const struct eviction_figure figures[static EVICTION_SIGNALS])
{
	/* the first threshold of that resource, as kubelet finds it */
	for (int i = 0; i < EVICTION_SIGNALS; i++)
		if ((state->met[i] || state->soft_met[i]) && !strcmp(SIGNALS[i].resource, SIGNALS[s].resource))
			return arena_printf(a, "The node was low on resource: %s. Threshold quantity: %s, available: %s. ",
					    SIGNALS[s].resource,
					    eviction_quantity(a, s, eviction_amount(state->met[i] ? &policy->hard[i] : &policy->soft[i],
								      figures[i].capacity)),
					    eviction_quantity(a, s, figures[i].available));
	return arena_printf(a, "The node was low on resource: %s. ", SIGNALS[s].resource);
}

const char *eviction_refusal(struct arena *a, const struct eviction_state *s)
{
	_cleanup_buf_ struct buf list = BUF_INIT;

	for (int c = 0; c < EVICTION_CONDITIONS; c++)
		if (s->holds[c])
			buf_printf(&list, "%s%s", list.len ? " " : "", CONDITIONS[c].type);
	return arena_printf(a, "The node had condition: [%s]. ", buf_str(&list));
}
