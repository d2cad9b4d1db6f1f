# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# shellcheck shell=bash
#
# What the scripts in tools/ share. Source it from a bash script; it changes into the top
# folder. Functions return nonzero on failure and do not rely on `set -e`.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
uet_top=$PWD
uet_jobs=$(nproc)

# What a build needs, and what running it needs beside that; then what only the tests need.
uet_packages_build=(autoconf automake libtool pkg-config make gcc libc6-dev
	libfabric-dev libfabric-bin libibverbs-dev librdmacm-dev libhwloc-dev libssl-dev
	uthash-dev pandoc openmpi-bin libopenmpi-dev iproute2)
uet_packages_test=(clang libclang-rt-14-dev libcmocka-dev libjansson-dev valgrind tcpdump
	python3 xz-utils nftables procps)

uet_say() { printf '%s\n' "$*"; }

# uet_die MESSAGE [WHAT TO DO]: ends the script.
uet_die() {
	printf '\n%s: %s\n' "$(basename "$0")" "$1" >&2
	[[ -z ${2:-} ]] || printf '%s\n' "$2" >&2
	exit 1
}

[[ $uet_top != *[[:space:]]* ]] ||
	uet_die "the path of this folder has a space in it, which configure refuses: $uet_top" \
		"Move the folder, then run this again."

# Ctrl-C ends the script, and nothing that it started outlives it.
trap 'exit 130' INT
trap 'exit 143' TERM
# shellcheck disable=SC2046
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT

# uet_quietly SECONDS LOG COMMAND...: runs it with its output in LOG, printing a dot every so
# many seconds. Returns its status.
uet_quietly() {
	local every=$1 log=$2 beat rc=0
	shift 2
	while sleep "$every" >/dev/null 2>&1; do printf .; done &
	beat=$!
	("$@") >"$log" 2>&1 </dev/null || rc=$?
	kill $beat
	wait $beat 2>/dev/null || true
	return $rc
}

uet_as_root() {
	if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}

# Ends what an interrupted installation left undone, first.
uet_apt_get() {
	uet_as_root env DEBIAN_FRONTEND=noninteractive dpkg --configure -a &&
	uet_as_root apt-get update &&
	uet_as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q \
		--no-install-recommends "$@"
}

# uet_install build|test: installs what is missing from Debian; nothing when all is there.
# Log: build/logs/install.log.
uet_install() {
	local want=("${uet_packages_build[@]}") missing=() p log=build/logs/install.log
	[[ $1 != test ]] || want+=("${uet_packages_test[@]}")
	if ! command -v dpkg-query >/dev/null; then
		uet_say "not a Debian system: expecting the equivalents of: ${want[*]}"
		return 0
	fi
	for p in "${want[@]}"; do
		[[ $(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null) == installed ]] ||
			missing+=("$p")
	done
	((${#missing[@]})) || return 0
	if ((EUID)) && ! { command -v sudo && sudo true; } >/dev/null; then
		uet_die "packages are missing, and installing them takes root or sudo" \
			"As root: apt-get install ${missing[*]}"
	fi
	uet_say "installing from Debian: ${missing[*]}"
	mkdir -p build/logs
	uet_quietly 3 "$log" uet_apt_get "${missing[@]}" || {
		printf ' failed\n'
		tail -n 15 "$log" >&2
		uet_die "installing failed, see $log" \
			"Check the network and /etc/apt/sources.list, then run this again."
	}
	printf ' done\n'
}

# Makes ./configure when it is missing or older than what it is made from.
uet_autogen() {
	local f newer=0
	[[ ! -e config.status ]] ||
		uet_die "the source folder itself has been configured" \
			"Run 'make distclean' in $uet_top, then this again."
	for f in configure.ac Makefile.am prov/uet/configure.m4 prov/uet/Makefile.include \
		test/Makefile.include fabtests/Makefile.include; do
		if [[ ! configure -nt $f || ! Makefile.in -nt $f ]]; then newer=1; fi
	done
	((newer)) || return 0
	./autogen.sh
}

# uet_build DIR [CONFIGURE ARGUMENTS]: an up-to-date build in DIR with these arguments.
uet_build() {
	local dir=$1
	shift
	uet_autogen || return
	mkdir -p "$dir" || return
	if [[ ! -f $dir/Makefile || $(cat "$dir/.uet-args" 2>/dev/null) != "$*" ]]; then
		rm -f "$dir/.uet-args"
		[[ ! -f $dir/Makefile ]] || make -C "$dir" distclean || true
		(cd "$dir" && "$uet_top/configure" "$@") || return
		printf '%s\n' "$*" >"$dir/.uet-args"
	fi
	make -C "$dir" -j"$uet_jobs"
}
