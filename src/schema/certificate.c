/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CertificateSigningRequest.
 */
#include "schema/flowcontrol_rules.h"
#include "schema/table.h"

static const struct schema_field certificate_signing_request_spec_fields[] = {
	{ "expirationSeconds", INT32, KEEP_ZERO },
	{ "extra", MAP(LIST(STRING)) },
	{ "groups", LIST(STRING) },
	{ "request", BYTES, REQUIRED | ALWAYS },
	{ "signerName", STRING, REQUIRED | ALWAYS },
	{ "uid", STRING },
	{ "usages", LIST(STRING) },
	{ "username", STRING },
};
static const struct schema_type certificate_signing_request_spec =
	STRUCT("CertificateSigningRequestSpec", certificate_signing_request_spec_fields, .check = signing_request_spec_check);

static const struct schema_field certificate_signing_request_condition_fields[] = {
	{ "lastTransitionTime", &schema_time },
	{ "lastUpdateTime", &schema_time },
	{ "message", STRING },
	{ "reason", STRING },
	{ "status", STRING, ALWAYS },
	{ "type", STRING, ALWAYS },
};
static const struct schema_type certificate_signing_request_condition =
	STRUCT("CertificateSigningRequestCondition", certificate_signing_request_condition_fields);

static const struct schema_field certificate_signing_request_status_fields[] = {
	{ "certificate", BYTES },
	{ "conditions", LIST_BY(&certificate_signing_request_condition, "type") },
};
static const struct schema_type certificate_signing_request_status =
	STRUCT("CertificateSigningRequestStatus", certificate_signing_request_status_fields);

static const struct schema_field certificate_signing_request_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "spec", &certificate_signing_request_spec, REQUIRED | IMMUTABLE | ALWAYS },
	{ "status", &certificate_signing_request_status, SYSTEM | ALWAYS },
};
const struct schema_type schema_certificate_signing_request =
	STRUCT("CertificateSigningRequest", certificate_signing_request_fields);
