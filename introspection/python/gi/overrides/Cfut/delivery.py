# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""Where callbacks are called: on the loop of the thread that added them, never on a worker.

A place is what a thread's callbacks are delivered to. In a coroutine of asyncio it is the running
loop. Else, on the main thread and where a context was pushed as the thread's default, it is that
GLib context. Any other thread has no loop that could call it, and its callbacks are called by
whoever settles the future, as the standard library does it.

A GLib context need not be iterated by anybody. So the thread that it belongs to also calls what has
come in for it whenever it blocks in a wait of this module, and before the interpreter exits.

Threads: `put` on any, `run` on the place's own.
"""

import asyncio
import collections
import os
import sys
import threading
import time
import weakref

from gi.repository import GLib

from .standard import LOGGER

# Just behind GTK's redraws, and for so long at a time: a flood of callbacks freezes no window.
PRIORITY = GLib.PRIORITY_HIGH_IDLE + 21
SLICE_SECONDS = 0.004


def call(function, future):
    """Calls a callback. What it raises is logged, and nobody else's business."""
    try:
        function(future)
    except BaseException:
        LOGGER.exception('exception calling callback for %r', future)


class LoopPlace:
    """A running loop of asyncio."""

    __slots__ = ('loop',)

    def __init__(self, loop):
        self.loop = loop

    def is_here(self):
        return asyncio._get_running_loop() is self.loop

    def put(self, function, future):
        try:
            self.loop.call_soon_threadsafe(call, function, future)
        except RuntimeError:
            LOGGER.error('the event loop that a callback for %r was added in is closed: %r is not called',
                         future, function)

    def expect(self):
        pass

    def forget(self):
        pass


class ContextSource(GLib.Source):
    """Dispatches what has come in for a context, for a while."""

    def __init__(self):
        super().__init__()
        self.place = None

    def prepare(self):
        return False, -1

    def check(self):
        return False

    def __del__(self, is_finalizing=sys.is_finalizing):
        if not is_finalizing():
            super().__del__()

    def dispatch(self, callback, args):
        place = self.place() if self.place is not None else None
        if place is None:
            return False
        place.dispatch()
        return True


class ContextPlace:
    """A GLib context, and the thread that it belongs to.

    `n_expected` counts the callbacks that were added and not called yet: it tells a wait that it
    has to look after them too. `blocked` is the lock that such a wait sleeps on.
    """

    def __init__(self, context):
        self.thread = threading.get_ident()
        self.queue = collections.deque()
        self.lock = threading.RLock()
        self.n_expected = 0
        self.blocked = None
        self.source = ContextSource()
        self.source.place = weakref.ref(self)
        self.source.set_priority(PRIORITY)
        self.source.set_can_recurse(True)
        self.source.attach(context)
        weakref.finalize(self, self.source.destroy).atexit = False

    def is_here(self):
        return threading.get_ident() == self.thread

    def expect(self):
        with self.lock:
            self.n_expected += 1

    def forget(self):
        with self.lock:
            self.n_expected -= 1

    def put(self, function, future):
        with self.lock:
            was_empty = not self.queue
            self.queue.append((function, future))
            blocked = self.blocked
        if was_empty:
            self.source.set_ready_time(0)
        if blocked is not None:
            blocked.wake()

    def run(self, until=None):
        """Calls what has come in, until a time. Returns whether there is more."""
        while True:
            with self.lock:
                if not self.queue:
                    return False
                function, future = self.queue.popleft()
                self.n_expected -= 1
            call(function, future)
            del function, future
            if until is not None and time.monotonic() >= until:
                return bool(self.queue)

    def dispatch(self):
        with self.lock:
            self.source.set_ready_time(-1)
        if self.run(time.monotonic() + SLICE_SECONDS):
            self.source.set_ready_time(0)


class _ThreadPlaces(threading.local):
    """The places of one thread's contexts, by the address of the context."""

    def __init__(self):
        self.places = {}


_thread = _ThreadPlaces()


def context_place():
    """The place of this thread's GLib context, the default one where none was pushed."""
    context = GLib.MainContext.get_thread_default() or GLib.MainContext.default()
    key = hash(context)
    place = _thread.places.get(key)
    if place is None or place.source.is_destroyed():
        place = _thread.places[key] = ContextPlace(context)
    return place


def place_here():
    """The place for callbacks that are added now; None: they are called by who settles."""
    loop = asyncio._get_running_loop()
    if loop is not None:
        return LoopPlace(loop)
    if (threading.current_thread() is not threading.main_thread() and
            GLib.MainContext.get_thread_default() is None):
        return None
    return context_place()


def places_to_serve():
    """Those places of this thread for which callbacks are expected."""
    return [place for place in _thread.places.values() if place.n_expected]


def _forked():
    # In a child of fork, where whoever held it is gone.
    for place in _thread.places.values():
        place.lock = threading.RLock()


os.register_at_fork(after_in_child=_forked)


def serve():
    """Calls what has come in for this thread's contexts."""
    for place in places_to_serve():
        place.run()
