#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The program that makes charts, tables and pages of benchmark results. $REPORT is its path.
set -u

report=${REPORT:?the program}
cd "$(dirname "$0")/fixtures" || exit 2
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
failed=0

fail() {
  printf 'FAILED: %s\n' "$*"
  failed=1
}

# run STATUS ARGUMENT...: output to $work/out, complaints to $work/err.
run() {
  local wanted=$1 status=0
  shift
  "$report" "$@" >"$work/out" 2>"$work/err" || status=$?
  [ $status = "$wanted" ] || fail "$* ended with status $status: $(cat "$work/err")"
}

said() {
  grep -qF -- "$1" "$work/err" || fail "did not complain: $1; but: $(cat "$work/err")"
}

printed() {
  diff -u - "$work/out" || fail "$1"
}

# well_formed FILE: each element ends, in its turn; attributes are quoted, and & starts an entity.
well_formed() {
  if command -v xmllint >/dev/null; then
    xmllint --noout "$1" || fail "$1: xmllint says no"
  fi
  awk '
    { text = text $0 "\n" }
    END {
      while (match(text, /<[^>]*>/)) {
        if (substr(text, 1, RSTART - 1) ~ />/) bad = "a > by itself"
        tag = substr(text, RSTART, RLENGTH)
        text = substr(text, RSTART + RLENGTH)
        if (tag ~ /^<\//) {
          name = substr(tag, 3, length(tag) - 3)
          if (depth < 1 || open[depth--] != name) bad = tag
        } else {
          if (tag !~ /^<[a-z]+([ \n]+[a-zA-Z:]+="[^"<&]*")*\/?>$/) bad = tag
          name = tag
          sub(/^</, "", name)
          sub(/[ \n\/>].*$/, "", name)
          if (tag !~ /\/>$/) open[++depth] = name
          if (depth + (tag ~ /\/>$/) == 1) roots++
        }
      }
      if (depth || roots != 1 || text ~ /[^ \n]/) bad = bad " at the end"
      if (bad) print bad
      exit bad != ""
    }' "$1" || fail "$1 is not well-formed"
  ! grep -nE '&([^a#]|$)|nan|inf' "$1" || fail "$1: an & or a number that is none"
}

# --- the chart ---

run 0 chart net.json
well_formed "$work/out"
[ "$(grep -c '<circle class="ours"' "$work/out")" = 3 ] || fail 'three points of ours'
[ "$(grep -c '<circle class="limit"' "$work/out")" = 3 ] || fail 'three points of the limit'
for words in '>16 B<' '>64 B<' '>1200 B<' '>80 %<' '>75 %<' '10.00 million per second' \
  'messages per second' 'limit'; do
  grep -qF -- "$words" "$work/out" || fail "the chart does not say $words"
done
# Sizes are in order, whatever the order of the rows.
sed -n 's/.*class="ours" cx="\([0-9.]*\)".*/\1/p' "$work/out" >"$work/x"
sort -nc "$work/x" || fail 'points are not in order'
# Equal rates, one pair of points, and sizes side by side are no trouble.
sed 's/"limit_ns": [0-9.]*/"limit_ns": 100/; s/"ours_ns": [0-9.]*/"ours_ns": 100/
  s/"bytes": 1200/"bytes": 65/' net.json >"$work/flat.json"
run 0 chart "$work/flat.json"
well_formed "$work/out"

grep -v 'sweep, [16]' net.json >"$work/few.json"
run 1 chart "$work/few.json"
said 'a chart needs two rows'

# --- tables ---

run 0 table net.json
printed 'the table' <<'END'
Medians of 11 rounds.

| row | per | ours | limit | limit / ours | least to most | target | per second |
|---|---|--:|--:|--:|--:|--:|--:|
| sweep, 16 B | message | 100 ns | 80.0 ns | 0.80 | 0.75 to 0.82 | | 10.0 M |
| sweep, 1200 B | message | 200 ns | 150 ns | 0.75 | 0.70 to 0.80 | | 5.00 M |
| sweep, 64 B | message | 110 ns | 88.0 ns | 0.80 | 0.79 to 0.81 | | 9.09 M |
| met | message | 80.0 ns | 72.0 ns | 0.90 | 0.80 to 1.00 | 0.90 | 12.5 M |
| missed | trip | 25.0 µs | 20.0 µs | 0.80 | 0.70 to 0.90 | 0.80, **missed** | 40.0 k |
| alone | event | 5.00 ns | | | | | 200 M |
END
cp "$work/out" "$work/table"

run 0 table pke.json
printed 'a table with the reference' <pke.md

# A missed target is said, and is no failure.
run 0 summary net.json net.json
printed 'the summary' <<'END'
below target: net: missed: 0.7999 of 0.80
below target: net: missed: 0.7999 of 0.80
12 rows, 4 with a target: 2 reached, 2 below target
4 rows varied by more than a fifth: was the machine busy?
END

# --- the page ---

run 0 page page.md 'a new machine' net.json
{
  sed -n '1,/begin machine/p' page.md
  echo 'a new machine'
  sed -n '/end machine/,/begin net/p' page.md
  cat "$work/table"
  sed -n '/end net/,$p' page.md
} >"$work/expected"
printed 'the page' <"$work/expected"
# Made from its own result it stays the same.
cp "$work/out" "$work/again.md"
run 0 page "$work/again.md" 'a new machine' net.json
printed 'the page, made twice' <"$work/again.md"

grep -v 'end other' page.md >"$work/open.md"
run 1 page "$work/open.md" m net.json
said 'does not end'
grep -v 'end machine' page.md >"$work/nested.md"
run 1 page "$work/nested.md" m net.json
said 'a place begins within another one'
sed 's/end net/end other/' page.md >"$work/crossed.md"
run 1 page "$work/crossed.md" m net.json
said 'another name'
sed '/begin net/,/end net/d' page.md >"$work/lacking.md"
run 1 page "$work/lacking.md" m net.json
said 'each benchmark needs one place'
run 1 page "$work/gone.md" m net.json
said 'No such file'

# --- what is no result ---

# bad WHAT: the JSON in the standard input is refused.
bad() {
  cat >"$work/bad.json"
  local command
  for command in chart table summary; do
    run 1 "$command" "$work/bad.json"
    said "$1"
    [ ! -s "$work/out" ] || fail "$command: output in spite of: $1"
  done
}

row='"name": "a", "per": "b"'
bad 'an object is missing' </dev/null
bad 'an object is missing' <<<'[]'
bad "'}' or ',' is missing" <<<'{"bench": "a"'
bad "':' is missing" <<<'{"bench" "a"}'
bad 'a string is missing' <<<'{"bench": 1}'
bad 'a string is missing' <<<'{"bench": "a",}'
bad 'a string does not end' <<<'{"bench": "a'
bad 'an unknown escape' <<<'{"bench": "\x"}'
bad 'an unknown escape' <<<'{"bench": "\u00e9"}'
bad 'this is no number' <<<'{"rounds": nan}'
bad 'this is no number' <<<'{"rounds": 01}'
bad 'this is no number' <<<'{"rounds": 1.}'
bad 'this is no number' <<<'{"rounds": 1e999}'
bad 'this is no number' <<<'{"unknown": maybe}'
bad 'an array is missing' <<<'{"rows": 1}'
bad 'a row is missing' <<<'{"rows": [1]}'
bad 'a second time' <<<"{\"rows\": [{$row, \"ours_ns\": 1}], \"rows\": []}"
bad 'a row needs' <<<"{\"rows\": [{$row}]}"
bad 'a negative number' <<<"{\"rows\": [{$row, \"ours_ns\": -1}]}"
bad 'a negative number' <<<"{\"rows\": [{$row, \"ours_ns\": 1, \"reference_ns\": -1}]}"
bad 'needs its ratios' <<<"{\"rows\": [{$row, \"ours_ns\": 1, \"limit_ns\": 1}]}"
bad 'needs "limit_ns"' <<<"{\"rows\": [{$row, \"ours_ns\": 1, \"target\": 1}]}"
bad '"bench" or "rounds" is missing' <<<'{"bench": "a", "rows": []}'
bad 'more than one value' <<<'{"bench": "a", "rounds": 1, "rows": []} {}'
bad 'nested too deeply' < <(printf '{"x": '; printf '[%.0s' {1..100})
bad 'a string is too long' < <(printf '{"bench": "%0200d"}' 0)
bad 'too many rows' < <(
  printf '{"rows": ['
  printf '{"name": "a", "per": "b", "ours_ns": 1},%.0s' {1..1001}
)
bad 'File too large' < <(head -c 1100000 /dev/zero)
bad 'a zero byte' < <(printf '{"bench": "a", "rounds": 1, "rows": []}\n\0')
# The line of the mistake is named.
bad "$work/bad.json:3: this is no number" < <(sed 's/ 200.00/ 2oo/; s/ 1200,/ ten,/' net.json)
# Half a file, wherever it was cut.
for ((size = 0; size < $(wc -c <net.json) - 2; size += 41)); do
  bad "$work/bad.json:" < <(head -c $size net.json)
done

# What is not known is passed over, and every escape is read.
cat >"$work/more.json" <<'END'
{"version": [1, {"a": null, "b": [true, false, -1.5e+3]}, [], {}], "bench": "x\u0041\"\\\/",
 "rows": [], "rounds": 3}
END
run 0 summary "$work/more.json"
printed 'the summary of nothing' <<'END'
0 rows, 0 with a target: 0 reached, 0 below target
END
run 1 chart "$work/more.json"
said 'xA"\/: a chart needs'
run 1 table "$work/none.json"
said 'No such file'

# --- usage ---

run 2
said 'usage:'
run 2 nothing net.json
run 2 chart
run 2 chart net.json net.json
run 2 page page.md
said 'usage:'

[ $failed = 0 ] && echo 'reports are as they should be'
exit $failed
