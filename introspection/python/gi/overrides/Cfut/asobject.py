# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""How a future of Python's becomes an object of GObject's, when something uses it as one.

To make a GObject costs more than all else that a future of our own needs, and few are ever used as
one: in a group, with a signal or a property that a widget is bound to, or as an argument of a
function in C. Until then the wrapper is empty, which PyGObject answers with an exception in the
functions that it is given to. All that is reached through the future itself makes the object first.

From then on what Python does is told to the object through a promise that lives for as long as that
takes, since one that was kept would hold the future that holds it. What happens to the object, as
when a group cancels it, is told to Python.
"""

import weakref

from gi.repository import Cfut, GObject

from .errors import cancelled_error, error_of
from .standard import NOTIFIED, PENDING, RUNNING, SETTLED, WAS_CANCELLED
from .waits import lock

NativeFuture = Cfut.Future


def tell_object(future):
    """Has the object know what Python knows."""
    promise = Cfut.Promise(future=future)
    state = future._state
    if state == RUNNING:
        promise.set_running()
    elif state in WAS_CANCELLED:
        promise.reject(cancelled_error())
    elif state in SETTLED:
        if future._exception is not None:
            promise.reject(error_of(future._exception))
            if future._is_seen:
                NativeFuture.dup_error(future)
        elif future._result is None:
            promise.resolve(None)
        else:
            promise.resolve(GObject.Value(GObject.TYPE_PYOBJECT, future._result))


def _on_object_settled(future, *data):
    # On any thread: it was cancelled, or it was Python who has settled it.
    if NativeFuture.get_state(future) == Cfut.State.CANCELLED and future._state not in SETTLED:
        future.cancel()


class _Asker:
    """Asks a future to stop whose object was asked to. Holds no reference on it."""

    def __init__(self, future):
        self.future = weakref.ref(future)

    def __call__(self, cancellable):
        future = self.future()
        if future is not None and future._state == RUNNING:
            future._ask_to_stop()


class ObjectFace:
    """The side of a future of our own that GObject sees."""

    _is_object = False

    def as_object(self):
        """Makes it an object of GObject's, if it is none yet, and returns it.

        That is needed before a function in C is called with it. The functions of this module, and
        signals and properties of the future, do it by themselves.
        """
        if self._is_object:
            return self
        with lock:
            if self._is_object:
                return self
            GObject.Object.__init__(self)
            self._is_object = True
        promise = Cfut.Promise(future=self)
        cancellable = promise.get_cancellable()
        GObject.Object.connect(cancellable, 'cancelled', _Asker(self))
        with lock:
            if self._cancellable is None:
                self._cancellable = cancellable
        NativeFuture.add_done_callback(self, Cfut.CallbackFlags.DIRECT, _on_object_settled)
        self._tell_details(promise)
        if self._state != PENDING:
            tell_object(self)
        return self

    def _tell_details(self, promise):
        pass

    def _ask_to_stop(self):
        pass

    @property
    def props(self):
        """The properties."""
        self.as_object()
        return super().props


def _through_object(name):
    function = getattr(NativeFuture, name)

    def method(self, *args, **kwargs):
        return function(self.as_object(), *args, **kwargs)

    method.__name__ = name
    method.__doc__ = getattr(function, '__doc__', None)
    return method


for _name in ('always', 'bind_property', 'chain', 'connect', 'connect_after', 'connect_object',
              'connect_object_after', 'disconnect', 'disconnect_by_func', 'emit', 'freeze_notify',
              'get_properties', 'get_property', 'handler_block', 'handler_block_by_func',
              'handler_disconnect', 'handler_is_connected', 'handler_unblock',
              'handler_unblock_by_func', 'notify', 'recover', 'set_properties', 'set_property',
              'thaw_notify', 'to_task', 'wait', 'wait_async', 'wait_finish', 'weak_ref',
              'result_boolean', 'result_bytes', 'result_double', 'result_int64', 'result_object',
              'result_string', 'result_variant', 'dup_error', 'get_state', 'get_worker_pid',
              'is_settled'):
    if callable(getattr(NativeFuture, _name, None)):
        setattr(ObjectFace, _name, _through_object(_name))
del _name
