# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""What limits a pool, and what it counts, as attributes of Python's.

The library's own properties and functions hold the values: `executor.max_pending = 3` and
`executor.props.max_pending = 3` are the same.
"""

from gi.repository import Cfut

from .executor import ExecutorFace


def check_when_full(when_full):
    """What says what a submission does that finds no room."""
    if when_full not in (Cfut.WhenFull.REJECT, Cfut.WhenFull.BLOCK):
        raise ValueError('when_full must be Cfut.WhenFull.REJECT or Cfut.WhenFull.BLOCK')
    return when_full


def check_max_pending(max_pending):
    """How many calls may wait."""
    if not isinstance(max_pending, int):
        raise TypeError('max_pending must be an integer')
    if max_pending < 0:
        raise ValueError('max_pending must be 0, for no limit, or greater')
    return max_pending


def rate_limit_for(limit):
    """A limit, from one or from how many starts there may be in a second."""
    if limit is None or isinstance(limit, Cfut.RateLimit):
        return limit
    if isinstance(limit, bool) or not isinstance(limit, (int, float)):
        raise TypeError('rate_limit must be a Cfut.RateLimit, a number or None')
    if not 0 < limit < float('inf'):
        raise ValueError('a rate limit must be greater than 0')
    return Cfut.RateLimit.new(limit, 1)


class LimitedFace(ExecutorFace):
    """The limits and the counts of a pool."""

    _when_full = Cfut.WhenFull.REJECT

    def _set_limits(self, max_pending, when_full, rate_limit):
        self.when_full = when_full
        if max_pending != 0:
            self.max_pending = max_pending
        if rate_limit is not None:
            self.rate_limit = rate_limit

    @property
    def max_pending(self):
        """How many calls may wait to be started; 0 for no limit."""
        return self.get_max_pending()

    @max_pending.setter
    def max_pending(self, max_pending):
        self.set_max_pending(check_max_pending(max_pending))

    @property
    def when_full(self):
        """What `submit` does when so many calls wait.

        Cfut.WhenFull.REJECT: it raises QueueFullError. Cfut.WhenFull.BLOCK: it waits for room.
        """
        return self._when_full

    @when_full.setter
    def when_full(self, when_full):
        self._when_full = check_when_full(when_full)

    @property
    def rate_limit(self):
        """How fast calls may be started, a Cfut.RateLimit; None for no limit.

        A number that is set makes one, with so many starts in a second.
        """
        return self.get_rate_limit()

    @rate_limit.setter
    def rate_limit(self, limit):
        self.set_rate_limit(rate_limit_for(limit))

    @property
    def n_pending(self):
        """How many calls have not been started. While others submit and run it is a glimpse."""
        return self.get_n_pending()

    @property
    def n_running(self):
        """How many calls are running."""
        return self.get_n_running()

    @property
    def n_completed(self):
        """How many calls have run to their end."""
        return self.get_n_completed()
