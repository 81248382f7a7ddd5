#!/bin/sh
# SPDX-License-Identifier: MIT
# The checkers are checked: each folder CHECK/CASE under fixtures breaks a rule, and the check must
# fail on it with what is in its file `expect`, line by line.
# usage: selftest.sh
CC=${CC:-cc}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT

# compile CASE: each source of a fixture to an object, at the same place below $work.
compile() {
  rm -rf "$work/src"
  (cd "$1" && find . -name '*.c') | while read -r source; do
    mkdir -p "$work/$(dirname "$source")"
    "$CC" -O2 -fPIC -c "$1/$source" -o "$work/$source.o" || exit 2
  done
}

# run CHECK CASE
run() {
  case $1 in
  objects)
    compile "$2"
    # shellcheck disable=SC2046 # words are meant
    "$here/objects.sh" "${2##*/}" $(find "$work/src" -name '*.o')
    ;;
  symbols)
    "$CC" -shared -fPIC "$2/library.c" -o "$work/libx.so" || exit 2
    "$here/symbols.sh" "$2" "$work/libx.so"
    ;;
  generated)
    printf '#!/bin/sh\necho made "$1"\n' >"$work/tables"
    chmod +x "$work/tables"
    "$here/generated.sh" "$2" "$work/tables"
    ;;
  *) "$here/$1.sh" "$2" ;;
  esac
}

bad=0
cases=0
fail() { echo "$check/${case##*/}: $1"; cat "$work/out"; bad=1; }
for folder in "$here"/fixtures/*; do
  check=${folder##*/}
  for case in "$folder"/*; do
    cases=$((cases + 1))
    run "$check" "$case" >"$work/out" 2>&1 && fail 'was not found'
    while IFS= read -r line; do
      grep -qF -- "$line" "$work/out" || fail "did not say: $line"
    done <"$case/expect"
    # Where each finding is one line, nothing else may be found.
    case $check/${case##*/} in
    headers/* | symbols/* | generated/* | objects/data) continue ;;
    esac
    [ "$(wc -l <"$work/out")" = "$(wc -l <"$case/expect")" ] || fail 'said more'
  done
done

# Every check has a case.
for script in "$here"/*.sh; do
  name=$(basename "$script" .sh)
  [ "$name" = selftest ] || [ -d "$here/fixtures/$name" ] || { echo "$name: no case"; bad=1; }
done
for rule in data pure quiet memory; do
  [ -d "$here/fixtures/objects/$rule" ] || { echo "objects $rule: no case"; bad=1; }
done

# No objects, or none of the kind that a rule is about, is a failure.
for rule in data pure quiet memory; do
  "$here/objects.sh" $rule >/dev/null && { echo "objects $rule: passes without any"; bad=1; }
  "$here/objects.sh" $rule "$work/gone.o" >/dev/null && { echo "objects $rule: gone"; bad=1; }
done

# A file of 1001 lines is made here, for nobody would read it.
mkdir -p "$work/long/src/core"
awk 'BEGIN { print "/* SPDX-License-Identifier: MIT */"; while (++n <= 1000) print "int a;" }' \
  >"$work/long/src/core/x.c"
"$here/layout.sh" "$work/long" | grep -q 'x.c: 1001 lines' || { echo 'layout: long file'; bad=1; }

echo "$cases cases"
exit $bad
