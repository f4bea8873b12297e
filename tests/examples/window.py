# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""A window with a progress bar and a button that cancels: what the pool does never holds it up."""

import hashlib
import sys

import gi

gi.require_version('Cfut', '1')
gi.require_version('Gtk', '4.0')
from gi.repository import Cfut, GObject, Gtk

N_PARTS = int(sys.argv[1]) if len(sys.argv) > 1 else 200
pool = Cfut.ThreadExecutor(max_workers=2)


def work(task, part):
    """Runs on a thread of the pool: touches no widget."""
    task.checkpoint()  # raises an exception when it is cancelled
    hashlib.pbkdf2_hmac('sha256', b'secret', b'%d' % part, 20000)
    return True


def on_activate(app):
    bar = Gtk.ProgressBar(show_text=True)
    label = Gtk.Label(label='Ready')
    button = Gtk.Button(label='Start')
    box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=12,
                  margin_top=24, margin_bottom=24, margin_start=24, margin_end=24)
    group = None

    def on_all_done(done):
        label.set_label('Cancelled' if done.get_n_cancelled() else 'Done')
        button.set_label('Start')

    def on_clicked(_button):
        nonlocal group
        if button.get_label() == 'Cancel':
            return group.cancel()
        group = Cfut.Group()
        group.bind_property('fraction', bar, 'fraction', GObject.BindingFlags.SYNC_CREATE)
        group.connect('all-done', on_all_done)
        group.bind(window)  # closing the window cancels what is left
        for part in range(N_PARTS):
            group.add(pool.submit(work, part))
        label.set_label('Working')
        button.set_label('Cancel')

    button.connect('clicked', on_clicked)
    for widget in (label, bar, button):
        box.append(widget)
    window = Gtk.ApplicationWindow(application=app, title='Progress', default_width=360, child=box)
    window.present()


application = Gtk.Application(application_id='io.github.cfut.Window')
application.connect('activate', on_activate)
sys.exit(application.run())
