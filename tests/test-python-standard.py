#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""Each test runs with the standard library and with ours, and what it returns has to be the same."""

import concurrent.futures
import functools
import gc
import re
import sys
import threading
import time
import traceback
import weakref

import gi
gi.require_version('Cfut', '1')
from gi.repository import Cfut

import python_tap
from python_tap import PATIENCE_SECONDS, Gate

# Long enough for what must not happen to happen now and then.
SHORT_SECONDS = 0.02


def both(case):
    """A test that runs the case with each library."""
    @functools.wraps(case)
    def test():
        standard = case(concurrent.futures)
        ours = case(Cfut)
        assert ours == standard, '%r, but with the standard library %r' % (ours, standard)
    return test


def outcome(function, *args, **kwargs):
    """What a call comes to: its result, or the class and text of its exception."""
    try:
        return function(*args, **kwargs)
    except Exception as exception:
        return type(exception), str(exception)


def settled_repr(future):
    return re.sub('0x[0-9a-f]+', 'ADDRESS', repr(future))


class Thing:
    """Something that a weak reference can be made to."""


def is_gone(reference):
    """Whether it goes. A worker may need a moment to let go after the future has settled."""
    end = time.monotonic() + PATIENCE_SECONDS
    while reference() is not None and time.monotonic() < end:
        time.sleep(0.001)
    return reference() is None


def fail(text):
    raise ValueError(text)


@both
def test_what_is_exported(lib):
    names = ('FIRST_COMPLETED', 'FIRST_EXCEPTION', 'ALL_COMPLETED', 'CancelledError', 'TimeoutError',
             'InvalidStateError', 'BrokenExecutor')
    return [getattr(lib, name) for name in names] + [
        issubclass(lib.ThreadPoolExecutor, concurrent.futures.Executor),
        issubclass(lib.ThreadPoolExecutor, concurrent.futures.ThreadPoolExecutor),
        issubclass(lib.Future, concurrent.futures.Future)]


@both
def test_submit_and_result(lib):
    def tell(*args, **kwargs):
        return args, kwargs

    with lib.ThreadPoolExecutor(max_workers=2) as executor:
        # Names that a careless signature would take for itself.
        futures = [executor.submit(tell), executor.submit(tell, 1, 'two', three=3),
                   executor.submit(tell, fn=1, timeout=2, priority=3, name=4, self=5)]
        return [future.result() for future in futures]


@both
def test_submit_needs_a_function(lib):
    with lib.ThreadPoolExecutor(1) as executor:
        return [outcome(executor.submit)[0], executor.submit(None).exception().__class__]


@both
def test_the_exception_is_the_original_one(lib):
    raised = ValueError('the one')

    def deep():
        raise raised

    def function():
        deep()

    with lib.ThreadPoolExecutor(1) as executor:
        future = executor.submit(function)
        names = [frame.name for frame in traceback.extract_tb(future.exception().__traceback__)]
        try:
            future.result()
        except ValueError as exception:
            caught = exception
        return (future.exception() is raised, caught is raised, names[-2:],
                settled_repr(future), future.done(), future.running(), future.cancelled())


@both
def test_exceptions_that_are_no_errors(lib):
    def leave():
        sys.exit(3)

    def interrupt():
        raise KeyboardInterrupt('here')

    with lib.ThreadPoolExecutor(1) as executor:
        return [repr(executor.submit(leave).exception()), repr(executor.submit(interrupt).exception()),
                executor.submit(pow, 2, 3).result()]


@both
def test_states(lib):
    gate = Gate()

    def look(future):
        return (future.done(), future.running(), future.cancelled())

    with lib.ThreadPoolExecutor(1) as executor:
        running = executor.submit(gate.wait, 'value')
        pending = executor.submit(pow, 2, 2)
        gate.until_entered()
        seen = [look(running), look(pending), settled_repr(running), settled_repr(pending)]
        gate.open()
        seen += [running.result(), pending.result(), look(running), settled_repr(running)]
    return seen


@both
def test_wait_runs_out_of_time(lib):
    gate = Gate()
    with lib.ThreadPoolExecutor(1) as executor:
        future = executor.submit(gate.wait, 7)
        seen = [outcome(future.result, SHORT_SECONDS), outcome(future.exception, timeout=SHORT_SECONDS),
                outcome(future.result, 0), outcome(future.result, -1)]
        gate.open()
        return seen + [future.result(), future.result(0), future.exception(), future.result(-1)]


@both
def test_cancel(lib):
    gate = Gate()
    with lib.ThreadPoolExecutor(1) as executor:
        running = executor.submit(gate.wait, 1)
        pending = executor.submit(gate.wait, 2)
        gate.until_entered()
        called = []
        pending.add_done_callback(lambda future: called.append(future.cancelled()))
        seen = [running.cancel(), pending.cancel(), pending.cancel(), pending.cancelled(), pending.done(),
                outcome(pending.result), outcome(pending.exception), called, settled_repr(pending)]
        gate.open()
        return seen + [running.result(), running.cancel(), running.cancelled()]


@both
def test_a_waiter_learns_of_a_cancel(lib):
    gate = Gate()
    with lib.ThreadPoolExecutor(2) as executor:
        executor.submit(gate.wait)
        blocker = executor.submit(gate.wait)
        gate.until_entered(2)
        pending = executor.submit(pow, 2, 2)
        seen = []
        thread = threading.Thread(target=lambda: seen.append(outcome(pending.result, PATIENCE_SECONDS)))
        thread.start()
        assert pending.cancel()
        thread.join()
        gate.open(2)
        blocker.result()
        return seen


@both
def test_map(lib):
    with lib.ThreadPoolExecutor(3) as executor:
        return [list(executor.map(pow, [2, 3, 4], [5, 6, 7])), list(executor.map(pow, range(9), [2] * 4)),
                list(executor.map(pow, [], [])), list(executor.map(str, range(20), chunksize=7)),
                next(executor.map(abs, (-n for n in range(3, 9)))), list(executor.map(dict))]


@both
def test_map_raises_in_its_place(lib):
    with lib.ThreadPoolExecutor(3) as executor:
        results = executor.map(int, ['1', '2', 'three', '4'])
        seen = [next(results), next(results), outcome(next, results)]
        return seen + [outcome(next, results)]


@both
def test_map_runs_out_of_time(lib):
    gate = Gate()
    with lib.ThreadPoolExecutor(2) as executor:
        results = executor.map(gate.wait, [1, 2], timeout=SHORT_SECONDS)
        seen = [outcome(next, results)]
        gate.open(2)
        return seen


@both
def test_map_that_is_closed_cancels_the_rest(lib):
    gate = Gate()
    with lib.ThreadPoolExecutor(1) as executor:
        called = []

        def call(n):
            called.append(n)
            return gate.wait(n)

        results = executor.map(call, range(100))
        gate.open()
        seen = [next(results)]
        gate.until_entered(2)
        results.close()
        gate.open()
    return seen + [called]


@both
def test_map_submits_before_it_is_iterated(lib):
    event = threading.Event()
    with lib.ThreadPoolExecutor(1) as executor:
        results = executor.map(lambda n: event.set(), [1])
        assert event.wait(PATIENCE_SECONDS)
        return list(results)


@both
def test_a_map_that_cannot_be_submitted(lib):
    def broken():
        yield 1
        raise KeyError('in the iterable')

    with lib.ThreadPoolExecutor(1) as executor:
        return [outcome(executor.map, abs, broken()), outcome(executor.map, abs, 5)[0]]


@both
def test_wait_for_all(lib):
    gate = Gate()
    with lib.ThreadPoolExecutor(3) as executor:
        futures = [executor.submit(gate.wait, n) for n in range(3)] + [executor.submit(fail, 'x')]
        done, not_done = lib.wait(futures, timeout=SHORT_SECONDS)
        seen = [len(not_done) >= 3]
        gate.open(3)
        done, not_done = lib.wait(iter(futures * 2))
        return seen + [done == set(futures), not_done, type(done), lib.wait(futures).done == done]


@both
def test_wait_for_the_first(lib):
    gate = Gate()
    with lib.ThreadPoolExecutor(2) as executor:
        blocked = executor.submit(gate.wait)
        quick = executor.submit(pow, 2, 2)
        done, not_done = lib.wait([blocked, quick], return_when=lib.FIRST_COMPLETED)
        seen = [done == {quick}, not_done == {blocked}]
        gate.open()
        return seen


@both
def test_wait_for_the_first_failure(lib):
    gate = Gate()
    with lib.ThreadPoolExecutor(2) as executor:
        blocked = executor.submit(gate.wait)
        executor.submit(pow, 2, 2).result()
        quick, failing = executor.submit(pow, 2, 2), executor.submit(fail, 'now')
        done, not_done = lib.wait([blocked, quick, failing], return_when=lib.FIRST_EXCEPTION)
        seen = [done == {quick, failing}, not_done == {blocked},
                [len(part) for part in lib.wait([blocked, failing], return_when=lib.FIRST_EXCEPTION)]]
        gate.open()
        blocked.result()
        return seen + [[len(part) for part in lib.wait([blocked, quick], return_when=lib.FIRST_EXCEPTION)]]


@both
def test_wait_is_told_nonsense(lib):
    gate = Gate()
    with lib.ThreadPoolExecutor(1) as executor:
        future = executor.submit(gate.wait)
        seen = [outcome(lib.wait, [future], return_when='NEVER'), lib.wait([]), outcome(lib.wait, [1])[0],
                outcome(lib.wait, future)[0]]
        gate.open()
        return seen


@both
def test_as_completed(lib):
    gates = [Gate() for _ in range(3)]
    with lib.ThreadPoolExecutor(3) as executor:
        futures = {executor.submit(gate.wait, n): n for n, gate in enumerate(gates)}
        order = []
        gates[1].open()
        for future in lib.as_completed(list(futures) * 2, timeout=PATIENCE_SECONDS):
            order.append(future.result())
            gates[{1: 2, 2: 0, 0: 0}[order[-1]]].open()
        return order


@both
def test_as_completed_runs_out_of_time(lib):
    gate = Gate()
    with lib.ThreadPoolExecutor(2) as executor:
        quick, blocked = executor.submit(pow, 2, 2), executor.submit(gate.wait)
        quick.result()
        results = lib.as_completed([quick, blocked], timeout=SHORT_SECONDS)
        seen = [next(results).result(), outcome(next, results)]
        gate.open()
        return seen + [[future.result() for future in lib.as_completed([quick, blocked])].count(4)]


@both
def test_as_completed_sees_failures(lib):
    with lib.ThreadPoolExecutor(2) as executor:
        futures = [executor.submit(fail, 'one'), executor.submit(pow, 2, 5)]
        return sorted(repr(future.exception()) for future in lib.as_completed(futures))


@both
def test_callbacks_are_called_in_order(lib):
    records = python_tap.quiet_log()
    gate, called = Gate(), []
    with lib.ThreadPoolExecutor(1) as executor:
        future = executor.submit(gate.wait, 5)
        for n in range(3):
            future.add_done_callback(lambda future, n=n: called.append((n, future.result())))
        future.add_done_callback(lambda future: fail('in a callback'))
        future.add_done_callback(lambda future: called.append('after it'))
        gate.open()
    future.add_done_callback(lambda future: called.append('late'))
    future.add_done_callback(lambda future: fail('late'))
    return called, [str(record.exc_info[1]) for record in records]


@both
def test_thread_names(lib):
    with lib.ThreadPoolExecutor(1, 'sampler') as executor:
        named = executor.submit(lambda: threading.current_thread().name).result()
    with lib.ThreadPoolExecutor(1) as executor:
        unnamed = executor.submit(lambda: threading.current_thread().name).result()
    return named, re.sub(r'\d+', 'N', unnamed)


@both
def test_idle_threads_are_used_again(lib):
    with lib.ThreadPoolExecutor(5) as executor:
        names = set()
        for _ in range(20):
            names.add(executor.submit(threading.get_ident).result())
            end = time.monotonic() + PATIENCE_SECONDS
            # It is idle a moment after the result is there.
            while lib is concurrent.futures and executor._idle_semaphore._value == 0:
                assert time.monotonic() < end
            while lib is Cfut and not executor._crew.idle:
                assert time.monotonic() < end
        return len(names)


@both
def test_an_initializer(lib):
    local, called = threading.local(), []

    def prepare(value, other):
        local.value = value, other
        called.append(threading.get_ident())

    gate = Gate()
    with lib.ThreadPoolExecutor(2, initializer=prepare, initargs=('a', 'b')) as executor:
        futures = [executor.submit(lambda: gate.wait(local.value)) for _ in range(4)]
        gate.until_entered(2)
        gate.open(4)
        return [future.result() for future in futures], len(set(called)), len(called)


@both
def test_an_initializer_that_fails(lib):
    records = python_tap.quiet_log()
    gate = Gate()

    def prepare():
        gate.wait()
        fail('in the initializer')

    with lib.ThreadPoolExecutor(1, initializer=prepare) as executor:
        futures = [executor.submit(pow, 2, n) for n in range(3)]
        gate.open()
        seen = [(type(future.exception(PATIENCE_SECONDS)), str(future.exception())) for future in futures]
        seen += [outcome(executor.submit, pow, 2, 2)]
    return seen, [record.levelname for record in records], issubclass(seen[0][0], lib.BrokenExecutor)


@both
def test_arguments_of_the_executor(lib):
    make = lib.ThreadPoolExecutor
    return [outcome(make, max_workers=0), outcome(make, max_workers=-2), outcome(make, initializer=5),
            outcome(make, max_workers='2')[0], outcome(make, worker=1)[0], make()._max_workers,
            make(3, 'prefix', None, ())._max_workers]


@both
def test_shutdown(lib):
    gate = Gate()
    executor = lib.ThreadPoolExecutor(1)
    futures = [executor.submit(gate.wait, n) for n in range(3)]
    executor.shutdown(wait=False)
    seen = [outcome(executor.submit, pow, 2, 2), outcome(executor.map, abs, [1])]
    gate.open(3)
    executor.shutdown()
    executor.shutdown(True, cancel_futures=True)
    return seen + [[future.done() for future in futures], [future.result() for future in futures]]


@both
def test_shutdown_that_cancels(lib):
    gate = Gate()
    executor = lib.ThreadPoolExecutor(1)
    running = executor.submit(gate.wait, 'ran')
    gate.until_entered()
    pending = [executor.submit(gate.wait, n) for n in range(10)]
    executor.shutdown(wait=False, cancel_futures=True)
    seen = [future.cancelled() for future in pending]
    gate.open()
    executor.shutdown()
    return seen, running.result()


@both
def test_leaving_the_block_waits(lib):
    done = []

    def late(n):
        time.sleep(SHORT_SECONDS)
        done.append(n)

    def use():
        with lib.ThreadPoolExecutor(2) as executor:
            for n in range(4):
                executor.submit(late, n)
            raise KeyError('inside')

    seen = outcome(use)
    return seen, sorted(done), executor_of_block(lib)


def executor_of_block(lib):
    executor = lib.ThreadPoolExecutor(1)
    with executor as same:
        return same is executor


@both
def test_a_dropped_executor_finishes_what_it_took(lib):
    gate = Gate()
    executor = lib.ThreadPoolExecutor(1)
    futures = [executor.submit(gate.wait, n) for n in range(3)]
    threads = list(executor._threads)
    reference = weakref.ref(executor)
    del executor
    gate.open(3)
    seen = [future.result(PATIENCE_SECONDS) for future in futures]
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    return seen, is_gone(reference), [thread.is_alive() for thread in threads]


@both
def test_what_was_submitted_is_let_go(lib):
    class Function:
        def __call__(self, argument, key):
            return None

    with lib.ThreadPoolExecutor(1) as executor:
        function, argument, key = Function(), Thing(), Thing()
        references = [weakref.ref(thing) for thing in (function, argument, key)]
        future = executor.submit(function, argument, key=key)
        del function, argument, key
        future.result()
        return [is_gone(reference) for reference in references], future.done()


@both
def test_a_result_is_let_go_with_its_future(lib):
    with lib.ThreadPoolExecutor(1) as executor:
        future = executor.submit(Thing)
        references = [weakref.ref(future.result()), weakref.ref(future)]
        seen = [references[0]() is not None]
        del future
        return seen + [is_gone(reference) for reference in references]


@both
def test_an_exception_makes_no_cycle(lib):
    gc.collect()
    gc.disable()
    try:
        with lib.ThreadPoolExecutor(1) as executor:
            def function(thing):
                raise KeyError('with a traceback')

            thing = Thing()
            future = executor.submit(function, thing)
            references = [weakref.ref(thing), weakref.ref(future)]
            del thing
            try:
                future.result()
            except KeyError:
                pass
            seen = []
            for look in (future.exception, future.result):
                try:
                    look()
                except KeyError:
                    pass
            del future, look
            return seen + [is_gone(reference) for reference in references]
    finally:
        gc.enable()


@both
def test_map_lets_go_of_what_it_has_yielded(lib):
    with lib.ThreadPoolExecutor(2) as executor:
        seen = []
        for thing in executor.map(lambda n: Thing(), range(3)):
            reference = weakref.ref(thing)
            del thing
            seen.append(is_gone(reference))
        return seen


@both
def test_as_completed_lets_go_of_what_it_has_yielded(lib):
    with lib.ThreadPoolExecutor(2) as executor:
        futures = [executor.submit(pow, 2, n) for n in range(3)]
        results = lib.as_completed(futures)
        del futures
        seen = []
        for future in results:
            reference = weakref.ref(future)
            del future
            seen.append(is_gone(reference))
        return seen


@both
def test_a_future_by_hand(lib):
    future, other, third = lib.Future(), lib.Future(), lib.Future()
    called = []
    future.add_done_callback(called.append)
    seen = [settled_repr(future), future.set_running_or_notify_cancel(), future.running(), future.cancel()]
    future.set_result(5)
    other.set_exception(KeyError('k'))
    seen += [future.result(), called == [future], settled_repr(future), repr(other.exception()),
             outcome(other.result), third.cancel(), third.set_running_or_notify_cancel(),
             isinstance(future, concurrent.futures.Future), type(future).__name__]
    return seen + [(kind, re.sub('0x[0-9a-f]+', 'ADDRESS', text)) for kind, text in (
        outcome(future.set_result, 6), outcome(future.set_exception, KeyError()),
        outcome(other.set_result, 6))]


@both
def test_a_future_that_ran_is_not_run_again(lib):
    python_tap.quiet_log()
    future = lib.Future()
    future.set_running_or_notify_cancel()
    return outcome(future.set_running_or_notify_cancel)


@both
def test_futures_are_keys(lib):
    futures = [lib.Future() for _ in range(10)]
    return len(set(futures)), futures[0] == futures[1], futures[3] in futures[4:], {futures[0]: 1}[futures[0]]


@both
def test_subclasses(lib):
    class Counting(lib.ThreadPoolExecutor):
        n_submitted = 0

        def submit(self, fn, /, *args, **kwargs):
            self.n_submitted += 1
            return super().submit(fn, *args, **kwargs)

    with Counting(2) as executor:
        results = list(executor.map(abs, [-1, -2]))
        return results, executor.submit(abs, -3).result(), executor.n_submitted


@both
def test_many_threads_submit_at_once(lib):
    with lib.ThreadPoolExecutor(4) as executor:
        sums = []

        def submit_many(n):
            futures = [executor.submit(lambda value: value, value) for value in range(n, n + 300)]
            sums.append(sum(future.result() for future in futures))

        threads = [threading.Thread(target=submit_many, args=(n,)) for n in range(0, 3000, 300)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(sums), len(executor._threads) <= 4


@both
def test_a_task_submits_tasks(lib):
    with lib.ThreadPoolExecutor(2) as executor:
        def tree(depth):
            if depth:
                for _ in range(2):
                    executor.submit(tree, depth - 1).add_done_callback(lambda future: done.release())
            return depth

        done = threading.Semaphore(0)
        executor.submit(tree, 6)
        return sum(done.acquire(timeout=PATIENCE_SECONDS) for _ in range(2 ** 7 - 2))


if __name__ == '__main__':
    sys.exit(python_tap.main(globals()))
