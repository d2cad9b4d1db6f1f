#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""
Check in a capture that packets are sprayed over the right source ports.

    check_paths.py PATHS LOW HIGH FILE.pcap

LOW to HIGH are the endpoints' own ports; all packets of RUD PDCs after the SYN must come from
PATHS ports for a PDC with enough of them; SYN and control packets from an endpoint's own. None of
a ROD PDC may overtake another: of all packets with lower PSNs that are not acknowledged, the last
copy came from its port. (After a time-out all are repeated from another one, the lowest first.)
ACKs must go to a port that the peer has sent from. Prints a summary, and what is wrong; exit
status 1 if anything is.
"""
import collections
import sys

import decode_uet as uet

ENOUGH = 20                     # packets per path from which all paths must have been used


class Rod:
    """What a ROD PDC has on the way."""

    def __init__(self, psn):
        self.base = psn         # none below is open
        self.ports = {}         # open PSN: where the last copy came from
        self.uses = collections.Counter()

    def acknowledged(self, cack):
        """All up to CACK have arrived."""
        while (cack - self.base) & uet.MASK32 < 1 << 31:
            port = self.ports.pop(self.base, None)
            if port is not None:
                self.uses[port] -= 1
            self.base = (self.base + 1) & uet.MASK32

    def overtakes(self, psn, src):
        """Send PSN from port SRC. Return a PSN that it may overtake, or None."""
        others = sum(self.uses.values()) - self.uses[src]
        ahead = [] if not others else [
            other for other, port in self.ports.items()
            if port != src and 0 < (psn - other) & uet.MASK32 < 1 << 31]
        if psn in self.ports:
            self.uses[self.ports[psn]] -= 1
        if (psn - self.base) & uet.MASK32 < 1 << 31:
            self.ports[psn] = src
            self.uses[src] += 1
        return min(ahead, key=lambda other: (other - psn) & uet.MASK32) if ahead else None


def main():
    paths, low, high = (int(arg) for arg in sys.argv[1:4])
    ports = collections.defaultdict(set)        # of a RUD PDC's requests
    count = collections.Counter()
    rod = {}                                    # PDC: Rod
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
            ahead = rod.setdefault(pdc, Rod(psn)).overtakes(psn, src)
            if ahead is not None:
                wrong.append("ROD PSN %d overtakes %d on another path" % (psn, ahead))
        elif kind in (uet.ACK, uet.ACK_CC):
            acked_ports.add(dst)
            if dst not in seen:
                wrong.append("ACK to port %d, which has sent nothing" % dst)
            back = (src, pkt["pds.dpdcid"], pkt["pds.spdcid"])
            if back in rod:
                rod[back].acknowledged(pkt["pds.cack_psn"])
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
