/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccompProfile Localhost: a filter that root has written to the node's directory of profiles, in the format of the OCI
 * runtime specification ("linux.seccomp", config-linux.md), as container runtimes read it.
 */
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/openat2.h"
#include "node/security.h"
#include "value/json.h"

enum { PROFILE_MAX = 1 << 20, KEPT = 8, ARGS_MAX = 6 };

/* The profiles that were used last, since each start and each probe by exec asks for its own again. */
static struct kept {
	char *name;
	struct stat st;
	void *code;
	size_t size;
} kept[KEPT]; /* of the agent's thread */
static size_t next_kept;

static const struct word {
	const char *name;
	uint32_t value;
} actions[] = {
	{ "SCMP_ACT_ALLOW", SCMP_ACT_ALLOW },	      { "SCMP_ACT_LOG", SCMP_ACT_LOG },
	{ "SCMP_ACT_KILL", SCMP_ACT_KILL },	      { "SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD },
	{ "SCMP_ACT_TRAP", SCMP_ACT_TRAP },	      { "SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS },
	{ "SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0) },
}, comparisons[] = {
	{ "SCMP_CMP_NE", SCMP_CMP_NE }, { "SCMP_CMP_LT", SCMP_CMP_LT }, { "SCMP_CMP_LE", SCMP_CMP_LE },
	{ "SCMP_CMP_EQ", SCMP_CMP_EQ }, { "SCMP_CMP_GE", SCMP_CMP_GE }, { "SCMP_CMP_GT", SCMP_CMP_GT },
	{ "SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ },
}, architectures[] = {
	{ "SCMP_ARCH_X86", SCMP_ARCH_X86 },	    { "SCMP_ARCH_X86_64", SCMP_ARCH_X86_64 },
	{ "SCMP_ARCH_X32", SCMP_ARCH_X32 },	    { "SCMP_ARCH_ARM", SCMP_ARCH_ARM },
	{ "SCMP_ARCH_AARCH64", SCMP_ARCH_AARCH64 }, { "SCMP_ARCH_RISCV64", SCMP_ARCH_RISCV64 },
	{ "SCMP_ARCH_PPC64LE", SCMP_ARCH_PPC64LE }, { "SCMP_ARCH_S390X", SCMP_ARCH_S390X },
};

static bool find_word(const struct word *words, size_t n, const char *name, uint32_t *ret)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(words[i].name, name)) {
			*ret = words[i].value;
			return true;
		}
	return false;
}

/* An action with the errno that it gives: EPERM unless one is stated. */
static int read_action(const struct value *of, const char *key, const char *errno_key, uint32_t *ret, struct error *err)
{
	const char *name = value_str_or(value_get(of, key), "");
	int64_t code = value_int(value_get(of, errno_key), EPERM);

	if (!find_word(actions, ARRAY_SIZE(actions), name, ret))
		return error_set(err, -EINVAL, "%s \"%s\" is not an action of this version", key, name);
	if (code < 0 || code > UINT16_MAX)
		return error_set(err, -EINVAL, "%s is not an error number", errno_key);
	if (*ret == SCMP_ACT_ERRNO(0))
		*ret = SCMP_ACT_ERRNO((uint32_t)code);
	return 0;
}

/* Absent, or a number that is kept exactly: what is larger would silently be another one. */
static bool is_number(const struct value *v)
{
	return !v || value_type(v) == VALUE_INT;
}

static int read_args(const struct value *list, struct scmp_arg_cmp args[static ARGS_MAX], unsigned *ret_n, struct error *err)
{
	for (size_t i = 0; i < value_len(list); i++) {
		const struct value *arg = value_at(list, i);
		int64_t index = value_int(value_get(arg, "index"), -1);
		const char *op = value_str_or(value_get(arg, "op"), "");
		uint32_t cmp;

		if (!is_number(value_get(arg, "value")) || !is_number(value_get(arg, "valueTwo")))
			return error_set(err, -EINVAL, "args: a value is no whole number below 2^63");
		if (i == ARGS_MAX || index < 0 || index >= ARGS_MAX)
			return error_set(err, -EINVAL, "args: a system call has %d", ARGS_MAX);
		if (!find_word(comparisons, ARRAY_SIZE(comparisons), op, &cmp))
			return error_set(err, -EINVAL, "args: op \"%s\" is not known", op);
		args[i] = (struct scmp_arg_cmp){
			.arg = (unsigned)index,
			.op = (enum scmp_compare)cmp,
			.datum_a = (uint64_t)value_int(value_get(arg, "value"), 0),
			.datum_b = (uint64_t)value_int(value_get(arg, "valueTwo"), 0),
		};
	}
	*ret_n = (unsigned)value_len(list);
	return 0;
}

static int add_rule(scmp_filter_ctx ctx, const char *name, uint32_t action, const struct scmp_arg_cmp *args, unsigned n,
		    struct error *err)
{
	int nr = seccomp_syscall_resolve_name(name), r;

	if (nr == __NR_SCMP_ERROR)
		return 0; /* of another architecture, or newer: as container runtimes do */
	r = seccomp_rule_add_array(ctx, action, nr, n, args);
	/* A call that this architecture has only under another number is no loss, nor one whose rule is the default. */
	return r == -EDOM || r == -EEXIST || r == -EACCES ? 0 : r < 0 ? error_errno(err, r, "rule of %s", name) : 0;
}

static int add_rules(scmp_filter_ctx ctx, const struct value *rule, struct error *err)
{
	const struct value *names = value_get(rule, "names");
	struct scmp_arg_cmp args[ARGS_MAX];
	uint32_t action;
	unsigned n = 0;
	int r;

	if (value_len(value_get(rule, "includes")) || value_len(value_get(rule, "excludes")))
		return error_set(err, -EINVAL, "includes and excludes are for the runtime that a profile is made for: a profile of "
				 "the OCI runtime specification has none");
	r = read_action(rule, "action", "errnoRet", &action, err);
	if (r == 0)
		r = read_args(value_get(rule, "args"), args, &n, err);
	if (r == 0 && !value_len(names))
		r = error_set(err, -EINVAL, "names are missing");
	for (size_t i = 0; r == 0 && i < value_len(names); i++)
		r = add_rule(ctx, value_str_or(value_at(names, i), ""), action, args, n, err);
	return r;
}

static int fill(scmp_filter_ctx ctx, const struct value *profile, struct error *err)
{
	const struct value *arches = value_get(profile, "architectures"), *rules = value_get(profile, "syscalls");
	/* podfs-pod decides about no_new_privs. */
	int r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0);

	for (size_t i = 0; r == 0 && i < value_len(arches); i++) {
		const char *name = value_str_or(value_at(arches, i), "");
		uint32_t arch;

		if (!find_word(architectures, ARRAY_SIZE(architectures), name, &arch))
			continue; /* not of a machine that this one could run programs of */
		r = seccomp_arch_add(ctx, arch);
		r = r == -EEXIST ? 0 : r;
	}
	if (r < 0)
		return error_errno(err, r, "architectures");
	for (size_t i = 0; r == 0 && i < value_len(rules); i++) {
		r = add_rules(ctx, value_at(rules, i), err);
		if (r < 0)
			return error_wrap(err, "syscalls[%zu]", i), r;
	}
	return r;
}

static int export(scmp_filter_ctx ctx, void **ret_code, size_t *ret_size)
{
	_cleanup_close_ int fd = memfd_create("seccomp", MFD_CLOEXEC);
	_cleanup_free_ void *code = NULL;
	struct stat st;
	int r;

	if (fd < 0)
		return -errno;
	r = seccomp_export_bpf(ctx, fd);
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return -errno;
	code = malloc((size_t)st.st_size);
	if (!code)
		return -ENOMEM;
	if (pread(fd, code, (size_t)st.st_size, 0) != st.st_size)
		return -EIO;
	*ret_code = steal_ptr(code);
	*ret_size = (size_t)st.st_size;
	return 0;
}

static int compile(const struct value *profile, void **ret_code, size_t *ret_size, struct error *err)
{
	scmp_filter_ctx ctx;
	uint32_t action;
	int r = read_action(profile, "defaultAction", "defaultErrnoRet", &action, err);

	if (r < 0)
		return r;
	ctx = seccomp_init(action);
	if (!ctx)
		return error_errno(err, -ENOMEM, "make a filter");
	r = fill(ctx, profile, err);
	if (r == 0) {
		r = export(ctx, ret_code, ret_size);
		if (r < 0)
			(void)error_errno(err, r, "make a filter");
	}
	seccomp_release(ctx);
	return r;
}

/* Opens DIR/NAME: links lead nowhere out of DIR. */
static int open_profile(const char *dir, const char *name, struct stat *ret_st)
{
	struct open_how how = { .flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
	_cleanup_close_ int at = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC), fd = -1;

	if (at < 0)
		return -errno;
	fd = openat2_retry(at, name, &how);
	if (fd < 0 || fstat(fd, ret_st) < 0)
		return -errno;
	if (!S_ISREG(ret_st->st_mode))
		return -EINVAL;
	return ret_st->st_size > PROFILE_MAX ? -EFBIG : steal_fd(&fd);
}

static int load(int fd, size_t size, void **ret_code, size_t *ret_size, struct error *err)
{
	static const struct yaml_limits limits = { .max_bytes = PROFILE_MAX };
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_free_ char *text = malloc(size + 1);
	struct value *profile = NULL;
	ssize_t n;
	int r;

	if (!a || !text)
		return error_errno(err, -ENOMEM, "read it");
	n = pread(fd, text, size, 0);
	if (n < 0)
		return error_errno(err, -errno, "read it");
	text[n] = '\0';
	r = json_read(text, (size_t)n, &limits, a, &profile, err, NULL);
	return r < 0 ? r : compile(profile, ret_code, ret_size, err);
}

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static void drop(struct kept *k)
{
	free(k->name);
	free(k->code);
	*k = (struct kept){ 0 };
}

int security_seccomp_local(const char *dir, const char *name, const void **ret_program, size_t *ret_size, struct error *err)
{
	_cleanup_close_ int fd = -1;
	struct kept *k = NULL;
	struct stat st;
	int r;

	fd = open_profile(dir, name, &st);
	if (fd < 0)
		return error_errno(err, fd, "cannot load seccomp profile \"%s/%s\"", dir, name);
	for (size_t i = 0; i < KEPT && !k; i++)
		if (kept[i].name && !strcmp(kept[i].name, name))
			k = &kept[i];
	if (k && !same(&k->st, &st))
		drop(k);
	if (!k) {
		k = &kept[next_kept++ % KEPT];
		drop(k);
	}
	if (!k->name) {
		r = load(fd, (size_t)st.st_size, &k->code, &k->size, err);
		if (r < 0)
			return error_wrap(err, "cannot load seccomp profile \"%s/%s\"", dir, name), r;
		k->st = st;
		k->name = strdup(name);
		if (!k->name) {
			drop(k);
			return error_errno(err, -ENOMEM, "cannot load seccomp profile");
		}
	}
	*ret_program = k->code;
	*ret_size = k->size;
	return 0;
}

void security_seccomp_local_release(void)
{
	for (size_t i = 0; i < KEPT; i++)
		drop(&kept[i]);
}
