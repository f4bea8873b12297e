# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""What a submission may ask for beside its call: a name, a priority, deadlines, a group.

The arguments of `submit` are the function's. So an executor gives a view of itself that submits with
these: `executor.with_options(priority=-5, timeout=2).submit(...)`.
"""

import weakref

from gi.repository import Cfut

from .errors import DOMAIN, DeadlineError
from .executor import ExecutorFace
from .standard import FINISHED, PENDING, RUNNING
from .timer import timer

PRIORITY_LIMIT = 100


def _deadline_error(text):
    return DeadlineError(text, DOMAIN, int(Cfut.FutureError.DEADLINE))


class _QueueDeadline:
    """Takes a future out of the queue that was not started in time."""

    def __init__(self, future):
        self.future = weakref.ref(future)

    def __call__(self):
        future = self.future()
        if future is not None and future._move(PENDING, RUNNING):
            future._call = None
            future._settle(FINISHED, None, _deadline_error('The call was not started in time'))


class RunDeadline:
    """Settles a future whose call has not ended in time, and has another thread stand in for its."""

    def __init__(self, future, crew):
        self.future = weakref.ref(future)
        self.crew = crew

    def __call__(self):
        future = self.future()
        # Whoever settles it first decides: its thread ends if it was not the one.
        if future is not None and future._settle(FINISHED, None,
                                                 _deadline_error('The call did not end in time')):
            future._ask_to_stop()
            self.crew.stand_in()


class Options(ExecutorFace):
    """An executor whose submissions have options. It is a view: shutting it down shuts the other down."""

    def __init__(self, executor, name=None, priority=0, timeout=None, queue_timeout=None, group=None):
        self._executor = executor
        self._name = name
        self._priority = max(-PRIORITY_LIMIT, min(PRIORITY_LIMIT, int(priority)))
        self._timeout = timeout
        self._queue_timeout = queue_timeout
        self._group = group

    def submit(self, fn, /, *args, **kwargs):
        """Submits a call as the executor does, with the options."""
        future = self._executor._make(fn, args, kwargs)
        future._name = self._name
        future._priority = self._priority
        future._run_seconds = self._timeout
        if self._group is not None:
            self._group.add(future)
        self._executor._take(future)
        if self._queue_timeout is not None:
            timer.add(self._queue_timeout, _QueueDeadline(future))
        return future

    def shutdown(self, wait=True, *, cancel_futures=False):
        """Shuts the executor down."""
        self._executor.shutdown(wait, cancel_futures=cancel_futures)


def with_options(self, *, name=None, priority=0, timeout=None, queue_timeout=None, group=None):
    """Returns a view of the executor that submits with these options.

    name: what the futures are called in lists and reports.
    priority: how urgent the calls are, from -100 to 100; less is more urgent. A step counts as much as
        a tenth of a second of waiting.
    timeout: how many seconds a call may run. Then its future fails with DeadlineError, the call is
        asked to stop, and another thread takes the place of its one.
    queue_timeout: how many seconds it may wait before it is started.
    group: a `Cfut.Group` that the futures join.
    """
    return Options(self, name, priority, timeout, queue_timeout, group)


__all__ = []
