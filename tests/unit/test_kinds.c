/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of the kinds that are checked and stored, one mistake a row: what is said of it, and of what is right
 * nothing. Updates and custom kinds have tests of their own below.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "schema/custom.h"
#include "schema/manifest.h"
#include "schema/schema.h"
#include "value/json.h"

struct doc {
	struct arena *arena;
	struct diag_list diags;
	struct value *root;
	const struct schema_kind *kind;
	struct buf said;
};

static void doc_clear(struct doc *d)
{
	diag_list_clear(&d->diags);
	buf_clear(&d->said);
	arena_free(d->arena);
}
#define _cleanup_doc_ _cleanup_(doc_clear)

/* "apiVersion Kind" and the rest in YAML's flow style; the name is x unless the rest has metadata. */
static struct doc admit(const char *what, const char *rest)
{
	struct doc d = { .arena = arena_new(0), .diags = DIAG_LIST_INIT, .said = BUF_INIT };
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct schema_manifest_object *objects;
	const char *space = strchr(what, ' ');
	size_t n = 0;

	buf_printf(&text, "{apiVersion: %.*s, kind: %s%s%s%s}\n", (int)(space - what), what, space + 1,
		   strstr(rest, "metadata:") ? "" : ", metadata: {name: x}", *rest ? ", " : "", rest);
	if (schema_manifest_read(buf_str(&text), text.len, d.arena, &d.diags, &objects, &n) == 0 && n == 1) {
		d.root = objects[0].root;
		(void)schema_admit(d.root, d.arena, &d.diags, &d.kind);
	}
	diag_format(&d.diags, NULL, &d.said);
	return d;
}

struct row {
	const char *what, *rest;
	const char *said; /* a part of what is said; NULL: no error */
};

static void check(const struct row *rows, size_t n)
{
	size_t failures = 0;

	for (size_t i = 0; i < n; i++) {
		_cleanup_doc_ struct doc d = admit(rows[i].what, rows[i].rest);

		if (rows[i].said ? d.diags.errors && strstr(buf_str(&d.said), rows[i].said) : !d.diags.errors)
			continue;
		failures++;
		printf("# %s %s\n#   wanted: %s\n#   said: %s\n", rows[i].what, rows[i].rest,
		       rows[i].said ? rows[i].said : "no error", buf_str(&d.said));
	}
	assert_int_equal(failures, 0);
}

#define SERVICE "v1 Service"
#define PORT80 "ports: [{port: 80}]"

static void services(void **state)
{
	static const struct row rows[] = {
		{ SERVICE, "spec: {" PORT80 "}", NULL },
		{ SERVICE, "spec: {clusterIP: None}", NULL },
		{ SERVICE, "spec: {}", "spec.ports: Required value" },
		{ SERVICE, "", "spec.ports: Required value" },
		{ SERVICE, "spec: {ports: [{port: 0}]}", "must be between 1 and 65535, inclusive" },
		{ SERVICE, "spec: {ports: [{port: 65536}]}", "spec.ports[0].port: Invalid value: 65536" },
		{ SERVICE, "spec: {ports: [{port: 80}, {port: 81}]}", "spec.ports[0].name: Required value" },
		{ SERVICE, "spec: {ports: [{port: 80, name: a}, {port: 81, name: a}]}",
		  "spec.ports[1].name: Duplicate value: \"a\"" },
		{ SERVICE, "spec: {ports: [{port: 80, name: a}, {port: 80, name: b}]}",
		  "spec.ports[1]: Duplicate value" },
		{ SERVICE, "spec: {ports: [{port: 80, name: a}, {port: 80, name: b, protocol: UDP}]}", NULL },
		{ SERVICE, "spec: {ports: [{port: 80, name: A.b}]}", "spec.ports[0].name: Invalid value" },
		{ SERVICE, "spec: {ports: [{port: 80, appProtocol: 'a b'}]}",
		  "spec.ports[0].appProtocol: Invalid value" },
		{ SERVICE, "spec: {type: NodePort, ports: [{port: 80, nodePort: 80}]}",
		  "The range of valid ports is 30000-32767" },
		{ SERVICE, "spec: {type: NodePort, clusterIP: None, " PORT80 "}",
		  "may not be set to 'None' for NodePort services" },
		{ SERVICE, "spec: {type: ExternalName}", "spec.externalName: Required value" },
		{ SERVICE, "spec: {type: ExternalName, externalName: a.b.}", NULL },
		{ SERVICE, "spec: {type: ExternalName, externalName: a, clusterIP: 10.0.0.1}",
		  "may not be set for ExternalName services" },
		{ SERVICE, "spec: {clusterIP: 10.0.0.1, clusterIPs: [10.0.0.2], " PORT80 "}",
		  "first value must match `clusterIP`" },
		{ SERVICE, "spec: {clusterIPs: [10.0.0.2], " PORT80 "}",
		  "must be empty when `clusterIP` is not specified" },
		{ SERVICE, "spec: {clusterIP: 10.0.0.1, clusterIPs: [10.0.0.1, 10.0.0.2], " PORT80 "}",
		  "no more than one IP for each IP family" },
		{ SERVICE, "spec: {clusterIP: 10.0.0.1, ipFamilies: [IPv6], " PORT80 "}",
		  "expected an IPv6 value as indicated by `ipFamilies[0]`" },
		{ SERVICE, "spec: {ipFamilies: [IPv4, IPv4], " PORT80 "}",
		  "spec.ipFamilies[1]: Duplicate value: \"IPv4\"" },
		{ SERVICE, "spec: {ipFamilyPolicy: Dual, " PORT80 "}", "spec.ipFamilyPolicy: Unsupported value" },
		{ SERVICE, "spec: {sessionAffinity: ClientIP, sessionAffinityConfig: {clientIP: {timeoutSeconds: 86401}}, " PORT80 "}",
		  "must be greater than 0 and less than 86400" },
		{ SERVICE, "spec: {externalIPs: [127.0.0.1], " PORT80 "}", "may not be in the loopback range" },
		{ SERVICE, "spec: {externalIPs: [010.0.0.1], " PORT80 "}", "must not have leading 0s" },
		{ SERVICE, "spec: {externalTrafficPolicy: Local, " PORT80 "}",
		  "may only be set for externally-accessible services" },
		{ SERVICE, "spec: {type: LoadBalancer, externalTrafficPolicy: Far, " PORT80 "}",
		  "spec.externalTrafficPolicy: Unsupported value" },
		{ SERVICE, "spec: {healthCheckNodePort: 30000, " PORT80 "}",
		  "may only be set when `type` is 'LoadBalancer' and" },
		{ SERVICE, "spec: {loadBalancerClass: a/b, " PORT80 "}",
		  "spec.loadBalancerClass: Forbidden: may only be used when `type` is" },
		{ SERVICE, "spec: {loadBalancerSourceRanges: [10.0.0.0/8], " PORT80 "}",
		  "may only be used when `type` is 'LoadBalancer'" },
		{ SERVICE, "spec: {type: LoadBalancer, loadBalancerSourceRanges: [' 10.0.0.0/8 '], " PORT80 "}", NULL },
		{ SERVICE, "spec: {type: LoadBalancer, loadBalancerSourceRanges: [10.0.0.0], " PORT80 "}",
		  "must be a valid CIDR value" },
		{ SERVICE, "spec: {selector: {a: 'b c'}, " PORT80 "}", "spec.selector" },
		{ SERVICE, "metadata: {name: 1a}, spec: {" PORT80 "}", "a DNS-1035 label must consist of" },
		{ "v1 Endpoints", "subsets: [{}]", "must specify `addresses` or `notReadyAddresses`" },
		{ "v1 Endpoints", "subsets: [{addresses: [{ip: 10.0.0.1}], ports: [{port: 1}, {port: 2}]}]",
		  "ports[0].name: Required value" },
		{ "v1 Endpoints", "subsets: [{addresses: [{ip: 169.254.0.1}]}]", "may not be in the link-local range" },
		{ "discovery.k8s.io/v1 EndpointSlice", "addressType: IPv4, endpoints: [{addresses: ['::1']}]",
		  "must be an IPv4 address" },
		{ "discovery.k8s.io/v1 EndpointSlice", "addressType: FQDN, endpoints: [{addresses: [a]}]",
		  "at least two segments" },
		{ "discovery.k8s.io/v1 EndpointSlice", "addressType: IPv4, endpoints: [{addresses: []}]",
		  "must contain at least 1 address" },
		{ "discovery.k8s.io/v1 EndpointSlice", "addressType: Ipv4, endpoints: []", "did you mean \"IPv4\"?" },
		{ "discovery.k8s.io/v1 EndpointSlice",
		  "addressType: IPv4, endpoints: [], ports: [{port: 1}, {port: 2}]",
		  "ports[1].name: Duplicate value: \"\"" },
	};

	check(rows, ARRAY_SIZE(rows));
}

#define INGRESS "networking.k8s.io/v1 Ingress"
#define HTTP(path) "spec: {rules: [{http: {paths: [" path "]}}]}"
#define POLICY "networking.k8s.io/v1 NetworkPolicy"

static void networking(void **state)
{
	static const struct row rows[] = {
		{ INGRESS, HTTP("{path: /, pathType: Prefix, backend: {service: {name: a, port: {number: 1}}}}"),
		  NULL },
		{ INGRESS, HTTP("{path: /, backend: {service: {name: a, port: {number: 1}}}}"),
		  "pathType must be specified" },
		{ INGRESS, HTTP("{path: a, pathType: Exact, backend: {service: {name: a, port: {number: 1}}}}"),
		  "must be an absolute path" },
		{ INGRESS, HTTP("{path: /a//b, pathType: Exact, backend: {service: {name: a, port: {number: 1}}}}"),
		  "must not contain '//'" },
		{ INGRESS, HTTP("{path: /.., pathType: Prefix, backend: {service: {name: a, port: {number: 1}}}}"),
		  "cannot end with '/..'" },
		{ INGRESS, HTTP("{path: /, pathType: Prefix}"), "resource or service backend is required" },
		{ INGRESS, HTTP("{path: /, pathType: Prefix, backend: {service: {name: a}}}"),
		  "port name or number is required" },
		{ INGRESS, HTTP("{path: /, pathType: Prefix, backend: {service: {name: a, port: {name: b, number: 1}}}}"),
		  "cannot set both port name & port number" },
		{ INGRESS, HTTP("{path: /, pathType: Prefix, backend: {serviceName: a, servicePort: 1}}"),
		  "unknown field" },
		{ INGRESS, "spec: {rules: [{host: 10.0.0.1}]}", "must be a DNS name, not an IP address" },
		{ INGRESS, "spec: {rules: [{host: '*.a.b'}]}", NULL },
		{ INGRESS, "spec: {rules: [{host: 'a.*.b'}]}", "a wildcard DNS-1123 subdomain must start with '*.'" },
		{ INGRESS, "spec: {}", "either `defaultBackend` or `rules` must be specified" },
		{ INGRESS, "metadata: {name: x, annotations: {kubernetes.io/ingress.class: a}}, spec: {ingressClassName: b, rules: [{host: a.b}]}",
		  "must match `ingressClassName` when both are specified" },
		{ "extensions/v1beta1 Ingress", "spec: {backend: {serviceName: a, servicePort: http}}", NULL },
		{ "networking.k8s.io/v1 IngressClass", "spec: {controller: a}", "must be a domain-prefixed path" },
		{ "networking.k8s.io/v1 IngressClass", "spec: {controller: a.b/c, parameters: {kind: A, name: b, scope: Namespace}}",
		  "`parameters.scope` is set to 'Namespace'" },
		{ POLICY, "spec: {podSelector: {}}", NULL },
		{ POLICY, "spec: {podSelector: {}, ingress: [{from: [{}]}]}", "must specify a peer" },
		{ POLICY, "spec: {podSelector: {}, ingress: [{from: [{podSelector: {}, ipBlock: {cidr: 10.0.0.0/8}}]}]}",
		  "may not specify both ipBlock and another peer" },
		{ POLICY, "spec: {podSelector: {}, egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/16]}}]}]}",
		  "must be a strict subset of `cidr`" },
		{ POLICY,
		  "spec: {podSelector: {}, egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}]}]}",
		  NULL },
		{ POLICY, "spec: {podSelector: {}, ingress: [{ports: [{endPort: 2}]}]}",
		  "may not be specified when `port` is not specified" },
		{ POLICY, "spec: {podSelector: {}, ingress: [{ports: [{port: 3, endPort: 2}]}]}",
		  "must be greater than or equal to `port`" },
		{ POLICY, "spec: {podSelector: {}, policyTypes: [Both]}", "spec.policyTypes[0]: Unsupported value" },
		{ POLICY, "spec: {podSelector: {}, policyTypes: [Ingress, Egress, Ingress]}",
		  "may not specify more than two policyTypes" },
		{ "networking.k8s.io/v1 ServiceCIDR", "spec: {cidrs: [10.0.0.1/8]}",
		  "must not have bits set beyond the prefix length" },
		{ "networking.k8s.io/v1 ServiceCIDR", "spec: {cidrs: []}", "at least one CIDR required" },
	};

	check(rows, ARRAY_SIZE(rows));
}

#define SECRET "v1 Secret"
#define ROLE "rbac.authorization.k8s.io/v1 Role"
#define BINDING "rbac.authorization.k8s.io/v1 RoleBinding"

static void identities(void **state)
{
	static const struct row rows[] = {
		{ SECRET, "stringData: {a: b}, data: {c: ZA==}", NULL },
		{ SECRET, "data: {a/b: ZA==}", "data[a/b]: Invalid value" },
		{ SECRET, "data: {a: 'sesame!'}", "Invalid value: \"<secret contents redacted>\"" },
		{ SECRET, "type: kubernetes.io/tls, data: {tls.crt: ''}", "data[tls.key]: Required value" },
		{ SECRET, "type: kubernetes.io/basic-auth", "data[password]: Required value" },
		{ SECRET, "type: kubernetes.io/basic-auth, stringData: {username: a}", NULL },
		{ SECRET, "type: kubernetes.io/ssh-auth", "data[ssh-privatekey]: Required value" },
		{ SECRET, "type: kubernetes.io/dockerconfigjson, stringData: {.dockerconfigjson: '{}'}", NULL },
		{ SECRET, "type: kubernetes.io/dockerconfigjson, stringData: {.dockerconfigjson: 'nonsense'}",
		  "<secret contents redacted>" },
		{ SECRET, "type: kubernetes.io/dockercfg", "data[.dockercfg]: Required value" },
		{ SECRET, "type: kubernetes.io/service-account-token",
		  "metadata.annotations[kubernetes.io/service-account.name]: Required" },
		{ "v1 ServiceAccount", "secrets: [{name: a}], imagePullSecrets: [{name: b}]", NULL },
		{ ROLE, "metadata: {name: 'system:a'}, rules: [{apiGroups: [''], resources: [pods], verbs: [get]}]",
		  NULL },
		{ ROLE, "metadata: {name: a/b}", "may not contain '/'" },
		{ ROLE, "rules: [{apiGroups: [''], resources: [pods]}]", "verbs must contain at least one value" },
		{ ROLE, "rules: [{resources: [pods], verbs: [get]}]",
		  "resource rules must supply at least one api group" },
		{ ROLE, "rules: [{nonResourceURLs: [/], verbs: [get]}]",
		  "namespaced rules cannot apply to non-resource URLs" },
		{ "rbac.authorization.k8s.io/v1 ClusterRole", "rules: [{nonResourceURLs: [/], verbs: [get]}]", NULL },
		{ "rbac.authorization.k8s.io/v1 ClusterRole", "aggregationRule: {}",
		  "at least one clusterRoleSelector required" },
		{ BINDING, "roleRef: {kind: Role, name: a}", NULL },
		{ BINDING, "", "roleRef.name: Required value" },
		{ BINDING, "roleRef: {kind: Rule, name: a}", "roleRef.kind: Unsupported value: \"Rule\"" },
		{ BINDING, "roleRef: {kind: Role, name: a, apiGroup: b}", "roleRef.apiGroup: Unsupported value" },
		{ BINDING, "roleRef: {kind: Role, name: a}, subjects: [{kind: user, name: b}]",
		  "subjects[0].kind: Unsupported value" },
		{ BINDING, "roleRef: {kind: Role, name: a}, subjects: [{kind: User}]",
		  "subjects[0].name: Required value" },
		{ "rbac.authorization.k8s.io/v1 ClusterRoleBinding",
		  "roleRef: {kind: ClusterRole, name: a}, subjects: [{kind: ServiceAccount, name: b}]", "subjects[0].namespace: Required value" },
		{ "rbac.authorization.k8s.io/v1 ClusterRoleBinding", "roleRef: {kind: Role, name: a}",
		  "supported values: \"ClusterRole\"" },
		{ "rbac.authorization.k8s.io/v1beta1 ClusterRoleBinding", "roleRef: {kind: ClusterRole, name: a}",
		  NULL },
	};

	check(rows, ARRAY_SIZE(rows));
}

#define VOLUME "v1 PersistentVolume"
#define SIZED "capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce]"
#define CLAIM "v1 PersistentVolumeClaim"
#define WANTED "resources: {requests: {storage: 1Gi}}"
#define CLASS "storage.k8s.io/v1 StorageClass"

static void storage(void **state)
{
	static const struct row rows[] = {
		{ VOLUME, "spec: {" SIZED ", hostPath: {path: /a}}", NULL },
		{ VOLUME, "spec: {" SIZED "}", "must specify a volume type" },
		{ VOLUME, "spec: {" SIZED ", hostPath: {path: /a}, nfs: {server: a, path: /b}}",
		  "spec.nfs: Forbidden: may not specify more than 1 volume type" },
		{ VOLUME, "spec: {" SIZED ", nfs: {server: a, path: b}}",
		  "spec.nfs.path: Invalid value: \"b\": must be an absolute path" },
		{ VOLUME, "spec: {" SIZED ", local: {path: /a}}", "Local volume requires node affinity" },
		{ VOLUME, "spec: {" SIZED ", hostPath: {path: /a/../b}}", "must not contain '..'" },
		{ VOLUME, "spec: {" SIZED ", csi: {driver: 'a b', volumeHandle: c}}",
		  "spec.csi.driver: Invalid value" },
		{ VOLUME, "spec: {" SIZED ", csi: {driver: a, volumeHandle: c, nodePublishSecretRef: {name: d}}}",
		  "spec.csi.nodePublishSecretRef.namespace: Required value" },
		{ VOLUME, "spec: {" SIZED ", iscsi: {targetPortal: a, iqn: b, lun: 0}}",
		  "must be valid format starting with iqn, eui, or naa" },
		{ VOLUME, "spec: {" SIZED ", iscsi: {targetPortal: a, iqn: 'iqn.2001-04.com.example:disk', lun: 0}}",
		  NULL },
		{ VOLUME, "spec: {" SIZED ", fc: {targetWWNs: [a]}}", "lun is required if targetWWNs is specified" },
		{ VOLUME, "spec: {accessModes: [ReadWriteOnce], hostPath: {path: /a}}",
		  "spec.capacity: Required value" },
		{ VOLUME, "spec: {capacity: {storage: 0}, accessModes: [ReadWriteOnce], hostPath: {path: /a}}",
		  "must be greater than zero" },
		{ VOLUME, "spec: {capacity: {cpu: 1}, accessModes: [ReadWriteOnce], hostPath: {path: /a}}",
		  "supported values: \"storage\"" },
		{ VOLUME, "spec: {capacity: {storage: 1Gi}, hostPath: {path: /a}}",
		  "spec.accessModes: Required value" },
		{ VOLUME, "spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOncePod, ReadOnlyMany], hostPath: {path: /a}}",
		  "may not use ReadWriteOncePod with other access modes" },
		{ VOLUME, "spec: {" SIZED ", persistentVolumeReclaimPolicy: Recycle, hostPath: {path: /}}",
		  "may not be 'recycle' for a hostPath mount of '/'" },
		{ VOLUME, "spec: {" SIZED ", volumeMode: File, hostPath: {path: /a}}",
		  "spec.volumeMode: Unsupported value" },
		{ CLAIM, "spec: {accessModes: [ReadWriteOnce], " WANTED "}", NULL },
		{ CLAIM, "spec: {" WANTED "}", "at least 1 access mode is required" },
		{ CLAIM, "spec: {accessModes: [RWO], " WANTED "}", "spec.accessModes: Unsupported value: \"RWO\"" },
		{ CLAIM, "spec: {accessModes: [ReadWriteOnce]}", "spec.resources[storage]: Required value" },
		{ CLAIM, "spec: {accessModes: [ReadWriteOnce], " WANTED ", dataSource: {kind: A, name: b}}",
		  "must be 'PersistentVolumeClaim' when referencing the default apiGroup" },
		{ CLAIM, "spec: {accessModes: [ReadWriteOnce], " WANTED ", storageClassName: A}",
		  "spec.storageClassName: Invalid value" },
		{ CLASS, "provisioner: a.b/c", NULL },
		{ CLASS, "", "provisioner: Required value" },
		{ CLASS, "provisioner: a, reclaimPolicy: Recycle", "supported values: \"Delete\", \"Retain\"" },
		{ CLASS, "provisioner: a, volumeBindingMode: Later", "volumeBindingMode: Unsupported value" },
		{ CLASS, "provisioner: a, allowedTopologies: [{matchLabelExpressions: [{key: a, values: []}]}]",
		  "values: Required value" },
		{ "storage.k8s.io/v1 CSIDriver", "spec: {tokenRequests: [{audience: a, expirationSeconds: 1}]}",
		  "less than 10 minutes" },
		{ "storage.k8s.io/v1 CSIDriver", "spec: {volumeLifecycleModes: [Sometimes]}",
		  "supported values: \"Persistent\", \"Ephemeral\"" },
		{ "storage.k8s.io/v1 CSINode", "spec: {drivers: [{name: a, nodeID: b}, {name: a, nodeID: c}]}",
		  "spec.drivers[1].name: Duplicate value" },
		{ "storage.k8s.io/v1 VolumeAttachment", "spec: {attacher: a, nodeName: b, source: {}}",
		  "must specify exactly one of" },
		{ "storage.k8s.io/v1 VolumeAttributesClass", "driverName: a",
		  "must contain at least one key/value pair" },
	};

	check(rows, ARRAY_SIZE(rows));
}

#define HOOKS "admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration"
#define HOOK(more) "webhooks: [{name: a.b.c, sideEffects: None, admissionReviewVersions: [v1]" more "}]"
#define VALID "clientConfig: {url: 'https://a/b'}"
#define FLOW "flowcontrol.apiserver.k8s.io/v1 FlowSchema"
#define LEVEL "flowcontrol.apiserver.k8s.io/v1 PriorityLevelConfiguration"

static void the_rest(void **state)
{
	static const struct row rows[] = {
		{ HOOKS, HOOK(", " VALID), NULL },
		{ HOOKS, HOOK(""), "exactly one of url or service is required" },
		{ HOOKS, HOOK(", clientConfig: {url: 'http://a'}"), "'https' is the only allowed URL scheme" },
		{ HOOKS, HOOK(", clientConfig: {url: 'https://a?b'}"),
		  "query parameters are not permitted in the URL" },
		{ HOOKS, HOOK(", clientConfig: {service: {name: a, namespace: b, path: /a//b}}"),
		  "segment[1] may not be empty" },
		{ HOOKS, HOOK(", " VALID ", timeoutSeconds: 31"),
		  "the timeout value must be between 1 and 30 seconds" },
		{ HOOKS, HOOK(", " VALID ", rules: [{operations: ['*', CREATE], apiGroups: [''], apiVersions: [v1], resources: [a]}]"),
		  "if '*' is present, must not specify other operations" },
		{ HOOKS, HOOK(", " VALID ", rules: [{operations: [CREATE], apiGroups: [''], apiVersions: [v1], resources: ['*', a]}]"),
		  "must not specify other resources without subresources" },
		{ "admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy", "spec: {validations: [{expression: a}]}",
		  "spec.matchConstraints: Required value" },
		{ "admissionregistration.k8s.io/v1 ValidatingAdmissionPolicyBinding",
		  "spec: {policyName: a, validationActions: [Deny, Warn]}",
		  "must not contain both Deny and Warn" },
		{ "admissionregistration.k8s.io/v1 ValidatingAdmissionPolicyBinding", "spec: {policyName: a, validationActions: []}",
		  "at least one validation action is required" },
		{ "apiregistration.k8s.io/v1 APIService",
		  "metadata: {name: v1.a.b}, spec: {group: a.b, version: v1, groupPriorityMinimum: 1, versionPriority: 1}",
		  NULL },
		{ "apiregistration.k8s.io/v1 APIService", "metadata: {name: v1.a}, spec: {group: a.b, version: v1, groupPriorityMinimum: 1, versionPriority: 1}",
		  "must be `spec.version+\".\"+spec.group`" },
		{ FLOW, "spec: {priorityLevelConfiguration: {name: a}, rules: [{subjects: [{kind: User, user: {name: a}}]}]}",
		  "at least one of resourceRules and nonResourceRules has to be non-empty" },
		{ FLOW, "spec: {priorityLevelConfiguration: {name: a}, matchingPrecedence: 1}",
		  "only the schema named 'exempt'" },
		{ FLOW, "spec: {}", "must reference a priority level" },
		{ LEVEL, "spec: {type: Limited, limited: {limitResponse: {type: Queue, queuing: {}}}}", NULL },
		{ LEVEL,
		  "spec: {type: Limited, limited: {limitResponse: {type: Queue, queuing: {queues: 1000000, handSize: 20}}}}",
		  "required entropy bits" },
		{ LEVEL, "spec: {type: Exempt}", "must be 'Exempt' if and only if `name` is 'exempt'" },
		{ "certificates.k8s.io/v1 CertificateSigningRequest",
		  "spec: {signerName: a/b, request: YQ==, usages: [any]}",
		  "at least two segments" },
		{ "certificates.k8s.io/v1 CertificateSigningRequest",
		  "spec: {signerName: a.b/c, request: YQ==, usages: [all]}",
		  "spec.usages[0]: Unsupported value" },
		{ "resource.k8s.io/v1 ResourceClaim", "spec: {devices: {requests: [{name: a, exactly: {deviceClassName: b, allocationMode: All, count: 2}}]}}",
		  "must not be specified when allocationMode is 'All'" },
		{ "resource.k8s.io/v1 ResourceClaim",
		  "spec: {devices: {requests: [{name: a, exactly: {deviceClassName: b}}]}}",
		  NULL },
	};

	check(rows, ARRAY_SIZE(rows));
}

/* --- defaults --- */

static void assert_default(const char *what, const char *rest, const char *json)
{
	_cleanup_doc_ struct doc d = admit(what, rest);
	_cleanup_buf_ struct buf b = BUF_INIT;

	assert_string_equal(d.diags.errors ? buf_str(&d.said) : "", "");
	json_write(&b, value_get(d.root, "spec") ? value_get(d.root, "spec") : d.root, JSON_SORTED);
	assert_string_equal(buf_str(&b), json);
}

static void defaults_are_kubernetes(void **state)
{
	assert_default(SERVICE, "spec: {" PORT80 "}",
		       "{\"internalTrafficPolicy\":\"Cluster\",\"ipFamilies\":[\"IPv4\"],\"ipFamilyPolicy\":\"SingleStack\","
		       "\"ports\":[{\"port\":80,\"protocol\":\"TCP\",\"targetPort\":80}],\"sessionAffinity\":\"None\","
		       "\"type\":\"ClusterIP\"}");
	assert_default(SERVICE, "spec: {clusterIP: None}",
		       "{\"clusterIP\":\"None\",\"clusterIPs\":[\"None\"],\"internalTrafficPolicy\":\"Cluster\",\"ipFamilies\":"
		       "[\"IPv4\",\"IPv6\"],\"ipFamilyPolicy\":\"RequireDualStack\",\"sessionAffinity\":\"None\","
		       "\"type\":\"ClusterIP\"}");
	assert_default(POLICY, "spec: {podSelector: {}, egress: [{}]}",
		       "{\"egress\":[{}],\"podSelector\":{},\"policyTypes\":[\"Ingress\",\"Egress\"]}");
	assert_default(SECRET, "stringData: {a: b}, data: {a: Yw==}",
		       "{\"apiVersion\":\"v1\",\"data\":{\"a\":\"Yg==\"},\"kind\":\"Secret\",\"metadata\":{\"name\":\"x\"},"
		       "\"type\":\"Opaque\"}");
	assert_default("extensions/v1beta1 Ingress", "spec: {backend: {serviceName: a, servicePort: b}}",
		       "{\"defaultBackend\":{\"service\":{\"name\":\"a\",\"port\":{\"name\":\"b\"}}}}");
}

/* --- updates --- */

static void assert_update(const char *what, const char *was, const char *is, const char *said)
{
	_cleanup_doc_ struct doc a = admit(what, was), b = admit(what, is);
	int r;

	assert_int_equal(a.diags.errors + b.diags.errors, 0);
	r = schema_admit_update(a.kind, a.root, b.root, &b.diags);
	buf_clear(&b.said);
	diag_format(&b.diags, NULL, &b.said);
	if (!said)
		assert_int_equal(r, 0);
	else if (r != -EPERM || !strstr(buf_str(&b.said), said))
		fail_msg("%d, wanted %s: %s", r, said, buf_str(&b.said));
}

static void what_may_not_change(void **state)
{
	assert_update(SERVICE, "spec: {clusterIP: 10.0.0.1, " PORT80 "}", "spec: {clusterIP: 10.0.0.2, " PORT80 "}",
		      "may not change once set");
	assert_update(SERVICE, "spec: {clusterIP: 10.0.0.1, " PORT80 "}", "spec: {type: ExternalName, externalName: a}",
		      NULL);
	assert_update(BINDING, "roleRef: {kind: Role, name: a}", "roleRef: {kind: Role, name: b}", "cannot change roleRef");
	assert_update(BINDING, "roleRef: {kind: Role, name: a}",
		      "roleRef: {kind: Role, name: a}, subjects: [{kind: User, name: b}]", NULL);
	assert_update(CLASS, "provisioner: a", "provisioner: b", "provisioner: Invalid value: \"b\": field is immutable");
	assert_update(CLASS, "provisioner: a", "provisioner: a, parameters: {b: c}", "parameters");
	assert_update(CLASS, "provisioner: a", "provisioner: a, allowVolumeExpansion: true", NULL);
	assert_update(VOLUME, "spec: {" SIZED ", hostPath: {path: /a}}", "spec: {" SIZED ", hostPath: {path: /b}}",
		      "spec.persistentvolumesource is immutable after creation");
	assert_update(CLAIM, "spec: {accessModes: [ReadWriteOnce], " WANTED "}",
		      "spec: {accessModes: [ReadOnlyMany], " WANTED "}", "spec is immutable after creation");
	assert_update(CLAIM, "spec: {accessModes: [ReadWriteOnce], " WANTED "}",
		      "spec: {accessModes: [ReadWriteOnce], " WANTED ", volumeName: a}", NULL);
	assert_update(SECRET, "type: a", "type: b", "type: Invalid value: \"b\": field is immutable");
	assert_update(SECRET, "immutable: true, data: {a: YQ==}", "immutable: true, data: {a: Yg==}",
		      "field is immutable when `immutable` is set");
	assert_update("networking.k8s.io/v1 IngressClass", "spec: {controller: a.b/c}", "spec: {controller: a.b/d}",
		      "field is immutable");
}

/* A NodePort that becomes a ClusterIP leaves what was made for it behind. */
static void a_type_takes_its_fields_along(void **state)
{
	_cleanup_doc_ struct doc was = admit(SERVICE, "spec: {type: NodePort, ports: [{port: 80, nodePort: 30080}]}");
	_cleanup_doc_ struct doc is = admit(SERVICE, "spec: {type: NodePort, ports: [{port: 80, nodePort: 30080}]}");
	const struct schema_kind *kind;

	value_set_str(is.arena, value_get(is.root, "spec"), "type", "ClusterIP");
	schema_prepare_update(was.kind, was.root, is.root, is.arena, &is.diags);
	assert_int_equal(schema_admit(is.root, is.arena, &is.diags, &kind), 0);
	assert_null(value_path(is.root, "spec", "externalTrafficPolicy"));
	assert_null(value_get(value_at(value_path(is.root, "spec", "ports"), 0), "nodePort"));
}

/* --- custom kinds --- */

#define DEFINITION "apiextensions.k8s.io/v1 CustomResourceDefinition"
#define FOOS(schema) "metadata: {name: foos.a.b}, spec: {group: a.b, scope: Namespaced, names: {plural: foos, kind: Foo}, " \
	"versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: " schema "}}, " \
	"{name: v2, served: true, storage: false, schema: {openAPIV3Schema: {type: object}}}]}"

static void definitions(void **state)
{
	static const struct row rows[] = {
		{ DEFINITION, FOOS("{type: object}"), NULL },
		{ DEFINITION, FOOS("{}"), "type: Required value: must not be empty at the root" },
		{ DEFINITION, FOOS("{type: string}"), "must be object at the root" },
		{ DEFINITION, FOOS("{type: object, propertys: {}}"), "did you mean \"properties\"?" },
		{ DEFINITION, FOOS("{type: object, properties: {a: {}}}"),
		  "must not be empty for specified object fields" },
		{ DEFINITION, FOOS("{type: object, properties: {a: {type: array}}}"),
		  "properties[a].items: Required value: must be specified" },
		{ DEFINITION, FOOS("{type: object, properties: {a: {type: int}}}"),
		  "properties[a].type: Unsupported value: \"int\"" },
		{ DEFINITION, FOOS("{type: object, properties: {a: {type: object, properties: {b: {type: string}}, additionalProperties: true}}}"),
		  "additionalProperties and properties are mutual exclusive" },
		{ DEFINITION, FOOS("{type: object, properties: {a: {type: string, anyOf: [{type: string}]}}}"),
		  "must be empty to be structural" },
		{ DEFINITION, FOOS("{type: object, x-kubernetes-preserve-unknown-fields: false}"),
		  "must be true or undefined" },
		{ DEFINITION, "metadata: {name: foo.a.b}, spec: {group: a.b, scope: Namespaced, names: {plural: foos, kind: Foo}, versions: []}",
		  "must be spec.names.plural+\".\"+spec.group" },
		{ DEFINITION, "metadata: {name: foos.a}, spec: {group: a, scope: Namespaced, names: {plural: foos, kind: Foo}, versions: []}",
		  "should be a domain with at least one dot" },
		{ "apiextensions.k8s.io/v1beta1 CustomResourceDefinition",
		  "metadata: {name: foos.a.b}, spec: {group: a.b, version: v1, names: {plural: foos, kind: Foo}}", NULL },
	};

	check(rows, ARRAY_SIZE(rows));
}

static void custom_kinds_come_and_go(void **state)
{
	static const struct row rows[] = {
		{ "a.b/v1 Foo", "spec: {size: 1}", NULL },
		{ "a.b/v2 Foo", "spec: {size: 1}", NULL },
		{ "a.b/v1 Foo", "", "spec: Required value" },
		{ "a.b/v1 Foo", "spec: {size: big}", "spec.size: Invalid value: \"big\": must be an integer" },
		{ "a.b/v1 Foo", "spec: {size: 3}", "should be less than or equal to 2" },
		{ "a.b/v1 Foo", "spec: {siez: 1}", "did you mean \"size\"?" },
		{ "a.b/v1 Foo", "spec: {free: {any: [thing]}}", NULL },
		{ "a.b/v1 Foo", "spec: {name: a}", "should be at least 2 chars long" },
		{ "a.b/v1 Foo", "spec: {name: a1}", "spec.name in body should match '^[a-z]+$'" },
		{ "a.b/v1 Foo", "spec: {list: [{key: a}, {key: a}]}", "spec.list[1]: Duplicate value" },
		{ "a.b/v1 Foo", "spec: {list: [{}]}", "spec.list[0].key: Required value" },
		{ "a.b/v1 Foo", "spec: {map: {a: 1}}", "spec.map[a]: Invalid value: 1: must be a string" },
		{ "a.b/v1 Foo", "spec: {one: {a: x, b: y}}", "must validate one and only one schema (oneOf)" },
		{ "a.b/v1 Foo", "spec: {one: {a: x}}", NULL },
		{ "a.b/v1 Foo", "spec: {port: a}", NULL },
		{ "a.b/v1 Foo", "spec: {may: null}", NULL },
		{ "a.b/v1 Foo", "spec: {must: {}}", "spec.must.be: Required value" },
		{ "a.b/v1 Foo", "spec: {must: {be: null}}", NULL },
		{ "a.b/v3 Foo", "spec: {}", "no matches for kind \"Foo\" in version \"a.b/v3\"" },
	};
	static const struct row gone[] = { { "a.b/v1 Foo", "spec: {size: 1}", "no matches for kind \"Foo\"" } };
	_cleanup_doc_ struct doc d = admit(DEFINITION, FOOS(
		"{type: object, required: [spec], properties: {spec: {type: object, properties: {"
		"size: {type: integer, minimum: 0, maximum: 2, default: 2}, free: {type: object, "
		"x-kubernetes-preserve-unknown-fields: true}, name: {type: string, minLength: 2, pattern: '^[a-z]+$'}, "
		"list: {type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [key], items: {type: object, "
		"required: [key], properties: {key: {type: string}}}}, map: {type: object, additionalProperties: {type: string}}, "
		"one: {type: object, properties: {a: {type: string}, b: {type: string}}, oneOf: [{required: [a]}, {required: [b]}]}, "
		"port: {x-kubernetes-int-or-string: true}, may: {type: string}, must: {type: object, required: [be], "
		"properties: {be: {type: array, nullable: true, items: {type: string}}}}}}}}"));
	const struct schema_kind *kind;
	char directory[SCHEMA_DIRECTORY_MAX];

	check(gone, ARRAY_SIZE(gone));
	assert_string_equal(d.diags.errors ? buf_str(&d.said) : "", "");
	assert_int_equal(schema_custom_define(d.root), 0);
	check(rows, ARRAY_SIZE(rows));
	assert_default("a.b/v1 Foo", "spec: {}", "{\"size\":2}");
	assert_default("a.b/v1 Foo", "spec: {size: 0}", "{\"size\":0}");
	kind = schema_kind_by_plural("foos.a.b");
	assert_ptr_equal(kind, schema_kind_find("a.b/v1", "Foo"));
	schema_kind_directory(kind, directory);
	assert_string_equal(directory, "other/a.b/foos");
	assert_string_equal(kind->api_version, "a.b/v1");
	for (size_t i = 0; i < 2; i++) /* the other version is stored from now on */
		value_set_bool(d.arena, value_at(value_path(d.root, "spec", "versions"), i), "storage", i == 1);
	assert_int_equal(schema_custom_define(d.root), 0);
	assert_ptr_equal(kind, schema_kind_find("a.b/v1", "Foo"));
	assert_ptr_equal(kind, schema_kind_find("a.b/v2", "Foo"));
	assert_string_equal(kind->api_version, "a.b/v2");
	schema_custom_remove("foos.a.b");
	check(gone, ARRAY_SIZE(gone));
	assert_null(schema_kind_by_plural("foos.a.b"));
}

/* A definition may have more fields than any kind of Kubernetes' own. */
static void a_thousand_fields(void **state)
{
	static const struct row rows[] = {
		{ "a.b/v1 Foo", "spec: {f999: 1}", NULL },
		{ "a.b/v1 Foo", "spec: {f0999: 1}", "unknown field \"spec.f0999\"" },
	};
	_cleanup_buf_ struct buf text = BUF_INIT;

	buf_puts(&text, "metadata: {name: foos.a.b}, spec: {group: a.b, scope: Cluster, names: {plural: foos, kind: Foo}, "
			"versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, "
			"properties: {spec: {type: object, properties: {");
	for (int i = 0; i < 1000; i++)
		buf_printf(&text, "%sf%d: {type: integer}", i ? ", " : "", i);
	buf_puts(&text, "}}}}}}]}");
	{
		_cleanup_doc_ struct doc d = admit(DEFINITION, buf_str(&text));

		assert_string_equal(d.diags.errors ? buf_str(&d.said) : "", "");
		assert_int_equal(schema_custom_define(d.root), 0);
	}
	check(rows, ARRAY_SIZE(rows));
	schema_custom_remove("foos.a.b");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(services),
		cmocka_unit_test(networking),
		cmocka_unit_test(identities),
		cmocka_unit_test(storage),
		cmocka_unit_test(the_rest),
		cmocka_unit_test(defaults_are_kubernetes),
		cmocka_unit_test(what_may_not_change),
		cmocka_unit_test(a_type_takes_its_fields_along),
		cmocka_unit_test(definitions),
		cmocka_unit_test(custom_kinds_come_and_go),
		cmocka_unit_test(a_thousand_fields),
	};

	return cmocka_run_group_tests_name("kinds", tests, NULL, NULL);
}
