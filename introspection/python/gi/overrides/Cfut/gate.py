# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""What holds back the calls of a pool of threads: a pause, and a rate limit.

A thread that is about to start a call asks here first, and sleeps here where it may not: there is
nothing else that it could start. One of those that wait for a token sleeps until it is due, the
others until that one has it. They look again when the limit changes, and when a call leaves the
queue that they may have waited for.

Threads: those of the pool wait; all else is for any.
Locks: the pool's; the limit's is taken under it.
Owns: the limit. Its handler knows the gate by a weak reference, and is disconnected with it.
"""

import threading
import weakref


class _Changed:
    """A property of the limit has changed."""

    def __init__(self, gate):
        self.gate = weakref.ref(gate)

    def __call__(self, limit, pspec):
        gate = self.gate()
        if gate is not None:
            gate.look_again()


class Gate:
    """What threads pass before they start a call."""

    def __init__(self, lock):
        self.condition = threading.Condition(lock)
        self.is_paused = False
        self.limit = None
        self.has_leader = False
        self.forget_limit = None

    def set_paused(self, is_paused):
        """Lets nobody pass, or again those who may."""
        with self.condition:
            self.is_paused = is_paused
            self.condition.notify_all()

    def set_limit(self, limit):
        """Lets nobody pass without one of its tokens; None: that is not needed."""
        if self.forget_limit is not None:
            self.forget_limit()
            self.forget_limit = None
        if limit is not None:
            self.forget_limit = weakref.finalize(self, limit.disconnect,
                                                 limit.connect('notify', _Changed(self)))
            self.forget_limit.atexit = False
        with self.condition:
            self.limit = limit
            self.condition.notify_all()

    def look_again(self):
        """Has those who wait ask again whether they have to."""
        with self.condition:
            self.condition.notify_all()

    def go_through(self, is_wanted):
        """Blocks until a call may be started, or `is_wanted()` says that there is none any more."""
        with self.condition:
            while is_wanted():
                if self.is_paused or self.has_leader:
                    self.condition.wait()
                    continue
                if self.limit is None:
                    break
                has_token, usec = self.limit.take()
                if has_token:
                    break
                self.has_leader = True
                try:
                    self.condition.wait(min(usec / 1e6, threading.TIMEOUT_MAX))
                finally:
                    self.has_leader = False
            self.condition.notify()
