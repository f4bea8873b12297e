#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
#
# usage: test-devenv.sh BUILD-FOLDER VALA, which is "true" where there is a binding for it
# That "meson devenv" is enough for programs of every language to use what was built and not installed, in
# a shell whose environment says nothing of it. Speaks TAP.

set -u
source "$(dirname -- "$0")/tap-functions"
source "$(dirname -- "$0")/language-programs"

build=$1
languages=(C "${introspected_languages[@]}")
[[ $2 == true ]] && languages+=(Vala)

# The program with what was built, and with nothing that the test itself was started with.
in_devenv ()
{
  env -u PKG_CONFIG_PATH -u LD_LIBRARY_PATH -u GI_TYPELIB_PATH -u XDG_DATA_DIRS -u GJS_PATH -u LUA_PATH -u PERL5LIB \
      -u PYTHONPATH meson devenv -C "$build" --workdir "$work" "$@"
}

defaults_are_kept ()
{
  local folders

  folders=$(in_devenv bash -c 'echo "$XDG_DATA_DIRS"') && [[ :$folders: == *:/usr/share:* ]]
}

export LC_ALL=C.UTF-8

write_programs
plan $((3 + ${#languages[@]}))
check 'pkg-config knows the version' in_devenv pkg-config --exact-version=1.0.0 cfut-1
check 'and says that it is not installed' in_devenv pkg-config --uninstalled cfut-1
for language in "${languages[@]}"; do
  check_language "$language" in_devenv
done
check 'the data of others is found as before' defaults_are_kept
end
