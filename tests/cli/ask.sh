#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# p2p ask: over memory, with a command that answers; and over UDP, which has no requests yet.
. "$(dirname "$0")/lib/common.sh"

# The request goes to the command, its output comes back.
expect 0 ask mem:// hello --answer 'tr a-z A-Z'
silent
echo HELLO | cmp - "$work/out" || fail 'a response'
printf 'two\nlines\n' >"$work/request"
expect 0 ask mem:// --file "$work/request" --answer sort
printf 'lines\ntwo\n' | cmp - "$work/out" || fail 'a request from a file'
expect 0 ask mem://7 --answer 'cat; echo from $P2P_SRC' <"$work/request"
prints '^from mem://[0-9]*$'
expect 0 ask mem:// '' --answer 'wc -c'
prints '^ *0$'

# Binary, long (many reads and writes of the pipes), and printed safely unless --raw.
head -c 1000000 /dev/urandom >"$work/binary"
expect 0 ask mem:// --file "$work/binary" --answer cat --raw
cmp "$work/binary" "$work/out" || fail 'a binary response'
expect 0 ask mem:// x --answer "printf 'a\\tb\\n\\033[31m\\377'"
printf 'a\tb\n\\x1b[31m\\xff\n' | cmp - "$work/out" || fail 'a response that is escaped'
expect 0 ask mem:// x --answer 'printf "a\n\"b\""' --json
json "$work/out"
prints '"event":"response","src":"mem://0","milliseconds":[0-9.]*,"len":5,'
prints '"base64":"YQoiYiI=","text":"a\\n\\"b\\""}'

# A command that does not read its input, and one that leaves a child behind.
expect 0 ask mem:// --file "$work/binary" --answer 'exec <&-; echo done'
prints '^done$'
expect 0 ask mem:// x --answer 'sleep 100 >&- & echo done'
prints '^done$'

# Refused: with the status of the command, when it is killed, is slow, says too much, is not there.
expect 4 ask mem:// x --answer 'exit 7'
says 'mem://0 refused the request with code 7$'
expect 4 ask mem:// x --answer 'exit 7' --json
prints '"event":"refused","src":"mem://0","code":7}'
json "$work/err"
expect 4 ask mem:// x --answer 'kill -KILL $$'
says 'code 137'
expect 4 ask mem:// x --answer 'sleep 100' --answer-timeout 20ms
says 'code 124 (as a command that took too long)'
expect 4 ask mem:// x --answer 'sleep 100 | sleep 100' --answer-timeout 20ms
expect 4 ask mem:// x --answer yes
says 'code 253 (as a response that is too long)'
expect 0 ask mem:// x --answer 'printf 1234567890' --answer-size 10
expect 4 ask mem:// x --answer 'printf 12345678901' --answer-size 10
expect 4 ask mem:// x --answer "$work/nothing"
says 'code 127'

# No answer.
expect 3 ask mem:// x --answer 'sleep 100' --timeout 20ms
says 'the time limit passed first; --timeout sets it'
expect 3 ask mem://5 x
says 'nodes in memory are of one process: --answer COMMAND makes the other one'
expect 3 ask mem:// x
says 'nodes in memory are of one process: --answer COMMAND makes the other one'

# Too long, unreadable.
head -c 1048577 /dev/zero >"$work/big"
expect 1 ask mem:// --file "$work/big" --answer cat
says 'the request is longer than 1048576 bytes, and no more fit'
expect 1 ask mem:// --file /dev/zero --answer cat
says 'the request is longer than 1048576 bytes, and no more fit'
expect 1 ask mem:// --file "$work/nothing" --answer cat
says 'cannot open .*nothing: No such file'
expect 1 ask mem:// --file "$work" --answer cat
says 'cannot read .*: Is a directory'

# Swarms that have no requests say so, and what to do.
for arguments in 'ask udp://127.0.0.1:9 x' 'listen udp://127.0.0.1:0 --answer cat'; do
  # shellcheck disable=SC2086 # words are meant
  expect 5 $arguments
  says 'no requests yet; requests work in memory: p2p ask mem:// --answer COMMAND REQUEST'
  [ ! -s "$work/out" ] || fail "$arguments printed something"
done
for arguments in 'listen mem://' 'tell mem://1 -M x' 'ping mem://1'; do
  # shellcheck disable=SC2086
  expect 5 $arguments
  says 'mem:// joins nodes of one process only\|mem://, which joins nodes of one process only'
done

finish
