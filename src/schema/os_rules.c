/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a pod's operating system forbids, and the options of Windows. Facts: K8S:pkg/apis/core/validation/validation.go
 * (validateLinux, validateWindows, validateWindowsSecurityContextOptions, validateWindowsHostProcessPod).
 */
#include <string.h>

#include "schema/check.h"
#include "schema/pod_rules.h"

enum { CREDENTIAL_MAX = 64 * 1024, DOMAIN_MAX = 256, USER_MAX = 104, NETBIOS_MAX = 15 };

static const char *const lists[] = { "initContainers", "containers", "ephemeralContainers" };

static void forbid(struct admit *ad, const struct value *v, const struct schema_path *at, const char *const *fields,
		   const char *why)
{
	for (; *fields; fields++)
		if (value_get(v, *fields))
			report_forbidden(ad, AT(at, *fields), value_get(v, *fields), "%s", why);
}

static void forbid_in_containers(struct admit *ad, const struct value *spec, const struct schema_path *at,
				 const char *const *fields, const char *why)
{
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		const struct value *list = value_get(spec, lists[i]);

		for (size_t k = 0; k < value_len(list); k++)
			forbid(ad, value_get(value_at(list, k), "securityContext"),
			       AT(AT_ITEM(AT(at, lists[i]), k), "securityContext"), fields, why);
	}
}

void pod_os_check(struct admit *ad, const struct value *spec, const struct schema_path *at)
{
	static const char *const of_windows[] = { "windowsOptions", NULL };
	static const char *const of_pods[] = { "hostUsers", "hostPID", "hostIPC", "shareProcessNamespace", "resources",
					       NULL };
	static const char *const of_contexts[] = { "appArmorProfile", "seLinuxOptions", "seccompProfile", "fsGroup",
						   "fsGroupChangePolicy", "sysctls", "runAsUser", "runAsGroup",
						   "supplementalGroups", "supplementalGroupsPolicy",
						   "seLinuxChangePolicy", NULL };
	static const char *const of_containers[] = { "appArmorProfile", "seLinuxOptions", "seccompProfile",
						     "capabilities", "readOnlyRootFilesystem", "privileged",
						     "allowPrivilegeEscalation", "procMount", "runAsUser",
						     "runAsGroup", NULL };
	const struct value *os = value_get(spec, "os"), *security = value_get(spec, "securityContext");
	const char *why = "windows options cannot be set for a linux pod";

	if (text_is(os, "name", "linux")) {
		forbid(ad, security, AT(at, "securityContext"), of_windows, why);
		forbid_in_containers(ad, spec, at, of_windows, why);
	} else if (text_is(os, "name", "windows")) {
		why = "cannot be set for a windows pod";
		forbid(ad, spec, at, of_pods, why);
		forbid(ad, security, AT(at, "securityContext"), of_contexts, why);
		forbid_in_containers(ad, spec, at, of_containers, why);
	}
}

void pod_host_process_check(struct admit *ad, const struct value *spec, const struct schema_path *at)
{
	const struct value *whole = value_path(spec, "securityContext", "windowsOptions", "hostProcess");
	size_t n = 0, of_host = 0;

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		const struct value *list = value_get(spec, lists[i]);

		for (size_t k = 0; k < value_len(list); k++, n++) {
			const struct value *own =
				value_path(value_at(list, k), "securityContext", "windowsOptions", "hostProcess");
			const struct schema_path *options =
				AT(AT(AT_ITEM(AT(at, lists[i]), k), "securityContext"), "windowsOptions");

			of_host += value_bool(own ? own : whole, false);
			if (whole && own && value_bool(own, false) != value_bool(whole, false))
				report_invalid(ad, AT(options, "hostProcess"), own,
					       "pod hostProcess value must be identical if both are specified, was %s",
					       value_bool(whole, false) ? "true" : "false");
		}
	}
	if (of_host && of_host != n)
		report_error(ad, at, value_mark(spec), "Invalid value: \"\": If pod contains any hostProcess containers then "
			     "all containers must be HostProcess containers");
	if (of_host && !value_bool(value_get(spec, "hostNetwork"), false))
		report_error(ad, AT(at, "hostNetwork"), value_mark(spec),
			     "Invalid value: false: hostNetwork must be true if pod contains any hostProcess containers");
}

/* --- a user of Windows: [DOMAIN\]USER --- */

static bool is_netbios(const char *s, size_t len)
{
	return len && len <= NETBIOS_MAX && *s != '.' && strcspn(s, "\\/:*?\"<>|") >= len;
}

static bool is_dns(const char *s, size_t len)
{
	for (size_t i = 0, label = 0; i <= len; i++) {
		char c = i < len ? s[i] : '.';

		if (c == '.') {
			if (!label || label > 63 || s[i - 1] == '-')
				return false;
			label = 0;
		} else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			   (c == '-' && label)) {
			label++;
		} else {
			return false;
		}
	}
	return true;
}

static const char *why_no_user(const char *s, size_t len)
{
	const char *slash = strchr(s, '\\'), *user = slash ? slash + 1 : s;
	size_t domain = slash ? (size_t)(slash - s) : 0, n = strlen(user);

	if (!len)
		return "runAsUserName cannot be an empty string";
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return "runAsUserName cannot contain control characters";
	if (slash && strchr(slash + 1, '\\'))
		return "runAsUserName cannot contain more than one backslash";
	if (domain >= DOMAIN_MAX)
		return "runAsUserName's Domain length must be under 256 characters";
	if (slash && !is_netbios(s, domain) && !is_dns(s, domain))
		return "runAsUserName's Domain doesn't match the NetBios nor the DNS format";
	if (!n)
		return "runAsUserName's User cannot be empty";
	if (n > USER_MAX)
		return "runAsUserName's User length must not be longer than 104 characters";
	if (strspn(user, ". ") == n)
		return "runAsUserName's User cannot contain only periods or spaces";
	if (user[strcspn(user, "\"/\\:;|=,+*?<>@[]")])
		return "runAsUserName's User cannot contain the following characters: \"/\\:;|=,+*?<>@[]";
	return NULL;
}

void windows_options_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *credential = value_get(v, "gmsaCredentialSpec"), *user = value_get(v, "runAsUserName");
	const char *why = user ? why_no_user(value_str_or(user, ""), value_len(user)) : NULL;

	check_member(ad, v, at, "gmsaCredentialSpecName", format_dns_subdomain);
	if (credential && !value_len(credential))
		report_invalid(ad, AT(at, "gmsaCredentialSpec"), credential, "gmsaCredentialSpec cannot be an empty string");
	if (value_len(credential) > CREDENTIAL_MAX)
		report_invalid(ad, AT(at, "gmsaCredentialSpec"), credential, "gmsaCredentialSpec size must be under 64 KiB");
	if (why)
		report_invalid(ad, AT(at, "runAsUserName"), user, "%s", why);
}
