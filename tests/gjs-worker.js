// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: the cfut authors
//
// What the tests in JavaScript have as their workers.

import Cfut from 'gi://Cfut?version=1';
import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import System from 'system';

function sleep(msec) {
    return new Promise(resolve => {
        GLib.timeout_add(GLib.PRIORITY_DEFAULT, msec, () => {
            resolve();
            return GLib.SOURCE_REMOVE;
        });
    });
}

// An argument makes a worker that begins to run only after it has awaited something.
if (ARGV.includes('late'))
    await sleep(1);

const worker = new Cfut.Worker();

worker.register('multiply', (task, a, b) => a * b);
worker.register('echo', (task, value) => value);
worker.register('types', (task, ...args) => args.map(arg => arg?.constructor?.name ?? `${arg}`));
worker.register('own-result', task => task.set_result_variant(new GLib.Variant('(is)', [1, 'one'])));
worker.register('later', async (task, msec) => {
    await sleep(msec);
    return 'later';
});
worker.register('later-fails', async () => {
    await sleep(1);
    throw new SyntaxError('a late one');
});
worker.register('fail', (task, message) => {
    throw new RangeError(message);
});
worker.register('fail-with-gerror', () => {
    throw new GLib.Error(Gio.IOErrorEnum, Gio.IOErrorEnum.NOT_FOUND, 'not there');
});
worker.register('fail-with-text', () => {
    throw 'text';  // eslint-disable-line no-throw-literal
});
worker.register('no-form', () => new Date());
worker.register('nothing', () => {});
worker.register('object', () => new Gio.ListStore());
worker.register('function', () => () => 1);
worker.register('symbol', () => Symbol('x'));
worker.register('huge', () => 2n ** 70n);
worker.register('zero', () => 'a\0b');
worker.register('rejects', () => Promise.reject(new RangeError('rejected')));
worker.register('rejects-with-nothing', () => Promise.reject());
worker.register('throws-nothing', () => {
    throw undefined;  // eslint-disable-line no-throw-literal
});
worker.register('bad-promise', () => ({
    then() {
        throw new EvalError('in then');
    },
}));
worker.register('set-and-throw', task => {
    task.set_result(1);
    throw new RangeError('after it');
});
worker.register('never', task => {
    task.set_message('waiting');
    return new Promise(() => {});
});
worker.register('recursive', function recursive() {
    return recursive();
});
worker.register('spin', task => {
    task.set_message('spinning');
    for (;;)
        task.checkpoint();
});
worker.register('progress', task => {
    for (let i = 0; i <= 10; i++)
        task.set_progress(i, 10);
});
worker.register('exit', () => System.exit(3));
worker.register('count', (task, key) => worker.get_shared('counts').add(key, 1));
worker.register('memory', () => {
    const [, status] = GLib.file_get_contents('/proc/self/status');
    return Number(/VmRSS:\s+(\d+)/.exec(new TextDecoder().decode(status))[1]);
});
worker.run();
