/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secret and ServiceAccount.
 */
#include "schema/core_rules.h"
#include "schema/identity_rules.h"
#include "schema/table.h"

static const struct schema_field secret_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "data", TYPE(.form = SCHEMA_MAP, .elem = BYTES, .check = config_keys_check) },
	{ "immutable", BOOL, KEEP_ZERO },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "stringData", MAP(STRING) },
	{ "type", STRING, IMMUTABLE, "Opaque" },
};
const struct schema_type schema_secret =
	STRUCT("Secret", secret_fields, .defaults = secret_defaults, .check = secret_check);

static const struct schema_field service_account_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "automountServiceAccountToken", BOOL, KEEP_ZERO },
	{ "imagePullSecrets", LIST(&schema_local_object_reference) },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "secrets", LIST_BY(&schema_object_reference, "name"), NOT_ACTED },
};
const struct schema_type schema_service_account = STRUCT("ServiceAccount", service_account_fields);
