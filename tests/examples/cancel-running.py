#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""Stopping what runs: a function looks at a checkpoint now and then, or passes the task's cancellable on."""

import sys
import threading

import gi
gi.require_version('Cfut', '1')
from gi.repository import Cfut, Gio


def search(started):
    """Looks for an odd number that two divides, and would do so for ever."""
    task = Cfut.current_task()
    started.set()
    odd = 1
    while odd % 2 != 0:
        odd += 2
        task.checkpoint()  # raises CancelledError when it was asked to stop


def accept_connection(started):
    """Waits for somebody to connect, and nobody will."""
    listener = Gio.SocketListener()
    listener.add_any_inet_port(None)
    started.set()
    listener.accept(Cfut.current_task().get_cancellable())


def main():
    with Cfut.ThreadPoolExecutor() as executor:
        for name, function in (('search', search), ('accept', accept_connection)):
            started = threading.Event()
            future = executor.submit(function, started)
            started.wait()
            if not future.cancel():
                print(name + ': was asked to stop')
            try:
                future.result()
            except Cfut.CancelledError:
                print(name + ': has stopped')


if __name__ == '__main__':
    sys.exit(main())
