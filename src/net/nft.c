/* SPDX-License-Identifier: Apache-2.0 */
#include "net/nft.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* More than any answer that is read here; the rest is cut. */
#define OUTPUT_MAX ((size_t)1 << 20)

static int memory_file(const char *name, const char *content, int *ret_fd)
{
	_cleanup_close_ int fd = memfd_create(name, MFD_CLOEXEC);
	size_t len = content ? strlen(content) : 0, at = 0;

	if (fd < 0)
		return -errno;
	while (at < len) {
		ssize_t n = write(fd, content + at, len - at);

		if (n < 0 && errno != EINTR)
			return -errno;
		at += n > 0 ? (size_t)n : 0;
	}
	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	*ret_fd = steal_fd(&fd);
	return 0;
}

static int read_memory_file(int fd, char **ret_text)
{
	_cleanup_free_ char *text = NULL;
	struct stat st;
	size_t len, at = 0;

	if (fstat(fd, &st) < 0)
		return -errno;
	len = (size_t)st.st_size < OUTPUT_MAX ? (size_t)st.st_size : OUTPUT_MAX;
	text = malloc(len + 1);
	if (!text)
		return -ENOMEM;
	while (at < len) {
		ssize_t n = pread(fd, text + at, len - at, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		at += (size_t)n;
	}
	text[at] = '\0';
	*ret_text = steal_ptr(text);
	return 0;
}

/* Starts the helper with descriptors 0, 1, 2 as given, default signal handling and no environment. */
static int spawn_helper(const char *helper, const int fds[static 3], pid_t *ret_pid)
{
	char *argv[] = { (char *)"podfs-nft", NULL }, *envp[] = { NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t all, none;
	int r;

	r = posix_spawn_file_actions_init(&actions);
	if (r)
		return -r;
	r = posix_spawnattr_init(&attr);
	if (r) {
		(void)posix_spawn_file_actions_destroy(&actions);
		return -r;
	}
	for (int i = 0; i < 3 && !r; i++)
		r = posix_spawn_file_actions_adddup2(&actions, fds[i], i);
	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	if (!r)
		r = posix_spawnattr_setsigmask(&attr, &none);
	if (!r)
		r = posix_spawnattr_setsigdefault(&attr, &all);
	if (!r)
		r = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	if (!r)
		r = posix_spawn(ret_pid, helper, &actions, &attr, argv, envp);
	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&actions);
	return -r;
}

int nft_run(const char *helper, const char *commands, char **ret_out, struct error *err)
{
	_cleanup_close_ int in = -1, out = -1, errors = -1;
	_cleanup_free_ char *text = NULL;
	int status = 0, r;
	pid_t pid, w;

	if (!helper)
		helper = PODFS_LIBEXECDIR "/podfs-nft";
	r = memory_file("nft-in", commands, &in);
	if (r == 0)
		r = memory_file("nft-out", NULL, &out);
	if (r == 0)
		r = memory_file("nft-err", NULL, &errors);
	if (r == 0)
		r = spawn_helper(helper, (int[]){ in, out, errors }, &pid);
	if (r < 0)
		return error_errno(err, r, "run %s", helper);
	do
		w = waitpid(pid, &status, 0);
	while (w < 0 && errno == EINTR);
	if (w < 0)
		return error_errno(err, -errno, "wait for %s", helper);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		r = read_memory_file(errors, &text);
		if (r < 0 || !*text)
			return error_set(err, -EIO, "%s failed (wait status 0x%x)", helper, (unsigned)status);
		text[strcspn(text, "\n")] = '\0';
		return error_set(err, -EIO, "nftables: %s", text);
	}
	if (!ret_out)
		return 0;
	r = read_memory_file(out, &text);
	if (r < 0)
		return error_errno(err, r, "read what %s printed", helper);
	*ret_out = steal_ptr(text);
	return 0;
}

void nft_put_table_removal(struct buf *b, const char *table)
{
	/* "delete" fails on a table that is not there; "add" makes it be. Both are one transaction. */
	buf_printf(b, "add table ip %s\ndelete table ip %s\n", table, table);
}

void nft_put_table(struct buf *b, const char *table, const char *bridge, struct cidr cidr, struct cidr cluster)
{
	char from[CIDR_TEXT_MAX], except[CIDR_TEXT_MAX];

	nft_put_table_removal(b, table);
	buf_printf(b,
		   "table ip %s {\n"
		   "\tchain postrouting {\n"
		   "\t\ttype nat hook postrouting priority srcnat; policy accept;\n"
		   "\t\tip saddr %s oifname != \"%s\" ip daddr != { %s, 224.0.0.0/4 } masquerade fully-random\n"
		   "\t}\n"
		   "}\n",
		   table, cidr_text(cidr, from), bridge, cidr_text(cluster, except));
}

/* Copies the word at *p and moves behind it and the blanks after it. False when it is empty or too long. */
static bool take_word(const char **p, char *to, size_t size)
{
	size_t n = strcspn(*p, " \t\n");

	if (n == 0 || n >= size)
		return false;
	memcpy(to, *p, n);
	to[n] = '\0';
	*p += n;
	*p += strspn(*p, " \t");
	return true;
}

/* Moves *p behind `word` when it begins with it. */
static bool take(const char **p, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(*p, word, n) != 0)
		return false;
	*p += n;
	return true;
}

bool nft_next_dropping(const char **text, struct nft_chain *ret_chain)
{
	struct nft_chain c = { "", "", "" };

	while (**text) {
		const char *line = *text + strspn(*text, " \t"), *p = line;
		size_t len = strcspn(line, "\n");

		*text = line + len + (line[len] == '\n');
		if (take(&p, "table ")) {
			c.chain[0] = '\0';
			if (!take_word(&p, c.family, sizeof(c.family)) || !take_word(&p, c.table, sizeof(c.table)))
				c.table[0] = '\0';
		} else if (take(&p, "chain ")) {
			if (!take_word(&p, c.chain, sizeof(c.chain)))
				c.chain[0] = '\0';
		} else if (take(&p, "type filter hook forward ") && c.table[0] && c.chain[0]) {
			const char *policy = memmem(line, len, "policy drop;", strlen("policy drop;"));

			if (policy && (strcmp(c.family, "ip") == 0 || strcmp(c.family, "inet") == 0)) {
				*ret_chain = c;
				return true;
			}
		}
	}
	return false;
}

bool nft_chain_is_shared(const struct nft_chain *chain)
{
	return strcmp(chain->family, "ip") == 0 && strcmp(chain->table, "filter") == 0 &&
	       strcmp(chain->chain, "FORWARD") == 0;
}

void nft_put_accept(struct buf *b, const char *bridge)
{
	buf_printf(b,
		   "insert rule ip filter FORWARD oifname \"%s\" counter accept comment \"podfs %s\"\n"
		   "insert rule ip filter FORWARD iifname \"%s\" counter accept comment \"podfs %s\"\n",
		   bridge, bridge, bridge, bridge);
}

size_t nft_put_accept_removal(struct buf *b, const char *bridge, const char *listing)
{
	char mark[64];
	const char *p = listing;
	size_t n = 0;

	(void)snprintf(mark, sizeof(mark), "comment \"podfs %s\" # handle ", bridge);
	while ((p = strstr(p, mark))) {
		char handle[24];

		p += strlen(mark);
		if (!take_word(&p, handle, sizeof(handle)) || handle[strspn(handle, "0123456789")] != '\0')
			continue;
		buf_printf(b, "delete rule ip filter FORWARD handle %s\n", handle);
		n++;
	}
	return n;
}
