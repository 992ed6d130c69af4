/* SPDX-License-Identifier: Apache-2.0 */
/* Secret. Facts: K8S:pkg/apis/core/validation/validation.go, ValidateSecret; core/v1/conversion.go for stringData. */
#include "schema/identity_rules.h"

#include <string.h>

#include "schema/check.h"
#include "schema/table.h"
#include "value/base64.h"
#include "value/json.h"

enum { SECRET_MAX = 1024 * 1024 }; /* bytes of all values: core.MaxSecretSize */

/* stringData is for writing only: it becomes data and wins over it. */
void secret_defaults(struct admit *ad, struct value *v)
{
	const struct value *text = value_get(v, "stringData");
	struct value *data = value_len(text) ? value_set_map(ad->arena, v, "data") : NULL;

	for (size_t i = 0; i < value_len(text); i++) {
		_cleanup_buf_ struct buf encoded = BUF_INIT;
		struct value *bytes;
		bool is_new;

		base64_encode(value_str_or(value_at(text, i), ""), value_len(value_at(text, i)), &encoded);
		bytes = buf_failed(&encoded) ? NULL : value_new_strn(ad->arena, buf_str(&encoded), encoded.len);
		if (!bytes) {
			ad->diags->failed = true;
			return;
		}
		value_set_mark(bytes, value_mark(value_at(text, i)));
		is_new = !value_get(data, value_key_at(text, i));
		value_set(ad->arena, data, value_key_at(text, i), bytes);
		if (is_new)
			value_set_key_mark(data, value_key_mark_at(text, i));
	}
	value_remove(v, "stringData");
}

static void require_key(struct admit *ad, const struct value *v, const struct schema_path *at, const char *key)
{
	report_required(ad, AT_KEY(AT(at, "data"), key), value_mark(value_get(v, "data")).line ? value_get(v, "data") : v,
			"%s", "");
}

/* The values of secrets stand in no message. */
static void check_json(struct admit *ad, const struct value *v, const struct schema_path *at, const char *key)
{
	const struct value *text = value_path(v, "data", key);
	_cleanup_buf_ struct buf bytes = BUF_INIT;
	struct value *parsed = NULL;

	if (!text) {
		require_key(ad, v, at, key);
		return;
	}
	base64_decode(value_str_or(text, ""), value_len(text), &bytes);
	if (json_read(buf_str(&bytes), bytes.len, NULL, ad->arena, &parsed, NULL, NULL) < 0 ||
	    (value_type(parsed) != VALUE_MAP && !value_is_null(parsed)))
		report_error(ad, AT_KEY(AT(at, "data"), key), value_mark(text),
			     "Invalid value: \"<secret contents redacted>\": must be a JSON object");
}

static void check_type(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	static const char account[] = "kubernetes.io/service-account.name";
	const struct value *data = value_get(v, "data"), *notes = value_path(v, "metadata", "annotations");

	if (text_is(v, "type", "kubernetes.io/service-account-token")) {
		if (!value_len(value_get(notes, account)))
			report_required(ad, AT_KEY(AT(AT(at, "metadata"), "annotations"), account),
					notes ? notes : value_get(v, "type"), "%s", "");
	} else if (text_is(v, "type", "kubernetes.io/dockercfg")) {
		check_json(ad, v, at, ".dockercfg");
	} else if (text_is(v, "type", "kubernetes.io/dockerconfigjson")) {
		check_json(ad, v, at, ".dockerconfigjson");
	} else if (text_is(v, "type", "kubernetes.io/basic-auth")) {
		if (!value_get(data, "username") && !value_get(data, "password")) {
			require_key(ad, v, at, "username");
			require_key(ad, v, at, "password");
		}
	} else if (text_is(v, "type", "kubernetes.io/ssh-auth")) {
		if (!value_len(value_get(data, "ssh-privatekey")))
			require_key(ad, v, at, "ssh-privatekey");
	} else if (text_is(v, "type", "kubernetes.io/tls")) {
		if (!value_get(data, "tls.crt"))
			require_key(ad, v, at, "tls.crt");
		if (!value_get(data, "tls.key"))
			require_key(ad, v, at, "tls.key");
	}
}

void secret_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *data = value_get(v, "data");
	size_t total = 0;

	for (size_t i = 0; i < value_len(data); i++)
		total += format_base64_size(value_str_or(value_at(data, i), ""), value_len(value_at(data, i)));
	if (total > SECRET_MAX)
		report_too_long(ad, AT(at, "data"), data, "may not be more than %d bytes", SECRET_MAX);
	check_type(ad, v, at);
}

void secret_check_update(struct admit *ad, const struct value *old, const struct value *now)
{
	static const char *const fields[] = { "immutable", "data" };

	for (size_t i = 0; i < ARRAY_SIZE(fields) && value_bool(value_get(old, "immutable"), false); i++)
		if (!same_value(value_get(old, fields[i]), value_get(now, fields[i])))
			report_fixed(ad, AT(NULL, fields[i]), value_get(now, fields[i]) ? value_get(now, fields[i]) : now,
				     "field is immutable when `immutable` is set");
}
