#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""Every option of a submission, with both pools, and those that make no sense. Speaks TAP."""

import multiprocessing
import os
import sys

import gi
gi.require_version('Cfut', '1')
from gi.repository import Cfut

import python_tap
from python_tap import PATIENCE_SECONDS, quiet_log

SPAWN = multiprocessing.get_context('spawn')


def pools():
    """A pool of each kind, with one worker."""
    yield Cfut.ThreadPoolExecutor(1)
    yield Cfut.ProcessPoolExecutor(1, SPAWN)


def stay_until_stopped():
    while True:
        Cfut.current_task().checkpoint()
        os.sched_yield()


def raised_by(function, *args, **kwargs):
    try:
        function(*args, **kwargs)
    except Exception as exception:
        return type(exception)
    return None


def test_an_option_that_makes_no_sense_is_refused_at_once():
    for options, kind in (({'wrong': 1}, TypeError), ({'priority': 'x'}, ValueError),
                          ({'priority': None}, TypeError), ({'timeout': 'x'}, TypeError),
                          ({'timeout': True}, TypeError), ({'timeout': float('nan')}, ValueError),
                          ({'queue_timeout': 'x'}, TypeError), ({'queue_timeout': b''}, TypeError),
                          ({'queue_timeout': float('nan')}, ValueError)):
        for executor in pools():
            with executor:
                assert raised_by(executor.with_options, **options) is kind, (executor, options)
                assert executor.submit(pow, 2, 3).result(PATIENCE_SECONDS) == 8, (executor, options)


def test_an_endless_deadline_is_none():
    for executor in pools():
        with executor:
            for seconds in (float('inf'), 1e30, 10 ** 400, None):
                view = executor.with_options(timeout=seconds, queue_timeout=seconds)
                assert view.submit(pow, 2, 3).result(PATIENCE_SECONDS) == 8, (executor, seconds)
            # Deadlines still come after them.
            late = executor.with_options(timeout=0.01).submit(stay_until_stopped)
            assert isinstance(late.exception(PATIENCE_SECONDS), Cfut.DeadlineError), executor


def test_every_option_has_its_effect_on_a_process():
    with Cfut.ProcessPoolExecutor(1, SPAWN) as executor:
        group = Cfut.Group()
        view = executor.with_options(name='a name', priority=1000, timeout=1000, queue_timeout=1000,
                                     group=group)
        future = view.submit(pow, 2, 3)
        assert future.result(PATIENCE_SECONDS) == 8
        assert future.dup_name() == 'a name' and future in group and len(group) == 1
        assert list(view.map(pow, [2, 3], [2, 2], chunksize=2)) == [4, 9]
        late = executor.with_options(queue_timeout=-1).submit(pow, 2, 3)
        assert isinstance(late.exception(PATIENCE_SECONDS), Cfut.DeadlineError)
        assert executor.submit(pow, 2, 4).result(PATIENCE_SECONDS) == 16


if __name__ == '__main__':
    quiet_log()
    sys.exit(python_tap.main(globals()))
