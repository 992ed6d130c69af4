/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of pods: each row makes one mistake in a pod that is accepted, and names the field and the words that the
 * refusal must have. They are those of the API server's validation of a PodSpec.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "rules.h"

#define HEAD "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n"

static void volumes(void **state)
{
	static const char manifest[] =
		HEAD
		"  containers: [{name: a, image: x}]\n"
		"  volumes:\n"
		"  - {name: git, gitRepo: {repository: r, directory: src}}\n"
		"  - {name: sio, scaleIO: {gateway: g, system: s, volumeName: v}}\n"
		"  - {name: csi, csi: {driver: csi.Example.com, nodePublishSecretRef: {name: s}}}\n"
		"  - {name: cinder, cinder: {volumeID: v, secretRef: {name: c}}}\n"
		"  - {name: iscsi, iscsi: {targetPortal: t, iqn: 'iqn.2001-04.com.Example:x', initiatorName: eui.0123456789ABCDEF,"
		" lun: 0, secretRef: {}}}\n"
		"  - {name: eph, ephemeral: {volumeClaimTemplate: {spec: {accessModes: [ReadWriteOnce],"
		" resources: {requests: {storage: 1Gi}}}}}}\n"
		"  - {name: img, image: {reference: r}}\n"
		"  - {name: down, downwardAPI: {items: [{path: l, fieldRef: {fieldPath: metadata.labels}},"
		" {path: c, resourceFieldRef: {containerName: a, resource: limits.cpu, divisor: 1m}}]}}\n"
		"  - name: proj\n"
		"    projected:\n"
		"      sources:\n"
		"      - serviceAccountToken: {path: token, expirationSeconds: 600}\n"
		"      - secret: {name: s, items: [{key: 'a b', path: one}]}\n"
		"      - configMap: {name: c, items: [{key: k, path: two}]}\n"
		"      - clusterTrustBundle: {path: ca, signerName: example.com/ca}\n"
		"      - podCertificate: {signerName: example.com/ca, keyType: ED25519, keyPath: key, maxExpirationSeconds: 3600}\n";
	static const struct rule_row rows[] = {
		{ "directory: src", "directory: /src", "gitRepo.directory", "must be a relative path" },
		{ "directory: src", "directory: a/../b", "gitRepo.directory", "must not contain '..'" },
		{ ", volumeName: v", "", "scaleIO.volumeName", "Required value" },
		{ "csi.Example.com", "'a b'", "csi.driver", "Invalid value" },
		{ "nodePublishSecretRef: {name: s}", "nodePublishSecretRef: {}", "nodePublishSecretRef.name", "Required value" },
		{ "secretRef: {name: c}", "secretRef: {}", "cinder.secretRef.name", "Required value" },
		{ "com.Example:x", "com.Example", "iscsi.iqn", "must be valid format" },
		{ "com.Example:x", "com.Example:a;b", "iscsi.iqn", "must be valid format" },
		{ "eui.0123456789ABCDEF", "eui.0123", "iscsi.initiatorname", "must be valid format" },
		{ "targetPortal: t", "targetPortal: ttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt",
		  "spec.volumes[4].name", "Total length of <volume name>:<iscsi.targetPortal>" },
		{ "ephemeral: {volumeClaimTemplate: {spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}}",
		  "ephemeral: {}", "ephemeral.volumeClaimTemplate", "Required value" },
		{ "image: {reference: r}", "image: {}", "image.reference", "Required value" },
		{ "image: {reference: r}", "persistentVolumeClaim: {claimName: p-eph}", "persistentVolumeClaim.claimName",
		  "must not reference a PVC that gets created for an ephemeral volume" },
		{ "image: {reference: r}", "emptyDir: {sizeLimit: -1Mi}", "emptyDir.sizeLimit", "must be a valid resource quantity" },
		{ "image: {reference: r}", "secret: {secretName: s, defaultMode: 512}", "secret.defaultMode",
		  "must be a number between 0 and 0777 (octal), both inclusive" },
		{ "fieldPath: metadata.labels", "fieldPath: status.podIP", "fieldRef.fieldPath", "Unsupported value" },
		{ "containerName: a, ", "", "resourceFieldRef.containerName", "Required value" },
		{ "divisor: 1m", "divisor: 5m", "divisor", "only divisor's values 1m and 1 are supported with the cpu resource" },
		{ "path: token", "path: ../token", "serviceAccountToken.path", "must not contain '..'" },
		{ "path: token", "path: ..token", "serviceAccountToken.path", "must not start with '..'" },
		{ "expirationSeconds: 600", "expirationSeconds: 599", "expirationSeconds", "less than 10 minutes" },
		{ "expirationSeconds: 600", "expirationSeconds: 4294967297", "expirationSeconds", "larger than 2^32 seconds" },
		{ "path: two", "path: one", "spec.volumes[8].projected", "conflicting duplicate paths" },
		{ "path: ca,", "path: key,", "spec.volumes[8].projected", "conflicting duplicate paths" },
		{ ", signerName: example.com/ca}", "}", "clusterTrustBundle", "either name or signerName must be specified" },
		{ "path: ca,", "path: ca, name: n,", "clusterTrustBundle", "only one of name and signerName may be used" },
		{ "example.com/ca}", "example/ca}", "clusterTrustBundle.signerName", "at least two segments" },
		{ "keyType: ED25519", "keyType: RSA", "podCertificate.keyType", "Unsupported value" },
		{ ", keyPath: key", "", "podCertificate", "specify at least one of credentialBundlePath, keyPath" },
		{ "maxExpirationSeconds: 3600", "maxExpirationSeconds: 60", "maxExpirationSeconds", "must be >= 3600" },
		{ "maxExpirationSeconds: 3600", "maxExpirationSeconds: 7862401", "maxExpirationSeconds", "must be <= 7862400" },
	};

	(void)state;
	rules_judge(manifest, rows, ARRAY_SIZE(rows));
}

static void environment(void **state)
{
	static const char manifest[] =
		HEAD
		"  volumes: [{name: files, emptyDir: {}}, {name: host, hostPath: {path: /h}}]\n"
		"  containers:\n"
		"  - name: a\n"
		"    image: x\n"
		"    envFrom: [{configMapRef: {name: c}}, {secretRef: {name: s}}]\n"
		"    env:\n"
		"    - {name: f, valueFrom: {fieldRef: {fieldPath: metadata.name}}}\n"
		"    - {name: m, valueFrom: {resourceFieldRef: {resource: limits.memory, divisor: 1Mi}}}\n"
		"    - {name: k, valueFrom: {configMapKeyRef: {name: cm, key: k}}}\n"
		"    - {name: s, valueFrom: {secretKeyRef: {name: sec, key: k}}}\n"
		"    - {name: v, valueFrom: {fileKeyRef: {volumeName: files, path: p, key: K}}}\n";
	static const struct rule_row rows[] = {
		{ "metadata.name", "metadata.labels", "fieldRef.fieldPath", "supported values: \"metadata.name\"" },
		{ "metadata.name", "status.phase", "fieldRef.fieldPath", "Unsupported value" },
		{ "metadata.name", "spec.foo", "fieldRef.fieldPath", "error converting fieldPath: field label not supported: spec.foo" },
		{ "metadata.name", "\"spec.nodeName['x']\"", "fieldRef.fieldPath", "field label does not support subscript" },
		{ "metadata.name", "\"metadata.labels['a b']\"", "fieldRef.fieldPath", "Invalid value" },
		{ "divisor: 1Mi", "divisor: 2Mi", "divisor", "are supported with the memory resource" },
		{ "name: cm,", "name: C_,", "configMapKeyRef.name", "RFC 1123 subdomain" },
		{ "name: sec,", "name: S_,", "secretKeyRef.name", "RFC 1123 subdomain" },
		{ "{configMapRef: {name: c}}", "{configMapRef: {name: C_}}", "envFrom[0].configMapRef.name", "RFC 1123 subdomain" },
		{ "{secretRef: {name: s}}", "{secretRef: {name: S_}}", "envFrom[1].secretRef.name", "RFC 1123 subdomain" },
		{ "volumeName: files", "volumeName: none", "fileKeyRef.volumeName", "Not found" },
		{ "volumeName: files", "volumeName: host", "fileKeyRef.volumeName", "must be of type emptyDir" },
		{ "path: p", "path: ../p", "fileKeyRef.path", "must not contain '..'" },
	};

	(void)state;
	rules_judge(manifest, rows, ARRAY_SIZE(rows));
}

static void mounts(void **state)
{
	static const char manifest[] =
		HEAD
		"  volumes: [{name: v, emptyDir: {}}, {name: disk, persistentVolumeClaim: {claimName: c}}]\n"
		"  containers:\n"
		"  - name: a\n"
		"    image: x\n"
		"    volumeMounts: [{name: v, mountPath: /v, subPath: s, readOnly: true, recursiveReadOnly: Enabled}]\n"
		"    volumeDevices: [{name: disk, devicePath: /dev/d}]\n";
	static const struct rule_row rows[] = {
		{ "subPath: s", "subPath: s, subPathExpr: e", "subPathExpr", "subPathExpr and subPath are mutually exclusive" },
		{ "readOnly: true", "readOnly: false", "recursiveReadOnly", "may only be specified when readOnly is true" },
		{ "Enabled}", "Enabled, mountPropagation: HostToContainer}", "recursiveReadOnly",
		  "may only be specified when mountPropagation is None or not specified" },
		{ "Enabled}", "Disabled, mountPropagation: Bidirectional}", "mountPropagation",
		  "available only to privileged containers" },
		{ "{name: disk, devicePath", "{name: v, devicePath", "volumeDevices[0].name",
		  "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode" },
		{ "{name: disk, devicePath", "{name: none, devicePath", "volumeDevices[0].name", "Not found" },
		{ "/dev/d}", "/dev/../d}", "volumeDevices[0].devicePath", "can not contain backsteps ('..')" },
		{ "/dev/d}", "/dev/d}, {name: disk, devicePath: /e}", "volumeDevices[1].name", "must be unique" },
		{ "/dev/d}", "/v}", "volumeMounts[0].mountPath", "must not already exist as a path in volumeDevices" },
		{ "{name: v, mountPath", "{name: disk, mountPath", "volumeMounts[0].name", "must not already exist in volumeDevices" },
	};

	(void)state;
	rules_judge(manifest, rows, ARRAY_SIZE(rows));
}

static void containers(void **state)
{
	static const char manifest[] =
		HEAD
		"  restartPolicy: Always\n"
		"  hostNetwork: false\n"
		"  resourceClaims: [{name: gpu, resourceClaimName: g}]\n"
		"  resources: {requests: {cpu: 2}, limits: {memory: 1Gi}}\n"
		"  initContainers:\n"
		"  - {name: i, image: x, restartPolicy: Always, ports: [{containerPort: 1, hostPort: 1}, {containerPort: 2}]}\n"
		"  containers:\n"
		"  - name: a\n"
		"    image: x\n"
		"    lifecycle: {preStop: {sleep: {seconds: 30}}}\n"
		"    resizePolicy: [{resourceName: cpu, restartPolicy: RestartContainer}]\n"
		"    resources: {claims: [{name: gpu}], requests: {cpu: 1}, limits: {hugepages-2Mi: 4Mi, memory: 1Gi}}\n"
		"    securityContext:\n"
		"      appArmorProfile: {type: Localhost, localhostProfile: /usr/bin/x}\n"
		"      seccompProfile: {type: Localhost, localhostProfile: p.json}\n";
	static const struct rule_row rows[] = {
		{ "{containerPort: 2}", "{containerPort: 2, hostPort: 1}", "initContainers[0].ports[1].hostPort", "Duplicate value" },
		{ "seconds: 30", "seconds: 31", "preStop.sleep", "less than terminationGracePeriodSeconds (30)" },
		{ "seconds: 30", "seconds: -1", "preStop.sleep", "must be non-negative" },
		{ "restartPolicy: RestartContainer}", "restartPolicy: NotRequired}, {resourceName: cpu, restartPolicy: NotRequired}",
		  "resizePolicy[1]", "Duplicate value" },
		{ "restartPolicy: Always\n", "restartPolicy: Never\n", "resizePolicy[0]", "must be 'NotRequired' when pod `restartPolicy`" },
		{ "claims: [{name: gpu}]", "claims: [{name: x}]", "resources.claims[0]", "must be one of the names in pod.spec.resourceClaims" },
		{ "claims: [{name: gpu}]", "claims: [{name: gpu}, {name: gpu, request: r}]", "resources.claims[1]", "Duplicate value" },
		{ ", resourceClaimName: g", "", "resourceClaims[0]", "must specify one of: `resourceClaimName`" },
		{ "resourceClaimName: g", "resourceClaimName: g, resourceClaimTemplateName: t", "resourceClaims[0]", "at most one of" },
		{ "resourceClaimName: g}", "resourceClaimName: g}, {name: gpu, resourceClaimName: h}", "resourceClaims[1].name", "Duplicate" },
		{ "requests: {cpu: 2}", "requests: {cpu: 500m}", "spec.resources.requests[cpu]",
		  "must be greater than or equal to aggregate container requests of 1" },
		{ "limits: {memory: 1Gi}", "limits: {memory: 1Mi}", "limits[memory]", "must be less than or equal to pod limits of 1Mi" },
		{ "requests: {cpu: 2}", "requests: {storage: 2}", "spec.resources.requests[storage]", "Unsupported value" },
		{ "hugepages-2Mi: 4Mi", "hugepages-2Mi: 3Mi", "limits[hugepages-2Mi]", "is not positive integer multiple of" },
		{ "requests: {cpu: 1}, limits: {hugepages-2Mi: 4Mi, memory: 1Gi}", "limits: {hugepages-2Mi: 4Mi}",
		  "containers[0].resources", "HugePages require cpu or memory" },
		{ "hugepages-2Mi", "requests.example.com/gpu", "limits", "doesn't follow extended resource name standard" },
		{ "/usr/bin/x", "' x'", "appArmorProfile.localhostProfile", "must not be padded with whitespace" },
		{ "type: Localhost, localhostProfile: /usr", "type: Unconfined, localhostProfile: /usr", "appArmorProfile.localhostProfile",
		  "can only be set when AppArmor type is Localhost" },
		{ "p.json", "/p.json", "seccompProfile.localhostProfile", "must be a relative path" },
		{ "{type: Localhost, localhostProfile: p.json}", "{}", "seccompProfile.type", "type is required when seccompProfile is set" },
		{ ", localhostProfile: p.json", "", "seccompProfile.localhostProfile", "must be set when seccomp type is Localhost" },
	};

	static const char overhead[] =
		HEAD
		"  resources: {requests: {cpu: 1}}\n"
		"  overhead: {cpu: 1}\n"
		"  containers: [{name: a, image: x, resources: {requests: {cpu: 1}}}]\n";

	(void)state;
	rules_judge(manifest, rows, ARRAY_SIZE(rows));
	rules_judge(overhead, NULL, 0); /* which is no container's */
}

static void systems(void **state)
{
	static const char linux_pod[] =
		HEAD "  os: {name: linux}\n  containers: [{name: a, image: x, securityContext: {runAsUser: 1}}]\n";
	static const char windows_pod[] =
		HEAD
		"  os: {name: windows}\n"
		"  hostNetwork: true\n"
		"  securityContext: {windowsOptions: {hostProcess: true}}\n"
		"  containers: [{name: a, image: x, securityContext: {windowsOptions: {runAsUserName: 'CORP\\me',"
		" gmsaCredentialSpecName: g, gmsaCredentialSpec: c}}}]\n";
	static const struct rule_row of_linux[] = {
		{ "runAsUser: 1", "windowsOptions: {runAsUserName: a}", "securityContext.windowsOptions",
		  "windows options cannot be set for a linux pod" },
		{ "linux}\n", "windows}\n", "containers[0].securityContext.runAsUser", "cannot be set for a windows pod" },
		{ "linux}\n", "windows}\n  hostPID: true\n", "spec.hostPID", "cannot be set for a windows pod" },
		{ "linux}\n", "windows}\n  securityContext: {fsGroup: 1}\n", "spec.securityContext.fsGroup",
		  "cannot be set for a windows pod" },
	};
	static const struct rule_row of_windows[] = {
		{ "'CORP\\me'", "''", "runAsUserName", "runAsUserName cannot be an empty string" },
		{ "'CORP\\me'", "'a\\b\\c'", "runAsUserName", "cannot contain more than one backslash" },
		{ "'CORP\\me'", "'a?\\me'", "runAsUserName", "doesn't match the NetBios nor the DNS format" },
		{ "'CORP\\me'", "'CORP\\'", "runAsUserName", "User cannot be empty" },
		{ "'CORP\\me'", "'. .'", "runAsUserName", "only periods or spaces" },
		{ "'CORP\\me'", "'a=b'", "runAsUserName", "cannot contain the following characters" },
		{ "'CORP\\me'", "\"a\\tb\"", "runAsUserName", "control characters" },
		{ "gmsaCredentialSpecName: g", "gmsaCredentialSpecName: G_", "gmsaCredentialSpecName", "RFC 1123" },
		{ "gmsaCredentialSpec: c", "gmsaCredentialSpec: ''", "gmsaCredentialSpec", "cannot be an empty string" },
		{ "  hostNetwork: true\n", "", "spec.hostNetwork", "hostNetwork must be true if pod contains any hostProcess" },
		{ "gmsaCredentialSpec: c", "hostProcess: false", "windowsOptions.hostProcess", "must be identical if both are specified" },
		{ "image: x, securityContext: {windowsOptions: {", "image: x}, {name: b, image: x, securityContext: {windowsOptions: {"
		  "hostProcess: false, ", "windowsOptions.hostProcess", "must be identical" },
	};

	(void)state;
	rules_judge(linux_pod, of_linux, ARRAY_SIZE(of_linux));
	rules_judge(windows_pod, of_windows, ARRAY_SIZE(of_windows));
}

static void names_and_settings(void **state)
{
	static const char manifest[] =
		"apiVersion: v1\nkind: Pod\n"
		"metadata: {name: p, annotations: {controller.kubernetes.io/pod-deletion-cost: '-5',"
		" container.apparmor.security.beta.kubernetes.io/a: runtime/default,"
		" seccomp.security.alpha.kubernetes.io/pod: localhost/p}}\n"
		"spec:\n"
		"  dnsConfig: {nameservers: [1.2.3.4], searches: [., _a.b.], options: [{name: ndots, value: '1'}]}\n"
		"  schedulingGates: [{name: g}]\n"
		"  securityContext: {sysctls: [{name: net.core.somaxconn, value: '1'}, {name: kernel.shmmax, value: '1'}]}\n"
		"  containers: [{name: a, image: x}]\n";
	static const struct rule_row rows[] = {
		{ "1.2.3.4", "one", "dnsConfig.nameservers[0]", "must be a valid IP address" },
		{ "_a.b.", "'a b'", "dnsConfig.searches[1]", "RFC 1123 subdomain" },
		{ "name: ndots, ", "", "dnsConfig.options[0]", "must not be empty" },
		{ "[{name: g}]", "[{name: g}, {name: g}]", "schedulingGates[1]", "Duplicate value" },
		{ "  containers", "  hostNetwork: true\n  containers", "sysctls[0].name", "when 'hostNetwork' is true" },
		{ "  containers", "  hostIPC: true\n  containers", "sysctls[1].name", "when 'hostIPC' is true" },
		{ "  containers", "  overhead: {cpu: '-1'}\n  containers", "spec.overhead[cpu]", "greater than or equal to 0" },
		{ "'-5'", "x", "annotations[controller.kubernetes.io/pod-deletion-cost]", "must be a 32bit integer" },
		{ "'-5'", "'05'", "annotations[controller.kubernetes.io/pod-deletion-cost]", "must be a 32bit integer" },
		{ "io/a: runtime", "io/b: runtime", "container.apparmor.security.beta.kubernetes.io/b", "container not found" },
		{ "runtime/default", "mine", "container.apparmor.security.beta.kubernetes.io/a", "invalid AppArmor profile name" },
		{ "image: x}]", "image: x, securityContext: {appArmorProfile: {type: Unconfined}}}]",
		  "containers[0].securityContext.appArmorProfile.type", "apparmor type in annotation and field must match" },
		{ "{sysctls", "{seccompProfile: {type: Unconfined}, sysctls", "spec.securityContext.seccompProfile.type",
		  "seccomp type in annotation and field must match" },
		{ "{sysctls", "{seccompProfile: {type: Localhost, localhostProfile: q}, sysctls",
		  "spec.securityContext.seccompProfile.localhostProfile", "seccomp profile in annotation and field must match" },
		{ "localhost/p", "mine", "seccomp.security.alpha.kubernetes.io/pod", "must be a valid seccomp profile" },
	};

	(void)state;
	rules_judge(manifest, rows, ARRAY_SIZE(rows));
}

static void placement(void **state)
{
	static const char manifest[] =
		HEAD
		"  containers: [{name: a, image: x}]\n"
		"  affinity:\n"
		"    nodeAffinity:\n"
		"      requiredDuringSchedulingIgnoredDuringExecution:\n"
		"        nodeSelectorTerms:\n"
		"        - matchExpressions: [{key: k, operator: In, values: [v]}, {key: num, operator: Gt, values: [x]}]\n"
		"          matchFields: [{key: metadata.name, operator: In, values: [node]}]\n"
		"      preferredDuringSchedulingIgnoredDuringExecution:\n"
		"      - {weight: 1, preference: {matchExpressions: [{key: k, operator: In, values: ['any text']}]}}\n"
		"    podAffinity:\n"
		"      requiredDuringSchedulingIgnoredDuringExecution:\n"
		"      - {topologyKey: t, labelSelector: {matchLabels: {a: b}}, matchLabelKeys: [c], mismatchLabelKeys: [d]}\n"
		"  topologySpreadConstraints:\n"
		"  - {maxSkew: 1, minDomains: 2, topologyKey: 'any text', whenUnsatisfiable: DoNotSchedule, labelSelector: {},"
		" matchLabelKeys: [e]}\n"
		"  tolerations: [{key: k, operator: Equal, value: v}]\n";
	static const struct rule_row rows[] = {
		{ "values: [v]", "values: ['a b']", "matchExpressions[0].values[0]", "a valid label" },
		{ "weight: 1,", "weight: 101,", "weight", "must be in the range 1-100" },
		{ "values: [x]", "values: [x, y]", "matchExpressions[1].values", "must be specified single value" },
		{ "values: [node]", "values: [Node_]", "matchFields[0].values[0]", "RFC 1123 subdomain" },
		{ "values: [node]", "values: [a, b]", "matchFields[0].values", "must be only one value when" },
		{ "metadata.name", "spec.name", "matchFields[0].key", "not a valid field selector key" },
		{ "        nodeSelectorTerms:\n        - matchExpressions: [{key: k, operator: In, values: [v]}, {key: num, operator: "
		  "Gt, values: [x]}]\n          matchFields: [{key: metadata.name, operator: In, values: [node]}]\n",
		  "        nodeSelectorTerms: []\n", "nodeSelectorTerms", "must have at least one node selector term" },
		{ "labelSelector: {matchLabels: {a: b}}, ", "", "matchLabelKeys", "must not be specified when labelSelector is not set" },
		{ "matchLabelKeys: [c]", "matchLabelKeys: [a]", "matchLabelKeys[0]", "exists in both matchLabelKeys and labelSelector" },
		{ "matchLabelKeys: [c]", "matchLabelKeys: [d]", "matchLabelKeys[0]", "exists in both matchLabelKeys and mismatch" },
		{ "topologyKey: t, ", "", "topologyKey", "Required value: can not be empty" },
		{ "maxSkew: 1", "maxSkew: 0", "maxSkew", "must be greater than zero" },
		{ "maxSkew: 1, ", "", "maxSkew", "must be greater than zero" },
		{ "minDomains: 2", "minDomains: 0", "minDomains", "must be greater than zero" },
		{ "DoNotSchedule", "ScheduleAnyway", "minDomains", "whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway" },
		{ "labelSelector: {},", "", "topologySpreadConstraints[0].matchLabelKeys", "when labelSelector is not set" },
		{ "operator: Equal", "operator: Gt", "tolerations[0].operator", "Unsupported value" },
	};

	(void)state;
	rules_judge(manifest, rows, ARRAY_SIZE(rows));
}

static void owners_and_finalizers(void **state)
{
	static const char manifest[] =
		"apiVersion: v1\nkind: ConfigMap\n"
		"metadata: {name: c, finalizers: [foregroundDeletion, example.com/f],"
		" ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: d, uid: u}]}\n";
	static const struct rule_row rows[] = {
		{ "apps/v1", "apps/v1/x", "ownerReferences[0].apiVersion", "version must not be empty" },
		{ "apps/v1, kind: Deployment", "v1, kind: Event", "ownerReferences[0]", "is disallowed from being an owner" },
		{ "example.com/f", "mine", "metadata.finalizers[1]", "neither a standard finalizer name nor is it fully qualified" },
		{ "example.com/f", "orphan", "metadata.finalizers", "orphan and foregroundDeletion cannot be both set" },
		{ "example.com/f", "'a b/f'", "metadata.finalizers[1]", "Invalid value" },
	};
	static const char role[] = "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: r, finalizers: [mine]}\n";

	(void)state;
	rules_judge(manifest, rows, ARRAY_SIZE(rows));
	rules_judge(role, NULL, 0); /* of groups that ask less */
}

static void what_a_gated_pod_may_change(void **state)
{
	static const char manifest[] =
		HEAD
		"  schedulingGates: [{name: g}]\n"
		"  nodeSelector: {a: b}\n"
		"  affinity:\n"
		"    nodeAffinity:\n"
		"      requiredDuringSchedulingIgnoredDuringExecution:\n"
		"        nodeSelectorTerms: [{matchExpressions: [{key: k, operator: Exists}]}]\n"
		"  containers: [{name: c, image: x}]\n";
	static const struct rule_row rows[] = {
		{ "{a: b}", "{a: b, c: d}", "", NULL },
		{ "{key: k, operator: Exists}", "{key: k, operator: Exists}, {key: l, operator: Exists}", "", NULL },
		{ "    nodeAffinity:\n", "    nodeAffinity:\n      preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, "
		  "preference: {matchExpressions: [{key: k, operator: Exists}]}}]\n", "", NULL },
		{ "[{name: g}]", "[]", "", NULL },
		{ "{a: b}", "{a: c}", "spec.nodeSelector", "only additions to spec.nodeSelector are allowed" },
		{ "{key: k, operator", "{key: l, operator", "nodeSelectorTerms[0]", "only additions are allowed" },
		{ "Exists}]}]", "Exists}]}, {matchExpressions: [{key: m, operator: Exists}]}]", "nodeSelectorTerms",
		  "no additions/deletions to non-empty NodeSelectorTerms list" },
		{ "    nodeAffinity:\n", "    podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: t}]}\n"
		  "    nodeAffinity:\n", "spec.affinity.podAffinity", "may not change" },
	};
	static const char free_pod[] = HEAD "  nodeSelector: {a: b}\n  containers: [{name: c, image: x}]\n";
	static const struct rule_row of_free[] = { { "{a: b}", "{a: b, c: d}", "spec.nodeSelector", "may not change" } };

	(void)state;
	rules_judge_updates(manifest, rows, ARRAY_SIZE(rows));
	rules_judge_updates(free_pod, of_free, ARRAY_SIZE(of_free));
}

/* What a claim template shows of a claim that was once read back is taken as it is. */
static void claim_templates_have_a_status(void **state)
{
	static const char manifest[] =
		"apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: s}\n"
		"spec:\n"
		"  selector: {matchLabels: {a: b}}\n"
		"  template: {metadata: {labels: {a: b}}, spec: {containers: [{name: a, image: x}]}}\n"
		"  volumeClaimTemplates:\n"
		"  - metadata: {name: d}\n"
		"    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n"
		"    status: {phase: Pending, accessModes: [ReadWriteOnce], capacity: {storage: 1Gi}}\n";
	static const struct rule_row rows[] = {
		{ "phase: Pending", "phases: Pending", "volumeClaimTemplates[0].status.phases", "unknown field" },
	};

	(void)state;
	rules_judge(manifest, rows, ARRAY_SIZE(rows));
}

static void what_is_odd(void **state)
{
	static const char manifest[] =
		"apiVersion: v1\nkind: Pod\nmetadata: {name: p, annotations: {a: b}}\n"
		"spec:\n"
		"  nodeSelector: {disk: ssd}\n"
		"  affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: "
		"[{matchExpressions: [{key: k, operator: Exists}]}]}}}\n"
		"  hostAliases: [{ip: 10.0.0.1, hostnames: [a]}, {ip: 10.0.0.2, hostnames: [b]}]\n"
		"  imagePullSecrets: [{name: one}, {name: two}]\n"
		"  volumes: [{name: v, emptyDir: {}}]\n"
		"  containers:\n"
		"  - {name: c, image: x, ports: [{name: web, containerPort: 80}]}\n"
		"  - {name: d, image: x, ports: [{name: log, containerPort: 81}]}\n";
	static const struct rule_row rows[] = {
		{ "disk: ssd", "beta.kubernetes.io/os: linux", "spec.nodeSelector[beta.kubernetes.io/os]",
		  "deprecated since v1.14; use \"kubernetes.io/os\" instead" },
		{ "key: k,", "key: failure-domain.beta.kubernetes.io/zone,", "matchExpressions[0].key",
		  "failure-domain.beta.kubernetes.io/zone is deprecated since v1.17" },
		{ "a: b}}", "scheduler.alpha.kubernetes.io/critical-pod: ''}}", "metadata.annotations[", "non-functional in v1.16+" },
		{ "a: b}}", "seccomp.security.alpha.kubernetes.io/pod: unconfined}}", "metadata.annotations[",
		  "use the \"seccompProfile\" field instead" },
		{ "a: b}}", "container.apparmor.security.beta.kubernetes.io/c: unconfined}}", "metadata.annotations[",
		  "use the \"appArmorProfile\" field instead" },
		{ "10.0.0.2", "10.0.0.1", "spec.hostAliases[1].ip", "duplicate ip \"10.0.0.1\"" },
		{ "{name: two}", "{name: one}", "spec.imagePullSecrets[1].name", "duplicate name \"one\"" },
		{ "emptyDir: {}", "gitRepo: {repository: r}", "spec.volumes[0].gitRepo", "deprecated in v1.11" },
		{ "containerPort: 81", "containerPort: 80", "containers[1].ports[0]",
		  "duplicate port definition with spec.containers[0].ports[0]" },
		{ "containerPort: 81", "containerPort: 80, hostPort: 8080", "containers[1].ports[0]",
		  "overlapping port definition with spec.containers[0].ports[0]" },
		{ "name: log", "name: web", "containers[1].ports[0]", "duplicate port name \"web\" with spec.containers[0].ports[0]" },
		{ "containerPort: 81", "containerPort: 81, hostIP: 10.0.0.1", "containers[1].ports[0]", "hostIP set without hostPort" },
	};
	static const char with_host[] =
		HEAD
		"  containers: [{name: c, image: x, ports: [{containerPort: 80, hostPort: 80, hostIP: 10.0.0.1}]},"
		" {name: d, image: x, ports: [{containerPort: 80, hostPort: 81}]}]\n";
	static const struct rule_row of_host[] = {
		{ "hostPort: 81", "hostPort: 80", "containers[1].ports[0]", "dangerously ambiguous port definition" },
	};

	static const char claim[] = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: c}\n"
				    "spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n";
	static const struct rule_row of_claim[] = { { "1Gi", "1500m", "storage", "fractional byte value \"1500m\" is invalid" } };
	static const char service[] = "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{port: 80}]}\n";
	static const struct rule_row of_service[] = {
		{ "{ports", "{externalName: a.b, ports", "spec.externalName", "ignored when spec.type is not \"ExternalName\"" },
		{ "{ports", "{type: ExternalName, externalName: a.b, externalIPs: [10.0.0.1], ports", "spec.externalIPs",
		  "ignored when spec.type is \"ExternalName\"" },
		{ "{ports", "{clusterIP: None, sessionAffinity: ClientIP, ports", "spec.sessionAffinity", "ignored for headless" },
		{ "{ports", "{clusterIP: None, externalIPs: [10.0.0.1], ports", "spec.externalIPs", "ignored for headless" },
	};
	static const char ingress[] = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: i}\n"
				      "spec: {defaultBackend: {service: {name: s, port: {number: 80}}}}\n";
	static const struct rule_row of_ingress[] = {
		{ "{name: i}", "{name: i, annotations: {kubernetes.io/ingress.class: c}}", "kubernetes.io/ingress.class",
		  "please use 'spec.ingressClassName' instead" },
	};

	(void)state;
	rules_judge_warnings(claim, of_claim, ARRAY_SIZE(of_claim));
	rules_judge_warnings(service, of_service, ARRAY_SIZE(of_service));
	rules_judge_warnings(ingress, of_ingress, ARRAY_SIZE(of_ingress));
	rules_judge_warnings(manifest, rows, ARRAY_SIZE(rows));
	rules_judge_warnings(with_host, of_host, ARRAY_SIZE(of_host));
}

static void volumes_of_a_cluster(void **state)
{
	static const char manifest[] =
		"apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: v}\n"
		"spec:\n"
		"  accessModes: [ReadWriteOnce]\n"
		"  capacity: {storage: 1Gi}\n"
		"  azureFile: {secretName: s, shareName: h, secretNamespace: ns}\n";
	static const struct rule_row rows[] = {
		{ "secretNamespace: ns", "secretNamespace: ''", "azureFile.secretNamespace", "Required value" },
		{ "azureFile: {secretName: s, shareName: h, secretNamespace: ns}", "iscsi: {targetPortal: t, iqn: "
		  "'iqn.2001-04.com.example:x', lun: 0, secretRef: {}}", "iscsi.secretRef.name", "Required value" },
		{ "azureFile: {secretName: s, shareName: h, secretNamespace: ns}", "cinder: {volumeID: v, secretRef: {name: s}}",
		  "cinder.secretRef.namespace", "Required value" },
		{ "azureFile: {secretName: s, shareName: h, secretNamespace: ns}", "storageos: {volumeName: v, secretRef: {name: s}}",
		  "storageos.secretRef.namespace", "Required value" },
	};
	static const char space[] = "apiVersion: v1\nkind: Namespace\nmetadata: {name: ns}\nspec: {finalizers: [kubernetes]}\n";
	static const struct rule_row of_space[] = {
		{ "[kubernetes]", "[mine]", "spec.finalizers[0]", "neither a standard finalizer name" },
	};

	static const char node[] = "apiVersion: v1\nkind: Node\nmetadata: {name: node}\nspec: {podCIDRs: [10.0.0.0/24, 'fd00::/64']}\n";
	static const struct rule_row of_node[] = {
		{ "'fd00::/64'", "10.1.0.0/24", "spec.podCIDRs", "no more than one CIDR for each IP family" },
		{ "'fd00::/64'", "'fd00::/64', 'fd01::/64'", "spec.podCIDRs", "no more than one CIDR for each IP family" },
	};

	(void)state;
	rules_judge(manifest, rows, ARRAY_SIZE(rows));
	rules_judge(space, of_space, ARRAY_SIZE(of_space));
	rules_judge(node, of_node, ARRAY_SIZE(of_node));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(volumes), cmocka_unit_test(environment), cmocka_unit_test(mounts),
		cmocka_unit_test(containers), cmocka_unit_test(systems), cmocka_unit_test(names_and_settings),
		cmocka_unit_test(placement), cmocka_unit_test(owners_and_finalizers),
		cmocka_unit_test(claim_templates_have_a_status), cmocka_unit_test(what_a_gated_pod_may_change),
		cmocka_unit_test(volumes_of_a_cluster), cmocka_unit_test(what_is_odd),
	};

	return cmocka_run_group_tests_name("pod rules", tests, NULL, NULL);
}
