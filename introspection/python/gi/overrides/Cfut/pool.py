# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""`ThreadPoolExecutor`: the standard library's, and a thread executor of the library's too.

What is submitted here is a function of Python's and runs on threads of Python's (workers.py). What
is called by its name with `call` is a function that was registered, of C's for example, and runs on
threads of the library's, as many of them again.
"""

import collections
import itertools
import os
import time
import weakref

from gi.repository import Cfut, GLib

from .errors import exception_for, is_timeout
from .future import NativeType
from .standard import StandardExecutor, StandardThreadPoolExecutor
from .task import PoolFuture
from .workers import Crew

NATIVE_LOOK_USEC = 100000

NativeThreadExecutor = Cfut.ThreadExecutor

_next_number = itertools.count().__next__


def result_or_cancel(future, timeout=None):
    """The result; what did not come in time is cancelled."""
    try:
        try:
            return future.result(timeout)
        finally:
            future.cancel()
    finally:
        del future


def map_results(executor, fn, iterables, timeout, buffersize):
    """An iterator over the results in order, at most `buffersize` of them ahead; see `map`."""
    end = None if timeout is None else time.monotonic() + timeout
    calls = zip(*iterables)
    if buffersize is None:
        return _results([executor.submit(fn, *args) for args in calls], end)
    futures = [executor.submit(fn, *args) for args in itertools.islice(calls, buffersize)]
    return _buffered_results(collections.deque(futures), calls, fn, weakref.ref(executor), end)


def _left(end):
    return None if end is None else end - time.monotonic()


def _results(futures, end):
    # It keeps no reference on the executor, nor on what it has yielded.
    try:
        futures.reverse()
        while futures:
            yield result_or_cancel(futures.pop(), _left(end))
    finally:
        for future in futures:
            future.cancel()


def _buffered_results(futures, calls, fn, executor_reference, end):
    # An executor that is dropped gets no more of them.
    try:
        while futures:
            executor = executor_reference()
            args = None if executor is None else next(calls, None)
            if args is not None:
                futures.append(executor.submit(fn, *args))
            del executor, args
            yield result_or_cancel(futures.popleft(), _left(end))
    finally:
        for future in futures:
            future.cancel()


def check_buffersize(buffersize):
    if buffersize is not None and not isinstance(buffersize, int):
        raise TypeError('buffersize must be an integer or None')
    if buffersize is not None and buffersize < 1:
        raise ValueError('buffersize must be None or > 0')


class ExecutorFace(StandardExecutor):
    """What all executors of ours have in the same way."""

    def map(self, fn, *iterables, timeout=None, chunksize=1, buffersize=None):
        """Calls `fn` for the items of the iterables, and returns an iterator over the results.

        The results come in the order of the items; an item's exception is raised in its place. All
        items are submitted at once, or no more than `buffersize` of them ahead of the results that
        were taken. `timeout` is how many seconds the iteration may take from now on.
        `chunksize` is for processes.
        """
        check_buffersize(buffersize)
        return map_results(self, fn, iterables, timeout, buffersize)


class ThreadPoolExecutor(ExecutorFace, NativeThreadExecutor, StandardThreadPoolExecutor,
                         metaclass=NativeType):
    """Runs calls on a pool of threads: a drop-in for `concurrent.futures.ThreadPoolExecutor`.

    `max_workers` threads at most, min(32, processors + 4) where it is not given. The initializer
    runs on each before its first call; if it fails the pool is broken.
    """

    __module__ = 'gi.overrides.Cfut'

    def __init__(self, max_workers=None, thread_name_prefix='', initializer=None, initargs=()):
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

    def submit(self, fn, /, *args, **kwargs):
        """Has `fn(*args, **kwargs)` called on a thread of the pool, and returns its future."""
        future = PoolFuture()
        future._call = (fn, args, kwargs)
        self._crew.take(future)
        return future

    def shutdown(self, wait=True, *, cancel_futures=False):
        """Takes no more calls; what was taken still runs, unless `cancel_futures` says otherwise.

        With `wait` it returns when all has ended.
        """
        crew = self._crew
        crew.close()
        if cancel_futures:
            for future in crew.drain():
                future._call = None
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
                NativeThreadExecutor.shutdown(self, Cfut.ShutdownFlags.WAIT, NATIVE_LOOK_USEC)
                return
            except GLib.Error as error:
                if not is_timeout(error):
                    raise exception_for(error) from None


__all__ = ['ThreadPoolExecutor']
