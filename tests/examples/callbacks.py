#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""Callbacks: they are called on the main thread, from the main loop, in the order in which they were added."""

import sys
import threading

import gi
gi.require_version('Cfut', '1')
from gi.repository import Cfut, GLib


def look_up(id):
    if id <= 0:
        raise KeyError('There is no user %d' % id)
    return {1: 'Ada', 2: 'Grace'}[id]


def greet(settled):
    """What a callback gets has settled, so that the result is there without waiting."""
    try:
        print('Good morning, ' + settled.result())
    except KeyError as error:
        print('Nobody to greet: ' + error.args[0])


def write_log(settled):
    on_main_thread = threading.current_thread() is threading.main_thread()
    print('  log: %s, on the %s thread' % (settled.get_state().value_name,
                                           'main' if on_main_thread else 'wrong'))


def main():
    loop = GLib.MainLoop()
    # One worker: the users come in the order in which they are looked up.
    executor = Cfut.ThreadPoolExecutor(max_workers=1)
    # It waits until all are there: a callback that is added to what has settled is called at once.
    all_there = threading.Event()
    executor.submit(all_there.wait)
    ids = [1, 2, -3]
    n_left = len(ids)

    def count_down(settled):
        nonlocal n_left
        n_left -= 1
        print('  %d to go' % n_left)
        if n_left == 0:
            loop.quit()

    for id in ids:
        future = executor.submit(look_up, id)
        future.add_done_callback(greet)
        future.add_done_callback(write_log)
        future.add_done_callback(count_down)

    print('All are submitted')
    all_there.set()
    loop.run()


if __name__ == '__main__':
    sys.exit(main())
