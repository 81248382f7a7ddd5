#!/bin/sh
# SPDX-License-Identifier: MIT
# Links between the project's own pages lead somewhere: the file is there, and so is the heading.
# usage: links.sh ROOT
cd "$1" || exit 2

find . \( -name build -o -name .git -o -name fixtures \) -prune -o -name '*.md' -print | sort |
  xargs awk '
  # The name that a heading is linked by.
  function anchor(text) {
    text = tolower(text)
    sub(/^#+[ ]+/, "", text)
    gsub(/[^a-z0-9 _-]/, "", text)
    gsub(/ /, "-", text)
    return text
  }
  function exists(path) { return system("test -e \"" path "\"") == 0 }
  FNR == 1 { code = 0; folder = FILENAME; sub(/[^\/]*$/, "", folder) }
  /^[ ]*```/ { code = !code }
  code { next }
  /^#/ { heading[FILENAME "#" anchor($0)] = 1 }
  {
    line = $0
    gsub(/`[^`]*`/, "", line)
    while (match(line, /\]\([^)]*\)/)) {
      target = substr(line, RSTART + 2, RLENGTH - 3)
      line = substr(line, RSTART + RLENGTH)
      if (target ~ /^[a-z]+:/) continue
      count++
      from[count] = FILENAME ":" FNR
      to[count] = target ~ /^#/ ? FILENAME target : folder target
    }
  }
  END {
    for (i = 1; i <= count; i++) {
      path = to[i]
      # a/../ is nothing.
      while (sub(/[^\/.][^\/]*\/\.\.\//, "", path)) continue
      file = path
      sub(/#.*$/, "", file)
      if (!exists(file)) {
        printf "%s: no such file: %s\n", from[i], file
        bad = 1
      } else if (path ~ /\.md#/ && !(path in heading)) {
        printf "%s: no such heading: %s\n", from[i], path
        bad = 1
      }
    }
    exit bad
  }
'
