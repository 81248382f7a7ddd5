#!/bin/sh
# SPDX-License-Identifier: MIT
# Two processes that talk over UDP with the p2p command. Each command is shown as it runs; the
# script fails if something does not arrive.
# usage: demo.sh [PROGRAM]   PROGRAM is p2p where none is given, nor in the variable P2P
set -u

p2p=${1:-${P2P:-p2p}}
work=$(mktemp -d) || exit 2
listener=
mkfifo "$work/heard" || exit 2

end() {
  [ -z "$listener" ] || kill "$listener"
  rm -rf "$work"
}
trap end EXIT
trap 'exit 130' INT TERM

fail() {
  printf 'demo: %s\n' "$*" >&2
  exit 1
}

# run ARGUMENT...: shows and runs a command of p2p.
run() {
  printf '\n$ p2p'
  for word in "$@"; do
    case $word in
    '' | *[!a-zA-Z0-9:/.,=_-]*) printf " '%s'" "$word" ;;
    *) printf ' %s' "$word" ;;
    esac
  done
  printf '\n'
  "$p2p" "$@" || fail "p2p $1 ended with status $?"
}

# listen ARGUMENT...: starts a listener that ends by itself; its address goes to $addr. What else it
# prints is read from descriptor 3.
listen() {
  printf '\n$ p2p listen %s &\n' "$*"
  "$p2p" listen "$@" >"$work/heard" &
  listener=$!
  exec 3<"$work/heard"
  read -r addr <&3 || fail 'the listener did not begin'
  printf '%s\n' "$addr"
}

# heard: shows what the listener printed since, until it ended.
heard() {
  cat <&3 >"$work/lines"
  exec 3<&-
  wait "$listener" || fail "the listener ended with status $?"
  listener=
  printf '\nThe listener has printed:\n'
  cat "$work/lines"
}

listen --count 3 --timeout 10s udp://127.0.0.1:0
run tell "$addr" --message 'hello, swarm' --message 'grüß dich'
run tell "$addr" --message 'one more'
heard
[ "$(wc -l <"$work/lines")" -eq 3 ] || fail 'not all messages arrived'

listen --echo --count 4 --timeout 10s udp://127.0.0.1:0
run ping "$addr" --count 3 --interval 100ms
run tell "$addr" --json --message 'and now as JSON'
heard >"$work/shown"

run ask mem:// 'requests have responses' --answer 'tr a-z A-Z'
printf '\nAll of it arrived. p2p help says more.\n'
