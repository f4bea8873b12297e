#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
#
# usage: test-window-fps.py PROGRAM
# The window goes on painting while 100,000 files are hashed.
# Guarantee 4: a flood never freezes the UI. CFUT_TEST_FILES: another number of files.

import os
import shutil
import sys
import tempfile

from window_driver import Tap, Timeout, Window, wait_for

N_FILES = int(os.environ.get('CFUT_TEST_FILES', 100000))
FILES_PER_FOLDER = 1000
FRAMES_PER_SECOND = 55

tap = Tap()


def make_files(folder, n):
    for i in range(n):
        if i % FILES_PER_FOLDER == 0:
            part = os.path.join(folder, '%04d' % (i // FILES_PER_FOLDER))
            os.mkdir(part)
        with open(os.path.join(part, '%d' % i), 'wb') as f:
            f.write(b'%d\n' % i * 8)


def read_figures(filename):
    if not os.path.exists(filename):
        return None
    with open(filename) as f:
        return {key: float(value) for key, value in (line.split('=') for line in f)}


def main():
    # In memory where that can be: a disk still busy with writing the files is not the window's doing.
    memory = '/dev/shm' if os.access('/dev/shm', os.W_OK) else None
    base = tempfile.mkdtemp(prefix='cfut-fps-', dir=memory)
    folder, figures_file = os.path.join(base, 'files'), os.path.join(base, 'figures')
    try:
        os.mkdir(folder)
        make_files(folder, N_FILES)
        with Window(sys.argv[1], folder, CFUT_DEMO_FRAME_STATS=figures_file) as window:
            window.press('Start')
            # Only this file is looked at while it runs: questions over the bus would cost frames.
            figures = wait_for(lambda: read_figures(figures_file), 'the end of the run', 240)
            window.wait_for_status('files hashed')
            tap.ok('{:,}'.format(N_FILES).replace(',', '') in window.status().replace(',', ''),
                   'all files are hashed', window.status())
        rate = figures['frames'] * 1000 / figures['milliseconds']
        tap.ok(rate >= FRAMES_PER_SECOND, 'at least %d frames a second' % FRAMES_PER_SECOND,
               '%d files, %d frames in %d ms: %.1f a second; longest gap %.1f ms' %
               (N_FILES, figures['frames'], figures['milliseconds'], rate,
                figures['longest-gap-milliseconds']))
    except Timeout as error:
        tap.ok(False, str(error))
    finally:
        shutil.rmtree(base)
    return tap.end()


sys.exit(main())
