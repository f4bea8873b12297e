#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""Works the window of a program that the documentation shows.

usage: docs_window.py STEP... -- PROGRAM [ARGUMENT...]

Steps: "see:TEXT" waits for a label or button that begins so, "press:TEXT" presses a button,
"progress" waits until the progress bar is neither empty nor full, "full" until it is full,
"picture:FILE" keeps a picture of the screen, where CFUT_TEST_OUTPUT names a folder for it; "close" closes
the window, after which the program has to end, and well.
"""

import os
import pathlib
import sys

import gi
gi.require_version('Atspi', '2.0')
from gi.repository import Atspi

from window_driver import LIMIT_SECONDS, Window, wait_for


def bar_value(window):
    bar = window.progress()
    return bar.get_current_value() if bar is not None else None


def do(window, step):
    kind, _, text = step.partition(':')
    if kind == 'see':
        wait_for(lambda: window.label(text) or window.button(text), 'the words ' + text)
    elif kind == 'press':
        window.press(text)
    elif kind == 'progress':
        wait_for(lambda: 0 < (bar_value(window) or 0) < 1, 'some progress')
    elif kind == 'full':
        wait_for(lambda: bar_value(window) == 1, 'a full bar')
    elif kind == 'picture':
        if os.environ.get('CFUT_TEST_OUTPUT'):
            window.screenshot(str(pathlib.Path(os.environ['CFUT_TEST_OUTPUT']) / text))
    elif kind == 'close':
        window.act('window.close')
    else:
        sys.exit('There is no step ' + step)


def main():
    end = sys.argv.index('--')
    Atspi.init()
    with Window(*sys.argv[end + 1:]) as window:
        for step in sys.argv[1:end]:
            do(window, step)
            if step == 'close':
                window.process.wait(LIMIT_SECONDS)
                if window.process.returncode != 0:
                    sys.exit('%sstatus: %d' % (window.read_log(), window.process.returncode))
        said = window.read_log()
    sys.exit(said or 0)


if __name__ == '__main__':
    main()
