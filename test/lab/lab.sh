# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# shellcheck shell=bash
#
# Networks in a box, for the tests of this folder: network namespaces as hosts, joined by veth
# pairs, with faults. Source it from a bash script, first of all with `lab_begin "$@"`.
#
# Everything is made in mount, network and PID namespaces of the script's own: nothing is seen
# outside, and all of it goes, processes too, when the script ends in whatever way. A host h1 has
#   lab0    10.77.0.1  fd77::1    the network under test
#   mgmt0   10.78.0.1             a quiet one beside it, for what starts and joins MPI jobs
#
#   lab_star N MTU       hosts h1 to hN on one switch (namespace sw, a bridge)
#   lab_paths N MTU      h1 - r1 = N equal paths = r2 - h2, chosen by hash of addresses and ports
#   lab_loss PERMILLE    random loss of packets that arrive at hosts, which is both ways
#   lab_rate RATE        of every link to and from hosts, a tbf each; none: no limit
#   lab_mtu MTU          of all links
#   lab_hosts 4|6 N      UET_TEST_HOSTS for N of them
#   lab_lost             packets lost at hosts since lab_loss
#   lab_saw_loss PERMILLE        fails unless packets were lost; with 0, if any were
#
#   lab_check WHAT COMMAND...    runs it with its output in a log; one line "ok" or "not ok"
#   lab_note TEXT                a line of information
#   lab_stress 4|6 [CASES]       test_stress of $LAB_OPS operations, its processes on all hosts
#   lab_mpi 4|6 RANKS PROGRAM [ARGUMENTS]   an MPI job, the ranks on hosts h1, h2 in turn
#   lab_knows NAME               the provider has a setting FI_UET_NAME, here in small letters
#   lab_wait_bytes NETNS DEV N   until the device has sent N bytes more than now
#   lab_end                      the last line of a script: its exit status
#
# UET_LAB_SHORT=1: less of everything; lab_short is true then.

lab_here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${UET_BUILDDIR:?run this through make check-lab}"
# shellcheck source=test/env.sh
. "$lab_here/../env.sh"

lab_count=0		# how many hosts there are
lab_failed=0 lab_passed=0

lab_skip() {
	echo "SKIP: $*"
	exit 77
}

lab_short() { [ -n "${UET_LAB_SHORT:-}" ]; }

# ---- a place of one's own --------------------------------------------------------------

lab_needs() {
	local tool
	[ "$(id -u)" -eq 0 ] || lab_skip "the lab takes root: network namespaces"
	for tool in ip:iproute2 tc:iproute2 nft:nftables sysctl:procps unshare:util-linux; do
		command -v "${tool%:*}" >/dev/null ||
			lab_skip "no ${tool%:*} here (Debian: apt-get install ${tool#*:})"
	done
	unshare --net --mount --pid --fork true 2>/dev/null ||
		lab_skip "this system lets nobody make namespaces"
}

# Goes on in namespaces of this script's own.
lab_begin() {
	if [ -z "${UET_LAB_INSIDE:-}" ]; then
		lab_needs
		UET_LAB_INSIDE=1 exec unshare --net --mount --pid --fork --kill-child --mount-proc \
			bash "$0" "$@"
	fi
	lab_dir=$(mktemp -d)
	trap 'rm -rf "$lab_dir"' EXIT
	mount -t tmpfs lab /run
	mkdir /run/netns
	ip link set lo up
}

# Takes the network down again, so that a script can make another one.
lab_clear() {
	local ns
	for ns in $(ip netns list | cut -d' ' -f1); do ip netns del "$ns"; done
	lab_count=0
}

# ---- building --------------------------------------------------------------------------

# A namespace that forwards, or a host.
lab_node() {
	ip netns add "$1"
	ip -n "$1" link set lo up
	ip netns exec "$1" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
		net.ipv4.fib_multipath_hash_policy=1 net.ipv6.fib_multipath_hash_policy=1 \
		net.ipv6.conf.all.keep_addr_on_down=1 net.ipv6.conf.default.keep_addr_on_down=1 \
		net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
}

# lab_link NS DEV NS DEV MTU: a cable. No segmentation behind the queues, so that these see the
# packets of the wire.
lab_link() {
	ip link add "$2" netns "$1" type veth peer name "$4" netns "$3"
	ip -n "$1" link set "$2" mtu "$5" up gso_max_segs 1
	ip -n "$3" link set "$4" mtu "$5" up gso_max_segs 1
}

lab_host_links() {
	local i=$1 sw=$2 mtu=$3
	lab_link "h$i" lab0 "$sw" "p$i" "$mtu"
	lab_link "h$i" mgmt0 mg "m$i" 1500
	ip -n mg link set "m$i" master br0
	ip -n "h$i" addr add "10.78.0.$i/24" dev mgmt0
}

lab_hosts_file() {
	local i
	{
		echo "127.0.0.1 localhost"
		for ((i = 1; i <= lab_count; i++)); do echo "10.78.0.$i h$i"; done
	} >"$lab_dir/hosts"
	[ "$lab_dir/hosts" -ef /etc/hosts ] || mount --bind "$lab_dir/hosts" /etc/hosts
}

lab_open() {
	lab_clear
	lab_count=$1
	lab_node mg
	ip -n mg link add br0 type bridge
	ip -n mg link set br0 up
	lab_hosts_file
}

lab_star() {
	local i
	lab_open "$1"
	lab_node sw
	ip -n sw link add br0 mtu "$2" type bridge
	ip -n sw link set br0 up
	for ((i = 1; i <= lab_count; i++)); do
		lab_node "h$i"
		lab_host_links "$i" sw "$2"
		ip -n sw link set "p$i" master br0
		ip -n "h$i" addr add "10.77.0.$i/24" dev lab0
		ip -n "h$i" addr add "fd77::$i/64" dev lab0 nodad
	done
}

# Host $1 behind router $2.
lab_routed_host() {
	lab_node "h$1"
	lab_host_links "$1" "$2" "$3"
	ip -n "$2" addr add "10.77.$1.254/24" dev "p$1"
	ip -n "$2" addr add "fd77:$1::254/64" dev "p$1" nodad
	ip -n "h$1" addr add "10.77.$1.1/24" dev lab0
	ip -n "h$1" addr add "fd77:$1::1/64" dev lab0 nodad
	ip -n "h$1" route add default via "10.77.$1.254"
	ip -n "h$1" -6 route add default via "fd77:$1::254"
}

# Routes of router $1 to host $3 over $2 paths, whose other ends have the last byte $4.
lab_routes() {
	local k via4=() via6=()
	for ((k = 1; k <= $2; k++)); do
		via4+=(nexthop via "10.79.$k.$4" dev "x$k")
		via6+=(nexthop via "fd79:$k::$4" dev "x$k")
	done
	ip -n "$1" route add "10.77.$3.0/24" "${via4[@]}"
	ip -n "$1" -6 route add "fd77:$3::/64" "${via6[@]}"
}

lab_paths() {
	local k r
	lab_open 2
	for r in 1 2; do
		lab_node r$r
		lab_routed_host $r r$r "$2"
	done
	for ((k = 1; k <= $1; k++)); do
		lab_link r1 "x$k" r2 "x$k" "$2"
		for r in 1 2; do
			ip -n r$r addr add "10.79.$k.$r/24" dev "x$k"
			ip -n r$r addr add "fd79:$k::$r/64" dev "x$k" nodad
		done
	done
	lab_routes r1 "$1" 2 2
	lab_routes r2 "$1" 1 1
}

# ---- faults ----------------------------------------------------------------------------

# Loses what is neither ARP nor ICMPv6 (whose loss only delays the first packet).
lab_loss() {
	local i
	for ((i = 1; i <= lab_count; i++)); do
		ip netns exec "h$i" nft -f - <<-EOF || return
			table netdev lab
			delete table netdev lab
			table netdev lab {
				counter lost { }
				chain in {
					type filter hook ingress device lab0 priority 0
					meta protocol arp accept
					ip6 nexthdr icmpv6 accept
					numgen random mod 1000 < $1 counter name lost drop
				}
			}
		EOF
	done
}

lab_lost() {
	local i
	for ((i = 1; i <= lab_count; i++)); do
		ip netns exec "h$i" nft list counters table netdev lab
	done | awk '$1 == "packets" { n += $2 } END { print n + 0 }'
}

# With a loss of $1 permille packets were lost, without it none.
lab_saw_loss() {
	local lost
	lost=$(lab_lost)
	echo "$lost packets lost"
	if [ "$1" -eq 0 ]; then [ "$lost" -eq 0 ]; else [ "$lost" -gt 0 ]; fi
}

lab_rate() {
	local i
	for ((i = 1; i <= lab_count; i++)); do
		lab_rate_of "h$i" lab0 "$1"
		lab_rate_of "$(lab_port_ns $i)" "p$i" "$1"
	done
}

# 20 ms of queue, as a switch's port would have for such a link.
lab_rate_of() {
	if [ "$3" = none ]; then
		tc -n "$1" qdisc del dev "$2" root 2>/dev/null || true
	else
		tc -n "$1" qdisc replace dev "$2" root tbf rate "$3" burst 128k latency 20ms
	fi
}

# Where the other end of host $1's cable is.
lab_port_ns() {
	if ip netns list | grep -qw sw; then echo sw; else echo "r$1"; fi
}

lab_mtu() {
	local i
	for ((i = 1; i <= lab_count; i++)); do
		ip -n "h$i" link set lab0 mtu "$1"
		ip -n "$(lab_port_ns $i)" link set "p$i" mtu "$1"
	done
}

# ---- what runs there -------------------------------------------------------------------

lab_note() { echo "# $*"; }

lab_hosts() {
	local i list=
	for ((i = 1; i <= $2; i++)); do
		list+=,h$i=$(lab_address "$1" $i)
	done
	echo "${list#,}"
}

# The address of family $1 of host $2.
lab_address() {
	ip -n "h$2" -o "-$1" addr show dev lab0 scope global |
		awk '{ sub("/.*", "", $4); print $4; exit }'
}

lab_check() {
	local what=$1 rc=0 start=$SECONDS log=$lab_dir/log
	shift
	"$@" >"$log" 2>&1 </dev/null || rc=$?
	if [ $rc -eq 0 ]; then
		lab_passed=$((lab_passed + 1))
		echo "ok      $what ($((SECONDS - start)) s)"
	else
		lab_failed=$((lab_failed + 1))
		echo "not ok  $what ($((SECONDS - start)) s, status $rc)"
		tail -n 15 "$log" | sed 's/^/  | /'
	fi
	return 0
}

lab_end() {
	[ $((lab_passed + lab_failed)) -gt 0 ] || { echo "nothing was checked"; exit 1; }
	[ $lab_failed -eq 0 ]
	exit
}

lab_knows() { uet_foreign fi_info -g uet 2>/dev/null | grep -i "FI_UET_$1\b" >/dev/null; }

lab_wait_bytes() {
	local file=/sys/class/net/$2/statistics/tx_bytes
	# shellcheck disable=SC2016
	ip netns exec "$1" bash -c 'end=$(($(<"$0") + $1))
		while (($(<"$0") < end)); do sleep 0.05; done' "$file" "$3"
}

# Seconds that a run may take; networks that lose a fifth of everything are slow.
lab_limit() { echo $(($1 * UET_TIME_SCALE)); }

lab_stress() {
	local family=$1
	shift
	UET_TEST_HOSTS=$(lab_hosts "$family" $lab_count) UET_STRESS_OPS=${UET_STRESS_OPS:-$LAB_OPS} \
		timeout -k 5 "$(lab_limit 240)" "$UET_BUILDDIR/test/system/test_stress" "$@"
}

# How mpirun reaches a host: ssh's place is taken by this.
lab_agent() {
	cat >"$lab_dir/agent" <<-'EOF'
		#!/bin/bash
		host=$1; shift
		exec ip netns exec "$host" unshare --uts bash -c 'hostname "$0"; exec bash -c "$1"' \
			"$host" "$*"
	EOF
	chmod +x "$lab_dir/agent"
}

lab_mpi() {
	local family=$1 ranks=$2 program=$UET_BUILDDIR/test/system/$3 net
	shift 3
	[ -x "$program" ] || { echo "no MPI here"; return 1; }
	if [ "$family" = 4 ]; then net=10.77.0.0/16; else net=fd77::/16; fi
	lab_agent
	FI_PROVIDER=uet FI_UET_IFACE=$net OMPI_MCA_plm_rsh_agent=$lab_dir/agent \
	PRTE_MCA_plm_ssh_agent=$lab_dir/agent OMPI_MCA_mpi_yield_when_idle=1 TMPDIR=$lab_dir \
		uet_foreign_leaky timeout -k 5 "$(lab_limit 240)" \
		"$lab_dir/agent" h1 exec mpirun --allow-run-as-root --oversubscribe \
		--host "h1:$ranks,h2:$ranks" --map-by node -n "$ranks" \
		--mca oob_tcp_if_include mgmt0 \
		-x FI_PROVIDER -x FI_PROVIDER_PATH -x FI_UET_IFACE -x LD_LIBRARY_PATH \
		--mca pml cm --mca mtl ofi --mca mtl_ofi_provider_include uet \
		"$program" "$@" >"$lab_dir/mpi" 2>&1
	cat "$lab_dir/mpi"
	grep -q "MPI on $ranks ranks: [1-9][0-9]* passed, 0 failed" "$lab_dir/mpi"
}
