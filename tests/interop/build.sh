#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds what is in go-p2p with the reference, which it takes from the Go module proxy.
# usage: build.sh WORK
#   Makes WORK/interop.test, the tests, and WORK/speed, which measures the reference by itself.
# Ends with 77 if there is no Go that will do, or no way to get the module. All that it prints to
# the standard output is that reason, in one line.
set -euo pipefail
mkdir -p "$1"
work=$(realpath "$1")
cd "$(dirname "$0")/go-p2p"

lacking() {
  printf '%s\n' "$1"
  exit 77
}

command -v go >/dev/null || lacking 'there is no go command'
# Later ones fetch what go.mod asks for, or say that they cannot.
case $(go env GOVERSION) in
'' | go1.[0-9] | go1.[0-9].* | go1.1[0-9]* | go1.20*) lacking 'this needs Go 1.23 or later' ;;
esac
timeout 60 go list -deps -test ./... >/dev/null 2>"$work/interop.log" ||
  lacking "the module cannot be had: $(grep -v '^go: downloading' "$work/interop.log" | tail -n 1)"
{
  go vet ./...
  go test -c -o "$work/interop.test" .
  go build -o "$work/speed" ./speed
} >&2
