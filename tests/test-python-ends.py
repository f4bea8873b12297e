#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""How programs end that use the override: by Ctrl-C, by fork, with work in flight. Speaks TAP.

Each program runs by itself, in a process that is killed when it takes too long."""

import os
import signal
import subprocess
import sys
import time

import python_tap
from python_tap import PATIENCE_SECONDS

PRELUDE = '''
import os, sys, threading, time
import gi
gi.require_version('Cfut', '1')
from gi.repository import Cfut, Gio, GLib
import concurrent.futures
lib = %s

def nap_and_tell(seconds, text):
    time.sleep(seconds)
    print(text, flush=True)
    return text
'''


def run(program, lib='Cfut', environment=None):
    """Runs a program; returns its exit status and what it said."""
    ended = subprocess.run([sys.executable, '-c', PRELUDE % lib + program], capture_output=True,
                           text=True, timeout=PATIENCE_SECONDS, stdin=subprocess.DEVNULL,
                           env={**os.environ, **(environment or {})})
    return ended.returncode, ended.stdout, ended.stderr


def run_both(program):
    """Runs a program with each library; both have to do the same, which is returned."""
    standard = run(program, 'concurrent.futures')
    ours = run(program)
    assert ours == standard, '%r, but with the standard library %r' % (ours, standard)
    return ours


def until_asleep(pid):
    """Waits until the main thread of a process sleeps, seen several times in a row.

    Python itself sleeps on where a signal comes between its last look and its sleep.
    """
    n_seen = 0
    while n_seen < 5:
        time.sleep(0.002)
        with open('/proc/%d/task/%d/stat' % (pid, pid)) as stat:
            n_seen = n_seen + 1 if stat.read().rpartition(')')[2].split()[0] == 'S' else 0


def interrupt(program):
    """Runs a program that says when it blocks, and presses Ctrl-C; returns what it said then."""
    process = subprocess.Popen([sys.executable, '-c', PRELUDE % 'Cfut' + program], text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    try:
        assert process.stdout.readline() == 'blocks\n'
        until_asleep(process.pid)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    finally:
        process.kill()
        process.wait()
    return process.returncode, out, err


WAITS = {
    'result': 'blocked.result()',
    'result with a time': 'blocked.result(1000)',
    'exception': 'blocked.exception()',
    'wait': 'Cfut.wait([blocked])',
    'the standard wait': 'concurrent.futures.wait([blocked])',
    'as_completed': 'next(Cfut.as_completed([blocked]))',
    'map': 'next(executor.map(abs, [1]))',
    'a native result': 'promise.get_future().result()',
    'a native result with a time': 'promise.get_future().result(1000)',
    'a wait for a native one': 'Cfut.wait([promise.get_future()])',
    'the next of a group': 'Cfut.Group([blocked]).next()',
    'a group': 'list(Cfut.Group([promise.get_future()]))',
    'a shutdown': 'executor.shutdown()',
    'with callbacks': 'blocked.add_done_callback(repr); blocked.result()',
    'a coroutine': 'Cfut.run(use())',
}


def test_ctrl_c_ends_every_wait():
    for name, wait in WAITS.items():
        status, out, err = interrupt('''
event = threading.Event()
executor = Cfut.ThreadPoolExecutor(1)
blocked = executor.submit(event.wait)
promise = Cfut.Promise()
async def use():
    return await blocked
try:
    print('blocks', flush=True)
    %s
except KeyboardInterrupt:
    print('interrupted')
finally:
    event.set()
    executor.shutdown()
print('ends')
''' % wait)
        assert (status, out) == (0, 'interrupted\nends\n'), (name, status, out, err)


def test_work_in_flight_is_finished_at_exit():
    out = run_both('''
executor = lib.ThreadPoolExecutor(2)
for n in range(4):
    executor.submit(nap_and_tell, 0.05 * (n + 1), 'nap %d' % n)
print('the program ends', flush=True)
''')
    assert out[0] == 0 and out[1].count('nap') == 4 and out[2] == '', out


def test_what_is_not_waited_for_is_cancelled_at_exit():
    assert run_both('''
executor = lib.ThreadPoolExecutor(1)
has_begun = threading.Event()

def first():
    has_begun.set()
    nap_and_tell(0.2, 'first')

executor.submit(first)
has_begun.wait()
executor.submit(nap_and_tell, 0.2, 'second')
executor.shutdown(wait=False, cancel_futures=True)
''') == (0, 'first\n', '')


def test_nothing_is_submitted_at_exit():
    status, out, err = run_both('''
import atexit

@atexit.register
def late():
    try:
        lib.ThreadPoolExecutor(1).submit(abs, 1)
    except RuntimeError as error:
        print(error)
''')
    assert (status, out) == (0, 'cannot schedule new futures after interpreter shutdown\n'), (out, err)


def test_callbacks_are_called_before_the_exit():
    assert run('''
executor = lib.ThreadPoolExecutor(1)
main = threading.get_ident()
future = executor.submit(nap_and_tell, 0.05, 'done')
future.add_done_callback(lambda future: print('callback', threading.get_ident() == main))
''') == (0, 'done\ncallback True\n', '')


def test_an_exception_at_the_end_of_a_program():
    status, out, err = run_both('''
with lib.ThreadPoolExecutor(1) as executor:
    executor.submit(nap_and_tell, 0.05, 'done')
    sys.exit('for a reason')
''')
    assert (status, out, err) == (1, 'done\n', 'for a reason\n'), (status, out, err)


def test_a_thread_that_submits_while_the_program_ends():
    status, out, err = run('''
executor = lib.ThreadPoolExecutor(2)
is_at_it = threading.Event()

def submit_for_ever():
    n = 0
    try:
        while True:
            executor.submit(abs, n)
            n += 1
            if n == 100:
                is_at_it.set()
    except RuntimeError:
        print('refused', flush=True)

threading.Thread(target=submit_for_ever).start()
is_at_it.wait()
executor.shutdown(wait=False)
''')
    assert (status, out, err) == (0, 'refused\n', ''), (status, out, err)


def test_a_fork_breaks_the_pool_in_the_child():
    status, out, err = run('''
event = threading.Event()
executor = lib.ThreadPoolExecutor(2)
running = [executor.submit(event.wait) for _ in range(2)]
queued = executor.submit(abs, -1)
while not all(future.running() for future in running):
    pass
child = os.fork()
if child == 0:
    try:
        executor.submit(abs, -2)
    except lib.BrokenExecutor as error:
        print('submit:', error, flush=True)
    print('queued:', type(queued.exception(60)).__name__, flush=True)
    print('running:', running[0].done(), flush=True)
    with lib.ThreadPoolExecutor(1) as other:
        print('other:', other.submit(abs, -3).result(60), flush=True)
    executor.shutdown()
    sys.exit(0)
print('child:', os.waitpid(child, 0)[1], flush=True)
event.set()
print('parent:', queued.result(60))
''')
    assert (status, out, err) == (0, '''\
submit: the process was forked, and the threads of the pool are in its parent
queued: BrokenThreadPool
running: False
other: 3
child: 0
parent: 1
''', ''), (status, out, err)


def test_forks_while_threads_work():
    status, out, err = run('''
executor = lib.ThreadPoolExecutor(4)
stop = threading.Event()

def churn():
    while not stop.is_set():
        for future in [executor.submit(abs, -n) for n in range(50)]:
            future.result()

threads = [threading.Thread(target=churn) for _ in range(2)]
for thread in threads:
    thread.start()
for _ in range(30):
    child = os.fork()
    if child == 0:
        future = lib.Future()
        future.add_done_callback(lambda future: None)
        future.set_result(1)
        os._exit(0 if future.result(60) == 1 else 1)
    assert os.waitpid(child, 0)[1] == 0
stop.set()
for thread in threads:
    thread.join()
executor.shutdown()
print('ends')
''')
    assert (status, out, err) == (0, 'ends\n', ''), (status, out, err)


def test_a_future_that_is_dropped_while_its_call_runs():
    status, out, err = run('''
import gc
executor = lib.ThreadPoolExecutor(1)
for n in range(100):
    executor.submit(abs, n).as_object() if n % 2 else executor.submit(abs, n)
    lib.Future()
    lib.Future().as_object()
    Cfut.Promise().get_future()
gc.collect()
executor.shutdown()
print('ends')
''')
    assert (status, out) == (0, 'ends\n'), (status, out, err)
    # A promise's future that nobody looked at is told of by the library, as ever.
    assert all('The promise was dropped before it was kept' in line or 'more failures' in line
               for line in err.splitlines()), err


def test_without_the_override_all_is_the_library_s_own():
    status, out, err = run('''
print(hasattr(Cfut, 'ThreadPoolExecutor'), issubclass(Cfut.Future, concurrent.futures.Future))
executor = Cfut.ThreadExecutor(max_workers=1)
future = executor.submit(lambda task, data: task.set_result_string('yes') or True, None)
try:
    future.result_string(-1)
except GLib.Error as error:
    print(error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.NOT_SUPPORTED))
Cfut.allow_bound_functions()
future = executor.submit(lambda task, data: task.set_result_string('yes') or True, None)
print(future.result_string(-1))
try:
    Cfut.ThreadPoolExecutor
except AttributeError as error:
    print(error)
''', environment={'PYTHONPATH': ''})
    if 'True' in out.splitlines()[0]:
        raise python_tap.Skip('the override is installed')
    assert (status, out) == (0, '''\
False False
True
yes
'gi.repository.Cfut' object has no attribute 'ThreadPoolExecutor'
'''), (status, out, err)


def test_the_override_without_its_typelib():
    status, out, err = run('', environment={'GI_TYPELIB_PATH': ''})
    if status == 0:
        raise python_tap.Skip('the typelib is installed')
    assert status == 1 and 'ValueError: Namespace Cfut not available' in err, (status, out, err)


if __name__ == '__main__':
    sys.exit(python_tap.main(globals()))
