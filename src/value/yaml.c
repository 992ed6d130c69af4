/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader builds trees from libyaml's events over an explicit stack of open lists and maps, so that depth costs
 * no stack and is refused where it passes the limit: at that point libyaml has seen at most the 1024 characters
 * that a simple key may span beyond it, which bounds its own quadratic corners too. An alias is a copy of its anchor's
 * tree (trees are changed in place later, so nothing may be shared but the bytes of strings), counted against the
 * limits node by node.
 */
#include "value/yaml.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <yaml.h>

#include "value/json.h"
#include "value/reader.h"
#include "value/yaml_error.h"

enum {
	MOST_ALIASED = 100000, /* values that aliases may add to a text */
	MOST_DIRECTIVES = 100, /* lines that begin with "%": libyaml compares each %TAG with all before it */
};

static const char standard_tag[] = "tag:yaml.org,2002:";

struct frame {
	struct value *v; /* a list or a map */
	const char *key; /* of the member whose value comes next; in the arena; NULL when a key comes next */
	struct value_mark mark, key_mark;
	bool merging;	     /* the key that was read is "<<" */
	struct value *by_hand; /* the keys that do not come from a merge; NULL while there was none */
};

struct yaml_reader {
	struct reader r;
	const char *text;
	size_t len;
	struct frame *stack; /* limits.max_depth of them */
	unsigned depth, number;
	size_t aliased;
	struct value *anchors; /* by name, of the current document */
	struct value *root;
	struct value_mark root_mark;
};

static struct value_mark mark_of(yaml_mark_t m)
{
	return (struct value_mark){ (uint32_t)m.line + 1, (uint32_t)m.column + 1 };
}

static int out_of_memory(struct yaml_reader *y)
{
	return reader_fail(&y->r, -ENOMEM, (struct value_mark){ 0, 0 }, "out of memory");
}

static int decode_binary(struct yaml_reader *y, const char *s, size_t len, struct value_mark mark, struct value **ret)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *out = arena_alloc(y->r.arena, len + 1);
	size_t n = 0, chars = 0, pads = 0;
	uint32_t bits = 0;

	if (!out)
		return out_of_memory(y);
	for (size_t i = 0; i < len; i++) {
		const char *at = s[i] ? strchr(digits, s[i]) : NULL;

		if (s[i] == '\n' || s[i] == '\r')
			continue;
		if (s[i] == '=') {
			pads++;
		} else if (!at || pads) {
			chars = 1; /* cannot be whole */
			break;
		}
		bits = bits << 6 | (at ? (uint32_t)(at - digits) : 0);
		if (++chars % 4 == 0) {
			out[n++] = (char)(bits >> 16);
			out[n++] = (char)(bits >> 8);
			out[n++] = (char)bits;
		}
	}
	if (chars % 4 || pads > 2)
		return reader_fail(&y->r, -EINVAL, mark, "the value tagged !!binary is not base64");
	n -= pads;
	for (size_t i = 0; i < n;) {
		size_t k = utf8_len(out + i, n - i);

		if (!k)
			return reader_fail(&y->r, -EINVAL, mark,
					   "the value tagged !!binary does not decode to UTF-8 text, which is all a "
					   "string can "
					   "hold");
		i += k;
	}
	*ret = value_new_strn(y->r.arena, out, n);
	return 0;
}

static int resolved_value(struct yaml_reader *y, struct yaml_scalar sc, const char *s, size_t len,
			  struct value_mark mark, struct value **ret)
{
	switch (sc.type) {
	case VALUE_NULL:
		*ret = value_new_null(y->r.arena);
		break;
	case VALUE_BOOL:
		*ret = value_new_bool(y->r.arena, sc.b);
		break;
	case VALUE_INT:
		*ret = value_new_int(y->r.arena, sc.i);
		break;
	case VALUE_FLOAT:
		if (!isfinite(sc.d))
			return reader_fail(&y->r, -EINVAL, mark,
					   "%.*s is a number to YAML that Kubernetes cannot hold; quote it if a string "
					   "is meant",
					   (int)len, s);
		*ret = value_new_float(y->r.arena, sc.d);
		break;
	default:
		*ret = value_new_strn(y->r.arena, s, len);
	}
	return 0;
}

/* A scalar with a tag of YAML's own, `tag` without its prefix. */
static int tagged_value(struct yaml_reader *y, const char *tag, const char *s, size_t len, struct value_mark mark,
			struct value **ret)
{
	static const struct {
		const char *tag;
		enum value_type type;
	} types[] = { { "null", VALUE_NULL }, { "bool", VALUE_BOOL }, { "int", VALUE_INT }, { "float", VALUE_FLOAT } };
	struct yaml_scalar sc = yaml_resolve(s, len);

	if (!strcmp(tag, "str") || !strcmp(tag, "timestamp") || !strcmp(tag, "merge")) {
		*ret = value_new_strn(y->r.arena, s, len);
		return 0;
	}
	if (!strcmp(tag, "binary"))
		return decode_binary(y, s, len, mark, ret);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (strcmp(tag, types[i].tag))
			continue;
		if (sc.type != types[i].type && !(sc.type == VALUE_INT && types[i].type == VALUE_FLOAT))
			return reader_fail(&y->r, -EINVAL, mark, "\"%.*s\" is tagged !!%s but is %s", (int)len, s,
					   tag, value_type_name(sc.type));
		return resolved_value(y, sc, s, len, mark, ret);
	}
	return reader_fail(&y->r, -EINVAL, mark, "the tag !!%s is not supported: it has no meaning in a manifest", tag);
}

static int scalar_value(struct yaml_reader *y, const yaml_event_t *e, struct value_mark mark, struct value **ret)
{
	const char *s = (const char *)e->data.scalar.value, *tag = (const char *)e->data.scalar.tag;
	size_t len = e->data.scalar.length;

	if (tag && !strncmp(tag, standard_tag, strlen(standard_tag)))
		return tagged_value(y, tag + strlen(standard_tag), s, len, mark, ret);
	if (!tag && e->data.scalar.plain_implicit)
		return resolved_value(y, yaml_resolve(s, len), s, len, mark, ret);
	*ret = value_new_strn(y->r.arena, s, len); /* quoted, or with a tag of somebody's own, which go-yaml ignores */
	return 0;
}

/* A list's or map's tag changes nothing; YAML's own unknown ones (!!python/…) are refused. */
static int check_tag(struct yaml_reader *y, const yaml_char_t *tag, struct value_mark mark)
{
	static const char *const known[] = { "map", "seq", "set", "omap", "pairs", "str", "binary" };
	const char *name = (const char *)tag;

	if (!name || strncmp(name, standard_tag, strlen(standard_tag)) != 0)
		return 0;
	name += strlen(standard_tag);
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (!strcmp(name, known[i]))
			return 0;
	return reader_fail(&y->r, -EINVAL, mark, "the tag !!%s is not supported: it has no meaning in a manifest",
			   name);
}

/* A key's text: numbers and booleans become strings as sigs.k8s.io/yaml makes them on the way to JSON. */
static int key_text(struct yaml_reader *y, const struct value *v, struct value_mark mark, const char **ret)
{
	char text[32];

	switch (value_type(v)) {
	case VALUE_STRING:
		*ret = value_str(v);
		if (strlen(*ret) != value_len(v))
			return reader_fail(&y->r, -EINVAL, mark, "a key holds a NUL character");
		return 0;
	case VALUE_BOOL:
		*ret = value_bool(v, false) ? "true" : "false";
		return 0;
	case VALUE_INT:
		*ret = arena_printf(y->r.arena, "%" PRId64, value_int(v, 0));
		break;
	case VALUE_FLOAT:
		for (int digits = 6; digits <= 9; digits++) { /* the shortest that tells floats of 32 bits apart */
			(void)snprintf(text, sizeof(text), "%.*g", digits, value_float(v, 0));
			if (strtof(text, NULL) == (float)value_float(v, 0))
				break;
		}
		*ret = arena_strdup(y->r.arena, text);
		break;
	case VALUE_NULL:
		return reader_fail(&y->r, -EINVAL, mark, "a key is empty or null; a map's keys must be strings");
	default:
		return reader_fail(&y->r, -EINVAL, mark, "%s is used as a key; a map's keys must be strings%s",
				   value_type_name(value_type(v)), yaml_hint(y->text, y->len, mark.line));
	}
	return *ret ? 0 : out_of_memory(y);
}

/* Sets a member that came from a merge, in place if its key is there. */
static void merge_member(struct yaml_reader *y, struct value *map, const struct value *from, size_t i)
{
	bool there = value_get(map, value_key_at(from, i)) != NULL;

	(void)value_set(y->r.arena, map, value_key_at(from, i), value_at(from, i)); /* failure is sticky */
	if (!there)
		value_set_key_mark(map, value_key_mark_at(from, i));
}

static int merge(struct yaml_reader *y, struct frame *f, struct value *from, struct value_mark mark)
{
	size_t n = value_type(from) == VALUE_LIST ? value_len(from) : 1;

	if (!f->by_hand) {
		f->by_hand = value_new_map(y->r.arena);
		for (size_t i = 0; i < value_len(f->v); i++)
			(void)value_set(y->r.arena, f->by_hand, value_key_at(f->v, i), f->v);
	}
	while (n--) { /* backwards: earlier maps win */
		const struct value *map = value_type(from) == VALUE_LIST ? value_at(from, n) : from;

		if (value_type(map) != VALUE_MAP)
			return reader_fail(&y->r, -EINVAL, mark,
					   "the merge key \"<<\" takes a map or a list of maps, not %s",
					   value_type_name(value_type(map)));
		for (size_t i = 0; i < value_len(map); i++)
			merge_member(y, f->v, map, i);
	}
	return arena_failed(y->r.arena) ? out_of_memory(y) : 0;
}

/* Sets a member that stands in the text. */
static int set_member(struct yaml_reader *y, struct frame *f, struct value *v)
{
	struct value *there = value_get(f->v, f->key);

	if (there && (!f->by_hand || value_get(f->by_hand, f->key)))
		return reader_twice(&y->r, f->v, f->key, f->key_mark);
	if (there) {
		(void)value_set(y->r.arena, f->v, f->key, v);
	} else if (value_push_member(y->r.arena, f->v, f->key, strlen(f->key), v)) {
		value_set_key_mark(f->v, f->key_mark);
	}
	if (f->by_hand)
		(void)value_set(y->r.arena, f->by_hand, f->key, v);
	return arena_failed(y->r.arena) ? out_of_memory(y) : 0;
}

/* Puts a whole value where it belongs: the root, an item, a key, a member's value, or what "<<" merges. */
static int finish(struct yaml_reader *y, struct value *v, struct value_mark mark)
{
	struct frame *f = y->depth ? &y->stack[y->depth - 1] : NULL;
	int rc;

	if (!v || arena_failed(y->r.arena))
		return out_of_memory(y);
	if (!f) {
		y->root = v;
		y->root_mark = mark;
		return 0;
	}
	if (value_type(f->v) == VALUE_LIST)
		return value_append(y->r.arena, f->v, v) ? 0 : out_of_memory(y);
	if (f->merging) {
		f->merging = false;
		return merge(y, f, v, mark);
	}
	if (!f->key) {
		f->key_mark = mark;
		return key_text(y, v, mark, &f->key);
	}
	rc = set_member(y, f, v);
	f->key = NULL;
	return rc;
}

static void set_anchor(struct yaml_reader *y, const yaml_char_t *anchor, struct value *v)
{
	if (anchor)
		(void)value_set(y->r.arena, y->anchors, (const char *)anchor, v); /* failure is sticky */
}

static bool expects_key(const struct yaml_reader *y)
{
	const struct frame *f = y->depth ? &y->stack[y->depth - 1] : NULL;

	return f && value_type(f->v) == VALUE_MAP && !f->key && !f->merging;
}

/* Pasted spaces are part of a plain key to YAML, and never meant. */
static bool begins_with_odd_space(const char *s)
{
	return !strncmp(s, "\xC2\xA0", 2) || !strncmp(s, "\xE3\x80\x80", 3) ||
	       (!strncmp(s, "\xE2\x80", 2) && ((unsigned char)s[2] >= 0x80 && (unsigned char)s[2] <= 0x8B));
}

static int on_scalar(struct yaml_reader *y, const yaml_event_t *e)
{
	struct value_mark mark = mark_of(e->start_mark);
	const char *s = (const char *)e->data.scalar.value, *tag = (const char *)e->data.scalar.tag;
	bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	struct value *v = NULL;
	int rc = reader_count(&y->r, e->data.scalar.length, mark);

	if (!rc)
		rc = scalar_value(y, e, mark, &v);
	if (rc)
		return rc;
	value_set_mark(v, mark);
	set_anchor(y, e->data.scalar.anchor, v);
	if (expects_key(y)) {
		if (!strcmp(s, "<<") && ((!tag && e->data.scalar.plain_implicit) ||
					 (tag && !strcmp(tag, "tag:yaml.org,2002:merge")))) {
			y->stack[y->depth - 1].merging = true;
			return 0;
		}
		if (plain && begins_with_odd_space(s))
			return reader_fail(&y->r, -EINVAL, mark,
					   "a key begins with a no-break or other special space (pasted from a web "
					   "page?); "
					   "indent it by plain spaces");
	}
	return finish(y, v, mark);
}

static int on_start(struct yaml_reader *y, const yaml_event_t *e, bool is_map)
{
	struct value_mark mark = mark_of(e->start_mark);
	struct value *v = is_map ? value_new_map(y->r.arena) : value_new_list(y->r.arena);
	int rc = reader_check_depth(&y->r, y->depth + 1, mark);

	if (!rc)
		rc = reader_count(&y->r, 0, mark);
	if (!rc)
		rc = check_tag(y, is_map ? e->data.mapping_start.tag : e->data.sequence_start.tag, mark);
	if (rc)
		return rc;
	if (!v)
		return out_of_memory(y);
	if (expects_key(y)) {
		const char *unused;

		return key_text(y, v, mark, &unused);
	}
	value_set_mark(v, mark);
	set_anchor(y, is_map ? e->data.mapping_start.anchor : e->data.sequence_start.anchor, v);
	y->stack[y->depth++] = (struct frame){ .v = v, .mark = mark };
	return 0;
}

/* A copy of an anchor's tree. Only the bytes of strings are shared. */
static int copy_aliased(struct yaml_reader *y, const struct value *v, unsigned depth, struct value_mark mark,
			struct value **ret)
{
	enum value_type t = value_type(v);
	struct arena *a = y->r.arena;
	struct value *c;
	int rc = reader_count(&y->r, t == VALUE_STRING ? value_len(v) : 0, mark);

	if (!rc)
		rc = reader_check_depth(&y->r, t >= VALUE_LIST ? depth + 1 : depth, mark);
	if (rc)
		return rc;
	if (++y->aliased > MOST_ALIASED)
		return reader_fail(&y->r, -E2BIG, mark,
				   "excessive aliasing: the document's aliases expand to more than %d values",
				   MOST_ALIASED);
	c = t == VALUE_MAP ? value_new_map(a) : t == VALUE_LIST ? value_new_list(a) : value_new_null(a);
	if (c && t < VALUE_LIST)
		value_assign(c, v);
	value_set_mark(c, value_mark(v));
	for (size_t i = 0; t >= VALUE_LIST && i < value_len(v); i++) {
		const char *key = value_key_at(v, i);
		struct value *item = NULL;

		rc = key ? reader_count(&y->r, strlen(key), mark) : 0;
		if (!rc)
			rc = copy_aliased(y, value_at(v, i), depth + 1, mark, &item);
		if (rc)
			return rc;
		if (key) {
			(void)value_push_member(a, c, key, strlen(key), item);
			value_set_key_mark(c, value_key_mark_at(v, i));
		} else {
			(void)value_append(a, c, item);
		}
	}
	*ret = c;
	return arena_failed(a) ? out_of_memory(y) : 0;
}

static int on_alias(struct yaml_reader *y, const yaml_event_t *e)
{
	const char *name = (const char *)e->data.alias.anchor;
	struct value_mark mark = mark_of(e->start_mark);
	struct value *v = value_get(y->anchors, name), *c = NULL;
	int rc;

	if (!v)
		return reader_fail(&y->r, -EINVAL, mark,
				   "the alias *%s has no anchor &%s before it in this document; quote the value if it "
				   "is meant "
				   "to begin with \"*\"",
				   name, name);
	for (unsigned i = 0; i < y->depth; i++)
		if (y->stack[i].v == v)
			return reader_fail(&y->r, -EINVAL, mark,
					   "the alias *%s stands within its own anchor: the value "
					   "contains itself",
					   name);
	rc = copy_aliased(y, v, y->depth, mark, &c);
	if (rc)
		return rc;
	value_set_mark(c, mark);
	return finish(y, c, mark);
}

static int on_end(struct yaml_reader *y)
{
	struct frame *f = &y->stack[--y->depth];

	return finish(y, f->v, f->mark);
}

static int on_event(struct yaml_reader *y, const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT:
		y->number++;
		y->root = NULL;
		y->anchors = value_new_map(y->r.arena);
		return y->anchors ? 0 : out_of_memory(y);
	case YAML_DOCUMENT_END_EVENT:
		return reader_add(&y->r, y->root, y->root_mark, y->number);
	case YAML_ALIAS_EVENT:
		return on_alias(y, e);
	case YAML_SCALAR_EVENT:
		return on_scalar(y, e);
	case YAML_SEQUENCE_START_EVENT:
		return on_start(y, e, false);
	case YAML_MAPPING_START_EVENT:
		return on_start(y, e, true);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return on_end(y);
	default:
		return 0;
	}
}

static int read_events(struct yaml_reader *y, yaml_parser_t *parser)
{
	yaml_event_type_t type = YAML_NO_EVENT;
	int rc = 0;

	while (!rc && type != YAML_STREAM_END_EVENT) {
		yaml_event_t e;

		if (!yaml_parser_parse(parser, &e))
			return yaml_fail_parser(&y->r, parser, y->text, y->len);
		type = e.type;
		rc = on_event(y, &e);
		yaml_event_delete(&e);
	}
	return rc;
}

static int check_directives(struct yaml_reader *y)
{
	const char *p = y->text, *end = y->text + y->len;
	unsigned n = 0;

	while (p < end) {
		if (*p == '%' && ++n > MOST_DIRECTIVES)
			return reader_fail(&y->r, -E2BIG, text_mark_at(y->text, y->len, (size_t)(p - y->text)),
					   "more than %d lines begin with \"%%\"", MOST_DIRECTIVES);
		while (p < end && *p != '\n' && *p != '\r')
			p++;
		p++;
	}
	return 0;
}

static int read_yaml(struct yaml_reader *y)
{
	yaml_parser_t parser;
	int rc = yaml_check_text(&y->r, y->text, y->len);

	if (!rc)
		rc = check_directives(y);
	if (rc)
		return rc;
	y->stack = reallocarray(NULL, y->r.limits.max_depth, sizeof(*y->stack));
	if (!y->stack || !yaml_parser_initialize(&parser)) {
		free(y->stack);
		return out_of_memory(y);
	}
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)y->text, y->len);
	rc = read_events(y, &parser);
	yaml_parser_delete(&parser);
	free(y->stack);
	if (rc && y->number && (y->number > 1 || memmem(y->text, y->len, "\n---", 4)))
		error_wrap(y->r.err, "document %u", y->number);
	return rc;
}

/* Whether to try JSON first, which is what kubectl goes by too. */
static bool looks_like_json(const char *text, size_t len)
{
	size_t i = 0;

	while (i < len && (text[i] == ' ' || text[i] == '\t' || text[i] == '\n' || text[i] == '\r'))
		i++;
	return i < len && text[i] == '{' && !(i + 1 < len && text[i + 1] == '{');
}

int yaml_read(const char *text, size_t len, const struct yaml_limits *limits, struct arena *a,
	      struct yaml_document **ret_docs, size_t *ret_n, struct error *err, struct value_mark *ret_where)
{
	_cleanup_error_ struct error json_err = ERROR_INIT;
	_cleanup_error_ struct error yaml_err = ERROR_INIT;
	struct yaml_reader y = { .text = text, .len = len };
	struct value_mark json_where = { 0, 0 };
	bool json = false;
	int rc;

	if (len >= 3 && !memcmp(text, "\xEF\xBB\xBF", 3)) { /* a byte order mark */
		y.text += 3;
		y.len -= 3;
	}
	if (looks_like_json(y.text, y.len)) {
		rc = json_read_stream(y.text, y.len, limits, a, ret_docs, ret_n, &json_err, &json_where);
		if (!rc)
			return 0;
		json = true;
	}
	rc = json && json_err.code != -EINVAL ? json_err.code : 0;
	if (!rc)
		rc = reader_init(&y.r, y.len, limits, a, &yaml_err);
	if (!rc)
		rc = read_yaml(&y);
	if (!rc) {
		*ret_docs = y.r.docs;
		*ret_n = y.r.n_docs;
		return 0;
	}
	if (json && yaml_err.code && yaml_err.code != -EINVAL)
		json = false; /* a limit was passed: that tells more than where the text is no JSON */
	if (ret_where)
		*ret_where = json ? json_where : y.r.where;
	if (json)
		rc = json_err.code;
	return error_set(err, rc, "%s", error_text(json ? &json_err : &yaml_err));
}
