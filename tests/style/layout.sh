#!/bin/sh
# SPDX-License-Identifier: MIT
# Length of functions (70 lines), files (1000) and lines (100 columns), the licence header, and no
# marks of unfinished work.
# usage: layout.sh ROOT
cd "$1" || exit 2

{
  find include src tests fuzz bench examples docs cmake tools .ci \
    \( -path tests/style/fixtures -o -path fuzz/corpus \) -prune -o -type f \( -name '*.[ch]' \
    -o -name '*.sh' -o -name '*.cmake' -o -name CMakeLists.txt -o -path .ci/run \) -print
  find dev CMakeLists.txt
} 2>/dev/null | sort |
# Bytes, so that every awk counts alike: those that continue a character of UTF-8 are left out.
LC_ALL=C xargs awk '
  function complain(line, text) { printf "%s:%d: %s\n", FILENAME, line, text; bad = 1 }
  function end_file() { if (lines > 1000) { printf "%s: %d lines\n", last, lines; bad = 1 } }
  FNR == 1 { end_file(); last = FILENAME; spdx = 0; opened = 0 }
  { lines = FNR; text = $0; gsub(/[\200-\277]/, "", text) }
  length(text) > 100 { complain(FNR, length(text) " columns") }
  FNR <= 2 && /SPDX-License-Identifier: MIT/ { spdx = 1 }
  FNR == 2 && !spdx { complain(1, "no SPDX-License-Identifier: MIT") }
  /(^|[^A-Za-z])((TO)(DO)|(FIX)(ME)|(XX)X)([^A-Za-z]|$)/ { complain(FNR, "unfinished: " $0) }
  FILENAME ~ /\.[ch]$/ && $0 == "{" { opened = FNR }
  FILENAME ~ /\.[ch]$/ && $0 == "}" && opened {
    if (FNR - opened + 1 > 70) complain(opened, "a function of " FNR - opened + 1 " lines")
    opened = 0
  }
  /[ \t]$/ { complain(FNR, "blank at the end of the line") }
  END { end_file(); exit bad }
'
