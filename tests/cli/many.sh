#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# 10,000 lines from a file arrive, in order. Over loopback only the receiver's buffer loses
# messages, when the listener gets no processor for long; then they are counted, and a slower try
# must do.
. "$(dirname "$0")/lib/common.sh"

awk 'BEGIN {
  for (i = 1; i <= 10000; i++) printf "line %d %s\n", i, substr("abcdefghij", i % 10)
}' >"$work/lines"

# try RATE: sends all; true if all arrived. What did not is explained by the counters.
try() {
  listen --count 10001 --timeout 10s --stats udp://127.0.0.1:0
  expect 0 tell "$addr" --file "$work/lines" --rate "$1"
  # The kernel tells how many it dropped with the next message.
  expect 0 tell "$addr" -M end
  heard
  local arrived lost
  arrived=$(grep -c '^line' "$work/heard")
  lost=$(sed -n 's/^udp.rx_drop_kernel //p' "$work/listen.err")
  echo "at $1 per second: $arrived arrived, $lost dropped by the kernel"
  # The kernel counts packets, and one that was sent with offload holds several messages.
  [ "$arrived" = 10000 ] || [ "$lost" -gt 0 ] ||
    fail "$((10000 - arrived)) messages were lost, and nothing says why"
  [ "$arrived" = 10000 ] && head -n 10000 "$work/heard" | cmp - "$work/lines"
}

try 10000 || try 2000 || try 1000 || fail 'not all of the lines arrived, three times'

# As fast as they go they may be lost, but each is sent.
listen --timeout 500ms udp://127.0.0.1:0
expect 0 tell "$addr" --file "$work/lines" --rate 0 --json
grep -q '"messages":10000,"bytes":[0-9]*,"failed":0' "$work/out" || fail 'not all were sent'
heard

# From a pipe that is slower than the rate, the same.
listen --count 100 --timeout 10s udp://127.0.0.1:0
for i in {1..100}; do echo "slow $i"; done | expect 0 tell "$addr"
heard
[ "$(wc -l <"$work/heard")" = 100 ] || fail 'lines from a pipe'

finish
