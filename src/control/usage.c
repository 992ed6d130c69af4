/* SPDX-License-Identifier: Apache-2.0 */
#include "control/usage.h"

#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/clock.h"

enum { NAME_MAX_BYTES = 64 }; /* of a container: a DNS label and its NUL */

struct sample {
	UT_hash_handle hh;
	struct usage_figures figures;
	int64_t mono;
	char key[OBJECT_UID_SIZE + NAME_MAX_BYTES]; /* UID/NAME */
};

struct usage_samples {
	struct sample *all;
};

struct usage_samples *usage_samples_new(void)
{
	return calloc(1, sizeof(struct usage_samples));
}

static void clear(struct sample *all)
{
	struct sample *x, *next;

	HASH_ITER(hh, all, x, next) {
		HASH_DEL(all, x);
		free(x);
	}
}

void usage_samples_free(struct usage_samples *s)
{
	if (s)
		clear(s->all);
	free(s);
}

/* One round: what is sampled goes to `now_all`, and is compared with what the round before has left. */
struct round {
	const struct sample *before;
	struct sample *all;
	const struct usage_source *source;
	int64_t now, mono;
};

/* Thousandths of a CPU, rounded up as Kubernetes rounds quantities. */
static int64_t rate(int64_t ns, int64_t window)
{
	__int128 milli = ((__int128)ns * 1000 + window - 1) / window;

	return milli > INT64_MAX ? INT64_MAX : (int64_t)milli;
}

/* Takes a container's sample. 1: it says what it uses, in *ret; 0: it was not seen before; -ENOENT: it does not run. */
static int sample(struct round *r, const struct object *pod, const char *name, struct container_usage *ret, int64_t *ret_window)
{
	struct sample *x = calloc(1, sizeof(*x));
	const struct sample *before;
	int e;

	if (!x)
		return -ENOMEM;
	e = r->source->container(r->source->arg, pod, name, &x->figures);
	if (e < 0) {
		free(x);
		return -ENOENT;
	}
	x->mono = r->mono;
	(void)snprintf(x->key, sizeof(x->key), "%.36s/%.63s", object_uid(pod), name);
	HASH_FIND_STR(r->before, x->key, before);
	*ret = (struct container_usage){ .name = name, .milli_cpu = -1, .memory = x->figures.memory };
	e = before && before->figures.run == x->figures.run && before->figures.cpu >= 0 && x->figures.cpu >= before->figures.cpu &&
	    r->mono > before->mono;
	if (e) {
		*ret_window = r->mono - before->mono;
		ret->milli_cpu = rate(x->figures.cpu - before->figures.cpu, *ret_window);
	}
	HASH_ADD_STR(r->all, key, x);
	if (!x->hh.tbl) {
		free(x);
		return -ENOMEM;
	}
	return e || x->figures.cpu < 0; /* where CPU is not counted, memory alone is told */
}

static bool runs_beside(const struct value *container)
{
	return !strcmp(value_str_or(value_get(container, "restartPolicy"), ""), "Always");
}

static int sample_pod(struct round *r, const struct object *pod, struct arena *a, struct pod_usage *ret)
{
	const struct value *lists[] = { object_path(pod, "spec", "initContainers"), object_path(pod, "spec", "containers") };
	bool complete = true;
	size_t n = 0;

	*ret = (struct pod_usage){ .at = r->now };
	ret->containers = arena_alloc(a, (value_len(lists[0]) + value_len(lists[1]) + 1) * sizeof(*ret->containers));
	if (!ret->containers)
		return -ENOMEM;
	for (size_t k = 0; k < ARRAY_SIZE(lists); k++) {
		for (size_t i = 0; i < value_len(lists[k]); i++) {
			const struct value *c = value_at(lists[k], i);
			int e;

			if (k == 0 && !runs_beside(c))
				continue;
			e = sample(r, pod, value_str_or(value_get(c, "name"), ""), &ret->containers[n], &ret->window);
			if (e == -ENOMEM)
				return e;
			complete &= e != 0;
			n += e >= 0;
		}
	}
	ret->n = complete ? n : 0;
	return 0;
}

int usage_take(struct usage_samples *s, const struct usage_source *source, const struct object_list *pods, int64_t now,
	       int64_t mono, struct arena *a, struct pod_usage *ret)
{
	struct round r = { .before = s->all, .source = source, .now = now, .mono = mono };
	int e = 0;

	for (size_t i = 0; i < pods->n; i++)
		ret[i] = (struct pod_usage){ .at = now };
	if (!source || !source->container)
		return 0;
	for (size_t i = 0; i < pods->n && e == 0; i++)
		e = sample_pod(&r, pods->items[i], a, &ret[i]);
	clear(e < 0 ? r.all : s->all);
	if (e == 0)
		s->all = r.all;
	return e;
}
