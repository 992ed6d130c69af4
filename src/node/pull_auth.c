/* SPDX-License-Identifier: Apache-2.0 */
#include "node/pull_auth.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "value/base64.h"
#include "value/json.h"

enum {
	AUTHS_MAX = 64,
	PART_MAX = 256,
	SECRET_MAX_BYTES = 2 << 20,
};

struct auth {
	const char *key, *user, *password;
};

struct auths {
	struct arena *arena;
	struct auth items[AUTHS_MAX];
	size_t n;
};

/* --- which registry a key means --- */

/* "HOST[:PORT][/PATH]" of a key, without its scheme and an API version at the start of the path. */
static void split_key(const char *key, const char **ret_host, size_t *ret_host_len, const char **ret_path)
{
	const char *host = strncmp(key, "https://", 8) == 0 ? key + 8 : strncmp(key, "http://", 7) == 0 ? key + 7 : key;
	const char *path = host + strcspn(host, "/");

	*ret_host = host;
	*ret_host_len = (size_t)(path - host);
	if (strncmp(path, "/v1/", 4) == 0 || strncmp(path, "/v2/", 4) == 0)
		path += 3;
	*ret_path = strcmp(path, "/") == 0 ? "" : path;
}

/* Each part of a name between dots must match the part of the pattern, as many as there are. */
static bool host_matches(const char *pattern, size_t len, const char *domain)
{
	char want[PART_MAX], got[PART_MAX];
	const char *end = pattern + len;

	for (;;) {
		size_t n = 0, m = strcspn(domain, ".");

		while (pattern + n < end && pattern[n] != '.')
			n++;
		if (n >= sizeof(want) || m >= sizeof(got))
			return false;
		memcpy(want, pattern, n);
		want[n] = '\0';
		memcpy(got, domain, m);
		got[m] = '\0';
		if (fnmatch(want, got, 0) != 0 || (pattern + n == end) != !domain[m])
			return false;
		if (pattern + n == end)
			return true;
		pattern += n + 1;
		domain += m + 1;
	}
}

bool pull_auth_matches(const char *key, const char *domain, const char *path)
{
	size_t host_len, port = strcspn(domain, ":"), key_port;
	const char *host, *prefix;
	char name[IMAGE_REF_NAME_MAX + 1];

	split_key(key, &host, &host_len, &prefix);
	if (*prefix && strncmp(path, prefix + 1, strlen(prefix + 1)) != 0)
		return false;
	if (strcmp(domain, "docker.io") == 0 && host_len == 15 && memcmp(host, "index.docker.io", 15) == 0)
		return true;
	if (*domain == '[') /* an IPv6 address: colons, no parts, no patterns */
		return strlen(domain) == host_len && memcmp(host, domain, host_len) == 0;
	for (key_port = 0; key_port < host_len && host[key_port] != ':'; key_port++)
		;
	if (strlen(domain + port) != host_len - key_port || memcmp(domain + port, host + key_port, host_len - key_port) != 0 ||
	    port >= sizeof(name))
		return false;
	memcpy(name, domain, port);
	name[port] = '\0';
	return host_matches(host, key_port, name);
}

/* --- what a secret holds --- */

/* Splits "user:password" at its first colon. */
static bool take_pair(struct arena *a, const char *text, struct auth *ret)
{
	_cleanup_buf_ struct buf plain = BUF_INIT;
	const char *colon;

	base64_decode(text, strlen(text), &plain);
	colon = strchr(buf_str(&plain), ':');
	if (buf_failed(&plain) || !colon)
		return false;
	ret->user = arena_memdup(a, plain.data, (size_t)(colon - plain.data));
	ret->password = arena_strdup(a, colon + 1);
	return ret->user && ret->password;
}

/* Takes the entries that are for the registry: {"HOST": {"username":…, "password":…, "auth":…}, …}. */
static void take_entries(struct auths *all, const struct value *map, const struct image_ref *ref)
{
	for (size_t i = 0; i < value_len(map) && value_type(map) == VALUE_MAP; i++) {
		const struct value *entry = value_at(map, i);
		const char *text = value_str_or(value_get(entry, "auth"), "");
		struct auth auth = { .key = value_key_at(map, i), .user = value_str_or(value_get(entry, "username"), ""),
				     .password = value_str_or(value_get(entry, "password"), "") };

		if (!pull_auth_matches(auth.key, ref->domain, ref->path) || all->n == AUTHS_MAX)
			continue;
		if (*text && !take_pair(all->arena, text, &auth))
			continue; /* ignoring: it is no pair; the registry then says that it wants one */
		if (*auth.user || *auth.password)
			all->items[all->n++] = auth;
	}
}

/* False when the secret is of neither type, or is not JSON. */
static bool take_secret(struct auths *all, const struct source_data *d, const struct image_ref *ref)
{
	static const struct yaml_limits limits = { .max_bytes = SECRET_MAX_BYTES };
	const struct source_entry *config = source_entry(d, ".dockerconfigjson"), *cfg = source_entry(d, ".dockercfg");
	const struct source_entry *e = config ? config : cfg;
	struct value *doc = NULL;

	if (!e || json_read(e->data, e->len, &limits, all->arena, &doc, NULL, NULL) < 0)
		return false;
	take_entries(all, config ? value_get(doc, "auths") : doc, ref);
	return true;
}

/* --- the texts --- */

/* The longer name of a registry first: kubelet sorts the keys backwards. */
static int compare(const void *x, const void *y)
{
	const char *keys[2];

	for (int i = 0; i < 2; i++) {
		const char *key = ((const struct auth *)(i ? y : x))->key;

		keys[i] = strncmp(key, "https://", 8) == 0 ? key + 8 : strncmp(key, "http://", 7) == 0 ? key + 7 : key;
	}
	return -strcmp(keys[0], keys[1]);
}

static const char *text_of(struct arena *a, const struct auth *auth, const char *domain)
{
	_cleanup_buf_ struct buf pair = BUF_INIT, encoded = BUF_INIT;
	struct value *doc = value_new_map(a), *entry = value_set_map(a, value_set_map(a, doc, "auths"), domain);
	_cleanup_buf_ struct buf out = BUF_INIT;

	buf_printf(&pair, "%s:%s", auth->user, auth->password);
	base64_encode(buf_str(&pair), pair.len, &encoded);
	value_set_str(a, entry, "auth", buf_str(&encoded));
	json_write(&out, doc, 0);
	return buf_failed(&pair) || buf_failed(&encoded) || buf_failed(&out) ? NULL : arena_strdup(a, buf_str(&out));
}

int pull_auths(struct arena *a, const struct sources *s, const char *reference, const char *const **ret, size_t *ret_n,
	       const char **ret_missing, struct error *err)
{
	const struct value *list = object_path(s->pod, "spec", "imagePullSecrets");
	_cleanup_image_ref_ struct image_ref ref = { 0 };
	struct auths *all = arena_alloc(a, sizeof(*all));
	const char **texts = arena_alloc(a, (AUTHS_MAX + 1) * sizeof(*texts));
	_cleanup_buf_ struct buf missing = BUF_INIT;
	int r = image_ref_parse(reference, &ref, err);

	if (r < 0)
		return r;
	if (!all || !texts)
		return error_set(err, -ENOMEM, "out of memory");
	*all = (struct auths){ .arena = a };
	for (size_t i = 0; i < value_len(list); i++) {
		const char *name = value_str_or(value_get(value_at(list, i), "name"), "");
		struct source_data d = { 0 };

		if (!*name)
			continue;
		r = source_read(a, s, SOURCE_SECRET, name, &d, NULL);
		if (r == -ENOMEM)
			return error_set(err, r, "out of memory");
		if (r < 0 || !take_secret(all, &d, &ref))
			buf_printf(&missing, "%s%s", missing.len ? ", " : "", name);
	}
	qsort(all->items, all->n, sizeof(all->items[0]), compare);
	for (size_t i = 0; i < all->n; i++)
		if (!(texts[i] = text_of(a, &all->items[i], ref.domain)))
			return error_set(err, -ENOMEM, "out of memory");
	*ret_missing = missing.len ? arena_strdup(a, buf_str(&missing)) : NULL;
	if (arena_failed(a) || buf_failed(&missing))
		return error_set(err, -ENOMEM, "out of memory");
	*ret = texts;
	*ret_n = all->n;
	return 0;
}
