#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""
Decoder of Ultra Ethernet Transport packets, written from the wire format's tables alone: it
shares nothing with the provider that it is used to check.

    decode_uet.py --self-test DIR      compare with DIR/vectors-pds.json and vectors-ses.json
    decode_uet.py FILE                 print every packet of a pcap or pcapng file
    decode_uet.py --hex HEXBYTES       decode from the first byte of a PDS header

decode_frame() takes a captured frame, decode_ip() an IP packet, decode_uet() what follows the
UDP header; each gives a Packet whose .f holds the fields by name (pds.psn, ses.opcode, ...).
Anything that does not fit raises Malformed.
"""
import ipaddress
import json
import os
import struct
import sys

PORT = 4793
LINK_ETHERNET, LINK_COOKED, LINK_COOKED2, LINK_NULL, LINK_RAW = 1, 113, 276, 0, 101

PDS_TYPES = {
    1: "TSS", 2: "RUD_REQ", 3: "ROD_REQ", 4: "RUDI_REQ", 5: "RUDI_RESP", 6: "UUD_REQ",
    7: "ACK", 8: "ACK_CC", 9: "ACK_CCX", 10: "NACK", 11: "CP", 12: "NACK_CCX",
    13: "RUD_CC_REQ", 14: "ROD_CC_REQ",
}
PDS_SIZE = {2: 12, 3: 12, 4: 8, 5: 8, 6: 4, 7: 12, 8: 32, 9: 40, 10: 16, 11: 16, 12: 32,
            13: 16, 14: 16}
CTL_TYPES = {
    0: "NOOP", 1: "ACK_REQ", 2: "CLEAR_CMD", 3: "CLEAR_REQ", 4: "CLOSE_CMD", 5: "CLOSE_REQ",
    6: "PROBE", 7: "CREDIT", 8: "CREDIT_REQ", 9: "NEGOTIATION",
}
NACK_CODES = {
    0x01: "TRIMMED", 0x02: "TRIMMED_LASTHOP", 0x03: "TRIMMED_ACK", 0x04: "NO_PDC_AVAIL",
    0x05: "NO_CCC_AVAIL", 0x06: "NO_BITMAP", 0x07: "NO_PKT_BUFFER", 0x08: "NO_GTD_DEL_AVAIL",
    0x09: "NO_SES_MSG_AVAIL", 0x0A: "NO_RESOURCE", 0x0B: "PSN_OOR_WINDOW", 0x0D: "ROD_OOO",
    0x0E: "INV_DPDCID", 0x0F: "PDC_HDR_MISMATCH", 0x10: "CLOSING", 0x11: "CLOSING_IN_ERR",
    0x12: "PKT_NOT_RCVD", 0x13: "GTD_RESP_UNAVAIL", 0x14: "ACK_WITH_DATA",
    0x15: "INVALID_SYN", 0x16: "PDC_MODE_MISMATCH", 0x17: "NEW_START_PSN",
    0x18: "RCVD_SES_PROCG", 0x19: "UNEXP_EVENT", 0x1A: "RCVR_INFER_LOSS",
    0xFD: "EXP_NACK_NORMAL", 0xFE: "EXP_NACK_ERR", 0xFF: "EXP_NACK_FATAL",
}
NONE, SMALL, MEDIUM, STD, RESPONSE, RESP_DATA, RESP_DATA_SMALL = range(7)
NEXT_HDRS = ["NONE", "REQ_SMALL", "REQ_MEDIUM", "REQ_STD", "RESPONSE", "RESPONSE_DATA",
             "RESPONSE_DATA_SMALL"]
OPCODES = ["NO_OP", "WRITE", "READ", "ATOMIC", "FETCHING_ATOMIC", "SEND", "RENDEZVOUS_SEND",
           "DATAGRAM_SEND", "DEFERRABLE_SEND", "TAGGED_SEND", "RENDEZVOUS_TSEND",
           "DEFERRABLE_TSEND", "DEFERRABLE_RTR", "TSEND_ATOMIC", "TSEND_FETCH_ATOMIC",
           "MSG_ERROR"]
RESP_OPCODES = ["DEFAULT_RESPONSE", "RESPONSE", "RESPONSE_W_DATA", "NO_RESPONSE"]
NO_OP, READ, DEF_SEND, DEF_TSEND, RTR, MSG_ERROR = 0x00, 0x02, 0x08, 0x0B, 0x0C, 0x0F
RENDEZVOUS = (0x06, 0x0A)
ATOMICS = (0x03, 0x04, 0x0D, 0x0E)
VENDOR_ATOMIC = 0x30    # uet's own: operands of any count, docs/wire.md

RUD, ROD, RUDI_REQ, RUDI_RESP, UUD = 2, 3, 4, 5, 6
ACK, ACK_CC, ACK_CCX, NACK, CP, NACK_CCX, RUD_CC, ROD_CC = 7, 8, 9, 10, 11, 12, 13, 14
REQUESTS = (RUD, ROD, RUD_CC, ROD_CC)
ACKS = (ACK, ACK_CC, ACK_CCX)
NACKS = (NACK, NACK_CCX)
MASK32 = 0xFFFFFFFF


class Malformed(Exception):
    """The bytes are no UET packet."""


class Packet:
    """One packet: .f fields by name, .payload bytes, .number and .time set by the reader."""

    def __init__(self):
        self.f = {}
        self.payload = b""
        self.number = 0
        self.time = 0.0

    def __getitem__(self, name):
        return self.f[name]

    def get(self, name, default=None):
        return self.f.get(name, default)

    def kind(self):
        """Short name: RUD_REQ, ACK_CC, CP/CLOSE_CMD, NACK/ROD_OOO, ..."""
        name = PDS_TYPES[self["pds.type"]]
        if self["pds.type"] == CP:
            return "CP/" + CTL_TYPES.get(self["pds.ctl_type"], "?")
        if self["pds.type"] in NACKS:
            return name + "/" + NACK_CODES.get(self["pds.nack_code"], "?")
        return name


class Reader:
    """Bit fields of a header, most significant bit first."""

    def __init__(self, data, need, what):
        if len(data) < need:
            raise Malformed("%s needs %d bytes, %d are there" % (what, need, len(data)))
        self.data = data

    def u(self, bit, width):
        first, last = bit // 8, (bit + width + 7) // 8
        value = int.from_bytes(self.data[first:last], "big")
        return (value >> (last * 8 - bit - width)) & ((1 << width) - 1)

    def s(self, bit, width):
        value = self.u(bit, width)
        return value - (1 << width) if value >> (width - 1) else value

    def take(self, out, prefix, *fields):
        for name, bit, width in fields:
            out[prefix + name] = self.u(bit, width)


# ---- packet delivery sublayer ----

def flag(out, name, mask, w):
    out["pds.flags." + name] = int(bool(w & mask))


def syn_or_dpdcid(r, f, syn):
    if not syn:
        f["pds.dpdcid"] = r.u(80, 16)
        return
    f["pds.pdc_info"] = r.u(80, 4)
    f["pds.psn_offset"] = r.u(84, 12)
    f["derived.start_psn"] = (f["pds.psn"] - f["pds.psn_offset"]) & MASK32


def pds_request(r, f, w):
    f["pds.flags.rsvd"] = w & 0x63
    for name, mask in (("retx", 0x10), ("ar", 0x08), ("syn", 0x04)):
        flag(f, name, mask, w)
    f["pds.clear_psn_offset"] = r.s(16, 16)
    r.take(f, "pds.", ("psn", 32, 32), ("spdcid", 64, 16))
    f["derived.clear_psn"] = (f["pds.psn"] + f["pds.clear_psn_offset"]) & MASK32
    syn_or_dpdcid(r, f, f["pds.flags.syn"])
    if f["pds.type"] in (RUD_CC, ROD_CC):
        r.take(f, "pds.", ("ccc_id", 96, 8), ("credit_target", 104, 24))


def pds_ack_cc_state(r, f):
    if f["pds.type"] == ACK_CCX:
        f["pds.ack_ccx_state"] = r.u(192, 128)
    elif f["pds.cc_type"] == 0:
        r.take(f, "pds.", ("service_time", 192, 16), ("restore_cwnd", 208, 1),
               ("rcv_cwnd_pend", 209, 7), ("rcvd_bytes", 216, 24), ("ooo_count", 240, 16))
    elif f["pds.cc_type"] == 1:
        r.take(f, "pds.", ("credit", 192, 24), ("rsvd_cc", 216, 24), ("ooo_count", 240, 16))


def pds_ack(r, f, w):
    f["pds.flags.rsvd"] = w & 0x41
    for name, mask in (("m", 0x20), ("retx", 0x10), ("p", 0x08)):
        flag(f, name, mask, w)
    f["pds.flags.req"] = (w >> 1) & 3
    r.take(f, "pds.", ("cack_psn", 32, 32), ("spdcid", 64, 16), ("dpdcid", 80, 16))
    if f["pds.flags.p"]:
        f["pds.probe_opaque"] = r.u(16, 16)
    else:
        f["pds.ack_psn_offset"] = r.s(16, 16)
        f["derived.ack_psn"] = (f["pds.cack_psn"] + f["pds.ack_psn_offset"]) & MASK32
    if f["pds.type"] == ACK:
        return
    r.take(f, "pds.", ("cc_type", 96, 4), ("cc_flags", 100, 4), ("mpr", 104, 8),
           ("sack_bitmap", 128, 64))
    f["pds.sack_psn_offset"] = r.s(112, 16)
    f["derived.sack_base_psn"] = (f["pds.cack_psn"] + f["pds.sack_psn_offset"]) & MASK32
    pds_ack_cc_state(r, f)


def pds_nack(r, f, w):
    f["pds.flags.rsvd"] = w & 0x47
    for name, mask in (("m", 0x20), ("retx", 0x10), ("nt", 0x08)):
        flag(f, name, mask, w)
    r.take(f, "pds.", ("nack_code", 16, 8), ("vendor_code", 24, 8), ("spdcid", 64, 16),
           ("dpdcid", 80, 16), ("payload", 96, 32))
    f["pds.nack_pkt_id" if f["pds.flags.nt"] else "pds.nack_psn"] = r.u(32, 32)
    if f["pds.type"] == NACK_CCX:
        r.take(f, "pds.", ("nccx_type", 128, 4), ("nack_ccx_state", 132, 124))


def pds_cp(r, f, w):
    f["pds.ctl_type"] = ctl = f.pop("pds.next_hdr")
    f["pds.flags.rsvd"] = w & 0x43
    for name, mask in (("isrod", 0x20), ("retx", 0x10), ("ar", 0x08), ("syn", 0x04)):
        flag(f, name, mask, w)
    r.take(f, "pds.", ("probe_opaque", 16, 16), ("psn", 32, 32), ("spdcid", 64, 16))
    syn_or_dpdcid(r, f, f["pds.flags.syn"])
    if ctl == 9:
        r = Reader(r.data, 20, "NEGOTIATION")
        r.take(f, "pds.", ("neg_type", 96, 8), ("neg_len", 104, 8), ("neg_rsvd", 112, 16),
               ("feature_mask", 128, 32))
        return 20
    f["pds.payload"] = r.u(96, 32)
    if ctl == 1:
        f["derived.message_id"] = f["pds.payload"]
    elif ctl == 7:
        r.take(f, "derived.", ("credit", 96, 24), ("rsvd8", 120, 8))
    elif ctl == 8:
        r.take(f, "derived.", ("ccc_id", 96, 8), ("credit_target", 104, 24))
    return 16


def pds_other(r, f, w):
    """RUDI and UUD: no connection."""
    kind = f["pds.type"]
    f["pds.rsvd16"] = r.u(16, 16)
    if kind == UUD:
        f["pds.flags"] = w & 0x7F
        return
    f["pds.flags.rsvd"] = w & 0x4F
    flag(f, "retx", 0x10, w)
    flag(f, "m", 0x20, w)               # reserved in a request
    f["pds.pkt_id"] = r.u(32, 32)


def decode_pds(data, f):
    """Fields of the PDS header into f; returns its length."""
    r = Reader(data, 2, "prologue")
    w = r.u(0, 16)
    kind = w >> 11
    if kind == 1:
        raise Malformed("TSS header: encrypted packets cannot be decoded")
    if kind not in PDS_SIZE:
        raise Malformed("reserved PDS type %d" % kind)
    size = PDS_SIZE[kind]
    r = Reader(data, size, PDS_TYPES[kind])
    f["pds.type"] = kind
    f["pds.next_hdr"] = (w >> 7) & 0xF
    if kind in REQUESTS:
        pds_request(r, f, w)
    elif kind in ACKS:
        pds_ack(r, f, w)
    elif kind in NACKS:
        pds_nack(r, f, w)
    elif kind == CP:
        size = pds_cp(r, f, w)
    else:
        pds_other(r, f, w)
    return size


# ---- semantic sublayer ----

def ses_prefix(r, f, sized):
    r.take(f, "ses.", ("rsvd0", 0, 2), ("opcode", 2, 6), ("ver", 8, 2), ("dc", 10, 1),
           ("ie", 11, 1), ("rel", 12, 1), ("hd", 13, 1), ("eom", 14, 1), ("som", 15, 1),
           ("ri_generation", 32, 8), ("job_id", 40, 24), ("rsvd_pid", 64, 4),
           ("pid_on_fep", 68, 12), ("rsvd_ri", 80, 4), ("resource_index", 84, 12))
    if sized:
        r.take(f, "ses.", ("rsvd_len", 16, 2), ("request_length", 18, 14))
    else:
        r.take(f, "ses.", ("message_id", 16, 16))


def ses_std(data, f):
    r = Reader(data, 44, "standard request")
    ses_prefix(r, f, False)
    op = f["ses.opcode"]
    r.take(f, "ses.", ("initiator", 160, 32), ("request_length", 320, 32))
    if op in (DEF_SEND, DEF_TSEND):
        r.take(f, "ses.", ("initiator_restart_token", 96, 32),
               ("target_restart_token", 128, 32), ("match_bits", 192, 64))
    elif op == RTR:
        r.take(f, "ses.", ("buffer_offset", 96, 64), ("initiator_restart_token", 192, 32),
               ("target_restart_token", 224, 32))
    else:
        r.take(f, "ses.", ("buffer_offset", 96, 64), ("match_bits", 192, 64))
    if f["ses.som"] or op == RTR:
        f["ses.header_data"] = r.u(256, 64)
    else:
        r.take(f, "ses.", ("rsvd_plen", 256, 18), ("payload_length", 274, 14),
               ("message_offset", 288, 32))
    name = {DEF_SEND: "DEFER", DEF_TSEND: "DEFER", RTR: "RTR"}.get(op, "STD")
    return 44, name if op == RTR else "%s_SOM%d" % (name, f["ses.som"])


def ses_small(data, f):
    r = Reader(data, 20, "small request")
    ses_prefix(r, f, True)
    f["ses.buffer_offset"] = r.u(96, 64)
    return 20, "SMALL"


def ses_medium(data, f):
    r = Reader(data, 32, "medium request")
    ses_prefix(r, f, True)
    f["ses.header_data" if f["ses.hd"] else "ses.buffer_offset"] = r.u(96, 64)
    r.take(f, "ses.", ("initiator", 160, 32), ("match_bits", 192, 64))
    return 32, "MEDIUM_HD%d" % f["ses.hd"]


def ses_extension(data, f):
    """The extension that the opcode asks for: its length and name."""
    op = f["ses.opcode"]
    if op in RENDEZVOUS:
        r = Reader(data, 24, "rendezvous extension")
        r.take(f, "ses.", ("eager_length", 0, 32), ("read_ri_generation", 32, 8),
               ("read_pid_on_fep", 40, 12), ("read_resource_index", 52, 12),
               ("read_offset", 64, 64), ("read_memory_key", 128, 64))
        return 24, "+RDV_EXT"
    if op not in ATOMICS and op != VENDOR_ATOMIC:
        return 0, ""
    r = Reader(data, 4, "atomic extension")
    r.take(f, "ses.", ("atomic_opcode", 0, 8), ("atomic_datatype", 8, 8),
           ("semantic_control", 16, 8), ("rsvd_ext", 24, 8))
    if op == VENDOR_ATOMIC or not 0x0D <= f["ses.atomic_opcode"] <= 0x13:
        return 4, "+AMO_EXT"
    r = Reader(data, 36, "compare-and-swap extension")
    r.take(f, "ses.", ("compare_value", 32, 128), ("swap_value", 160, 128))
    return 36, "+CSWAP_EXT"


def ses_response(data, f, kind):
    need = 20 if kind == RESP_DATA else 12
    if kind == RESPONSE and len(data) == 8:
        data = data + b"\0\0\0\0"       # the short default response
    r = Reader(data, need, NEXT_HDRS[kind])
    r.take(f, "ses.", ("list", 0, 2), ("opcode", 2, 6), ("ver", 8, 2), ("return_code", 10, 6),
           ("job_id", 40, 24))
    if kind == RESPONSE:
        r.take(f, "ses.", ("message_id", 16, 16), ("ri_generation", 32, 8),
               ("modified_length", 64, 32))
        return 12, "RESPONSE"
    f["ses.rsvd_gen"] = r.u(32, 8)
    if kind == RESP_DATA_SMALL:
        r.take(f, "ses.", ("rsvd_plen", 16, 2), ("payload_length", 18, 14),
               ("original_request_psn", 64, 32))
        return 12, "RESPONSE_DATA_SMALL"
    r.take(f, "ses.", ("response_message_id", 16, 16), ("read_request_message_id", 64, 16),
           ("rsvd_plen", 80, 2), ("payload_length", 82, 14), ("modified_length", 96, 32),
           ("message_offset", 128, 32))
    return 20, "RESPONSE_DATA"


def decode_ses(data, next_hdr, f):
    """Fields of the SES headers into f; returns their length."""
    if next_hdr == NONE:
        return 0
    if next_hdr > RESP_DATA_SMALL:
        raise Malformed("reserved next_hdr %d" % next_hdr)
    if next_hdr >= RESPONSE:
        size, name = ses_response(data, f, next_hdr)
        f["ses.format"] = name
        return min(size, len(data))
    size, name = {SMALL: ses_small, MEDIUM: ses_medium, STD: ses_std}[next_hdr](data, f)
    more, ext = ses_extension(data[size:], f)
    f["ses.format"] = name + ext
    return size + more


def payload_bounds(f, next_hdr):
    """Length that the SES header gives the payload, or None where the packet's end does."""
    if next_hdr in (NONE, RESPONSE):
        return 0
    if next_hdr in (RESP_DATA, RESP_DATA_SMALL):
        return f["ses.payload_length"]
    op = f["ses.opcode"]
    if op in (READ, NO_OP, RTR, MSG_ERROR) or "+CSWAP_EXT" in f["ses.format"]:
        return 0
    if next_hdr != STD:
        return f["ses.request_length"]
    if not f["ses.som"]:
        return f["ses.payload_length"]
    whole = f["ses.eager_length"] if op in RENDEZVOUS else f["ses.request_length"]
    return whole if f["ses.eom"] else None


# ---- whole packets ----

def crc32c(data):
    crc = MASK32
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ MASK32


def decode_uet(data, pkt=None, header_only=False):
    """Decode what follows the UDP (or entropy) header, without CRC trailer."""
    pkt = pkt or Packet()
    f = pkt.f
    at = decode_pds(data, f)
    next_hdr = f.get("pds.next_hdr", NONE)
    if f["pds.type"] in NACKS:
        next_hdr = NONE
    if header_only and at == len(data):
        return pkt
    at += decode_ses(data[at:], next_hdr, f)
    want = payload_bounds(f, next_hdr) if next_hdr else 0
    pkt.payload = data[at:]
    if want is not None and want != len(pkt.payload):
        raise Malformed("%d bytes of payload, the header says %d" % (len(pkt.payload), want))
    return pkt


def decode_ipv4(data, f):
    r = Reader(data, 20, "IPv4 header")
    r.take(f, "ip.", ("version", 0, 4), ("ihl", 4, 4), ("dscp", 8, 6), ("ecn", 14, 2),
           ("total_length", 16, 16), ("id", 32, 16), ("rsvd", 48, 1), ("df", 49, 1),
           ("mf", 50, 1), ("frag_offset", 51, 13), ("ttl", 64, 8), ("protocol", 72, 8),
           ("checksum", 80, 16))
    f["ip.src"] = str(ipaddress.IPv4Address(data[12:16]))
    f["ip.dst"] = str(ipaddress.IPv4Address(data[16:20]))
    size = 4 * f["ip.ihl"]
    if size < 20 or not size <= f["ip.total_length"] <= len(data):
        raise Malformed("IPv4 lengths: header %d, packet %d, captured %d"
                        % (size, f["ip.total_length"], len(data)))
    f["derived.ip_checksum_ok"] = ip_checksum(data[:size]) == 0
    if f["ip.mf"] or f["ip.frag_offset"]:
        raise Malformed("IPv4 fragment")
    return size, f["ip.total_length"], f["ip.protocol"]


def decode_ipv6(data, f):
    r = Reader(data, 40, "IPv6 header")
    r.take(f, "ip.", ("version", 0, 4), ("dscp", 4, 6), ("ecn", 10, 2), ("flow_label", 12, 20),
           ("payload_length", 32, 16), ("next_header", 48, 8), ("hop_limit", 56, 8))
    f["ip.src"] = str(ipaddress.IPv6Address(data[8:24]))
    f["ip.dst"] = str(ipaddress.IPv6Address(data[24:40]))
    proto, at, end = f["ip.next_header"], 40, 40 + f["ip.payload_length"]
    if end > len(data):
        raise Malformed("IPv6 packet of %d bytes, %d captured" % (end, len(data)))
    while proto in (0, 43, 60, 135):
        Reader(data[at:end], 8, "IPv6 extension header")
        proto, at = data[at], at + 8 * (data[at + 1] + 1)
    if proto == 44:
        raise Malformed("IPv6 fragment")
    return at, end, proto


def ip_checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def decode_ip(data, crc=False):
    """Decode an IP packet that carries UET over UDP or over protocol 253 or 254."""
    pkt = Packet()
    f = pkt.f
    version = data[0] >> 4 if data else 0
    if version not in (4, 6):
        raise Malformed("IP version %d" % version)
    at, end, proto = (decode_ipv4 if version == 4 else decode_ipv6)(data, f)
    f["derived.ip_header_bytes"] = at
    if proto == 17:
        r = Reader(data[at:end], 8, "UDP header")
        r.take(f, "udp.", ("src_port", 0, 16), ("dst_port", 16, 16), ("length", 32, 16),
               ("checksum", 48, 16))
        if f["udp.length"] != end - at:
            raise Malformed("UDP length %d in %d bytes" % (f["udp.length"], end - at))
        at += 8
    elif proto in (253, 254):
        Reader(data[at:end], 4, "entropy header").take(
            f, "entropy.", ("entropy", 0, 16), ("rsvd", 16, 16))
        at += 4
    else:
        raise Malformed("IP protocol %d" % proto)
    if crc:
        if end - at < 4:
            raise Malformed("no room for the CRC")
        end -= 4
        first = 12 if version == 4 else 8
        f["crc32c"] = int.from_bytes(data[end:end + 4], "little")
        f["derived.crc_first_byte_offset"] = first
        if crc32c(data[first:end]) != f["crc32c"]:
            raise Malformed("CRC 0x%08x is wrong" % f["crc32c"])
    return decode_uet(data[at:end], pkt)


def ip_of_frame(frame, link=LINK_ETHERNET):
    """The IP packet inside a frame, or None if it carries none."""
    if link == LINK_RAW:
        return frame
    if link == LINK_NULL:
        return frame[4:]
    at, size = {LINK_ETHERNET: (12, 14), LINK_COOKED: (14, 16), LINK_COOKED2: (0, 20)}[link]
    kind = frame[at:at + 2]
    while kind == b"\x81\x00":
        kind, size = frame[size + 2:size + 4], size + 4
    return frame[size:] if kind in (b"\x08\x00", b"\x86\xdd") else None


def decode_frame(frame, link=LINK_ETHERNET, crc=False):
    """Decode a captured frame; None if it is no IP packet."""
    ip = ip_of_frame(frame, link)
    return None if ip is None else decode_ip(ip, crc)


def read_pcap(path):
    """Yield (link type, time in seconds, frame) of a capture file, pcap or pcapng."""
    with open(path, "rb") as file:
        head = file.read(24)
        if head[:4] == b"\x0a\x0d\x0d\x0a":
            file.seek(0)
            yield from read_pcapng(file)
            return
        order, scale = {b"\xa1\xb2\xc3\xd4": (">", 1e-6), b"\xd4\xc3\xb2\xa1": ("<", 1e-6),
                        b"\xa1\xb2\x3c\x4d": (">", 1e-9), b"\x4d\x3c\xb2\xa1": ("<", 1e-9),
                        }[head[:4]]
        link = struct.unpack(order + "I", head[20:24])[0]
        while True:
            head = file.read(16)
            if len(head) < 16:
                return
            sec, frac, size, _ = struct.unpack(order + "IIII", head)
            yield link, sec + frac * scale, file.read(size)


def time_scale(options, order):
    """Seconds per unit of an interface's times, from its options."""
    while len(options) >= 4:
        code, size = struct.unpack(order + "HH", options[:4])
        if code == 9:           # if_tsresol: a power of 10, or of 2
            exponent = options[4]
            return 2.0 ** -(exponent & 0x7F) if exponent & 0x80 else 10.0 ** -exponent
        options = options[4 + (size + 3) // 4 * 4:]
    return 1e-6


def read_pcapng(file):
    """As read_pcap, of a pcapng file that stands at its start."""
    order, interfaces = "<", []
    while True:
        head = file.read(8)
        if len(head) < 8:
            return
        if head[:4] == b"\x0a\x0d\x0d\x0a":
            magic = file.read(4)
            order, interfaces = "<" if magic == b"\x4d\x3c\x2b\x1a" else ">", []
            file.seek(-4, os.SEEK_CUR)
        kind, size = struct.unpack(order + "II", head)
        body = file.read(size - 8)[:-4]
        if kind == 1:
            link = struct.unpack(order + "H", body[:2])[0]
            interfaces.append((link, time_scale(body[8:], order)))
        elif kind == 6:
            number, high, low, kept = struct.unpack(order + "IIII", body[:16])
            link, scale = interfaces[number]
            yield link, (high << 32 | low) * scale, body[20:20 + kept]


NOT_SHOWN = {
    "pds.type", "pds.next_hdr", "pds.ctl_type", "pds.nack_code", "ses.opcode", "ip.src",
    "ip.dst", "ip.version", "ip.ihl", "ip.total_length", "ip.payload_length", "ip.id", "ip.df",
    "ip.frag_offset", "ip.ttl", "ip.hop_limit", "ip.protocol", "ip.next_header", "ip.checksum",
    "ip.flow_label", "derived.ip_header_bytes", "derived.ip_checksum_ok", "udp.src_port",
    "udp.dst_port", "udp.length", "udp.checksum",
}


def dump(pkt):
    """One line of text with every field that says something."""
    f = pkt.f
    words = ["#%d" % pkt.number, "%.6f" % pkt.time] if pkt.number else []
    if "ip.src" in f:
        words.append("%s:%s > %s:%s" % (f["ip.src"], f.get("udp.src_port", "-"), f["ip.dst"],
                                        f.get("udp.dst_port", "-")))
    words.append(pkt.kind())
    next_hdr = f.get("pds.next_hdr", NONE)
    if next_hdr and "ses.opcode" in f:
        names = OPCODES if next_hdr < RESPONSE else RESP_OPCODES
        op = f["ses.opcode"]
        words.append(names[op] if op < len(names) else "opcode %#x" % op)
    for name, value in f.items():
        if name in NOT_SHOWN:
            continue
        if not value and not name.endswith(("psn", "psn_offset", "mpr", "length")):
            continue
        if isinstance(value, int):
            value = "%#x" % value if value > 9 and "length" not in name else "%d" % value
        words.append("%s=%s" % (name, value))
    if pkt.payload:
        words.append("payload=%dB" % len(pkt.payload))
    return " ".join(words)


# ---- self-test ----

def same(want, got):
    if isinstance(got, bytes):
        return want == got.hex()
    if isinstance(got, str):
        return want == got
    return got is not None and int(str(want), 0) == got


def compare(name, want, got, optional, problems):
    for key, value in want.items():
        if not same(value, got.get(key)):
            problems.append("%s: %s is %r, should be %r" % (name, key, got.get(key), value))
    for key in sorted(set(got) - set(want) - optional):
        if got[key] or not key.startswith(("ses.rsvd", "ip.")):
            problems.append("%s: extra field %s" % (name, key))


def test_pds_vector(vector, problems):
    name, data, want = vector["name"], bytes.fromhex(vector["hex"]), vector["fields"]
    optional = {"ses.format", "derived.ip_header_bytes", "derived.ip_checksum_ok", "payload"}
    try:
        if "ip.version" in want:
            pkt = decode_ip(data, crc="crc32c" in want)
            if not pkt.get("derived.ip_checksum_ok", True):
                problems.append(name + ": IP checksum")
        else:
            pkt = decode_uet(data, header_only=True)
    except Malformed as error:
        problems.append("%s: %s" % (name, error))
        return
    got = dict(pkt.f)
    if pkt.payload:
        got["payload"] = pkt.payload
    if "ses.response_message_id" in got:        # these vectors name two fields otherwise
        got["ses.message_id"] = got.pop("ses.response_message_id")
        got["ses.ri_generation"] = got.pop("ses.rsvd_gen")
    compare(name, want, got, optional, problems)


def test_ses_vector(vector, problems):
    data, want, f = bytes.fromhex(vector["hex"]), dict(vector["fields"]), {}
    next_hdr = want.pop("pds_next_hdr")
    try:
        size = decode_ses(data, next_hdr, f)
    except Malformed as error:
        problems.append("%s: %s" % (vector["name"], error))
        return
    got = {key[4:]: value for key, value in f.items() if not key.startswith("ses.rsvd")}
    got["version"], got["header_bytes"] = got.pop("ver"), size
    names = OPCODES if next_hdr < RESPONSE else RESP_OPCODES
    got["opcode_name"] = names[got["opcode"]]
    compare(vector["name"], want, got, set(), problems)
    for cut in range(size):
        try:
            decode_ses(data[:cut], next_hdr, {})
        except Malformed:
            continue
        if not (next_hdr == RESPONSE and cut == 8):
            problems.append("%s: %d bytes were accepted" % (vector["name"], cut))


def test_cut(vector, problems):
    """No shorter piece of a PDS header may be taken for the whole."""
    if "ip.version" in vector["fields"] or "ses.opcode" in vector["fields"]:
        return
    data = bytes.fromhex(vector["hex"])
    for cut in range(len(data)):
        try:
            decode_uet(data[:cut], header_only=True)
        except Malformed:
            continue
        problems.append("%s: %d bytes were accepted" % (vector["name"], cut))


def self_test(folder):
    problems, count = [], 0
    for name, test in (("vectors-pds.json", test_pds_vector),
                       ("vectors-ses.json", test_ses_vector)):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            vectors = json.load(file)
        for vector in vectors:
            count += 1
            test(vector, problems)
            if test is test_pds_vector:
                test_cut(vector, problems)
    if crc32c(b"123456789") != 0xE3069283 or crc32c(bytes(32)) != 0x8A9136AA:
        problems.append("CRC-32C check values")
    for problem in problems:
        print("not ok: " + problem)
    print("decoder: %d vectors, %d problems" % (count, len(problems)))
    return 1 if problems or count < 100 else 0


def print_file(path):
    bad = 0
    for number, (link, when, frame) in enumerate(read_pcap(path), 1):
        try:
            pkt = decode_frame(frame, link)
        except Malformed as error:
            print("#%d malformed: %s" % (number, error))
            bad += 1
            continue
        if pkt:
            pkt.number, pkt.time = number, when
            print(dump(pkt))
    return 1 if bad else 0


def main(args):
    if len(args) == 2 and args[0] == "--self-test":
        return self_test(args[1])
    if len(args) == 2 and args[0] == "--hex":
        print(dump(decode_uet(bytes.fromhex(args[1]), header_only=True)))
        return 0
    if len(args) == 1 and not args[0].startswith("-"):
        return print_file(args[0])
    print(__doc__.strip(), file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
