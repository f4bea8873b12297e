# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""Groups: futures that belong together, iterated as they settle, and a progress bar for a terminal."""

import collections
import sys
import time

from gi.overrides import override
from gi.repository import Cfut, GLib

from . import delivery
from .errors import exception_for, is_timeout
from .future import Future, OwnFuture
from .standard import ALL_COMPLETED, StandardFuture, TimeoutError
from .together import wait
from .waits import wait_in_c

NativeGroup = Cfut.Group

# How long a wait stays in C at a time, where neither Ctrl-C nor callbacks reach the thread.
LOOK_SECONDS = 0.05


def adopt(future):
    """A future of the library's that follows one of the standard library's; others as they are."""
    if isinstance(future, Future):
        return future.as_object()
    if not isinstance(future, StandardFuture):
        raise TypeError('expected a future, not %r' % (future,))
    follower = OwnFuture()

    def follow(settled):
        if settled.cancelled():
            follower.cancel()
        elif settled.exception() is not None:
            follower.set_exception(settled.exception())
        else:
            follower.set_result(settled.result())

    future.add_done_callback(follow)
    return follower.as_object()


@override
class Group(NativeGroup):
    """Futures that belong together: their progress, what settles next, cancel and pause for all.

    Iteration yields each future once, as they settle, also with `async for`. `len` and an index tell
    what is in the group, which is a list model of its futures.
    """

    __module__ = 'gi.overrides.Cfut'

    def __init__(self, futures=(), **properties):
        NativeGroup.__init__(self, **properties)
        for future in futures:
            self.add(future)

    def __bool__(self):
        return True

    def add(self, future, units=None):
        """Adds a future, and returns it; `units` is how much it counts in the progress, else one."""
        future = adopt(future)
        if units is None:
            NativeGroup.add(self, future)
        else:
            NativeGroup.add_units(self, future, units)
        return future

    def add_units(self, future, units):
        """Adds a future that counts as so many units."""
        NativeGroup.add_units(self, adopt(future), units)

    def add_many(self, futures, units=()):
        """Adds futures at once."""
        NativeGroup.add_many(self, [adopt(future) for future in futures], units)

    def remove(self, future):
        """Takes a future out; tells whether it was there."""
        return NativeGroup.remove(self, future.as_object())

    def __contains__(self, future):
        return any(item is future for item in self[:])

    def next(self, timeout=None):
        """Waits for the next future that settles, and returns it; None when there are no more.

        Raises TimeoutError after so many seconds.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            left = LOOK_SECONDS if end is None else min(LOOK_SECONDS, end - time.monotonic())
            try:
                return wait_in_c(NativeGroup.next, self, max(0, int(left * 1e6)), None)
            except GLib.Error as error:
                if not is_timeout(error):
                    raise exception_for(error) from None
            delivery.serve()
            if end is not None and time.monotonic() >= end:
                raise TimeoutError()

    def wait(self, timeout=None, return_when=ALL_COMPLETED):
        """Waits like `Cfut.wait` for what is in the group; returns the pair (done, not_done)."""
        return wait(self[:], timeout, return_when)

    def __iter__(self):
        while True:
            future = self.next()
            if future is None:
                return
            yield future
            del future

    async def __aiter__(self):
        arrived = collections.deque()
        known = set()
        waiting = None
        n_yielded = 0

        def on_done(future):
            arrived.append(future)
            if waiting is not None and not waiting.done():
                waiting.set_result(None)

        while True:
            for future in self[:]:
                if future not in known:
                    known.add(future)
                    future.add_done_callback(on_done)
            if not arrived:
                if n_yielded == len(known):
                    return
                waiting = OwnFuture()
                await waiting
            while arrived:
                n_yielded += 1
                yield arrived.popleft()

    def get_progress(self):
        """The pair (settled, in all) of futures."""
        return self.get_n_done(), self.get_n_items()


def _bar(fraction, width):
    n_full = int(width * fraction)
    return '#' * n_full + '.' * (width - n_full)


def _duration(seconds):
    minutes, seconds = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return '%d:%02d:%02d' % (hours, minutes, seconds) if hours else '%d:%02d' % (minutes, seconds)


class _Line:
    """One line of a terminal that is written anew, a few times in a second at most."""

    INTERVAL_SECONDS = 0.05

    def __init__(self, file, description, total, width):
        self.file = file
        self.is_terminal = file.isatty()
        self.prefix = description + ': ' if description else ''
        self.total = total
        self.width = width
        self.begun = time.monotonic()
        self.shown = None
        self.n_columns = 0

    def show(self, n_done, n_failed, is_last=False):
        now = time.monotonic()
        if not is_last:
            if not self.is_terminal:
                return
            if self.shown is not None and now - self.shown < self.INTERVAL_SECONDS:
                return
        self.shown = now
        taken = now - self.begun
        fraction = n_done / self.total if self.total else 1.0
        text = '%s[%s] %d/%d %3d%% %s' % (self.prefix, _bar(fraction, self.width), n_done, self.total,
                                          int(100 * fraction), _duration(taken))
        if 0 < n_done < self.total:
            text += ' < ' + _duration(taken * (self.total - n_done) / n_done)
        if n_failed:
            text += ', %d failed' % n_failed
        self.file.write(('\r' if self.is_terminal else '') + text.ljust(self.n_columns) +
                        ('\n' if is_last else ''))
        self.file.flush()
        self.n_columns = len(text)


def track(futures, description='', file=None, width=30):
    """Yields futures as they settle, and shows meanwhile on the terminal how far they are.

    `futures` is a group or any futures. Where `file`, standard error by default, is no terminal one
    line is written at the end.
    """
    from .together import as_completed

    futures = list(futures[:]) if isinstance(futures, NativeGroup) else list(set(futures))
    line = _Line(sys.stderr if file is None else file, description, len(futures), width)
    n_done = n_failed = 0
    try:
        line.show(0, 0)
        for future in as_completed(futures):
            n_done += 1
            n_failed += future.cancelled() or future.exception() is not None
            line.show(n_done, n_failed)
            yield future
            del future
    finally:
        line.show(n_done, n_failed, is_last=True)


__all__ = ['Group', 'track']
