#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# clang-tidy over the sources of the programs, with the checks that .clang-tidy names; any warning fails.
cd "$(dirname "$0")/../.." || exit
command -v clang-tidy >/dev/null || { echo "clang-tidy is not installed"; exit 77; }
[ -f build/Makefile ] || { echo "needs a build in build/"; exit 1; }
flags="-std=gnu17 -D_GNU_SOURCE -DPACKAGE_VERSION=\"0\" -DPODFS_LIBEXECDIR=\"\" -Isrc $(pkg-config --cflags \
	fuse3 lmdb yaml-0.1 libcap libseccomp libmnl libnftables libarchive nettle libcurl)"
# shellcheck disable=SC2086
find src -name '*.c' -print0 | sort -z |
	xargs -0 -n 4 -P "${JOBS:-$(nproc)}" sh -c 'flags=$1; shift; clang-tidy --quiet "$@" -- $flags 2>/dev/null' sh "$flags"
