#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Two processes over UDP: what is told arrives, as it was, and is printed so that a terminal is
# safe.
. "$(dirname "$0")/lib/common.sh"

# round_trip ADDR: lines of all sorts through one listener.
round_trip() {
  printf 'plain\n\nnaïve — ünïcode 😀\n\033[31mred\tand\\back\nbad \377 byte\nlast' >"$work/lines"
  printf '%s\n' 'plain' '' 'naïve — ünïcode 😀' '\x1b[31mred\tand\\back' 'bad \xff byte' 'last' \
    >"$work/escaped"
  listen --count 6 "$1"
  expect 0 tell "$addr" <"$work/lines"
  silent
  heard
  [ "$status" = 0 ] || fail "$1: the listener ended with $status"
  diff -u "$work/escaped" "$work/heard" || fail "$1: escaped lines"

  # With --raw they come back byte by byte.
  listen --count 6 --raw "$1"
  expect 0 tell "$addr" --file "$work/lines"
  heard
  echo >>"$work/lines"
  cmp "$work/lines" "$work/heard" || fail "$1: raw lines"
}

round_trip udp://127.0.0.1:0
! has_ip6 || round_trip 'udp://[::1]:0'

# A binary file as one message, larger than the usual MTU.
head -c 40000 /dev/urandom >"$work/binary"
listen --count 1 --raw --no-newline udp://127.0.0.1:0
expect 0 tell "$addr" --whole --file "$work/binary" --mtu 60000
heard
cmp "$work/binary" "$work/heard" || fail 'a binary message'

# Texts from the command line, in order; one that looks like an option too; the sender's address.
listen --count 3 --from udp://127.0.0.1:0
expect 0 tell "$addr" --message one -M '' --message=--two --bind 127.0.0.1:0
heard
sed 's/^udp:\/\/127\.0\.0\.1:[0-9]*\t/<from> /' "$work/heard" >"$work/from"
printf '<from> %s\n' one '' --two | diff -u - "$work/from" || fail '--message and --from'

# A line that is too long is named and left out; the others are sent.
listen --count 3 udp://127.0.0.1:0
{
  echo first
  head -c 1233 /dev/zero | tr '\0' x
  printf '\n'
  head -c 1232 /dev/zero | tr '\0' y
  printf '\n'
  head -c 300000 /dev/zero | tr '\0' z
  printf '\nfifth\n'
} >"$work/long"
expect 1 tell "$addr" <"$work/long"
says 'line 2 is not sent: it has 1233 bytes, and a message at most 1232; --mtu'
says 'line 4 is not sent: it is longer than 65507 bytes, and no message can be'
heard
[ "$(awk '{ print length($0) }' "$work/heard" | tr '\n' ' ')" = '5 1232 5 ' ] ||
  fail 'the lines that fit did not arrive'

# A listener that gives up: with too few messages, with none, with enough.
listen --count 2 --timeout 50ms udp://127.0.0.1:0
expect 0 tell "$addr" -M one
heard
[ "$status" = 3 ] || fail "a listener that got 1 of 2 messages ended with $status"
expect 3 listen --timeout 1ms udp://127.0.0.1:0
listen --timeout 100ms udp://127.0.0.1:0
expect 0 tell "$addr" -M one
heard
[ "$status" = 0 ] || fail "a listener that got a message ended with $status"

# All addresses of the machine: the one of loopback is among them, and works.
listen --timeout 10s --count 1 udp://0.0.0.0:0
expect 0 tell "udp://127.0.0.1:${addr##*:}" -M everywhere
heard
grep -qx everywhere "$work/heard" || fail 'a listener on all addresses'
{ printf '%s\n' "$first" && cat "$work/heard"; } | grep -q '^udp://127\.0\.0\.1:' ||
  fail 'loopback is not among the addresses'

# A listener asks for 4 MiB to keep what it has no time for; Linux counts twice what it gives.
if command -v ss >"$work/which" && [ -r /proc/sys/net/core/rmem_max ]; then
  most=$(cat /proc/sys/net/core/rmem_max)
  [ "$most" -lt 4194304 ] || most=4194304
  listen udp://127.0.0.1:0
  ss -Hunlm "sport = :${addr##*:}" | grep -q ",rb$((2 * most))," || fail 'the receive buffer'
  stop
fi

# What cannot be opened or sent.
listen udp://127.0.0.1:0
expect 1 listen "$addr"
says 'already in use; another program has that port: choose another one'
stop
expect 1 listen udp://192.0.2.55:0
says 'must be an address of this machine'
expect 1 tell udp://127.0.0.1:9 --file "$work/nothing"
says 'cannot open .*nothing: No such file'
expect 1 tell udp://127.0.0.1:9 --file "$work"
says 'cannot read .*: Is a directory'
expect 1 tell udp://255.255.255.255:9 -M x
says 'of 1 messages, 1 could not be sent'
# The sums are those of what was sent.
expect 1 tell udp://255.255.255.255:9 -M x -M longer --verbose
says 'of 2 messages, 2 could not be sent'
says ': 0 messages, 0 bytes sent$'
expect 1 tell udp://255.255.255.255:9 -M x --json
prints '"event":"sent","messages":0,"bytes":0,"failed":1}'

# No --mtu helps what is longer than any message; of a line that is a little too long it does.
{ head -c 65508 /dev/zero | tr '\0' x && printf '\nfits\n'; } >"$work/longest"
listen --count 3 udp://127.0.0.1:0
for mtu in 1232 65507; do
  expect 1 tell "$addr" --file "$work/longest" --mtu $mtu
  says 'line 1 is not sent: it is longer than 65507 bytes, and no message can be$'
done
expect 1 tell "$addr" --message "$(head -c 65508 /dev/zero | tr '\0' x)" -M fits --mtu 65507
says 'message 1 is not sent: it is longer than 65507 bytes, and no message can be$'
heard
[ "$(uniq -c "$work/heard" | tr -d ' ')" = 3fits ] || fail 'what is behind a line that is too long'
# An input without an end is no message, and that is known before long.
expect 1 tell udp://127.0.0.1:9 --whole --file /dev/zero
says 'the input is not sent: it is longer than 65507 bytes'
expect 1 tell udp://127.0.0.1:9 --whole < <(head -c 65508 /dev/zero)
says 'the input is not sent: it is longer than 65507 bytes'

finish
