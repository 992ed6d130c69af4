# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the tests of pods share; sourced after lib.sh. Pods run in the namespace default.

command -v jq >/dev/null || skip_all "needs jq"
need_image busybox

# pod NAME [SPEC]: writes a pod's manifest; SPEC, or standard input, is the YAML of its spec, indented by two.
pod() {
	local spec=${2:-}
	[ -n "$spec" ] || spec=$(cat)
	printf 'apiVersion: v1\nkind: Pod\nmetadata:\n  name: %s\n  labels: {app: %s}\nspec:\n%s\n' \
		"$1" "$1" "$spec" >"$MNT/pods/$1.yaml"
}

# get NAME FILTER: what jq makes of the pod's object.
get() { jq -r "$2" "$MNT/pods/$1/object.json" 2>/dev/null; }
phase() { get "$1" .status.phase; }
# state NAME CONTAINER FILTER: of the container's status, whichever list it is in.
state() { get "$1" "(.status.containerStatuses + .status.initContainerStatuses)[] | select(.name == \"$2\") | $3"; }
uid() { get "$1" .metadata.uid; }
# pid NAME CONTAINER: of the container's first process, as its cgroup tells it.
pid() {
	local f
	f=$(find /sys/fs/cgroup -path "*$CGROUP*pod$(uid "$1")/$2/cgroup.procs" 2>/dev/null | head -n 1)
	[ -n "$f" ] && head -n 1 "$f"
}
# supervisor NAME: the process id of its podfs-pod, whose own processes look the same.
supervisor() {
	local dir
	for dir in /proc/[0-9]*; do
		is_of_pod "$dir" "$1" && ! is_of_pod "/proc/$(sed -n 's/^PPid:[[:space:]]*//p' "$dir/status" 2>/dev/null)" "$1" || continue
		echo "${dir#/proc/}"
		return
	done
	return 1
}
is_of_pod() { { tr '\0' ' ' <"$1/cmdline" | grep -q "^podfs-pod default/$2 "; } 2>/dev/null; }
# log NAME CONTAINER [RUN]: the text of its log file.
log() { cut -d' ' -f4- "/var/log/pods/default_$1_$(uid "$1")/$2/${3:-0}.log"; }
# about NAME: the events of a pod, one a line.
about() { cat "$MNT/pods/$1/events" 2>/dev/null; }

is_phase() { wait_for "${3:-10}" "[ \"\$(phase $1)\" = $2 ]"; }
is_gone() { wait_for "${2:-10}" "[ ! -e $MNT/pods/$1 ]"; }
remove() { rm "$MNT/pods/$1.yaml"; }
# A mount with the image of busybox.
start_with_busybox() { start_daemon "$@" && cp "$IMAGES/busybox.tar" "$MNT/images/"; }
# A command that ends at once when it is told to.
# shellcheck disable=SC2034
FOREVER='[sh, -c, "trap exit TERM; while :; do sleep 1000 & wait; done"]'
