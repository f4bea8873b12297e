#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
#
# usage: test-demo-run.sh SOURCE-FOLDER
# demo/run as a user types it, in the terminal, from wherever that is. Speaks TAP.

set -u
source "$(dirname -- "$0")/tap-functions"

run=$1/demo/run

demo ()
{
  "$run" "$@" >"$work/out" 2>"$work/err" </dev/null
  code=$?
}

# The program is built for use, whatever the tests themselves are built with.
unset CFLAGS LDFLAGS ASAN_OPTIONS UBSAN_OPTIONS LSAN_OPTIONS DISPLAY WAYLAND_DISPLAY CFUT_LOCALEDIR
export CFUT_BUILD_DIR=$work/build LC_ALL=C.UTF-8

mkdir "$work/here" && cd "$work/here" || exit 1
odd=$'a folder\nof -- two lines'
mkdir -- "$odd" -dash
echo one >"$odd/one"
echo two >-dash/two

shown=(err out)
plan 9
demo --output sums.txt "$odd" -- -dash
check 'builds and hashes folders with odd names' '((code == 0)) && [[ -f sums.txt ]]'
check 'which are relative to where it is run' 'sha256sum --check --strict sums.txt >/dev/null'
check 'and each is there' '(($(wc -l <sums.txt) == 2))'
check 'what the set-up says is not on stdout' \
  'grep -q "^Configuring" "$work/err" && ! grep -q "^Configuring" "$work/out"'

demo --terminal --algorithm md5 --output sums.txt "$odd"
check 'nothing is set up again' '((code == 0)) && ! grep -q "^Configuring" "$work/err"'
check 'options are passed on' 'md5sum --check --strict sums.txt >/dev/null'

rm sums.txt
demo --output sums.txt missing
check 'a failure of the program is its own' '((code != 0)) && ! grep -q "failed (all of its output" "$work/err"'

ln -s "$run" link
run=./link demo --help
check 'it can be started through a link' '((code == 0)) && grep -q -- --algorithm "$work/out"'

CFUT_BUILD_DIR=/dev/null/build demo --help
check 'a folder that cannot be written is named' '((code != 0)) && grep -q /dev/null/build "$work/err"'
end
