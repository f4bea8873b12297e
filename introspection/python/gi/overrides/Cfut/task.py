# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""The future of a submitted call, which is also what the running function sees as its task.

`current_task()` gives it to the function: to report progress, and to look at a checkpoint whether it
was asked to stop, as `Cfut.Task` has it for functions in C.
"""

import threading

from gi.repository import Cfut, Gio, GLib

from .future import NativeFuture, OwnFuture
from .standard import BrokenThreadPool, CancelledError, FINISHED, NOTIFIED, PENDING, RUNNING, SETTLED
from .waits import lock

# How deep calls may run one another.
DEPTH_LIMIT = 64

PRIORITY_LIMIT = 100

_thread = threading.local()


def clamp_priority(priority):
    """The nearest priority that there is."""
    return max(-PRIORITY_LIMIT, min(PRIORITY_LIMIT, int(priority)))


def current_task():
    """The task that runs on this thread: the future of the call; None where none runs."""
    return getattr(_thread, 'task', None)


def asks_to_stop(exception):
    """Whether it is what a function fails with that was cancelled."""
    return isinstance(exception, CancelledError) or (
        isinstance(exception, GLib.Error) and exception.matches(Gio.io_error_quark(),
                                                                Gio.IOErrorEnum.CANCELLED))


class PoolFuture(OwnFuture):
    """The future of a call that was submitted to a pool."""

    __module__ = 'gi.overrides.Cfut'
    __qualname__ = 'Future'

    # What few have is of the class.
    _call = None
    _crew = None
    _name = None
    _priority = 0
    _since = 0.0
    _entry = None   # (nullable): its number in the queue, where that goes by priority
    _room = None    # (nullable): what it leaves when it waits no more
    _is_asked_to_stop = False
    _paused = None
    _run_seconds = None
    _is_aside = False
    _progress = (0, 0)
    _message = None
    _worker_name = None

    def _run(self, tally):
        """Runs the call and settles the future. True: a deadline did that, and a thread stands in.

        None: there was nothing to run, for an entry of several.
        """
        if self._room is not None:
            # Who sees that it runs finds its room free.
            self._crew.leave_room(self)
        if not self._move(PENDING, RUNNING):
            return False if self._entry is None else None
        tally.n_begun += 1
        if self._is_object:
            self._tell_object()
        if self._run_seconds is not None:
            self._crew.limit(self)
        function, args, kwargs = self._call
        self._call = None
        before = getattr(_thread, 'task', None)
        _thread.task = self
        try:
            result = function(*args, **kwargs)
        except BaseException as exception:
            tally.n_ended += 1
            _thread.task = before
            function = args = kwargs = None
            if self._is_asked_to_stop and asks_to_stop(exception):
                is_late = not self._settle(NOTIFIED, None, None)
            else:
                is_late = not self._settle(FINISHED, None, exception)
            is_late = is_late and self._run_seconds is not None
            self = None  # or the traceback would hold the future that holds the exception
            return is_late
        tally.n_ended += 1
        _thread.task = before
        function = args = kwargs = None
        return not self._settle(FINISHED, result, None) and self._run_seconds is not None

    def _help(self):
        """Runs it here, if this is a thread of its pool: who waits for a queued call may be the only one."""
        task = getattr(_thread, 'task', None)
        depth = getattr(_thread, 'depth', 0)
        if task is None or task._crew is not self._crew or depth >= DEPTH_LIMIT or self._paused is not None:
            return
        crew = self._crew
        if crew.gate is not None:
            crew.gate.go_through(lambda: self._state == PENDING)
        _thread.depth = depth + 1
        try:
            if self._run(crew.get_tally()):
                crew.give_way()
        finally:
            _thread.depth = depth

    def result(self, timeout=None):
        """Waits for at most so many seconds, and returns the result or raises the exception.

        A call of the same pool that waits for one that is still queued runs it itself.
        """
        try:
            if timeout is None and self._call is not None:
                self._help()
            return super().result(timeout)
        finally:
            self = None  # or the traceback would hold the future that holds the exception

    def cancel(self):
        """Cancels it, if it was not started: returns whether it is cancelled now.

        Whoever waits for it in any way is told at once. What runs is asked to stop instead, and
        False returned: its function learns of that at a checkpoint, or from its cancellable.
        """
        if super().cancel():
            return True
        if self._state == RUNNING:
            self._ask_to_stop()
        return False

    def _fail(self, why):
        """The pool runs nothing any more."""
        if self._move(PENDING, RUNNING):
            self._drop()
            self._settle(FINISHED, None, BrokenThreadPool(why))

    def _drop(self):
        self._call = None
        if self._crew is not None:
            self._crew.drop(self)

    def _ask_to_stop(self):
        with lock:
            self._is_asked_to_stop = True
            cancellable = self._cancellable
            paused = self._paused
        if cancellable is not None:
            cancellable.cancel()
        if paused is not None:
            paused.set()

    def set_progress(self, done, total):
        """For the running function: how much is done, of how much in all."""
        self._progress = (0 + done, 0 + total)  # what is no number raises here
        if self._is_object:
            Cfut.Promise(future=self).set_progress(done, total)

    def set_message(self, message):
        """For the running function: what it says of itself, for people."""
        self._message = message
        if self._is_object:
            Cfut.Promise(future=self).set_message(message)

    def checkpoint(self):
        """For the running function: raises CancelledError if it was asked to stop.

        While the future is paused, this waits until it is resumed.
        """
        paused = self._paused
        if paused is not None and not self._is_asked_to_stop:
            paused.wait()  # until resumed, or asked to stop
        if self._is_asked_to_stop:
            raise CancelledError()

    def get_cancellable(self):
        """For the running function: a Gio.Cancellable that is cancelled when it is asked to stop."""
        with lock:
            cancellable = self._cancellable
            if cancellable is None:
                cancellable = self._cancellable = Gio.Cancellable()
            is_asked = self._is_asked_to_stop
        if is_asked:
            cancellable.cancel()
        return cancellable

    def is_asked_to_stop(self):
        """Whether it was cancelled while it ran."""
        return self._is_asked_to_stop

    def pause(self):
        """Has the function stop at its next checkpoint, until `resume`; what is queued is not started."""
        with lock:
            if self._paused is None and self._state not in SETTLED:
                self._paused = threading.Event()

    def resume(self):
        """Lets it go on."""
        with lock:
            paused, self._paused = self._paused, None
            is_aside, self._is_aside = self._is_aside, False
        if paused is not None:
            paused.set()
        if is_aside:
            self._crew.take_back(self)

    def _wait_in_queue(self, crew):
        """Its turn has come while it is paused: it is queued again when it is resumed."""
        with lock:
            if self._paused is not None:
                self._is_aside = True
                return
        crew.take_back(self)

    def is_paused(self):
        """Whether it is paused."""
        return self._paused is not None

    def get_progress(self):
        """The pair (done, total) that was last reported."""
        return self._progress

    def get_fraction(self):
        """How much is done, from 0 to 1: 1 when it has a result, 0 where nothing is known."""
        if self._state == FINISHED and self._exception is None:
            return 1.0
        done, total = self._progress
        return done / total if total else 0.0

    def dup_message(self):
        """What the function last said of itself."""
        return self._message

    def dup_name(self):
        """What the future is called."""
        return self._name

    def set_name(self, name):
        """Calls it something, in lists and reports."""
        self._name = name
        if self._is_object:
            NativeFuture.set_name(self, name)

    def _tell_details(self, promise):
        if self._name is not None:
            NativeFuture.set_name(self, self._name)
        if self._progress != (0, 0):
            promise.set_progress(*self._progress)
        if self._message is not None:
            promise.set_message(self._message)

    def get_priority(self):
        """How urgent it is: less is more so."""
        return self._priority

    def set_priority(self, priority):
        """Gives it another place in the queue, if it was not started; tells whether it has.

        From -100 to 100, and 0 is the default; less is more urgent. It may be called on any thread.
        """
        crew = self._crew
        return crew is not None and crew.place(self, clamp_priority(priority))

    def dup_worker_name(self):
        """The name of the thread that runs it, or did."""
        return self._worker_name


PoolFuture.__name__ = 'Future'

__all__ = ['current_task']
