#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""
Check every field of a capture of UET traffic between endpoints of one host.

    check_uet.py [options] FILE.pcap

The packets are replayed, in the order in which they were sent, through a model of both ends of
each packet delivery context (PDC): what a packet says must follow from what was on the wire
before it. With --log (what the programs were asked to send, as wire_traffic writes it) each
message is compared with its order, contents included. Prints a summary and each violation
with the packet; exit status 1 if there was any.

A packet that was recorded may have been lost afterwards (a full socket buffer): the model asks
for nothing that a loss could explain, and for less where --lossy says that losses are likely.
"""
import argparse
import collections
import json
import re
import struct
import sys

import decode_uet as uet
from check_ses import SesChecker

DEFAULT_MPR, MPR_UNIT = 1024, 128
SYN_GUARD = 0.1                 # seconds between a repeated SYN packet and CLOSE_CMD
PDCID_REST = 2.0                # seconds before a PDCID is used again
NOOP, ACK_REQ, CLEAR_CMD, CLEAR_REQ, CLOSE_CMD, CLOSE_REQ, PROBE, CREDIT, CREDIT_REQ, \
    NEGOTIATION = range(10)
NEW_PSN = (NOOP, CLOSE_CMD, CLOSE_REQ, NEGOTIATION)
NO_PDC_CODES = (0x04, 0x05, 0x06, 0x0A, 0x0D, 0x01, 0x0E, 0x0F)   # may come with spdcid 0


def signed32(value):
    value &= uet.MASK32
    return value - (1 << 32) if value >> 31 else value


class Sent:
    """A PSN that was used: its first packet, how often it was sent, its answer."""

    def __init__(self, pkt):
        self.pkt = pkt
        self.count = 1
        self.retx = 0
        self.asked = False      # an ACK_REQ was sent for it
        self.msg = None
        self.answer = None

    def is_cp(self):
        return self.pkt["pds.type"] == uet.CP


class Direction:
    """One PSN space of a PDC. PSNs count from 0 here; -1 is Start_PSN - 1."""

    def __init__(self, start):
        self.start = start
        self.sent = []
        self.named = set()      # acknowledged by name, with the answer
        self.cack = -1          # newest cumulative acknowledgement
        self.told = -1          # the same of ACKs that came unasked
        self.acked = -1         # highest PSN that may be cleared
        self.clear = -1         # newest CLEAR_PSN of the source
        self.guaranteed = set()  # answers that wait for it
        self.bytes_up_to = []   # payload bytes of PSN 0 .. i
        self.units_sent = 0     # all packets, each rounded up to units of 256 bytes
        self.mpr = DEFAULT_MPR
        self.rcvd_bytes = 0
        self.close = None       # PSN of the CLOSE_CMD
        self.ce = False
        self.open_msg = None

    def rel(self, psn):
        return signed32(psn - self.start)

    def add(self, pkt):
        before = self.bytes_up_to[-1] if self.bytes_up_to else 0
        self.sent.append(Sent(pkt))
        self.bytes_up_to.append(before + len(pkt.payload))
        self.units_sent += (pkt["udp.length"] + 40 + 255) // 256

    def update_acked(self):
        while self.acked + 1 < len(self.sent) and (
                self.acked + 1 <= self.cack or self.acked + 1 in self.named):
            self.acked += 1


class Pdc:
    """A packet delivery context as the wire shows it."""

    def __init__(self, pkt, init, targ, mode, start):
        self.init, self.targ = init, targ
        self.ipdcid, self.tpdcid = pkt["pds.spdcid"], None
        self.mode, self.start = mode, start
        self.forward, self.back = Direction(start), Direction(start)
        self.established = False        # the initiator has sent without SYN
        self.syn_retx = None            # when a SYN packet was last repeated
        self.closed = None
        self.first = pkt

    def of(self, from_init):
        """The direction of requests that the initiator (or the target) sends."""
        return self.forward if from_init else self.back


class Checker:
    """Takes packets in order; keeps violations."""

    def __init__(self, options):
        self.opt = options
        self.problems = []
        self.kinds = collections.Counter()
        self.pdcs = []
        self.by_init = {}       # (initiator, target, ipdcid) -> Pdc
        self.ids = {}           # (endpoint, PDCID) -> Pdc
        self.ses = SesChecker(self)
        self.pkt = None

    def bad(self, text, pkt=None):
        pkt = pkt or self.pkt
        self.problems.append((pkt, text))

    def need(self, cond, text, *values):
        if not cond:
            self.bad(text % values if values else text)
        return cond

    # ---- IP and UDP ----

    def check_ip(self, pkt):
        control = pkt["pds.type"] not in uet.REQUESTS
        dscp = self.opt.dscp_control if control else self.opt.dscp_data
        noop = pkt["pds.type"] == uet.CP and pkt["pds.ctl_type"] == NOOP
        self.need(pkt["ip.dscp"] == dscp or noop and pkt["ip.dscp"] == self.opt.dscp_data,
                  "DSCP %d, not %d (01, 2.6)", pkt["ip.dscp"], dscp)
        self.need(pkt["ip.ecn"] == (0 if control else self.opt.ecn),
                  "ECN bits %d (01, 2.6)", pkt["ip.ecn"])
        if pkt["ip.version"] == 4:
            self.need(pkt["ip.ihl"] == 5 and pkt["ip.df"] and not pkt["ip.rsvd"],
                      "IPv4: no options, DF set (01, 2.4)")
            self.need(pkt["derived.ip_checksum_ok"], "IPv4 header checksum")
            self.need(pkt["ip.ttl"] == self.opt.ttl, "TTL %d", pkt["ip.ttl"])
        else:
            self.need(pkt["derived.ip_header_bytes"] == 40, "IPv6 extension headers")
            self.need(pkt["ip.hop_limit"] == self.opt.ttl, "hop limit %d", pkt["ip.hop_limit"])
            self.need(pkt["ip.flow_label"] == 0 or not self.opt.flow_label,
                      "flow label %#x (01, 2.4)", pkt["ip.flow_label"])
        for end in (pkt.src, pkt.dst):
            if self.ses.endpoints is not None:
                self.need(end in self.ses.endpoints, "port %d is no endpoint's", end[1])

    # ---- which PDC ----

    def find(self, pkt):
        """The PDC of a packet without SYN and whether its initiator sent it."""
        pdc = self.by_init.get((pkt.src, pkt.dst, pkt["pds.spdcid"]))
        if pdc and pdc.tpdcid == pkt["pds.dpdcid"]:
            return pdc, True
        pdc = self.by_init.get((pkt.dst, pkt.src, pkt["pds.dpdcid"]))
        if pdc and (pdc.tpdcid in (None, pkt["pds.spdcid"]) or not pkt["pds.spdcid"]):
            return pdc, False
        self.bad("belongs to no PDC that is open")
        return None, False

    def claim_id(self, end, pdcid, pdc):
        self.need(pdcid != 0, "PDCID 0 is reserved (01, 5.2)")
        old = self.ids.get((end, pdcid))
        if old and old is not pdc:
            rest = pdc.first.time - old.closed if old.closed else 0
            self.need(rest >= PDCID_REST, "PDCID %#x is used again %.1f s after its PDC (Q30)",
                      pdcid, rest)
        self.ids[(end, pdcid)] = pdc

    def find_syn(self, pkt):
        start = pkt["derived.start_psn"]
        self.need(pkt["pds.pdc_info"] == 0, "pdc_info is %d (Q4)", pkt["pds.pdc_info"])
        key = (pkt.src, pkt.dst, pkt["pds.spdcid"])
        pdc = self.by_init.get(key)
        if pdc and pdc.start == start:
            self.need(not pdc.established, "SYN after a packet without it (01, 5.4)")
            return pdc
        mode = uet.ROD if pkt["pds.type"] in (uet.ROD, uet.ROD_CC) or pkt.get(
            "pds.flags.isrod") else uet.RUD
        pdc = Pdc(pkt, pkt.src, pkt.dst, mode, start)
        self.need(pkt["pds.psn_offset"] == 0, "a PDC begins with psn_offset %d",
                  pkt["pds.psn_offset"])
        self.claim_id(pkt.src, pkt["pds.spdcid"], pdc)
        self.by_init[key] = pdc
        self.pdcs.append(pdc)
        return pdc

    def find_for_source(self, pkt):
        """The PDC of a request or control packet, its SYN rules checked."""
        if pkt["pds.flags.syn"]:
            pdc = self.find_syn(pkt)
            if pkt["pds.flags.retx"]:
                pdc.syn_retx = pkt.time
            return pdc, True
        pdc, from_init = self.find(pkt)
        if pdc and from_init:
            pdc.established = True
        return pdc, from_init

    # ---- packets of a source: requests and control packets ----

    def check_clear(self, pkt, d, rel, clear):
        self.need(clear < rel, "CLEAR_PSN is not below the PSN (01, 7.1)")
        self.need(clear >= d.clear, "CLEAR_PSN goes back from %d to %d", d.clear, clear)
        self.need(clear <= d.acked, "CLEAR_PSN %d, but only %d is acknowledged (01, 7.1)",
                  clear, d.acked)
        self.take_clear(d, clear)
        if pkt["pds.flags.syn"]:
            self.need(clear == -1, "SYN although an ACK was seen: CLEAR_PSN moved (01, 5.4)")

    @staticmethod
    def take_clear(d, clear):
        d.clear = max(d.clear, clear)
        d.guaranteed = {psn for psn in d.guaranteed if psn > clear}

    def new_or_again(self, pkt, d, rel):
        """PSN rules of a packet that uses a PSN: its Sent, and whether it is new."""
        retx = pkt["pds.flags.retx"]
        if not retx:
            if not self.need(rel == len(d.sent), "PSN %d, the next one is %d (RETX=0)", rel,
                             len(d.sent)):
                return None, False
            self.need(rel - d.cack <= d.mpr, "PSN %d is beyond the window: CACK %d + %d", rel,
                      d.cack, d.mpr)
            self.need(d.close is None, "a new PSN after CLOSE_CMD (01, 5.6)")
            d.add(pkt)
            return d.sent[rel], True
        if not self.need(0 <= rel < len(d.sent), "RETX of PSN %d, which was never sent", rel):
            return None, False
        self.need(rel > d.clear or rel == d.close, "RETX of PSN %d, which its source has cleared",
                  rel)
        self.need(pkt["pds.flags.ar"], "RETX without AR (01, 7.3)")
        sent = d.sent[rel]
        sent.count += 1
        sent.retx += 1
        self.compare_again(pkt, sent)
        return sent, False

    def compare_again(self, pkt, sent):
        """A retransmission repeats everything but the PDS header's changing parts."""
        self.need(pkt["pds.type"] == sent.pkt["pds.type"], "RETX with another type")
        self.need(pkt.get("pds.ctl_type") == sent.pkt.get("pds.ctl_type"), "RETX as another CP")
        changed = [k for k in set(pkt.f) | set(sent.pkt.f) if k.startswith("ses.")
                   and pkt.get(k) != sent.pkt.get(k)]
        self.need(not changed, "RETX with other SES fields: %s", ", ".join(changed))
        self.need(pkt.payload == sent.pkt.payload, "RETX with another payload")

    def on_request(self, pkt):
        self.need(pkt["pds.flags.rsvd"] == 0, "reserved flags %#x", pkt["pds.flags.rsvd"])
        pdc, from_init = self.find_for_source(pkt)
        if not pdc:
            return
        d = pdc.of(from_init)
        rel = d.rel(pkt["pds.psn"])
        want = (uet.ROD, uet.ROD_CC) if pdc.mode == uet.ROD else (uet.RUD, uet.RUD_CC)
        self.need(pkt["pds.type"] in want, "not the mode of the PDC (01, 5.1)")
        d.ce = d.ce or pkt["ip.ecn"] == 3
        self.check_clear(pkt, d, rel, d.rel(pkt["derived.clear_psn"]))
        sent, new = self.new_or_again(pkt, d, rel)
        self.ses.on_request(pkt, pdc, d, sent, new, from_init)

    def on_cp(self, pkt):
        ctl = pkt["pds.ctl_type"]
        self.need(pkt["pds.flags.rsvd"] == 0, "reserved flags %#x", pkt["pds.flags.rsvd"])
        self.need(ctl in uet.CTL_TYPES, "reserved control type %d", ctl)
        self.need(not pkt["pds.flags.isrod"] or ctl in (NOOP, NEGOTIATION), "ISROD in this CP")
        self.need(not pkt["pds.flags.syn"] or ctl in (NOOP, NEGOTIATION), "SYN in this CP")
        self.need(ctl == PROBE or not pkt["pds.probe_opaque"], "probe_opaque in this CP")
        self.need(not pkt.payload, "%d bytes after the CP", len(pkt.payload))
        needs_ar = ctl in NEW_PSN + (ACK_REQ, PROBE)
        self.need(pkt["pds.flags.ar"] == needs_ar, "AR must be %d (01, 4.11)", needs_ar)
        self.need(not pkt["pds.flags.retx"] or ctl in NEW_PSN, "RETX in this CP")
        if ctl in (CLEAR_CMD, CLEAR_REQ, PROBE, CREDIT, CREDIT_REQ):
            self.need(pkt["pds.psn"] == 0, "psn is %#x, not 0 (01, 4.11)", pkt["pds.psn"])
        pdc, from_init = self.find_for_source(pkt)
        if not pdc:
            return
        handler = {ACK_REQ: self.on_ack_req, CLEAR_CMD: self.on_clear_cmd,
                   CLEAR_REQ: self.on_clear_req, PROBE: self.on_probe}.get(ctl)
        if ctl in NEW_PSN:
            self.on_psn_cp(pkt, pdc, from_init)
        elif handler:
            handler(pkt, pdc.of(from_init), pdc.of(not from_init))
        else:
            self.bad("not sent by uet (credit is not in use)")

    def on_psn_cp(self, pkt, pdc, from_init):
        d = pdc.of(from_init)
        ctl, rel = pkt["pds.ctl_type"], d.rel(pkt["pds.psn"])
        if ctl != NEGOTIATION:
            self.need(pkt["pds.payload"] == 0, "payload %#x (01, 4.11)", pkt["pds.payload"])
        _, new = self.new_or_again(pkt, d, rel)
        if ctl == NOOP:
            return
        self.need(from_init == (ctl in (CLOSE_CMD, NEGOTIATION)), "sent by the wrong end")
        if ctl != CLOSE_CMD:
            return
        if new:
            self.need(d.acked >= rel - 1, "CLOSE_CMD while PSN %d is not acknowledged "
                      "(01, 5.6)", d.acked + 1)
            self.need(d.open_msg is None, "CLOSE_CMD in the middle of a message")
            self.need(not pdc.syn_retx or pkt.time - pdc.syn_retx >= SYN_GUARD,
                      "CLOSE_CMD less than 100 ms after a repeated SYN packet (01, 5.9)")
        d.close = rel
        self.take_clear(d, rel)
        pdc.closed = pkt.time

    def on_ack_req(self, pkt, d, _):
        rel = d.rel(pkt["pds.psn"])
        if not self.need(0 <= rel < len(d.sent), "ACK_REQ for PSN %d, never sent", rel):
            return
        d.sent[rel].asked = True
        self.need(rel > d.clear, "ACK_REQ for PSN %d, which is cleared", rel)
        msg = d.sent[rel].msg
        self.need(pkt["pds.payload"] in (0, msg.ident if msg else 0),
                  "payload %#x is not the message id (01, 4.11)", pkt["pds.payload"])

    def on_clear_cmd(self, pkt, d, _):
        clear = d.rel(pkt["pds.payload"])
        self.need(d.clear <= clear <= d.acked, "CLEAR_CMD %d: before %d, acknowledged %d",
                  clear, d.clear, d.acked)
        self.take_clear(d, clear)

    def on_clear_req(self, pkt, _, d):
        rel = d.rel(pkt["pds.payload"])
        self.need(rel < len(d.sent), "CLEAR_REQ for PSN %d, never sent", rel)

    def on_probe(self, pkt, d, _):
        rel = d.rel(pkt["pds.payload"])
        self.need(-1 <= rel <= len(d.sent), "PROBE with SACK base %d", rel)

    # ---- packets of a destination: ACK and NACK ----

    def learn_target(self, pkt, pdc, from_init):
        if from_init or pdc.tpdcid is not None or not pkt["pds.spdcid"]:
            return
        pdc.tpdcid = pkt["pds.spdcid"]
        self.claim_id(pkt.src, pdc.tpdcid, pdc)

    def on_ack(self, pkt):
        self.need(pkt["pds.flags.rsvd"] == 0, "reserved flags %#x", pkt["pds.flags.rsvd"])
        self.need(pkt["pds.flags.req"] != 3, "REQ is 3")
        self.need(pkt["pds.spdcid"] != 0, "SPDCID is 0")
        self.need(pkt["pds.type"] != uet.ACK_CCX, "ACK_CCX is not to be sent (Q5)")
        pdc, from_init = self.find(pkt)
        if not pdc:
            return
        self.learn_target(pkt, pdc, from_init)
        d = pdc.of(not from_init)
        cack = d.rel(pkt["pds.cack_psn"])
        self.check_cack(d, cack)
        self.need(not pkt["pds.flags.m"] or d.ce, "M although nothing was CE-marked")
        if pkt["pds.type"] == uet.ACK_CC:
            self.check_ack_cc(pkt, pdc, d, cack)
        if not pkt["pds.flags.p"]:
            self.check_ack_psn(pkt, pdc, d, cack, from_init)
        d.cack = max(d.cack, cack)
        d.update_acked()

    def check_cack(self, d, cack):
        self.need(d.cack <= cack, "CACK goes back from %d to %d", d.cack, cack)
        self.need(cack < len(d.sent), "CACK %d, but %d is the last that was sent", cack,
                  len(d.sent) - 1)
        held = [psn for psn in d.guaranteed if psn <= cack]
        self.need(not held, "CACK %d passes PSN %s, whose answer is not cleared (01, 7.4)",
                  cack, held)

    def check_ack_cc(self, pkt, pdc, d, cack):
        self.need(pkt["pds.cc_flags"] == 0, "cc_flags %d", pkt["pds.cc_flags"])
        if not self.need(pkt["pds.cc_type"] == 0, "cc_type %d", pkt["pds.cc_type"]):
            return
        if not self.need(pkt["pds.mpr"] > 0, "mpr is 0 (Q7)"):
            return
        d.mpr = pkt["pds.mpr"] * MPR_UNIT
        base, bits = d.rel(pkt["derived.sack_base_psn"]), pkt["pds.sack_bitmap"]
        self.need(base >= 0 or not bits & ((1 << min(-base, 64)) - 1),
                  "SACK bits before the first PSN")
        self.need(not bits or base + bits.bit_length() - 1 < len(d.sent),
                  "SACK bit for PSN %d, never sent", base + bits.bit_length() - 1)
        beyond = len(d.sent) - 1 - cack
        self.need(pkt["pds.ooo_count"] <= max(beyond, 0), "ooo_count %d, only %d are beyond CACK",
                  pkt["pds.ooo_count"], beyond)
        self.need(not pkt["pds.restore_cwnd"] or not pkt["pds.rcv_cwnd_pend"],
                  "a receiver penalty that is over")
        self.check_rcvd_bytes(pkt, d, cack)

    def check_rcvd_bytes(self, pkt, d, cack):
        value = pkt["pds.rcvd_bytes"]
        last = min(cack, len(d.sent) - 1)
        low = d.bytes_up_to[last] if last >= 0 else 0
        high = d.units_sent
        self.need(value >= d.rcvd_bytes, "rcvd_bytes goes back")
        self.need(low // 256 <= value <= high, "rcvd_bytes %d: %d to %d were sent (01, 4.7)",
                  value, low // 256, high)
        d.rcvd_bytes = value

    def check_ack_psn(self, pkt, pdc, d, cack, from_init):
        rel = d.rel(pkt["derived.ack_psn"])
        if not self.need(0 <= rel < len(d.sent), "ACK_PSN %d was never sent", rel):
            return
        sent = d.sent[rel]
        self.need(not pkt["pds.flags.retx"] or sent.retx, "RETX, but PSN %d was sent once", rel)
        if pdc.mode == uet.ROD:
            self.need(rel <= cack or all(p in d.guaranteed or p in d.named or p == rel
                                         for p in range(cack + 1, rel + 1)) or d.guaranteed
                      # The clear was on the wire, but had not reached the target yet.
                      or any(d.sent[p].answer for p in range(cack + 1, rel + 1)),
                      "ACK out of order on a ROD PDC")
        if sent.is_cp():
            self.need(pkt["pds.next_hdr"] == uet.NONE, "an ACK of a CP carries SES (01, 4.11)")
            self.need(not pkt["pds.flags.req"], "REQ in the ACK of a CP")
        else:
            self.ses.on_answer(pkt, d, sent, rel, cack, from_init)
        d.named.add(rel)

    def on_nack(self, pkt):
        code = pkt["pds.nack_code"]
        self.need(pkt["pds.flags.rsvd"] == 0, "reserved flags %#x", pkt["pds.flags.rsvd"])
        self.need(code in uet.NACK_CODES and code != 0x03, "NACK code %#x", code)
        self.need(pkt["pds.next_hdr"] == uet.NONE, "next_hdr of a NACK (Q26)")
        self.need(pkt["pds.type"] == uet.NACK, "NACK_CCX is not to be sent (Q5)")
        self.need(not pkt["pds.flags.nt"], "NT without RUDI")
        self.need(pkt["pds.spdcid"] or code in NO_PDC_CODES, "SPDCID 0 with this code")
        pdc, from_init = self.find(pkt)
        if not pdc or pkt["pds.flags.nt"]:
            return
        self.learn_target(pkt, pdc, from_init)
        d = pdc.of(not from_init)
        rel, payload = d.rel(pkt["pds.nack_psn"]), d.rel(pkt["pds.payload"])
        if not self.need(0 <= rel < len(d.sent), "NACK of PSN %d, never sent", rel):
            return
        self.need(not pkt["pds.flags.retx"] or d.sent[rel].retx, "RETX, but it was sent once")
        self.need(not pkt["pds.flags.m"] or d.ce, "M although nothing was CE-marked")
        if code == 0x0D:
            self.need(pdc.mode == uet.ROD, "ROD_OOO on a RUD PDC")
            self.need(d.cack < payload < rel, "ROD_OOO %d expects PSN %d, CACK is %d", rel,
                      payload, d.cack)
        elif code in (0x01, 0x02, 0x1A):
            self.need(payload <= len(d.sent), "payload (Q9)")
        else:
            self.need(pkt["pds.payload"] == 0, "payload %#x (Q9)", pkt["pds.payload"])

    # ---- all ----

    def packet(self, pkt):
        self.pkt = pkt
        pkt.src = (pkt["ip.src"], pkt["udp.src_port"])
        pkt.dst = (pkt["ip.dst"], pkt["udp.dst_port"])
        self.kinds[pkt.kind()] += 1
        self.check_ip(pkt)
        kind = pkt["pds.type"]
        if kind in uet.REQUESTS:
            self.on_request(pkt)
        elif kind == uet.CP:
            self.on_cp(pkt)
        elif kind in uet.ACKS:
            self.on_ack(pkt)
        elif kind in uet.NACKS:
            self.on_nack(pkt)
        else:
            self.bad("not sent by uet")

    def finish(self):
        for pdc in self.pdcs:
            for d in (pdc.forward, pdc.back):
                # Nobody may be there any more to acknowledge the last CLOSE_CMD.
                rest = len(d.sent) - 1 - d.acked - (d.close is not None and d.close > d.acked)
                if rest > 0 and not self.opt.unfinished:
                    self.bad("%d packets after this one were never acknowledged" % rest,
                             d.sent[d.acked + 1].pkt)
                if d.guaranteed and not self.opt.unfinished:
                    psn = min(d.guaranteed)
                    self.bad("its answer was never cleared", d.sent[psn].pkt)
            # After a repeated SYN packet there may be no time left for it (SYN_GUARD).
            if self.opt.closed and pdc.forward.close is None and not pdc.syn_retx:
                self.bad("the PDC of this packet was never closed", pdc.first)
        self.ses.finish()


def read(path, checker):
    for number, (link, when, frame) in enumerate(uet.read_pcap(path), 1):
        try:
            pkt = uet.decode_frame(frame, link)
        except uet.Malformed as error:
            lost = uet.Packet()
            lost.number = number
            lost.f = {"pds.type": 0}
            checker.problems.append((lost, "malformed: %s: %s" % (error, frame.hex()[:400])))
            continue
        if pkt:
            pkt.number, pkt.time = number, when
            checker.packet(pkt)


def show(checker):
    kinds, repeated = checker.kinds, sum(
        s.retx for p in checker.pdcs for d in (p.forward, p.back) for s in d.sent)
    print("  %d packets: %s" % (sum(kinds.values()), ", ".join(
        "%s %d" % pair for pair in sorted(kinds.items()))))
    print("  %d PDCs, %d messages, answers: %s; %d retransmissions" % (
        len(checker.pdcs), len(checker.ses.messages), checker.ses.summary(), repeated))
    seen = collections.Counter()
    for pkt, text in checker.problems:
        kind = re.sub(r"-?\b(0x)?[0-9a-f]+\b", "N", text)
        seen[kind] += 1
        if seen[kind] <= checker.opt.show:
            what = uet.dump(pkt) if pkt["pds.type"] else "#%d" % pkt.number
            print("VIOLATION packet #%d: %s\n    %s" % (pkt.number, text, what))
    for kind, count in seen.most_common():
        print("violations: %d x %s" % (count, kind))


def default_ttl():
    try:
        with open("/proc/sys/net/ipv4/ip_default_ttl", encoding="ascii") as file:
            return int(file.read())
    except OSError:
        return 64


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("pcap")
    parser.add_argument("--log", help="what was sent, as wire_traffic tells it")
    parser.add_argument("--group", type=int, default=8, help="ports per case in the log")
    parser.add_argument("--base", type=int, default=0, help="first port of the log's cases")
    parser.add_argument("--mtu", type=int, default=8192, help="payload bytes per packet")
    parser.add_argument("--job", type=lambda x: int(x, 0), default=1)
    parser.add_argument("--dscp-data", type=int, default=0)
    parser.add_argument("--dscp-control", type=int, default=46)
    parser.add_argument("--ttl", type=int, default=default_ttl())
    parser.add_argument("--flow-label", action="store_true", help="it must be 0")
    parser.add_argument("--closed", action="store_true", help="every PDC must end in CLOSE_CMD")
    parser.add_argument("--unfinished", action="store_true", help="the traffic was cut off")
    parser.add_argument("--show", type=int, default=3, help="examples of each kind of violation")
    parser.add_argument("--ecn", type=int, default=2, help="ECN bits of requests")
    parser.add_argument("--need", default="", help="kinds of packet that must occur: A,B")
    parser.add_argument("--retx", action="store_true", help="there must be retransmissions")
    options = parser.parse_args()
    checker = Checker(options)
    if options.log:
        with open(options.log, encoding="utf-8") as file:
            checker.ses.load(json.loads(line) for line in file)
    try:
        read(options.pcap, checker)
    except struct.error as error:
        print("the capture file is damaged: %s" % error)
        return 1
    checker.finish()
    show(checker)
    status = 1 if checker.problems else 0
    for kind in filter(None, options.need.split(",")):
        if not checker.kinds[kind]:
            print("there is no %s in the capture" % kind)
            status = 1
    if options.retx and not any(s.retx for p in checker.pdcs for s in p.forward.sent):
        print("there is no retransmission in the capture")
        status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
