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

int main (string[] args) {
    Test.init (ref args);
    Test.add_func ("/cfut/vala/submit", test_submit);
    Test.add_func ("/cfut/vala/throws", test_throws);
    Test.add_func ("/cfut/vala/yield", test_yield);
    Test.add_func ("/cfut/vala/group", test_group);
    return Test.run ();
}
