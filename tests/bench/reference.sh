#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The reference in the benchmarks: that it is asked and its answer written down, and what is said
# where it cannot be had, by ./dev bench and ./dev test. $PKE is the benchmark; scripts play the
# reference and Go.
set -u

pke=${PKE:?the benchmark}
cd "$(dirname "$0")/../.." || exit 2
root=$PWD
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
failed=0

fail() {
  printf 'FAILED: %s\n' "$*"
  failed=1
}

# said WORDS: whether they are in the output.
said() {
  grep -qF -- "$1" "$work/out" || fail "this was not said: $1; but: $(cat "$work/out")"
}

# script NAME: a program of the standard input's lines.
script() {
  { echo '#!/bin/sh' && cat; } >"$work/$1"
  chmod +x "$work/$1"
}

# --- the benchmark ---

# measure: one row, with $work/speed as the reference.
measure() {
  "$pke" --quick --rounds 1 --only handshakes --json "$work/pke.json" \
    --reference "'$work/speed'" >"$work/out" 2>&1 || fail "the benchmark ends with status $?"
  said '| handshakes, both sides '
  said ' reference |'
}

script speed <<'END'
echo "$*" >>"$0.asked"
echo 4321.5
END
measure
said '|    4321.5 ns |'
grep -qF '"reference_ns": 4321.50}' "$work/pke.json" || fail 'its time is not in the results'
[ "$(cat "$work/speed.asked")" = 'handshake 5 20' ] || fail "asked: $(cat "$work/speed.asked")"

# Whatever it does wrong, the row goes on without it.
for wrong in 'exit 1' 'echo soon' 'echo 0' 'echo inf' 'echo 5 && exit 1'; do
  script speed <<<"$wrong"
  measure
  said "the reference gives no time: '$work/speed' handshake 5 20"
  ! grep -q reference_ns "$work/pke.json" || fail "$wrong: this is no time"
done

# --- no reference ---

# A system with what the scripts need, and without Go.
mkdir "$work/bin"
for tool in bash cat dirname grep mkdir nproc realpath rm sed tail timeout awk ctest; do
  ln -s "$(command -v $tool)" "$work/bin/$tool" || exit 2
done

# lacking REASON: ./dev bench measures without it, and a test that needs it is skipped.
lacking() {
  PATH=$work/bin bash -c '
    . tools/bench.sh
    speed=$1/interop/speed
    bench_reference
    echo "options: ${reference[*]}"' bench "$work" >"$work/out" 2>&1
  said "without the reference: $1"
  said 'options: '
  ! grep -q -- --reference "$work/out" || fail "$1: there are options for the reference"

  mkdir -p "$work/build/some"
  printf '%s\n' "add_test(passes \"$work/bin/nproc\")" \
    "add_test(interop \"$root/tests/interop/run.sh\" none none \"$work/interop\")" \
    'set_tests_properties(interop PROPERTIES SKIP_RETURN_CODE 77)' \
    >"$work/build/some/CTestTestfile.cmake"
  (
    cd "$work" || exit 2
    PATH=$work/bin bash -euc '
      . "$1/tools/stages.sh"
      jobs_count() { echo 1; }
      stage_ctest some "a stage"
      echo "$passed passed, $failed failed, $skipped skipped"' stages "$root"
  ) >"$work/out" 2>&1
  said "  skipped: interop: $1"
  said '1 passed, 0 failed, 1 skipped'
}

lacking 'there is no go command'

script bin/go <<<'echo go1.20.4'
lacking 'this needs Go 1.23 or later'

script bin/go <<'END'
[ "$1" = env ] && echo go1.23.0 && exit
echo 'go: downloading something' >&2
echo 'module <p2p>: "not" found & lost' >&2
exit 1
END
lacking 'the module cannot be had: module <p2p>: "not" found & lost'

# --- and with one ---

script bin/go <<'END'
[ "$1" = env ] && echo go1.23.0
exit 0
END
PATH=$work/bin bash -c '
  . tools/bench.sh
  speed=$1/interop/speed
  bench_reference
  echo "options: ${reference[*]}"' bench "$work" >"$work/out" 2>&1
said "options: --reference $work/interop/speed"

[ $failed = 0 ] && echo 'the reference is where it should be'
exit $failed
