// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: the cfut authors
//
// The library as JavaScript has it with its override, worker processes in JavaScript among it.
// Speaks TAP.

import Cfut from 'gi://Cfut?version=1';
import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import GObject from 'gi://GObject';
import System from 'system';

import {GJS, check, checkEqual, runProgram, runTests, thrownBy} from './gjs_harness.js';

const WORKER = GLib.filename_from_uri(import.meta.url)[0].replace('test-gjs-override.js', 'gjs-worker.js');

function makePool(...args) {
    return new Cfut.ProcessExecutor({worker_argv: [GJS, '-m', WORKER, ...args], max_workers: 2});
}

function isCancelled(error) {
    return error.matches?.(Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED);
}

const pool = makePool();

const tests = {
    async 'a future can be awaited'() {
        const promise = new Cfut.Promise();
        promise.resolve_string('done');
        check(await promise.get_future() === 'done', 'its result');
        check(await promise.get_future() === 'done', 'once more');
    },

    async 'promises are made of futures'() {
        const promises = [1, 2, 3].map(() => new Cfut.Promise());
        const futures = promises.map(promise => promise.get_future());
        promises[2].resolve(3);
        check(await Promise.race(futures) === 3, 'race');
        promises[0].resolve(1);
        promises[1].resolve(2);
        checkEqual(await Promise.all(futures), [1, 2, 3], 'all');
        const outcomes = await Promise.allSettled([...futures, Cfut.Future.from_error(new Error('no'))]);
        checkEqual(outcomes.map(outcome => outcome.status),
            ['fulfilled', 'fulfilled', 'fulfilled', 'rejected'], 'allSettled');
        check(await futures[0].then(value => value + 1) === 2, 'then');
        check(await futures[0].finally(() => 5) === 1, 'finally');
        check(await Cfut.Future.from_error(new Error('no')).catch(error => error.message) === 'no', 'catch');
    },

    async 'a failure is thrown as it is'() {
        const promise = new Cfut.Promise();
        promise.reject(new GLib.Error(Gio.IOErrorEnum, Gio.IOErrorEnum.NOT_FOUND, 'lost'));
        const error = await thrownBy(() => promise.get_future());
        check(error.matches(Gio.IOErrorEnum, Gio.IOErrorEnum.NOT_FOUND), `${error}`);

        const own = new RangeError('far');
        check(await thrownBy(() => Cfut.Future.from_error(own)) === own, 'the object itself');
        check(Cfut.Future.from_error(own).dup_error().message === 'far', 'its message for others');

        const cancelled = new Cfut.Promise();
        cancelled.get_future().cancel();
        check(isCancelled(await thrownBy(() => cancelled.get_future())), 'cancelled');
    },

    async 'results become values of the language'() {
        const results = [
            [new GLib.Variant('(sa{sv})', ['x', {a: new GLib.Variant('i', 1)}]), ['x', {a: 1}]],
            [new GLib.Bytes([1, 2, 3]), new Uint8Array([1, 2, 3])],
            [[1, 2.5, 'x', null, true], [1, 2.5, 'x', null, true]],
            [{a: [1, 2], b: {c: []}}, {a: [1, 2], b: {c: []}}],
            [1.5, 1.5], [7, 7], [true, true], [null, null], [undefined, null],
        ];
        for (const [value, expected] of results)
            checkEqual(await Cfut.Future.from_value(value), expected, `of ${value}`);
        const object = new Gio.SimpleAction({name: 'itself'});
        check(await Cfut.Future.from_value(object) === object, 'objects are themselves');
        const value = new GObject.Value();
        value.init(GObject.TYPE_INT);
        value.set_int(5);
        check(await Cfut.Future.from_value(value) === 5, 'a GObject.Value is what it holds');
    },

    async 'an asynchronous function is a future'() {
        const future = Cfut.Future.from_async(async promise => {
            await pool.call('later', 1);
            promise.set_progress(1, 2);
            return 'over';
        });
        check(future.get_state() === Cfut.State.RUNNING, 'it runs');
        check(await future === 'over', 'its value');
        check(future.get_fraction() === 1, 'its progress');

        const own = new TypeError('wrong');
        check(await thrownBy(() => Cfut.Future.from_async(async () => {
            throw own;
        })) === own, 'what it throws');

        const connection = Cfut.Future.from_async(promise => new Promise((resolve, reject) => {
            const listener = new Gio.SocketListener();
            listener.add_any_inet_port(null);
            listener.accept_async(promise.get_cancellable(), (_source, result) => {
                try {
                    resolve(listener.accept_finish(result));
                } catch (error) {
                    reject(error);
                }
            });
        }));
        connection.cancel();
        check(isCancelled(await thrownBy(() => connection)), 'cancel reaches its cancellable');
        check(connection.get_state() === Cfut.State.CANCELLED, 'and it is cancelled');
    },

    async 'what follows a future may be a value, a promise or a future'() {
        const one = Cfut.Future.from_value(1);
        check(await one.chain(future => future.result(0) + 1) === 2, 'a value');
        check(await one.chain(async future => await future + 2) === 3, 'a promise');
        check(await one.chain(() => pool.call('echo', 4)) === 4, 'a future');
        check(await one.chain(() => {}) === null, 'nothing');
        const own = new TypeError('wrong');
        const failed = one.chain(() => {
            throw own;
        });
        check(await thrownBy(() => failed) === own, 'what is thrown');
        check(await failed.recover(future => future.dup_error().message) === 'wrong', 'recover');
        check(await failed.always(() => 5) === 5, 'always');
    },

    async 'what fails in what follows a future is thrown as it is'() {
        const own = new RangeError('far');
        const failures = {
            promise: () => Promise.reject(own),
            future: () => Cfut.Future.from_error(own),
            unsettled: () => Cfut.Future.from_async(async () => {
                await pool.call('echo', 1);
                throw own;
            }),
            nested: () => Cfut.Future.from_value(1).chain(() => Promise.reject(own)),
        };
        for (const [form, failure] of Object.entries(failures)) {
            check(await thrownBy(() => Cfut.Future.from_value(1).chain(failure)) === own, `chain, ${form}`);
            check(await thrownBy(() => Cfut.Future.from_error(new Error('x')).recover(failure)) === own,
                `recover, ${form}`);
            check(await thrownBy(() => Cfut.Future.from_value(1).always(failure)) === own, `always, ${form}`);
        }
        const nothing = await thrownBy(() => Cfut.Future.from_value(1).chain(() => Promise.reject()));
        check(nothing instanceof GLib.Error, `${nothing}`);

        const promise = new Cfut.Promise();
        const cancelled = Cfut.Future.from_value(1).chain(() => promise.get_future());
        await Cfut.Future.from_value(1).chain(() => {});
        cancelled.cancel();
        promise.reject(own);
        check(isCancelled(await thrownBy(() => cancelled)), 'what was cancelled is cancelled');
    },

    async 'a cancelled future is thrown as often as it is awaited'() {
        const future = pool.call('spin');
        future.cancel();
        for (let i = 0; i < 2; i++) {
            const error = await thrownBy(() => future);
            check(error instanceof Gio.IOErrorEnum && isCancelled(error), `${i}: ${error}`);
        }
    },

    async 'a future whose promise is collected fails'() {
        let promise = new Cfut.Promise();
        const future = promise.get_future();
        promise = null;
        System.gc();
        const error = await thrownBy(() => future);
        check(error.matches(Cfut.FutureError, Cfut.FutureError.ABANDONED), `${error}`);

        const failed = new Promise(resolve => new Cfut.Promise().get_future().catch(resolve));
        System.gc();
        check((await failed).matches(Cfut.FutureError, Cfut.FutureError.ABANDONED), 'also without another reference');
    },

    async 'a group is iterated as its futures settle'() {
        const group = new Cfut.Group();
        const promises = [1, 2, 3].map(() => new Cfut.Promise());
        promises.forEach(promise => group.add(promise.get_future()));
        GLib.idle_add(GLib.PRIORITY_DEFAULT, () => {
            promises[2].resolve(3);
            promises[0].resolve(1);
            promises[1].reject(new Error('two'));
            return GLib.SOURCE_REMOVE;
        });
        const seen = [];
        for await (const future of group) {
            check(future instanceof Cfut.Future && future.is_settled(), 'a settled future');
            seen.push(await future.then(value => value, error => error.message));
        }
        checkEqual(seen, [3, 1, 'two'], 'in the order in which they settled');
        for await (const future of new Cfut.Group())
            check(false, `${future} in an empty group`);
    },

    async 'a group is left early, and waited for with a limit'() {
        const group = new Cfut.Group();
        const promises = [1, 2].map(() => new Cfut.Promise());
        promises.forEach(promise => group.add(promise.get_future()));
        promises[1].resolve(2);
        for await (const future of group) {
            check(await future === 2, 'the first');
            break;
        }
        const error = await thrownBy(async () => {
            for await (const future of group.iterate(1000))
                check(false, `${future}`);
        });
        check(error.matches(Gio.IOErrorEnum, Gio.IOErrorEnum.TIMED_OUT), `${error}`);
        promises[0].resolve(1);
        check(await group.wait_async(Cfut.ReturnWhen.ALL_COMPLETED, -1, null), 'wait_async');
        for await (const future of group)
            check(await future === 1, 'the other');
    },

    async 'what a loop over a group throws leaves the rest'() {
        const group = new Cfut.Group();
        for (const n of [1, 2, 3])
            pool.call({group}, 'echo', [n]);
        const own = new Error('in the loop');
        check(await thrownBy(async () => {
            for await (const future of group)
                throw new Error(own.message, {cause: await future});
        }).then(error => error.message) === own.message, 'it is thrown');
        let nRest = 0;
        for await (const future of group)
            nRest += future.is_settled();
        check(nRest === 2, `${nRest} others`);
    },

    async 'to await the next of a group is refused'() {
        const group = new Cfut.Group();
        check((await thrownBy(() => group.next_async(-1, null))).message.includes('for await'), 'it says how');
        Gio._promisify(Cfut.Group.prototype, 'next_async', 'next_finish');
        check((await thrownBy(() => group.next_async(-1, null))).message.includes('for await'), 'also then');
        check(await new Promise(resolve => {
            group.next_async(-1, null, (_group, result) => resolve(group.next_finish(result)));
        }) === null, 'with a callback it works');
    },

    async 'functions are called in another process'() {
        check(await pool.call('multiply', 6, 7) === 42, 'values');
        check(await pool.call(null, 'multiply', [6, 7]) === 42, 'an array of values');
        check(await pool.call(null, 'multiply', new GLib.Variant('(ii)', [6, 7])) === 42, 'a variant');
        check(await pool.call({name: 'named', priority: -1}, 'multiply', [6, 7]) === 42, 'a request');
        check(pool.call({name: 'named'}, 'multiply', [1, 1]).dup_name() === 'named', 'its name');
        checkEqual(await pool.call('types', 1, 1.5, 'x', true, null, [1], {a: 1}, new Uint8Array([1])),
            ['Number', 'Number', 'String', 'Boolean', 'null', 'Array', 'Object', 'Uint8Array'], 'types');
        checkEqual(await pool.call('own-result'), [1, 'one'], 'a result that the function has set');
    },

    async 'values go there and back'() {
        const values = [
            0, -1, 2 ** 53 - 1, 1.5, 2 ** 60, 'text', '', 'Ünï©ode 🙂', true, false, null, [], {}, [[]], [[], [1]],
            [1, 'x', null, {a: [1, {b: 2.5}]}], {a: 1, b: 'x', c: null, d: {e: []}}, ['a', 'b'], [1, 2.5],
        ];
        for (const value of values)
            checkEqual(await pool.call('echo', value), value, 'there and back');
        for (const array of [new Uint8Array([0, 255]), new Uint8Array(3 << 20).fill(7).subarray(5)]) {
            const back = await pool.call('echo', array);
            check(back instanceof Uint8Array && back.length === array.length &&
                back.every((byte, i) => byte === array[i]), `${array.length} bytes`);
        }
        checkEqual(await pool.call('echo', new Float64Array([1.5, -2])), [1.5, -2], 'numbers of one type');
        check(Number.isNaN(await pool.call('echo', NaN)), 'NaN');
        check(await pool.call('echo', -Infinity) === -Infinity, '-Infinity');
    },

    async 'what has no form is refused before it is sent'() {
        const cycle = [];
        cycle.push(cycle);
        for (const value of [() => 1, Symbol('x'), new Date(), new Map(), 'a\0b', {a: [new Set()]}, cycle])
            check(await thrownBy(() => pool.call('echo', value)) instanceof Error, 'refused');
        check(await thrownBy(() => pool.call(null, 'echo', 5)) instanceof TypeError, 'no array');
        check((await thrownBy(() => pool.call('no-form'))).message.includes('Date'), 'as a result neither');
    },

    async 'what a worker throws arrives as what it was'() {
        const error = await thrownBy(() => pool.call('fail', 'too far'));
        check(error instanceof RangeError && error.message === 'too far', `${error}`);
        const gerror = await thrownBy(() => pool.call('fail-with-gerror'));
        check(gerror.matches(Gio.IOErrorEnum, Gio.IOErrorEnum.NOT_FOUND) && gerror.message === 'not there',
            `${gerror}`);
        const late = await thrownBy(() => pool.call('later-fails'));
        check(late instanceof SyntaxError && late.message === 'a late one', `${late}`);
        check((await thrownBy(() => pool.call('fail-with-text'))).message.includes('text'), 'what is no error');
        const unknown = await thrownBy(() => pool.call('nobody'));
        check(unknown.matches(Cfut.FutureError, Cfut.FutureError.UNKNOWN_FUNCTION), `${unknown}`);
    },

    async 'whatever a worker gives or throws is an outcome'() {
        check(await pool.call('nothing') === null, 'nothing');
        for (const [name, words] of Object.entries({
            object: 'GListStore', function: 'no form', symbol: 'no form', huge: 'range', zero: 'zero character',
            rejects: 'rejected', 'rejects-with-nothing': 'undefined', 'throws-nothing': 'undefined',
            'bad-promise': 'in then', 'set-and-throw': 'after it', recursive: 'recursion',
        })) {
            const error = await thrownBy(() => pool.call(name));
            check(error.message?.includes(words), `${name}: ${error}`);
        }
        check(await thrownBy(() => pool.call('rejects')) instanceof RangeError, 'as what it was');
        check(await pool.call('echo', 1) === 1, 'and the workers go on');
    },

    async 'a function that never ends is stopped'() {
        const late = await thrownBy(() => pool.call({run_deadline_usec: 10000}, 'never', []));
        check(late.matches(Cfut.FutureError, Cfut.FutureError.DEADLINE), `${late}`);
        const future = pool.call('never');
        future.connect('notify::message', () => future.cancel());
        check(isCancelled(await thrownBy(() => future)), 'when it is cancelled');
        check(await pool.call('echo', 1) === 1, 'and another worker takes its place');
    },

    async 'a worker that dies fails the call it ran'() {
        const error = await thrownBy(() => pool.call('exit'));
        check(error.matches(Cfut.FutureError, Cfut.FutureError.WORKER_DIED), `${error}`);
        check(await pool.call('echo', 1) === 1, 'and the next one is run');
    },

    async 'an asynchronous function runs in a worker'() {
        checkEqual(await Promise.all([pool.call('later', 20), pool.call('later', 1)]), ['later', 'later'], 'both');
        const late = makePool('late');
        check(await late.call('multiply', 2, 3) === 6, 'others run in a worker that begins late');
        check((await thrownBy(() => late.call('later', 1))).message.includes('await'), 'it does not, and is told why');
    },

    async 'running calls are cancelled, and have deadlines'() {
        const future = pool.call('spin');
        future.connect('notify::message', () => future.cancel());
        check(isCancelled(await thrownBy(() => future)), 'cancelled');
        check(future.get_state() === Cfut.State.CANCELLED, 'its state');
        const late = await thrownBy(() => pool.call({run_deadline_usec: 10000}, 'spin', []));
        check(late.matches(Cfut.FutureError, Cfut.FutureError.DEADLINE), `${late}`);
        const cancellable = new Gio.Cancellable();
        const other = pool.call({cancellable}, 'spin', []);
        cancellable.cancel();
        check(isCancelled(await thrownBy(() => other)), 'by a cancellable');
    },

    async 'a worker tells its progress'() {
        const future = pool.call('progress');
        await future;
        check(future.get_fraction() === 1, `${future.get_fraction()}`);
    },

    async 'many calls come in their order'() {
        const results = [];
        for await (const future of pool.map_call(null, 'multiply', [[1, 2], [3, 4], [5, 6]]))
            results.push(await future);
        checkEqual(results, [2, 12, 30], 'products');
        const mixed = [];
        for await (const future of pool.map_call({name: 'echo'}, 'echo', [[1], ['x'], [null], [[2, 3]]], 2))
            mixed.push(await future);
        checkEqual(mixed, [1, 'x', null, [2, 3]], 'of different types');
        check(await thrownBy(() => pool.map_call(null, 'echo', 'text')) instanceof TypeError, 'no array');
    },

    async 'workers and the application share a dict'() {
        const counts = new Cfut.SharedDict();
        pool.share('counts', counts);
        await Promise.all([1, 2, 3, 4].map(() => pool.call('count', 'calls')));
        check(counts.get('calls') === 4, `${counts.get('calls')}`);
        counts.set('list', [1, {a: 'b'}]);
        checkEqual(counts.get('list'), [1, {a: 'b'}], 'values');
        check(counts.get('none') === null && counts.lookup('none') === null, 'nothing');
        check(counts.compare_and_set('none', null, 1) && !counts.compare_and_set('none', 2, 3) &&
            counts.compare_and_set('none', 1, null) && !counts.contains('none'), 'compare and set');
    },

    async 'commands are awaited'() {
        const result = await pool.run(['tr', 'a-z', 'A-Z'], 'hello');
        check(result.dup_stdout_text() === 'HELLO', result.dup_stdout_text());
        check((await pool.run(['cat'], new Uint8Array([104, 105]))).dup_stdout_text() === 'hi', 'bytes');
        const status = await pool.run(null, {any_exit_status: true, cwd: '/'}, ['sh', '-c', 'pwd; exit 3']);
        check(status.exit_status === 3 && status.dup_stdout_text() === '/\n', 'status and folder');
        const error = await thrownBy(() => pool.run(['sh', '-c', 'echo no such thing >&2; exit 4']));
        check(error.matches(GLib.spawn_exit_error_quark(), 4) && error.message.includes('no such thing'), `${error}`);

        const command = new Cfut.Command();
        const lines = [];
        command.set_line_func((task, stream, line) => lines.push([stream, line]));
        await pool.run(null, command, ['printf', 'one\ntwo\n']);
        checkEqual(lines, [[Cfut.CommandStream.STDOUT, 'one'], [Cfut.CommandStream.STDOUT, 'two']], 'lines');

        for (const args of [['ls'], [[]], [['']], [[5]], [null, null, []], [{}, {}, 'ls']]) {
            const refused = await thrownBy(() => pool.run(...args));
            check(refused instanceof TypeError && refused.message.includes('array of strings'), `${args}: ${refused}`);
        }

        const sleeper = pool.run(['sleep', '60']);
        sleeper.cancel();
        check(isCancelled(await thrownBy(() => sleeper)), 'cancelled');
    },

    async 'functions for other threads are refused'() {
        const executor = new Cfut.ThreadExecutor({max_workers: 1});
        const calls = {
            submit: () => executor.submit(() => true),
            submit_full: () => executor.submit_full(null, () => true),
            post: () => executor.post(() => true),
            register: () => executor.register('x', () => true),
            map: () => executor.map(null, 3, 0, () => true),
            map_array: () => executor.map_array(null, [], 0, () => true),
            map_model: () => executor.map_model(null, new Gio.ListStore(), 0, () => true),
            map_range: () => executor.map_range(null, 0, 3, 0, () => true),
            set_initializer: () => executor.set_initializer(() => true),
            submitToProcess: () => pool.submit(() => true),
        };
        for (const [name, call] of Object.entries(calls)) {
            const error = await thrownBy(call);
            check(error.matches(Gio.IOErrorEnum, Gio.IOErrorEnum.NOT_SUPPORTED) &&
                error.message.includes('Cfut.Worker'), `${name}: ${error}`);
        }
        const error = await thrownBy(() =>
            new Cfut.Promise().get_future().add_done_callback(Cfut.CallbackFlags.DIRECT, () => {}));
        check(error.message.includes('DEFAULT'), `${error}`);
    },

    async 'a table of functions in JavaScript never belongs to an executor'() {
        const executor = new Cfut.ThreadExecutor({max_workers: 1});
        const functions = new Cfut.Functions();
        functions.add('raw', () => true);
        await thrownBy(() => executor.set_functions(functions));
        await thrownBy(() => executor.set_functions(new Cfut.Worker().get_functions()));
        await thrownBy(() => executor.get_functions().add('raw', () => true));
        const shared = new Cfut.Functions();
        new Cfut.ThreadExecutor({max_workers: 1}).set_functions(shared);
        await thrownBy(() => shared.add('raw', () => true));
        await thrownBy(() => new Cfut.Worker().set_functions(shared));
    },

    'what callbacks throw is reported, and stops nothing'() {
        const [status, output, log] = runProgram(`
            import Cfut from 'gi://Cfut?version=1';
            import GLib from 'gi://GLib';
            const loop = new GLib.MainLoop(null, false);
            const promise = new Cfut.Promise();
            const future = promise.get_future();
            const command = new Cfut.Command();
            future.connect('done', () => {
                throw new Error('in done');
            });
            future.connect('notify::state', () => {
                throw new Error('in notify');
            });
            future.add_done_callback(Cfut.CallbackFlags.DEFAULT, () => {
                throw new TypeError('in callback');
            });
            future.add_done_callback(Cfut.CallbackFlags.DEFAULT, () => print('next callback'));
            command.set_line_func(() => {
                throw new Error('in line');
            });
            const group = new Cfut.Group();
            for (const signal of ['items-changed', 'future-done', 'all-done']) {
                group.connect(signal, () => {
                    throw new Error('in ' + signal);
                });
            }
            group.add(future);
            const dict = new Cfut.SharedDict();
            dict.connect('changed', () => {
                throw new Error('in changed');
            });
            dict.set('key', 1);
            promise.resolve(1);
            new Cfut.ProcessExecutor().run(null, command, ['echo', 'hi']).then(result => {
                print('command', result.exit_status);
                loop.quit();
            });
            loop.run();
        `);
        check(status === 0 && output === 'next callback\ncommand 0\n', `${status} ${output}`);
        const places = ['done', 'notify', 'callback', 'line', 'items-changed', 'future-done', 'all-done', 'changed'];
        for (const where of places)
            check(log.includes(`in ${where}`), `no word of ${where}: ${log}`);
    },

    'the loser of a race may be dropped, and fail'() {
        const [status, output, log] = runProgram(`
            import Cfut from 'gi://Cfut?version=1';
            import System from 'system';
            let winner = new Cfut.Promise(), loser = new Cfut.Promise(), dropped = new Cfut.Promise();
            const race = Promise.race([winner, loser, dropped].map(promise => promise.get_future()));
            winner.resolve(1);
            print(await race);
            loser.reject(new Error('late'));
            winner = loser = dropped = null;
            System.gc();
            await Cfut.Future.from_value(1).chain(() => {});
            System.gc();
            await Cfut.Future.from_value(1).chain(() => {});
        `);
        check(status === 0 && output === '1\n' && log === '', `${status} ${output} ${log}`);
    },

    'a failure that nobody has seen is reported'() {
        const [status, , log] = runProgram(`
            import Cfut from 'gi://Cfut?version=1';
            import System from 'system';
            (() => new Cfut.Promise().reject(new Error('unseen')))();
            (async () => await Cfut.Future.from_error(new Error('unhandled')))();
            await Cfut.Future.from_value(1).chain(() => {});
            System.gc();
            await Cfut.Future.from_value(1).chain(() => {});
        `);
        check(status === 0 && log.includes('unseen') && log.includes('Unhandled promise rejection'),
            `${status} ${log}`);
    },

    'without a main loop results are waited for'() {
        const [status, output, log] = runProgram(`
            import Cfut from 'gi://Cfut?version=1';
            import System from 'system';
            const pool = new Cfut.ProcessExecutor({worker_argv: ['${GJS}', '-m', '${WORKER}'], max_workers: 1});
            print(pool.call('multiply', 6, 7).result(-1));
            print(pool.call('echo', ['a', 'b']).result(-1).deepUnpack());
            const group = new Cfut.Group();
            pool.call({group}, 'echo', [5]);
            print(group.next(-1, null).result(0), group.next(-1, null));
            try {
                pool.call('fail', 'far').result(-1);
            } catch (error) {
                print(error);
            }
            System.exit(0);
        `);
        check(status === 0 && output === '42\na,b\n5 null\nRangeError: far\n', `${status} ${output} ${log}`);
    },

    'a program is its own worker'() {
        const [status, output, log] = runProgram(`
            import Cfut from 'gi://Cfut?version=1';
            import System from 'system';
            if (Cfut.Worker.requested()) {
                const worker = new Cfut.Worker();
                worker.register('arguments', () => ARGV.length);
                System.exit(worker.run());
            }
            const pool = Cfut.ProcessExecutor.new_self(1);
            print(ARGV.length, await pool.call('arguments'));
        `, 'one', 'two');
        check(status === 0 && output === '2 0\n', `${status} ${output} ${log}`);
    },

    async 'a worker with a syntax error is told'() {
        const [file, stream] = Gio.File.new_tmp('cfut-XXXXXX.js');
        stream.close(null);
        file.replace_contents('this is ( no program', null, false, Gio.FileCreateFlags.NONE, null);
        const broken = new Cfut.ProcessExecutor({worker_argv: [GJS, '-m', file.get_path()], max_workers: 1});
        const error = await thrownBy(() => broken.call('anything'));
        file.delete(null);
        check(error.matches(Cfut.FutureError, Cfut.FutureError.BROKEN) && error.message.includes('SyntaxError'),
            `${error}`);
    },

    'a program ends with work in flight'() {
        const started = `
            import Cfut from 'gi://Cfut?version=1';
            import System from 'system';
            const pool = new Cfut.ProcessExecutor({worker_argv: ['${GJS}', '-m', '${WORKER}'], max_workers: 2});
            await pool.call('echo', 1);
            for (let i = 0; i < 20; i++)
                pool.call('spin').add_done_callback(Cfut.CallbackFlags.DEFAULT, () => print('called'));
            const never = new Cfut.Promise();
            never.get_future().then(() => print('never'));
            Promise.race([pool.run(['sleep', '600']), never.get_future()]).then(() => print('never'));
            const group = new Cfut.Group();
            group.add(never.get_future());
            (async () => {
                for await (const future of group)
                    print(future);
            })();
        `;
        for (const [end, expected] of [['', 0], ['System.exit(7);', 7], ['throw new Error("end");', 1]]) {
            const [status, output, log] = runProgram(started + end);
            check(status === expected && output === '', `${end}: ${status} ${output} ${log}`);
        }
    },

    async 'final classes cannot be derived from'() {
        for (const name of Object.getOwnPropertyNames(Cfut)) {
            const base = Cfut[name];
            if (!base?.$gtype || !GObject.type_is_a(base.$gtype, GObject.Object.$gtype))
                continue;
            const derive = () => GObject.registerClass({GTypeName: `Own${name}`}, class extends base {});
            if (GObject.type_test_flags(base.$gtype, GObject.TypeFlags.FINAL)) {
                const error = await thrownBy(derive);
                check(error instanceof TypeError && error.message.includes(name), `${name}: ${error}`);
            } else {
                check(derive().$gtype.name === `Own${name}`, name);
            }
        }
    },

    async 'a future of a class of its own settles'() {
        const Own = GObject.registerClass(class OwnKind extends Cfut.Future {});
        for (const future of [new Own(), new Cfut.Task()]) {
            check(future.state === Cfut.State.PENDING && future.cancel(), 'it is cancelled');
            check(isCancelled(await thrownBy(() => future)), 'and says so');
        }
    },

    async 'an executor is shut down'() {
        check(await pool.shutdown_async(Cfut.ShutdownFlags.CANCEL_PENDING, -1, null), 'it ends');
        const error = await thrownBy(() => pool.call('echo', 1));
        check(error.matches(Cfut.FutureError, Cfut.FutureError.SHUT_DOWN), `${error}`);
    },
};

runTests(tests);
