/* SPDX-License-Identifier: Apache-2.0 */
/* K8S:pkg/printers/internalversion/printers.go, AddHandlers: the headers and texts of kubectl get -o wide. */
#include "fs/tablecolumns.h"

#include <inttypes.h>
#include <string.h>

const struct value *rows_path(const struct value *root, const char *path)
{
	while (root && *path) {
		char key[64];
		size_t n = strcspn(path, ".");

		if (n >= sizeof(key))
			return NULL;
		memcpy(key, path, n);
		key[n] = 0;
		root = value_get(root, key);
		path += n + (path[n] == '.');
	}
	return root;
}

static const char *text_at(const struct value *root, const char *path)
{
	return value_str_or(rows_path(root, path), "");
}

/* Strings of a list, or the member of its maps, joined by commas; after `max` of them "+ N more...". */
static void join(struct buf *out, const struct value *list, const char *member, size_t max)
{
	for (size_t i = 0; i < value_len(list); i++) {
		const struct value *item = value_at(list, i);

		if (i == max) {
			buf_printf(out, " + %zu more...", value_len(list) - max);
			return;
		}
		buf_printf(out, "%s%s", i ? "," : "", value_str_or(member ? value_get(item, member) : item, ""));
	}
}

static void labels(struct buf *out, const struct value *map)
{
	for (size_t i = 0; i < value_len(map); i++)
		buf_printf(out, "%s%s=%s", i ? "," : "", value_key_at(map, i), value_str_or(value_at(map, i), ""));
}

static void count(struct buf *out, const struct value *root, const char *path)
{
	buf_printf(out, "%zu", value_len(rows_path(root, path)));
}

/* --- Service and what it leads to --- */

static void service_ip(struct buf *out, const struct value *root)
{
	buf_puts(out, text_at(root, "spec.clusterIP"));
}

static void service_external(struct buf *out, const struct value *root)
{
	const char *type = text_at(root, "spec.type");
	const struct value *ingress = rows_path(root, "status.loadBalancer.ingress");

	for (size_t i = 0; i < value_len(ingress); i++) {
		const struct value *ip = value_get(value_at(ingress, i), "ip");

		buf_printf(out, "%s%s", i ? "," : "",
			   value_str_or(ip ? ip : value_get(value_at(ingress, i), "hostname"), ""));
	}
	if (out->len && value_len(rows_path(root, "spec.externalIPs")))
		buf_putc(out, ',');
	join(out, rows_path(root, "spec.externalIPs"), NULL, SIZE_MAX);
	if (!strcmp(type, "ExternalName"))
		buf_puts(out, text_at(root, "spec.externalName"));
	else if (!out->len && !strcmp(type, "LoadBalancer"))
		buf_puts(out, "<pending>");
}

static void service_ports(struct buf *out, const struct value *root)
{
	const struct value *ports = rows_path(root, "spec.ports");

	for (size_t i = 0; i < value_len(ports); i++) {
		const struct value *port = value_at(ports, i);

		buf_printf(out, "%s%" PRId64, i ? "," : "", value_int(value_get(port, "port"), 0));
		if (value_get(port, "nodePort"))
			buf_printf(out, ":%" PRId64, value_int(value_get(port, "nodePort"), 0));
		buf_printf(out, "/%s", value_str_or(value_get(port, "protocol"), ""));
	}
}

static void service_selector(struct buf *out, const struct value *root)
{
	labels(out, rows_path(root, "spec.selector"));
}

static void endpoints(struct buf *out, const struct value *root)
{
	const struct value *subsets = value_get(root, "subsets");
	size_t shown = 0, total = 0;

	for (size_t i = 0; i < value_len(subsets); i++) {
		const struct value *addresses = value_get(value_at(subsets, i), "addresses");
		const struct value *ports = value_get(value_at(subsets, i), "ports");
		size_t n = value_len(ports) ? value_len(ports) : 1;

		total += value_len(addresses) * n;
		for (size_t k = 0; k < value_len(addresses) * n && shown < 3; k++) {
			const struct value *port = value_get(value_at(ports, k % n), "port");

			buf_printf(out, "%s%s", shown++ ? "," : "", value_str_or(value_get(value_at(addresses, k / n), "ip"), ""));
			if (port)
				buf_printf(out, ":%" PRId64, value_int(port, 0));
		}
	}
	if (total > shown)
		buf_printf(out, " + %zu more...", total - shown);
}

static void slice_ports(struct buf *out, const struct value *root)
{
	const struct value *ports = value_get(root, "ports");

	for (size_t i = 0; i < value_len(ports) && i < 3; i++)
		buf_printf(out, "%s%" PRId64, i ? "," : "", value_int(value_get(value_at(ports, i), "port"), 0));
	if (value_len(ports) > 3)
		buf_printf(out, " + %zu more...", value_len(ports) - 3);
	if (!value_len(ports))
		buf_puts(out, "<unset>");
}

static void slice_endpoints(struct buf *out, const struct value *root)
{
	const struct value *list = value_get(root, "endpoints");
	size_t shown = 0;

	for (size_t i = 0; i < value_len(list); i++) {
		const struct value *addresses = value_get(value_at(list, i), "addresses");

		for (size_t k = 0; k < value_len(addresses) && shown < 3; k++)
			buf_printf(out, "%s%s", shown++ ? "," : "", value_str_or(value_at(addresses, k), ""));
	}
	if (!shown)
		buf_puts(out, "<unset>");
}

/* --- networking --- */

static void ingress_hosts(struct buf *out, const struct value *root)
{
	const struct value *rules = rows_path(root, "spec.rules");
	size_t n = 0;

	for (size_t i = 0; i < value_len(rules); i++) {
		const char *host = value_str_or(value_get(value_at(rules, i), "host"), "");

		if (*host && n < 3)
			buf_printf(out, "%s%s", n ? "," : "", host);
		n += *host != 0;
	}
	if (n > 3)
		buf_printf(out, " + %zu more...", n - 3);
	if (!n)
		buf_putc(out, '*');
}

static void ingress_address(struct buf *out, const struct value *root)
{
	service_external(out, root);
}

static void ingress_ports(struct buf *out, const struct value *root)
{
	buf_puts(out, value_len(rows_path(root, "spec.tls")) ? "80, 443" : "80");
}

static void class_parameters(struct buf *out, const struct value *root)
{
	const struct value *p = rows_path(root, "spec.parameters");
	const char *group = text_at(p, "apiGroup");

	if (p)
		buf_printf(out, "%s%s%s/%s", text_at(p, "kind"), *group ? "." : "", group, text_at(p, "name"));
}

static void pod_selector(struct buf *out, const struct value *root)
{
	labels(out, rows_path(root, "spec.podSelector.matchLabels"));
}

static void cidrs(struct buf *out, const struct value *root)
{
	join(out, rows_path(root, "spec.cidrs"), NULL, SIZE_MAX);
}

static void parent(struct buf *out, const struct value *root)
{
	const struct value *p = rows_path(root, "spec.parentRef");

	buf_printf(out, "%s/%s/%s", text_at(p, "resource"), text_at(p, "namespace"), text_at(p, "name"));
}

/* --- secrets, accounts, roles --- */

static void secret_data(struct buf *out, const struct value *root)
{
	count(out, root, "data");
}

static void account_secrets(struct buf *out, const struct value *root)
{
	count(out, root, "secrets");
}

static void role_ref(struct buf *out, const struct value *root)
{
	buf_printf(out, "%s/%s", text_at(root, "roleRef.kind"), text_at(root, "roleRef.name"));
}

static void subjects(struct buf *out, const struct value *root, const char *kind)
{
	const struct value *list = value_get(root, "subjects");

	for (size_t i = 0; i < value_len(list); i++) {
		const struct value *s = value_at(list, i);

		if (strcmp(text_at(s, "kind"), kind) != 0)
			continue;
		buf_puts(out, out->len ? ", " : "");
		if (!strcmp(kind, "ServiceAccount"))
			buf_printf(out, "%s/", text_at(s, "namespace"));
		buf_puts(out, text_at(s, "name"));
	}
}

static void users(struct buf *out, const struct value *root)
{
	subjects(out, root, "User");
}

static void groups(struct buf *out, const struct value *root)
{
	subjects(out, root, "Group");
}

static void accounts(struct buf *out, const struct value *root)
{
	subjects(out, root, "ServiceAccount");
}

/* --- storage --- */

static void modes_of(struct buf *out, const struct value *modes)
{
	static const char *const names[][2] = { { "ReadWriteOnce", "RWO" }, { "ReadOnlyMany", "ROX" },
						{ "ReadWriteMany", "RWX" }, { "ReadWriteOncePod", "RWOP" } };

	for (size_t k = 0; k < ARRAY_SIZE(names); k++)
		for (size_t i = 0; i < value_len(modes); i++)
			if (!strcmp(value_str_or(value_at(modes, i), ""), names[k][0])) {
				buf_printf(out, "%s%s", out->len ? "," : "", names[k][1]);
				break;
			}
}

static void volume_modes(struct buf *out, const struct value *root)
{
	modes_of(out, rows_path(root, "spec.accessModes"));
}

static void claim_modes(struct buf *out, const struct value *root)
{
	modes_of(out, rows_path(root, "status.accessModes"));
}

static void volume_status(struct buf *out, const struct value *root)
{
	buf_puts(out, rows_path(root, "metadata.deletionTimestamp") ? "Terminating" : text_at(root, "status.phase"));
}

static void volume_claim(struct buf *out, const struct value *root)
{
	if (rows_path(root, "spec.claimRef"))
		buf_printf(out, "%s/%s", text_at(root, "spec.claimRef.namespace"), text_at(root, "spec.claimRef.name"));
}

static void attributes_class(struct buf *out, const struct value *root)
{
	const char *s = text_at(root, "spec.volumeAttributesClassName");

	buf_puts(out, *s ? s : "<unset>");
}

static void drivers(struct buf *out, const struct value *root)
{
	count(out, root, "spec.drivers");
}

static void lifecycle_modes(struct buf *out, const struct value *root)
{
	join(out, rows_path(root, "spec.volumeLifecycleModes"), NULL, SIZE_MAX);
}

static void token_requests(struct buf *out, const struct value *root)
{
	join(out, rows_path(root, "spec.tokenRequests"), "audience", SIZE_MAX);
}

/* --- the rest --- */

static void webhooks(struct buf *out, const struct value *root)
{
	count(out, root, "webhooks");
}

static void validations(struct buf *out, const struct value *root)
{
	count(out, root, "spec.validations");
}

static void api_service(struct buf *out, const struct value *root)
{
	if (rows_path(root, "spec.service"))
		buf_printf(out, "%s/%s", text_at(root, "spec.service.namespace"), text_at(root, "spec.service.name"));
	else
		buf_puts(out, "Local");
}

static void available(struct buf *out, const struct value *root)
{
	const struct value *c = value_find(rows_path(root, "status.conditions"), "type", "Available");

	buf_puts(out, c ? text_at(c, "status") : "Unknown");
}

static void request_condition(struct buf *out, const struct value *root)
{
	join(out, rows_path(root, "status.conditions"), "type", SIZE_MAX);
	if (!out->len)
		buf_puts(out, "Pending");
}

static void claim_state(struct buf *out, const struct value *root)
{
	buf_puts(out, !rows_path(root, "status.allocation") ? "pending" :
		      value_len(rows_path(root, "status.reservedFor")) ? "allocated,reserved" : "allocated");
}

#define COLUMNS(...) ((const struct rows_column[]){ __VA_ARGS__, { NULL } })
#define AGE { "AGE" }
#define CREATED { "CREATED AT", "metadata.creationTimestamp" }

static const struct {
	const char *plural;
	const struct rows_column *columns;
} kinds[] = {
	{ "apiservices", COLUMNS({ "SERVICE", .write = api_service }, { "AVAILABLE", .write = available }, AGE) },
	{ "certificatesigningrequests", COLUMNS(AGE, { "SIGNERNAME", "spec.signerName" }, { "REQUESTOR", "spec.username" },
						{ "REQUESTEDDURATION", "spec.expirationSeconds" },
						{ "CONDITION", .write = request_condition }) },
	{ "clusterrolebindings", COLUMNS({ "ROLE", .write = role_ref }, AGE, { "USERS", .write = users },
					 { "GROUPS", .write = groups }, { "SERVICEACCOUNTS", .write = accounts }) },
	{ "clusterroles", COLUMNS(CREATED) },
	{ "csidrivers", COLUMNS({ "ATTACHREQUIRED", "spec.attachRequired" }, { "PODINFOONMOUNT", "spec.podInfoOnMount" },
				{ "STORAGECAPACITY", "spec.storageCapacity" }, { "TOKENREQUESTS", .write = token_requests },
				{ "REQUIRESREPUBLISH", "spec.requiresRepublish" }, { "MODES", .write = lifecycle_modes }, AGE) },
	{ "csinodes", COLUMNS({ "DRIVERS", .write = drivers }, AGE) },
	{ "csistoragecapacities", COLUMNS({ "STORAGECLASSNAME", "storageClassName" }, { "CAPACITY", "capacity" }, AGE) },
	{ "customresourcedefinitions", COLUMNS(CREATED) },
	{ "endpoints", COLUMNS({ "ENDPOINTS", .write = endpoints }, AGE) },
	{ "endpointslices", COLUMNS({ "ADDRESSTYPE", "addressType" }, { "PORTS", .write = slice_ports },
				    { "ENDPOINTS", .write = slice_endpoints }, AGE) },
	{ "flowschemas", COLUMNS({ "PRIORITYLEVEL", "spec.priorityLevelConfiguration.name" },
				 { "MATCHINGPRECEDENCE", "spec.matchingPrecedence" },
				 { "DISTINGUISHERMETHOD", "spec.distinguisherMethod.type" }, AGE) },
	{ "ingressclasses", COLUMNS({ "CONTROLLER", "spec.controller" }, { "PARAMETERS", .write = class_parameters }, AGE) },
	{ "ingresses", COLUMNS({ "CLASS", "spec.ingressClassName" }, { "HOSTS", .write = ingress_hosts },
			       { "ADDRESS", .write = ingress_address }, { "PORTS", .write = ingress_ports }, AGE) },
	{ "ipaddresses", COLUMNS({ "PARENTREF", .write = parent }, AGE) },
	{ "mutatingwebhookconfigurations", COLUMNS({ "WEBHOOKS", .write = webhooks }, AGE) },
	{ "networkpolicies", COLUMNS({ "POD-SELECTOR", .write = pod_selector }, AGE) },
	{ "persistentvolumeclaims",
	  COLUMNS({ "STATUS", .write = volume_status }, { "VOLUME", "spec.volumeName" },
		  { "CAPACITY", "status.capacity.storage" }, { "ACCESS MODES", .write = claim_modes },
		  { "STORAGECLASS", "spec.storageClassName" }, { "VOLUMEATTRIBUTESCLASS", .write = attributes_class }, AGE,
		  { "VOLUMEMODE", "spec.volumeMode" }) },
	{ "persistentvolumes",
	  COLUMNS({ "CAPACITY", "spec.capacity.storage" }, { "ACCESS MODES", .write = volume_modes },
		  { "RECLAIM POLICY", "spec.persistentVolumeReclaimPolicy" }, { "STATUS", .write = volume_status },
		  { "CLAIM", .write = volume_claim }, { "STORAGECLASS", "spec.storageClassName" },
		  { "VOLUMEATTRIBUTESCLASS", .write = attributes_class }, { "REASON", "status.reason" }, AGE,
		  { "VOLUMEMODE", "spec.volumeMode" }) },
	{ "prioritylevelconfigurations",
	  COLUMNS({ "TYPE", "spec.type" }, { "NOMINALCONCURRENCYSHARES", "spec.limited.nominalConcurrencyShares" },
		  { "QUEUES", "spec.limited.limitResponse.queuing.queues" },
		  { "HANDSIZE", "spec.limited.limitResponse.queuing.handSize" },
		  { "QUEUELENGTHLIMIT", "spec.limited.limitResponse.queuing.queueLengthLimit" }, AGE) },
	{ "resourceclaims", COLUMNS({ "STATE", .write = claim_state }, AGE) },
	{ "resourceslices", COLUMNS({ "NODE", "spec.nodeName" }, { "DRIVER", "spec.driver" }, { "POOL", "spec.pool.name" },
				    AGE) },
	{ "rolebindings", COLUMNS({ "ROLE", .write = role_ref }, AGE, { "USERS", .write = users },
				  { "GROUPS", .write = groups }, { "SERVICEACCOUNTS", .write = accounts }) },
	{ "roles", COLUMNS(CREATED) },
	{ "secrets", COLUMNS({ "TYPE", "type" }, { "DATA", .write = secret_data }, AGE) },
	{ "serviceaccounts", COLUMNS({ "SECRETS", .write = account_secrets }, AGE) },
	{ "servicecidrs", COLUMNS({ "CIDRS", .write = cidrs }, AGE) },
	{ "services", COLUMNS({ "TYPE", "spec.type" }, { "CLUSTER-IP", .write = service_ip },
			      { "EXTERNAL-IP", .write = service_external }, { "PORT(S)", .write = service_ports }, AGE,
			      { "SELECTOR", .write = service_selector }) },
	{ "storageclasses", COLUMNS({ "PROVISIONER", "provisioner" }, { "RECLAIMPOLICY", "reclaimPolicy" },
				    { "VOLUMEBINDINGMODE", "volumeBindingMode" },
				    { "ALLOWVOLUMEEXPANSION", "allowVolumeExpansion" }, AGE) },
	{ "validatingadmissionpolicies", COLUMNS({ "VALIDATIONS", .write = validations },
						 { "PARAMKIND", "spec.paramKind.kind" }, AGE) },
	{ "validatingadmissionpolicybindings", COLUMNS({ "POLICYNAME", "spec.policyName" },
						       { "PARAMREF", "spec.paramRef.name" }, AGE) },
	{ "validatingwebhookconfigurations", COLUMNS({ "WEBHOOKS", .write = webhooks }, AGE) },
	{ "volumeattachments", COLUMNS({ "ATTACHER", "spec.attacher" }, { "PV", "spec.source.persistentVolumeName" },
				       { "NODE", "spec.nodeName" }, { "ATTACHED", "status.attached" }, AGE) },
	{ "volumeattributesclasses", COLUMNS({ "DRIVERNAME", "driverName" }, AGE) },
};

const struct rows_column *rows_columns_of(const struct schema_kind *kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(kinds[i].plural, kind->plural) == 0)
			return kinds[i].columns;
	return rows_work_columns_of(kind);
}
