# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""How a thread blocks: open to signals, and serving the callbacks that are its own.

A blocking wait in C neither sees Ctrl-C nor calls anybody. So a thread sleeps on a lock of Python's,
a `Sleeper`, that whoever settles a future releases, and whoever has a callback for the thread.
"""

import sys
import threading
import time

from . import delivery

# What guards the states of futures: see future.py.
lock = threading.RLock()

_LONGEST_SECONDS = threading.TIMEOUT_MAX

# A signal that comes between Python's last look for one and its sleep does not wake it. So the main
# thread, which is who handles them, looks again.
LOOK_SECONDS = 0.5


_lost = []


def _keep(kind, value, trace):
    _lost.append(value)


def wait_in_c(function, *args):
    """Calls a function in C that blocks for a while, and fails when its time is up.

    A signal that came meanwhile is handled where PyGObject makes that error an exception, which then
    prints what the handler has raised, and raises a RuntimeError in its place. Here it is raised.
    """
    if threading.current_thread() is not threading.main_thread():
        return function(*args)
    hook, sys.excepthook = sys.excepthook, _keep
    try:
        return function(*args)
    except RuntimeError:
        if _lost:
            raise _lost.pop() from None
        raise
    finally:
        sys.excepthook = hook
        _lost.clear()


class Sleeper:
    """What a thread sleeps on. To a future it is one more waiter, like those of the standard library."""

    __slots__ = ('_lock',)

    def __init__(self):
        self._lock = threading.Lock()
        self._lock.acquire()

    def wake(self):
        try:
            self._lock.release()
        except RuntimeError:
            pass  # it is awake

    def sleep(self, timeout):
        """Sleeps until it is woken, or the time is up."""
        if threading.current_thread() is not threading.main_thread():
            if timeout is None:
                self._lock.acquire()
            elif timeout > 0:
                self._lock.acquire(timeout=min(timeout, _LONGEST_SECONDS))
            return
        end = None if timeout is None else time.monotonic() + timeout
        left = timeout
        while left is None or left > 0:
            if self._lock.acquire(timeout=LOOK_SECONDS if left is None else min(left, LOOK_SECONDS)):
                return
            if end is not None:
                left = end - time.monotonic()

    def add_result(self, future):
        self.wake()

    add_exception = add_result
    add_cancelled = add_result


def block(is_over, sleeper, timeout):
    """Blocks until `is_over()`, for which `sleeper` is woken; returns whether it is.

    What is over by the time that is up counts as over."""
    end = None if timeout is None else time.monotonic() + timeout
    places = delivery.places_to_serve()
    before = [place.blocked for place in places]
    for place in places:
        place.blocked = sleeper
    try:
        while True:
            for place in places:
                place.run()
            if is_over():
                return True
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                return False
            sleeper.sleep(left)
    finally:
        for place, blocked in zip(places, before):
            place.blocked = blocked
            if blocked is not None:
                blocked.wake()  # what came in meanwhile may have woken this one only


class Countdown:
    """Over when `n` futures have settled, or one has failed and that counts. A waiter of theirs."""

    def __init__(self, n, stops_at_failure):
        self.left = n
        self.stops_at_failure = stops_at_failure
        self.lock = threading.RLock()
        self.sleeper = Sleeper()

    def is_over(self):
        return self.left <= 0

    def _count(self, failed):
        with self.lock:
            self.left = 0 if failed and self.stops_at_failure else self.left - 1
            is_over = self.left <= 0
        if is_over:
            self.sleeper.wake()

    def add_result(self, future):
        self._count(False)

    def add_exception(self, future):
        self._count(True)

    def add_cancelled(self, future):
        self._count(False)


class Arrivals:
    """The futures that have settled, as they come. A waiter of theirs."""

    def __init__(self):
        self.settled = []
        self.sleeper = Sleeper()

    def is_over(self):
        return bool(self.settled)

    def add_result(self, future):
        self.settled.append(future)
        self.sleeper.wake()

    add_exception = add_result
    add_cancelled = add_result

    def take(self):
        settled, self.settled = self.settled, []
        return settled
