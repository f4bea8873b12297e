# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""What is the same for all executors: `map`, in the standard library's newest form."""

import collections
import itertools
import time
import weakref

from .standard import StandardExecutor


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
