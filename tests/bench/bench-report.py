#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
#
# Runs the benchmarks of bench_rows.py and prints what they say; tests/bench/run builds them and calls this.
#
# usage: bench-report.py --programs FOLDER [--json FILE] [--table FILE] [--quick] [--smoke] [--only PATTERN]
#   [--list]

import argparse
import fnmatch
import json
import os
import select
import statistics
import subprocess
import sys
import time

sys.dont_write_bytecode = True

import bench_rows

OURS = ("cfut", "glib", "process")
TIMEOUT = 300
HERE = os.path.dirname(os.path.abspath(__file__))


class Programs:
    """How each program is called, and which of them are there."""

    def __init__(self, folder):
        self.folder = folder

    def command(self, series, n):
        ours = [f"--n={n}", f"--workers={series.workers}", f"--window={series.window}",
                f"--threads={series.threads}", series.case]
        serve = [] if series.fresh else ["--serve"]
        numbers = [str(n), str(series.workers), str(series.window)]
        path = os.path.join(self.folder, f"bench-{series.program}")
        root = os.path.join(self.folder, "..", "..")
        override = os.path.join(HERE, "..", "..", "introspection", "python")
        with_override = ["/usr/bin/env", f"PYTHONPATH={override}", f"GI_TYPELIB_PATH={root}/introspection",
                         f"LD_LIBRARY_PATH={root}/cfut", "/usr/bin/python3"]
        processes = os.path.join(HERE, "bench-python-processes.py")
        return {
            "cfut": [path, *serve, *ours],
            "glib": [path, *serve, *ours],
            "process": [path, *ours],
            "tbb": [path, series.case, *numbers],
            "qt": [path, series.case, *numbers],
            "java": ["java", "-cp", self.folder, "Bench", series.case, *numbers],
            "python": ["/usr/bin/python3", os.path.join(HERE, "bench-python.py"), *numbers],
            "cfut-python": [*with_override, os.path.join(HERE, "bench-python-cfut.py"), series.case,
                            *numbers],
            "cfut-python-processes": [*with_override, processes, "cfut", series.case, *numbers],
            "python-processes": ["/usr/bin/python3", processes, "standard", series.case, *numbers],
            "xargs": ["/usr/bin/python3", os.path.join(HERE, "bench-shell.py"), "xargs", *numbers],
            "parallel": ["/usr/bin/python3", os.path.join(HERE, "bench-shell.py"), "parallel",
                         *numbers],
            **{f"python-{case}": ["/usr/bin/python3", os.path.join(HERE, "bench-process.py"), case,
                                  *numbers] for case in ("calls", "bytes", "cold")},
        }[series.program]

    def has(self, program):
        if program.startswith("python"):
            program = "python"
        if program.startswith("cfut-python"):
            program = "cfut-python"
        files = {"java": os.path.join(self.folder, "Bench.class"), "python": "/usr/bin/python3",
                 "cfut-python": os.path.join(self.folder, "../../introspection/Cfut-1.typelib"),
                 "xargs": "/usr/bin/xargs", "parallel": "/usr/bin/parallel"}
        return os.path.exists(files.get(program, os.path.join(self.folder, f"bench-{program}")))


class Runner:
    """A series' program: kept, and asked for one result after the other, or started for each."""

    def __init__(self, series, command):
        self.series = series
        self.command = command
        self.process = None

    def start(self):
        if self.process is None and not self.series.fresh:
            self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            text=True, env=dict(os.environ, LC_ALL="C.UTF-8"))

    def ask(self):
        """The result, one line of JSON."""
        if self.series.fresh:
            return self.parse(subprocess.run(self.command, stdout=subprocess.PIPE, text=True, check=True,
                                             timeout=TIMEOUT, env=dict(os.environ, LC_ALL="C.UTF-8")).stdout)
        self.start()
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        if not select.select([self.process.stdout], [], [], TIMEOUT)[0]:
            self.stop()
            raise subprocess.TimeoutExpired(self.command, TIMEOUT)
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            status = self.process.returncode
            self.process = None
            raise subprocess.CalledProcessError(status, self.command)
        return self.parse(line)

    def parse(self, text):
        if text.count("\n") != 1:
            raise ValueError(f"{self.command}: {text} is not one line")
        result = json.loads(text)
        if not all(isinstance(result[key], (int, float)) for key in result if key != "case"):
            raise ValueError(f"{self.command}: {text}")
        return result

    def stop(self):
        """It ends with its input; one that does not answer is killed."""
        process, self.process = self.process, None
        if process is None:
            return
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def measure_round(runners, results, i, rounds):
    for runner in runners:
        series = runner.series
        runs = min(series.rounds or rounds, rounds)
        if i > 0 and i * runs // rounds == (i - 1) * runs // rounds:
            continue
        try:
            results[series.label] = runner.ask()
        except (subprocess.CalledProcessError, BrokenPipeError) as error:
            # A peer may have races of its own, as Qt 6.4 has in QFuture::then; its other rounds count.
            runner.stop()
            if series.program in OURS or series.program.startswith("cfut-python"):
                raise
            print(f"{series.label} died: {error}", file=sys.stderr)


def measure(batch, programs, divide, rounds):
    """All series in turn, round by round: what each said in each."""
    runners = [Runner(series, programs.command(series, max(series.n // divide, 1)))
               for series in batch.series
               if series.program in OURS or programs.has(series.program)]
    results = [{} for _ in range(rounds)]
    try:
        for runner in runners:
            runner.start()
        for i, result in enumerate(results):
            measure_round(runners, result, i, rounds)
    finally:
        for runner in runners:
            runner.stop()
    return results


def summarise(values):
    """None where there are none."""
    values = sorted(values)
    if not values:
        return None
    quarters = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    return {"median": statistics.median(values), "min": values[0], "max": values[-1],
            "quarter": quarters[0], "three_quarters": quarters[2], "runs": len(values)}


def values_of(results, label, key):
    return [result[label][key] for result in results if key in result.get(label, {})]


def figure_of(target, ours, peer):
    if target.kind == "value":
        return ours
    if target.kind == "difference":
        return ours - peer
    return peer / ours if target.kind == "gain" else ours / peer


def figures(target, results, key):
    """One for each round in which both were measured."""
    pairs = ((result.get(target.ours, {}).get(key),
              result.get(target.peer, {}).get(key) if target.peer else 1.0) for result in results)
    return [figure_of(target, ours, peer) for ours, peer in pairs if ours is not None and peer]


def compare(target, results):
    """What a target comes to: None where the peer is not installed."""
    figure = summarise(figures(target, results, target.value))
    if figure is None:
        return None
    met = None
    if target.limit is not None:
        met = figure["median"] >= target.limit if target.kind == "gain" else figure["median"] <= target.limit
    return {"ours": target.ours, "peer": target.peer, "value": target.value, "kind": target.kind,
            "unit": target.unit, "figure": figure["median"], "figure_summary": figure,
            "limit": target.limit, "met": met,
            "ours_summary": summarise(values_of(results, target.ours, target.value)),
            "peer_summary": summarise(values_of(results, target.peer, target.value)),
            "processor_ratio": processor_ratio(target, results)}


def processor_ratio(target, results):
    """The same ratio in processor time, which says less about a busy machine and nothing about waiting."""
    if target.kind != "ratio" or target.value != "ns":
        return None
    summary = summarise(figures(target, results, "cpu_ns"))
    return summary["median"] if summary else None


def amount(number, unit):
    if unit != "ns":
        return f"{number:.0f} {unit}"
    for least, size, word in ((1e9, 1e9, "s"), (1e6, 1e6, "ms"), (1e4, 1e3, "us")):
        if number >= least:
            return f"{number / size:.4g} {word}"
    return f"{number:.3g} ns" if number < 10 else f"{number:.0f} ns"


def spread(summary, unit):
    """The median, and between what half of all lies."""
    if summary["runs"] == 1:
        return amount(summary["median"], unit)
    return (f"{amount(summary['median'], unit)} "
            f"({amount(summary['quarter'], unit)} to {amount(summary['three_quarters'], unit)})")


def print_batch(batch, rows, results):
    print(f"\n{batch.words}")
    for series in batch.series:
        summary = next((summarise(values_of(results, series.label, key)) for key in ("ns", "bytes", "times")
                        if values_of(results, series.label, key)), None)
        unit = next((target.unit for target in batch.targets if target.ours == series.label), "ns")
        if summary is None:
            print(f"    {series.label:<24} not installed")
            continue
        cpu = summarise(values_of(results, series.label, "cpu_ns"))
        used = f"   processor {amount(cpu['median'], 'ns')}" if cpu else ""
        print(f"    {series.label:<24} {spread(summary, unit)}, {summary['runs']} rounds{used}")
    for row in rows:
        print(f"  {verdict(row):<8} {describe(row)}")


def verdict(row):
    return {True: "met", False: "NOT MET", None: ""}[row["met"]]


def words_of(row):
    """What is compared, what it came to, between what half of the rounds lie, and the target."""
    name = {"p99_ns": ", 99 of 100", "drop_ns": ", with the drop",
            "max_ns": ", the latest"}.get(row["value"], "")
    is_ratio = row["kind"] in ("ratio", "gain")

    def number(value):
        return f"{value:.2f}" if is_ratio else amount(value, row["unit"])

    summary = row["figure_summary"]
    figure = number(summary["median"])
    quarters = f"{number(summary['quarter'])} to {number(summary['three_quarters'])}"
    if row["kind"] == "gain":
        figure += f" times as fast as {row['peer']}"
    elif row["kind"] == "ratio":
        figure += f" x {row['peer']}"
    subject = f"{row['ours']}{name}"
    if row["kind"] == "difference":
        subject += f" above {row['peer']}"
    limit = None
    if row["limit"] is not None:
        least = "at least" if row["kind"] == "gain" else "at most"
        limit = f"{least} " + (f"{row['limit']:g}" if is_ratio else amount(row["limit"], row["unit"]))
    return subject, figure, quarters if summary["runs"] > 1 else "", limit


def describe(row):
    subject, figure, quarters, limit = words_of(row)
    words = "; ".join(part for part in (limit, f"half of all {quarters}" if quarters else "") if part)
    used = f"; processor {row['processor_ratio']:.2f} x" if row["processor_ratio"] else ""
    return f"{subject}: {figure}" + (f" ({words})" if words else "") + used


def write_table(path, report):
    """What has a target, for the documentation."""
    with open(path, "w", encoding="utf-8") as file:
        file.write("| work | measured | half of all rounds | target | met |\n|---|---|---|---|---|\n")
        for batch in report["batches"]:
            for row in batch["targets"]:
                if row["limit"] is not None:
                    subject, figure, quarters, limit = words_of(row)
                    met = "yes" if row["met"] else "no"
                    file.write(f"| {batch['words']} | {subject}: {figure} | {quarters} | {limit} | {met} |\n")


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", required=True, metavar="FOLDER")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--table", metavar="FILE", help="what has a target, in Markdown")
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

    def rounds_of(batch):
        return 1 if options.smoke else min(batch.rounds, 5) if options.quick else batch.rounds

    if divide > 1:
        print(f"Of each benchmark's work 1 / {divide}")
    began = time.monotonic()
    report = {"workers": bench_rows.WORKERS, "processors": os.cpu_count(), "batches": []}
    counts = {True: 0, False: 0, None: 0}
    for batch in batches:
        results = measure(batch, programs, divide, rounds_of(batch))
        rows = [row for row in (compare(target, results) for target in batch.targets) if row]
        print_batch(batch, rows, results)
        sys.stdout.flush()
        for row in rows:
            counts[row["met"]] += 1
        report["batches"].append({"name": batch.name, "words": batch.words, "targets": rows,
                                  "rounds": results})
    report["seconds"] = round(time.monotonic() - began, 1)
    print(f"\n{counts[True]} targets met, {counts[False]} not met; {report['seconds']} s, "
          f"{os.cpu_count()} processors")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(report, file, indent=1, allow_nan=False)
            file.write("\n")
    if options.table:
        write_table(options.table, report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
