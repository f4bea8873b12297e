# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""The threads of a thread pool, and the queue that they take their work from.

A call into Python from a thread that C has made costs as much as twice what the standard library
needs for a whole task. So the threads are Python's own, and live as long as those of the standard
library's pool: until it is shut down, dropped, or the interpreter exits.

`tickets` is what a thread sleeps on: it has one entry for each queued future, and one that goes from
thread to thread when they are to end. What is run for a ticket is the most urgent future that is
there by then. A future that was cancelled is skipped when its turn comes.

A future whose priority changes gets another entry, and another ticket. Its number tells which entry
is the one that counts; one in `plain` counts as long as the future has no number.

Owns: a `Crew` is shared by the executor and its threads, and holds no reference on the executor.
Locks: `lock` guards the threads, what ended them, `urgent` and what is counted. It is taken before a
  future's. `plain` is popped without it: under it, what was looked at there may be gone.
Invariants:
1. There are as many tickets as entries, or more. A ticket for which nothing is left is for nothing.
2. A thread ends when it has found, under the lock, no entry at all.
"""

import collections
import heapq
import itertools
import os
import queue
import threading
import time
import weakref

from gi.repository import Cfut

from . import delivery
from .errors import own_error
from .gate import Gate
from .options import RunDeadline
from .room import Room
from .standard import BrokenThreadPool, LOGGER, PENDING
from .timer import timer
from .waits import Sleeper, block, lock

# Each step of priority counts as much as so many seconds of waiting, and of so many futures that are
# started one is of default priority, if there is any.
PRIORITY_SECONDS = 0.1
TURNS = 8

# So many entries that do not count any more are left where they are.
STALE_LIMIT = 32

_here = threading.local()


class Tally:
    """What one thread has run. Only that thread changes it."""

    __slots__ = ('n_begun', 'n_ended')

    def __init__(self):
        self.n_begun = 0
        self.n_ended = 0


class Crew:
    """The queue and the threads of one executor."""

    def __init__(self, max_workers, name_prefix, initializer, initargs):
        self.lock = threading.RLock()
        self.max_workers = max_workers
        self.name_prefix = name_prefix
        self.initializer = initializer
        self.initargs = initargs
        self.plain = collections.deque()
        self.urgent = []
        self.order = itertools.count()
        self.turn = 0
        self.tickets = queue.SimpleQueue()
        self.idle = collections.deque()
        self.threads = set()
        self.n_named = 0
        self.n_live = 0
        self.sleepers = []
        self.is_full = False
        self.is_closed = False   # nothing is taken any more
        self.broken = None       # (nullable): why nothing can be run
        self.gate = None         # (nullable): what threads pass, once it was paused or limited
        self.room = None         # (nullable): once there was a limit on what waits
        self.n_taken = 0
        self.n_dropped = 0
        self.n_stale = 0
        self.tallies = [Tally()]  # of each thread; the first is of those that have ended

    def check(self):
        """Raises what says why nothing is taken."""
        if self.broken is not None:
            raise BrokenThreadPool(self.broken)
        if self.is_closed:
            raise RuntimeError('cannot schedule new futures after shutdown')
        if _exit.has_begun:
            raise RuntimeError('cannot schedule new futures after interpreter shutdown')

    def take(self, future):
        """Queues a future, which has its call in `_call`."""
        with self.lock:
            if self.is_closed or self.broken is not None or _exit.has_begun:
                self.leave_room(future)
                self.check()
            future._crew = self
            if future._state != PENDING:  # a group has it already, and was cancelled
                self.leave_room(future)
                return
            future._since = time.monotonic()
            self.n_taken += 1
            if future._priority == 0:
                self.plain.append(future)
            else:
                self._push(future)
            self.tickets.put(True)
            if not self.is_full:
                self._add_thread_if_needed()

    def _push(self, future):
        number = future._entry = next(self.order)
        heapq.heappush(self.urgent, (future._since + future._priority * PRIORITY_SECONDS, number, future))

    def place(self, future, priority):
        """Gives a future its place by another priority. False: it is not queued any more."""
        with self.lock:
            if future._state != PENDING:
                return False
            future._priority = priority
            if not future._is_aside:
                if future._entry is not None:
                    self.n_stale += 1
                self._push(future)
                self._tidy()
                self.tickets.put(True)
            return True

    def _tidy(self):
        if self.n_stale > STALE_LIMIT and self.n_stale > len(self.urgent) // 2:
            self.urgent[:] = [entry for entry in self.urgent if entry[1] == entry[2]._entry]
            heapq.heapify(self.urgent)
            self.n_stale = 0

    def drop(self, future):
        """A future has left the queue, and is not run."""
        with self.lock:
            if future._since:
                self.n_dropped += 1
        self.leave_room(future)
        if self.gate is not None:
            self.gate.look_again()

    def set_max_pending(self, max_pending):
        """Limits how many may wait; 0 for no limit."""
        with self.lock:
            if self.room is None and max_pending:
                self.room = Room(self.lock)
                self.room.is_closed = self.is_closed
            room = self.room
        if room is not None:
            room.set_limit(max_pending)

    def enter_room(self, future, when_full, timeout=None):
        """Takes room for a future that is about to be queued, or waits for it, or raises.

        False: the time was up first.
        """
        room = self.room
        if not room.try_enter():
            if when_full != Cfut.WhenFull.BLOCK:
                raise own_error('QUEUE_FULL', "The executor's queue is full")
            if not room.wait(True, timeout, self._n_own_workers()):
                return False
        future._room = room
        return True

    def leave_room(self, future):
        """It waits no more. Who starts it and who cancels it may both say so."""
        with lock:
            room, future._room = future._room, None
        if room is not None:
            room.leave()

    def wait_for_room(self, timeout):
        """Blocks until another one may be queued; False: the time was up first."""
        room = self.room
        if room is not None and not room.wait(False, timeout, self._n_own_workers()):
            return False
        self.check()
        return True

    def _n_own_workers(self):
        return self.max_workers if getattr(_here, 'crew', None) is self else None

    def get_gate(self):
        """The gate; there is one from now on."""
        with self.lock:
            if self.gate is None:
                self.gate = Gate(self.lock)
            return self.gate

    def set_rate_limit(self, limit):
        """Limits how fast they are started; None for no limit."""
        if limit is not None or self.gate is not None:
            self.get_gate().set_limit(limit)

    def has_live(self):
        """Whether there is any that can be started."""
        with self.lock:
            future = self._pop_plain()
            while future is not None:
                if future._state == PENDING:
                    self.plain.appendleft(future)
                    return True
                future = self._pop_plain()
            self._skip_stale()
            while self.urgent and self.urgent[0][2]._state != PENDING:
                heapq.heappop(self.urgent)
                self._skip_stale()
            return bool(self.urgent)

    def get_tally(self):
        """That of this thread, which is one of the pool's."""
        return _here.tally

    def get_counts(self):
        """How many are pending, are running, and have run to their end."""
        with self.lock:
            n_ended = sum(tally.n_ended for tally in self.tallies)
            n_begun = sum(tally.n_begun for tally in self.tallies)
            return max(0, self.n_taken - self.n_dropped - n_begun), n_begun - n_ended, n_ended

    def _add_thread_if_needed(self):
        try:
            self.idle.pop()
            return
        except IndexError:
            pass
        if len(self.threads) < self.max_workers:
            self.add_thread()
        else:
            self.is_full = True
            self.idle.clear()

    def add_thread(self):
        name = '%s_%d' % (self.name_prefix, self.n_named)
        tally = Tally()
        thread = threading.Thread(name=name, target=run_thread, args=(self, tally))
        thread.start()
        self.tallies.append(tally)
        self.n_named += 1
        self.n_live += 1
        self.threads.add(thread)
        _exit.crews.add(self)

    def limit(self, future):
        """A future with a run deadline begins to run."""
        timer.add(future._run_seconds, RunDeadline(future, self))

    def stand_in(self):
        """A thread is stuck: another one does its work until it comes back, and ends then."""
        with self.lock:
            self.max_workers += 1
            self.is_full = False
            if not self.is_closed and not _exit.has_begun and (self.plain or self.urgent):
                self.add_thread()

    def give_way(self):
        """A thread that another one stood in for has come back."""
        with self.lock:
            self.max_workers -= 1

    def take_back(self, future):
        """Puts a future that was paused in the queue again: by its priority, where it was given one."""
        with self.lock:
            broken = self.broken
            if broken is None:
                self._queue_again(future)
        if broken is not None:
            future._fail(broken)

    def _queue_again(self, future):
        if future._entry is not None or future._priority != 0:
            self._push(future)
        else:
            self.plain.append(future)
        self.tickets.put(True)
        if _exit.has_begun:
            return
        if self.n_live == 0:
            self.add_thread()
        elif not self.is_full and not self.is_closed:
            self._add_thread_if_needed()

    def pause(self):
        """Starts nothing until it is resumed or closed."""
        with self.lock:
            if not self.is_closed:
                self.get_gate().set_paused(True)

    def resume(self):
        """Goes on."""
        if self.gate is not None:
            self.gate.set_paused(False)

    def next_future(self):
        """The future whose turn it is; None: there is none."""
        if not self.urgent:
            future = self._pop_plain()
            if future is not None:
                return future
        with self.lock:
            return self._next_by_rank()

    def _pop_plain(self):
        try:
            future = self.plain.popleft()
            while future._entry is not None:
                future = self.plain.popleft()
            return future
        except IndexError:
            return None

    def _skip_stale(self):
        while self.urgent and self.urgent[0][1] != self.urgent[0][2]._entry:
            heapq.heappop(self.urgent)
            self.n_stale -= 1

    def _next_by_rank(self):
        self._skip_stale()
        future = self._pop_plain()
        if not self.urgent:
            return future
        if future is not None:
            self.turn += 1
            if self.turn >= TURNS:
                self.turn = 0
                return future
            if self.urgent[0][0] > future._since:
                return future
            self.plain.appendleft(future)
        return heapq.heappop(self.urgent)[2]

    def drain(self):
        """Takes all that is queued out of the queue."""
        with self.lock:
            futures = list(self.plain) + [entry[2] for entry in self.urgent]
            self.plain.clear()
            self.urgent.clear()
        return futures

    def fail(self, why):
        """Nothing can be run any more: all that is queued fails."""
        with self.lock:
            self.broken = why
            futures = self.drain()
            room = self.room
        if room is not None:
            room.close()
        for future in futures:
            future._fail(why)

    def close(self):
        """Takes no more. What is queued still runs."""
        with self.lock:
            self.is_closed = True
            room = self.room
        self.resume()
        if room is not None:
            room.close()
        self.tickets.put(False)

    def join(self):
        """Blocks until all threads have ended. The callbacks of this thread are called meanwhile."""
        sleeper = Sleeper()
        with self.lock:
            threads = list(self.threads)
            self.sleepers.append(sleeper)
        try:
            if threading.current_thread() not in threads:
                block(lambda: self.n_live == 0, sleeper, None)
        finally:
            self.sleepers.remove(sleeper)
        for thread in threads:
            thread.join()


def run_thread(crew, tally):
    """What each thread runs."""
    _here.crew = crew
    _here.tally = tally
    try:
        if crew.initializer is not None:
            try:
                crew.initializer(*crew.initargs)
            except BaseException:
                LOGGER.critical('Exception in initializer:', exc_info=True)
                crew.fail('A thread initializer failed, the thread pool is not usable anymore')
                return
        serve(crew, tally)
    except BaseException:
        LOGGER.critical('Exception in worker', exc_info=True)
    finally:
        with crew.lock:
            crew.n_live -= 1
            past = crew.tallies[0]
            past.n_begun += tally.n_begun
            past.n_ended += tally.n_ended
            crew.tallies.remove(tally)
            sleepers = list(crew.sleepers)
        for sleeper in sleepers:
            sleeper.wake()


def serve(crew, tally):
    wait_for_ticket = crew.tickets.get
    next_future = crew.next_future
    while True:
        wait_for_ticket()
        if crew.gate is not None:
            crew.gate.go_through(crew.has_live)
        future = next_future()
        if future is not None:
            # No function may stand between this and the call: a traceback would keep its frame.
            if future._paused is not None and future._state == PENDING:
                future._wait_in_queue(crew)
                is_late = False
            else:
                is_late = future._run(tally)
            del future
            if is_late:
                crew.give_way()
                with crew.lock:
                    crew.threads.discard(threading.current_thread())
                return
            # Each submission has taken one from there.
            if is_late is not None and not crew.is_full:
                crew.idle.append(None)
        elif crew.is_closed or _exit.has_begun:
            crew.tickets.put(False)
            return


class _Exit:
    """Ends what runs before the interpreter does, as the standard library does it."""

    def __init__(self):
        self.has_begun = False
        self.crews = weakref.WeakSet()

    def __call__(self):
        self.has_begun = True
        crews = list(self.crews)
        for crew in crews:
            crew.close()
        for crew in crews:
            for thread in list(crew.threads):
                thread.join()
        delivery.serve()


_exit = _Exit()
try:
    threading._register_atexit(_exit)
except AttributeError:
    import atexit
    atexit.register(_exit)


def _forked():
    """In a child of fork: the threads are gone, and so is whoever could run what is queued."""
    lock.release()
    for crew in list(_exit.crews):
        crew.lock = threading.RLock()
        crew.gate = None
        if crew.room is not None:
            crew.room.lock = crew.lock
            crew.room.line.clear()
        crew.threads.clear()
        crew.n_live = 0
        crew.tallies = [Tally()]
        crew.fail('the process was forked, and the threads of the pool are in its parent')


# Held over the fork, so that it is free in the child.
os.register_at_fork(before=lock.acquire, after_in_child=_forked, after_in_parent=lock.release)
