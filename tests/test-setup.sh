#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: the cfut authors
#
# usage: test-setup.sh SETUP-PACKAGES
# What tests/setup-packages asks of the package managers, which are stand-ins here. Speaks TAP.

set -u
source "$(dirname -- "$0")/tap-functions"

setup=$1

# Makes a program in the machine's only folder of programs.
stand_in ()
{
  printf '#!/bin/bash\nwork=%q\n%s\n' "$work" "$2" >"$work/bin/$1"
  chmod +x "$work/bin/$1"
}

# A machine on which nothing but what is named in the file `there` is installed.
new_machine ()
{
  local program

  rm -rf "${work:?}"/*
  mkdir "$work/bin"
  : >"$work/there"
  : >"$work/asked"
  for program in bash env tail cat grep; do
    ln -s "$(command -v "$program")" "$work/bin/$program"
  done
  stand_in id 'echo 0'
}

new_debian ()
{
  new_machine
  stand_in dpkg-query 'grep -qxF -- "${*: -1}" "$work/there" && printf "ii "'
  stand_in apt-cache '[[ ${*: -1} == pkgconf ]] || echo "Package: ${*: -1}"'
  stand_in apt-get 'echo "apt-get $*" >>"$work/asked"
                    echo "the output of apt-get"
                    ! [[ -e $work/fails && " $* " == *" install "* ]]'
}

new_fedora ()
{
  new_machine
  stand_in rpm 'grep -qxF -- "${*: -1}" "$work/there"'
  stand_in dnf 'if [[ " $* " == *" repoquery "* ]]; then
                  echo "${*: -1}-1.0.noarch"
                else
                  echo "dnf $*" >>"$work/asked"
                fi'
}

run ()
{
  PATH=$work/bin "$work/bin/bash" "$setup" --log "$work/log" "$@" >"$work/out" 2>"$work/said" </dev/null
  code=$?
}

shown=(said asked)
plan 17

new_debian
run base
check 'on Debian, fetches the lists first' '[[ $(head -n 1 "$work/asked") == *" update" ]]'
check 'and installs what is missing' '[[ $(tail -n 1 "$work/asked") == *" install gcc "*" libglib2.0-dev "* ]]'
check 'by the name that the distribution knows' 'grep -q " pkg-config " "$work/asked"'
check 'but nothing of other groups' '! grep -q gtk "$work/asked"'
check 'and succeeds' '((code == 0))'
check 'saying so on stderr alone' 'grep -q "Installing .* gcc" "$work/said" && [[ ! -s $work/out ]]'
check 'with the rest in the log' 'grep -q "the output of apt-get" "$work/log"'

sed -n 's/.* install //p' "$work/asked" | tr ' ' '\n' >"$work/there"
: >"$work/asked"
run base
check 'does nothing where all is there' '((code == 0)) && [[ ! -s $work/asked && ! -s $work/said ]]'

sed -i '/^gettext$/d' "$work/there"
run base
check 'installs only what is missing' '[[ $(tail -n 1 "$work/asked") == *" install gettext" ]]'

new_debian
touch "$work/fails"
run base
check 'fails where installing does' '((code != 0)) && grep -q "the output of apt-get" "$work/said"'

new_debian
stand_in id 'echo 1000'
run base
check 'without root and sudo, fails and asks for nothing' '((code != 0)) && [[ ! -s $work/asked ]]'
check 'and names the command to run' 'grep -q "^  apt-get install gcc .*ninja-build" "$work/said"'

new_debian
stand_in id 'echo 1000'
stand_in sudo '[[ $1 == -* ]] || { echo "sudo $*" >>"$work/asked"; "$@"; }'
run base
check 'without root, asks sudo' '((code == 0)) && grep -q "^sudo env .*apt-get .* install gcc " "$work/asked"'

new_fedora
run base window tests
check 'on Fedora, installs what is missing' '((code == 0)) && [[ $(cat "$work/asked") == "dnf -y "*" install gcc glibc-devel "* ]]'
check 'by its names there' 'grep -q " gtk4-devel " "$work/asked" && ! grep -q -e -dev\  "$work/asked"'

sed -n 's/.* install //p' "$work/asked" | tr ' ' '\n' >"$work/there"
: >"$work/asked"
run base window tests
check 'and does nothing where all is there' '((code == 0)) && [[ ! -s $work/asked && ! -s $work/said ]]'

new_machine
run base
check 'elsewhere says so and goes on' '((code == 0)) && [[ -s $work/said ]]'

end
