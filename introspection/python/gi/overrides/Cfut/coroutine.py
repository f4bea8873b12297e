# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""Coroutines on a GLib main loop, without asyncio: `spawn` starts one, `run` runs one to its end.

What it awaits are futures: of the library's or of the standard library's. It goes on in the main loop
of the context that it was started on.
"""

from gi.repository import GLib

from . import delivery
from .future import OwnFuture
from .standard import FINISHED, NOTIFIED, PENDING, RUNNING, CancelledError, StandardFuture
from .waits import lock


class CoroutineFuture(OwnFuture):
    """The future of a coroutine that a GLib context runs. To cancel it raises CancelledError in it."""

    __module__ = 'gi.overrides.Cfut'
    __qualname__ = 'Future'

    _coroutine = None
    _place = None
    _awaited = None
    _is_asked_to_stop = False

    def _start(self, coroutine, place):
        self._coroutine = coroutine
        self._place = place
        self._move(PENDING, RUNNING)
        self._go_on(None)

    def _go_on(self, settled):
        """Runs the coroutine to where it awaits the next future. On its own thread only."""
        if self._coroutine is None:
            return
        self._awaited = None
        try:
            if self._is_asked_to_stop:
                self._is_asked_to_stop = False
                awaited = self._coroutine.throw(CancelledError())
            else:
                awaited = self._coroutine.send(None)
            if not isinstance(awaited, StandardFuture):
                raise TypeError('a coroutine on a GLib context awaits futures of Cfut or of '
                                'concurrent.futures, not %r' % (awaited,))
        except StopIteration as stop:
            self._end(FINISHED, stop.value, None)
        except CancelledError:
            self._end(NOTIFIED, None, None)
        except BaseException as exception:
            self._end(FINISHED, None, exception)
            self = None
        else:
            self._awaited = awaited
            awaited.add_done_callback(_Step(self, awaited))

    def _end(self, state, result, exception):
        coroutine, self._coroutine = self._coroutine, None
        coroutine.close()
        self._settle(state, result, exception)

    def cancel(self):
        """Asks the coroutine to stop: CancelledError is raised where it awaits. Returns False then."""
        if self.done():
            return self.cancelled()
        with lock:
            self._is_asked_to_stop = True
            awaited = self._awaited
        self._place.expect()
        self._place.put(_Step(self, awaited), self)
        return False

    def _ask_to_stop(self):
        self.cancel()


CoroutineFuture.__name__ = 'Future'


class _Step:
    """Lets a coroutine go on, if it still awaits what it did."""

    __slots__ = ('future', 'awaited')

    def __init__(self, future, awaited):
        self.future = future
        self.awaited = awaited

    def __call__(self, settled):
        if self.future._awaited is self.awaited and self.future._coroutine is not None:
            place = self.future._place
            if place.is_here():
                self.future._go_on(settled)
            else:
                place.expect()
                place.put(self, settled)


def spawn(coroutine):
    """Starts a coroutine on the GLib context of this thread, and returns its future.

    It runs at once up to where it first awaits a future that has not settled, then in the main loop.
    """
    if not hasattr(coroutine, 'send'):
        raise TypeError('a coroutine was expected, got %r' % (coroutine,))
    future = CoroutineFuture()
    future._start(coroutine, delivery.context_place())
    return future


def run(coroutine):
    """Runs a coroutine, and the main loop of this thread's context until it has ended.

    Returns its result or raises its exception.
    """
    loop = GLib.MainLoop(GLib.MainContext.get_thread_default())
    future = spawn(coroutine)
    if not future.done():
        future.add_done_callback(lambda future: loop.quit())
        loop.run()
    if not future.done():
        # Somebody has ended the loop, as Ctrl-C does.
        future.cancel()
        delivery.serve()
    return future.result(0)


__all__ = ['run', 'spawn']
