#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""What the override has beyond the standard library. Speaks TAP."""

import asyncio
import concurrent.futures
import gc
import io
import os
import sys
import threading
import time
import weakref

import gi
gi.require_version('Cfut', '1')
from gi.repository import Cfut, Gio, GLib, GObject

import python_tap
from python_tap import PATIENCE_SECONDS, Gate, raises

SHORT_SECONDS = 0.02


def iterate_until(condition):
    """Iterates the main context until something is the case."""
    context = GLib.MainContext.default()
    guard = GLib.timeout_add(10, lambda: GLib.SOURCE_CONTINUE)
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end
        context.iteration(True)
    GLib.source_remove(guard)


def test_every_future_is_of_both_libraries():
    with Cfut.ThreadPoolExecutor(1) as executor:
        futures = [executor.submit(abs, -1), Cfut.Future(), Cfut.Promise().get_future(),
                   executor.call(None, 'nobody', None)]
        for future in futures:
            assert isinstance(future, Cfut.Future) and isinstance(future, concurrent.futures.Future)
            assert isinstance(future.as_object(), GObject.Object)
        futures[3].exception()
        assert isinstance(executor, Cfut.ThreadExecutor)


def test_public_names_are_documented():
    from gi.overrides import Cfut as override
    for name in override.__all__:
        item = getattr(override, name)
        if callable(item) and not name.isupper():
            assert item.__doc__, name
            for attribute, value in vars(item).items() if isinstance(item, type) else ():
                if callable(value) and attribute[0] != '_' and value.__module__.startswith('gi.overrides'):
                    assert value.__doc__ or hasattr(concurrent.futures.Future, attribute), (name, attribute)


def test_native_futures_are_standard_ones_too():
    promise = Cfut.Promise()
    future = promise.get_future()
    with Cfut.ThreadPoolExecutor(1) as executor:
        other = executor.submit(abs, -1)
        standard = concurrent.futures.Future()
        standard.set_result(3)
        for lib in (concurrent.futures, Cfut):
            assert lib.wait([other], PATIENCE_SECONDS).done == {other}
            done, not_done = lib.wait([future, other, standard], timeout=SHORT_SECONDS)
            assert (done, not_done) == ({other, standard}, {future})
        threading.Timer(SHORT_SECONDS, lambda: promise.resolve_string('late')).start()
        for lib in (concurrent.futures, Cfut):
            futures = {future, other, standard}
            assert set(lib.as_completed(futures, PATIENCE_SECONDS)) == futures
        assert future.result() == 'late'


def test_a_cancelled_future_hangs_no_wait():
    for make in (Cfut.Future, concurrent.futures.Future):
        future = make()
        threading.Timer(SHORT_SECONDS, future.cancel).start()
        assert Cfut.wait([future], PATIENCE_SECONDS).done == {future}
        future = make()
        threading.Timer(SHORT_SECONDS, future.cancel).start()
        assert list(Cfut.as_completed([future], PATIENCE_SECONDS)) == [future]
    future = Cfut.Future()
    threading.Timer(SHORT_SECONDS, future.cancel).start()
    assert concurrent.futures.wait([future], PATIENCE_SECONDS).done == {future}


def test_errors_of_the_library_are_exceptions_of_python_s():
    with Cfut.ThreadPoolExecutor(1) as executor:
        error = executor.call(None, 'nobody', None).exception()
        assert error.matches(Cfut.future_error_quark(), Cfut.FutureError.UNKNOWN_FUNCTION), error
        limited = executor.with_options(timeout=SHORT_SECONDS)
        gate = Gate()
        late = limited.submit(gate.wait)
        error = raises(Cfut.DeadlineError, late.result)
        assert error.matches(Cfut.future_error_quark(), Cfut.FutureError.DEADLINE)
        assert isinstance(error, TimeoutError) and isinstance(error, GLib.Error)
        # Another thread stands in for the one that is stuck.
        assert executor.submit(abs, -5).result(PATIENCE_SECONDS) == 5
        gate.open()
    executor = Cfut.ThreadExecutor(max_workers=1)
    executor.shutdown(Cfut.ShutdownFlags.WAIT, -1)
    future = executor.submit(lambda task, data: True, None)
    assert isinstance(future.exception(), Cfut.ShutDownError)


def test_a_queue_deadline():
    gate = Gate()
    with Cfut.ThreadPoolExecutor(1) as executor:
        executor.submit(gate.wait)
        gate.until_entered()
        late = executor.with_options(queue_timeout=SHORT_SECONDS).submit(gate.wait)
        raises(Cfut.DeadlineError, late.result, PATIENCE_SECONDS)
        gate.open()
        assert executor.with_options(queue_timeout=PATIENCE_SECONDS).submit(abs, -1).result() == 1


def test_a_deadline_that_is_kept_changes_nothing():
    with Cfut.ThreadPoolExecutor(1) as executor:
        limited = executor.with_options(timeout=PATIENCE_SECONDS, name='named')
        futures = [limited.submit(abs, -n) for n in range(10)]
        assert [future.result() for future in futures] == list(range(10))
        assert futures[0].dup_name() == 'named' and len(executor._threads) == 1


def test_calls_that_wait_for_calls_do_not_deadlock():
    with Cfut.ThreadPoolExecutor(1) as executor:
        def sum_to(n):
            return n + executor.submit(sum_to, n - 1).result() if n else 0

        assert executor.submit(sum_to, 40).result(PATIENCE_SECONDS) == sum(range(41))

        def failing():
            return executor.submit(int, 'x').result()

        assert isinstance(executor.submit(failing).exception(PATIENCE_SECONDS), ValueError)


def test_priorities():
    gate, order = Gate(), []
    with Cfut.ThreadPoolExecutor(1) as executor:
        executor.submit(gate.wait)
        gate.until_entered()
        for priority in (0, 50, -50, 0, -90):
            executor.with_options(priority=priority).submit(order.append, priority)
        gate.open()
    assert order == [-90, -50, 0, 0, 50], order


def test_plain_calls_are_not_starved():
    gate, order = Gate(), []
    with Cfut.ThreadPoolExecutor(1) as executor:
        executor.submit(gate.wait)
        gate.until_entered()
        executor.submit(order.append, 'plain')
        for n in range(50):
            executor.with_options(priority=-100).submit(order.append, n)
        gate.open()
    assert order.index('plain') < 10, order


def test_cancel_reaches_the_running_call():
    gate = Gate()

    def search():
        task = Cfut.current_task()
        gate.until_entered()
        while True:
            task.checkpoint()

    def accept():
        listener = Gio.SocketListener()
        listener.add_any_inet_port(None)
        gate.until_entered()
        listener.accept(Cfut.current_task().get_cancellable())

    with Cfut.ThreadPoolExecutor(1) as executor:
        for function in (search, accept):
            future = executor.submit(function)
            gate.entered.release()
            while not future.running():
                time.sleep(0.001)
            assert not future.cancel()
            raises(Cfut.CancelledError, future.result, PATIENCE_SECONDS)
            assert future.cancelled() and future.done()
        # One that does not care has its result.
        future = executor.submit(gate.wait, 'result')
        gate.until_entered()
        assert not future.cancel()
        gate.open()
        assert future.result() == 'result' and not future.cancelled()
    assert Cfut.current_task() is None


def test_progress():
    gate = Gate()

    def work():
        task = Cfut.current_task()
        task.set_progress(1, 4)
        task.set_message('a quarter')
        gate.wait()

    with Cfut.ThreadPoolExecutor(1) as executor:
        future = executor.submit(work)
        gate.until_entered()
        assert (future.get_progress(), future.get_fraction(), future.dup_message()) == ((1, 4), 0.25, 'a quarter')
        # From here on it is an object, with what there was before.
        group = Cfut.Group([future])
        seen = []
        future.connect('notify::fraction', lambda future, pspec: seen.append(future.props.fraction))
        assert (future.props.fraction, future.props.message) == (0.25, 'a quarter')
        gate.open()
        # What was reported before the handler came may be told first.
        iterate_until(lambda: seen[-1:] == [1.0])
        assert group.get_fraction() == 1.0


def test_pause():
    gate = Gate()

    def work():
        gate.wait()
        Cfut.current_task().checkpoint()
        return 'ended'

    with Cfut.ThreadPoolExecutor(2) as executor:
        future = executor.submit(work)
        gate.until_entered()
        future.pause()
        gate.open()
        raises(TimeoutError, future.result, SHORT_SECONDS)
        assert future.is_paused()
        future.resume()
        assert future.result(PATIENCE_SECONDS) == 'ended'
        executor.pause()
        queued = executor.submit(abs, -1)
        raises(TimeoutError, queued.result, SHORT_SECONDS)
        executor.resume()
        assert queued.result(PATIENCE_SECONDS) == 1


def test_a_group():
    gate = Gate()
    with Cfut.ThreadPoolExecutor(3) as executor:
        group = Cfut.Group()
        names = executor.with_options(group=group, name='member')
        futures = [names.submit(gate.wait, n) for n in range(3)]
        assert len(group) == 3 and group[0] is futures[0] and futures[1] in group
        raises(TimeoutError, group.next, 0.01)
        gate.open(3)
        assert sorted(future.result() for future in group) == [0, 1, 2]
        assert group.next() is None and group.get_n_done() == 3 and bool(Cfut.Group())
        # One of the standard library's joins too.
        standard = concurrent.futures.Future()
        follower = group.add(standard)
        standard.set_exception(KeyError('k'))
        assert group.next(PATIENCE_SECONDS) is follower and isinstance(follower.exception(), KeyError)
        raises(TypeError, group.add, 5)


def test_a_group_that_is_cancelled():
    gate = Gate()

    def work():
        gate.wait()
        Cfut.current_task().checkpoint()

    with Cfut.ThreadPoolExecutor(1) as executor:
        futures = [executor.submit(work) for _ in range(3)]
        group = Cfut.Group(futures)
        gate.until_entered()
        group.cancel()
        gate.open()
        assert Cfut.wait(futures, PATIENCE_SECONDS).done == set(futures)
        assert all(future.cancelled() for future in futures), futures


def test_callbacks_come_on_the_thread_that_added_them():
    called = []
    here = threading.get_ident()

    def note(future):
        called.append(threading.get_ident())

    gate = Gate()
    with Cfut.ThreadPoolExecutor(1) as executor:
        # In a main loop.
        for future in (executor.submit(gate.wait), executor.submit(gate.wait)):
            future.add_done_callback(note)
        gate.open(2)
        iterate_until(lambda: len(called) == 2)
        # In a wait for another one, and in the shutdown.
        first, second = executor.submit(abs, 1), executor.submit(gate.wait)
        first.add_done_callback(note)
        threading.Timer(SHORT_SECONDS, gate.open).start()
        second.result()
        assert len(called) == 3
        executor.submit(abs, 1).add_done_callback(note)
        promise = Cfut.Promise()
        promise.get_future().add_done_callback(note)
        executor.submit(promise.resolve_int64, 5)
    promise.get_future().result()
    assert called == [here] * 5, called


def test_callbacks_of_a_thread_without_a_loop():
    called, gate = [], Gate()
    with Cfut.ThreadPoolExecutor(1) as executor:
        worker = executor.submit(threading.get_ident).result()
        future = executor.submit(gate.wait)

        def add():
            future.add_done_callback(lambda future: called.append(threading.get_ident()))

        thread = threading.Thread(target=add)
        thread.start()
        thread.join()
        gate.open()
    assert called == [worker]


def test_callbacks_of_a_thread_with_a_context():
    called = []
    with Cfut.ThreadPoolExecutor(1) as executor:
        def main():
            context = GLib.MainContext()
            context.push_thread_default()
            loop = GLib.MainLoop(context)

            def on_done(future):
                called.append(threading.get_ident() == thread.ident)
                loop.quit()

            executor.submit(time.sleep, SHORT_SECONDS).add_done_callback(on_done)
            loop.run()
            context.pop_thread_default()

        thread = threading.Thread(target=main)
        thread.start()
        thread.join()
    assert called == [True]


def test_callbacks_that_raise():
    records = python_tap.quiet_log()
    called = []

    def bad(kind):
        def callback(future):
            raise kind('in a callback')
        return callback

    promise = Cfut.Promise()
    with Cfut.ThreadPoolExecutor(1) as executor:
        for future in (executor.submit(abs, 1), promise.get_future()):
            for kind in (ValueError, SystemExit, KeyboardInterrupt, GLib.Error, GeneratorExit):
                future.add_done_callback(bad(kind))
            future.add_done_callback(lambda future: called.append(future))
        executor.submit(promise.resolve_int64, 5)
    promise.get_future().result()
    assert len(called) == 2 and len(records) == 10, (called, records)


def test_asyncio():
    async def main():
        executor = Cfut.ThreadPoolExecutor(3)
        loop = asyncio.get_running_loop()
        loop.set_default_executor(executor)
        assert await executor.submit(pow, 2, 3) == 8
        assert await loop.run_in_executor(None, pow, 2, 4) == 16
        assert await asyncio.gather(*map(asyncio.wrap_future, [
            executor.submit(pow, 2, 5), executor.submit(pow, 2, 6)])) == [32, 64]
        promise = Cfut.Promise()
        executor.submit(promise.resolve_string, 'native')
        assert await promise.get_future() == 'native'
        blocked = executor.submit(event.wait)
        try:
            await asyncio.wait_for(asyncio.wrap_future(blocked), SHORT_SECONDS)
            raise AssertionError('it did not time out')
        except asyncio.TimeoutError:
            event.set()
        try:
            await executor.submit(int, 'x')
            raise AssertionError('it did not fail')
        except ValueError:
            pass
        seen = []
        executor.submit(abs, 1).add_done_callback(lambda future: seen.append(threading.get_ident()))
        async for future in Cfut.Group(executor.submit(abs, -n) for n in range(5)):
            seen.append(future.result())
        await asyncio.sleep(SHORT_SECONDS)
        assert sorted(seen) == sorted([0, 1, 2, 3, 4, threading.get_ident()]), seen

    event = threading.Event()
    asyncio.run(main())


def test_a_loop_of_asyncio_that_is_closed():
    records = python_tap.quiet_log()
    gate = Gate()
    executor = Cfut.ThreadPoolExecutor(1)
    promise = Cfut.Promise()
    futures = [executor.submit(gate.wait, 'result'), promise.get_future()]

    async def main():
        for future in futures:
            future.add_done_callback(lambda future: None)
            asyncio.wrap_future(future)

    asyncio.run(main())
    gate.open()
    executor.submit(promise.resolve_string, 'result')
    assert [future.result(PATIENCE_SECONDS) for future in futures] == ['result'] * 2
    executor.shutdown()
    assert sum('closed' in record.getMessage() for record in records) >= 2, records


def test_coroutines_on_a_main_loop():
    async def inner(n):
        return await executor.submit(pow, 2, n)

    async def main():
        total = await inner(3)
        promise = Cfut.Promise()
        GLib.timeout_add(5, lambda: promise.resolve_int64(100) and GLib.SOURCE_REMOVE)
        total += await promise.get_future()
        total += await Cfut.spawn(inner(4))
        standard = concurrent.futures.Future()
        standard.set_result(1000)
        async for future in Cfut.Group(executor.submit(abs, -n) for n in range(5)):
            total += future.result()
        assert threading.current_thread() is threading.main_thread()
        return total

    async def failing():
        await executor.submit(int, 'x')

    async def wrong():
        await asyncio.sleep(1)

    with Cfut.ThreadPoolExecutor(2) as executor:
        assert Cfut.run(main()) == 8 + 100 + 16 + 10
        raises(ValueError, Cfut.run, failing())
        raises((TypeError, RuntimeError), Cfut.run, wrong())
        raises(TypeError, Cfut.run, 5)


def test_a_coroutine_that_is_cancelled():
    seen = []

    async def main():
        try:
            await Cfut.Future()
        except Cfut.CancelledError:
            seen.append('raised')
            raise

    async def stubborn():
        try:
            await Cfut.Future()
        except Cfut.CancelledError:
            return 'stays'

    futures = [Cfut.spawn(main()), Cfut.spawn(stubborn())]
    for future in futures:
        assert not future.cancel()
    iterate_until(lambda: all(future.done() for future in futures))
    assert seen == ['raised'] and futures[0].cancelled() and futures[1].result() == 'stays'


def test_map_with_a_buffer():
    n_taken = 0

    def numbers():
        nonlocal n_taken
        for n in range(100):
            n_taken += 1
            yield n

    with Cfut.ThreadPoolExecutor(4) as executor:
        results = executor.map(abs, numbers(), buffersize=5)
        assert n_taken == 5
        assert next(results) == 0 and n_taken == 6
        assert list(results) == list(range(1, 100)) and n_taken == 100
        assert list(executor.map(pow, [2, 3], [2, 3], buffersize=1)) == [4, 27]
        assert raises(ValueError, executor.map, abs, [1], buffersize=0).args
        assert raises(TypeError, executor.map, abs, [1], buffersize='1').args


def test_a_dropped_executor_ends_a_buffered_map():
    executor = Cfut.ThreadPoolExecutor(1)
    results = executor.map(abs, range(10), buffersize=2)
    reference = weakref.ref(executor)
    del executor
    gc.collect()
    assert reference() is None and list(results) == [0, 1]


def test_large_bytes():
    data = os.urandom(2 ** 20)
    for form in (data, bytearray(data), memoryview(data), GLib.Bytes.new(data)):
        variant = Cfut.variant_from_bytes(form)
        assert variant.get_type_string() == 'ay' and Cfut.bytes_from_variant(variant) == data
    assert Cfut.bytes_from_variant(Cfut.variant_from_bytes(b'')) == b''
    raises(TypeError, Cfut.bytes_from_variant, GLib.Variant('s', 'text'))


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_progress_bar():
    with Cfut.ThreadPoolExecutor(2) as executor:
        for file, is_terminal in ((Terminal(), True), (io.StringIO(), False)):
            futures = [executor.submit(int, text) for text in ('1', '2', 'x', '4')]
            assert set(Cfut.track(futures, 'numbers', file, width=8)) == set(futures)
            lines = file.getvalue().split('\r')
            assert lines[-1].startswith('numbers: [########] 4/4 100% 0:00, 1 failed'), lines
            assert lines[-1].endswith('\n') and len(lines) >= 3 if is_terminal else len(lines) == 1
        assert list(Cfut.track(Cfut.Group(), file=io.StringIO())) == []


def test_futures_that_became_objects_are_let_go():
    class Result:
        pass

    with Cfut.ThreadPoolExecutor(1) as executor:
        future = executor.submit(Result)
        future.as_object()
        references = [weakref.ref(future.result()), weakref.ref(future)]
        del future
        iterate_until(lambda: references[1]() is None)
        assert references[0]() is None
    pending = Cfut.Future().as_object()
    reference = weakref.ref(pending)
    del pending
    gc.collect()
    iterate_until(lambda: reference() is None)


def test_what_is_chained_to_a_future():
    def twice(settled, *data):
        future = Cfut.Future()
        future.set_result(settled.result() * 2)
        return future.as_object()

    with Cfut.ThreadPoolExecutor(1) as executor:
        chained = executor.submit(int, '21').chain(twice)
        iterate_until(chained.done)
        assert chained.result() == 42


def test_an_empty_wrapper_is_an_error_and_no_crash():
    future = Cfut.Future()
    store = Gio.ListStore.new(Cfut.Future)
    raises(RuntimeError, store.append, future)
    raises(TypeError, Cfut.Future.from_task, future)
    store.append(future.as_object())
    assert store[0] is future


def test_native_functions_from_python():
    def double(task, args, data):
        task.set_result_int64(2 * args.unpack()[0])
        return True

    with Cfut.ThreadPoolExecutor(2) as executor:
        executor.register('double', double, None)
        future = executor.call(None, 'double', GLib.Variant('(x)', (21,)))
        assert future.result(PATIENCE_SECONDS) == 42 and future.exception() is None
        assert isinstance(executor.call(None, 'double', GLib.Variant('()', ())).exception(), Exception)
    raises(RuntimeError, Cfut.Promise().get_future().set_result, 5)


if __name__ == '__main__':
    sys.exit(python_tap.main(globals()))
