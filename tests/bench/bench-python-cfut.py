#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
#
# The library from Python, with its override: bench-python-cfut.py CASE N WORKERS WINDOW, once for
# each line of the input
#
#   threads  a call of Python's: what bench-python.py does with CPython's pool
#   native   a function of C's that does nothing, called by its name

import ctypes
import json
import sys
import time

import gi
gi.require_version('Cfut', '1')
from gi.repository import Cfut


def nothing():
    pass


def flow(submit, n, window):
    done = 0
    while done < n:
        now = min(window, n - done)
        futures = [submit() for _ in range(now)]
        for future in futures:
            future.result()
        done += now


def add_native(functions):
    """A function in C that takes anything and returns something that is true, as any type's is."""
    library = ctypes.CDLL('libcfut-1.so.0')
    function = ctypes.cast(library.cfut_state_get_type, ctypes.c_void_p)
    library.cfut_functions_add(ctypes.c_void_p(hash(functions)), b'nothing', function, None, None)


def measure(case, submit, n, window):
    flow(submit, max(n // 10, 1), window)
    wall = time.monotonic_ns()
    cpu = time.process_time_ns()
    flow(submit, n, window)
    wall = time.monotonic_ns() - wall
    cpu = time.process_time_ns() - cpu
    print(json.dumps({"case": case, "ns": wall / n, "cpu_ns": cpu / n}), flush=True)


def main():
    case = sys.argv[1]
    n, workers, window = map(int, sys.argv[2:])
    for _ in sys.stdin:
        with Cfut.ThreadPoolExecutor(workers) as executor:
            if case == 'native':
                add_native(executor.get_functions())
                submit = lambda: executor.call(None, 'nothing', None)
            else:
                submit = lambda: executor.submit(nothing)
            measure(case, submit, n, window or n)


main()
