#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# p2p doctor: what each step finds, with peers in all the states that can be made on one machine.
. "$(dirname "$0")/lib/common.sh"

expect 0 keygen --out "$work/alice"
alice=$(cat "$work/out")
expect 0 keygen --out "$work/bob"
bob=$(cat "$work/out")

# step NAME STATE PATTERN
step() {
  prints "^$1  *$2  *$3"
}

# A peer that is well.
listen --key "$work/alice" --echo pke+udp://127.0.0.1:0
expect 0 doctor "$addr" --key "$work/bob"
silent
step address ok "$addr is well formed"
step key ok "this node is $bob, by the key in "
step route ok 'this machine sends there from 127\.0\.0\.1:'
step port ok 'somebody listens on it'
step handshake ok 'answered after [0-9.]* ms, complete after [0-9.]* ms$'
step peer ok "it has proven to be $alice"
step clock ok 'the peer took the date of the handshake'
step sizes unknown ''
prints '^The peer can be reached\.$'
expect 0 doctor "$addr" --echo
step key ok 'this node is .* this time only'
step sizes ok 'messages of 1212 bytes come back .*, those of 1400 do not: the --mtu of the listener'
expect 0 doctor "$addr" --json --echo
json "$work/out"
prints '"step":"handshake","state":"ok","text":.*"milliseconds":'
prints '"step":"peer","state":"ok",.*"peer":"'"$alice\"}"
prints '"step":"sizes","state":"ok",.*"bytes":1212}'
prints '"event":"verdict",.*"reachable":"yes","exit":0}'

# The same place with another key in its name.
expect 4 doctor "pke+udp://$bob@${addr##*@}"
step peer failed "who answers says it is $alice, and $bob is wanted; nothing was sent to it"
prints '^  *-> if its owner has made a new key'
prints '^The peer cannot be reached\.$'
expect 4 doctor "pke+udp://$bob@${addr##*@}" --json
json "$work/out"
prints '"step":"peer","state":"failed",.*"peer":"'"$alice\"}"
stop

# Nobody there: the port has just been closed.
expect 3 doctor "$addr"
step port failed 'that machine is there, and says that nobody listens on the port'
prints '^  *-> start p2p listen there'
expect 3 doctor "udp://${addr##*@}"
step port failed 'that machine is there'

# Nobody who answers: not allowed, or a plain listener.
listen --key "$work/alice" --allow "$alice" pke+udp://127.0.0.1:0
expect 3 doctor "$addr" --key "$work/bob" --timeout 100ms
step port unknown 'the system has heard nothing about it'
step handshake failed "nothing came back: .*this node ($bob) is not let in"
step clock unknown 'a handshake that is dated a day later is not answered either'
expect 0 doctor "$addr" --key "$work/alice" --timeout 10s
stop
listen --echo udp://127.0.0.1:0
expect 3 doctor "pke+udp://$alice@${addr##*/}" --timeout 100ms
step port ok 'something answers on it'
step handshake failed 'what comes back is no answer to a handshake: is it a plain udp:// listener,'
stop

# Whatever it tries, no handshake is signed for more than a day ahead: the time is that of TAI64N,
# behind the version (docs/p2pke.md). Whole minutes are left for leap seconds and a slow machine.
listen --json --count 2 udp://127.0.0.1:0
addr=$(json_member addr <<<"$first")
expect 3 doctor "pke+udp://$alice@${addr##*/}" --key "$work/bob" --timeout 100ms
heard
now=0 later=0
for message in $(json_member base64 <"$work/heard"); do
  bytes=$(base64 -d <<<"$message" | od -An -v -tx1 | tr -d ' \n')
  time=${bytes#00000000*0801120c40000000}
  [ "$time" != "$bytes" ] || { fail "no handshake: $bytes" && continue; }
  ahead=$((0x${time:0:8} - $(date +%s)))
  [ $ahead -lt $((24 * 3600 + 120)) ] || fail "a handshake is dated $ahead s ahead"
  if [ $ahead -gt 120 ]; then later=$((later + 1)); else now=$((now + 1)); fi
done
[ "$now $later" = '1 1' ] || fail "$now handshakes of today, $later of later"

# Plain UDP.
listen --echo udp://127.0.0.1:0
expect 0 doctor "$addr" --echo
step port ok 'somebody answers'
step sizes ok 'messages of 1232 bytes come back'
expect 0 doctor "$addr"
step port ok 'somebody answers'
expect 2 doctor "$addr" --key "$work/bob"
stop
listen udp://127.0.0.1:0
expect 0 doctor "$addr" --timeout 50ms
step port unknown 'no error came back, and no answer: plain UDP has none'
prints '^Whether the peer can be reached is not known\.$'
expect 3 doctor "$addr" --timeout 50ms --echo
step port failed 'no echo came back'
stop

# What is wrong with an address, or with the way there.
expect 2 doctor udp://localhost:9
step address failed '"localhost:9" is not an address of udp (names of hosts'
expect 2 doctor pke+udp://abc@127.0.0.1:1
step address failed '"abc" before the @ is no peer id: it has 3 characters, and a peer id has 43'
expect 2 doctor "pke+udp://$alice@127.0.0.1:0"
step address failed '.*nobody can be reached at port 0'
expect 2 doctor udp://127.0.0.1:9 --bind nonsense
step address failed '"nonsense" is not an address of udp'
expect 5 doctor mem://1
step address unknown 'p2p doctor knows nothing about mem://'
expect 3 doctor udp://127.0.0.1:9 --bind 192.0.2.55:0
step route failed 'this machine has no address from which'
for group in 'multicast udp://224.0.0.1:9' 'broadcast udp://255.255.255.255:9' \
  "multicast pke+udp://$alice@239.1.2.3:9" 'multicast udp://[ff02::1%1]:9'; do
  expect 2 doctor "${group#* }" --timeout 50ms
  step address failed ".* is a ${group%% *} address, which many machines have together"
done
# The broadcast address of a network of this machine, if it is in one.
own=$(ip -o -4 addr 2>"$work/ip.err" | sed -n 's/.* brd \([0-9.]*\) .*/\1/p' | head -n 1)
[ -z "$own" ] || {
  expect 2 doctor "udp://$own:9"
  step address failed '.* is a broadcast address'
}
! has_ip6 || {
  expect 3 doctor 'udp://[fe80::1]:9'
  step route failed '.*a link-local one needs its interface'
}
expect 1 doctor "pke+udp://$alice@127.0.0.1:9" --key "$work/nothing"
step key failed ''
prints '^  *-> mend that file, or name another'
says 'there is no such file'

finish
