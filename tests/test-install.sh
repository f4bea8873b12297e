#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
#
# usage: test-install.sh SOURCE-FOLDER
# Installs the library into a folder of its own, with what goes along for other languages and the
# documentation as far as that can be built here, and removes all that it was built of. Then uses it as
# others would: through pkg-config, as a shared and as a static library, from other languages, and as a
# subproject. Speaks TAP.

set -u
source "$(dirname -- "$0")/tap-functions"
source "$(dirname -- "$0")/language-programs"

source=$1
prefix=$work/cfut

install_library ()
{
  meson setup "$work/build" "$source" --prefix="$prefix" --libdir=lib -Dtests=false -Ddemo=disabled &&
    ninja -C "$work/build" install &&
    rm -rf -- "$work/build"
}

nothing_of_the_build ()
{
  ! grep -rIlF -e "$work/build" -e "$source" -- "$prefix" && ! find "$prefix" -xtype l | grep .
}

only_our_symbols ()
{
  nm --dynamic --defined-only "$prefix/lib/libcfut-1.so" | awk '{ print $NF }' >"$work/symbols"
  grep -q '^cfut_future_wait$' "$work/symbols" && ! grep -v '^cfut_' "$work/symbols"
}

# The programs that README.md shows: example.c, and workers.c. Other blocks are parts of programs.
extract_examples ()
{
  awk -v folder="$work" '
    /^```c$/ { first = 1; next }
    /^```$/ { file = ""; first = 0 }
    first && /^#include/ { file = folder (n++ ? "/workers.c" : "/example.c") }
    { first = 0 }
    file != "" { print >file }' "$source/README.md"
  (($(wc -l <"$work/example.c") >= 10 && $(wc -l <"$work/workers.c") >= 10))
}

# Every file that README.md shows or links to.
readme_links_exist ()
{
  local link

  for link in $(grep -o '](\([^)]*\))' "$source/README.md" | sed 's/^](//; s/)$//'); do
    [[ $link == *://* || -f $source/$link ]] || { echo "There is no $link"; return 1; }
  done
}

# compile OUTPUT FILE ARGUMENT...
compile ()
{
  local output=$1 file=$2

  shift 2
  "${CC:-cc}" -Wall -Wextra -Wno-unused-parameter -Werror -o "$output" "$file" "$@"
}

compile_shared ()
{
  compile "$work/shared" "$work/example.c" $(pkg-config --cflags --libs cfut-1)
}

compile_workers ()
{
  compile "$work/workers" "$work/workers.c" $(pkg-config --cflags --libs cfut-1)
}

compile_static ()
{
  local libs

  libs=$(pkg-config --static --libs cfut-1)
  compile "$work/static" "$work/example.c" $(pkg-config --cflags cfut-1) \
    ${libs/-lcfut-1/-Wl,-Bstatic -lcfut-1 -Wl,-Bdynamic} -pthread
}

runs ()
{
  [[ $("$1") == 42 ]]
}

needs_shared_library ()
{
  ldd "$1" | grep -q "$prefix/lib/libcfut-1.so.0 "
}

needs_no_library_of_ours ()
{
  ! ldd "$1" | grep cfut
}

# Every header but the one is refused when it is included by itself.
other_headers_are_refused ()
{
  local header

  for header in "$prefix"/include/cfut-1/cfut/cfut-*.h; do
    echo "#include <cfut/${header##*/}>" >"$work/one.c"
    ! "${CC:-cc}" -fsyntax-only $(pkg-config --cflags cfut-1) "$work/one.c" 2>"$work/err" || return
    grep -q 'Only <cfut/cfut.h> can be included' "$work/err" || return
  done
}

no_private_headers ()
{
  ! find "$prefix/include" -name '*-private.h' | grep .
}

# A project that has this one in its folder of subprojects.
build_subproject ()
{
  mkdir -p "$work/parent/subprojects"
  ln -s "$source" "$work/parent/subprojects/cfut"
  cp "$work/example.c" "$work/parent/"
  cat >"$work/parent/meson.build" <<END
project('parent', 'c', default_options: '$1')
executable('example', 'example.c',
  dependencies: dependency('cfut-1', fallback: 'cfut', default_options: '$1'))
END
  # Only what is inside is to be found.
  rm -rf "$work/parent-build"
  PKG_CONFIG_PATH= meson setup --wrap-mode=forcefallback "$work/parent-build" "$work/parent" &&
    ninja -C "$work/parent-build"
}

subproject_is_library_only ()
{
  ! find "$work/parent-build" -name 'test-*' -o -name 'cfut-demo*' -o -name '*.gir' | grep .
}

# What Devhelp reads, and every page that it leads to.
documentation_is_whole ()
{
  local folder=$prefix/share/doc/cfut-1 link

  /usr/bin/python3 - "$folder/cfut-1.devhelp2" <<'END' || return
import os, sys, xml.etree.ElementTree
book = xml.etree.ElementTree.parse(sys.argv[1]).getroot()
links = {element.get('link').split('#')[0] for element in book.iter() if element.get('link')}
dead = [link for link in links if not os.path.exists(os.path.join(os.path.dirname(sys.argv[1]), link))]
sys.exit(', '.join(dead) if dead or len(links) < 100 else 0)
END
  for link in $(grep -oh '<img [^>]*src="[^"]*"' "$folder/internals.html" | sed 's/.*src="//; s/"$//'); do
    [[ -f $folder/$link ]] || { echo "There is no $link"; return 1; }
  done
}

# Nothing but what the documentation says of a prefix of one's own.
set_environment ()
{
  local overrides

  unset GJS_PATH LUA_PATH_5_3 LUA_PATH_5_4
  eval "$(sed -n "/^export /s|\$HOME|$work|gp" "$source/introspection/docs/installing.md")"
  # Outside of Debian the folder has Python's version in its name.
  overrides=$(find "$prefix" -type d -path '*/gi/overrides' | head -n 1)
  [[ -z $overrides ]] || PYTHONPATH=${overrides%/gi/overrides}
}

export LC_ALL=C.UTF-8
# An instrumented build is not what is installed here.
unset CFLAGS LDFLAGS ASAN_OPTIONS UBSAN_OPTIONS LSAN_OPTIONS MESON_TESTTHREADS NINJA_STATUS

languages=()
if pkg-config --exists gobject-introspection-1.0; then
  languages+=("${introspected_languages[@]}")
  command -v vapigen >/dev/null && languages+=(Vala)
fi

write_programs
plan $((20 + ${#languages[@]}))
check 'it installs' install_library
check 'with all that its documentation says' set_environment
check 'and has nothing to do with where it was built' nothing_of_the_build
check 'pkg-config knows it and its version' pkg-config --exact-version=1.0.0 cfut-1
check 'only its own symbols are exported' only_our_symbols
check 'no private header is installed' no_private_headers
check 'only the one header can be included' other_headers_are_refused
check 'what README shows is there' readme_links_exist
check 'README has two programs' extract_examples
check 'the first compiles without a warning' compile_shared
check 'and runs' runs "$work/shared"
check 'with the shared library' needs_shared_library "$work/shared"
check 'the one with workers compiles without a warning' compile_workers
check 'and runs' runs "$work/workers"
check 'the first links statically' compile_static
check 'and runs without the shared library' needs_no_library_of_ours "$work/static"
check 'with the same result' runs "$work/static"
for language in "${languages[@]}"; do
  # The documentation has the path for one version of Lua.
  check_language "$language" env LUA_PATH="${LUA_PATH/5.3/"${language#Lua-}"}"
done
if ((${#languages[@]})) && command -v gi-docgen >/dev/null; then
  check 'Devhelp finds all of the documentation' documentation_is_whole
else
  skip 'Devhelp finds all of the documentation' 'it was not built'
fi
check 'it builds as a subproject' build_subproject default_library=static
check 'which is the library alone and runs' \
  'subproject_is_library_only && runs "$work/parent-build/example"'
end
