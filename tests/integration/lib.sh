# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Integration tests: sourced as the first thing that tests/integration/NAME.test does.
#
# Sourcing it runs the test again inside mount, network, PID, IPC and UTS namespaces of its own, as root, where / is
# read-only, /run, /var/lib and /var/log are empty, lo is up and no route leads out. So a test can write nowhere but
# below $T and those three, can harm nothing of the machine's, and may run beside others. What it must clean up for
# itself is checked at its end: processes, mounts, cgroups, links, nft tables, files in /run.
#
# A test sees
#   $T       a directory of its own (a tmpfs; a folder on disk when $PODFS_TEST_KEEP is set)
#   $MNT     where start_daemon mounts the cluster
#   $LOG     a directory for logs; all of it is printed when the test fails
#   $CGROUP  the name below which the daemon makes its cgroups
#   $PODFS   the program under test; $IMAGES the directory of ready-made images; $CORPUS real manifests
# and ends with done_testing. To repeat a failed test: sh BUILD/tests/integration/NAME.repeat
set -u
export LC_ALL=C
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
test_script=$(cd "$(dirname "$0")" && pwd)/$(basename "$0")
test_name=$(basename "$0" .test)
lib_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top_srcdir=${top_srcdir:-$(cd "$lib_dir/../.." && pwd)}
top_builddir=${top_builddir:-$top_srcdir/build}
export top_srcdir top_builddir

# Deadlines only end what hangs, so they are generous: machines are shared, and a build with sanitizers is many times slower.
is_sanitized() { grep -q '^SAN_CFLAGS = .' "$top_builddir/Makefile" 2>/dev/null; }
[ -n "${PODFS_TEST_SLOWNESS:-}" ] || PODFS_TEST_SLOWNESS=$(is_sanitized && echo 10 || echo 3)
PODFS_TEST_TIMEOUT=${PODFS_TEST_TIMEOUT:-$((PODFS_TEST_SLOWNESS < 8 ? 900 : PODFS_TEST_SLOWNESS * 120))} # seconds, of a whole test
export PODFS_TEST_SLOWNESS

# --- outside: make the namespaces, run the test in them, clear up after a test that was killed ---

# cgroup_left NAME: the cgroups, in any hierarchy, whose path holds NAME.
cgroup_left() { find /sys/fs/cgroup -mindepth 1 -depth -type d -path "*$1*" 2>/dev/null; }

run_inside() {
	local base status=0 unshare dir
	[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; exit 0; }
	unshare=(unshare -m -n -p -i -u --propagation private --fork --kill-child --mount-proc)
	"${unshare[@]}" true 2>/dev/null || { echo "1..0 # SKIP cannot make namespaces here"; exit 0; }
	base=$(mktemp -d "${TMPDIR:-/tmp}/podfs-test.$test_name.XXXXXX") || exit 99
	mkdir "$base/t" "$base/log"
	trap '' PIPE # who reads may leave early: what follows must be done all the same
	(
		trap - PIPE
		PODFS_TEST_INSIDE=$base CGROUP=podfs-test-$test_name-${base##*.} \
			exec timeout -k 10 "$PODFS_TEST_TIMEOUT" "${unshare[@]}" "$BASH" "$test_script" "$@"
	) || status=$?
	if [ $status = 124 ] || [ $status = 137 ]; then
		echo "# $test_name was killed after $PODFS_TEST_TIMEOUT s"
		show_logs "$base/log"
	fi
	cgroup_left "podfs-test-$test_name-${base##*.}" | while IFS= read -r dir; do
		echo "# left behind: $dir"
		[ ! -e "$dir/cgroup.kill" ] || echo 1 >"$dir/cgroup.kill"
		rmdir "$dir" 2>/dev/null
	done
	if [ $status != 0 ] && [ -d "$top_builddir/tests/integration" ]; then
		printf '#!/bin/sh\n# Runs this test as it last failed; keeps its files and prints where.\n' \
			>"$top_builddir/tests/integration/$test_name.repeat"
		printf 'top_srcdir="%s" top_builddir="%s" PODFS_TEST_KEEP=1 exec "%s"\n' \
			"$top_srcdir" "$top_builddir" "$test_script" >>"$top_builddir/tests/integration/$test_name.repeat"
		echo "# to repeat: sh $top_builddir/tests/integration/$test_name.repeat"
	fi
	if [ -n "${PODFS_TEST_KEEP:-}" ]; then echo "# kept: $base"; else rm -rf --one-file-system "$base"; fi
	exit $status
}

show_logs() {
	local f
	for f in "$1"/*; do
		[ -s "$f" ] || continue
		echo "# --- $(basename "$f")"
		tail -n 300 "$f" | sed 's/^/# /'
	done
}

[ -n "${PODFS_TEST_INSIDE:-}" ] || run_inside "$@"

# --- inside ---

test_base=$PODFS_TEST_INSIDE
unset PODFS_TEST_INSIDE
T=$test_base/t
LOG=$test_base/log
MNT=$T/cluster
PODFS=${PODFS:-$top_builddir/podfs}
IMAGES=${IMAGES:-$top_builddir/tests/images}
CORPUS=${PODFS_CORPUS:-$top_srcdir/../shared/corpus}
CGROUP=${CGROUP:-podfs-test}
export T LOG MNT PODFS IMAGES CORPUS CGROUP
DAEMON_ARGS=(--store "lmdb:$T/state" --cgroup-parent "$CGROUP")
DAEMON_PID=
test_count=0
test_failed=0
test_done=0

set_up() {
	local dir
	for dir in /run /var/lib /var/log; do mount -t tmpfs -o mode=0755 podfs-test $dir || return; done
	if [ -n "${PODFS_TEST_KEEP:-}" ]; then
		mount --bind "$T" "$T" || return
	else
		mount -t tmpfs -o size=4g,mode=0755 podfs-test "$T" || return
	fi
	mount --bind "$LOG" "$LOG" && mount -o remount,bind,ro / && ip link set lo up || return
	mkdir -p "$T/tmp" "$MNT" && mkfifo "$T/tmp/never"
}
test_setup=$(set_up 2>&1) || { echo "Bail out! cannot set up the namespaces: $test_setup"; exit 99; }
export TMPDIR=$T/tmp
exec {never}<>"$T/tmp/never"
cd "$T" || exit 99

ok() { test_count=$((test_count + 1)); echo "ok $test_count - $*"; }
not_ok() { test_count=$((test_count + 1)); test_failed=1; echo "not ok $test_count - $*"; }
diag() { sed 's/^/# /' <<<"$*"; }

# skip REASON NAME: this one point cannot be tested here.  skip_all REASON: nothing can; only before the first point.
skip() { local why=$1; shift; test_count=$((test_count + 1)); echo "ok $test_count - $* # SKIP $why"; }
skip_all() { test_done=1; trap - EXIT; echo "1..0 # SKIP $*"; exit 0; }

# need_image NAME: skips the whole test where $IMAGES/NAME.tar could not be made.
need_image() { [ -s "$IMAGES/$1.tar" ] || skip_all "there is no image of $1"; }

# t NAME COMMAND...: the command must succeed; it runs in this shell, and what it prints is shown when it fails.
t() {
	local name=$1 status=0
	shift
	"$@" >"$T/tmp/out" 2>&1 || status=$?
	if [ $status = 0 ]; then ok "$name"; else
		not_ok "$name"
		diag "status $status from: $*"
		sed 's/^/# /' "$T/tmp/out"
	fi
	return $status
}

# must NAME COMMAND...: as t, and where it fails the test ends there, since the rest would only fail too.
must() {
	t "$@" && return
	diag "the rest of the test needs that: it ends here"
	done_testing
}

# fails NAME REGEX COMMAND...: the command must fail, and say something that matches REGEX.
fails() {
	local name=$1 want=$2 status=0
	shift 2
	"$@" >"$T/tmp/out" 2>&1 || status=$?
	if [ $status != 0 ] && grep -Eq -e "$want" "$T/tmp/out"; then ok "$name"; else
		not_ok "$name"
		diag "status $status, and no match of '$want', from: $*"
		sed 's/^/# /' "$T/tmp/out"
	fi
}

# is GOT WANT NAME: equal strings.   like GOT REGEX NAME: an extended regular expression.
is() {
	if [ "$1" = "$2" ]; then ok "$3"; else
		not_ok "$3"
		diag "got:  $1"
		diag "want: $2"
	fi
}
like() {
	if grep -Eq -e "$2" <<<"$1"; then ok "$3"; else
		not_ok "$3"
		diag "got: $1"
		diag "no match of: $2"
	fi
}

# wait_for SECONDS CONDITION: evaluates the condition until it holds, at most so long; the only way to wait. Between
# two looks it sleeps 10 ms. Returns 1, and prints the condition, when it did not come true.
wait_for() {
	local end=$((${EPOCHREALTIME/[.,]/} + $1 * 1000000 * PODFS_TEST_SLOWNESS))
	while ! eval "$2" >/dev/null 2>&1; do
		if [ "${EPOCHREALTIME/[.,]/}" -ge $end ]; then
			diag "not so within $(($1 * PODFS_TEST_SLOWNESS)) s: $2"
			return 1
		fi
		read -r -t 0.01 -u "$never" _
	done
	return 0
}

# within SECONDS COMMAND...: ends the command when it takes longer.
within() { timeout "$(($1 * PODFS_TEST_SLOWNESS))" "${@:2}"; }

# start_daemon [OPTION...]: mounts the cluster at $MNT and returns once it is healthy. Logs go to $LOG/daemon.log.
start_daemon() {
	"$PODFS" mount "$MNT" --foreground "${DAEMON_ARGS[@]}" "$@" >>"$LOG/daemon.log" 2>&1 {never}>&- &
	DAEMON_PID=$!
	wait_for "${START_TIMEOUT:-30}" '! kill -0 $DAEMON_PID || grep -q ^ok "$MNT/healthz"' || return 1
	kill -0 "$DAEMON_PID" 2>/dev/null && return
	wait "$DAEMON_PID"
	diag "the daemon ended with status $? as it started"
	DAEMON_PID=
	return 1
}

# stop_daemon: unmounts, which stops every pod; the daemon must end with status 0.
stop_daemon() {
	local status=0
	[ -n "$DAEMON_PID" ] || return 0
	save_errors
	within 20 "$PODFS" umount "$MNT" {never}>&- || return
	wait_for 30 '! kill -0 $DAEMON_PID' || return
	wait "$DAEMON_PID" || status=$?
	DAEMON_PID=
	[ $status = 0 ] || diag "the daemon ended with status $status"
	return $status
}

# end_daemon: SIGTERM, which leaves the pods running.   kill_daemon: SIGKILL of the holder and the daemon, which ends the
# mount.   daemon_pid: of the daemon itself: DAEMON_PID is the holder, which starts the next one when that dies.
end_daemon() { signal_daemon TERM; }
kill_daemon() {
	[ -n "$DAEMON_PID" ] || return 0
	local pid
	save_errors
	pid=$(daemon_pid)
	kill -STOP "$DAEMON_PID" && { [ -z "$pid" ] || kill -KILL "$pid"; } || return
	wait_for 30 "! [ -e /proc/$pid/fd/0 ]" || return
	kill -KILL "$DAEMON_PID"
	wait_end
}
daemon_pid() { pgrep -P "$DAEMON_PID" -x podfs; }
signal_daemon() {
	[ -n "$DAEMON_PID" ] || return 0
	save_errors
	kill -"$1" "$DAEMON_PID"
	wait_end
}
wait_end() {
	wait_for 30 '! kill -0 $DAEMON_PID' || return
	wait "$DAEMON_PID" 2>/dev/null
	DAEMON_PID=
	return 0
}

save_errors() { timeout 5 cat "$MNT/errors" >"$LOG/errors" 2>/dev/null {never}>&-; }

# What exists besides this shell: one line each, the same after the test as before.
list_processes() {
	local dir pid line
	for dir in /proc/[0-9]*; do
		pid=${dir#/proc/}
		[ "$pid" != $$ ] && [ "$pid" != "$BASHPID" ] || continue
		{ read -r line <"$dir/stat"; } 2>/dev/null && echo "process: ${line%%)*})"
	done
}
list_left() {
	list_processes # first, and by the shell alone: no program that looks may be seen
	awk '{ print "mount: " $5 }' /proc/self/mountinfo
	cgroup_left "$CGROUP" | sed 's/^/cgroup: /'
	ip -o link | awk -F': ' '{ print "link: " $2 }'
	! command -v nft >/dev/null || nft list tables | sed 's/^/nft: /'
	find /run -mindepth 1 | sed 's/^/file: /'
}
left_now() {
	list_left >"$T/tmp/left.now"
	sort -o "$T/tmp/left.now" "$T/tmp/left.now"
	diff "$T/tmp/left.before" "$T/tmp/left.now" >"$T/tmp/left"
	! grep -Eq '^(>|< [^m])' "$T/tmp/left" # a mount goes when somebody removes its directory on the host: not our fault
}

# nothing_left: everything that this test and the daemon made is gone, but for files below $T, /var/lib and /var/log.
nothing_left() { wait_for "${LEFT_WAIT:-10}" left_now || { sed -n 's/^> /left behind: /p; s/^< /missing: /p' "$T/tmp/left"; return 1; }; }

no_sanitizer_reports() {
	! grep -hE 'ERROR: (Address|Leak)Sanitizer|WARNING: ThreadSanitizer|runtime error:' "$LOG"/* 2>/dev/null
}

# done_testing: the last line of every test. The checks of the end and the plan follow it.
done_testing() { test_done=1; exit $test_failed; }

finish() {
	local status=$?
	trap - EXIT
	[ $test_done = 1 ] || not_ok "the test runs to its end (status $status)"
	[ -z "$DAEMON_PID" ] || t "the daemon stops" stop_daemon
	[ -z "$DAEMON_PID" ] || kill_daemon
	t "nothing is left behind" nothing_left
	t "no sanitizer spoke up" no_sanitizer_reports
	[ $test_failed = 0 ] || show_logs "$LOG"
	echo "1..$test_count"
	exit $test_failed
}
trap finish EXIT
list_left >"$T/tmp/left.before"
sort -o "$T/tmp/left.before" "$T/tmp/left.before"
