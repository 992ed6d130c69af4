/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Security contexts.
 */
#include "schema/pod_rules.h"
#include "schema/table.h"

static const struct schema_field app_armor_profile_fields[] = {
	{ "localhostProfile", STRING, KEEP_ZERO },
	{ "type",
	  TYPE(.form = SCHEMA_STRING, .values = NAMES("Localhost", "RuntimeDefault", "Unconfined"),
	       .required = "type is required when appArmorProfile is set"), REQUIRED | ALWAYS },
};
static const struct schema_type app_armor_profile =
	STRUCT("AppArmorProfile", app_armor_profile_fields, .check = app_armor_profile_check);

static const struct schema_field capabilities_fields[] = {
	{ "add", LIST(STRING) },
	{ "drop", LIST(STRING) },
};
static const struct schema_type capabilities = STRUCT("Capabilities", capabilities_fields);

static const struct schema_field se_linux_options_fields[] = {
	{ "level", STRING },
	{ "role", STRING },
	{ "type", STRING },
	{ "user", STRING },
};
static const struct schema_type se_linux_options = STRUCT("SELinuxOptions", se_linux_options_fields);

static const struct schema_field seccomp_profile_fields[] = {
	{ "localhostProfile", STRING, KEEP_ZERO },
	{ "type",
	  TYPE(.form = SCHEMA_STRING, .values = NAMES("Localhost", "RuntimeDefault", "Unconfined"),
	       .required = "type is required when seccompProfile is set"), REQUIRED | ALWAYS },
};
static const struct schema_type seccomp_profile =
	STRUCT("SeccompProfile", seccomp_profile_fields, .check = seccomp_profile_check);

static const struct schema_field windows_security_context_options_fields[] = {
	{ "gmsaCredentialSpec", STRING, KEEP_ZERO },
	{ "gmsaCredentialSpecName", STRING, KEEP_ZERO },
	{ "hostProcess", BOOL, KEEP_ZERO },
	{ "runAsUserName", STRING, KEEP_ZERO },
};
static const struct schema_type windows_security_context_options =
	STRUCT("WindowsSecurityContextOptions", windows_security_context_options_fields,
	       .check = windows_options_check);

static const struct schema_field security_context_fields[] = {
	{ "allowPrivilegeEscalation", BOOL, KEEP_ZERO },
	{ "appArmorProfile", &app_armor_profile, NOT_ACTED },
	{ "capabilities", &capabilities },
	{ "privileged", BOOL, KEEP_ZERO },
	{ "procMount", ENUM("Default", "Unmasked"), KEEP_ZERO },
	{ "readOnlyRootFilesystem", BOOL, KEEP_ZERO },
	{ "runAsGroup", ID, KEEP_ZERO },
	{ "runAsNonRoot", BOOL, KEEP_ZERO },
	{ "runAsUser", ID, KEEP_ZERO },
	{ "seLinuxOptions", &se_linux_options, NOT_ACTED },
	{ "seccompProfile", &seccomp_profile },
	{ "windowsOptions", &windows_security_context_options, NOT_ACTED },
};
const struct schema_type schema_security_context =
	STRUCT("SecurityContext", security_context_fields, .check = security_context_check);

static const struct schema_field sysctl_fields[] = {
	{ "name", FORMAT(format_sysctl), REQUIRED | ALWAYS },
	{ "value", STRING, REQUIRED | ALWAYS },
};
static const struct schema_type sysctl = STRUCT("Sysctl", sysctl_fields);

static const struct schema_field pod_security_context_fields[] = {
	{ "appArmorProfile", &app_armor_profile, NOT_ACTED },
	{ "fsGroup", ID, KEEP_ZERO },
	{ "fsGroupChangePolicy", ENUM("Always", "OnRootMismatch"), KEEP_ZERO | NOT_ACTED },
	{ "runAsGroup", ID, KEEP_ZERO },
	{ "runAsNonRoot", BOOL, KEEP_ZERO },
	{ "runAsUser", ID, KEEP_ZERO },
	{ "seLinuxChangePolicy", ENUM("MountOption", "Recursive"), KEEP_ZERO | NOT_ACTED },
	{ "seLinuxOptions", &se_linux_options, NOT_ACTED },
	{ "seccompProfile", &seccomp_profile },
	{ "supplementalGroups", LIST(ID) },
	{ "supplementalGroupsPolicy", ENUM("Merge", "Strict"), KEEP_ZERO },
	{ "sysctls", TYPE(.form = SCHEMA_LIST, .elem = &sysctl, .check = sysctls_check) },
	{ "windowsOptions", &windows_security_context_options, NOT_ACTED },
};
const struct schema_type schema_pod_security_context = STRUCT("PodSecurityContext", pod_security_context_fields);
