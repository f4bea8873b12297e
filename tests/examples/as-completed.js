// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: the cfut authors
//
// Results in the order in which they come, with a count. JavaScript's functions run on one thread alone, so the futures
// here are those of asynchronous functions, which GIO does the work for.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Cfut from 'gi://Cfut?version=1';

Gio._promisify(Gio.File.prototype, 'load_contents_async', 'load_contents_finish');

// Counts the lines of a file.
function countLines(path) {
    return Cfut.Future.from_async(async promise => {
        const file = Gio.File.new_for_path(path);
        const [contents] = await file.load_contents_async(promise.get_cancellable());
        return new TextDecoder().decode(contents).split('\n').length - 1;
    });
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
for await (const future of group) {
    const count = `[${++nSettled}/${group.get_n_items()}]`;
    try {
        print(`${count} ${future.dup_name()}: ${await future} lines`);
    } catch (error) {
        print(`${count} ${future.dup_name()}: ${error.matches(Gio.IOErrorEnum, Gio.IOErrorEnum.NOT_FOUND)
            ? 'there is no such file' : error.message}`);
    }
}
print(`${group.get_n_done()} done, ${group.get_n_failed()} of them failed`);

for (const size of sizes)
    Gio.File.new_for_path(GLib.build_filenamev([folder, `${size}.txt`])).delete(null);
Gio.File.new_for_path(folder).delete(null);
