/* SPDX-License-Identifier: Apache-2.0 */
/* Facts: K8S:pkg/apis/certificates/validation/validation.go. What the request holds is looked at as PEM alone. */
#include <string.h>

#include "schema/check.h"
#include "schema/flowcontrol_rules.h"
#include "schema/table.h"
#include "value/base64.h"

static void check_request(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	_cleanup_buf_ struct buf pem = BUF_INIT;

	if (!value_len(v))
		return;
	base64_decode(value_str_or(v, ""), value_len(v), &pem);
	if (!strstr(buf_str(&pem), "-----BEGIN CERTIFICATE REQUEST-----") &&
	    !strstr(buf_str(&pem), "-----BEGIN NEW CERTIFICATE REQUEST-----"))
		report_error(ad, at, value_mark(v), "Invalid value: PEM block type must be CERTIFICATE REQUEST");
}

static void check_signer(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	if (!strcmp(value_str_or(v, ""), "kubernetes.io/legacy-unknown"))
		report_invalid(ad, at, v, "the legacy signerName is not allowed via this API version");
	else
		check_text(ad, v, at, format_signer_name);
}

void signing_request_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *usages = value_get(v, "usages"), *seconds = value_get(v, "expirationSeconds");
	const char *const *all =
		NAMES("any", "cert sign", "client auth", "code signing", "content commitment", "crl sign",
		      "data encipherment", "decipher only", "digital signature", "email protection", "encipher only",
		      "ipsec end system", "ipsec tunnel", "ipsec user", "key agreement", "key encipherment", "microsoft sgc",
		      "netscape sgc", "ocsp signing", "s/mime", "server auth", "signing", "timestamping");

	check_request(ad, value_get(v, "request"), AT(at, "request"));
	check_required(ad, v, at, "usages", "");
	check_unique_items(ad, usages, AT(at, "usages"));
	for (size_t i = 0; i < value_len(usages); i++) {
		const char *const *u = all;

		while (*u && strcmp(*u, value_str_or(value_at(usages, i), "")) != 0)
			u++;
		if (!*u)
			report_unsupported(ad, AT_ITEM(AT(at, "usages"), i), value_at(usages, i), all);
	}
	check_signer(ad, value_get(v, "signerName"), AT(at, "signerName"));
	if (seconds && value_int(seconds, 0) < 600)
		report_invalid(ad, AT(at, "expirationSeconds"), seconds,
			       "may not specify a duration less than 600 seconds (10 minutes)");
}
