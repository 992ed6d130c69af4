# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# Runs a test in a virtual machine with Debian's own kernel and cgroup v2, whatever the machine here has: sourced after
# lib.sh. The machine is emulated in software, has no disk and no network, and ends with the test.
#
# The guest's files are an initramfs: the programs that were built, what lib.sh and the test call, the libraries of them
# all, and the kernel's modules that podfs uses. guest/init sets it up and runs the test, whose TAP comes back over the
# second serial port; the first one is the console ($LOG/guest.console).
GUEST_KERNEL=${PODFS_GUEST_KERNEL:-$top_builddir/guest-kernel} # a package of Debian's kernel, unpacked
GUEST_MEMORY=1024                                              # MiB
GUEST_SLOWNESS=6                                               # of software emulation, for the deadlines inside

guest_programs="bash unshare mount umount ip nft jq awk sed grep find xargs sort diff pgrep timeout tail head cut tr cat ls cp mv rm
mkdir rmdir ln chmod chown mktemp stat sleep date wc seq mkfifo touch readlink dirname basename id env tee dd sync kill uname true
false od cmp printf test nproc truncate paste echo"
guest_modules="fuse overlay veth bridge nf_tables nft_chain_nat nft_nat nft_masq nft_ct nft_redir nft_reject_inet nft_numgen nft_hash
nft_fib_inet nft_limit nft_log nfnetlink nf_nat nf_conntrack"

# guest_needs: skips the test where there is no such machine to be had.
guest_needs() {
	! is_sanitized || skip_all "software emulation is too slow for sanitizers"
	command -v qemu-system-x86_64 >/dev/null || skip_all "qemu-system-x86_64 is not installed"
	/bin/busybox --list 2>/dev/null | grep -qx depmod ||
		skip_all "busybox-static is not installed"
	guest_vmlinuz=$(find "$GUEST_KERNEL/boot" -name 'vmlinuz-*' 2>/dev/null | sort -V | tail -n 1)
	[ -n "$guest_vmlinuz" ] || skip_all "there is no kernel in $GUEST_KERNEL: tests/ci/guest-kernel fetches Debian's"
	guest_version=${guest_vmlinuz##*/vmlinuz-}
}

# guest_copy FILE...: into the guest, under the same name, with the libraries that it is linked with.
guest_copy() {
	cp -L --parents -t "$guest_root" "$@" && guest_libraries "$@"
}
guest_libraries() {
	ldd "$@" 2>/dev/null | awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\// && $2 ~ /^\(/ { print $1 }' | sort -u |
		xargs -r cp -L --parents -u -t "$guest_root"
}

# The modules with all that they depend on, and the tables by which modprobe finds them.
guest_copy_modules() {
	local from=$GUEST_KERNEL/lib/modules/$guest_version to=$guest_root/usr/lib/modules/$guest_version name
	for name in $guest_modules; do
		awk -F '[: ]+' -v name="$name" '{ n = $1; sub(".*/", "", n); sub("[.]ko.*", "", n); gsub("-", "_", n) }
			n == name { for (i = 1; i <= NF; i++) if ($i != "") print $i }' "$from/modules.dep"
	done | sort -u >"$T/modules.list"
	[ -s "$T/modules.list" ] && mkdir -p "$to" && cp "$from"/modules.* "$to/" &&
		(cd "$from" && xargs cp --parents -t "$to" <"$T/modules.list")
}

# guest_build TEST: an initramfs that runs tests/integration/guest/TEST, at $T/initramfs.
guest_build() {
	local program paths=()
	guest_root=$T/root
	mkdir -p "$guest_root"/{proc,sys,dev,run,tmp,etc,var/{lib,log},usr/{bin,sbin,lib,lib64}} &&
		ln -s usr/bin usr/sbin usr/lib usr/lib64 "$guest_root/" || return
	for program in $guest_programs; do
		paths+=("$(type -P "$program")") || { diag "no $program here"; return 1; }
	done
	mkdir -p "$guest_root/build/tests/images" "$guest_root/src/tests/integration/guest" &&
		guest_copy /bin/busybox "${paths[@]}" &&
		cp "$top_builddir"/podfs{,-holder,-image,-nft,-pod,-probe,-pull} "$guest_root/build/" &&
		guest_libraries "$top_builddir"/podfs{,-holder,-image,-nft,-pod,-probe,-pull} &&
		cp "$IMAGES/busybox.tar" "$guest_root/build/tests/images/" &&
		cp "$lib_dir"/{lib,pod_lib}.sh "$guest_root/src/tests/integration/" &&
		cp "$lib_dir/guest/$1" "$guest_root/src/tests/integration/guest/" &&
		cp "$lib_dir/guest/init" "$guest_root/" && chmod 0755 "$guest_root/init" &&
		ln -s /bin/busybox "$guest_root/usr/sbin/modprobe" && ln -s bash "$guest_root/usr/bin/sh" || return
	printf 'PODFS_TEST_SLOWNESS=%q test=%q\n' $((GUEST_SLOWNESS * PODFS_TEST_SLOWNESS / 3)) "$1" >"$guest_root/etc/guest.conf"
	printf 'root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$guest_root/etc/passwd"
	printf 'root:x:0:\nnogroup:x:65534:\n' >"$guest_root/etc/group"
	guest_copy_modules || return
	(cd "$guest_root" && find . | /bin/busybox cpio -o -H newc >"$T/initramfs" 2>"$LOG/cpio") && rm -r "$guest_root"
}

# guest_run SECONDS: boots it and returns when it has switched itself off; its TAP is then in $LOG/guest.tap.
guest_run() {
	within "$1" qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m "$GUEST_MEMORY" -nodefaults -nic none \
		-display none -no-reboot -serial "file:$LOG/guest.console" -serial "file:$LOG/guest.tap" -kernel "$guest_vmlinuz" \
		-initrd "$T/initramfs" -append "console=ttyS0 quiet loglevel=4 panic=-1 cgroup_no_v1=all" </dev/null {never}>&-
}

# guest_pass_on: the guest's points as points of this test; and one that it ran to its end.
guest_pass_on() {
	local line name points=0 planned=
	while IFS= read -r line; do
		line=${line%$'\r'}
		name=${line#* - }
		case $line in
		"ok "*" # SKIP "*) skip "${name#* # SKIP }" "${name%% # SKIP *}" ;;
		"ok "*) ok "$name" ;;
		"not ok "*) not_ok "$name" ;;
		"1.."*) planned=${line#1..} ;;
		"#"*) printf '%s\n' "$line" ;;
		*) continue ;;
		esac
		case $line in "ok "* | "not ok "*) points=$((points + 1)) ;; esac
	done <"$LOG/guest.tap"
	is "$points of ${planned:-an unknown number of}" "${planned:-all} of ${planned:-all}" "the guest runs its test to its end"
}
