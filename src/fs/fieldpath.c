/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/fieldpath.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "value/base64.h"
#include "value/json.h"

/* --- names --- */

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c != 0x7f && c != '/' && c != '%';
}

void field_encode(const char *key, struct buf *out)
{
	if (!*key) {
		buf_putc(out, '%');
		return;
	}
	if (strcmp(key, ".") == 0 || strcmp(key, "..") == 0) {
		buf_puts(out, key[1] ? "%2E%2E" : "%2E");
		return;
	}
	for (; *key; key++) {
		if (is_plain((unsigned char)*key))
			buf_putc(out, *key);
		else
			buf_printf(out, "%%%02X", (unsigned char)*key);
	}
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool field_decode(const char *name, char out[static FIELD_KEY_MAX + 1])
{
	_cleanup_buf_ struct buf back = BUF_INIT;
	size_t n = 0;

	if (strcmp(name, "%") == 0) {
		out[0] = '\0';
		return true;
	}
	for (; *name && n < FIELD_KEY_MAX; name++) {
		int hi = *name == '%' ? hex_digit(name[1]) : -1;
		int lo = hi >= 0 ? hex_digit(name[2]) : -1;

		if (*name == '%' && (lo < 0 || hi + lo == 0))
			return false;
		out[n++] = *name == '%' ? (char)(hi * 16 + lo) : *name;
		name += *name == '%' ? 2 : 0;
	}
	out[n] = '\0';
	return !*name;
}

/* Whether the name is the one that the key is shown by: a key has one name. */
static bool is_name_of(const char *name, const char *key)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	field_encode(key, &b);
	return !buf_failed(&b) && strcmp(buf_str(&b), name) == 0;
}

static bool all_digits(const char *s)
{
	return *s && strspn(s, "0123456789") == strlen(s);
}

/* --- items of lists --- */

/* Appends the item's keys; false when one is missing. */
static bool item_keys(const struct schema_type *list, const struct value *item, struct buf *out)
{
	const char *const *keys = list ? schema_list_keys(list) : NULL;
	size_t start = out->len;

	if (!keys)
		return false;
	for (size_t i = 0; keys[i]; i++) {
		const struct value *v = value_get(item, keys[i]);

		if (i)
			buf_putc(out, ',');
		if (value_type(v) == VALUE_INT)
			buf_printf(out, "%" PRId64, value_int(v, 0));
		else if (value_len(v) && value_str(v))
			field_encode(value_str(v), out);
		else
			return false;
	}
	return out->len - start <= NAME_MAX;
}

static bool is_keyed(const struct field *dir)
{
	return dir->type && schema_form(dir->type) == SCHEMA_LIST && schema_list_keys(dir->type) &&
	       value_len(dir->value) <= FIELD_KEYED_MAX;
}

/* How many items have that name as their keys; the last of them in *ret. */
static unsigned count_named(const struct field *dir, const char *name, size_t *ret)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	unsigned n = 0;

	for (size_t i = 0; i < value_len(dir->value) && !buf_failed(&b); i++) {
		b.len = 0;
		if (item_keys(dir->type, value_at(dir->value, i), &b) && strcmp(buf_str(&b), name) == 0) {
			n++;
			*ret = i;
		}
	}
	return n;
}

static bool find_item(const struct field *dir, const char *name, size_t *ret)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	unsigned long i;
	size_t at;

	if (is_keyed(dir) && count_named(dir, name, ret) == 1)
		return true;
	if (!all_digits(name) || (name[0] == '0' && name[1]) || strlen(name) > 9)
		return false;
	i = strtoul(name, NULL, 10);
	if (i >= value_len(dir->value))
		return false;
	*ret = i;
	if (!is_keyed(dir) || !item_keys(dir->type, value_at(dir->value, i), &b))
		return true;
	return count_named(dir, buf_str(&b), &at) > 1; /* else it goes by its keys */
}

/* --- children --- */

static enum schema_form form_of(const struct field *f)
{
	return f->type ? schema_form(f->type) : SCHEMA_ANY;
}

void field_root(struct field *f, const struct schema_kind *kind, const struct value *root)
{
	*f = (struct field){ .type = kind->type, .value = root,
			     .fixed = strcmp(kind->plural, "pods") == 0 || strcmp(kind->plural, "jobs") == 0 };
}

static void child_of(const struct field *dir, struct field *ret)
{
	*ret = (struct field){ .in = dir->value, .in_type = dir->type, .depth = dir->depth + 1,
			       .read_only = dir->read_only, .immutable = dir->immutable, .fixed = dir->fixed,
			       .prose = dir->prose };
}

static bool starts_with(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

static bool has_folder(const struct value *map, const char *folder)
{
	for (size_t i = 0; i < value_len(map); i++)
		if (starts_with(value_key_at(map, i), folder))
			return true;
	return false;
}

/* The child of a map of labels or annotations, or of a folder in one. */
static int folder_child(const struct field *dir, const char *name, struct field *ret)
{
	size_t len = dir->folder ? strlen(dir->key) : 0;
	char key[FIELD_KEY_MAX + 1];

	if (!field_decode(name, key) || len + strlen(key) > FIELD_KEY_MAX - 1)
		return -ENOENT;
	memcpy(ret->key, dir->key, len);
	memcpy(ret->key + len, key, strlen(key) + 1);
	ret->type = dir->type ? schema_member(dir->type, ret->key) : NULL;
	ret->value = value_get(dir->value, ret->key);
	if (ret->value || dir->folder || strchr(key, '/'))
		return ret->value ? 0 : -ENOENT;
	ret->key[len + strlen(key)] = '/';
	ret->key[len + strlen(key) + 1] = '\0';
	if (has_folder(dir->value, ret->key)) {
		ret->folder = true;
		ret->value = dir->value;
		ret->type = dir->type;
		return 0;
	}
	ret->key[len + strlen(key)] = '\0';
	return -ENOENT;
}

/* Fields of free text. Others, though they be strings, are names or words that a rule knows. */
static bool is_prose(const char *name)
{
	static const char *const names[] = { "annotations", "args", "command", "description", "message", "value" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static int map_child(const struct field *dir, const char *name, struct field *ret)
{
	enum schema_form form = form_of(dir);

	if (form == SCHEMA_STRUCT) {
		if (strlen(name) > FIELD_KEY_MAX)
			return -ENOENT;
		memcpy(ret->key, name, strlen(name) + 1);
		ret->read_only |= !schema_field_writable(dir->type, name);
		ret->immutable |= schema_field_immutable(dir->type, name);
		ret->prose = is_prose(name);
	} else if (!field_decode(name, ret->key) || !is_name_of(name, ret->key)) {
		return -ENOENT;
	}
	ret->type = dir->type && form != SCHEMA_ANY ? schema_member(dir->type, ret->key) : NULL;
	ret->value = value_get(dir->value, ret->key);
	if (form_of(ret) == SCHEMA_MAP && form == SCHEMA_STRUCT)
		ret->folders = strcmp(name, "labels") == 0 || strcmp(name, "annotations") == 0;
	if (dir->depth == 0)
		ret->read_only |= strcmp(name, "apiVersion") == 0 || strcmp(name, "kind") == 0;
	ret->fixed &= dir->depth > 0 || strcmp(name, "metadata") != 0;
	if (dir->depth == 0)
		ret->data = strcmp(name, "data") == 0 || strcmp(name, "binaryData") == 0;
	ret->raw = dir->data || form_of(ret) == SCHEMA_BYTES;
	if (ret->value)
		return value_is_null(ret->value) ? -ENOENT : 0;
	return field_shape(ret) == FIELD_DIR ? 0 : -ENOENT;
}

int field_child(const struct field *dir, const char *name, struct field *ret)
{
	child_of(dir, ret);
	if (dir->folders || dir->folder)
		return folder_child(dir, name, ret);
	if (value_type(dir->value) == VALUE_LIST) {
		ret->item = true;
		if (!find_item(dir, name, &ret->index))
			return -ENOENT;
		ret->type = form_of(dir) == SCHEMA_LIST ? schema_item(dir->type) : NULL;
		ret->value = value_at(dir->value, ret->index);
		return 0;
	}
	if (field_shape(dir) != FIELD_DIR)
		return -ENOENT;
	return map_child(dir, name, ret);
}

int field_find(const struct schema_kind *kind, const struct value *root, const char *path, struct field *ret)
{
	struct field dir;
	int r = 0;

	field_root(ret, kind, root);
	while (*path) {
		char name[FIELD_KEY_MAX + 1];
		size_t len = strcspn(path, "/");

		if (r < 0 || len > FIELD_KEY_MAX)
			return -ENOENT;
		memcpy(name, path, len);
		name[len] = '\0';
		dir = *ret;
		r = field_child(&dir, name, ret);
		path += len + (path[len] == '/');
	}
	return r;
}

enum field_shape field_shape(const struct field *f)
{
	enum schema_form form = form_of(f);

	if (f->folder || value_type(f->value) == VALUE_MAP || value_type(f->value) == VALUE_LIST)
		return FIELD_DIR;
	if (f->value)
		return FIELD_FILE;
	if (!f->read_only && f->type && (form == SCHEMA_MAP || form == SCHEMA_STRUCT))
		return FIELD_DIR;
	return FIELD_ABSENT;
}

bool field_can_make(const struct field *f)
{
	enum schema_form form = form_of(f);

	return f->type && !f->read_only && !f->item && form != SCHEMA_LIST && form != SCHEMA_MAP &&
	       form != SCHEMA_STRUCT && form != SCHEMA_ANY;
}

bool field_at_close(const struct field *f)
{
	return f->raw || (f->prose && !f->fixed && !f->immutable && f->type && schema_is_free_text(f->type));
}

/* --- listings --- */

struct names {
	struct arena *a;
	struct field_name *items; /* in the arena, room for all */
	size_t n;
};

static void add_name(struct names *l, const struct buf *name, bool dir)
{
	if (name->len <= FIELD_KEY_MAX && !buf_failed(name))
		l->items[l->n++] = (struct field_name){ arena_memdup(l->a, buf_str(name), name->len), dir };
}

static bool is_dir_value(const struct value *v)
{
	return value_type(v) == VALUE_MAP || value_type(v) == VALUE_LIST;
}

static void list_folder(const struct field *dir, struct names *l)
{
	size_t len = strlen(dir->key);

	for (size_t i = 0; i < value_len(dir->value); i++) {
		_cleanup_buf_ struct buf b = BUF_INIT;
		const char *key = value_key_at(dir->value, i);

		if (strlen(key) <= len || !starts_with(key, dir->key))
			continue;
		field_encode(key + len, &b);
		add_name(l, &b, false);
	}
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct field_name *)a)->name, ((const struct field_name *)b)->name);
}

/* A map of labels or annotations: a folder comes once, and a key of a folder's name keeps its slash. */
static void list_folders(const struct field *dir, struct names *l)
{
	size_t kept = 0;

	for (size_t i = 0; i < value_len(dir->value); i++) {
		_cleanup_buf_ struct buf b = BUF_INIT;
		const char *key = value_key_at(dir->value, i), *slash = strchr(key, '/');
		char folder[FIELD_KEY_MAX + 1];
		bool split = false;

		if (slash && slash != key && slash[1] && (size_t)(slash - key) < sizeof(folder)) {
			memcpy(folder, key, (size_t)(slash - key));
			folder[slash - key] = '\0';
			split = !value_get(dir->value, folder);
		}
		field_encode(split ? folder : key, &b);
		add_name(l, &b, split);
	}
	if (arena_failed(l->a) || !l->n)
		return;
	qsort(l->items, l->n, sizeof(l->items[0]), compare_names);
	for (size_t i = 0; i < l->n; i++)
		if (i == 0 || strcmp(l->items[i].name, l->items[kept - 1].name) != 0)
			l->items[kept++] = l->items[i];
	l->n = kept;
}

static void list_members(const struct field *dir, struct names *l)
{
	for (size_t i = 0; i < value_len(dir->value); i++) {
		_cleanup_buf_ struct buf b = BUF_INIT;
		const struct value *v = value_at(dir->value, i);

		if (value_is_null(v))
			continue;
		if (form_of(dir) == SCHEMA_STRUCT)
			buf_puts(&b, value_key_at(dir->value, i));
		else
			field_encode(value_key_at(dir->value, i), &b);
		add_name(l, &b, is_dir_value(v));
	}
}

/* Which items have keys of their own alone: keyed[i] is the name, or NULL. */
static void unique_keys(const struct field *dir, struct arena *a, const char **keyed)
{
	size_t n = value_len(dir->value);
	struct field_name *sorted = arena_alloc(a, n * sizeof(*sorted));

	for (size_t i = 0; sorted && i < n; i++) {
		_cleanup_buf_ struct buf b = BUF_INIT;

		keyed[i] = item_keys(dir->type, value_at(dir->value, i), &b) ? arena_strdup(a, buf_str(&b)) : NULL;
		sorted[i].name = keyed[i] ? keyed[i] : "";
	}
	if (arena_failed(a))
		return;
	qsort(sorted, n, sizeof(*sorted), compare_names);
	for (size_t i = 0; i < n; i++) {
		const struct field_name key = { .name = keyed[i] };
		struct field_name *at = keyed[i] ? bsearch(&key, sorted, n, sizeof(*sorted), compare_names) : NULL;

		if (at && ((at > sorted && strcmp(at[-1].name, keyed[i]) == 0) ||
			   (at + 1 < sorted + n && strcmp(at[1].name, keyed[i]) == 0)))
			keyed[i] = NULL;
	}
}

static void list_items(const struct field *dir, struct names *l)
{
	size_t n = value_len(dir->value);
	const char **keyed = arena_alloc(l->a, n * sizeof(*keyed));

	if (keyed && is_keyed(dir))
		unique_keys(dir, l->a, keyed);
	for (size_t i = 0; keyed && !arena_failed(l->a) && i < n; i++)
		l->items[l->n++] = (struct field_name){ keyed[i] ? keyed[i] : arena_printf(l->a, "%zu", i),
							is_dir_value(value_at(dir->value, i)) };
}

/* Maps that are there for people to write into. */
static void list_empty(const struct field *dir, struct names *l)
{
	static const char *const in_meta[] = { "labels", "annotations", NULL }, *const in_root[] = { "data", NULL };
	const char *const *names = dir->depth == 0 ? in_root : dir->depth == 1 && strcmp(dir->key, "metadata") == 0
								       ? in_meta
								       : NULL;

	for (; names && *names; names++) {
		struct field f;

		if (value_get(dir->value, *names) || field_child(dir, *names, &f) < 0)
			continue;
		l->items[l->n++] = (struct field_name){ *names, true };
	}
}

int field_names(const struct field *dir, struct arena *a, struct field_name **ret, size_t *ret_n)
{
	struct names l = { .a = a, .items = arena_alloc(a, (value_len(dir->value) + 2) * sizeof(*l.items)) };

	if (!l.items)
		return -ENOMEM;
	if (dir->folder)
		list_folder(dir, &l);
	else if (dir->folders)
		list_folders(dir, &l);
	else if (value_type(dir->value) == VALUE_LIST)
		list_items(dir, &l);
	else if (dir->value)
		list_members(dir, &l);
	if (form_of(dir) == SCHEMA_STRUCT)
		list_empty(dir, &l);
	if (arena_failed(a))
		return -ENOMEM;
	*ret = l.items;
	*ret_n = l.n;
	return 0;
}

/* --- text --- */

void field_text(const struct field *f, struct buf *out)
{
	if (f->raw && form_of(f) == SCHEMA_BYTES) {
		base64_decode(value_str_or(f->value, ""), value_len(f->value), out);
		return;
	}
	if (value_type(f->value) == VALUE_STRING)
		buf_append(out, value_str(f->value), value_len(f->value));
	else
		json_write(out, f->value, 0);
	if (!f->raw)
		buf_putc(out, '\n');
}

static bool is_utf8(const char *s, size_t len)
{
	const unsigned char *p = (const unsigned char *)s, *end = p + len;

	while (p < end) {
		size_t n = *p < 0x80 ? 1 : *p >= 0xc2 && *p < 0xe0 ? 2 : *p >= 0xe0 && *p < 0xf0 ? 3
			 : *p >= 0xf0 && *p < 0xf5				     ? 4
										     : 0;

		if (!n || (size_t)(end - p) < n || (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
		    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
			return false;
		for (size_t i = 1; i < n; i++)
			if ((p[i] & 0xc0) != 0x80)
				return false;
		p += n;
	}
	return true;
}

int field_parse(const struct field *f, const char *text, size_t len, struct arena *a, struct diag_list *diags,
		struct value **ret)
{
	_cleanup_buf_ struct buf encoded = BUF_INIT;

	if (!f->raw)
		return schema_parse_scalar(f->type, text, len, a, diags, ret);
	if (form_of(f) == SCHEMA_BYTES) {
		base64_encode(text, len, &encoded);
		*ret = buf_failed(&encoded) ? NULL : value_new_strn(a, buf_str(&encoded), encoded.len);
		return *ret ? 0 : -ENOMEM;
	}
	if (!is_utf8(text, len)) {
		diag_add(diags, DIAG_ERROR, -EINVAL, (struct value_mark){ 0 }, "",
			 "Invalid value: data holds UTF-8 text; write other bytes to binaryData/");
		return -EINVAL;
	}
	*ret = value_new_strn(a, text, len);
	return *ret ? 0 : -ENOMEM;
}

/* --- changes: the tree is the caller's own copy, so what is found in it may be changed --- */

static int set_last(struct arena *a, const struct field *f, struct value *v)
{
	struct value *in = (struct value *)f->in;

	if (f->item && !v)
		return -EPERM;
	if (f->item)
		value_replace_at(in, f->index, v);
	else if (v)
		(void)value_set(a, in, f->key, v);
	else
		(void)value_remove(in, f->key); /* false: it is absent already */
	return arena_failed(a) ? -ENOMEM : 0;
}

int field_set(struct arena *a, const struct schema_kind *kind, struct value *root, const char *path, struct value *v)
{
	struct field dir, f;

	field_root(&f, kind, root);
	while (*path) {
		char name[FIELD_KEY_MAX + 1];
		size_t len = strcspn(path, "/");
		int r;

		if (len > FIELD_KEY_MAX)
			return -ENOENT;
		memcpy(name, path, len);
		name[len] = '\0';
		path += len + (path[len] == '/');
		dir = f;
		r = field_child(&dir, name, &f);
		if (!*path)
			return r < 0 && !field_can_make(&f) && v ? -ENOENT : set_last(a, &f, v);
		if (!f.value && dir.folders && !strchr(f.key, '/')) { /* a folder of which no key is there yet */
			size_t end = strlen(f.key);

			f.folder = true;
			f.value = dir.value;
			f.type = dir.type;
			f.key[end] = '/';
			f.key[end + 1] = '\0';
		} else if (!f.value) {
			if (r < 0)
				return v ? -ENOENT : 0;
			f.value = value_set(a, (struct value *)dir.value, f.key, value_new_map(a));
		}
		if (arena_failed(a))
			return -ENOMEM;
	}
	return -EINVAL;
}
