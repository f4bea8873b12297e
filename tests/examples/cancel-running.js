// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: the cfut authors
//
// Stopping what runs: a future's cancel reaches whoever works for it through the promise's cancellable.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Cfut from 'gi://Cfut?version=1';

Gio._promisify(Cfut.Future.prototype, 'wait_async', 'wait_finish');

// Waits for somebody to connect, and nobody will.
function acceptConnection() {
    const promise = new Cfut.Promise();
    const listener = new Gio.SocketListener();

    listener.add_any_inet_port(null);
    promise.set_running();
    listener.accept_async(promise.get_cancellable(), (source, result) => {
        try {
            promise.resolve_object(listener.accept_finish(result)[0]);
        } catch (error) {
            promise.reject(error);
        }
    });
    return promise.get_future();
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
    await future.wait_async(-1, null);
    const error = future.dup_error();
    print(`${future.dup_name()}: ${error?.matches(Gio.io_error_quark(), Gio.IOErrorEnum.CANCELLED)
        ? 'has stopped' : 'is still open'}`);
}
print(`${group.get_n_cancelled()} cancelled`);
