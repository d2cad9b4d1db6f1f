#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# tools/test-debian13.sh           builds with -Werror and tests this tree in Debian 13: its gcc,
#                                  libfabric 2 and Open MPI 5
# tools/test-debian13.sh --fresh   the same, in a newly made root
#
# The root is made once by debootstrap in build/debian13, from the Debian mirror that apt uses
# here. Nothing outside is mounted into it, and the tests have no network but loopback. Takes
# root; where something is missing the script says so and its exit status is 77.
set -euo pipefail
# shellcheck source=tools/lib.sh
. "$(dirname "$0")/lib.sh"

case ${1:-} in
--fresh) fresh=1 ;;
'') fresh=0 ;;
*)  sed -n '4,6s/^# //p' "$0" >&2; exit 2 ;;
esac

suite=trixie
root=$uet_top/build/debian13
logs=$uet_top/build/logs
log=$logs/debian13-root.log
packages=(autoconf automake libtool pkg-config make gcc libc6-dev libfabric-dev libfabric-bin
	libibverbs-dev librdmacm-dev libhwloc-dev libssl-dev uthash-dev openmpi-bin
	libopenmpi-dev libcmocka-dev libjansson-dev tcpdump python3 xz-utils iproute2 procps)

skip() {
	uet_say '' "SKIPPED: Debian 13 was NOT tested: $1"
	exit 77
}

# The mirror that apt takes Debian's own packages from here, empty if none.
mirror() {
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(RELEASE)' 'Created-By: Packages' |
		awk '$2 == "Debian" && $3 !~ /security|updates|backports/ { print $1; exit }'
}

((EUID == 0)) || skip "it takes root, to make a system's root folder and namespaces"
command -v debootstrap >/dev/null || skip "debootstrap is not here (apt-get install debootstrap)"
command -v apt-get >/dev/null || skip "apt is not here, which tells the mirror"
unshare -n -p -m -f true 2>/dev/null || skip "namespaces are not allowed here"

# inside COMMAND...: in the root, with processes and mounts of its own.
# shellcheck disable=SC2016
inside() {
	unshare -m -p -f --kill-child bash -c '
		mount -t proc proc "$1/proc" && mount -t tmpfs tmpfs "$1/dev/shm" &&
			mount -t sysfs -o ro sysfs "$1/sys" || exit
		root=$1; shift
		exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C \
			DEBIAN_FRONTEND=noninteractive "$@"' -- "$root" "$@"
}

# The same with an empty network.
# shellcheck disable=SC2016
inside_alone() {
	unshare -n bash -c 'ip link set lo up && "$@"' -- bash -c "$(declare -f inside)
		root=$root; inside \"\$@\"" -- "$@"
}

make_root() {
	local from
	from=$(mirror)
	[[ -n $from ]] || { echo "apt knows no Debian mirror"; return 1; }
	rm -rf "$root"
	debootstrap --variant=minbase "$suite" "$root" "$from" &&
		cp -L /etc/resolv.conf "$root/etc/resolv.conf" &&
		inside apt-get update &&
		inside apt-get install -y -q --no-install-recommends "${packages[@]}" &&
		inside apt-get clean &&
		printf '%s\n' "${packages[@]}" >"$root/.uet-packages"
}

copy_tree() {
	rm -rf "$root/src" && mkdir "$root/src" &&
		tar -C "$uet_top" --exclude=./.git --exclude='./build*' --exclude=./autom4te.cache \
			-cf - . | tar -C "$root/src" -xf -
}

# step NAME LOG COMMAND...: one line for it; the end of the log when it fails.
failed=0
step() {
	local name=$1 out=$logs/debian13-$2.log start=$SECONDS
	shift 2
	printf '%-28s ' "$name"
	if uet_quietly 15 "$out" "$@"; then
		printf 'ok      %4d s   %s\n' $((SECONDS - start)) \
			"$(grep -E '^(SYSTEM TESTS:|# (TOTAL|PASS|FAIL|SKIP):)' "$out" | tr -s ' \n' ' ')"
		return 0
	fi
	failed=1
	printf 'FAILED  %4d s   see %s\n' $((SECONDS - start)) "$out"
	tail -n 25 "$out" | sed 's/^/  | /'
	return 1
}

mkdir -p "$logs"
((!fresh)) || rm -rf "$root"
if ! cmp -s <(printf '%s\n' "${packages[@]}") "$root/.uet-packages"; then
	uet_say "making a Debian 13 root in $root"
	uet_quietly 10 "$log" make_root || {
		tail -n 5 "$log"
		rm -f "$root/.uet-packages"
		skip "its root cannot be made, see $log"
	}
	printf ' done\n'
fi
inside dpkg-query -W -f '${Package} ${Version}\n' gcc libfabric1 libopenmpi40

build='cd /src && ./autogen.sh && mkdir build && cd build && ../configure --enable-werror &&
	make -j"$(nproc)" && make -j"$(nproc)" check TESTS='
unit='cd /src/build && make -j"$(nproc)" check || { cat test-suite.log; exit 1; }'
system='cd /src/build && UET_TEST_SHORT=1 make check-system'
copy_tree
if step "build with -Werror" build inside_alone bash -c "$build"; then
	step "unit tests" unit inside_alone bash -c "$unit" || true
	step "system tests, short" system inside_alone bash -c "$system" || true
fi
exit $failed
