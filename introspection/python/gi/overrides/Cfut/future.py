# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""Futures: those that the library makes, as the standard library's ones.

`Future` is what every future of the library is in Python, and is a `concurrent.futures.Future` too.
One that was made in C costs no more than any other object until something asks for what only the
standard library knows, its condition or its waiters: then it is attached, which is to say that it
gets them, and that it is told when it has settled.

`OwnFuture` is made and settled by Python, and is no GObject before somebody uses it as one.

Both are awaited in a coroutine of asyncio's or of `Cfut.run`.

Locks: `lock` guards the state, the sleepers and the callbacks of every future that has no condition,
  and the making of one. Where there is a condition, which is where functions of the standard library
  look at the future, it is held as well, and taken first. Nothing of a user's is called under either,
  but the garbage collector may be anywhere: so both are reentrant.
Invariants:
1. A state in SETTLED never changes, and the result and the exception are there before it.
"""

import asyncio
import threading
import time

from gi.overrides import override
from gi.repository import Cfut, Gio, GLib

from . import delivery
from .asobject import ObjectFace, tell_object
from .errors import exception_for, is_timeout
from .standard import (FINISHED, NOTIFIED, PENDING, RUNNING, SETTLED, WAS_CANCELLED, CancelledError,
                       InvalidStateError, LOGGER, StandardFuture, TimeoutError)
from .waits import Sleeper, block, lock, wait_in_c

NativeFuture = Cfut.Future

# How long a wait on the main thread stays in C, where Ctrl-C does not reach it.
NATIVE_WAIT_SECONDS = 0.02

# What an attached future has, and one of our own when it is first asked for it.
STANDARD_FIELDS = frozenset(('_condition', '_waiters'))
ATTACHED_FIELDS = STANDARD_FIELDS | {'_state', '_result', '_exception', '_done_callbacks'}


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


class FutureFace:
    """What is the same for every kind of future.

    `_made_condition` is the condition where there is one: `_condition` makes it.
    """

    _made_condition = None
    _sleepers = None
    _is_object = True
    _is_seen = False

    # GObject's go by the object in C, which one of our own does not have.
    __hash__ = object.__hash__
    __eq__ = object.__eq__
    __ne__ = object.__ne__

    def _settle(self, state, result, exception):
        """Settles it, unless somebody has. Those who wait are woken, and callbacks on their way."""
        with lock:
            condition = self._made_condition
            if condition is None:
                if self._state in SETTLED:
                    return False
                self._result = result
                self._exception = exception
                self._state = state
        if condition is not None:
            with condition, lock:
                if self._state in SETTLED:
                    return False
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
                condition.notify_all()
        # Nobody adds to what has settled.
        if self._sleepers is not None:
            for sleeper in self._sleepers:
                sleeper.wake()
            self._sleepers = None
        if self._is_object:
            self._tell_object()
        if self._done_callbacks:
            self._invoke_callbacks()
        return True

    def _tell_object(self):
        pass

    def as_object(self):
        """Returns the future: see the same of those that Python makes."""
        return self

    def _invoke_callbacks(self):
        callbacks, self._done_callbacks = self._done_callbacks, ()
        for callback in callbacks:
            if type(callback) is Callback:
                callback(self)
            else:
                delivery.call(callback, self)

    def _sleep(self, timeout):
        """Blocks until it has settled; tells whether it has."""
        sleeper = Sleeper()
        with lock:
            if self._state in SETTLED:
                return True
            if self._sleepers is None:
                self._sleepers = [sleeper]
            else:
                self._sleepers.append(sleeper)
        try:
            if timeout is None and not delivery.places_to_serve():
                sleeper.sleep(None)
                return True
            return block(lambda: self._state in SETTLED, sleeper, timeout)
        finally:
            with lock:
                if self._state not in SETTLED:
                    self._sleepers.remove(sleeper)

    def add_done_callback(self, fn):
        """Has `fn(future)` called when the future has settled; at once where it has already.

        It is called on the running loop of asyncio where there is one; else on the main thread, or
        a thread that has pushed a GLib context, on that context, and also while that thread blocks
        in a wait of this module; else on the thread that settles the future. Callbacks are called
        in the order in which they were added. What one raises is logged.
        """
        place = delivery.place_here()
        self._state  # attaches it
        with lock:
            if self._state not in SETTLED:
                self._add_direct_callback(fn if place is None else Callback(fn, place))
                return
        delivery.call(fn, self)

    def _add_direct_callback(self, fn):
        """Has it called by who settles the future."""
        self._state  # attaches it
        with lock:
            if self._state not in SETTLED:
                if self._done_callbacks:
                    self._done_callbacks.append(fn)
                else:
                    self._done_callbacks = [fn]
                return
        delivery.call(fn, self)

    def _see(self):
        """Somebody looks at its exception: the object must not report it as one that nobody saw."""
        self._is_seen = True
        if self._is_object:
            NativeFuture.dup_error(self)

    def _raise_or_return(self):
        if self._exception is not None:
            self._see()
            try:
                raise self._exception
            finally:
                self = None  # or its traceback would hold the exception that holds it
        if self._state in WAS_CANCELLED:
            raise CancelledError()
        return self._result

    def __await__(self):
        if not self.done():
            loop = asyncio._get_running_loop()
            if loop is not None:
                return (yield from asyncio.wrap_future(self, loop=loop).__await__())
            yield self
        return self.result()


class NativeType(type(Cfut.Future)):
    """Makes classes in Python of the library's types without a type of GObject's for each."""

    def __new__(mcs, name, bases, namespace):
        for base in bases:
            if hasattr(base, '__gtype__'):
                namespace.setdefault('__gtype__', base.__gtype__)
                break
        return super().__new__(mcs, name, bases, namespace)


@override
class Future(FutureFace, NativeFuture, StandardFuture, metaclass=NativeType):
    """A future: also a `concurrent.futures.Future`, and awaitable.

    Those that executors give were made by them. `Cfut.Future()` makes one that whoever made it
    settles, with `set_result` or `set_exception`.
    """

    __module__ = 'gi.overrides.Cfut'

    # () -> the result in Python, or raises: for what C holds in a form of its own.
    _decode = None

    # Looked at before anything that would give the object in C a dictionary of Python's.
    _is_attached = False

    def __new__(cls, *args, **kwargs):
        return super().__new__(OwnFuture if cls is Future else cls)

    @staticmethod
    def from_task(task, *args):
        """A future that settles when a task of GIO's has completed."""
        # Of one that is no GObject yet PyGObject cannot say that it is no task.
        if not isinstance(task, Gio.Task):
            raise TypeError('from_task needs a Gio.Task, not %r' % (task,))
        return NativeFuture.from_task(task, *args)

    def __getattr__(self, name):
        # One that C made has no __init__.
        if name in ATTACHED_FIELDS:
            self._attach()
            return self.__dict__[name]
        raise AttributeError('%r object has no attribute %r' % (type(self).__name__, name))

    def _attach(self):
        with lock:
            if self._is_attached:
                return
            self._condition = self._made_condition = threading.Condition()
            self._waiters = []
            self._done_callbacks = ()
            self._result = None
            self._exception = None
            self._state = PENDING
            self._is_attached = True
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
                return FINISHED, self._decode(), None
            return FINISHED, NativeFuture.result(self, 0), None
        except BaseException as exception:
            return FINISHED, None, exception

    def _native_exception(self):
        return exception_for(NativeFuture.dup_error(self))

    def _fill(self):
        if self._state not in SETTLED:
            self._settle(*self._native_outcome())

    def _wait_in_c(self, timeout):
        """Waits in C, on the main thread for a moment at most; tells whether it has settled."""
        if self._is_attached or delivery.places_to_serve():
            return False
        if timeout is None or timeout > NATIVE_WAIT_SECONDS:
            if threading.current_thread() is threading.main_thread():
                timeout = NATIVE_WAIT_SECONDS
        try:
            wait_in_c(NativeFuture.wait, self, -1 if timeout is None else max(0, int(timeout * 1e6)), None)
            return True
        except GLib.Error as error:
            if not is_timeout(error):
                raise exception_for(error) from None
            return False

    def _wait(self, timeout):
        if NativeFuture.is_settled(self):
            return True
        begun = time.monotonic()
        if self._wait_in_c(timeout):
            return True
        if timeout is not None:
            timeout -= time.monotonic() - begun
            if timeout <= 0:
                return False
        self._state  # attaches it
        return self._sleep(timeout)

    def result(self, timeout=None):
        """Waits for at most so many seconds, and returns the result or raises the exception."""
        try:
            if not self._wait(timeout):
                raise TimeoutError()
            if not self._is_attached and self._decode is None:
                # What is usual costs no more than this.
                try:
                    return NativeFuture.result(self, 0)
                except GLib.Error:
                    pass  # it has failed
            self._fill()
            return self._raise_or_return()
        finally:
            self = None

    def exception(self, timeout=None):
        """Waits for at most so many seconds, and returns the exception, or None."""
        if not self._wait(timeout):
            raise TimeoutError()
        self._fill()
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
        raise RuntimeError('this future is settled by the executor that made it')

    def set_result(self, result):
        raise RuntimeError('this future is settled by the executor that made it')

    def set_exception(self, exception):
        raise RuntimeError('this future is settled by the executor that made it')

    def __repr__(self):
        if not self._is_attached or self._state not in SETTLED:
            state = NativeFuture.get_state(self)
            if state in (Cfut.State.PENDING, Cfut.State.RUNNING):
                return '<%s at %#x state=%s>' % (type(self).__name__, id(self), state.value_nick)
        return StandardFuture.__repr__(self)


def _on_native_settled(future, *data):
    """Called on the thread that settled it."""
    try:
        future._fill()
    except BaseException:
        LOGGER.exception('exception while %r was told that it has settled', future)


class PromiseFuture(Future):
    """The future of a promise.

    There are classes beforehand for the types that C makes: PyGObject aborts the program if Ctrl-C is
    pressed while it makes one.
    """

    __module__ = 'gi.overrides.Cfut'
    __qualname__ = 'Future'
    __gtype__ = Cfut.Promise.get_future_type()


PromiseFuture.__name__ = 'Future'
PromiseFuture.__gtype__.pytype = PromiseFuture


class OwnFuture(ObjectFace, Future):
    """A future that Python makes and settles."""

    __module__ = 'gi.overrides.Cfut'
    __qualname__ = 'Future'
    __gtype__ = Cfut.Promise.get_future_type()

    _cancellable = None

    _state = PENDING
    _result = None
    _exception = None
    _done_callbacks = ()

    def __init__(self):
        """Makes one that is pending."""

    def __getattr__(self, name):
        if name in STANDARD_FIELDS:
            with lock:
                if self._made_condition is None:
                    self._waiters = []
                    self._condition = self._made_condition = threading.Condition()
            return self.__dict__[name]
        raise AttributeError('%r object has no attribute %r' % (type(self).__name__, name))

    def _tell_object(self):
        tell_object(self)

    def _move(self, before, after):
        """From one state that is not settled to another. False: it was in neither of them."""
        with lock:
            condition = self._made_condition
            if condition is None:
                if self._state != before:
                    return False
                self._state = after
                return True
        with condition, lock:
            if self._state != before:
                return False
            self._state = after
            return True

    def set_running_or_notify_cancel(self):
        """For executors: marks it as running. False: it was cancelled, and must not be run."""
        if self._move(PENDING, RUNNING):
            if self._is_object:
                self._tell_object()
            return True
        if self._state in WAS_CANCELLED:
            return False
        LOGGER.critical('Future %s in unexpected state: %s', id(self), self._state)
        raise RuntimeError('Future in unexpected state')

    def set_result(self, result):
        """For executors: settles it with a result."""
        if not self._settle(FINISHED, result, None):
            raise InvalidStateError('{}: {!r}'.format(self._state, self))

    def set_exception(self, exception):
        """For executors: settles it with an exception."""
        if not self._settle(FINISHED, None, exception):
            raise InvalidStateError('{}: {!r}'.format(self._state, self))

    def cancel(self):
        """Cancels it, if it was not started: returns whether it is cancelled now.

        Whoever waits for it in any way is told at once. What runs is asked to stop instead, and
        False returned.
        """
        if self._state == PENDING and self._move(PENDING, RUNNING):
            # Nobody else starts it or cancels it now.
            self._drop()
            self._settle(NOTIFIED, None, None)
        return self._state in WAS_CANCELLED

    def _drop(self):
        """It is not run any more."""

    def _help(self):
        """Somebody waits for it, and may be who could settle it."""

    def cancelled(self):
        """Whether it was cancelled."""
        return self._state in WAS_CANCELLED

    def running(self):
        """Whether it is being computed."""
        return self._state == RUNNING

    def done(self):
        """Whether it has settled."""
        return self._state in SETTLED

    def result(self, timeout=None):
        """Waits for at most so many seconds, and returns the result or raises the exception."""
        try:
            if self._state not in SETTLED and not self._sleep(timeout):
                raise TimeoutError()
            return self._raise_or_return()
        finally:
            self = None

    def exception(self, timeout=None):
        """Waits for at most so many seconds, and returns the exception, or None."""
        if self._state not in SETTLED and not self._sleep(timeout):
            raise TimeoutError()
        if self._state in WAS_CANCELLED:
            raise CancelledError()
        if self._exception is not None:
            self._see()
        return self._exception

    def get_priority(self):
        """How urgent it is: 0, where it is in no queue."""
        return 0

    def set_priority(self, priority):
        """Gives it another place in the queue that it is in; tells whether it has."""
        return False

    __repr__ = StandardFuture.__repr__


OwnFuture.__name__ = 'Future'

__all__ = ['Future']
