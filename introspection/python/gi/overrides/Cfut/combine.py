# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""Several futures as one: `Future.all`, `Future.any` and `Future.race`.

The library's own ones know an exception only by its text, and what a process has sent as it was
sent. These take any futures, the standard library's too, and settle with the objects of Python's.
What they return is a future like any other; `as_object` makes it one for functions in C.

Threads: any. Inputs tell it on the threads that settle them.
Invariants:
1. Once it has settled no input holds it, and it holds none.
"""

from .future import Future, FutureFace, OwnFuture
from .standard import FINISHED, NOTIFIED, SETTLED, StandardFuture
from .waits import lock


class Combined(OwnFuture):
    """What settles as its inputs say."""

    __module__ = 'gi.overrides.Cfut'
    __qualname__ = 'Future'

    _inputs = ()

    def __init__(self, futures):
        futures = list(futures)
        for future in futures:
            if not isinstance(future, StandardFuture):
                raise TypeError('expected futures, not %r' % (future,))
        if not futures:
            self._settle_empty()
            return
        self._inputs = futures
        self._n_left = len(futures)
        for future in futures:
            if isinstance(future, OwnFuture):
                future._is_seen = True
            if isinstance(future, FutureFace):
                future._add_direct_callback(self._look)
            else:
                future.add_done_callback(self._look)
            if self._state in SETTLED:
                break
        if self._state in SETTLED:
            self._let_go(futures)

    def _settle_empty(self):
        self._settle(FINISHED, None, ValueError('there is no future to wait for'))

    def _is_decided_by(self, is_good):
        raise NotImplementedError

    def _settle_at_end(self, futures):
        raise NotImplementedError

    def _look(self, future):
        """One of the inputs has settled."""
        is_good = not future.cancelled() and future.exception() is None
        with lock:
            futures = self._inputs
            self._n_left -= 1
            is_last = self._n_left == 0
        if not futures:
            return
        if self._is_decided_by(is_good):
            self._settle_like(future)
        elif is_last:
            self._settle_at_end(futures)
        else:
            return
        self._let_go(futures)

    def _settle_like(self, future):
        if future.cancelled():
            self._settle(NOTIFIED, None, None)
        elif future.exception() is not None:
            self._settle(FINISHED, None, future.exception())
        else:
            self._settle(FINISHED, future.result(), None)

    def _let_go(self, futures):
        self._inputs = ()
        for future in futures:
            # What has settled calls its callbacks already, and forgets them.
            with lock if isinstance(future, FutureFace) else future._condition:
                while future._state not in SETTLED and self._look in future._done_callbacks:
                    future._done_callbacks.remove(self._look)

    def cancel(self):
        """Cancels it, and all that it is made of."""
        futures = self._inputs
        if not super().cancel():
            return False
        self._let_go(futures)
        for future in reversed(futures):
            future.cancel()
        return True

    def _help(self):
        for future in self._inputs:
            if self._state in SETTLED:
                return
            if isinstance(future, OwnFuture):
                future._help()

    def result(self, timeout=None):
        """Waits for at most so many seconds, and returns the result or raises the exception."""
        try:
            if timeout is None:
                self._help()
            return super().result(timeout)
        finally:
            self = None


class _All(Combined):
    def _settle_empty(self):
        self._settle(FINISHED, [], None)

    def _is_decided_by(self, is_good):
        return not is_good

    def _settle_at_end(self, futures):
        self._settle(FINISHED, [future.result() for future in futures], None)


class _Any(Combined):
    def _is_decided_by(self, is_good):
        return is_good

    def _settle_at_end(self, futures):
        for future in futures:
            if not future.cancelled():
                self._settle_like(future)
                return
        self._settle_like(futures[0])


class _Race(Combined):
    def _is_decided_by(self, is_good):
        return True


def all_of(futures):
    """A future of the list of the results of all of them.

    It fails, or is cancelled, with the first of them that is; the others go on. Cancelling it cancels
    all of them. A call of a pool that waits for its result runs those of the pool that are queued.
    """
    return _All(futures)


def any_of(futures):
    """A future of the result of the first of them that has one; the others go on.

    When all have failed it has the exception of the first, as they were given, that was not
    cancelled. Of no futures it fails with a ValueError. Cancelling it cancels all of them.
    """
    return _Any(futures)


def race(futures):
    """A future that settles like the first of them that does; the others go on.

    Of no futures it fails with a ValueError. Cancelling it cancels all of them.
    """
    return _Race(futures)


for _class in (Combined, _All, _Any, _Race):
    _class.__name__ = 'Future'
del _class

Future.all = staticmethod(all_of)
Future.any = staticmethod(any_of)
Future.race = staticmethod(race)

__all__ = []
