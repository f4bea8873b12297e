// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: the cfut authors
//
// Results in the order in which they come, with a count. JavaScript's functions run on one thread alone, so the futures
// here are those of promises that GIO's asynchronous calls settle.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Cfut from 'gi://Cfut?version=1';

Gio._promisify(Cfut.Group.prototype, 'next_async', 'next_finish');

// Counts the lines of a file.
function countLines(path) {
    const promise = new Cfut.Promise();
    const file = Gio.File.new_for_path(path);

    promise.set_running();
    file.load_contents_async(promise.get_cancellable(), (source, result) => {
        try {
            const [, contents] = file.load_contents_finish(result);
            const lines = new TextDecoder().decode(contents).split('\n');
            promise.resolve_int64(lines.length - 1);
        } catch (error) {
            promise.reject(error);
        }
    });
    return promise.get_future();
}

const folder = GLib.dir_make_tmp('cfut-XXXXXX');
const sizes = [40000, 10, 0, 1000];
const group = new Cfut.Group();

for (const size of sizes) {
    const path = GLib.build_filenamev([folder, `${size}.txt`]);
    GLib.file_set_contents(path, 'a line\n'.repeat(size));
    const future = countLines(path);
    future.set_name(`${size}.txt`);
    group.add(future);
}
const missing = countLines(GLib.build_filenamev([folder, 'missing.txt']));
missing.set_name('missing.txt');
group.add(missing);

let nSettled = 0;
let future;
while ((future = await group.next_async(-1, null)) !== null) {
    const count = `[${++nSettled}/${group.get_n_items()}]`;
    try {
        print(`${count} ${future.dup_name()}: ${future.result_int64(0)} lines`);
    } catch (error) {
        print(`${count} ${future.dup_name()}: ${error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.NOT_FOUND)
            ? 'there is no such file' : error.message}`);
    }
}
print(`${group.get_n_done()} done, ${group.get_n_failed()} of them failed`);

for (const size of sizes)
    Gio.File.new_for_path(GLib.build_filenamev([folder, `${size}.txt`])).delete(null);
Gio.File.new_for_path(folder).delete(null);
