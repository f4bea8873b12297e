#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""Results that nobody reads, futures that nobody keeps, and loops that are gone. Speaks TAP."""

import asyncio
import gc
import multiprocessing
import os
import sys
import warnings

import gi
gi.require_version('Cfut', '1')
from gi.repository import Cfut, GLib

import python_tap
from python_tap import PATIENCE_SECONDS, Gate, quiet_log

SPAWN = multiprocessing.get_context('spawn')

N_CALLS = 100000
N_KEPT = 2000
# What is allocated and freed in pieces does not all go back: this is 41 bytes for each call.
SLACK_BYTES = 4 * 1024 * 1024

# Above what is passed as a descriptor.
LARGE_BYTES = 17 * 1024 * 1024


def n_resident_bytes():
    with open('/proc/self/statm') as file:
        return int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')


def n_descriptors():
    return len(os.listdir('/proc/self/fd'))


def large(value):
    return bytes([value]) * LARGE_BYTES


def flood(executor, n):
    """Calls whose futures are kept in lots, and not looked at."""
    futures = []
    for i in range(n):
        futures.append(executor.submit(abs, -i))
        if len(futures) == N_KEPT:
            Cfut.wait(futures)
            futures.clear()
    Cfut.wait(futures)


def test_results_of_threads_that_nobody_reads():
    with Cfut.ThreadPoolExecutor(2) as executor:
        flood(executor, N_CALLS // 5)
        gc.collect()
        before = n_resident_bytes()
        flood(executor, N_CALLS)
        gc.collect()
        assert n_resident_bytes() - before < SLACK_BYTES, n_resident_bytes() - before


def test_results_of_processes_that_nobody_reads():
    with Cfut.ProcessPoolExecutor(1, SPAWN) as executor:
        flood(executor, N_CALLS // 5)
        gc.collect()
        before, n_open = n_resident_bytes(), n_descriptors()
        flood(executor, N_CALLS)
        gc.collect()
        assert n_resident_bytes() - before < SLACK_BYTES, n_resident_bytes() - before
        assert n_descriptors() <= n_open


def test_large_results_that_nobody_reads():
    with Cfut.ProcessPoolExecutor(1, SPAWN) as executor:
        executor.submit(abs, 1).result(PATIENCE_SECONDS)
        before = n_descriptors()
        futures = [executor.submit(large, n) for n in range(8)]
        Cfut.wait(futures)
        # One for each that is kept.
        assert n_descriptors() - before <= len(futures), n_descriptors() - before
        result = futures[3].result()
        assert len(result) == LARGE_BYTES and result[:1] == b'\3' and result[-1:] == b'\3'
        assert n_descriptors() - before <= len(futures) - 1, n_descriptors() - before
        futures.clear()
        gc.collect()
        # The library lets go of them on a thread of its own, before it answers the next call.
        executor.submit(abs, 1).result(PATIENCE_SECONDS)
        assert n_descriptors() <= before, (n_descriptors(), before)


def test_futures_that_are_dropped_before_they_settle():
    called = []
    gate = Gate()
    with Cfut.ThreadPoolExecutor(1) as executor, Cfut.ProcessPoolExecutor(1, SPAWN) as processes:
        executor.submit(gate.wait)
        gate.until_entered()
        for n in range(50):
            # With a callback they are kept until it was called.
            executor.submit(abs, -n).add_done_callback(lambda future: called.append(future.result()))
            processes.submit(abs, -n).add_done_callback(lambda future: called.append(future.result()))
            executor.submit(abs, -n)
            processes.submit(abs, -n)
            Cfut.Future().add_done_callback(called.append)
        gc.collect()
        last = executor.submit(abs, 1), processes.submit(abs, 1)
        gate.open()
        Cfut.wait(last)
    # Both queues keep the order: all have settled, and this thread calls what has come for it.
    context = GLib.MainContext.default()
    while context.iteration(False):
        pass
    assert sorted(called) == sorted(list(range(50)) * 2), len(called)


def test_a_loop_that_ends_with_work_in_flight():
    asyncio_log, own_log = quiet_log('asyncio'), quiet_log()
    gate, others = Gate(), []
    executor = Cfut.ThreadPoolExecutor(1)
    processes = Cfut.ProcessPoolExecutor(1, SPAWN)
    promise = Cfut.Promise()
    failing = Cfut.Promise()
    futures = [executor.submit(gate.wait, 'thread'), promise.get_future(), failing.get_future()]

    async def wait_for(future):
        return await future

    async def main():
        tasks = [asyncio.ensure_future(wait_for(future)) for future in futures[1:]]
        tasks.append(asyncio.ensure_future(wait_for(processes.submit(abs, -5))))
        await asyncio.sleep(0)
        assert not tasks[0].done()

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter('always')
        asyncio.run(main())
        for future in futures:
            if not future.done():
                future.add_done_callback(lambda future: others.append(future))
        gate.open()
        # What was awaited was cancelled with the loop, as it is with the standard library's.
        assert futures[1].cancelled() and futures[2].cancelled()
        promise.resolve_string('late')
        failing.resolve_string('late')
        assert futures[0].result(PATIENCE_SECONDS) == 'thread'
        executor.shutdown()
        processes.shutdown()
        gc.collect()
    assert others == futures[:1], others
    assert not told and not asyncio_log and not own_log, (told, asyncio_log, own_log)


def test_a_closed_loop_costs_others_no_callback():
    asyncio_log, own_log = quiet_log('asyncio'), quiet_log()
    called = []
    promise = Cfut.Promise()
    own = Cfut.Future()
    loop = asyncio.new_event_loop()

    async def wrap():
        return [asyncio.wrap_future(future) for future in (promise.get_future(), own)]

    wrapped = loop.run_until_complete(wrap())
    for future in (promise.get_future(), own):
        future.add_done_callback(lambda future: called.append(future.exception()))
    loop.close()
    error = ValueError('late')
    own.set_exception(error)
    promise.resolve_string('late')
    assert promise.get_future().result(PATIENCE_SECONDS) == 'late' and own.exception() is error
    assert sorted(called, key=str) == sorted([None, error], key=str), called
    assert not any(future.done() for future in wrapped)
    del wrapped, future
    gc.collect()
    told = [record.getMessage() for record in asyncio_log + own_log]
    assert not any('never retrieved' in text for text in told), told


class RaisesAtDump:
    def __getstate__(self):
        raise KeyError('no state')


class RaisesAtLoad:
    def __reduce__(self):
        return int, ('not a number',)


def progress_and_fail():
    Cfut.current_task().set_progress('much', None)


def items():
    yield 1
    raise LookupError('no more of them')


def raised_by(function, *args):
    try:
        function(*args)
    except Exception as exception:
        return type(exception)
    return None


def test_exceptions_in_whatever_is_called():
    quiet_log()
    for executor in (Cfut.ThreadPoolExecutor(1), Cfut.ProcessPoolExecutor(1, SPAWN)):
        with executor:
            assert raised_by(executor.map, abs, items()) is LookupError
            assert raised_by(list, executor.map(abs, iter([-1]), buffersize=1)) is None
            buffered = executor.map(abs, items(), buffersize=1)
            assert raised_by(list, buffered) is LookupError
            future = executor.submit(progress_and_fail)
            assert isinstance(future.exception(PATIENCE_SECONDS), (TypeError, ValueError)), future.exception()
            assert executor.submit(abs, -7).result(PATIENCE_SECONDS) == 7
    with Cfut.ProcessPoolExecutor(1, SPAWN) as executor:
        for value, kind in ((RaisesAtDump(), KeyError), (RaisesAtLoad(), ValueError)):
            exception = executor.submit(abs, value).exception(PATIENCE_SECONDS)
            assert type(exception) is kind and exception.__cause__ is not None, repr(exception)
        assert raised_by(lambda: list(executor.map(abs, items(), chunksize=2))) is LookupError
        assert executor.submit(abs, -7).result(PATIENCE_SECONDS) == 7


if __name__ == '__main__':
    sys.exit(python_tap.main(globals()))
