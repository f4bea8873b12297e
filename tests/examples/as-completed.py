#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""Results in the order in which they come, with a count of how many there are already."""

import sys

import gi
gi.require_version('Cfut', '1')
from gi.repository import Cfut


def count_primes(limit):
    """Runs on a thread of the pool. The future gets what it raises."""
    if limit < 2:
        raise ValueError('No number is below it')
    return sum(all(number % divisor for divisor in range(2, int(number ** 0.5) + 1))
               for number in range(2, limit))


def main():
    limits = [300000, 10, 50000, 0, 1000]
    n_failed = 0

    with Cfut.ThreadPoolExecutor(max_workers=3) as executor:
        futures = {executor.submit(count_primes, limit): limit for limit in limits}
        for n, future in enumerate(Cfut.as_completed(futures), 1):
            try:
                outcome = '%d primes' % future.result()
            except ValueError as error:
                outcome = error
                n_failed += 1
            print('[%d/%d] below %d: %s' % (n, len(limits), futures[future], outcome))
    print('%d done, %d of them failed' % (n, n_failed))


if __name__ == '__main__':
    sys.exit(main())
