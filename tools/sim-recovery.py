#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""How soon the goodput is back after a failure, from what uet_sim --csv PREFIX wrote.

    uet_sim --scenario spine-failure.scn --csv PREFIX
    tools/sim-recovery.py PREFIX [PREFIX ...] --at 500 --hosts 0-7 --left 7/8 --limit 426

Looks at the flows that cross the edge of the leaf with these hosts. What they got together in
the time before the failure, times the part of its links that is left, is what remains; goodput
is back when the mean over the 5 last base RTTs, and that over 40 from their start on, are 95 % of
that. Exits with 1 if that is later than the limit (10 RTTs and a retransmission time-out), or never.
"""
import argparse
import collections
import csv
import fractions
import sys

SHORT = 5	# samples, which are base RTTs
LONG = 40
STEADY = 20	# samples before the failure that count


def samples(prefix, hosts):
    """By time in us: bytes acknowledged to the flows between @hosts and others, up to then."""
    acked, at = collections.defaultdict(int), collections.OrderedDict()
    with open(f"{prefix}-series.csv", newline="", encoding="ascii") as f:
        for r in csv.DictReader(f):
            if (int(r["src"]) in hosts) != (int(r["dst"]) in hosts):
                acked[r["flow"]] = int(r["acked"])
            at[int(r["t_ns"]) / 1e3] = sum(acked.values())
    return list(at.items())


def recovery(prefix, args):
    s = samples(prefix, range(args.hosts[0], args.hosts[1] + 1))
    fail = next((i for i, (t, _) in enumerate(s) if t > args.at), 0) - 1
    if fail < STEADY or fail + LONG >= len(s):
        sys.exit(f"sim-recovery.py: {prefix}: too little before or after {args.at} us")

    def rate(i, n):
        return (s[i + n][1] - s[i][1]) / (s[i + n][0] - s[i][0])

    left = rate(fail - STEADY, STEADY) * float(args.left)
    after = next((s[i + SHORT][0] - args.at for i in range(fail, len(s) - LONG)
                  if min(rate(i, SHORT), rate(i, LONG)) >= args.part * left), None)
    ok = after is not None and after <= args.limit
    print(f"{prefix}: {left * 8e-3:.0f} Gb/s remain; {100 * rate(fail, SHORT) / left:.0f} % of it "
          f"at first, {100 * args.part:.0f} % or more "
          + ("never" if after is None else f"after {after:.0f} us")
          + f", limit {args.limit:.0f} us: {'good' if ok else 'too late'}")
    return ok


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prefix", nargs="+")
    parser.add_argument("--at", type=float, required=True, help="us: when it failed")
    parser.add_argument("--hosts", required=True, help="first-last of the leaf",
                        type=lambda v: tuple(int(x) for x in v.split("-")))
    parser.add_argument("--left", type=fractions.Fraction, required=True, help="part of its links")
    parser.add_argument("--limit", type=float, required=True, help="us")
    parser.add_argument("--part", type=float, default=0.95)
    args = parser.parse_args()
    sys.exit(0 if all([recovery(p, args) for p in args.prefix]) else 1)


if __name__ == "__main__":
    main()
