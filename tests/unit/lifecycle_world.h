/* SPDX-License-Identifier: Apache-2.0 */
/* A pod in the making, for the tests of its life. Include cmocka.h first. */
#ifndef PODFS_TEST_LIFECYCLE_WORLD_H
#define PODFS_TEST_LIFECYCLE_WORLD_H

#include <stdlib.h>
#include <string.h>

#include "node/lifecycle.h"
#include "value/json.h"

#define SEC NSEC_PER_SEC
#define NOW (INT64_C(1800000000) * SEC)

/* A pod in the making: containers are "main", or as the spec says. */
struct world {
	struct arena *a;
	struct value *root;
	struct object *pod;
	struct pod_run run;
	struct pod_plan plan;
};

static inline struct value *parse(struct arena *a, const char *text)
{
	struct value *v = NULL;

	assert_int_equal(json_read(text, strlen(text), NULL, a, &v, NULL, NULL), 0);
	return v;
}

static inline struct world make(const char *spec, const char *metadata)
{
	struct world w = { .a = arena_new(0) };
	char text[4096];

	(void)snprintf(text, sizeof(text),
		       "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\",\"namespace\":\"default\","
		       "\"uid\":\"00000000-0000-4000-8000-000000000001\"%s},\"spec\":%s,\"status\":{}}", metadata, spec);
	w.root = parse(w.a, text);
	w.pod = object_for_test(w.root, 1);
	assert_non_null(w.pod);
	assert_int_equal(lifecycle_init(&w.run, object_path(w.pod, "spec"), NOW), 0);
	return w;
}

static inline void clear(struct world *w)
{
	lifecycle_clear(&w->run);
	object_unref(w->pod);
	arena_free(w->a);
}

#define ONE "\"containers\":[{\"name\":\"c\",\"image\":\"a\"}]"
#define TWO "\"containers\":[{\"name\":\"c\",\"image\":\"a\"},{\"name\":\"d\",\"image\":\"a\"}]"
#define INIT "\"initContainers\":[{\"name\":\"i\",\"image\":\"a\"},{\"name\":\"s\",\"image\":\"a\",\"restartPolicy\":\"Always\"}," \
	     "{\"name\":\"j\",\"image\":\"a\"}],"

static inline struct container_run *get(struct world *w, const char *name)
{
	struct container_run *c = lifecycle_find(&w->run, name);

	assert_non_null(c);
	return c;
}

static inline void begin(struct world *w, const char *name)
{
	struct container_run *c = get(w, name);

	lifecycle_starting(c);
	free(c->image);
	c->image = strdup(value_str(value_get(c->spec, "image")));
}

static inline void runs(struct world *w, const char *name, int64_t at)
{
	struct container_run *c = get(w, name);

	begin(w, name);
	c->phase = CONTAINER_RUNNING;
	c->post_start = HOOK_DONE;
	c->has_started = true;
	c->started_at = at;
}

static inline void exits(struct world *w, const char *name, int code, int64_t at)
{
	lifecycle_exited(get(w, name), code, 0, code ? "Error" : "Completed", NULL, at);
}

/* What is started and stopped, as "+c -d", and the rest as words. */
static inline const char *decided(struct world *w, int64_t now)
{
	static char text[512];
	size_t n = 0;

	lifecycle_decide(&w->run, w->pod, now, &w->plan);
	text[0] = '\0';
	for (size_t i = 0; i < w->plan.n_start; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "+%s ", w->run.containers[w->plan.start[i]].name);
	for (size_t i = 0; i < w->plan.n_stop; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "-%s ", w->run.containers[w->plan.stop[i]].name);
	n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s%s", w->plan.start_sandbox ? "sandbox " : "",
			      w->plan.end_sandbox ? "end " : "", w->plan.finished ? "finished " : "");
	if (n)
		text[n - 1] = '\0';
	return text;
}

static inline const struct value *status(struct world *w, int64_t now)
{
	lifecycle_set_status(w->a, w->root, &w->run, "192.0.2.1", now);
	return value_get(w->root, "status");
}

static inline const char *phase(struct world *w, int64_t now)
{
	return value_str(value_get(status(w, now), "phase"));
}

static inline const struct value *status_of(struct world *w, const char *name, int64_t now)
{
	const struct value *s = status(w, now);
	const struct value *v = value_find(value_get(s, "containerStatuses"), "name", name);

	return v ? v : value_find(value_get(s, "initContainerStatuses"), "name", name);
}

static inline const char *condition(struct world *w, const char *type, int64_t now)
{
	return value_str(value_get(value_find(value_get(status(w, now), "conditions"), "type", type), "status"));
}

#endif
