# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""Futures: those that the library makes, as the standard library's ones.

`Future` is what every future of the library is in Python, and is a `concurrent.futures.Future` too.
One that was made in C costs nothing more than any other object until something asks for what only
the standard library knows, its condition or its waiters: then it is attached, which is to say that
it gets them, and that it is told when it has settled.

`OwnFuture` is made and settled by Python. Everything of it is the standard library's, and it is no
GObject before somebody uses it as one (mirror.py).

Both are awaited in a coroutine of asyncio's or of `Cfut.run`.
"""

import asyncio
import threading
import time

from gi.overrides import override
from gi.repository import Cfut, GLib

from . import delivery
from .errors import exception_for, is_timeout
from .standard import (FINISHED, NOTIFIED, PENDING, RUNNING, SETTLED, WAS_CANCELLED, CancelledError,
                       StandardFuture, TimeoutError)

NativeFuture = Cfut.Future

# How long a wait on the main thread stays in C, where Ctrl-C does not reach it.
NATIVE_WAIT_SECONDS = 0.02

_attach_lock = threading.Lock()


class Sleeper:
    """What a thread sleeps on that waits for a future and, meanwhile, serves its callbacks.

    To a future it is one more waiter, as those of `concurrent.futures.wait` are.
    """

    __slots__ = ('lock',)

    def __init__(self):
        self.lock = threading.Lock()
        self.lock.acquire()

    def wake(self):
        try:
            self.lock.release()
        except RuntimeError:
            pass  # it was woken already

    def add_result(self, future):
        self.wake()

    add_exception = add_result
    add_cancelled = add_result

    def sleep(self, timeout):
        """Sleeps until it is woken. Signals are handled meanwhile."""
        return self.lock.acquire(timeout=-1 if timeout is None else min(timeout, threading.TIMEOUT_MAX))


def block(is_over, sleeper, timeout):
    """Blocks until `is_over()`, which `sleeper` is woken for. Callbacks of this thread are called."""
    end = None if timeout is None else time.monotonic() + timeout
    places = delivery.places_to_serve()
    for place in places:
        place.blocked, sleeper_before = sleeper, place.blocked
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
        for place in places:
            place.blocked = sleeper_before


def wait_settled(future, timeout):
    """Blocks until a future that has a condition has settled; tells whether it has."""
    if not delivery.places_to_serve():
        with future._condition:
            if future._state in SETTLED:
                return True
            future._condition.wait(timeout)
            return future._state in SETTLED
    sleeper = Sleeper()
    with future._condition:
        if future._state in SETTLED:
            sleeper.wake()
        else:
            future._waiters.append(sleeper)
    try:
        return block(lambda: future._state in SETTLED, sleeper, timeout)
    finally:
        with future._condition:
            if sleeper in future._waiters:
                future._waiters.remove(sleeper)


class Callback:
    """A callback and the place where it is to be called."""

    __slots__ = ('function', 'place')

    def __init__(self, function, place):
        self.function = function
        self.place = place
        place.expect()

    def __call__(self, future):
        if self.place.is_here():
            self.place.forget()
            delivery.call(self.function, future)
        else:
            self.place.put(self.function, future)


class StandardFace:
    """What both kinds of future have of the standard library's, with our way of delivery."""

    def _invoke_callbacks(self):
        callbacks, self._done_callbacks = self._done_callbacks, []
        for callback in callbacks:
            if type(callback) is Callback:
                callback(self)
            else:
                delivery.call(callback, self)

    def add_done_callback(self, fn):
        """Has `fn(future)` called when the future has settled; at once where it has already.

        It is called on the running loop of asyncio where there is one; else on the main thread, or
        a thread that has pushed a GLib context, on that context, and also while that thread blocks
        in a wait of this module; else on the thread that settles the future. Callbacks are called
        in the order in which they were added. What one raises is logged.
        """
        place = delivery.place_here()
        with self._condition:
            if self._state not in SETTLED:
                self._done_callbacks.append(fn if place is None else Callback(fn, place))
                return
        delivery.call(fn, self)

    def _raise_or_return(self):
        if self._state in WAS_CANCELLED:
            raise CancelledError()
        if self._exception is not None:
            try:
                raise self._exception
            finally:
                self = None  # or its traceback would hold the exception that holds it
        return self._result

    def __await__(self):
        if not self.done():
            loop = asyncio._get_running_loop()
            if loop is not None:
                return (yield from asyncio.wrap_future(self, loop=loop).__await__())
            yield self
        return self.result()

    def __repr__(self):
        return StandardFuture.__repr__(self)


@override
class Future(StandardFace, NativeFuture, StandardFuture):
    """A future of the library's: also a `concurrent.futures.Future`, and awaitable."""

    __module__ = 'gi.overrides.Cfut'

    # (future) -> the result in Python, or raises: for what C holds in a form of its own.
    _decode = None

    def __new__(cls, *args, **kwargs):
        if cls is Future:
            cls = OwnFuture
        return super().__new__(cls)

    def __getattr__(self, name):
        # A future that C made has no __init__.
        if name in ('_state', '_condition', '_waiters', '_done_callbacks', '_result', '_exception'):
            self._attach()
            return self.__dict__[name]
        raise AttributeError('%r object has no attribute %r' % (type(self).__name__, name))

    def _attach(self):
        with _attach_lock:
            if '_state' in self.__dict__:
                return
            self._condition = threading.Condition()
            self._waiters = []
            self._done_callbacks = []
            self._result = None
            self._exception = None
            self._state = PENDING
        if NativeFuture.is_settled(self):
            self._fill()
        else:
            NativeFuture.add_done_callback(self, Cfut.CallbackFlags.DIRECT, _on_native_settled)

    def _native_outcome(self):
        """What C has settled it with: the state, the result and the exception."""
        state = NativeFuture.get_state(self)
        if state == Cfut.State.CANCELLED:
            return NOTIFIED, None, None
        try:
            if state == Cfut.State.REJECTED:
                return FINISHED, None, self._native_exception()
            if self._decode is not None:
                return FINISHED, self._decode(self), None
            return FINISHED, NativeFuture.result(self, 0), None
        except BaseException as exception:
            return FINISHED, None, exception

    def _native_exception(self):
        return exception_for(NativeFuture.dup_error(self))

    def _fill(self):
        state, result, exception = self._native_outcome()
        with self._condition:
            if self._state in SETTLED:
                return
            self._result = result
            self._exception = exception
            self._state = state
            for waiter in self._waiters:
                if state == NOTIFIED:
                    waiter.add_cancelled(self)
                elif exception is not None:
                    waiter.add_exception(self)
                else:
                    waiter.add_result(self)
            self._condition.notify_all()
        self._invoke_callbacks()

    def _wait(self, timeout):
        if NativeFuture.is_settled(self):
            return True
        on_main_thread = threading.current_thread() is threading.main_thread()
        if '_state' not in self.__dict__ and not delivery.places_to_serve():
            native = timeout
            if on_main_thread and (native is None or native > NATIVE_WAIT_SECONDS):
                native = NATIVE_WAIT_SECONDS
            try:
                NativeFuture.wait(self, -1 if native is None else max(0, int(native * 1e6)), None)
                return True
            except GLib.Error as error:
                if not is_timeout(error):
                    raise exception_for(error) from None
            if native is timeout:
                return False
            if timeout is not None:
                timeout -= native
        self._condition  # attaches it
        return wait_settled(self, timeout)

    def _settled_outcome(self, timeout):
        if not self._wait(timeout):
            raise TimeoutError()
        if '_state' not in self.__dict__:
            # It is over, so nobody has to be told.
            self._condition
        elif self._state not in SETTLED:
            self._fill()

    def result(self, timeout=None):
        """Waits for at most so many seconds, and returns the result or raises the exception."""
        try:
            self._settled_outcome(timeout)
            return self._raise_or_return()
        finally:
            self = None

    def exception(self, timeout=None):
        """Waits for at most so many seconds, and returns the exception, or None."""
        self._settled_outcome(timeout)
        if self._state in WAS_CANCELLED:
            raise CancelledError()
        return self._exception

    def cancel(self):
        """Cancels it, if it was not started: returns whether it is cancelled now.

        What runs is asked to stop instead, and False returned.
        """
        return NativeFuture.cancel(self)

    def cancelled(self):
        """Whether it was cancelled."""
        return NativeFuture.get_state(self) == Cfut.State.CANCELLED

    def running(self):
        """Whether it is being computed."""
        return NativeFuture.get_state(self) == Cfut.State.RUNNING

    def done(self):
        """Whether it has settled."""
        return NativeFuture.is_settled(self)

    def set_running_or_notify_cancel(self):
        raise RuntimeError('This future belongs to the executor that made it')

    def set_result(self, result):
        raise RuntimeError('This future belongs to the executor that made it')

    def set_exception(self, exception):
        raise RuntimeError('This future belongs to the executor that made it')

    def __repr__(self):
        if '_state' not in self.__dict__ or self._state not in SETTLED:
            state = NativeFuture.get_state(self)
            if state in (Cfut.State.PENDING, Cfut.State.RUNNING):
                return '<%s at %#x state=%s>' % (type(self).__name__, id(self), state.value_nick)
        return StandardFuture.__repr__(self)


def _on_native_settled(future, *data):
    """Called on the thread that settled it."""
    try:
        future._fill()
    except BaseException:
        delivery.LOGGER.exception('exception while %r was told to have settled', future)


class OwnFuture(Future):
    """A future that Python makes and settles: `Cfut.Future ()` makes one."""

    __module__ = 'gi.overrides.Cfut'
    __qualname__ = 'Future'
    __gtype__ = Future.__gtype__

    __init__ = StandardFuture.__init__
    cancelled = StandardFuture.cancelled
    running = StandardFuture.running
    done = StandardFuture.done
    set_result = StandardFuture.set_result
    set_exception = StandardFuture.set_exception
    __repr__ = StandardFuture.__repr__

    def __getattr__(self, name):
        raise AttributeError('%r object has no attribute %r' % (type(self).__name__, name))

    def set_running_or_notify_cancel(self):
        """For executors: marks it as running. False: it was cancelled, and must not be run."""
        with self._condition:
            if self._state == NOTIFIED:
                return False
        return StandardFuture.set_running_or_notify_cancel(self)

    def cancel(self):
        """Cancels it, if it was not started: returns whether it is cancelled now.

        Whoever waits for it in any way is told at once.
        """
        with self._condition:
            if self._state in (RUNNING, FINISHED):
                return False
            if self._state in WAS_CANCELLED:
                return True
            self._state = NOTIFIED
            for waiter in self._waiters:
                waiter.add_cancelled(self)
            self._condition.notify_all()
        self._invoke_callbacks()
        return True

    def result(self, timeout=None):
        """Waits for at most so many seconds, and returns the result or raises the exception."""
        try:
            if self._state not in SETTLED and not wait_settled(self, timeout):
                raise TimeoutError()
            return self._raise_or_return()
        finally:
            self = None

    def exception(self, timeout=None):
        """Waits for at most so many seconds, and returns the exception, or None."""
        if self._state not in SETTLED and not wait_settled(self, timeout):
            raise TimeoutError()
        if self._state in WAS_CANCELLED:
            raise CancelledError()
        return self._exception


OwnFuture.__name__ = 'Future'

__all__ = ['Future']
