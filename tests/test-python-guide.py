#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""A guide to the standard library's futures, with ours in their place. Speaks TAP.

usage: test-python-guide.py SOURCE-FOLDER

Each block of Python in the guide is run twice, once with `concurrent.futures` and once with `Cfut`,
and has to print the same. Times and process numbers may differ, and the order of lines where
nothing determines it. The guide is no part of this project: it is what CFUT_GUIDE names, or lies
beside the source folder; where it is not there all is skipped.
"""

import http.server
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor

PLACE = '../shared/reference/concurrent-futures-guide.md'
PATIENCE_SECONDS = 120
STANDARD = 'from concurrent.futures import'
OURS = 'from gi.repository.Cfut import'

# What a block of the guide may take for granted: names that are its reader's, a network, files.
PRELUDE = '''\
import gi
gi.require_version('Cfut', '1')
from gi.repository import Cfut
import itertools, logging, random, re, threading, urllib.request
{imports} ThreadPoolExecutor, as_completed
# Two threads that print at once do not mix their lines.
_print, _print_lock = print, threading.Lock()
def print(*args, **kwargs):
    with _print_lock:
        _print(*args, **kwargs)
_sequence = itertools.cycle([0.9, 0.1, 0.5])
random.random = _sequence.__next__
random.uniform = lambda low, high: low + (high - low) * 0.1 * next(_sequence)
_urlopen = urllib.request.urlopen
def _open_here(url, *args, **kwargs):
    return _urlopen('http://127.0.0.1:{port}/' + url.split('/', 3)[3], *args, **kwargs)
urllib.request.urlopen = _open_here
logger = logging.getLogger('guide')
items = list(range(6))
def process(item):
    return item * 3
def risky_task(item):
    if item % 3 == 2:
        raise ValueError(item)
    return item
'''
# What a block that only defines things has made can be seen, too.
POSTLUDE = '''
if __name__ == '__main__':
    for _name, _value in sorted(globals().items()):
        if type(_value) in (list, dict, set) and _name[0] != '_':
            print(_name, '=', sorted(re.sub('0x[0-9a-f]+', 'ADDRESS', str(_item)) for _item in _value))
    if 'collect_results_safely' in globals():
        with ThreadPoolExecutor(2) as _executor:
            print(sorted(collect_results_safely(_executor, [(pow, (2, n)) for n in range(5)])))
        _counter = ThreadSafeCounter()
        with ThreadPoolExecutor(4) as _executor:
            list(_executor.map(lambda n: _counter.increment(), range(200)))
        print(_counter.value)
'''


class Server(http.server.BaseHTTPRequestHandler):
    """What the guide's programs find on the network."""

    def do_GET(self):
        parts = self.path.strip('/').split('/')
        if parts[0] == 'delay':
            time.sleep(float(parts[1]) / 5)
        self.send_response(int(parts[1]) if parts[0] == 'status' else 200)
        body = self.path.encode()
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def find_guide(source):
    named = os.environ.get('CFUT_GUIDE')
    path = pathlib.Path(named) if named else pathlib.Path(source) / PLACE
    return path if path.is_file() else None


def blocks_of(text):
    """Yields (heading, code) of each block of Python."""
    heading = code = None
    for line in text.splitlines():
        if code is not None:
            if line.startswith('```'):
                yield heading, textwrap.dedent('\n'.join(code)) + '\n'
                code = None
            else:
                code.append(line)
        elif line.startswith('```python'):
            code = []
        elif line.startswith('#'):
            heading = line.strip('# ')


def comparable(output, code):
    """What of an output is the same each time."""
    output = re.sub(r'\d\d:\d\d:\d\d', 'CLOCK', output.replace('\r', '\n'))
    output = re.sub(r'\d+\.\d+s|\(sequential.*\)', 'TIME', output)
    output = re.sub(r'PID:? \d+', 'PID', output)
    if 'random.' in code:
        output = re.sub(r'\d+(\.\d+)?', 'N', output)
    if 'Manager' in code:
        # What several processes put into a dict stands there in any order.
        output = re.sub(r'\{(.*)\}', lambda match: str(sorted(match[1].split(', '))), output)
    lines = output.splitlines()
    in_any_order = any(word in code for word in ('as_completed(', 'add_done_callback', 'random.'))
    return sorted(lines) if in_any_order else lines


def run_block(code, imports, port, folder, name):
    """Runs it as a program; returns what it printed, and how it ended."""
    path = pathlib.Path(folder) / name
    path.write_text(PRELUDE.format(imports=imports, port=port) +
                    code.replace(STANDARD, imports).replace('/path/to/your/files', folder) + POSTLUDE)
    try:
        ended = subprocess.run([sys.executable, path], capture_output=True, text=True, cwd=folder,
                               stdin=subprocess.DEVNULL, timeout=PATIENCE_SECONDS)
        return ended.returncode, ended.stdout, ended.stderr
    except subprocess.TimeoutExpired as expired:
        return 'timeout', str(expired.stdout), str(expired.stderr)


def why_skipped(code):
    import gi
    gi.require_version('Cfut', '1')
    from gi.repository import Cfut
    if 'ProcessPoolExecutor' in code and not hasattr(Cfut, 'ProcessPoolExecutor'):
        return 'there is no ProcessPoolExecutor'
    return None


def main():
    guide = find_guide(sys.argv[1])
    if guide is None:
        print('1..0 # SKIP the guide is not here')
        return 0
    blocks = list(blocks_of(guide.read_text()))
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    failed = False

    print('1..%d' % len(blocks))
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(6) as executor:
        runs = []
        for n, (heading, code) in enumerate(blocks):
            if why_skipped(code) is not None:
                runs.append(None)
                continue
            # In folders of their own: a block may look at the files that it finds.
            pair = []
            for library, imports in (('standard', STANDARD), ('cfut', OURS)):
                place = '%s/%d-%s' % (folder, n, library)
                os.mkdir(place)
                pathlib.Path(place, 'some.py').write_text('# a file\n')
                pair.append(executor.submit(run_block, code, imports, server.server_port, place, 'block.txt'))
            runs.append(pair)

        for n, ((heading, code), pair) in enumerate(zip(blocks, runs), 1):
            if pair is None:
                print('ok %d %s # SKIP %s' % (n, heading, why_skipped(code)))
                continue
            standard, ours = [future.result() for future in pair]
            results = [(status, comparable(out.replace('-standard/', '/').replace('-cfut/', '/'), code))
                       for status, out, err in (standard, ours)]
            # The guide's own programs may fail, but no other way than with the standard library.
            is_same = results[0] == results[1] and bool(standard[2]) == bool(ours[2])
            failed |= not is_same
            print('%s %d %s' % ('ok' if is_same else 'not ok', n, heading), flush=True)
            if not is_same:
                for label, (status, out, err) in (('standard', standard), ('cfut', ours)):
                    print('#   %s ended with %s' % (label, status))
                    for line in (out + err).splitlines():
                        print('#     ' + line)
    server.shutdown()
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
