/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the node agent and podfs-probe say to each other over a SOCK_SEQPACKET pair: one message a request, one a reply.
 * Both ends are of one build. The agent closes its end to end the program. podfs-probe speaks the same with
 * podfs-probe-curl, of which it asks single checks only.
 *
 * A request may stand: the check is carried out again each period, and answered when it is no plain success (another
 * outcome, or a warning), or after `count` of them. So what stays as it is makes no traffic.
 */
#ifndef PODFS_PROBE_PROTOCOL_H
#define PODFS_PROBE_PROTOCOL_H

#include <stdint.h>

enum {
	PROBE_SOCKET_FD = 3,	   /* podfs-probe's end */
	PROBE_MESSAGE_MAX = 32768, /* bytes, of either kind */
	PROBE_HEADERS_MAX = 64,
	PROBE_TEXT_MAX = 1024, /* bytes of a reply's text, its NUL included */
};

/* The numbers are those of this form of messages alone: raised with each change of it, so that a program of another version,
 * which an upgrade may bring before the agent is replaced, refuses what it would misread, and no probe fails by that. */
enum probe_method {
	PROBE_TCP = 17, /* a connection can be made */
	PROBE_HTTP,    /* GET: 200 to 399; redirections to the same host are followed */
	PROBE_HTTPS,   /* the same; the certificate is not verified */
	PROBE_GRPC,    /* grpc.health.v1.Health/Check answers SERVING; over plain text */
	PROBE_FORGET,  /* the request of that id: it is not answered, unless its answer is under way */
};

enum probe_outcome {
	PROBE_SUCCESS = 1,
	PROBE_FAILURE,
	PROBE_ERROR, /* nothing was learnt: does not count either way */
};

/* Followed by strings, each with its NUL: host, path (the service for gRPC), then n_headers of "Name: value". */
struct probe_request {
	uint64_t id; /* repeated in the reply */
	uint32_t method;
	uint32_t timeout_ms; /* 0: it has all the time */
	uint16_t port;
	uint16_t n_headers;
	uint32_t count;	    /* how many checks at most before an answer; 0 is 1 */
	uint32_t period_ms; /* from one to the next */
	uint32_t reserved;
};

enum probe_reply_flags {
	PROBE_WARNING = 1 << 0,	 /* a success that is worth a word: a redirection to another host */
	PROBE_ANSWERED = 1 << 1, /* over HTTP, whatever the status was */
};

/* Followed by a text with its NUL: why, in kubelet's words. */
struct probe_reply {
	uint64_t id;
	uint32_t outcome;
	uint32_t flags;	 /* enum probe_reply_flags */
	uint32_t ago_ms; /* since the last check was due */
	uint32_t reserved;
};

#endif
