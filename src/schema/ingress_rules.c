/* SPDX-License-Identifier: Apache-2.0 */
/* Facts: K8S:pkg/apis/networking/validation/validation.go; the beta form: api/extensions/v1beta1/types.go. */
#include <string.h>

#include "schema/check.h"
#include "schema/networking_rules.h"
#include "schema/table.h"

enum { CONTROLLER_MAX = 250 };

/* --- the form of v1beta1 --- */

/* Moves a member under another name; what has that name already stays and the old one is an unknown field. */
static void rename_member(struct admit *ad, struct value *v, const char *from, const char *to)
{
	struct value *member = value_get(v, from);

	if (!member || value_get(v, to))
		return;
	value_set(ad->arena, v, to, member);
	value_remove(v, from);
}

static void backend_from_beta(struct admit *ad, struct value *backend)
{
	struct value *name = value_get(backend, "serviceName"), *port = value_get(backend, "servicePort");
	struct value *service;

	if (value_type(backend) != VALUE_MAP || value_get(backend, "service") || (!name && !port))
		return;
	service = value_set_map(ad->arena, backend, "service");
	if (name)
		value_set(ad->arena, service, "name", name);
	if (port && !value_is_null(port))
		value_set(ad->arena, value_set_map(ad->arena, service, "port"),
			  value_type(port) == VALUE_INT ? "number" : "name", port);
	value_remove(backend, "serviceName");
	value_remove(backend, "servicePort");
}

void ingress_from_beta(struct admit *ad, struct value *root)
{
	struct value *spec = value_get(root, "spec"), *rules = value_get(spec, "rules");

	rename_member(ad, spec, "backend", "defaultBackend");
	backend_from_beta(ad, value_get(spec, "defaultBackend"));
	for (size_t i = 0; i < value_len(rules); i++) {
		const struct value *paths = value_path(value_at(rules, i), "http", "paths");

		for (size_t k = 0; value_type(paths) == VALUE_LIST && k < value_len(paths); k++) {
			struct value *path = value_at(paths, k);

			backend_from_beta(ad, value_get(path, "backend"));
			/* SetDefaults_HTTPIngressPath of v1beta1 */
			if (value_type(path) == VALUE_MAP && value_is_null(value_get(path, "pathType")))
				value_set_str(ad->arena, path, "pathType", "ImplementationSpecific");
		}
	}
}

/* --- rules --- */

static void check_tls(struct admit *ad, const struct value *tls, const struct schema_path *at)
{
	for (size_t i = 0; i < value_len(tls); i++) {
		const struct value *item = value_at(tls, i), *hosts = value_get(item, "hosts");
		const struct schema_path *path = AT_ITEM(at, i);

		for (size_t k = 0; k < value_len(hosts); k++) {
			const char *s = value_str_or(value_at(hosts, k), "");
			const char *why = format_host(s, strlen(s));

			if (why)
				report_invalid(ad, AT_ITEM(AT(path, "hosts"), k), value_at(hosts, k), "%s", why);
		}
		check_member(ad, item, path, "secretName", format_dns_subdomain);
	}
}

static void check_rules(struct admit *ad, const struct value *rules, const struct schema_path *at)
{
	for (size_t i = 0; i < value_len(rules); i++) {
		const struct value *host = value_get(value_at(rules, i), "host");

		if (value_len(host) && format_ip_family(value_str_or(host, "")))
			report_invalid(ad, AT(AT_ITEM(at, i), "host"), host, "must be a DNS name, not an IP address");
		check_text(ad, host, AT(AT_ITEM(at, i), "host"), format_host);
	}
}

void ingress_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *rules = value_get(v, "rules");

	if (!value_len(rules) && !value_get(v, "defaultBackend"))
		report_error(ad, at, value_mark(v),
			     "Invalid value: []: either `defaultBackend` or `rules` must be specified");
	check_rules(ad, rules, AT(at, "rules"));
	check_tls(ad, value_get(v, "tls"), AT(at, "tls"));
	check_member(ad, v, at, "ingressClassName", format_dns_subdomain);
	if (value_get(v, "ingressClassName") && !value_len(value_get(v, "ingressClassName")))
		report_invalid(ad, AT(at, "ingressClassName"), value_get(v, "ingressClassName"), "%s",
			       format_dns_subdomain("", 0));
}

void ingress_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *note = value_get(value_path(v, "metadata", "annotations"), "kubernetes.io/ingress.class");
	const struct value *name = value_path(v, "spec", "ingressClassName");

	if (value_is_null(value_get(v, "spec")))
		ingress_spec_check(ad, value_get(v, "spec"), AT(at, "spec"));
	if (note && name && !value_equal(note, name))
		report_invalid(ad, AT_KEY(AT(AT(at, "metadata"), "annotations"), "kubernetes.io/ingress.class"), note,
			       "must match `ingressClassName` when both are specified");
	if (note && !name)
		report_warning(ad, AT_KEY(AT(AT(at, "metadata"), "annotations"), "kubernetes.io/ingress.class"), value_mark(note),
			       "annotation \"kubernetes.io/ingress.class\" is deprecated, please use 'spec.ingressClassName' "
			       "instead");
}

static void check_path(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	static const char *const sequences[] = { "//", "/./", "/../", "%2f", "%2F" };
	static const char *const suffixes[] = { "/..", "/." };
	const struct value *path = value_get(v, "path");
	const char *s = value_str_or(path, "");
	size_t len = strlen(s);
	bool exact = !text_is(v, "pathType", "ImplementationSpecific");

	if ((exact || len) && *s != '/')
		report_invalid(ad, AT(at, "path"), path ? path : value_get(v, "pathType"), "must be an absolute path");
	for (size_t i = 0; exact && i < ARRAY_SIZE(sequences); i++)
		if (strstr(s, sequences[i]))
			report_invalid(ad, AT(at, "path"), path, "must not contain '%s'", sequences[i]);
	for (size_t i = 0; exact && i < ARRAY_SIZE(suffixes); i++)
		if (len >= strlen(suffixes[i]) && !strcmp(s + len - strlen(suffixes[i]), suffixes[i]))
			report_invalid(ad, AT(at, "path"), path, "cannot end with '%s'", suffixes[i]);
}

void ingress_path_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	if (!check_required(ad, v, at, "pathType", "pathType must be specified"))
		return;
	if (check_one_of(ad, v, at, "pathType", NAMES("Exact", "ImplementationSpecific", "Prefix")))
		check_path(ad, v, at);
}

/* A TypedLocalObjectReference, whose kind and name the table asks for. */
static void check_referent(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	check_member(ad, v, at, "apiGroup", format_dns_subdomain);
	check_member(ad, v, at, "kind", format_path_segment);
	check_member(ad, v, at, "name", format_path_segment);
}

void ingress_backend_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *service = value_get(v, "service"), *port = value_get(service, "port");
	const struct value *name = value_get(port, "name"), *number = value_get(port, "number");

	if (value_get(v, "resource") && service)
		report_error(ad, at, value_mark(v), "Invalid value: \"\": cannot set both resource and service backends");
	else if (!value_get(v, "resource") && !service)
		report_error(ad, at, value_mark(v), "Invalid value: \"\": resource or service backend is required");
	if (value_get(v, "resource") && !service)
		check_referent(ad, value_get(v, "resource"), AT(at, "resource"));
	if (value_get(v, "resource") || !service)
		return;
	check_name_of(ad, service, AT(at, "service"), "name", format_dns_1035_label);
	if (value_len(name) && number)
		report_error(ad, at, value_mark(port), "Invalid value: \"\": cannot set both port name & port number");
	else if (value_len(name))
		check_text(ad, name, AT(AT(AT(at, "service"), "port"), "name"), format_port_name);
	else if (number)
		check_between(ad, port, AT(AT(at, "service"), "port"), "number", 1, 65535);
	else
		report_required(ad, at, v, "port name or number is required");
}

/* --- IngressClass --- */

void ingress_class_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	if (value_len(value_get(v, "controller")) > CONTROLLER_MAX)
		report_too_long(ad, AT(at, "controller"), value_get(v, "controller"), "may not be more than %d bytes",
				CONTROLLER_MAX);
	check_name_of(ad, v, at, "controller", format_domain_path);
}

void ingress_parameters_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	check_required(ad, v, at, "kind", "");
	check_required(ad, v, at, "name", "");
	check_referent(ad, v, at);
	if (text_is(v, "scope", "Namespace")) {
		if (!value_get(v, "namespace"))
			report_required(ad, AT(at, "namespace"), v, "`parameters.scope` is set to 'Namespace'");
		check_member(ad, v, at, "namespace", format_dns_label);
	} else if (text_is(v, "scope", "Cluster") && value_get(v, "namespace")) {
		report_forbidden(ad, AT(at, "namespace"), value_get(v, "namespace"),
				 "`parameters.scope` is set to 'Cluster'");
	}
}
