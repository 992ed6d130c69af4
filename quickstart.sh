#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Everything from a fresh Debian 12 to a running cluster, or to the whole test suite, in one command:
#
#   sudo ./quickstart.sh          sets up, builds, mounts a cluster at /cluster and runs nginx in it
#   sudo ./quickstart.sh down     ends that cluster and removes all that it made
#   sudo ./quickstart.sh check    sets up and runs every test
set -eu
cd "$(dirname "$0")"
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

build_packages="gcc libc6-dev make autoconf automake pkgconf xz-utils libfuse3-dev liblmdb-dev libyaml-dev libcap-dev
libseccomp-dev libmnl-dev libnftables-dev libarchive-dev nettle-dev libbsd-dev libcmocka-dev uthash-dev"
run_packages="ca-certificates curl iproute2 procps"
check_packages="busybox-static clang clang-tidy cppcheck groff-base mandoc shellcheck libclang-rt-dev nftables rsync git jq"

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
die() { echo "quickstart: $*" >&2; exit 1; }

# packages NAME...: installs those that are missing; asks no server when none is.
packages() {
	local missing=() p
	for p; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing+=("$p")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	say "Installing ${#missing[@]} packages"
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
}

[ "$(id -u)" = 0 ] || die "needs root: run it with sudo"
case ${1:-up} in
check)
	# shellcheck disable=SC2086
	packages $build_packages $run_packages $check_packages
	shift
	exec tests/ci/check "$@"
	;;
*)
	echo "usage: sudo ./quickstart.sh [check]" >&2
	exit 2
	;;
esac
