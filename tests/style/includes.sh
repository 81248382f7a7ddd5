#!/bin/sh
# SPDX-License-Identifier: MIT
# Dependencies point down only, and each source file includes its own header first.
# usage: includes.sh ROOT
cd "$1" || exit 2

find include src -name '*.[ch]' 2>/dev/null | sort | xargs awk '
  BEGIN {
    below["core"] = "core"
    below["loop"] = "core loop"
    below["format"] = "core format"
    below["protocol"] = "core format protocol"
    below["swarm"] = "core loop format protocol swarm"
    below["discovery"] = "core loop format protocol swarm discovery"
    below["testing"] = "core testing"
    below["cli"] = "cli"
    # Public headers that the ground floor is not to know.
    above_core = " loop swarm swarm_ops udp mem sim topology testing p2p "
  }
  function complain(text) { printf "%s:%d: %s\n", FILENAME, FNR, text; bad = 1 }
  function exists(path,    found, line) {
    found = (getline line < path) >= 0
    close(path)
    return found
  }
  FNR == 1 {
    split(FILENAME, part, "/")
    public = part[1] == "include"
    folder = part[2]
    first = 1
    own = FILENAME
    sub(/^src\//, "", own)
    sub(/\.c$/, ".h", own)
    if (!public && !(folder in below)) complain("no rule for the folder " folder)
  }
  !/^#[ ]*include/ { next }
  {
    target = $0
    sub(/^#[ ]*include[ ]*/, "", target)
    quoted = target ~ /^"/
    target = substr(target, 2)
    sub(/[">].*$/, "", target)
    split(target, to, "/")
  }
  public && (quoted || target ~ /\// && to[1] != "p2p") {
    complain("a public header includes " target)
  }
  !public && quoted && index(" " below[folder] " ", " " to[1] " ") == 0 {
    complain(folder " may not include " target)
  }
  !public && folder == "core" && to[1] == "p2p" {
    name = to[2]
    sub(/\.h$/, "", name)
    if (index(above_core, " " name " ")) complain("core may not include " target)
  }
  first && FILENAME ~ /\.c$/ {
    public_own = own
    sub(/^.*\//, "p2p/", public_own)
    if (target != own && target != public_own && exists("src/" own))
      complain("its own header, " own ", comes first")
  }
  { first = 0 }
  END { exit bad }
'
