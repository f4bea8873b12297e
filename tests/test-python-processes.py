#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""The pool of processes. What `both` marks runs with the standard library and with ours, and what it
returns has to be the same; the rest is what is ours alone, and what is better than there."""

import array
import asyncio
import concurrent.futures
import ctypes
import functools
import gc
import logging
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import weakref
from concurrent.futures.process import BrokenProcessPool

import gi
gi.require_version('Cfut', '1')
from gi.repository import Cfut, GLib

import python_tap
from python_tap import PATIENCE_SECONDS

SPAWN = multiprocessing.get_context('spawn')


def both(case):
    """A test that runs the case with each library."""
    @functools.wraps(case)
    def test():
        standard = case(concurrent.futures)
        ours = case(Cfut)
        assert ours == standard, '%r, but with the standard library %r' % (ours, standard)
    return test


def pool(library=Cfut, max_workers=1, **kwargs):
    return library.ProcessPoolExecutor(max_workers, SPAWN, **kwargs)


def outcome(function, *args, **kwargs):
    """What a call comes to: its result, or the class and text of its exception."""
    try:
        return function(*args, **kwargs)
    except BaseException as exception:
        return type(exception), str(exception)


# --- what workers run ---

_initialized = None


def initialize(value):
    global _initialized
    _initialized = value


def initialized():
    return _initialized


def fail_to_initialize():
    raise ValueError('not today')


def double(value):
    return value * 2


def same(value):
    return value


def many(*args, **kwargs):
    return args, sorted(kwargs.items())


def fail(*args):
    raise KeyError(*args)


def raise_this(exception):
    raise exception


def fail_in_turn():
    try:
        raise ValueError('first')
    except ValueError as first:
        raise TypeError('second') from first


def give_lambda():
    return lambda: None


def nap(seconds):
    time.sleep(seconds)
    return seconds


def meet(path):
    """Says that it runs, and waits until the file is gone."""
    open(path, 'w').close()
    end = time.monotonic() + PATIENCE_SECONDS
    while os.path.exists(path) and time.monotonic() < end:
        time.sleep(0.002)
    return os.getpid()


def die(number):
    os.kill(os.getpid(), number)
    time.sleep(PATIENCE_SECONDS)


def crash():
    ctypes.string_at(0)


def say_and_exit():
    sys.stderr.write('last words\n')
    sys.stderr.flush()
    os._exit(7)


def exit_at_load(status):
    os._exit(status)


def fail_at_load(text):
    raise ValueError(text)


class ExitsAtLoad:
    def __reduce__(self):
        return exit_at_load, (5,)


class FailsAtLoad:
    """Unpickles into an error, in whatever process."""

    def __reduce__(self):
        return fail_at_load, ('cannot be loaded',)


class ExitsAtDump:
    def __reduce__(self):
        os._exit(6)


class FailsAtDump:
    def __reduce__(self):
        raise ValueError('cannot be dumped')


def make(name):
    return globals()[name]()


class Picky(Exception):
    """Cannot be unpickled, as many exceptions in the wild cannot."""

    def __init__(self, one, two):
        super().__init__('%s and %s' % (one, two))


def raise_picky():
    raise Picky('one', 'two')


class Thing:
    pass


def report(n):
    task = Cfut.current_task()
    for i in range(1, n + 1):
        task.set_progress(i, n)
        task.set_message('step %d' % i)
    return task is not None


def run_until_cancelled(path):
    open(path, 'w').close()
    while not os.path.exists(path + '.go'):
        time.sleep(0.001)
    while True:
        Cfut.current_task().checkpoint()
        time.sleep(0.001)


def count_in_processes(n):
    with multiprocessing.get_context('fork').Pool(2) as processes:
        return sum(processes.map(double, range(n)))


def count_up(shared, key, n):
    for _ in range(n):
        shared.add(key, 1)
    return len(shared)


def read_shared(name, key):
    return Cfut.get_shared(name)[key]


def nothing_loaded(name):
    return name in sys.modules


# --- both ---

@both
def test_arguments_and_results_travel(library):
    with pool(library) as executor:
        return (executor.submit(many, 1, [2], None, key='value', fn=3).result(),
                executor.submit(double, 'ab').result(),
                [executor.submit(same, value).result() for value in
                 (None, True, 2 ** 100, 1.5, 'text\0', b'', {'a': (1, [2])}, {1, 2})])


@both
def test_large_ones_travel_whole(library):
    with pool(library) as executor:
        block = bytes(range(256)) * 1024
        large = block * 80
        numbers = array.array('d', range(100000))
        results = [executor.submit(same, value).result() for value in
                   (block, large, bytearray(block), numbers, [block, large, 'x' * 100000],
                    {'deep': [large[:-1], {'deeper': bytearray(large)}]})]
    return [(type(result), hash(repr(result)) if len(repr(result)) < 10 ** 6 else pickle.dumps(result) and
             len(pickle.dumps(result))) for result in results], results[1] == large, results[3] == numbers


@both
def test_an_exception_comes_back_with_its_traceback(library):
    with pool(library) as executor:
        exception = executor.submit(fail, 'key', 2).exception()
        cause = exception.__cause__
        second = executor.submit(fail_in_turn).exception()
    return (type(exception), exception.args, type(cause), 'in fail\n' in str(cause), "KeyError: ('key', 2)" in
            str(cause), str(cause).startswith('\n"""\nTraceback (most recent call last):\n'),
            type(second), 'first' in str(second.__cause__), exception.__traceback__ is None)


@both
def test_what_ends_programs_is_an_exception_like_any_other(library):
    with pool(library) as executor:
        return [outcome(executor.submit(raise_this, exception).result) for exception in
                (SystemExit(3), KeyboardInterrupt(), GeneratorExit('x'))] + [
                executor.submit(same, 'and the worker goes on').result()]


@both
def test_what_cannot_be_pickled_fails(library):
    with pool(library) as executor:
        call = executor.submit(lambda: None)
        argument = executor.submit(same, threading.Lock())
        custom = executor.submit(same, FailsAtDump())
        result = executor.submit(give_lambda)
        bad = executor.submit(make, 'FailsAtDump')
        rest = executor.submit(same, 1).result()
        return ([(type(future.exception()), type(future.exception().__cause__), future.done())
                 for future in (call, argument, custom, result, bad)], str(custom.exception()), rest)


@both
def test_map_keeps_the_order(library):
    with pool(library, 2) as executor:
        def failing():
            results = executor.map(raise_this, [ValueError('a'), TypeError('b')])
            return outcome(next, results), outcome(next, results)
        return (list(executor.map(double, range(10))), list(executor.map(double, range(10), chunksize=3)),
                list(executor.map(pow, [2, 3, 4], [1, 2])), list(executor.map(double, [])),
                list(executor.map(pow, range(7), range(7), chunksize=100)), failing(),
                outcome(executor.map, double, [1], chunksize=0), outcome(executor.map, double, 5))


@both
def test_map_gives_up_in_time(library):
    with pool(library) as executor:
        executor.submit(same, 1).result()
        results = executor.map(nap, [0, 0.5], timeout=0.2)
        return next(results), outcome(next, results)[0]


@both
def test_what_makes_no_sense_is_refused(library):
    make_pool = library.ProcessPoolExecutor
    return (outcome(make_pool, 0), outcome(make_pool, -1), outcome(make_pool, 1, initializer=3),
            outcome(make_pool, 1, max_tasks_per_child=0)[0],
            outcome(make_pool, 1, max_tasks_per_child='1')[0],
            outcome(make_pool, 1, multiprocessing.get_context('fork'), max_tasks_per_child=1)[0],
            isinstance(pool(library), concurrent.futures.Executor),
            isinstance(pool(library), concurrent.futures.ProcessPoolExecutor))


@both
def test_after_shutdown_nothing_is_taken(library):
    executor = pool(library)
    future = executor.submit(same, 1)
    executor.shutdown()
    executor.shutdown()
    return future.done(), future.result(), outcome(executor.submit, same, 1), outcome(executor.map, same, [1])


@both
def test_an_initializer_prepares_each_process(library):
    with pool(library, initializer=initialize, initargs=({'some': 'thing'},)) as executor:
        return executor.submit(initialized).result(), executor.submit(initialized).result()


@both
def test_a_failing_initializer_breaks_the_pool(library):
    with pool(library, initializer=fail_to_initialize) as executor:
        futures = [executor.submit(same, n) for n in range(3)]
        kinds = [isinstance(future.exception(), BrokenProcessPool) for future in futures]
        try:
            executor.submit(same, 1).result()
        except BrokenProcessPool:
            return kinds


@both
def test_queued_calls_can_be_cancelled(library):
    with tempfile.TemporaryDirectory() as folder:
        executor = pool(library)
        path = os.path.join(folder, 'gate')
        running = executor.submit(meet, path)
        queued = [executor.submit(same, n) for n in range(6)]
        while not os.path.exists(path) or not running.running():
            time.sleep(0.001)
        last = queued[-1].cancel()
        executor.shutdown(wait=False, cancel_futures=True)
        os.unlink(path)
        running.result()
        executor.shutdown()
        return last, queued[-1].cancelled(), running.cancel(), queued[-2].cancelled()


@both
def test_a_process_is_replaced_after_its_tasks(library):
    with pool(library, max_tasks_per_child=2) as executor:
        pids = [executor.submit(os.getpid).result() for _ in range(6)]
        return len(set(pids)), pids[0] == pids[1], pids[1] == pids[2]


@both
def test_standard_wait_and_as_completed_take_them(library):
    with pool(library) as executor, concurrent.futures.ThreadPoolExecutor(1) as threads:
        futures = [executor.submit(double, n) for n in range(5)] + [threads.submit(double, 10)]
        done, rest = concurrent.futures.wait(futures, timeout=PATIENCE_SECONDS)
        more = [executor.submit(double, n) for n in range(5)] + [threads.submit(double, 10)]
        results = sorted(future.result() for future in
                         concurrent.futures.as_completed(more, timeout=PATIENCE_SECONDS))
        return len(done), len(rest), results, futures[0].result() is futures[0].result()


@both
def test_asyncio_awaits_them(library):
    async def main():
        loop = asyncio.get_running_loop()
        with pool(library) as executor:
            one = await loop.run_in_executor(executor, double, 4)
            rest = await asyncio.gather(*[asyncio.wrap_future(executor.submit(double, n)) for n in range(4)])
            failed = await asyncio.gather(loop.run_in_executor(executor, fail, 'k'), return_exceptions=True)
            return one, rest, repr(failed)
    return asyncio.run(main())


@both
def test_references_are_dropped(library):
    with pool(library) as executor:
        thing = Thing()
        gone = weakref.ref(thing)
        future = executor.submit(same, thing)
        del thing
        result = future.result()
        gone_result = weakref.ref(result)
        end = time.monotonic() + PATIENCE_SECONDS
        while gone() is not None and time.monotonic() < end:
            time.sleep(0.001)
        del result
        kept = gone_result() is not None
        del future
        while gone_result() is not None and time.monotonic() < end:
            time.sleep(0.001)
        gc.collect()
        return gone() is None, kept, gone_result() is None


@both
def test_callbacks_are_called(library):
    with pool(library) as executor:
        seen = []
        future = executor.submit(double, 2)
        future.add_done_callback(lambda settled: seen.append(settled.result()))
        future.add_done_callback(lambda settled: seen.append(settled is future))
    executor.shutdown()
    end = time.monotonic() + PATIENCE_SECONDS
    while len(seen) < 2 and time.monotonic() < end:
        GLib.MainContext.default().iteration(False)
    return seen


# --- ours ---

def assert_died(future, exitcode=None, number=None):
    exception = future.exception(PATIENCE_SECONDS)
    assert isinstance(exception, Cfut.WorkerDiedError), repr(exception)
    assert isinstance(exception, BrokenProcessPool)
    assert exception.pid > 0
    assert exception.exitcode == (exitcode if number is None else -number), exception.exitcode
    assert exception.signal == number, exception.signal
    return exception


def test_a_death_costs_one_call():
    with pool(max_workers=2) as executor:
        others = [executor.submit(double, n) for n in range(20)]
        exited = executor.submit(os._exit, 3)
        others += [executor.submit(double, n) for n in range(20)]
        killed = executor.submit(die, signal.SIGKILL)
        crashed = executor.submit(crash)
        spoke = executor.submit(say_and_exit)
        others += [executor.submit(double, n) for n in range(20)]
        assert [future.result(PATIENCE_SECONDS) for future in others] == [2 * n for n in range(20)] * 3
        assert_died(exited, 3)
        assert_died(killed, number=signal.SIGKILL)
        assert_died(crashed, number=signal.SIGSEGV)
        assert 'last words' in assert_died(spoke, 7).stderr


def test_an_end_at_every_step_is_told():
    with pool() as executor:
        loaded = executor.submit(same, ExitsAtLoad())
        dumped = executor.submit(make, 'ExitsAtDump')
        not_loaded = executor.submit(same, FailsAtLoad())
        result_not_loaded = executor.submit(make, 'FailsAtLoad')
        rest = executor.submit(same, 'rest')
        assert_died(loaded, 5)
        assert_died(dumped, 6)
        assert outcome(not_loaded.result) == (ValueError, 'cannot be loaded')
        assert 'fail_at_load' in str(not_loaded.exception().__cause__)
        assert outcome(result_not_loaded.result) == (ValueError, 'cannot be loaded')
        assert rest.result() == 'rest'


def test_an_exception_that_cannot_be_unpickled_leaves_its_text():
    with pool() as executor:
        exception = executor.submit(raise_picky).exception()
        assert isinstance(exception, TypeError), repr(exception)
        assert 'Picky: one and two' in str(exception.__cause__)


def test_a_running_call_reports_and_is_cancelled():
    with tempfile.TemporaryDirectory() as folder, pool() as executor:
        path = os.path.join(folder, 'gate')
        future = executor.submit(report, 5)
        assert future.result() is True
        assert future.dup_message() == 'step 5'
        assert future.get_fraction() == 1.0
        future = executor.submit(run_until_cancelled, path)
        while not os.path.exists(path) or not future.running():
            time.sleep(0.001)
        assert not future.cancel()
        open(path + '.go', 'w').close()
        assert outcome(future.result)[0] is concurrent.futures.CancelledError
        assert future.cancelled()
        assert executor.submit(same, 1).result() == 1


def test_the_group_of_futures_has_their_results():
    with pool() as executor:
        group = Cfut.Group()
        for n in range(5):
            group.add(executor.submit(double, n))
        group.add(executor.submit(fail, 'k'))
        results = []
        while True:
            future = group.next()
            if future is None:
                break
            results.append(outcome(future.result))
        del future
        assert sorted(results[:5]) == [0, 2, 4, 6, 8], results
        assert results[5][0] is KeyError, results


def test_a_worker_may_fork():
    with pool() as executor:
        assert executor.submit(count_in_processes, 10).result() == 90
        assert executor.submit(same, 1).result() == 1


def test_workers_can_be_ended():
    for end in (Cfut.ProcessPoolExecutor.terminate_workers, Cfut.ProcessPoolExecutor.kill_workers):
        with tempfile.TemporaryDirectory() as folder:
            executor = pool()
            path = os.path.join(folder, 'gate')
            running = executor.submit(meet, path)
            queued = executor.submit(same, 1)
            while not os.path.exists(path) or not running.running():
                time.sleep(0.001)
            end(executor)
            assert isinstance(running.exception(), BrokenProcessPool)
            assert queued.cancelled()
            assert outcome(executor.submit, same, 1)[0] is RuntimeError
            executor.shutdown()


def test_a_shared_dict_is_a_mapping():
    with pool(max_workers=2) as executor:
        shared = Cfut.SharedDict({'text': 'x'}, number=1)
        other = Cfut.SharedDict(a=[1, {2: 3}])
        executor.share('other', other)
        futures = [executor.submit(count_up, shared, 'n', 50) for _ in range(4)]
        assert [future.result() for future in futures] == [3] * 4
        assert shared == {'text': 'x', 'number': 1, 'n': 200}
        assert executor.submit(read_shared, 'other', 'a').result() == [1, {2: 3}]
        assert isinstance(executor.submit(read_shared, 'other', 'b').exception(), KeyError)
        for value in (None, True, 2 ** 70, -1, 1.5, '', 'a\0b\ud800', b'', b'x', (1, 2), GLib.Variant('s', 'v')):
            shared['value'] = value
            assert shared['value'] == (value.unpack() if isinstance(value, GLib.Variant) else value), value
        assert 'value' in shared and 'nothing' not in shared and shared.get('nothing', 5) == 5
        assert shared.pop('value').__class__ is str and outcome(shared.__getitem__, 'value')[0] is KeyError
        assert shared.compare_and_set('number', 1, 2) and not shared.compare_and_set('number', 1, 3)
        assert shared.setdefault('number', 9) == 2 and sorted(shared) == ['n', 'number', 'text']
        shared.clear()
        assert not shared and len(shared) == 0
        assert outcome(pickle.dumps, shared)[0] is TypeError
        assert outcome(shared.__setitem__, 5, 5)[0] is TypeError


def run_script(text, *, status=0, interrupt=None, stdin=None):
    """Runs a program; (stdout, stderr). With `interrupt` it gets SIGINT when it has printed that."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'program.py')
        with open(path, 'w') as file:
            file.write('import gi\ngi.require_version("Cfut", "1")\nfrom gi.repository import Cfut\n'
                       'import os, sys, time\n' + textwrap.dedent(text))
        process = subprocess.Popen([sys.executable, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True)
        try:
            begun = ''
            while interrupt is not None and interrupt not in begun:
                begun += process.stdout.readline()
            if interrupt is not None:
                process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=PATIENCE_SECONDS / 2)
        finally:
            process.kill()
        assert status is None or process.returncode == status, (process.returncode, output, errors)
        return begun + output, errors


def test_what_workers_print_is_the_programs_output():
    output, _ = run_script('''
        def say(n):
            print('worker', n)
            os.system('echo child')
            return n
        if __name__ == '__main__':
            with Cfut.ProcessPoolExecutor(1) as executor:
                print(list(executor.map(say, range(3))))
        ''')
    assert output.count('child') == 3 and 'worker 2\n' in output and '[0, 1, 2]' in output, output


def test_a_program_without_a_guard_is_told_so():
    output, errors = run_script('''
        def work():
            return 1
        executor = Cfut.ProcessPoolExecutor(2)
        try:
            print(executor.submit(work).result())
        except Cfut.BrokenProcessPool as error:
            print('broken', '__main__' in str(error))
        ''')
    assert 'broken True' in output, (output, errors)


def test_work_in_flight_is_finished_before_the_exit():
    output, _ = run_script('''
        def work(n):
            time.sleep(0.05)
            print('worked', n)
        if __name__ == '__main__':
            kept = Cfut.ProcessPoolExecutor(1)
            kept.submit(work, 1)
            dropped = Cfut.ProcessPoolExecutor(1)
            dropped.submit(work, 2)
            del dropped
            print('end', flush=True)
        ''')
    assert output.startswith('end\n') and 'worked 1' in output and 'worked 2' in output, output


def test_ctrl_c_ends_a_wait():
    output, errors = run_script('''
        def work():
            time.sleep(1)
        if __name__ == '__main__':
            executor = Cfut.ProcessPoolExecutor(1)
            future = executor.submit(work)
            try:
                print('waits', flush=True)
                future.result()
            except KeyboardInterrupt:
                print('interrupted', future.done())
            future.cancel()
        ''', interrupt='waits')
    assert 'interrupted False' in output, (output, errors)


def test_a_signal_interrupts_what_runs_only():
    output, errors = run_script('''
        import signal
        def interrupt():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        if __name__ == '__main__':
            with Cfut.ProcessPoolExecutor(1) as executor:
                pid = executor.submit(os.getpid).result()
                print(repr(executor.submit(interrupt).exception()))
                for n in range(20):
                    os.kill(pid, signal.SIGINT)
                    executor.submit(int).result()
                print(executor.submit(os.getpid).result() == pid)
        ''')
    assert output == 'KeyboardInterrupt()\nTrue\n', (output, errors)


def test_the_death_of_the_program_ends_its_workers():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'pid')
        run_script('''
            def stay(path):
                with open(path + '.new', 'w') as file:
                    file.write(str(os.getpid()))
                os.rename(path + '.new', path)
                time.sleep(600)
            if __name__ == '__main__':
                executor = Cfut.ProcessPoolExecutor(1)
                executor.submit(stay, %r)
                while not os.path.exists(%r):
                    time.sleep(0.01)
                os.kill(os.getpid(), 9)
            ''' % (path, path), status=-9)
        with open(path) as file:
            pid = int(file.read())
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            try:
                with open('/proc/%d/stat' % pid) as file:
                    if file.read().rsplit(')', 1)[1].split()[0] in 'ZX':
                        return
            except FileNotFoundError:
                return
            time.sleep(0.01)
        raise AssertionError('the worker lives')


def test_an_interpreter_without_a_file_works():
    process = subprocess.run([sys.executable, '-c', textwrap.dedent('''
        import gi
        gi.require_version("Cfut", "1")
        from gi.repository import Cfut
        with Cfut.ProcessPoolExecutor(1) as executor:
            print(executor.submit(pow, 2, 5).result())
            print(type(executor.submit(eval, 'nothing').exception()).__name__)
        ''')], stdout=subprocess.PIPE, text=True, timeout=PATIENCE_SECONDS)
    assert process.stdout == '32\nNameError\n', process.stdout


if __name__ == '__main__':
    logging.getLogger('concurrent.futures').addHandler(logging.NullHandler())
    sys.exit(python_tap.main(globals()))
