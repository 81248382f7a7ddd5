#!/bin/sh
# SPDX-License-Identifier: MIT
# Two processes that talk over UDP with the p2p command. Each command is shown as it runs; the
# script fails if something does not arrive.
# usage: demo.sh [PROGRAM]   PROGRAM is p2p where none is given, nor in the variable P2P
set -u

p2p=${1:-${P2P:-p2p}}
work=$(mktemp -d) || exit 2
listener=

stop_listener() {
  if [ -n "$listener" ]; then
    kill "$listener" 2>"$work/kill"
    wait "$listener" 2>"$work/wait"
    listener=
  fi
}
trap 'stop_listener; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

fail() {
  printf 'demo: %s\n' "$*" >&2
  cat "$work/listen.err" >&2
  exit 1
}

show() {
  printf '\n$ p2p %s\n' "$*"
}

# wait_for PATTERN: until the listener has printed a line like that, for at most ten seconds.
wait_for() {
  tries=200
  until grep -q -e "$1" "$work/listen.out"; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || fail "the listener did not print: $1"
    kill -0 "$listener" 2>"$work/kill" || fail "the listener ended"
    sleep 0.05
  done
}

# listen [OPTION...]: starts a listener; its address goes to $addr.
listen() {
  show "listen udp://127.0.0.1:0 ${*:+$* }&"
  : >"$work/listen.out"
  "$p2p" listen udp://127.0.0.1:0 "$@" >"$work/listen.out" 2>"$work/listen.err" &
  listener=$!
  wait_for ':[0-9]'
  addr=$(head -n 1 "$work/listen.out")
  printf '%s\n' "$addr"
}

echo 'A node listens on a free port of this machine, in the background:'
listen
echo
echo 'Another process tells it two messages:'
show "tell $addr --message 'hello, swarm' --message 'is anybody there?'"
"$p2p" tell "$addr" --message 'hello, swarm' --message 'is anybody there?' || fail 'tell failed'
wait_for '^hello, swarm$'
wait_for '^is anybody there?$'
echo
echo 'The listener has printed:'
sed 1d "$work/listen.out"
stop_listener

echo
echo 'A listener that sends everything back, and three round trips to it:'
listen --echo
show "ping $addr --count 3 --interval 200ms"
"$p2p" ping "$addr" --count 3 --interval 200ms >"$work/ping.out" || fail 'ping failed'
cat "$work/ping.out"
grep -q "^3 sent, 3 received" "$work/ping.out" || fail "a ping did not come back"
stop_listener

echo
echo 'Everything arrived.'
