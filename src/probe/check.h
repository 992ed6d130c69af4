/* SPDX-License-Identifier: Apache-2.0 */
/* One probe over the network, as libcurl carries it out. Not thread-safe. */
#ifndef PODFS_PROBE_CHECK_H
#define PODFS_PROBE_CHECK_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

#include "probe/protocol.h"

struct check;

/*
 * Reads a request of `size` bytes and prepares its transfer; the caller gives check_handle() to a multi handle. NULL for
 * a message that makes no sense, or when memory is out.
 */
struct check *check_new(const void *message, size_t size);
void check_free(struct check *c);
/* Frees all that are under way, and takes them out of the multi handle. */
void check_free_all(CURLM *multi);

/* The transfer; its CURLOPT_PRIVATE is the check. */
CURL *check_handle(struct check *c);

/* Takes note of the transfer's end. True: it is prepared anew (a redirection) and is to be run again; false: the reply
 * is made. */
bool check_done(struct check *c, CURLcode code);

/* Writes the reply; returns its size. */
size_t check_reply(const struct check *c, char out[static PROBE_MESSAGE_MAX]);

#endif
