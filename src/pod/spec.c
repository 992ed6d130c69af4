/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a spec: one check of the whole, after which every accessor may trust bounds and terminators. The writer is
 * the daemon, but what it writes comes from manifests and images, so the check trusts nothing.
 */
#include "pod/spec.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "pod/protocol.h"

enum { SPEC_TYPES = SPEC_VOLUME + 1 };

/* Payload of each type: `fixed` bytes, then `strings` NUL-terminated strings and nothing else; or whole units. */
static const struct layout {
	unsigned fixed;
	unsigned strings;
	unsigned unit; /* not 0: the payload is a positive number of units of that many bytes */
} layouts[SPEC_TYPES] = {
	[SPEC_HEADER] = { .fixed = sizeof(struct spec_header) },
	[SPEC_ARG] = { .strings = 1 },
	[SPEC_ENV] = { .strings = 1 },
	[SPEC_CWD] = { .strings = 1 },
	[SPEC_USER] = { .strings = 1 },
	[SPEC_GROUP] = { .fixed = sizeof(uint32_t) },
	[SPEC_SECURITY] = { .fixed = sizeof(struct spec_security) },
	[SPEC_SECCOMP] = { .unit = sizeof(struct sock_filter) },
	[SPEC_RLIMIT] = { .fixed = sizeof(struct spec_rlimit) },
	[SPEC_LAYER] = { .strings = 1 },
	[SPEC_UPPER] = { .strings = 1 },
	[SPEC_WORK] = { .strings = 1 },
	[SPEC_MOUNT] = { .fixed = sizeof(struct spec_mount), .strings = 4 },
	[SPEC_MASK] = { .strings = 1 },
	[SPEC_READONLY] = { .strings = 1 },
	[SPEC_HOSTNAME] = { .strings = 1 },
	[SPEC_SYSCTL] = { .strings = 1 },
	[SPEC_TMPFS] = { .fixed = sizeof(struct spec_tmpfs), .strings = 1 },
	[SPEC_BUILTIN] = { .strings = 1 },
	[SPEC_TARGET] = { .strings = 1 },
	[SPEC_VOLUME] = { .fixed = sizeof(struct spec_record) },
};

static bool payload_ok(unsigned type, const unsigned char *data, size_t size)
{
	const struct layout *l = &layouts[type];
	size_t at = l->fixed;

	if (l->unit)
		return size > 0 && size % l->unit == 0;
	if (size < at)
		return false;
	for (unsigned i = 0; i < l->strings; i++) {
		const unsigned char *end = memchr(data + at, '\0', size - at);

		if (!end)
			return false;
		at = (size_t)(end - data) + 1;
	}
	/* Fixed structs may grow; strings end the payload. */
	return l->strings == 0 || at == size;
}

static bool record_at(const struct spec *s, size_t at, struct spec_record *ret_record)
{
	if (s->size < sizeof(*ret_record) || at > s->size - sizeof(*ret_record))
		return false;
	memcpy(ret_record, s->data + at, sizeof(*ret_record));
	return true;
}

static size_t padded(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

/* What is in a SPEC_VOLUME: whole records of what a root is made of. */
static bool volume_ok(const struct spec *s)
{
	struct spec_record r;

	for (size_t at = 0; at < s->size; at += sizeof(r) + padded(r.size)) {
		if (!record_at(s, at, &r) || r.size > s->size - at - sizeof(r))
			return false;
		if ((r.type != SPEC_LAYER && r.type != SPEC_UPPER && r.type != SPEC_WORK) ||
		    !payload_ok(r.type, s->data + at + sizeof(r), r.size))
			return false;
	}
	return true;
}

int spec_check(const struct spec *s)
{
	struct spec_header header;
	struct spec_record r;
	uint32_t n = 0;

	if (s->size > POD_SPEC_MAX || !record_at(s, 0, &r) || r.type != SPEC_HEADER || r.size < sizeof(header) ||
	    r.size > s->size - sizeof(r))
		return -EBADMSG;
	memcpy(&header, s->data + sizeof(r), sizeof(header));
	if (header.magic != SPEC_MAGIC || header.total != s->size)
		return -EBADMSG;
	for (size_t at = 0; at < s->size; n++) {
		if (!record_at(s, at, &r) || r.size > s->size - at - sizeof(r))
			return -EBADMSG;
		if (r.type == 0 || r.type >= SPEC_TYPES) {
			if (r.flags & SPEC_CRITICAL)
				return -EOPNOTSUPP;
		} else if ((r.type == SPEC_HEADER && at != 0) ||
			   !payload_ok(r.type, s->data + at + sizeof(r), r.size) ||
			   (r.type == SPEC_VOLUME && !volume_ok(&(struct spec){ s->data + at + sizeof(r), r.size }))) {
			return -EBADMSG;
		}
		at += sizeof(r) + padded(r.size);
		if (at > s->size)
			return -EBADMSG;
	}
	return n == header.n_records ? 0 : -EBADMSG;
}

bool spec_next(const struct spec *s, size_t from, unsigned type, struct spec_item *ret_item)
{
	struct spec_record r;

	while (record_at(s, from, &r)) {
		size_t next = from + sizeof(r) + padded(r.size);

		if (r.type < SPEC_TYPES && (type == 0 || r.type == type)) {
			*ret_item = (struct spec_item){
				.type = r.type,
				.data = s->data + from + sizeof(r),
				.size = r.size,
				.next = next,
			};
			return true;
		}
		from = next;
	}
	return false;
}

const char *spec_string(const struct spec *s, unsigned type, const char *fallback)
{
	struct spec_item item;

	return spec_next(s, 0, type, &item) ? (const char *)item.data : fallback;
}

size_t spec_count(const struct spec *s, unsigned type)
{
	struct spec_item item;
	size_t n = 0;

	for (size_t at = 0; spec_next(s, at, type, &item); at = item.next)
		n++;
	return n;
}

const char *spec_item_string(const struct spec_item *item, size_t fixed, unsigned n)
{
	size_t at = fixed;

	for (; at < item->size; n--) {
		const char *text = (const char *)item->data + at;

		if (n == 0)
			return text;
		at += strnlen(text, item->size - at) + 1;
	}
	return "";
}

int spec_map(int fd, struct spec *ret_spec)
{
	const int wanted = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	struct stat st;
	struct spec s;
	void *p;
	int r;

	/* Without the seals the sender could change what was checked, or take pages away (SIGBUS). */
	r = fcntl(fd, F_GET_SEALS);
	if (r < 0 || (r & wanted) != wanted)
		return -EPERM;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size <= 0)
		return -EBADMSG;
	if (st.st_size > POD_SPEC_MAX)
		return -EFBIG;
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	s = (struct spec){ .data = p, .size = (size_t)st.st_size };
	r = spec_check(&s);
	if (r < 0) {
		(void)munmap(p, s.size);
		return r;
	}
	*ret_spec = s;
	return 0;
}
