#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Tests our PKE swarm against the reference.
# usage: run.sh PEER WORK [OPTIONS OF THE TEST...]
#   PEER is the program made of peer.c, WORK a folder for what is built here.
# Ends with 77, and the reason, if build.sh does.
set -euo pipefail
peer=$(realpath "$1")
"$(dirname "$0")/build.sh" "$2"

# What the benchmarks compare us with.
for what in 'tell 64' 'tell 1200' 'seal 64' 'handshake 64'; do
  # shellcheck disable=SC2086 # words are meant
  time=$("$2/speed" $what 20)
  [[ $time =~ ^[1-9][0-9]*\.[0-9]$ ]] || {
    echo "speed $what: $time"
    exit 1
  }
done

"$2/interop.test" -test.timeout 240s -test.parallel 24 -peer "$peer" "${@:3}"
