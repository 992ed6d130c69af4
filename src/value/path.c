/* SPDX-License-Identifier: Apache-2.0 */
#include "value/path.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool is_plain(const char *name)
{
	for (const char *p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && *p != '_' && *p != '-' && *p != '$')
			return false;
	return *name;
}

void path_push_field(struct buf *path, const char *name)
{
	if (!is_plain(name)) {
		path_push_key(path, name);
		return;
	}
	if (path->len)
		buf_putc(path, '.');
	buf_puts(path, name);
}

void path_push_key(struct buf *path, const char *key)
{
	buf_printf(path, "[%s]", key);
}

void path_push_index(struct buf *path, size_t i)
{
	buf_printf(path, "[%zu]", i);
}

void path_push_item(struct buf *path, const char *const *list_keys, const struct value *item)
{
	const char *sep = "[";

	for (size_t i = 0; list_keys[i]; i++) {
		const struct value *v = value_get(item, list_keys[i]);

		if (value_type(v) == VALUE_STRING)
			buf_printf(path, "%s%s=%s", sep, list_keys[i], value_str(v));
		else if (value_type(v) == VALUE_INT)
			buf_printf(path, "%s%s=%" PRId64, sep, list_keys[i], value_int(v, 0));
		else
			continue;
		sep = ",";
	}
	buf_puts(path, *sep == '[' ? "[]" : "]");
}

void path_cut(struct buf *path, size_t len)
{
	if (len >= path->len)
		return;
	path->len = len;
	path->data[len] = '\0';
}

static bool is_number(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isdigit((unsigned char)s[i]))
			return false;
	return len && len < 10;
}

/* Whether an item's member is what one "key=value" of len bytes says. */
static bool item_has(const struct value *item, const char *s, size_t len)
{
	const char *equal = memchr(s, '=', len);

	for (size_t i = 0; equal && i < value_len(item); i++) {
		const struct value *v = value_at(item, i);
		const char *key = value_key_at(item, i);
		size_t n = len - (size_t)(equal - s) - 1;
		char number[24];
		const char *text = value_str(v);

		if (!key || strlen(key) != (size_t)(equal - s) || memcmp(key, s, strlen(key)) != 0)
			continue;
		if (value_type(v) == VALUE_INT) {
			(void)snprintf(number, sizeof(number), "%" PRId64, value_int(v, 0));
			text = number;
		}
		return text && strlen(text) == n && !memcmp(text, equal + 1, n);
	}
	return false;
}

/* Whether an item's members are what "key=value,key=value" says. */
static bool item_is(const struct value *item, const char *s, size_t len)
{
	for (;;) {
		const char *comma = memchr(s, ',', len);
		size_t n = comma ? (size_t)(comma - s) : len;

		if (!item_has(item, s, n))
			return false;
		if (!comma)
			return true;
		s += n + 1;
		len -= n + 1;
	}
}

static struct value *member(const struct value *v, const char *key, size_t len)
{
	for (size_t i = 0; value_type(v) == VALUE_MAP && i < value_len(v); i++)
		if (strlen(value_key_at(v, i)) == len && !memcmp(value_key_at(v, i), key, len))
			return value_at(v, i);
	return NULL;
}

static struct value *bracketed(const struct value *v, const char *s, size_t len)
{
	if (value_type(v) != VALUE_LIST)
		return member(v, s, len);
	if (is_number(s, len))
		return value_at(v, strtoul(s, NULL, 10));
	for (size_t i = 0; i < value_len(v); i++)
		if (item_is(value_at(v, i), s, len))
			return value_at(v, i);
	return NULL;
}

struct value *path_get(const struct value *root, const char *path)
{
	const struct value *v = root;

	while (*path && v) {
		size_t n;

		if (*path == '[') {
			const char *end = strchr(path, ']');

			if (!end)
				return NULL;
			v = bracketed(v, path + 1, (size_t)(end - path) - 1);
			path = end + 1;
			continue;
		}
		path += *path == '.';
		n = strcspn(path, ".[");
		if (!n)
			return NULL;
		v = member(v, path, n);
		path += n;
	}
	return (struct value *)v;
}
