#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""Callbacks: they are called on the main thread, from the main loop, in the order in which they were added."""

import sys
import threading

import gi
gi.require_version('Cfut', '1')
from gi.repository import Cfut, Gio, GLib


def look_up(task, id):
    if id <= 0:
        raise GLib.Error.new_literal(Gio.io_error_quark(), 'There is no user %d' % id,
                                     Gio.IOErrorEnum.NOT_FOUND)
    task.set_result_string({1: 'Ada', 2: 'Grace'}[id])
    return True


def greet(settled, *data):
    """What a callback gets has settled, so that the result is there without waiting."""
    try:
        print('Good morning, ' + settled.result_string(0))
    except GLib.Error as error:
        print('Nobody to greet: ' + error.message)


def write_log(settled, *data):
    on_main_thread = threading.current_thread() is threading.main_thread()
    print('  log: %s, on the %s thread' % (settled.get_state().value_name,
                                           'main' if on_main_thread else 'wrong'))


def main():
    loop = GLib.MainLoop()
    # One worker: the users come in the order in which they are looked up.
    executor = Cfut.ThreadExecutor(max_workers=1)
    ids = [1, 2, -3]
    n_left = len(ids)

    def count_down(settled, *data):
        nonlocal n_left
        n_left -= 1
        print('  %d to go' % n_left)
        if n_left == 0:
            loop.quit()

    for id in ids:
        future = executor.submit(look_up, id)
        future.add_done_callback(Cfut.CallbackFlags.DEFAULT, greet)
        future.add_done_callback(Cfut.CallbackFlags.DEFAULT, write_log)
        future.add_done_callback(Cfut.CallbackFlags.DEFAULT, count_down)

    print('All are submitted')
    loop.run()


if __name__ == '__main__':
    sys.exit(main())
