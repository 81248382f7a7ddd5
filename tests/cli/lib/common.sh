# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# What the tests of the p2p program share. Nothing sleeps: a listener's address is read from it, and
# it ends by itself with --count; `timeout` guards against a hang (--foreground, for otherwise it
# sends a signal that is meant for the program twice, and the leak checker does not survive that).
set -u
P2P=${P2P:?the path of the p2p program}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
work=$(mktemp -d) || exit 2
# Whatever keys the user has are not for tests.
export HOME=$work/home XDG_CONFIG_HOME=
failed=0
listener='' reader=''

cleanup() {
  [ -z "$listener" ] || kill "$listener" 2>"$work/kill"
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

fail() {
  printf 'FAILED: %s\n' "$*"
  failed=1
}

# p2p ARGUMENT...: the program; its output goes to $work/out and $work/err, its status to $status.
p2p() {
  timeout 60 "$P2P" "$@" >"$work/out" 2>"$work/err"
  status=$?
}

# expect STATUS ARGUMENT...: runs the program and checks its status.
expect() {
  local wanted=$1
  shift
  p2p "$@"
  [ "$status" = "$wanted" ] || {
    fail "p2p $*: status $status instead of $wanted"
    head -n 5 "$work/out" "$work/err"
  }
}

# says PATTERN, prints PATTERN: whether the program's errors or its output have such a line.
says() {
  grep -qe "$1" "$work/err" || { fail "it did not say: $1" && cat "$work/err"; }
}
prints() {
  grep -qe "$1" "$work/out" || { fail "it did not print: $1" && cat "$work/out"; }
}
silent() {
  [ ! -s "$work/err" ] || { fail "it complained" && cat "$work/err"; }
}

# listen ARGUMENT...: starts a listener. $first becomes its first line, what follows goes to
# $work/heard, its errors to $work/listen.err.
listen() {
  rm -f "$work/pipe"
  mkfifo "$work/pipe" || exit 2
  timeout --foreground 100 "$P2P" listen "$@" >"$work/pipe" 2>"$work/listen.err" &
  listener=$!
  exec 4<"$work/pipe"
  first=''
  IFS= read -r first <&4 || {
    fail "p2p listen $* printed no address"
    cat "$work/listen.err"
  }
  # shellcheck disable=SC2034 # for the tests
  addr=$first
  cat <&4 >"$work/heard" &
  reader=$!
  exec 4<&-
}

# heard: waits until the listener has ended by itself; its status goes to $status.
heard() {
  wait "$listener"
  status=$?
  listener=''
  wait "$reader"
}

# stop: ends the listener.
stop() {
  kill "$listener" 2>"$work/kill"
  heard
}

has_ip6() {
  timeout 10 "$P2P" listen --timeout 1ms 'udp://[::1]:0' >"$work/ip6" 2>&1
  grep -q '^udp:' "$work/ip6" || { echo 'no IPv6 here: left out' && false; }
}

# json_member NAME: of each object on standard input, the value of a member that is a string without
# escapes or a number.
json_member() {
  sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p"
}

# json FILE: whether each line is one JSON object.
json() {
  LC_ALL=C awk -f "$root/tests/cli/lib/json.awk" "$1" || fail "$1 is not JSON"
}

finish() {
  [ "$failed" = 0 ] && echo "ok"
  exit "$failed"
}
