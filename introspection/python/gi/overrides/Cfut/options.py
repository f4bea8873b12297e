# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""What a submission may ask for beside its call: a name, a priority, deadlines, a group, a wait.

The arguments of `submit` are the function's. So an executor gives a view of itself that submits with
these: `executor.with_options(priority=-5, timeout=2).submit(...)`.
"""

import time
import weakref

from .errors import own_error
from .executor import ExecutorFace
from .limits import check_when_full
from .standard import FINISHED, PENDING, RUNNING
from .task import clamp_priority
from .timer import check_seconds, timer


def _end_in_queue(future):
    if future._move(PENDING, RUNNING):
        future._drop()
        future._settle(FINISHED, None, own_error('DEADLINE', 'The call was not started in time'))


class _QueueDeadline:
    """Takes a future out of the queue that was not started in time."""

    def __init__(self, future):
        self.future = weakref.ref(future)

    def __call__(self):
        future = self.future()
        if future is not None:
            _end_in_queue(future)


class RunDeadline:
    """Settles a future whose call has not ended in time, and has another thread stand in for its."""

    def __init__(self, future, crew):
        self.future = weakref.ref(future)
        self.crew = crew

    def __call__(self):
        future = self.future()
        # Whoever settles it first decides: its thread ends if it was not the one.
        if future is not None and future._settle(FINISHED, None, own_error(
                'DEADLINE', 'The call did not end in time')):
            future._ask_to_stop()
            self.crew.stand_in()


class Options(ExecutorFace):
    """An executor whose submissions have options. It is a view: shutting it down shuts the other down."""

    def __init__(self, executor, name=None, priority=0, timeout=None, queue_timeout=None, group=None,
                 when_full=None):
        self._executor = executor
        self._name = name
        self._priority = clamp_priority(priority)
        self._timeout = check_seconds(timeout)
        self._queue_timeout = check_seconds(queue_timeout)
        self._group = group
        self._when_full = when_full if when_full is None else check_when_full(when_full)

    def submit(self, fn, /, *args, **kwargs):
        """Submits a call as the executor does, with the options."""
        future = self._executor._make(fn, args, kwargs)
        future._name = self._name
        future._priority = self._priority
        future._run_seconds = self._timeout
        end = None if self._queue_timeout is None else time.monotonic() + self._queue_timeout
        is_in = self._executor._enter(future, self._when_full, self._queue_timeout)
        if self._group is not None:
            self._group.add(future)
        if not is_in:
            _end_in_queue(future)
            return future
        try:
            self._executor._take(future)
        except BaseException:
            future.cancel()  # or the group would wait for it
            raise
        if end is not None:
            timer.add(end - time.monotonic(), _QueueDeadline(future))
        return future

    def shutdown(self, wait=True, *, cancel_futures=False):
        """Shuts the executor down."""
        self._executor.shutdown(wait, cancel_futures=cancel_futures)


def with_options(self, *, name=None, priority=0, timeout=None, queue_timeout=None, group=None,
                 when_full=None):
    """Returns a view of the executor that submits with these options.

    name: what the futures are called in lists and reports.
    priority: how urgent the calls are, from -100 to 100; less is more urgent. A step counts as much as
        a tenth of a second of waiting.
    timeout: how many seconds a call may run. Then its future fails with DeadlineError, the call is
        asked to stop, and another thread takes the place of its one.
    queue_timeout: how many seconds it may wait before it is started.
    group: a `Cfut.Group` that the futures join.
    when_full: what `submit` does where as many calls wait as may, if not what the executor says.
    """
    return Options(self, name, priority, timeout, queue_timeout, group, when_full)


__all__ = []
