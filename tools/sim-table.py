#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A Markdown table of runs of uet_sim.

    uet_sim --scenario X senders=8 --json x8.json ...
    tools/sim-table.py x8.json x16.json ...

One row per summary, named after its file. Goodput is per host that receives, as a part of its
link's rate.
"""
import json
import os
import sys

HEAD = ("run", "goodput / link", "Jain", "first / last us", "time / ideal", "mean queue, BDP",
        "dropped", "trimmed", "repeated")


def row(name):
    with open(name, encoding="utf-8") as f:
        d = json.load(f)
    window = d["window"] or {"goodput_bps": d["goodput_bps"], "jain": d["jain"],
                             "queue": {"mean_bdp": float("nan")}}
    flows = d["flows"]
    ended = "" if flows["done"] == flows["planned"] else f" ({flows['done']}/{flows['planned']})"
    return (os.path.splitext(os.path.basename(name))[0] + ended,
            f"{window['goodput_bps'] / d['link_bps'] / d['receivers']:.3f}",
            f"{d['jain']:.3f}",
            f"{d['first_fct_ns'] / 1e3:.0f} / {d['last_fct_ns'] / 1e3:.0f}",
            f"{d['time_over_ideal']:.3f}",
            f"{window['queue']['mean_bdp']:.2f}",
            str(d["network"]["dropped"]), str(d["network"]["trimmed"]),
            str(d["retransmitted"]["packets"]))


def main():
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__.strip())
    for cells in (HEAD, ("---",) * len(HEAD), *map(row, sys.argv[1:])):
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
