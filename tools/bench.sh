#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Part of ./dev: running benchmarks, and making of their results what people read.

report=build/release/docs/bench_report

# The program that measures the reference, and the options with it for a benchmark that compares;
# none where the reference cannot be had.
speed=build/release/interop/speed
reference=()

# bench_all NAMES [OPTIONS...]: the benchmarks in the array of that name; their tables, the rows
# that are below their target, and the chart.
bench_all() {
  local -n all=$1
  local name results=() broken=()
  mkdir -p build/bench
  for name in "${all[@]}"; do
    if bench_run "$name" "${@:2}"; then
      results+=("build/bench/$name.json")
    else
      broken+=("$name")
    fi
  done
  if [ ${#results[@]} -gt 0 ]; then
    $report summary "${results[@]}"
    echo 'results: build/bench'
  fi
  # A chart of chosen rows would be none.
  if [[ " ${results[*]} " = *' build/bench/udp.json '* && " ${*:2}" != *' --only '* ]]; then
    bench_chart udp
  fi
  [ ${#broken[@]} = 0 ] || die "bench: could not be run: ${broken[*]}"
}

# bench_run NAME [OPTIONS...]: one benchmark. Results that are not whole are not kept.
bench_run() {
  local json=build/bench/$1.json options=("${@:2}")
  rm -f "$json"
  printf '== %s\n' "$1"
  if [ "$1" = pke ]; then
    bench_reference
    options+=("${reference[@]}")
  fi
  "build/release/bench/bench_$1" "${options[@]}" --json "$json.part" &&
    mv "$json.part" "$json" && echo
}

# bench_reference: gets the reference, or says why there is none.
bench_reference() {
  local reason
  reference=()
  if reason=$(tests/interop/build.sh "$(dirname "$speed")"); then
    reference=(--reference "$speed")
  else
    echo "without the reference: ${reason:-it could not be built}"
  fi
}

bench_chart() {
  local svg=build/bench/$1.svg
  $report chart "build/bench/$1.json" >"$svg.part" && mv "$svg.part" "$svg"
}

# bench_places NAME...: whether the page has a place for each, before anybody waits for a table.
bench_places() {
  local name
  for name; do
    grep -qx "<!-- begin $name -->" docs/benchmarks.md ||
      die "bench: docs/benchmarks.md has no place for $name, a line <!-- begin $name -->"
  done
}

# bench_publish NAME...: tables and chart for the documentation.
bench_publish() {
  local results=("${@/#/build/bench/}")
  $report page docs/benchmarks.md "$(bench_machine)" "${results[@]/%/.json}" \
    >build/bench/benchmarks.md || die 'bench: docs/benchmarks.md stays as it is'
  mkdir -p docs/img
  cp build/bench/benchmarks.md docs/benchmarks.md
  cp build/bench/udp.svg docs/img/udp.svg
  echo 'docs/benchmarks.md and docs/img/udp.svg are new'
}

# One line about what the results depend on: processor, system, compilers.
bench_machine() {
  local processor hypervisor compiler go=
  processor=$( (lscpu || sysctl -n machdep.cpu.brand_string) 2>/dev/null |
    sed -n 's/^Model name: *//p; /:/!p' | head -n 1)
  hypervisor=$(lscpu 2>/dev/null | sed -n 's/^Hypervisor vendor: */ under /p')
  compiler=$(sed -n 's/^CMAKE_C_COMPILER:[A-Z]*=//p' build/release/CMakeCache.txt)
  # GCC says the name that it was called by.
  compiler=$("$compiler" --version |
    awk 'NR == 1 { line = $0 } /Free Software/ { sub(/^[^ ]+/, "gcc", line) } END { print line }')
  [ ${#reference[@]} = 0 ] || go=$(go version "$speed" | sed 's/.*: go/; Go /')
  printf '%s, %s cores%s; %s %s; %s, -O2%s\n' "${processor:-$(uname -m)}" "$(jobs_count)" \
    "$hypervisor" "$(uname -s)" "$(uname -r | sed 's/[^0-9.].*//')" "$compiler" "$go"
}
