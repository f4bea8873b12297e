# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""Large bytes in variants: PyGObject packs and unpacks them one by one, 3 s for a MiB."""

from gi.repository import GLib

_BYTES = GLib.VariantType.new('ay')


def variant_from_bytes(data):
    """A variant of type `ay` with the bytes, from anything that is bytes-like."""
    if not isinstance(data, GLib.Bytes):
        data = GLib.Bytes.new(data if isinstance(data, bytes) else bytes(data))
    return GLib.Variant.new_from_bytes(_BYTES, data, True)


def bytes_from_variant(variant):
    """The bytes of a variant of type `ay`."""
    if variant.get_type_string() != 'ay':
        raise TypeError('a variant of type ay was expected, not %s' % variant.get_type_string())
    return variant.get_data_as_bytes().get_data() or b''


__all__ = ['bytes_from_variant', 'variant_from_bytes']
