/* SPDX-License-Identifier: Apache-2.0 */
#include "node/pod_files.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "value/reader.h"

enum {
	/* K8S:pkg/apis/core/validation: MaxDNSNameservers, MaxDNSSearchPaths */
	NAMESERVERS_MAX = 3,
	SEARCHES_MAX = 32,
	OPTIONS_MAX = 32,
	LINE_SIZE = 1024,
	LOG_TAIL = 32768, /* bytes of a log's end, where its last lines are sought */
};

const struct pod_files_host pod_files_this_host = {
	.hosts = "/etc/hosts",
	.resolv_conf = "/etc/resolv.conf",
	.resolv_upstream = "/run/systemd/resolve/resolv.conf",
};

static bool host_network(const struct object *pod)
{
	return value_bool(object_path(pod, "spec", "hostNetwork"), false);
}

static void add_file(struct buf *out, const char *path)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	char line[LINE_SIZE];

	while (f && fgets(line, sizeof(line), f))
		buf_puts(out, line);
	if (out->len && out->data[out->len - 1] != '\n')
		buf_putc(out, '\n');
}

static void add_aliases(const struct object *pod, struct buf *out)
{
	const struct value *list = object_path(pod, "spec", "hostAliases");

	if (value_len(list))
		buf_puts(out, "\n# Entries added by HostAliases.\n");
	for (size_t i = 0; i < value_len(list); i++) {
		const struct value *names = value_get(value_at(list, i), "hostnames");

		buf_puts(out, value_str_or(value_get(value_at(list, i), "ip"), ""));
		for (size_t k = 0; k < value_len(names); k++)
			buf_printf(out, "\t%s", value_str_or(value_at(names, k), ""));
		buf_putc(out, '\n');
	}
}

void pod_files_hosts(const struct object *pod, const struct pod_files_host *host, const char *hostname, const char *ip,
		     struct buf *out)
{
	const char *subdomain = value_str_or(object_path(pod, "spec", "subdomain"), "");

	if (host_network(pod)) {
		buf_puts(out, "# Kubernetes-managed hosts file (host network).\n");
		add_file(out, host->hosts);
	} else {
		buf_puts(out, "# Kubernetes-managed hosts file.\n"
			      "127.0.0.1\tlocalhost\n"
			      "::1\tlocalhost ip6-localhost ip6-loopback\n"
			      "fe00::0\tip6-localnet\n"
			      "fe00::0\tip6-mcastprefix\n"
			      "fe00::1\tip6-allnodes\n"
			      "fe00::2\tip6-allrouters\n");
		if (*ip && *subdomain)
			buf_printf(out, "%s\t%s.%s.%s.svc.cluster.local\t%s\n", ip, hostname, subdomain,
				   object_namespace(pod), hostname);
		else if (*ip)
			buf_printf(out, "%s\t%s\n", ip, hostname);
	}
	add_aliases(pod, out);
}

/* A resolver's configuration in the making; strings are borrowed from the pod or from `text`. */
struct resolver {
	struct buf text[2]; /* of the host's files, cut into words */
	const char *nameservers[NAMESERVERS_MAX], *searches[SEARCHES_MAX], *options[OPTIONS_MAX];
	size_t n_nameservers, n_searches, n_options;
};

static void add_word(const char **list, size_t *n, size_t max, const char *word)
{
	for (size_t i = 0; i < *n; i++)
		if (!strcmp(list[i], word))
			return;
	if (*n < max && *word)
		list[(*n)++] = word;
}

/* An option of the same name takes the place of the one before. */
static void add_option(struct resolver *r, const char *option)
{
	size_t len = strcspn(option, ":");

	for (size_t i = 0; i < r->n_options; i++)
		if (strcspn(r->options[i], ":") == len && !strncmp(r->options[i], option, len)) {
			r->options[i] = option;
			return;
		}
	add_word(r->options, &r->n_options, OPTIONS_MAX, option);
}

/* Takes a resolv.conf(5). Returns whether it names a server on this host, which a pod of its own network cannot reach. */
static bool read_resolv_conf(struct resolver *r, struct buf *text, const char *path, bool skip_local)
{
	bool local = false;
	char *lines = NULL;

	add_file(text, path);
	if (buf_failed(text) || !text->len)
		return false;
	buf_putc(text, '\0');
	if (buf_failed(text))
		return false;
	for (char *line = strtok_r(text->data, "\n", &lines); line; line = strtok_r(NULL, "\n", &lines)) {
		char *words = NULL, *key = strtok_r(line, " \t", &words), *word;
		bool is_server = key && !strcmp(key, "nameserver");

		if (key && !strcmp(key, "search"))
			r->n_searches = 0; /* the last line counts */
		while (key && (word = strtok_r(NULL, " \t", &words))) {
			bool is_local = is_server && (!strncmp(word, "127.", 4) || !strcmp(word, "::1"));

			local |= is_local;
			if (is_server && !(is_local && skip_local))
				add_word(r->nameservers, &r->n_nameservers, NAMESERVERS_MAX, word);
			else if (!strcmp(key, "search"))
				add_word(r->searches, &r->n_searches, SEARCHES_MAX, word);
			else if (!strcmp(key, "options"))
				add_option(r, word);
		}
	}
	return local;
}

static void add_dns_config(struct arena *a, struct resolver *r, const struct value *config)
{
	const struct value *servers = value_get(config, "nameservers"), *searches = value_get(config, "searches");
	const struct value *options = value_get(config, "options");

	for (size_t i = 0; i < value_len(servers); i++)
		add_word(r->nameservers, &r->n_nameservers, NAMESERVERS_MAX, value_str_or(value_at(servers, i), ""));
	for (size_t i = 0; i < value_len(searches); i++)
		add_word(r->searches, &r->n_searches, SEARCHES_MAX, value_str_or(value_at(searches, i), ""));
	for (size_t i = 0; i < value_len(options); i++) {
		const char *name = value_str_or(value_get(value_at(options, i), "name"), "");
		const char *text = value_str(value_get(value_at(options, i), "value"));
		const char *option = text ? arena_printf(a, "%s:%s", name, text) : name;

		if (option)
			add_option(r, option);
	}
}

static void put_words(struct buf *out, const char *key, const char *const *words, size_t n)
{
	if (!n)
		return;
	buf_puts(out, key);
	for (size_t i = 0; i < n; i++)
		buf_printf(out, " %s", words[i]);
	buf_putc(out, '\n');
}

void pod_files_resolv_conf(const struct object *pod, const struct pod_files_host *host, struct buf *out)
{
	const char *policy = value_str_or(object_path(pod, "spec", "dnsPolicy"), "ClusterFirst");
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct resolver r = { .text = { BUF_INIT, BUF_INIT } };

	if (strcmp(policy, "None") != 0 && read_resolv_conf(&r, &r.text[0], host->resolv_conf, !host_network(pod)) &&
	    !r.n_nameservers && !host_network(pod)) {
		r.n_searches = r.n_options = 0;
		(void)read_resolv_conf(&r, &r.text[1], host->resolv_upstream, true);
	}
	if (a)
		add_dns_config(a, &r, object_path(pod, "spec", "dnsConfig"));
	put_words(out, "search", r.searches, r.n_searches);
	for (size_t i = 0; i < r.n_nameservers; i++)
		buf_printf(out, "nameserver %s\n", r.nameservers[i]);
	put_words(out, "options", r.options, r.n_options);
	buf_clear(&r.text[0]);
	buf_clear(&r.text[1]);
}

static int write_file(int dir, const char *name, const struct buf *text, struct error *err)
{
	_cleanup_close_ int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	size_t done = 0;

	if (fd < 0)
		return error_errno(err, -errno, "etc/%s", name);
	if (buf_failed(text))
		return error_errno(err, -ENOMEM, "etc/%s", name);
	if (fchmod(fd, 0644) < 0)
		return error_errno(err, -errno, "etc/%s", name);
	while (done < text->len) {
		ssize_t n = write(fd, text->data + done, text->len - done);

		if (n < 0)
			return error_errno(err, -errno, "etc/%s", name);
		done += (size_t)n;
	}
	return 0;
}

int pod_files_write(const struct object *pod, const char *dir, const char *hostname, const char *ip, struct error *err)
{
	_cleanup_buf_ struct buf hosts = BUF_INIT, name = BUF_INIT, resolv = BUF_INIT;
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;
	struct utsname u;
	int r;

	if (asprintf(&path, "%s/etc", dir) < 0)
		return error_errno(err, -ENOMEM, "etc");
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return error_errno(err, -errno, "%s", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, -errno, "%s", path);
	if (host_network(pod) && uname(&u) == 0)
		hostname = u.nodename;
	pod_files_hosts(pod, &pod_files_this_host, hostname, ip, &hosts);
	pod_files_resolv_conf(pod, &pod_files_this_host, &resolv);
	buf_printf(&name, "%s\n", hostname);
	r = write_file(fd, "hosts", &hosts, err);
	if (r == 0)
		r = write_file(fd, "hostname", &name, err);
	return r < 0 ? r : write_file(fd, "resolv.conf", &resolv, err);
}

/* Whether the container mounts something at this path itself; paths differ by slashes at their end only. */
static bool has_mount(const struct value *container, const char *path)
{
	const struct value *mounts = value_get(container, "volumeMounts");

	for (size_t i = 0; i < value_len(mounts); i++) {
		const char *at = value_str_or(value_get(value_at(mounts, i), "mountPath"), "");
		size_t len = strlen(at);

		while (len > 1 && at[len - 1] == '/')
			len--;
		if (strlen(path) == len && !strncmp(path, at, len))
			return true;
	}
	return false;
}

static const char *termination_path(const struct value *container)
{
	const char *path = value_str_or(value_get(container, "terminationMessagePath"), "");

	return *path == '/' ? path : "/dev/termination-log";
}

static char *termination_file(const struct value *container, const char *dir, uint32_t run)
{
	char *path;

	return asprintf(&path, "%s/containers/%s/%" PRIu32 "/termination-log", dir,
			value_str_or(value_get(container, "name"), ""), run) < 0 ? NULL : path;
}

int pod_files_mounts(struct arena *a, const struct value *container, const char *dir, uint32_t run,
		     struct sandbox_mount *mounts, size_t *n, struct error *err)
{
	static const char *const names[] = { "hosts", "hostname", "resolv.conf" };
	bool readonly = value_bool(value_path(container, "securityContext", "readOnlyRootFilesystem"), false);
	_cleanup_free_ char *log = termination_file(container, dir, run);
	_cleanup_close_ int fd = -1;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char *target = arena_printf(a, "/etc/%s", names[i]);

		if (!target || has_mount(container, target))
			continue;
		mounts[(*n)++] = (struct sandbox_mount){
			.type = "bind", .source_fd = -1, .target = target, .flags = readonly ? SPEC_MOUNT_RDONLY : 0,
			.source = arena_printf(a, "%s/etc/%s", dir, names[i]),
		};
	}
	if (has_mount(container, termination_path(container)))
		return 0;
	fd = log ? open(log, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666) : -1;
	if (fd < 0 || fchmod(fd, 0666) < 0)
		return error_errno(err, log ? -errno : -ENOMEM, "termination log");
	mounts[(*n)++] = (struct sandbox_mount){
		.type = "bind", .source_fd = -1, .target = termination_path(container), .source = arena_strdup(a, log),
	};
	return arena_failed(a) ? -ENOMEM : 0;
}

/* Up to `max` bytes from the end of a file that others may have written anything to. */
static size_t read_end(const char *path, bool from_end, char *text, size_t max)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	n = pread(fd, text, max, from_end && st.st_size > (off_t)max ? st.st_size - (off_t)max : 0);
	return n < 0 ? 0 : (size_t)n;
}

/* Any bytes as text that a status may hold. */
static char *clean_text(const char *text, size_t len)
{
	_cleanup_buf_ struct buf out = BUF_INIT;

	for (size_t i = 0; i < len;) {
		size_t n = text[i] ? utf8_len(text + i, len - i) : 0;

		if (n)
			buf_append(&out, text + i, n);
		else
			buf_puts(&out, "\xef\xbf\xbd"); /* U+FFFD */
		i += n ? n : 1;
	}
	return buf_failed(&out) || !out.len ? NULL : buf_steal(&out, NULL);
}

/* The text of one line of a CRI log, "TIME STREAM TAG TEXT": appends it, with its newline when the line is whole. */
static void add_log_line(struct buf *out, const char *line, size_t len)
{
	const char *end = line + len, *tag = NULL;

	for (int i = 0; i < 2 && line; i++) {
		line = memchr(line, ' ', (size_t)(end - line));
		line = line ? line + 1 : NULL;
	}
	tag = line;
	line = tag ? memchr(tag, ' ', (size_t)(end - tag)) : NULL;
	if (!line)
		return;
	buf_append(out, line + 1, (size_t)(end - line - 1));
	if (*tag == 'F')
		buf_putc(out, '\n');
}

/* The last lines of the log, as kubelet takes them. */
static char *log_tail(const char *path)
{
	_cleanup_free_ char *text = malloc(LOG_TAIL);
	_cleanup_buf_ struct buf out = BUF_INIT;
	size_t len = text ? read_end(path, true, text, LOG_TAIL) : 0, from = len, lines = 0;

	while (from > 0 && lines <= POD_TERMINATION_LOG_LINES)
		lines += text[--from] == '\n';
	if (lines > POD_TERMINATION_LOG_LINES || (from == 0 && len == LOG_TAIL)) {
		const char *nl = text ? memchr(text + from, '\n', len - from) : NULL;

		from = nl ? (size_t)(nl + 1 - text) : len; /* the first line may be cut */
	}
	while (from < len) {
		const char *nl = memchr(text + from, '\n', len - from);
		size_t end = nl ? (size_t)(nl - text) : len;

		add_log_line(&out, text + from, end - from);
		from = end + 1;
	}
	if (buf_failed(&out) || !out.len)
		return NULL;
	from = out.len > POD_TERMINATION_LOG_MAX ? out.len - POD_TERMINATION_LOG_MAX : 0;
	return clean_text(out.data + from, out.len - from);
}

char *pod_files_termination(const struct value *container, const char *dir, uint32_t run, int exit_code, const char *log)
{
	const char *policy = value_str_or(value_get(container, "terminationMessagePolicy"), "");
	_cleanup_free_ char *path = termination_file(container, dir, run);
	char text[POD_TERMINATION_MAX];
	size_t len = path ? read_end(path, false, text, sizeof(text)) : 0;

	if (len)
		return clean_text(text, len);
	return exit_code && log && !strcmp(policy, "FallbackToLogsOnError") ? log_tail(log) : NULL;
}
