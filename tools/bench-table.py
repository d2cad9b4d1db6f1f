#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What tools/bench.sh measured, put together.

    tools/bench-table.py FOLDER [--csv FILE] [--json FILE] [--first NAME]
    tools/bench-table.py --ok FILE

FOLDER has files ROUND-NAME.json by uet_bench and ROUND-NAME.tsv with lines "test
contender bytes count unit better value" by others. Prints the ratios of NAME (uet) to everybody
else: the median over the rounds, in each of which the two were neighbours, and the range. Then
the figures. Exit status 1 if there is none of NAME, or if one failed. --ok only prints which
contenders have a figure in a file of uet_bench, with commas between.
"""
import argparse
import csv
import glob
import json
import os
import platform
import statistics
import sys

COLUMNS = ("test", "contender", "bytes", "count", "unit", "better", "median", "min", "max",
           "samples", "ratio", "ratio_min", "ratio_max")


class Figure:
    """All samples of one test of one contender."""

    def __init__(self, unit, better):
        self.unit, self.better = unit, better
        self.samples = {}       # by round
        self.why = None
        self.failed = False

    def spread(self):
        v = list(self.samples.values())
        return (statistics.median(v), min(v), max(v)) if v else None

    def ratio(self, other):
        """Of this to @other: median and range over the rounds that both have."""
        both = [self.samples[r] / other.samples[r] for r in self.samples
                if other.samples.get(r)]
        return (statistics.median(both), min(both), max(both)) if both else None


def load(name):
    try:
        with open(name, encoding="utf-8") as f:
            return json.load(f)
    except (OSError, ValueError) as e:
        sys.exit(f"bench-table.py: {name}: {e}")


def read_json(name, number, figures):
    for r in load(name)["results"]:
        key = (r["test"], r["bytes"], r["count"], r["contender"])
        f = figures.setdefault(key, Figure(r["unit"], r["better"]))
        f.samples.update({(number, i): v for i, v in enumerate(r["samples"]) if v is not None})
        f.why = f.why or r.get("why")
        f.failed |= r["state"] == "failed"


def read_tsv(name, number, figures):
    with open(name, encoding="utf-8") as lines:
        for line in lines:
            words = line.split()
            if len(words) != 7:
                sys.exit(f"bench-table.py: {name}: seven words wanted: {line!r}")
            test, contender, size, count, unit, better, value = words
            key = (test, int(size), int(count), contender)
            f = figures.setdefault(key, Figure(unit, better))
            f.samples[(number, 0)] = float(value)


def read_folder(folder):
    figures = {}
    names = glob.glob(os.path.join(folder, "*-*.json")) + glob.glob(os.path.join(folder, "*-*.tsv"))
    for name in sorted(names, key=lambda n: (round_of(n), n.endswith(".tsv"), n)):
        (read_json if name.endswith(".json") else read_tsv)(name, round_of(name), figures)
    tests, contenders = in_order(figures, 0), in_order(figures, 3)
    return dict(sorted(figures.items(), key=lambda kv: (
        tests.index(kv[0][0]), kv[0][1], kv[0][2], contenders.index(kv[0][3]))))


def round_of(name):
    return int(os.path.basename(name).split("-", 1)[0])


def in_order(figures, position):
    return list(dict.fromkeys(key[position] for key in figures))


def cells(key):
    """Label of a row: test, bytes, count."""
    test, size, count = key
    return [test, str(size) if size else "", str(count) if count else ""]


def print_aligned(rows):
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    for r in rows:
        line = [c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(r, widths))]
        print("  ".join(line).rstrip())


def print_ratios(figures, first):
    others = [c for c in in_order(figures, 3) if c != first]
    print(f"Ratios of {first} to the others: median [range] over the rounds. us and B: the less,"
          " the better for it; MB/s and M/s: the more.\n")
    rows = [["test", "bytes", "count", "unit"] + others]
    for key in dict.fromkeys(k[:3] for k in figures):
        mine = figures.get(key + (first,))
        if not mine:
            continue
        row = cells(key) + [mine.unit]
        for c in others:
            other = figures.get(key + (c,))
            r = mine.ratio(other) if other else None
            row.append(f"{r[0]:.2f} [{r[1]:.2f}-{r[2]:.2f}]" if r else "-")
        rows.append(row)
    print_aligned(rows)


def print_figures(figures):
    print()
    rows = [["test", "bytes", "count", "contender", "median", "range", "unit", ""]]
    for key, f in figures.items():
        s = f.spread()
        row = cells(key[:3]) + [key[3]]
        row += [f"{s[0]:.4g}", f"{s[1]:.4g}-{s[2]:.4g}", f.unit] if s else ["-", "-", f.unit]
        if f.why:
            row.append(("FAILED: " if f.failed else "not available: ") + f.why)
        else:
            row.append("")
        rows.append(row)
    print_aligned(rows)


def records(figures, first):
    for key, f in figures.items():
        s = f.spread()
        test, size, count, contender = key
        r = {"test": test, "contender": contender, "bytes": size, "count": count,
             "unit": f.unit, "better": f.better, "samples": len(f.samples)}
        if s:
            r.update(median=s[0], min=s[1], max=s[2])
        if f.why:
            r.update(why=f.why, state="failed" if f.failed else "absent")
        mine = figures.get((test, size, count, first))
        ratio = mine.ratio(f) if mine and contender != first else None
        if ratio:
            r.update(ratio=ratio[0], ratio_min=ratio[1], ratio_max=ratio[2])
        yield r


def write_csv(name, figures, first):
    with open(name, "w", newline="", encoding="utf-8") as f:
        out = csv.DictWriter(f, COLUMNS, extrasaction="ignore", lineterminator="\n")
        out.writeheader()
        for r in records(figures, first):
            if r["samples"]:
                out.writerow({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in r.items()})


def write_json(name, figures, first, notes):
    machine = {"kernel": platform.release(), "cores": os.cpu_count(),
               "load": round(os.getloadavg()[0], 2)}
    machine.update(n.split("=", 1) for n in notes)
    with open(name, "w", encoding="utf-8") as f:
        json.dump({"program": "bench.sh", "first": first, "machine": machine,
                   "results": list(records(figures, first))}, f, indent=1)
        f.write("\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--csv")
    parser.add_argument("--json")
    parser.add_argument("--first", default="uet")
    parser.add_argument("--note", action="append", default=[], metavar="NAME=VALUE",
                        help="goes into the JSON's description of the machine")
    parser.add_argument("--ok", metavar="FILE")
    args = parser.parse_args()
    if args.ok:
        names = (r["contender"] for r in load(args.ok)["results"] if r["state"] == "ok")
        print(",".join(dict.fromkeys(names)))
        return 0
    if not args.folder:
        parser.error("a FOLDER, or --ok FILE")

    figures = read_folder(args.folder)
    mine = [f for k, f in figures.items() if k[3] == args.first]
    if mine:
        print_ratios(figures, args.first)
    if figures:
        print_figures(figures)
    if args.csv:
        write_csv(args.csv, figures, args.first)
    if args.json:
        write_json(args.json, figures, args.first, args.note)
    if not any(f.samples for f in mine):
        print(f"bench-table.py: there is no figure of {args.first}", file=sys.stderr)
    return int(any(f.failed for f in mine) or not any(f.samples for f in mine))


if __name__ == "__main__":
    sys.exit(main())
