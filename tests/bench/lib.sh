# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Benches of a whole cluster: sourced as the first thing. Runs the bench again in namespaces of its own, as
# tests/integration/lib.sh does, but with its files on disk ($BENCH_DIR, else $TMPDIR), which is what is measured.
# Gives $D, a directory that holds run/ (tmpfs), state/, log/ and cluster/; $CGROUP; start_daemon and stop_daemon.
set -u
export LC_ALL=C
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
if [ -z "${PODFS_BENCH_INSIDE:-}" ]; then
	[ "$(id -u)" = 0 ] || exit 77
	D=$(mktemp -d "${BENCH_DIR:-${TMPDIR:-/tmp}}/podfs-bench.XXXXXX") || exit
	CGROUP=${BENCH_CGROUP:+$BENCH_CGROUP/}podfs-bench-$$ # BENCH_CGROUP: one that is there, e.g. with many shares on a busy machine
	PODFS_BENCH_INSIDE=1 D=$D CGROUP=$CGROUP \
		unshare -m -n -p -i -u --propagation private --fork --kill-child --mount-proc "$BASH" "$0" "$@"
	status=$?
	[ $status = 0 ] || { echo "# the daemon's log:"; sed 's/^/# /' "$D/daemon.log"; } >&2
	find /sys/fs/cgroup -mindepth 1 -depth -type d -path "*$CGROUP*" -exec rmdir {} + 2>/dev/null
	chattr -i "$D/cluster" 2>/dev/null
	rm -rf --one-file-system "$D"
	exit $status
fi
mkdir "$D/run" "$D/cluster" "$D/dir" && mount -t tmpfs podfs-bench "$D/run" && mount -t tmpfs podfs-bench /run &&
	ip link set lo up || exit
mkfifo "$D/run/never" && exec {never}<>"$D/run/never" || exit
podfs=$top_builddir/podfs
daemon_args=(--store "lmdb:$D/state" --log-dir "$D/log" --cgroup-parent "$CGROUP" --settle 0)

# start_daemon: in the background, log to $D/daemon.log; returns when it is ready.
start_daemon() {
	"$podfs" mount "$D/cluster" --foreground "${daemon_args[@]}" >>"$D/daemon.log" 2>&1 &
	daemon=$!
	for ((i = 0; i < 1000; i++)); do
		! grep -q ^ok "$D/cluster/healthz" 2>/dev/null || return 0
		kill -0 $daemon || return
		read -r -t 0.01 -u "$never" _
	done
	return 1
}
stop_daemon() { "$podfs" umount "$D/cluster" && wait $daemon; }
# The same as a user does it: --foreground is not given. end_background leaves what runs; stop_background does not.
daemon_pid() { pidof -s podfs; }
stop_background() { "$podfs" umount "$D/cluster"; }
end_background() {
	local pid
	pid=$(daemon_pid) && kill "$pid" && wait_for 60 "! kill -0 $pid"
}

# wait_for SECONDS CONDITION: looks every 10 ms.
wait_for() {
	local end=$((${EPOCHREALTIME/./} + $1 * 1000000))
	while ! eval "$2" 2>/dev/null; do
		[ "${EPOCHREALTIME/./}" -lt $end ] || { echo "not so within $1 s: $2" >&2; return 1; }
		read -r -t 0.01 -u "$never" _
	done
	return 0
}

# deployment NAME: a manifest of no replicas.   config_map NAME
deployment() {
	printf '%s\n' "apiVersion: apps/v1" "kind: Deployment" "metadata:" "  name: $1" "  labels: {app: $1}" "spec:" \
		"  replicas: 0" "  selector: {matchLabels: {app: $1}}" "  template:" "    metadata: {labels: {app: $1}}" \
		"    spec:" "      containers:" "      - name: app" "        image: nginx:1.14.2" "        ports:" \
		"        - containerPort: 80"
}
config_map() { printf '%s\n' "apiVersion: v1" "kind: ConfigMap" "metadata: {name: $1}" "data: {key: value of $1}"; }
# manifests KIND FROM COUNT: so many documents of one file; KIND is deployment or config_map.
manifests() {
	local i
	for ((i = $2; i < $2 + $3; i++)); do
		"$1" "${1/_/-}-$i"
		echo ---
	done
}
