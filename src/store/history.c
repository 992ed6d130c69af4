/* SPDX-License-Identifier: Apache-2.0 */
#include "store/history.h"

#include <errno.h>
#include <stdlib.h>

#include "store/entry.h"

void history_init(struct history *h, uint64_t rev)
{
	*h = (struct history){ .compacted = rev };
}

static struct store_change *slot(const struct history *h, uint64_t seq)
{
	return &h->ring[seq & (h->cap - 1)];
}

const struct store_change *history_at(const struct history *h, uint64_t seq)
{
	return slot(h, seq);
}

static void drop_first(struct history *h)
{
	struct store_change *c = slot(h, h->head);

	h->compacted = c->rev;
	if (c->old)
		h->bytes -= c->old->len;
	store_entry_unref(c->old);
	store_entry_unref(c->now);
	h->head++;
}

void history_clear(struct history *h)
{
	while (h->head < h->tail)
		drop_first(h);
	free(h->ring);
	h->ring = NULL;
	h->cap = 0;
}

int history_reserve(struct history *h, size_t n)
{
	size_t used = h->tail - h->head, cap = h->cap ? h->cap : 64;
	struct store_change *ring = NULL;

	if (n > SIZE_MAX / sizeof(*ring) / 4 - used)
		return -ENOMEM;
	while (cap < used + n)
		cap *= 2;
	if (cap == h->cap)
		return 0;
	ring = calloc(cap, sizeof(*ring));
	if (!ring)
		return -ENOMEM;
	for (uint64_t seq = h->head; seq < h->tail; seq++)
		ring[seq & (cap - 1)] = *slot(h, seq);
	free(h->ring);
	h->ring = ring;
	h->cap = cap;
	return 0;
}

void history_push(struct history *h, struct store_change change)
{
	*slot(h, h->tail++) = change;
	if (change.old)
		h->bytes += change.old->len;
}

void history_trim(struct history *h, uint64_t keep)
{
	/* A revision is forgotten whole: a watch from the middle of one cannot be asked for. */
	while (h->head < keep) {
		uint64_t used = h->tail - h->head, rev = slot(h, h->head)->rev;

		if (used <= HISTORY_MIN || (used <= HISTORY_MAX && h->bytes <= HISTORY_BYTES))
			break;
		do
			drop_first(h);
		while (h->head < keep && slot(h, h->head)->rev == rev);
	}
}

int history_seek(const struct history *h, uint64_t rev, uint64_t *ret_seq)
{
	uint64_t lo = h->head, hi = h->tail;

	if (rev <= h->compacted && h->compacted > 0)
		return -ESTALE;
	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;

		if (slot(h, mid)->rev < rev)
			lo = mid + 1;
		else
			hi = mid;
	}
	*ret_seq = lo;
	return 0;
}
