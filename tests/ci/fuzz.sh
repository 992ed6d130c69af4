#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A short run of every fuzz target on its seeds (tests/fuzz/seeds/NAME for fuzz_NAME): enough to notice a target that
# broke. FUZZ_SECONDS sets the time for each; a finding stays in build-fuzz/.
cd "$(dirname "$0")/../.." || exit
top=$PWD
command -v clang >/dev/null || { echo "clang is not installed"; exit 77; }
[ -x configure ] || ./autogen.sh || exit
mkdir -p build-fuzz && cd build-fuzz || exit
[ -f Makefile ] || "$top/configure" -q --enable-fuzzing CC=clang CFLAGS="-g -O1 -Wno-implicit-fallthrough" || exit
make -s Makefile >/dev/null && targets=$(make -s print-fuzz-targets) || exit
[ -n "$targets" ] || { echo "there is no fuzz target"; exit 1; }
# shellcheck disable=SC2086
make -s -j"${JOBS:-$(nproc)}" $targets || exit
failed=0
for target in $targets; do
	name=${target##*/fuzz_}
	seeds=$top/tests/fuzz/seeds/$name
	mkdir -p "corpus/$name"
	set -- "corpus/$name"
	[ ! -d "$seeds" ] || set -- "$@" "$seeds"
	echo "--- $target"
	"./$target" -max_total_time="${FUZZ_SECONDS:-20}" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 \
		-artifact_prefix="finding-$name-" "$@" || failed=1
done
exit $failed
