#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Tests our PKE swarm against the reference.
# usage: run.sh PEER P2P WORK [OPTIONS OF THE TEST...]
#   PEER is the program made of peer.c, P2P is p2p, WORK a folder for what is built here.
# Ends with 77, and the reason, if build.sh does.
set -euo pipefail
peer=$(realpath "$1")
p2p=$(realpath "$2")
work=$3
"$(dirname "$0")/build.sh" "$work"

# What the benchmarks compare us with.
for what in 'tell 64' 'tell 1200' 'seal 64' 'handshake 64'; do
  # shellcheck disable=SC2086 # words are meant
  time=$("$work/speed" $what 20)
  [[ $time =~ ^[1-9][0-9]*\.[0-9]$ ]] || {
    echo "speed $what: $time"
    exit 1
  }
done

"$work/interop.test" -test.timeout 240s -test.parallel 24 -peer "$peer" -p2p "$p2p" "${@:4}"
