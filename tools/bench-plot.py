#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Pictures of what tools/bench.sh or uet_bench measured: latency and bandwidth by message size.

    tools/bench-plot.py FILE.csv [-o PICTURE] [-t TEST ...] [-p CONTENDER ...]

One diagram for each test that was run with several sizes: a line through the medians and a band
over the range. Needs Debian's python3-matplotlib.
"""
import argparse
import csv
import os
import sys

try:
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import FuncFormatter, LogLocator
except ImportError:
    sys.exit("bench-plot.py: needs matplotlib (Debian: apt-get install python3-matplotlib)")


def read(name):
    """By test and contender: a list of (bytes, median, min, max), and the tests' units."""
    tests, units = {}, {}
    try:
        with open(name, newline="", encoding="utf-8") as f:
            for r in csv.DictReader(f):
                units[r["test"]] = r["unit"]
                lines = tests.setdefault(r["test"], {})
                label = r["contender"] + (f" x{r['count']}" if r["count"] != "0" else "")
                lines.setdefault(label, []).append(
                    (int(r["bytes"]), float(r["median"]), float(r["min"]), float(r["max"])))
    except (OSError, KeyError, ValueError, TypeError) as e:
        sys.exit(f"bench-plot.py: {name} is no CSV of bench.sh or uet_bench: {e!r}")
    return tests, units


def chosen(tests, args):
    """Tests with several sizes, those asked for if any were."""
    for t in args.test or ():
        if t not in tests:
            sys.exit(f"bench-plot.py: there is no {t} in {args.csv}")
    some = {}
    for test, lines in tests.items():
        if args.contender:
            lines = {c: v for c, v in lines.items() if c.split(" x")[0] in args.contender}
        sizes = {p[0] for v in lines.values() for p in v}
        if len(sizes) > 1 and (not args.test or test in args.test):
            some[test] = lines
    if not some:
        sys.exit("bench-plot.py: no test with several sizes to draw")
    return some


def size_text(size, _):
    for unit, name in ((1 << 20, "Mi"), (1 << 10, "Ki")):
        if size >= unit:
            return f"{size / unit:g} {name}"
    return f"{size:g}"


def draw(ax, test, lines, unit, colours):
    for label, points in lines.items():
        points.sort()
        x, median, low, high = zip(*points)
        colour = colours.setdefault(label, f"C{len(colours) % 10}")
        ax.plot(x, median, marker=".", linewidth=1.2, label=label, color=colour)
        ax.fill_between(x, low, high, alpha=0.15, color=colour, linewidth=0)
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.xaxis.set_major_locator(LogLocator(base=4, numticks=20))
    ax.xaxis.set_major_formatter(FuncFormatter(size_text))
    ax.set_title(test, fontsize="medium")
    ax.set_xlabel("message size (bytes)")
    ax.set_ylabel(f"{'latency' if unit == 'us' else 'bandwidth' if unit == 'MB/s' else 'rate'}"
                  f" ({unit})")
    ax.grid(alpha=0.3)
    ax.legend(fontsize="x-small")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("csv")
    parser.add_argument("-o", "--output", help="picture (default: beside the CSV, as .png)")
    parser.add_argument("-t", "--test", action="append", help="draw only this one; repeatable")
    parser.add_argument("-p", "--contender", action="append", help="likewise")
    args = parser.parse_args()

    tests, units = read(args.csv)
    some = chosen(tests, args)
    columns = min(2, len(some))
    rows = (len(some) + 1) // 2
    fig, axes = plt.subplots(rows, columns, figsize=(6.5 * columns, 4.5 * rows), squeeze=False)
    colours = {}
    for ax, (test, lines) in zip(axes.flat, some.items()):
        draw(ax, test, lines, units[test], colours)
    for ax in list(axes.flat)[len(some):]:
        ax.set_axis_off()
    fig.tight_layout()
    output = args.output or os.path.splitext(args.csv)[0] + ".png"
    fig.savefig(output, dpi=110)
    print(output)


if __name__ == "__main__":
    main()
