#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
#
# usage: test-window.py PROGRAM
# The window, worked from outside as a user does: by its buttons, by the keyboard alone, in another
# language, and with what goes wrong. CFUT_TEST_OUTPUT names the folder for pictures.

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

from window_driver import Tap, Timeout, Window, wait_for

import gi

gi.require_version('GdkPixbuf', '2.0')
from gi.repository import Atspi, GdkPixbuf, GLib

N_SMALL_FILES = 40
# All zeros, and no block of it on a disk. It takes a minute or more, so that there is something
# to cancel.
BIG_FILE_SIZE = 256 << 30

KEY_TAB, KEY_RETURN, KEY_ESCAPE, KEY_SPACE, KEY_F5 = 0xff09, 0xff0d, 0xff1b, 0x20, 0xffc2

tap = Tap()
program = os.path.abspath(sys.argv[1])
output = os.path.abspath(os.environ.get('CFUT_TEST_OUTPUT', '.'))


def make_files(folder, n=N_SMALL_FILES):
    """Returns name and sum of each."""
    os.makedirs(folder, exist_ok=True)
    sums = {}
    for i in range(n):
        name = 'file-%03d.txt' % i
        data = b'content of %d\n' % i
        with open(os.path.join(folder, name), 'wb') as f:
            f.write(data)
        sums[name] = hashlib.sha256(data).hexdigest()
    return sums


def write_sums(filename, sums):
    with open(filename, 'w') as f:
        for name, value in sums.items():
            f.write('%s  %s\n' % (value, name))


def count_colours(filename):
    """How many colours a picture has, and which part of it is of the most frequent one."""
    pixbuf = GdkPixbuf.Pixbuf.new_from_file(filename)
    n, stride, width = pixbuf.get_n_channels(), pixbuf.get_rowstride(), pixbuf.get_width()
    data = pixbuf.get_pixels()
    counts = {}
    for y in range(pixbuf.get_height()):
        for x in range(y * stride, y * stride + width * n, n):
            colour = data[x:x + 3]
            counts[colour] = counts.get(colour, 0) + 1
    return len(counts), max(counts.values()) / sum(counts.values())


def test_bad_options():
    """What is wrong on the command line is told there, and no window comes."""
    for options in (['--workers', '0'], ['--algorithm', 'none'], ['--no-such-option'],
                    ['--output', '/no/such/folder/sums', '/']):
        process = subprocess.run([program, *options], capture_output=True, text=True, timeout=30)
        tap.ok(process.returncode == 2 and process.stderr.startswith('cfut-demo: '),
               'bad option %s: message and status 2' % ' '.join(options), process.stderr)
    german = subprocess.run([program, '--workers', '0'], capture_output=True, text=True, timeout=30,
                            env={**os.environ, 'LANGUAGE': 'de'})
    tap.ok('Zahl' in german.stderr, 'the message is translated', german.stderr)


def test_empty():
    with Window(program) as window:
        tap.ok(wait_for(lambda: window.label('Choose Folders to Hash'), 'the invitation'),
               'without folders the window invites to choose some')
        tap.ok(window.sensitive_button('Start') is None, 'and cannot start')
        bad = window.nameless()
        tap.ok(not bad, 'every control of the empty window has a name', '\n'.join(bad))


def test_run_cancel_run(folder):
    """Start, watch the bar rise, cancel, and start again to the end."""
    sums = make_files(folder)
    big = os.path.join(folder, 'zeros')
    with open(big, 'wb') as f:
        f.truncate(BIG_FILE_SIZE)

    with Window(program, '--workers', '2', folder) as window:
        tap.ok(wait_for(lambda: window.label(folder), 'the folder'), 'the chosen folder is shown')
        window.press('Start')

        values = []

        def rising():
            value = window.progress().get_current_value()
            if not values or value != values[-1]:
                values.append(value)
            return len(values) >= 8
        wait_for(rising, 'a bar that moves; seen: %s' % values)
        rise = [value for value in values if value > 0]
        tap.ok(rise == sorted(rise) and len(set(rise)) >= 7 and rise[-1] < 1,
               'the bar rises while it runs', ' '.join('%.6f' % value for value in values))
        tap.ok(re.search('about .* left', ' '.join(
            node.get_name() for node in window.find_all(Atspi.Role.LABEL))) is not None,
            'the remaining time is shown')
        bad = window.nameless()
        tap.ok(not bad, 'every control of the running window has a name', '\n'.join(bad))

        picture = os.path.join(output, 'window-running.png')
        window.screenshot(picture)
        n_colours, most = count_colours(picture)
        tap.ok(n_colours > 100 and most < 0.98, 'the picture of the window is not blank',
               '%d colours, the most frequent on %.1f %%' % (n_colours, most * 100))

        # Found before: to look for them is a hundred calls over the bus.
        status, button = window.find_status(), window.wait_for_button('Cancel')
        before = time.monotonic()
        button.do_action(0)
        wait_for(lambda: status.get_name().startswith('Cancelled'), 'the status “Cancelled”')
        took = time.monotonic() - before
        tap.ok(took < 1, 'cancel answers at once', '%.0f ms' % (took * 1000))
        window.wait_for_button('Start')
        wait_for(lambda: any('zeros: Cancelled' in row for row in window.rows()),
                 'the cancelled row')
        tap.ok(True, 'what was cancelled says so')

        os.unlink(big)
        window.press('Start')
        window.wait_for_status('%d files hashed' % len(sums))
        tap.ok(window.status() == '%d files hashed' % len(sums), 'a second run goes to the end',
               window.status())
        tap.ok(window.progress().get_current_value() == 1, 'the bar is full at the end')
        rows = window.rows()
        missing = [name for name in sums if '%s: Done. %s' % (name, sums[name]) not in rows]
        tap.ok(not missing, 'each row has the right sum', '\n'.join(missing), *rows[:3])

        window.act('win.copy')
        wait_for(lambda: window.label('%d sums copied' % len(sums)), 'that the sums were copied')
        tap.ok(True, 'all sums are copied')
    return sums


def test_errors(folder):
    """A path that is not there is a row, and counted; the others are hashed all the same."""
    gone = os.path.join(folder, 'not-there')
    with Window(program, gone, folder) as window:
        window.press('Start')
        window.wait_for_status('1 failed')
        window.wait_for_status('%d of %d files hashed' % (N_SMALL_FILES, N_SMALL_FILES + 1))
        tap.ok(True, 'a path that does not exist is counted', window.status())
        row = [row for row in window.rows() if 'Failed.' in row]
        tap.ok(len(row) == 1 and row[0].startswith(gone), 'and has a row with the reason', *row)

        window.press('1 Problem')
        wait_for(lambda: len(window.rows()) == 1, 'one row')
        tap.ok('Failed.' in window.rows()[0], 'only problems are shown on demand', *window.rows())
        bad = window.nameless()
        tap.ok(not bad, 'every control has a name with problems too', '\n'.join(bad))


def test_output(folder, sums):
    target = os.path.join(os.path.dirname(folder), 'output')
    with Window(program, '--output', target, folder) as window:
        window.press('Start')
        wait_for(lambda: window.label('%d sums saved' % len(sums)), 'the saved sums')
    checked = subprocess.run(['sha256sum', '--quiet', '-c', target], capture_output=True, text=True)
    with open(target) as f:
        n_lines = len(f.readlines())
    tap.ok(checked.returncode == 0 and n_lines == len(sums),
           '--output: sha256sum accepts each of the sums', checked.stderr)


def test_export(folder):
    with Window(program, folder) as window:
        window.press('Start')
        window.wait_for_status('files hashed')
        window.act('win.export')
        wait_for(lambda: len(window.frames()) == 2 and window.focused(window.frames()[1]),
                 'the dialog with a focus')
        window.key(KEY_RETURN)
        wait_for(lambda: window.label('%d sums saved' % N_SMALL_FILES), 'the saved sums')
        with open('SHA256SUMS') as f:
            tap.ok(len(f.readlines()) == N_SMALL_FILES, 'Return accepts what the dialog proposes')


def test_compare(folder, sums):
    """Both sides name the files in their own way, and do not sort alike by it."""
    folder, expected_file = os.path.join('.', os.path.relpath(folder)), 'expected'
    expected = dict(sums)
    expected['file-001.txt'] = '0' * 64
    expected['not-there.txt'] = '1' * 64
    del expected['file-002.txt']
    write_sums(expected_file, {os.path.join(os.path.basename(folder), name): value
                               for name, value in expected.items()})
    with Window(program, '--check', expected_file, folder) as window:
        window.press('Start')
        text = '%d match · 1 differs · 1 is missing · 1 is not listed' % (len(sums) - 2)
        wait_for(lambda: window.label(text), text)
        tap.ok(True, 'a comparison is told in counts', text)
        rows = window.rows()
        tap.ok(sum(': Matches.' in row for row in rows) == len(sums) - 2 and
               any(row.startswith('file-001.txt: Differs.') for row in rows) and
               any(row.startswith('file-002.txt: Not listed.') for row in rows),
               'and for each file', *rows[:3])
        window.press('2 Problems')
        wait_for(lambda: len(window.rows()) == 2, 'two rows')
        rows = window.rows()
        tap.ok(any('not-there.txt: Missing.' in row for row in rows) and
               any('file-001.txt: Differs. Expected 000' in row for row in rows),
               'what differs and what is missing are the problems', *rows)


def test_keyboard(folder):
    """Nothing but keys: to the button, pressed, and a run to its end; a run that Escape cancels."""
    with Window(program, folder) as window:
        wait_for(window.focused, 'a focus')
        seen = []

        def tab_to(name):
            for _ in range(20):
                focused = wait_for(window.focused, 'a focus')
                seen.append(focused.get_name())
                if focused.get_name() == name:
                    return True
                window.key(KEY_TAB)
                wait_for(lambda: (window.focused() or focused).get_name() != seen[-1],
                         'the next focus')
            return False

        tap.ok(tab_to('Start') and tab_to('Algorithm') and tab_to('Workers') and tab_to('Start'),
               'Tab reaches the options and the button', ' > '.join(seen))
        tap.ok(all(seen), 'and nothing without a name')
        window.key(KEY_SPACE)
        window.wait_for_status('files hashed')
        tap.ok(wait_for(lambda: window.has_focus('Start'), 'the focus'),
               'Space starts, and the focus is on the button again at the end')

        big = os.path.join(folder, 'zeros')
        with open(big, 'wb') as f:
            f.truncate(BIG_FILE_SIZE)
        window.key(KEY_F5)
        window.wait_for_button('Cancel')
        tap.ok(wait_for(lambda: window.has_focus('Cancel'), 'the focus'),
               'F5 starts, and the focus goes to the button that cancels')
        window.key(KEY_ESCAPE)
        window.wait_for_status('Cancelled')
        window.wait_for_button('Start')
        tap.ok(True, 'Escape cancels')
        os.unlink(big)


def test_languages(folder):
    for language, start, status in (('de', 'Starten', '%d Dateien gehasht'),
                                    ('ru', 'Начать', 'Обработано %d файлов')):
        with Window(program, folder, LANGUAGE=language) as window:
            tap.ok(wait_for(lambda: window.button(start), start),
                   '%s: the button is translated' % language)
            window.press(start)
            window.wait_for_status(status % N_SMALL_FILES)
            tap.ok(True, '%s: so are the counts' % language, window.status())
            bad = window.nameless()
            tap.ok(not bad, '%s: every control has a name' % language, '\n'.join(bad))


def main():
    base = tempfile.mkdtemp(prefix='cfut-window-')
    os.chdir(base)
    folder = os.path.join(base, 'files')
    try:
        test_bad_options()
        test_empty()
        sums = test_run_cancel_run(folder)
        test_errors(folder)
        test_output(folder, sums)
        test_export(folder)
        test_compare(folder, sums)
        test_keyboard(folder)
        test_languages(folder)
    except (Timeout, GLib.Error) as error:
        tap.ok(False, str(error))
    finally:
        os.chdir('/')
        shutil.rmtree(base)
    return tap.end()


sys.exit(main())
