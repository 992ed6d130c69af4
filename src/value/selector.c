/* SPDX-License-Identifier: Apache-2.0 */
#include "value/selector.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "value/names.h"

enum op { OP_IN, OP_NOT_IN, OP_EXISTS, OP_NOT_EXISTS, OP_GT, OP_LT };

struct requirement {
	const char *key;
	enum op op;
	bool set_form; /* in the text form: "in (…)" even for one value */
	size_t n;
	const char **values;
	int64_t bound; /* of Gt and Lt */
};

struct selector {
	bool nothing;
	size_t n, cap;
	struct requirement *items;
};

static const struct {
	const char *name;
	enum op op;
} operators[] = {
	{ "In", OP_IN },		   { "NotIn", OP_NOT_IN }, { "Exists", OP_EXISTS },
	{ "DoesNotExist", OP_NOT_EXISTS }, { "Gt", OP_GT },	   { "Lt", OP_LT },
};

static int out_of_memory(struct error *err)
{
	return error_set(err, -ENOMEM, "out of memory");
}

static struct selector *new_selector(struct arena *a, size_t cap)
{
	struct selector *s = arena_alloc(a, sizeof(*s));

	if (s)
		s->items = arena_alloc(a, (cap ? cap : 1) * sizeof(*s->items));
	if (!s || !s->items)
		return NULL;
	s->cap = cap ? cap : 1;
	return s;
}

/* A number as Go's ParseInt(s, 10, 64) takes it. */
static bool parse_int(const char *s, int64_t *ret)
{
	const char *digits = s + (*s == '-' || *s == '+');

	if (!*digits || digits[strspn(digits, "0123456789")])
		return false;
	errno = 0;
	*ret = strtoll(s, NULL, 10);
	return !errno;
}

/* Checks a requirement and adds it; its strings are in the arena. */
static int add(struct arena *a, struct selector *s, struct requirement r, struct error *err)
{
	const char *wrong = name_check_key(r.key);

	if (wrong)
		return error_set(err, -EINVAL, "invalid label key \"%s\": %s", r.key, wrong);
	if ((r.op == OP_IN || r.op == OP_NOT_IN) && !r.n)
		return error_set(err, -EINVAL, "for In and NotIn, values must not be empty (key \"%s\")", r.key);
	if ((r.op == OP_EXISTS || r.op == OP_NOT_EXISTS) && r.n)
		return error_set(err, -EINVAL, "for Exists and DoesNotExist, values must be empty (key \"%s\")", r.key);
	if ((r.op == OP_GT || r.op == OP_LT) && (r.n != 1 || !parse_int(r.values[0], &r.bound)))
		return error_set(err, -EINVAL, "for Gt and Lt, exactly one integer must be given (key \"%s\")", r.key);
	for (size_t i = 0; i < r.n; i++) {
		wrong = r.op == OP_GT || r.op == OP_LT ? NULL : name_check_label_value(r.values[i]);
		if (wrong)
			return error_set(err, -EINVAL, "invalid label value \"%s\" of key \"%s\": %s", r.values[i],
					 r.key, wrong);
	}
	if (s->n == s->cap) {
		struct requirement *items = arena_alloc(a, s->cap * 2 * sizeof(*items));

		if (!items)
			return out_of_memory(err);
		memcpy(items, s->items, s->n * sizeof(*items));
		s->items = items;
		s->cap *= 2;
	}
	s->items[s->n++] = r;
	return 0;
}

static int add_labels(struct arena *a, struct selector *s, const struct value *map, struct error *err)
{
	if (!value_is_null(map) && value_type(map) != VALUE_MAP)
		return error_set(err, -EINVAL, "labels must be a map, not %s", value_type_name(value_type(map)));
	for (size_t i = 0; i < value_len(map); i++) {
		const char *v = value_str(value_at(map, i));
		struct requirement r = { .key = arena_strdup(a, value_key_at(map, i)), .op = OP_IN, .n = 1 };
		int rc;

		if (!v)
			return error_set(err, -EINVAL, "the label \"%s\" must be a string, not %s",
					 value_key_at(map, i), value_type_name(value_type(value_at(map, i))));
		r.values = arena_alloc(a, sizeof(*r.values));
		if (!r.key || !r.values || !(r.values[0] = arena_strdup(a, v)))
			return out_of_memory(err);
		rc = add(a, s, r, err);
		if (rc)
			return rc;
	}
	return 0;
}

static int add_expression(struct arena *a, struct selector *s, const struct value *e, bool numeric, struct error *err)
{
	const char *key = value_str(value_get(e, "key")), *operator = value_str(value_get(e, "operator"));
	const struct value *values = value_get(e, "values");
	struct requirement r = { .set_form = true };
	size_t i;

	if (!key || !operator)
		return error_set(err, -EINVAL, "an expression of a selector needs a key and an operator");
	for (i = 0; i < ARRAY_SIZE(operators) && strcmp(operators[i].name, operator) != 0; i++)
		;
	if (i == ARRAY_SIZE(operators) || (!numeric && operators[i].op >= OP_GT))
		return error_set(err, -EINVAL,
				 "\"%s\" is not a valid label selector operator; the operators are In, NotIn, "
				 "Exists, DoesNotExist%s",
				 operator, numeric ? ", Gt, Lt" : "");
	r.op = operators[i].op;
	r.key = arena_strdup(a, key);
	r.n = value_len(values);
	r.values = arena_alloc(a, (r.n ? r.n : 1) * sizeof(*r.values));
	if (!r.key || !r.values)
		return out_of_memory(err);
	for (i = 0; i < r.n; i++) {
		const char *v = value_str(value_at(values, i));

		if (!v)
			return error_set(err, -EINVAL, "the values of a selector must be strings (key \"%s\")", key);
		r.values[i] = arena_strdup(a, v);
		if (!r.values[i])
			return out_of_memory(err);
	}
	return add(a, s, r, err);
}

static int add_expressions(struct arena *a, struct selector *s, const struct value *list, bool numeric,
			   struct error *err)
{
	int rc = 0;

	if (!value_is_null(list) && value_type(list) != VALUE_LIST)
		return error_set(err, -EINVAL, "matchExpressions must be a list");
	for (size_t i = 0; i < value_len(list) && !rc; i++)
		rc = add_expression(a, s, value_at(list, i), numeric, err);
	return rc;
}

int selector_compile(struct arena *a, const struct value *label_selector, struct selector **ret, struct error *err)
{
	const struct value *labels = value_get(label_selector, "matchLabels");
	const struct value *expressions = value_get(label_selector, "matchExpressions");
	struct selector *s = new_selector(a, value_len(labels) + value_len(expressions));
	int rc;

	if (!s)
		return out_of_memory(err);
	if (!value_is_null(label_selector) && value_type(label_selector) != VALUE_MAP)
		return error_set(err, -EINVAL, "a selector must be a map");
	s->nothing = value_is_null(label_selector);
	rc = add_labels(a, s, labels, err);
	if (!rc)
		rc = add_expressions(a, s, expressions, false, err);
	if (!rc)
		*ret = s;
	return rc;
}

int selector_compile_map(struct arena *a, const struct value *map, bool none_if_empty, struct selector **ret,
			 struct error *err)
{
	struct selector *s = new_selector(a, value_len(map));
	int rc;

	if (!s)
		return out_of_memory(err);
	rc = add_labels(a, s, map, err);
	if (rc)
		return rc;
	s->nothing = none_if_empty && !s->n;
	*ret = s;
	return 0;
}

int selector_compile_requirements(struct arena *a, const struct value *list, struct selector **ret, struct error *err)
{
	struct selector *s = new_selector(a, value_len(list));
	int rc;

	if (!s)
		return out_of_memory(err);
	rc = add_expressions(a, s, list, true, err);
	if (rc)
		return rc;
	s->nothing = !s->n;
	*ret = s;
	return 0;
}

/* --- the text form --- */

enum token {
	T_END,
	T_WORD,
	T_COMMA,
	T_OPEN,
	T_CLOSE,
	T_NOT,
	T_EQUAL,
	T_DOUBLE_EQUAL,
	T_NOT_EQUAL,
	T_GT,
	T_LT,
	T_IN,
	T_NOT_IN,
};

struct lexer {
	struct arena *arena;
	struct error *err;
	const char *p;
	enum token token; /* the current one */
	const char *text; /* of it, in the text */
	size_t len;
};

/* Moves to the next token. The words "in" and "notin" are operators only where one may stand. */
static void advance(struct lexer *l, bool operator_may_stand)
{
	static const struct {
		const char *text;
		enum token token;
	} symbols[] = { { "==", T_DOUBLE_EQUAL }, { "!=", T_NOT_EQUAL }, { "=", T_EQUAL },
			{ "!", T_NOT },		  { ",", T_COMMA },	 { "(", T_OPEN },
			{ ")", T_CLOSE },	  { ">", T_GT },	 { "<", T_LT } };

	while (*l->p && strchr(" \t\r\n", *l->p))
		l->p++;
	l->text = l->p;
	l->len = 0;
	l->token = T_END;
	if (!*l->p)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(symbols); i++) {
		l->len = strlen(symbols[i].text);
		if (!strncmp(l->p, symbols[i].text, l->len)) {
			l->token = symbols[i].token;
			l->p += l->len;
			return;
		}
	}
	l->len = strcspn(l->p, "=!(),>< \t\r\n");
	l->p += l->len;
	l->token = T_WORD;
	if (operator_may_stand && l->len == 2 && !memcmp(l->text, "in", 2))
		l->token = T_IN;
	if (operator_may_stand && l->len == 5 && !memcmp(l->text, "notin", 5))
		l->token = T_NOT_IN;
}

static int unexpected(struct lexer *l, const char *expected)
{
	return error_set(l->err, -EINVAL, "found '%.*s', expected: %s", (int)(l->len > 64 ? 64 : l->len), l->text,
			 expected);
}

static int add_value(struct lexer *l, struct requirement *r, const char *s, size_t len)
{
	const char *copy;

	for (size_t i = 0; i < r->n; i++)
		if (strlen(r->values[i]) == len && !memcmp(r->values[i], s, len))
			return 0;
	if (!(r->n & (r->n - 1))) { /* full at 0, 1, 2, 4, … */
		const char **values = arena_alloc(l->arena, (r->n ? r->n * 2 : 1) * sizeof(*values));

		if (!values)
			return out_of_memory(l->err);
		if (r->n)
			memcpy(values, r->values, r->n * sizeof(*values));
		r->values = values;
	}
	copy = arena_memdup(l->arena, s, len);
	if (!copy)
		return out_of_memory(l->err);
	r->values[r->n++] = copy;
	return 0;
}

/* (a, b,): a comma without a word beside it stands for the empty value. */
static int parse_set(struct lexer *l, struct requirement *r)
{
	bool empty = true; /* nothing stood since the last comma */
	int rc = 0;

	if (l->token != T_OPEN)
		return unexpected(l, "'('");
	for (advance(l, false); !rc; advance(l, false)) {
		if (l->token == T_WORD && empty) {
			rc = add_value(l, r, l->text, l->len);
			empty = false;
		} else if (l->token == T_COMMA || l->token == T_CLOSE) {
			if (empty)
				rc = add_value(l, r, "", 0);
			empty = true;
			if (l->token == T_CLOSE)
				break;
		} else {
			return unexpected(l, "',', ')' or an identifier");
		}
	}
	if (!rc)
		advance(l, false);
	return rc;
}

/* What follows the key and the operator that is the current token. */
static int parse_operand(struct lexer *l, struct requirement *r)
{
	enum token op = l->token;
	int rc;

	advance(l, false);
	switch (op) {
	case T_IN:
	case T_NOT_IN:
		r->op = op == T_IN ? OP_IN : OP_NOT_IN;
		r->set_form = true;
		return parse_set(l, r);
	case T_EQUAL:
	case T_DOUBLE_EQUAL:
	case T_NOT_EQUAL:
		r->op = op == T_NOT_EQUAL ? OP_NOT_IN : OP_IN;
		break;
	case T_GT:
	case T_LT:
		r->op = op == T_GT ? OP_GT : OP_LT;
		break;
	default:
		return error_set(l->err, -EINVAL, "found '%.*s', expected: in, notin, =, ==, !=, >, <, or ','", 32,
				 l->text);
	}
	if (l->token == T_END || l->token == T_COMMA)
		return add_value(l, r, "", 0);
	if (l->token != T_WORD)
		return unexpected(l, "a value");
	rc = add_value(l, r, l->text, l->len);
	advance(l, false);
	return rc;
}

static int parse_requirement(struct lexer *l, struct requirement *r)
{
	bool negated = l->token == T_NOT;

	if (negated)
		advance(l, false);
	if (l->token != T_WORD)
		return unexpected(l, "!, an identifier, or the end");
	r->key = arena_memdup(l->arena, l->text, l->len);
	if (!r->key)
		return out_of_memory(l->err);
	advance(l, true);
	if (l->token == T_END || l->token == T_COMMA || negated) {
		r->op = negated ? OP_NOT_EXISTS : OP_EXISTS;
		return 0;
	}
	return parse_operand(l, r);
}

int selector_parse(struct arena *a, const char *text, struct selector **ret, struct error *err)
{
	struct lexer l = { .arena = a, .err = err, .p = text };
	struct selector *s = new_selector(a, 4);

	if (!s)
		return out_of_memory(err);
	advance(&l, false);
	while (l.token != T_END) {
		struct requirement r = { .n = 0 };
		int rc = parse_requirement(&l, &r);

		if (!rc)
			rc = add(a, s, r, err);
		if (rc)
			return rc;
		if (l.token == T_END)
			break;
		if (l.token != T_COMMA)
			return unexpected(&l, "',' or the end");
		advance(&l, false);
		if (l.token == T_END)
			return unexpected(&l, "an identifier after ','");
	}
	*ret = s;
	return 0;
}

/* --- use --- */

static bool has_value(const struct requirement *r, const char *v)
{
	for (size_t i = 0; i < r->n; i++)
		if (!strcmp(r->values[i], v))
			return true;
	return false;
}

static bool matches(const struct requirement *r, const char *v)
{
	int64_t n;

	switch (r->op) {
	case OP_IN:
		return v && has_value(r, v);
	case OP_NOT_IN:
		return !v || !has_value(r, v);
	case OP_EXISTS:
		return v;
	case OP_NOT_EXISTS:
		return !v;
	case OP_GT:
		return v && parse_int(v, &n) && n > r->bound;
	case OP_LT:
		return v && parse_int(v, &n) && n < r->bound;
	}
	return false;
}

bool selector_matches(const struct selector *s, const struct value *labels)
{
	if (!s || s->nothing)
		return false;
	for (size_t i = 0; i < s->n; i++)
		if (!matches(&s->items[i], value_str(value_get(labels, s->items[i].key))))
			return false;
	return true;
}

bool selector_is_empty(const struct selector *s)
{
	return s && !s->nothing && !s->n;
}

static void format_one(struct buf *b, const struct requirement *r)
{
	if (r->op == OP_EXISTS || r->op == OP_NOT_EXISTS) {
		buf_printf(b, "%s%s", r->op == OP_NOT_EXISTS ? "!" : "", r->key);
		return;
	}
	if (r->op == OP_GT || r->op == OP_LT) {
		buf_printf(b, "%s%c%s", r->key, r->op == OP_GT ? '>' : '<', r->values[0]);
		return;
	}
	if (!r->set_form && r->n == 1) {
		buf_printf(b, "%s%s%s", r->key, r->op == OP_IN ? "=" : "!=", r->values[0]);
		return;
	}
	buf_printf(b, "%s %s (", r->key, r->op == OP_IN ? "in" : "notin");
	for (size_t i = 0; i < r->n; i++)
		buf_printf(b, "%s%s", i ? "," : "", r->values[i]);
	buf_putc(b, ')');
}

void selector_format(struct buf *b, const struct selector *s)
{
	if (!s || s->nothing) {
		buf_puts(b, "<none>");
		return;
	}
	for (size_t i = 0; i < s->n; i++) {
		if (i)
			buf_putc(b, ',');
		format_one(b, &s->items[i]);
	}
}
