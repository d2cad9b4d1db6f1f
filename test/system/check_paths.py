#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""
Check in a capture that packets are sprayed over the right source ports.

    check_paths.py PATHS LOW HIGH FILE.pcap

LOW to HIGH are the endpoints' own ports, each of which hears from one peer only. What goes to one
of them must come from at most PATHS ports:

* RUD packets after the SYN from all of them, if there are enough packets.
* SYN packets from the peer's own port, until one is repeated from another; then from that one.
* ROD packets so that none overtakes another: of all packets with lower PSNs that have not arrived,
  the last copy came from the same port. (After a time-out all are repeated from another one, the
  lowest first.)
* Control packets from the peer's own port, but those that are repeated or that ask for what may
  have been lost from another. A PROBE does either.

ACKs must go to a port that the peer has sent from. Prints a summary, and what is wrong; exit
status 1 if anything is.
"""
import collections
import sys

import decode_uet as uet
from check_uet import ACK_REQ, CLEAR_CMD, CLEAR_REQ, CREDIT, CREDIT_REQ, PROBE

ENOUGH = 20                     # packets per path from which all paths must have been used
ASKING = (ACK_REQ, CLEAR_REQ, CREDIT, CREDIT_REQ)
HALF = 1 << 31


class Rod:
    """What a ROD PDC has on the way."""

    def __init__(self, psn):
        self.base = psn         # all below have arrived
        self.here = set()       # others that have
        self.ports = {}         # PSN on its way: where the last copy came from
        self.uses = collections.Counter()

    def arrived(self, psn):
        """PSN has arrived."""
        port = self.ports.pop(psn, None)
        if port is not None:
            self.uses[port] -= 1
        if (psn - self.base) & uet.MASK32 < HALF:
            self.here.add(psn)

    def acknowledged(self, cack):
        """All up to CACK have."""
        while (cack - self.base) & uet.MASK32 < HALF:
            self.arrived(self.base)
            self.here.discard(self.base)
            self.base = (self.base + 1) & uet.MASK32

    def overtakes(self, psn, src):
        """Send PSN from port SRC. Return a PSN that it may overtake, or None."""
        others = sum(self.uses.values()) - self.uses[src]
        ahead = [] if not others else [
            other for other, port in self.ports.items()
            if port != src and 0 < (psn - other) & uet.MASK32 < HALF]
        if psn in self.ports:
            self.uses[self.ports[psn]] -= 1
        if (psn - self.base) & uet.MASK32 < HALF and psn not in self.here:
            self.ports[psn] = src
            self.uses[src] += 1
        return min(ahead, key=lambda other: (other - psn) & uet.MASK32) if ahead else None


class End:
    """What one end of a PDC has sent."""

    def __init__(self, start=None):
        self.start = start
        self.syn = None         # port of its SYN packets
        self.ports = set()      # of RUD packets after the SYN
        self.count = 0          # of these
        self.clear = None       # last CLEAR_PSN that it told
        self.rod = None


class Checker:
    """Takes packets in order; keeps what is wrong."""

    def __init__(self, paths, low, high):
        self.paths, self.low, self.high = paths, low, high
        self.ends, self.old = {}, []    # (destination port, spdcid) -> End
        self.senders = collections.defaultdict(set)     # destination port: source ports
        self.seen, self.acked_ports, self.wrong = set(), set(), []

    def own(self, port):
        return self.low <= port <= self.high

    def end_of(self, pkt):
        key = (pkt["udp.dst_port"], pkt["pds.spdcid"])
        end, start = self.ends.get(key), pkt.get("derived.start_psn")
        if not end or start not in (None, end.start):
            if end:
                self.old.append(end)
            end = self.ends[key] = End(start)
        return end

    def all_ends(self):
        return self.old + list(self.ends.values())

    def take(self, pkt):
        kind, src, dst = pkt["pds.type"], pkt["udp.src_port"], pkt["udp.dst_port"]
        self.seen.add(src)
        if kind in (uet.ACK, uet.ACK_CC):
            self.on_ack(pkt, dst)
        if kind not in (uet.RUD, uet.ROD, uet.CP):
            return
        if not self.own(dst):
            self.wrong.append("%s to port %d, which is no endpoint's own" % (pkt.kind(), dst))
        self.senders[dst].add(src)
        if kind == uet.CP:
            self.on_control(pkt, src, dst)
        else:
            self.on_request(pkt, src, dst)

    def on_ack(self, pkt, dst):
        self.acked_ports.add(dst)
        if dst not in self.seen:
            self.wrong.append("ACK to port %d, which has sent nothing" % dst)
        end = self.ends.get((pkt["udp.src_port"], pkt["pds.dpdcid"]))
        if not end or not end.rod:
            return
        end.rod.acknowledged(pkt["pds.cack_psn"])
        if not pkt["pds.flags.p"]:
            end.rod.arrived(pkt["derived.ack_psn"])
        bits, base = pkt.get("pds.sack_bitmap") or 0, pkt.get("derived.sack_base_psn")
        for bit in range(bits.bit_length()):
            if bits >> bit & 1:
                end.rod.arrived((base + bit) & uet.MASK32)

    def on_request(self, pkt, src, dst):
        end, psn, syn = self.end_of(pkt), pkt["pds.psn"], pkt["pds.flags.syn"]
        end.clear = pkt["derived.clear_psn"]
        if syn:
            right = self.own(src) if end.syn is None else \
                src == end.syn or pkt["pds.flags.retx"]
            if not right:
                self.wrong.append("SYN packet from port %d to %d" % (src, dst))
            end.syn = src
        elif pkt["pds.type"] == uet.RUD:
            end.ports.add(src)
            end.count += 1
        if pkt["pds.type"] == uet.RUD:
            return
        end.rod = end.rod or Rod(psn)
        ahead = end.rod.overtakes(psn, src)
        if ahead is not None:
            self.wrong.append("ROD PSN %d overtakes %d on another path" % (psn, ahead))

    def on_control(self, pkt, src, dst):
        end, kind = self.end_of(pkt), pkt["pds.ctl_type"]
        if kind in ASKING:
            aside = True
        elif kind == CLEAR_CMD:
            aside = pkt["pds.payload"] == end.clear
            end.clear = pkt["pds.payload"]
        else:
            aside = pkt["pds.flags.retx"]
        if kind != PROBE and self.own(src) == (aside and self.paths > 1):
            self.wrong.append("%s, RETX %d, from port %d to %d"
                              % (pkt.kind(), pkt["pds.flags.retx"], src, dst))

    def finish(self):
        enough = ENOUGH * self.paths
        for dst, ports in self.senders.items():
            if len(ports) > self.paths or sum(map(self.own, ports)) > 1:
                self.wrong.append("packets to port %d come from %d ports, %d of endpoints"
                                  % (dst, len(ports), sum(map(self.own, ports))))
        for end in self.all_ends():
            if end.count >= enough and len(end.ports) < self.paths:
                self.wrong.append("%d packets of a PDC from %d ports"
                                  % (end.count, len(end.ports)))
        if not any(end.count >= enough for end in self.all_ends()) or \
                not any(end.rod for end in self.all_ends()):
            self.wrong.append("too little traffic to tell")
        if self.paths > 1 and all(map(self.own, self.acked_ports)):
            self.wrong.append("no ACK came back to another port")


def main():
    checker = Checker(*(int(arg) for arg in sys.argv[1:4]))
    for link, _, frame in uet.read_pcap(sys.argv[4]):
        pkt = uet.decode_frame(frame, link)
        if pkt:
            checker.take(pkt)
    checker.finish()
    ends = checker.all_ends()
    print("%d RUD packets from %d ports, %d ROD PDCs, ACKs to %d ports"
          % (sum(end.count for end in ends), len(set().union(*(end.ports for end in ends))),
             sum(end.rod is not None for end in ends), len(checker.acked_ports)))
    for text in checker.wrong[:20]:
        print("wrong: " + text)
    return 1 if checker.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
