#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# tools/lab.sh kernel           gets Debian's kernel for the virtual machine of test/lab, into
#                               ~/.cache/uet-lab/kernel; nothing is installed
# tools/lab.sh shell N [MTU]    a shell among N hosts on one switch (test/lab/lab.sh says how to
#                               disturb it, e.g. `lab_loss 10`), with the provider from build/
set -euo pipefail
# shellcheck source=tools/lib.sh
. "$(dirname "$0")/lib.sh"

get_kernel() {
	local dir=$HOME/.cache/uet-lab package
	package=$(apt-cache depends linux-image-amd64 | awk '/Depends: linux-image/ { print $2; exit }')
	[[ -n $package ]] || uet_die "apt knows no linux-image-amd64" "Run apt-get update."
	mkdir -p "$dir"
	cd "$dir"
	rm -rf kernel
	apt-get -o APT::Sandbox::User=root download -q "$package"
	dpkg -x "$package"_*.deb kernel
	rm -f "$package"_*.deb
	depmod -b "$dir/kernel" "$(ls kernel/lib/modules)"
	uet_say "$dir/kernel: $package"
}

case ${1:-} in
kernel) get_kernel ;;
shell)
	export UET_BUILDDIR=$uet_top/build
	exec bash "$uet_top/test/lab/shell.sh" "${2:-2}" "${3:-1500}" ;;
*)	sed -n '4,7s/^# //p' "$0" >&2; exit 2 ;;
esac
