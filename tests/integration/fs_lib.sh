# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# The mount alone, without controllers and node agent: sourced after lib.sh.
FS_DRIVER=${FS_DRIVER:-$top_builddir/tests/unit/fs_driver}
FS_STORE=${FS_STORE:-lmdb:$T/state/store}
FS_PID=

# start_fs [SETTLE_MS]: mounts at $MNT, with a settle time of that many milliseconds on a machine of slowness 3 and more on
# a slower one, since two commands are to fit into it.   stop_fs: ends it by SIGTERM.   kill_fs: by SIGKILL.
start_fs() {
	mkdir -p "$T/state"
	: >"$T/ready"
	"$FS_DRIVER" "$FS_STORE" "$T/state" "$MNT" $((${1:-300} * PODFS_TEST_SLOWNESS / 3)) >"$T/ready" 2>>"$LOG/fs.log" {never}>&- &
	FS_PID=$!
	wait_for 20 '! kill -0 $FS_PID || grep -q ready "$T/ready"' && kill -0 "$FS_PID" 2>/dev/null
}
stop_fs() {
	local status=0
	kill -TERM "$FS_PID" || return
	wait "$FS_PID" || status=$?
	FS_PID=
	return $status
}
kill_fs() {
	kill -KILL "$FS_PID"
	wait "$FS_PID" 2>/dev/null
	FS_PID=
}

# deployment NAME [IMAGE [REPLICAS]]: a manifest on standard output.
deployment() {
	cat <<END
apiVersion: apps/v1
kind: Deployment
metadata:
  name: $1
spec:
  replicas: ${3:-1}
  selector:
    matchLabels:
      app: $1
  template:
    metadata:
      labels:
        app: $1
    spec:
      containers:
      - name: app
        image: ${2:-nginx:1}
END
}

# configmap NAME VALUE
configmap() { printf 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: %s\ndata:\n  key: "%s"\n' "$1" "$2"; }

# field FILE JQ: of an object.
field() { jq -r "$2" "$MNT/$1/object.json"; }
