#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# --json: one object per line, payloads in base64, errors too.
. "$(dirname "$0")/lib/common.sh"

# The checker is checked.
for good in '{}' '{"a":1,"b":[true,null,"\u00e9\n"],"c":{"d":-1.5e3}}' '{"a":"é"}'; do
  echo "$good" >"$work/good"
  json "$work/good"
done
for bad in '' '{' '{"a":}' '{"a":01}' '{"a":1}}' '{"a":"\x"}' '{"a":"	"}' '[]' '{"a":1,}' 'x'; do
  echo "$bad" >"$work/bad"
  LC_ALL=C awk -f "$root/tests/cli/lib/json.awk" "$work/bad" >"$work/why" &&
    fail "taken for JSON: $bad"
done

# Every byte, quotes and all, comes back from base64; text only where it is UTF-8.
awk 'BEGIN { for (i = 0; i < 256; i++) printf "\\%03o", i }' >"$work/octal"
printf '%b' "$(sed 's/\\/\\0/g' "$work/octal")" >"$work/bytes"
[ "$(wc -c <"$work/bytes")" = 256 ] || fail 'the test file has not all bytes'
listen --json --count 4 --stats udp://127.0.0.1:0
echo "$first" >"$work/first"
json "$work/first"
addr=$(json_member addr <"$work/first")
expect 0 tell "$addr" --whole --file "$work/bytes" --json
json "$work/out"
prints '"event":"sent","messages":1,"bytes":256,"failed":0}'
expect 0 tell "$addr" -M "say \"é\\" -M '' -M $'\033\342\200\256\302\240\360\237\230\200'
heard
json "$work/heard"
json_member base64 <"$work/heard" | head -n 1 | base64 -d | cmp - "$work/bytes" || fail 'base64'
sed -n 1p "$work/heard" | grep -q '"text"' && fail 'text of what is no text'
sed -n 2p "$work/heard" | grep -qF '"len":8,"base64":"c2F5ICLDqVw=","text":"say \"é\\"}' ||
  fail 'quotes'
sed -n 3p "$work/heard" | grep -qF '"len":0,"base64":"","text":""}' || fail 'an empty message'
sed -n 4p "$work/heard" | grep -qF '"text":"\u001b\u202e'$'\302\240\360\237\230\200"' ||
  fail 'control characters'
sed -n 5p "$work/heard" | grep -q '"event":"stats","swarm":"udp",.*"rx_msgs":4,' || fail 'counters'
grep -c '"src":"udp://127.0.0.1:[0-9]*","dst":"'"$addr" "$work/heard" | grep -qx 4 ||
  fail 'addresses'

# Errors are objects too, also those of a command line that could not be read.
for arguments in 'tell --json' 'tell -j x' 'tell --jsn --json' 'nothing --json' \
  'tell mem:// --json' 'listen --json udp://192.0.2.55:0' 'ask --json mem:// x'; do
  # shellcheck disable=SC2086 # words are meant
  p2p $arguments
  cp "$work/err" "$work/error.json"
  json "$work/error.json"
  says "\"event\":\"error\",.*\"exit\":$status}"
done
says '"error":"P2P_ERR_NO_HANDLER"\|"error":"P2P_ERR_UNREACHABLE"'

for command in errors version; do
  expect 0 $command --json
  json "$work/out"
done

# The manual names each event that docs/cli.md has.
events=$(sed -n '/^| event | of/,/^$/s/^| \(`[^|]*\) |.*/\1/p' "$root/docs/cli.md" | tr -d '`,')
[ "$(echo "$events" | wc -w)" -ge 15 ] || fail "too few events: $events"
for event in $events; do
  sed -n '/^\.Sh JSON/,/^\.Sh ENV/p' "$root/docs/man/p2p.1" | grep -q "^\.Li $event\( [,.]\)*$" ||
    fail "the manual lacks the event $event"
done

finish
