/* SPDX-License-Identifier: Apache-2.0 */
#include "node/probe.h"

#include <unistd.h>

#include "node/lifecycle.h"

enum {
	/* Kubernetes documentation, "Configure Probes" */
	PERIOD_DEFAULT = 10,
	TIMEOUT_DEFAULT = 1,
	FAILURES_DEFAULT = 3,
	STANDING = 60, /* seconds: of the daemon's rest, and of what it takes to notice that podfs-probe is stuck */
	TRIES_MAX = 3, /* K8S:pkg/kubelet/prober/prober.go: maxProbeRetries */
};

static const char *const keys[] = { "startupProbe", "livenessProbe", "readinessProbe" };
static const char *const names[] = { "Startup", "Liveness", "Readiness" };

const struct value *probe_spec(const struct container_run *c, enum probe_type type)
{
	return value_get(c->spec, keys[type]);
}

const char *probe_name(enum probe_type type)
{
	return names[type];
}

static int64_t seconds(const struct container_run *c, enum probe_type type, const char *key, int64_t fallback)
{
	int64_t n = value_int(value_get(probe_spec(c, type), key), fallback);

	return (n > 0 ? n : fallback) * NSEC_PER_SEC;
}

static unsigned threshold(const struct container_run *c, enum probe_type type, bool good)
{
	const char *key = good ? "successThreshold" : "failureThreshold";
	int64_t n = value_int(value_get(probe_spec(c, type), key), good ? 1 : FAILURES_DEFAULT);

	return n > 0 ? (unsigned)n : 1;
}

void probe_clear(struct probe_state *p)
{
	if (p->out)
		(void)close(p->out);
	*p = (struct probe_state){ 0 };
}

int64_t probe_timeout(const struct container_run *c, enum probe_type type)
{
	return seconds(c, type, "timeoutSeconds", TIMEOUT_DEFAULT);
}

bool probe_is_started(const struct container_run *c)
{
	return c->phase == CONTAINER_RUNNING && c->post_start == HOOK_DONE &&
	       (!probe_spec(c, PROBE_STARTUP) || c->probes[PROBE_STARTUP].result == PROBE_GOOD);
}

bool probe_is_ready(const struct container_run *c)
{
	return probe_is_started(c) && (!probe_spec(c, PROBE_READINESS) || c->probes[PROBE_READINESS].result == PROBE_GOOD);
}

/* Whether a probe is at work at all: until the container has started only its startup probe is, after that all but it,
 * and one that has condemned the container rests until the next run. */
bool probe_is_active(const struct container_run *c, enum probe_type type, bool ending)
{
	const struct probe_state *p = &c->probes[type];

	if (!probe_spec(c, type) || c->phase != CONTAINER_RUNNING || c->post_start != HOOK_DONE)
		return false;
	if (type == PROBE_STARTUP)
		return !ending && p->result == PROBE_UNKNOWN;
	if (!probe_is_started(c) || (type == PROBE_LIVENESS && (ending || c->stop_by)))
		return false;
	return type == PROBE_READINESS || p->result != PROBE_BAD;
}

unsigned probe_due(struct container_run *c, bool ending, int64_t now, int64_t spread, int64_t *ret_wake_at)
{
	unsigned due = 0;

	for (int t = 0; t < PROBE_TYPES; t++) {
		struct probe_state *p = &c->probes[t];
		int64_t first = seconds(c, t, "initialDelaySeconds", 0) + c->started_at, at;

		if (!probe_is_active(c, t, ending))
			continue;
		if (!p->due)
			p->due = first > now ? first : now + spread;
		at = p->in_flight ? p->deadline : p->due;
		if (at <= now)
			due |= 1U << t;
		else if (at < *ret_wake_at)
			*ret_wake_at = at;
	}
	return due;
}

uint32_t probe_standing(const struct container_run *c, enum probe_type type, int64_t *ret_period)
{
	const struct probe_state *p = &c->probes[type];
	int64_t n;

	*ret_period = seconds(c, type, "periodSeconds", PERIOD_DEFAULT);
	n = STANDING / (*ret_period / NSEC_PER_SEC);
	return p->result == PROBE_GOOD && p->row && p->row_is_good && n > 1 ? (uint32_t)n : 1;
}

void probe_again(struct container_run *c, enum probe_type type, int64_t now)
{
	struct probe_state *p = &c->probes[type];

	p->in_flight = false;
	p->id = 0;
	p->due = now;
	p->row = 0;
}

void probe_sent(struct container_run *c, enum probe_type type, uint64_t id, int64_t deadline)
{
	struct probe_state *p = &c->probes[type];

	p->in_flight = true;
	p->id = id;
	p->deadline = deadline;
}

/* The next check comes a period after the last was due, as a ticker's would; one that is missed is left out. */
static void set_next(struct container_run *c, enum probe_type type, int64_t now)
{
	struct probe_state *p = &c->probes[type];
	int64_t period = seconds(c, type, "periodSeconds", PERIOD_DEFAULT);

	p->due += period;
	if (p->due <= now || p->due > now + period)
		p->due = now + period;
}

enum probe_effect probe_note(struct container_run *c, enum probe_type type, enum probe_outcome outcome, int64_t now)
{
	struct probe_state *p = &c->probes[type];
	bool good = outcome == PROBE_SUCCESS;
	int before = p->result;

	p->in_flight = false;
	if (outcome == PROBE_ERROR && ++p->tries < TRIES_MAX) {
		p->due = now; /* at once again */
		return PROBE_NO_EFFECT;
	}
	p->tries = 0;
	set_next(c, type, now);
	if (outcome == PROBE_ERROR)
		return PROBE_NO_EFFECT;
	p->row = p->row && p->row_is_good == good ? p->row + 1 : 1;
	p->row_is_good = good;
	if (p->row < threshold(c, type, good))
		return PROBE_NO_EFFECT;
	p->result = good ? PROBE_GOOD : PROBE_BAD;
	if (type != PROBE_READINESS && !good)
		return PROBE_KILL;
	return (int)p->result != before ? PROBE_STATUS_CHANGES : PROBE_NO_EFFECT;
}
