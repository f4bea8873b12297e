# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""`wait` and `as_completed`: for futures of the library and of the standard library alike.

The standard library's own functions work too. These call the callbacks of the waiting thread
meanwhile, see cancelled futures, and put each future to the lists once.
"""

import collections
import contextlib
import time

from .future import FutureFace
from .standard import (ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION, SETTLED, WAS_CANCELLED,
                       TimeoutError)
from .waits import Arrivals, Countdown, block

DoneAndNotDone = collections.namedtuple('DoneAndNotDoneFutures', 'done not_done')


class _StandardWatch:
    """Tells a waiter of a future of the standard library's, which tells nobody when it is cancelled."""

    def __init__(self, waiter):
        self.waiter = waiter

    def __call__(self, future):
        if _has_failed(future):
            self.waiter.add_exception(future)
        else:
            self.waiter.add_result(future)


class Watch:
    """Has a waiter told of futures, until it is closed."""

    def __init__(self, waiter):
        self.waiter = waiter
        self.callback = _StandardWatch(waiter)

    def add(self, future):
        """False: it has settled already, and the waiter is not told."""
        with future._condition:
            if future._state in SETTLED:
                return False
            if isinstance(future, FutureFace):
                future._waiters.append(self.waiter)
            else:
                future._done_callbacks.append(self.callback)
            return True

    def remove(self, futures):
        for future in futures:
            with future._condition, contextlib.suppress(ValueError):
                if isinstance(future, FutureFace):
                    future._waiters.remove(self.waiter)
                else:
                    future._done_callbacks.remove(self.callback)


def _has_failed(future):
    return future._state not in WAS_CANCELLED and future._exception is not None


def wait(fs, timeout=None, return_when=ALL_COMPLETED):
    """Waits for futures; returns the pair of sets (done, not_done).

    It ends after `timeout` seconds, or with the last of them, the first of them, or the first that
    failed, as `return_when` says: ALL_COMPLETED, FIRST_COMPLETED or FIRST_EXCEPTION.
    """
    futures = set(fs)
    done = {future for future in futures if future._state in SETTLED}
    pending = futures - done
    if not pending or (done and return_when == FIRST_COMPLETED):
        return DoneAndNotDone(done, pending)
    if return_when == FIRST_EXCEPTION and any(map(_has_failed, done)):
        return DoneAndNotDone(done, pending)
    if return_when not in (ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION):
        raise ValueError('Invalid return condition: %r' % (return_when,))

    countdown = Countdown(1 if return_when == FIRST_COMPLETED else len(pending),
                          return_when == FIRST_EXCEPTION)
    watch = Watch(countdown)
    try:
        for future in pending:
            if watch.add(future):
                pass
            elif _has_failed(future):
                countdown.add_exception(future)
            else:
                countdown.add_result(future)
        block(countdown.is_over, countdown.sleeper, timeout)
    finally:
        watch.remove(pending)
    done = {future for future in futures if future._state in SETTLED}
    return DoneAndNotDone(done, futures - done)


def as_completed(fs, timeout=None):
    """Yields each of the futures once, as they settle; raises TimeoutError after `timeout` seconds."""
    end = None if timeout is None else time.monotonic() + timeout
    futures = set(fs)
    del fs
    n_futures = len(futures)
    arrivals = Arrivals()
    watch = Watch(arrivals)
    try:
        ready = [future for future in futures if not watch.add(future)]
        while True:
            while ready:
                futures.discard(ready[-1])
                yield ready.pop()  # and no reference of our own
            if not futures:
                return
            left = None if end is None else end - time.monotonic()
            if not block(arrivals.is_over, arrivals.sleeper, left):
                raise TimeoutError('%d (of %d) futures unfinished' % (len(futures), n_futures))
            ready = arrivals.take()
            ready.reverse()
    finally:
        watch.remove(futures)


__all__ = ['as_completed', 'wait']
