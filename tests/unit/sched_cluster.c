/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "sched_cluster.h"

static struct object *get(void *arg, const char *key)
{
	const struct cluster *c = arg;

	for (size_t i = c->objects.n; i-- > 0;)
		if (!strcmp(object_key(c->objects.items[i]), key))
			return object_ref(c->objects.items[i]);
	return NULL;
}

void cluster_clear(struct cluster *c)
{
	sched_world_free(c->world);
	object_list_clear(&c->objects);
	c->world = NULL;
}

struct object *cluster_add(struct cluster *c, const char *fmt, ...)
{
	char text[TEST_YAML_MAX];
	struct object *o;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	assert_in_range(n, 1, sizeof(text) - 1);
	o = test_add(&c->objects, "%s", text);
	if (!c->world)
		c->world = sched_world_new(get, c);
	assert_non_null(c->world);
	if (!strcmp(object_kind(o)->plural, "nodes"))
		assert_int_equal(sched_world_set_node(c->world, o), 0);
	else if (!strcmp(object_kind(o)->plural, "pods"))
		assert_int_equal(sched_world_set_pod(c->world, o), 0);
	else if (!strcmp(object_kind(o)->plural, "namespaces"))
		sched_world_set_namespace(c->world);
	return o;
}

void cluster_remove(struct cluster *c, const char *key)
{
	for (size_t i = c->objects.n; i-- > 0;)
		if (!strcmp(object_key(c->objects.items[i]), key)) {
			if (!strcmp(object_kind(c->objects.items[i])->plural, "nodes"))
				sched_world_remove_node(c->world, object_name(c->objects.items[i]));
			else
				sched_world_remove_pod(c->world, key);
			object_unref(c->objects.items[i]);
			c->objects.items[i] = c->objects.items[--c->objects.n];
		}
}

const char *cluster_decide(struct cluster *c, const struct object *pod, const struct sched_request *more, struct arena *a,
			   struct sched_outcome *ret)
{
	struct sched_request q = more ? *more : (struct sched_request){ 0 };

	if (!c->world)
		c->world = sched_world_new(get, c);
	q.pod = pod;
	assert_int_equal(schedule_decide(c->world, &q, a, ret), 0);
	return ret->node ? ret->node->name : ret->message;
}

const char *cluster_filter(struct cluster *c, const struct object *pod, struct arena *a)
{
	struct sched_outcome outcome;
	char *text = arena_strdup(a, cluster_decide(c, pod, NULL, a, &outcome)), *more;

	assert_non_null(text);
	more = strstr(text, " preemption:");
	if (more)
		*more = '\0';
	return text;
}
