#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# p2p ping with somebody who echoes, with nobody, and with somebody who talks nonsense.
. "$(dirname "$0")/lib/common.sh"

# round_trips ADDR
round_trips() {
  listen --echo --count 8 "$1"
  expect 0 ping "$addr" --count 5 --interval 10ms --timeout 10s
  silent
  [ "$(grep -cF "56 bytes from $addr: seq=" "$work/out")" = 5 ] || fail "$1: replies"
  [ "$(grep -c ': seq=[1-5] time=[0-9.]* ms$' "$work/out")" = 5 ] || fail "$1: times"
  prints '^5 sent, 5 received, 0% lost, [0-9.]* s$'
  prints '^round trip min/avg/max/mdev = [0-9.]*/[0-9.]*/[0-9.]*/[0-9.]* ms$'
  awk -F '[ /]' '/^round trip/ { exit !($8 <= $9 && $9 <= $10) }' "$work/out" ||
    fail "$1: minimum, average, maximum"
  expect 0 ping "$addr" -c 3 -i 1ms -S 1232 -t 10s --json --stats
  json "$work/out"
  [ "$(grep -c '"event":"reply",.*"len":1232,' "$work/out")" = 3 ] || fail "$1: replies in JSON"
  prints '"event":"summary",.*"sent":3,"received":3,"duplicates":0,"lost":0,.*"min":.*"mdev":'
  prints '"event":"stats",.*"tx_msgs":3,"tx_bytes":3696,"rx_msgs":3,'
  heard
  [ "$status" = 0 ] || fail "$1: the listener ended with $status"
}

round_trips udp://127.0.0.1:0
! has_ip6 || round_trips 'udp://[::1]:0'

# A listener that does not echo: all is lost, and that is told by the status.
listen udp://127.0.0.1:0
expect 3 ping "$addr" --count 3 --interval 1ms --timeout 20ms
prints '^no reply: seq=1$'
prints '^3 sent, 0 received, 100% lost'
says 'nothing came back; does p2p listen --echo run there?'
grep -q 'round trip' "$work/out" && fail 'round trips of nothing'

stop

# What is no reply to a ping of ours is ignored: here somebody else talks to the port that pings.
listen --json --count 1 udp://127.0.0.1:0
target=$(echo "$first" | json_member addr)
mkfifo "$work/pings"
timeout --foreground 60 "$P2P" ping "$target" --bind 127.0.0.1:0 -c 1 -t 2s --stats >"$work/pings" \
  2>"$work/ping.err" &
pinger=$!
exec 5<"$work/pings"
IFS= read -r begun <&5
[ "$begun" = "PING $target: 56 bytes" ] || fail "ping began with: $begun"
heard
source=$(json_member src <"$work/heard")
expect 0 tell "$source" -M nonsense -M "$(head -c 56 /dev/zero | tr '\0' x)"
cat <&5 >"$work/out"
exec 5<&-
wait "$pinger"
[ $? = 3 ] || fail 'nonsense was taken for a reply'
grep -q '^udp.rx_msgs 2$' "$work/ping.err" || fail 'the nonsense did not arrive'
grep -q '^1 sent, 0 received, 100% lost' "$work/out" || fail 'nonsense was counted'

# A ping that is too long.
expect 1 ping udp://127.0.0.1:9 --size 1233 --count 1
says 'larger than the MTU .*--mtu raises that'
expect 2 ping udp://127.0.0.1:9 --size 15
says 'out of range, which is 16 to 65507'

# An echo that is longer than the listener may send.
for json in '' --json; do
  # shellcheck disable=SC2086 # it may be no word
  listen --echo --verbose --count 2 $json udp://127.0.0.1:0
  [ ! "$json" ] || addr=$(echo "$first" | json_member addr)
  expect 3 ping "$addr" -S 5000 -m 5000 -c 2 -i 1ms -t 100ms
  heard
  [ "$(grep -c 'a message of 5000 bytes is not echoed, .* is 1232; --mtu raises' \
    "$work/listen.err")" = 1 ] || fail 'nothing is said of an echo that is too long'
  [ "$json" ] || grep -q ': 2 messages were too long to be echoed$' "$work/listen.err" ||
    fail 'echoes that are too long are not counted'
done
json "$work/listen.err"

finish
