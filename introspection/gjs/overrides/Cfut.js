// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: the cfut authors
//
// What makes the library at home in JavaScript, on top of what the typelib says. GJS loads it with
// the namespace.
//
//   await future                        its result; what it failed with is thrown
//   for await (const future of group)   futures as they settle; of a map in their order
//   pool.call('name', 1, 'two', [3])    values become variants, and results values again
//   worker.register('name', func)       func(task, 1, 'two', [3]), whose value is the result
//
// Threads: JavaScript runs on one. Whatever would call a function of the language on another thread
//   is refused with an error: a submission of it, a DIRECT callback, an initializer.
// Invariants:
// 1. What the typelib offers is still there under its name and with its arguments: what is added
//    are other forms of them, and what was impossible is refused.
// 2. A table of functions that has one in JavaScript never belongs to an executor.
// 3. A promise of JavaScript is never resolved with a future, since it would wait for that. So the
//    asynchronous iterators are made by hand, and next_async has no form that can be awaited.

const {Gio, GLib, GObject} = imports.gi;
const System = imports.system;

// Where a future keeps what was thrown for it, with its stack. Elsewhere only the message is known.
const THROWN = Symbol('thrown');
// Those that were chained and settle like this future: what was thrown for it was thrown for them.
const FOLLOWERS = Symbol('followers');

// Numbers of one size in a row, which need no variant of their own each.
const TYPED_ARRAYS = new Map([
    [Uint8Array, 'ay'], [Int16Array, 'an'], [Uint16Array, 'aq'], [Int32Array, 'ai'],
    [Uint32Array, 'au'], [BigInt64Array, 'ax'], [BigUint64Array, 'at'], [Float64Array, 'ad'],
]);

const CALLS_PER_COLLECTION = 1000;

let Cfut;

function refuse(what, instead) {
    throw new Gio.IOErrorEnum({
        code: Gio.IOErrorEnum.NOT_SUPPORTED,
        message: `${what}: a JavaScript function cannot run on another thread. ${instead}`,
    });
}

// --- values ---

const MAPPED_FILE = '/proc/self/exe';

// How often this process has that file mapped.
function countMappings() {
    const [, maps] = GLib.file_get_contents('/proc/self/maps');
    const path = GLib.file_read_link(MAPPED_FILE);
    return new TextDecoder().decode(maps).split('\n').filter(line => line.endsWith(path)).length;
}

// How many of some mapped files stay so after everything that was made of them has been dropped.
function countKept(make) {
    const before = countMappings();
    for (let i = 0; i < 4; i++)
        make(GLib.MappedFile.new(MAPPED_FILE, false).get_bytes());
    System.gc();
    return countMappings() - before;
}

// GJS 1.74 keeps a reference too many on each variant that it makes, and so all the memory of it.
// Whether this GJS does is found out once.
function findLeak() {
    const type = new GLib.VariantType('ay');
    try {
        return countKept(bytes => bytes) === 0 &&
            countKept(bytes => GLib.Variant.new_from_bytes(type, bytes, true)) === 4;
    } catch {
        return false;
    }
}

let hasLeak = null;

// For every variant that is made here.
function own(variant) {
    hasLeak ??= findLeak();
    if (hasLeak)
        variant.unref();
    return variant;
}

function packBytes(type, bytes) {
    return own(GLib.Variant.new_from_bytes(new GLib.VariantType(type), bytes, true));
}

function packVariants(variants) {
    const type = new GLib.VariantType('v');
    return own(GLib.Variant.new_array(type, variants.map(item => own(GLib.Variant.new_variant(item)))));
}

function packArray(values) {
    const items = values.map(pack);
    const types = new Set(items.map(item => item.get_type_string()));
    return types.size === 1 ? own(GLib.Variant.new_array(null, items)) : packVariants(items);
}

function packProperties(object) {
    const entries = Object.entries(object).map(([key, value]) =>
        own(GLib.Variant.new_dict_entry(packString(key), own(GLib.Variant.new_variant(pack(value))))));
    return own(GLib.Variant.new_array(new GLib.VariantType('{sv}'), entries));
}

function packString(value) {
    if (value.includes('\0'))
        throw new TypeError('A string with a zero character has no form as a variant');
    return own(GLib.Variant.new_string(value));
}

function packObject(value) {
    if (value instanceof GLib.Variant)
        return value;
    if (value instanceof GLib.Bytes)
        return packBytes('ay', value);
    if (Array.isArray(value))
        return packArray(value);

    const type = TYPED_ARRAYS.get(value.constructor);
    if (type !== undefined)
        return packBytes(type, new GLib.Bytes(new Uint8Array(value.buffer, value.byteOffset, value.byteLength)));

    const prototype = Object.getPrototypeOf(value);
    if (prototype !== null && Object.getPrototypeOf(prototype) !== null)
        throw new TypeError(`An object of ${value.constructor.name} has no form as a variant`);
    return packProperties(value);
}

// Makes a variant of a value; one that is given stays as it is, at any depth.
function pack(value) {
    if (value === null || value === undefined)
        return own(GLib.Variant.new_maybe(new GLib.VariantType('v'), null));
    switch (typeof value) {
    case 'boolean':
        return own(GLib.Variant.new_boolean(value));
    case 'number':
        return own(Number.isSafeInteger(value) ? GLib.Variant.new_int64(value) : GLib.Variant.new_double(value));
    case 'bigint':
        return own(GLib.Variant.new_int64(value));
    case 'string':
        return packString(value);
    case 'object':
        return packObject(value);
    default:
        throw new TypeError(`A ${typeof value} has no form as a variant`);
    }
}

// What a function is called with: an array of values; nothing; a variant, taken as it is.
function packArguments(args) {
    if (args === null || args === undefined || args instanceof GLib.Variant)
        return args ?? null;
    if (!Array.isArray(args))
        throw new TypeError('The arguments of a call with a request are an array or a GLib.Variant');
    return own(GLib.Variant.new_tuple(args.map(pack)));
}

function unpack(value) {
    if (value instanceof GLib.Variant)
        return value.recursiveUnpack();
    if (value instanceof GLib.Bytes)
        return value.toArray();
    return value;
}

function unpackArguments(args) {
    const values = args.recursiveUnpack();
    return args.get_type().is_tuple() ? values : [values];
}

// Gives a value to a task or a promise, as the kind that comes next to it.
function setValue(target, setter, value) {
    const set = (kind, converted) => target[`${setter}_${kind}`](converted);
    switch (typeof value) {
    case 'boolean':
        return set('boolean', value);
    case 'number':
        return set(Number.isSafeInteger(value) ? 'int64' : 'double', value);
    case 'string':
        packString(value);
        return set('string', value);
    }
    if (value instanceof GLib.Bytes)
        return set('bytes', value);
    if (value instanceof Uint8Array)
        return set('bytes', new GLib.Bytes(value));
    if (value instanceof GObject.Object)
        return set('object', value);
    return set('variant', pack(value));
}

// An error of the language has no form of its own that could be given to the library.
function toGError(thrown) {
    if (thrown instanceof GLib.Error)
        return thrown;
    return new Gio.IOErrorEnum({code: Gio.IOErrorEnum.FAILED, message: `${thrown?.message ?? thrown}`});
}

// A set of properties may stand for an object that has no other use.
function toObject(type, value) {
    return value === null || value === undefined || value instanceof type ? value ?? null : new type(value);
}

// --- futures ---

// Called no later than the future is delivered.
function setThrown(future, error) {
    future[THROWN] = error;
    future[FOLLOWERS]?.splice(0).forEach(follower => setThrown(follower, error));
}

function follow(future, followed) {
    if (THROWN in followed)
        setThrown(future, followed[THROWN]);
    else if (!followed.is_settled())
        (followed[FOLLOWERS] ??= []).push(future);
    return followed;
}

// A future that was cancelled while it followed another one has not failed with what that was.
function failureOf(future, error) {
    return future.get_state() === Cfut.State.REJECTED ? future[THROWN] ?? error : error;
}

function promiseOf(future) {
    return new Promise((resolve, reject) => {
        future.wait_async(-1, null, (_future, result) => {
            try {
                future.wait_finish(result);
                resolve(unpack(future.result(0)));
            } catch (error) {
                reject(failureOf(future, error));
            }
        });
    });
}

function futureOf(value) {
    if (value instanceof Cfut.Future)
        return value;
    return typeof value?.then === 'function'
        ? Cfut.Future.from_async(() => value)
        : Cfut.Future.from_value(value);
}

// What follows a future in JavaScript may give a value or a promise as well as a future.
function overrideChain(name) {
    const original = Cfut.Future.prototype[name];

    Cfut.Future.prototype[name] = function (func) {
        const future = original.call(this, settled => {
            try {
                return follow(future, futureOf(func(settled)));
            } catch (error) {
                setThrown(future, error);
                throw error;
            }
        });
        return future;
    };
}

function overrideFuture() {
    const prototype = Cfut.Future.prototype;
    const {add_done_callback: addDoneCallback} = prototype;

    prototype.then = function (onResolved, onRejected) {
        return promiseOf(this).then(onResolved, onRejected);
    };
    prototype.catch = function (onRejected) {
        return promiseOf(this).catch(onRejected);
    };
    prototype.finally = function (onSettled) {
        return promiseOf(this).finally(onSettled);
    };
    prototype.add_done_callback = function (flags, callback) {
        if (flags & Cfut.CallbackFlags.DIRECT)
            refuse('Cfut.CallbackFlags.DIRECT', 'Use DEFAULT, which calls from the main loop.');
        addDoneCallback.call(this, flags, callback);
    };
    ['chain', 'recover', 'always'].forEach(overrideChain);
    Gio._promisify(prototype, 'wait_async', 'wait_finish');

    // An asynchronous function as a future: it is called at once with the Cfut.Promise that its
    // outcome goes to, which has a cancellable for GIO's calls and takes progress.
    Cfut.Future.from_async = function (func) {
        const promise = new Cfut.Promise();
        promise.set_running();
        (async () => func(promise))()
            .then(value => promise.resolve(value))
            .catch(error => promise.reject(error));
        return promise.get_future();
    };
    Cfut.Future.from_value = function (value) {
        const promise = new Cfut.Promise();
        promise.resolve(value);
        return promise.get_future();
    };
    Cfut.Future.from_error = function (error) {
        const promise = new Cfut.Promise();
        promise.reject(error);
        return promise.get_future();
    };
}

function overrideSetters() {
    for (const [prototype, setter] of [[Cfut.Promise.prototype, 'resolve'], [Cfut.Task.prototype, 'set_result']]) {
        const original = prototype[setter];

        prototype[setter] = function (value) {
            return value === null || value === undefined || value instanceof GObject.Value
                ? original.call(this, value ?? null)
                : setValue(this, setter, value);
        };
    }

    const {reject} = Cfut.Promise.prototype;
    Cfut.Promise.prototype.reject = function (error) {
        const isFirst = reject.call(this, toGError(error));
        if (isFirst)
            setThrown(this.get_future(), error);
        return isFirst;
    };
}

// --- groups and maps ---

// The one place where a future is handed on inside of something else, so that nobody waits for it.
function overrideNext(prototype) {
    const nextAsync = prototype.next_async;

    prototype.iterate = function (timeout_usec = -1, cancellable = null) {
        return {
            [Symbol.asyncIterator]() {
                return this;
            },
            next: () => new Promise((resolve, reject) => {
                nextAsync.call(this, timeout_usec, cancellable, (_source, result) => {
                    try {
                        const value = this.next_finish(result) ?? undefined;
                        resolve({value, done: value === undefined});
                    } catch (error) {
                        reject(error);
                    }
                });
            }),
        };
    };
    prototype[Symbol.asyncIterator] = function () {
        return this.iterate();
    };
    prototype.next_async = function (timeout_usec, cancellable, callback) {
        if (typeof callback !== 'function')
            throw new TypeError('To await a future is to await its result: use "for await (const future of ...)"');
        nextAsync.call(this, timeout_usec, cancellable, callback);
    };
    // With this there, nobody makes a promise of it by Gio._promisify.
    prototype._original_next_async = nextAsync;
}

// --- executors ---

function overrideExecutor() {
    const prototype = Cfut.Executor.prototype;
    const {call, call_with_fds: callWithFds, map_call: mapCall, get_functions: getFunctions,
        set_functions: setFunctions} = prototype;
    const instead = 'Have a worker process do it: Cfut.Worker.register() there, and ' +
        'Cfut.ProcessExecutor.call() here. Asynchronous functions become futures by Cfut.Future.from_async().';

    for (const name of ['submit', 'submit_full', 'post', 'register', 'map', 'map_array', 'map_model', 'map_range'])
        prototype[name] = () => refuse(`Cfut.Executor.${name}`, instead);
    Cfut.ThreadExecutor.prototype.set_initializer = () => refuse('Cfut.ThreadExecutor.set_initializer', instead);

    // call(request, name, [value, ...]) or call(name, value, ...)
    prototype.call = function (request, name, args) {
        if (typeof request === 'string')
            [request, name, args] = [null, request, [...arguments].slice(1)];
        return call.call(this, toObject(Cfut.Request, request), name, packArguments(args));
    };
    prototype.call_with_fds = function (request, name, args, fds) {
        return callWithFds.call(this, toObject(Cfut.Request, request), name, packArguments(args), fds);
    };
    // map_call(request, name, [[value, ...], ...], ahead)
    prototype.map_call = function (request, name, args, ahead = 0) {
        const items = args instanceof GLib.Variant ? args : packCalls(args);
        return mapCall.call(this, toObject(Cfut.Request, request), name, items, ahead);
    };
    prototype.get_functions = function () {
        return claim(getFunctions.call(this), 'an executor');
    };
    prototype.set_functions = function (functions) {
        setFunctions.call(this, claim(functions, 'an executor'));
    };
    Gio._promisify(prototype, 'shutdown_async', 'shutdown_finish');
    Gio._promisify(prototype, 'wait_ready_async', 'wait_ready_finish');
}

function packCalls(args) {
    if (!Array.isArray(args))
        throw new TypeError('The arguments of several calls are an array or a GLib.Variant');
    return packVariants(args.map(item => packArguments(item ?? [])));
}

function toBytes(data) {
    if (typeof data === 'string')
        data = new TextEncoder().encode(data);
    return data instanceof Uint8Array ? new GLib.Bytes(data) : data ?? null;
}

function overrideProcessExecutor() {
    const prototype = Cfut.ProcessExecutor.prototype;
    const {run} = prototype;

    // run(request, command, argv, stdin) or run(argv, stdin)
    prototype.run = function (request, command, argv, stdin) {
        if (Array.isArray(request))
            [request, command, argv, stdin] = [null, null, request, command];
        if (!Array.isArray(argv) || !argv[0] || typeof argv[0] !== 'string')
            throw new TypeError('A command is an array of strings, whose first is the program');
        return run.call(this, toObject(Cfut.Request, request), toObject(Cfut.Command, command), argv,
            toBytes(stdin));
    };

    // This program is the interpreter and a script: what was given to that is left out.
    Cfut.ProcessExecutor.new_self = function (max_workers = 0) {
        const [, line] = GLib.file_get_contents('/proc/self/cmdline');
        const argv = new TextDecoder().decode(line).split('\0').slice(0, -1);
        const worker_argv = argv.slice(0, argv.length - System.programArgs.length);
        return new Cfut.ProcessExecutor({worker_argv, max_workers});
    };
}

// --- workers ---

// Says what a table of functions is for, which stays so.
function claim(functions, owner) {
    if ((functions._cfutOwner ?? owner) !== owner) {
        refuse('Cfut.Functions', `This table belongs to ${functions._cfutOwner}, and cannot be ${owner}'s as well.`);
    }
    functions._cfutOwner = owner;
    return functions;
}

// Whether promises go on in a loop inside of this call: not within what a promise itself has called.
function canSettleHere(context) {
    let isCalled = false;
    Promise.resolve().then(() => {
        isCalled = true;
    });
    context.iteration(false);
    return isCalled;
}

// An asynchronous function keeps the worker's main loop running until it has ended.
function settleNow(value) {
    if (typeof value?.then !== 'function')
        return value;

    const context = GLib.MainContext.default();
    let outcome = null;
    value.then(result => {
        outcome = {result};
    }, error => {
        outcome = {error};
    });
    if (outcome === null && !canSettleHere(context))
        throw new Error('For asynchronous functions, run the worker before the first "await" of its program');
    while (outcome === null)
        context.iteration(true);
    if ('error' in outcome)
        throw outcome.error;
    return outcome.result;
}

// Only the message reaches the application, so where it was thrown is told here, to who asks for it.
function logThrown(name, error) {
    GLib.log_structured('Cfut', GLib.LogLevelFlags.LEVEL_DEBUG,
        {MESSAGE: `${name}: ${error}\n${error?.stack ?? ''}`});
}

function overrideWorker() {
    const {register, get_functions: getFunctions, set_functions: setFunctions} = Cfut.Worker.prototype;
    const {add} = Cfut.Functions.prototype;
    let nCalls = 0;

    Cfut.Worker.prototype.register = function (name, func) {
        claim(getFunctions.call(this), 'a worker');
        return register.call(this, name, (task, args) => {
            // GJS collects garbage from its main loop, which a worker does not run.
            if (++nCalls % CALLS_PER_COLLECTION === 0)
                System.gc();
            try {
                const result = settleNow(func(task, ...unpackArguments(args)));
                if (result !== undefined && result !== null)
                    task.set_result(result);
                return true;
            } catch (error) {
                logThrown(name, error);
                throw error;
            }
        });
    };
    Cfut.Worker.prototype.get_functions = function () {
        return claim(getFunctions.call(this), 'a worker');
    };
    Cfut.Worker.prototype.set_functions = function (functions) {
        setFunctions.call(this, claim(functions, 'a worker'));
    };
    // As in C: func(task, args) with a variant, which sets its result and returns whether it succeeded.
    Cfut.Functions.prototype.add = function (name, func) {
        claim(this, 'a worker');
        return add.call(this, name, func);
    };
}

function overrideSharedDict() {
    const prototype = Cfut.SharedDict.prototype;
    const {set, compare_and_set: compareAndSet} = prototype;

    prototype.set = function (key, value) {
        return set.call(this, key, pack(value));
    };
    prototype.get = function (key) {
        return unpack(this.lookup(key));
    };
    // null stands for a key that is not there.
    prototype.compare_and_set = function (key, expected, value) {
        return compareAndSet.call(this, key, expected === null ? null : pack(expected),
            value === null ? null : pack(value));
    };
}

// GJS ends the program where a class is derived from a final one.
function overrideFinalClasses() {
    for (const name of ['Command', 'CommandResult', 'Functions', 'Map', 'ProcessExecutor', 'Promise', 'RateLimit',
        'Request', 'SharedDict', 'Task', 'ThreadExecutor', 'Worker']) {
        Cfut[name]._classInit = function () {
            throw new TypeError(`Cfut.${name} cannot be derived from`);
        };
    }
}

function _init() {
    Cfut = this;
    overrideFuture();
    overrideSetters();
    overrideNext(Cfut.Group.prototype);
    overrideNext(Cfut.Map.prototype);
    Gio._promisify(Cfut.Group.prototype, 'wait_async', 'wait_finish');
    overrideExecutor();
    overrideProcessExecutor();
    overrideWorker();
    overrideSharedDict();
    overrideFinalClasses();
}
