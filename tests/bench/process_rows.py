# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
#
# The rows of bench_rows.py that are about worker processes. Each peer is run in turn with ours.


def process_batches(Series, Target, Batch):
    def ours(label, case, n, rounds=9):
        return Series(label, "process", case, n, workers=2, rounds=rounds, fresh=True)

    def cpython(case, n, workers=2, rounds=3):
        return Series("CPython", f"python-{case}", "", n, workers=workers, rounds=rounds, fresh=True)

    return [
        Batch("process-calls", "calls of a function in 2 worker processes, a number there and back", [
            ours("calls", "calls", 100_000),
            ours("calls of nothing", "calls-of-nothing", 100_000),
            cpython("calls", 3000),
        ], [
            Target("calls", None, 4000, kind="value"),
            Target("calls", "CPython", 0.04),
            Target("calls of nothing", "CPython", None),
        ], rounds=9),
        Batch("process-round-trip", "one call to a worker process and its result, all on one processor", [
            ours("round trip", "round-trip", 5000),
            ours("ping-pong", "ping-pong", 5000),
        ], [
            Target("round trip", "ping-pong", 2.5),
            Target("round trip", "ping-pong", None, value="p99_ns"),
        ], rounds=9),
        Batch("process-bytes", "64 MiB to a worker process and back", [
            ours("first", "bytes-first", 3),
            ours("first, other bytes back", "bytes-made", 3),
            ours("again", "bytes-again", 10),
            ours("memfd twice", "memfd-twice", 3),
            ours("two bare processes", "memfd-there-and-back", 3),
            cpython("bytes", 3, rounds=2),
        ], [
            Target("first", "memfd twice", 1.6),
            Target("first", "two bare processes", None),
            Target("first, other bytes back", "memfd twice", None),
            Target("again", "memfd twice", 0.5),
            Target("first", "CPython", 0.15),
            Target("again", "CPython", 0.15),
        ], rounds=9),
        Batch("process-cold", "from a new executor to the first result of a worker process", [
            ours("cold", "cold", 20),
            ours("fork and exec", "fork-exec", 20),
            cpython("cold", 10, workers=1),
        ], [
            Target("cold", "fork and exec", 1.5),
            Target("cold", "CPython", None),
        ], rounds=9),
        Batch("process-burn", "calls of 1 ms in 2 worker processes", [
            ours("2 workers", "burn", 200),
            ours("a loop", "burn-here", 200),
        ], [Target("2 workers", "a loop", None, kind="gain")], rounds=9),
        Batch("process-dict", "a look into a shared dict by a worker process", [
            ours("dict", "dict", 3000),
            ours("ping-pong", "ping-pong", 3000),
        ], [Target("dict", "ping-pong", None)], rounds=9),
        Batch("process-memory", "a call that waits for a worker process, all in", [
            ours("pending", "pending", 200_000, rounds=3),
        ], rounds=9),
        Batch("process-idle", "2 warm worker processes without heartbeat, from 1 s after their last call: "
              "wake-ups in 5 s", [
            Series("idle", "process", "idle", 5, workers=2, rounds=1, fresh=True),
        ], [Target("idle", None, 0, value="times", kind="value", unit="times")], rounds=1),
    ]


def python_batches(Series, Target, Batch):
    """The pool in Python, and the standard library's: each is kept, and measured in turn."""
    def both(case, n, window, **more):
        return [Series("call", "cfut-python-processes", case, n, window=window, **more),
                Series("CPython", "python-processes", case, n, window=window, **more)]

    return [
        Batch("python-processes", "from Python: calls of 2 worker processes, windows of 200",
              both("calls", 400, 200, workers=2), [Target("call", "CPython", 0.5)], rounds=25),
        Batch("python-processes-one", "from Python: one call of a worker process after the other",
              both("calls", 100, 1, workers=1), [Target("call", "CPython", 0.5)], rounds=25),
        Batch("python-processes-bytes", "from Python: 64 MiB to a worker process and back",
              both("bytes", 1, 1, workers=1), [Target("call", "CPython", 0.3)], rounds=3),
    ]
