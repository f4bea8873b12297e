-- SPDX-License-Identifier: LGPL-2.1-or-later
-- SPDX-FileCopyrightText: the cfut authors
--
-- What makes the library safe in Lua, and more at home there. lgi loads it with the namespace.
--
-- Threads: an interpreter of Lua is for one thread. Whatever would call a function of the language on
--   another thread is refused with an error; so is what registers functions that are given variants,
--   which lgi cannot hand to a callback. Callbacks, chains and lines of commands come from the main
--   loop, and are fine.

local lgi = require 'lgi'
local core = require 'lgi.core'

local Cfut, Gio, GLib = lgi.Cfut, lgi.Gio, lgi.GLib

local INSTEAD = 'use functions of a worker process in another language, by Cfut.ProcessExecutor and '
  .. 'call(), or commands, by run()'

local function refuse(class, name, reason)
  Cfut[class]._method[name] = function()
    error(('Cfut.%s.%s: %s; %s'):format(class, name, reason, INSTEAD), 2)
  end
end

for _, name in ipairs { 'submit', 'submit_full', 'post', 'register', 'map', 'map_array', 'map_model', 'map_range' } do
  refuse('Executor', name, 'a Lua function cannot run on another thread')
end
refuse('ThreadExecutor', 'set_initializer', 'a Lua function cannot run on another thread')
refuse('Functions', 'add', 'a Lua function cannot be called by its name')
refuse('Worker', 'register', 'a Lua function cannot be called by its name')
-- There lgi ends the program.
refuse('Worker', 'refuse', 'lgi cannot hand over an error')

local future = Cfut.Future._method

function future.from_async()
  error('Cfut.Future.from_async: use a Cfut.Promise, which a callback or a coroutine settles', 2)
end

-- Flags have several forms: what is not one of the default's is taken for DIRECT.
local DEFAULT_FLAGS = { [0] = true, DEFAULT = true }
local add_done_callback = future.add_done_callback
function future:add_done_callback(flags, callback)
  local is_default = DEFAULT_FLAGS[flags] or type(flags) == 'table' and (next(flags) == nil or flags[1] == 'DEFAULT')
  if not is_default then
    error('Cfut.Future.add_done_callback: a Lua function cannot run on another thread; use the flags DEFAULT', 2)
  end
  return add_done_callback(self, 'DEFAULT', callback)
end

-- A failure is nil and the error, also where C has a number or a truth value to return.
for _, kind in ipairs { 'int64', 'double', 'boolean', 'string', 'bytes', 'object', 'variant' } do
  local name = 'result_' .. kind
  local result = future[name]
  future[name] = function(self, timeout_usec)
    local value, err = result(self, timeout_usec or -1)
    if err then
      return nil, err
    end
    return value
  end
end

-- The value itself, whatever its kind; of a variant, what is in it.
local result = future.result
function future:result(timeout_usec)
  local value, err = result(self, timeout_usec or -1)
  if err then
    return nil, err
  end
  value = value and value.value
  return GLib.Variant:is_type_of(value) and value.value or value
end

-- lgi cannot hand an error to a function in C: it ends the program.
local promise = Cfut.Promise._method
function promise:reject(err)
  if GLib.Error:is_type_of(err) then
    local field = core.record.field
    return self:reject_literal(field(err, GLib.Error._field.domain), field(err, GLib.Error._field.code), err.message)
  end
  return self:reject_literal(GLib.quark_from_string('g-io-error-quark'), Gio.IOErrorEnum.FAILED, tostring(err))
end

local function from_error(err)
  local rejected = Cfut.Promise()
  rejected:reject(err)
  return rejected:get_future()
end
future.from_error = from_error

-- A function that follows a future and raises an error fails with that error; lgi by itself tells the
-- log of it, and the future that the function failed.
for _, name in ipairs { 'chain', 'recover', 'always' } do
  local chain = future[name]
  future[name] = function(self, func)
    return chain(self, function(settled)
      local ok, following = pcall(func, settled)
      return ok and following or from_error(ok and 'Nothing follows' or following)
    end)
  end
end

local work = Cfut.Work._method
function work:reject(err)
  error('Cfut.Work.reject: lgi cannot hand over an error; drop the work, which rejects it', 2)
end
