#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
#
# The same work with CPython's ThreadPoolExecutor: bench-python.py N WORKERS WINDOW, once for
# each line of the input

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor


def nothing():
    pass


def flow(executor, n, window):
    done = 0
    while done < n:
        now = min(window, n - done)
        futures = [executor.submit(nothing) for _ in range(now)]
        for future in futures:
            future.result()
        done += now


def measure(n, workers, window):
    with ThreadPoolExecutor(workers) as executor:
        flow(executor, max(n // 10, 1), window)
        wall = time.monotonic_ns()
        cpu = time.process_time_ns()
        flow(executor, n, window)
        wall = time.monotonic_ns() - wall
        cpu = time.process_time_ns() - cpu
    print(json.dumps({"case": "threads", "ns": wall / n, "cpu_ns": cpu / n}), flush=True)


def main():
    n, workers, window = map(int, sys.argv[1:])
    for _ in sys.stdin:
        measure(n, workers, window or n)


main()
