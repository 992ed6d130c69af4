/* SPDX-License-Identifier: Apache-2.0 */
#include "image/pull.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "image/digest.h"
#include "image/manifest.h"
#include "image/ref.h"
#include "image/skopeo.h"
#include "image/tree.h"

enum {
	DEPTH_MAX = 3, /* of indexes in indexes */
	DIGESTS_MAX = DEPTH_MAX + 2,
	IMPORTER_ABSENT = 3, /* podfs-image: there is no such image */
};

struct pull {
	const struct pull_options *o;
	struct error *err;
	char *dir;		   /* STORE/pull/WORK, owned */
	int pulls, work, blobs;	   /* STORE/pull, WORK, WORK/layout/blobs/sha256 */
	char *repository, *name;   /* owned: without tag and digest; canonical */
	struct skopeo skopeo;
	char *tmpdir;		   /* owned */
	char digests[DIGESTS_MAX][DIGEST_SIZE]; /* from the outermost index to the manifest */
	size_t n_digests, size_of_top;
};

static void pull_clear(struct pull *p)
{
	if (p->pulls >= 0 && p->work >= 0)
		(void)tree_remove(p->pulls, p->o->work); /* ignoring: the next sweep does it */
	close_fdp(&p->blobs);
	close_fdp(&p->work);
	close_fdp(&p->pulls);
	free(p->dir);
	free(p->repository);
	free(p->name);
	free(p->tmpdir);
}

/* --- the directory --- */

static int open_pulls(const char *store, struct error *err)
{
	_cleanup_close_ int dir = open(store, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd;

	if (dir < 0 || (mkdirat(dir, "pull", 0700) < 0 && errno != EEXIST))
		return error_errno(err, -errno, "%s", store);
	fd = openat(dir, "pull", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? error_errno(err, -errno, "%s/pull", store) : fd;
}

static int open_work(struct pull *p)
{
	static const char *const PARTS[] = { "tmp", "documents", "layout", "layout/blobs", "layout/blobs/sha256" };
	int fd;

	p->pulls = open_pulls(p->o->store, p->err);
	if (p->pulls < 0)
		return p->pulls;
	if (mkdirat(p->pulls, p->o->work, 0700) < 0)
		return error_errno(p->err, -errno, "%s", p->dir);
	fd = openat(p->pulls, p->o->work, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0) {
		error_errno(p->err, -errno, "%s", p->dir);
		close_fdp(&fd);
		return p->err ? p->err->code : -EIO;
	}
	p->work = fd;
	for (size_t i = 0; i < ARRAY_SIZE(PARTS); i++)
		if (mkdirat(fd, PARTS[i], 0700) < 0)
			return error_errno(p->err, -errno, "%s/%s", p->dir, PARTS[i]);
	p->blobs = openat(fd, PARTS[ARRAY_SIZE(PARTS) - 1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return p->blobs < 0 ? error_errno(p->err, -errno, "%s", p->dir) : 0;
}

int pull_sweep(const char *store, struct error *err)
{
	_cleanup_close_ int pulls = open_pulls(store, err);
	int fd = pulls < 0 ? -1 : openat(pulls, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	_cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!dir) {
		r = -errno;
		close_fdp(&fd);
		return pulls < 0 ? pulls : error_errno(err, r, "%s/pull", store);
	}
	while (r == 0 && (e = readdir(dir))) {
		_cleanup_close_ int work = -1;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		work = openat(pulls, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (work >= 0 && flock(work, LOCK_EX | LOCK_NB) < 0)
			continue; /* a pull that lives */
		r = tree_remove(pulls, e->d_name);
	}
	return r < 0 ? error_errno(err, r, "removing what a pull left in %s/pull", store) : 0;
}

static int write_file(struct pull *p, const char *path, const char *data, size_t len)
{
	_cleanup_close_ int fd = openat(p->work, path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return error_errno(p->err, -errno, "%s/%s", p->dir, path);
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(p->err, -errno, "%s/%s", p->dir, path);
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static int read_file(struct pull *p, const char *path, char **ret, size_t *ret_len)
{
	_cleanup_close_ int fd = openat(p->work, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_free_ char *text = malloc(MANIFEST_MAX_BYTES + 1);
	size_t len = 0;

	if (!text)
		return error_set(p->err, -ENOMEM, "out of memory");
	if (fd < 0)
		return error_errno(p->err, -errno, "%s/%s", p->dir, path);
	for (;;) {
		ssize_t n = read(fd, text + len, MANIFEST_MAX_BYTES - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(p->err, -errno, "%s/%s", p->dir, path);
		if (n == 0)
			break;
		len += (size_t)n;
	}
	text[len] = '\0';
	*ret = steal_ptr(text);
	*ret_len = len;
	return 0;
}

/* --- what the registry says --- */

static bool is_loopback(const char *domain)
{
	char host[sizeof("127.255.255.255")];
	size_t len = strcspn(domain, ":");
	struct in_addr address;

	if (strcmp(domain, "[::1]") == 0 || strncmp(domain, "[::1]:", 6) == 0 || strcmp(domain, "localhost") == 0 ||
	    strncmp(domain, "localhost:", 10) == 0)
		return true;
	if (len >= sizeof(host))
		return false;
	memcpy(host, domain, len);
	host[len] = '\0';
	/* by the address: 127.example.org is a name as any other */
	return inet_pton(AF_INET, host, &address) == 1 && ntohl(address.s_addr) >> IN_CLASSA_NSHIFT == IN_LOOPBACKNET;
}

/* Splits the reference; `*ret_at` is what follows the repository: ":tag" or "@digest", which decides alone. */
static int take_reference(struct pull *p, char **ret_at)
{
	_cleanup_image_ref_ struct image_ref ref = { 0 };
	int r = image_ref_parse(p->o->reference, &ref, p->err);

	if (r == 0)
		r = image_ref_normalize(p->o->reference, &p->name, p->err);
	if (r < 0)
		return r;
	p->skopeo.plain = is_loopback(ref.domain);
	if (asprintf(&p->repository, "docker://%s/%s", ref.domain, ref.path) < 0)
		p->repository = NULL;
	if (asprintf(ret_at, "%c%s", ref.digest ? '@' : ':', ref.digest ? ref.digest : ref.tag) < 0)
		*ret_at = NULL;
	if (!p->repository || !*ret_at)
		return error_set(p->err, -ENOMEM, "out of memory");
	return 0;
}

/* Fetches one document, and notes its digest. `want` (may be NULL) is the digest that it must have. */
static int fetch_document(struct pull *p, const char *at, const char *want, char **ret, size_t *ret_len)
{
	_cleanup_close_ int out = openat(p->work, "document", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	_cleanup_free_ char *source = NULL, *kept = NULL;
	char *digest = p->digests[p->n_digests];
	int r;

	if (out < 0)
		return error_errno(p->err, -errno, "%s/document", p->dir);
	if (asprintf(&source, "%s%s", p->repository, at) < 0) {
		source = NULL;
		return error_set(p->err, -ENOMEM, "out of memory");
	}
	r = skopeo_run(&p->skopeo, (const char *const[]){ "inspect", "--raw", source, NULL }, out, MANIFEST_MAX_BYTES, p->err);
	if (r == 0)
		r = read_file(p, "document", ret, ret_len);
	if (r < 0)
		return r;
	digest_of(*ret, *ret_len, digest);
	if (want && strcmp(want, digest) != 0)
		return error_set(p->err, -EINVAL, "the registry gave %s for %s", digest, want);
	p->n_digests++;
	if (asprintf(&kept, "documents/%s", digest + strlen("sha256:")) < 0) {
		kept = NULL;
		return error_set(p->err, -ENOMEM, "out of memory");
	}
	return write_file(p, kept, *ret, *ret_len);
}

/* Walks from the reference to the manifest for this machine. */
static int resolve(struct pull *p, const char *at, uint64_t *ret_bytes)
{
	const char *want = *at == '@' ? at + 1 : NULL;
	char next[DIGEST_SIZE + 1];
	struct manifest_choice choice;

	for (int depth = 0; depth <= DEPTH_MAX; depth++) {
		_cleanup_free_ char *text = NULL;
		size_t len = 0;
		int r = fetch_document(p, at, want, &text, &len);

		if (r == 0)
			r = manifest_choose(text, len, p->o->architecture, &choice, p->err);
		if (r < 0)
			return r;
		if (depth == 0)
			p->size_of_top = len;
		*ret_bytes = choice.bytes;
		if (!choice.is_index)
			return 0;
		(void)snprintf(next, sizeof(next), "@%s", choice.digest);
		at = next;
		want = next + 1;
	}
	return error_set(p->err, -EINVAL, "indexes are nested more than %d deep", DEPTH_MAX);
}

/* With each of the credentials in turn; the error is the last one's. */
static int resolve_with_credentials(struct pull *p, const char *at, uint64_t *ret_bytes)
{
	int r = -EACCES;

	if (!p->o->n_auths)
		return resolve(p, at, ret_bytes);
	for (size_t i = 0; i < p->o->n_auths && r < 0; i++) {
		p->skopeo.auth = p->o->auths[i];
		p->n_digests = 0;
		r = resolve(p, at, ret_bytes);
		if (r == -ENOENT || r == -ECANCELED || r == -ENOMEM || r == -ETIMEDOUT)
			return r;
	}
	return r;
}

/* --- bringing it into the store --- */

static bool store_has(const struct pull *p)
{
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%s/images/sha256-%s.json", p->o->store, p->digests[p->n_digests - 1] + strlen("sha256:")) < 0) {
		path = NULL;
		return false;
	}
	return access(path, F_OK) == 0;
}

static uint64_t room(const struct pull *p)
{
	struct statvfs vfs;

	if (fstatvfs(p->work, &vfs) < 0)
		return UINT64_MAX; /* ignoring: the file system says itself when it is full */
	return (uint64_t)vfs.f_bavail * vfs.f_frsize / 20 * 19;
}

/* Waits for podfs-image. */
static int wait_for_importer(const struct pull *p, pid_t pid, int *ret_status)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd fds[] = { { .fd = pidfd, .events = POLLIN }, { .fd = p->o->lifeline, .events = POLLIN } };
	bool given_up = false;
	siginfo_t info = { 0 };

	while (pidfd >= 0 && !fds[0].revents && !given_up)
		given_up = poll(fds, ARRAY_SIZE(fds), -1) > 0 && fds[1].revents;
	if (given_up)
		(void)kill(pid, SIGKILL); /* ignoring: it has ended */
	while (waitid(P_PID, (id_t)pid, &info, WEXITED) < 0 && errno == EINTR)
		;
	if (given_up)
		return error_set(p->err, -ECANCELED, "the pull was given up");
	if (info.si_code != CLD_EXITED)
		return error_set(p->err, -EIO, "podfs-image was ended by signal %d", info.si_status);
	*ret_status = info.si_status;
	return 0;
}

/* Runs podfs-image, with the layout as its standard input. */
static int run_importer(const struct pull *p, const char *const *args, int *ret_status)
{
	_cleanup_close_ int layout = openat(p->work, "layout", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	pid_t self = getpid(), pid;

	if (layout < 0)
		return error_errno(p->err, -errno, "%s/layout", p->dir);
	pid = fork();
	if (pid == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != self || dup2(layout, STDIN_FILENO) < 0)
			_exit(127);
		(void)execv(p->o->importer, (char *const *)(uintptr_t)args);
		_exit(127);
	}
	return pid < 0 ? error_errno(p->err, -errno, "starting podfs-image") : wait_for_importer(p, pid, ret_status);
}

/* The image is there: only its name may be new. */
static int give_name(const struct pull *p, int *ret_status)
{
	const char *args[8 + DIGESTS_MAX] = { "podfs-image", "name", "--store", p->o->store, "--pulled", "--name", p->name };
	size_t n = 7;

	for (size_t i = p->n_digests; i > 0; i--)
		args[n++] = p->digests[i - 1];
	return run_importer(p, args, ret_status);
}

/* skopeo copies into a directory that it then wants for itself, so the indexes join the blobs behind it. */
static int finish_layout(struct pull *p)
{
	_cleanup_buf_ struct buf index = BUF_INIT;
	int r;

	for (size_t i = 0; i < p->n_digests; i++) {
		char from[DIGEST_SIZE + 16];

		(void)snprintf(from, sizeof(from), "documents/%s", p->digests[i] + strlen("sha256:"));
		if (renameat(p->work, from, p->blobs, p->digests[i] + strlen("sha256:")) < 0)
			return error_errno(p->err, -errno, "%s/%s", p->dir, from);
	}
	buf_printf(&index, "{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"%s\",\"size\":%zu}]}\n", p->digests[0],
		   p->size_of_top);
	if (buf_failed(&index))
		return error_set(p->err, -ENOMEM, "out of memory");
	r = write_file(p, "layout/index.json", index.data, index.len);
	return r < 0 ? r : write_file(p, "layout/oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}\n", 31);
}

static int copy_image(struct pull *p)
{
	_cleanup_free_ char *source = NULL, *to = NULL;

	if (asprintf(&source, "%s@%s", p->repository, p->digests[p->n_digests - 1]) < 0)
		source = NULL;
	if (asprintf(&to, "dir:%s/layout/blobs/sha256", p->dir) < 0)
		to = NULL;
	if (!source || !to)
		return error_set(p->err, -ENOMEM, "out of memory");
	p->skopeo.progress = p->blobs;
	return skopeo_run(&p->skopeo, (const char *const[]){ "copy", "--quiet", "--preserve-digests", source, to, NULL },
			  STDERR_FILENO, room(p), p->err);
}

static int fetch_image(struct pull *p, uint64_t bytes, int *ret_status)
{
	const char *const args[] = { "podfs-image", "import", "--store", p->o->store, "--pulled", "--name", p->name, "-", NULL };
	char total[32];
	int r;

	(void)snprintf(total, sizeof(total), "%ju\n", (uintmax_t)bytes);
	r = write_file(p, "total", total, strlen(total));
	if (r == 0)
		r = copy_image(p);
	if (r == 0)
		r = finish_layout(p);
	return r < 0 ? r : run_importer(p, args, ret_status);
}

int pull_run(const struct pull_options *o, int *ret_status, struct error *err)
{
	_cleanup_(pull_clear) struct pull p = { .o = o, .err = err, .pulls = -1, .work = -1, .blobs = -1,
						.skopeo = { .lifeline = o->lifeline, .progress = -1 } };
	_cleanup_free_ char *at = NULL;
	uint64_t bytes = 0;
	int r;

	if (asprintf(&p.dir, "%s/pull/%s", o->store, o->work) < 0)
		p.dir = NULL;
	if (asprintf(&p.tmpdir, "%s/pull/%s/tmp", o->store, o->work) < 0)
		p.tmpdir = NULL;
	if (!p.dir || !p.tmpdir)
		return error_set(err, -ENOMEM, "out of memory");
	p.skopeo.tmpdir = p.tmpdir;
	r = take_reference(&p, &at);
	if (r == 0)
		r = open_work(&p);
	if (r == 0)
		r = resolve_with_credentials(&p, at, &bytes);
	if (r == 0 && store_has(&p)) {
		r = give_name(&p, ret_status);
		if (r < 0 || *ret_status != IMPORTER_ABSENT)
			return r; /* else it was removed meanwhile */
	}
	return r < 0 ? r : fetch_image(&p, bytes, ret_status);
}
