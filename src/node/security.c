/* SPDX-License-Identifier: Apache-2.0 */
#include "node/security.h"

#include <ctype.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/capability.h>

#include "base/cleanup.h"

/* The set of runtimes for containers that ask for nothing; containerd's and docker's documented default. */
static const int default_caps[] = {
	CAP_CHOWN,  CAP_DAC_OVERRIDE, CAP_FSETID,  CAP_FOWNER,	       CAP_MKNOD,      CAP_NET_RAW, CAP_SETGID,
	CAP_SETUID, CAP_SETFCAP,      CAP_SETPCAP, CAP_NET_BIND_SERVICE, CAP_SYS_CHROOT, CAP_KILL,    CAP_AUDIT_WRITE,
};

/* containerd's defaults of maskedPaths and readonlyPaths. */
static const char *const masked_paths[] = {
	"/proc/acpi",	      "/proc/asound",	    "/proc/interrupts",	   "/proc/kcore",
	"/proc/keys",	      "/proc/latency_stats", "/proc/timer_list",	   "/proc/timer_stats",
	"/proc/sched_debug", "/proc/scsi",	    "/sys/firmware",	   "/sys/devices/virtual/powercap",
};

static const char *const readonly_paths[] = {
	"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};

uint64_t security_caps_default(void)
{
	uint64_t caps = 0;

	for (size_t i = 0; i < ARRAY_SIZE(default_caps); i++)
		caps |= UINT64_C(1) << default_caps[i];
	return caps;
}

uint64_t security_caps_all(void)
{
	cap_t own = cap_get_proc();
	uint64_t caps = 0;

	if (!own)
		return 0;
	for (int cap = 0; cap < cap_max_bits() && cap < 64; cap++) {
		cap_flag_value_t permitted = CAP_CLEAR;

		if (cap_get_bound(cap) == 1 && cap_get_flag(own, cap, CAP_PERMITTED, &permitted) == 0 &&
		    permitted == CAP_SET)
			caps |= UINT64_C(1) << cap;
	}
	(void)cap_free(own); /* ignoring: it is what cap_get_proc gave */
	return caps;
}

int security_cap_from_name(const char *name)
{
	char full[64];
	cap_value_t cap;
	int n;

	if (strncasecmp(name, "CAP_", 4) == 0)
		name += 4;
	/* libcap would take a number, too. */
	if (!isalpha((unsigned char)name[0]))
		return -EINVAL;
	n = snprintf(full, sizeof(full), "cap_%s", name);
	if (n < 0 || (size_t)n >= sizeof(full) || cap_from_name(full, &cap) < 0 || cap < 0 || cap >= 64)
		return -EINVAL;
	return cap;
}

static bool has_all(const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcasecmp(names[i], "ALL") == 0)
			return true;
	return false;
}

static int mask_of(const char *const *names, size_t n, uint64_t *ret_mask, struct error *err)
{
	uint64_t mask = 0;

	for (size_t i = 0; i < n; i++) {
		int cap = strcasecmp(names[i], "ALL") == 0 ? -1 : security_cap_from_name(names[i]);

		if (cap == -EINVAL)
			return error_set(err, -EINVAL, "unknown capability \"%s\"", names[i]);
		if (cap >= 0)
			mask |= UINT64_C(1) << cap;
	}
	*ret_mask = mask;
	return 0;
}

int security_caps_apply(uint64_t *caps, const char *const *add, size_t n_add, const char *const *drop, size_t n_drop,
			struct error *err)
{
	uint64_t more, less, result = *caps;
	int r = mask_of(add, n_add, &more, err);

	if (r == 0)
		r = mask_of(drop, n_drop, &less, err);
	if (r < 0)
		return r;
	if (has_all(add, n_add))
		result = security_caps_all();
	if (has_all(drop, n_drop))
		result = 0;
	*caps = (result | more) & ~less;
	return 0;
}

void security_caps_fill(struct spec_security *s, uint64_t caps)
{
	s->bounding = s->permitted = s->effective = caps;
	s->inheritable = s->ambient = 0;
}

const char *const *security_masked_paths(size_t *ret_n)
{
	*ret_n = ARRAY_SIZE(masked_paths);
	return masked_paths;
}

const char *const *security_readonly_paths(size_t *ret_n)
{
	*ret_n = ARRAY_SIZE(readonly_paths);
	return readonly_paths;
}
