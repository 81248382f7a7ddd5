#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What `./dev bench` says to those who ask for help, or for what there is not; and that each
# benchmark has its place in the documentation. Nothing is built or measured.
set -u

cd "$(dirname "$0")/../.." || exit 2
failed=0

# says STATUS WORDS ARGUMENT...
says() {
  local status=0 said
  said=$(./dev bench "${@:3}" 2>&1) || status=$?
  [ $status = "$1" ] && [[ $said = *"$2"* ]] && return
  printf 'FAILED: ./dev bench %s ended with status %s and said: %s\n' "${*:3}" $status "$said"
  failed=1
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

for name in $(./dev bench --list); do
  for line in "<!-- begin $name -->" "<!-- end $name -->"; do
    [ "$(grep -cx -- "$line" docs/benchmarks.md)" = 1 ] && continue
    echo "FAILED: docs/benchmarks.md has no place for the tables of $name: $line"
    failed=1
  done
done

[ $failed = 0 ] && echo 'as a newcomer expects'
exit $failed
