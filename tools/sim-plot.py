#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Pictures of a run of uet_sim: what --csv PREFIX wrote becomes PREFIX.png.

    tools/sim-plot.py PREFIX [PREFIX ...] [-o FILE] [--flows N] [--queues N]

Windows, queues and goodput over time, and the distribution of flow completion times. With
several prefixes (runs to be compared) the last picture shows all of them, and the others the
first. Needs Debian's python3-matplotlib.
"""
import argparse
import collections
import csv
import os
import sys

try:
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
except ImportError:
    sys.exit("sim-plot.py: needs matplotlib (Debian: apt-get install python3-matplotlib)")


def rows(prefix, what):
    name = f"{prefix}-{what}.csv"
    if not os.path.exists(name):
        sys.exit(f"sim-plot.py: {name} is not there: run uet_sim --csv {prefix}")
    with open(name, newline="", encoding="ascii") as f:
        yield from csv.DictReader(f)


def series(prefix, most):
    """By flow: times in ms, and the columns over them."""
    flows = collections.OrderedDict()
    for r in rows(prefix, "series"):
        f = flows.setdefault((r["flow"], r["src"], r["dst"]), collections.defaultdict(list))
        f["t"].append(int(r["t_ns"]) / 1e6)
        f["cwnd"].append(int(r["cwnd"]) / 1024)
        f["inflight"].append(int(r["inflight"]) / 1024)
        f["rtt"].append(int(r["rtt_ns"]) / 1e3)
        f["goodput"].append(float(r["goodput_bps"]) / 1e9)
    return dict(list(flows.items())[:most])


def queues(prefix, most):
    """The links with the longest queues: times in ms, and KiB."""
    links = collections.defaultdict(lambda: ([], []))
    for r in rows(prefix, "queues"):
        t, size = links[r["link"]]
        t.append(int(r["t_ns"]) / 1e6)
        size.append(int(r["bytes"]) / 1024)
    # A sender's own queue is not the network's.
    inside = {k: v for k, v in links.items() if not k.startswith("h")} or links
    return sorted(inside.items(), key=lambda kv: -sum(kv[1][1]))[:most]


def smooth(values, n):
    """Means of the last n values."""
    out, total = [], 0.0
    for i, v in enumerate(values):
        total += v - (values[i - n] if i >= n else 0.0)
        out.append(total / min(i + 1, n))
    return out


def plot_series(ax, prefix, args):
    flows = series(prefix, args.flows)
    for (flow, src, dst), f in flows.items():
        label = f"{flow}: {src} > {dst}"
        ax[0].plot(f["t"], f["cwnd"], linewidth=0.8, label=label)
        ax[1].plot(f["t"], smooth(f["goodput"], args.smooth), linewidth=0.8, label=label)
        ax[3].plot(f["t"], f["rtt"], linewidth=0.8, label=label)
    for link, (t, size) in queues(prefix, args.queues):
        ax[2].plot(t, size, linewidth=0.8, label=link)
    for a, what in zip(ax, ("window (KiB)", "goodput (Gb/s)", "queue (KiB)", "smoothed RTT (us)")):
        a.set_xlabel("time (ms)")
        a.set_ylabel(what)
        a.set_ylim(bottom=0)
        if len(a.lines) <= 12:
            a.legend(fontsize="x-small")


def plot_fct(ax, prefixes):
    for prefix in prefixes:
        fct = sorted(float(r["slowdown"]) for r in rows(prefix, "flows") if r["state"] == "done")
        share = [(i + 1) / len(fct) for i in range(len(fct))]
        ax.step(fct, share, where="post", label=os.path.basename(prefix))
    ax.set_xlabel("completion time / ideal of a flow alone")
    ax.set_ylabel("share of flows")
    ax.set_ylim(0, 1)
    ax.legend(fontsize="x-small")


def plot_sizes(ax, prefix):
    done = [r for r in rows(prefix, "flows") if r["state"] == "done"]
    ax.loglog([max(1, int(r["bytes"])) for r in done], [int(r["fct"]) / 1e3 for r in done],
              ".", markersize=2)
    ax.set_xlabel("bytes")
    ax.set_ylabel("completion time (us)")


def shrink(name, colors):
    from PIL import Image
    with Image.open(name) as image:
        small = image.convert("RGB").quantize(colors)
    small.save(name, optimize=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prefix", nargs="+")
    parser.add_argument("-o", "--output", help="picture (default: PREFIX.png)")
    parser.add_argument("--flows", type=int, default=32, help="most flows shown over time")
    parser.add_argument("--queues", type=int, default=8, help="most queues shown")
    parser.add_argument("--dpi", type=int, default=110, help="of a picture 12 by 11 inches")
    parser.add_argument("--colors", type=int, help="of a small PNG; needs python3-pil")
    parser.add_argument("--smooth", type=int, default=10, help="samples averaged in goodput")
    args = parser.parse_args()

    fig, ax = plt.subplots(3, 2, figsize=(12, 11))
    plot_series([ax[0][0], ax[0][1], ax[1][0], ax[1][1]], args.prefix[0], args)
    plot_fct(ax[2][0], args.prefix)
    plot_sizes(ax[2][1], args.prefix[0])
    fig.suptitle(os.path.basename(args.prefix[0]))
    fig.tight_layout()
    output = args.output or args.prefix[0] + ".png"
    fig.savefig(output, dpi=args.dpi)
    if args.colors:
        shrink(output, args.colors)
    print(output)


if __name__ == "__main__":
    main()
