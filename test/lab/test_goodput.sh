#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# What 1 % of random loss costs: 64 MiB over 1 Gbit/s keep at least 85 % of the goodput without
# loss. libfabric's tcp provider runs beside it, in turn with it, so that both see the same
# machine; the medians of the turns count. UET_LAB_TURNS=N: how many (7).
# shellcheck disable=SC2317  # functions that lab_check calls
set -uo pipefail
# shellcheck source=test/lab/lab.sh
. "$(dirname "$0")/lab.sh"
lab_begin "$@"
! lab_short || lab_skip "a figure takes time, and a machine that does nothing else"
least=85

# turn PROVIDER NAME: one transfer, its goodput added to file NAME.
turn() {
	UET_TEST_PROVIDER=$1 UET_TEST_HOSTS=$(lab_hosts 4 2) timeout -k 5 "$(lab_limit 120)" \
		"$UET_BUILDDIR/test/lab/transfer" >"$lab_dir/out" 2>&1 || {
		cat "$lab_dir/out"
		return 1
	}
	awk '$1 == "goodput" { print $3 }' "$lab_dir/out" >>"$lab_dir/$2"
}

median() { sort -n "$lab_dir/$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# All turns of a network with MTU $1.
turns() {
	local i loss provider
	rm -f "$lab_dir"/{uet,tcp}-*
	for ((i = 0; i < ${UET_LAB_TURNS:-7}; i++)); do
		for loss in 0 10; do
			lab_loss "$loss"
			for provider in uet tcp; do
				turn "$provider" "$provider-$loss" || return
			done
		done
	done
}

# share PROVIDER: percent of its goodput that is left.
share() { echo "$(median "$1-0") $(median "$1-10")" | awk '{ printf "%.1f", 100 * $2 / $1 }'; }

kept() {
	turns "$1" || return
	for provider in uet tcp; do
		echo "mtu $1, $provider: $(median "$provider-0") Mbit/s, with loss" \
			"$(median "$provider-10") Mbit/s: $(share "$provider") %"
	done >"$lab_dir/table"
	cat "$lab_dir/table"
	awk -v share="$(share uet)" -v least=$least 'BEGIN { exit !(share >= least) }'
}

lab_star 2 9000
for mtu in 1500 9000; do
	lab_mtu $mtu
	lab_rate 1gbit
	lab_check "mtu $mtu: at least $least % of the goodput is kept at 1 % loss" kept $mtu
	sed 's/^/# /' "$lab_dir/table" 2>/dev/null
done
lab_end
