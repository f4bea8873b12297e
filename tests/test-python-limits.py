#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""What waits in Python's pools: its order, how much of it there may be, how fast it is started, and
how much there is. Speaks TAP."""

import gc
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
import weakref

import gi
gi.require_version('Cfut', '1')
from gi.repository import Cfut, GLib

import python_tap
from python_tap import PATIENCE_SECONDS, Gate, raises

SHORT_SECONDS = 0.02
BLOCK = Cfut.WhenFull.BLOCK
REJECT = Cfut.WhenFull.REJECT


def until(condition):
    """Waits until something is the case that another thread is about to do."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def busy(executor, gate):
    """Keeps the one worker at work until the gate is opened."""
    future = executor.submit(gate.wait)
    gate.until_entered()
    return future


def in_line(executor, n=1):
    """Until so many threads wait for room."""
    until(lambda: len(executor._crew.room.line) == n)


def read_byte(path):
    with open(path, 'rb') as file:
        return file.read(1)


def append_line(path, line):
    with open(path, 'a') as file:
        file.write(line + '\n')


class Fifo:
    """What keeps a process at work until it is opened."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, 'fifo')
        os.mkfifo(self.path)

    def keep(self, executor):
        future = executor.submit(read_byte, self.path)
        self.file = open(self.path, 'wb')  # which waits until it is being read
        return future

    def open(self):
        self.file.close()


# The order.

def test_a_raised_priority_goes_ahead():
    gate, order = Gate(), []
    with Cfut.ThreadPoolExecutor(1) as executor:
        running = busy(executor, gate)
        futures = [executor.submit(order.append, n) for n in range(5)]
        assert futures[3].get_priority() == 0
        assert futures[3].set_priority(-50) and futures[3].get_priority() == -50
        assert futures[0].set_priority(1000) and futures[0].get_priority() == 100
        assert not running.set_priority(-1)
        gate.open()
        futures[0].result(PATIENCE_SECONDS)
        assert not futures[3].set_priority(5) and futures[3].get_priority() == -50
    assert order == [3, 1, 2, 4, 0], order


def test_a_priority_that_changes_often():
    gate, order = Gate(), []
    with Cfut.ThreadPoolExecutor(1) as executor:
        busy(executor, gate)
        futures = [executor.submit(order.append, n) for n in range(4)]
        urgent = executor.with_options(priority=-10).submit(order.append, 'urgent')
        for n in range(1000):
            assert futures[n % 4].set_priority(n % 100)
        assert len(executor._crew.urgent) < 200
        for priority, future in zip((30, 20, -20, 0), futures):
            assert future.set_priority(priority)
        assert urgent.set_priority(90)
        assert executor.n_pending == 5
        gate.open()
    assert order == [2, 3, 1, 0, 'urgent'], order


def test_a_priority_back_to_the_default():
    gate, order = Gate(), []
    with Cfut.ThreadPoolExecutor(1) as executor:
        busy(executor, gate)
        futures = [executor.submit(order.append, n) for n in range(4)]
        for priority in (-90, 0):
            futures[2].set_priority(priority)
        gate.open()
    assert order == [0, 1, 2, 3], order


def test_priorities_from_several_threads_lose_no_call():
    ran = []
    with Cfut.ThreadPoolExecutor(4) as executor:
        futures = []

        def change():
            for n in range(3000):
                if futures:
                    futures[n * 7 % len(futures)].set_priority(n % 201 - 100)

        threads = [threading.Thread(target=change) for _ in range(2)]
        for thread in threads:
            thread.start()
        for n in range(2000):
            futures.append(executor.submit(ran.append, n))
            if n % 5 == 0:
                futures[-1].cancel()
        assert not Cfut.wait(futures, PATIENCE_SECONDS).not_done
        for thread in threads:
            thread.join()
        n_cancelled = sum(future.cancelled() for future in futures)
        assert sorted(set(ran)) == sorted(ran) and len(ran) == 2000 - n_cancelled
        assert executor.n_completed == len(ran) and executor.n_pending == executor.n_running == 0


def test_a_paused_call_takes_its_new_place():
    gate, order = Gate(), []
    with Cfut.ThreadPoolExecutor(1) as executor:
        busy(executor, gate)
        paused = executor.submit(order.append, 'paused')
        paused.pause()
        gate.open()
        until(lambda: paused._is_aside)
        busy(executor, gate)
        executor.submit(order.append, 'plain')
        assert paused.set_priority(-1)
        paused.resume()
        gate.open()
    assert order == ['paused', 'plain'], order


def test_a_call_that_is_resumed_after_the_shutdown_runs():
    gate = Gate()
    executor = Cfut.ThreadPoolExecutor(1)
    busy(executor, gate)
    paused = executor.submit(abs, -1)
    paused.pause()
    gate.open()
    until(lambda: paused._is_aside)
    executor.shutdown()
    paused.resume()
    assert paused.result(PATIENCE_SECONDS) == 1


def test_a_future_that_is_in_no_queue_has_no_place():
    assert not Cfut.Future().set_priority(-1)
    assert not Cfut.Promise().get_future().set_priority(-1)
    with Cfut.ThreadPoolExecutor(1) as executor:
        future = executor.submit(abs, -1)
        future.result()
        reference = weakref.ref(future)
        future.set_priority(3)
        del future
        gc.collect()
        assert reference() is None


def test_a_raised_priority_goes_ahead_in_a_process_pool():
    fifo = Fifo()
    path = os.path.join(fifo.folder.name, 'order')
    with Cfut.ProcessPoolExecutor(1) as executor:
        running = fifo.keep(executor)
        futures = [executor.submit(append_line, path, str(n)) for n in range(4)]
        assert futures[3].set_priority(-50) and futures[3].get_priority() == -50
        assert not running.set_priority(-1)
        fifo.open()
    with open(path) as file:
        assert file.read().split() == ['3', '0', '1', '2']


# How many there may be.

def test_too_many_are_refused():
    gate = Gate()
    with Cfut.ThreadPoolExecutor(1, max_pending=2) as executor:
        assert executor.max_pending == executor.props.max_pending == 2
        busy(executor, gate)
        futures = [executor.submit(abs, -n) for n in range(2)]
        error = raises(Cfut.QueueFullError, executor.submit, abs, -1)
        assert isinstance(error, queue.Full) and isinstance(error, GLib.Error)
        assert error.matches(Cfut.future_error_quark(), Cfut.FutureError.QUEUE_FULL)
        # Who is cancelled, or is let wait no longer, makes room.
        assert futures[0].cancel() and futures[0].cancel()
        late = executor.with_options(queue_timeout=SHORT_SECONDS).submit(abs, -1)
        raises(Cfut.QueueFullError, executor.submit, abs, -1)
        raises(Cfut.DeadlineError, late.result, PATIENCE_SECONDS)
        futures.append(executor.submit(abs, -2))
        raises(Cfut.QueueFullError, executor.submit, abs, -1)
        raises(Cfut.QueueFullError, executor.map, abs, [1, 2])
        # The limit is a property, for calls by name as well.
        executor.props.max_pending = 3
        futures.append(executor.submit(abs, -3))
        raises(Cfut.QueueFullError, executor.submit, abs, -1)
        executor.max_pending = 0
        futures.append(executor.submit(abs, -4))
        gate.open()
        assert [future.result() for future in futures[1:]] == [1, 2, 3, 4]


def test_what_is_seen_to_run_has_left_its_room():
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for look in lambda pool, future: pool.n_running, lambda pool, future: future.running():
            for _ in range(200):
                gate = Gate()
                with Cfut.ThreadPoolExecutor(1, max_pending=1) as executor:
                    try:
                        future = executor.submit(gate.wait)
                        while not look(executor, future):
                            pass
                        executor.submit(gate.wait)
                    finally:
                        gate.open(2)
    finally:
        sys.setswitchinterval(interval)


def test_what_is_refused_joins_no_group():
    gate = Gate()
    group = Cfut.Group()
    with Cfut.ThreadPoolExecutor(1, max_pending=1) as executor:
        busy(executor, gate)
        view = executor.with_options(group=group)
        future = view.submit(abs, -1)
        raises(Cfut.QueueFullError, view.submit, abs, -1)
        assert len(group) == 1
        gate.open()
        assert future.result() == 1
    raises(RuntimeError, view.submit, abs, -1)
    assert group.wait(PATIENCE_SECONDS).not_done == set()


def test_what_makes_no_sense_is_no_limit():
    for make in (Cfut.ThreadPoolExecutor, Cfut.ProcessPoolExecutor):
        raises(ValueError, make, max_pending=-1)
        raises(TypeError, make, max_pending='1')
        raises(ValueError, make, when_full=7)
        raises(ValueError, make, rate_limit=0)
        raises(ValueError, make, rate_limit=float('inf'))
        raises(TypeError, make, rate_limit='1')
        with make(1) as executor:
            raises(ValueError, executor.with_options, when_full=7)
            assert (executor.max_pending, executor.rate_limit, executor.when_full) == (0, None, REJECT)


def test_a_submission_waits_for_room():
    gate, order = Gate(), []
    with Cfut.ThreadPoolExecutor(1, max_pending=1, when_full=BLOCK) as executor:
        busy(executor, gate)
        executor.submit(order.append, 0)
        threads = []
        for n in (1, 2):
            threads.append(threading.Thread(target=executor.submit, args=(order.append, n)))
            threads[-1].start()
            in_line(executor, n)
        raises(Cfut.QueueFullError, executor.with_options(when_full=REJECT).submit, abs, 1)
        assert order == [] and executor.n_pending == 1
        gate.open()
        for thread in threads:
            thread.join(PATIENCE_SECONDS)
        assert list(executor.map(abs, range(-20, 0))) == list(range(20, 0, -1))
    assert order == [0, 1, 2], order


def test_a_wait_for_room_ends_in_time():
    gate = Gate()
    with Cfut.ThreadPoolExecutor(1, max_pending=1, when_full=BLOCK) as executor:
        executor.wait_ready(0)
        busy(executor, gate)
        executor.submit(abs, -1)
        raises(TimeoutError, executor.wait_ready, SHORT_SECONDS)
        group = Cfut.Group()
        late = executor.with_options(queue_timeout=SHORT_SECONDS, group=group).submit(abs, -1)
        raises(Cfut.DeadlineError, late.result)
        assert group[0] is late
        assert not executor._crew.room.line and executor._crew.room.n_in == 1
        gate.open()
        executor.wait_ready(PATIENCE_SECONDS)
    raises(RuntimeError, executor.wait_ready)


def test_a_shutdown_ends_the_waits():
    gate, errors = Gate(), queue.Queue()
    executor = Cfut.ThreadPoolExecutor(1, max_pending=1, when_full=BLOCK)

    def enter(function, *args):
        try:
            function(*args)
        except RuntimeError as error:
            errors.put(error)

    running = busy(executor, gate)
    executor.submit(abs, -1)
    threads = [threading.Thread(target=enter, args=args)
               for args in ((executor.submit, abs, -1), (executor.wait_ready,))]
    for thread in threads:
        thread.start()
    in_line(executor, 2)
    executor.shutdown(wait=False)
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert errors.qsize() == 2
    gate.open()
    running.result(PATIENCE_SECONDS)


def test_a_call_waits_for_room_in_its_own_pool_where_others_make_it():
    gate, waiting = Gate(), Gate()
    with Cfut.ThreadPoolExecutor(2, max_pending=1, when_full=BLOCK) as executor:
        def submit_two():
            waiting.wait()
            return [executor.submit(abs, -1), executor.submit(abs, -2)]

        busy(executor, gate)
        first = executor.submit(submit_two)
        waiting.until_entered()
        waiting.open()
        in_line(executor)
        # The last thread that could make room must not wait as well.
        gate.open()
        assert [future.result(PATIENCE_SECONDS) for future in first.result(PATIENCE_SECONDS)] == [1, 2]


def test_the_last_thread_does_not_wait_for_itself():
    with Cfut.ThreadPoolExecutor(1, max_pending=1, when_full=BLOCK) as executor:
        def submit_two():
            futures = [executor.submit(abs, -1)]
            for function in (lambda: executor.submit(abs, -2), executor.wait_ready):
                raises(Cfut.DeadlockError, function)
            return futures

        assert executor.submit(submit_two).result(PATIENCE_SECONDS)[0].result(PATIENCE_SECONDS) == 1

        # A callback on the pool's thread is no different.
        gate, seen = Gate(), queue.Queue()

        def submit_more(future):
            executor.submit(abs, -1)
            seen.put(raises(Cfut.DeadlockError, executor.submit, abs, -2))

        def watch():
            future = executor.submit(gate.wait)
            future.add_done_callback(submit_more)

        thread = threading.Thread(target=watch)
        thread.start()
        thread.join()
        gate.open()
        assert seen.get(timeout=PATIENCE_SECONDS)


def test_too_many_are_refused_by_a_process_pool():
    fifo = Fifo()
    with Cfut.ProcessPoolExecutor(1, max_pending=1) as executor:
        fifo.keep(executor)
        until(lambda: executor.n_running == 1)
        future = executor.submit(abs, -1)
        assert (executor.n_pending, executor.n_completed) == (1, 0)
        raises(Cfut.QueueFullError, executor.submit, abs, -2)
        raises(TimeoutError, executor.wait_ready, SHORT_SECONDS)
        waiting = executor.with_options(when_full=BLOCK, queue_timeout=SHORT_SECONDS)
        raises(Cfut.DeadlineError, waiting.submit(abs, -3).result)

        got = queue.Queue()
        executor.when_full = BLOCK
        thread = threading.Thread(target=lambda: got.put(executor.submit(abs, -4)))
        thread.start()
        raises(queue.Empty, got.get, timeout=SHORT_SECONDS)
        fifo.open()
        assert got.get(timeout=PATIENCE_SECONDS).result(PATIENCE_SECONDS) == 4
        thread.join()
        assert future.result() == 1
        assert list(executor.map(abs, range(-9, 0))) == list(range(9, 0, -1))
        assert (executor.n_pending, executor.n_running) == (0, 0) and executor.n_completed == 12
    raises(RuntimeError, executor.wait_ready)


def test_a_callback_on_the_library_s_thread_does_not_wait_for_it():
    fifo, seen = Fifo(), queue.Queue()
    with Cfut.ProcessPoolExecutor(1, max_pending=1, when_full=BLOCK) as executor:
        def submit_more(future):
            executor.pause()
            executor.submit(abs, -1)
            seen.put(raises(Cfut.DeadlockError, executor.submit, abs, -2))

        future = fifo.keep(executor)
        thread = threading.Thread(target=future.add_done_callback, args=(submit_more,))
        thread.start()
        thread.join()
        fifo.open()
        assert seen.get(timeout=PATIENCE_SECONDS)
        executor.resume()


def interrupted(text):
    """Runs a program that says when it waits, and presses Ctrl-C."""
    program = subprocess.Popen([sys.executable, '-c', text], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True)
    try:
        assert program.stdout.readline() == 'waiting\n', program.stderr.read()
        program.send_signal(signal.SIGINT)
        out, err = program.communicate(timeout=PATIENCE_SECONDS)
    finally:
        program.kill()
    assert program.returncode == 0 and out == 'interrupted\nended\n', (program.returncode, out, err)


PROGRAM = '''
import gi, os, threading
gi.require_version('Cfut', '1')
from gi.repository import Cfut

def keep(fd):
    return os.read(fd, 1)

if __name__ == '__main__':
    inside, outside = os.pipe()
    executor = Cfut.ThreadPoolExecutor(1, max_pending=1, when_full=Cfut.WhenFull.BLOCK)
    %s
    try:
        print('waiting', flush=True)
        %s
    except KeyboardInterrupt:
        print('interrupted', flush=True)
    os.write(outside, b'x')
    executor.shutdown()
    assert executor.n_pending == 0
    print('ended', flush=True)
'''

THREADS = '''executor.submit(keep, inside)
    while executor.n_running == 0:
        pass
    executor.submit(abs, -1)'''

PROCESSES = '''executor = Cfut.ProcessPoolExecutor(1, max_pending=1, when_full=Cfut.WhenFull.BLOCK)
    executor.pause()
    executor.submit(abs, -1)'''


def test_ctrl_c_ends_a_wait_for_room():
    for start in (THREADS, PROCESSES):
        for wait in ('executor.submit(abs, -2)', 'executor.wait_ready()'):
            interrupted(PROGRAM % (start, wait))


# How fast.

def test_a_rate_limit_spaces_the_starts():
    times = []
    with Cfut.ThreadPoolExecutor(4, rate_limit=50) as executor:
        assert executor.rate_limit.get_rate() == executor.props.rate_limit.get_rate() == 50
        begun = time.monotonic()
        futures = [executor.submit(lambda: times.append(time.monotonic())) for _ in range(6)]
        Cfut.wait(futures)
        # One at once, and five that fell due after 20 ms each.
        assert time.monotonic() - begun >= 0.095
    assert len(times) == 6


def test_a_limit_is_shared_with_what_c_runs():
    limit = Cfut.RateLimit.new(1e-3, 2)
    with Cfut.ThreadPoolExecutor(2, rate_limit=limit) as executor:
        native = Cfut.ThreadExecutor(max_workers=1, rate_limit=limit)
        first = executor.submit(abs, -1)
        assert first.result(PATIENCE_SECONDS) == 1
        native.call(None, 'nobody', None).exception()
        second = native.submit(lambda task, data: True, None)
        second.result(PATIENCE_SECONDS)
        queued = executor.submit(abs, -2)
        raises(TimeoutError, queued.result, SHORT_SECONDS)
        # Who waits follows a change of the limit.
        limit.set_rate(1e6)
        assert queued.result(PATIENCE_SECONDS) == 2
        native.shutdown(Cfut.ShutdownFlags.WAIT, -1)


def test_a_limit_that_is_taken_away_holds_nothing_back():
    with Cfut.ThreadPoolExecutor(2, rate_limit=1e-3) as executor:
        futures = [executor.submit(abs, -n) for n in range(5)]
        assert futures[0].result(PATIENCE_SECONDS) == 0
        raises(TimeoutError, futures[1].result, SHORT_SECONDS)
        executor.rate_limit = None
        assert [future.result(PATIENCE_SECONDS) for future in futures] == list(range(5))


def test_what_waits_for_its_time_can_be_cancelled():
    begun = time.monotonic()
    with Cfut.ThreadPoolExecutor(3, rate_limit=1e-3) as executor:
        futures = [executor.submit(abs, -n) for n in range(5)]
        futures[0].result()
        for future in futures[1:]:
            assert future.cancel()
        # The threads that waited for it end with the pool.
    assert time.monotonic() - begun < 500
    executor = Cfut.ThreadPoolExecutor(3, rate_limit=1e-3)
    futures = [executor.submit(abs, -n) for n in range(5)]
    futures[0].result()
    executor.shutdown(cancel_futures=True)
    assert all(future.cancelled() for future in futures[1:])


def test_a_pause_and_a_limit_together():
    with Cfut.ThreadPoolExecutor(2, rate_limit=1e6) as executor:
        executor.pause()
        future = executor.submit(abs, -1)
        raises(TimeoutError, future.result, SHORT_SECONDS)
        assert executor.n_pending == 1
        executor.resume()
        assert future.result(PATIENCE_SECONDS) == 1


def test_a_call_that_waits_for_one_of_its_own_pool_keeps_to_the_limit():
    with Cfut.ThreadPoolExecutor(1, rate_limit=Cfut.RateLimit.new(1e-3, 1)) as executor:
        entered = Gate()

        def inner():
            future = executor.submit(abs, -3)
            entered.entered.release()
            return future.result()

        outer = executor.submit(inner)
        entered.until_entered()
        raises(TimeoutError, outer.result, SHORT_SECONDS)
        executor.rate_limit.set_rate(1e6)
        assert outer.result(PATIENCE_SECONDS) == 3


def test_a_limit_does_not_keep_a_pool():
    limit = Cfut.RateLimit.new(1e6, 1)
    executor = Cfut.ThreadPoolExecutor(1, rate_limit=limit)
    executor.submit(abs, -1).result()
    gate = weakref.ref(executor._crew.gate)
    threads = list(executor._threads)
    del executor
    gc.collect()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    del threads
    gc.collect()
    assert gate() is None
    limit.set_rate(2)


def test_a_rate_limit_of_a_process_pool():
    with Cfut.ProcessPoolExecutor(2, rate_limit=1e-3) as executor:
        futures = [executor.submit(abs, -n) for n in range(2)]
        assert futures[0].result(PATIENCE_SECONDS) == 0
        raises(TimeoutError, futures[1].result, SHORT_SECONDS)
        executor.rate_limit = None
        assert futures[1].result(PATIENCE_SECONDS) == 1


# How much there is.

def test_counts():
    gate = Gate()
    with Cfut.ThreadPoolExecutor(2) as executor:
        def counts():
            return executor.n_pending, executor.n_running, executor.n_completed

        assert counts() == (0, 0, 0)
        running = [executor.submit(gate.wait) for _ in range(2)]
        gate.until_entered(2)
        queued = [executor.submit(int, 'x'), executor.submit(abs, -1),
                  executor.with_options(priority=5).submit(abs, -1)]
        assert counts() == (3, 2, 0)
        assert queued[1].cancel() and queued[2].cancel() and queued[2].cancel()
        assert counts() == (1, 2, 0)
        gate.open()
        assert isinstance(queued[0].exception(PATIENCE_SECONDS), ValueError)
        # What has a result is counted.
        assert counts() == (0, 1, 2), counts()
        gate.open()
        Cfut.wait(running)
        assert counts() == (0, 0, 3)
        executor.call(None, 'nobody', None).exception()
        native = executor.get_n_completed()
        assert native >= 3 and executor.submit(abs, -1).result() == 1
        assert executor.get_n_completed() == native + 1


def test_counts_outlive_the_threads():
    executor = Cfut.ThreadPoolExecutor(3)
    list(executor.map(abs, range(30)))
    executor.shutdown()
    assert (executor.n_pending, executor.n_running, executor.n_completed) == (0, 0, 30)


def test_a_call_without_its_deadline_runs_until_it_ends():
    gate = Gate()
    with Cfut.ThreadPoolExecutor(1) as executor:
        late = executor.with_options(timeout=SHORT_SECONDS).submit(gate.wait)
        raises(Cfut.DeadlineError, late.result)
        assert (executor.n_running, executor.n_completed) == (1, 0)
        gate.open()
        until(lambda: executor.n_running == 0)
        assert executor.n_completed == 1


def test_a_pool_that_breaks_holds_nothing_back():
    python_tap.quiet_log()
    gate, errors = Gate(), queue.Queue()

    def fail():
        gate.wait()
        raise ValueError

    executor = Cfut.ThreadPoolExecutor(1, initializer=fail, max_pending=1, when_full=BLOCK)
    future = executor.submit(abs, -1)
    gate.until_entered()

    def enter():
        errors.put(raises(Cfut.BrokenThreadPool, executor.submit, abs, -1))

    thread = threading.Thread(target=enter)
    thread.start()
    in_line(executor)
    gate.open()
    assert errors.get(timeout=PATIENCE_SECONDS)
    assert isinstance(future.exception(PATIENCE_SECONDS), Cfut.BrokenThreadPool)
    assert executor.n_pending == 0
    executor.shutdown()


def test_a_fork_leaves_no_limit_behind():
    gate = Gate()
    with Cfut.ThreadPoolExecutor(1, max_pending=1, when_full=BLOCK, rate_limit=1e6) as executor:
        busy(executor, gate)
        queued = executor.submit(abs, -1)
        thread = threading.Thread(target=executor.submit, args=(abs, -2))
        thread.start()
        in_line(executor)
        pid = os.fork()
        if pid == 0:
            fine = isinstance(queued.exception(), Cfut.BrokenThreadPool) and executor.n_running == 0
            os._exit(0 if fine else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        gate.open()
        thread.join(PATIENCE_SECONDS)


if __name__ == '__main__':
    sys.exit(python_tap.main(globals()))
