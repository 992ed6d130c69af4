/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Volumes made of other objects: downward API files and projections. Facts:
 * K8S:pkg/apis/core/validation/validation.go (validateDownwardAPIVolumeFile, validateProjectionSources).
 */
#include <string.h>

#include "schema/check.h"
#include "schema/meta_rules.h"
#include "schema/pod_rules.h"

enum { TOKEN_SECONDS_MIN = 600, CERTIFICATE_SECONDS_MIN = 3600 };

/* The longest that a certificate lives, and one of Kubernetes' own signers: 91 days and one. */
enum { CERTIFICATE_SECONDS_MAX = 7862400, KUBERNETES_SECONDS_MAX = 86400 };

void downward_file_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	static const char *const fields[] = { "metadata.annotations", "metadata.labels", "metadata.name",
					      "metadata.namespace", "metadata.uid", NULL };
	const struct value *field = value_get(v, "fieldRef"), *resource = value_get(v, "resourceFieldRef");

	if (field && resource)
		report_invalid(ad, at, v, "fieldRef and resourceFieldRef can not be specified simultaneously");
	else if (!field && !resource)
		report_required(ad, at, v, "one of fieldRef and resourceFieldRef is required");
	field_path_check(ad, field, fields, AT(at, "fieldRef"));
	if (resource && !field)
		check_required(ad, resource, AT(at, "resourceFieldRef"), "containerName", "");
}

void projection_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	if (value_len(v) > 1)
		report_forbidden(ad, at, v, "may not specify more than 1 volume type per source");
	else if (value_len(v) == 0)
		report_required(ad, at, v, "must specify a source");
}

void token_projection_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *seconds = value_get(v, "expirationSeconds");
	int64_t n = value_int(seconds, TOKEN_SECONDS_MIN);

	if (n < TOKEN_SECONDS_MIN)
		report_invalid(ad, AT(at, "expirationSeconds"), seconds, "may not specify a duration less than 10 minutes");
	else if (n > 1LL << 32)
		report_invalid(ad, AT(at, "expirationSeconds"), seconds,
			       "may not specify a duration larger than 2^32 seconds");
}

void trust_bundle_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *name = value_get(v, "name"), *signer = value_get(v, "signerName");

	if (name && signer) {
		report_invalid(ad, at, v, "only one of name and signerName may be used");
	} else if (name) {
		check_required(ad, v, at, "name", "must be a valid object name");
		if (value_get(v, "labelSelector"))
			report_invalid(ad, AT(at, "labelSelector"), value_get(v, "labelSelector"),
				       "labelSelector must be unset if name is specified");
	} else if (signer) {
		if (check_required(ad, v, at, "signerName", "must be a valid signer name"))
			check_member(ad, v, at, "signerName", format_signer_name);
	} else {
		report_required(ad, at, v, "either name or signerName must be specified");
	}
}

void pod_certificate_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *seconds = value_get(v, "maxExpirationSeconds");
	bool own = !strncmp(text_of(v, "signerName"), "kubernetes.io/", strlen("kubernetes.io/"));
	int64_t most = own ? KUBERNETES_SECONDS_MAX : CERTIFICATE_SECONDS_MAX;

	if (seconds && value_int(seconds, 0) < CERTIFICATE_SECONDS_MIN)
		report_invalid(ad, AT(at, "maxExpirationSeconds"), seconds,
			       "if provided, maxExpirationSeconds must be >= %d", CERTIFICATE_SECONDS_MIN);
	if (value_int(seconds, 0) > most)
		report_invalid(ad, AT(at, "maxExpirationSeconds"), seconds,
			       "if provided, maxExpirationSeconds must be <= %lld", (long long)most);
	if (!*text_of(v, "credentialBundlePath") && !*text_of(v, "keyPath") && !*text_of(v, "certificateChainPath"))
		report_required(ad, at, v, "specify at least one of credentialBundlePath, keyPath, and certificateChainPath");
}

/* A volume has each of its files from one source. */
static void check_path(struct admit *ad, struct value *seen, const struct value *path, const struct schema_path *at)
{
	if (seen_before(ad, seen, path))
		report_invalid(ad, at, path, "conflicting duplicate paths");
}

void projected_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	static const char *const lists[] = { "secret", "configMap", "downwardAPI" };
	static const char *const files[] = { "credentialBundlePath", "keyPath", "certificateChainPath" };
	const struct value *sources = value_get(v, "sources");
	struct value *seen = value_new_map(ad->arena);

	for (size_t i = 0; i < value_len(sources); i++) {
		const struct value *source = value_at(sources, i);

		for (size_t k = 0; k < ARRAY_SIZE(lists); k++) {
			const struct value *items = value_path(source, lists[k], "items");

			for (size_t n = 0; n < value_len(items); n++)
				check_path(ad, seen, value_get(value_at(items, n), "path"), at);
		}
		check_path(ad, seen, value_path(source, "clusterTrustBundle", "path"), at);
		for (size_t k = 0; k < ARRAY_SIZE(files); k++)
			check_path(ad, seen, value_path(source, "podCertificate", files[k]), at);
	}
}
