# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Common to the lints. A lint defines `offenders DIR`, which prints one line for each offence found in the tree at DIR
# ("path:line: why") and nothing for a clean one. It first proves itself on samples (`catches`, `accepts`), since a lint
# that cannot fail says nothing, and then judges the real tree (`judge`). Output is TAP.
set -u
export LC_ALL=C
lint_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top_srcdir=${top_srcdir:-$(cd "$lint_dir/../.." && pwd)}
lint_tmp=$(mktemp -d "${TMPDIR:-/tmp}/podfs-lint.XXXXXX")
lint_count=0
lint_failed=0
trap 'rm -rf "$lint_tmp"' EXIT

# skip_all REASON: nothing here can run.
skip_all() { echo "1..0 # SKIP $*"; exit 0; }

lint_result() { # STATUS NAME
	lint_count=$((lint_count + 1))
	if [ "$1" = 0 ]; then
		echo "ok $lint_count - $2"
	else
		echo "not ok $lint_count - $2"
		lint_failed=1
	fi
}

# fresh: an empty sample tree in $sample.
fresh() { sample=$lint_tmp/sample; rm -rf "$sample"; mkdir -p "$sample"; }

# put PATH: standard input becomes that file of the sample tree.
put() { mkdir -p "$(dirname "$sample/$1")"; cat >"$sample/$1"; }

# catches NAME [REGEX]: the sample tree must offend, in words that match REGEX.
catches() {
	local out
	out=$(offenders "$sample" 2>&1)
	[ -n "$out" ] && grep -Eq -e "${2:-.}" <<<"$out"
	lint_result $? "self-test: catches $1"
}

# accepts NAME: the sample tree must not offend.
accepts() {
	local out
	out=$(offenders "$sample" 2>&1)
	[ -z "$out" ] || sed 's/^/# /' <<<"$out"
	[ -z "$out" ]
	lint_result $? "self-test: accepts $1"
}

# judge NAME: the real tree, then the plan.
judge() {
	local out
	out=$(offenders "$top_srcdir" 2>&1)
	[ -z "$out" ] || sed 's/^/# /' <<<"$out"
	[ -z "$out" ]
	lint_result $? "$1"
	echo "1..$lint_count"
	exit $lint_failed
}

# c_files DIR SUBDIR...: the C sources and headers below those folders, one a line, relative to DIR.
c_files() {
	local dir=$1 sub
	shift
	for sub; do
		[ ! -d "$dir/$sub" ] || (cd "$dir" && find "$sub" -type f -name '*.[ch]' | sort)
	done
}

# scripts DIR: every shell script that is part of the project, relative to DIR.
scripts() {
	(
		cd "$1" || exit
		for f in quickstart.sh autogen.sh .ci/run; do [ ! -f "$f" ] || echo "$f"; done
		for d in tests contrib; do
			[ ! -d $d ] || find $d -type f ! -name '*.[ch]' ! -path '*/corpus/*' ! -path '*/seeds/*'
		done | sort | while IFS= read -r f; do
			case $f in
			*.sh | *.lint | *.test | *.bench) echo "$f" ;;
			*) ! head -n 1 -- "$f" | grep -aEq '^#! ?/(usr/)?bin/(env )?(ba)?sh' || echo "$f" ;;
			esac
		done
	)
}
