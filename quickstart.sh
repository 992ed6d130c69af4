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
libseccomp-dev libmnl-dev libnftables-dev libarchive-dev nettle-dev libbsd-dev libcurl4-openssl-dev libcmocka-dev uthash-dev"
run_packages="ca-certificates curl iproute2 procps mmdebstrap skopeo"
check_packages="attr busybox-static clang clang-tidy cppcheck groff-base libcap2-bin libclang-rt-dev mandoc nftables rsync shellcheck
ed docker-registry git jq nano openssl patch perl python3 qemu-system-x86 skopeo vim zstd"

bold='' green='' plain=''
[ ! -t 1 ] || { bold=$'\033[1m' green=$'\033[32m' plain=$'\033[0m'; }
say() { printf '\n%s\n' "$bold$*$plain"; }
die() { echo "quickstart: $*" >&2; exit 1; }

# packages NAME...: installs those that are missing; asks no server when none is.
packages() {
	local missing=() p
	for p; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing+=("$p")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	say "Installing ${#missing[@]} packages: ${missing[*]}"
	mkdir -p build
	{
		apt-get update -qq &&
			DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
	} >build/apt.log 2>&1 || { cat build/apt.log; die "could not install them"; }
}

# until_true SECONDS CONDITION: looks ten times a second, at most so long.
until_true() {
	local end=$((SECONDS + $1))
	while ! eval "$2" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		read -r -t 0.1 <> <(:) || :
	done
}

# show COMMAND: prints it as a person would type it, and what it says.
show() {
	printf '%s\n' "$green# $*$plain"
	eval "$*"
}

build() {
	[ -x configure ] || ./autogen.sh >/dev/null 2>&1 || die "autogen.sh failed"
	mkdir -p build
	[ -f build/Makefile ] || (cd build && ../configure -q)
	make -s -C build -j"${JOBS:-$(nproc)}"
}

cluster=/cluster
state=/var/lib/podfs
mark=/var/lib/podfs-quickstart # exists while a cluster that this script made does
podfs=build/podfs
deployment=$cluster/deployments/nginx-deployment

# runs: a daemon answers.   mounted: something is there, if only what a dead daemon left.
runs() { [ "$(timeout 5 cat $cluster/healthz 2>/dev/null)" = ok ]; }
mounted() { awk -v dir=$cluster '$5 == dir { found = 1 } END { exit !found }' /proc/self/mountinfo; }

field() { cat "$deployment/$1" 2>/dev/null; }

# ready COUNT: the deployment has this many pods, all of the newest template, all available.
ready() {
	[ "$(field status/observedGeneration)" = "$(field metadata/generation)" ] &&
		[ "$(field status/replicas)" = "$1" ] && [ "$(field status/updatedReplicas)" = "$1" ] &&
		[ "$(field status/availableReplicas)" = "$1" ]
}

wait_ready() {
	until_true "${2:-120}" "ready $1" && return
	cat "$deployment/describe" "$cluster/errors" 2>/dev/null || :
	die "the deployment did not get $1 available pods"
}

mount_cluster() {
	if [ -d $mark ]; then
		! runs || return 0
	else
		! mounted || die "$cluster is mounted, and not by this script: it stays as it is"
		[ ! -e $state ] || die "$state holds a cluster that this script did not make: it stays as it is"
		mkdir -p $mark
		[ -d $cluster ] || touch $mark/made-cluster
		[ -d /var/log/pods ] || touch $mark/made-logs
	fi
	say "Mounting a cluster at $cluster"
	show "$podfs mount $cluster"
}

import_images() {
	local tar=build/nginx.tar
	[ -f $tar ] || contrib/mkimage -t nginx:1.14.2 -t nginx:1.16.1 -o $tar nginx
	[ -e $cluster/images/nginx.tar ] || show "cp $tar $cluster/images/"
}

up() {
	local pod ip
	# shellcheck disable=SC2086
	packages $build_packages $run_packages
	say "Building"
	build
	mount_cluster
	say "Making an image of Debian's own nginx, under the names that the manifests want"
	import_images

	say "Running the nginx Deployment of Kubernetes' documentation"
	if [ -e $deployment.yaml ]; then
		rm $deployment.yaml
		until_true 60 "[ ! -e $deployment ] && ! ls $cluster/pods | grep -q ^nginx-deployment-" ||
			die "$deployment did not go"
	fi
	show "cp contrib/examples/nginx-deployment.yaml $deployment.yaml"
	wait_ready 3
	say "It is ready. What you can do next:"
	show "cat $cluster/table/pods"
	pod=$(find $deployment/pods -type l -printf '%f\n' | sort | head -n 1)
	ip=$(cat "$cluster/pods/$pod/status/podIP")
	show "curl -s http://$ip/ | grep title"
	until_true 10 "grep -q GET $cluster/pods/$pod/logs/nginx" || die "the request is not in the log"
	show "tail -n 1 $cluster/pods/$pod/logs/nginx"
	show "echo 5 > $deployment/spec/replicas"
	wait_ready 5
	show "cat $deployment/status/readyReplicas"
	show "echo nginx:1.16.1 > $deployment/spec/template/spec/containers/nginx/image"
	wait_ready 5
	show "cat $cluster/table/deployments"
	printf '\nThe cluster stays at %s: ls it, read its README. To end it: sudo ./quickstart.sh down\n' $cluster
}

down() {
	local dirs=
	if [ ! -d $mark ]; then
		echo "There is no cluster that this script made."
		return 0
	fi
	if [ -d $state ]; then
		# Pods may run on after a daemon that died: the next one adopts them, and stops them.
		runs || $podfs mount $cluster
		dirs=$(find $cluster/logs -type l -exec readlink {} + 2>/dev/null | sed -n 's,^\(/var/log/pods/[^/]*\)/.*,\1,p' | sort -u)
		$podfs umount $cluster
	fi
	[ ! -e $mark/made-cluster ] || { chattr -i $cluster 2>/dev/null || :; rmdir $cluster; }
	if [ -e $mark/made-logs ]; then
		rm -rf /var/log/pods
	else
		while IFS= read -r dir; do
			case $dir in /var/log/pods/*_*_*) rm -rf -- "$dir" ;; esac
		done <<<"$dirs"
	fi
	rm -rf $state /run/podfs $mark
	echo "The cluster is gone."
}

[ "$(id -u)" = 0 ] || die "needs root: run it with sudo"
case ${1:-up} in
up) up ;;
down) down ;;
check)
	# Debian starts a registry where it installs one; the tests start their own, and nobody asked for that.
	had_registry=$(dpkg-query -W -f '${db:Status-Status}' docker-registry 2>/dev/null || :)
	# shellcheck disable=SC2086
	packages $build_packages $run_packages $check_packages
	[ "$had_registry" = installed ] || [ ! -d /run/systemd/system ] || systemctl disable -q --now docker-registry || :
	mkdir -p build
	tests/ci/guest-kernel build/guest-kernel >build/guest-kernel.log 2>&1 ||
		say "No kernel for a guest: its test will be skipped"
	shift
	exec tests/ci/check "$@"
	;;
*)
	echo "usage: sudo ./quickstart.sh [down | check]" >&2
	exit 2
	;;
esac
