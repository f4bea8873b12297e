#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
#
# usage: test-race.sh TEST-RACE
# That ThreadSanitizer sees: each race that TEST-RACE has is reported, and nothing is reported of the
# same program where the race is mended. Speaks TAP.

set -u
source "$(dirname -- "$0")/tap-functions"

program=$1
races="unwaited unlocked late direct pushed"
export TSAN_OPTIONS="${TSAN_OPTIONS-}:halt_on_error=1:exitcode=66"

# ends CODE PATTERN WORD...: how the program, with these words, ends, and what it says.
ends ()
{
  local code=$1 pattern=$2 output status=0

  shift 2
  output=$("$program" "$@" 2>&1) || status=$?
  echo "$output"
  echo "status $status"
  ((status == code)) && grep -q -- "$pattern" <<<"$output"
}

plan 10
for race in $races; do
  check "$race: the race is caught" ends 66 'WARNING: ThreadSanitizer: data race' "$race"
  check "$race: without the race nothing is reported" ends 0 '^done$' "$race" sound
done
end
