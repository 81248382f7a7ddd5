#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs every example and compares what it prints, and checks that the code in the documentation is
# the code of the examples.
# usage: test_examples.sh FOLDER_OF_BUILT_EXAMPLES
set -u

bin=$(cd "$1" && pwd) || exit 2
cd "$(dirname "$0")/.." || exit 2
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
failed=0

fail() {
  printf 'FAILED: %s\n' "$*"
  failed=1
}

# run NAME [ARGUMENT...]: an example; its output goes to $work/NAME.out.
run() {
  name=$1
  shift
  timeout 60 "$bin/$name" "$@" >"$work/$name.out" 2>"$work/$name.err"
  status=$?
  if [ "$status" -ne 0 ]; then
    fail "$name $* ended with status $status"
    cat "$work/$name.out" "$work/$name.err"
  elif [ -s "$work/$name.err" ]; then
    fail "$name $* complained"
    cat "$work/$name.err"
  fi
}

# printed NAME: whether the example printed exactly the standard input of this function.
printed() {
  cat >"$work/expected"
  diff -u "$work/expected" "$work/$1.out" || fail "the output of $1"
}

run hello
printed hello <<END
hello, swarm
END

run ask
printed ask <<END
hello: "hello yourself"
your key: refused with code 7
mumble: refused with code 255
slow work: "done, at last"
END

run secure
# Bob's message, and none of Carol's, who may have tried again on a busy machine.
id='[-0-9A-Z_a-z]\{43\}@127\.0\.0\.1:[0-9]*'
sed "s/$id/ID/; s/: [1-9]$/: some/" "$work/secure.out" >"$work/secure"
mv "$work/secure" "$work/secure.out"
printed secure <<END
alice is ID
hello, alice, says ID
messages of others turned away: some
END

printf 'one\ntwo\n' >"$work/input"
run foreign_poll <"$work/input"
printed foreign_poll <<END
back: one
back: two
END

run foreign_uv
printed foreign_uv <<END
received: tick 1
received: tick 2
received: tick 3
2 swarms closed
END

run simulation 7
cp "$work/simulation.out" "$work/first"
run simulation 7
printed simulation <"$work/first"
grep -q '^seed 7: 1000 of 1000 nodes heard it' "$work/first" || fail "simulation: not all heard it"
run simulation 8
sed 's/.*trace hash//' "$work/first" >"$work/hash7"
sed 's/.*trace hash//' "$work/simulation.out" >"$work/hash8"
cmp -s "$work/hash7" "$work/hash8" && fail "simulation: another seed gave the same run"

run xor_swarm

# A block of C in the documentation names its file in the line before it, as
#   <!-- from examples/hello.c -->
# and is a part of that file, letter by letter; one that names none compiles as a function's body.
check_blocks() {
  awk -v page="$1" -v loose="$work/loose" '
    function slurp(path,   text, line) {
      while ((getline line < path) > 0) text = text line "\n"
      close(path)
      return text
    }
    /^<!-- from .* -->$/ { from = $3; next }
    /^```c$/ { inside = 1; first = NR; block = ""; next }
    /^```$/ && inside {
      inside = 0
      if (from == "") {
        printf "int block%d(void);\nint block%d(void)\n{\n", first, first >loose
        printf "#line %d \"%s\"\n%sreturn 0;\n}\n", first + 1, page, block >loose
      } else if (index("\n" slurp(from), "\n" block) == 0) {
        print page ":" first ": this code is not in " from
        bad = 1
      }
      from = ""
      next
    }
    inside { block = block $0 "\n"; next }
    NF { from = "" }
    END { exit bad }' "$1" || fail "the code in $1"
}
# What such blocks take as given: every public header, and these.
{
  for header in include/p2p/*.h; do
    printf '#include <p2p/%s>\n' "${header##*/}"
  done
  echo 'extern p2p_loop *loop;'
  echo 'extern p2p_swarm *swarm;'
  echo 'extern const p2p_key_algorithm my_algorithm;'
} >"$work/given.c"
for page in README.md docs/*.md docs/swarms/*.md; do
  : >"$work/loose"
  check_blocks "$page"
  cat "$work/given.c" "$work/loose" >"$work/page.c"
  "${CC:-cc}" -std=c11 -Wall -Wextra -Werror -Wno-unused -Iinclude -fsyntax-only \
    -include stdio.h "$work/page.c" || fail "the code in $page"
done

# The example of the README is the whole of hello.c, and stays short.
awk '/^```c$/ { inside = 1; next } /^```$/ { inside = 0 } inside' README.md >"$work/readme.c"
diff -u examples/hello.c "$work/readme.c" || fail "README.md: the example is not examples/hello.c"
[ "$(wc -l <examples/hello.c)" -le 30 ] || fail "examples/hello.c has more than 30 lines"

# Each numbered sentence that is cited exists, and numbers are given once.
for rules in S:docs/swarm.md L:docs/loop.md M:docs/swarms/mem.md A:docs/addresses.md; do
  letter=${rules%%:*}
  file=${rules#*:}
  sed -n "s/^- \*\*\(${letter}[0-9]*\)\.\*\*.*/\1/p" "$file" >"$work/rules"
  [ -z "$(sort "$work/rules" | uniq -d)" ] || fail "$file: a number is given twice"
  grep -ohwE "${letter}[0-9]+" docs/*.md docs/swarms/*.md | sort -u >"$work/cited"
  while read -r rule; do
    grep -qx "$rule" "$work/rules" || fail "$rule is cited, but not in $file"
  done <"$work/cited"
done

[ "$failed" -eq 0 ] && echo "examples and documentation agree"
exit "$failed"
