#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
#
# usage: test-translations.sh SOURCE-FOLDER LOCALE-FOLDER TERMINAL-PROGRAM
# Whether every message is in every translation, and whether a program finds them. Speaks TAP.

set -u
source "$(dirname -- "$0")/tap-functions"

source=$1 locale=$2 program=$3
export LC_ALL=C.UTF-8
unset LANGUAGE

cd "$source" || exit 1

all_files_are_listed ()
{
  {
    grep -lrE --include='*.c' '\<(_|N_|C_|NC_|ngettext|g_d[a-z]*gettext2?) ?\(' cfut demo
    grep -l 'translatable="yes"' demo/*.ui
    ls demo/*.desktop.in demo/*.metainfo.xml.in
  } | LC_ALL=C sort -u >"$work/with-messages"
  grep -v '^#' po/POTFILES | LC_ALL=C sort -u | diff "$work/with-messages" -
}

extract ()
{
  xgettext --files-from=po/POTFILES --output="$work/cfut.pot" --from-code=UTF-8 \
    --keyword=_ --keyword=N_ --keyword=C_:1c,2 --keyword=NC_:1c,2 --keyword=ngettext:1,2 \
    --keyword=g_dgettext:2 --keyword=g_dngettext:2,3 --keyword=g_dpgettext2:2c,3 \
    --flag=g_strdup_printf:1:c-format --flag=g_set_error:4:c-format --flag=g_print:1:c-format &&
    grep -q '^msgid_plural' "$work/cfut.pot"
}

# Nothing untranslated, nothing that changed since it was translated, formats and plurals right.
is_complete ()
{
  msgmerge --quiet --no-fuzzy-matching --output-file="$work/$1.po" "po/$1.po" "$work/cfut.pot" &&
    msgfmt --check --statistics --output-file=/dev/null "$work/$1.po" 2>&1 | tee "$work/statistics"
  ! grep -Eq 'fuzzy|untranslated|error' "$work/statistics" &&
    grep -Eq '^[0-9]+ translated' "$work/statistics" ||
    { msgattrib --untranslated --no-obsolete "$work/$1.po"; return 1; }
}

# What is said about an algorithm that there is none of.
say_in ()
{
  CFUT_LOCALEDIR=$locale LANGUAGE=$1 "$program" --algorithm none . 2>&1
}

is_spoken ()
{
  local said

  said=$(say_in "$1")
  echo "$said"
  [[ -n $said && $said != "$(say_in en)" ]]
}

languages=$(grep -v '^#' po/LINGUAS)
plan $((3 + 2 * $(wc -w <<<"$languages")))
check 'every file with messages is listed' all_files_are_listed
check 'the messages can be extracted' extract
check 'there is German, and a language in another script' \
  bash -c 'grep -q "\<de\>" <<<"$1" && grep -qE "\<(ru|uk|el|ja|zh_CN|ko|he|ar|fa|hi)\>" <<<"$1"' - "$languages"
for language in $languages; do
  check "$language has every message" is_complete "$language"
  check "$language is spoken by the program" is_spoken "$language"
done
end
