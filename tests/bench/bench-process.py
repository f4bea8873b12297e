#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
#
# The same work with CPython's ProcessPoolExecutor: bench-process.py calls|bytes|cold N WORKERS WINDOW

import json
import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from process_flow import N_BYTES, echo, flow


def calls(n, workers, window):
    with ProcessPoolExecutor(workers) as executor:
        flow(executor, max(n // 10, workers * 10), window)
        wall = time.monotonic_ns()
        flow(executor, n, window)
        return (time.monotonic_ns() - wall) / n


def sent(executor, value):
    wall = time.monotonic_ns()
    executor.submit(echo, value).result()
    return time.monotonic_ns() - wall


def bytes_there_and_back(n, workers, window):
    value = b"x" * N_BYTES
    with ProcessPoolExecutor(1) as executor:
        executor.submit(echo, 1).result()
        return statistics.median(sent(executor, value) for _ in range(n))


def cold(n, workers, window):
    def one():
        wall = time.monotonic_ns()
        executor = ProcessPoolExecutor(1)
        executor.submit(echo, 1).result()
        wall = time.monotonic_ns() - wall
        executor.shutdown()
        return wall
    return statistics.median(one() for _ in range(n))


def main():
    case = sys.argv[1]
    numbers = map(int, sys.argv[2:])
    measured = {"calls": calls, "bytes": bytes_there_and_back, "cold": cold}[case](*numbers)
    print(json.dumps({"case": case, "ns": measured}))


main()
