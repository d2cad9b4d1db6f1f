# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# shellcheck shell=bash
#
# What the tests with Open MPI share. Source it after test/env.sh: it skips the test where there
# is no Open MPI, and sets up its environment and a folder $work.
#
#   mpi_build PROGRAM    builds a program of test/system, or skips, or fails
#   mpi_run RANKS PROGRAM [ARGUMENTS] -- OPTIONS   runs it over uet with these options of mpirun,
#                        its output in $work/out. Fails unless it says that all was well; that
#                        its processes speak uet, the programs see themselves (mpi_uet.h)
#   failed               how many runs failed

if ! command -v mpirun >/dev/null; then
	echo "SKIP: no mpirun here (Debian: apt-get install openmpi-bin libopenmpi-dev)"
	exit 77
fi
if ! mpirun --version 2>/dev/null | grep -q 'Open MPI'; then
	echo "SKIP: this mpirun is not Open MPI's: $(mpirun --version 2>&1 | head -n 1)"
	exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
FI_PROVIDER=uet
FI_UET_IFACE=lo
OMPI_MCA_btl_vader_single_copy_mechanism=none
OMPI_MCA_rmaps_base_oversubscribe=1
# Ranks that outnumber the cores must not wait for each other by spinning.
OMPI_MCA_mpi_yield_when_idle=1
export FI_PROVIDER FI_UET_IFACE OMPI_MCA_btl_vader_single_copy_mechanism
export OMPI_MCA_rmaps_base_oversubscribe OMPI_MCA_mpi_yield_when_idle

mpi_build() {
	make -C "$UET_BUILDDIR" "test/system/$1" >"$work/make" 2>&1 && return 0
	if ! command -v mpicc >/dev/null; then
		echo "SKIP: no MPI compiler here (Debian: apt-get install libopenmpi-dev)"
		exit 77
	fi
	cat "$work/make"
	echo "$1 cannot be built"
	exit 1
}

# UDP ports that are open in the range of the run.
open_ports() {
	cat /proc/net/udp /proc/net/udp6 2>/dev/null | awk -v low="$1" -v high="$2" '
		function hex(s,  i, v) {
			for (i = v = 0; i++ < length(s); )
				v = v * 16 + index("0123456789ABCDEF", substr(s, i, 1)) - 1
			return v
		}
		NR > 1 { n = split($2, a, ":"); p = hex(a[n]); if (p >= low && p <= high) k++ }
		END { print k + 0 }'
}

# A range of 64 UDP ports that nobody uses.
free_ports() {
	local low
	while :; do
		low=$((10000 + 64 * (RANDOM % 340)))
		[ "$(open_ports $low $((low + 63)))" -ne 0 ] || break
	done
	echo $low
}

mpi_fault() {
	echo "not ok: $1: $2"
	failed=$((failed + 1))
}

mpi_run() {
	local ranks=$1 low rc=0 start=$SECONDS command=() what
	shift
	while [ "$1" != -- ]; do command+=("$1"); shift; done
	shift
	what="$ranks ranks of ${command[*]}"
	low=$(free_ports)
	FI_UET_PORT=$low uet_foreign_leaky timeout -k 5 $((50 * UET_TIME_SCALE)) mpirun \
		--allow-run-as-root --oversubscribe -n "$ranks" --mca oob_tcp_if_include lo \
		-x FI_PROVIDER -x FI_PROVIDER_PATH -x FI_UET_IFACE -x FI_UET_PORT "$@" \
		"$UET_BUILDDIR/test/system/${command[0]}" "${command[@]:1}" \
		>"$work/raw" 2>&1 </dev/null || rc=$?
	# Open MPI 5 ends its output with a zero byte.
	tr -d '\000' <"$work/raw" >"$work/out"
	if [ $rc -ne 0 ]; then
		tail -n 30 "$work/out"
		mpi_fault "$what" "status $rc"
		return 1
	fi
	if ! grep -q "MPI on $ranks ranks: [1-9][0-9]* passed, 0 failed" "$work/out"; then
		tail -n 30 "$work/out"
		mpi_fault "$what" "no good result was printed"
	fi
	echo "$what: $(grep 'MPI on' "$work/out"), $((SECONDS - start)) s"
}
