#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Open MPI's less travelled ways over the provider: threads that all communicate, ranks that are
# spawned later, and one-sided communication by the components that use RMA and atomics.
# time limit: 200
set -uo pipefail
: "${UET_BUILDDIR:?run this through make check-system}"
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/env.sh
. "$here/../env.sh"
# shellcheck source=test/system/mpi_lib.sh
. "$here/mpi_lib.sh"
for program in mpi_threads mpi_spawn mpi_rma; do
	mpi_build $program
done

mtl=(--mca pml cm --mca mtl ofi --mca mtl_ofi_provider_include uet)
# osc/rdma of Open MPI may take another BTL for windows unless it is told.
# shellcheck disable=SC2054
one_sided=(--mca btl ofi,self --mca btl_ofi_provider_include uet --mca osc rdma
	--mca osc_rdma_btls ofi)

mpi_run 2 mpi_threads -- "${mtl[@]}"
mpi_run 3 mpi_threads -- "${mtl[@]}"
mpi_run 2 mpi_spawn -- "${mtl[@]}"

# One-sided by RMA beside messages by the MTL, which Open MPI 5 does not offer any more; and
# both by the same transport. Compare-and-swap crashes in 4.1's own mca_btl_ofi_acswap, whatever
# the provider.
ob1=(--mca pml ob1 "${one_sided[@]}" --mca btl_ofi_mode 2)
case $(mpirun --version 2>/dev/null | head -n 1) in
*' 4.'*)
	mpi_run 2 mpi_rma no-swap -- "${mtl[@]}" "${one_sided[@]}"
	mpi_run 3 mpi_rma no-swap -- "${mtl[@]}" "${one_sided[@]}"
	mpi_run 2 mpi_rma no-swap -- "${ob1[@]}" ;;
*)
	mpi_run 2 mpi_rma -- "${ob1[@]}"
	mpi_run 3 mpi_rma -- "${ob1[@]}" ;;
esac
[ $failed -eq 0 ] || exit 1
