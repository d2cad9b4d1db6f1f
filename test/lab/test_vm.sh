#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Delay, jitter, reordering, duplicates, broken bits, and queues that mark: by Debian's kernel in a
# virtual machine, because the kernel here may lack what makes them. In each, the random-operations
# stress between four hosts and an MPI job between two; in software emulation, thus small.
# Each case says what must be seen of the fault, so that a network that does nothing is a failure.
# UET_LAB_SHORT=1 leaves it out, with UET_LAB_VM=1 as well it takes half of the cases.
# shellcheck disable=SC2317  # functions that lab_check calls
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
if [ -z "${UET_LAB_GUEST:-}" ]; then
	[ -z "${UET_LAB_SHORT:-}" ] || [ -n "${UET_LAB_VM:-}" ] ||
		{ echo "SKIP: a virtual machine takes minutes"; exit 77; }
	UET_LAB_GUEST=1 UET_TIME_SCALE=$((10 * ${UET_TIME_SCALE:-1})) \
		exec bash "$here/vm.sh" bash "$here/test_vm.sh" "$@"
fi
# shellcheck source=test/lab/lab.sh
. "$here/lab.sh"
lab_begin "$@"

# impair RATE QDISC...: on the switch's ports, towards each host, behind a link of that rate.
impair() {
	local i rate=$1
	shift
	for ((i = 1; i <= lab_count; i++)); do
		tc -n sw qdisc add dev "p$i" root handle 1: tbf rate "$rate" burst 16k \
			latency 50ms || return
		tc -n sw qdisc add dev "p$i" parent 1: handle 2: "$@" || return
	done
}

transfer() {
	FI_UET_STATS=exit UET_LAB_MIB=$LAB_MIB UET_LAB_MESSAGE=65536 \
		UET_TEST_HOSTS=$(lab_hosts "$1" 2) timeout -k 5 "$(lab_limit 60)" \
		"$UET_BUILDDIR/test/lab/transfer" >"$lab_dir/transfer" 2>&1
	local rc=$?
	cat "$lab_dir/transfer"
	return "$rc"
}

# ---- what must be seen ----

# Adds up the numbers after "$1 " in what is read; fails if that is less than $2 (1).
adds_up() {
	awk -v word="$1" -v least="${2:-1}" '
		{ while (i = index($0, word " ")) {
			$0 = substr($0, i + length(word) + 1); n += $0 + 0 } }
		END { print word ": " n + 0; exit !(n >= least) }'
}

# What the queues did: a word of tc's statistics.
counted() {
	local i
	for ((i = 1; i <= lab_count; i++)); do tc -s -n sw qdisc show dev "p$i"; done | adds_up "$1"
}

# What the provider saw: words of FI_UET_STATS, $2 times. In the transfer: what a slow machine
# repeats for nothing, as the stress does, looks much the same, and there hosts talk to themselves.
told() { adds_up "$1" "${2:-1}" <"$lab_dir/transfer"; }

# Datagrams that the hosts' kernels found broken.
broken() {
	local i
	for ((i = 1; i <= lab_count; i++)); do
		ip netns exec "h$i" cat /proc/net/snmp /proc/net/snmp6
	done | awk '
		$1 == "Udp:" && !col { for (i = 2; i <= NF; i++) if ($i == "InCsumErrors") col = i }
		$1 == "Udp:" { n += $col }
		$1 == "Udp6InCsumErrors" { n += $2 }
		END { print "broken: " n + 0; exit !n }'
}

# No round trip was shorter than $1 us.
slow() {
	awk -v least="$1" '{ for (i = 1; i < NF; i++) if ($i == "shortest") { n++
			if (!min || $(i + 1) + 0 < min) min = $(i + 1) + 0 } }
		END { print n + 0 " PDCs, shortest: " min; exit !(n && min >= least) }' \
		"$lab_dir/transfer"
}

delayed() { slow 10000; }
reordered() { told "SACKs sent" 100; }

# More came out of the switch than went in, by a fiftieth.
doubled() {
	local i dev=/sys/class/net/p
	for ((i = 1; i <= lab_count; i++)); do
		ip netns exec sw cat "$dev$i"/statistics/{tx,rx}_packets
	done | awk '{ n[NR % 2] += $1 } END { print n[1] " of " n[0]; exit !(n[1] > 1.02 * n[0]) }'
}

lossy() { counted "(dropped" && told "SACKs sent" 50 && broken; }
red_marked() { counted marked && heard; }
codel_marked() { counted ce_mark && heard; }
heard() { told "ECN marks seen" && told "marks told" && told "marks heard"; }

# one NAME FAMILY SEEN RATE QDISC...: in a new network, so that all counters start from nothing.
one() {
	local name="$1, IPv$2" family=$2 seen=$3
	shift 3
	: >"$lab_dir/transfer"
	lab_star 4 1500
	lab_loss 0
	lab_check "network: $name" impair "$@"
	lab_check "stress: $name" lab_stress "$family" stress/rud/manual stress/rod/auto
	lab_check "transfer: $name" transfer "$family"
	lab_check "mpi: $name" lab_mpi "$family" 2 mpi_basic 4096
	lab_check "it was seen: $name" "$seen"
}

export FI_UET_CC=nscc
LAB_OPS=300 LAB_MIB=2
one "all of it, with loss" 4 lossy 100mbit netem delay 2ms 1ms duplicate 2% corrupt 1% loss 2%
one "RED that marks" 4 red_marked 20mbit red limit 400000 min 3000 max 9000 avpkt 1000 burst 5 \
	probability 0.5 ecn
one "jitter and reordering" 6 reordered 100mbit netem delay 5ms 3ms reorder 25% 50%
one "fq_codel that marks" 6 codel_marked 20mbit fq_codel ce_threshold 50us ecn
! lab_short || lab_end
one "delay" 4 delayed 100mbit netem delay 5ms
one "jitter and reordering" 4 reordered 100mbit netem delay 5ms 3ms reorder 25% 50%
one "duplicates" 4 doubled 100mbit netem duplicate 10%
one "broken bits" 4 broken 100mbit netem corrupt 2%
one "broken bits" 6 broken 100mbit netem corrupt 2%
one "all of it, with loss" 6 lossy 100mbit netem delay 2ms 1ms duplicate 2% corrupt 1% loss 2%
one "RED that marks" 6 red_marked 20mbit red limit 400000 min 3000 max 9000 avpkt 1000 burst 5 \
	probability 0.5 ecn
one "codel that marks" 4 codel_marked 20mbit codel ce_threshold 50us ecn
one "fq_codel that marks" 4 codel_marked 20mbit fq_codel ce_threshold 50us ecn
lab_end
