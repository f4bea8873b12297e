#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
#
# usage: test-race.sh TEST-RACE
# That ThreadSanitizer sees: each race that TEST-RACE has is reported, and nothing is reported of the
# same program where the race is mended. Speaks TAP.

set -u

program=$1
races="unwaited unlocked late direct pushed"
output=$(mktemp) || exit 1
trap 'rm -f -- "$output"' EXIT
n=0
status=0
export TSAN_OPTIONS="${TSAN_OPTIONS-}:halt_on_error=1:exitcode=66"

# check TITLE CODE PATTERN: of what ran last.
check ()
{
  n=$((n + 1))
  if ((code == $2)) && grep -q -- "$3" "$output"; then
    echo "ok $n $1"
  else
    echo "not ok $n $1"
    echo "# status $code"
    sed 's/^/# /' "$output"
    status=1
  fi
}

echo "1..10"
for race in $races; do
  "$program" "$race" >"$output" 2>&1
  code=$?
  check "$race: the race is caught" 66 'WARNING: ThreadSanitizer: data race'
  "$program" "$race" sound >"$output" 2>&1
  code=$?
  check "$race: without the race nothing is reported" 0 '^done$'
done
exit $status
