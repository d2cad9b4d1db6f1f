# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The semantic sublayer's part of check_uet.py: messages, their answers, their contents."""
import collections
import struct

import decode_uet as uet

SEND, TAGGED_SEND = 0x05, 0x09
DEFERRABLE_SEND, DEFERRABLE_TSEND = 0x08, 0x0B
SENDS = (SEND, TAGGED_SEND, DEFERRABLE_SEND, DEFERRABLE_TSEND)
TAGGED = (TAGGED_SEND, DEFERRABLE_TSEND)
DEFER_SIZE = 65536  # longer ones are deferrable (FI_UET_DEFER_SIZE)
DEFAULT, ANSWER, W_DATA, NO_ANSWER = range(4)
OK, BAD_JOB_ID = 0x01, 0x1B
CONSTANT = ("opcode", "ver", "dc", "ie", "rel", "message_id", "ri_generation", "job_id",
            "pid_on_fep", "resource_index", "buffer_offset", "initiator_restart_token",
            "target_restart_token", "initiator", "match_bits",
            "request_length")
MASK64 = (1 << 64) - 1


def mix(x):
    """One step of splitmix64, from which the programs make their contents."""
    x = (x + 0x9E3779B97F4A7C15) & MASK64
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK64
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK64
    return x ^ (x >> 31)


def contents(ident, size):
    seed = mix(ident)
    words = [mix((seed + i) & MASK64) for i in range(0, size, 8)]
    return struct.pack("=%dQ" % len(words), *words)[:size]


WINDOW = 1024                   # PSNs that a direction may have open


class Message:
    """A message: its packets so far and what the target answered."""

    def __init__(self, pkt, d):
        self.first = pkt
        self.d = d
        self.ident = pkt["ses.message_id"]
        self.size = pkt["ses.request_length"]
        self.psns = []
        self.data = []
        self.seen = 0
        self.whole = False
        self.final = None       # the answer that is more than NO_RESPONSE
        self.order = None

    def acknowledged(self):
        return self.whole and self.psns[-1] <= self.d.acked


class SesChecker:
    """Driven by check_uet.Checker, which has checked the packet delivery header."""

    def __init__(self, checker):
        self.top = checker
        self.bad, self.need = checker.bad, checker.need
        self.messages = []
        self.outstanding = {}   # (endpoint, message id) -> Message
        self.endpoints = None   # (address, port) -> JobID, when there is a log
        self.orders = {}        # endpoint -> deque of what it was asked to send
        self.answers = collections.Counter()

    def load(self, lines):
        """Take in what wire_traffic wrote."""
        self.endpoints, by_port, places = {}, {}, {}
        orders = []
        for line in lines:
            if "ep" not in line:
                orders.append(line)
                continue
            end = (line["addr"], line["ep"])
            self.endpoints[end] = line["job"]
            by_port[line["ep"]] = end
            places[(self.group(line["ep"]), line["rank"])] = end
        for order in orders:
            order["to"] = places[(self.group(order["from"]), order["peer"])]
            end = by_port[order["from"]]
            self.orders.setdefault(end, collections.deque()).append(order)

    def group(self, port):
        return (port - self.top.opt.base) // self.top.opt.group

    # ---- requests ----

    def on_request(self, pkt, pdc, d, sent, new, from_init):
        if not from_init:
            self.bad("a request of the target: nothing reads here (01, 5.1)")
            return
        if not self.need(pkt["pds.next_hdr"] == uet.STD, "next_hdr %d: standard requests only",
                         pkt["pds.next_hdr"]):
            return
        self.check_header(pkt)
        if not sent or not new:
            return
        if pkt["ses.som"]:
            self.begin(pkt, d)
        msg = d.open_msg
        if not self.need(msg, "SOM=0 without a message (01, 5.1)"):
            return
        sent.msg = msg
        self.append(pkt, msg, d.rel(pkt["pds.psn"]))
        if pkt["ses.eom"]:
            # Nobody waits for the end of an injected message: it may be acknowledged later.
            self.need(pkt["pds.flags.ar"] or not msg.order or msg.order["inject"],
                      "EOM without AR (01, 7.3)")
            self.end(pkt, msg)
            d.open_msg = None

    def check_header(self, pkt):
        job = self.endpoints[pkt.src] if self.endpoints and pkt.src in self.endpoints \
            else self.top.opt.job
        if not self.need(pkt["ses.opcode"] in SENDS, "opcode %#x", pkt["ses.opcode"]):
            return
        deferrable = pkt["ses.opcode"] in (DEFERRABLE_SEND, DEFERRABLE_TSEND)
        self.need(deferrable == (pkt["ses.request_length"] > DEFER_SIZE),
                  "opcode %#x for %d bytes", pkt["ses.opcode"], pkt["ses.request_length"])
        # Nothing in these captures is deferred, so nothing is restarted either.
        self.need(not deferrable or (pkt["ses.initiator_restart_token"] and
                                     not pkt["ses.target_restart_token"]), "restart tokens")
        self.need(pkt["ses.ver"] == 0, "version %d", pkt["ses.ver"])
        self.need(pkt["ses.ie"] == 0, "IE")
        self.need(pkt["ses.rel"] == 1, "REL=0")
        self.need(pkt["ses.ri_generation"] == 0, "generation %d", pkt["ses.ri_generation"])
        for name in ("rsvd0", "rsvd_pid", "rsvd_ri", "rsvd_plen"):
            self.need(not pkt.get("ses." + name), "reserved bits: %s", name)
        self.need(pkt["ses.job_id"] == job, "JobID %#x, not %#x", pkt["ses.job_id"], job)
        self.need(pkt["ses.message_id"] not in (0, 0xFFFF), "message id %#x (Q1)",
                  pkt["ses.message_id"])
        pid = (pkt.dst[1] - uet.PORT) % 4096
        self.need(pkt["ses.pid_on_fep"] == pid, "PIDonFEP %#x, not %#x of port %d",
                  pkt["ses.pid_on_fep"], pid, pkt.dst[1])
        self.need(pkt["ses.resource_index"] == 1, "resource index %d", pkt["ses.resource_index"])
        self.need(pkt["ses.initiator"] == pkt.src[1], "initiator %d, not the port %d",
                  pkt["ses.initiator"], pkt.src[1])
        self.need(not pkt.get("ses.buffer_offset"), "buffer_offset in a send")
        self.need(pkt["ses.opcode"] in TAGGED or not pkt["ses.match_bits"],
                  "match bits in an untagged send")
        if pkt["ses.som"]:
            self.need(pkt["ses.hd"] or not pkt["ses.header_data"], "header_data without HD")
        else:
            self.need(not pkt["ses.hd"], "HD without SOM (Q25)")

    def begin(self, pkt, d):
        self.need(d.open_msg is None, "a message inside another one (01, 5.1)")
        key = (pkt.src, pkt["ses.message_id"])
        old = self.outstanding.get(key)
        self.need(not old or old.acknowledged(), "message id %#x is still in use (02, 6)",
                  pkt["ses.message_id"])
        d.open_msg = self.outstanding[key] = msg = Message(pkt, d)
        self.messages.append(msg)
        if self.endpoints is not None:
            self.take_order(pkt, msg)

    def append(self, pkt, msg, psn):
        mtu, size = self.top.opt.mtu, len(pkt.payload)
        for name in CONSTANT:
            self.need(pkt.get("ses." + name) == msg.first.get("ses." + name),
                      "%s changes within a message", name)
        if not pkt["ses.som"]:
            self.need(pkt.get("ses.message_offset") == msg.seen, "message_offset %s, not %d",
                      pkt.get("ses.message_offset"), msg.seen)
        self.need(size == min(mtu, max(msg.size - msg.seen, 0)),
                  "%d bytes of payload, %d of %d are left (payload MTU %d)", size,
                  msg.size - msg.seen, msg.size, mtu)
        msg.psns.append(psn)
        msg.data.append(pkt.payload)
        msg.seen += size
        self.need(pkt["ses.eom"] == (msg.seen >= msg.size), "EOM=%d after %d of %d bytes",
                  pkt["ses.eom"], msg.seen, msg.size)

    def end(self, pkt, msg):
        msg.whole = True
        if msg.order:
            want = contents(msg.order["id"], msg.size)
            self.need(b"".join(msg.data) == want, "not the bytes that were sent")
        msg.data = []

    def take_order(self, pkt, msg):
        queue = self.orders.get(pkt.src)
        if not self.need(queue, "a message that nobody asked for"):
            return
        msg.order = o = queue.popleft()
        tagged = o["op"] == "tsend"
        opcode = SENDS[int(tagged) + 2 * (o["len"] > DEFER_SIZE)]
        want = {"opcode": opcode, "request_length": o["len"],
                "match_bits": o["id"] if tagged else 0, "hd": int(o["data"]), "dc": o["dc"],
                "header_data": ~o["id"] & MASK64 if o["data"] else 0}
        for name, value in want.items():
            self.need(pkt.get("ses." + name) == value, "%s is %s, %#x was asked for (%s)", name,
                      pkt.get("ses." + name), value, o)
        self.need(pkt.dst == tuple(o["to"]), "sent to %s:%d", *pkt.dst)
        rod = pkt["pds.type"] in (uet.ROD, uet.ROD_CC)
        self.need(rod == bool(o["rod"]), "the other delivery mode was asked for")

    # ---- answers ----

    def on_answer(self, pkt, d, sent, psn, cack, from_init):
        """An ACK names a request packet; it must carry that packet's answer."""
        if not self.need(pkt["pds.next_hdr"] == uet.RESPONSE, "next_hdr %d in this ACK",
                         pkt["pds.next_hdr"]):
            return
        self.need(pkt["ses.ver"] == 0, "version %d", pkt["ses.ver"])
        self.need(pkt["ses.opcode"] in (DEFAULT, ANSWER, NO_ANSWER), "opcode %d of an answer",
                  pkt["ses.opcode"])
        self.need(pkt["ses.ri_generation"] == 0, "generation in an answer")
        msg = sent.msg
        if not msg:
            return
        op = pkt["ses.opcode"]
        lazy = op == DEFAULT and not pkt["ses.message_id"] and not pkt["ses.job_id"]
        self.need(lazy or pkt["ses.message_id"] == msg.ident,
                  "message id %#x, that of the named packet is %#x (01, 4.16)",
                  pkt["ses.message_id"], msg.ident)
        self.need(lazy or pkt["ses.job_id"] == msg.first["ses.job_id"], "JobID of another job")
        if op == ANSWER:
            self.on_real_answer(pkt, d, msg, sent, psn, cack)
            return
        if op == NO_ANSWER:
            self.on_no_answer(pkt, d, msg, cack)
        else:
            self.on_default(pkt, d, msg, sent, psn, cack)

    def on_real_answer(self, pkt, d, msg, sent, psn, cack):
        got = (pkt["ses.list"], pkt["ses.return_code"], pkt["ses.modified_length"])
        where, code, size = got
        self.need(pkt["pds.flags.req"] == 1, "a guaranteed answer without REQ_CLEAR (01, 7.5)")
        self.need(cack < psn or d.clear >= psn, "CACK covers a guaranteed answer (01, 7.4)")
        self.need(code != 0, "RESPONSE with RC_NULL")
        self.need(code == OK or where == 0 and size == 0,
                  "an error with list %d, modified_length %d (02, 7.1)", where, size)
        if code == OK and where == 0:
            self.need(size < msg.size, "RESPONSE, although nothing is special (02, 7.1)")
        if code == OK and where == 1:
            self.need(size == msg.size, "unexpected, modified_length %d of %d", size, msg.size)
        self.need(where < 2, "list %d", where)
        self.need(not sent.answer or sent.answer == got, "the answer was %s before", sent.answer)
        self.need(code != OK or not msg.final or msg.final == got, "a second answer: %s, %s",
                  msg.final, got)
        sent.answer = got
        if psn > d.clear:
            d.guaranteed.add(psn)
        msg.final = msg.final or got
        self.answers["list %d RC %#x" % (where, code)] += 1

    def plain(self, pkt, code):
        self.need(pkt["ses.list"] == 0 and pkt["ses.return_code"] == code,
                  "list %d, RC %#x (02, 7.1)", pkt["ses.list"], pkt["ses.return_code"])
        self.need(pkt["pds.flags.req"] != 1 or self.waits(pkt),
                  "REQ_CLEAR without a guaranteed answer")

    def waits(self, pkt):
        pdc, from_init = self.top.find(pkt)
        return bool(pdc.of(not from_init).guaranteed)

    def on_no_answer(self, pkt, d, msg, cack):
        self.plain(pkt, 0)
        d.told = max(d.told, cack)
        self.need(pkt["ses.modified_length"] == 0, "modified_length in NO_RESPONSE")
        self.need(len(msg.psns) > 1 or not msg.whole, "NO_RESPONSE for a message of one packet")
        self.answers["NO_RESPONSE"] += 1

    def on_default(self, pkt, d, msg, sent, psn, cack):
        self.plain(pkt, OK)
        self.need(pkt["ses.modified_length"] in (0, msg.size), "modified_length %d of %d",
                  pkt["ses.modified_length"], msg.size)
        again = sent.count > 1 or sent.asked or psn in d.named
        self.need(msg.whole or again or self.merged(d, psn, cack) or self.shows(pkt, psn, cack),
                  "DEFAULT_RESPONSE in the middle of a message (02, 7.1)")
        self.need(not sent.answer or d.clear >= psn, "a stored answer was lost")
        if pkt["ses.message_id"] and not again:
            d.told = max(d.told, cack)
        self.answers["DEFAULT"] += 1

    def shows(self, pkt, psn, cack):
        """A ROD target shows what it keeps behind a gap: the ACK names what came before that."""
        return self.top.find(pkt)[0].mode == uet.ROD and psn == cack and \
            pkt["pds.sack_bitmap"] and not pkt["ses.message_id"]

    @staticmethod
    def merged(d, psn, cack):
        """
        Whether an ACK may stand for more packets than the one it names: for those of a hole that
        closes (CACK jumps, and d is not yet told, or a hole further down holds it) and for
        repeated ones, which the source may have cleared before the ACK was recorded. The answer
        to an ACK_REQ or a repetition has the newest CACK, too, but leaves the ACK of what came
        meanwhile as it is.
        """
        return cack > d.told + 1 or any(
            other > cack and other not in d.named or d.sent[other].count > 1
            for other in range(max(0, psn - WINDOW), psn))

    # ---- end ----

    def check_outcome(self, msg):
        want, final = msg.order["want"], msg.final
        expected = {"expected": None, "unexpected": (1, OK, msg.size),
                    "truncated": (0, OK, msg.order["room"]),
                    "foreign": (0, BAD_JOB_ID, 0)}[want]
        if final != expected:
            self.bad("%s message: answer {list, RC, length} %s, not %s" % (
                want, final, expected), msg.first)

    def finish(self):
        for msg in self.messages:
            if not msg.whole and not self.top.opt.unfinished:
                self.bad("the message ends after %d of %d bytes" % (msg.seen, msg.size),
                         msg.first)
            elif msg.order:
                self.check_outcome(msg)
        for end, queue in self.orders.items():
            if queue and not self.top.opt.unfinished:
                self.bad("%d messages of %s:%d were never on the wire, the first: %s" % (
                    len(queue), *end, queue[0]))

    def summary(self):
        return ", ".join("%s %d" % pair for pair in sorted(self.answers.items())) or "none"
