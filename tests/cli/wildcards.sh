#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A peer with a key that listens on all addresses of its machine: it prints each of them with its
# id, and is reached by what it has printed, there and back.
. "$(dirname "$0")/lib/common.sh"

expect 0 keygen --out "$work/alice"
alice=$(cat "$work/out")
expect 0 keygen --out "$work/bob"
bob=$(cat "$work/out")

tab=$(printf '\t')

# reach LISTEN IP [FROM]: a listener on all addresses, reached at IP: told, and pinged. With FROM,
# where the messages come from, IP is one that is not printed.
reach() {
  listen --key "$work/alice" --echo --from --count 4 --timeout 50s "$1"
  local dst=pke+udp://$alice@$2:${addr##*:}
  expect 0 tell "$dst" --key "$work/bob" -M everywhere
  silent
  expect 0 ping "$dst" --key "$work/bob" -c 3 -i 1ms -t 10s
  silent
  [ "$(grep -cF "56 bytes from $dst: seq=" "$work/out")" = 3 ] || fail "$1, $2: who answers pings"
  heard
  [ "$status" = 0 ] || fail "$1, $2: the listener ended with $status"
  { printf '%s\n' "$first" && grep -v "$tab" "$work/heard"; } >"$work/addresses"
  [ "${3-}" ] || grep -qxF "$dst" "$work/addresses" ||
    fail "$1: $dst is not among the addresses"
  grep -vq "^pke+udp://$alice@" "$work/addresses" && fail "$1: an address without the id"
  grep -qF -e "pke+udp://$alice@0.0.0.0" -e "pke+udp://$alice@[::]" "$work/addresses" &&
    fail "$1: it printed an address that nobody can reach"
  grep -F "pke+udp://$bob@${3-$2}:" "$work/heard" | grep -q "${tab}everywhere$" ||
    fail "$1, $2: the message, or who sent it"
}

reach pke+udp://0.0.0.0:0 127.0.0.1
# Linux has all of 127.0.0.0/8. Answers come from the address that was written to.
[ "$(uname)" != Linux ] || reach pke+udp://0.0.0.0:0 127.0.0.2 127.0.0.1
! has_ip6 || {
  reach 'pke+udp://[::]:0' '[::1]'
  # One socket for both families, and an address of IPv4 looks like one.
  reach 'pke+udp://[::]:0' 127.0.0.1
  [ "$(uname)" != Linux ] || reach 'pke+udp://[::]:0' 127.0.0.2 127.0.0.1
}

finish
