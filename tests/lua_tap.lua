-- SPDX-License-Identifier: LGPL-2.1-or-later
-- SPDX-FileCopyrightText: the cfut authors
--
-- What the tests in Lua have in common. Speaks TAP.

local tap = {}

-- lgi; where Lua has none, there is nothing to test.
function tap.require_lgi()
  local has_lgi, lgi = pcall(require, 'lgi')
  if not has_lgi then
    print '1..0 # SKIP this Lua has no lgi'
    os.exit(0)
  end
  return lgi
end

-- Runs them all, each { title, function }, and ends the program.
function tap.run(tests)
  local is_failed = false
  print(('1..%d'):format(#tests))
  for i, test in ipairs(tests) do
    local ok, message = pcall(test[2])
    print(('%s %d %s'):format(ok and 'ok' or 'not ok', i, test[1]))
    if not ok then
      is_failed = true
      print('# ' .. tostring(message):gsub('\n', '\n#   '))
    end
    collectgarbage()
  end
  os.exit(is_failed and 1 or 0)
end

return tap
