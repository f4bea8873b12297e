# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""The library in Python's manner: a drop-in for `concurrent.futures`.

    import gi
    gi.require_version('Cfut', '1')
    from gi.repository import Cfut

    with Cfut.ThreadPoolExecutor(max_workers=4) as executor:
        for future in Cfut.as_completed([executor.submit(pow, 2, n) for n in range(8)]):
            print(future.result())

Each module here is one concept. A module lists in `__all__` what it adds to the namespace or
replaces in it; everything else of the namespace is the library's own.
"""

import importlib

from gi.repository import Cfut

__all__ = []

# Python's functions run on every thread.
Cfut.allow_bound_functions()

for _name in ('standard', 'errors', 'future', 'together', 'combine', 'task', 'pool', 'shared', 'processes', 'group',
              'coroutine', 'payload'):
    _module = importlib.import_module('.' + _name, __name__)
    for _public in _module.__all__:
        globals()[_public] = getattr(_module, _public)
    __all__ += _module.__all__
