/* SPDX-License-Identifier: LGPL-2.1-or-later
 * SPDX-FileCopyrightText: the cfut authors
 *
 * The library as Vala sees it, through the generated binding.
 */

/* What has not come by then has failed. */
const int64 PATIENCE_USEC = 60 * 1000000;

/* A function runs on another thread, reads what it closes over, and its value comes back. */
void test_submit () {
    var executor = new Cfut.ThreadExecutor (2);
    unowned Thread<void> here = Thread.self<void> ();
    bool was_elsewhere = false;
    int64 factor = 6;

    var future = executor.submit ((task) => {
        was_elsewhere = Thread.self<void> () != here;
        task.set_result_int64 (factor * 7);
        return true;
    });
    try {
        assert (future.result_int64 (PATIENCE_USEC) == 42);
        assert (executor.shutdown (Cfut.ShutdownFlags.WAIT, -1));
    } catch (Error error) {
        assert_not_reached ();
    }
    assert (was_elsewhere);
    assert (future.get_state () == Cfut.State.RESOLVED);
}

/* What a function throws is what the caller catches. */
void test_throws () {
    var executor = new Cfut.ThreadExecutor (1);
    var future = executor.submit ((task) => {
        throw new IOError.NOT_FOUND ("nothing there");
    });
    var was_caught = false;

    try {
        future.result_int64 (PATIENCE_USEC);
    } catch (IOError.NOT_FOUND error) {
        was_caught = error.message == "nothing there";
    } catch (Error error) {
        assert_not_reached ();
    }
    assert (was_caught);
    assert (future.get_state () == Cfut.State.REJECTED);
}

/* A wait can be yielded, and continues on the main loop. */
void test_yield () {
    var promise = new Cfut.Promise ();
    var loop = new MainLoop ();
    string? text = null;

    wait_for.begin (promise.get_future (), (source, result) => {
        text = wait_for.end (result);
        loop.quit ();
    });
    promise.resolve_string ("here");
    loop.run ();
    assert (text == "here");
}

async string? wait_for (Cfut.Future future) {
    try {
        yield future.wait_async (PATIENCE_USEC, null);
        return future.result_string (0);
    } catch (Error error) {
        assert_not_reached ();
    }
}

/* A group hands out each of its futures once, as they settle. */
void test_group () {
    var executor = new Cfut.ThreadExecutor (2);
    var group = new Cfut.Group ();
    int64 sum = 0;

    try {
        for (int i = 1; i <= 10; i++) {
            int64 number = i;
            group.add (executor.submit ((task) => {
                task.set_result_int64 (number);
                return true;
            }));
        }
        for (var next = group.next (PATIENCE_USEC); next != null; next = group.next (PATIENCE_USEC))
            sum += next.result_int64 (0);
        assert (executor.shutdown (Cfut.ShutdownFlags.WAIT, -1));
    } catch (Error error) {
        assert_not_reached ();
    }
    assert (sum == 55);
}

/* What a closure holds is there until the function has ended, and let go of on this thread. */
class Held : Object {
    public static unowned Thread<void>? freed_by;
    public int64 number = 6;

    ~Held () {
        freed_by = Thread.self<void> ();
    }
}

Cfut.Future submit_with_held (Cfut.Executor executor) {
    var held = new Held ();

    return executor.submit ((task) => {
        Thread.usleep (1000);
        task.set_result_int64 (held.number * 7);
        return true;
    });
}

void test_closure () {
    var executor = new Cfut.ThreadExecutor (1);

    try {
        assert (submit_with_held (executor).result_int64 () == 42);
        assert (executor.shutdown (WAIT));
    } catch (Error error) {
        assert_not_reached ();
    }
    while (Held.freed_by == null)
        MainContext.default ().iteration (false);
    assert (Held.freed_by == Thread.self<void> ());
}

/* An asynchronous method runs to its end on the main loop. */
delegate void Begin (AsyncReadyCallback callback);

AsyncResult run (owned Begin begin) {
    var loop = new MainLoop ();
    AsyncResult? result = null;

    begin ((source, finished) => {
        result = finished;
        loop.quit ();
    });
    loop.run ();
    return (owned) result;
}

async int64 sum_as_completed (Cfut.Executor executor) throws Error {
    var group = new Cfut.Group ();
    int64 sum = 0;

    for (int64 i = 1; i <= 10; i++) {
        int64 number = i;
        group.add (executor.submit ((task) => {
            if (number == 5)
                throw new IOError.FAILED ("five");
            task.set_result_int64 (number);
            return true;
        }));
    }
    for (var next = yield group.next_async (); next != null; next = yield group.next_async ()) {
        try {
            sum += next.result_int64 (0);
        } catch (IOError.FAILED error) {
            sum += 1000;
        }
    }
    yield group.wait_async (ALL_COMPLETED);
    yield executor.shutdown_async (DEFAULT);
    return sum;
}

void test_next_async () {
    var executor = new Cfut.ThreadExecutor (2);

    try {
        var result = run ((callback) => sum_as_completed.begin (executor, callback));
        assert (sum_as_completed.end (result) == 1050);
    } catch (Error error) {
        assert_not_reached ();
    }
}

/* Functions have names and take variants; a map gives their results in order. */
void test_call () {
    var executor = new Cfut.ThreadExecutor (2);
    var factor = 2;

    assert (executor.register ("double", (task, args) => {
        if (!args.is_of_type (new VariantType ("(x)")))
            throw new IOError.INVALID_ARGUMENT ("a number is wanted");
        task.set_result_variant (args.get_child_value (0).get_int64 () * factor);
        return true;
    }));
    try {
        var request = new Cfut.Request () { name = "named", priority = -1 };
        var future = executor.call (request, "double", new Variant ("(x)", (int64) 21));
        assert (future.name == "named");
        assert (future.result_variant ().get_int64 () == 42);

        var map = executor.map_call (null, "double", new Variant.parsed ("[(int64 1,), (2,), (3,)]"), 0);
        int64 sum = 0;
        for (var next = map.next (); next != null; next = map.next ())
            sum = sum * 10 + next.result_variant ().get_int64 ();
        assert (sum == 246);
    } catch (Error error) {
        assert_not_reached ();
    }
    try {
        executor.call (null, "double", null).result_variant ();
        assert_not_reached ();
    } catch (IOError.INVALID_ARGUMENT error) {
    } catch (Error error) {
        assert_not_reached ();
    }
    try {
        executor.call (null, "none", null).result_variant ();
        assert_not_reached ();
    } catch (Cfut.FutureError.UNKNOWN_FUNCTION error) {
    } catch (Error error) {
        assert_not_reached ();
    }
}

void test_map () {
    var executor = new Cfut.ThreadExecutor (2);
    int64 sum = 0;

    try {
        var map = executor.map (null, 10, 0, (task, index) => {
            task.set_result_int64 ((int64) (index * index));
            return true;
        });
        for (var next = map.next (); next != null; next = map.next ())
            sum += next.result_int64 ();
        assert (sum == 285);
        assert (executor.map_range (null, 0, 1000, 0, (task, begin, end) => {
            return begin < end && !task.get_cancellable ().is_cancelled ();
        }).wait ());
    } catch (Error error) {
        assert_not_reached ();
    }
}

/* What follows a future is called on the main loop, may throw, and is followed by what it gives. */
void test_chain () {
    var promise = new Cfut.Promise ();
    var chained = promise.get_future ().chain ((settled) => {
        return Cfut.Future.from_value (settled.result_int64 (0) + 1);
    });
    var failed = chained.chain ((settled) => {
        throw new IOError.NOT_FOUND ("nothing follows");
    });
    var recovered = failed.recover ((settled) => {
        return Cfut.Future.from_value (settled.dup_error ().message);
    });

    promise.resolve_int64 (41);
    try {
        assert (recovered.result_string () == "nothing follows");
        assert (chained.result ().get_int64 () == 42);
        chained = Cfut.Future.all ({ promise.get_future (), recovered });
        assert (chained.wait ());
    } catch (Error error) {
        assert_not_reached ();
    }
}

/* A command's output, its lines on the main loop, and its failure. */
async string run_commands () throws Error {
    var executor = new Cfut.ProcessExecutor (null, 2);
    var command = new Cfut.Command () { cwd = "/" };
    var lines = "";

    command.set_line_func ((task, stream, line) => {
        lines += @"$(stream == STDOUT) $line;";
    });
    var future = executor.run (null, command, { "sh", "-c", "pwd; cat" }, new Bytes ("in".data));
    yield future.wait_async ();
    var result = (Cfut.CommandResult) future.result_object (0);
    assert (result.exit_status == 0);
    lines += result.dup_stdout_text ();
    try {
        executor.run (null, null, { "false" }, null).result_object ();
        assert_not_reached ();
    } catch (Error error) {
        assert (error.domain == Quark.from_string ("g-spawn-exit-error-quark") && error.code == 1);
    }
    return lines;
}

void test_command () {
    try {
        var result = run ((callback) => run_commands.begin (callback));
        assert_cmpstr (run_commands.end (result), EQ, "true /;true in;/\nin");
    } catch (Error error) {
        assert_not_reached ();
    }
}

/* This program is its own worker, and what is thrown there is thrown here. */
int run_worker () {
    var worker = new Cfut.Worker ();

    worker.register ("multiply", (task, args) => {
        int64 a = 0, b = 0;
        args.get ("(xx)", out a, out b);
        if (b == 0)
            throw new IOError.INVALID_ARGUMENT ("by nothing");
        task.set_progress (1, 1);
        worker.get_shared ("counts").add ("calls", 1);
        task.set_result_int64 (a * b);
        return true;
    });
    try {
        return worker.run ();
    } catch (Error error) {
        return 1;
    }
}

void test_worker () {
    var executor = new Cfut.ProcessExecutor.self (1);
    var counts = new Cfut.SharedDict ();

    executor.share ("counts", counts);
    try {
        assert (executor.call (null, "multiply", new Variant ("(xx)", (int64) 6, (int64) 7)).result_int64 () == 42);
        assert (counts.add ("calls", 0) == 1);
        executor.call (null, "multiply", new Variant ("(xx)", (int64) 6, (int64) 0)).result_int64 ();
        assert_not_reached ();
    } catch (IOError.INVALID_ARGUMENT error) {
        assert (error.message == "by nothing");
    } catch (Error error) {
        assert_not_reached ();
    }
}

/* An executor of one's own: its work runs where it says, here at once. */
class Immediate : Cfut.Executor {
    public override void execute (owned Cfut.Work work) {
        work.run ();
    }

    public override uint get_max_workers () {
        return 1;
    }
}

void test_derived () {
    var executor = new Immediate ();
    unowned Thread<void> here = Thread.self<void> ();
    var future = executor.submit ((task) => {
        return Thread.self<void> () == here;
    });

    assert (future.state == RESOLVED);
    assert (executor.max_workers == 1);
}

/* A callback holds what it closes over until it was called. */
void test_callback () {
    var promise = new Cfut.Promise ();
    var loop = new MainLoop ();
    var order = "";

    promise.get_future ().done.connect (() => {
        order += "done ";
    });
    promise.get_future ().add_done_callback (DEFAULT, (settled) => {
        order += settled.state == CANCELLED ? "cancelled" : "what?";
        loop.quit ();
    });
    assert (promise.get_future ().cancel ());
    loop.run ();
    assert_cmpstr (order, EQ, "done cancelled");
}

/* Arrays have their length with them, and none is an empty one. */
void test_arrays () {
    var executor = new Cfut.ThreadExecutor (2);
    var group = new Cfut.Group ();
    Object[] items = { new Held (), new Held (), new Held () };
    Cfut.Future[] futures = {};
    int64 sum = 0;

    try {
        var map = executor.map_array (null, items, 0, (task, item) => {
            task.set_result_int64 (((Held) item).number);
            return true;
        });
        for (var next = map.next (); next != null; next = map.next ()) {
            sum += next.result_int64 ();
            futures += next;
        }
        assert (sum == 18);
        group.add_many (futures, null);
        assert (group.get_n_items () == 3);
        assert (Cfut.Future.all (null).wait ());
        assert (futures[0].dup_error () == null);
    } catch (Error error) {
        assert_not_reached ();
    }
}

/* A wait that is given up throws, and its future goes on. */
async void wait_with (Cfut.Future future, Cancellable cancellable) throws Error {
    yield future.wait_async (-1, cancellable);
}

void test_cancellable () {
    var promise = new Cfut.Promise ();
    var cancellable = new Cancellable ();
    var n_caught = 0;

    Idle.add (() => {
        cancellable.cancel ();
        return Source.REMOVE;
    });
    try {
        wait_with.end (run ((callback) => wait_with.begin (promise.get_future (), cancellable, callback)));
    } catch (IOError.CANCELLED error) {
        n_caught++;
    } catch (Error error) {
        assert_not_reached ();
    }
    try {
        promise.get_future ().wait (1000);
    } catch (IOError.TIMED_OUT error) {
        n_caught++;
    } catch (Error error) {
        assert_not_reached ();
    }
    assert (n_caught == 2);
    assert (promise.get_future ().state == PENDING);
}

/* What an initializer throws is the reason why its executor is broken. */
void test_initializer () {
    var executor = new Cfut.ThreadExecutor (1);
    var reason = "no database";

    executor.set_initializer (() => {
        throw new IOError.FAILED (reason);
    });
    try {
        executor.submit ((task) => true).wait ();
        executor.submit ((task) => true).result ();
        assert_not_reached ();
    } catch (Cfut.FutureError.BROKEN error) {
        assert (error.message.contains (reason));
    } catch (Error error) {
        assert_not_reached ();
    }
}

int main (string[] args) {
    if (Cfut.Worker.requested ())
        return run_worker ();

    Test.init (ref args);
    Test.add_func ("/cfut/vala/submit", test_submit);
    Test.add_func ("/cfut/vala/throws", test_throws);
    Test.add_func ("/cfut/vala/closure", test_closure);
    Test.add_func ("/cfut/vala/yield", test_yield);
    Test.add_func ("/cfut/vala/group", test_group);
    Test.add_func ("/cfut/vala/next-async", test_next_async);
    Test.add_func ("/cfut/vala/call", test_call);
    Test.add_func ("/cfut/vala/map", test_map);
    Test.add_func ("/cfut/vala/chain", test_chain);
    Test.add_func ("/cfut/vala/command", test_command);
    Test.add_func ("/cfut/vala/worker", test_worker);
    Test.add_func ("/cfut/vala/derived", test_derived);
    Test.add_func ("/cfut/vala/callback", test_callback);
    Test.add_func ("/cfut/vala/arrays", test_arrays);
    Test.add_func ("/cfut/vala/cancellable", test_cancellable);
    Test.add_func ("/cfut/vala/initializer", test_initializer);
    return Test.run ();
}
