#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""Whether other languages reach all that the library exports. Speaks TAP.

usage: test-introspection.py GIR LIBRARY HEADER...

What no binding can see is dropped from a typelib without a word, so every such symbol has to be on
the list below, with the reason.
"""

import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

CORE = '{http://www.gtk.org/introspection/core/1.0}'
C = '{http://www.gtk.org/introspection/c/1.0}'
GLIB = '{http://www.gtk.org/introspection/glib/1.0}'

# Symbol: reason.
KNOWN = {}

# A callback with a value or a variant: why it may have one.
KNOWN_VALUES = {
    'CfutCallFunc': 'arguments are a variant; Python, Vala and JavaScript take it, Lua registers no functions',
}

CALLABLES = ('function', 'method', 'constructor', 'virtual-method', 'callback')
DECLARATION = re.compile(r'\bCFUT_AVAILABLE_IN_\w+\s+[^;]*?\b(cfut_\w+)\s*\(', re.DOTALL)
DECLARED_TYPE = re.compile(r'\bG_DECLARE_\w+\s*\(\s*\w+\s*,\s*(cfut_\w+)')


def local_name(element):
    return element.tag.split('}')[1]


def where(element, parents):
    """Names an element by the C symbol, or by its path of names."""
    symbol = element.get(C + 'identifier') or element.get(C + 'type')
    if symbol:
        return symbol
    names = []
    while element is not None and element.tag != CORE + 'namespace':
        if element.get('name'):
            names.append(element.get('name'))
        element = parents.get(element)
    return '.'.join(reversed(names))


class Tap:
    def __init__(self):
        self.n = 0
        self.failed = False

    def check(self, title, problems):
        self.n += 1
        self.failed |= bool(problems)
        print('%s %d %s' % ('not ok' if problems else 'ok', self.n, title))
        for problem in sorted(problems):
            print('#   ' + problem)

    def finish(self):
        print('1..%d' % self.n)
        return 1 if self.failed else 0


def exported_symbols(library):
    lines = subprocess.run(['nm', '--dynamic', '--defined-only', library],
                           check=True, capture_output=True, text=True).stdout.splitlines()
    return {line.split()[-1].split('@')[0] for line in lines}


def declared_symbols(headers):
    symbols = set()
    for header in headers:
        text = pathlib.Path(header).read_text()
        symbols.update(DECLARATION.findall(text))
        symbols.update(name + '_get_type' for name in DECLARED_TYPE.findall(text))
    return symbols


def main():
    gir, library, headers = sys.argv[1], sys.argv[2], sys.argv[3:]
    namespace = ElementTree.parse(gir).getroot().find(CORE + 'namespace')
    parents = {child: parent for parent in namespace.iter() for child in parent}
    elements = list(namespace.iter())
    exported = exported_symbols(library)
    declared = declared_symbols(headers)
    tap = Tap()

    tap.check('the library exports what the headers declare',
              {'declared only: ' + s for s in declared - exported} |
              {'exported only: ' + s for s in exported - declared})

    hidden = {where(e, parents) for e in elements if e.get('introspectable') == '0'
              and local_name(e) != 'function-macro'}
    reachable = {e.get(C + 'identifier') for e in elements if e.get('introspectable') != '0'}
    reachable |= {e.get(GLIB + 'get-type') for e in elements}
    reachable |= {e.get(GLIB + key) for e in elements for key in ('ref-func', 'unref-func')}
    unseen = hidden | (exported - reachable)
    tap.check('every symbol is introspectable or known not to be', unseen - KNOWN.keys())
    tap.check('every symbol known not to be introspectable is so still', KNOWN.keys() - unseen)

    tap.check('every enumeration has a registered type',
              {where(e, parents) for e in elements
               if local_name(e) in ('enumeration', 'bitfield') and not e.get(GLIB + 'get-type')})

    tap.check('every symbol is documented',
              {where(e, parents) for e in elements
               if local_name(e) in CALLABLES + ('class', 'record', 'enumeration', 'bitfield',
                                                'property', 'member')
               or e.tag == GLIB + 'signal'
               if e.find(CORE + 'doc') is None and e.get('introspectable') != '0'
               and not e.get(GLIB + 'is-gtype-struct-for')
               and local_name(parents[e]) != 'field'
               and not where(e, parents).endswith(('_get_type', '_quark'))})

    # A thenable would make every `await` of the object in JavaScript wait for ever.
    tap.check('no method has the name "then"',
              {where(e, parents) for e in elements if e.get('name') == 'then'})

    tap.check('no callback lives for ever',
              {where(parents[parents[e]], parents) for e in elements
               if e.get('scope') == 'forever'})

    callbacks = [e for e in elements if local_name(e) == 'callback'
                 and local_name(parents[e]) == 'namespace']
    tap.check('no callback takes a value or a variant',
              {where(callback, parents) for callback in callbacks
               for t in callback.iter(CORE + 'type') if t.get('name') in ('GObject.Value', 'GLib.Variant')}
              - KNOWN_VALUES.keys())
    return tap.finish()


if __name__ == '__main__':
    sys.exit(main())
