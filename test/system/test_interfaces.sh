#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Bridges of container runtimes and interfaces that are down are there, and are not chosen;
# FI_UET_IFACE means what it says. In network namespaces, so only root can run it.
set -uo pipefail
: "${UET_BUILDDIR:?run this through make check-system}"
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=test/env.sh
. "$here/../env.sh"

if ! command -v ip >/dev/null || ! unshare -n true 2>/dev/null; then
	echo "SKIP: this takes root and iproute2: network namespaces"
	exit 77
fi
export FI_PROVIDER=uet
failed=0

not_ok() {
	echo "not ok: $*"
	failed=$((failed + 1))
}

# Inside: what is set up, then the domains that fi_info lists, in its order, each once.
# shellcheck disable=SC2016
domains='
	ip link set lo up || exit 77
	ip link add docker0 type bridge 2>/dev/null && ip link add veth1 type veth peer name veth2 ||
		exit 77
	ip link set veth2 master docker0
	for i in veth1 veth2 docker0; do ip link set $i up; done
	ip addr add 172.17.0.1/16 dev docker0
	ip link add br-down type bridge && ip addr add 10.9.0.1/24 dev br-down
	eval "$EXTRA"
	fi_info -p uet -t FI_EP_RDM | awk "/domain:/ && !seen[\$2]++ { print \$2 }"'

# listed NAME EXTRA: the domains in one line.
listed() {
	local out rc=0
	out=$(EXTRA=$1 uet_foreign_leaky unshare -n bash -c "$domains") || rc=$?
	[ $rc -ne 77 ] || { echo "SKIP: no bridges or veth pairs on this kernel" >&2; exit 77; }
	echo "$out" | tr '\n' ' '
}

got=$(listed '') || exit
echo "with a bridge that is up and one that is down: $got"
case $got in
lo\ *) ;;
*) not_ok "loopback comes before a container's bridge" ;;
esac
case $got in
*br-down*docker0*) not_ok "the interface that is down comes last" ;;
esac
got=$(listed 'export FI_UET_IFACE=docker0') || exit
[ "$got" = "docker0 " ] || not_ok "FI_UET_IFACE=docker0 lists that and nothing else, not: $got"
got=$(listed 'export FI_UET_IFACE=lo') || exit
[ "$got" = "lo " ] || not_ok "FI_UET_IFACE=lo lists that and nothing else, not: $got"
got=$(listed 'export FI_UET_IFACE="^docker*"') || exit
case $got in
*docker0*) not_ok "FI_UET_IFACE=^docker* does not list docker0" ;;
*lo*) ;;
*) not_ok "FI_UET_IFACE=^docker* lists lo" ;;
esac
got=$(listed 'export FI_UET_IFACE=nosuch') || exit
[ -z "${got// }" ] || not_ok "an interface that is not there gives nothing, not: $got"

[ $failed -eq 0 ] || exit 1
