# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""Runs the functions of a module whose names begin with test_, and speaks TAP."""

import faulthandler
import sys
import threading
import traceback

# What has not come by then has failed.
PATIENCE_SECONDS = 60


class Skip(Exception):
    """A test cannot be run here."""


def raises(kind, function, *args, **kwargs):
    """The exception of that kind that the call raises; without one the test fails."""
    try:
        function(*args, **kwargs)
    except kind as exception:
        return exception
    raise AssertionError('no %s was raised' % kind.__name__)


def quiet_log(name='concurrent.futures'):
    """What is logged there goes to the list that is returned, and nowhere else."""
    import logging

    class Handler(logging.Handler):
        def emit(self, record):
            records.append(record)

    records = []
    logger = logging.getLogger(name)
    logger.handlers = [Handler()]
    logger.propagate = False
    return records


def main(module_globals):
    """Runs the tests in the order in which they stand; the names of some may be given."""
    tests = [(name, test) for name, test in module_globals.items() if name.startswith('test_')]
    if len(sys.argv) > 1:
        tests = [(name, test) for name, test in tests if any(word in name for word in sys.argv[1:])]
    failed = False

    print('1..%d' % len(tests))
    for n, (name, test) in enumerate(tests, 1):
        title = name[len('test_'):].replace('_', ' ')
        # Where it hangs is told, and the program ended.
        faulthandler.dump_traceback_later(PATIENCE_SECONDS, exit=True)
        try:
            test()
            print('ok %d %s' % (n, title), flush=True)
        except Skip as reason:
            print('ok %d %s # SKIP %s' % (n, title, reason), flush=True)
        except Exception:
            failed = True
            print('not ok %d %s' % (n, title))
            for line in traceback.format_exc().splitlines():
                print('#   ' + line, flush=True)
        finally:
            faulthandler.cancel_dump_traceback_later()
    return 1 if failed else 0


class Gate:
    """Calls that wait are let through one by one, or all at once. It tells when one waits."""

    def __init__(self):
        self.entered = threading.Semaphore(0)
        self.passes = threading.Semaphore(0)

    def wait(self, value=None):
        """For the function that is to wait; returns what it was given."""
        self.entered.release()
        assert self.passes.acquire(timeout=PATIENCE_SECONDS)
        return value

    def until_entered(self, n=1):
        """Waits until so many calls wait."""
        for _ in range(n):
            assert self.entered.acquire(timeout=PATIENCE_SECONDS)

    def open(self, n=1):
        """Lets so many calls through."""
        self.passes.release(n)
