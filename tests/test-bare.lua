-- SPDX-License-Identifier: LGPL-2.1-or-later
-- SPDX-FileCopyrightText: the cfut authors
--
-- The library as Lua has it by the typelib alone, without the override: functions are refused on other
-- threads, where one of so many would crash the interpreter. Speaks TAP.

package.path = arg[0]:match('^.*/') .. '?.lua;' .. package.path
local tap = require 'lua_tap'
local lgi = tap.require_lgi()

local Cfut = lgi.require('Cfut', '1')
local GLib, Gio = lgi.GLib, lgi.Gio

local N_TASKS = 500

local function never()
  print 'Bail out! A function was called'
  os.exit(9)
end

local function check_refused(future)
  local value, err = future:result(-1)
  if value ~= nil or not err:matches(Gio.IOErrorEnum, 'NOT_SUPPORTED') then
    error(tostring(err), 2)
  end
end

local function list_of(item)
  local list = Gio.ListStore.new(Cfut.Promise)
  list:append(item)
  return list
end

local tests = {
  { 'there is no override', function()
    assert(not package.loaded['lgi.override.Cfut'])
  end },

  { 'submitted functions', function()
    local executor = Cfut.ThreadExecutor.new(4)
    local futures = {}
    for i = 1, N_TASKS do
      futures[i] = i % 2 == 0 and executor:submit(never) or executor:submit_full(nil, never)
    end
    for i = 1, N_TASKS do
      check_refused(futures[i])
    end
  end },

  { 'functions of maps', function()
    local executor = Cfut.ThreadExecutor.new(4)
    check_refused(executor:map_range(nil, 0, N_TASKS, 1, never))
    check_refused(executor:map(nil, N_TASKS, 0, never):next(-1))
    check_refused(executor:map_array(nil, { Cfut.Promise() }, 0, never):next(-1))
    check_refused(executor:map_model(nil, list_of(Cfut.Promise()), 0, never):next(-1))
  end },

  { 'functions with names', function()
    local executor = Cfut.ThreadExecutor.new(4)
    local functions = Cfut.Functions()
    assert(functions:add('added', never))
    executor:set_functions(functions)
    assert(executor:register('registered', never))
    for i = 1, N_TASKS do
      check_refused(executor:call(nil, i % 2 == 0 and 'added' or 'registered', nil))
    end
  end },

  { 'an initializer', function()
    local executor = Cfut.ThreadExecutor.new(1)
    executor:set_initializer(never)
    local _, err = executor:submit(never):result(-1)
    assert(err:matches(Cfut.FutureError, 'BROKEN') and err.message:find('another thread', 1, true), err.message)
  end },

  { 'a direct callback comes from the main loop', function()
    local n = 0
    local function on_done() n = n + 1 end
    local executor = Cfut.ProcessExecutor.new(nil, 2)
    for _ = 1, 5 do
      executor:run(nil, nil, { 'true' }):add_done_callback('DIRECT', on_done)
    end
    while n < 5 do
      GLib.MainContext.default():iteration(true)
    end
  end },
}

tap.run(tests)
