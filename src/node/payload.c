/* SPDX-License-Identifier: Apache-2.0 */
#include "node/payload.h"

#include <string.h>

enum { DEFAULT_MODE = 0644, MODE_MASK = 0777 };

bool payload_is_for(const struct value *volume)
{
	return value_get(volume, "configMap") || value_get(volume, "secret") || value_get(volume, "downwardAPI") ||
	       value_get(volume, "projected");
}

/* A payload in the making. */
struct build {
	struct arena *a;
	const struct sources *s;
	struct payload out;
	size_t max;
	struct error *err;
};

static int add(struct build *b, const char *path, const char *data, size_t len, mode_t mode)
{
	if (!path || !data)
		return -ENOMEM;
	for (size_t i = 0; i < b->out.n; i++)
		if (!strcmp(b->out.files[i].path, path)) {
			b->out.files[i] = (struct payload_file){ path, data, len, mode };
			return 0;
		}
	if (b->out.n == b->max) {
		size_t bigger = b->max ? b->max * 2 : 8;
		struct payload_file *files = arena_alloc(b->a, bigger * sizeof(*files));

		if (!files)
			return -ENOMEM;
		if (b->out.n)
			memcpy(files, b->out.files, b->out.n * sizeof(*files));
		b->out.files = files;
		b->max = bigger;
	}
	b->out.files[b->out.n++] = (struct payload_file){ path, data, len, mode };
	return 0;
}

static mode_t mode_of(const struct value *item, mode_t fallback)
{
	return (mode_t)value_int(value_get(item, "mode"), fallback) & MODE_MASK;
}

/* A ConfigMap's or Secret's keys: all of them, or those that `items` names. */
static int add_object(struct build *b, enum source_kind kind, const struct value *source, const char *name, mode_t mode)
{
	const struct value *items = value_get(source, "items");
	bool optional = value_bool(value_get(source, "optional"), false);
	struct source_data data;
	int r = source_read(b->a, b->s, kind, name, &data, b->err);

	if (r == -ENOENT && optional) {
		error_clear(b->err);
		return 0;
	}
	for (size_t i = 0; i < data.n && !items && r == 0; i++)
		r = add(b, data.entries[i].key, data.entries[i].data, data.entries[i].len, mode);
	for (size_t i = 0; i < value_len(items) && r == 0; i++) {
		const struct value *item = value_at(items, i);
		const char *key = value_str_or(value_get(item, "key"), "");
		const struct source_entry *e = source_entry(&data, key);

		if (e)
			r = add(b, value_str_or(value_get(item, "path"), key), e->data, e->len, mode_of(item, mode));
		else if (!optional)
			r = error_set(b->err, -ENOENT, "references non-existent %s key: %s",
				      kind == SOURCE_SECRET ? "secret" : "config", key);
	}
	return r;
}

static int add_downward(struct build *b, const struct value *source, mode_t mode)
{
	const struct value *items = value_get(source, "items");
	int r = 0;

	for (size_t i = 0; i < value_len(items) && r == 0; i++) {
		const struct value *item = value_at(items, i), *field = value_get(item, "fieldRef");
		const char *text = NULL;

		r = field ? source_field(b->a, b->s, value_str_or(value_get(field, "fieldPath"), ""), &text, b->err) :
			    source_resource(b->a, b->s, value_get(item, "resourceFieldRef"), NULL, &text, b->err);
		if (r == 0)
			r = add(b, value_str_or(value_get(item, "path"), ""), text, strlen(text), mode_of(item, mode));
	}
	return r;
}

/*
 * Nothing answers to a service account's token here (there is no HTTP API), but programs read the file. It names whose
 * it is and opens nothing.
 */
static int add_token(struct build *b, const struct value *source)
{
	char *text = arena_printf(b->a, "podfs:%s:%s:%s", object_namespace(b->s->pod),
				  value_str_or(object_path(b->s->pod, "spec", "serviceAccountName"), "default"),
				  object_uid(b->s->pod));

	return text ? add(b, value_str_or(value_get(source, "path"), "token"), text, strlen(text), 0600) : -ENOMEM;
}

static int add_projected(struct build *b, const struct value *source, mode_t mode)
{
	const struct value *v;

	if ((v = value_get(source, "configMap")))
		return add_object(b, SOURCE_CONFIG_MAP, v, value_str_or(value_get(v, "name"), ""), mode);
	if ((v = value_get(source, "secret")))
		return add_object(b, SOURCE_SECRET, v, value_str_or(value_get(v, "name"), ""), mode);
	if ((v = value_get(source, "downwardAPI")))
		return add_downward(b, v, mode);
	if ((v = value_get(source, "serviceAccountToken")))
		return add_token(b, v);
	return error_set(b->err, -EOPNOTSUPP, "projected %s is not supported by this version",
			 value_key_at(source, 0) ? value_key_at(source, 0) : "source");
}

int payload_build(struct arena *a, const struct sources *s, const struct value *volume, struct payload *ret,
		  struct error *err)
{
	struct build b = { .a = a, .s = s, .err = err };
	const struct value *v = NULL, *list;
	mode_t mode;
	int r = 0;

	for (size_t i = 0; i < value_len(volume) && !v; i++)
		if (strcmp(value_key_at(volume, i), "name") != 0)
			v = value_at(volume, i);
	mode = (mode_t)value_int(value_get(v, "defaultMode"), DEFAULT_MODE) & MODE_MASK;
	if (value_get(volume, "configMap"))
		r = add_object(&b, SOURCE_CONFIG_MAP, v, value_str_or(value_get(v, "name"), ""), mode);
	else if (value_get(volume, "secret"))
		r = add_object(&b, SOURCE_SECRET, v, value_str_or(value_get(v, "secretName"), ""), mode);
	else if (value_get(volume, "downwardAPI"))
		r = add_downward(&b, v, mode);
	list = value_get(value_get(volume, "projected"), "sources");
	for (size_t i = 0; i < value_len(list) && r == 0; i++)
		r = add_projected(&b, value_at(list, i), mode);
	if (r == 0)
		*ret = b.out;
	return r;
}
