// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: the cfut authors
//
// Callbacks on futures: they come from the main loop, in the order in which they were added.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Cfut from 'gi://Cfut?version=1';

const users = {1: 'Ada', 2: 'Grace'};

// Answers a little later, as a server would.
function lookUp(id) {
    const promise = new Cfut.Promise();

    GLib.idle_add(GLib.PRIORITY_DEFAULT, () => {
        if (id in users)
            promise.resolve_string(users[id]);
        else
            promise.reject(new GLib.Error(Gio.IOErrorEnum, Gio.IOErrorEnum.NOT_FOUND, `There is no user ${id}`));
        return GLib.SOURCE_REMOVE;
    });
    return promise.get_future();
}

// What a callback gets has settled, so that the result is there without waiting.
function greet(settled) {
    try {
        print(`Good morning, ${settled.result_string(0)}`);
    } catch (error) {
        print(`Nobody to greet: ${error.message}`);
    }
}

const loop = new GLib.MainLoop(null, false);
const ids = [1, 2, -3];
let nLeft = ids.length;

for (const id of ids) {
    const future = lookUp(id);

    future.add_done_callback(Cfut.CallbackFlags.DEFAULT, greet);
    future.add_done_callback(Cfut.CallbackFlags.DEFAULT, settled => {
        print(`  log: ${settled.get_state() === Cfut.State.RESOLVED ? 'resolved' : 'rejected'}`);
    });
    future.add_done_callback(Cfut.CallbackFlags.DEFAULT, () => {
        print(`  ${--nLeft} to go`);
        if (nLeft === 0)
            loop.quit();
    });
}

print('All are asked for');
loop.run();
