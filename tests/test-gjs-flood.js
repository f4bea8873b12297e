// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: the cfut authors
//
// 100,000 futures in JavaScript, each with a handler, a callback and a value that is packed: memory
// stays flat, here and in a worker, and nothing is left. Run with G_DEBUG=fatal-criticals, which
// GJS ends with when something of its own is destroyed, or called, on another thread.
// Speaks TAP. CFUT_TEST_STEPS says how many futures.

import Cfut from 'gi://Cfut?version=1';
import GLib from 'gi://GLib';
import System from 'system';

import {GJS, check, runTests} from './gjs_harness.js';

const WORKER = GLib.filename_from_uri(import.meta.url)[0].replace('test-gjs-flood.js', 'gjs-worker.js');
const N_FUTURES = Number(GLib.getenv('CFUT_TEST_STEPS') ?? 100000);
const N_BATCH = 1000;
// Up to here everything that is there once has been made.
const N_WARM = N_FUTURES * 0.4;
// A leak of 200 bytes for each of the rest is found.
const MAX_GROWTH_KB = (N_FUTURES - N_WARM) * 200 / 1024;

function memoryKb() {
    System.gc();
    const [, status] = GLib.file_get_contents('/proc/self/status');
    return Number(/VmRSS:\s+(\d+)/.exec(new TextDecoder().decode(status))[1]);
}

// Futures, in batches, each of which has to have been delivered before the next one.
async function flood(makeFuture, measure) {
    let nCallbacks = 0, nHandlers = 0, sum = 0;
    let warm = null;

    for (let begin = 0; begin < N_FUTURES; begin += N_BATCH) {
        let last;
        for (let i = begin; i < begin + N_BATCH; i++) {
            last = makeFuture(i);
            last.add_done_callback(Cfut.CallbackFlags.DEFAULT, settled => {
                nCallbacks++;
                sum += settled.result(0);
            });
            last.connect('done', () => nHandlers++);
        }
        await last;
        // The worker takes calls back to front at times: the last is not always the last one.
        while (nCallbacks < begin + N_BATCH) {
            await new Promise(resolve => {
                GLib.timeout_add(GLib.PRIORITY_LOW, 1, () => {
                    resolve();
                    return GLib.SOURCE_REMOVE;
                });
            });
        }
        // By itself it comes when the main loop is idle for a while.
        if (begin % (10 * N_BATCH) === 0)
            System.gc();
        if (begin + N_BATCH === N_WARM)
            warm = await measure();
    }
    const end = await measure();
    print(`# ${warm.join(' and ')} KiB after ${N_WARM}, ${end.join(' and ')} KiB after ${N_FUTURES}`);
    end.forEach((size, i) => {
        check(size - warm[i] < MAX_GROWTH_KB, `memory grew from ${warm[i]} to ${size} KiB`);
    });
    check(nCallbacks === N_FUTURES && nHandlers === N_FUTURES, `${nCallbacks} and ${nHandlers}`);
    check(sum === N_FUTURES * (N_FUTURES - 1) / 2, `${sum}`);
    check(Cfut.debug_get_n_futures() === 0, `${Cfut.debug_get_n_futures()} futures are left`);
}

const tests = {
    async 'of promises'() {
        await flood(i => {
            const promise = new Cfut.Promise();
            promise.resolve(i);
            return promise.get_future();
        }, () => [memoryKb()]);
    },

    async 'of calls'() {
        const pool = new Cfut.ProcessExecutor({worker_argv: [GJS, '-m', WORKER], max_workers: 1});
        await flood(i => pool.call('echo', i), async () => [memoryKb(), await pool.call('memory')]);
        check(await pool.shutdown_async(Cfut.ShutdownFlags.DEFAULT, -1, null), 'it ends');
    },
};

runTests(tests);
