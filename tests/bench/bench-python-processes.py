#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
#
# A pool of processes in Python, the standard library's or this library's, which do the same work:
# bench-python-processes.py standard|cfut CASE N WORKERS WINDOW, once for each line of the input
#
#   calls  a number there and back
#   bytes  64 MiB there and back
#
# The pool is there all the time, as a program's would be: its processes have been started.

import json
import statistics
import sys
import time

from process_flow import N_BYTES, echo, flow


def calls(executor, n, window):
    wall = time.monotonic_ns()
    flow(executor, n, window)
    return (time.monotonic_ns() - wall) / n


def sent(executor, value):
    wall = time.monotonic_ns()
    result = executor.submit(echo, value).result()
    wall = time.monotonic_ns() - wall
    if result != value:
        raise ValueError("what came back is something else")
    return wall


def bytes_there_and_back(executor, n, window):
    value = b"x" * N_BYTES
    return statistics.median(sent(executor, value) for _ in range(n))


def library_called(name):
    if name == "standard":
        import concurrent.futures
        return concurrent.futures
    import gi
    gi.require_version("Cfut", "1")
    from gi.repository import Cfut
    return Cfut


def main():
    library, case = sys.argv[1:3]
    n, workers, window = map(int, sys.argv[3:])
    measure = {"calls": calls, "bytes": bytes_there_and_back}[case]
    with library_called(library).ProcessPoolExecutor(workers) as executor:
        flow(executor, 20 * workers, 10 * workers)
        for _ in sys.stdin:
            print(json.dumps({"case": case, "ns": measure(executor, n, window or n)}), flush=True)


if __name__ == "__main__":
    main()
