/* SPDX-License-Identifier: Apache-2.0 */
#include "node/source.h"

#include <stdlib.h>
#include <string.h>

#include "value/base64.h"
#include "value/quantity.h"

const char *source_kind_name(enum source_kind kind)
{
	return kind == SOURCE_SECRET ? "Secret" : "ConfigMap";
}

const char *source_plural(enum source_kind kind)
{
	return kind == SOURCE_SECRET ? "secrets" : "configmaps";
}

/* Adds the members of one of the object's maps. */
static int add_entries(struct arena *a, const struct value *map, bool is_base64, struct source_data *d)
{
	for (size_t i = 0; i < value_len(map); i++) {
		const struct value *v = value_at(map, i);
		struct source_entry *e = &d->entries[d->n++];

		e->key = arena_strdup(a, value_key_at(map, i));
		e->len = value_len(v);
		if (is_base64) {
			_cleanup_buf_ struct buf bytes = BUF_INIT;

			base64_decode(value_str_or(v, ""), value_len(v), &bytes);
			if (buf_failed(&bytes))
				return -ENOMEM;
			e->len = bytes.len;
			e->data = arena_memdup(a, buf_str(&bytes), bytes.len);
		} else {
			e->data = arena_memdup(a, value_str_or(v, ""), e->len);
		}
	}
	return arena_failed(a) ? -ENOMEM : 0;
}

int source_read(struct arena *a, const struct sources *s, enum source_kind kind, const char *name,
		struct source_data *ret, struct error *err)
{
	_cleanup_object_ struct object *o = s->find(s->arg, source_plural(kind), object_namespace(s->pod), name);
	const struct value *data = object_path(o, "data"), *binary = object_path(o, "binaryData");
	struct source_data d = { 0 };
	int r;

	if (!o)
		return error_set(err, -ENOENT, "%s \"%s\" not found", kind == SOURCE_SECRET ? "secret" : "configmap", name);
	d.entries = arena_alloc(a, (value_len(data) + value_len(binary) + 1) * sizeof(*d.entries));
	if (!d.entries)
		return -ENOMEM;
	r = add_entries(a, data, kind == SOURCE_SECRET, &d);
	if (r == 0)
		r = add_entries(a, binary, true, &d);
	if (r == 0)
		*ret = d;
	return r;
}

const struct source_entry *source_entry(const struct source_data *d, const char *key)
{
	for (size_t i = 0; i < d->n; i++)
		if (!strcmp(d->entries[i].key, key))
			return &d->entries[i];
	return NULL;
}

/* --- the downward API --- */

/* "metadata.labels['KEY']": the key, or NULL. */
static const char *subscript(struct arena *a, const char *path, const char *prefix)
{
	size_t n = strlen(prefix), len = strlen(path);

	if (strncmp(path, prefix, n) != 0 || len < n + 4 || strncmp(path + n, "['", 2) != 0 ||
	    strcmp(path + len - 2, "']") != 0)
		return NULL;
	return arena_memdup(a, path + n + 2, len - n - 4);
}

/* A string as Go's strconv.Quote writes it, for text that is UTF-8. */
static void put_quoted(struct buf *out, const char *s)
{
	static const char plain[] = "\a\b\f\n\r\t\v\\\"", letters[] = "abfnrtv\\\"";

	buf_putc(out, '"');
	for (; *s; s++) {
		const char *at = strchr(plain, *s);

		if (at)
			buf_printf(out, "\\%c", letters[at - plain]);
		else if ((unsigned char)*s < 0x20 || *s == 0x7f)
			buf_printf(out, "\\x%02x", (unsigned char)*s);
		else
			buf_putc(out, *s);
	}
	buf_putc(out, '"');
}

static int compare_members(const void *a, const void *b, void *map)
{
	return strcmp(value_key_at(map, *(const size_t *)a), value_key_at(map, *(const size_t *)b));
}

/* A map of strings as a file: lines of KEY="VALUE", sorted, without a last newline. */
static const char *map_text(struct arena *a, const struct value *map)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	size_t n = value_len(map), *order = arena_alloc(a, (n + 1) * sizeof(*order));

	for (size_t i = 0; order && i < n; i++)
		order[i] = i;
	if (order)
		qsort_r(order, n, sizeof(*order), compare_members, (void *)(uintptr_t)map);
	for (size_t i = 0; order && i < n; i++) {
		buf_printf(&out, "%s%s=", i ? "\n" : "", value_key_at(map, order[i]));
		put_quoted(&out, value_str_or(value_at(map, order[i]), ""));
	}
	return buf_failed(&out) ? NULL : arena_strdup(a, buf_str(&out));
}

int source_field(struct arena *a, const struct sources *s, const char *path, const char **ret, struct error *err)
{
	const struct object *pod = s->pod;
	const struct {
		const char *path, *text;
	} fields[] = {
		{ "metadata.name", object_name(pod) },
		{ "metadata.namespace", object_namespace(pod) },
		{ "metadata.uid", object_uid(pod) },
		{ "spec.nodeName", value_str_or(object_path(pod, "spec", "nodeName"), "") },
		{ "spec.serviceAccountName", value_str_or(object_path(pod, "spec", "serviceAccountName"), "") },
		{ "status.podIP", s->pod_ip },
		{ "status.podIPs", s->pod_ip },
		{ "status.hostIP", s->host_ip },
		{ "status.hostIPs", s->host_ip },
	};
	static const char *const maps[] = { "labels", "annotations" };

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (!strcmp(fields[i].path, path)) {
			*ret = fields[i].text;
			return 0;
		}
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
		const struct value *map = object_path(pod, "metadata", maps[i]);
		const char *prefix = i ? "metadata.annotations" : "metadata.labels", *key = subscript(a, path, prefix);

		if (!key && strcmp(path, prefix) != 0)
			continue;
		*ret = key ? value_str_or(value_get(map, key), "") : map_text(a, map);
		return *ret ? 0 : -ENOMEM;
	}
	return error_set(err, -EINVAL, "the field %s is not supported", path);
}

/* A container, init ones too, by name. */
static const struct value *named_container(const struct object *pod, const char *name)
{
	const struct value *c = value_find(object_path(pod, "spec", "containers"), "name", name);

	return c ? c : value_find(object_path(pod, "spec", "initContainers"), "name", name);
}

/* What the node can give of a resource, in the units of container_resource(). */
static int64_t node_amount(const struct pod_resources *node, const char *name)
{
	return !strcmp(name, "cpu")		   ? node->milli_cpu :
	       !strcmp(name, "memory")		   ? node->memory :
	       !strcmp(name, "ephemeral-storage") ? node->ephemeral_storage :
						     0;
}

int source_resource(struct arena *a, const struct sources *s, const struct value *ref, const struct value *own,
		    const char **ret, struct error *err)
{
	const char *resource = value_str_or(value_get(ref, "resource"), ""), *dot = strchr(resource, '.');
	const char *name = value_str(value_get(ref, "containerName"));
	const struct value *c = name && *name ? named_container(s->pod, name) : own;
	struct quantity divisor = quantity_from_int(1, QUANTITY_DECIMAL), amount;
	char which[16];
	int64_t n;

	if (!c)
		return error_set(err, -EINVAL, "container %s not found", name ? name : "");
	if (!dot || (size_t)(dot - resource) >= sizeof(which))
		return error_set(err, -EINVAL, "unsupported container resource: %s", resource);
	(void)snprintf(which, sizeof(which), "%.*s", (int)(dot - resource), resource);
	if (strcmp(which, "limits") != 0 && strcmp(which, "requests") != 0)
		return error_set(err, -EINVAL, "unsupported container resource: %s", resource);
	n = container_resource(c, which, dot + 1);
	if (n <= 0)
		n = strcmp(which, "limits") ? 0 : node_amount(&s->allocatable, dot + 1);
	amount = strcmp(dot + 1, "cpu") ? quantity_from_int(n, QUANTITY_DECIMAL) : quantity_from_milli(n, QUANTITY_DECIMAL);
	if (value_get(ref, "divisor") && quantity_from(value_get(ref, "divisor"), &divisor, err) < 0)
		return -EINVAL;
	if (quantity_sign(&divisor) <= 0) /* "0", the default as the API server writes it, means 1 */
		divisor = quantity_from_int(1, QUANTITY_DECIMAL);
	*ret = arena_printf(a, "%lld", (long long)quantity_divided(&amount, &divisor));
	return *ret ? 0 : -ENOMEM;
}

/* --- who uses what --- */

static bool names_it(const struct value *ref, const char *key, const char *name)
{
	const char *got = value_str(value_get(ref, key));

	return got && (!name || !strcmp(got, name));
}

static bool in_environment(const struct value *containers, const char *ref, const char *key_ref, const char *name)
{
	for (size_t i = 0; i < value_len(containers); i++) {
		const struct value *from = value_get(value_at(containers, i), "envFrom");
		const struct value *env = value_get(value_at(containers, i), "env");

		for (size_t k = 0; k < value_len(from); k++)
			if (names_it(value_get(value_at(from, k), ref), "name", name))
				return true;
		for (size_t k = 0; k < value_len(env); k++)
			if (names_it(value_path(value_at(env, k), "valueFrom", key_ref), "name", name))
				return true;
	}
	return false;
}

bool source_is_used(const struct object *pod, enum source_kind kind, const char *name)
{
	bool secret = kind == SOURCE_SECRET;
	const char *type = secret ? "secret" : "configMap", *ref = secret ? "secretRef" : "configMapRef";
	const char *key_ref = secret ? "secretKeyRef" : "configMapKeyRef";
	const struct value *volumes = object_path(pod, "spec", "volumes");
	const struct value *pulls = object_path(pod, "spec", "imagePullSecrets");

	for (size_t i = 0; i < value_len(pulls) && secret; i++)
		if (names_it(value_at(pulls, i), "name", name))
			return true;

	if (in_environment(object_path(pod, "spec", "containers"), ref, key_ref, name) ||
	    in_environment(object_path(pod, "spec", "initContainers"), ref, key_ref, name) ||
	    in_environment(object_path(pod, "spec", "ephemeralContainers"), ref, key_ref, name))
		return true;
	for (size_t i = 0; i < value_len(volumes); i++) {
		const struct value *v = value_at(volumes, i), *list = value_path(v, "projected", "sources");

		if (names_it(value_get(v, type), secret ? "secretName" : "name", name))
			return true;
		for (size_t k = 0; k < value_len(list); k++)
			if (names_it(value_get(value_at(list, k), type), "name", name))
				return true;
	}
	return false;
}
