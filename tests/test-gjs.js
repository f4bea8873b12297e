// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: the cfut authors
//
// The library as JavaScript sees it, through the typelib alone: test-gjs-override.js has the rest.
// Speaks TAP. Functions of the language cannot run on other threads, so the futures here are those
// of promises.

import Cfut from 'gi://Cfut?version=1';
import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import System from 'system';

import {check, runLoopUntil, runProgram, runTests} from './gjs_harness.js';

const tests = {
    'a promise resolves its future'() {
        const promise = new Cfut.Promise();
        const future = promise.get_future();
        check(future.get_state() === Cfut.State.PENDING, 'pending');
        check(promise.resolve_string('done'), 'settled');
        check(!promise.resolve_string('again'), 'settled once');
        check(future.result_string(0) === 'done', 'the result');
        check(future.result(0) === 'done', 'the result, unboxed');
    },

    'signals and callbacks come from the main loop in their order'() {
        const promise = new Cfut.Promise();
        const future = promise.get_future();
        const order = [];
        future.connect('notify::state', () => order.push('state'));
        future.connect('done', () => order.push('done'));
        future.add_done_callback(Cfut.CallbackFlags.DEFAULT, settled => {
            check(settled === future, 'the future itself');
            order.push('callback');
        });
        promise.resolve_int64(7);
        check(order.length === 0, 'nothing is called before the loop runs');
        runLoopUntil(() => order.includes('callback'));
        check(order.join() === 'state,done,callback', `the order was ${order}`);
    },

    'a failure is thrown with its domain and code'() {
        const promise = new Cfut.Promise();
        promise.reject(new GLib.Error(Gio.IOErrorEnum, Gio.IOErrorEnum.NOT_FOUND, 'lost'));
        let caught = null;
        try {
            promise.get_future().result(0);
        } catch (error) {
            caught = error;
        }
        check(caught !== null, 'something was thrown');
        check(caught.matches(Gio.IOErrorEnum, Gio.IOErrorEnum.NOT_FOUND), `${caught}`);
    },

    'a wait can be awaited'() {
        Gio._promisify(Cfut.Future.prototype, 'wait_async', 'wait_finish');
        const promise = new Cfut.Promise();
        let result = null;
        (async () => {
            const future = promise.get_future();
            await future.wait_async(-1, null);
            result = future.result_int64(0);
        })().catch(error => {
            result = error;
        });
        promise.resolve_int64(42);
        runLoopUntil(() => result !== null);
        check(result === 42, `the result was ${result}`);
    },

    'a future can be returned by an asynchronous function'() {
        const promise = new Cfut.Promise();
        let returned = null;
        (async () => promise.get_future())().then(future => {
            returned = future;
        });
        runLoopUntil(() => returned !== null);
        check(returned === promise.get_future(), 'it is not taken for a thenable');
    },

    'a function for another thread is refused'() {
        const [status, output, log] = runProgram(`
            import Cfut from 'gi://Cfut?version=1';
            const executor = new Cfut.ThreadExecutor({max_workers: 1});
            const never = () => print('called');
            executor.register('never', never);
            const futures = [executor.call(null, 'never', null), executor.map_range(null, 0, 9, 1, never)];
            for (let i = 0; i < 500; i++)
                futures.push(executor.submit(never));
            for (const future of futures) {
                try {
                    future.result(-1);
                } catch (error) {
                    if (!error.message.includes('another thread'))
                        print(error);
                }
            }
            executor.shutdown(Cfut.ShutdownFlags.WAIT, -1);
        `);
        check(status === 0 && output === '' && log === '', `${status} ${output} ${log}`);
    },

    'a group counts what settles'() {
        const group = new Cfut.Group();
        const promises = [1, 2, 3].map(() => new Cfut.Promise());
        promises.forEach(promise => group.add(promise.get_future()));
        promises[0].resolve_int64(1);
        promises[1].reject(new GLib.Error(Gio.IOErrorEnum, Gio.IOErrorEnum.FAILED, 'no'));
        promises[2].get_future().cancel();
        runLoopUntil(() => Number(group.n_done) === 3);
        check(Number(group.n_failed) === 1, `failed: ${group.n_failed}`);
        check(group.get_n_items() === 3, 'it is a list of three');
    },

    'a shared dict'() {
        const shared = new Cfut.SharedDict();
        check(shared.lookup('none') === null, 'there is nothing at first');
        check(shared.set('list', new GLib.Variant('as', ['one', 'two'])), 'it was set');
        check(shared.lookup('list').deepUnpack().join() === 'one,two', 'it was looked up');
        check(shared.contains('list') && !shared.contains('none'), 'it contains what was set');
        check(shared.add('count', 5) === 5 && shared.add('count', -1) === 4, 'it adds');
        check(shared.dup_keys().sort().join() === 'count,list', `keys: ${shared.dup_keys()}`);
        check(shared.get_length() === 2, `length: ${shared.get_length()}`);
        check(shared.remove('list') && !shared.remove('list'), 'it removes once');
        check(shared.compare_and_set('state', null, new GLib.Variant('s', 'new')), 'none, then new');
        check(!shared.compare_and_set('state', new GLib.Variant('s', 'old'), null), 'new is not old');
        check(shared.compare_and_set('state', new GLib.Variant('s', 'new'), null), 'new, then none');
    },

    'a shared dict refuses with an error'() {
        const shared = new Cfut.SharedDict();
        shared.set('text', new GLib.Variant('s', ''));
        let caught = null;
        try {
            shared.add('text', 1);
        } catch (error) {
            caught = error;
        }
        check(caught !== null && caught.matches(Gio.IOErrorEnum, Gio.IOErrorEnum.INVALID_DATA),
            `${caught}`);
    },

    'a shared dict tells of changes'() {
        const shared = new Cfut.SharedDict();
        const keys = [];
        shared.connect('changed', (_shared, key) => keys.push(key));
        for (let i = 0; i < 100; i++) {
            shared.add('one', 1);
            shared.add('two', 1);
        }
        runLoopUntil(() => keys.length > 1);
        check(keys.join() === 'one,two', `told of ${keys}`);
    },

    'a dropped promise rejects its future'() {
        let promise = new Cfut.Promise();
        const future = promise.get_future();
        promise = null;
        System.gc();
        runLoopUntil(() => {
            System.gc();
            return future.is_settled();
        });
        check(future.dup_error().matches(Cfut.FutureError, Cfut.FutureError.ABANDONED),
            'abandoned');
    },
};

runTests(tests);
