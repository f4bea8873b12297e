#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
#
# usage: test-installed-tests.sh BUILD-FOLDER PREFIX LIBDIR
# Installs into a folder of its own what -Dinstalled_tests=true has made, and runs some of it from there
# as gnome-desktop-testing-runner would. Speaks TAP.

set -u
source "$(dirname -- "$0")/tap-functions"

build=$1
prefix=$2
libdir=$3

install_all ()
{
  DESTDIR=$work/root meson install -C "$build" --no-rebuild
}

# Prints the command of a test.
command_of ()
{
  sed -n 's/^Exec=//p' "$1"
}

every_test_is_there ()
{
  local file program

  (($(ls "$tests"/*.test | wc -l) > 50)) || return
  for file in "$tests"/*.test; do
    grep -qx '\[Test\]' "$file" && grep -qx 'Type=session' "$file" && grep -qx 'Output=TAP' "$file" || return
    program=$(command_of "$file")
    [[ -x $work/root${program%% *} ]] || { echo "There is no $program"; return 1; }
  done
}

# The library is the installed one: nothing of the build folder is looked for.
runs ()
{
  local program=$work/root$(command_of "$tests/$1.test")

  ! readelf -d ${program%% *} | grep -F "$build" &&
    LD_LIBRARY_PATH=$work/root$prefix/$libdir $program
}

tests=$work/root$prefix/share/installed-tests/cfut-1

plan 4
check 'they are installed' install_all
check 'each is described, and there' every_test_is_there
check 'one of the library runs' runs test-future
check 'one with worker processes runs' runs test-process
end
