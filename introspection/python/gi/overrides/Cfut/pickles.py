# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""How calls and results travel between processes: pickles, in one of three forms by their size.

    a(y)    the bytes of a pickle. Array of a tuple of one byte, which nobody else sends
    (ayy)   the same where there are many: the library passes them in memory that is shared
    (hy)    the same in a file in memory, whose descriptor is passed

A large bytes object, an array of numbers, or what else has a buffer is handed to the pickler's file
as it is, with no copy. So it is written into shared memory once, and on the other side read from
there into the object that it becomes. What costs time in a large message are not the copies but
the pages that are touched for the first time: those of the new object are asked for all at once.

A descriptor stays open until a result is looked at, so only messages that are much larger than a
descriptor is dear have one. Where there is none left, or no memory for the file, the second form
will do.
"""

import collections
import copyreg
import io
import os
import pickle
from multiprocessing.reduction import ForkingPickler

from gi.repository import Gio, GLib

# Each size is that from which on the next form pays.
SHARED_SIZE = 128 * 1024
FILE_SIZE = 16 * 1024 * 1024

# From that size on the pages of an object are asked for before it is read.
POPULATE_SIZE = 1024 * 1024
MADV_POPULATE_WRITE = 23
_PAGE_SIZE = os.sysconf('SC_PAGE_SIZE')

# That many buffers are written at once.
MAX_BUFFERS = 512

PROTOCOL = 5
BYTES_TYPE = GLib.VariantType('ay')
SMALL_FORM = 'a(y)'
SHARED_FORM = '(ayy)'
FILE_FORM = '(hy)'
SMALL_TYPE = GLib.VariantType(SMALL_FORM)

_TAG = GLib.Variant('y', 1)
_file_handle = GLib.Variant(FILE_FORM, (0, 1))

# What multiprocessing can pickle, and how, holds for us.
_reducers = collections.ChainMap(ForkingPickler._extra_reducers, copyreg.dispatch_table)

loads = pickle.loads


class _Sink:
    """The pickler's file: what is written to it goes into a list."""

    __slots__ = ('write', 'pieces')

    def __init__(self):
        self.pieces = []
        self.write = self.pieces.append


def dump(thing):
    """A pickle, as a list of pieces: bytes, and the large buffers that it contains as they are."""
    sink = _Sink()
    pickler = pickle.Pickler(sink, PROTOCOL)
    pickler.dispatch_table = _reducers
    pickler.dump(thing)
    return sink.pieces


def _view(piece):
    if type(piece) is pickle.PickleBuffer:
        return piece.raw()
    return memoryview(piece).cast('B')


def pack(pieces, with_file=True):
    """The message for these pieces, as a pair: a GLib.Variant, and a Gio.UnixFDList or None."""
    if len(pieces) == 1:
        data = pieces[0]
        size = len(data)
    else:
        views = [_view(piece) for piece in pieces]
        size = sum([view.nbytes for view in views])
        if size >= FILE_SIZE and with_file:
            fds = _write_file(list(views))
            if fds is not None:
                return _file_handle, fds
        data = b''.join(views)
    if size < SHARED_SIZE:
        return GLib.Variant.new_from_bytes(SMALL_TYPE, GLib.Bytes.new(data), True), None
    return GLib.Variant.new_tuple(GLib.Variant.new_from_bytes(BYTES_TYPE, GLib.Bytes.new(data), True),
                                  _TAG), None


def _write_file(views):
    """A list with the descriptor of a file in memory; None: it cannot be had."""
    try:
        fd = os.memfd_create('cfut-pickle', os.MFD_CLOEXEC)
    except (AttributeError, OSError):
        return None
    try:
        views.reverse()
        while views:
            written = os.writev(fd, views[:-MAX_BUFFERS - 1:-1])
            while views and written >= views[-1].nbytes:
                written -= views.pop().nbytes
            if written:
                views[-1] = views[-1][written:]
    except OSError:
        os.close(fd)
        return None
    return Gio.UnixFDList.new_from_array([fd])


def write_large(pieces):
    """What is large goes into a file in memory: its owner, and the path by which other processes find it.

    The file is there for as long as the owner, a Gio.UnixFDList, is. (None, None): it is not large,
    or cannot be had.
    """
    views = [_view(piece) for piece in pieces]
    fds = _write_file(views) if sum([view.nbytes for view in views]) >= FILE_SIZE else None
    if fds is None:
        return None, None
    return fds, '/proc/%d/fd/%d' % (os.getpid(), fds.peek_fds()[0])


def read_large(path):
    """The thing that was written into such a file."""
    with _Source(io.FileIO(path)) as file:
        return pickle.load(file)


def _find_madvise():
    try:
        import ctypes
        madvise = ctypes.CDLL(None).madvise
        madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        return madvise, ctypes.c_char.from_buffer, ctypes.addressof
    except (ImportError, OSError, AttributeError):
        return None


_madvise = ()


def _populate(view):
    """Has the kernel make the pages of a buffer: one call, where each would be a fault of its own.

    Where it cannot, as Linux before 5.14, they are made when they are written to.
    """
    global _madvise
    if _madvise == ():
        _madvise = _find_madvise()
    if _madvise is None:
        return
    madvise, at, address_of = _madvise
    begin = address_of(at(view))
    start = begin & -_PAGE_SIZE
    madvise(start, begin + len(view) - start, MADV_POPULATE_WRITE)


class _Source(io.BufferedReader):
    """The unpickler's file: large objects are read into where they are to be."""

    def readinto(self, buffer):
        if len(buffer) >= POPULATE_SIZE:
            _populate(buffer)
        return super().readinto(buffer)


def unpack(message, fds):
    """The thing in a message that came with these descriptors. They are used up."""
    form = message.get_type_string()
    if form == SMALL_FORM:
        return loads(message.get_data_as_bytes().get_data())
    if form == SHARED_FORM:
        return loads(message.get_child_value(0).get_data_as_bytes().get_data())
    if form != FILE_FORM or fds is None:
        raise pickle.UnpicklingError('What came is no pickle, but %s' % form)
    fd, *others = fds.steal_fds()
    for other in others:
        os.close(other)
    with _Source(io.FileIO(fd)) as file:
        file.seek(0)
        return pickle.load(file)


def is_pickle(message):
    """Whether a GLib.Variant is of one of the forms."""
    return message.get_type_string() in (SMALL_FORM, SHARED_FORM, FILE_FORM)
