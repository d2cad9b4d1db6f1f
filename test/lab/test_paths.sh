#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Four equal paths between two hosts, chosen by a hash of addresses and ports, as switches do.
# Without FI_UET_PATHS in the provider each endpoint keeps to one of them, and only that all
# completes is checked; with it, that each path carries packets, and that a path which swallows
# everything in the middle of a run, unknown to the routers, stops nobody.
# shellcheck disable=SC2317  # functions that lab_check calls
set -uo pipefail
# shellcheck source=test/lab/lab.sh
. "$(dirname "$0")/lab.sh"
lab_begin "$@"

# Packets that left over path $1, both ways.
carried() {
	local r n=0
	for r in r1 r2; do
		n=$((n + $(ip netns exec $r cat "/sys/class/net/x$1/statistics/tx_packets")))
	done
	echo $n
}

all_carried() {
	local k n rc=0
	for k in 1 2 3 4; do
		n=$(carried $k)
		echo "path $k: $n packets"
		[ "$n" -ge 100 ] || rc=1
	done
	return $rc
}

# Path $1 swallows all that comes over it.
swallow() {
	local r
	for r in r1 r2; do
		ip netns exec $r nft -f - <<-EOF
			table netdev hole {
				chain in {
					type filter hook ingress device x$1 priority 0
					drop
				}
			}
		EOF
	done
}

transfer() {
	UET_LAB_MIB=$2 UET_TEST_HOSTS=$(lab_hosts "$1" 2) timeout -k 5 "$(lab_limit 110)" \
		"$UET_BUILDDIR/test/lab/transfer"
}

with_hole() {
	local rc=0 fault
	(lab_wait_bytes h1 lab0 4000000 && swallow 2 && echo yes >"$lab_dir/hole") &
	fault=$!
	transfer "$1" 48 || rc=$?
	kill $fault 2>/dev/null && wait $fault 2>/dev/null
	[ -e "$lab_dir/hole" ] || { echo "it ended before the path did"; return 1; }
	return $rc
}

sprays=0
if lab_knows paths; then
	sprays=1
	# So many that the hash leaves none of four paths out.
	export FI_UET_PATHS=64
else
	lab_note "this provider has no FI_UET_PATHS: one path each"
fi
LAB_OPS=3000
if lab_short; then LAB_OPS=600; fi
for family in 4 6; do
	lab_paths 4 1500
	lab_rate 100mbit
	lab_loss 0
	lab_check "transfer: IPv$family" transfer $family 8
	[ $sprays -eq 0 ] || lab_check "each path is used: IPv$family" all_carried
	lab_check "stress: IPv$family" lab_stress $family
	lab_loss 10
	lab_check "stress: IPv$family, loss 1 %" lab_stress $family
	! lab_short || break
	lab_check "mpi: IPv$family, loss 1 %" lab_mpi $family 2 mpi_basic 65536
	lab_loss 0
	[ $sprays -eq 0 ] || lab_check "a path that swallows all: IPv$family" with_hole $family
done
lab_end
