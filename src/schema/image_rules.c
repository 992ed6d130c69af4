/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As much of an image reference as defaults depend on: [domain/]path[:tag][@digest]. Text that is no reference gets
 * the default of one with a tag, since Kubernetes gives it none; the node agent says what is wrong with it.
 */
#include <string.h>

#include "schema/pod_rules.h"

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static bool consists_of(const char *s, size_t len, const char *set)
{
	return len && strspn(s, set) >= len;
}

/* A part of the path: lower case, joined by single or double separators, which stand at neither end. */
static bool is_path_part(const char *s, size_t len)
{
	return consists_of(s, len, LOWER DIGITS "._-") && !strchr("._-", s[0]) && !strchr("._-", s[len - 1]);
}

static bool is_domain(const char *s, size_t len)
{
	return consists_of(s, len, LOWER UPPER DIGITS ".:-[]") &&
	       (memchr(s, '.', len) || memchr(s, ':', len) || strncmp(s, "localhost", len) == 0 ||
		strcspn(s, UPPER) < len);
}

static bool is_name(const char *s, size_t len)
{
	for (bool first = true;; first = false) {
		const char *slash = memchr(s, '/', len);
		size_t part = slash ? (size_t)(slash - s) : len;

		if (!is_path_part(s, part) && !(first && slash && is_domain(s, part)))
			return false;
		if (!slash)
			return true;
		s += part + 1;
		len -= part + 1;
	}
}

const char *image_pull_policy(const char *image)
{
	size_t len = strcspn(image, "@"), name;
	const char *slash = memrchr(image, '/', len);
	const char *base = slash ? slash : image;
	const char *colon = memchr(base, ':', len - (size_t)(base - image));

	name = colon ? (size_t)(colon - image) : len;
	if (!is_name(image, name))
		return "IfNotPresent";
	if (!colon)
		return image[len] == '@' ? "IfNotPresent" : "Always";
	return len - name == 7 && strncmp(colon, ":latest", 7) == 0 ? "Always" : "IfNotPresent";
}
