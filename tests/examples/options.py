#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""What a call can be submitted with: a priority, deadlines, a name, a group; and a bar for the terminal."""

import sys
import threading

import gi
gi.require_version('Cfut', '1')
from gi.repository import Cfut


def serve(name):
    print('served:', name)


def main():
    opened = threading.Event()
    with Cfut.ThreadPoolExecutor(max_workers=1) as executor:
        # The only worker waits, so that the others stand in the queue.
        executor.submit(opened.wait)
        executor.submit(serve, 'a reader')
        executor.with_options(priority=10).submit(serve, 'the cat')
        executor.with_options(priority=-10).submit(serve, 'the midwife')
        late = executor.with_options(queue_timeout=0.01, name='late').submit(serve, 'nobody')
        try:
            late.result()
        except Cfut.DeadlineError:
            print(late.dup_name() + ': gave up waiting')
        opened.set()

    with Cfut.ThreadPoolExecutor() as executor:
        # A call that hangs fails in time, and another thread takes its place.
        closed = threading.Event()
        hanging = executor.with_options(timeout=0.01).submit(closed.wait)
        try:
            hanging.result()
        except TimeoutError:
            print('it took too long')
        closed.set()

        group = Cfut.Group()
        executor.with_options(group=group).map(pow, range(5), [2] * 5)
        print('sum:', sum(future.result() for future in Cfut.track(group, 'squares', file=sys.stdout)))


if __name__ == '__main__':
    sys.exit(main())
