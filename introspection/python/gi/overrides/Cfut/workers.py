# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""The threads of a thread pool, and the queue that they take their work from.

A call into Python from a thread that C has made costs as much as twice what the standard library
needs for a whole task. So the threads are Python's own, and live as long as those of the standard
library's pool: until it is shut down, dropped, or the interpreter exits.

`tickets` is what a thread sleeps on: it has one entry for each queued future, and one that goes from
thread to thread when they are to end. What is run for a ticket is the most urgent future that is
there by then. A future that was cancelled is skipped when its turn comes.

Owns: a `Crew` is shared by the executor and its threads, and holds no reference on the executor.
Locks: `lock` guards the threads, what ended them, and `urgent`. It is taken before a future's.
"""

import collections
import heapq
import itertools
import os
import queue
import threading
import time
import weakref

from . import delivery
from .standard import BrokenThreadPool, FINISHED, LOGGER, PENDING
from .options import RunDeadline
from .timer import timer
from .waits import Sleeper, block, lock

# Each step of priority counts as much as so many seconds of waiting, and of so many futures that are
# started one is of default priority, if there is any.
PRIORITY_SECONDS = 0.1
TURNS = 8


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
        self.resumed = None      # (nullable): an event, while paused

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
                self.check()
            future._crew = self
            future._since = now = time.monotonic()
            if future._priority == 0:
                self.plain.append(future)
            else:
                heapq.heappush(self.urgent, (now + future._priority * PRIORITY_SECONDS,
                                             next(self.order), future))
            self.tickets.put(True)
            if not self.is_full:
                self._add_thread_if_needed()

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
        thread = threading.Thread(name=name, target=run_thread, args=(self,))
        thread.start()
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
        """Puts a future that was paused in the queue at the end of it."""
        with self.lock:
            self.plain.append(future)
            self.tickets.put(True)

    def pause(self):
        """Starts nothing until it is resumed or closed."""
        with self.lock:
            if self.resumed is None and not self.is_closed:
                self.resumed = threading.Event()

    def resume(self):
        """Goes on."""
        with self.lock:
            resumed, self.resumed = self.resumed, None
        if resumed is not None:
            resumed.set()

    def next_future(self):
        """The future whose turn it is; None: there is none."""
        if self.urgent:
            with self.lock:
                return self._next_by_rank()
        try:
            return self.plain.popleft()
        except IndexError:
            return None

    def _next_by_rank(self):
        self.turn += 1
        if self.urgent and self.plain:
            if self.turn >= TURNS:
                self.turn = 0
                return self.plain.popleft()
            if self.urgent[0][0] > self.plain[0]._since:
                return self.plain.popleft()
        if self.urgent:
            return heapq.heappop(self.urgent)[2]
        return self.plain.popleft() if self.plain else None

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
        for future in futures:
            future._call = None
            future._settle(FINISHED, None, BrokenThreadPool(why))

    def close(self):
        """Takes no more. What is queued still runs."""
        with self.lock:
            self.is_closed = True
        self.resume()
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


def run_thread(crew):
    """What each thread runs."""
    try:
        if crew.initializer is not None:
            try:
                crew.initializer(*crew.initargs)
            except BaseException:
                LOGGER.critical('Exception in initializer:', exc_info=True)
                crew.fail('A thread initializer failed, the thread pool is not usable anymore')
                return
        serve(crew)
    except BaseException:
        LOGGER.critical('Exception in worker', exc_info=True)
    finally:
        with crew.lock:
            crew.n_live -= 1
            sleepers = list(crew.sleepers)
        for sleeper in sleepers:
            sleeper.wake()


def serve(crew):
    wait_for_ticket = crew.tickets.get
    next_future = crew.next_future
    while True:
        wait_for_ticket()
        if crew.resumed is not None:
            wait_until_resumed(crew)
        future = next_future()
        if future is not None:
            # No function may stand between this and the call: a traceback would keep its frame.
            if future._paused is not None and future._state == PENDING:
                future._wait_in_queue(crew)
                is_late = False
            else:
                is_late = future._run()
            del future
            if is_late:
                crew.give_way()
                with crew.lock:
                    crew.threads.discard(threading.current_thread())
                return
            if not crew.is_full:
                crew.idle.append(None)
        elif crew.is_closed or _exit.has_begun:
            crew.tickets.put(False)
            return


def wait_until_resumed(crew):
    resumed = crew.resumed
    if resumed is not None:
        resumed.wait()


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
        crew.threads.clear()
        crew.n_live = 0
        crew.fail('the process was forked, and the threads of the pool are in its parent')


# Held over the fork, so that it is free in the child.
os.register_at_fork(before=lock.acquire, after_in_child=_forked, after_in_parent=lock.release)
