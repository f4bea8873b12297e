# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""`ThreadPoolExecutor`: the standard library's, and a thread executor of the library's too.

What is submitted here is a function of Python's and runs on threads of Python's (workers.py). What
is called by its name with `call` is a function that was registered, of C's for example, and runs on
threads of the library's, as many of them again.
"""

import itertools
import os
import weakref

from gi.repository import Cfut, GLib

from .errors import exception_for, is_timeout
from .future import NativeType
from .limits import LimitedFace
from .options import with_options
from .standard import StandardThreadPoolExecutor, TimeoutError
from .task import PoolFuture
from .waits import wait_in_c
from .workers import Crew

NATIVE_LOOK_USEC = 100000

NativeThreadExecutor = Cfut.ThreadExecutor

_next_number = itertools.count().__next__


def _on_limit_changed(executor, pspec):
    executor._crew.set_max_pending(executor.get_max_pending())
    executor._crew.set_rate_limit(executor.get_rate_limit())


class ThreadPoolExecutor(LimitedFace, NativeThreadExecutor, StandardThreadPoolExecutor,
                         metaclass=NativeType):
    """Runs calls on a pool of threads: a drop-in for `concurrent.futures.ThreadPoolExecutor`.

    `max_workers` threads at most, min(32, processors + 4) where it is not given. The initializer
    runs on each before its first call; if it fails the pool is broken.

    No more than `max_pending` calls wait to be started; `when_full` says what `submit` does then.
    `rate_limit` is how fast they are started. Calls by name have a queue of their own, with the same
    limits.
    """

    __module__ = 'gi.overrides.Cfut'

    def __init__(self, max_workers=None, thread_name_prefix='', initializer=None, initargs=(), *,
                 max_pending=0, when_full=Cfut.WhenFull.REJECT, rate_limit=None):
        if max_workers is None:
            max_workers = min(32, (os.cpu_count() or 1) + 4)
        if max_workers <= 0:
            raise ValueError('max_workers must be greater than 0')
        if initializer is not None and not callable(initializer):
            raise TypeError('initializer must be a callable')
        prefix = thread_name_prefix or 'ThreadPoolExecutor-%d' % _next_number()
        NativeThreadExecutor.__init__(self, max_workers=max_workers)
        self._crew = Crew(max_workers, prefix, initializer, initargs)
        self._max_workers = max_workers
        self._threads = self._crew.threads
        weakref.finalize(self, self._crew.close).atexit = False
        self.connect('notify::max-pending', _on_limit_changed)
        self.connect('notify::rate-limit', _on_limit_changed)
        self._set_limits(max_pending, when_full, rate_limit)

    def submit(self, fn, /, *args, **kwargs):
        """Has `fn(*args, **kwargs)` called on a thread of the pool, and returns its future."""
        future = PoolFuture()
        future._call = (fn, args, kwargs)
        crew = self._crew
        if crew.room is not None:
            crew.enter_room(future, self._when_full)
        crew.take(future)
        return future

    with_options = with_options

    def _make(self, fn, args, kwargs):
        future = PoolFuture()
        future._call = (fn, args, kwargs)
        return future

    def _enter(self, future, when_full, timeout):
        crew = self._crew
        return crew.room is None or crew.enter_room(future, when_full if when_full is not None
                                                    else self._when_full, timeout)

    def _take(self, future):
        self._crew.take(future)

    def wait_ready(self, timeout=None):
        """Blocks until `submit` has room, or raises TimeoutError after so many seconds.

        The room is not kept: other threads may submit first. Raises RuntimeError when the executor
        takes no more, and DeadlockError in one of its calls if no thread would be left to make room.
        """
        if not self._crew.wait_for_room(timeout):
            raise TimeoutError()

    def get_n_pending(self):
        """How many calls have not been started, of functions and by name."""
        return self._crew.get_counts()[0] + NativeThreadExecutor.get_n_pending(self)

    def get_n_running(self):
        """How many calls are running, of functions and by name."""
        return self._crew.get_counts()[1] + NativeThreadExecutor.get_n_running(self)

    def get_n_completed(self):
        """How many calls have run to their end, of functions and by name."""
        return self._crew.get_counts()[2] + NativeThreadExecutor.get_n_completed(self)

    def pause(self):
        """Starts no more calls until `resume`; what runs goes on."""
        self._crew.pause()
        NativeThreadExecutor.pause(self)

    def resume(self):
        """Goes on after `pause`."""
        self._crew.resume()
        NativeThreadExecutor.resume(self)

    def shutdown(self, wait=True, *, cancel_futures=False):
        """Takes no more calls; what was taken still runs, unless `cancel_futures` says otherwise.

        With `wait` it returns when all has ended.
        """
        crew = self._crew
        crew.close()
        if cancel_futures:
            for future in crew.drain():
                future.cancel()
        flags = Cfut.ShutdownFlags.CANCEL_PENDING if cancel_futures else Cfut.ShutdownFlags.DEFAULT
        NativeThreadExecutor.shutdown(self, flags, 0)
        if wait:
            crew.join()
            self._wait_for_native()

    def _wait_for_native(self):
        """Waits for what runs on the library's threads; Ctrl-C is seen between two looks."""
        while True:
            try:
                wait_in_c(NativeThreadExecutor.shutdown, self, Cfut.ShutdownFlags.WAIT, NATIVE_LOOK_USEC)
                return
            except GLib.Error as error:
                if not is_timeout(error):
                    raise exception_for(error) from None


__all__ = ['ThreadPoolExecutor']
