// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: the cfut authors
//
// A window with a progress bar and a button that cancels. The work is JavaScript too, in other processes.

import Cfut from 'gi://Cfut?version=1';
import GObject from 'gi://GObject';
import Gtk from 'gi://Gtk?version=4.0';
import System from 'system';

if (Cfut.Worker.requested()) {
    const worker = new Cfut.Worker();
    worker.register('work', (task, part) => {
        for (let i = 0, sum = part; i < 1e6; i++)
            sum = (sum * 7 + i) % 1000003;
    });
    System.exit(worker.run());
}

const N_PARTS = Number(ARGV[0] ?? 200);
const pool = Cfut.ProcessExecutor.new_self(2);

function onActivate(application) {
    const bar = new Gtk.ProgressBar({show_text: true});
    const label = new Gtk.Label({label: 'Ready'});
    const button = new Gtk.Button({label: 'Start'});
    const box = new Gtk.Box({orientation: Gtk.Orientation.VERTICAL, spacing: 12,
        margin_top: 24, margin_bottom: 24, margin_start: 24, margin_end: 24});
    const window = new Gtk.ApplicationWindow({application, title: 'Progress', default_width: 360, child: box});
    let group = null;

    button.connect('clicked', () => {
        if (button.label === 'Cancel') {
            group.cancel();
            return;
        }
        group = new Cfut.Group();
        group.bind_property('fraction', bar, 'fraction', GObject.BindingFlags.SYNC_CREATE);
        group.connect('all-done', () => {
            label.label = group.get_n_cancelled() ? 'Cancelled' : 'Done';
            button.label = 'Start';
        });
        group.bind(window);  // closing the window cancels what is left
        for (let part = 0; part < N_PARTS; part++)
            pool.call({group}, 'work', [part]);
        label.label = 'Working';
        button.label = 'Cancel';
    });
    [label, bar, button].forEach(widget => box.append(widget));
    window.present();
}

const application = new Gtk.Application({application_id: 'io.github.cfut.Window'});
application.connect('activate', onActivate);
System.exit(application.run([]));
