#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Input from pipes, files, terminals and nowhere; output that is closed, full or not read; signals.
. "$(dirname "$0")/lib/common.sh"
# Background jobs as at a prompt: those of a script ignore SIGINT.
set -m

listen --count 6 udp://127.0.0.1:0
# A pipe that stays open while its lines are sent.
mkfifo "$work/input"
timeout --foreground 60 "$P2P" tell "$addr" --file "$work/input" &
teller=$!
exec 6>"$work/input"
echo pipe >&6
echo again >&6
exec 6>&-
wait "$teller" || fail 'tell from a pipe'
echo file >"$work/file"
expect 0 tell "$addr" <"$work/file"
expect 0 tell "$addr" </dev/null
expect 0 tell "$addr" <&-
# A terminal, if `script` can make one; Ctrl-D ends it.
if command -v script >"$work/which" &&
  script -qec true /dev/null </dev/null >"$work/script" 2>&1; then
  printf 'terminal\n\004' | timeout 60 script -qec "'$P2P' tell $addr" /dev/null >"$work/script"
else
  expect 0 tell "$addr" -M terminal
fi
# One after the other, with the terminal's or pipe's flags as they were.
printf 'left for cat\n' | { expect 0 tell "$addr" --file "$work/file" && cat >"$work/left"; }
grep -qx 'left for cat' "$work/left" || fail 'tell read an input that it was not to read'
expect 0 tell "$addr" -M last
heard
printf '%s\n' pipe again file terminal file last | diff - "$work/heard" || fail 'inputs'

# Watching does not leave the descriptor non-blocking: cat would fail.
mkfifo "$work/shared"
exec 7<>"$work/shared"
timeout --foreground 60 "$P2P" tell udp://127.0.0.1:9 <&7 &
teller=$!
echo line >&7
kill -INT "$teller"
wait "$teller"
[ $? = 130 ] || fail 'tell that is interrupted ends with 130'
grep -q '^flags:.*[4567]...$' /proc/$$/fdinfo/7 2>"$work/no-proc" &&
  fail 'a descriptor left non-blocking'
exec 7>&-

# A file that never ends, nor its first line: that is told at once, and the first signal ends it.
mkfifo "$work/endless"
for signal in INT TERM; do
  timeout --foreground 60 "$P2P" tell udp://127.0.0.1:9 --file /dev/zero 2>"$work/endless" &
  teller=$!
  exec 5<"$work/endless"
  IFS= read -r said <&5
  kill -$signal "$teller"
  wait "$teller"
  status=$?
  exec 5<&-
  [ $status = 1 ] || fail "an endless line and SIG$signal: $status" # what failed before it counts
  [[ $said = *'line 1 is not sent: it is longer than 65507 bytes'* ]] || fail "it said: $said"
done

# A reader that has enough: no complaint. A disk that is full: one.
listen --echo udp://127.0.0.1:0
timeout --foreground 60 "$P2P" ping "$addr" --interval 1ms 2>"$work/err" | head -n 3 >"$work/out"
[ "${PIPESTATUS[0]}" = 0 ] || fail "a closed pipe: status ${PIPESTATUS[0]}"
silent
"$P2P" help | true
if [ -w /dev/full ]; then
  timeout --foreground 60 "$P2P" ping "$addr" --interval 1ms >/dev/full 2>"$work/err"
  [ $? = 1 ] || fail 'a full disk'
  says 'cannot write to standard output: No space left'
  timeout --foreground 60 "$P2P" version >/dev/full 2>"$work/err"
  [ $? = 1 ] || fail 'a full disk, version'
fi

# SIGINT ends ping and listen as Ctrl-C does: with the sum, successfully.
mkfifo "$work/pings"
timeout --foreground 60 "$P2P" ping "$addr" --interval 10ms --stats >"$work/pings" 2>"$work/err" &
pinger=$!
exec 5<"$work/pings"
read -r _ <&5
read -r reply <&5
case $reply in '56 bytes from '*) ;; *) fail "no reply: $reply" ;; esac
kill -INT "$pinger"
cat <&5 >"$work/out"
exec 5<&-
wait "$pinger" || fail 'ping that is interrupted'
prints '^[0-9]* sent, [0-9]* received, 0% lost'
says '^udp.rx_msgs '
kill -INT "$listener"
heard
[ "$status" = 0 ] || fail "listen that is interrupted: $status"
grep -q 'p2p: listen: [0-9]* messages, [0-9]* bytes received' "$work/listen.err" ||
  fail 'listen printed no sum'

# A listener whose output nobody reads can still be ended.
mkfifo "$work/unread"
timeout --foreground 60 "$P2P" listen udp://127.0.0.1:0 >"$work/unread" 2>"$work/listen.err" &
deaf=$!
exec 5<"$work/unread"
IFS= read -r addr <&5
head -c 1000000 /dev/zero | tr '\0' '\001' | fold -w 1000 >"$work/much"
expect 0 tell "$addr" --file "$work/much"
kill "$deaf"
wait "$deaf"
status=$?
exec 5<&-
[ "$status" = 0 ] || fail 'a listener that nobody reads'

finish
