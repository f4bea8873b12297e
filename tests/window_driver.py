# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
#
# Starts the window's program and works it as a screen reader or a keyboard does, through AT-SPI.
# Nothing here sleeps for a while and hopes: whatever is waited for is looked at until it is
# there, and the time limit is only what turns a hang into a failure.

import os
import subprocess
import sys
import tempfile

import gi

gi.require_version('Atspi', '2.0')
from gi.repository import Atspi, GLib

LIMIT_SECONDS = 60
LOOK_MSEC = 10

# What the keyboard or a pointer works, and what tells something that a label does not.
CONTROLS = {
    Atspi.Role.PUSH_BUTTON, Atspi.Role.TOGGLE_BUTTON, Atspi.Role.CHECK_BOX, Atspi.Role.COMBO_BOX,
    Atspi.Role.SPIN_BUTTON, Atspi.Role.ENTRY, Atspi.Role.TEXT, Atspi.Role.SLIDER,
    Atspi.Role.PROGRESS_BAR, Atspi.Role.LIST, Atspi.Role.LIST_ITEM, Atspi.Role.MENU_ITEM,
    Atspi.Role.LINK, Atspi.Role.FRAME,
}


class Tap:
    """Counts and prints; the plan comes last."""

    def __init__(self):
        self.n = 0
        self.n_failed = 0

    def ok(self, good, name, *notes):
        self.n += 1
        if not good:
            self.n_failed += 1
        print('%s %d - %s' % ('ok' if good else 'not ok', self.n, name))
        for note in notes:
            self.note(note)
        sys.stdout.flush()
        return good

    def note(self, text):
        for line in str(text).splitlines():
            print('# ' + line)
        sys.stdout.flush()

    def end(self):
        print('1..%d' % self.n)
        return 1 if self.n_failed > 0 else 0


class Timeout(Exception):
    pass


def wait_for(look, what, seconds=LIMIT_SECONDS):
    """Runs the main loop until look() gives something true, which is returned."""
    loop = GLib.MainLoop()
    found, failures = [], []
    deadline = GLib.get_monotonic_time() + seconds * 1000000

    def again():
        try:
            value = look()
        except GLib.Error:
            # A widget that goes away while it is asked.
            value = None
        except Exception as error:
            # Nobody catches it in a callback; it is raised again below.
            failures.append(error)
            value = None
        if value:
            found.append(value)
        if value or failures or GLib.get_monotonic_time() > deadline:
            loop.quit()
            return GLib.SOURCE_REMOVE
        return GLib.SOURCE_CONTINUE

    GLib.timeout_add(LOOK_MSEC, again)
    loop.run()
    if failures:
        raise failures[0]
    if not found:
        raise Timeout('waited in vain for: ' + what)
    return found[0]


# Nothing is looked for in these, and there are many of them.
LEAVES = {Atspi.Role.LABEL, Atspi.Role.STATUS_BAR, Atspi.Role.LIST_ITEM, Atspi.Role.SCROLL_BAR}


def walk(node, leaves=LEAVES):
    yield node
    if node.get_role() in leaves:
        return
    for i in range(node.get_child_count()):
        child = node.get_child_at_index(i)
        if child is not None:
            yield from walk(child, leaves)


class Window:
    """The program, running; used in a with statement, which ends it."""

    def __init__(self, program, *arguments, **environment):
        self.log = tempfile.TemporaryFile()
        environment = {**os.environ, 'G_DEBUG': 'fatal-criticals', **environment}
        self.process = subprocess.Popen([program, *arguments], stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log, env=environment)
        self.desktop = Atspi.get_desktop(0)
        # What is cached here may be older than what is there.
        self.desktop.set_cache_mask(Atspi.Cache.NONE)
        try:
            self.frame = wait_for(self.find_frame, 'the window')
        except Exception:
            self.end()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.end()

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait()
        self.log.close()

    def frames(self):
        """The window, and the dialogs it has opened."""
        if self.process.poll() is not None:
            raise Timeout('the program ended: ' + self.read_log())
        for i in range(self.desktop.get_child_count()):
            application = self.desktop.get_child_at_index(i)
            if application is not None and application.get_process_id() == self.process.pid:
                return [application.get_child_at_index(k)
                        for k in range(application.get_child_count())]
        return []

    def find_frame(self):
        frames = self.frames()
        return frames[0] if frames else None

    def read_log(self):
        self.log.seek(0)
        return self.log.read().decode(errors='replace')

    # Finding

    def find_all(self, role, start=None):
        return [node for node in walk(start or self.frame) if node.get_role() == role]

    def find(self, role, name, start=None):
        """@name: the beginning of the accessible name, or a function that judges it."""
        fits = name if callable(name) else lambda text: text.startswith(name)
        for node in walk(start or self.frame):
            if node.get_role() == role and fits(node.get_name() or ''):
                return node
        return None

    def button(self, name):
        return self.find(Atspi.Role.PUSH_BUTTON, name) or self.find(Atspi.Role.TOGGLE_BUTTON, name)

    def label(self, name):
        return self.find(Atspi.Role.LABEL, name)

    def find_status(self):
        return self.find(Atspi.Role.STATUS_BAR, lambda text: True)

    def status(self):
        node = self.find_status()
        return node.get_name() if node is not None else ''

    def rows(self):
        """The names of the rows that exist: those which are seen, and some around them."""
        files = self.find(Atspi.Role.LIST, lambda text: not text.startswith('Gtk'))
        return [] if files is None else [node.get_name() for node in
                                         self.find_all(Atspi.Role.LIST_ITEM, files)]

    def progress(self):
        return self.find(Atspi.Role.PROGRESS_BAR, lambda text: True, self.frame)

    # Doing

    def wait_for_button(self, name):
        return wait_for(lambda: self.button(name), 'the button ' + name)

    def wait_for_status(self, text):
        return wait_for(lambda: text in self.status(), 'the status “%s”' % text)

    def press(self, name):
        button = wait_for(lambda: self.sensitive_button(name), 'the button %s, sensitive' % name)
        button.do_action(0)

    def sensitive_button(self, name):
        button = self.button(name)
        if button is not None and button.get_state_set().contains(Atspi.StateType.SENSITIVE):
            return button
        return None

    def act(self, action):
        """One of the window's actions, by name, as its menu does it."""
        def look():
            for i in range(self.frame.get_n_actions()):
                if self.frame.get_action_name(i) == action:
                    return self.frame.do_action(i)
            return False
        wait_for(look, 'the action ' + action)

    def focused(self, start=None):
        for node in walk(start or self.frame):
            if node.get_state_set().contains(Atspi.StateType.FOCUSED):
                return node
        return None

    def has_focus(self, name):
        node = self.focused()
        return node is not None and node.get_name() == name

    def key(self, keyval):
        Atspi.generate_keyboard_event(keyval, None, Atspi.KeySynthType.SYM)

    # Judging

    def nameless(self):
        """Controls without a name of their own: GTK then gives them that of their class."""
        bad = []
        for node in walk(self.frame, set()):
            name = (node.get_name() or '').strip()
            named = name and not name.startswith(('Gtk', 'Adw', 'Demo'))
            if node.get_role() in CONTROLS and not named:
                bad.append('%s “%s”' % (node.get_role_name(), name))
        return bad

    def screenshot(self, filename):
        """A picture of the screen where the window is: there is no other one."""
        subprocess.run(['import', '-window', 'root', filename], check=True)
