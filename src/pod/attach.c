/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Those who are attached to a container. They are hostile, and podfs-pod, which has one thread, must wait for none of them:
 * output is sent to their sockets as far as those take it (output.c), and nothing is ever received from these. What they send
 * as input is taken by a process for each (relay.h). The container's own pipes and terminal are never given away.
 */
#include <errno.h>
#include <signal.h>

#include "base/cleanup.h"
#include "pod/pod.h"
#include "pod/relay.h"

enum { FDS_OUTPUT = 2, FDS_ALL = 4 };

static int start_relay(struct pod *p, const struct slot *s, const int fds[2], int to)
{
	struct relay_streams streams = RELAY_STREAMS_NONE;
	struct relayed *r = p->relays;
	pid_t pid;

	while (r->pid > 0)
		if (++r == p->relays + POD_RELAYS_MAX)
			return -EAGAIN;
	streams.asker[RELAY_INPUT] = fds[0];
	streams.program[RELAY_INPUT] = to;
	streams.sizes = fds[1];
	pid = relay_start(&streams);
	if (pid < 0)
		return pid;
	*r = (struct relayed){ .pid = pid, .slot = (int)(s - p->slots) };
	return 0;
}

int pod_attach(struct pod *p, int client, struct pod_message *m)
{
	const struct pod_name *who = &m->name;
	struct slot *s = pod_find(p, who->name);
	int input, r;

	if (m->n_fds != FDS_OUTPUT && m->n_fds != FDS_ALL)
		return -EBADMSG;
	if (!s || s->told.state != POD_STATE_RUNNING)
		return -ENOENT;
	input = s->tty ? s->out[0] : s->input;
	if (m->n_fds == FDS_ALL && input < 0)
		return -ENOTCONN;
	r = pod_output_can_attach(p) ? 0 : -EAGAIN;
	if (r == 0 && m->n_fds == FDS_ALL)
		r = start_relay(p, s, m->fds + FDS_OUTPUT, input);
	if (r < 0)
		return r;
	if (m->n_fds == FDS_ALL && s->stdin_once)
		close_fdp(&s->input); /* the container sees the end of it when the relay does */
	pod_output_attach(p, s, m->fds);
	pod_tell(p, client, &s->told, POD_ATTACHED, who->header.id, -1);
	return 1;
}

bool pod_attach_reaped(struct pod *p, pid_t pid)
{
	for (size_t i = 0; i < POD_RELAYS_MAX; i++)
		if (p->relays[i].pid == pid) {
			p->relays[i].pid = 0;
			return true;
		}
	return false;
}

void pod_attach_end(struct pod *p, const struct slot *s)
{
	for (size_t i = 0; i < POD_RELAYS_MAX; i++)
		if (p->relays[i].pid > 0 && &p->slots[p->relays[i].slot] == s)
			(void)kill(p->relays[i].pid, SIGKILL); /* ignoring: our child, not reaped yet */
}
