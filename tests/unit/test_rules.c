/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of the kinds that Kubernetes itself is extended and governed with: each row makes one mistake in a manifest
 * that is accepted, and names the field and the words that the refusal must have.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "rules.h"

static void webhooks(void **state)
{
	static const char manifest[] =
		"apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\nmetadata: {name: w}\n"
		"webhooks:\n"
		"- name: a.example.com\n"
		"  sideEffects: None\n"
		"  timeoutSeconds: 5\n"
		"  admissionReviewVersions: [v1]\n"
		"  clientConfig: {service: {name: s, namespace: ns, path: /check, port: 443}}\n"
		"  matchConditions: [{name: own, expression: 'true'}]\n"
		"  rules: [{operations: [CREATE], apiGroups: [''], apiVersions: [v1], resources: [pods]}]\n"
		"- name: b.example.com\n"
		"  sideEffects: None\n"
		"  admissionReviewVersions: [v1beta1, v1]\n"
		"  clientConfig: {url: 'https://example.com/check'}\n";
	static const struct rule_row rows[] = {
		{ "a.example.com", "example.com", "webhooks[0].name", "at least three segments" },
		{ "a.example.com", "A.example.com", "webhooks[0].name", "RFC 1123" },
		{ "a.example.com", "b.example.com", "webhooks[1].name", "Duplicate value" },
		{ "sideEffects: None", "sideEffects: Some", "webhooks[0].sideEffects", "NoneOnDryRun" },
		{ "  sideEffects: None\n", "", "webhooks[0].sideEffects", "must specify one of None, NoneOnDryRun" },
		{ "timeoutSeconds: 5", "timeoutSeconds: 0", "webhooks[0].timeoutSeconds", "between 1 and 30" },
		{ "timeoutSeconds: 5", "timeoutSeconds: 31", "webhooks[0].timeoutSeconds", "between 1 and 30" },
		{ "[v1]", "[]", "webhooks[0].admissionReviewVersions", "must specify one of v1, v1beta1" },
		{ "[v1]", "[v2]", "webhooks[0].admissionReviewVersions", "must include at least one of v1, v1beta1" },
		{ "[v1]", "[v1, v1]", "webhooks[0].admissionReviewVersions[1]", "duplicate version" },
		{ "{service:", "{url: 'https://x', service:", "webhooks[0].clientConfig", "exactly one of url or service" },
		{ "{url: 'https://example.com/check'}", "{}", "webhooks[1].clientConfig", "exactly one of url or service" },
		{ "https://example.com/check", "http://example.com", "webhooks[1].clientConfig.url", "only allowed URL scheme" },
		{ "https://example.com/check", "https:///x", "webhooks[1].clientConfig.url", "host must be specified" },
		{ "https://example.com/check", "https://", "webhooks[1].clientConfig.url", "host must be specified" },
		{ "https://example.com/check", "https://me@example.com/", "webhooks[1].clientConfig.url", "user information" },
		{ "https://example.com/check", "https://example.com/#x", "webhooks[1].clientConfig.url", "fragments" },
		{ "https://example.com/check", "https://example.com/?x", "webhooks[1].clientConfig.url", "query parameters" },
		{ "name: s,", "", "webhooks[0].clientConfig.service.name", "Required value" },
		{ "port: 443", "port: 0", "webhooks[0].clientConfig.service.port", "between 1 and 65535" },
		{ "path: /check", "path: check", "webhooks[0].clientConfig.service.path", "must start with a '/'" },
		{ "path: /check", "path: /a//b", "webhooks[0].clientConfig.service.path", "segment[1] may not be empty" },
		{ "path: /check", "path: /a/B", "webhooks[0].clientConfig.service.path", "segment[1]" },
		{ "name: own", "name: '-'", "webhooks[0].matchConditions[0].name", "Invalid value" },
		{ "expression: 'true'", "expression: ' '", "webhooks[0].matchConditions[0].expression", "Required value" },
		{ "[CREATE]", "[]", "webhooks[0].rules[0].operations", "Required value" },
		{ "[CREATE]", "[MAKE]", "webhooks[0].rules[0].operations[0]", "\"CONNECT\"" },
		{ "[CREATE]", "['*', CREATE]", "webhooks[0].rules[0].operations", "must not specify other operations" },
		{ "apiGroups: ['']", "apiGroups: ['*', apps]", "webhooks[0].rules[0].apiGroups", "other API groups" },
		{ "apiVersions: [v1]", "apiVersions: ['']", "webhooks[0].rules[0].apiVersions[0]", "Required value" },
		{ "resources: [pods]", "resources: []", "webhooks[0].rules[0].resources", "Required value" },
		{ "resources: [pods]", "resources: ['']", "webhooks[0].rules[0].resources[0]", "Required value" },
		{ "resources: [pods]", "resources: ['pods/*', pods/log]", "rules[0].resources[1]", "if 'pods/*' is present" },
		{ "resources: [pods]", "resources: ['*/log', pods/log]", "rules[0].resources[1]", "if '*/log' is present" },
		{ "resources: [pods]", "resources: ['*/*', pods]", "rules[0].resources", "if '*/*' is present" },
		{ "resources: [pods]", "resources: ['*', pods]", "rules[0].resources", "without subresources" },
	};

	rules_judge(manifest, rows, ARRAY_SIZE(rows));
}

static void definitions(void **state)
{
	static const char manifest[] =
		"apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: things.example.com}\n"
		"spec:\n"
		"  group: example.com\n"
		"  scope: Namespaced\n"
		"  names: {plural: things, singular: thing, kind: Thing, listKind: ThingList}\n"
		"  versions:\n"
		"  - name: v1\n"
		"    served: true\n"
		"    storage: true\n"
		"    schema:\n"
		"      openAPIV3Schema:\n"
		"        type: object\n"
		"        properties:\n"
		"          metadata: {type: object}\n"
		"          spec:\n"
		"            type: object\n"
		"            required: [size]\n"
		"            properties:\n"
		"              size: {type: integer, minimum: 1}\n"
		"              words: {type: array, items: {type: string}}\n"
		"              free: {type: object, additionalProperties: {type: string}}\n"
		"              ports:\n"
		"                type: array\n"
		"                x-kubernetes-list-type: map\n"
		"                x-kubernetes-list-map-keys: [name]\n"
		"                items: {type: object, required: [name], properties: {name: {type: string}}}\n"
		"              either: {type: string, anyOf: [{pattern: '^a'}, {pattern: '^b'}]}\n";
#define SPEC "openAPIV3Schema.properties[spec].properties"
	static const struct rule_row rows[] = {
		{ "things.example.com", "thing.example.com", "metadata.name", "must be spec.names.plural" },
		{ "scope: Namespaced", "scope: Local", "spec.scope", "Namespaced" },
		{ "plural: things,", "plural: things, categories: [All_],", "spec.names.categories[0]", "DNS-1035" },
		{ "storage: true", "storage: false", "spec.versions", "storage" },
		{ "name: v1\n", "name: V1\n", "spec.versions[0].name", "Invalid value" },
		{ "        type: object\n", "        type: string\n", "openAPIV3Schema.type", "must be object at the root" },
		{ "        type: object\n", "", "openAPIV3Schema.type", "must not be empty at the root" },
		{ "        type: object\n", "        type: object\n        nullable: true\n", "openAPIV3Schema.nullable",
		  "cannot be true at the root" },
		{ "        type: object\n", "        type: object\n        additionalProperties: {type: string}\n",
		  "openAPIV3Schema.additionalProperties", "must not be used at the root" },
		{ "metadata: {type: object}", "metadata: {type: string}", "properties[metadata].type", "must be object" },
		{ "metadata: {type: object}", "metadata: {type: object, properties: {labels: {type: object}}}",
		  "properties[metadata]", "other than name and generateName" },
		{ "metadata: {type: object}", "kind: {type: integer}", "properties[kind].type", "must be string" },
		{ "{type: integer, minimum: 1}", "{minimum: 1}", SPEC "[size].type", "must not be empty for specified object" },
		{ "{type: integer, minimum: 1}", "{type: int}", SPEC "[size].type", "\"integer\"" },
		{ "{type: integer, minimum: 1}", "{type: 'null'}", SPEC "[size].type", "use nullable" },
		{ "{type: integer, minimum: 1}", "{type: integer, minimun: 1}", SPEC "[size].minimun",
		  "did you mean \"minimum\"?" },
		{ "{type: integer, minimum: 1}", "{type: integer, minimum: one}", SPEC "[size].minimum", "another type" },
		{ "{type: integer, minimum: 1}", "3", SPEC "[size]", "must be an object with named fields" },
		{ "{type: integer, minimum: 1}", "{type: object, $ref: '#/x'}", SPEC "[size].$ref", "not supported" },
		{ "{type: integer, minimum: 1}", "{type: integer, x-kubernetes-preserve-unknown-fields: false}",
		  SPEC "[size].x-kubernetes-preserve-unknown-fields", "must be true or undefined" },
		{ "{type: integer, minimum: 1}", "{type: integer, x-kubernetes-map-type: atomic}", SPEC "[size].type",
		  "must be object if x-kubernetes-map-type" },
		{ "{type: integer, minimum: 1}", "{type: integer, x-kubernetes-validations: [{message: m}]}",
		  SPEC "[size].x-kubernetes-validations[0].rule", "rule is not specified" },
		{ "{type: integer, minimum: 1}", "{type: string, x-kubernetes-embedded-resource: true}", SPEC "[size].type",
		  "must be object if x-kubernetes-embedded-resource" },
		{ "items: {type: string}}", "items: {}}", SPEC "[words].items.type", "specified array items" },
		{ ", items: {type: string}}", "}", SPEC "[words].items", "must be specified" },
		{ "items: {type: string}}", "items: [{type: string}]}", SPEC "[words].items", "not an array" },
		{ "items: {type: string}}", "uniqueItems: true, items: {type: string}}", SPEC "[words].uniqueItems", "quadratic" },
		{ "additionalProperties: {type: string}", "additionalProperties: false", SPEC "[free].additionalProperties",
		  "cannot be set to false" },
		{ "additionalProperties: {type: string}", "additionalProperties: {type: string}, properties: {a: {type: string}}",
		  SPEC "[free].additionalProperties", "mutual exclusive" },
		{ "list-type: map", "list-type: set", SPEC "[ports].x-kubernetes-list-type", "must be map" },
		{ "list-type: map", "list-type: bag", SPEC "[ports].x-kubernetes-list-type", "\"atomic\"" },
		{ "                x-kubernetes-list-map-keys: [name]\n", "", SPEC "[ports].x-kubernetes-list-map-keys",
		  "must not be empty" },
		{ "map-keys: [name]", "map-keys: [port]", SPEC "[ports].x-kubernetes-list-map-keys", "names of item properties" },
		{ "{type: object, required: [name],", "{type: object,", SPEC "[ports].items.properties[name].default",
		  "must have a default or be a required property" },
		{ "{type: integer, minimum: 1}", "{type: integer, default: one}", SPEC "[size].default", "in body must be of type integer" },
		{ "{type: integer, minimum: 1}", "{type: integer, minimum: 1, default: 0}", SPEC "[size].default",
		  "should be greater than or equal to 1" },
		{ "{type: integer, minimum: 1}", "{type: object, default: {a: 1}, properties: {a: {type: string}}}",
		  SPEC "[size].default", "must fit the schema" },
		{ "{type: integer, minimum: 1}", "{type: string, format: ipv4, default: here}", SPEC "[size].default",
		  "must be of type ipv4" },
		{ "{type: integer, minimum: 1}", "{type: string, pattern: '[a-z'}", SPEC "[size].pattern", "missing closing ]" },
		{ "{type: integer, minimum: 1}", "{type: string, pattern: '(a'}", SPEC "[size].pattern", "missing closing )" },
		{ "{type: integer, minimum: 1}", "{type: string, pattern: 'a)'}", SPEC "[size].pattern", "unexpected )" },
		{ "{type: integer, minimum: 1}", "{type: string, pattern: '^(?!a)'}", SPEC "[size].pattern", "unsupported Perl syntax" },
		{ "{type: integer, minimum: 1}", "{type: string, pattern: '*a'}", SPEC "[size].pattern", "missing argument" },
		{ "{type: integer, minimum: 1}", "{type: string, pattern: 'a**'}", SPEC "[size].pattern", "nested repetition" },
		{ "{type: integer, minimum: 1}", "{type: string, pattern: 'a\\'}", SPEC "[size].pattern", "trailing backslash" },
		{ "anyOf: [{pattern: '^a'}", "anyOf: [{pattern: '^a['}", SPEC "[either].anyOf[0].pattern", "missing closing ]" },
		{ "anyOf: [{pattern: '^a'}", "anyOf: [{type: string}", SPEC "[either].anyOf[0].type", "must be empty to be structural" },
		{ "anyOf: [{pattern: '^a'}", "anyOf: [{not: {default: 1}}", SPEC "[either].anyOf[0].not.default",
		  "must be undefined to be structural" },
	};

	rules_judge(manifest, rows, ARRAY_SIZE(rows));
}

static void flow_schemas(void **state)
{
	static const char manifest[] =
		"apiVersion: flowcontrol.apiserver.k8s.io/v1\nkind: FlowSchema\nmetadata: {name: f}\n"
		"spec:\n"
		"  matchingPrecedence: 500\n"
		"  priorityLevelConfiguration: {name: p}\n"
		"  rules:\n"
		"  - subjects: [{kind: ServiceAccount, serviceAccount: {name: a, namespace: ns}}, {kind: Group, group: {name: g}}]\n"
		"    resourceRules: [{verbs: [get], apiGroups: [''], resources: [pods], namespaces: [ns]}]\n"
		"    nonResourceRules: [{verbs: [get], nonResourceURLs: [/healthz]}]\n";
#define RULE "spec.rules[0]."
	static const struct rule_row rows[] = {
		{ ": 500", ": 0", "spec.matchingPrecedence", "must be a positive value" },
		{ ": 500", ": 10001", "spec.matchingPrecedence", "must not be greater than 10000" },
		{ ": 500", ": 1", "spec.matchingPrecedence", "only the schema named 'exempt'" },
		{ "{name: p}", "{name: ''}", "spec.priorityLevelConfiguration.name", "must reference a priority level" },
		{ "{name: p}", "{name: P}", "spec.priorityLevelConfiguration.name", "RFC 1123" },
		{ "kind: Group,", "kind: Team,", RULE "subjects[1].kind", "\"ServiceAccount\"" },
		{ "kind: Group,", "kind: User,", RULE "subjects[1].group", "forbidden when subject kind is not 'Group'" },
		{ "group: {name: g}", "user: {name: g}", RULE "subjects[1].group", "is required when subject kind is 'Group'" },
		{ "namespace: ns}}", "namespace: N}}", RULE "subjects[0].serviceAccount.namespace", "Invalid value" },
		{ "verbs: [get], apiGroups", "verbs: [], apiGroups", RULE "resourceRules[0].verbs", "at least one value" },
		{ "verbs: [get], apiGroups", "verbs: [fetch], apiGroups", RULE "resourceRules[0].verbs", "\"deletecollection\"" },
		{ "verbs: [get], apiGroups", "verbs: ['*', get], apiGroups", RULE "resourceRules[0].verbs", "other verbs" },
		{ "apiGroups: ['']", "apiGroups: []", RULE "resourceRules[0].apiGroups", "at least one api group" },
		{ "resources: [pods]", "resources: ['*', pods]", RULE "resourceRules[0].resources", "other resources" },
		{ "namespaces: [ns]", "namespaces: []", RULE "resourceRules[0].namespaces", "not cluster scoped" },
		{ "namespaces: [ns]", "namespaces: [ns, '*']", RULE "resourceRules[0].namespaces", "other namespaces" },
		{ "namespaces: [ns]", "namespaces: [Up]", RULE "resourceRules[0].namespaces[0]", "'*' or a DNS-1123 label" },
		{ "/healthz", "healthz", RULE "nonResourceRules[0].nonResourceURLs[0]", "must start with slash" },
		{ "/healthz", "/a//b", RULE "nonResourceRules[0].nonResourceURLs[0]", "double slash" },
		{ "/healthz", "/a*", RULE "nonResourceRules[0].nonResourceURLs[0]", "suffix matching" },
		{ "/healthz", "/*/a", RULE "nonResourceRules[0].nonResourceURLs[0]", "suffix matching" },
		{ "/healthz", "'/a b'", RULE "nonResourceRules[0].nonResourceURLs[0]", "white-space" },
	};

	rules_judge(manifest, rows, ARRAY_SIZE(rows));
}

static void priority_levels(void **state)
{
	static const char manifest[] =
		"apiVersion: flowcontrol.apiserver.k8s.io/v1\nkind: PriorityLevelConfiguration\nmetadata: {name: p}\n"
		"spec:\n"
		"  type: Limited\n"
		"  limited: {limitResponse: {type: Queue, queuing: {queues: 64, handSize: 6, queueLengthLimit: 50}}}\n";
#define RESPONSE "spec.limited.limitResponse."
	static const struct rule_row rows[] = {
		{ "type: Limited", "type: Exempt", "spec.type", "if and only if `name` is 'exempt'" },
		{ "type: Limited", "type: Exempt", "spec.limited", "must be nil if the type is not Limited" },
		{ "type: Limited", "type: Some", "spec.type", "\"Exempt\"" },
		{ "name: p", "name: exempt", "spec.type", "must be 'Exempt'" },
		{ "type: Queue", "type: Reject", RESPONSE "queuing", "must be nil" },
		{ "type: Queue, queuing: {queues: 64, handSize: 6, queueLengthLimit: 50}", "type: Queue", RESPONSE "queuing",
		  "must not be empty" },
		{ "queueLengthLimit: 50", "queueLengthLimit: -1", RESPONSE "queuing.queueLengthLimit", "must be positive" },
		{ "queues: 64", "queues: -1", RESPONSE "queuing.queues", "must be positive" },
		{ "queues: 64", "queues: 10000001", RESPONSE "queuing.queues", "must not be greater than 10000000" },
		{ "handSize: 6", "handSize: 65", RESPONSE "queuing.handSize", "should not be greater than queues (64)" },
		{ "handSize: 6", "handSize: 11", RESPONSE "queuing.handSize", "required entropy bits of deckSize 64 and handSize 11" },
	};

	rules_judge(manifest, rows, ARRAY_SIZE(rows));
}

static void admission_policies(void **state)
{
	static const char manifest[] =
		"apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy\nmetadata: {name: p.example.com}\n"
		"spec:\n"
		"  paramKind: {apiVersion: example.com/v1, kind: Limit}\n"
		"  matchConstraints:\n"
		"    resourceRules: [{operations: [CREATE], apiGroups: [''], apiVersions: [v1], resources: [pods]}]\n"
		"  variables: [{name: v, expression: '1'}]\n"
		"  validations: [{expression: 'true', message: too many, reason: Forbidden}]\n"
		"  auditAnnotations: [{key: k, valueExpression: '1'}]\n";
	static const struct rule_row rows[] = {
		{ "example.com/v1,", "Example/v1,", "spec.paramKind.apiVersion", "Invalid value" },
		{ "example.com/v1,", "example.com/,", "spec.paramKind.apiVersion", "version must be specified" },
		{ "kind: Limit", "kind: Li_mit", "spec.paramKind.kind", "may have mixed case" },
		{ "name: v,", "name: 1n,", "spec.variables[0].name", "must be a valid CEL identifier" },
		{ "expression: '1'}]\n  val", "expression: ''}]\n  val", "spec.variables[0].expression", "not specified" },
		{ "expression: 'true'", "expression: ''", "spec.validations[0].expression", "expression is not specified" },
		{ "message: too many", "message: ' '", "spec.validations[0].message", "must be non-empty if specified" },
		{ "message: too many", "message: \"a\\nb\"", "spec.validations[0].message", "line breaks" },
		{ "reason: Forbidden", "reason: Wrong", "spec.validations[0].reason", "\"RequestEntityTooLarge\"" },
		{ "[{key: k,", "[{key: '-',", "spec.auditAnnotations[0].key", "Invalid value" },
		{ "[{key: k,", "[{key: k, valueExpression: a}, {key: k,", "spec.auditAnnotations[1].key", "Duplicate value" },
		{ "valueExpression: '1'", "valueExpression: ''", "spec.auditAnnotations[0].valueExpression", "not specified" },
		{ "resourceRules: [{operations: [CREATE], apiGroups: [''], apiVersions: [v1], resources: [pods]}]",
		  "resourceRules: []", "spec.matchConstraints.resourceRules", "Required value" },
		{ "  validations: [{expression: 'true', message: too many, reason: Forbidden}]\n"
		  "  auditAnnotations: [{key: k, valueExpression: '1'}]\n", "", "spec.validations", "at least one item" },
	};

	rules_judge(manifest, rows, ARRAY_SIZE(rows));
}

static void policy_bindings(void **state)
{
	static const char manifest[] =
		"apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicyBinding\nmetadata: {name: b}\n"
		"spec:\n"
		"  policyName: p.example.com\n"
		"  validationActions: [Deny]\n"
		"  paramRef: {name: r, parameterNotFoundAction: Deny}\n";
	static const struct rule_row rows[] = {
		{ "p.example.com", "P", "spec.policyName", "RFC 1123" },
		{ "[Deny]", "[]", "spec.validationActions", "at least one validation action" },
		{ "[Deny]", "[Deny, Deny]", "spec.validationActions[1]", "Duplicate value" },
		{ "[Deny]", "[Deny, Warn]", "spec.validationActions", "must not contain both Deny and Warn" },
		{ "name: r,", "name: r, selector: {},", "spec.paramRef.selector", "mutually exclusive" },
		{ "name: r,", "", "spec.paramRef", "one of name or selector" },
		{ "name: r,", "name: a/b,", "spec.paramRef.name", "Invalid value" },
		{ ", parameterNotFoundAction: Deny", "", "spec.paramRef.parameterNotFoundAction", "Required value" },
		{ "NotFoundAction: Deny", "NotFoundAction: Stop", "spec.paramRef.parameterNotFoundAction", "\"Allow\"" },
	};

	rules_judge(manifest, rows, ARRAY_SIZE(rows));
}

static void api_services(void **state)
{
	static const char manifest[] =
		"apiVersion: apiregistration.k8s.io/v1\nkind: APIService\nmetadata: {name: v1.example.com}\n"
		"spec:\n"
		"  group: example.com\n"
		"  version: v1\n"
		"  groupPriorityMinimum: 100\n"
		"  versionPriority: 10\n"
		"  service: {name: s, namespace: ns}\n";
	static const struct rule_row rows[] = {
		{ "v1.example.com", "v2.example.com", "metadata.name", "v1.example.com" },
		{ ": 100\n", ": 20001\n", "spec.groupPriorityMinimum", "less than 20000" },
		{ ": 10\n", ": 1001\n", "spec.versionPriority", "less than 1000" },
		{ "name: s, ", "", "spec.service.name", "Required value" },
		{ "namespace: ns", "namespace: ns, port: 70000", "spec.service.port", "between 1 and 65535" },
		{ "  service: {name: s, namespace: ns}\n", "  insecureSkipTLSVerify: true\n", "spec.insecureSkipTLSVerify",
		  "local APIServices" },
		{ "  service:", "  insecureSkipTLSVerify: true\n  caBundle: YQ==\n  service:", "spec.insecureSkipTLSVerify",
		  "caBundle is present" },
	};

	rules_judge(manifest, rows, ARRAY_SIZE(rows));
}

static void devices(void **state)
{
	static const char manifest[] =
		"apiVersion: resource.k8s.io/v1\nkind: ResourceClaim\nmetadata: {name: c, namespace: ns}\n"
		"spec:\n"
		"  devices:\n"
		"    requests:\n"
		"    - {name: a, exactly: {deviceClassName: d.example.com, allocationMode: ExactCount, count: 2}}\n"
		"    - {name: b, firstAvailable: [{name: x, deviceClassName: d.example.com}]}\n"
		"    constraints: [{requests: [a, b/x], matchAttribute: d.example.com/numa}]\n"
		"    config: [{requests: [a], opaque: {driver: d.example.com, parameters: {v: 1}}}]\n";
#define DEVICES "spec.devices."
	static const struct rule_row rows[] = {
		{ "{name: a,", "{name: A,", DEVICES "requests[0].name", "Invalid value" },
		{ "{name: a,", "{name: b,", DEVICES "requests[1].name", "Duplicate value" },
		{ "count: 2", "count: -1", DEVICES "requests[0].exactly.count", "must be greater than zero" },
		{ "ExactCount", "All", DEVICES "requests[0].exactly.count", "must not be specified" },
		{ "deviceClassName: d.example.com, alloc", "deviceClassName: D, alloc", DEVICES "requests[0].exactly.deviceClassName",
		  "RFC 1123" },
		{ "{name: b, first", "{name: b, exactly: {deviceClassName: d}, first", DEVICES "requests[1]",
		  "exactly one of `exactly` or `firstAvailable`" },
		{ "[{name: x, deviceClassName: d.example.com}]", "[]", DEVICES "requests[1]", "exactly one of" },
		{ "[a, b/x]", "[a, b/y]", DEVICES "constraints[0].requests[1]", "separated by '/'" },
		{ "[a, b/x]", "[a, a]", DEVICES "constraints[0].requests[1]", "Duplicate value" },
		{ "config: [{requests: [a]", "config: [{requests: [z]", DEVICES "config[0].requests[0]", "name of a request" },
		{ ", parameters: {v: 1}", "", DEVICES "config[0].opaque.parameters", "Required value" },
		{ "parameters: {v: 1}", "parameters: [1]", DEVICES "config[0].opaque.parameters", "" },
	};

	rules_judge(manifest, rows, ARRAY_SIZE(rows));
}

static void resource_slices(void **state)
{
	static const char manifest[] =
		"apiVersion: resource.k8s.io/v1\nkind: ResourceSlice\nmetadata: {name: s}\n"
		"spec:\n"
		"  driver: d.example.com\n"
		"  nodeName: n1\n"
		"  pool: {name: p, generation: 1, resourceSliceCount: 1}\n"
		"  devices: [{name: d0}, {name: d1}]\n";
	static const struct rule_row rows[] = {
		{ "nodeName: n1", "nodeName: N1", "spec.nodeName", "RFC 1123" },
		{ "  nodeName: n1\n", "", "spec", "Required value: exactly one of `nodeName`" },
		{ "  nodeName: n1\n", "  allNodes: false\n", "spec", "Required value: exactly one of `nodeName`" },
		{ "  nodeName: n1\n", "  nodeName: n1\n  allNodes: true\n", "spec", "Invalid value: exactly one of `nodeName`" },
		{ "{name: d1}", "{name: d0}", "spec.devices[1].name", "Duplicate value" },
		{ "driver: d.example.com", "driver: '-'", "spec.driver", "Invalid value" },
	};

	rules_judge(manifest, rows, ARRAY_SIZE(rows));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(webhooks),	     cmocka_unit_test(definitions),	cmocka_unit_test(flow_schemas),
		cmocka_unit_test(priority_levels),   cmocka_unit_test(admission_policies), cmocka_unit_test(policy_bindings),
		cmocka_unit_test(api_services),	     cmocka_unit_test(devices),		cmocka_unit_test(resource_slices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
