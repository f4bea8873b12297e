# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""The library's errors as exceptions of Python's.

Each is a `GLib.Error`, so that its domain and code are there, and also what the standard library
raises in the same case where it has that. Errors of other domains stay the `GLib.Error` they are.
"""

import queue

from gi.repository import Cfut, Gio, GLib

from .standard import BrokenExecutor, CancelledError, InvalidStateError

DOMAIN = GLib.quark_to_string(Cfut.future_error_quark())
IO_DOMAIN = GLib.quark_to_string(Gio.io_error_quark())


class OwnError(GLib.Error):
    """One of the library's own errors."""

    __module__ = 'gi.overrides.Cfut'

    def __repr__(self):
        return '%s(%r)' % (type(self).__name__, self.message)


class DeadlineError(OwnError, TimeoutError):
    """A deadline of the future's own passed; a wait that runs out of time is a plain TimeoutError."""

    __module__ = 'gi.overrides.Cfut'


class ShutDownError(OwnError):
    """The executor takes no more work. (A GLib.Error is a RuntimeError.)"""

    __module__ = 'gi.overrides.Cfut'


class BrokenError(OwnError, BrokenExecutor):
    """The executor cannot run anything."""

    __module__ = 'gi.overrides.Cfut'


class StateError(OwnError, InvalidStateError):
    """The future holds no value, or none of the kind that was asked for."""

    __module__ = 'gi.overrides.Cfut'


class QueueFullError(OwnError, queue.Full):
    """The executor's queue has reached its limit."""

    __module__ = 'gi.overrides.Cfut'


class DeadlockError(OwnError):
    """The wait would have been for itself."""

    __module__ = 'gi.overrides.Cfut'


# (domain, code): the class that an error of that kind is raised as.
CLASSES = {
    (DOMAIN, int(Cfut.FutureError.DEADLINE)): DeadlineError,
    (DOMAIN, int(Cfut.FutureError.SHUT_DOWN)): ShutDownError,
    (DOMAIN, int(Cfut.FutureError.BROKEN)): BrokenError,
    (DOMAIN, int(Cfut.FutureError.INVALID_STATE)): StateError,
    (DOMAIN, int(Cfut.FutureError.QUEUE_FULL)): QueueFullError,
    (DOMAIN, int(Cfut.FutureError.DEADLOCK)): DeadlockError,
}


def exception_for(error):
    """The exception that a GLib.Error of the library's is raised as."""
    kind = CLASSES.get((error.domain, error.code))
    if kind is None:
        return error
    return kind(error.message, error.domain, error.code)


def own_error(name, message):
    """The exception for an error of the library's own, by the name of its code."""
    code = int(getattr(Cfut.FutureError, name))
    return CLASSES[DOMAIN, code](message, DOMAIN, code)


def is_timeout(error):
    """Whether a wait ended because its time was up."""
    return error.domain == IO_DOMAIN and error.code == Gio.IOErrorEnum.TIMED_OUT


def cancelled_error():
    """What a function has to fail with for its future to count as cancelled."""
    return GLib.Error('cancelled', IO_DOMAIN, int(Gio.IOErrorEnum.CANCELLED))


def error_of(exception):
    """An exception as a GLib.Error, for those who are not Python; its text is all that they see."""
    if isinstance(exception, GLib.Error) and exception.domain:
        return exception
    if isinstance(exception, CancelledError):
        return cancelled_error()
    text = '%s: %s' % (type(exception).__name__, exception)
    return GLib.Error(text.replace('\0', ''), DOMAIN, int(Cfut.FutureError.CALLBACK_FAILED))


__all__ = ['BrokenError', 'DeadlineError', 'DeadlockError', 'QueueFullError', 'ShutDownError', 'StateError']
