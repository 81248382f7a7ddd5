#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What `./dev bench` and other commands say to those who ask for help, or for what there is not; and
# that each benchmark has its place in the documentation. Nothing is built or measured.
set -u

cd "$(dirname "$0")/../.." || exit 2
failed=0

# dev_says STATUS WORDS COMMAND ARGUMENT...
dev_says() {
  local status=0 said
  said=$(./dev "${@:3}" 2>&1) || status=$?
  [ $status = "$1" ] && [[ $said = *"$2"* ]] && return
  printf 'FAILED: ./dev %s ended with status %s and said: %s\n' "${*:3}" $status "$said"
  failed=1
}

# says STATUS WORDS ARGUMENT...: of ./dev bench.
says() {
  dev_says "$1" "$2" bench "${@:3}"
}

says 0 './dev bench [OPTIONS] [NAME...]' --help
says 0 './dev bench [OPTIONS] [NAME...]' udp -h
says 0 udp --list
says 1 'no benchmark nosuch; there are:' nosuch
says 1 'no benchmark nosuch' udp nosuch
says 1 'unknown option --wrong' --wrong
says 1 '--rounds needs a number' --rounds
says 1 '--rounds needs a number' --rounds 0
says 1 '--only needs a text' --only
says 1 '--docs takes no names' --docs udp
says 1 '--docs takes no names' --docs --quick

dev_says 1 'dev: demo: unknown option --bogus' demo --bogus
dev_says 1 'dev: lint: unknown option --bogus' lint --bogus
dev_says 1 'dev: lint: unknown option --bogus' lint --fix --bogus
dev_says 1 'dev: docs: unknown option --bogus' docs --bogus
dev_says 1 'dev: fuzz: unknown option --bogus' fuzz --bogus
dev_says 1 'dev: fuzz: which target? There are: all ' fuzz
dev_says 1 'dev: fuzz: no target nosuch; there are: all ' fuzz nosuch
dev_says 1 'is not a number of seconds' fuzz all soon
dev_says 0 p2pke fuzz --list

for name in $(./dev bench --list); do
  for line in "<!-- begin $name -->" "<!-- end $name -->"; do
    [ "$(grep -cx -- "$line" docs/benchmarks.md)" = 1 ] && continue
    echo "FAILED: docs/benchmarks.md has no place for the tables of $name: $line"
    failed=1
  done
done

[ $failed = 0 ] && echo 'as a newcomer expects'
exit $failed
