#!/bin/sh
# SPDX-License-Identifier: MIT
# Each internal function that a header under src declares is defined, and used somewhere.
# usage: declarations.sh ROOT
cd "$1" || exit 2

find src tests fuzz bench -path tests/style -prune -o -name '*.[ch]' -print 2>/dev/null |
  sort | xargs awk '
  # The line without its comments; a comment may be open from the line before, or stay open.
  function code(line,    out, at) {
    for (;;) {
      at = index(line, inside ? "*/" : "/*")
      if (!at) return inside ? out : out line
      if (!inside) out = out substr(line, 1, at - 1)
      line = substr(line, at + 2)
      inside = !inside
    }
  }
  FNR == 1 { inside = 0 }
  { $0 = code($0) }
  {
    line = $0
    starts = line ~ /^[a-z]/
    while (match(line, /p2p__[a-z0-9_]+/)) {
      name = substr(line, RSTART, RLENGTH)
      called = substr(line, RSTART + RLENGTH, 1) == "("
      line = substr(line, RSTART + RLENGTH)
      seen[name]++
      if (!called || !starts) continue
      pending = name
      where = FILENAME ":" FNR
      starts = 0
    }
  }
  pending && /;$/ {
    if (where ~ /\.h:/ && !(pending in declared)) declared[pending] = where
    pending = ""
  }
  pending && $0 == "{" { defined[pending] = where; pending = "" }
  END {
    for (name in declared)
      if (!(name in defined)) {
        printf "%s: %s is not defined\n", declared[name], name
        bad = 1
      }
    for (name in defined)
      if (seen[name] <= 1 + (name in declared)) {
        printf "%s: %s is not used\n", defined[name], name
        bad = 1
      }
    exit bad
  }
'
