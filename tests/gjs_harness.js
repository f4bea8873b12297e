// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: the cfut authors
//
// What the tests in JavaScript have in common. Speaks TAP.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import System from 'system';

// What has not come by then has failed.
const PATIENCE_SECONDS = 60;

export function check(condition, message) {
    if (!condition)
        throw new Error(message);
}

export function checkEqual(value, expected, message) {
    check(JSON.stringify(value) === JSON.stringify(expected),
        `${message}: ${JSON.stringify(value)} instead of ${JSON.stringify(expected)}`);
}

// Calls a function that has to throw, or to give a promise that fails, and gives what is thrown.
export async function thrownBy(func) {
    try {
        await func();
    } catch (error) {
        return error;
    }
    throw new Error('nothing was thrown');
}

export function runLoopUntil(condition) {
    const context = GLib.MainContext.default();
    let isLate = false;
    const guard = GLib.timeout_add_seconds(GLib.PRIORITY_DEFAULT, PATIENCE_SECONDS, () => {
        isLate = true;
        return GLib.SOURCE_CONTINUE;
    });
    while (!condition() && !isLate)
        context.iteration(true);
    GLib.source_remove(guard);
    check(!isLate, 'that did not come in time');
}

export const GJS = GLib.file_read_link('/proc/self/exe');

// Runs a program, given as its text, and gives [exit status, or minus a signal; stdout; stderr].
export function runProgram(text, ...args) {
    const [file, stream] = Gio.File.new_tmp('cfut-XXXXXX.js');
    stream.close(null);
    file.replace_contents(text, null, false, Gio.FileCreateFlags.NONE, null);

    const launcher = new Gio.SubprocessLauncher({
        flags: Gio.SubprocessFlags.STDOUT_PIPE | Gio.SubprocessFlags.STDERR_PIPE,
    });
    launcher.setenv('G_DEBUG', '', true);
    const process = launcher.spawnv([GJS, '-m', file.get_path(), ...args]);
    const guard = GLib.timeout_add_seconds(GLib.PRIORITY_DEFAULT, PATIENCE_SECONDS, () => {
        process.force_exit();
        return GLib.SOURCE_CONTINUE;
    });
    let output = null;
    process.communicate_utf8_async(null, null, (_process, result) => {
        output = process.communicate_utf8_finish(result);
    });
    const context = GLib.MainContext.default();
    while (output === null)
        context.iteration(true);
    GLib.source_remove(guard);
    file.delete(null);
    return [process.get_if_exited() ? process.get_exit_status() : -process.get_term_sig(), output[1], output[2]];
}

// Runs the main loop until an asynchronous function has ended.
function finish(promise) {
    let outcome = null;
    promise.then(() => {
        outcome = {};
    }, error => {
        outcome = {error};
    });
    runLoopUntil(() => outcome !== null);
    if ('error' in outcome)
        throw outcome.error;
}

export function runTests(tests) {
    let nRun = 0, nFailed = 0;

    print(`1..${Object.keys(tests).length}`);
    for (const [title, test] of Object.entries(tests)) {
        nRun++;
        try {
            finish(Promise.resolve(test()));
            print(`ok ${nRun} ${title}`);
        } catch (error) {
            nFailed++;
            print(`not ok ${nRun} ${title}`);
            print(`# ${error}\n${error.stack ?? ''}`.trim().replaceAll('\n', '\n#   '));
        }
    }
    System.exit(nFailed ? 1 : 0);
}
