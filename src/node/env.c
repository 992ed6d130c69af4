/* SPDX-License-Identifier: Apache-2.0 */
#include "node/env.h"

#include <string.h>

#include "node/service_env.h"

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

/* --- by name: services may bring thousands --- */

static uint32_t *slot_of(const struct env_list *l, const char *item, size_t len)
{
	uint32_t hash = 0x811c9dc5; /* FNV-1a */
	size_t at;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)item[i]) * 0x01000193;
	for (at = hash & (l->index_size - 1); l->index[at]; at = (at + 1) & (l->index_size - 1)) {
		const char *there = l->items[l->index[at] - 1];

		if (!strncmp(there, item, len) && there[len] == '=')
			break;
	}
	return &l->index[at];
}

/* Keeps at least half of the index free. */
static int grow_index(struct arena *a, struct env_list *l)
{
	size_t bigger = l->index_size ? l->index_size * 2 : 64;

	if (l->n * 2 < l->index_size)
		return 0;
	l->index = arena_alloc(a, bigger * sizeof(*l->index));
	if (!l->index)
		return -ENOMEM;
	memset(l->index, 0, bigger * sizeof(*l->index));
	l->index_size = bigger;
	for (size_t i = 0; i < l->n; i++)
		*slot_of(l, l->items[i], strcspn(l->items[i], "=")) = (uint32_t)i + 1;
	return 0;
}

/* Sets "NAME=VALUE", in the place of an earlier one of that name. */
static int set(struct arena *a, struct env_list *l, size_t *cap, const char *item)
{
	uint32_t *slot;
	int r;

	if (!item || grow_index(a, l) < 0)
		return -ENOMEM;
	slot = slot_of(l, item, strcspn(item, "="));
	if (*slot) {
		l->items[*slot - 1] = item;
		return 0;
	}
	r = add(a, l, cap, item);
	if (r == 0)
		*slot = (uint32_t)l->n;
	return r;
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

/* Sets a variable that the container's spec asks for. */
static int declare(struct arena *a, struct env_list *l, size_t *cap, const char *item)
{
	int r = set(a, l, cap, item);

	if (r < 0)
		return r;
	if (l->n_declared == l->declared_max) {
		size_t bigger = l->declared_max ? l->declared_max * 2 : 16;
		const char **declared = arena_alloc(a, bigger * sizeof(*declared));

		if (!declared)
			return -ENOMEM;
		if (l->n_declared)
			memcpy(declared, l->declared, l->n_declared * sizeof(*declared));
		l->declared = declared;
		l->declared_max = bigger;
	}
	l->declared[l->n_declared++] = item;
	return 0;
}

/* Kubernetes documentation, "Define Environment Variables": any printable ASCII character but "=". */
static bool is_variable_name(const char *s)
{
	bool any = *s != '\0';

	for (; *s; s++)
		if (*s < ' ' || *s > '~' || *s == '=')
			return false;
	return any;
}

/* One source of envFrom: all its keys. */
static int read_source(struct arena *a, const struct sources *s, const struct value *from, struct env_list *l, size_t *cap,
		       struct buf *skipped, struct error *err)
{
	static const char *const refs[] = { [SOURCE_CONFIG_MAP] = "configMapRef", [SOURCE_SECRET] = "secretRef" };
	const char *prefix = value_str_or(value_get(from, "prefix"), "");

	for (size_t k = 0; k < ARRAY_SIZE(refs); k++) {
		const struct value *ref = value_get(from, refs[k]);
		const char *name = value_str_or(value_get(ref, "name"), "");
		struct source_data data = { 0 };
		int r = ref ? source_read(a, s, k, name, &data, err) : 0;

		if (r == -ENOENT && (s->may_lack || value_bool(value_get(ref, "optional"), false))) {
			error_clear(err);
			r = 0;
		}
		for (size_t i = 0; i < data.n && r == 0; i++) {
			const struct source_entry *e = &data.entries[i];

			if (is_variable_name(e->key))
				r = declare(a, l, cap, arena_printf(a, "%s%s=%s", prefix, e->key, e->data));
			else
				buf_printf(skipped, "%s%s", skipped->len ? ", " : "", e->key);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

/* The text of a configMapKeyRef or secretKeyRef; NULL when it is optional and not there. */
static int read_key(struct arena *a, const struct sources *s, enum source_kind kind, const struct value *ref,
		    const char **ret, struct error *err)
{
	const char *name = value_str_or(value_get(ref, "name"), ""), *key = value_str_or(value_get(ref, "key"), "");
	const struct source_entry *e = NULL;
	struct source_data data = { 0 };
	int r = source_read(a, s, kind, name, &data, err);

	if (r < 0 && r != -ENOENT)
		return r;
	if (r == 0)
		e = source_entry(&data, key);
	if (!e && (s->may_lack || value_bool(value_get(ref, "optional"), false))) {
		error_clear(err);
		*ret = NULL;
		return 0;
	}
	if (r < 0)
		return r;
	if (!e)
		return error_set(err, -ENOENT, "couldn't find key %s in %s %s/%s", key, source_kind_name(kind),
				 object_namespace(s->pod), name);
	*ret = e->data;
	return 0;
}

/* The value of one entry; NULL: the variable is not set. */
static int read_entry(struct arena *a, const struct sources *s, const struct value *entry, const struct value *container,
		      const struct env_list *env, const char **ret, struct error *err)
{
	const struct value *from = value_get(entry, "valueFrom"), *ref;

	if (!from) {
		*ret = env_expand(a, value_str_or(value_get(entry, "value"), ""), env);
		return *ret ? 0 : -ENOMEM;
	}
	if ((ref = value_get(from, "fieldRef")))
		return source_field(a, s, value_str_or(value_get(ref, "fieldPath"), ""), ret, err);
	if ((ref = value_get(from, "resourceFieldRef")))
		return source_resource(a, s, ref, container, ret, err);
	if ((ref = value_get(from, "configMapKeyRef")))
		return read_key(a, s, SOURCE_CONFIG_MAP, ref, ret, err);
	if ((ref = value_get(from, "secretKeyRef")))
		return read_key(a, s, SOURCE_SECRET, ref, ret, err);
	return error_set(err, -EINVAL, "env %s: %s is not supported by this version",
			 value_str_or(value_get(entry, "name"), ""),
			 value_key_at(from, 0) ? value_key_at(from, 0) : "valueFrom");
}

static int add_services(struct arena *a, const struct sources *s, struct env_list *l, size_t *cap)
{
	const char *const *items = NULL;
	size_t n = 0;
	int r = service_env(a, s, &items, &n);

	for (size_t i = 0; i < n && r == 0; i++)
		r = declare(a, l, cap, items[i]);
	return r;
}

int env_build(struct arena *a, const struct sources *s, const struct value *container, const struct image_config *image,
	      struct env_list *ret, const char **ret_skipped, struct error *err)
{
	const struct value *entries = value_get(container, "env"), *sources = value_get(container, "envFrom");
	_cleanup_buf_ struct buf skipped = BUF_INIT;
	struct env_list l = { 0 };
	size_t cap = 0;
	int r = set(a, &l, &cap, default_path);

	for (size_t i = 0; image->env[i] && r == 0; i++)
		if (strchr(image->env[i], '='))
			r = set(a, &l, &cap, arena_strdup(a, image->env[i]));
	if (r == 0)
		r = set(a, &l, &cap, arena_printf(a, "HOSTNAME=%s", s->hostname));
	if (r == 0)
		r = add_services(a, s, &l, &cap); /* what the container says of the same names replaces them */
	for (size_t i = 0; i < value_len(sources) && r == 0; i++)
		r = read_source(a, s, value_at(sources, i), &l, &cap, &skipped, err);
	for (size_t i = 0; i < value_len(entries) && r == 0; i++) {
		const struct value *entry = value_at(entries, i);
		const char *text = NULL;

		r = read_entry(a, s, entry, container, &l, &text, err);
		if (r == 0 && text)
			r = declare(a, &l, &cap,
				    arena_printf(a, "%s=%s", value_str_or(value_get(entry, "name"), ""), text));
	}
	if (r < 0 || buf_failed(&skipped))
		return r < 0 ? r : -ENOMEM;
	*ret_skipped = skipped.len ? arena_strdup(a, buf_str(&skipped)) : NULL;
	*ret = l;
	return 0;
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
