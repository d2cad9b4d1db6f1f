#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Delay, jitter, reordering, duplicates, broken bits, and queues that mark: by Debian's kernel in a
# virtual machine, because the kernel here may lack what makes them. In each, the random-operations
# stress between four hosts and an MPI job between two; in software emulation, thus small.
# shellcheck disable=SC2317  # functions that lab_check calls
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
if [ -z "${UET_LAB_GUEST:-}" ]; then
	[ -z "${UET_LAB_SHORT:-}" ] || { echo "SKIP: a virtual machine takes minutes"; exit 77; }
	UET_LAB_GUEST=1 UET_TIME_SCALE=$((10 * ${UET_TIME_SCALE:-1})) \
		exec bash "$here/vm.sh" bash "$here/test_vm.sh" "$@"
fi
# shellcheck source=test/lab/lab.sh
. "$here/lab.sh"
lab_begin "$@"

# impair QDISC...: on the switch's ports, towards each host, behind a link of 100 Mbit/s.
impair() {
	local i
	for ((i = 1; i <= lab_count; i++)); do
		tc -n sw qdisc replace dev "p$i" root handle 1: tbf rate 100mbit burst 64k \
			latency 50ms || return
		tc -n sw qdisc replace dev "p$i" parent 1: handle 2: "$@" || return
	done
}

# What the queues did; $1: a word of tc's statistics whose number must not be 0.
counted() {
	local i
	for ((i = 1; i <= lab_count; i++)); do tc -s -n sw qdisc show dev "p$i"; done |
		awk -v word="$1" '{ for (i = 1; i < NF; i++) if ($i == word) n += $(i + 1) }
			END { print word, n + 0; exit !n }'
}

one() {
	local name=$1
	shift
	lab_check "network: $name" impair "$@"
	lab_check "stress: $name" lab_stress 4 stress/rud/manual stress/rod/auto
	lab_check "mpi: $name" lab_mpi 4 2 mpi_basic 4096
}

LAB_OPS=300
lab_star 4 1500
lab_loss 0
one "delay" netem delay 5ms
one "jitter and reordering" netem delay 5ms 3ms reorder 25% 50%
one "duplicates" netem duplicate 10%
one "broken bits" netem corrupt 2%
one "all of it, with loss" netem delay 2ms 1ms duplicate 2% corrupt 1% loss 2%
one "RED that marks" red limit 400000 min 3000 max 9000 avpkt 1000 burst 5 probability 0.5 ecn
one "codel that marks" codel ce_threshold 50us ecn
one "fq_codel that marks" fq_codel ce_threshold 50us ecn
lab_end
