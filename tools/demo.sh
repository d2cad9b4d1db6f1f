#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# tools/demo.sh   installs what is missing, builds into build/, and shows the provider at work:
#                 the NICs it finds, a ping-pong sweep, an MPI job, and a table beside tcp.
#
# All traffic stays on the loopback interface. Logs in build/logs.
set -euo pipefail
# shellcheck source=tools/lib.sh
. "$(dirname "$0")/lib.sh"

logs=build/logs
mkdir -p $logs
begun=$SECONDS

title() { printf '\n== %s\n' "$*"; }

shown() { printf '$ %s\n' "$*"; }

# run LOG HINT COMMAND...: a step with dots in place of its output; the end of it if it fails.
run() {
	local log=$logs/$1.log hint=$2
	shift 2
	uet_quietly 3 "$log" "$@" && { printf ' done\n'; return 0; }
	printf ' failed\n'
	tail -n 20 "$log" >&2
	uet_die "this step failed (log: $log)" "$hint"
}

# One line per interface and address from the output of fi_info -v.
nics() {
	awk 'function row(a, b, c, d, e, f) {
		printf "%-15s %-26s %-6s %-5s %-12s %s\n", a, b, c, d, e, f }
	function line() {
		if (nic != "" && !seen[nic, addr]++)
			row(nic, addr, mtu, link, driver, pci)
		nic = ""
		driver = pci = mtu = link = "-" }
	BEGIN { row("interface", "address", "MTU", "link", "driver", "PCI"); line() }
	/^---/ { line() }
	$1 == "src_addr:" { addr = $2; sub(/.*:\/\//, "", addr); sub(/:[0-9]+$/, "", addr) }
	$1 == "fi_domain_attr:" { domain = 1 }
	$1 == "name:" && domain { nic = $2; domain = 0 }
	$1 == "driver:" { driver = $2 }
	$1 == "fi_pci_attr:" { pci = $2 }
	$1 == "mtu:" { mtu = $2 }
	$1 == "state:" { link = tolower(substr($2, 9)) }
	END { line() }'
}

port=$((20000 + RANDOM % 10000))

# In a shell of its own: a pipeline.
pingpong() {
	local rc=0
	timeout 120 fi_pingpong -p uet -e rdm -B $port -I 100 -S all >$logs/demo-server.log 2>&1 &
	server=$!
	trap 'kill $server 2>/dev/null || true' EXIT
	for _ in $(seq 100); do
		ss -Hltn "sport = :$port" | grep -q . && break
		sleep 0.1
	done
	timeout --foreground 120 stdbuf -oL \
		fi_pingpong -p uet -e rdm -P $port -I 100 -S all 127.0.0.1 || rc=$?
	wait $server || rc=$?
	return $rc
}

# The rows of fi_pingpong for 0, 1, 2, 4, ... bytes to 1 MiB, as they come.
powers_of_two() {
	grep --line-buffered -E '^(bytes|0|1|2|4|8|16|32|64|128|256|512)k? |^1m '
}

mpi_job() {
	timeout --foreground 150 mpirun --allow-run-as-root --oversubscribe -n 4 \
		--mca pml cm --mca mtl ofi --mca mtl_ofi_provider_include uet \
		--mca oob_tcp_if_include lo --mca btl ^openib \
		build/test/system/mpi_basic </dev/null
}

# From the CSV of uet_bench, a line per contender.
summary() {
	awk -F , 'BEGIN { name["net"] = "tcp, as \"net\""; name["raw"] = "bare UDP"
		printf "%-16s %14s %14s %14s\n", "", "64 B, one way", "1 MiB, one way",
			"1 MiB, stream" }
	function figure(value, unit) { return value == "" ? "-" : sprintf("%.4g %s", value, unit) }
	NR > 1 { if (!seen[$2]++) order[++n] = $2; v[$2, $1, $3] = $7 }
	END { for (i = 1; i <= n; i++) {
		c = order[i]
		printf "%-16s %14s %14s %14s\n", c in name ? name[c] : c,
			figure(v[c, "tagged-lat", 64], "us"), figure(v[c, "tagged-lat", 1048576], "us"),
			figure(v[c, "tagged-bw", 1048576], "MB/s") } }' $logs/demo-bench.csv
}

title "1. What this needs"
uet_install build
uet_say "all there"

title "2. Build (into build/)"
printf 'configure and make '
run demo-build "Look for the first error in $logs/demo-build.log." uet_build build
printf 'the MPI program    '
run demo-mpi-build "Is mpicc there? Debian: apt-get install libopenmpi-dev." \
	make -C build test/system/mpi_basic
export FI_PROVIDER_PATH=$uet_top/build/.libs IPATH_NO_BACKTRACE=1

title "3. The NICs and ports of this machine"
shown fi_info -p uet
fi_info -p uet -v >$logs/demo-info.log 2>&1 || uet_die "fi_info does not find the provider" \
	"Run: FI_PROVIDER_PATH=$FI_PROVIDER_PATH FI_LOG_LEVEL=info fi_info -p uet"
nics <$logs/demo-info.log

# Only loopback from here on.
export FI_PROVIDER=uet FI_UET_IFACE=lo

title "4. Ping-pong over UET, two processes, up to 1 MiB"
shown fi_pingpong -p uet -e rdm -S all 127.0.0.1
pingpong 2>$logs/demo-pingpong.log | powers_of_two || {
	cat $logs/demo-pingpong.log $logs/demo-server.log >&2
	uet_die "the ping-pong failed" "See above; FI_LOG_LEVEL=info tells more."
}

title "5. Open MPI on 4 ranks over UET: ring with checksums, allreduce, all-to-all"
shown mpirun -n 4 --mca pml cm --mca mtl ofi --mca mtl_ofi_provider_include uet mpi_basic
mpi_job 2>$logs/demo-mpi.log || {
	tail -n 30 $logs/demo-mpi.log >&2
	uet_die "the MPI job failed" "Run it by hand with --mca mtl_base_verbose 100."
}

title "6. Beside tcp and bare UDP, in turns on loopback"
unset FI_PROVIDER
printf 'measuring (about a minute) '
run demo-bench "Run build/fabtests/benchmarks/uet_bench by hand." \
	build/fabtests/benchmarks/uet_bench -p 'uet,net,tcp,tcp;ofi_rxm,raw' \
	-t tagged-lat,tagged-bw -s 64,1m --csv $logs/demo-bench.csv
printf '\n'
summary
printf 'Medians of 5 rounds; MB = 10^6 bytes. Ranges: %s\n' $logs/demo-bench.log

printf '\nThat took %d min %02d s. Next: README.md, "Use it", and tools/test.sh.\n' \
	$(((SECONDS - begun) / 60)) $(((SECONDS - begun) % 60))
