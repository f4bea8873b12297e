#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""Awaiting futures in a GLib main loop, without asyncio: what follows stands below what it follows."""

import sys
import threading

import gi
gi.require_version('Cfut', '1')
from gi.repository import Cfut


def read(name):
    """Stands for something that takes its time. Runs on a thread of the pool."""
    return {'garden': 'roses, beans', 'orchard': 'apples'}[name]


async def describe(executor, name):
    """Runs in the main loop, and leaves it alone while it awaits."""
    plants = await executor.submit(read, name)
    assert threading.current_thread() is threading.main_thread()
    return '%s: %s' % (name, plants)


async def main(executor):
    print(await describe(executor, 'garden'))

    # Two at once, each in a coroutine of its own.
    orchard, desert = [Cfut.spawn(describe(executor, name)) for name in ('orchard', 'desert')]
    print(await orchard)
    try:
        print(await desert)
    except KeyError as error:
        print('no', error)

    lengths = []
    async for future in Cfut.Group(executor.submit(len, word) for word in ('one', 'three')):
        lengths.append(future.result())
    print('lengths', sorted(lengths))


if __name__ == '__main__':
    with Cfut.ThreadPoolExecutor() as executor:
        sys.exit(Cfut.run(main(executor)))
