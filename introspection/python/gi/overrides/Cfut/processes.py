# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""`ProcessPoolExecutor`: the standard library's, and a process executor of the library's too.

    submit --pickle--> call 'python' of a worker --unpickle, run, pickle--> result --unpickle--> Future

A call is pickled when it is submitted, so nothing of it is held after. Its future is the library's
own, with what that can do: cancelling what runs, progress, deadlines. A result is unpickled when it
is first asked for.

A worker that dies costs the one call that it was running, whose future fails with a
`WorkerDiedError`; the standard library's whole pool would be broken. A call that was started is
never run again; all others go to other workers.

`mp_context` is accepted. Workers are always started afresh, as with its method 'spawn': the
interpreter that it says is used, and what was pickled needs to be importable there.
"""

import itertools
import os
import signal
import sys
import threading
import time
import traceback
import weakref
from concurrent.futures.process import BrokenProcessPool, _RemoteTraceback
from concurrent.futures.process import ProcessPoolExecutor as StandardProcessPoolExecutor
from functools import partial
from multiprocessing import spawn, util

from gi.overrides import override
from gi.repository import Cfut, GLib

from . import delivery, pickles, shared, worker
from .errors import DOMAIN, BrokenError, exception_for, is_timeout, own_error
from .executor import ExecutorFace, check_buffersize, map_results
from .future import NativeFuture, NativeType, OwnFuture, lock
from .limits import LimitedFace, check_when_full
from .standard import FINISHED, LOGGER, PENDING, TimeoutError
from .task import clamp_priority
from .timer import check_seconds
from .waits import wait_in_c

NativeProcessExecutor = Cfut.ProcessExecutor

# How long shutdown stays in C, where Ctrl-C does not reach it.
LOOK_USEC = 20000

_WORKER_DIED = int(Cfut.FutureError.WORKER_DIED)
_BROKEN = int(Cfut.FutureError.BROKEN)
_QUEUE_FULL = int(Cfut.FutureError.QUEUE_FULL)

# Looked up in what introspection gives, each would cost as much as what it does.
_is_settled = NativeFuture.is_settled
_native_result = NativeFuture.result
_Variant = GLib.Variant

_new_variant_from_bytes = GLib.Variant.new_from_bytes


class PoolBrokenError(BrokenError, BrokenProcessPool):
    """No worker can be started, or its initializer failed: the pool is not usable any more."""

    __module__ = 'gi.overrides.Cfut'


class WorkerDiedError(GLib.Error, BrokenProcessPool):
    """The worker died that was running the call. The pool goes on.

    `pid` is the process; `signal` what it was killed by, or None; `exitcode` what it exited with,
    negative for a signal as with multiprocessing, or None; `stderr` the end of what it had written
    there.
    """

    __module__ = 'gi.overrides.Cfut'

    pid = None
    signal = None
    exitcode = None
    stderr = ''

    def _take(self, details):
        self.pid = details.get('pid')
        self.stderr = details.get('stderr', '')
        status = details.get('wait-status', -1)
        if status >= 0:
            self.exitcode = os.waitstatus_to_exitcode(status)
            if self.exitcode < 0:
                self.signal = signal.Signals(-self.exitcode)


def _load_exception(pickled, text):
    """An exception of a worker's, whose cause is the traceback there."""
    cause = _RemoteTraceback('\n"""\n%s"""' % text)
    try:
        exception = pickles.loads(pickled)
        if not isinstance(exception, BaseException):
            raise TypeError('what was raised came as %r' % (exception,))
    except BaseException as trouble:
        exception = trouble
    exception.__cause__ = cause
    return exception


class _Standing(weakref.ref):
    """What Python knows of a future of C's, as long as there is its wrapper.

    Attributes of the wrapper's own would be simpler. But with them it is bound to the object in C,
    for as long as anything in C holds that: where no main loop runs it would stay for ever, with its
    result; and the library's I/O thread could not let go of it without the interpreter's lock.
    """

    __slots__ = ('key', 'state', 'result', 'exception', 'condition', 'waiters', 'callbacks', 'sleepers')


# By the wrapper's address.
_standings = {}


def _forget(standing):
    if _standings.get(standing.key) is standing:
        del _standings[standing.key]


def _stand(future, state, result=None):
    """Gives it a standing, unless it has one; returns the one that it has."""
    standing = _Standing(future, _forget)
    standing.key = id(future)
    standing.state = state
    standing.result = result
    standing.exception = standing.condition = standing.waiters = standing.sleepers = None
    standing.callbacks = ()
    return _standings.setdefault(standing.key, standing)


def _in_standing(name):
    def get(self):
        return getattr(self._stand(), name)

    def set(self, value):
        setattr(self._stand(), name, value)

    return property(get, set)


_telling = threading.local()


def _is_told_by_the_library():
    """Whether this thread is the library's own, which tells of what has settled, and does all else."""
    return (getattr(_telling, 'is_telling', False) and
            isinstance(threading.current_thread(), threading._DummyThread))


def _on_settled(future, held=None):
    """Called on the thread that settled it."""
    was_telling = getattr(_telling, 'is_telling', False)
    _telling.is_telling = True
    try:
        future._fill()
    except BaseException:
        LOGGER.exception('exception while %r was told that it has settled', future)
    finally:
        _telling.is_telling = was_telling
        if held:
            held.clear()


@override
class Task(Cfut.Task, metaclass=NativeType):
    """The future of what an executor in C was given; of a pool of processes too."""

    __module__ = 'gi.overrides.Cfut'

    _state = _in_standing('state')
    _result = _in_standing('result')
    _exception = _in_standing('exception')
    _done_callbacks = _in_standing('callbacks')
    _sleepers = _in_standing('sleepers')
    _made_condition = _in_standing('condition')

    @property
    def _is_attached(self):
        return id(self) in _standings

    @property
    def _condition(self):
        standing = self._stand()
        if standing.condition is None:
            with lock:
                if standing.condition is None:
                    standing.waiters = []
                    standing.condition = threading.Condition()
        return standing.condition

    @property
    def _waiters(self):
        self._condition
        return self._stand().waiters

    def _stand(self):
        standing = _standings.get(id(self))
        return self._attach() if standing is None else standing

    def _attach(self):
        standing = _stand(self, PENDING)
        if NativeFuture.is_settled(self):
            self._fill()
        else:
            # It holds the wrapper, with those who wait, until it is called.
            NativeFuture.add_done_callback(self, Cfut.CallbackFlags.DIRECT, _on_settled, [self])
        return standing

    def result(self, timeout=None):
        """Waits for at most so many seconds, and returns the result or raises the exception."""
        standing = _standings.get(id(self))
        if standing is None:
            # What is usual costs little, and nobody has to be told of it. The result is not just tried: a
            # signal while an error becomes an exception makes PyGObject lose the signal's own.
            if not _is_settled(self) and not self._wait(timeout):
                raise TimeoutError()
            if id(self) not in _standings:
                try:
                    value = _native_result(self, 0)
                    if type(value) is not _Variant:
                        return value
                    if value.get_type_string() == pickles.SMALL_FORM:
                        # Another thread may have been faster.
                        result = pickles.loads(value.get_data_as_bytes().get_data())
                        return _stand(self, FINISHED, result).result
                except Exception:
                    pass  # it has failed; or what is usual, once more, has the exception
        elif standing.state == FINISHED and standing.exception is None:
            return standing.result
        return super().result(timeout)

    def _decode(self):
        result = NativeFuture.result(self, 0)
        if isinstance(result, GLib.Variant) and pickles.is_pickle(result):
            return pickles.unpack(result, NativeFuture.get_fds(self))
        return result

    def _native_exception(self):
        error = NativeFuture.dup_error(self)
        details = NativeFuture.dup_error_details(self)
        if details is not None and pickles.is_pickle(details):
            return _load_exception(*pickles.unpack(details, None))
        if error.domain != DOMAIN or error.code not in (_WORKER_DIED, _BROKEN):
            return exception_for(error)
        if error.code == _BROKEN:
            return PoolBrokenError(error.message, error.domain, error.code)
        death = WorkerDiedError(error.message, error.domain, error.code)
        if details is not None and details.get_type_string() == 'a{sv}':
            death._take(details.unpack())
        return death


def _failed(exception):
    """A future that failed while it was submitted, as the standard library's would a moment later."""
    text = ''.join(traceback.format_exception(type(exception), exception, exception.__traceback__))
    exception.__cause__ = _RemoteTraceback('\n"""\n%s"""' % text)
    future = OwnFuture()
    future.set_exception(exception)
    return future


def _run_chunk(function, chunk):
    return [function(*args) for args in chunk]


def _chunks(iterables, size):
    calls = zip(*iterables)
    while chunk := tuple(itertools.islice(calls, size)):
        yield chunk


def _chain(results):
    for chunk in results:
        chunk.reverse()
        while chunk:
            yield chunk.pop()


def _worker_argv(context):
    executable = None
    if context is not None:
        executable = getattr(context, '_executable', None)
    executable = executable or spawn.get_executable() or sys.executable or '/usr/bin/python3'
    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return [os.fsdecode(executable), *util._args_from_interpreter_flags(), '-c', worker.PROGRAM, folder]


def _check_max_tasks(max_tasks, context):
    if max_tasks is None:
        return
    if not isinstance(max_tasks, int):
        raise TypeError('max_tasks_per_child must be an integer')
    if max_tasks <= 0:
        raise ValueError('max_tasks_per_child must be >= 1')
    if context is not None and context.get_start_method(allow_none=False) == 'fork':
        raise ValueError('max_tasks_per_child is incompatible with the "fork" multiprocessing start '
                         'method; supply a different mp_context.')


class _Face(ExecutorFace):
    """The pool's way of `map`."""

    def map(self, fn, *iterables, timeout=None, chunksize=1, buffersize=None):
        """Calls `fn` for the items of the iterables, and returns an iterator over the results.

        The results come in the order of the items; an item's exception is raised in its place.
        `chunksize` items go to a process at once. All of them are submitted at once, or no more than
        `buffersize` chunks ahead of the results that were taken. `timeout` is how many seconds the
        iteration may take from now on.
        """
        if chunksize < 1:
            raise ValueError('chunksize must be >= 1.')
        check_buffersize(buffersize)
        if chunksize == 1:
            return map_results(self, fn, iterables, timeout, buffersize)
        return _chain(map_results(self, partial(_run_chunk, fn),
                                  [_chunks(iterables, chunksize)], timeout, buffersize))


def _request_for(name, priority, timeout, queue_timeout):
    request = Cfut.Request(priority=clamp_priority(priority))
    if name is not None:
        request.set_name(name)
    if timeout is not None:
        request.set_run_deadline_usec(max(0, int(timeout * 1e6)))
    if queue_timeout is not None:
        request.set_queue_deadline_usec(max(0, int(queue_timeout * 1e6)))
    return request


class _Options(_Face):
    """A view of a pool: what is submitted to it has options."""

    def __init__(self, executor, name, priority, timeout, queue_timeout, group, when_full):
        self._executor = executor
        self._request = _request_for(name, priority, timeout, queue_timeout)
        self._request_in_time = partial(_request_for, name, priority, timeout)
        self._queue_timeout = queue_timeout
        self._group = group
        self._when_full = when_full if when_full is None else check_when_full(when_full)

    def submit(self, fn, /, *args, **kwargs):
        """Submits a call as the pool does, with the options."""
        future = self._executor._submit(self, fn, args, kwargs)
        return future if self._group is None else self._group.add(future)

    def shutdown(self, wait=True, *, cancel_futures=False):
        """Shuts the pool down."""
        self._executor.shutdown(wait, cancel_futures=cancel_futures)


def _is_turned_away(future):
    """Whether the queue was full."""
    if NativeFuture.get_state(future) != Cfut.State.REJECTED:
        return False
    error = NativeFuture.dup_error(future)
    return error.domain == DOMAIN and error.code == _QUEUE_FULL


def _on_max_pending_changed(executor, pspec):
    executor._is_limited = executor.get_max_pending() != 0


class ProcessPoolExecutor(_Face, LimitedFace, NativeProcessExecutor, StandardProcessPoolExecutor,
                          metaclass=NativeType):
    """Runs calls on a pool of processes: a drop-in for `concurrent.futures.ProcessPoolExecutor`.

    There are `max_workers` processes at most, one for each processor where it is not given, and they
    are started when there are calls for them. The initializer runs in each before its first call; if
    it fails the pool is broken. A process is replaced after `max_tasks_per_child` calls.

    No more than `max_pending` calls wait to be started; `when_full` says what `submit` does then.
    `rate_limit` is how fast they are started.
    """

    __module__ = 'gi.overrides.Cfut'

    def __init__(self, max_workers=None, mp_context=None, initializer=None, initargs=(), *,
                 max_tasks_per_child=None, max_pending=0, when_full=Cfut.WhenFull.REJECT,
                 rate_limit=None):
        if max_workers is None:
            max_workers = os.cpu_count() or 1
        if max_workers <= 0:
            raise ValueError('max_workers must be greater than 0')
        if initializer is not None and not callable(initializer):
            raise TypeError('initializer must be a callable')
        _check_max_tasks(max_tasks_per_child, mp_context)
        NativeProcessExecutor.__init__(self, worker_argv=_worker_argv(mp_context),
                                       max_workers=max_workers)
        # As long as the pool is there, a worker and what the initializer has made is kept.
        self.set_idle_timeout_usec(-1)
        self.set_start_timeout_usec(-1)
        if max_tasks_per_child is not None:
            self.set_max_calls_per_worker(max_tasks_per_child)
        self._initializer = None if initializer is None else (initializer, initargs)
        self._initializer_file = None
        self._is_prepared = False
        self._is_shut_down = False
        self._is_limited = False
        self._max_workers = max_workers
        self._shared = {}
        self._lock = threading.RLock()
        _exit.executors.add(self)
        self.connect('notify::max-pending', _on_max_pending_changed)
        self._set_limits(max_pending, when_full, rate_limit)

    def _prepare(self):
        """What workers have to know, as it is when the first call is submitted."""
        with self._lock:
            if self._is_prepared:
                return
            if worker.is_preparing():
                raise RuntimeError('a worker process has been started while its program is being '
                                   "imported: what starts processes in the main module has to stand "
                                   "below \"if __name__ == '__main__':\"")
            initializer = None
            if self._initializer is not None:
                pieces = pickles.dump(self._initializer)
                # What workers are told has a limit; a file in memory of this process has none.
                self._initializer_file, initializer = pickles.write_large(pieces)
                if initializer is None:
                    initializer = b''.join(map(pickles._view, pieces))
            preparation = spawn.get_preparation_data('CfutProcess')
            preparation['authkey'] = bytes(preparation['authkey'])
            setup, _ = pickles.pack(pickles.dump((preparation, initializer)), False)
            self.set_setup(setup)
            self._initializer = None
            self._is_prepared = True

    def share(self, name, dictionary):
        """Has the workers find a SharedDict by a name, with `Cfut.get_shared`."""
        with self._lock:
            if name in self._shared.values():
                raise ValueError('a dict is shared by the name %r already' % (name,))
            NativeProcessExecutor.share(self, name, dictionary)
            self._shared[dictionary] = name

    def _share_unnamed(self, dictionary):
        """By which name it is shared; by one of ours from now on where it is not."""
        with self._lock:
            if dictionary not in self._shared:
                self.share('cfut-%d' % shared.new_number(), dictionary)
            return self._shared[dictionary]

    def _check(self):
        if self._is_shut_down:
            raise RuntimeError('cannot schedule new futures after shutdown')
        if _exit.has_begun:
            raise RuntimeError('cannot schedule new futures after interpreter shutdown')

    def submit(self, fn, /, *args, **kwargs):
        """Has `fn(*args, **kwargs)` called in a process of the pool, and returns its future.

        What cannot be pickled makes the future fail.
        """
        return self._submit(None, fn, args, kwargs)

    def with_options(self, *, name=None, priority=0, timeout=None, queue_timeout=None, group=None,
                     when_full=None):
        """Returns a view of the executor that submits with these options.

        name: what the futures are called in lists and reports.
        priority: how urgent the calls are, from -100 to 100; less is more urgent.
        timeout: how many seconds a call may run. Then its future fails with DeadlineError, and its
            process is asked to stop it, and ended when it does not.
        queue_timeout: how many seconds it may wait before it is started.
        group: a `Cfut.Group` that the futures join.
        when_full: what `submit` does where as many calls wait as may, if not what the executor says.
        """
        timeout, queue_timeout = check_seconds(timeout), check_seconds(queue_timeout)
        return _Options(self, name, priority, timeout, queue_timeout, group, when_full)

    def _submit(self, options, fn, args, kwargs):
        if self._is_shut_down or _exit.has_begun:
            self._check()
        if not self._is_prepared:
            self._prepare()
        try:
            shared.pickling.executor = self
            message, fds = pickles.pack(pickles.dump((fn, args, kwargs)))
        except Exception as exception:
            return _failed(exception)
        finally:
            shared.pickling.executor = None
        request = None if options is None else options._request
        if fds is None:
            future = self.call(request, worker.CALL, message)
        else:
            future = self.call_with_fds(request, worker.CALL, message, fds)
        if self._is_limited and _is_turned_away(future):
            return self._submit_with_room(options, message, fds)
        return future

    def _submit_with_room(self, options, message, fds):
        """Submits what was turned away, as often as others are faster; or raises, if it must not wait."""
        when_full = self._when_full
        queue_timeout = request = None
        if options is not None:
            when_full = options._when_full if options._when_full is not None else when_full
            queue_timeout, request = options._queue_timeout, options._request
        if when_full != Cfut.WhenFull.BLOCK:
            raise own_error('QUEUE_FULL', "The executor's queue is full")
        end = None if queue_timeout is None else time.monotonic() + queue_timeout
        while True:
            try:
                self.wait_ready(None if end is None else end - time.monotonic())
            except TimeoutError:
                future = OwnFuture()
                future.set_exception(own_error('DEADLINE', 'The call was not started in time'))
                return future
            if end is not None:
                request = options._request_in_time(max(0, end - time.monotonic()))
            future = self.call_with_fds(request, worker.CALL, message, fds)
            if not _is_turned_away(future):
                return future

    def wait_ready(self, timeout=None):
        """Blocks until `submit` has room, or raises TimeoutError after so many seconds.

        The room is not kept: other threads may submit first. Raises RuntimeError when the executor
        takes no more, and DeadlockError in a callback on the thread that makes room.
        """
        if _is_told_by_the_library():
            raise own_error('DEADLOCK', 'This thread makes the room that it would wait for')
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            left = None if end is None else end - time.monotonic()
            usec = LOOK_USEC if left is None else max(0, min(LOOK_USEC, int(left * 1e6)))
            try:
                wait_in_c(NativeProcessExecutor.wait_ready, self, usec, None)
                return
            except GLib.Error as error:
                if not is_timeout(error):
                    raise exception_for(error) from None
            delivery.serve()
            if left is not None and left <= 0:
                raise TimeoutError()

    def shutdown(self, wait=True, *, cancel_futures=False):
        """Takes no more calls; what was taken still runs, unless `cancel_futures` says otherwise.

        With `wait` it returns when all of it has ended, and the processes too.
        """
        self._is_shut_down = True
        flags = Cfut.ShutdownFlags.CANCEL_PENDING if cancel_futures else Cfut.ShutdownFlags.DEFAULT
        NativeProcessExecutor.shutdown(self, flags, 0)
        if wait:
            self._wait_for_end()

    def _wait_for_end(self):
        """Ctrl-C is seen between two looks."""
        while not self._has_ended(LOOK_USEC):
            pass

    def _has_ended(self, usec):
        try:
            wait_in_c(NativeProcessExecutor.shutdown, self, Cfut.ShutdownFlags.WAIT, usec)
            return True
        except GLib.Error as error:
            if not is_timeout(error):
                raise exception_for(error) from None
            return False

    def terminate_workers(self):
        """Shuts it down and ends its processes with SIGTERM: what they run fails, what waits is cancelled."""
        self.shutdown(wait=False, cancel_futures=True)
        NativeProcessExecutor.terminate_workers(self)

    def kill_workers(self):
        """Shuts it down and ends its processes with SIGKILL, like `terminate_workers`."""
        self.shutdown(wait=False, cancel_futures=True)
        NativeProcessExecutor.kill_workers(self)

    def __del__(self):
        # Dropped: what it has taken is finished, at the latest before the interpreter exits.
        if getattr(self, '_is_prepared', False) and not self._has_ended(0):
            _exit.dropped.append(self)


class _Exit:
    """Ends what runs before the interpreter does, as the standard library does it."""

    def __init__(self):
        self.has_begun = False
        self.executors = weakref.WeakSet()
        self.dropped = []

    def __call__(self):
        self.has_begun = True
        executors = list(self.executors) + self.dropped
        for executor in executors:
            executor.shutdown(wait=False)
        for executor in executors:
            executor._wait_for_end()
        self.dropped.clear()


_exit = _Exit()
threading._register_atexit(_exit)

__all__ = ['BrokenProcessPool', 'PoolBrokenError', 'ProcessPoolExecutor', 'Task', 'WorkerDiedError']
