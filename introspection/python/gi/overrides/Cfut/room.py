# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""How many calls may wait in a pool of threads, and who waits for room among them.

Threads: any. A wait blocks its own, open to signals (waits.py).
Locks: the pool's; only sleepers are woken under it.
Invariants:
1. Who has entered leaves once. Nobody enters past those who stand in line.
2. An entry stands in the line until it is over; who makes room ends it, and counts it in.
"""

import collections

from .errors import own_error
from .waits import Sleeper, block


class _Entry:
    """One who waits: to enter, or only to know that there is room."""

    __slots__ = ('sleeper', 'enters', 'is_own', 'is_over')

    def __init__(self, enters, is_own):
        self.sleeper = Sleeper()
        self.enters = enters
        self.is_own = is_own
        self.is_over = False


class Room:
    """The room for calls that wait to be started. A limit of 0 is none."""

    def __init__(self, lock):
        self.lock = lock
        self.limit = 0
        self.n_in = 0
        self.line = collections.deque()
        self.is_closed = False

    def _has_room(self):
        return self.is_closed or not self.limit or self.n_in < self.limit

    def _admit(self):
        while self.line and self._has_room():
            entry = self.line.popleft()
            self.n_in += entry.enters
            entry.is_over = True
            entry.sleeper.wake()

    def set_limit(self, limit):
        """Changes how many there may be."""
        with self.lock:
            self.limit = limit
            self._admit()

    def close(self):
        """Lets everybody in: they are turned away for another reason."""
        with self.lock:
            self.is_closed = True
            self._admit()

    def try_enter(self):
        """Enters where nobody has to be waited for; tells whether it has."""
        with self.lock:
            if self.line or not self._has_room():
                return False
            self.n_in += 1
            return True

    def leave(self):
        """Makes room for one."""
        with self.lock:
            self.n_in -= 1
            self._admit()

    def wait(self, enters, timeout, n_workers=None):
        """Blocks until there is room, and enters it or not; False: the time was up first.

        `n_workers` is for a thread of the pool: how many there are of them. The last one that could
        make room must not wait for it.
        """
        entry = _Entry(enters, n_workers is not None)
        is_over = False
        try:
            with self.lock:
                if not self.line and self._has_room():
                    self.n_in += enters
                    is_over = True
                    return True
                if entry.is_own and 1 + sum(other.is_own for other in self.line) >= n_workers:
                    raise own_error('DEADLOCK', 'No thread of the executor would be left to make room in its queue')
                self.line.append(entry)
            is_over = block(lambda: entry.is_over, entry.sleeper, timeout)
            return is_over
        finally:
            if not is_over:
                self._give_up(entry)

    def _give_up(self, entry):
        with self.lock:
            if entry.is_over:
                self.n_in -= entry.enters
            elif entry in self.line:
                self.line.remove(entry)
            self._admit()
