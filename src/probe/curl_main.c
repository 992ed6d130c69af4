/* SPDX-License-Identifier: Apache-2.0 */
/*
 * podfs-probe-curl: the checks for which podfs-probe has libcurl: names, TLS, gRPC, redirections of all kinds. podfs-probe
 * starts it when the first of them is due, and it ends with that. It runs as nobody, without privileges, and waits
 * without a clock while there is nothing to do.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "probe/check.h"

enum { NOBODY = 65534 };

static int drop_privileges(void)
{
	if (geteuid() != 0)
		return 0; /* podfs-probe has dropped them */
	if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0)
		return -errno;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

/* A full socket means that nobody reads; it waits then, as a pipe's writer does. */
static int answer(const void *message, size_t size)
{
	ssize_t n;

	do
		n = send(PROBE_SOCKET_FD, message, size, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

static int refuse(const char *message, size_t size)
{
	struct probe_reply reply = { .outcome = PROBE_ERROR };
	char out[sizeof(reply) + 1] = "";

	if (size >= sizeof(reply.id))
		memcpy(&reply.id, message, sizeof(reply.id));
	memcpy(out, &reply, sizeof(reply));
	return answer(out, sizeof(out));
}

/* Takes all requests that are there. 0, or -EPIPE when who asks has gone. */
static int take_requests(CURLM *multi)
{
	static char message[PROBE_MESSAGE_MAX];
	struct check *c;
	ssize_t n;

	for (;;) {
		n = recv(PROBE_SOCKET_FD, message, sizeof(message), MSG_DONTWAIT);
		if (n == 0)
			return -EPIPE;
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		c = check_new(message, (size_t)n);
		if (c && curl_multi_add_handle(multi, check_handle(c)) == CURLM_OK)
			continue;
		check_free(c);
		if (refuse(message, (size_t)n) < 0)
			return -EPIPE;
	}
}

/* Answers what has ended. 1 when a transfer goes on elsewhere, else 0 or a negative errno. */
static int finish(CURLM *multi)
{
	static char out[PROBE_MESSAGE_MAX];
	CURLMsg *m;
	int left, again = 0, r = 0;

	while (r == 0 && (m = curl_multi_info_read(multi, &left))) {
		CURL *handle = m->easy_handle;
		CURLcode code = m->data.result;
		struct check *c = NULL;

		if (m->msg != CURLMSG_DONE || curl_easy_getinfo(handle, CURLINFO_PRIVATE, (char **)&c) != CURLE_OK || !c)
			continue;
		(void)curl_multi_remove_handle(multi, handle); /* ignoring: it is in there */
		if (check_done(c, code) && curl_multi_add_handle(multi, handle) == CURLM_OK) {
			again = 1;
			continue;
		}
		r = answer(out, check_reply(c, out));
		check_free(c);
	}
	return r < 0 ? r : again;
}

/* Carries on with every transfer as far as it goes now. */
static int work(CURLM *multi, int *running)
{
	int r;

	do {
		if (curl_multi_perform(multi, running) != CURLM_OK)
			return -EIO;
		r = finish(multi);
	} while (r > 0);
	return r;
}

int main(void)
{
	struct curl_waitfd sock = { .fd = PROBE_SOCKET_FD, .events = CURL_WAIT_POLLIN };
	CURLM *multi;
	int running = 0, r = drop_privileges();

	(void)prctl(PR_SET_NAME, "podfs-probe-curl"); /* ignoring: for people; it was started by a descriptor's number */
	if (r < 0) {
		(void)fprintf(stderr, "podfs-probe-curl: %s\n", strerrordesc_np(-r));
		return 1;
	}
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(multi = curl_multi_init())) {
		(void)fprintf(stderr, "podfs-probe-curl: libcurl does not start\n");
		return 1;
	}
	while (r == 0) {
		struct pollfd alone = { .fd = PROBE_SOCKET_FD, .events = POLLIN };

		if (running > 0)
			(void)curl_multi_poll(multi, &sock, 1, INT_MAX, NULL); /* ignoring: what it is about follows */
		else
			(void)poll(&alone, 1, -1);
		r = take_requests(multi);
		if (r == 0)
			r = work(multi, &running);
	}
	check_free_all(multi);
	(void)curl_multi_cleanup(multi); /* cannot fail: nothing is in it */
	curl_global_cleanup();
	return r == -EPIPE ? 0 : 1;
}
