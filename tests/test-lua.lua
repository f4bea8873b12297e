-- SPDX-License-Identifier: LGPL-2.1-or-later
-- SPDX-FileCopyrightText: the cfut authors
--
-- The library as Lua has it, by lgi and the override. Speaks TAP.
--
-- usage: lua test-lua.lua WORKER, a program that is a worker

package.path = arg[0]:match('^.*/') .. '?.lua;' .. package.path
local tap = require 'lua_tap'
local lgi = tap.require_lgi()

local Cfut = lgi.require('Cfut', '1')
local GLib, Gio = lgi.GLib, lgi.Gio
local WORKER = arg[1]

local function check(condition, message)
  if not condition then
    error(message or 'that is not so', 2)
  end
  return condition
end

local function check_refused(func, ...)
  local ok, err = pcall(func, ...)
  local text = tostring(err)
  local says_why = false
  for _, reason in ipairs { 'another thread', 'by its name', 'cannot hand over an error' } do
    says_why = says_why or text:find(reason, 1, true) ~= nil
  end
  check(not ok and says_why, text)
end

local function run_loop_until(condition)
  local context = GLib.MainContext.default()
  local is_late = false
  GLib.timeout_add_seconds(GLib.PRIORITY_DEFAULT, 60, function()
    is_late = true
    return false
  end)
  while not condition() do
    context:iteration(true)
    check(not is_late, 'that did not come in time')
  end
end

local function resolved(number)
  local promise = Cfut.Promise()
  promise:resolve_int64(number)
  return promise:get_future()
end

local tests = {
  { 'a promise resolves its future', function()
    local promise = Cfut.Promise()
    local future = promise:get_future()
    check(future.state == 'PENDING')
    check(promise:resolve_string('done') and not promise:resolve_string('again'))
    check(future:result_string(0) == 'done' and future:result() == 'done')
  end },

  { 'a failure is nil and the error', function()
    local promise = Cfut.Promise()
    check(promise:reject(GLib.Error(Gio.IOErrorEnum, 'NOT_FOUND', 'lost')))
    for _, name in ipairs { 'result', 'result_int64', 'result_string', 'result_boolean' } do
      local value, err = promise:get_future()[name](promise:get_future(), 0)
      check(value == nil and err:matches(Gio.IOErrorEnum, 'NOT_FOUND') and err.message == 'lost', name)
    end
    local value, err = Cfut.Future.from_error('in words'):result()
    check(value == nil and err.message == 'in words', tostring(err))
  end },

  { 'signals and callbacks come from the main loop in their order', function()
    local promise = Cfut.Promise()
    local future = promise:get_future()
    local order = {}
    future.on_done = function() order[#order + 1] = 'done' end
    future:add_done_callback('DEFAULT', function() order[#order + 1] = 'first' end)
    future:add_done_callback(Cfut.CallbackFlags.DEFAULT, function() error('an error in a callback') end)
    future:add_done_callback({}, function() order[#order + 1] = 'last' end)
    promise:resolve_int64(1)
    check(#order == 0)
    run_loop_until(function() return #order == 3 end)
    check(table.concat(order, ' ') == 'done first last', table.concat(order, ' '))
  end },

  { 'a wait in a coroutine', function()
    local promise = Cfut.Promise()
    GLib.idle_add(GLib.PRIORITY_DEFAULT, function()
      promise:resolve_int64(7)
      return false
    end)
    local result = Gio.Async.call(function()
      promise:get_future():async_wait(-1)
      return promise:get_future():result_int64(0)
    end)()
    check(result == 7, tostring(result))
  end },

  { 'what follows a future', function()
    local chained = resolved(1):chain(function(future)
      return resolved(future:result() + 1)
    end)
    check(chained:result() == 2)
    local failed = chained:chain(function() error('no further') end)
    local value, err = failed:result()
    check(value == nil and err.message:find('no further', 1, true), tostring(err))
    local recovered = failed:recover(function() return resolved(3) end)
    check(recovered:result() == 3)
    check(select(2, failed:recover(function() end):result()).message == 'Nothing follows')
  end },

  { 'a group hands out what settles', function()
    local group = Cfut.Group()
    local sum = 0
    for i = 1, 5 do
      group:add(resolved(i))
    end
    for future in function() return group:next(-1) end do
      sum = sum + future:result()
    end
    check(sum == 15 and group.n_items == 5)
  end },

  { 'functions of a worker process', function()
    local pool = Cfut.ProcessExecutor.new({ WORKER }, 1)
    check(pool:call(nil, 'add', GLib.Variant('(xx)', { 40, 2 })):result() == 42)
    local value, err = pool:call(nil, 'nobody', nil):result()
    check(value == nil and err:matches(Cfut.FutureError, 'UNKNOWN_FUNCTION'), tostring(err))
    local n, map = 0, pool:map_call(nil, 'add', GLib.Variant('a(xx)', { { 1, 2 }, { 3, 4 } }), 0)
    for future in function() return map:next(-1) end do
      n = n + future:result()
    end
    check(n == 10)
  end },

  { 'commands', function()
    local pool = Cfut.ProcessExecutor.new(nil, 2)
    local lines = {}
    local command = Cfut.Command { cwd = '/' }
    command:set_line_func(function(_, _, line) lines[#lines + 1] = line end)
    local future = pool:run(nil, command, { 'sh', '-c', 'pwd; cat' }, GLib.Bytes('in'))
    run_loop_until(function() return future.state == 'RESOLVED' and #lines == 2 end)
    check(future:result().exit_status == 0 and future:result():dup_stdout_text() == '/\nin')
    local value, err = pool:run(nil, nil, { 'false' }):result()
    check(value == nil and err.message:find('exited with status 1', 1, true), tostring(err))
    local sleeper = pool:run(nil, nil, { 'sleep', '600' })
    sleeper:cancel()
    check(select(2, sleeper:result()):matches(Gio.IOErrorEnum, 'CANCELLED'))
  end },

  { 'functions for other threads are refused', function()
    local executor = Cfut.ThreadExecutor.new(1)
    local function never() os.exit(9) end
    for _, name in ipairs { 'submit', 'submit_full', 'post', 'register', 'map', 'map_array', 'map_model', 'map_range',
                            'set_initializer' } do
      check_refused(executor[name], executor, never)
    end
    check_refused(Cfut.Functions.add, Cfut.Functions(), 'x', never)
    check_refused(Cfut.Worker.register, Cfut.Worker(), 'x', never)
    check_refused(Cfut.Worker.refuse, Cfut.Worker(), lgi.GLib.Error(1, 2, 'x'))
    check_refused(Cfut.Work.reject, nil, lgi.GLib.Error(1, 2, 'x'))
    check(not pcall(Cfut.Future.from_async, nil, never, never))
    for _, flags in ipairs { 'DIRECT', { 'DIRECT' }, Cfut.CallbackFlags.DIRECT } do
      check_refused(resolved(1).add_done_callback, resolved(1), flags, never)
    end
  end },

  { 'many futures with callbacks', function()
    local n = 0
    for i = 1, 5000 do
      resolved(i):add_done_callback('DEFAULT', function() n = n + 1 end)
    end
    run_loop_until(function() return n == 5000 end)
    run_loop_until(function()
      collectgarbage()
      return tonumber(Cfut.debug_get_n_futures()) == 0
    end)
  end },
}

tap.run(tests)
