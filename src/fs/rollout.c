/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/rollout.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Which figures count, and in what order they are looked at: K8S:staging/src/k8s.io/kubectl/pkg/polymorphichelpers/
 * rollout_status.go. */

static int64_t number(const struct object *o, const char *name)
{
	return value_int(object_path(o, "status", name), 0);
}

static bool is_strategy(const struct object *o, const char *type)
{
	return strcmp(value_str_or(object_path(o, "spec", "updateStrategy", "type"), "RollingUpdate"), type) == 0;
}

static void deployment(const struct object *o, char text[ROLLOUT_SIZE])
{
	const struct value *progressing = value_find(object_path(o, "status", "conditions"), "type", "Progressing");
	int64_t want = value_int(object_path(o, "spec", "replicas"), 1), updated = number(o, "updatedReplicas");
	int64_t all = number(o, "replicas"), available = number(o, "availableReplicas");

	if (strcmp(value_str_or(value_get(progressing, "reason"), ""), "ProgressDeadlineExceeded") == 0)
		(void)snprintf(text, ROLLOUT_SIZE, "exceeded its progress deadline, with %" PRId64 " of %" PRId64
			       " new pods available", available < updated ? available : updated, want);
	else if (updated < want)
		(void)snprintf(text, ROLLOUT_SIZE, "%swaiting: %" PRId64 " of %" PRId64 " new pods have been made",
			       value_bool(object_path(o, "spec", "paused"), false) ? "paused, " : "", updated, want);
	else if (all > updated)
		(void)snprintf(text, ROLLOUT_SIZE, "waiting: %" PRId64 " old pods are still there", all - updated);
	else if (available < updated)
		(void)snprintf(text, ROLLOUT_SIZE, "waiting: %" PRId64 " of %" PRId64 " new pods are available", available,
			       updated);
	else
		(void)snprintf(text, ROLLOUT_SIZE, "complete");
}

static void daemon_set(const struct object *o, char text[ROLLOUT_SIZE])
{
	int64_t want = number(o, "desiredNumberScheduled"), updated = number(o, "updatedNumberScheduled");
	int64_t available = number(o, "numberAvailable");
	bool by_hand = is_strategy(o, "OnDelete");

	if (updated < want)
		(void)snprintf(text, ROLLOUT_SIZE, "waiting: %" PRId64 " of %" PRId64 " nodes have the new pod%s", updated, want,
			       by_hand ? "; the others get it when theirs is deleted" : "");
	else if (available < want)
		(void)snprintf(text, ROLLOUT_SIZE, "waiting: %" PRId64 " of %" PRId64 " new pods are available", available, want);
	else
		(void)snprintf(text, ROLLOUT_SIZE, "complete");
}

static void stateful_set(const struct object *o, char text[ROLLOUT_SIZE])
{
	int64_t replicas = value_int(object_path(o, "spec", "replicas"), 1), updated = number(o, "updatedReplicas");
	int64_t partition = value_int(object_path(o, "spec", "updateStrategy", "rollingUpdate", "partition"), 0);
	int64_t want = partition < replicas ? replicas - partition : 0, ready = number(o, "readyReplicas");
	bool one = strcmp(value_str_or(object_path(o, "status", "currentRevision"), ""),
			  value_str_or(object_path(o, "status", "updateRevision"), "")) == 0;

	if (ready < replicas)
		(void)snprintf(text, ROLLOUT_SIZE, "waiting: %" PRId64 " of %" PRId64 " pods are ready", ready, replicas);
	else if (!one && updated < want)
		(void)snprintf(text, ROLLOUT_SIZE, "waiting: %" PRId64 " of %" PRId64 " pods have been updated%s", updated, want,
			       is_strategy(o, "OnDelete") ? "; the others are when they are deleted" : "");
	else if (!one && partition > 0)
		(void)snprintf(text, ROLLOUT_SIZE, "complete up to its partition: %" PRId64 " of %" PRId64 " pods have been updated",
			       updated, replicas);
	else
		(void)snprintf(text, ROLLOUT_SIZE, "complete");
}

bool rollout_status(const struct object *o, char text[ROLLOUT_SIZE])
{
	static const struct {
		const char *plural;
		void (*tell)(const struct object *o, char text[ROLLOUT_SIZE]);
	} kinds[] = { { "deployments", deployment }, { "daemonsets", daemon_set }, { "statefulsets", stateful_set } };

	text[0] = '\0';
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(object_kind(o)->plural, kinds[i].plural) != 0)
			continue;
		if (value_int(object_path(o, "metadata", "generation"), 0) > number(o, "observedGeneration"))
			(void)snprintf(text, ROLLOUT_SIZE, "waiting for its controller to see the change");
		else
			kinds[i].tell(o, text);
		return true;
	}
	return false;
}
