/* SPDX-License-Identifier: Apache-2.0 */
/* Which containers run again when they have ended: K8S:pkg/api/v1/pod/util.go, ContainerShouldRestart. */
#include <stdlib.h>
#include <string.h>

#include "node/lifecycle.h"

static bool matches(const struct value *rule, int code)
{
	const struct value *on = value_get(rule, "exitCodes"), *values = value_get(on, "values");
	const char *operator = value_str_or(value_get(on, "operator"), "");
	bool found = false;

	for (size_t i = 0; i < value_len(values) && !found; i++)
		found = value_int(value_at(values, i), -1) == code;
	return !strcmp(operator, "In") ? found : !strcmp(operator, "NotIn") && !found;
}

/* The action of the first of the container's restartPolicyRules that its exit code matches; "": of none. */
static const char *action_of(const struct container_run *c)
{
	const struct value *rules = value_get(c->spec, "restartPolicyRules");

	if (!value_get(c->spec, "restartPolicy"))
		return "";
	for (size_t i = 0; i < value_len(rules); i++)
		if (matches(value_at(rules, i), c->exit.code))
			return value_str_or(value_get(value_at(rules, i), "action"), "");
	return "";
}

bool lifecycle_restarts(const struct container_run *c, const char *policy)
{
	const char *own = value_str(value_get(c->spec, "restartPolicy"));

	if (c->kind == CONTAINER_EPHEMERAL) /* never, whatever the policy */
		return false;
	if (c->kind == CONTAINER_SIDECAR || c->replacing || *action_of(c))
		return true;
	if (c->exit.is_set && !strcmp(c->exit.reason, LIFECYCLE_RESTARTING_ALL))
		return true;
	if (own) /* the container's own goes before the pod's */
		policy = own;
	if (!strcmp(policy, "Never"))
		return false;
	if (c->kind == CONTAINER_INIT || !strcmp(policy, "OnFailure"))
		return c->exit.code != 0;
	return true;
}

const struct container_run *lifecycle_restarting_all(const struct pod_run *p)
{
	const struct container_run *latest = NULL;

	for (size_t i = 0; i < p->n; i++) {
		const struct container_run *c = &p->containers[i];

		if (c->phase == CONTAINER_EXITED && !strcmp(action_of(c), "RestartAllContainers") &&
		    (!latest || c->not_before > latest->not_before))
			latest = c;
	}
	return latest;
}

bool lifecycle_could_restart_all(const struct pod_run *p)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct value *rules = value_get(p->containers[i].spec, "restartPolicyRules");

		if (value_find(rules, "action", "RestartAllContainers"))
			return true;
	}
	return false;
}

void lifecycle_restart_all(struct pod_run *p)
{
	for (size_t i = 0; i < p->n_main; i++) {
		struct container_run *c = &p->containers[i];

		c->has_started = false;
		if (c->phase != CONTAINER_EXITED)
			continue;
		lifecycle_count_run(c, !strcmp(action_of(c), "RestartAllContainers"));
		lifecycle_waits_until(c, LIFECYCLE_RESTARTING_ALL, strdup("All containers of the pod restart in place"), 0);
	}
}
