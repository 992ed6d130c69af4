/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chosen by how often real manifests and the objects made from them hold a word. Look-up is a closed hash over the
 * tables' indices, made once.
 */
#include "value/pack_words.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"

enum { SLOTS = 1024, MOST_KEYS = 192, MOST_STRINGS = 256 };

static const char *const keys[] = {
	"apiVersion", "kind", "metadata", "spec", "status", "name", "namespace", "uid", "resourceVersion",
	"generation", "creationTimestamp", "labels", "annotations", "ownerReferences", "controller",
	"blockOwnerDeletion", "finalizers", "deletionTimestamp", "deletionGracePeriodSeconds",
	"generateName", "app", "app.kubernetes.io/name", "app.kubernetes.io/instance",
	"app.kubernetes.io/component", "app.kubernetes.io/part-of", "app.kubernetes.io/version", "k8s-app",
	"pod-template-hash", "controller-revision-hash", "statefulset.kubernetes.io/pod-name",
	"apps.kubernetes.io/pod-index", "batch.kubernetes.io/job-name", "deployment.kubernetes.io/revision",
	"replicas", "selector", "matchLabels", "matchExpressions", "key", "operator", "values", "template",
	"strategy", "type", "rollingUpdate", "maxUnavailable", "maxSurge", "revisionHistoryLimit",
	"progressDeadlineSeconds", "minReadySeconds", "containers", "initContainers", "image",
	"imagePullPolicy", "command", "args", "ports", "containerPort", "hostPort", "protocol", "port",
	"targetPort", "nodePort", "env", "value", "valueFrom", "envFrom", "configMapRef", "secretRef",
	"prefix", "configMapKeyRef", "secretKeyRef", "fieldRef", "fieldPath", "resourceFieldRef", "resource",
	"optional", "resources", "limits", "requests", "cpu", "memory", "ephemeral-storage", "storage",
	"volumeMounts", "mountPath", "readOnly", "volumes", "configMap", "secret", "secretName", "emptyDir",
	"hostPath", "path", "persistentVolumeClaim", "claimName", "projected", "sources", "downwardAPI",
	"items", "mode", "defaultMode", "serviceAccountToken", "expirationSeconds", "livenessProbe",
	"readinessProbe", "startupProbe", "httpGet", "exec", "grpc", "scheme", "host", "initialDelaySeconds",
	"timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold", "lifecycle", "preStop",
	"postStart", "terminationMessagePath", "terminationMessagePolicy", "restartPolicy",
	"terminationGracePeriodSeconds", "dnsPolicy", "schedulerName", "securityContext", "runAsUser",
	"runAsGroup", "runAsNonRoot", "fsGroup", "privileged", "allowPrivilegeEscalation",
	"readOnlyRootFilesystem", "capabilities", "add", "drop", "seccompProfile", "serviceAccount",
	"serviceAccountName", "nodeName", "nodeSelector", "affinity", "tolerations", "effect",
	"tolerationSeconds", "priority", "priorityClassName", "preemptionPolicy", "enableServiceLinks",
	"hostNetwork", "imagePullSecrets", "automountServiceAccountToken", "phase", "conditions", "reason",
	"message", "lastTransitionTime", "lastProbeTime", "lastUpdateTime", "observedGeneration", "hostIP",
	"hostIPs", "podIP", "podIPs", "ip", "qosClass", "startTime", "containerStatuses",
	"initContainerStatuses", "containerID", "imageID", "ready", "started", "restartCount", "state",
	"lastState", "running", "waiting", "clusterIP", "clusterIPs", "data", "addresses", "targetRef",
	"sessionAffinity", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy", "loadBalancer",
	"unavailableReplicas", "collisionCount", "fullyLabeledReplicas", "endpoints",
};

static const char *const strings[] = {
	"v1", "apps/v1", "batch/v1", "networking.k8s.io/v1", "discovery.k8s.io/v1",
	"rbac.authorization.k8s.io/v1", "autoscaling/v2", "policy/v1", "storage.k8s.io/v1",
	"coordination.k8s.io/v1", "Pod", "Service", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet",
	"Job", "CronJob", "ConfigMap", "Secret", "Namespace", "Node", "Event", "Endpoints", "EndpointSlice",
	"PersistentVolume", "PersistentVolumeClaim", "ServiceAccount", "Ingress", "Role", "ClusterRole",
	"RoleBinding", "ClusterRoleBinding", "ControllerRevision", "HorizontalPodAutoscaler",
	"PodDisruptionBudget", "Lease", "default", "kube-system", "True", "False", "Unknown", "Always",
	"IfNotPresent", "Never", "OnFailure", "TCP", "UDP", "SCTP", "HTTP", "HTTPS", "/dev/termination-log",
	"File", "FallbackToLogsOnError", "default-scheduler", "ClusterFirst", "25%", "Cluster", "Local",
	"None", "ClusterIP", "NodePort", "LoadBalancer", "ExternalName", "IPv4", "SingleStack",
	"RollingUpdate", "Recreate", "OnDelete", "OrderedReady", "Parallel", "Exists", "Equal", "In",
	"NotIn", "DoesNotExist", "NoExecute", "NoSchedule", "PreferNoSchedule",
	"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable", "Pending", "Running", "Succeeded",
	"Failed", "Active", "Bound", "Ready", "ContainersReady", "Initialized", "PodScheduled",
	"PodReadyToStartContainers", "Available", "Progressing", "Complete", "MinimumReplicasAvailable",
	"NewReplicaSetAvailable", "BestEffort", "Burstable", "Guaranteed", "Opaque", "ReadWriteOnce",
	"ReadOnlyMany", "ReadWriteMany", "Filesystem", "Retain", "Delete", "Allow", "Forbid", "Replace",
	"RuntimeDefault", "ALL", "PreemptLowerPriority", "true", "false", "http", "kube-root-ca.crt",
	"ca.crt", "token", "metadata.name", "metadata.namespace", "ContainerCreating", "Completed", "Error",
	"CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull", "OOMKilled", "100m", "128Mi", "64Mi", "1",
	"0", "/", "/metrics", "/healthz", "/bin/sh", "sh", "-c",
};

_Static_assert(ARRAY_SIZE(keys) <= MOST_KEYS, "a key's code must fit in the byte");
_Static_assert(ARRAY_SIZE(strings) <= MOST_STRINGS, "a string's code must fit in a byte");

/* Index + 1 of a word, 0 when empty. */
static uint16_t key_slots[SLOTS], string_slots[SLOTS];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static unsigned hash(const char *s, size_t len)
{
	uint32_t h = (uint32_t)len * 2654435761u; /* Knuth's multiplier, 2^32 over the golden ratio */

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)s[i]) * 16777619u;
	return (h ^ h >> 15) % SLOTS;
}

static void fill(uint16_t slots[static SLOTS], const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned at = hash(words[i], strlen(words[i]));

		while (slots[at])
			at = (at + 1) % SLOTS;
		slots[at] = (uint16_t)(i + 1);
	}
}

static void fill_both(void)
{
	fill(key_slots, keys, ARRAY_SIZE(keys));
	fill(string_slots, strings, ARRAY_SIZE(strings));
}

static int find(const uint16_t slots[static SLOTS], const char *const *words, const char *s, size_t len)
{
	(void)pthread_once(&once, fill_both); /* cannot fail with a valid control */
	for (unsigned at = hash(s, len); slots[at]; at = (at + 1) % SLOTS) {
		const char *word = words[slots[at] - 1];

		if (strlen(word) == len && !memcmp(word, s, len))
			return slots[at] - 1;
	}
	return -1;
}

const char *pack_key_word(unsigned code)
{
	return code < ARRAY_SIZE(keys) ? keys[code] : NULL;
}

const char *pack_string_word(unsigned code)
{
	return code < ARRAY_SIZE(strings) ? strings[code] : NULL;
}

int pack_key_code(const char *s, size_t len)
{
	return find(key_slots, keys, s, len);
}

int pack_string_code(const char *s, size_t len)
{
	return find(string_slots, strings, s, len);
}
