/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nftables transactions, made by the helper program podfs-nft.
 *
 * Why a program: libnftables and the five libraries it brings keep 2.2 MiB resident in a process that ran one
 * transaction with it and freed its context (Debian 12: 1.2 MiB without, 3.4 MiB after; 0.9 MiB of it by being
 * linked alone), a fifth of what the daemon may use, for something it does twice in its life. The helper lives for
 * the 15 ms of one transaction.
 */
#ifndef PODFS_NET_NFT_H
#define PODFS_NET_NFT_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"
#include "net/cidr.h"

/*
 * Runs nft commands (nft(8)) as one transaction. What they print goes to *ret_out (to be freed with free()), which
 * may be NULL. On failure *err has the first line of what libnftables says. -ENOENT: the helper is not installed.
 * `helper` NULL is the installed one. Reaps its own child; the caller must not ignore SIGCHLD.
 */
int nft_run(const char *helper, const char *commands, char **ret_out, struct error *err);

/* Appends the commands that replace `table` by one that masquerades what pods of `cidr` send out of `cluster`. */
void nft_put_table(struct buf *b, const char *table, const char *bridge, struct cidr cidr, struct cidr cluster);
void nft_put_table_removal(struct buf *b, const char *table);

/*
 * A base chain on the forward hook of the host that drops what it does not accept. Another table's accept does not
 * help against it: the pods' traffic must be accepted in that chain itself.
 */
struct nft_chain {
	char family[8];
	char table[64];
	char chain[64];
};

/* Reads from what `list chains` prints. *text moves on behind the chain found; false when there is none left. */
bool nft_next_dropping(const char **text, struct nft_chain *ret_chain);

/* Whether rules may be put into that chain: it is the one that iptables and so Docker and ufw use (`ip filter
 * FORWARD`), into which Kubernetes' and Podman's networks too put theirs. Other people's own tables are left alone. */
bool nft_chain_is_shared(const struct nft_chain *chain);

/* Appends the commands that accept what comes from or goes to the bridge at the head of that shared chain, and
 * those that remove the rules found in `listing` (what `list chain ip filter FORWARD` prints) for this bridge; returns
 * how many there are. */
#define NFT_ACCEPT_RULES 2
void nft_put_accept(struct buf *b, const char *bridge);
size_t nft_put_accept_removal(struct buf *b, const char *bridge, const char *listing);

#define NFT_LIST_CHAINS "list chains\n"
#define NFT_LIST_SHARED "list chain ip filter FORWARD\n"

#endif
