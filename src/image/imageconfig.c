/* SPDX-License-Identifier: Apache-2.0 */
#include "image/imageconfig.h"

#include <string.h>

#include "image/ref.h"

enum field_type { FIELD_STRING, FIELD_LIST, FIELD_KEYS };

/* The fields of the OCI image configuration that a container is started from. */
static const struct {
	const char *name;
	enum field_type type;
} FIELDS[] = {
	{ "Entrypoint", FIELD_LIST }, { "Cmd", FIELD_LIST },	    { "Env", FIELD_LIST },
	{ "WorkingDir", FIELD_STRING }, { "User", FIELD_STRING },   { "StopSignal", FIELD_STRING },
	{ "ExposedPorts", FIELD_KEYS }, { "Volumes", FIELD_KEYS },
};

/* A string that is one to C too. */
static bool is_text(const struct value *v)
{
	const char *s = value_str(v);

	return s && strlen(s) == value_len(v);
}

static int take_list(const struct value *v, const char *name, struct arena *a, struct value *list, struct error *err)
{
	if (!value_is_null(v) && value_type(v) != VALUE_LIST)
		return error_set(err, -EINVAL, "config.%s is %s, not a list", name, value_type_name(value_type(v)));
	for (size_t i = 0; i < value_len(v); i++) {
		const struct value *item = value_at(v, i);

		if (!is_text(item))
			return error_set(err, -EINVAL, "config.%s[%zu] is not a string", name, i);
		value_append(a, list, value_new_str(a, value_str(item)));
	}
	return 0;
}

static int take_keys(const struct value *v, const char *name, struct arena *a, struct value *list, struct error *err)
{
	if (!value_is_null(v) && value_type(v) != VALUE_MAP)
		return error_set(err, -EINVAL, "config.%s is %s, not a map", name, value_type_name(value_type(v)));
	for (size_t i = 0; i < value_len(v); i++)
		value_append(a, list, value_new_str(a, value_key_at(v, i)));
	return 0;
}

int imageconfig_take(const struct value *doc, struct arena *a, struct value **ret, struct error *err)
{
	const struct value *config = value_get(doc, "config");
	struct value *out = value_new_map(a);

	if (!value_is_null(config) && value_type(config) != VALUE_MAP)
		return error_set(err, -EINVAL, "config is not a map");
	for (size_t i = 0; i < ARRAY_SIZE(FIELDS); i++) {
		const char *name = FIELDS[i].name;
		const struct value *v = value_get(config, name);
		int r = 0;

		if (FIELDS[i].type == FIELD_LIST)
			r = take_list(v, name, a, value_set_list(a, out, name), err);
		else if (FIELDS[i].type == FIELD_KEYS)
			r = take_keys(v, name, a, value_set_list(a, out, name), err);
		else if (value_is_null(v))
			value_set_str(a, out, name, "");
		else if (is_text(v))
			value_set_str(a, out, name, value_str(v));
		else
			r = error_set(err, -EINVAL, "config.%s is not a string", name);
		if (r < 0)
			return r;
	}
	if (arena_failed(a))
		return error_set(err, -ENOMEM, "out of memory");
	*ret = out;
	return 0;
}

int imageconfig_diff_ids(const struct value *doc, const struct value **ret, struct error *err)
{
	const struct value *list = value_path(doc, "rootfs", "diff_ids");

	if (value_type(list) != VALUE_LIST)
		return error_set(err, -EINVAL, "rootfs.diff_ids is missing: this is not the config of a container image");
	for (size_t i = 0; i < value_len(list); i++)
		if (!is_text(value_at(list, i)) || !image_digest_valid(value_str(value_at(list, i))))
			return error_set(err, -EINVAL, "rootfs.diff_ids[%zu] is not a sha256 digest", i);
	*ret = list;
	return 0;
}
