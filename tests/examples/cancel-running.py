#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""Stopping what runs: a function looks at a checkpoint now and then, or passes the task's cancellable on."""

import sys
import threading

import gi
gi.require_version('Cfut', '1')
from gi.repository import Cfut, Gio, GLib


def search(task, started):
    """Looks for an odd number that two divides, and would do so for ever."""
    started.set()
    odd = 1
    while odd % 2 != 0:
        odd += 2
        task.checkpoint()  # raises what says that it was asked to stop
    return True


def accept_connection(task, started):
    """Waits for somebody to connect, and nobody will."""
    listener = Gio.SocketListener()
    listener.add_any_inet_port(None)
    started.set()
    listener.accept(task.get_cancellable())
    return True


def main():
    executor = Cfut.ThreadExecutor()

    for name, function in (('search', search), ('accept', accept_connection)):
        started = threading.Event()
        future = executor.submit(function, started)
        started.wait()
        if not future.cancel():
            print(name + ': was asked to stop')
        try:
            future.result(-1)
        except GLib.Error as error:
            if error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.CANCELLED):
                print(name + ': has stopped')
            else:
                print(name + ': ' + error.message)

    executor.shutdown(Cfut.ShutdownFlags.WAIT, -1)


if __name__ == '__main__':
    sys.exit(main())
