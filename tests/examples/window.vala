/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * A window with a progress bar and a button that cancels: what the pool does never holds it up. */

public class Window : Gtk.ApplicationWindow {
    private Gtk.ProgressBar bar = new Gtk.ProgressBar () { show_text = true };
    private Gtk.Label label = new Gtk.Label ("Ready");
    private Gtk.Button button = new Gtk.Button.with_label ("Start");
    private Cfut.Executor pool = new Cfut.ThreadExecutor (2);
    private Cfut.Group group;
    private int n_parts;

    public Window (Gtk.Application app, int n_parts) {
        Object (application: app, title: "Progress", default_width: 360);
        this.n_parts = n_parts;
        child = new Gtk.Box (Gtk.Orientation.VERTICAL, 12) {
            margin_top = 24, margin_bottom = 24, margin_start = 24, margin_end = 24
        };
        foreach (var widget in new Gtk.Widget[] { label, bar, button })
            ((Gtk.Box) child).append (widget);
        button.clicked.connect (() => {
            if (button.label == "Start")
                start.begin ();
            else
                group.cancel ();
        });
    }

    /* Runs on the main loop, and goes on when everything has settled. */
    private async void start () {
        group = new Cfut.Group ();
        group.bind_property ("fraction", bar, "fraction", BindingFlags.SYNC_CREATE);
        group.bind (this);  // closing the window cancels what is left
        for (var part = 0; part < n_parts; part++) {
            group.add (pool.submit ((task) => {  // on a thread of the pool: touches no widget
                for (var i = 0; i < 100; i++) {
                    task.checkpoint ();  // throws when it is cancelled
                    Checksum.compute_for_data (ChecksumType.SHA256, new uint8[10000]);
                }
                return true;
            }));
        }
        label.label = "Working";
        button.label = "Cancel";
        try {
            yield group.wait_async (ALL_COMPLETED, -1, null);
        } catch (Error error) {  // there is no limit and no cancellable
        }
        label.label = group.get_n_cancelled () > 0 ? "Cancelled" : "Done";
        button.label = "Start";
    }
}

int main (string[] args) {
    var app = new Gtk.Application ("io.github.cfut.Window", ApplicationFlags.FLAGS_NONE);
    app.activate.connect (() => new Window (app, args.length > 1 ? int.parse (args[1]) : 200).present ());
    return app.run ();
}
