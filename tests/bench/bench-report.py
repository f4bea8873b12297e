#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
#
# Runs the benchmarks of bench_rows.py and prints what they say; tests/bench/run builds them and calls this.
#
# usage: bench-report.py --programs FOLDER [--json FILE] [--quick] [--smoke] [--only PATTERN] [--list]

import argparse
import fnmatch
import json
import os
import statistics
import subprocess
import sys
import time

sys.dont_write_bytecode = True

import bench_rows

OURS = ("cfut", "glib")
HERE = os.path.dirname(os.path.abspath(__file__))


class Programs:
    """How each program is called, and which of them are there."""

    def __init__(self, folder):
        self.folder = folder

    def command(self, series, n):
        ours = [f"--n={n}", f"--workers={series.workers}", f"--window={series.window}",
                f"--threads={series.threads}", series.case]
        numbers = [str(n), str(series.workers), str(series.window)]
        path = os.path.join(self.folder, f"bench-{series.program}")
        return {
            "cfut": [path, *ours],
            "glib": [path, *ours],
            "tbb": [path, series.case, *numbers],
            "qt": [path, series.case, *numbers],
            "java": ["java", "-cp", self.folder, "Bench", series.case, *numbers],
            "python": ["/usr/bin/python3", os.path.join(HERE, "bench-python.py"), *numbers],
            "xargs": ["/usr/bin/python3", os.path.join(HERE, "bench-shell.py"), "xargs", *numbers],
            "parallel": ["/usr/bin/python3", os.path.join(HERE, "bench-shell.py"), "parallel",
                         *numbers],
        }[series.program]

    def has(self, program):
        files = {"java": os.path.join(self.folder, "Bench.class"), "python": "/usr/bin/python3",
                 "xargs": "/usr/bin/xargs", "parallel": "/usr/bin/parallel"}
        return os.path.exists(files.get(program, os.path.join(self.folder, f"bench-{program}")))


def run_once(command):
    """The result that a program prints: one line of JSON, the only one."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=300, check=True,
                          env=dict(os.environ, LC_ALL="C.UTF-8"))
    lines = done.stdout.splitlines()
    if len(lines) != 1:
        raise ValueError(f"{command}: {len(lines)} lines instead of one")
    result = json.loads(lines[0])
    if not all(isinstance(result[key], (int, float)) for key in result if key != "case"):
        raise ValueError(f"{command}: {lines[0]}")
    return result


def measure(batch, programs, divide, runs_of):
    """All series of a batch in turn; those that are run less often are spread over the rounds."""
    results = {series.label: [] for series in batch.series}
    rounds = max(runs_of(series) for series in batch.series)
    for i in range(rounds):
        for series in batch.series:
            runs = runs_of(series)
            missing = series.program not in OURS and not programs.has(series.program)
            if missing or i * runs // rounds == (i - 1) * runs // rounds:
                continue
            n = max(series.n // divide, 1) if series.case != "idle" or divide > 1 else series.n
            try:
                results[series.label].append(run_once(programs.command(series, n)))
            except subprocess.CalledProcessError as error:
                # A peer may have races of its own, as Qt 6.4 has in QFuture::then; its other runs count.
                if series.program in OURS:
                    raise
                print(f"{series.label} died: {error}", file=sys.stderr)
    return results


def summarise(results, key):
    values = sorted(result[key] for result in results if key in result)
    if not values:
        return None
    quarters = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    return {"median": statistics.median(values), "min": values[0], "max": values[-1],
            "quarter": quarters[0], "three_quarters": quarters[2], "runs": len(values)}


def compare(target, results):
    """What a target comes to: None where the peer is not installed."""
    ours = summarise(results[target.ours], target.value)
    peer = summarise(results[target.peer], target.value) if target.peer else None
    if ours is None or (target.peer and peer is None):
        return None
    if target.kind == "value":
        figure = ours["median"]
    elif target.kind == "difference":
        figure = ours["median"] - peer["median"]
    elif target.kind == "gain":
        figure = peer["median"] / ours["median"]
    else:
        figure = ours["median"] / peer["median"]
    met = None
    if target.limit is not None:
        met = figure >= target.limit if target.kind == "gain" else figure <= target.limit
    return {"ours": target.ours, "peer": target.peer, "value": target.value, "kind": target.kind,
            "unit": target.unit, "figure": figure, "limit": target.limit, "met": met,
            "ours_summary": ours, "peer_summary": peer,
            "processor_ratio": processor_ratio(target, results)}


def processor_ratio(target, results):
    """The same ratio in processor time, which says less about a busy machine and nothing about waiting."""
    if target.kind != "ratio" or target.value != "ns":
        return None
    ours = summarise(results[target.ours], "cpu_ns")
    peer = summarise(results[target.peer], "cpu_ns")
    return ours["median"] / peer["median"] if ours and peer and peer["median"] > 0 else None


def amount(number, unit):
    if unit != "ns":
        return f"{number:.0f} {unit}"
    for least, size, word in ((1e9, 1e9, "s"), (1e6, 1e6, "ms"), (1e4, 1e3, "us")):
        if number >= least:
            return f"{number / size:.4g} {word}"
    return f"{number:.3g} ns" if number < 10 else f"{number:.0f} ns"


def spread(summary, unit):
    if summary["runs"] == 1:
        return amount(summary["median"], unit)
    return (f"{amount(summary['median'], unit)} "
            f"({amount(summary['min'], unit)} to {amount(summary['max'], unit)})")


def print_batch(batch, rows, results):
    print(f"\n{batch.words}")
    for series in batch.series:
        summary = next((summarise(results[series.label], key) for key in ("ns", "bytes", "times")
                        if summarise(results[series.label], key)), None)
        unit = next((target.unit for target in batch.targets if target.ours == series.label), "ns")
        if summary is None:
            print(f"    {series.label:<24} not installed")
            continue
        cpu = summarise(results[series.label], "cpu_ns")
        used = f"   processor {amount(cpu['median'], 'ns')}" if cpu else ""
        print(f"    {series.label:<24} {spread(summary, unit)}, {summary['runs']} runs{used}")
    for row in rows:
        print(f"  {verdict(row):<8} {describe(row)}")


def verdict(row):
    return {True: "met", False: "NOT MET", None: ""}[row["met"]]


def describe(row):
    name = {"p99_ns": ", 99 of 100", "drop_ns": ", with the drop",
            "max_ns": ", the latest"}.get(row["value"], "")
    if row["kind"] == "value":
        figure = amount(row["figure"], row["unit"])
        limit = amount(row["limit"], row["unit"])
        return f"{row['ours']}{name}: {figure} (at most {limit})"
    if row["kind"] == "difference":
        return (f"{row['ours']}{name} above {row['peer']}: {row['figure']:.0f} ns "
                f"(at most {row['limit']:.0f} ns)")
    bound = "at least" if row["kind"] == "gain" else "at most"
    words = f" ({bound} {row['limit']:g})" if row["limit"] is not None else ""
    sign = "times as fast as" if row["kind"] == "gain" else "x"
    used = f"; processor {row['processor_ratio']:.2f} x" if row["processor_ratio"] else ""
    return f"{row['ours']}{name}: {row['figure']:.2f} {sign} {row['peer']}{words}{used}"


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", required=True, metavar="FOLDER")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--quick", action="store_true", help="fewer runs, of less")
    parser.add_argument("--smoke", action="store_true", help="one run of nearly nothing")
    parser.add_argument("--only", metavar="PATTERN", default="*")
    parser.add_argument("--list", action="store_true")
    return parser.parse_args()


def main():
    options = parse_arguments()
    programs = Programs(options.programs)
    batches = [batch for batch in bench_rows.batches()
               if fnmatch.fnmatch(batch.name, options.only)]
    if options.list:
        print("\n".join(batch.name for batch in batches))
        return 0
    if not batches:
        print(f"No benchmark is called {options.only}; --list shows what there is", file=sys.stderr)
        return 2

    divide = 1000 if options.smoke else 4 if options.quick else 1

    def runs_of(series):
        return 1 if options.smoke else min(series.runs, 3) if options.quick else series.runs

    if divide > 1:
        print(f"Of each benchmark's work 1 / {divide}")
    began = time.monotonic()
    report = {"workers": bench_rows.WORKERS, "processors": os.cpu_count(), "batches": []}
    counts = {True: 0, False: 0, None: 0}
    for batch in batches:
        results = measure(batch, programs, divide, runs_of)
        rows = [row for row in (compare(target, results) for target in batch.targets) if row]
        print_batch(batch, rows, results)
        sys.stdout.flush()
        for row in rows:
            counts[row["met"]] += 1
        report["batches"].append({"name": batch.name, "words": batch.words, "targets": rows,
                                  "runs": results})
    report["seconds"] = round(time.monotonic() - began, 1)
    print(f"\n{counts[True]} targets met, {counts[False]} not met; {report['seconds']} s, "
          f"{os.cpu_count()} processors")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(report, file, indent=1, allow_nan=False)
            file.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
