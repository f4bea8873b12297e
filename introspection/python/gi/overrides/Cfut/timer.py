# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""Calls functions when their time has come, on one thread for all that have a deadline.

The thread is started with the first deadline, sleeps until the next, and keeps no program alive.
"""

import heapq
import itertools
import os
import threading
import time

from .standard import LOGGER

# More is as good as no deadline, and could not be slept for: it is the half of what a lock takes.
LONGEST_SECONDS = threading.TIMEOUT_MAX / 2


def check_seconds(seconds):
    """A deadline in seconds, as it can be counted with; None: there is none, as where it is endless."""
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise TypeError('a deadline is a number of seconds or None, not %r' % (seconds,))
    if seconds != seconds:
        raise ValueError('a deadline is a number of seconds, not %r' % (seconds,))
    return max(0, seconds) if seconds < LONGEST_SECONDS else None


class Timer:
    """A thread, and what it is to call when."""

    def __init__(self):
        self.condition = threading.Condition()
        self.entries = []
        self.order = itertools.count()
        self.thread = None

    def add(self, seconds, function):
        """Has a function called after so many seconds. It must be quick."""
        with self.condition:
            end = time.monotonic() + seconds
            heapq.heappush(self.entries, (end, next(self.order), function))
            if self.thread is None:
                self.thread = threading.Thread(name='cfut-timer', target=self._run, daemon=True)
                self.thread.start()
            elif self.entries[0][0] == end:
                self.condition.notify()

    def _run(self):
        while True:
            with self.condition:
                while not self.entries or self.entries[0][0] > time.monotonic():
                    self.condition.wait(self.entries[0][0] - time.monotonic() if self.entries else None)
                function = heapq.heappop(self.entries)[2]
            try:
                function()
            except BaseException:
                LOGGER.exception('exception in %r', function)
            del function


timer = Timer()


def _forked():
    timer.__init__()


os.register_at_fork(after_in_child=_forked)
