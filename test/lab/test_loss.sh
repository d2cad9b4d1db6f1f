#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Random loss both ways, slow and fast links, small and large packets, both families: the
# random-operations stress between four hosts, and an MPI job with checksums between two.
# shellcheck disable=SC2317  # functions that lab_check calls
set -uo pipefail
# shellcheck source=test/lab/lab.sh
. "$(dirname "$0")/lab.sh"
lab_begin "$@"

# one MTU FAMILY PERMILLE RATE
one() {
	local name="mtu $1, IPv$2, loss $(($3 / 10)).$(($3 % 10)) %, $4"
	lab_mtu "$1"
	lab_rate "$4"
	lab_loss "$3"
	lab_check "stress: $name" lab_stress "$2" ${LAB_CASES[@]+"${LAB_CASES[@]}"}
	lab_check "mpi: $name" lab_mpi "$2" 2 mpi_basic "$LAB_MPI_BYTES"
	lab_check "packets were lost: $name" lab_saw_loss "$3"
}

lab_star 4 9000
LAB_CASES=()
if lab_short; then
	LAB_OPS=600 LAB_MPI_BYTES=4096 LAB_CASES=(stress/rud/manual stress/rod/manual)
	one 1500 4 10 1gbit
	one 9000 6 200 100mbit
	lab_end
fi
LAB_OPS=3000 LAB_MPI_BYTES=65536
for rate in 100mbit 1gbit; do
	for loss in 0 1 10 50 200; do
		for mtu in 1500 9000; do
			for family in 4 6; do
				one $mtu $family $loss $rate
			done
		done
	done
done
lab_end
