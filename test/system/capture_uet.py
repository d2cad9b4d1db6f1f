#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""
Record the UDP packets that a command sends over loopback.

    capture_uet.py -o FILE.pcap -p LOW-HIGH [-t SECONDS] -- COMMAND ...

Keeps packets with a port from LOW to HIGH, in the order in which they were sent. The kernel
shows a packet socket several segments of one send as one big packet; such a packet is split
again into what a wire would see. The last line of output is one JSON object: packets, split
(how many of them came out of big ones), dropped, unreadable, status of the command.

Exit status: 0, the command's own if not 0, 77 without the right to capture, 75 if the kernel
dropped packets (repeat with less load), 76 if the kernel cannot describe big packets.
"""
import argparse
import ctypes
import errno
import fcntl
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time

ETH_P_ALL = 3
SOL_PACKET, PACKET_STATISTICS, PACKET_VNET_HDR = 263, 6, 15
PACKET_OUTGOING = 4
SO_ATTACH_FILTER, SO_RCVBUFFORCE, SO_TIMESTAMPNS = 26, 33, 35
SNAP = 1 << 17
BUFFER = 512 << 20
VNET = struct.Struct("=BBHHHH")         # flags, gso_type, hdr_len, gso_size, csum start, offset
GSO_NONE, GSO_UDP_L4 = 0, 5
NO_RIGHT, DROPPED, UNREADABLE = 77, 75, 76


class Filter(ctypes.Structure):
    _fields_ = [("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte),
                ("k", ctypes.c_uint)]


def only_outgoing(sock):
    """Loopback shows each packet twice, coming and going: keep one, in the sender's order."""
    pkttype = 0xFFFFF000 + 4            # SKF_AD_OFF + SKF_AD_PKTTYPE
    prog = (Filter * 4)((0x28, 0, 0, pkttype), (0x15, 0, 1, PACKET_OUTGOING),
                        (0x06, 0, 0, SNAP), (0x06, 0, 0, 0))
    head = struct.pack("HL", 4, ctypes.addressof(prog))
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, head)


def open_socket():
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sock.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    only_outgoing(sock)
    sock.bind(("lo", ETH_P_ALL))
    sock.setblocking(False)
    return sock


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, 0x8914, struct.pack("16sH14x", b"lo", 0x1 | 0x40))  # SIOCSIFFLAGS


def own_namespace():
    """Without the right to capture here: begin again in a network namespace of our own."""
    if os.environ.get("UET_CAPTURE_NAMESPACE"):
        return
    os.environ["UET_CAPTURE_NAMESPACE"] = "1"
    probe = subprocess.run(["unshare", "--user", "--map-root-user", "--net", "true"],
                           stderr=subprocess.DEVNULL, check=False)
    if probe.returncode == 0:
        os.execvp("unshare", ["unshare", "--user", "--map-root-user", "--net", sys.executable]
                  + sys.argv)


class Recorder:
    """Takes packets from the socket into a capture file."""

    def __init__(self, sock, path, low, high):
        self.sock, self.low, self.high = sock, low, high
        self.packets = self.split = self.unreadable = 0
        self.buffer = bytearray(SNAP)
        self.file = open(path, "wb")
        self.file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, SNAP, 1))

    def write(self, sec, nsec, frame):
        self.file.write(struct.pack("<IIII", sec, nsec, len(frame), len(frame)))
        self.file.write(frame)
        self.packets += 1

    def wanted(self, frame, at):
        src, dst = struct.unpack_from("!HH", frame, at)
        return self.low <= src <= self.high or self.low <= dst <= self.high

    def segments(self, frame, udp, size):
        """Yield each segment of a big packet with the lengths that it has on a wire."""
        data = udp + 8
        for number, at in enumerate(range(data, len(frame), size)):
            part = bytearray(frame[:data]) + frame[at:at + size]
            struct.pack_into("!H", part, udp + 4, len(part) - udp)
            if part[14] >> 4 == 4:
                ident = struct.unpack_from("!H", part, 18)[0]
                struct.pack_into("!H", part, 16, len(part) - 14)
                struct.pack_into("!H", part, 18, (ident + number) & 0xFFFF if ident else 0)
                struct.pack_into("!H", part, 24, 0)
                total = sum(struct.unpack_from("!10H", part, 14))
                total = (total & 0xFFFF) + (total >> 16)
                struct.pack_into("!H", part, 24, (total + (total >> 16)) & 0xFFFF ^ 0xFFFF)
            else:
                struct.pack_into("!H", part, 18, len(part) - udp)
            yield part

    def take(self, frame, gso_type, gso_size, sec, nsec):
        kind = frame[12:14]
        if kind == b"\x08\x00" and frame[23] == 17:
            udp = 14 + 4 * (frame[14] & 15)
        elif kind == b"\x86\xdd" and frame[20] == 17:
            udp = 54
        else:
            return
        if not self.wanted(frame, udp):
            return
        if gso_type == GSO_NONE:
            self.write(sec, nsec, frame)
            return
        for part in self.segments(frame, udp, gso_size):
            self.write(sec, nsec, part)
            self.split += 1

    def read(self):
        """Take one packet; False when there is none."""
        try:
            size, extra, flags, _ = self.sock.recvmsg_into([self.buffer], 128)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            self.unreadable += 1
            return True
        _, gso_type, _, gso_size, _, _ = VNET.unpack_from(self.buffer)
        sec, nsec = struct.unpack("=qq", extra[0][2][:16]) if extra else (0, 0)
        if gso_type not in (GSO_NONE, GSO_UDP_L4):
            return True         # other people's TCP
        if flags & socket.MSG_TRUNC:
            self.unreadable += 1
            return True
        if size >= VNET.size + 42:
            self.take(bytes(self.buffer[VNET.size:size]), gso_type, gso_size, sec, nsec)
        return True

    def dropped(self):
        _, drops = struct.unpack("=II", self.sock.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        return drops


def record(recorder, child, limit):
    """Read packets until the command ended and no more come, or the time is over."""
    end, quiet = time.monotonic() + limit, None
    while True:
        if recorder.read():
            quiet = None
            continue
        now = time.monotonic()
        if now > end:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            return 124
        if child.poll() is not None:
            quiet = quiet or now
            if now - quiet > 0.05:
                return child.returncode
        select.select([recorder.sock], [], [], 0.02)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-o", dest="out", required=True)
    parser.add_argument("-p", dest="ports", required=True)
    parser.add_argument("-t", dest="limit", type=float, default=60)
    parser.add_argument("command", nargs="+")
    args = parser.parse_args()
    low, high = (int(port) for port in args.ports.split("-"))
    try:
        if os.environ.get("UET_CAPTURE_NAMESPACE"):
            loopback_up()
        sock = open_socket()
    except PermissionError:
        own_namespace()
        print("no right to capture packets: needs root, CAP_NET_RAW or user namespaces")
        return NO_RIGHT
    recorder = Recorder(sock, args.out, low, high)
    child = subprocess.Popen(args.command, start_new_session=True)
    status = record(recorder, child, args.limit)
    dropped = recorder.dropped()
    recorder.file.close()
    print(json.dumps({"packets": recorder.packets, "split": recorder.split,
                      "dropped": dropped, "unreadable": recorder.unreadable,
                      "status": status}), flush=True)
    if status:
        return status if 0 < status < 126 else 1
    return DROPPED if dropped else UNREADABLE if recorder.unreadable else 0


if __name__ == "__main__":
    sys.exit(main())
