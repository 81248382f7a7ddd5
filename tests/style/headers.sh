#!/bin/sh
# SPDX-License-Identifier: MIT
# Each public header compiles alone, as C99 and as C++11, with every warning an error.
# usage: headers.sh ROOT
cd "$1" || exit 2

cc=${CC:-cc}
cxx=${CXX:-c++}
warnings='-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wcast-qual -Wvla -Wswitch-enum -Wundef
  -Werror'
bad=0
for header in include/p2p/*.h; do
  name=${header#include/}
  # Twice, to see the include guard as well.
  source=$(printf '#include <%s>\n#include <%s>\nextern int p2p_not_empty;\n' "$name" "$name")
  # shellcheck disable=SC2086 # words are meant
  printf '%s\n' "$source" |
    "$cc" -std=c99 $warnings -Wstrict-prototypes -Iinclude -fsyntax-only -xc - || bad=1
  # shellcheck disable=SC2086
  printf '%s\n' "$source" |
    "$cxx" -std=c++11 $warnings -Wold-style-cast -Iinclude -fsyntax-only -xc++ - || bad=1
done
exit $bad
