#!/bin/sh
# SPDX-License-Identifier: MIT
# Each kind of swarm passes the conformance suite: what makes a swarm in a public header has its
# tests/test_conformance_KIND.c, which runs the suite.
# usage: stamps.sh ROOT
cd "$1" || exit 2

sed -n 's/^P2P_API .*int p2p_\([a-z0-9]*\)_\(swarm_\)*new(p2p_swarm \*\*.*/\1/p' include/p2p/*.h | {
  bad=0
  while read -r kind; do
    grep -qs p2p_conformance_run "tests/test_conformance_$kind.c" || {
      echo "the swarm $kind is not checked by tests/test_conformance_$kind.c"
      bad=1
    }
  done
  exit $bad
}
