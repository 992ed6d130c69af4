/* SPDX-License-Identifier: Apache-2.0 */
#include "node/sandbox_spec.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"

/* A spec in the making: the header's counts are filled in at the end. */
struct writer {
	struct buf buf;
	uint32_t n;
};

static void begin_record(struct writer *w, enum spec_type type, unsigned flags, size_t size)
{
	const struct spec_record r = { .type = (uint16_t)type, .flags = (uint16_t)flags, .size = (uint32_t)size };

	buf_append(&w->buf, &r, sizeof(r));
	w->n++;
}

static void end_record(struct writer *w)
{
	static const char zeros[8];

	if (w->buf.len % 8)
		buf_append(&w->buf, zeros, 8 - w->buf.len % 8);
}

static void put(struct writer *w, enum spec_type type, const void *data, size_t size)
{
	begin_record(w, type, SPEC_CRITICAL, size);
	buf_append(&w->buf, data, size);
	end_record(w);
}

static void put_string(struct writer *w, enum spec_type type, const char *s)
{
	if (s)
		put(w, type, s, strlen(s) + 1);
}

static void put_strings(struct writer *w, enum spec_type type, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		put_string(w, type, list[i]);
}

static void open_writer(struct writer *w)
{
	const struct spec_header h = { .magic = SPEC_MAGIC, .version = POD_PROTOCOL_VERSION };

	*w = (struct writer){ .buf = BUF_INIT };
	put(w, SPEC_HEADER, &h, sizeof(h));
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* The finished spec as a sealed memfd. */
static int close_writer(struct writer *w, struct error *err)
{
	_cleanup_close_ int fd = -1;
	struct spec_header h = { .magic = SPEC_MAGIC, .version = POD_PROTOCOL_VERSION };
	int r;

	if (buf_failed(&w->buf))
		return error_errno(err, -ENOMEM, "compose the spec");
	if (w->buf.len > POD_SPEC_MAX)
		return error_set(err, -E2BIG, "arguments, environment and mounts together are longer than %d bytes",
				 POD_SPEC_MAX);
	h.total = (uint32_t)w->buf.len;
	h.n_records = w->n;
	memcpy(w->buf.data + sizeof(struct spec_record), &h, sizeof(h));
	fd = memfd_create("podfs-spec", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return error_errno(err, -errno, "make the spec");
	r = write_all(fd, w->buf.data, w->buf.len);
	if (r < 0)
		return error_errno(err, r, "write the spec");
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		return error_errno(err, -errno, "seal the spec");
	return steal_fd(&fd);
}

int sandbox_spec_setup(const struct sandbox_config *config, struct error *err)
{
	struct writer w;
	int fd;

	open_writer(&w);
	put_string(&w, SPEC_HOSTNAME, config->hostname);
	put_strings(&w, SPEC_SYSCTL, config->sysctls, config->n_sysctls);
	for (size_t i = 0; i < config->n_tmpfs; i++) {
		const struct sandbox_tmpfs *t = &config->tmpfs[i];
		const struct spec_tmpfs fixed = { .size = t->size, .mode = t->mode, .gid = t->gid };

		begin_record(&w, SPEC_TMPFS, SPEC_CRITICAL, sizeof(fixed) + strlen(t->name) + 1);
		buf_append(&w.buf, &fixed, sizeof(fixed));
		buf_append(&w.buf, t->name, strlen(t->name) + 1);
		end_record(&w);
	}
	fd = close_writer(&w, err);
	buf_clear(&w.buf);
	return fd;
}

static int put_layers(struct writer *w, const struct sandbox_mount *m)
{
	struct writer inner = { .buf = BUF_INIT };
	int r = 0;

	put_strings(&inner, SPEC_LAYER, m->layers, m->n_layers);
	put_string(&inner, SPEC_UPPER, m->upper);
	put_string(&inner, SPEC_WORK, m->work);
	if (buf_failed(&inner.buf))
		r = -ENOMEM;
	else
		put(w, SPEC_VOLUME, inner.buf.data, inner.buf.len);
	buf_clear(&inner.buf);
	return r;
}

static int put_mount(struct writer *w, const struct sandbox_mount *m, int *fds, size_t max, size_t *n, struct error *err)
{
	const char *strings[] = { m->source ? m->source : "", m->target, m->type, m->data ? m->data : "" };
	struct spec_mount fixed = { .flags = m->flags, .source_fd = -1 };
	size_t size = sizeof(fixed);

	if (!m->target || m->target[0] != '/' || !m->type)
		return error_set(err, -EINVAL, "mount %s: not an absolute path", m->target ? m->target : "");
	if (!m->source && strcmp(m->type, "bind") == 0) {
		if (*n == max)
			return error_set(err, -E2BIG, "mount %s: more than %zu sources are descriptors", m->target, max);
		fixed.source_fd = (int32_t)*n;
		fds[(*n)++] = m->source_fd;
	}
	for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
		size += strlen(strings[i]) + 1;
	begin_record(w, SPEC_MOUNT, SPEC_CRITICAL, size);
	buf_append(&w->buf, &fixed, sizeof(fixed));
	for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
		buf_append(&w->buf, strings[i], strlen(strings[i]) + 1);
	end_record(w);
	return m->n_layers ? put_layers(w, m) : 0;
}

int sandbox_spec_container(const struct sandbox_container *c, int *fds, size_t max, size_t *ret_n, struct error *err)
{
	struct writer w;
	size_t n = 0;
	int r = 0;

	open_writer(&w);
	put_strings(&w, SPEC_ARG, c->argv, c->n_argv);
	put_strings(&w, SPEC_ENV, c->env, c->n_env);
	put_string(&w, SPEC_BUILTIN, c->builtin);
	put_string(&w, SPEC_TARGET, c->target);
	put_string(&w, SPEC_CWD, c->cwd);
	put_string(&w, SPEC_USER, c->user);
	for (size_t i = 0; i < c->n_groups; i++) {
		uint32_t gid = c->groups[i];

		put(&w, SPEC_GROUP, &gid, sizeof(gid));
	}
	put(&w, SPEC_SECURITY, &c->security, sizeof(c->security));
	if (c->seccomp)
		put(&w, SPEC_SECCOMP, c->seccomp, c->seccomp_size);
	for (size_t i = 0; i < c->n_rlimits; i++)
		put(&w, SPEC_RLIMIT, &c->rlimits[i], sizeof(c->rlimits[i]));
	put_strings(&w, SPEC_LAYER, c->layers, c->n_layers);
	put_string(&w, SPEC_UPPER, c->upper);
	put_string(&w, SPEC_WORK, c->work);
	for (size_t i = 0; r == 0 && i < c->n_mounts; i++)
		r = put_mount(&w, &c->mounts[i], fds, max, &n, err);
	put_strings(&w, SPEC_MASK, c->masked, c->n_masked);
	put_strings(&w, SPEC_READONLY, c->readonly, c->n_readonly);
	if (r == 0)
		r = close_writer(&w, err);
	buf_clear(&w.buf);
	if (r >= 0)
		*ret_n = n;
	return r;
}
