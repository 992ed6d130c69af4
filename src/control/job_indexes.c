/* SPDX-License-Identifier: Apache-2.0 */
#include "control/job_indexes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

/* Adds an interval that does not begin before the last one does. There is room for it. */
static void push(struct job_indexes *s, struct job_interval i)
{
	struct job_interval *last = s->n ? &s->items[s->n - 1] : NULL;

	if (!last || i.first > last->last + INT64_C(1))
		s->items[s->n++] = i;
	else if (last->last < i.last)
		last->last = i.last;
}

/* A number of decimal digits alone up to `end`, at most INT32_MAX; -1 for what is none. */
static int64_t read_number(const char *s, const char *end)
{
	int64_t n = 0;

	if (s == end)
		return -1;
	for (; s < end; s++) {
		if (*s < '0' || *s > '9' || n > INT32_MAX / 10)
			return -1;
		n = n * 10 + (*s - '0');
	}
	return n > INT32_MAX ? -1 : n;
}

int job_indexes_parse(struct arena *a, const char *text, int64_t completions, struct job_indexes *ret)
{
	struct job_indexes s = { 0 };
	size_t room = 1;

	for (const char *p = text; *p; p++)
		room += *p == ',';
	s.items = arena_alloc(a, room * sizeof(*s.items));
	if (!s.items)
		return -ENOMEM;
	for (const char *p = text; *p;) {
		const char *end = p + strcspn(p, ","), *dash = memchr(p, '-', (size_t)(end - p));
		int64_t first = read_number(p, dash ? dash : end), last = dash ? read_number(dash + 1, end) : first;

		if (first >= completions)
			break;
		if (last >= completions)
			last = completions - 1;
		if (first >= 0 && last >= first && (!s.n || first > s.items[s.n - 1].last))
			push(&s, (struct job_interval){ (int32_t)first, (int32_t)last });
		p = *end ? end + 1 : end;
	}
	*ret = s;
	return 0;
}

const char *job_indexes_format(struct arena *a, const struct job_indexes *s)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	for (size_t i = 0; i < s->n; i++) {
		buf_printf(&b, "%s%d", i ? "," : "", s->items[i].first);
		if (s->items[i].last > s->items[i].first)
			buf_printf(&b, "%c%d", s->items[i].last == s->items[i].first + 1 ? ',' : '-', s->items[i].last);
	}
	return buf_failed(&b) ? NULL : arena_strdup(a, buf_str(&b));
}

bool job_indexes_has(const struct job_indexes *s, int64_t index)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->items[middle].last >= index)
			high = middle;
		else
			low = middle + 1;
	}
	return low < s->n && s->items[low].first <= index;
}

int64_t job_indexes_total(const struct job_indexes *s)
{
	int64_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += s->items[i].last - s->items[i].first + 1;
	return n;
}

int64_t job_indexes_common(const struct job_indexes *x, const struct job_indexes *y)
{
	int64_t n = 0;

	for (size_t i = 0, k = 0; i < x->n && k < y->n;) {
		int64_t first = x->items[i].first > y->items[k].first ? x->items[i].first : y->items[k].first;
		int64_t last = x->items[i].last < y->items[k].last ? x->items[i].last : y->items[k].last;

		n += last >= first ? last - first + 1 : 0;
		if (x->items[i].last < y->items[k].last)
			i++;
		else
			k++;
	}
	return n;
}

int job_indexes_merge(struct arena *a, const struct job_indexes *x, const struct job_indexes *y, struct job_indexes *ret)
{
	struct job_indexes s = { .items = arena_alloc(a, (x->n + y->n + 1) * sizeof(*s.items)) };
	size_t i = 0, k = 0;

	if (!s.items)
		return -ENOMEM;
	while (i < x->n || k < y->n)
		push(&s, k == y->n || (i < x->n && x->items[i].first < y->items[k].first) ? x->items[i++] : y->items[k++]);
	*ret = s;
	return 0;
}

int job_indexes_add(struct arena *a, struct job_indexes *s, const int32_t *indexes, size_t n)
{
	struct job_indexes more = { .items = arena_alloc(a, (n + 1) * sizeof(*more.items)) };

	if (!more.items)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		push(&more, (struct job_interval){ indexes[i], indexes[i] });
	return job_indexes_merge(a, s, &more, s);
}

size_t job_indexes_missing(const struct job_indexes *s, int64_t completions, int32_t *ret, size_t n)
{
	int64_t next = 0;
	size_t found = 0;

	for (size_t i = 0; i <= s->n && found < n; i++) {
		int64_t end = i < s->n && s->items[i].first < completions ? s->items[i].first : completions;

		for (; next < end && found < n; next++)
			ret[found++] = (int32_t)next;
		if (i < s->n)
			next = s->items[i].last + INT64_C(1);
	}
	return found;
}
