#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The front door as the README shows it: `quickstart.sh` twice, `quickstart.sh down`, and no trace of it afterwards.
cd "$(dirname "$0")/../.." || exit
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
for taken in /cluster /var/lib/podfs /var/lib/podfs-quickstart /run/podfs; do
	[ ! -e $taken ] || { echo "$taken is in use on this machine"; exit 77; }
done

# What is to be the same afterwards as before.
traces() {
	ls -d /cluster /var/lib/podfs* /run/podfs /var/log/pods 2>/dev/null
	awk '{ print "mount " $5 }' /proc/self/mountinfo
	ip -o link | awk -F': ' '{ print "link " $2 }'
	ip -o route
	nft list tables
	find /sys/fs/cgroup -mindepth 1 -maxdepth 2 -type d -name podfs
	pgrep -a -f '^[^ ]*podfs-holder .* /cluster$|^podfs-pod default/nginx'
} 2>/dev/null

failed=0
expect() { # WHAT REGEX
	grep -Eq -e "$2" "$out" || { echo "FAILED: $1"; failed=1; }
}

out=$(mktemp)
trap 'rm -f "$out"' EXIT
before=$(traces)
for round in first second; do
	./quickstart.sh >"$out" 2>&1 || { echo "FAILED: the $round run ends with status $?"; failed=1; }
	sed "s/^/$round: /" "$out"
	expect "pods are listed" '^default +nginx-deployment-[a-z0-9]+-[a-z0-9]+ .*Running'
	expect "the page comes from a pod" '<title>Welcome to nginx'
	expect "the request is in the log" 'GET / HTTP/1.1'
	expect "it scales to five" '^5$'
done
./quickstart.sh down || { echo "FAILED: down ends with status $?"; failed=1; }
./quickstart.sh down || { echo "FAILED: down, once more, ends with status $?"; failed=1; }
diff <(echo "$before") <(traces) && exit $failed
echo "FAILED: the lines above are what is left"
exit 1
