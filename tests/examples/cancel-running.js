// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: the cfut authors
//
// Stopping what runs: a future's cancel reaches whoever works for it through the promise's cancellable.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Cfut from 'gi://Cfut?version=1';

Gio._promisify(Gio.SocketListener.prototype, 'accept_async', 'accept_finish');

// Waits for somebody to connect, and nobody will.
function acceptConnection() {
    return Cfut.Future.from_async(async promise => {
        const listener = new Gio.SocketListener();
        listener.add_any_inet_port(null);
        const [connection] = await listener.accept_async(promise.get_cancellable());
        return connection;
    });
}

const group = new Cfut.Group();
const futures = ['front', 'back'].map(name => {
    const future = acceptConnection();
    future.set_name(`${name} door`);
    group.add(future);
    return future;
});

// A button of a user interface would do that.
GLib.timeout_add(GLib.PRIORITY_DEFAULT, 10, () => {
    print('closing');
    group.cancel();
    return GLib.SOURCE_REMOVE;
});

for (const future of futures) {
    try {
        await future;
    } catch (error) {
        print(`${future.dup_name()}: ${error.matches(Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED)
            ? 'has stopped' : error.message}`);
    }
}
print(`${group.get_n_cancelled()} cancelled`);
