# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""A worker process of `ProcessPoolExecutor`.

    setup --prepare: paths, __main__, initializer--> serve: one call after the other --> end
               '----- refuse: the pool is broken, and says why

It is started with this interpreter and prepared like a process that multiprocessing spawns: the
program's main module is imported once more, under the name `__mp_main__`. What it prints goes to
where the program prints.

An exception travels as the details of the future's error: a pickle of the exception's own pickle
and the text of its traceback, so that the text arrives even where the exception does not.
"""

import os
import pickle
import signal
import sys
import threading
import traceback
from multiprocessing import process, spawn, util

from gi.repository import Cfut, GLib

from . import pickles, task as tasks
from .errors import DOMAIN, IO_DOMAIN, error_of
from .standard import LOGGER, CancelledError

# The names by which a pool calls its workers.
CALL = 'python'

# What is run in `-c`: the argument is the folder in which this package is. The current folder is in
# no import's way.
PROGRAM = ('import sys; sys.path[:1] == [""] and sys.path.pop(0); import gi, gi.overrides; '
           'sys.argv[1] in gi.overrides.__path__ or gi.overrides.__path__.insert(0, sys.argv[1]); '
           'gi.require_version("Cfut", "1"); from gi.repository import Cfut; '
           'from gi.overrides.Cfut import worker; worker.main()')

# Frames of the protocol cut longer ones.
MAX_REASON = 3000

_thread = tasks._thread
_worker = None
_is_preparing = False
_is_running = False


class WorkerTask(Cfut.Task):
    """A running call as its function sees it, `current_task()`."""

    __module__ = 'gi.overrides.Cfut'
    __gtype__ = Cfut.Task.__gtype__

    def checkpoint(self):
        """For the running function: raises CancelledError if it was asked to stop.

        While the future is paused, this waits until it is resumed.
        """
        try:
            Cfut.Task.checkpoint(self)
        except GLib.Error as error:
            if error.domain == IO_DOMAIN:
                raise CancelledError() from None
            raise

    def is_asked_to_stop(self):
        """Whether it was cancelled while it ran, or its deadline has passed."""
        return self.get_cancellable().is_cancelled()


def is_preparing():
    """Whether this is a worker that imports the program's main module."""
    return _is_preparing


def get_worker():
    """The Cfut.Worker of this process; None: it is no worker."""
    return _worker


def _on_interrupt(number, frame):
    # Between two calls there is nothing to interrupt.
    if _is_running:
        raise KeyboardInterrupt


def dump_exception(exception):
    """What travels of an exception: (the pickle of the exception, the text of its traceback)."""
    text = ''.join(traceback.format_exception(type(exception), exception, exception.__traceback__))
    exception.__traceback__ = None
    try:
        pieces = pickles.dump(exception)
    except BaseException as trouble:
        text += '\nThe exception could not be pickled:\n' + ''.join(
            traceback.format_exception(type(trouble), trouble, trouble.__traceback__))
        trouble.__traceback__ = None
        try:
            pieces = pickles.dump(trouble)
        except BaseException:
            pieces = pickles.dump(pickle.PicklingError(str(trouble)))
    return b''.join(map(pickles._view, pieces)), text


def _fail(task, exception):
    """Has the task fail with that."""
    if task.get_cancellable().is_cancelled() and tasks.asks_to_stop(exception):
        raise GLib.Error('cancelled', IO_DOMAIN, 19)
    error = error_of(exception)
    task.set_error_details(pickles.pack(pickles.dump(dump_exception(exception)), False)[0])
    raise GLib.Error(error.message, error.domain, error.code)


def _flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, ValueError, OSError):
            pass  # there is none, or nobody reads it


def _call(task, message, *data):
    """Runs one call, and gives its result to the task."""
    global _is_running
    failure = None
    try:
        task.__class__ = WorkerTask
        _thread.task = task
        _is_running = True
        function, args, kwargs = pickles.unpack(message, task.get_fds())
        del message
        result = function(*args, **kwargs)
        _is_running = False
        del function, args, kwargs
        message, fds = pickles.pack(pickles.dump(result))
        del result
        task.set_result_variant(message)
        if fds is not None:
            task.set_result_fds(fds)
    except BaseException as exception:
        _is_running = False
        failure = exception
        function = args = kwargs = result = None
    finally:
        _thread.task = None
    _flush()
    if failure is not None:
        try:
            _fail(task, failure)
        finally:
            del failure
    return True


def _prepare(setup):
    global _is_preparing
    preparation, initializer = pickles.unpack(setup, None)
    process.current_process().name = 'CfutProcess-%d' % os.getpid()
    # What starts processes while the main module is imported is told not to.
    process.current_process()._inheriting = _is_preparing = True
    try:
        spawn.prepare(preparation)
        if initializer is not None:
            initializer = pickles.read_large(initializer) if isinstance(initializer, str) \
                else pickle.loads(initializer)
    finally:
        _is_preparing = False
        del process.current_process()._inheriting
    if initializer is not None:
        function, args = initializer
        try:
            function(*args)
        except BaseException:
            LOGGER.critical('Exception in initializer:', exc_info=True)
            raise


def _end(status):
    """As multiprocessing ends a process: threads are waited for, handlers of atexit not called."""
    try:
        threading._shutdown()
        util._exit_function()
    finally:
        _flush()
        os._exit(status)


def main():
    """What a worker process runs."""
    global _worker
    if not Cfut.Worker.requested():
        sys.exit('This is the worker of a ProcessPoolExecutor, which is started by that')
    signal.signal(signal.SIGINT, _on_interrupt)
    worker = _worker = Cfut.Worker()
    worker.register(CALL, _call, None)
    try:
        worker.open()
    except GLib.Error as error:
        sys.exit(error.message)
    try:
        _prepare(worker.get_setup())
    except BaseException as exception:
        text = traceback.format_exc()
        _flush()
        reason = '%s: %s\n\n%s' % (type(exception).__name__, exception, text[-MAX_REASON:])
        worker.refuse(GLib.Error(reason.replace('\0', ''), DOMAIN, int(Cfut.FutureError.BROKEN)))
        _end(1)
    try:
        status = worker.run()
    except GLib.Error as error:
        print(error.message, file=sys.stderr)
        status = 1
    _end(status)
