#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
#
# usage: test-dist.sh SOURCE-FOLDER BUILD-FOLDER
# What "meson dist" packs up: everything, and a project that has only a wrap file builds with it. That
# all tests pass there too is tried by "tests/run --thorough". Speaks TAP.

set -u
source "$(dirname -- "$0")/tap-functions"

source=$1
build=$2

# It may have been unpacked somewhere below another checkout.
if [[ ! -e $source/.git ]]; then
  skip_all 'this was unpacked itself'
fi

pack ()
{
  meson dist -C "$build" --no-tests --allow-dirty --formats gztar &&
    mkdir "$work/unpacked" && tar -xf "$build"/meson-dist/cfut-*.tar.gz -C "$work/unpacked" &&
    folder=$(echo "$work"/unpacked/*)
}

# What is not committed yet is not packed up either.
same_files ()
{
  git -C "$source" ls-tree -r --name-only HEAD | sort >"$work/committed" &&
    (cd "$folder" && find . -type f -o -type l | sed 's|^\./||' | sort) >"$work/packed" &&
    diff "$work/committed" "$work/packed"
}

# The wrap file of the documentation, with the archive that was made just now.
build_with_wrap ()
{
  local archive=$(echo "$build"/meson-dist/cfut-*.tar.gz)

  mkdir -p "$work/parent/subprojects"
  awk '/^```ini$/ { inside = 1; next } /^```$/ { inside = 0 } inside' \
    "$folder/introspection/docs/installing.md" |
    sed -e "s|^directory = .*|directory = ${folder##*/}|" \
        -e "s|^source_url = .*|source_url = file://$archive|" \
        -e "s|^source_filename = .*|source_filename = ${archive##*/}|" \
        -e "s|^source_hash = .*|source_hash = $(sha256sum "$archive" | cut -d ' ' -f 1)|" \
      >"$work/parent/subprojects/cfut.wrap"
  awk '/^```c$/ { inside = 1; next } /^```$/ && inside { exit } inside' "$folder/README.md" >"$work/parent/example.c"
  cat >"$work/parent/meson.build" <<END
project('parent', 'c')
executable('example', 'example.c',
  dependencies: dependency('cfut-1', default_options: ['default_library=static', 'werror=false']))
END
  PKG_CONFIG_PATH= meson setup --wrap-mode=forcefallback "$work/parent-build" "$work/parent" &&
    ninja -C "$work/parent-build" && [[ $("$work/parent-build/example") == 42 ]]
}

export LC_ALL=C.UTF-8
unset CFLAGS LDFLAGS NINJA_STATUS MESON_TESTTHREADS

plan 3
folder=
check 'it is packed up' pack
check 'with every file that is committed, and no other' same_files
check 'a wrap file is enough for another project to use it' build_with_wrap
end
