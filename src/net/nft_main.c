/* SPDX-License-Identifier: Apache-2.0 */
/*
 * podfs-nft: reads nft commands from standard input and runs them as one transaction through libnftables. Prints
 * what they print, with rule handles. Exit status 0; 1 when nothing was changed, with the reason on standard error;
 * 2 when the input could not be read.
 */
#include <nftables/libnftables.h>
#include <stdio.h>

#include "base/buf.h"

int main(void)
{
	_cleanup_buf_ struct buf commands = BUF_INIT;
	struct nft_ctx *ctx;
	char chunk[4096];
	size_t n;
	int r;

	while ((n = fread(chunk, 1, sizeof(chunk), stdin)) > 0)
		buf_append(&commands, chunk, n);
	if (ferror(stdin) || buf_failed(&commands)) {
		fprintf(stderr, "podfs-nft: cannot read the commands\n");
		return 2;
	}
	ctx = nft_ctx_new(NFT_CTX_DEFAULT);
	if (!ctx) {
		fprintf(stderr, "podfs-nft: cannot open nftables\n");
		return 2;
	}
	nft_ctx_output_set_flags(ctx, NFT_CTX_OUTPUT_HANDLE);
	r = nft_run_cmd_from_buffer(ctx, buf_str(&commands));
	nft_ctx_free(ctx);
	if (fflush(stdout) != 0)
		return 2;
	return r ? 1 : 0;
}
