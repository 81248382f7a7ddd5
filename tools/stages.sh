#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Part of ./dev: the stages of a run, each one line, and the sum of their tests.

# Tests so far. A stage that fails without running any counts as one.
passed=0 failed=0 skipped=0

# stage NAME COMMAND...: does it; prints its result and time, what was skipped and why, and what it
# said if it fails.
stage() {
  local name=$1 began=$SECONDS result=ok summary='' reasons=''
  shift
  printf '%-32s' "$name"
  "$@" >build/log 2>&1 || result=FAILED
  printf '%-7s %4d s   %s\n' $result $((SECONDS - began)) "$summary"
  [ ! "$reasons" ] || printf '%s\n' "$reasons"
  [ $result = FAILED ] || return 0
  [ "$summary" ] || failed=$((failed + 1))
  # What went well is of no interest now.
  grep -vE '^ *[0-9]+/[0-9]+ Test .* Passed |^ +Start +[0-9]+:|^\[[0-9/]+\] [BL]|^-- ' build/log ||
    true
  return 1
}

# stage_tests PRESET NAME [CTEST OPTIONS...]: builds a tree and runs its tests.
stage_tests() {
  ! stage "$2: build" build_tests "$1" || stage_ctest "$1" "$2: tests" "${@:3}"
}

# stage_some_tests PATTERN PRESET NAME [CTEST OPTIONS...]: builds no more than the tests of that
# name, and runs those that the options choose.
stage_some_tests() {
  local targets
  mapfile -t targets < <(sources "tests/$1.c")
  [ ${#targets[@]} -gt 0 ] || return 0
  ! stage "$3: build" build_tests "$2" "${targets[@]}" || stage_ctest "$2" "$3: tests" "${@:4}"
}

# build_tests PRESET [TARGETS...]
build_tests() {
  configure "$1" -DP2P_TESTS=ON && make_tree "$@"
}

# stage_ctest PRESET NAME [CTEST OPTIONS...]
stage_ctest() {
  stage "$2" run_ctest "$1" "${@:3}" || true
}

# Runs the tests of a tree, adds to the counts and says them in the stage's $summary. Why a test was
# skipped goes to $reasons.
run_ctest() {
  local report=$PWD/build/$1/junit.xml status=0 fixed=() all bad skip
  # The thread sanitizer needs places in memory that random addresses may have taken.
  if [ "$1" = tsan ] && setarch "$(uname -m)" -R true; then
    fixed=(setarch "$(uname -m)" -R)
  fi
  rm -f "$report"
  "${fixed[@]}" ctest --test-dir "build/$1" --parallel "$(jobs_count)" --output-on-failure \
    --no-tests=ignore --output-junit "$report" "${@:2}" || status=1
  [ -e "$report" ] || return 1
  read -r all bad skip < <(awk -F '"' '
    /^[ \t]*(tests|failures|disabled|skipped)="/ { sub(/^[ \t]*/, "", $1); n[$1] = $2 }
    /<testcase/ { exit }
    END { print n["tests="], n["failures="], n["disabled="] + n["skipped="] }' "$report")
  passed=$((passed + all - bad - skip))
  failed=$((failed + bad))
  skipped=$((skipped + skip))
  reasons=$(skip_reasons "$report")
  [ "$bad" = 0 ] && [ $status = 1 ] || summary="$((all - bad - skip)) passed, $bad failed"
  return $status
}

# skip_reasons JUNIT: the tests that were skipped, each with the first line of what it said.
skip_reasons() {
  awk -F '"' '
    /<testcase / { name = $2; skip = 0 }
    /<skipped / { skip = 1 }
    skip && sub(/^.*<system-out>/, "") {
      sub(/<\/system-out>.*$/, "")
      gsub(/&lt;/, "<")
      gsub(/&gt;/, ">")
      gsub(/&amp;/, "\\&")
      printf "  skipped: %s: %s\n", name, $0
    }' "$1"
}
