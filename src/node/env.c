/* SPDX-License-Identifier: Apache-2.0 */
#include "node/env.h"

#include <string.h>

static const char default_path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

static int add(struct arena *a, struct env_list *l, size_t *cap, const char *item)
{
	if (!item)
		return -ENOMEM;
	if (l->n + 1 >= *cap) {
		size_t bigger = *cap ? *cap * 2 : 16;
		const char **items = arena_alloc(a, bigger * sizeof(*items));

		if (!items)
			return -ENOMEM;
		if (l->n)
			memcpy(items, l->items, l->n * sizeof(*items));
		l->items = items;
		*cap = bigger;
	}
	l->items[l->n++] = item;
	l->items[l->n] = NULL;
	return 0;
}

/* Sets "NAME=VALUE", in the place of an earlier one of that name. */
static int set(struct arena *a, struct env_list *l, size_t *cap, const char *item)
{
	size_t len = item ? strcspn(item, "=") : 0;

	if (!item)
		return -ENOMEM;
	for (size_t i = 0; i < l->n; i++)
		if (!strncmp(l->items[i], item, len + 1)) {
			l->items[i] = item;
			return 0;
		}
	return add(a, l, cap, item);
}

static const char *lookup(const struct env_list *env, const char *name, size_t len)
{
	for (size_t i = env->n_declared; i-- > 0;)
		if (!strncmp(env->declared[i], name, len) && env->declared[i][len] == '=')
			return env->declared[i] + len + 1;
	return NULL;
}

const char *env_expand(struct arena *a, const char *text, const struct env_list *env)
{
	_cleanup_buf_ struct buf out = BUF_INIT;

	for (const char *p = text; *p; p++) {
		const char *end = *p == '$' && p[1] == '(' ? strchr(p + 2, ')') : NULL, *found;

		if (*p == '$' && p[1] == '$') {
			buf_putc(&out, '$');
			p++;
			continue;
		}
		if (!end) {
			buf_putc(&out, *p);
			continue;
		}
		found = lookup(env, p + 2, (size_t)(end - p - 2));
		if (found)
			buf_puts(&out, found);
		else
			buf_append(&out, p, (size_t)(end - p + 1));
		p = end;
	}
	return buf_failed(&out) ? NULL : arena_strdup(a, buf_str(&out));
}

/* "metadata.labels['KEY']": the key, or NULL. */
static const char *subscript(struct arena *a, const char *path, const char *prefix)
{
	size_t n = strlen(prefix), len = strlen(path);

	if (strncmp(path, prefix, n) != 0 || len < n + 4 || strncmp(path + n, "['", 2) != 0 ||
	    strcmp(path + len - 2, "']") != 0)
		return NULL;
	return arena_memdup(a, path + n + 2, len - n - 4);
}

/* The text of a fieldRef; NULL for a path that is not known. */
static const char *field(struct arena *a, const struct object *pod, const struct env_facts *facts, const char *path)
{
	const struct {
		const char *path, *text;
	} fields[] = {
		{ "metadata.name", object_name(pod) },
		{ "metadata.namespace", object_namespace(pod) },
		{ "metadata.uid", object_uid(pod) },
		{ "spec.nodeName", value_str_or(object_path(pod, "spec", "nodeName"), "") },
		{ "spec.serviceAccountName", value_str_or(object_path(pod, "spec", "serviceAccountName"), "") },
		{ "status.podIP", facts->pod_ip },
		{ "status.podIPs", facts->pod_ip },
		{ "status.hostIP", facts->host_ip },
		{ "status.hostIPs", facts->host_ip },
	};
	const char *key;

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (!strcmp(fields[i].path, path))
			return fields[i].text;
	key = subscript(a, path, "metadata.labels");
	if (key)
		return value_str_or(value_get(object_labels(pod), key), "");
	key = subscript(a, path, "metadata.annotations");
	if (key)
		return value_str_or(object_path(pod, "metadata", "annotations", key), "");
	return NULL;
}

/* The value of one entry. */
static int read_entry(struct arena *a, const struct object *pod, const struct value *entry, const struct env_facts *facts,
		      const struct env_list *env, const char **ret, struct error *err)
{
	const char *name = value_str_or(value_get(entry, "name"), "");
	const struct value *from = value_get(entry, "valueFrom");
	const char *path = value_str(value_path(from, "fieldRef", "fieldPath"));

	if (!from) {
		*ret = env_expand(a, value_str_or(value_get(entry, "value"), ""), env);
		return *ret ? 0 : -ENOMEM;
	}
	if (!path)
		return error_set(err, -EINVAL, "env %s: %s is not supported by this version", name,
				 value_key_at(from, 0) ? value_key_at(from, 0) : "valueFrom");
	*ret = field(a, pod, facts, path);
	return *ret ? 0 : error_set(err, -EINVAL, "env %s: the field %s is not supported", name, path);
}

int env_build(struct arena *a, const struct object *pod, const struct value *container, const struct image_config *image,
	      const struct env_facts *facts, struct env_list *ret, struct error *err)
{
	const struct value *entries = value_get(container, "env");
	struct env_list l = { .declared = arena_alloc(a, (value_len(entries) + 1) * sizeof(*l.declared)) };
	size_t cap = 0;
	int r;

	if (!l.declared)
		return -ENOMEM;
	if (value_len(value_get(container, "envFrom")))
		return error_set(err, -EINVAL, "envFrom is not supported by this version");
	r = add(a, &l, &cap, default_path);
	for (size_t i = 0; image->env[i] && r == 0; i++)
		if (strchr(image->env[i], '='))
			r = set(a, &l, &cap, arena_strdup(a, image->env[i]));
	if (r == 0)
		r = set(a, &l, &cap, arena_printf(a, "HOSTNAME=%s", facts->hostname));
	for (size_t i = 0; i < value_len(entries) && r == 0; i++) {
		const char *text, *item = NULL;

		r = read_entry(a, pod, value_at(entries, i), facts, &l, &text, err);
		if (r == 0)
			item = arena_printf(a, "%s=%s", value_str_or(value_get(value_at(entries, i), "name"), ""), text);
		if (r == 0)
			r = set(a, &l, &cap, item);
		if (r == 0)
			l.declared[l.n_declared++] = item;
	}
	if (r == 0)
		*ret = l;
	return r;
}

int env_argv(struct arena *a, const struct value *container, const struct image_config *image,
	     const struct env_list *env, struct env_list *ret, struct error *err)
{
	const struct value *command = value_get(container, "command"), *args = value_get(container, "args");
	struct env_list l = { 0 };
	size_t cap = 0;
	int r = 0;

	for (size_t i = 0; i < value_len(command) && r == 0; i++)
		r = add(a, &l, &cap, env_expand(a, value_str_or(value_at(command, i), ""), env));
	for (size_t i = 0; !value_len(command) && image->entrypoint[i] && r == 0; i++)
		r = add(a, &l, &cap, arena_strdup(a, image->entrypoint[i]));
	for (size_t i = 0; i < value_len(args) && r == 0; i++)
		r = add(a, &l, &cap, env_expand(a, value_str_or(value_at(args, i), ""), env));
	for (size_t i = 0; !value_len(command) && !value_len(args) && image->cmd[i] && r == 0; i++)
		r = add(a, &l, &cap, arena_strdup(a, image->cmd[i]));
	if (r == 0 && !l.n)
		return error_set(err, -EINVAL, "no command specified: neither the container nor its image has one");
	if (r == 0)
		*ret = l;
	return r;
}
