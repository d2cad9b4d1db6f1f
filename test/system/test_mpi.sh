#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# An unmodified Open MPI on the provider: mpi_basic on 2 and 4 ranks of this host, over
# loopback only. That uet carried it is seen from the ranks' UDP sockets and from MPI's word.
# time limit: 110
set -uo pipefail
: "${UET_BUILDDIR:?run this through make check-system}"
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/env.sh
. "$here/../env.sh"
# shellcheck source=test/system/mpi_lib.sh
. "$here/mpi_lib.sh"
mpi_build mpi_basic

# job RANKS [THREAD_LEVEL]
job() {
	local ranks=$1 level=${2:-0}
	OMPI_MPI_THREAD_LEVEL=$level mpi_run "$ranks" mpi_basic -- \
		--mca pml cm --mca mtl ofi --mca mtl_ofi_provider_include uet \
		--mca mtl_base_verbose 100 --mca opal_common_ofi_verbose 100 \
		-x OMPI_MPI_THREAD_LEVEL || return
	if [ "$(grep -c 'select: init returned success' "$work/out")" -ne "$ranks" ] ||
	   [ "$(grep 'mtl:ofi:prov[a-z]*: \(uet\|lo\)$' "$work/out" | sed 's/].*//' | sort -u |
		wc -l)" -ne "$ranks" ]; then
		grep 'mtl:ofi\|select:' "$work/out" | head -n 20
		mpi_fault "$ranks ranks" "MPI does not say that it uses uet"
	fi
}

job 2
job 4
job 4 3		# as after MPI_Init_thread(MPI_THREAD_MULTIPLE)
[ $failed -eq 0 ] || exit 1
