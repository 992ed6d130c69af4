/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "node/security.h"

#define BIT(cap) (UINT64_C(1) << (cap))

static void test_names(void **state)
{
	static const struct {
		const char *name;
		int cap;
	} cases[] = {
		{ "NET_ADMIN", CAP_NET_ADMIN }, { "CAP_NET_ADMIN", CAP_NET_ADMIN }, { "net_admin", CAP_NET_ADMIN },
		{ "Cap_Chown", CAP_CHOWN },	{ "SYS_TIME", CAP_SYS_TIME },	    { "NO_SUCH", -EINVAL },
		{ "", -EINVAL },		{ "CAP_", -EINVAL },		    { "5", -EINVAL },
		{ "CAP_5", -EINVAL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(security_cap_from_name(cases[i].name), cases[i].cap);
}

static void test_default_set(void **state)
{
	uint64_t caps = security_caps_default();

	assert_int_equal(__builtin_popcountll(caps), 14);
	assert_true(caps & BIT(CAP_NET_BIND_SERVICE));
	assert_false(caps & (BIT(CAP_SYS_ADMIN) | BIT(CAP_NET_ADMIN) | BIT(CAP_SYS_PTRACE)));
}

static void test_apply(void **state)
{
	static const char *const all[] = { "ALL" };
	static const char *const one[] = { "NET_BIND_SERVICE" };
	static const char *const two[] = { "KILL", "SYS_TIME" };
	static const char *const bad[] = { "KILL", "FLY" };
	_cleanup_error_ struct error err = ERROR_INIT;
	uint64_t caps = security_caps_default();

	assert_int_equal(security_caps_apply(&caps, one, 1, all, 1, &err), 0);
	assert_int_equal(caps, BIT(CAP_NET_BIND_SERVICE));
	assert_int_equal(security_caps_apply(&caps, two, 2, one, 1, &err), 0);
	assert_int_equal(caps, BIT(CAP_KILL) | BIT(CAP_SYS_TIME));
	assert_int_equal(security_caps_apply(&caps, all, 1, two, 1, &err), 0);
	assert_int_equal(caps, security_caps_all() & ~BIT(CAP_KILL));
	assert_int_equal(security_caps_apply(&caps, bad, 2, NULL, 0, &err), -EINVAL);
	assert_string_equal(error_text(&err), "unknown capability \"FLY\"");
	assert_int_equal(caps, security_caps_all() & ~BIT(CAP_KILL));
}

/* What a child under the filter for `caps` gets from `call`: 0 or its errno. */
static int filtered(uint64_t caps, int (*call)(void))
{
	_cleanup_error_ struct error err = ERROR_INIT;
	const void *code = NULL;
	size_t size = 0;
	struct sock_fprog prog;
	int status;
	pid_t pid;

	if (security_seccomp_default(caps, &code, &size, &err) < 0)
		fail_msg("%s", error_text(&err));
	assert_int_equal(size % sizeof(struct sock_filter), 0);
	assert_in_range(size / sizeof(struct sock_filter), 100, BPF_MAXINSNS);
	prog.len = (unsigned short)(size / sizeof(struct sock_filter));
	prog.filter = (struct sock_filter *)(uintptr_t)code;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0) < 0)
			_exit(255);
		errno = 0;
		_exit(call() < 0 ? errno : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_not_equal(WEXITSTATUS(status), 255);
	return WEXITSTATUS(status);
}

static int call_getppid(void)
{
	return (int)syscall(SYS_getppid);
}

static int call_unshare(void)
{
	return unshare(CLONE_NEWUTS);
}

static int call_clone_plain(void)
{
	int pid = (int)syscall(SYS_clone, 0, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	return pid;
}

static int call_clone_newuser(void)
{
	int pid = (int)syscall(SYS_clone, CLONE_NEWUSER, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	return pid;
}

static int call_clone3(void)
{
	return (int)syscall(SYS_clone3, NULL, 0);
}

static int call_vsock(void)
{
	return socket(AF_VSOCK, SOCK_STREAM, 0);
}

static int call_unix(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0);
}

static int call_personality(void)
{
	return personality(ADDR_NO_RANDOMIZE);
}

static int call_personality_query(void)
{
	return personality(0xffffffff);
}

static int call_future(void)
{
	return (int)syscall(4000);
}

static int call_kexec(void)
{
	return (int)syscall(SYS_kexec_load, 0, 0, NULL, 0);
}

static int call_bpf(void)
{
	return (int)syscall(SYS_bpf, 0xffff, NULL, 0);
}

static void test_filter(void **state)
{
	static const struct {
		int (*call)(void);
		uint64_t caps;
		int errno_wanted;
	} cases[] = {
		{ call_getppid, 0, 0 },
		{ call_unshare, 0, EPERM },
		{ call_clone_plain, 0, 0 },
		{ call_clone_newuser, 0, EPERM },
		{ call_clone3, 0, ENOSYS },
		{ call_clone3, BIT(CAP_SYS_ADMIN), EINVAL },
		{ call_vsock, 0, EPERM },
		{ call_unix, 0, 0 },
		{ call_personality, 0, EPERM },
		{ call_personality_query, 0, 0 },
		{ call_future, 0, ENOSYS },
		{ call_kexec, BIT(CAP_SYS_ADMIN), EPERM },
		{ call_bpf, 0, EPERM },
		{ call_bpf, BIT(CAP_BPF), EINVAL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int got = filtered(cases[i].caps, cases[i].call);

		if (got != cases[i].errno_wanted)
			fail_msg("case %zu: %s, wanted %s", i, strerror(got), strerror(cases[i].errno_wanted));
	}
	security_seccomp_release();
}

static void test_filter_is_made_once(void **state)
{
	const void *a, *b, *c;
	size_t size;

	assert_int_equal(security_seccomp_default(security_caps_default(), &a, &size, NULL), 0);
	assert_int_equal(security_seccomp_default(security_caps_default() & ~BIT(CAP_CHOWN), &b, &size, NULL), 0);
	assert_int_equal(security_seccomp_default(security_caps_default() | BIT(CAP_SYS_TIME), &c, &size, NULL), 0);
	assert_ptr_equal(a, b);
	assert_ptr_not_equal(a, c);
	security_seccomp_release();
}

/* A profile's numbers are kept exactly, or the profile is refused: a filter for another number would pass for this one's. */
static void test_numbers_of_a_profile(void **state)
{
	static const struct {
		const char *value;
		bool taken;
	} T[] = {
		{ "16", true }, { "9223372036854775807", true }, { "9223372036854775808", false },
		{ "18446744073709551615", false }, { "1e30", false }, { "1.5", false }, { "\"16\"", false },
	};
	char dir[] = "/tmp/podfs-seccomp.XXXXXX", path[sizeof(dir) + 16];

	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/profile", dir);
	for (size_t i = 0; i < 2 * ARRAY_SIZE(T); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		const char *value = T[i / 2].value;
		FILE *f = fopen(path, "we");
		const void *code;
		size_t size;
		int r;

		assert_non_null(f);
		assert_true(fprintf(f, "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"socket\"], "
				       "\"action\": \"SCMP_ACT_ERRNO\", \"args\": [{\"index\": 0, \"op\": \"SCMP_CMP_MASKED_EQ\", "
				       "\"value\": %s, \"valueTwo\": %s}]}]}", i % 2 ? "1" : value, i % 2 ? value : "1") > 0);
		assert_int_equal(fclose(f), 0);
		r = security_seccomp_local(dir, "profile", &code, &size, &err);
		if ((r == 0) != T[i / 2].taken || (r < 0 && !strstr(error_text(&err), "no whole number below 2^63")))
			fail_msg("%s: %d %s", value, r, error_text(&err));
		security_seccomp_local_release();
	}
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_default_set),
		cmocka_unit_test(test_apply),
		cmocka_unit_test(test_filter),
		cmocka_unit_test(test_filter_is_made_once),
		cmocka_unit_test(test_numbers_of_a_profile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
