#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Tests our PKE swarm against the reference, which it takes from the Go module proxy.
# usage: run.sh PEER WORK [OPTIONS OF THE TEST...]
#   PEER is the program made of peer.c, WORK a folder for what is built here.
# Ends with 77 if there is no Go that will do, or no way to get the module.
set -euo pipefail
peer=$(realpath "$1")
mkdir -p "$2"
work=$(realpath "$2")
shift 2
cd "$(dirname "$0")/go-p2p"

skip() {
  printf 'skipped: %s\n' "$1"
  exit 77
}

command -v go >/dev/null || skip 'there is no go command'
# Later ones fetch what go.mod asks for, or say that they cannot.
case $(go env GOVERSION) in
'' | go1.[0-9] | go1.[0-9].* | go1.1[0-9]* | go1.20*) skip 'this needs Go 1.23 or later' ;;
esac
timeout 60 go list -deps -test . >/dev/null 2>"$work/interop.log" ||
  skip "the module cannot be had: $(grep -v '^go: downloading' "$work/interop.log" | tail -n 1)"
go vet .
go test -c -o "$work/interop.test" .
"$work/interop.test" -test.timeout 240s -test.parallel 24 -peer "$peer" "$@"
