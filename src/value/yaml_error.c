/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libyaml says where it gave up, which is often the line after the mistake. For some complaints the start of the
 * thing that it was scanning is the better place. Hints come from what the line looks like.
 */
#include "value/yaml_error.h"

#include <ctype.h>
#include <string.h>

struct span {
	const char *s;
	size_t len;
};

static struct span line_of(const char *text, size_t len, uint32_t line)
{
	const char *p = text, *end = text + len, *q;

	for (uint32_t n = 1; p < end; n++) {
		for (q = p; q < end && *q != '\n' && *q != '\r'; q++)
			;
		if (n == line)
			return (struct span){ p, (size_t)(q - p) };
		if (q < end && *q == '\r' && q + 1 < end && q[1] == '\n')
			q++;
		p = q + 1;
	}
	return (struct span){ text + len, 0 };
}

static bool starts(struct span s, const char *prefix)
{
	size_t n = strlen(prefix);

	return s.len >= n && !memcmp(s.s, prefix, n);
}

static bool holds(struct span s, const char *what)
{
	return memmem(s.s, s.len, what, strlen(what)) != NULL;
}

static struct span skip_spaces(struct span s)
{
	while (s.len && *s.s == ' ') {
		s.s++;
		s.len--;
	}
	return s;
}

/* Whether a value of that line begins with one of the characters that may not begin a plain scalar. */
static bool begins_reserved(struct span s)
{
	for (size_t i = 1; i < s.len; i++)
		if (strchr("@`%", s.s[i]) && s.s[i] && strchr(" [{,", s.s[i - 1]) && s.s[i - 1])
			return true;
	return s.len && s.s[0] && strchr("@`%", s.s[0]);
}

/* A word, a colon, and no space after it. */
static bool lacks_space(struct span s)
{
	const char *colon = memchr(s.s, ':', s.len);

	return colon && colon > s.s && colon + 1 < s.s + s.len && colon[1] != ' ' && colon[1] != '/' &&
	       !memmem(s.s, s.len, ": ", 2);
}

/* What was pasted, merged or generated wrongly: hints that hold whatever the parser says. */
static const char *sure_hint(struct span whole)
{
	struct span s = skip_spaces(whole);

	if (starts(whole, "<<<<<<<") || starts(whole, "=======") || starts(whole, ">>>>>>>"))
		return ": this line is a conflict marker that a merge left behind";
	if (starts(whole, "```"))
		return ": this line is a Markdown code fence, not YAML; remove it";
	if (starts(whole, "$ "))
		return ": this line looks like a shell prompt that was pasted along";
	if (holds(s, "{{"))
		return ": this looks like a template (Helm) that was not rendered; unless it is, quote a value that "
		       "begins "
		       "with \"{\"";
	if (starts(s, "\t") || starts(s, "-\t"))
		return ": YAML is indented by spaces, never by tabs";
	if (starts(s, "\xC2\xA0"))
		return ": this line is indented by no-break spaces (pasted from a web page?); use spaces";
	if (starts(s, "\xE2\x80\x93") || starts(s, "\xE2\x80\x94"))
		return ": this line begins with a dash that is not \"-\" (pasted from a document?)";
	if (holds(s, "\xE2\x80\x9C") || holds(s, "\xE2\x80\x9D"))
		return ": this line has typographic quotes; YAML knows only \" and '";
	return "";
}

const char *yaml_hint(const char *text, size_t len, uint32_t line)
{
	struct span whole = line_of(text, len, line), s = skip_spaces(whole);
	const char *hint = sure_hint(whole);

	if (*hint)
		return hint;
	if (begins_reserved(s))
		return ": a value that begins with @, ` or % must be quoted";
	if (lacks_space(s))
		return ": a space must follow the colon after a key";
	return "";
}

/* What libyaml's words leave open. */
static const char *advice(const char *problem)
{
	static const struct {
		const char *problem, *advice;
	} table[] = {
		{ "mapping values are not allowed in this context", ": is this line, or the one before it, indented "
								    "wrongly? A value that holds \": \" must be "
								    "quoted" },
		{ "did not find expected key", ": is this line indented like those it belongs to?" },
		{ "did not find expected '-' indicator", ": is this line indented like the items it belongs to?" },
		{ "could not find expected ':'", ": is this a key without its colon, or a value that must be quoted?" },
		{ "found unexpected end of stream", ": the quote that begins here is never closed" },
		{ "did not find expected ',' or ']'", ": the list's \"[\" is never closed, or an item must be quoted" },
		{ "did not find expected ',' or '}'", ": the map's \"{\" is never closed, or a value must be quoted" },
		{ "did not find expected node content", ": is a value missing here, or a \"[\" or \"{\" never "
							"closed?" },
		{ "did not find expected alphabetic or numeric character", ": a value that begins with \"*\" or \"&\" "
									   "must be quoted" },
		{ "found undefined tag handle", ": a value that begins with \"!\" must be quoted" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (!strcmp(problem, table[i].problem))
			return table[i].advice;
	return "";
}

/* Whether the place where the construct began tells more than the one where it was given up. */
static bool context_is_better(const char *problem)
{
	return !strcmp(problem, "could not find expected ':'") || !strcmp(problem, "found unexpected end of stream") ||
	       !strcmp(problem, "did not find expected ',' or ']'") ||
	       !strcmp(problem, "did not find expected ',' or '}'");
}

int yaml_fail_parser(struct reader *r, const yaml_parser_t *parser, const char *text, size_t len)
{
	const char *problem = parser->problem ? parser->problem : "it cannot be read", *hint;
	yaml_mark_t at = parser->problem_mark;
	uint32_t line;

	if (parser->error == YAML_MEMORY_ERROR)
		return reader_fail(r, -ENOMEM, (struct value_mark){ 0, 0 }, "out of memory");
	if (parser->error == YAML_READER_ERROR)
		return reader_fail(r, -EINVAL, text_mark_at(text, len, parser->problem_offset), "not YAML: %s",
				   problem);
	if (parser->context && context_is_better(problem) && parser->context_mark.line <= at.line)
		at = parser->context_mark;
	line = (uint32_t)at.line + 1;
	hint = yaml_hint(text, len, line);
	if (!*hint && line > 1) {
		hint = sure_hint(line_of(text, len, line - 1));
		if (*hint) {
			line--;
			at = (yaml_mark_t){ .line = at.line - 1, .column = 0 };
		}
	}
	if (!*hint)
		hint = advice(problem);
	if (parser->context && parser->context_mark.line < at.line)
		return reader_fail(r, -EINVAL, (struct value_mark){ line, (uint32_t)at.column + 1 },
				   "not YAML: %s %s that begins on line %zu%s", problem, parser->context,
				   parser->context_mark.line + 1, hint);
	return reader_fail(r, -EINVAL, (struct value_mark){ line, (uint32_t)at.column + 1 }, "not YAML: %s%s%s%s",
			   problem, parser->context ? " " : "", parser->context ? parser->context : "", hint);
}

/* YAML 1.1's c-printable, without the byte order mark, which libyaml allows at the start only. */
static bool allowed(uint32_t c)
{
	return c == 0x85 || (c >= 0xA0 && c < 0xFEFF) || (c > 0xFEFF && c <= 0xFFFD) || c >= 0x10000;
}

int yaml_check_text(struct reader *r, const char *text, size_t len)
{
	for (size_t i = 0; i < len;) {
		unsigned char c = (unsigned char)text[i];
		size_t n = 1;

		if ((c >= 0x20 && c < 0x7F) || c == '\n' || c == '\t' || c == '\r') {
			i++;
			continue;
		}
		if (c >= 0x80)
			n = utf8_len(text + i, len - i);
		if (n > 1 && allowed(utf8_decode(text + i, n))) {
			i += n;
			continue;
		}
		if (len >= 2 && (!memcmp(text, "\xFF\xFE", 2) || !memcmp(text, "\xFE\xFF", 2)))
			return reader_fail(r, -EINVAL, (struct value_mark){ 1, 1 },
					   "the text is UTF-16; save it as UTF-8");
		if (!c)
			return reader_fail(r, -EINVAL, text_mark_at(text, len, i),
					   "a NUL byte, which is invalid in YAML: is this a binary file, or one that "
					   "was "
					   "not written to its end?");
		if (n > 1 || c < 0x80)
			return reader_fail(r, -EINVAL, text_mark_at(text, len, i),
					   "control character U+%04X is invalid in YAML; in double quotes it can be "
					   "written "
					   "as \"\\u%04x\"",
					   utf8_decode(text + i, n), utf8_decode(text + i, n));
		return reader_fail(r, -EINVAL, text_mark_at(text, len, i),
				   "the byte 0x%02x is not UTF-8: save the file as UTF-8", c);
	}
	return 0;
}
