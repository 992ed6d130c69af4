/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/names.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"

static bool all_digits(const char *s)
{
	for (; *s; s++)
		if (*s < '0' || *s > '9')
			return false;
	return true;
}

/* What sed -i and perl -i write to: "sed" or "XX", which no object's name begins with, and six letters or digits. */
static bool is_inplace(const char *s, size_t len)
{
	size_t start = len == 9 && memcmp(s, "sed", 3) == 0 ? 3 : len == 8 && memcmp(s, "XX", 2) == 0 ? 2 : 0;

	for (size_t i = start; start && i < len; i++)
		if (!isalnum((unsigned char)s[i]))
			return false;
	return start > 0;
}

/* Bytes of the UTF-8 sequence at s, 0 when there is none (RFC 3629: no surrogates, nothing longer than needed). */
static size_t utf8_len(const unsigned char *s)
{
	size_t n = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
		 : s[0] >= 0xf0 && s[0] < 0xf5					? 4
										: 0;

	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
	    (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

static bool is_text(const char *s)
{
	const unsigned char *p = (const unsigned char *)s;

	while (*p) {
		size_t n = utf8_len(p);

		if (!n || *p < 0x20 || *p == 0x7f || (n == 2 && p[0] == 0xc2 && p[1] < 0xa0))
			return false;
		p += n;
	}
	return true;
}

static bool is_in(const char *const *list, size_t n, const char *s)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i], s) == 0)
			return true;
	return false;
}

enum fs_name_class fs_name_classify(const char *name)
{
	static const char *const scratch[] = { ".swp", ".swx", ".tmp", ".orig", ".bak", ".rej", ".lock" };
	static const char *const manifest[] = { ".yaml", ".yml", ".json" };
	size_t len = strlen(name);
	const char *end;

	if (!len || !is_text(name))
		return FS_NAME_BAD;
	if (name[0] == '.' || all_digits(name) || (len > 2 && name[0] == '#' && name[len - 1] == '#') ||
	    is_inplace(name, len) || (len > 1 && name[len - 1] == '~'))
		return FS_NAME_SCRATCH;
	end = strrchr(name, '.');
	if (!end)
		return FS_NAME_OTHER;
	return is_in(scratch, ARRAY_SIZE(scratch), end)	  ? FS_NAME_SCRATCH :
	       is_in(manifest, ARRAY_SIZE(manifest), end) ? FS_NAME_MANIFEST :
							    FS_NAME_OTHER;
}

/* K8S:kustomize/api/konfig, RecognizedKustomizationFileNames */
bool fs_name_is_kustomization(const char *name)
{
	return strcmp(name, "kustomization.yaml") == 0 || strcmp(name, "kustomization.yml") == 0 ||
	       strcmp(name, "Kustomization") == 0;
}
