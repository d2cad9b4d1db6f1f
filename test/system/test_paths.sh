#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Packet spraying between real processes: everything arrives, in order where that is promised,
# and the packets leave from the ports that they should leave from.
# time limit: 150
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)

: "${UET_BUILDDIR:?run this through make check-system}"
# shellcheck source=test/env.sh
. "$here/../env.sh"
export FI_PROVIDER=uet FI_UET_IFACE=lo PYTHONDONTWRITEBYTECODE=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# run PATHS PROGRAM ARGUMENTS ...: the program's own checks, with packets sprayed.
run() {
	local paths=$1 name=$2 rc=0
	shift 2
	UET_TEST_SHORT=1 FI_UET_PATHS=$paths "$UET_BUILDDIR/test/system/$name" "$@" \
		>"$work/out" 2>&1 || rc=$?
	[ $rc -ne 0 ] || { echo "$name over $paths paths: $(tail -n 1 "$work/out")"; return; }
	tail -n 30 "$work/out"
	echo "not ok: $name over $paths paths"
	failed=$((failed + 1))
}

run 8 test_sizes
run 8 test_match
run 64 test_model
[ $failed -eq 0 ] || exit 1

if ! command -v python3 >/dev/null; then
	echo "SKIP: no python3 here: what went over the wire was not looked at"
	exit 77
fi

# A range of 256 ports below those that the kernel picks from.
low=$((10240 + $$ % 80 * 256))
rc=0
FI_UET_PATHS=8 FI_UET_MTU=1024 WIRE_PORT=$low WIRE_LOG=$work/log python3 "$here/capture_uet.py" \
	-o "$work/pcap" -p "$low-$((low + 255))" -t $((60 * UET_TIME_SCALE)) -- \
	"$UET_BUILDDIR/test/system/wire_traffic" big/rud/ipv4 big/rod/ipv4 both/rod/ipv4 \
	>"$work/out" 2>&1 || rc=$?
if [ $rc -eq 77 ] || [ $rc -eq 76 ] || [ $rc -eq 75 ]; then
	echo "SKIP: nothing recorded: $(tail -n 1 "$work/out")"
	exit 77
fi
if [ $rc -ne 0 ]; then
	tail -n 20 "$work/out"
	echo "not ok: the traffic failed with status $rc"
	exit 1
fi
python3 "$here/check_paths.py" 8 "$low" $((low + 255)) "$work/pcap" || exit 1
echo "packets took 8 paths"
