#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Peers that know each other by their keys: messages arrive and name their sender; who is not meant,
# or not allowed, gets nothing; and each failure is explained.
. "$(dirname "$0")/lib/common.sh"

for name in alice bob carol; do
  expect 0 keygen --out "$work/$name"
  declare "$name=$(cat "$work/out")"
done
# shellcheck disable=SC2154 # they are declared above
names="$alice $bob $carol"

# round_trip ADDR: lines, in order, from who has proven to be bob.
round_trip() {
  listen --key "$work/alice" --from --count 300 "$1"
  case $addr in
  "pke+udp://$alice@"*) ;;
  *) fail "the address does not name alice: $addr" ;;
  esac
  seq 300 >"$work/lines"
  expect 0 tell "$addr" --key "$work/bob" --rate 5000 <"$work/lines"
  silent
  heard
  [ "$(grep -c "^pke+udp://$bob@" "$work/heard")" = 300 ] || fail "$1: senders"
  cut -f 2 "$work/heard" | cmp - "$work/lines" || fail "$1: messages"
}
round_trip pke+udp://127.0.0.1:0
! has_ip6 || round_trip 'pke+udp://[::1]:0'

# One message through a pipe is as reliable: the handshake is waited for.
for _ in 1 2 3 4 5; do
  listen --key "$work/alice" --count 1 pke+udp://127.0.0.1:0
  echo hi | timeout 60 "$P2P" tell "$addr" || fail 'tell'
  heard
  [ "$(cat "$work/heard")" = hi ] || fail 'one message'
done

# As fast as they go, none is lost in queues of ours: what left is counted.
listen --key "$work/alice" --stats pke+udp://127.0.0.1:0
seq 20000 | timeout 60 "$P2P" tell "$addr" --rate 0 --json --stats >"$work/out" ||
  fail 'many messages'
prints '"event":"sent","messages":20000,.*"failed":0}'
prints '"event":"stats","swarm":"pke",.*"tx_msgs":20000,'
prints '"event":"stats","swarm":"udp",'
stop

# Sizes: the usual one, and a large one.
listen --key "$work/alice" --raw --no-newline --count 2 pke+udp://127.0.0.1:0
head -c 1213 /dev/zero | tr '\0' x >"$work/long"
expect 1 tell "$addr" --whole --file "$work/long"
says 'it has 1213 bytes, and a message at most 1212; --mtu raises that'
expect 0 tell "$addr" --whole --file "$work/long" --mtu 1213
head -c 40000 /dev/urandom >"$work/binary"
expect 0 tell "$addr" --whole --file "$work/binary" --mtu 40000
heard
cat "$work/long" "$work/binary" | cmp - "$work/heard" || fail 'long messages'

# Round trips.
listen --key "$work/alice" --echo --count 3 pke+udp://127.0.0.1:0
expect 0 ping "$addr" -c 3 -i 1ms -t 10s
silent
[ "$(grep -cF "56 bytes from $addr: seq=" "$work/out")" = 3 ] || fail 'pings'
heard

# Another key than the named one: nothing is sent.
listen --key "$work/alice" --count 1 pke+udp://127.0.0.1:0
wrong=pke+udp://$bob@${addr##*@}
expect 4 tell "$wrong" -M secret
says "who answers is not the peer of $wrong, but has another key: "
says "another key: it says that it is $addr; .*p2p doctor"
[ "$(wc -l <"$work/err")" = 1 ] || fail 'it is said more than once'
expect 4 ping "$wrong" -c 1
says 'has another key'
[ ! -s "$work/out" ] || fail 'a ping to the wrong peer'
expect 4 tell "$wrong" -M secret --json
cp "$work/err" "$work/error.json"
json "$work/error.json"
says '"error":"P2P_ERR_REFUSED","exit":4'
prints '"event":"sent","messages":0,'
expect 0 tell "$addr" -M right
heard
[ "$(cat "$work/heard")" = right ] || fail 'what was for another arrived'

# Only those who are allowed.
listen --key "$work/alice" --allow "$carol" -A "$bob" --from --count 2 pke+udp://127.0.0.1:0
expect 3 tell "$addr" -M no --timeout 300ms
says "no answer from $addr: nobody listens there, .* is not allowed there; p2p doctor"
expect 0 tell "$addr" --key "$work/bob" -M one
expect 0 tell "$addr" --key "$work/carol" -M two
heard
sed 's/@[^\t]*//' "$work/heard" >"$work/from"
printf 'pke+udp://%s\t%s\n' "$bob" one "$carol" two | diff -u - "$work/from" || fail '--allow'
expect 2 listen --allow "${alice%?}" pke+udp://127.0.0.1:0
says 'is no peer id, which has 43 characters; p2p id prints it'
expect 2 listen --allow "$alice" udp://127.0.0.1:0
says 'udp:// has no keys, so --allow means nothing to it; write pke+udp://'
expect 2 tell --key "$work/bob" udp://127.0.0.1:9 -M x
says 'so --key means nothing to it; write pke+udp://'

# Nobody.
expect 3 tell "pke+udp://$alice@127.0.0.1:9" -M x --timeout 100ms
says "no answer from pke+udp://$alice@127.0.0.1:9: nobody listens there"
expect 3 tell "pke+udp://$alice@127.0.0.1:9" --timeout 50ms </dev/null

# Without a key file a listener says so; --key is not asked for, and nothing is written.
listen --count 1 pke+udp://127.0.0.1:0
grep -q "there is no key file, so this node is .* this time only; p2p keygen" "$work/listen.err" ||
  fail 'an ephemeral key is not told'
expect 0 tell "$addr" -M x
silent
heard
[ ! -e "$HOME" ] || fail 'something was written'
listen --count 1 --json pke+udp://127.0.0.1:0
echo "$first" >"$work/first"
json "$work/first"
case $first in
*'"event":"listening",'*',"key":"temporary"}') ;;
*) fail "an ephemeral key is not told in JSON: $first" ;;
esac
stop
listen --count 1 --json --key "$work/alice" pke+udp://127.0.0.1:0
case $first in *temporary*) fail 'a lasting key is called temporary' ;; esac
stop
# With the default file it is quiet, and always the same.
expect 0 keygen
mine=$(cat "$work/out")
listen --count 1 pke+udp://127.0.0.1:0
[ ! -s "$work/listen.err" ] || fail 'a note about a key that is there'
expect 0 tell "$addr" -M x
heard
case $addr in
"pke+udp://$mine@"*) ;;
*) fail 'the default key was not used' ;;
esac
chmod 644 "$HOME/.config/p2p/key.pem"
expect 3 tell "$addr" -M x -t 50ms
says 'warning: the key in .*key.pem is no secret'
echo broken >"$HOME/.config/p2p/key.pem"
expect 1 listen pke+udp://127.0.0.1:0
says 'cannot use the key in .*key.pem: it is not a private key'
rm -r "$HOME"

# What an address lacks.
expect 2 tell pke+udp://127.0.0.1:9 -M x
says 'the peer id is missing'
expect 2 tell "pke+udp://$alice@127.0.0.1" -M x
says '"127.0.0.1" is not an address of udp'
expect 2 listen "pke+udp://$alice@127.0.0.1:0"
says 'a peer id has no place there'
expect 2 tell "pke://$alice@127.0.0.1:9" -M x
says 'pke needs a layer below it, as in pke+udp://'

# Requests are not there yet.
expect 5 ask "pke+udp://$alice@127.0.0.1:9" x
expect 5 listen pke+udp://127.0.0.1:0 --answer cat
[ -n "$names" ] || fail 'no names'

finish
