/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EndpointSlice.
 */
#include "schema/service_rules.h"
#include "schema/table.h"

static const struct schema_field endpoint_conditions_fields[] = {
	{ "ready", BOOL, KEEP_ZERO },
	{ "serving", BOOL, KEEP_ZERO },
	{ "terminating", BOOL, KEEP_ZERO },
};
static const struct schema_type endpoint_conditions = STRUCT("EndpointConditions", endpoint_conditions_fields);

static const struct schema_field for_node_fields[] = {
	{ "name", STRING, REQUIRED | ALWAYS },
};
static const struct schema_type for_node = STRUCT("ForNode", for_node_fields);

static const struct schema_field for_zone_fields[] = {
	{ "name", STRING, REQUIRED | ALWAYS },
};
static const struct schema_type for_zone = STRUCT("ForZone", for_zone_fields);

static const struct schema_field endpoint_hints_fields[] = {
	{ "forNodes", LIST(&for_node) },
	{ "forZones", LIST(&for_zone) },
};
static const struct schema_type endpoint_hints = STRUCT("EndpointHints", endpoint_hints_fields);

static const struct schema_field endpoint_fields[] = {
	{ "addresses", SET(STRING) },
	{ "conditions", &endpoint_conditions, ALWAYS },
	{ "deprecatedTopology", &schema_labels },
	{ "hints", &endpoint_hints },
	{ "hostname", STRING, KEEP_ZERO },
	{ "nodeName", STRING, KEEP_ZERO },
	{ "targetRef", &schema_object_reference },
	{ "zone", STRING, KEEP_ZERO },
};
static const struct schema_type endpoint = STRUCT("Endpoint", endpoint_fields);

static const struct schema_field endpoint_port_fields[] = {
	{ "appProtocol", STRING, KEEP_ZERO },
	{ "name", STRING, KEEP_ZERO },
	{ "port", INT32, KEEP_ZERO },
	{ "protocol", ENUM("SCTP", "TCP", "UDP"), KEEP_ZERO },
};
static const struct schema_type endpoint_port =
	STRUCT("EndpointPort", endpoint_port_fields, .defaults = slice_port_defaults);

static const struct schema_field endpoint_slice_fields[] = {
	{ "addressType", ENUM("FQDN", "IPv4", "IPv6"), REQUIRED | IMMUTABLE | ALWAYS },
	{ "apiVersion", STRING, REQUIRED },
	{ "endpoints", LIST(&endpoint) },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "ports", LIST(&endpoint_port) },
};
const struct schema_type schema_endpoint_slice =
	STRUCT("EndpointSlice", endpoint_slice_fields, .check = endpoint_slice_check);
