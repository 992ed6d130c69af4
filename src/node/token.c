/* SPDX-License-Identifier: Apache-2.0 */
#include "node/token.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "value/base64.h"
#include "value/json.h"

enum { DAY = 24 * 3600, JITTER_MS = 10 * 1000 };

/* RFC 7515, appendix C: the other two digits, and no padding. */
static void put_base64url(struct buf *out, const struct buf *bytes)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	base64_encode(buf_str(bytes), bytes->len, &text);
	for (const char *p = buf_str(&text); *p && *p != '='; p++)
		buf_putc(out, *p == '+' ? '-' : *p == '/' ? '_' : *p);
	out->failed |= buf_failed(&text);
}

static void set_ref(struct arena *a, struct value *map, const char *key, const struct token_ref *ref)
{
	struct value *v;

	if (!ref->name)
		return;
	v = value_set_map(a, map, key);
	value_set_str(a, v, "name", ref->name);
	if (ref->uid && *ref->uid)
		value_set_str(a, v, "uid", ref->uid);
}

/* K8S:pkg/serviceaccount/claims.go. */
static struct value *claims_of(struct arena *a, const struct token *t)
{
	struct value *v = value_new_map(a), *own;

	value_append(a, value_set_list(a, v, "aud"),
		     value_new_str(a, t->audience && *t->audience ? t->audience : TOKEN_ISSUER));
	value_set_int(a, v, "exp", t->issued + t->lifetime);
	value_set_int(a, v, "iat", t->issued);
	value_set_str(a, v, "iss", TOKEN_ISSUER);
	own = value_set_map(a, v, "kubernetes.io");
	value_set_str(a, own, "namespace", t->namespace);
	set_ref(a, own, "node", &t->node);
	set_ref(a, own, "pod", &t->pod);
	set_ref(a, own, "serviceaccount", &t->account);
	value_set_int(a, v, "nbf", t->issued);
	value_set(a, v, "sub", value_new_strf(a, "system:serviceaccount:%s:%s", t->namespace, t->account.name));
	return v;
}

const char *token_format(struct arena *a, const struct token *t)
{
	static const char header_text[] = "{\"alg\":\"none\"}";
	_cleanup_buf_ struct buf header = BUF_INIT, claims = BUF_INIT, out = BUF_INIT;
	struct value *v = claims_of(a, t);

	if (arena_failed(a))
		return NULL;
	buf_puts(&header, header_text);
	json_write(&claims, v, 0);
	if (buf_failed(&header) || buf_failed(&claims))
		return NULL;
	put_base64url(&out, &header);
	buf_putc(&out, '.');
	put_base64url(&out, &claims);
	buf_putc(&out, '.'); /* and no signature */
	return buf_failed(&out) ? NULL : arena_strdup(a, buf_str(&out));
}

int64_t token_renew_at(int64_t issued, int64_t lifetime, const char *seed)
{
	uint32_t hash = 0x811c9dc5; /* FNV-1a */
	int64_t after = lifetime - lifetime * 20 / 100;

	for (; *seed; seed++)
		hash = (hash ^ (unsigned char)*seed) * 0x01000193;
	if (after > DAY)
		after = DAY;
	return (issued + after) * NSEC_PER_SEC - (int64_t)(hash % JITTER_MS) * NSEC_PER_MSEC;
}
