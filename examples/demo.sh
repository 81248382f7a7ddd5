#!/bin/sh
# SPDX-License-Identifier: MIT
# Two processes that know each other by their keys and exchange encrypted messages over UDP, with
# the p2p command. Each command is shown as it runs; the script fails if something does not arrive,
# or if a peer with another key is not refused.
# usage: demo.sh [PROGRAM]   PROGRAM is p2p where none is given, nor in the variable P2P
set -u

p2p=${1:-${P2P:-p2p}}
case $p2p in
/*) ;;
*/*) p2p=$PWD/$p2p ;;
esac
work=$(mktemp -d) || exit 2
listener=
mkfifo "$work/heard" || exit 2

end() {
  [ -z "$listener" ] || kill "$listener" 2>"$work/kill"
  rm -rf "$work"
}
trap end EXIT
trap 'exit 130' INT TERM

fail() {
  printf 'demo: %s\n' "$*" >&2
  exit 1
}

# show WORD...: a command line as one would type it.
show() {
  printf '\n$'
  for word in "$@"; do
    case $word in
    '' | *[!a-zA-Z0-9:/.,=_@+-]*) printf " '%s'" "$word" ;;
    *) printf ' %s' "$word" ;;
    esac
  done
  printf '\n'
}

# run ARGUMENT...: shows and runs a command of p2p.
run() {
  show p2p "$@"
  "$p2p" "$@" || fail "p2p $1 ended with status $?"
}

# listen ARGUMENT...: starts a listener that ends by itself; its address goes to $addr. What else it
# prints is read from descriptor 3.
listen() {
  show p2p listen "$@" '&' | sed "s/ '&'$/ \&/"
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

cd "$work" || exit 2
printf 'Each of two nodes makes a key, and is known by the id of that key:\n'
run keygen --out alice.pem
run keygen --out bob.pem
alice=$("$p2p" id --key alice.pem) || fail 'no peer id of alice'
bob=$("$p2p" id --key bob.pem) || fail 'no peer id of bob'

printf '\nAlice listens, and lets in nobody but Bob:\n'
listen --key alice.pem --allow "$bob" --from --count 3 --timeout 20s pke+udp://127.0.0.1:0
case $addr in
"pke+udp://$alice@127.0.0.1:"*) ;;
*) fail "the address $addr does not name alice" ;;
esac

printf '\nBob sends to her address, which says who must answer. The messages are encrypted:\n'
run tell "$addr" --key bob.pem --message 'hello, alice' --message 'grüß dich'

printf '\nWhere another key than the named one answers, nothing is sent:\n'
wrong=pke+udp://$bob@${addr##*@}
show p2p tell "$wrong" --key bob.pem --message secret
"$p2p" tell "$wrong" --key bob.pem --message secret
status=$?
[ "$status" -eq 4 ] || fail "a wrong key was not refused: status $status"
printf '(status 4)\n'
run tell "$addr" --key bob.pem --message 'goodbye'
heard
[ "$(grep -c "^pke+udp://$bob@127.0.0.1:" "$work/lines")" -eq 3 ] || fail 'not all came from bob'
grep -q 'hello, alice$' "$work/lines" || fail 'a message did not arrive'
! grep -q 'secret' "$work/lines" || fail 'what was for another key arrived'

printf '\nEncrypted round trips, with somebody who sends all back:\n'
listen --key alice.pem --echo --count 3 --timeout 20s pke+udp://127.0.0.1:0
run ping "$addr" --key bob.pem --count 3 --interval 100ms
heard >"$work/shown"

printf '\nThe doctor says why a peer cannot be reached, now that Alice is gone:\n'
show p2p doctor "$addr" --key bob.pem
"$p2p" doctor "$addr" --key bob.pem
status=$?
[ "$status" -eq 3 ] || fail "the doctor ended with status $status"

printf '\nIt also goes without keys, and requests have responses:\n'
listen --count 1 --timeout 10s udp://127.0.0.1:0
run tell "$addr" --message 'plain words'
heard
run ask mem:// 'hello' --answer 'tr a-z A-Z'
printf '\nAll of it arrived, and nothing else. p2p help says more.\n'
