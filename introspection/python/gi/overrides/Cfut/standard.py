# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""What is the standard library's own: its exceptions, constants and states.

They are the very same objects, so that an `except` clause or a comparison that is written for one
library holds for the other.
"""

import concurrent.futures
import concurrent.futures.thread
from concurrent.futures import _base
from concurrent.futures import (ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION, BrokenExecutor,
                                CancelledError, InvalidStateError, TimeoutError)
from concurrent.futures.thread import BrokenThreadPool

StandardExecutor = concurrent.futures.Executor
StandardThreadPoolExecutor = concurrent.futures.ThreadPoolExecutor
StandardFuture = concurrent.futures.Future

PENDING = _base.PENDING
RUNNING = _base.RUNNING
CANCELLED = _base.CANCELLED
NOTIFIED = _base.CANCELLED_AND_NOTIFIED
FINISHED = _base.FINISHED
LOGGER = _base.LOGGER

SETTLED = frozenset((CANCELLED, NOTIFIED, FINISHED))
WAS_CANCELLED = frozenset((CANCELLED, NOTIFIED))

__all__ = ['ALL_COMPLETED', 'FIRST_COMPLETED', 'FIRST_EXCEPTION', 'BrokenExecutor',
           'BrokenThreadPool', 'CancelledError', 'InvalidStateError', 'TimeoutError']
