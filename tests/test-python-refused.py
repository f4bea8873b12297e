#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""Workers that cannot be had: scripts with a syntax error, prefixes, initializers. Speaks TAP.

Whatever is wrong, the error says it, and each pool is shut down without a hang."""

import multiprocessing
import os
import subprocess
import sys
import tempfile
import textwrap

import gi
gi.require_version('Cfut', '1')
from gi.repository import Cfut

import python_tap
from python_tap import PATIENCE_SECONDS

SPAWN = multiprocessing.get_context('spawn')
LARGE_BYTES = 40 * 1024 * 1024

_data = b''


def take(data):
    global _data
    _data = data


def taken():
    return len(_data), _data[:1], _data[-1:]


def fail():
    raise ValueError('not today')


def open_files():
    names = []
    for fd in os.listdir('/proc/self/fd'):
        try:
            names.append(os.readlink('/proc/self/fd/' + fd))
        except FileNotFoundError:
            pass  # it was that of the list
    return names


def pool(prefix=(), **arguments):
    executor = Cfut.ProcessPoolExecutor(1, SPAWN, **arguments)
    if prefix:
        executor.set_launch_prefix(prefix)
    return executor


def outcome(executor, function=taken, *args):
    """What a call comes to: its result or its exception; then the pool is shut down."""
    try:
        return executor.submit(function, *args).result(PATIENCE_SECONDS)
    except Exception as exception:
        return exception
    finally:
        executor.shutdown()


def assert_broken(outcome, *texts):
    assert isinstance(outcome, Cfut.BrokenProcessPool), outcome
    for text in texts:
        assert text in str(outcome), (text, outcome)


def test_a_main_script_with_a_syntax_error():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'program.py')
        with open(path, 'w') as file:
            file.write(textwrap.dedent('''
                import gi
                gi.require_version('Cfut', '1')
                from gi.repository import Cfut
                if __name__ == '__main__':
                    with open(__file__, 'w') as file:
                        file.write('def broken(:')
                    with Cfut.ProcessPoolExecutor(2) as executor:
                        for future in [executor.submit(abs, -n) for n in range(5)]:
                            exception = future.exception(60)
                            print(isinstance(exception, Cfut.BrokenProcessPool), 'def broken(:' in str(exception),
                                  'SyntaxError: invalid syntax' in str(exception))
                '''))
        ended = subprocess.run([sys.executable, path], capture_output=True, text=True,
                               timeout=PATIENCE_SECONDS)
    assert ended.stdout == 'True True True\n' * 5, ended


def test_a_worker_script_with_a_syntax_error():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'worker.py')
        with open(path, 'w') as file:
            file.write('def broken(:')
        executor = Cfut.ProcessExecutor(worker_argv=[sys.executable, path], max_workers=2)
        for future in [executor.call(None, 'name', None) for _ in range(5)]:
            assert_broken(future.exception(PATIENCE_SECONDS), 'exited with status 1', 'SyntaxError')
        assert_broken(executor.call(None, 'name', None).exception(PATIENCE_SECONDS), 'SyntaxError')


def test_what_stands_in_front_of_a_worker():
    assert outcome(pool(['nice', '-n', '3']), os.nice, 0) == os.nice(0) + 3
    needed = ['GI_TYPELIB_PATH', 'LD_LIBRARY_PATH']
    variables = ['%s=%s' % (name, os.environ[name]) for name in needed if name in os.environ]
    environment = outcome(pool(['env', '-i', 'ONLY=this', *variables]), eval, 'dict(__import__("os").environ)')
    assert environment.get('ONLY') == 'this' and 'PATH' not in environment, environment


def test_what_starts_no_worker():
    assert_broken(outcome(pool(['/no/such/program'])), '/no/such/program')
    assert_broken(outcome(pool(['false'])), 'exited with status 1')
    assert_broken(outcome(pool(['true'])), 'exited with status 0')
    assert_broken(outcome(pool(['env', 'GI_TYPELIB_PATH=', 'LD_LIBRARY_PATH=', 'PYTHONHOME=/no/such'])),
                  'before it was ready')


def test_an_initializer_with_much_data():
    data = b'<' + bytes(LARGE_BYTES) + b'>'
    executor = pool(initializer=take, initargs=(data,), max_tasks_per_child=1)
    # A worker that is started later has it too.
    for _ in range(2):
        assert executor.submit(taken).result(PATIENCE_SECONDS) == (len(data), b'<', b'>')
    assert outcome(executor) == (len(data), b'<', b'>')
    del executor
    assert not any('cfut-pickle' in name for name in open_files()), open_files()


def test_an_initializer_that_fails_or_ends():
    for initializer, args, texts in ((fail, (), ['ValueError: not today', 'in fail']),
                                     (sys.exit, (3,), ['SystemExit: 3']),
                                     (os._exit, (3,), ['exited with status 3']),
                                     (os.abort, (), ['before it was ready']),
                                     (take, None, ['TypeError']), (take, 5, ['TypeError'])):
        executor = pool(initializer=initializer, initargs=args)
        first = executor.submit(taken).exception(PATIENCE_SECONDS)
        assert_broken(first, *texts)
        assert_broken(outcome(executor), *texts)


def test_an_initializer_that_cannot_be_pickled():
    for initializer, args in ((lambda: None, ()), (take, (lambda: None,))):
        executor = pool(initializer=initializer, initargs=args)
        try:
            executor.submit(taken)
            raise AssertionError('it was taken')
        except Exception as exception:
            assert "pickle" in str(exception), exception
        executor.shutdown()


if __name__ == '__main__':
    sys.exit(python_tap.main(globals()))
