#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# An interface goes down for three seconds in the middle of a run and comes back: the host's own,
# or the switch's port at the other end of the cable. Nobody may notice.
# shellcheck disable=SC2317  # functions that lab_check calls
set -uo pipefail
# shellcheck source=test/lab/lab.sh
. "$(dirname "$0")/lab.sh"
lab_begin "$@"

# Three seconds are the fault itself. $1: netns, $2: interface, $3: after so many bytes of h1.
outage() {
	lab_wait_bytes h1 lab0 "$3" || return
	ip -n "$1" link set "$2" down
	sleep 3
	ip -n "$1" link set "$2" up
	echo yes >"$lab_dir/outage"
}

# during NETNS INTERFACE BYTES COMMAND...
during() {
	local rc=0 fault
	rm -f "$lab_dir/outage"
	outage "$1" "$2" "$3" &
	fault=$!
	shift 3
	"$@" || rc=$?
	kill $fault 2>/dev/null && wait $fault 2>/dev/null
	[ -e "$lab_dir/outage" ] || { echo "it ended before the outage did"; return 1; }
	return $rc
}

each() {
	local what=$1 family=$2
	shift 2
	lab_check "transfer: $what" during "$@" 1000000 env UET_LAB_MIB="$LAB_MIB" \
		UET_TEST_HOSTS="$(lab_hosts "$family" 2)" "$UET_BUILDDIR/test/lab/transfer"
	! lab_short || return 0
	lab_check "stress: $what" during "$@" 300000 lab_stress "$family" stress/rod stress/rud
	lab_check "mpi: $what" during "$@" 300000 lab_mpi "$family" 2 mpi_basic
}

LAB_OPS=20000 LAB_MIB=64
if lab_short; then LAB_MIB=16; fi
lab_star 4 1500
lab_rate 100mbit
lab_loss 0
each "IPv4, the host's own interface" 4 h1 lab0
each "IPv6, the switch's port" 6 sw p1
! lab_short || lab_end
each "IPv6, the host's own interface" 6 h1 lab0
each "IPv4, the switch's port" 4 sw p1
lab_end
