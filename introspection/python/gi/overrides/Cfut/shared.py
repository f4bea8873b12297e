# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""`SharedDict` as a mapping, which the program and the workers of its pools all read and change.

    counts = Cfut.SharedDict()
    executor.share('counts', counts)                          # then, in a worker:
    Cfut.get_shared('counts').add('files', 1)

or it is given to a call like any other argument: it is shared then, and arrives as the same dict.

Keys are strings. Numbers, strings, bytes and booleans are stored as what they are, for those in
other languages too; everything else is pickled. What is looked up is a copy: to change a value it
has to be stored again, which `compare_and_set` does safely, and for numbers `add`.
"""

import collections.abc
import itertools
import threading

from gi.overrides import override
from gi.repository import Cfut, GLib

from . import pickles
from .future import NativeType

NativeSharedDict = Cfut.SharedDict

_INT64 = range(-2 ** 63, 2 ** 63)
_PICKLED = GLib.VariantType(pickles.SMALL_FORM)

new_number = itertools.count(1).__next__

# The pool that pickles on this thread.
pickling = threading.local()


def _pack(value):
    kind = type(value)
    if kind is int and value in _INT64:
        return GLib.Variant('x', value)
    if kind is str and '\0' not in value and value.isprintable():
        return GLib.Variant('s', value)
    if kind is float:
        return GLib.Variant('d', value)
    if kind is bool:
        return GLib.Variant('b', value)
    if kind is bytes:
        return GLib.Variant.new_from_bytes(pickles.BYTES_TYPE, GLib.Bytes.new(value), True)
    if isinstance(value, GLib.Variant):
        return value
    data = b''.join(map(pickles._view, pickles.dump(value)))
    return GLib.Variant.new_from_bytes(_PICKLED, GLib.Bytes.new(data), True)


def _unpack(value):
    if value.get_type_string() == pickles.SMALL_FORM:
        return pickles.loads(value.get_data_as_bytes().get_data())
    if value.get_type_string() == 'ay':
        return value.get_data_as_bytes().get_data() or b''
    return value.unpack()


def _check_key(key):
    if not isinstance(key, str):
        raise TypeError('keys of a shared dict are strings, not %r' % (key,))
    return key


def get_shared(name):
    """The dict that the program shares by that name, in a worker of its pool."""
    from . import worker
    if worker.get_worker() is None:
        raise RuntimeError('this process is no worker: it has the dict itself')
    return worker.get_worker().get_shared(name)


@override
class SharedDict(NativeSharedDict, metaclass=NativeType):
    """A mapping that the program and the workers of its pools share."""

    __module__ = 'gi.overrides.Cfut'

    def __init__(self, *args, **kwargs):
        """Like dict: from a mapping or pairs, and names."""
        NativeSharedDict.__init__(self)
        if args or kwargs:
            self.update(*args, **kwargs)

    def __reduce__(self):
        executor = getattr(pickling, 'executor', None)
        if executor is None:
            raise TypeError('a SharedDict is given to the calls of a ProcessPoolExecutor only')
        return get_shared, (executor._share_unnamed(self),)

    def __getitem__(self, key):
        value = NativeSharedDict.lookup(self, _check_key(key))
        if value is None:
            raise KeyError(key)
        return _unpack(value)

    def __setitem__(self, key, value):
        self.set(key, value)

    def __delitem__(self, key):
        if not NativeSharedDict.remove(self, _check_key(key)):
            raise KeyError(key)

    def __contains__(self, key):
        return isinstance(key, str) and NativeSharedDict.contains(self, key)

    def __len__(self):
        return NativeSharedDict.get_length(self)

    def __bool__(self):
        return len(self) > 0

    def __iter__(self):
        return iter(NativeSharedDict.dup_keys(self))

    def __repr__(self):
        return 'SharedDict(%r)' % (self.copy(),)

    def __eq__(self, other):
        if self is other:
            return True
        if isinstance(other, (SharedDict, collections.abc.Mapping)):
            return self.copy() == dict(other.items())
        return NotImplemented

    __hash__ = object.__hash__

    def set(self, key, value):
        """Stores a value."""
        NativeSharedDict.set(self, _check_key(key), _pack(value))

    def lookup(self, key):
        """The value, or None."""
        return self.get(key)

    def remove(self, key):
        """Takes a key out; returns whether it was there."""
        return NativeSharedDict.remove(self, _check_key(key))

    def compare_and_set(self, key, expected, value):
        """Stores a value if there is what is expected: None is for a key that is not there."""
        return NativeSharedDict.compare_and_set(self, _check_key(key),
                                                None if expected is None else _pack(expected),
                                                None if value is None else _pack(value))

    def copy(self):
        """A dict of what is there now, key by key."""
        return dict(self.items())

    def items(self):
        """The pairs that are there, as a list. Keys that go meanwhile are left out."""
        pairs = []
        for key in self:
            value = NativeSharedDict.lookup(self, key)
            if value is not None:
                pairs.append((key, _unpack(value)))
        return pairs

    def keys(self):
        """The keys that are there, as a list."""
        return NativeSharedDict.dup_keys(self)

    def values(self):
        """The values that are there, as a list."""
        return [value for _, value in self.items()]

    def setdefault(self, key, default=None):
        """The value; where there is none, the default, stored."""
        if NativeSharedDict.compare_and_set(self, _check_key(key), None, _pack(default)):
            return default
        return self.get(key, default)

    get = collections.abc.Mapping.get
    pop = collections.abc.MutableMapping.pop
    popitem = collections.abc.MutableMapping.popitem
    clear = collections.abc.MutableMapping.clear
    update = collections.abc.MutableMapping.update


collections.abc.MutableMapping.register(SharedDict)

__all__ = ['SharedDict', 'get_shared']
