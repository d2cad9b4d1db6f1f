#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# The MTU falls from 9000 to 1500 in the middle of a run: on a link between routers, which tell
# the sender by ICMP, and of the hosts' own interfaces.
# shellcheck disable=SC2317  # functions that lab_check calls
set -uo pipefail
# shellcheck source=test/lab/lab.sh
. "$(dirname "$0")/lab.sh"
lab_begin "$@"
! lab_short || lab_skip "fragments are slow, and this takes minutes"

shrink() {
	lab_wait_bytes h1 lab0 1000000 || return
	case $1 in
	router)	ip -n r1 link set x1 mtu 1500
		ip -n r2 link set x1 mtu 1500 ;;
	hosts)	lab_mtu 1500 ;;
	esac
	echo yes >"$lab_dir/shrunk"
}

# during WHERE COMMAND...
during() {
	local rc=0 fault
	rm -f "$lab_dir/shrunk"
	shrink "$1" &
	fault=$!
	shift
	"$@" || rc=$?
	kill $fault 2>/dev/null && wait $fault 2>/dev/null
	[ -e "$lab_dir/shrunk" ] || { echo "it ended before the MTU fell"; return 1; }
	return $rc
}

each() {
	local family=$2 what="IPv$2, of the ${1/router/link between routers}"
	lab_paths 1 9000
	lab_rate 100mbit
	lab_loss 0
	lab_check "transfer: $what" during "$1" env UET_LAB_MIB=8 \
		UET_TEST_HOSTS="$(lab_hosts "$family" 2)" timeout -k 5 "$(lab_limit 200)" \
		"$UET_BUILDDIR/test/lab/transfer"
	lab_paths 1 9000
	lab_rate 100mbit
	lab_check "stress: $what" during "$1" lab_stress "$family" stress/rod/manual
}

LAB_OPS=20000
each router 4
each router 6
each hosts 4
each hosts 6
lab_end
