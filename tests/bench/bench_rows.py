# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
#
# What is measured, against what, and what it may cost at most. One batch is what is measured in turn, for
# so many rounds: A B C A B C, each in a process of its own that is there all the time, and each for some
# tens of milliseconds at once, so that a machine that slows down does so for all. What counts is the median
# of what the rounds come to each by itself. Where a target is in nanoseconds, a plain object is measured as
# well, which tells how fast the machine is (about 165 ns on the one that the targets were set on).
#
# "g_thread_pool at 6" is the same peer wherever a target names it: a thread that pushes, as many threads as
# the executor has. A tree that is pushed from within that pool makes no objects, and takes less than to make
# and drop one: it is told beside, as oneTBB's is.

import os
from dataclasses import dataclass, field

from process_rows import process_batches, python_batches

WORKERS = min(32, (os.cpu_count() or 1) + 4)
WINDOW = 1000


@dataclass
class Series:
    """One thing that is measured: a program, its arguments, and how much it does in a round."""
    label: str
    program: str
    case: str
    n: int
    workers: int = WORKERS
    window: int = WINDOW
    threads: int = 1
    rounds: int | None = None   # fewer than the batch has
    fresh: bool = False         # in a new process each time


@dataclass
class Target:
    """`ours` compared with `peer`: value / value at most `limit`; a limit of None is only told.

    Without a peer it is the value itself, in `unit`. `kind` is "ratio", "value", "difference" (ours less the
    peer) or "gain" (the peer over ours, at least the limit)."""
    ours: str
    peer: str | None
    limit: float | None
    value: str = "ns"
    kind: str = "ratio"
    unit: str = "ns"


@dataclass
class Batch:
    name: str
    words: str
    series: list[Series]
    targets: list[Target] = field(default_factory=list)
    rounds: int = 25


def obj():
    return Series("object", "glib", "object", 100_000)


def pool(workers, n=30_000, window=WINDOW):
    """A fresh one in each round: some are ten times as fast as others."""
    return Series(f"g_thread_pool at {workers}", "glib", "pool", n, workers=workers, window=window)


def told(ours, *peers):
    return [Target(ours, peer, None) for peer in peers]


def submit_batch(name, words, window, n, n_pool):
    ours = f"cfut at {WORKERS}"
    return Batch(name, words, [
        Series(ours, "cfut", "submit-wait", n, window=window),
        obj(),
        pool(WORKERS, n_pool, window),
        Series("Java fixed", "java", "fixed", n, window=window),
        Series("Java fork-join", "java", "fork-join", n, window=window),
        Series("oneTBB", "tbb", "flow", n, window=window),
        Series("CPython", "python", "threads", 2_000, window=window),
    ], [
        Target(ours, "object", 1.8),
        Target(ours, "Java fixed", 1.2),
        Target(ours, f"g_thread_pool at {WORKERS}", 1.0),
        *told(ours, "Java fork-join", "oneTBB", "CPython"),
    ])


def few_workers_batch(workers, limit):
    ours = f"cfut at {workers}"
    peer = f"g_thread_pool at {workers}"
    return Batch(f"submit-wait-{workers}", f"submit + wait + drop, {workers} worker(s)", [
        Series(ours, "cfut", "submit-wait", 50_000, workers=workers),
        pool(workers),
    ], [Target(ours, peer, limit)])


def batches():
    return [
        submit_batch("submit-wait", f"submit + wait + drop, windows of {WINDOW:,}", WINDOW, 50_000, 30_000),
        submit_batch("submit-wait-all", "submit + wait + drop, all at once", 0, 200_000, 200_000),
        few_workers_batch(1, 2.3),
        few_workers_batch(2, 1.9),
        Batch("callback", "submit + callback on the main context", [
            Series("callback", "cfut", "submit-callback", 50_000),
            Series("done handler", "cfut", "submit-done", 25_000),
            Series("GTask", "glib", "task", 15_000),
            Series("Qt then", "qt", "then", 15_000),
        ], [
            Target("callback", "GTask", 0.3),
            Target("done handler", "GTask", 1.0),
            *told("callback", "Qt then"),
        ]),
        Batch("submitters", "4 submitters at once", [
            Series("4 submitters", "cfut", "submitters", 100_000, threads=4),
            Series("1 submitter", "cfut", "submitters", 50_000, threads=1),
            pool(WORKERS),
        ], [
            Target("4 submitters", "1 submitter", 1.2),
            Target("4 submitters", f"g_thread_pool at {WORKERS}", 1.0),
        ]),
        Batch("tree", "tasks that submit tasks, a tree of 1,000,000", [
            Series("tree", "cfut", "tree", 1_000_000),
            pool(WORKERS, 100_000),
            Series("g_thread_pool's tree", "glib", "pool-tree", 1_000_000),
            Series("oneTBB's tree", "tbb", "tree", 1_000_000),
        ], [
            Target("tree", f"g_thread_pool at {WORKERS}", 0.6),
            *told("tree", "g_thread_pool's tree", "oneTBB's tree"),
        ], rounds=15),
        Batch("post", "post, no future", [
            Series("post", "cfut", "post", 100_000),
            pool(WORKERS),
        ], [Target("post", f"g_thread_pool at {WORKERS}", 0.25)]),
        Batch("post-tree", "a tree of 1,000,000 by post", [
            Series("post tree", "cfut", "post-tree", 1_000_000),
            Series("g_thread_pool's tree", "glib", "pool-tree", 1_000_000),
            Series("oneTBB's tree", "tbb", "tree", 1_000_000),
        ], told("post tree", "g_thread_pool's tree", "oneTBB's tree"), rounds=5),
        Batch("nested", "nested wait run inline", [
            Series("nested", "cfut", "nested", 50_000),
            obj(),
        ], [Target("nested", "object", 2)]),
        Batch("deadline", "a task with a deadline", [
            Series("run deadline", "cfut", "run-deadline", 25_000),
            Series("no deadline", "cfut", "submit-wait", 25_000),
            Series("queue deadline", "cfut", "queue-deadline", 25_000),
            Series("priority", "cfut", "priority", 25_000),
            obj(),
        ], [
            Target("run deadline", "no deadline", 60, kind="difference"),
            Target("queue deadline", "no deadline", 60, kind="difference"),
            *told("priority", "no deadline"),
        ], rounds=51),  # what is asked for is a tenth of what a round varies by
        Batch("lateness", "how late a deadline fires: half of them, and the latest", [
            Series("run", "cfut", "run-lateness", 40),
            Series("queue", "cfut", "queue-lateness", 200),
            Series("a thread that sleeps", "glib", "sleep-lateness", 40),
        ], [
            *[Target(label, None, 1e6, value=value, kind="value")
              for label in ("run", "queue") for value in ("ns", "max_ns")],
            Target("run", "a thread that sleeps", None, value="max_ns"),
        ], rounds=5),
        Batch("set-priority", "another priority for 1,000,000 queued futures, each", [
            Series("set priority", "cfut", "set-priority", 1_000_000),
        ], rounds=3),
        Batch("range-empty", "map_range, empty body, an index", [
            Series("empty", "cfut", "range-empty", 100_000_000),
        ], [Target("empty", None, 1, kind="value")], rounds=9),
        Batch("range-work", "map_range, about 1 us an index, two workers", [
            Series("two workers", "cfut", "range-work", 100_000, workers=2),
            Series("a loop", "cfut", "loop", 100_000),
        ], [Target("two workers", "a loop", 1.9, kind="gain")]),
        Batch("round-trip", "one task, submit to result, hot", [
            Series("hot", "cfut", "round-trip", 5_000),
            Series("g_thread_pool hot", "glib", "round-trip", 2_000),
        ], [
            Target("hot", "g_thread_pool hot", 0.2),
            Target("hot", "g_thread_pool hot", None, value="p99_ns"),
        ]),
        Batch("after-pause", "one task, submit to result, after an idle pause", [
            # So many that the 99th of 100 is not one of the two latest.
            Series("paused", "cfut", "after-pause", 600),
            Series("g_thread_pool paused", "glib", "after-pause", 600),
        ], [
            Target("paused", "g_thread_pool paused", 0.8),
            Target("paused", "g_thread_pool paused", 1.0, value="p99_ns"),
        ], rounds=9),
        Batch("group", "group: submit + next + drop, of one future", [
            Series("1,000,000 in a group", "cfut", "group-next", 1_000_000, window=0),
            Series("1,000 in a group", "cfut", "group-next", 1_000_000, window=1000),
        ], [Target("1,000,000 in a group", "1,000 in a group", 1.3)], rounds=7),
        Batch("memory", "a pending future, all in", [
            Series("pending", "cfut", "pending-bytes", 1_000_000, fresh=True),
        ], [Target("pending", None, 176, value="bytes", kind="value", unit="bytes")], rounds=5),
        Batch("cancel", "cancel 1,000,000 queued futures, each", [
            Series("cancel", "cfut", "cancel", 1_000_000),
            obj(),
            Series("dropping objects", "glib", "drop-objects", 1_000_000),
        ], [
            Target("cancel", None, 100, kind="value"),
            Target("cancel", None, 250, value="drop_ns", kind="value"),
            *told("cancel", "object"),
            Target("cancel", "dropping objects", None, value="drop_ns"),
        ], rounds=9),
        Batch("shut-down", "shut down with 1,000,000 queued futures, each", [
            Series("shut down", "cfut", "shut-down", 1_000_000),
            obj(),
            Series("dropping objects", "glib", "drop-objects", 1_000_000),
        ], [
            Target("shut down", None, 100, kind="value"),
            Target("shut down", None, 250, value="drop_ns", kind="value"),
            *told("shut down", "object"),
            Target("shut down", "dropping objects", None, value="drop_ns"),
        ], rounds=9),
        Batch("long", "one long task among many short ones, 2 workers: the longest wait", [
            Series("short", "cfut", "long-among-short", 400, workers=2),
            Series("short in g_thread_pool", "glib", "long-among-short", 400, workers=2),
        ], [
            Target("short", None, 1e6, kind="value"),
            *told("short", "short in g_thread_pool"),
        ], rounds=5),
        Batch("commands", "/bin/true, two at a time, both outputs captured", [
            Series("commands", "cfut", "commands", 1000, workers=2),
            Series("xargs", "xargs", "", 1000, workers=2, fresh=True),
            Series("GNU parallel", "parallel", "", 200, workers=2, fresh=True, rounds=3),
        ], [
            Target("commands", "xargs", 1.0),
            Target("commands", "GNU parallel", 0.5),
        ], rounds=9),
        *process_batches(Series, Target, Batch),
        Batch("python", f"from Python: submit + result, windows of {WINDOW:,}", [
            Series("call", "cfut-python", "threads", 20_000),
            Series("native call", "cfut-python", "native", 20_000),
            Series("CPython", "python", "threads", 20_000),
        ], [
            Target("call", "CPython", 1.5),
            Target("native call", "CPython", 0.4),
        ], rounds=9),
        Batch("python-one", "from Python: one call after the other", [
            Series("call", "cfut-python", "threads", 5_000, window=1),
            Series("native call", "cfut-python", "native", 5_000, window=1),
            Series("CPython", "python", "threads", 5_000, window=1),
        ], told("call", "CPython") + told("native call", "CPython"),
            rounds=9),
        *python_batches(Series, Target, Batch),
        Batch("idle", "idle executor, from 1 s after its last task: wake-ups in 5 s", [
            Series("idle", "cfut", "idle", 5),
        ], [Target("idle", None, 0, value="times", kind="value", unit="times")], rounds=1),
    ]
