#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# cppcheck over the sources of the programs; any finding fails.
cd "$(dirname "$0")/../.." || exit
command -v cppcheck >/dev/null || { echo "cppcheck is not installed"; exit 77; }
cppcheck --quiet --std=c11 --language=c --platform=unix64 -j "${JOBS:-$(nproc)}" --error-exitcode=1 --inline-suppr \
	--enable=warning,performance --suppress=missingIncludeSystem \
	--suppressions-list=tests/ci/cppcheck.suppressions \
	-D_GNU_SOURCE --include=/usr/include/bsd/sys/queue.h --include=/usr/include/bsd/sys/tree.h --include=tests/ci/cppcheck.macros -Isrc \
	--template='{file}:{line}: {severity}: {message} [{id}]' src
