#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""Several futures as one, in Python: with the objects of Python's. Speaks TAP."""

import asyncio
import concurrent.futures
import gc
import operator
import sys
import threading
import weakref

import gi
gi.require_version('Cfut', '1')
from gi.repository import Cfut, GLib, GObject

import python_tap
from python_tap import PATIENCE_SECONDS, Gate, raises


class Thing:
    """What no GValue but Python's own holds."""


def test_all_have_results():
    thing = Thing()
    standard = concurrent.futures.Future()
    promise = Cfut.Promise()
    with Cfut.ThreadPoolExecutor(2) as executor:
        future = Cfut.Future.all(iter([executor.submit(lambda: thing), standard, promise.get_future()]))
        assert isinstance(future, Cfut.Future) and isinstance(future, concurrent.futures.Future)
        assert not future.done()
        standard.set_result(2)
        promise.resolve_string('three')
        assert future.result(PATIENCE_SECONDS) == [thing, 2, 'three']
        twice = executor.submit(abs, -1)
        assert Cfut.Future.all([twice, twice]).result(PATIENCE_SECONDS) == [1, 1]
    assert Cfut.Future.all([]).result() == []


def test_all_fail_with_the_first_exception():
    waiting = Cfut.Future()
    error = KeyError('k')
    failed = Cfut.Future()
    future = Cfut.Future.all([waiting, failed])
    failed.set_exception(error)
    assert future.exception(PATIENCE_SECONDS) is error
    # The others go on, and are left alone.
    assert not waiting.done() and not waiting._done_callbacks
    waiting.set_result(1)
    assert raises(KeyError, future.result) is error
    cancelled = Cfut.Future()
    future = Cfut.Future.all([cancelled, Cfut.Future()])
    cancelled.cancel()
    assert future.cancelled()


def test_any_of_them():
    futures = [Cfut.Future() for _ in range(3)]
    future = Cfut.Future.any(futures)
    futures[1].set_exception(KeyError('k'))
    futures[2].cancel()
    assert not future.done()
    futures[0].set_result(0)
    assert future.result() == 0
    futures = [Cfut.Future() for _ in range(3)]
    future = Cfut.Future.any(futures)
    for n in (2, 1):
        futures[n].set_exception(KeyError(n))
    futures[0].cancel()
    assert future.exception() is futures[1].exception()
    futures = [Cfut.Future() for _ in range(2)]
    future = Cfut.Future.any(futures)
    for other in futures:
        other.cancel()
    assert future.cancelled()
    assert isinstance(Cfut.Future.any([]).exception(), ValueError)


def test_a_race():
    for settle in (lambda future: future.set_result(Thing), lambda future: future.set_exception(KeyError()),
                   lambda future: future.cancel()):
        futures = [concurrent.futures.Future(), Cfut.Future(), concurrent.futures.Future()]
        future = Cfut.Future.race(futures)
        settle(futures[1])
        assert future.done() and future.cancelled() == futures[1].cancelled()
        if not future.cancelled():
            assert (future._result, future.exception()) == (futures[1]._result, futures[1].exception())
        assert not futures[0]._done_callbacks and not futures[2]._done_callbacks
    first = Cfut.Future()
    first.set_result('first')
    second = Cfut.Future()
    second.set_result('second')
    assert Cfut.Future.race([first, second]).result() == 'first'
    assert isinstance(Cfut.Future.race([]).exception(), ValueError)


def test_what_is_no_future_is_refused():
    for combine in (Cfut.Future.all, Cfut.Future.any, Cfut.Future.race):
        raises(TypeError, combine, [Cfut.Future(), 5])
        raises(TypeError, combine, None)


def test_a_cancel_reaches_all_of_them():
    gate = Gate()

    def work():
        gate.wait()
        Cfut.current_task().checkpoint()

    for combine in (Cfut.Future.all, Cfut.Future.any, Cfut.Future.race):
        with Cfut.ThreadPoolExecutor(1) as executor:
            futures = [executor.submit(work), executor.submit(abs, -1)]
            gate.until_entered()
            future = combine(futures)
            assert future.cancel() and future.cancelled() and futures[1].cancelled()
            gate.open()
            raises(Cfut.CancelledError, futures[0].result, PATIENCE_SECONDS)


def test_processes_send_objects():
    with Cfut.ProcessPoolExecutor(2) as executor:
        futures = [executor.submit(divmod, 7, 2), executor.submit(operator.truediv, 1, 0)]
        error = Cfut.Future.all(futures).exception(PATIENCE_SECONDS)
        assert isinstance(error, ZeroDivisionError) and 'Traceback' in str(error.__cause__)
        assert Cfut.Future.any(reversed(futures)).result(PATIENCE_SECONDS) == (3, 1)
        assert Cfut.Future.race(futures[:1]).result(PATIENCE_SECONDS) == (3, 1)


def test_a_combined_future_is_an_object_too():
    thing = Thing()
    source = Cfut.Future()
    future = Cfut.Future.all([Cfut.Future.any([source])])
    assert future.as_object() is future and isinstance(future, GObject.Object)
    group = Cfut.Group([future])
    source.set_result(thing)
    assert group.next(PATIENCE_SECONDS) is future and future.result() == [thing]
    # What happens to the object happens to what it is made of.
    source = Cfut.Future()
    group = Cfut.Group([Cfut.Future.race([source])])
    group.cancel()
    assert source.cancelled()


def test_a_call_that_waits_for_several_of_its_pool_runs_them():
    with Cfut.ThreadPoolExecutor(1) as executor:
        def sum_up():
            numbers = [executor.submit(abs, -n) for n in range(5)]
            return sum(Cfut.Future.all([Cfut.Future.race([number]) for number in numbers]).result())

        assert executor.submit(sum_up).result(PATIENCE_SECONDS) == 10


def test_a_combined_future_is_awaited():
    async def main(executor):
        return await Cfut.Future.all([executor.submit(abs, -n) for n in range(3)])

    with Cfut.ThreadPoolExecutor(2) as executor:
        assert asyncio.run(main(executor)) == [0, 1, 2]
        assert Cfut.run(main(executor)) == [0, 1, 2]


def test_callbacks_come_to_their_place():
    called = []
    with Cfut.ThreadPoolExecutor(1) as executor:
        future = Cfut.Future.all([executor.submit(abs, -1)])
        future.add_done_callback(lambda future: called.append(threading.get_ident()))
        Cfut.wait([future])
        while not called:
            GLib.MainContext.default().iteration(True)
    assert called == [threading.get_ident()]


def test_inputs_that_settle_at_once_on_several_threads():
    # What lets go of them takes no callback of another's along.
    called = []
    with Cfut.ThreadPoolExecutor(4) as executor:
        for n in range(300):
            futures = [executor.submit(abs, -m) for m in range(8)]
            together = Cfut.Future.all(futures)
            first = Cfut.Future.any(futures)
            for future in futures:
                future._add_direct_callback(called.append)
            assert together.result(PATIENCE_SECONDS) == list(range(8))
            assert first.result(PATIENCE_SECONDS) in range(8)
    assert len(called) == len(set(called)) == 300 * 8


def test_what_has_settled_holds_nothing():
    source, thing = Cfut.Future(), Thing()
    future = Cfut.Future.race([source, Cfut.Future()])
    references = [weakref.ref(source), weakref.ref(thing)]
    gc.collect()
    gc.disable()
    try:
        source.set_result(thing)
        del source, thing
        assert references[0]() is None and future.result() is references[1]()
        del future
        assert references[1]() is None
    finally:
        gc.enable()


if __name__ == '__main__':
    sys.exit(python_tap.main(globals()))
