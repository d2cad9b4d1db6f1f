#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""
Check in a capture that packets are sprayed over the right source ports.

    check_paths.py PATHS LOW HIGH FILE.pcap

LOW to HIGH are the endpoints' own ports; all packets of RUD PDCs after the SYN must come from
PATHS ports for a PDC with enough of them; SYN and control packets from an endpoint's own; those
of a ROD PDC from one port until everything before was acknowledged. ACKs must go to a port that
the peer has sent from. Prints a summary, and what is wrong; exit status 1 if anything is.
"""
import collections
import sys

import decode_uet as uet

ENOUGH = 20                     # packets per path from which all paths must have been used


def main():
    paths, low, high = (int(arg) for arg in sys.argv[1:4])
    ports = collections.defaultdict(set)        # of a RUD PDC's requests
    count = collections.Counter()
    rod = {}                                    # PDC: (port, highest PSN)
    cack = {}                                   # PDC: newest
    seen, acked_ports, wrong = set(), set(), []
    for link, _, frame in uet.read_pcap(sys.argv[4]):
        pkt = uet.decode_frame(frame, link)
        if pkt is None:
            continue
        kind, src, dst = pkt["pds.type"], pkt["udp.src_port"], pkt["udp.dst_port"]
        own = low <= src <= high
        seen.add(src)
        if kind in (uet.RUD, uet.ROD):
            syn = pkt["pds.flags.syn"]
            if (syn and not own) or not low <= dst <= high:
                wrong.append("request from port %d to %d, SYN %d" % (src, dst, syn))
            if syn:
                continue
            pdc, psn = (dst, pkt["pds.spdcid"], pkt["pds.dpdcid"]), pkt["pds.psn"]
            if kind == uet.RUD:
                ports[pdc].add(src)
                count[pdc] += 1
                continue
            port, last = rod.get(pdc, (src, psn))
            back = pdc[:1] + (pdc[2], pdc[1])
            if port != src and (cack.get(back, 0) - last) & uet.MASK32 >= 1 << 31:
                wrong.append("ROD PSN %d on another path while %d was open" % (psn, last))
            rod[pdc] = (src, psn)
        elif kind in (uet.ACK, uet.ACK_CC):
            acked_ports.add(dst)
            if dst not in seen:
                wrong.append("ACK to port %d, which has sent nothing" % dst)
            cack[(src, pkt["pds.spdcid"], pkt["pds.dpdcid"])] = pkt["pds.cack_psn"]
        elif kind == uet.CP and (not own or not low <= dst <= high):
            wrong.append("control packet from port %d to %d" % (src, dst))
    for pdc, used in ports.items():
        if len(used) > paths or (count[pdc] >= ENOUGH * paths and len(used) < paths):
            wrong.append("%d packets of a PDC from %d ports" % (count[pdc], len(used)))
    if not any(count[pdc] >= ENOUGH * paths for pdc in ports) or not rod:
        wrong.append("too little traffic to tell")
    if paths > 1 and all(low <= port <= high for port in acked_ports):
        wrong.append("no ACK came back to another port")
    print("%d RUD packets from %d ports, %d ROD PDCs, ACKs to %d ports"
          % (sum(count.values()), len(set().union(*ports.values())), len(rod),
             len(acked_ports)))
    for text in wrong[:20]:
        print("wrong: " + text)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
