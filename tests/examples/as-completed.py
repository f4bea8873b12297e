#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""Results in the order in which they come, with a count of how many there are already."""

import sys

import gi
gi.require_version('Cfut', '1')
from gi.repository import Cfut, GLib


def count_primes(task, limit):
    """Runs on a thread of the pool. The future gets what it raises."""
    if limit < 2:
        raise GLib.Error.new_literal(GLib.quark_from_string('primes'), 'No number is below it', 0)
    n_primes = 0
    for number in range(2, limit):
        n_primes += all(number % divisor for divisor in range(2, int(number ** 0.5) + 1))
    task.set_result_int64(n_primes)
    return True


def main():
    executor = Cfut.ThreadExecutor(max_workers=3)
    group = Cfut.Group()
    limits = [300000, 10, 50000, 0, 1000]

    for limit in limits:
        future = executor.submit(count_primes, limit)
        future.set_name('below %d' % limit)
        group.add(future)

    n_settled = 0
    while (future := group.next(-1, None)) is not None:
        n_settled += 1
        try:
            outcome = '%d primes' % future.result_int64(0)
        except GLib.Error as error:
            outcome = error.message
        print('[%d/%d] %s: %s' % (n_settled, len(limits), future.dup_name(), outcome))
    print('%d done, %d of them failed' % (group.get_n_done(), group.get_n_failed()))


if __name__ == '__main__':
    sys.exit(main())
