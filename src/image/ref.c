/* SPDX-License-Identifier: Apache-2.0 */
#include "image/ref.h"

#include <string.h>

static const char DEFAULT_DOMAIN[] = "docker.io";
static const char LEGACY_DOMAIN[] = "index.docker.io";
static const char DEFAULT_PREFIX[] = "library/";
static const char DEFAULT_TAG[] = "latest";

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_lower_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || is_digit(c);
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_alnum(char c)
{
	return is_lower_alnum(c) || is_upper(c);
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f');
}

static bool all_hex(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!is_hex(s[i]))
			return false;
	return true;
}

bool image_digest_valid(const char *s)
{
	return s && strncmp(s, "sha256:", 7) == 0 && strlen(s + 7) == 64 && all_hex(s + 7, 64);
}

/* Letters and digits, with hyphens inside: one label of a host name. */
static bool label_ok(const char *s, size_t len)
{
	if (!len || !is_alnum(s[0]) || !is_alnum(s[len - 1]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_alnum(s[i]) && s[i] != '-')
			return false;
	return true;
}

static bool port_ok(const char *s, size_t len)
{
	if (!len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_digit(s[i]))
			return false;
	return true;
}

/* [IPv6] with an optional port; the address is checked for its alphabet only, as the field's own parser does. */
static bool ipv6_ok(const char *s, size_t len)
{
	const char *end = memchr(s, ']', len);

	if (!end || end == s + 1)
		return false;
	for (const char *p = s + 1; p < end; p++)
		if (!is_hex(*p) && *p != ':' && !(*p >= 'A' && *p <= 'F'))
			return false;
	if (end + 1 == s + len)
		return true;
	return end[1] == ':' && port_ok(end + 2, (size_t)(s + len - end - 2));
}

static bool domain_ok(const char *s, size_t len)
{
	const char *colon, *end;

	if (!len)
		return false;
	if (s[0] == '[')
		return ipv6_ok(s, len);
	end = s + len;
	colon = memchr(s, ':', len);
	if (colon) {
		if (!port_ok(colon + 1, (size_t)(end - colon - 1)))
			return false;
		end = colon;
	}
	for (;;) {
		const char *dot = memchr(s, '.', (size_t)(end - s));
		const char *stop = dot ? dot : end;

		if (!label_ok(s, (size_t)(stop - s)))
			return false;
		if (!dot)
			return true;
		s = dot + 1;
	}
}

/* Runs of lower-case letters and digits, with one '.', '_', "__" or any number of '-' between two runs. */
static bool component_ok(const char *s, size_t len)
{
	size_t i = 0;

	if (!len)
		return false;
	for (;;) {
		size_t run = i;
		char sep;

		while (i < len && is_lower_alnum(s[i]))
			i++;
		if (i == run)
			return false;
		if (i == len)
			return true;
		sep = s[i++];
		if (sep == '_' && i < len && s[i] == '_')
			i++;
		else if (sep == '-')
			while (i < len && s[i] == '-')
				i++;
		else if (sep != '.' && sep != '_')
			return false;
	}
}

static int path_check(const char *s, size_t len, const char *whole, struct error *err)
{
	const char *end = s + len;

	for (size_t i = 0; i < len; i++)
		if (is_upper(s[i]))
			return error_set(err, -EINVAL, "image \"%s\": the repository name must be lower case", whole);
	for (;;) {
		const char *slash = memchr(s, '/', (size_t)(end - s));
		const char *stop = slash ? slash : end;

		if (!component_ok(s, (size_t)(stop - s)))
			return error_set(err, -EINVAL, "image \"%s\": \"%.*s\" is not a valid part of a repository name",
					 whole, (int)(stop - s), s);
		if (!slash)
			return 0;
		s = slash + 1;
	}
}

static bool tag_ok(const char *s, size_t len)
{
	if (!len || len > IMAGE_REF_TAG_MAX || (!is_alnum(s[0]) && s[0] != '_'))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_alnum(s[i]) && !strchr("_.-", s[i]))
			return false;
	return true;
}

/* How long the domain at the start of a name is, 0 when there is none: the first part is a domain when it has a dot,
 * a colon or a capital, or is "localhost". */
static size_t domain_len(const char *s, size_t len)
{
	const char *slash = memchr(s, '/', len);
	size_t n;

	if (!slash)
		return 0;
	n = (size_t)(slash - s);
	if (n == 9 && memcmp(s, "localhost", 9) == 0)
		return n;
	for (size_t i = 0; i < n; i++)
		if (s[i] == '.' || s[i] == ':' || is_upper(s[i]))
			return n;
	return 0;
}

void image_ref_clear(struct image_ref *ref)
{
	if (!ref)
		return;
	free(ref->domain);
	free(ref->path);
	free(ref->tag);
	free(ref->digest);
	*ref = (struct image_ref){ NULL, NULL, NULL, NULL };
}

/* Splits and checks the name, `len` bytes at s, into ref->domain and ref->path. */
static int parse_name(const char *s, size_t len, const char *whole, struct image_ref *ref, struct error *err)
{
	size_t n = domain_len(s, len);
	const char *path = n ? s + n + 1 : s;
	size_t path_len = n ? len - n - 1 : len;
	const char *prefix = "";
	int r;

	if (n && !domain_ok(s, n))
		return error_set(err, -EINVAL, "image \"%s\": \"%.*s\" is not a valid registry name", whole, (int)n, s);
	r = path_check(path, path_len, whole, err);
	if (r < 0)
		return r;
	if (!n || (n == strlen(LEGACY_DOMAIN) && memcmp(s, LEGACY_DOMAIN, n) == 0))
		ref->domain = strdup(DEFAULT_DOMAIN);
	else
		ref->domain = strndup(s, n);
	if (!ref->domain)
		return error_set(err, -ENOMEM, "out of memory");
	if (strcmp(ref->domain, DEFAULT_DOMAIN) == 0 && !memchr(path, '/', path_len))
		prefix = DEFAULT_PREFIX;
	if (asprintf(&ref->path, "%s%.*s", prefix, (int)path_len, path) < 0) {
		ref->path = NULL;
		return error_set(err, -ENOMEM, "out of memory");
	}
	if (strlen(ref->domain) + 1 + strlen(ref->path) > IMAGE_REF_NAME_MAX)
		return error_set(err, -EINVAL, "image \"%.40s…\": the name is longer than %d bytes", whole,
				 IMAGE_REF_NAME_MAX);
	return 0;
}

int image_ref_parse(const char *s, struct image_ref *ret, struct error *err)
{
	_cleanup_image_ref_ struct image_ref ref = { NULL, NULL, NULL, NULL };
	const char *at, *end, *slash, *colon;
	int r;

	if (!s || !*s)
		return error_set(err, -EINVAL, "the image reference is empty");
	/* The longest that can be right: 255 of name, 128 of tag, 71 of digest. It also bounds the lengths below. */
	if (strnlen(s, 512) == 512)
		return error_set(err, -EINVAL, "the image reference is longer than 512 bytes");
	if (strlen(s) == 64 && all_hex(s, 64))
		return error_set(err, -EINVAL, "image \"%s\": write an image's id as sha256:%.8s…", s, s);
	at = strchr(s, '@');
	end = at ? at : s + strlen(s);
	if (at) {
		if (!image_digest_valid(at + 1))
			return error_set(err, -EINVAL, "image \"%s\": \"%s\" is not a digest (sha256: and 64 hex digits)",
					 s, at + 1);
		ref.digest = strdup(at + 1);
		if (!ref.digest)
			return error_set(err, -ENOMEM, "out of memory");
	}
	slash = memrchr(s, '/', (size_t)(end - s));
	colon = memrchr(s, ':', (size_t)(end - s));
	if (colon && slash && colon < slash)
		colon = NULL; /* a port */
	if (colon && !tag_ok(colon + 1, (size_t)(end - colon - 1)))
		return error_set(err, -EINVAL, "image \"%s\": \"%.*s\" is not a valid tag", s, (int)(end - colon - 1),
				 colon + 1);
	r = parse_name(s, (size_t)((colon ? colon : end) - s), s, &ref, err);
	if (r < 0)
		return r;
	if (colon)
		ref.tag = strndup(colon + 1, (size_t)(end - colon - 1));
	else if (!ref.digest)
		ref.tag = strdup(DEFAULT_TAG);
	if (!ref.tag && !ref.digest)
		return error_set(err, -ENOMEM, "out of memory");
	*ret = ref;
	ref = (struct image_ref){ NULL, NULL, NULL, NULL };
	return 0;
}

int image_ref_normalize(const char *s, char **ret, struct error *err)
{
	_cleanup_image_ref_ struct image_ref ref = { NULL, NULL, NULL, NULL };
	char *text = NULL;
	int r;

	r = image_ref_parse(s, &ref, err);
	if (r < 0)
		return r;
	r = asprintf(&text, "%s/%s%s%s%s%s", ref.domain, ref.path, ref.tag ? ":" : "", ref.tag ? ref.tag : "",
		     ref.digest ? "@" : "", ref.digest ? ref.digest : "");
	if (r < 0)
		return error_set(err, -ENOMEM, "out of memory");
	*ret = text;
	return 0;
}

const char *image_ref_familiar(const char *canonical)
{
	const char *s = canonical;
	size_t domain = strlen(DEFAULT_DOMAIN), prefix = strlen(DEFAULT_PREFIX);

	if (strncmp(s, DEFAULT_DOMAIN, domain) != 0 || s[domain] != '/')
		return s;
	s += domain + 1;
	if (strncmp(s, DEFAULT_PREFIX, prefix) == 0 && !strchr(s + prefix, '/'))
		s += prefix;
	/* Without its domain, a path whose first part looks like one would be read as another name. */
	return domain_len(s, strcspn(s, "@")) ? canonical : s;
}

bool image_ref_pulls_always(const char *s)
{
	_cleanup_image_ref_ struct image_ref ref = { NULL, NULL, NULL, NULL };

	if (image_ref_parse(s, &ref, NULL) < 0)
		return true;
	return !ref.digest && strcmp(ref.tag, DEFAULT_TAG) == 0;
}
