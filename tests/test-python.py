#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
"""The library as Python sees it, through the typelib alone. Speaks TAP."""

import sys
import threading
import traceback

import gi
gi.require_version('Cfut', '1')
from gi.repository import Cfut, Gio, GLib, GObject

# What has not come by then has failed.
PATIENCE_SECONDS = 60


def run_loop_until_done(future):
    """Runs the main loop until the future's `done` signal came, and returns what the handler saw."""
    loop = GLib.MainLoop()
    seen = []

    def on_done(settled):
        seen.append((settled, threading.current_thread()))
        loop.quit()

    def give_up():
        loop.quit()
        return GLib.SOURCE_REMOVE

    handler = future.connect('done', on_done)
    guard = GLib.timeout_add_seconds(PATIENCE_SECONDS, give_up)
    loop.run()
    assert seen, 'the future did not settle in time'
    GLib.source_remove(guard)
    future.disconnect(handler)
    return seen


def test_a_function_is_refused_until_they_are_allowed():
    executor = Cfut.ThreadExecutor(max_workers=2)
    called = []
    future = executor.submit(called.append, 'data')
    try:
        future.result(-1)
    except GLib.Error as error:
        assert error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.NOT_SUPPORTED), error
    else:
        raise AssertionError('no error was raised')
    assert not called
    assert executor.shutdown(Cfut.ShutdownFlags.WAIT, -1)
    # As the override does.
    Cfut.allow_bound_functions()


def test_a_function_runs_on_another_thread():
    executor = Cfut.ThreadExecutor(max_workers=2)
    threads = []

    def work(task, data):
        threads.append((threading.get_ident(), data))
        task.set_result_string('from a worker')
        return True

    future = executor.submit(work, 'data')
    assert future.result_string(PATIENCE_SECONDS * 1000000) == 'from a worker'
    assert threads[0][1] == 'data'
    assert threads[0][0] != threading.get_ident()
    assert future.get_state() == Cfut.State.RESOLVED
    assert executor.shutdown(Cfut.ShutdownFlags.WAIT, -1)


def test_a_result_is_unboxed():
    executor = Cfut.ThreadExecutor(max_workers=1)

    def work(task, data):
        task.set_result_int64(2 ** 40)
        return True

    future = executor.submit(work, None)
    assert future.result(-1) == 2 ** 40
    assert future.result_int64(-1) == 2 ** 40
    assert executor.shutdown(Cfut.ShutdownFlags.WAIT, -1)


def test_a_function_is_called_by_its_name():
    executor = Cfut.ThreadExecutor(max_workers=2)

    def double(task, args, data):
        number, text = args.unpack()
        task.set_result_variant(GLib.Variant('(xs)', (number * 2, text + data)))
        return True

    assert executor.register('double', double, '!')
    assert executor.get_functions().dup_names() == ['double']
    future = executor.call(None, 'double', GLib.Variant('(xs)', (21, 'yes')))
    assert future.result_variant(PATIENCE_SECONDS * 1000000).unpack() == (42, 'yes!')
    items = executor.map_call(None, 'double', GLib.Variant('a(xs)', [(1, 'a'), (2, 'b')]), 0)
    assert items.next(-1, None).result_variant(0).unpack() == (2, 'a!')
    assert items.next(-1, None).result_variant(0).unpack() == (4, 'b!')
    assert items.next(-1, None) is None
    try:
        executor.call(None, 'nobody', None).result(-1)
        assert False
    except GLib.Error as error:
        assert error.matches(Cfut.future_error_quark(), Cfut.FutureError.UNKNOWN_FUNCTION)
    assert not Cfut.Worker.requested()
    assert executor.shutdown(Cfut.ShutdownFlags.WAIT, -1)


def test_a_failure_has_its_domain_and_code():
    executor = Cfut.ThreadExecutor(max_workers=1)
    future = executor.submit(lambda task, data: False, None)
    try:
        future.result(-1)
    except GLib.Error as error:
        assert error.matches(Cfut.future_error_quark(), Cfut.FutureError.CALLBACK_FAILED), error
    else:
        raise AssertionError('no error was raised')
    assert future.get_state() == Cfut.State.REJECTED
    assert executor.shutdown(Cfut.ShutdownFlags.WAIT, -1)


def test_done_is_emitted_on_the_submitting_thread():
    executor = Cfut.ThreadExecutor(max_workers=1)

    def work(task, data):
        task.set_progress(1, 4)
        task.set_result_boolean(True)
        return True

    future = executor.submit(work, None)
    seen = run_loop_until_done(future)
    assert seen == [(future, threading.current_thread())]
    assert executor.shutdown(Cfut.ShutdownFlags.WAIT, -1)


def test_a_promise_settles_its_future_once():
    promise = Cfut.Promise()
    future = promise.get_future()
    assert promise.resolve_variant(GLib.Variant('(si)', ('two', 2)))
    assert not promise.resolve_variant(GLib.Variant('i', 3))
    assert future.result_variant(0).unpack() == ('two', 2)


def test_cancel_reaches_the_cancellable():
    promise = Cfut.Promise()
    promise.set_running()
    assert not promise.get_future().cancel()
    assert promise.get_cancellable().is_cancelled()
    assert promise.reject(GLib.Error.new_literal(Gio.io_error_quark(), 'as asked',
                                                 Gio.IOErrorEnum.CANCELLED))
    assert promise.get_future().get_state() == Cfut.State.CANCELLED


def test_a_group_is_a_list_of_its_futures():
    executor = Cfut.ThreadExecutor(max_workers=2)
    group = Cfut.Group()

    def work(task, number):
        task.set_result_int64(number)
        return True

    for number in range(5):
        group.add(executor.submit(work, number))
    results = []
    while True:
        future = group.next(PATIENCE_SECONDS * 1000000, None)
        if future is None:
            break
        results.append(future.result(0))
    assert sorted(results) == list(range(5)), results
    assert isinstance(group, Gio.ListModel)
    assert executor.shutdown(Cfut.ShutdownFlags.WAIT, -1)


def test_a_shared_dict():
    shared = Cfut.SharedDict()
    assert shared.lookup('none') is None
    assert shared.set('list', GLib.Variant('as', ['one', 'two']))
    assert shared.lookup('list').unpack() == ['one', 'two']
    assert shared.contains('list')
    assert not shared.contains('none')
    assert shared.add('count', 2 ** 40) == 2 ** 40
    assert shared.add('count', -1) == 2 ** 40 - 1
    assert sorted(shared.dup_keys()) == ['count', 'list']
    assert shared.get_length() == 2
    assert shared.remove('list')
    assert not shared.remove('list')
    assert shared.compare_and_set('state', None, GLib.Variant('s', 'new'))
    assert not shared.compare_and_set('state', GLib.Variant('s', 'old'), None)
    assert shared.compare_and_set('state', GLib.Variant('s', 'new'), None)
    assert shared.dup_keys() == ['count']


def test_a_shared_dict_refuses_with_an_error():
    shared = Cfut.SharedDict()
    shared.set('text', GLib.Variant('s', ''))
    for refused, code in ((lambda: shared.add('text', 1), Gio.IOErrorEnum.INVALID_DATA),
                          (lambda: shared.contains('k' * 4097), Gio.IOErrorEnum.INVALID_ARGUMENT),
                          (lambda: shared.set('large', GLib.Variant('s', 'x' * 2 ** 24)),
                           Gio.IOErrorEnum.MESSAGE_TOO_LARGE)):
        try:
            refused()
        except GLib.Error as error:
            assert error.matches(Gio.io_error_quark(), code), error
        else:
            raise AssertionError('no error was raised')


def test_a_shared_dict_tells_of_changes_by_threads():
    shared = Cfut.SharedDict()
    loop = GLib.MainLoop()
    seen = []

    def on_changed(changed, key):
        seen.append((changed, key, threading.current_thread()))
        if changed.lookup(key).unpack() == 4000:
            loop.quit()

    def count():
        for _ in range(1000):
            shared.add('n', 1)

    shared.connect('changed', on_changed)
    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    guard = GLib.timeout_add_seconds(PATIENCE_SECONDS, loop.quit)
    loop.run()
    GLib.source_remove(guard)
    for thread in threads:
        thread.join()
    assert shared.add('n', 0) == 4000
    assert set(seen) == {(shared, 'n', threading.current_thread())}


def main():
    tests = [(name, test) for name, test in globals().items() if name.startswith('test_')]
    failed = False

    print('1..%d' % len(tests))
    for n, (name, test) in enumerate(tests, 1):
        title = name[len('test_'):].replace('_', ' ')
        try:
            test()
            print('ok %d %s' % (n, title), flush=True)
        except Exception:
            failed = True
            print('not ok %d %s' % (n, title))
            for line in traceback.format_exc().splitlines():
                print('#   ' + line, flush=True)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
