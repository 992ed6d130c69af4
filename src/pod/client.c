/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients. A send never waits: who does not drain the socket is hung up on, and learns all from POD_STATUS when it
 * comes again.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "pod/pod.h"

void pod_copy_text(char *to, size_t size, const char *from)
{
	size_t len = strnlen(from, size - 1);

	memcpy(to, from, len);
	memset(to + len, 0, size - len);
}

int pod_client_add(struct pod *p, int fd, bool first)
{
	const int size = POD_SOCKET_BYTES;

	for (size_t i = 0; i < POD_CLIENTS_MAX; i++) {
		struct client *c = &p->clients[i];
		int r;

		if (c->fd >= 0)
			continue;
		r = pod_watch(p, fd, SOURCE_CLIENT, i);
		if (r < 0)
			return r;
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)); /* ignoring: a smaller one does for most */
		*c = (struct client){ .fd = fd, .first = first };
		return 0;
	}
	return -EMFILE;
}

static void hang_up(struct pod *p, int client)
{
	struct client *c = &p->clients[client];

	if (c->fd < 0)
		return;
	close_fdp(&c->fd);
	c->subscribed = false;
	pod_exec_hung_up(p, client);
}

void pod_client_accept(struct pod *p)
{
	_cleanup_close_ int fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (fd < 0)
		return;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0 || cred.uid != 0)
		return;
	if (pod_client_add(p, fd, false) == 0)
		(void)steal_fd(&fd);
}

static void send_to(struct pod *p, int client, void *message, size_t size, int fd)
{
	if (client < 0 || p->clients[client].fd < 0)
		return;
	if (pod_message_send(p->clients[client].fd, message, size, &fd, fd >= 0) < 0)
		hang_up(p, client);
}

void pod_tell(struct pod *p, int client, const struct pod_event *e, enum pod_message_type type, uint64_t id, int fd)
{
	struct pod_event copy = *e;

	copy.header = (struct pod_header){ .type = type, .id = id };
	send_to(p, client, &copy, sizeof(copy), fd);
}

void pod_broadcast(struct pod *p, const struct pod_event *e, enum pod_message_type type)
{
	for (int i = 0; i < POD_CLIENTS_MAX; i++)
		if (p->clients[i].fd >= 0 && p->clients[i].subscribed)
			pod_tell(p, i, e, type, 0, -1);
}

void pod_warn(struct pod *p, const char *name, const char *text, int code)
{
	struct pod_event e = { .code = code };
	size_t len;

	pod_copy_text(e.name, sizeof(e.name), name);
	pod_copy_text(e.text, sizeof(e.text), text);
	len = strlen(e.text);
	if (code < 0 && len + 2 < sizeof(e.text)) {
		memcpy(e.text + len, ": ", 2);
		pod_copy_text(e.text + len + 2, sizeof(e.text) - len - 2, strerrordesc_np(-code));
	}
	pod_broadcast(p, &e, POD_WARNING);
}

static void subscribe(struct pod *p, int client)
{
	struct pod_ready ready = {
		.header = { .type = POD_READY },
		.pid = getpid(),
		.flags = p->clients[client].first ? 0 : POD_READY_ADOPTED,
		.started_at = p->started_at,
	};
	const struct pod_event none = { 0 };

	p->clients[client].subscribed = true;
	send_to(p, client, &ready, sizeof(ready), p->netns);
	for (size_t i = 0; i < p->n_slots; i++)
		if (p->slots[i].told.name[0] != '\0')
			pod_tell(p, client, &p->slots[i].told, POD_STATUS, 0, -1);
	pod_tell(p, client, &none, POD_SYNCED, 0, -1);
}

/* 0: carried out, say so; 1: the answer comes later or was given; negative errno: say that. */
static int serve(struct pod *p, int client, struct pod_message *m)
{
	switch (m->header.type) {
	case POD_SUBSCRIBE:
		subscribe(p, client);
		return 1;
	case POD_START:
		return pod_start_container(p, m);
	case POD_EXEC:
		return pod_exec(p, client, m);
	case POD_STOP:
		return m->stop.exec_id ? pod_exec_stop(p, &m->stop) : pod_stop(p, &m->stop);
	case POD_ACK:
		return pod_ack(p, &m->name);
	case POD_REOPEN_LOG:
		return pod_reopen_log(p, &m->name);
	case POD_ATTACH:
		return pod_attach(p, client, m);
	case POD_SHUTDOWN:
		pod_shutdown(p, 0);
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

void pod_client_input(struct pod *p, size_t index)
{
	int client = (int)index;
	struct client *c = &p->clients[index];
	struct pod_event e = { 0 };
	int r;

	if (c->fd < 0)
		return;
	r = pod_message_receive(c->fd, &p->message);
	if (r == -EAGAIN)
		return;
	if (r == 0 || (r < 0 && r != -EBADMSG && r != -EPROTONOSUPPORT)) {
		hang_up(p, client);
		return;
	}
	if (r > 0)
		r = serve(p, client, &p->message);
	if (r <= 0) {
		e.code = r;
		pod_copy_text(e.text, sizeof(e.text), r < 0 ? strerrordesc_np(-r) : "");
		pod_tell(p, client, &e, r < 0 ? POD_ERROR : POD_DONE, p->message.header.id, -1);
	}
	pod_message_clear(&p->message);
}
