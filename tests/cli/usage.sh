#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A command line that is wrong: status 2, nothing on the output, and an error that says what to do.
. "$(dirname "$0")/lib/common.sh"

# wrong PATTERN ARGUMENT...
wrong() {
  local pattern=$1
  shift
  expect 2 "$@"
  says "$pattern"
  says '^try: p2p help'
  [ ! -s "$work/out" ] || fail "p2p $*: something on the output"
}

wrong 'a command is missing, such as listen or tell'
wrong 'there is no command "lisen"; did you mean listen?' lisen
wrong 'there is no command "frobnicate"$' frobnicate
wrong 'options come after the command, as in p2p listen --raw' --raw
wrong 'there is no command "tel"; did you mean tell?' help tel

wrong 'listen needs an address, such as udp://127.0.0.1:0' listen
wrong 'tell needs the address that p2p listen printed' tell
wrong 'ask needs an address, such as mem://' ask
wrong 'ping needs the address that p2p listen --echo printed' ping
wrong 'one argument too many: "hello"' tell udp://127.0.0.1:9 hello

wrong 'unknown option --cuont; did you mean --count?' listen --cuont 5 udp://127.0.0.1:0
wrong 'unknown option --frobnicate$' listen --frobnicate udp://127.0.0.1:0
wrong 'unknown option -z' listen -z
wrong '--count needs a value: --count N' listen --count
wrong '--count: "many" is not a number' listen --count many
wrong '--count: 0 is out of range, which is 1 to ' listen -c0
wrong '--timeout: "soon" is not a time, such as 500ms, 2s or 1m' ping -t soon
wrong '--mtu: "1x" is not a number of bytes, such as 1400 or 64k' tell --mtu=1x
wrong '--json takes no value' tell --json=yes
expect 2 listen udp://127.0.0.1:0 --raw --json
says 'raw and --json exclude each other; JSON has the bytes in'
wrong '--message and --file exclude each other' tell udp://127.0.0.1:9 -M x -f y
wrong '--file and a REQUEST exclude each other' ask mem:// x -f y

wrong 'the address needs its scheme: write udp://127.0.0.1:9' tell 127.0.0.1:9
wrong '"localhost" has no scheme: an address is written as in udp://' tell localhost
wrong 'names of hosts are not looked up' tell udp://localhost:9
wrong 'is not an address of udp; write ip:port, such as udp://127.0.0.1:4000' tell udp://127.0.0.1
wrong 'is not an address of udp; write ip:port' listen udp://1
wrong 'is not an address of mem; write a node' ask mem://127.0.0.1:9 x
wrong 'nobody can be reached at port 0' tell udp://127.0.0.1:0
wrong 'there is no layer "tcp" in tcp://; known are: .*udp, mem' tell tcp://127.0.0.1:9
wrong 'there is no layer "quic" in quic+udp://; known are: .*udp, mem' tell quic+udp://127.0.0.1:9
wrong 'there is no layer "" in ://; known are' tell ://127.0.0.1:9
wrong 'udp+udp:// cannot be: nothing goes below udp, so it must come last' \
  tell udp+udp://127.0.0.1:9
wrong 'mem:// cannot send to udp://' tell udp://127.0.0.1:9 --bind mem://1
wrong 'names of hosts are not looked up' tell udp://127.0.0.1:9 --bind localhost:0

wrong 'is link-local, and its scope is missing: the number of its interface behind a %' \
  listen 'udp://[fe80::1]:0'
wrong 'its scope is missing' listen 'pke+udp://[febf::1]:0'
wrong 'its scope is missing' tell udp://127.0.0.1:9 --bind '[fe80::1]:0'

expect 1 tell 'udp://[::1]:9' --bind udp://127.0.0.1:0 -M x
says 'cannot be reached from --bind 127.0.0.1:0'

# What an attacker may have put into an argument does not reach the terminal.
expect 2 tell $'udp://\033[31m'
says 'x1b\[31m'
grep -q $'\033' "$work/err" && fail 'an escape sequence in an error'

# -- ends the options, and a single dash is no option.
expect 2 tell -- --json
says '"--json" has no scheme'
expect 2 tell -
says '"-" has no scheme'

finish
